/*
 * load_run.c - connections that send batches, and what they were answered
 *
 * Knows pacing, and what precedes a body.  Knows nothing of sockets, nor of
 * what a batch says.
 */
#include <assert.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "load_conn.h"
#include "load_run.h"
#include "log.h"

#define TICK_US		1000	/* how often time is looked at */

TAILQ_HEAD(senders, sender);

struct load {
	struct event_base	*base;
	const struct load_plan	*plan;
	struct load_result	*result;
	struct sockaddr_storage	 address;
	socklen_t		 address_len;
	struct sender		*all;
	struct senders		 idle;
	struct senders		 out;		/* the oldest first */
	struct buf		 head;
	struct buf		 body;
	int64_t			 began_us;
};

struct sender {
	struct load		*load;
	struct load_conn	*conn;
	TAILQ_ENTRY(sender)	 link;		/* idle or out */
	int64_t			 n;		/* its request ... */
	int64_t			 due_us;	/* ... was to leave, ... */
	int64_t			 sent_us;	/* ... and left */
};

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static int64_t
wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* When the nth request is to leave; at no rate: now. */
static int64_t
due(const struct load *l, int64_t n, int64_t now)
{
	if (l->plan->rate <= 0)
		return now;
	return l->began_us + (int64_t)((double)n * 1e6 / l->plan->rate);
}

static bool
over(const struct load *l, int64_t now)
{
	const struct load_plan *p = l->plan;

	return (p->requests > 0 && l->result->sent >= p->requests) ||
	    (p->duration_ms > 0 &&
	    now - l->began_us >= p->duration_ms * 1000);
}

static void
note_ids(const struct load *l, int64_t n)
{
	const struct load_plan *p = l->plan;
	int64_t per = p->shape.bulk > 0 ? p->shape.bulk : 1, i;

	for (i = 0; p->ids != NULL && i < per; i++)
		fprintf(p->ids, "%s-%" PRId64 "\n", p->run, n * per + i);
}

static void send_due(struct load *);

static void
stop_if_done(struct load *l, int64_t now)
{
	if (TAILQ_EMPTY(&l->out) && over(l, now))
		event_base_loopbreak(l->base);
}

static void
on_answer(void *arg, int status)
{
	struct sender *s = arg;
	struct load *l = s->load;
	int64_t now = now_us();

	if (status < 0 || status >= LOAD_STATUSES)
		status = 0;
	l->result->status[status]++;
	l->result->elapsed_us = now - l->began_us;
	if (status != 0)
		load_latency_add(&l->result->latency, now - s->due_us);
	if (status == 202)
		note_ids(l, s->n);
	TAILQ_REMOVE(&l->out, s, link);
	TAILQ_INSERT_HEAD(&l->idle, s, link);
	send_due(l);
	stop_if_done(l, now);
}

static void
post(struct sender *s, int64_t n, int64_t due_us, int64_t now)
{
	struct load *l = s->load;
	const struct load_plan *p = l->plan;

	s->n = n;
	s->due_us = due_us;
	s->sent_us = now;
	buf_reset(&l->body);
	load_batch_put(&l->body, &p->shape, p->run, n, wall_ms());
	buf_reset(&l->head);
	buf_printf(&l->head, "POST %s HTTP/1.1\r\nHost: %s\r\n"
	    "Authorization: %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    p->shape.bulk > 0 ? "/v2/bulkevents" : "/v2/events", p->host,
	    p->authorization, l->body.len);
	l->result->sent++;
	TAILQ_INSERT_TAIL(&l->out, s, link);
	load_conn_send(s->conn, &l->head, &l->body);
}

static void
send_due(struct load *l)
{
	int64_t now = now_us(), at;
	struct sender *s;

	while ((s = TAILQ_FIRST(&l->idle)) != NULL && !over(l, now)) {
		at = due(l, l->result->sent, now);
		if (at > now)
			break;
		TAILQ_REMOVE(&l->idle, s, link);
		post(s, l->result->sent, at, now);
	}
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct load *l = arg;
	int64_t now = now_us();
	struct sender *s;

	(void)fd;
	(void)what;
	while ((s = TAILQ_FIRST(&l->out)) != NULL &&
	    now - s->sent_us >= l->plan->timeout_ms * 1000)
		load_conn_cut(s->conn);
	send_due(l);
	stop_if_done(l, now);
}

/* The first address of the host that lets itself be connected to; if none
 * does, just the first: then no request will be answered. */
static void
find_address(struct load *l)
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *a;
	char port[8];
	int rc, fd;

	snprintf(port, sizeof(port), "%u", (unsigned)l->plan->port);
	rc = getaddrinfo(l->plan->host, port, &want, &list);
	if (rc != 0)
		fatal(EXIT_IO, "load: %s: %s", log_value(l->plan->host),
		    gai_strerror(rc));
	for (a = list; a != NULL; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		rc = fd == -1 ? -1 : connect(fd, a->ai_addr, a->ai_addrlen);
		if (fd != -1)
			close(fd);
		if (rc == 0)
			break;
	}
	if (a == NULL)
		a = list;
	assert(a->ai_addrlen <= sizeof(l->address));
	memcpy(&l->address, a->ai_addr, a->ai_addrlen);
	l->address_len = a->ai_addrlen;
	freeaddrinfo(list);
}

static void
make_senders(struct load *l)
{
	struct sender *s;
	int64_t i;

	TAILQ_INIT(&l->idle);
	TAILQ_INIT(&l->out);
	l->all = xcalloc((size_t)l->plan->connections, sizeof(*l->all));
	for (i = 0; i < l->plan->connections; i++) {
		s = &l->all[i];
		s->load = l;
		s->conn = load_conn_new(l->base,
		    (const struct sockaddr *)&l->address, l->address_len,
		    on_answer, s);
		TAILQ_INSERT_TAIL(&l->idle, s, link);
	}
}

void
load_run(struct event_base *base, const struct load_plan *plan,
    struct load_result *result)
{
	struct load l = { .base = base, .plan = plan, .result = result,
	    .head = BUF_INIT, .body = BUF_INIT };
	const struct timeval tick = { .tv_usec = TICK_US };
	struct event *timer = event_new(base, -1, EV_PERSIST, on_tick, &l);
	int64_t i;

	if (timer == NULL || event_add(timer, &tick) == -1)
		fatal(EXIT_INTERNAL, "load: no timer");
	find_address(&l);
	make_senders(&l);
	l.began_us = now_us();
	send_due(&l);
	event_base_dispatch(base);
	event_free(timer);
	for (i = 0; i < plan->connections; i++)
		load_conn_free(l.all[i].conn);
	free(l.all);
	buf_free(&l.head);
	buf_free(&l.body);
}
