/*
 * test_sink_serve.c - the simulated Heap on real sockets
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "http.h"
#include "sink_heap.h"
#include "sink_serve.h"

#define EVENT	"{\"app_id\":\"1\",\"identity\":\"ada\",\"event\":\"A\"}"

struct bench {
	struct event_base *base;
	struct http	*http;
	struct sink_heap *heap;
	struct sink_serve *serve;
	FILE		*log;
	char		*log_text;
	size_t		 log_len;
	int		 port;
	struct buf	 answer;	/* everything that was read last */
	bool		 was_reset;
};

static int
setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));
	struct http_settings settings = {
		.name = "test",
		.max_body_bytes = 100000,
		.request_timeout_ms = 5000,
		.max_connections = 10,
		.handler = sink_serve_request,
		.error_body = sink_serve_error,
	};
	struct sink_heap_settings heap;
	struct http_front *front;

	memset(&heap, 0, sizeof(heap));
	heap.events = heap.users = heap.keys = 100;
	b->base = event_base_new();
	b->heap = sink_heap_new(&heap);
	b->log = open_memstream(&b->log_text, &b->log_len);
	b->serve = sink_serve_new(b->base, b->heap, b->log);
	b->http = http_new(b->base);
	settings.arg = b->serve;
	front = http_front(b->http, &settings);
	assert_int_equal(http_listen(front, "127.0.0.1:0", NULL), 0);
	b->port = http_port(front);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	http_free(b->http);
	sink_serve_free(b->serve);
	sink_heap_free(b->heap);
	event_base_free(b->base);
	fclose(b->log);
	free(b->log_text);
	buf_free(&b->answer);
	free(b);
	return 0;
}

static void
on_end(struct bufferevent *bev, short what, void *arg)
{
	struct bench *b = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED)
		return;
	b->was_reset = (what & BEV_EVENT_ERROR) != 0 && errno == ECONNRESET;
	event_base_loopbreak(b->base);
}

/*
 * Sends one request and reads until the connection ends, or for so long.
 * Lent until the next call: the answer, or "" when there was none.
 */
static const char *
ask_for(struct bench *b, struct timeval limit, const char *method,
    const char *target, const char *body)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)b->port)
	};
	struct bufferevent *bev = bufferevent_socket_new(b->base, -1,
	    BEV_OPT_CLOSE_ON_FREE);
	struct evbuffer *in = bufferevent_get_input(bev);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bufferevent_setcb(bev, NULL, NULL, on_end, b);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	evbuffer_add_printf(bufferevent_get_output(bev),
	    "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	    method, target, strlen(body), body);
	assert_int_equal(bufferevent_socket_connect(bev,
	    (struct sockaddr *)&to, sizeof(to)), 0);
	b->was_reset = false;
	event_base_loopexit(b->base, &limit);
	event_base_dispatch(b->base);
	buf_reset(&b->answer);
	buf_put(&b->answer, evbuffer_pullup(in, -1), evbuffer_get_length(in));
	bufferevent_free(bev);
	return buf_str(&b->answer);
}

static const char *
ask(struct bench *b, const char *method, const char *target, const char *body)
{
	const struct timeval limit = { 20, 0 };

	return ask_for(b, limit, method, target, body);
}

static void
assert_answer(const char *answer, int status, const char *part)
{
	char line[16];

	snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
	if (strncmp(answer, line, strlen(line)) != 0 ||
	    strstr(answer, part) == NULL)
		fail_msg("not %d with %s: %s", status, part, answer);
}

static void
sink_serve_request_answers_the_api(void **state)
{
	struct bench *b = *state;

	assert_answer(ask(b, "POST", "/api/track", EVENT), 200, "\r\n\r\n{}");
	assert_answer(ask(b, "POST", "/api/add_user_properties",
	    "{\"app_id\":\"1\",\"identity\":\"ada\",\"properties\":{}}"), 200,
	    "{}");
	assert_answer(ask(b, "POST", "/api/track", "{\"app_id\":\"x\"}"), 400,
	    "postBody.app_id");

	assert_answer(ask(b, "GET", "/stats", ""), 200, "\"total\":3,");
}

static void
sink_serve_request_lists_what_arrived(void **state)
{
	struct bench *b = *state;

	ask(b, "POST", "/api/track",
	    "{\"app_id\":\"1\",\"identity\":\"a & \xc3\xa9\",\"event\":\"A\"}");
	ask(b, "POST", "/api/track", EVENT);

	assert_answer(ask(b, "GET", "/events?limit=1", ""), 200,
	    "{\"events\":[{\"number\":2,");
	assert_answer(ask(b, "GET", "/events?identity=a%20%26%20%C3%A9&x=y",
	    ""), 200, "{\"events\":[{\"number\":1,");
	assert_answer(ask(b, "GET", "/events?event=B", ""), 200,
	    "{\"events\":[]}");
	assert_answer(ask(b, "GET", "/users?identity=ada&app_id=1", ""), 200,
	    "\"identity\":\"ada\",\"events\":1,");
	assert_answer(ask(b, "GET", "/events?limit=x", ""), 400, "limit");
	assert_answer(ask(b, "GET", "/events?limit=-1", ""), 400, "limit");
}

