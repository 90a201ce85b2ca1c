/*
 * sink_serve.c - the simulated Heap on HTTP
 *
 * Knows paths, methods and when an answer leaves.  What is answered to the
 * API is decided in sink_heap.c.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "clock.h"
#include "http.h"
#include "log.h"
#include "sink_heap.h"
#include "sink_serve.h"

#define LIST_LIMIT	100	/* what a list shows unless asked */
/* A client that waits longer has a timeout that nobody wants to test. */
#define HANG_MS		300000

/* An answer that waits for its time, or a request that hangs. */
struct later {
	LIST_ENTRY(later) link;
	struct http_request *request;
	struct event	*timer;
	struct sink_answer answer;
};

struct sink_serve {
	struct event_base *base;
	struct sink_heap *heap;
	FILE		*log;
	LIST_HEAD(, later) later;
};

/* A request's path without its query, and the query. */
struct target {
	char		*path;
	struct evkeyvalq query;
};

static void
reply(struct http_request *rq, int status, const char *type,
    const char *headers, const struct buf *body)
{
	const struct http_answer answer = {
		.status = status,
		.content_type = type,
		.headers = headers,
		.body = body->p,
		.body_len = body->len,
	};

	http_reply(rq, &answer);
}

static void
reply_json(struct http_request *rq, int status, const struct buf *body)
{
	reply(rq, status, "application/json", NULL, body);
}

static void
reply_error(struct http_request *rq, int status, const char *headers,
    const char *message)
{
	struct buf body = BUF_INIT;
	const char *type;

	sink_serve_error(status, message, &body, &type);
	reply(rq, status, type, headers, &body);
	buf_free(&body);
}

/*
 * The API.
 */

static void
send_answer(struct http_request *rq, struct sink_answer *a)
{
	if (a->reset) {
		http_reset(rq);
		return;
	}
	reply(rq, a->status, a->body.len > 0 ? a->content_type : NULL,
	    a->headers.len > 0 ? buf_str(&a->headers) : NULL, &a->body);
}

static void
later_free(struct later *l)
{
	LIST_REMOVE(l, link);
	event_free(l->timer);
	sink_answer_free(&l->answer);
	free(l);
}

static void
on_later(evutil_socket_t fd, short what, void *arg)
{
	struct later *l = arg;

	(void)fd;
	(void)what;
	if (l->answer.hang)
		l->answer.reset = true;
	send_answer(l->request, &l->answer);
	later_free(l);
}

/* Takes the answer. */
static void
send_later(struct sink_serve *s, struct http_request *rq,
    const struct sink_answer *a)
{
	struct later *l = xcalloc(1, sizeof(*l));
	int64_t ms = a->delay_ms + (a->hang ? HANG_MS : 0);
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	l->request = rq;
	l->answer = *a;
	l->timer = evtimer_new(s->base, on_later, l);
	if (l->timer == NULL || evtimer_add(l->timer, &tv) == -1)
		fatal(EXIT_INTERNAL, "sink: cannot set a timer");
	LIST_INSERT_HEAD(&s->later, l, link);
}

static void
write_log(struct sink_serve *s, struct buf *line)
{
	if (s->log == NULL)
		return;
	buf_putc(line, '\n');
	/* At once: whoever got the answer may look for the line. */
	if (fwrite(line->p, 1, line->len, s->log) != line->len ||
	    fflush(s->log) != 0)
		fatal(EXIT_IO, "sink: cannot write the log: %s",
		    strerror(errno));
}

