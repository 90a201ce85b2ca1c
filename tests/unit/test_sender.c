/*
 * test_sender.c - one POST, one result, whatever the far side does
 *
 * A scripted server lives on the sender's own event loop: the path of a
 * request chooses what it answers and what it does to the connection.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "mem.h"
#include "sender.h"

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

struct server {
	struct event_base *base;
	struct evconnlistener *listener;
	SSL_CTX		*tls;		/* NULL: plain */
	int		 port;
	int		 connections;
	int		 requests;
	bool		 reset_on_accept;
	char		*head;		/* of the last request */
	size_t		 body_len;
};

/* What a test works with. */
struct bench {
	struct event_base *base;
	struct server	 server;
	struct sender	*sender;
	struct sender_settings settings;
	struct sender_result result;	/* the last, its body in `body` */
	struct buf	 body;
	int		 results;
	int		 wanted;
	const char	*next;		/* posted from inside the next done */
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

static int
setup(void **state)
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

static int
teardown(void **state)
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

static void post(struct bench *, const char *url, size_t body_len);

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

/* Posts `body_len` spaces to a path of the server, or to a whole URL. */
static void
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

/* Runs the loop until that many results came, at most ten seconds. */
static void
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

static const struct sender_result *
post_one(struct bench *b, const char *url)
{
	int before = b->results;

	post(b, url, 20);
	await(b, before + 1);
	return &b->result;
}

static void
sender_post_reports_what_the_status_line_says(void **state)
{
	static const struct {
		const char	*path;
		int		 status;
		const char	*body;
		const char	*retry_after;	/* NULL: none */
	} cases[] = {
		{ "/ok", 200, "{}", NULL },
		{ "/empty", 204, "", NULL },
		{ "/bad", 400, "events[3] is not right", NULL },
		{ "/moved", 302, "", NULL },
		{ "/later", 429, "", "17" },
		{ "/date", 503, "", "Wed, 21 Oct 2015 07:28:00 GMT" },
		{ "/minus", 429, "", "-3" },
		{ "/interim", 200, "{}", NULL },
		{ "/cut", 200, "abc", NULL },
		{ "/cut-head", 200, "", NULL },
		{ "/cut-refusal", 413, "", NULL },
		{ "/garbage", 201, "", NULL },
	};
	struct bench *b = *state;
	const struct sender_result *r;
	size_t i;

	for (i = 0; i < HR_COUNT(cases); i++) {
		r = post_one(b, cases[i].path);

		if (r->status != cases[i].status)
			fail_msg("%s: status %d, %s", cases[i].path,
			    r->status, r->error);
		assert_string_equal(r->body, cases[i].body);
		assert_string_equal(r->error, "");
		assert_false(r->never_left);
		assert_int_equal(r->has_retry_after,
		    cases[i].retry_after != NULL);
		if (cases[i].retry_after != NULL)
			assert_string_equal(r->retry_after,
			    cases[i].retry_after);
	}
	assert_int_equal(b->server.requests, HR_COUNT(cases));
}

static void
sender_post_reports_an_error_when_no_answer_came(void **state)
{
	static const char *const paths[] = {
		"/reset", "/silent", "/not-http", "/interim-only"
	};
	struct bench *b = *state;
	const struct sender_result *r;
	size_t i;

	for (i = 0; i < HR_COUNT(paths); i++) {
		r = post_one(b, paths[i]);

		if (r->status != 0)
			fail_msg("%s: status %d", paths[i], r->status);
		assert_string_not_equal(r->error, "");
		assert_string_equal(r->body, "");
		assert_false(r->never_left);
	}
	assert_int_equal(b->server.requests, HR_COUNT(paths));
}

static void
sender_post_sends_the_headers_and_the_body_in_one_piece(void **state)
{
	struct bench *b = *state;

	post(b, "/ok", 1000000);
	await(b, 1);

	assert_int_equal(b->result.status, 200);
	assert_int_equal(b->server.body_len, 1000000);
	assert_ptr_equal(strstr(b->server.head, "POST /ok HTTP/1.1\r\n"),
	    b->server.head);
	assert_non_null(strstr(b->server.head,
	    "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(b->server.head,
	    "\r\nAccept: application/json\r\n"));
	assert_non_null(strstr(b->server.head, "\r\nUser-Agent: heaprelay/"));
	assert_null(strstr(b->server.head, "Expect"));
}

static void
sender_post_ignores_the_proxy_of_the_environment(void **state)
{
	struct bench *b = *state;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	post_one(b, "/ok");
	unsetenv("http_proxy");
	unsetenv("all_proxy");

	assert_int_equal(b->result.status, 200);
}

static void
sender_post_never_reports_from_inside_the_call(void **state)
{
	struct bench *b = *state;

	post(b, "this is no url", 1);
	post(b, "ftp://127.0.0.1/", 1);

	assert_int_equal(b->results, 0);
	assert_int_equal(sender_flights(b->sender), 2);
	await(b, 2);
	assert_int_equal(sender_flights(b->sender), 0);
	assert_int_equal(b->result.status, 0);
	assert_true(b->result.never_left);
	assert_string_not_equal(b->result.error, "");
}

static void
sender_post_may_be_called_from_done(void **state)
{
	struct bench *b = *state;

	b->next = "/bad";
	post(b, "/ok", 5);
	await(b, 2);

	assert_int_equal(b->result.status, 400);
	assert_int_equal(b->server.connections, 1);
}

static void
sender_post_keeps_one_connection_for_a_thousand_posts(void **state)
{
	struct bench *b = *state;
	int i;

	for (i = 0; i < 1000; i++)
		post_one(b, "/ok");

	assert_int_equal(b->server.requests, 1000);
	assert_int_equal(b->server.connections, 1);
}

static void
sender_post_flies_several_at_once(void **state)
{
	struct bench *b = *state;
	int i;

	for (i = 0; i < 20; i++)
		post(b, "/ok", 50000);
	assert_int_equal(sender_flights(b->sender), 20);
	await(b, 20);

	assert_int_equal(b->server.requests, 20);
	assert_int_equal(b->result.status, 200);
}

static void
sender_post_never_left_when_the_connection_is_refused(void **state)
{
	struct bench *b = *state;
	const struct sender_result *r;

	post_one(b, "/leave");		/* the handle has known better days */
	evconnlistener_free(b->server.listener);
	b->server.listener = NULL;
	r = post_one(b, "/ok");

	assert_int_equal(r->status, 0);
	assert_true(r->never_left);
	assert_string_not_equal(r->error, "");
}

static void
sender_post_never_left_when_the_name_is_unknown(void **state)
{
	const struct sender_result *r =
	    post_one(*state, "http://no-such-host.invalid/api/track");

	assert_int_equal(r->status, 0);
	assert_true(r->never_left);
}

static void
sender_post_never_left_when_connecting_takes_too_long(void **state)
{
	struct bench *b = *state;
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int i, fd = socket(AF_INET, SOCK_STREAM, 0), filler[4];
	char *url;

	/* A listener that accepts nothing drops what its queue cannot take. */
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 0), 0);
	getsockname(fd, (struct sockaddr *)&a, &len);
	for (i = 0; i < 4; i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(filler[i], (struct sockaddr *)&a, sizeof(a));
	}
	b->settings.connect_timeout_ms = 50;
	sender_set(b->sender, &b->settings);
	url = xasprintf("http://127.0.0.1:%d/", ntohs(a.sin_port));

	post_one(b, url);

	assert_int_equal(b->result.status, 0);
	assert_true(b->result.never_left);
	for (i = 0; i < 4; i++)
		close(filler[i]);
	close(fd);
	free(url);
}