static void
sink_serve_request_keeps_faults(void **state)
{
	struct bench *b = *state;

	assert_answer(ask(b, "POST", "/faults",
	    "{\"do\":{\"status\":503,\"retry_after\":7}}"), 201, "{\"id\":1}");
	assert_answer(ask(b, "POST", "/faults", "{\"do\":{}, \"x\":1}"), 400,
	    "no member x");
	assert_answer(ask(b, "POST", "/api/track", EVENT), 503,
	    "\r\nRetry-After: 7\r\n");
	assert_answer(ask(b, "GET", "/faults", ""), 200,
	    "{\"faults\":[{\"id\":1,\"applied\":1,");
	assert_answer(ask(b, "DELETE", "/faults/1", ""), 204, "");
	assert_answer(ask(b, "DELETE", "/faults/1", ""), 404, "");
	assert_answer(ask(b, "DELETE", "/faults/x", ""), 404, "");
	ask(b, "POST", "/faults", "{\"do\":{\"status\":503}}");
	assert_answer(ask(b, "DELETE", "/faults", ""), 204, "");
	assert_answer(ask(b, "POST", "/api/track", EVENT), 200, "");
}

static void
sink_serve_request_cuts_the_connection_for_a_reset(void **state)
{
	struct bench *b = *state;

	ask(b, "POST", "/faults", "{\"do\":{\"reset\":true},\"count\":1}");

	assert_string_equal(ask(b, "POST", "/api/track", EVENT), "");
	assert_true(b->was_reset);
	assert_answer(ask(b, "POST", "/api/track", EVENT), 200, "");
}

static void
sink_serve_request_answers_late_or_never(void **state)
{
	const struct timeval moment = { 0, 50000 };
	struct bench *b = *state;

	ask(b, "POST", "/faults", "{\"do\":{\"delay_ms\":200},\"count\":2}");
	ask(b, "POST", "/faults", "{\"do\":{\"hang\":true},\"count\":1}");

	assert_string_equal(ask_for(b, moment, "POST", "/api/track", EVENT),
	    "");
	assert_answer(ask(b, "POST", "/api/track", EVENT), 200, "");
	/* Hangs until the end of the test, which must free it. */
	assert_string_equal(ask_for(b, moment, "POST", "/api/track", EVENT),
	    "");
	assert_answer(ask(b, "POST", "/api/track", EVENT), 200, "");
	assert_answer(ask(b, "GET", "/stats", ""), 200, "\"none\":1");
}

static void
sink_serve_request_forgets_on_reset(void **state)
{
	struct bench *b = *state;

	ask(b, "POST", "/api/track", EVENT);
	assert_answer(ask(b, "POST", "/reset", ""), 204, "");

	assert_answer(ask(b, "GET", "/stats", ""), 200, "\"total\":0,");
	assert_answer(ask(b, "GET", "/events", ""), 200, "{\"events\":[]}");
}

static void
sink_serve_request_knows_its_paths_and_methods(void **state)
{
	struct bench *b = *state;

	assert_answer(ask(b, "GET", "/api/track", ""), 405,
	    "\r\nAllow: POST\r\n");
	assert_answer(ask(b, "PUT", "/faults", ""), 405,
	    "\r\nAllow: GET, POST, DELETE\r\n");
	assert_answer(ask(b, "GET", "/api/v1/identify", ""), 404, "");
	assert_answer(ask(b, "GET", "/statsx", ""), 404, "");
}

static void
sink_serve_request_logs_a_line_for_each_api_request(void **state)
{
	struct bench *b = *state;
	const char *second;

	ask(b, "POST", "/api/track", EVENT);
	ask(b, "GET", "/stats", "");
	ask(b, "POST", "/api/track", "{}");

	assert_int_equal(strncmp(b->log_text, "{\"ms\":", 6), 0);
	second = strchr(b->log_text, '\n');
	assert_non_null(second);
	assert_non_null(strstr(b->log_text, "\"status\":200,\"objects\":1,"));
	assert_non_null(strstr(second, "\"status\":400,\"objects\":0,"));
	assert_string_equal(strchr(second + 1, '\n'), "\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(sink_serve_request_answers_the_api),
	    TEST(sink_serve_request_lists_what_arrived),
	    TEST(sink_serve_request_keeps_faults),
	    TEST(sink_serve_request_cuts_the_connection_for_a_reset),
	    TEST(sink_serve_request_answers_late_or_never),
	    TEST(sink_serve_request_forgets_on_reset),
	    TEST(sink_serve_request_knows_its_paths_and_methods),
	    TEST(sink_serve_request_logs_a_line_for_each_api_request),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
