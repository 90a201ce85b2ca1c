/*
 * test_http_turns.c - what happens over time: held answers, deadlines,
 * vanishing clients, streams, the end
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "http_fixture.h"
#include "log.h"

static void
http_answers_pipelined_requests_in_order(void **state)
{
	static const enum mode modes[] = { REPLY, HOLD };
	struct fixture fx;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(modes); i++) {
		struct buf in = BUF_INIT;
		int fd;

		start(&fx, LONG_MS);
		fx.mode = modes[i];
		fx.releasing = true;
		fd = dial(&fx);
		say(fd, TEXT(GET("/1") HEAD("POST /2") "Content-Length: 2\r\n"
		    "\r\nab" HEAD("POST /3") "Transfer-Encoding: chunked\r\n"
		    "\r\n1\r\nc\r\n0\r\n\r\n" GET("/4")));

		expect(&fx, fd, &in, 200, "GET /1 ");
		expect(&fx, fd, &in, 200, "POST /2 ab");
		expect(&fx, fd, &in, 200, "POST /3 c");
		expect(&fx, fd, &in, 200, "GET /4 ");

		close(fd);
		buf_free(&in);
		finish(&fx);
	}
}

static void
http_handles_one_request_of_a_connection_at_a_time(void **state)
{
	struct buf in = BUF_INIT;
	struct fixture fx;
	int fd;
	(void)state;

	start(&fx, LONG_MS);
	fx.mode = HOLD;
	fd = dial(&fx);
	say(fd, TEXT(GET("/1") GET("/2")));

	WAIT_FOR(&fx, http_held(fx.http) == 1);
	settle(&fx);
	assert_int_equal(fx.handled, 1);
	http_release(fx.http, true);
	assert_int_equal(http_held(fx.http), 0);
	assert_int_equal(fx.handled, 1);
	WAIT_FOR(&fx, http_held(fx.http) == 1);
	http_release(fx.http, true);

	expect(&fx, fd, &in, 200, "GET /1 ");
	expect(&fx, fd, &in, 200, "GET /2 ");
	close(fd);
	buf_free(&in);
	finish(&fx);
}

/* At an instant of the boot's clock. */
static void
set_clock(int64_t boot)
{
	struct moment m = { 0, boot };

	clock_set(m);
}

static void
http_release_counts_how_long_what_is_durable_took(void **state)
{
	struct buf in = BUF_INIT;
	struct fixture fx;
	int fd;
	(void)state;

	start(&fx, LONG_MS);
	fx.mode = HOLD;
	fd = dial(&fx);
	set_clock(1000);
	say(fd, TEXT(GET("/1")));
	WAIT_FOR(&fx, http_held(fx.http) == 1);
	set_clock(1030);
	http_release(fx.http, true);
	expect(&fx, fd, &in, 200, "GET /1 ");
	assert_int_equal(histogram_count(&fx.latency), 1);
	assert_int_equal(fx.latency.sum, 30000);

	/* The next one of the connection begins anew, and fails. */
	set_clock(5000);
	say(fd, TEXT(GET("/2") GET("/3")));
	WAIT_FOR(&fx, http_held(fx.http) == 1);
	http_release(fx.http, false);
	expect(&fx, fd, &in, 503, NULL);
	WAIT_FOR(&fx, http_held(fx.http) == 1);
	set_clock(5002);
	http_release(fx.http, true);
	expect(&fx, fd, &in, 200, "GET /3 ");
	assert_int_equal(histogram_count(&fx.latency), 2);
	assert_int_equal(fx.latency.sum, 32000);

	/* What promises nothing leaves at once. */
	fx.mode = REPLY;
	say(fd, TEXT(GET("/4")));
	expect(&fx, fd, &in, 200, "GET /4 ");
	assert_int_equal(histogram_count(&fx.latency), 2);
	close(fd);
	buf_free(&in);
	finish(&fx);
}

