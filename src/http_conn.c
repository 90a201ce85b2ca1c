/*
 * http_conn.c - one connection: its requests one after another
 *
 * Knows bytes on a socket: reads heads and bodies within limits and a
 * deadline, lends each whole request to the front's handler, sends what was
 * composed, and closes so that the client can still read it.  Knows nothing
 * of which answers wait, nor of their form.
 *
 * While a request is in progress the next ones wait: at most what two reads
 * bring in the input buffer, the rest with the client.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>

#include "clock.h"
#include "http_private.h"
#include "log.h"

#define LINGER_BYTES	(4 << 20)	/* dropped of a body that was refused */
#define KEEP_BYTES	16384		/* of a buffer, for the next request */

static struct evbuffer *
input_of(const struct http_request *c)
{
	return bufferevent_get_input(c->bev);
}

/* (Re)starts the connection's one deadline. */
static void
arm(struct http_request *c)
{
	if (event_add(c->timer, c->front->deadline) == -1)
		fatal(EXIT_INTERNAL, "http: no memory for a deadline");
}

static bool
is_lent(const struct http_request *c)
{
	return c->state == HTTP_ASKED || c->state == HTTP_HELD ||
	    c->state == HTTP_STREAMING;
}

/* Closes the socket.  The memory stays, for reap. */
static void
drop(struct http_request *c)
{
	if (c->bev == NULL)
		return;
	event_del(c->timer);
	if (c->ssl != NULL) {
		/* Says that nothing was cut off; the rest is up to them. */
		if (SSL_is_init_finished(c->ssl))
			(void)SSL_shutdown(c->ssl);
		ERR_clear_error();
	}
	bufferevent_free(c->bev);
	c->bev = NULL;
	c->front->open--;
	if (!is_lent(c))
		c->state = HTTP_OVER;
}

static void
release_memory(struct http_request *c)
{
	LIST_REMOVE(c, link);
	event_free(c->timer);
	buf_free(&c->block);
	buf_free(&c->body);
	buf_free(&c->out);
	free(c);
}

/* Ends every way in here: frees a connection that nobody holds any more. */
static void
reap(struct http_request *c)
{
	if (c->state == HTTP_OVER && !c->running)
		release_memory(c);
}

/* drop, from where the owner of a stream may be told so. */
static void
drop_and_tell(struct http_request *c)
{
	drop(c);
	if (c->state == HTTP_STREAMING) {
		c->state = HTTP_OVER;
		c->gone(c, c->gone_arg);
	}
}

void
http_conn_vanish(struct http_request *c)
{
	drop_and_tell(c);
	reap(c);
}

void
http_conn_free(struct http_request *c)
{
	drop_and_tell(c);
	release_memory(c);
}

void
http_conn_forget(struct http_request *c)
{
	event_del(c->timer);
	c->state = HTTP_OVER;
	reap(c);
}

size_t
http_conn_pending(const struct http_request *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev));
}

bool
http_conn_idle(const struct http_request *c)
{
	return c->bev != NULL && c->state == HTTP_HEAD &&
	    evbuffer_get_length(input_of(c)) == 0;
}

/*
 * Hands bytes to the kernel at once, and to the loop only what it does not
 * take: that saves two changes of the poll set and a turn for each answer
 * (measured: a fifth less CPU a request).  False: the client is gone, or there
 * is no memory for the rest of it.
 */
static bool
put(struct http_request *c, const char *p, size_t n)
{
	ssize_t sent = 0;

	if (c->ssl == NULL && http_conn_pending(c) == 0) {
		sent = send(c->fd, p, n, MSG_NOSIGNAL);
		if (sent == -1) {
			if (errno != EAGAIN && errno != EINTR)
				return false;
			sent = 0;
		}
	}
	return (size_t)sent == n || bufferevent_write(c->bev, p + sent,
	    n - (size_t)sent) == 0;
}

/* Reads on, if on_readable has stopped that. */
static void
resume(struct http_request *c)
{
	if (!c->eof && (bufferevent_get_enabled(c->bev) & EV_READ) == 0)
		bufferevent_enable(c->bev, EV_READ);
}