static void
sender_post_ends_after_the_timeout(void **state)
{
	struct bench *b = *state;
	const struct sender_result *r;

	b->settings.timeout_ms = 60;
	sender_set(b->sender, &b->settings);
	r = post_one(b, "/hang");

	assert_int_equal(r->status, 0);
	assert_false(r->never_left);
	assert_in_range(r->duration_ms, 40, 5000);

	/* An answer that began decides, also when it does not end. */
	r = post_one(b, "/stall");
	assert_int_equal(r->status, 200);
	assert_string_equal(r->body, "abc");
}

static void
sender_post_fails_when_the_connection_is_reset_before_it(void **state)
{
	struct bench *b = *state;
	const struct sender_result *r;

	b->server.reset_on_accept = true;
	r = post_one(b, "/ok");

	assert_int_equal(r->status, 0);
	assert_string_not_equal(r->error, "");
	assert_int_equal(b->results, 1);
}

static void
sender_post_fails_when_the_connection_is_reset_during_it(void **state)
{
	struct bench *b = *state;

	post(b, "/reset-early", 20000000);
	await(b, 1);

	assert_int_equal(b->result.status, 0);
	assert_false(b->result.never_left);
	assert_int_equal(b->server.requests, 1);
}

static void
sender_post_takes_an_answer_that_comes_before_the_body_was_sent(void **state)
{
	struct bench *b = *state;

	post(b, "/refuse-early", 20000000);
	await(b, 1);

	assert_int_equal(b->result.status, 413);
}