/* Asks on each of those connections, and releases the answers together. */
static void
ask_together(struct fixture *fx, const int *fd, size_t n)
{
	struct buf in = BUF_INIT;
	size_t i;

	for (i = 0; i < n; i++)
		say(fd[i], TEXT(GET("/")));
	WAIT_FOR(fx, http_held(fx->http) == n);
	http_release(fx->http, true);
	for (i = 0; i < n; i++)
		expect(fx, fd[i], &in, 200, "GET / ");
	buf_free(&in);
}

static void
http_lately_counts_connections_that_take_turns(void **state)
{
	struct fixture fx;
	int fd[3];
	int i;
	(void)state;

	start(&fx, LONG_MS);
	fx.mode = HOLD;
	for (i = 0; i < 3; i++)
		fd[i] = dial(&fx);
	assert_int_equal(http_lately(fx.http), 0);

	for (i = 0; i < 10; i++) {
		ask_together(&fx, &fd[0], 2);
		assert_int_equal(http_lately(fx.http), i == 0 ? 2 : 3);
		ask_together(&fx, &fd[2], 1);
		assert_int_equal(http_lately(fx.http), 3);
	}
	for (i = 0; i < 10; i++)	/* the others have left off */
		ask_together(&fx, &fd[2], 1);
	assert_int_equal(http_lately(fx.http), 1);

	for (i = 0; i < 3; i++)
		close(fd[i]);
	finish(&fx);
}

static void
http_stops_reading_ahead_while_a_request_is_held(void **state)
{
	enum { FLOOD = 64 << 20 };
	static char block[65536];
	struct fixture fx;
	size_t sent = 0, idle = 0;
	ssize_t n;
	int fd;
	(void)state;

	start(&fx, LONG_MS);
	fx.mode = HOLD;
	fd = dial(&fx);
	say(fd, TEXT(GET("/1")));
	WAIT_FOR(&fx, http_held(fx.http) == 1);

	/* Only the kernel's buffers take what the server does not. */
	while (sent < FLOOD && idle < 100) {
		n = send(fd, block, sizeof(block), MSG_NOSIGNAL);
		idle = n > 0 ? 0 : idle + 1;
		sent += n > 0 ? (size_t)n : 0;
		settle(&fx);
	}

	assert_true(sent < FLOOD);
	close(fd);
	finish(&fx);
}

static void
http_answers_408_to_a_request_that_drips(void **state)
{
	static const char *const starts[] = {
		"GET / HTTP/1.1\r\nHost: a\r\nA: ",
		HEAD("POST /") "Content-Length: 900\r\n\r\nab",
		HEAD("POST /") "Transfer-Encoding: chunked\r\n\r\n300\r\nab"
	};
	struct fixture fx;
	size_t i;
	(void)state;

	start(&fx, SHORT_MS);
	for (i = 0; i < HR_COUNT(starts); i++) {
		uint64_t timeouts = stat_get(STAT_http_timeouts);
		struct buf in = BUF_INIT;
		int fd = dial(&fx);

		say(fd, starts[i], strlen(starts[i]));
		drip(&fx, fd, "aaa", &in);

		assert_int_equal(status_of(buf_str(&in)), 408);
		assert_int_equal(stat_get(STAT_http_timeouts), timeouts + 1);
		close(fd);
		WAIT_FOR(&fx, http_connections(fx.front) == 0);
		buf_free(&in);
	}
	assert_int_equal(fx.handled, 0);
	finish(&fx);
}

static void
http_closes_an_idle_connection_without_a_word(void **state)
{
	struct fixture fx;
	struct buf in = BUF_INIT;
	uint64_t timeouts = stat_get(STAT_http_timeouts);
	int fresh, used;
	(void)state;

	start(&fx, SHORT_MS);
	fresh = dial(&fx);
	used = dial(&fx);
	say(used, TEXT(GET("/")));
	expect(&fx, used, &in, 200, NULL);

	await_close(&fx, fresh, &in);
	await_close(&fx, used, &in);

	assert_int_equal(in.len, 0);
	assert_int_equal(stat_get(STAT_http_timeouts), timeouts);
	close(fresh);
	close(used);
	buf_free(&in);
	finish(&fx);
}

