/*
 * test_http.c - requests on the wire: which are read, how they are answered
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_fixture.h"
#include "log.h"

static const struct {
	const char	*what;
	const char	*text;
	size_t		 len;
	int		 status;
} refused[] = {
	{ "two Hosts", TEXT(HEAD("GET /") "Host: b\r\n\r\n"), 400 },
	{ "no Host", TEXT("GET / HTTP/1.1\r\n\r\n"), 400 },
	{ "two lengths", TEXT(HEAD("POST /") "Content-Length: 1\r\n"
	    "Content-Length: 1\r\n\r\na"), 400 },
	{ "signed length", TEXT(HEAD("POST /") "Content-Length: +5\r\n\r\n"
	    "hello"), 400 },
	{ "length and coding", TEXT(HEAD("POST /") "Content-Length: 5\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400 },
	{ "xchunked", TEXT(HEAD("POST /") "Transfer-Encoding: xchunked\r\n\r\n"
	    "0\r\n\r\n"), 501 },
	{ "blank before colon", TEXT("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
	    400 },
	{ "empty name", TEXT(HEAD("GET /") ": x\r\n\r\n"), 400 },
	{ "bare CR", TEXT(HEAD("GET /") "A: b\rc\r\n\r\n"), 400 },
	{ "LF alone", TEXT("GET / HTTP/1.1\nHost: a\n\n"), 400 },
	{ "folded", TEXT(HEAD("GET /") "A: b\r\n c\r\n\r\n"), 400 },
	{ "NUL", TEXT(HEAD("GET /") "A: b\0\r\n\r\n"), 400 },
	{ "HTTP/2", TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505 },
	{ "TLS to a plain port", TEXT("\x16\x03\x01\0\n\n"), 400 },
	{ "chunk size", TEXT(HEAD("POST /") "Transfer-Encoding: chunked\r\n\r\n"
	    "x\r\n"), 400 },
	{ "chunk sign", TEXT(HEAD("POST /") "Transfer-Encoding: chunked\r\n\r\n"
	    "+1\r\na\r\n0\r\n\r\n"), 400 },
	{ "chunk end", TEXT(HEAD("POST /") "Transfer-Encoding: chunked\r\n\r\n"
	    "1\r\nab\r\n0\r\n\r\n"), 400 },
	{ "chunk of 2^64", TEXT(HEAD("POST /")
	    "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n"), 400 },
	{ "length over the limit", TEXT(HEAD("POST /")
	    "Content-Length: 1001\r\n\r\n"), 413 },
	{ "length far over it", TEXT(HEAD("POST /")
	    "Content-Length: 18446744073709551615\r\n\r\n"), 413 },
	{ "chunk over the limit", TEXT(HEAD("POST /")
	    "Transfer-Encoding: chunked\r\n\r\n3e9\r\n"), 413 }
};

static void
http_refuses_doubtful_framing_and_closes(void **state)
{
	struct fixture fx;
	char *answer;
	size_t i;
	(void)state;

	start(&fx, LONG_MS);
	for (i = 0; i < HR_COUNT(refused); i++) {
		uint64_t bad = stat_get(STAT_http_bad_requests);
		struct buf in = BUF_INIT;
		int fd = dial(&fx);

		say(fd, refused[i].text, refused[i].len);
		answer = next_answer(&fx, fd, &in);
		if (status_of(answer) != refused[i].status)
			fail_msg("%s: \"%s\"", refused[i].what, answer);
		expect_text(answer, "\r\nConnection: close\r\n");
		expect_text(answer, "\r\nContent-Type: application/json\r\n");
		expect_text(answer, "\r\n\r\n{\"status\":");
		/* What follows is not taken for a request. */
		say(fd, TEXT(GET("/smuggled")));
		await_close(&fx, fd, &in);
		assert_int_equal(in.len, 0);
		assert_int_equal(stat_get(STAT_http_bad_requests) - bad,
		    refused[i].status != 413);
		close(fd);
		free(answer);
		buf_free(&in);
	}
	assert_int_equal(fx.handled, 0);
	finish(&fx);
}