static void
sender_post_does_not_send_again_when_a_kept_connection_breaks(void **state)
{
	struct bench *b = *state;
	const struct sender_result *r;

	post_one(b, "/ok");
	r = post_one(b, "/reset");

	assert_int_equal(r->status, 0);
	assert_false(r->never_left);
	assert_string_not_equal(r->error, "");
	assert_int_equal(b->server.requests, 2);

	post_one(b, "/ok");
	r = post_one(b, "/silent");
	assert_int_equal(r->status, 0);
	assert_false(r->never_left);
	assert_int_equal(b->server.requests, 4);
}

static void
sender_post_left_when_a_kept_connection_took_it_and_no_other_opens(
    void **state)
{
	struct bench *b = *state;
	const struct sender_result *r;

	post_one(b, "/ok");
	evconnlistener_free(b->server.listener);
	b->server.listener = NULL;
	r = post_one(b, "/silent");

	assert_int_equal(r->status, 0);
	assert_false(r->never_left);
}

static void
sender_post_opens_a_new_connection_when_the_kept_one_was_closed(void **state)
{
	struct bench *b = *state;

	post_one(b, "/leave");
	event_base_loop(b->base, EVLOOP_NONBLOCK);
	post_one(b, "/ok");

	assert_int_equal(b->result.status, 200);
	assert_int_equal(b->server.connections, 2);
	assert_int_equal(b->server.requests, 2);
}

static void
sender_post_reads_so_much_of_an_endless_answer(void **state)
{
	struct bench *b = *state;
	const struct sender_result *r = post_one(b, "/endless");

	assert_int_equal(r->status, 200);
	assert_int_equal(r->body_len, SENDER_ANSWER);
	assert_memory_equal(r->body, "Name: value\r\nName", 17);

	r = post_one(b, "/endless-head");
	assert_int_equal(r->status, 200);
	assert_int_equal(r->body_len, 0);
}

static void
sender_free_ends_what_flies_as_errors(void **state)
{
	struct bench *b = *state;
	int i;

	b->wanted = -1;
	post(b, "/hang", 20);
	post(b, "/hang", 20);
	for (i = 0; i < 1000 && b->server.requests < 2; i++)
		event_base_loop(b->base, EVLOOP_ONCE);
	post(b, "/ok", 20);

	sender_free(b->sender);
	b->sender = NULL;

	assert_int_equal(b->server.requests, 2);
	assert_int_equal(b->results, 3);
	assert_int_equal(b->result.status, 0);
	assert_string_not_equal(b->result.error, "");
}