static void
http_gives_a_handler_all_the_time_it_needs(void **state)
{
	struct fixture fx;
	struct buf in = BUF_INIT;
	int64_t until;
	int fd;
	(void)state;

	start(&fx, SHORT_MS);
	fx.mode = LATER;
	fd = dial(&fx);
	say(fd, TEXT(GET("/slow")));
	until = now_ms() + 2 * SHORT_MS;
	WAIT_FOR(&fx, now_ms() > until);
	assert_int_equal(http_busy(fx.http), 1);
	echo(&fx, fx.kept, false);

	expect(&fx, fd, &in, 200, "GET /slow ");
	close(fd);
	buf_free(&in);
	finish(&fx);
}

static void
http_drops_a_reader_that_does_not_read(void **state)
{
	static char zeroes[HUGE_BYTES];
	const struct http_answer huge = { .status = 200, .body = zeroes,
	    .body_len = sizeof(zeroes) };
	struct fixture fx;
	int64_t until;
	int fd;
	(void)state;

	start(&fx, SHORT_MS);
	fx.mode = LATER;
	fd = dial(&fx);
	say(fd, TEXT(GET("/")));
	/* Even when the handler took longer than the deadline. */
	until = now_ms() + 2 * SHORT_MS;
	WAIT_FOR(&fx, now_ms() > until);
	http_reply(fx.kept, &huge);
	assert_int_equal(http_busy(fx.http), 1);

	WAIT_FOR(&fx, http_connections(fx.front) == 0);

	assert_int_equal(http_busy(fx.http), 0);
	close(fd);
	finish(&fx);
}

static void
http_sends_a_long_answer_whole_to_a_reader_that_reads(void **state)
{
	struct fixture fx;
	struct buf in = BUF_INIT;
	int fd;
	(void)state;

	start(&fx, LONG_MS);
	fx.mode = HUGE_REPLY;
	fd = dial(&fx);
	say(fd, TEXT(HEAD("GET /") "Connection: close\r\n\r\n"));

	await_close(&fx, fd, &in);

	assert_int_equal(in.len, answer_length(&in));
	assert_true(in.len > HUGE_BYTES);
	close(fd);
	buf_free(&in);
	finish(&fx);
}

static void
http_answers_a_client_that_has_shut_its_side(void **state)
{
	static const enum mode modes[] = { REPLY, HOLD };
	struct fixture fx;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(modes); i++) {
		struct buf in = BUF_INIT;
		int fd;

		start(&fx, LONG_MS);
		fx.mode = modes[i];
		fd = dial(&fx);
		say(fd, TEXT(GET("/1") GET("/2")));
		shutdown(fd, SHUT_WR);
		settle(&fx);
		fx.releasing = true;

		expect(&fx, fd, &in, 200, "GET /1 ");
		expect(&fx, fd, &in, 200, "GET /2 ");
		await_close(&fx, fd, &in);
		close(fd);
		buf_free(&in);
		finish(&fx);
	}
}

/* Closes so that the other end gets a reset. */
static void
reset(int fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void
http_survives_a_client_that_vanishes_while_held(void **state)
{
	struct fixture fx;
	int durable;
	(void)state;

	for (durable = 0; durable < 2; durable++) {
		int fd;

		start(&fx, LONG_MS);
		fx.mode = HOLD;
		fd = dial(&fx);
		say(fd, TEXT(GET("/")));
		WAIT_FOR(&fx, http_held(fx.http) == 1);
		reset(fd);
		WAIT_FOR(&fx, http_connections(fx.front) == 0);
		assert_int_equal(http_held(fx.http), 1);

		http_release(fx.http, durable != 0);

		assert_int_equal(http_held(fx.http), 0);
		assert_int_equal(http_busy(fx.http), 0);
		finish(&fx);
	}
}

static void
http_keeps_a_request_valid_until_it_is_answered(void **state)
{
	static const bool holds[] = { false, true };
	struct fixture fx;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(holds); i++) {
		int fd;

		start(&fx, LONG_MS);
		fx.mode = LATER;
		fx.releasing = true;
		fd = dial(&fx);
		say(fd, TEXT(GET("/")));
		WAIT_FOR(&fx, fx.kept != NULL);
		reset(fd);
		WAIT_FOR(&fx, http_connections(fx.front) == 0);

		assert_string_equal(http_target(fx.kept), "/");
		echo(&fx, fx.kept, holds[i]);

		WAIT_FOR(&fx, http_busy(fx.http) == 0);
		finish(&fx);
	}
}

