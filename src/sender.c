/*
 * sender.c - POST a body, get one result: libcurl multi on the event loop
 *
 * Knows libcurl, and is alone in that among the agent's modules.  Knows
 * nothing of lanes, windows or verdicts, and reads no clock: curl measures.
 *
 * libcurl says which sockets it wants watched and when it wants to be woken;
 * libevent watches and wakes.  Two rules keep the two from calling each other
 * in circles: libcurl's callbacks note and arm, and do nothing else; finished
 * transfers are collected only after curl_multi_socket_action returned.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "log.h"
#include "sender.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION	"unversioned"
#endif

/* A socket that libcurl wants watched. */
struct watch {
	struct event	*ev;
	int		 what;		/* CURL_POLL_*, as asked last */
};

/* One POST and the handle that it uses; idle ones wait in a pool. */
struct flight {
	struct flight	*next;
	struct flight	*prev;		/* NULL in the pool */
	struct sender	*sender;
	CURL		*easy;
	struct buf	 body;
	struct buf	 answer;
	size_t		 head_bytes;	/* of the answer's head so far */
	bool		 begun;		/* on some connection */
	struct sender_result result;
	char		 error[CURL_ERROR_SIZE];
	sender_done	*done;
	void		*arg;
};

struct sender {
	struct event_base *base;
	CURLM		*multi;
	struct event	*timer;		/* when libcurl wants to be woken */
	struct curl_slist *headers;
	char		*name;
	char		*ca_file;	/* NULL: the system's */
	int64_t		 connect_timeout_ms;
	int64_t		 timeout_ms;
	struct flight	*flying;
	size_t		 flights;
	struct flight	*idle;
	bool		 closing;
};

/*
 * Results.
 */

/*
 * The status that the answer's first line gave, 0 if none did.  A transfer
 * that broke later still has its status; an interim one (1xx) counts only if
 * libcurl took it for the end.
 */
static int
final_status(const struct flight *f, CURLcode code)
{
	long status = 0;

	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 && code != CURLE_OK)
		return 0;
	return (int)status;
}

static void
explain(struct flight *f, CURLcode code)
{
	const char *text = f->error;

	/* Our own refusal to send twice; see on_begin. */
	if (code == CURLE_ABORTED_BY_CALLBACK)
		text = "connection closed before an answer";
	else if (text[0] == '\0')
		text = curl_easy_strerror(code);
	snprintf(f->result.error, sizeof(f->result.error), "%.*s",
	    (int)sizeof(f->result.error) - 1, text);
}

static void
fill_result(struct flight *f, CURLcode code)
{
	struct sender_result *r = &f->result;
	curl_off_t duration_us = 0;
	long sent = 0;

	curl_easy_getinfo(f->easy, CURLINFO_TOTAL_TIME_T, &duration_us);
	curl_easy_getinfo(f->easy, CURLINFO_REQUEST_SIZE, &sent);
	r->duration_ms = duration_us / 1000;
	r->status = final_status(f, code);
	if (r->status == 0) {
		/* Not the code decides: a connection that is refused now may
		 * follow a kept one that took the request and closed. */
		r->never_left = sent == 0;
		r->has_retry_after = false;
		buf_reset(&f->answer);
		explain(f, code);
	}
	r->body = buf_str(&f->answer);
	r->body_len = f->answer.len;
}

static void
unlink_flight(struct flight *f)
{
	struct sender *s = f->sender;

	if (f->prev != NULL)
		f->prev->next = f->next;
	else
		s->flying = f->next;
	if (f->next != NULL)
		f->next->prev = f->prev;
	s->flights--;
}

static void
flight_finish(struct flight *f, CURLcode code)
{
	struct sender *s = f->sender;

	fill_result(f, code);
	curl_multi_remove_handle(s->multi, f->easy);
	unlink_flight(f);
	log_debug("sender: request ended output=%s status=%d duration_ms=%lld"
	    " error=%s", s->name, f->result.status,
	    (long long)f->result.duration_ms, log_value(f->result.error));
	f->done(f->arg, &f->result);
	/* Not before: the result was lent, and `done` may post again. */
	buf_free(&f->body);
	f->prev = NULL;
	f->next = s->idle;
	s->idle = f;
}

