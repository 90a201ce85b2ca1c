/*
 * test_load_run.c - requests of heaprelay-load, at a server that follows a
 * script
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <signal.h>
#include <unistd.h>

#include "load_answer.h"
#include "load_run.h"

#define OK	"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
/* Of the whole test: what stands still fails. */
#define PATIENCE_S	30

static struct load_result result;

/* What every request gets, and what the server saw. */
struct server {
	struct event_base *base;
	struct evconnlistener *listener;
	uint16_t	 port;
	const char	*answer;	/* NULL: none */
	bool		 hang_up;	/* after it */
	int		 connections;
	int		 requests;
};

static void
on_request(struct bufferevent *b, void *arg)
{
	struct server *s = arg;
	struct evbuffer *in = bufferevent_get_input(b);
	struct evbuffer_ptr end;

	/* One at a time on a connection: whole once its last brace is. */
	end = evbuffer_search(in, "}]}", 3, NULL);
	if (end.pos == -1)
		return;
	evbuffer_drain(in, evbuffer_get_length(in));
	s->requests++;
	if (s->answer != NULL)
		bufferevent_write(b, s->answer, strlen(s->answer));
	if (s->hang_up && s->answer == NULL)
		bufferevent_free(b);
}

static void
on_end(struct bufferevent *b, short what, void *arg)
{
	(void)what;
	(void)arg;
	bufferevent_free(b);
}

static void
on_written(struct bufferevent *b, void *arg)
{
	const struct server *s = arg;

	if (s->hang_up)
		bufferevent_free(b);
}

static void
on_connection(struct evconnlistener *l, evutil_socket_t fd,
    struct sockaddr *address, int len, void *arg)
{
	struct server *s = arg;
	struct bufferevent *b = bufferevent_socket_new(s->base, fd,
	    BEV_OPT_CLOSE_ON_FREE);

	(void)l;
	(void)address;
	(void)len;
	s->connections++;
	bufferevent_setcb(b, on_request, on_written, on_end, s);
	bufferevent_enable(b, EV_READ | EV_WRITE);
}