static const struct {
	const char	*text;
	const char	*body;
} accepted[] = {
	{ GET("/a?b=c"), "GET /a?b=c " },
	{ "\r\n" GET("/"), "GET / " },
	{ "GET http://localhost/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
	    "GET /x " },
	{ "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", "OPTIONS * " },
	{ HEAD("POST /") "Content-Length: 0\r\n\r\n", "POST / " },
	{ HEAD("POST /") "Content-Length: 5\r\n\r\nhello", "POST / hello" },
	{ HEAD("POST /") "content-length:5 \r\n\r\n\r\n\r\n.",
	    "POST / \r\n\r\n." },
	{ HEAD("POST /") "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "POST / " },
	{ HEAD("POST /") "Transfer-Encoding: chunked\r\n\r\n"
	    "3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\nTrailer: x\r\n\r\n",
	    "POST / hello" }
};

static void
http_reads_requests_however_they_are_cut(void **state)
{
	struct fixture fx;
	size_t i, cut, len;
	(void)state;

	start(&fx, LONG_MS);
	for (i = 0; i < HR_COUNT(accepted); i++) {
		struct buf in = BUF_INIT;
		int fd = dial(&fx);

		len = strlen(accepted[i].text);
		for (cut = 1; cut <= len; cut++) {
			say(fd, accepted[i].text, cut);
			settle(&fx);
			if (cut < len)
				say(fd, accepted[i].text + cut, len - cut);
			expect(&fx, fd, &in, 200, accepted[i].body);
		}
		for (cut = 0; cut < len; cut++) {
			assert_int_equal(hear(fd, &in), 0);
			say(fd, accepted[i].text + cut, 1);
			settle(&fx);
		}
		expect(&fx, fd, &in, 200, accepted[i].body);
		assert_int_equal(in.len, 0);
		close(fd);
		buf_free(&in);
	}
	finish(&fx);
}

/* A new connection that says `text`, is answered, and sees the end. */
static char *
ask_once(struct fixture *fx, const char *text, size_t len)
{
	struct buf in = BUF_INIT;
	int fd = dial(fx);

	say(fd, text, len);
	await_close(fx, fd, &in);
	close(fd);
	return buf_steal(&in);
}

static void
http_refuses_a_head_without_an_end(void **state)
{
	struct fixture fx;
	struct buf text = BUF_INIT;
	char *answer;
	(void)state;

	start(&fx, LONG_MS);
	buf_puts(&text, HEAD("GET /") "A: ");
	while (text.len < 20000)
		buf_putc(&text, 'a');

	answer = ask_once(&fx, text.p, text.len);

	assert_int_equal(status_of(answer), 431);
	free(answer);
	buf_free(&text);
	finish(&fx);
}

static void
http_refuses_too_many_headers(void **state)
{
	struct fixture fx;
	struct buf text = BUF_INIT;
	char *answer;
	int i;
	(void)state;

	start(&fx, LONG_MS);
	buf_puts(&text, HEAD("GET /"));
	for (i = 0; i < 100; i++)
		buf_puts(&text, "A: b\r\n");
	buf_puts(&text, "\r\n");

	answer = ask_once(&fx, text.p, text.len);

	assert_int_equal(status_of(answer), 431);
	free(answer);
	buf_free(&text);
	finish(&fx);
}

static void
http_answers_with_length_date_and_given_headers(void **state)
{
	struct fixture fx;
	struct buf in = BUF_INIT;
	int fd;
	char *answer, day[4], month[4];
	int d, y, h, m, s;
	(void)state;

	start(&fx, LONG_MS);
	fd = dial(&fx);
	say(fd, TEXT(HEAD("POST /x") "content-length: 3\r\n\r\nabc"));
	answer = next_answer(&fx, fd, &in);

	expect_text(answer, "HTTP/1.1 200 OK\r\n");
	expect_text(answer, "\r\nContent-Length: 11\r\n");
	expect_text(answer, "\r\nContent-Type: text/plain\r\n");
	expect_text(answer, "\r\nX-Echo: yes\r\n");
	expect_no_text(answer, "Connection:");
	assert_int_equal(sscanf(strstr(answer, "Date: "),
	    "Date: %3s, %2d %3s %4d %2d:%2d:%2d GMT", day, &d, month, &y, &h,
	    &m, &s), 7);
	assert_in_range(y, 2020, 9999);
	free(answer);
	close(fd);
	buf_free(&in);
	finish(&fx);
}

static void
http_answers_head_without_a_body(void **state)
{
	struct fixture fx;
	char *answer;
	(void)state;

	start(&fx, LONG_MS);

	answer = ask_once(&fx, TEXT(HEAD("HEAD /x") "Connection: close\r\n"
	    "\r\n"));

	expect_text(answer, "\r\nContent-Length: 8\r\n");
	assert_string_equal(body_of(answer), "");
	free(answer);
	finish(&fx);
}

static void
http_closes_when_the_client_asks_for_it(void **state)
{
	static const char *const texts[] = {
		HEAD("GET /") "Connection: close\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n",
		"POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n"
	};
	struct fixture fx;
	char *answer;
	size_t i;
	(void)state;

	start(&fx, LONG_MS);
	for (i = 0; i < HR_COUNT(texts); i++) {
		answer = ask_once(&fx, texts[i], strlen(texts[i]));
		assert_int_equal(status_of(answer), 200);
		expect_text(answer, "\r\nConnection: close\r\n");
		free(answer);
	}
	finish(&fx);
}

static void
http_keeps_a_1_0_connection_when_asked_and_says_so(void **state)
{
	struct fixture fx;
	struct buf in = BUF_INIT;
	char *answer;
	int fd, i;
	(void)state;

	start(&fx, LONG_MS);
	fd = dial(&fx);
	for (i = 0; i < 2; i++) {
		say(fd, TEXT("GET / HTTP/1.0\r\nConnection: keep-alive\r\n"
		    "\r\n"));
		answer = next_answer(&fx, fd, &in);
		expect_text(answer, "\r\nConnection: keep-alive\r\n");
		free(answer);
	}
	close(fd);
	buf_free(&in);
	finish(&fx);
}

static void
http_says_100_when_it_wants_the_body(void **state)
{
	struct fixture fx;
	struct buf in = BUF_INIT;
	int fd;
	(void)state;

	start(&fx, LONG_MS);
	fd = dial(&fx);
	say(fd, TEXT(HEAD("POST /") "Content-Length: 5\r\n"
	    "Expect: 100-continue\r\n\r\n"));
	expect(&fx, fd, &in, 100, "");
	say(fd, TEXT("hello"));
	expect(&fx, fd, &in, 200, "POST / hello");

	/* Not to a client that did not wait, nor one without a body. */
	say(fd, TEXT(HEAD("POST /") "Content-Length: 2\r\n"
	    "Expect: 100-continue\r\n\r\nhi"));
	expect(&fx, fd, &in, 200, "POST / hi");
	say(fd, TEXT(HEAD("GET /") "Expect: 100-continue\r\n\r\n"));
	expect(&fx, fd, &in, 200, "GET / ");
	close(fd);
	buf_free(&in);
	finish(&fx);
}

static void
http_says_no_100_when_it_refuses(void **state)
{
	static const struct { const char *text; int status; } cases[] = {
		{ HEAD("POST /") "Authorization: x\r\nContent-Length: 1001\r\n"
		    "Expect: 100-continue\r\n\r\n", 413 },
		{ HEAD("POST /") "Content-Length: 5\r\n"
		    "Expect: 100-continue\r\n\r\n", 401 }
	};
	struct fixture fx;
	char *answer;
	size_t i;
	(void)state;

	start(&fx, LONG_MS);
	fx.refuse_early = true;
	for (i = 0; i < HR_COUNT(cases); i++) {
		answer = ask_once(&fx, cases[i].text, strlen(cases[i].text));
		assert_int_equal(status_of(answer), cases[i].status);
		free(answer);
	}
	finish(&fx);
}

static void
http_early_answer_closes_only_before_an_unread_body(void **state)
{
	struct fixture fx;
	struct buf in = BUF_INIT;
	int fd;
	char *answer;
	(void)state;

	start(&fx, LONG_MS);
	fx.refuse_early = true;
	fd = dial(&fx);
	say(fd, TEXT(GET("/")));
	expect(&fx, fd, &in, 401, "");
	say(fd, TEXT(HEAD("POST /") "Authorization: x\r\nContent-Length: 2\r\n"
	    "\r\nok"));
	expect(&fx, fd, &in, 200, "POST / ok");
	say(fd, TEXT(HEAD("POST /") "Content-Length: 2\r\n\r\n"));
	answer = next_answer(&fx, fd, &in);

	assert_int_equal(status_of(answer), 401);
	expect_text(answer, "\r\nConnection: close\r\n");
	assert_int_equal(fx.handled, 1);
	await_close(&fx, fd, &in);
	free(answer);
	close(fd);
	buf_free(&in);
	finish(&fx);
}

static void
http_lets_a_client_read_the_answer_while_it_still_sends(void **state)
{
	enum { BODY = 2 << 20 };
	struct fixture fx;
	struct buf in = BUF_INIT;
	size_t sent = 0;
	int64_t give_up = now_ms() + PATIENCE_MS;
	char *block = xcalloc(1, 65536);
	ssize_t n;
	int fd;
	(void)state;

	start(&fx, LONG_MS);
	fd = dial(&fx);
	say(fd, TEXT(HEAD("POST /") "Content-Length: 2097152\r\n\r\n"));
	while (sent < BODY && now_ms() < give_up) {
		n = send(fd, block, 65536, MSG_NOSIGNAL);
		assert_true(n > 0 || errno == EAGAIN);
		sent += n > 0 ? (size_t)n : 0;
		turn(&fx);
	}

	assert_int_equal(sent, BODY);
	expect(&fx, fd, &in, 413, NULL);
	await_close(&fx, fd, &in);
	close(fd);
	WAIT_FOR(&fx, http_connections(fx.front) == 0);
	free(block);
	buf_free(&in);
	finish(&fx);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(http_refuses_doubtful_framing_and_closes),
		cmocka_unit_test(http_reads_requests_however_they_are_cut),
		cmocka_unit_test(http_refuses_a_head_without_an_end),
		cmocka_unit_test(http_refuses_too_many_headers),
		cmocka_unit_test(
		    http_answers_with_length_date_and_given_headers),
		cmocka_unit_test(http_answers_head_without_a_body),
		cmocka_unit_test(http_closes_when_the_client_asks_for_it),
		cmocka_unit_test(
		    http_keeps_a_1_0_connection_when_asked_and_says_so),
		cmocka_unit_test(http_says_100_when_it_wants_the_body),
		cmocka_unit_test(http_says_no_100_when_it_refuses),
		cmocka_unit_test(
		    http_early_answer_closes_only_before_an_unread_body),
		cmocka_unit_test(
		    http_lets_a_client_read_the_answer_while_it_still_sends)
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