/* --- a resolver that does not answer ------------------------------------ */

#define SLOW_HOST	"slow.invalid"
#define HANG_S		8	/* whoever waits for it has failed by then */

static struct {
	pthread_mutex_t	 lock;
	pthread_cond_t	 changed;
	int		 asking;	/* threads that wait in it */
	bool		 answers;
} resolver = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0,
    false };

/*
 * In the place of the C library's, for libcurl's threads too: it knows no
 * name but numeric addresses, and hangs for one host until the test lets go.
 */
int
getaddrinfo(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **found)
{
	struct addrinfo *a;
	struct sockaddr_in *to;
	struct in_addr address;
	struct timespec end;

	(void)service;
	(void)hints;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += HANG_S;
	if (node != NULL && strcmp(node, SLOW_HOST) == 0) {
		pthread_mutex_lock(&resolver.lock);
		resolver.asking++;
		pthread_cond_broadcast(&resolver.changed);
		while (!resolver.answers && pthread_cond_timedwait(
		    &resolver.changed, &resolver.lock, &end) == 0)
			continue;
		resolver.asking--;
		pthread_cond_broadcast(&resolver.changed);
		pthread_mutex_unlock(&resolver.lock);
	}
	if (node == NULL || inet_pton(AF_INET, node, &address) != 1)
		return EAI_NONAME;
	a = xcalloc(1, sizeof(*a) + sizeof(*to));
	to = (struct sockaddr_in *)(a + 1);
	to->sin_family = AF_INET;
	to->sin_addr = address;
	a->ai_family = AF_INET;
	a->ai_socktype = SOCK_STREAM;
	a->ai_addr = (struct sockaddr *)to;
	a->ai_addrlen = sizeof(*to);
	*found = a;
	return 0;
}

void
freeaddrinfo(struct addrinfo *a)
{
	free(a);
}

static int64_t
ms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Posts to the host and turns until its resolver hangs. */
static void
post_to_slow_host(struct bench *b)
{
	bool asking = false;

	post(b, "http://" SLOW_HOST "/ok", 10);
	while (!asking) {
		event_base_loop(b->base, EVLOOP_NONBLOCK);
		pthread_mutex_lock(&resolver.lock);
		asking = resolver.asking > 0;
		pthread_mutex_unlock(&resolver.lock);
	}
}

/* Every thread gets its answer, so that the next test has a resolver. */
static int
teardown_resolver(void **state)
{
	int rc = teardown(state);

	pthread_mutex_lock(&resolver.lock);
	resolver.answers = true;
	pthread_cond_broadcast(&resolver.changed);
	while (resolver.asking > 0)
		pthread_cond_wait(&resolver.changed, &resolver.lock);
	resolver.answers = false;
	pthread_mutex_unlock(&resolver.lock);
	return rc;
}

static void
sender_post_to_another_host_does_not_wait_for_a_resolver(void **state)
{
	struct bench *b = *state;

	post_to_slow_host(b);
	post(b, "/ok", 10);
	await(b, 1);

	assert_int_equal(b->result.status, 200);
	assert_int_equal(sender_flights(b->sender), 1);
}

static void
sender_post_ends_in_time_while_the_resolver_hangs(void **state)
{
	struct bench *b = *state;
	int64_t begun = ms_now();

	b->settings.connect_timeout_ms = 200;
	sender_set(b->sender, &b->settings);
	post_to_slow_host(b);
	await(b, 1);

	assert_int_equal(b->result.status, 0);
	assert_true(b->result.never_left);
	assert_true(ms_now() - begun < HANG_S * 1000 / 2);
}

/* The program stops, whatever the resolver does. */
static void
sender_free_does_not_wait_for_a_resolver(void **state)
{
	struct bench *b = *state;
	int64_t begun;

	post_to_slow_host(b);
	begun = ms_now();
	sender_free(b->sender);
	b->sender = NULL;

	assert_true(ms_now() - begun < HANG_S * 1000 / 2);
	assert_int_equal(b->results, 1);
	assert_int_equal(b->result.status, 0);
}

