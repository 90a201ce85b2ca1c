/*
 * test_sender_broken.c - connections that do not come about, break, or take
 * too long: what is reported, and that nothing goes twice
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
#include <netinet/in.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "mem.h"
#include "sender_fixture.h"

static void
sender_post_never_left_when_the_connection_is_refused(void **state)
{
	struct bench *b = *state;
	const struct sender_result *r;

	post_one(b, "/leave");		/* the handle has known better days */
	stop_listening(b);
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
	stop_listening(b);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SENDER_TEST(sender_post_never_left_when_the_connection_is_refused),
	    SENDER_TEST(sender_post_never_left_when_the_name_is_unknown),
	    SENDER_TEST(sender_post_never_left_when_connecting_takes_too_long),
	    SENDER_TEST(sender_post_ends_after_the_timeout),
	    SENDER_TEST(
		sender_post_fails_when_the_connection_is_reset_before_it),
	    SENDER_TEST(
		sender_post_fails_when_the_connection_is_reset_during_it),
	    SENDER_TEST(
		sender_post_does_not_send_again_when_a_kept_connection_breaks),
	    SENDER_TEST(
	sender_post_left_when_a_kept_connection_took_it_and_no_other_opens),
	    SENDER_TEST(
	sender_post_opens_a_new_connection_when_the_kept_one_was_closed),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