static void
http_release_answers_503_when_the_turn_was_not_durable(void **state)
{
	struct fixture fx;
	struct buf in = BUF_INIT;
	char *answer;
	int fd;
	(void)state;

	start(&fx, LONG_MS);
	fx.mode = HOLD;
	fd = dial(&fx);
	say(fd, TEXT(GET("/")));
	WAIT_FOR(&fx, http_held(fx.http) == 1);
	assert_int_equal(hear(fd, &in), 0);

	http_release(fx.http, false);

	answer = next_answer(&fx, fd, &in);
	assert_int_equal(status_of(answer), 503);
	expect_text(answer, "\r\nRetry-After: 1\r\n");
	expect_text(answer, "{\"status\":503");
	expect_no_text(answer, "X-Echo");
	expect_no_text(answer, "Connection:");
	free(answer);
	fx.releasing = true;
	say(fd, TEXT(GET("/again")));
	expect(&fx, fd, &in, 200, "GET /again ");
	close(fd);
	buf_free(&in);
	finish(&fx);
}

static void
http_turns_away_what_is_too_much(void **state)
{
	uint64_t before = stat_get(STAT_http_refused_connections);
	struct fixture fx;
	struct buf in = BUF_INIT;
	int fd[MAX_OPEN + 1], i;
	(void)state;

	start(&fx, LONG_MS);
	for (i = 0; i < MAX_OPEN; i++)
		fd[i] = dial(&fx);
	WAIT_FOR(&fx, http_connections(fx.front) == MAX_OPEN);
	fd[MAX_OPEN] = dial(&fx);
	say(fd[MAX_OPEN], TEXT(GET("/")));
	await_close(&fx, fd[MAX_OPEN], &in);

	assert_int_equal(status_of(buf_str(&in)), 503);
	expect_text(in.p, "\r\nConnection: close\r\n");
	assert_int_equal(stat_get(STAT_http_refused_connections), before + 1);
	assert_int_equal(http_connections(fx.front), MAX_OPEN);
	buf_reset(&in);
	say(fd[0], TEXT(GET("/")));
	expect(&fx, fd[0], &in, 200, NULL);
	close(fd[1]);
	WAIT_FOR(&fx, http_connections(fx.front) == MAX_OPEN - 1);
	close(fd[MAX_OPEN]);
	fd[MAX_OPEN] = dial(&fx);
	say(fd[MAX_OPEN], TEXT(GET("/")));
	expect(&fx, fd[MAX_OPEN], &in, 200, NULL);
	close(fd[0]);
	close(fd[2]);
	close(fd[MAX_OPEN]);
	buf_free(&in);
	finish(&fx);
}

static void
http_stop_closes_the_idle_and_lets_the_busy_end(void **state)
{
	struct fixture fx;
	struct buf in = BUF_INIT, busy_in = BUF_INIT;
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char *answer;
	int idle, held, partial, fd;
	(void)state;

	start(&fx, LONG_MS);
	fx.mode = HOLD;
	to.sin_port = htons((uint16_t)http_port(fx.front));
	idle = dial(&fx);
	held = dial(&fx);
	partial = dial(&fx);
	say(held, TEXT(GET("/held")));
	say(partial, TEXT(HEAD("POST /part") "Content-Length: 2\r\n\r\n"));
	WAIT_FOR(&fx, http_held(fx.http) == 1 && http_busy(fx.http) == 2 &&
	    http_connections(fx.front) == 3);

	http_stop(fx.http);

	await_close(&fx, idle, &in);
	assert_int_equal(in.len, 0);
	assert_int_equal(http_busy(fx.http), 2);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
	close(fd);
	fx.releasing = true;
	answer = next_answer(&fx, held, &in);
	expect_text(answer, "\r\nConnection: close\r\n");
	free(answer);
	await_close(&fx, held, &in);
	say(partial, TEXT("ab"));
	answer = next_answer(&fx, partial, &busy_in);
	expect_text(answer, "\r\nConnection: close\r\n");
	expect_text(answer, "POST /part ab");
	free(answer);
	await_close(&fx, partial, &busy_in);
	assert_int_equal(http_busy(fx.http), 0);
	assert_int_equal(http_connections(fx.front), 0);
	close(idle);
	close(held);
	close(partial);
	buf_free(&in);
	buf_free(&busy_in);
	finish(&fx);
}

