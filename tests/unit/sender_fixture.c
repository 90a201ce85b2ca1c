/*
 * sender_fixture.c - a sender, and a far side that does what it is told
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "mem.h"
#include "sender_fixture.h"

enum then { KEEP, CLOSE, RESET, HANG, REPEAT };

struct script {
	const char	*path;
	const char	*reply;
	enum then	 then;
	bool		 early;		/* at the head, not after the body */
};

static const struct script scripts[] = {
	{ "/ok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", KEEP, 0 },
	{ "/empty", "HTTP/1.1 204 No Content\r\n\r\n", KEEP, 0 },
	{ "/bad", "HTTP/1.1 400 Bad Request\r\nContent-Length: 22\r\n\r\n"
	    "events[3] is not right", KEEP, 0 },
	{ "/moved", "HTTP/1.1 302 Found\r\nLocation: /ok\r\n"
	    "Content-Length: 0\r\n\r\n", KEEP, 0 },
	{ "/later", "HTTP/1.1 429 Too Many\r\nretry-after: \t 17 \r\n"
	    "Content-Length: 0\r\n\r\n", KEEP, 0 },
	{ "/date", "HTTP/1.1 503 Busy\r\n"
	    "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n"
	    "Content-Length: 0\r\n\r\n", KEEP, 0 },
	{ "/minus", "HTTP/1.1 429 Too Many\r\nRetry-After: -3\r\n"
	    "Content-Length: 0\r\n\r\n", KEEP, 0 },
	{ "/interim", "HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n"
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", KEEP, 0 },
	{ "/interim-only", "HTTP/1.1 100 Continue\r\n\r\n", CLOSE, 0 },
	{ "/leave", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
	    CLOSE, 0 },
	{ "/cut", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
	    CLOSE, 0 },
	{ "/cut-head", "HTTP/1.1 200 OK\r\nContent-Le", RESET, 0 },
	{ "/cut-refusal", "HTTP/1.1 413 Large\r\nContent-Length: 100\r\n\r\n",
	    RESET, 0 },
	{ "/garbage", "HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n"
	    "\r\nnot a size\r\n", KEEP, 0 },
	{ "/stall", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
	    HANG, 0 },
	{ "/not-http", "220 mail.example ESMTP\r\n", CLOSE, 0 },
	{ "/silent", "", CLOSE, 0 },
	{ "/hang", "", HANG, 0 },
	{ "/reset", "", RESET, 0 },
	{ "/reset-early", "", RESET, true },
	{ "/refuse-early", "HTTP/1.1 413 Large\r\nContent-Length: 0\r\n"
	    "Connection: close\r\n\r\n", HANG, true },
	{ "/endless", "HTTP/1.1 200 OK\r\nX: y\r\n\r\n", REPEAT, 0 },
	{ "/endless-head", "HTTP/1.1 200 OK\r\nX: y\r\n", REPEAT, 0 },
};

static const struct script *
script_of(const char *head)
{
	size_t i, n;

	for (i = 0; i < HR_COUNT(scripts); i++) {
		n = strlen(scripts[i].path);
		if (strncmp(head + 5, scripts[i].path, n) == 0 &&
		    head[5 + n] == ' ')
			return &scripts[i];
	}
	fail_msg("no script for: %s", head);
	return NULL;
}

static void
hard_reset(struct bufferevent *bev)
{
	struct linger now = { 1, 0 };

	setsockopt(bufferevent_getfd(bev), SOL_SOCKET, SO_LINGER, &now,
	    sizeof(now));
	bufferevent_free(bev);
}

static void
on_flushed_close(struct bufferevent *bev, void *arg)
{
	(void)arg;
	bufferevent_free(bev);
}

static void
on_flushed_reset(struct bufferevent *bev, void *arg)
{
	(void)arg;
	hard_reset(bev);
}

static void
on_flushed_more(struct bufferevent *bev, void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < 500; i++)
		bufferevent_write(bev, "Name: value\r\n", 13);
}

static void
on_gone(struct bufferevent *bev, short what, void *arg)
{
	(void)arg;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		bufferevent_free(bev);
}

static void
act(struct bufferevent *bev, const struct script *script, struct server *sv)
{
	bufferevent_data_cb after = NULL;

	sv->requests++;
	if (script->then == RESET && script->reply[0] == '\0') {
		hard_reset(bev);
		return;
	}
	if (script->then == CLOSE && script->reply[0] == '\0') {
		bufferevent_free(bev);
		return;
	}
	if (script->then == CLOSE)
		after = on_flushed_close;
	else if (script->then == RESET)
		after = on_flushed_reset;
	else if (script->then == REPEAT)
		after = on_flushed_more;
	if (after != NULL)
		bufferevent_setcb(bev, NULL, after, on_gone, sv);
	bufferevent_write(bev, script->reply, strlen(script->reply));
}

