/*
 * http_answer.c - what is sent: composed, held, released, streamed
 *
 * Knows the form of answers and which of them wait for the turn's commit.
 * Knows nothing of how bytes leave; http_conn.c does.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <event2/event.h>

#include "clock.h"
#include "histogram.h"
#include "http_private.h"
#include "log.h"

/* So many held answers end the event phase of a turn: nobody waits for more
 * than that before the commit. */
#define HELD_A_TURN	256

/* A connection that asked in this or the last round of so many releases is one
 * of those that ask lately: some take every second one. */
#define ROUND		4

#define STREAM_BUFFER	65536	/* bytes of a stream's socket */

/*
 * The Date of this turn (RFC 9110 section 5.6.7).  The loop's own time serves:
 * the turn's clock is not this module's to read.
 */
static const char *
date(struct http *h)
{
	static const char days[7][4] =
	    { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[12][4] =
	    { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
	    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct timeval now;
	struct tm tm;

	event_base_gettimeofday_cached(h->base, &now);
	if (now.tv_sec != h->date_at) {
		gmtime_r(&now.tv_sec, &tm);
		/* By hand, since strftime would ask the locale. */
		snprintf(h->date, sizeof(h->date),
		    "%s, %02u %s %04u %02u:%02u:%02u GMT", days[tm.tm_wday],
		    (unsigned)tm.tm_mday % 100, months[tm.tm_mon],
		    (unsigned)(tm.tm_year + 1900) % 10000,
		    (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
		    (unsigned)tm.tm_sec % 100);
		h->date_at = now.tv_sec;
	}
	return h->date;
}

/* buf_printf would format every number twice; this is on the hot path. */
static void
put_number(struct buf *out, size_t n)
{
	char digits[20], *p = digits + sizeof(digits);

	do
		*--p = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	buf_put(out, p, (size_t)(digits + sizeof(digits) - p));
}

void
http_answer_compose(struct http *h, struct buf *out,
    const struct http_answer *a, bool head_only, bool stream)
{
	bool bare = a->status == 204 || a->status == 304;

	buf_puts(out, "HTTP/1.1 ");
	put_number(out, (size_t)a->status);
	buf_putc(out, ' ');
	buf_puts(out, head_reason(a->status));
	buf_puts(out, "\r\nDate: ");
	buf_puts(out, date(h));
	if (!stream && !bare) {
		buf_puts(out, "\r\nContent-Length: ");
		put_number(out, a->body_len);
	}
	if (a->content_type != NULL) {
		buf_puts(out, "\r\nContent-Type: ");
		buf_puts(out, a->content_type);
	}
	buf_puts(out, "\r\n");
	if (a->headers != NULL)
		buf_puts(out, a->headers);
	buf_puts(out, "\r\n");
	if (!head_only && !bare)
		buf_put(out, a->body, a->body_len);
}

/*
 * Goes behind the status line, into an answer that is complete otherwise:
 * whether it is the last of its connection is known when it leaves, not when
 * it was prepared.
 */
void
http_answer_connection(struct buf *out, const char *line)
{
	size_t len = out->len, n = strlen(line), at;

	at = (size_t)((char *)memchr(out->p, '\n', len) - out->p) + 1;
	buf_put(out, line, n);		/* for the room */
	memmove(out->p + at + n, out->p + at, len - at);
	memcpy(out->p + at, line, n);
}

void
http_answer_error(struct http_front *f, struct buf *out, int status,
    const char *message, bool head_only)
{
	struct buf *body = &f->http->error;
	struct http_answer a = { .status = status };

	buf_reset(body);
	if (f->settings.error_body != NULL) {
		f->settings.error_body(status, message, body,
		    &a.content_type);
		a.body = body->p;
		a.body_len = body->len;
	}
	if (status == 503)
		a.headers = "Retry-After: 1\r\n";
	http_answer_compose(f->http, out, &a, head_only, false);
}

/* The buffer for the one answer to a request, empty. */
static struct buf *
answer_buf(struct http_request *rq)
{
	if (rq->state != HTTP_ASKED)
		bug("http: a request was answered twice");
	buf_reset(&rq->out);
	return &rq->out;
}

void
http_reply(struct http_request *rq, const struct http_answer *a)
{
	struct buf *out = answer_buf(rq);

	if (rq->bev == NULL) {
		http_conn_forget(rq);
		return;
	}
	http_answer_compose(rq->front->http, out, a, rq->head_only, false);
	http_conn_answer(rq);
}

void
http_hold(struct http_request *rq, const struct http_answer *a)
{
	struct buf *out = answer_buf(rq);
	struct http *h = rq->front->http;

	http_answer_compose(h, out, a, rq->head_only, false);
	rq->state = HTTP_HELD;
	TAILQ_INSERT_TAIL(&h->held, rq, held_link);
	h->held_n++;
	if (rq->round != h->round) {
		rq->round = h->round;
		h->askers++;
	}
	if (h->held_n >= HELD_A_TURN)
		event_base_loopbreak(h->base);
}

size_t
http_held(const struct http *h)
{
	return h->held_n;
}

size_t
http_lately(const struct http *h)
{
	size_t n = h->askers > h->lately ? h->askers : h->lately;

	return n < HELD_A_TURN ? n : HELD_A_TURN;
}

/* After each release. */
static void
count_round(struct http *h)
{
	if (++h->releases < ROUND)
		return;
	h->releases = 0;
	h->lately = h->askers;
	h->askers = 0;
	h->round++;
}

/* How long the client has waited, now that its answer leaves. */
static void
note_latency(const struct http_request *rq, int64_t now_us)
{
	struct histogram *latency = rq->front->settings.latency;

	if (latency != NULL)
		histogram_note(latency, now_us - rq->asked_us, 1);
}

void
http_release(struct http *h, bool durable)
{
	int64_t now_us = h->held_n > 0 ? clock_stopwatch() : 0;
	struct http_request *rq;

	if (h->held_n > 0)
		count_round(h);
	/* No handler runs in here: a connection's next request waits for the
	 * next turn, so the list only gets shorter. */
	while ((rq = TAILQ_FIRST(&h->held)) != NULL) {
		TAILQ_REMOVE(&h->held, rq, held_link);
		h->held_n--;
		if (rq->bev == NULL) {
			http_conn_forget(rq);
			continue;
		}
		if (durable) {
			note_latency(rq, now_us);
		} else {
			buf_reset(&rq->out);
			http_answer_error(rq->front, &rq->out, 503,
			    "This could not be stored; please send it again.",
			    rq->head_only);
		}
		http_conn_answer(rq);
	}
}

void
http_stream(struct http_request *rq, const struct http_answer *head,
    void (*gone)(struct http_request *, void *arg), void *arg)
{
	struct buf *out = answer_buf(rq);
	int buffer = STREAM_BUFFER;

	rq->gone = gone;
	rq->gone_arg = arg;
	/* What the kernel buffers for a reader that does not read is memory
	 * as well, and old news. */
	(void)setsockopt(rq->fd, SOL_SOCKET, SO_SNDBUF, &buffer,
	    sizeof(buffer));
	http_answer_compose(rq->front->http, out, head, rq->head_only, true);
	http_answer_connection(out, "Connection: close\r\n");
	http_conn_stream(rq);
}

bool
http_stream_put(struct http_request *rq, const char *p, size_t n,
    size_t max_pending)
{
	if (rq->state != HTTP_STREAMING)
		bug("http: bytes for what is no stream");
	if (rq->bev == NULL || http_conn_pending(rq) > max_pending)
		return false;
	http_conn_put(rq, p, n);
	return true;
}

void
http_stream_end(struct http_request *rq)
{
	if (rq->state != HTTP_STREAMING)
		bug("http: the end of what is no stream");
	if (rq->bev == NULL)
		http_conn_forget(rq);
	else
		http_conn_finish(rq);
}