static void
http_stop_lets_an_answer_that_is_being_sent_end(void **state)
{
	struct fixture fx;
	struct buf in = BUF_INIT;
	int fd;
	(void)state;

	start(&fx, LONG_MS);
	fx.mode = HUGE_REPLY;
	fd = dial(&fx);
	say(fd, TEXT(GET("/")));
	WAIT_FOR(&fx, fx.handled == 1);

	http_stop(fx.http);

	assert_int_equal(http_busy(fx.http), 1);
	await_close(&fx, fd, &in);
	assert_int_equal(in.len, answer_length(&in));
	close(fd);
	buf_free(&in);
	finish(&fx);
}

static int
open_stream(struct fixture *fx, struct buf *in)
{
	int fd = dial(fx);
	char *head;

	fx->mode = STREAM;
	say(fd, TEXT(GET("/live")));
	head = next_answer(fx, fd, in);
	expect_text(head, "\r\nContent-Type: text/event-stream\r\n");
	expect_text(head, "\r\nConnection: close\r\n");
	expect_no_text(head, "Content-Length");
	free(head);
	return fd;
}

static void
http_stream_sends_at_once_until_its_end(void **state)
{
	struct fixture fx;
	struct buf in = BUF_INIT;
	int fd;
	(void)state;

	start(&fx, LONG_MS);
	fd = open_stream(&fx, &in);
	assert_true(http_stream_put(fx.kept, TEXT("one\n"), 1000));
	while (in.len < 4)
		hear(fd, &in);
	assert_string_equal(buf_str(&in), "one\n");
	assert_true(http_stream_put(fx.kept, TEXT("two\n"), 1000));
	http_stream_end(fx.kept);
	await_close(&fx, fd, &in);

	assert_string_equal(buf_str(&in), "one\ntwo\n");
	assert_int_equal(fx.gone, 0);
	assert_int_equal(http_connections(fx.front), 0);
	close(fd);
	buf_free(&in);
	finish(&fx);
}

static void
http_stream_put_drops_what_a_slow_reader_leaves(void **state)
{
	enum { PENDING = 100000 };
	static char block[50000];
	struct fixture fx;
	struct buf in = BUF_INIT;
	size_t taken = 0;
	int fd;
	(void)state;

	memset(block, 'a', sizeof(block));
	start(&fx, LONG_MS);
	fd = open_stream(&fx, &in);
	while (http_stream_put(fx.kept, block, sizeof(block), PENDING)) {
		taken += sizeof(block);
		assert_true(taken < 64 << 20);
		turn(&fx);
	}
	assert_false(http_stream_put(fx.kept, block, 1, PENDING));
	WAIT_FOR(&fx, hear(fd, &in) >= 0 && in.len == taken);
	assert_true(http_stream_put(fx.kept, TEXT("end"), PENDING));
	http_stream_end(fx.kept);
	await_close(&fx, fd, &in);

	assert_int_equal(in.len, taken + 3);
	close(fd);
	buf_free(&in);
	finish(&fx);
}

static void
http_stream_tells_once_that_the_reader_is_gone(void **state)
{
	static const bool resets[] = { false, true };
	struct fixture fx;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(resets); i++) {
		struct buf in = BUF_INIT;
		int fd;

		start(&fx, LONG_MS);
		fd = open_stream(&fx, &in);
		if (resets[i])
			reset(fd);
		else
			close(fd);
		/* A put may be what notices, but is not what tells. */
		if (resets[i]) {
			(void)http_stream_put(fx.kept, TEXT("a"), 1000);
			assert_int_equal(fx.gone, 0);
			assert_false(http_stream_put(fx.kept, TEXT("b"),
			    1000));
		}
		WAIT_FOR(&fx, fx.gone == 1);
		settle(&fx);

		assert_int_equal(fx.gone, 1);
		assert_int_equal(http_busy(fx.http), 0);
		buf_free(&in);
		finish(&fx);
	}
}