/*
 * Sends no more, and reads on for a while without looking: closing with
 * unread bytes would reset the connection, and the client might lose the
 * answer with it.
 */
static void
linger(struct http_request *c)
{
	c->state = HTTP_LINGERING;
	if (c->ssl != NULL) {
		(void)SSL_shutdown(c->ssl);
		ERR_clear_error();
	}
	(void)shutdown(c->fd, SHUT_WR);
	c->lingered = evbuffer_get_length(input_of(c));
	evbuffer_drain(input_of(c), c->lingered);
	resume(c);
	arm(c);
}

static void
shrink(struct buf *b)
{
	if (b->cap > KEEP_BYTES)
		buf_free(b);
	buf_reset(b);
}

/* The answer is with the kernel: on to the next request, or to the end. */
static void
answered(struct http_request *c)
{
	size_t more = evbuffer_get_length(input_of(c));

	shrink(&c->out);
	shrink(&c->body);
	if (c->closing || c->front->http->stopping) {
		if ((c->unread || more > 0) && !c->eof)
			linger(c);
		else
			drop(c);
		return;
	}
	c->state = HTTP_HEAD;
	c->begun = false;
	resume(c);
	arm(c);
	/* What the client sent meanwhile is read in the next turn: this may
	 * be the middle of a release, where no handler may run. */
	if (!c->running && (more > 0 || c->eof))
		bufferevent_trigger(c->bev, EV_READ,
		    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

/* Waits until all of the output is sent; it may be already. */
static void
await_sent(struct http_request *c)
{
	c->state = HTTP_ANSWERING;
	if (http_conn_pending(c) == 0)
		answered(c);
	else
		arm(c);
}

/* Sends what is in `out`; whoever calls it from a way in here reaps. */
static void
answer(struct http_request *c)
{
	c->closing = !c->keep || c->unread || c->front->http->stopping;
	if (c->closing)
		http_answer_connection(&c->out, "Connection: close\r\n");
	else if (c->head.minor == 0)
		http_answer_connection(&c->out, "Connection: keep-alive\r\n");
	c->state = HTTP_ANSWERING;
	if (put(c, c->out.p, c->out.len))
		await_sent(c);
	else
		drop(c);
}

void
http_conn_answer(struct http_request *c)
{
	answer(c);
	reap(c);
}

void
http_conn_put(struct http_request *c, const char *p, size_t n)
{
	if (!put(c, p, n)) {
		drop(c);
		event_active(c->timer, EV_TIMEOUT, 0);
		return;
	}
	c->put += n;
	if (http_conn_pending(c) > 0 &&
	    !event_pending(c->timer, EV_TIMEOUT, NULL)) {
		c->taken = c->put - http_conn_pending(c);
		arm(c);
	}
}

void
http_conn_stream(struct http_request *c)
{
	c->state = HTTP_STREAMING;
	c->put = 0;
	if (c->bev == NULL) {
		event_active(c->timer, EV_TIMEOUT, 0);
		return;
	}
	event_del(c->timer);
	evbuffer_drain(input_of(c), evbuffer_get_length(input_of(c)));
	resume(c);
	http_conn_put(c, c->out.p, c->out.len);
}

void
http_conn_finish(struct http_request *c)
{
	c->closing = true;
	await_sent(c);
	reap(c);
}

/* Refuses what cannot, or will not, be read. */
static void
refuse(struct http_request *c, int status, const char *message)
{
	if (status == 408)
		stat_add(STAT_http_timeouts, 1);
	else if (status != 413)
		stat_add(STAT_http_bad_requests, 1);
	log_debug("http: request refused front=%s status=%d reason=%s",
	    c->front->settings.name, status, log_value(message));
	c->keep = false;
	c->unread = true;
	buf_reset(&c->out);
	http_answer_error(c->front, &c->out, status, message, c->head_only);
	answer(c);
}

static bool
has_body(const struct http_request *c)
{
	return c->head.chunked || c->head.length > 0;
}

/* The front's chance to answer without the body. */
static bool
answered_early(struct http_request *c)
{
	const struct http_settings *s = &c->front->settings;

	if (s->early == NULL)
		return false;
	c->state = HTTP_ASKED;
	c->unread = has_body(c);
	if (s->early(c, s->arg))
		return true;
	if (c->state != HTTP_ASKED)
		bug("http: early says one thing and does another front=%s",
		    s->name);
	c->unread = false;
	return false;
}

/* The head is read: what about the body? */
static void
begin_body(struct http_request *c)
{
	static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
	size_t max = c->front->settings.max_body_bytes;

	if (c->head.has_length && c->head.length > max) {
		refuse(c, 413, "The request body is too large.");
		return;
	}
	memset(&c->chunked, 0, sizeof(c->chunked));
	c->body.max = max;
	c->state = HTTP_BODY;
	if (c->head.expect_continue && has_body(c) &&
	    evbuffer_get_length(input_of(c)) == 0 &&
	    !put(c, interim, sizeof(interim) - 1))
		drop(c);
}

/* A head, if a whole one is there.  False: more bytes are needed. */
static bool
read_head(struct http_request *c)
{
	struct evbuffer *input = input_of(c);
	size_t have = evbuffer_get_length(input), len;
	struct why why;
	const char *p;
	int status;

	if (have == 0)
		return false;
	if (have > HEAD_MAX_BYTES + 1)
		have = HEAD_MAX_BYTES + 1;
	p = (const char *)evbuffer_pullup(input, (ev_ssize_t)have);
	len = head_length(p, have);
	if (len == 0 && have <= HEAD_MAX_BYTES)
		return false;
	if (len == 0)
		len = have;	/* too long, which head_parse will say */
	buf_reset(&c->block);
	buf_reset(&c->body);
	buf_put(&c->block, p, len);
	evbuffer_drain(input, len);
	c->unread = c->head_only = false;
	status = head_parse(&c->head, c->block.p, len, &why);
	if (status != 0) {
		refuse(c, status, why.text);
		return true;
	}
	c->keep = c->head.keep_alive;
	c->head_only = strcmp(c->head.method, "HEAD") == 0;
	if (!answered_early(c))
		begin_body(c);
	return true;
}

/* Takes body bytes.  0: more are needed, 1: whole, -1: malformed. */
static int
take_body(struct http_request *c, const char *p, size_t len, size_t *used)
{
	uint64_t left = c->head.length - c->body.len;

	if (c->head.chunked)
		return head_chunk_feed(&c->chunked, p, len, &c->body, used);
	*used = left < len ? (size_t)left : len;
	buf_put(&c->body, p, *used);
	return c->body.len == c->head.length;
}

/* As much of the body as is there.  False: more bytes are needed. */
static bool
read_body(struct http_request *c)
{
	struct evbuffer *input = input_of(c);
	int rc = !has_body(c);
	size_t run, used;

	while (rc == 0 && (run = evbuffer_get_contiguous_space(input)) > 0) {
		rc = take_body(c, (char *)evbuffer_pullup(input,
		    (ev_ssize_t)run), run, &used);
		evbuffer_drain(input, used);
	}
	if (rc == 0)
		return false;
	if (rc == -1 && c->body.over) {
		refuse(c, 413, "The request body is too large.");
	} else if (rc == -1) {
		refuse(c, 400, "The chunked request body is malformed.");
	} else {
		c->state = HTTP_ASKED;
		if (c->front->settings.latency != NULL)
			c->asked_us = clock_stopwatch();
		c->front->settings.handler(c, c->front->settings.arg);
	}
	return true;
}

/* One step with the bytes that are there.  False: nothing can be done. */
static bool
advance(struct http_request *c)
{
	switch (c->state) {
	case HTTP_HEAD:
		return read_head(c);
	case HTTP_BODY:
		return read_body(c);
	default:
		return false;
	}
}

/* Reads requests until one is in progress or bytes are missing. */
static void
run(struct http_request *c)
{
	c->running = true;
	while (advance(c))
		;
	c->running = false;
	if (c->state != HTTP_HEAD && c->state != HTTP_BODY)
		return;
	if (c->eof) {
		drop(c);
	} else if (!c->begun && !http_conn_idle(c)) {
		/* From its first byte on, whatever comes after. */
		c->begun = true;
		arm(c);
	}
}

static void
on_readable(struct bufferevent *bev, void *arg)
{
	struct http_request *c = arg;
	struct evbuffer *input = bufferevent_get_input(bev);
	size_t n = evbuffer_get_length(input);

	switch (c->state) {
	case HTTP_HEAD:
	case HTTP_BODY:
		run(c);
		break;
	case HTTP_LINGERING:
		c->lingered += n;
		evbuffer_drain(input, n);
		if (c->lingered > LINGER_BYTES)
			drop(c);
		break;
	case HTTP_STREAMING:
		evbuffer_drain(input, n);
		break;
	default:
		/* More than was asked for.  A watermark would do this too,
		 * but libevent 2.1 spins while it is reached. */
		bufferevent_disable(bev, EV_READ);
		break;
	}
	reap(c);
}

static void
on_written(struct bufferevent *bev, void *arg)
{
	struct http_request *c = arg;

	(void)bev;
	if (c->state == HTTP_ANSWERING && http_conn_pending(c) == 0)
		answered(c);
	reap(c);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct http_request *c = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED)
		return;
	if ((what & BEV_EVENT_EOF) == 0 || c->state == HTTP_STREAMING ||
	    c->state == HTTP_LINGERING) {
		http_conn_vanish(c);
		return;
	}
	/* A client that sends no more still wants what it asked for. */
	c->eof = true;
	if (c->state == HTTP_HEAD || c->state == HTTP_BODY)
		run(c);
	reap(c);
}

/* Has a stream's reader taken anything since the last look? */
static bool
stream_moves(struct http_request *c)
{
	uint64_t taken = c->put - http_conn_pending(c);

	if (http_conn_pending(c) > 0) {
		if (taken == c->taken)
			return false;
		c->taken = taken;
		arm(c);
	}
	return true;
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct http_request *c = arg;

	(void)fd;
	(void)what;
	if (c->bev == NULL) {
		http_conn_vanish(c);	/* a put has found the stream broken */
		return;
	}
	switch (c->state) {
	case HTTP_ASKED:
	case HTTP_HELD:
		break;		/* the client has done its part */
	case HTTP_STREAMING:
		if (!stream_moves(c))
			http_conn_vanish(c);
		break;
	case HTTP_HEAD:
	case HTTP_BODY:
		if (!http_conn_idle(c)) {
			c->head_only = false;
			refuse(c, 408, "The request did not arrive in time.");
			reap(c);
			break;
		}
		/* FALLTHROUGH */
	default:
		http_conn_vanish(c);
	}
}

static struct bufferevent *
wrap_socket(struct http_request *c)
{
	struct event_base *base = c->front->http->base;
	struct bufferevent *bev;

	if (c->front->tls == NULL)
		return bufferevent_socket_new(base, c->fd,
		    BEV_OPT_CLOSE_ON_FREE);
	if ((c->ssl = SSL_new(c->front->tls)) == NULL)
		return NULL;
	bev = bufferevent_openssl_socket_new(base, c->fd, c->ssl,
	    BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	/* Lengths and last chunks tell whether a request was cut off. */
	if (bev != NULL)
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

void
http_conn_open(struct http_front *f, int fd)
{
	struct http_request *c = xcalloc(1, sizeof(*c));
	int on = 1;

	c->front = f;
	c->fd = fd;
	c->bev = wrap_socket(c);
	c->timer = evtimer_new(f->http->base, on_deadline, c);
	if (c->bev == NULL || c->timer == NULL)
		fatal(EXIT_INTERNAL, "http: no memory for a connection");
	/* Answers leave whole; this is for streams, which do not.  A unix
	 * socket refuses, and does not need it. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	bufferevent_setcb(c->bev, on_readable, on_written, on_event, c);
	LIST_INSERT_HEAD(&f->connections, c, link);
	f->open++;
	stat_add(STAT_http_connections, 1);
	if (bufferevent_enable(c->bev, EV_READ | EV_WRITE) == -1)
		fatal(EXIT_INTERNAL, "http: no memory for a connection");
	arm(c);
}