static void
collect(struct sender *s)
{
	struct flight *f;
	CURLMsg *msg;
	CURLcode code;
	int left;

	while ((msg = curl_multi_info_read(s->multi, &left)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		/* The message is gone once its handle is removed. */
		code = msg->data.result;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &f);
		flight_finish(f, code);
	}
}

/*
 * The event loop calls libcurl.
 */

/* Without memory libcurl may forget to watch a socket or a timeout: what it is
 * part of would never end, and nobody would be told. */
static void
go_on(struct sender *s, curl_socket_t fd, int action)
{
	int running;

	if (curl_multi_socket_action(s->multi, fd, action, &running) ==
	    CURLM_OUT_OF_MEMORY)
		fatal(EXIT_INTERNAL, "sender: libcurl has no memory");
	collect(s);
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct sender *s = arg;
	int action = 0;

	if (what & EV_READ)
		action |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		action |= CURL_CSELECT_OUT;
	go_on(s, fd, action);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	go_on(arg, CURL_SOCKET_TIMEOUT, 0);
}

/*
 * libcurl calls: sockets and the timer.  None of these may fail: an error
 * from here makes libcurl drop every transfer.
 */

static void
watch_free(struct watch *w)
{
	if (w->ev != NULL)
		event_free(w->ev);
	free(w);
}

static int
want_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct sender *s = arg;
	struct timeval tv = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };

	(void)multi;
	if (timeout_ms < 0)
		evtimer_del(s->timer);
	else if (evtimer_add(s->timer, &tv) == -1)
		fatal(EXIT_INTERNAL, "sender: no memory for a timer");
	return 0;
}

static int
want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
	struct sender *s = arg;
	struct watch *w = of_socket;
	short events = EV_PERSIST;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL)
			watch_free(w);
		curl_multi_assign(s->multi, fd, NULL);
		return 0;
	}
	if (w == NULL) {
		w = xcalloc(1, sizeof(*w));
		curl_multi_assign(s->multi, fd, w);
	}
	if (w->ev != NULL && w->what == what)
		return 0;
	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	if (w->ev != NULL)
		event_free(w->ev);
	w->what = what;
	w->ev = event_new(s->base, fd, events, on_socket, s);
	if (w->ev == NULL || event_add(w->ev, NULL) == -1)
		fatal(EXIT_INTERNAL, "sender: cannot watch a socket");
	return 0;
}

/*
 * libcurl calls: one transfer.
 */

/*
 * A connection is ready and the request would be sent on it.  libcurl does
 * this a second time, on its own, when a kept connection closes before an
 * answer; but Heap may have counted the first, and every request that leaves
 * must be one that the windows know.  So it may go again only if nothing of
 * it left.
 */
static int
on_begin(void *arg, char *remote_ip, char *local_ip, int remote_port,
    int local_port)
{
	struct flight *f = arg;
	long sent = 0;

	(void)remote_ip;
	(void)local_ip;
	(void)remote_port;
	(void)local_port;
	if (f->begun) {
		curl_easy_getinfo(f->easy, CURLINFO_REQUEST_SIZE, &sent);
		if (sent > 0)
			return CURL_PREREQFUNC_ABORT;
	}
	f->begun = true;
	return CURL_PREREQFUNC_OK;
}

static void
note_retry_after(struct sender_result *r, const char *p, size_t len)
{
	static const char name[] = "Retry-After:";
	const size_t n = sizeof(name) - 1;

	if (r->has_retry_after || len < n || strncasecmp(p, name, n) != 0)
		return;
	for (p += n, len -= n; len > 0 && (*p == ' ' || *p == '\t'); len--)
		p++;
	while (len > 0 && strchr(" \t\r\n", p[len - 1]) != NULL)
		len--;
	r->has_retry_after = true;
	snprintf(r->retry_after, sizeof(r->retry_after), "%.*s", (int)len, p);
}

