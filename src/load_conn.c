/*
 * load_conn.c - a connection, one request at a time on it
 *
 * Knows sockets.  Written on them directly, because libevent's HTTP client
 * costs more a request than the agent it is to measure.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "load_answer.h"
#include "load_conn.h"
#include "log.h"

struct load_conn {
	struct event_base	*base;
	const struct sockaddr	*address;
	socklen_t		 address_len;
	load_done		*done;
	void			*arg;
	int			 fd;		/* -1: not connected */
	struct event		*readable;	/* NULL: not connected */
	struct event		*writable;
	struct event		*failed;	/* told from the loop */
	bool			 out;		/* a request is */
	struct buf		 request;
	size_t			 written;	/* of request */
	struct load_answer	 answer;
};

static void
disconnect(struct load_conn *c)
{
	if (c->fd == -1)
		return;
	event_free(c->readable);
	event_free(c->writable);
	c->readable = c->writable = NULL;
	close(c->fd);
	c->fd = -1;
}

static void
finish(struct load_conn *c, int status)
{
	/* It may have been answered before it was read to its end. */
	if (status == 0 || c->answer.closes || c->written < c->request.len)
		disconnect(c);
	event_del(c->failed);
	c->out = false;
	c->done(c->arg, status);
}

static void
on_failed(evutil_socket_t fd, short what, void *arg)
{
	struct load_conn *c = arg;

	(void)fd;
	(void)what;
	if (c->out)
		finish(c, 0);
}

/* Writes what the socket takes. */
static void
write_on(struct load_conn *c)
{
	ssize_t n;

	while (c->written < c->request.len) {
		n = send(c->fd, c->request.p + c->written,
		    c->request.len - c->written, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			event_add(c->writable, NULL);
			return;
		}
		if (n == -1) {
			event_active(c->failed, EV_TIMEOUT, 0);
			return;
		}
		c->written += (size_t)n;
	}
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	write_on(arg);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct load_conn *c = arg;
	char bytes[4096];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	(void)what;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	/* The other side closed, or speaks without being asked. */
	if (n <= 0 || !c->out) {
		if (c->out)
			finish(c, 0);
		else
			disconnect(c);
		return;
	}
	switch (load_answer_take(&c->answer, bytes, (size_t)n)) {
	case LOAD_MORE:
		break;
	case LOAD_WHOLE:
		finish(c, c->answer.status);
		break;
	case LOAD_BROKEN:
		finish(c, 0);
		break;
	}
}

/* False if the attempt failed at once. */
static bool
connect_now(struct load_conn *c)
{
	const int on = 1;

	c->fd = socket(c->address->sa_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		fatal(EXIT_IO, "load: no socket: %s", strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->readable = event_new(c->base, c->fd, EV_READ | EV_PERSIST,
	    on_readable, c);
	c->writable = event_new(c->base, c->fd, EV_WRITE, on_writable, c);
	if (c->readable == NULL || c->writable == NULL ||
	    event_add(c->readable, NULL) == -1)
		fatal(EXIT_INTERNAL, "load: out of memory");
	return connect(c->fd, c->address, c->address_len) == 0 ||
	    errno == EINPROGRESS;
}

struct load_conn *
load_conn_new(struct event_base *base, const struct sockaddr *address,
    socklen_t len, load_done *done, void *arg)
{
	struct load_conn *c = xcalloc(1, sizeof(*c));

	c->base = base;
	c->address = address;
	c->address_len = len;
	c->done = done;
	c->arg = arg;
	c->fd = -1;
	c->failed = event_new(base, -1, 0, on_failed, c);
	if (c->failed == NULL)
		fatal(EXIT_INTERNAL, "load: out of memory");
	return c;
}

void
load_conn_free(struct load_conn *c)
{
	if (c == NULL)
		return;
	disconnect(c);
	event_free(c->failed);
	buf_free(&c->request);
	free(c);
}

void
load_conn_send(struct load_conn *c, const struct buf *head,
    const struct buf *body)
{
	assert(!c->out);
	c->out = true;
	c->written = 0;
	c->answer.len = 0;
	c->answer.status = 0;
	c->answer.closes = false;
	buf_reset(&c->request);
	buf_put(&c->request, head->p, head->len);
	buf_put(&c->request, body->p, body->len);
	if (c->fd == -1 && !connect_now(c)) {
		event_active(c->failed, EV_TIMEOUT, 0);
		return;
	}
	write_on(c);
}

void
load_conn_cut(struct load_conn *c)
{
	assert(c->out);
	finish(c, 0);
}