static void
on_request(struct bufferevent *bev, void *arg)
{
	struct server *sv = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	const struct script *script;
	const char *length;
	size_t head_len;

	if (end.pos < 0)
		return;
	head_len = (size_t)end.pos + 4;
	free(sv->head);
	sv->head = xcalloc(1, head_len + 1);
	evbuffer_copyout(in, sv->head, head_len);
	script = script_of(sv->head);
	length = strstr(sv->head, "Content-Length: ");
	assert_non_null(length);
	sv->body_len = strtoul(length + 16, NULL, 10);
	if (script->early || evbuffer_get_length(in) >=
	    head_len + sv->body_len) {
		evbuffer_drain(in, head_len + sv->body_len);
		act(bev, script, sv);
	}
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *from, int len, void *arg)
{
	struct server *sv = arg;
	struct bufferevent *bev;

	(void)listener;
	(void)from;
	(void)len;
	sv->connections++;
	if (sv->tls != NULL)
		bev = bufferevent_openssl_socket_new(sv->base, fd,
		    SSL_new(sv->tls), BUFFEREVENT_SSL_ACCEPTING,
		    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	else
		bev = bufferevent_socket_new(sv->base, fd,
		    BEV_OPT_CLOSE_ON_FREE);
	if (sv->reset_on_accept) {
		hard_reset(bev);
		return;
	}
	bufferevent_setcb(bev, on_request, NULL, on_gone, sv);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static void
server_open(struct server *sv, struct event_base *base)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sv->base = base;
	sv->listener = evconnlistener_new_bind(base, on_accept, sv,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 16,
	    (struct sockaddr *)&a, sizeof(a));
	assert_non_null(sv->listener);
	getsockname(evconnlistener_get_fd(sv->listener),
	    (struct sockaddr *)&a, &len);
	sv->port = ntohs(a.sin_port);
}

int
sender_setup(void **state)
{
	static const struct sender_settings settings = {
		"test", 2000, 5000, NULL, 4
	};
	struct bench *b = xcalloc(1, sizeof(*b));

	b->base = event_base_new();
	server_open(&b->server, b->base);
	b->settings = settings;
	b->sender = sender_new(b->base, &b->settings);
	*state = b;
	return 0;
}

int
sender_teardown(void **state)
{
	struct bench *b = *state;

	sender_free(b->sender);
	/* Lets the server see that its connections ended. */
	while (event_base_loop(b->base, EVLOOP_NONBLOCK) == 0 &&
	    event_base_get_num_events(b->base,
	    EVENT_BASE_COUNT_ACTIVE) > 0)
		continue;
	if (b->server.listener != NULL)
		evconnlistener_free(b->server.listener);
	event_base_free(b->base);
	SSL_CTX_free(b->server.tls);
	free(b->server.head);
	buf_free(&b->body);
	free(b);
	return 0;
}

static void
on_done(void *arg, const struct sender_result *r)
{
	struct bench *b = arg;
	const char *next = b->next;

	b->result = *r;
	buf_reset(&b->body);
	buf_put(&b->body, r->body, r->body_len);
	b->result.body = buf_str(&b->body);
	b->results++;
	if (next != NULL) {
		b->next = NULL;
		post(b, next, 10);
	} else if (b->results == b->wanted) {
		event_base_loopbreak(b->base);
	}
}

void
post(struct bench *b, const char *url, size_t body_len)
{
	struct buf body = BUF_INIT;
	char *whole = url[0] == '/' ? xasprintf("%s://127.0.0.1:%d%s",
	    b->server.tls != NULL ? "https" : "http", b->server.port, url) :
	    xstrdup(url);

	while (body.len < body_len)
		buf_putc(&body, ' ');
	sender_post(b->sender, whole, &body, on_done, b);
	assert_int_equal(body.len, 0);
	buf_free(&body);
	free(whole);
}

void
await(struct bench *b, int results)
{
	struct timeval limit = { 10, 0 };

	b->wanted = results;
	if (b->results < results) {
		event_base_loopexit(b->base, &limit);
		event_base_dispatch(b->base);
	}
	assert_int_equal(b->results, results);
}

const struct sender_result *
post_one(struct bench *b, const char *url)
{
	int before = b->results;

	post(b, url, 20);
	await(b, before + 1);
	return &b->result;
}

void
stop_listening(struct bench *b)
{
	evconnlistener_free(b->server.listener);
	b->server.listener = NULL;
}
