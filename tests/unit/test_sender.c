/*
 * test_sender.c - one POST, one result: what is sent, and what came back
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <event2/event.h>

#include "mem.h"
#include "sender_fixture.h"

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
sender_post_takes_an_answer_that_comes_before_the_body_was_sent(void **state)
{
	struct bench *b = *state;

	post(b, "/refuse-early", 20000000);
	await(b, 1);

	assert_int_equal(b->result.status, 413);
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

static void
sender_free_takes_null(void **state)
{
	(void)state;
	sender_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SENDER_TEST(sender_post_reports_what_the_status_line_says),
	    SENDER_TEST(sender_post_reports_an_error_when_no_answer_came),
	    SENDER_TEST(
		sender_post_sends_the_headers_and_the_body_in_one_piece),
	    SENDER_TEST(sender_post_ignores_the_proxy_of_the_environment),
	    SENDER_TEST(sender_post_never_reports_from_inside_the_call),
	    SENDER_TEST(sender_post_may_be_called_from_done),
	    SENDER_TEST(sender_post_keeps_one_connection_for_a_thousand_posts),
	    SENDER_TEST(sender_post_flies_several_at_once),
	    SENDER_TEST(
	sender_post_takes_an_answer_that_comes_before_the_body_was_sent),
	    SENDER_TEST(sender_post_reads_so_much_of_an_endless_answer),
	    SENDER_TEST(sender_free_ends_what_flies_as_errors),
	    cmocka_unit_test(sender_free_takes_null),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