static void
http_stream_gives_up_on_a_reader_that_takes_nothing(void **state)
{
	static char block[50000];
	struct fixture fx;
	struct buf in = BUF_INIT;
	int64_t until;
	int fd;
	(void)state;

	start(&fx, SHORT_MS);
	fd = open_stream(&fx, &in);
	/* Silence is fine for as long as nothing waits. */
	until = now_ms() + 3 * SHORT_MS;
	WAIT_FOR(&fx, now_ms() > until);
	assert_int_equal(fx.gone, 0);
	while (http_stream_put(fx.kept, block, sizeof(block), 100000))
		turn(&fx);

	WAIT_FOR(&fx, fx.gone == 1);

	close(fd);
	buf_free(&in);
	finish(&fx);
}

static void
http_stream_ends_with_the_server(void **state)
{
	struct fixture fx;
	struct buf in = BUF_INIT;
	int fd;
	(void)state;

	start(&fx, LONG_MS);
	fd = open_stream(&fx, &in);
	http_stop(fx.http);
	assert_int_equal(fx.gone, 1);
	assert_int_equal(http_busy(fx.http), 0);
	close(fd);
	finish(&fx);

	start(&fx, LONG_MS);
	fd = open_stream(&fx, &in);
	http_free(fx.http);
	assert_int_equal(fx.gone, 1);
	fx.http = NULL;
	close(fd);
	buf_free(&in);
	finish(&fx);
}

static void
http_free_ends_what_is_in_progress(void **state)
{
	struct fixture fx;
	int held, partial;
	(void)state;

	start(&fx, LONG_MS);
	fx.mode = HOLD;
	held = dial(&fx);
	partial = dial(&fx);
	say(held, TEXT(GET("/")));
	say(partial, TEXT(HEAD("POST /") "Content-Length: 2\r\n\r\na"));
	WAIT_FOR(&fx, http_busy(fx.http) == 2);

	finish(&fx);

	close(held);
	close(partial);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(http_answers_pipelined_requests_in_order),
		cmocka_unit_test(
		    http_handles_one_request_of_a_connection_at_a_time),
		cmocka_unit_test(
		    http_release_counts_how_long_what_is_durable_took),
		cmocka_unit_test(
		    http_lately_counts_connections_that_take_turns),
		cmocka_unit_test(
		    http_stops_reading_ahead_while_a_request_is_held),
		cmocka_unit_test(http_answers_408_to_a_request_that_drips),
		cmocka_unit_test(http_closes_an_idle_connection_without_a_word),
		cmocka_unit_test(http_gives_a_handler_all_the_time_it_needs),
		cmocka_unit_test(http_drops_a_reader_that_does_not_read),
		cmocka_unit_test(
		    http_sends_a_long_answer_whole_to_a_reader_that_reads),
		cmocka_unit_test(http_answers_a_client_that_has_shut_its_side),
		cmocka_unit_test(
		    http_survives_a_client_that_vanishes_while_held),
		cmocka_unit_test(
		    http_keeps_a_request_valid_until_it_is_answered),
		cmocka_unit_test(
		    http_release_answers_503_when_the_turn_was_not_durable),
		cmocka_unit_test(http_turns_away_what_is_too_much),
		cmocka_unit_test(
		    http_stop_closes_the_idle_and_lets_the_busy_end),
		cmocka_unit_test(
		    http_stop_lets_an_answer_that_is_being_sent_end),
		cmocka_unit_test(http_stream_sends_at_once_until_its_end),
		cmocka_unit_test(
		    http_stream_put_drops_what_a_slow_reader_leaves),
		cmocka_unit_test(
		    http_stream_tells_once_that_the_reader_is_gone),
		cmocka_unit_test(
		    http_stream_gives_up_on_a_reader_that_takes_nothing),
		cmocka_unit_test(http_stream_ends_with_the_server),
		cmocka_unit_test(http_free_ends_what_is_in_progress)
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