/* One line of the answer's head.  A short count ends the transfer. */
static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	struct flight *f = arg;
	size_t len = size * n;

	f->head_bytes += len;
	if (f->head_bytes > SENDER_ANSWER)
		return 0;
	if (len > 5 && memcmp(p, "HTTP/", 5) == 0)
		f->result.has_retry_after = false;	/* after a 1xx */
	note_retry_after(&f->result, p, len);
	return len;
}

/* A part of the answer's body.  A short count ends the transfer. */
static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct flight *f = arg;
	size_t len = size * n, room = SENDER_ANSWER - f->answer.len;

	if (len > room) {
		buf_put(&f->answer, p, room);
		return 0;
	}
	buf_put(&f->answer, p, len);
	return len;
}

/* What is the same for every POST of a handle.  An option that this libcurl
 * does not know would silently weaken what is promised, so it is a bug. */
#define SET(easy, option, value) do {					\
	CURLcode set_ = curl_easy_setopt(easy, option, value);		\
	if (set_ != CURLE_OK)						\
		bug("sender: " #option ": %s", curl_easy_strerror(set_)); \
} while (0)

static struct flight *
flight_new(struct sender *s)
{
	struct flight *f = xcalloc(1, sizeof(*f));

	f->sender = s;
	f->easy = curl_easy_init();
	if (f->easy == NULL)
		fatal(EXIT_INTERNAL, "sender: no handle from libcurl");
	SET(f->easy, CURLOPT_PRIVATE, f);
	SET(f->easy, CURLOPT_NOSIGNAL, 1L);
	SET(f->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	/* Debian's 7.88 fails on a kept cleartext HTTP/2 connection. */
	SET(f->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(f->easy, CURLOPT_FOLLOWLOCATION, 0L);
	/* Not even one of the environment: what is configured is used. */
	SET(f->easy, CURLOPT_PROXY, "");
	/* A resolver that does not answer must not hold up the loop: its
	 * thread is left behind, not waited for. */
	SET(f->easy, CURLOPT_QUICK_EXIT, 1L);
	SET(f->easy, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(f->easy, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(f->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(f->easy, CURLOPT_USERAGENT, "heaprelay/" PACKAGE_VERSION);
	SET(f->easy, CURLOPT_HTTPHEADER, s->headers);
	SET(f->easy, CURLOPT_ERRORBUFFER, f->error);
	SET(f->easy, CURLOPT_PREREQFUNCTION, on_begin);
	SET(f->easy, CURLOPT_PREREQDATA, f);
	SET(f->easy, CURLOPT_HEADERFUNCTION, on_header);
	SET(f->easy, CURLOPT_HEADERDATA, f);
	SET(f->easy, CURLOPT_WRITEFUNCTION, on_body);
	SET(f->easy, CURLOPT_WRITEDATA, f);
	SET(f->easy, CURLOPT_POST, 1L);
	return f;
}

/*
 * Whose certificates count: those of the file alone, or the system's.  Both
 * options each time, since a handle of the pool may have had the other.
 */
static void
trust(const struct sender *s, const struct flight *f)
{
	char *file = NULL, *dir = NULL;

	if (s->ca_file != NULL) {
		file = s->ca_file;
	} else {
		curl_easy_getinfo(f->easy, CURLINFO_CAINFO, &file);
		curl_easy_getinfo(f->easy, CURLINFO_CAPATH, &dir);
	}
	SET(f->easy, CURLOPT_CAINFO, file);
	SET(f->easy, CURLOPT_CAPATH, dir);
}

static void
flight_free(struct flight *f)
{
	curl_easy_cleanup(f->easy);
	buf_free(&f->body);
	buf_free(&f->answer);
	free(f);
}

/* An idle flight made ready for a new POST, and counted. */
static struct flight *
flight_begin(struct sender *s)
{
	struct flight *f = s->idle;

	if (f != NULL)
		s->idle = f->next;
	else
		f = flight_new(s);
	f->head_bytes = 0;
	f->begun = false;
	f->error[0] = '\0';
	memset(&f->result, 0, sizeof(f->result));
	buf_reset(&f->answer);
	f->prev = NULL;
	f->next = s->flying;
	if (f->next != NULL)
		f->next->prev = f;
	s->flying = f;
	s->flights++;
	return f;
}

/*
 * The public functions.
 */

struct sender *
sender_new(struct event_base *base, const struct sender_settings *settings)
{
	static const char *const lines[] = {
		"Content-Type: application/json",
		"Accept: application/json",
		"Expect:",	/* none: it would cost a round trip */
	};
	struct sender *s = xcalloc(1, sizeof(*s));
	size_t i;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		fatal(EXIT_INTERNAL, "sender: libcurl does not start");
	s->base = base;
	s->multi = curl_multi_init();
	s->timer = evtimer_new(base, on_timer, s);
	if (s->multi == NULL || s->timer == NULL)
		fatal(EXIT_INTERNAL, "sender: no multi handle or timer");
	for (i = 0; i < HR_COUNT(lines); i++)
		s->headers = curl_slist_append(s->headers, lines[i]);
	curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
	curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
	sender_set(s, settings);
	return s;
}

void
sender_free(struct sender *s)
{
	struct flight *f;

	if (s == NULL)
		return;
	s->closing = true;
	while ((f = s->flying) != NULL) {
		snprintf(f->error, sizeof(f->error), "sender is closing");
		flight_finish(f, CURLE_FAILED_INIT);
	}
	while ((f = s->idle) != NULL) {
		s->idle = f->next;
		flight_free(f);
	}
	/* Closes the kept connections, and may call want_* once more. */
	curl_multi_cleanup(s->multi);
	event_free(s->timer);
	curl_slist_free_all(s->headers);
	free(s->name);
	free(s->ca_file);
	free(s);
	curl_global_cleanup();
}

void
sender_set(struct sender *s, const struct sender_settings *settings)
{
	char *name = xstrdup(settings->name);
	char *ca_file = settings->ca_file != NULL ?
	    xstrdup(settings->ca_file) : NULL;

	free(s->name);
	free(s->ca_file);
	s->name = name;
	s->ca_file = ca_file;
	s->connect_timeout_ms = settings->connect_timeout_ms;
	s->timeout_ms = settings->timeout_ms;
	/*
	 * How many are kept open.  Not a bound on those in use, which the
	 * caller has by bounding its flights: a transfer that waits inside
	 * libcurl for a connection would outlive its timeout there.
	 */
	curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS,
	    settings->max_connections);
}

void
sender_post(struct sender *s, const char *url, struct buf *body,
    sender_done *done, void *arg)
{
	struct flight *f;
	size_t max = body->max;
	CURLMcode code;

	assert(!s->closing);
	f = flight_begin(s);
	f->done = done;
	f->arg = arg;
	f->body = *body;
	*body = (struct buf)BUF_INIT;
	body->max = max;

	SET(f->easy, CURLOPT_URL, url);
	SET(f->easy, CURLOPT_POSTFIELDS, buf_str(&f->body));
	SET(f->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->body.len);
	SET(f->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)s->connect_timeout_ms);
	SET(f->easy, CURLOPT_TIMEOUT_MS, (long)s->timeout_ms);
	trust(s, f);
	/* Only arms the timer; the transfer begins in the loop. */
	code = curl_multi_add_handle(s->multi, f->easy);
	if (code != CURLM_OK)
		bug("sender: cannot add a transfer: %s",
		    curl_multi_strerror(code));
}

size_t
sender_flights(const struct sender *s)
{
	return s->flights;
}