static void
on_api(struct sink_serve *s, struct http_request *rq, enum heap_lane lane)
{
	struct sink_post post = { .lane = lane };
	struct sink_answer a;
	struct timespec ts;

	memset(&a, 0, sizeof(a));
	/* Finer than the turn's time: windows are judged at the instant. */
	clock_gettime(CLOCK_BOOTTIME, &ts);
	post.at_us = (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
	clock_forget();
	post.wall = clock_now().wall;
	post.content_type = http_header(rq, "Content-Type");
	post.text = http_body(rq, &post.len);
	sink_heap_post(s->heap, &post, &a);
	write_log(s, &a.line);
	if (a.delay_ms > 0 || a.hang) {
		send_later(s, rq, &a);
		return;
	}
	send_answer(rq, &a);
	sink_answer_free(&a);
}

static void
post_track(struct sink_serve *s, struct http_request *rq,
    const struct target *t)
{
	(void)t;
	on_api(s, rq, HEAP_TRACK);
}

static void
post_properties(struct sink_serve *s, struct http_request *rq,
    const struct target *t)
{
	(void)t;
	on_api(s, rq, HEAP_USER_PROPERTIES);
}

/*
 * What is asked of the simulation.
 */

static void
get_stats(struct sink_serve *s, struct http_request *rq,
    const struct target *t)
{
	struct buf body = BUF_INIT;

	(void)t;
	sink_heap_put_stats(&body, s->heap);
	reply_json(rq, 200, &body);
	buf_free(&body);
}

/* A whole decimal number; false: not one. */
static bool
read_number(const char *text, int64_t *n)
{
	char *end;

	errno = 0;
	*n = strtoll(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static bool
read_filter(const struct target *t, struct sink_filter *f)
{
	const char *limit = evhttp_find_header(&t->query, "limit");
	int64_t n = LIST_LIMIT;

	if (limit != NULL && !read_number(limit, &n))
		return false;
	f->limit = (size_t)n;
	f->app_id = evhttp_find_header(&t->query, "app_id");
	f->identity = evhttp_find_header(&t->query, "identity");
	f->event = evhttp_find_header(&t->query, "event");
	return true;
}

static void
get_list(struct sink_serve *s, struct http_request *rq,
    const struct target *t, void (*put)(struct buf *,
    const struct sink_store *, const struct sink_filter *))
{
	struct buf body = BUF_INIT;
	struct sink_filter filter;

	if (!read_filter(t, &filter)) {
		reply_error(rq, 400, NULL, "limit should be a number");
		return;
	}
	put(&body, sink_heap_store(s->heap), &filter);
	reply_json(rq, 200, &body);
	buf_free(&body);
}

static void
get_events(struct sink_serve *s, struct http_request *rq,
    const struct target *t)
{
	get_list(s, rq, t, sink_store_put_events);
}

static void
get_users(struct sink_serve *s, struct http_request *rq,
    const struct target *t)
{
	get_list(s, rq, t, sink_store_put_users);
}

static void
get_faults(struct sink_serve *s, struct http_request *rq,
    const struct target *t)
{
	struct buf body = BUF_INIT;

	(void)t;
	sink_rules_put(&body, sink_heap_rules(s->heap));
	reply_json(rq, 200, &body);
	buf_free(&body);
}

static void
post_fault(struct sink_serve *s, struct http_request *rq,
    const struct target *t)
{
	struct buf body = BUF_INIT;
	struct why why;
	const char *text;
	size_t len;
	int64_t id;

	(void)t;
	text = http_body(rq, &len);
	id = sink_rules_add(sink_heap_rules(s->heap), text, len, &why);
	if (id == -1) {
		reply_error(rq, 400, NULL, why.text);
		return;
	}
	buf_printf(&body, "{\"id\":%lld}", (long long)id);
	reply_json(rq, 201, &body);
	buf_free(&body);
}

static void
reply_nothing(struct http_request *rq)
{
	const struct buf nothing = BUF_INIT;

	reply(rq, 204, NULL, NULL, &nothing);
}

static void
delete_faults(struct sink_serve *s, struct http_request *rq,
    const struct target *t)
{
	(void)t;
	sink_rules_clear(sink_heap_rules(s->heap));
	reply_nothing(rq);
}

static void
delete_fault(struct sink_serve *s, struct http_request *rq,
    const struct target *t)
{
	int64_t id;

	if (read_number(t->path + strlen("/faults/"), &id) &&
	    sink_rules_remove(sink_heap_rules(s->heap), id))
		reply_nothing(rq);
	else
		reply_error(rq, 404, NULL, "there is no such fault");
}

static void
post_reset(struct sink_serve *s, struct http_request *rq,
    const struct target *t)
{
	(void)t;
	sink_heap_reset(s->heap);
	reply_nothing(rq);
}

/*
 * Routing.
 */

struct route {
	const char	*method;
	const char	*path;		/* one that ends in a slash: a start */
	void		(*handle)(struct sink_serve *, struct http_request *,
			    const struct target *);
};

static const struct route routes[] = {
	{ "POST",	"/api/track",			post_track },
	{ "POST",	"/api/add_user_properties",	post_properties },
	{ "GET",	"/stats",			get_stats },
	{ "GET",	"/events",			get_events },
	{ "GET",	"/users",			get_users },
	{ "GET",	"/faults",			get_faults },
	{ "POST",	"/faults",			post_fault },
	{ "DELETE",	"/faults",			delete_faults },
	{ "DELETE",	"/faults/",			delete_fault },
	{ "POST",	"/reset",			post_reset },
};

static bool
leads_to(const struct route *r, const char *path)
{
	size_t n = strlen(r->path);

	return r->path[n - 1] == '/' ? strncmp(path, r->path, n) == 0 :
	    strcmp(path, r->path) == 0;
}

static void
dispatch(struct sink_serve *s, struct http_request *rq,
    const struct target *t)
{
	struct buf allow = BUF_INIT;
	size_t i;

	for (i = 0; i < HR_COUNT(routes); i++) {
		if (!leads_to(&routes[i], t->path))
			continue;
		if (strcmp(routes[i].method, http_method(rq)) == 0) {
			routes[i].handle(s, rq, t);
			buf_free(&allow);
			return;
		}
		buf_printf(&allow, "%s%s", allow.len > 0 ? ", " : "Allow: ",
		    routes[i].method);
	}
	if (allow.len > 0) {
		buf_puts(&allow, "\r\n");
		reply_error(rq, 405, buf_str(&allow), "wrong method");
	} else {
		reply_error(rq, 404, NULL, "there is nothing here");
	}
	buf_free(&allow);
}

void
sink_serve_request(struct http_request *rq, void *arg)
{
	const char *target = http_target(rq);
	size_t n = strcspn(target, "?");
	struct target t;

	t.path = xstrndup(target, n);
	TAILQ_INIT(&t.query);
	if (target[n] == '?' &&
	    evhttp_parse_query_str(target + n + 1, &t.query) == -1)
		reply_error(rq, 400, NULL, "the query is malformed");
	else
		dispatch(arg, rq, &t);
	evhttp_clear_headers(&t.query);
	free(t.path);
}

void
sink_serve_error(int status, const char *message, struct buf *body,
    const char **content_type)
{
	buf_printf(body, "%d: %s\n", status, message);
	*content_type = "text/plain; charset=utf-8";
}

struct sink_serve *
sink_serve_new(struct event_base *base, struct sink_heap *heap, FILE *log)
{
	struct sink_serve *s = xcalloc(1, sizeof(*s));

	s->base = base;
	s->heap = heap;
	s->log = log;
	LIST_INIT(&s->later);
	return s;
}

void
sink_serve_free(struct sink_serve *s)
{
	struct later *l;

	if (s == NULL)
		return;
	while ((l = LIST_FIRST(&s->later)) != NULL)
		later_free(l);
	free(s);
}