static void
sender_free_takes_null(void **state)
{
	(void)state;
	sender_free(NULL);
}

/*
 * TLS: the server gets a certificate of its own making for 127.0.0.1.
 */

static X509 *
self_signed(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL,
	    NID_subject_alt_name, "IP:127.0.0.1");

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	X509_add_ext(cert, san, -1);
	X509_EXTENSION_free(san);
	assert_int_not_equal(X509_sign(cert, key, EVP_sha256()), 0);
	return cert;
}

static void
sender_post_trusts_the_system_or_the_ca_file_and_checks_the_name(
    void **state)
{
	char path[] = "/tmp/test_sender.XXXXXX";
	struct bench *b = *state;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = self_signed(key);
	FILE *file = fdopen(mkstemp(path), "w");
	const struct sender_result *r;
	char *url;

	assert_non_null(file);
	PEM_write_X509(file, cert);
	fclose(file);
	b->server.tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(b->server.tls, cert);
	SSL_CTX_use_PrivateKey(b->server.tls, key);
	url = xasprintf("https://localhost:%d/ok", b->server.port);

	r = post_one(b, "/ok");
	assert_int_equal(r->status, 0);
	assert_true(r->never_left);

	b->settings.ca_file = path;
	sender_set(b->sender, &b->settings);
	r = post_one(b, "/ok");
	assert_string_equal(r->error, "");
	assert_int_equal(r->status, 200);
	r = post_one(b, url);
	assert_int_equal(r->status, 0);
	assert_true(r->never_left);

	b->settings.ca_file = NULL;
	sender_set(b->sender, &b->settings);
	r = post_one(b, "/ok");
	assert_int_equal(r->status, 0);
	assert_int_equal(b->server.requests, 1);

	unlink(path);
	free(url);
	X509_free(cert);
	EVP_PKEY_free(key);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define RESOLVER_TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup, teardown_resolver)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(sender_post_reports_what_the_status_line_says),
	    TEST(sender_post_reports_an_error_when_no_answer_came),
	    TEST(sender_post_sends_the_headers_and_the_body_in_one_piece),
	    TEST(sender_post_ignores_the_proxy_of_the_environment),
	    TEST(sender_post_never_reports_from_inside_the_call),
	    TEST(sender_post_may_be_called_from_done),
	    TEST(sender_post_keeps_one_connection_for_a_thousand_posts),
	    TEST(sender_post_flies_several_at_once),
	    TEST(sender_post_never_left_when_the_connection_is_refused),
	    TEST(sender_post_never_left_when_the_name_is_unknown),
	    TEST(sender_post_never_left_when_connecting_takes_too_long),
	    TEST(sender_post_ends_after_the_timeout),
	    TEST(sender_post_fails_when_the_connection_is_reset_before_it),
	    TEST(sender_post_fails_when_the_connection_is_reset_during_it),
	    TEST(
	    sender_post_takes_an_answer_that_comes_before_the_body_was_sent),
	    TEST(
	    sender_post_does_not_send_again_when_a_kept_connection_breaks),
	    TEST(
	    sender_post_left_when_a_kept_connection_took_it_and_no_other_opens),
	    TEST(
	    sender_post_opens_a_new_connection_when_the_kept_one_was_closed),
	    TEST(sender_post_reads_so_much_of_an_endless_answer),
	    TEST(sender_free_ends_what_flies_as_errors),
	    RESOLVER_TEST(
		sender_post_to_another_host_does_not_wait_for_a_resolver),
	    RESOLVER_TEST(sender_post_ends_in_time_while_the_resolver_hangs),
	    RESOLVER_TEST(sender_free_does_not_wait_for_a_resolver),
	    cmocka_unit_test(sender_free_takes_null),
	    TEST(
	    sender_post_trusts_the_system_or_the_ca_file_and_checks_the_name),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