static void
serve(struct server *s, const char *answer, bool hang_up)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	memset(s, 0, sizeof(*s));
	s->answer = answer;
	s->hang_up = hang_up;
	s->base = event_base_new();
	s->listener = evconnlistener_new_bind(s->base, on_connection, s,
	    LEV_OPT_CLOSE_ON_FREE, 64, (struct sockaddr *)&a, sizeof(a));
	assert_non_null(s->listener);
	assert_int_equal(getsockname(evconnlistener_get_fd(s->listener),
	    (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
}

static void
run(struct server *s, int64_t requests, int64_t timeout_ms)
{
	const struct load_plan plan = {
		.host = "127.0.0.1", .port = s->port, .run = "run",
		.authorization = "Basic eDp5", .connections = 1,
		.requests = requests, .timeout_ms = timeout_ms,
		.shape = { .events = 1, .identities = 1 },
	};

	memset(&result, 0, sizeof(result));
	load_run(s->base, &plan, &result);
}

/* The other side is closed: each connection learns it and is freed. */
static void
end(struct server *s)
{
	int i;

	for (i = 0; i < 4; i++)
		event_base_loop(s->base, EVLOOP_NONBLOCK);
	if (s->listener != NULL)
		evconnlistener_free(s->listener);
	event_base_free(s->base);
}

static void
run_sends_one_request_after_the_other_on_a_connection(void **state)
{
	struct server s;
	(void)state;

	serve(&s, OK, false);
	run(&s, 3, 10000);

	assert_int_equal(result.sent, 3);
	assert_int_equal(result.status[202], 3);
	assert_int_equal(result.latency.count, 3);
	assert_int_equal(s.requests, 3);
	/* The first one only asked whether somebody listens. */
	assert_int_equal(s.connections, 2);
	end(&s);
}

static void
run_connects_again_after_an_answer_that_closes(void **state)
{
	struct server s;
	(void)state;

	serve(&s, "HTTP/1.1 503 Busy\r\nConnection: close\r\n"
	    "Content-Length: 0\r\n\r\n", false);
	run(&s, 3, 10000);

	assert_int_equal(result.status[503], 3);
	assert_int_equal(s.connections, 4);
	end(&s);
}

static void
run_counts_what_is_no_answer(void **state)
{
	static const struct {
		const char	*answer;
		bool		 hang_up;
	} cases[] = {
		{ NULL, true },
		{ "HTTP/1.1 202 Accep", true },
		{ "SSH-2.0-Open\r\n\r\n", false },
		{ OK "more", false },
	};
	struct server s;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		serve(&s, cases[i].answer, cases[i].hang_up);
		run(&s, 2, 10000);

		assert_int_equal(result.sent, 2);
		assert_int_equal(result.status[0], 2);
		assert_int_equal(result.latency.count, 0);
		end(&s);
	}
}

static void
run_gives_up_a_request_after_its_timeout(void **state)
{
	struct server s;
	(void)state;

	serve(&s, NULL, false);
	run(&s, 2, 20);

	assert_int_equal(result.status[0], 2);
	assert_int_equal(s.requests, 2);
	end(&s);
}

static void
run_counts_requests_that_nobody_listens_for(void **state)
{
	struct server s;
	(void)state;

	serve(&s, OK, false);
	evconnlistener_free(s.listener);
	s.listener = NULL;
	run(&s, 2, 10000);

	assert_int_equal(result.sent, 2);
	assert_int_equal(result.status[0], 2);
	end(&s);
}

static void
answer_take_knows_where_an_answer_ends(void **state)
{
	static const struct {
		const char	*bytes;
		enum load_step	 step;
		int		 status;
		bool		 closes;
	} cases[] = {
		{ OK, LOAD_WHOLE, 202, false },
		{ "HTTP/1.1 400 Bad\r\ncontent-length:3\r\n\r\nabc", LOAD_WHOLE,
		  400, false },
		{ "HTTP/1.1 400 Bad\r\nContent-Length: 3\r\n\r\nab", LOAD_MORE,
		  400, false },
		{ "HTTP/1.1 400 Bad\r\nContent-Length: 3\r\n\r\nabcd",
		  LOAD_BROKEN, 400, false },
		{ "HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r", LOAD_MORE, 0,
		  false },
		{ "HTTP/1.0 202 OK\r\nContent-Length: 0\r\n\r\n", LOAD_WHOLE,
		  202, true },
		{ "HTTP/1.1 202\r\nConnection: Close\r\nContent-Length: 0"
		  "\r\n\r\n", LOAD_WHOLE, 202, true },
		{ "HTTP/1.1 202 OK\r\n\r\n", LOAD_WHOLE, 202, true },
		{ "HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		  "0\r\n\r\n", LOAD_WHOLE, 202, true },
		{ "HTTP/1.1 202 OK\r\nContent-Length: x\r\n\r\n", LOAD_BROKEN,
		  202, false },
		{ "HTTP/1.1 2 OK\r\n\r\n", LOAD_BROKEN, 0, false },
	};
	size_t i, k, n;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		struct load_answer whole = { .len = 0 }, single = { .len = 0 };
		enum load_step step = LOAD_MORE;

		n = strlen(cases[i].bytes);

		assert_int_equal(load_answer_take(&whole, cases[i].bytes, n),
		    cases[i].step);
		for (k = 0; k < n && step == LOAD_MORE; k++)
			step = load_answer_take(&single, cases[i].bytes + k,
			    1);

		assert_int_equal(whole.status, cases[i].status);
		assert_int_equal(whole.closes, cases[i].closes);
		/* Byte by byte it is whole before what does not belong. */
		if (cases[i].step != LOAD_BROKEN)
			assert_int_equal(step, cases[i].step);
	}
}

static void
answer_take_refuses_a_head_without_end_or_with_a_nul(void **state)
{
	static char bytes[8000];
	struct load_answer a = { .len = 0 };
	(void)state;

	memset(bytes, 'x', sizeof(bytes));

	assert_int_equal(load_answer_take(&a, bytes, sizeof(bytes)),
	    LOAD_BROKEN);

	memset(&a, 0, sizeof(a));
	assert_int_equal(load_answer_take(&a, "HTTP/1.1 202\0", 13),
	    LOAD_MORE);
	assert_int_equal(load_answer_take(&a, "\r\n\r\n", 4), LOAD_BROKEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    run_sends_one_request_after_the_other_on_a_connection),
		cmocka_unit_test(
		    run_connects_again_after_an_answer_that_closes),
		cmocka_unit_test(run_counts_what_is_no_answer),
		cmocka_unit_test(run_gives_up_a_request_after_its_timeout),
		cmocka_unit_test(run_counts_requests_that_nobody_listens_for),
		cmocka_unit_test(answer_take_knows_where_an_answer_ends),
		cmocka_unit_test(
		    answer_take_refuses_a_head_without_end_or_with_a_nul),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(PATIENCE_S);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
