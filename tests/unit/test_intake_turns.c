/*
 * test_intake_turns.c - the ingest endpoints over turns: rates, locks, 503
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "intake_fixture.h"
#include "log.h"

#define BATCH	"{\"mpid\":1,\"events\":[{\"event_type\":\"session_start\"}]}"
#define ACCEPTED "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
#define UNAVAILABLE "503 Service Unavailable"
#define AGAIN	"Retry-After: 1\r\n"

static int64_t
batches(struct intake_fixture *f)
{
	return number(f->accept->queue, "SELECT count(*) FROM batch");
}

static const char *
post(struct intake_fixture *f)
{
	return intake_post(f, "/v2/events", BATCH);
}

/* Sends, and turns until the server has it. */
static int
send_and_turn(struct intake_fixture *f)
{
	uint64_t before = stat_get(STAT_ingest_requests);
	int fd = intake_send(f, "POST /v2/events", AUTH_SHOP, BATCH,
	    strlen(BATCH));
	int looks;

	for (looks = 0; looks < 5000 &&
	    stat_get(STAT_ingest_requests) == before; looks++) {
		intake_loop(f);
		usleep(200);
	}
	assert_true(stat_get(STAT_ingest_requests) > before);
	return fd;
}

static void
put_answer(const char *input, int status, uint64_t n, void *arg)
{
	buf_printf(arg, "%s:%d=%llu ", input != NULL ? input : "-", status,
	    (unsigned long long)n);
}

static void
assert_answers(struct intake_fixture *f, const char *expected)
{
	struct buf b = BUF_INIT;

	answers_each(intake_answers(f->intake), put_answer, &b);
	assert_string_equal(buf_str(&b), expected);
	buf_free(&b);
}

static void
intake_counts_its_answers_by_input_and_status(void **state)
{
	struct intake_fixture *f = *state;

	assert_string_equal(post(f), ACCEPTED);
	assert_string_equal(post(f), ACCEPTED);
	intake_post(f, "/v2/events", "{");
	intake_post(f, "/v2/nothing", BATCH);
	intake_ask(f, "POST /v2/events", "", BATCH);
	intake_ask(f, "POST /v2/events", AUTH_NOBODY, BATCH);
	intake_ask(f, "POST /v2/events", AUTH_FEED
	    "Content-Encoding: br\r\n", BATCH);
	assert_answers(f, "shop:202=2 shop:400=1 -:401=1 -:403=1 -:404=1 "
	    "feed:415=1 ");

	/* Counts go on over a reload. */
	intake_configure(f, ACCEPT_CONFIG "rate_limit = 1\n");
	intake_ask(f, "POST /v2/events", AUTH_FEED, BATCH);
	intake_ask(f, "POST /v2/events", AUTH_FEED, BATCH);
	assert_answers(f, "shop:202=2 shop:400=1 -:401=1 -:403=1 -:404=1 "
	    "feed:202=1 feed:415=1 feed:429=1 ");
}

/* What was to be a 202 is counted as what it became. */
static void
intake_counts_503_for_what_could_not_be_stored(void **state)
{
	struct intake_fixture *f = *state;
	uint64_t accepted = stat_get(STAT_ingest_accepted);
	uint64_t unavailable = stat_get(STAT_ingest_unavailable);
	int fd;

	f->failing = true;
	assert_int_equal(strncmp(post(f), "HTTP/1.1 503 ", 13), 0);
	f->failing = false;
	assert_answers(f, "shop:503=1 ");

	/* And so is one that waited for the write lock in vain. */
	holder_lock(f->holder, f->accept->queue->path);
	fd = send_and_turn(f);
	pass(f, 2000);
	intake_loop(f);
	assert_int_equal(strncmp(intake_answer(f, fd), "HTTP/1.1 503 ", 13),
	    0);
	holder_release(f->holder);
	assert_answers(f, "shop:503=2 ");
	assert_true(stat_get(STAT_ingest_accepted) == accepted);
	assert_true(stat_get(STAT_ingest_unavailable) == unavailable + 2);
}

static void
assert_limited(const char *answer, int seconds)
{
	char headers[100];

	snprintf(headers, sizeof(headers), "Retry-After: %d\r\n"
	    "X-mp-rate-limit-exceeded: feed\r\n", seconds);
	assert_error(answer, "429 Too Many Requests", headers,
	    "The rate limit of this input is exceeded.");
}

static void
intake_holds_the_rate_of_an_input(void **state)
{
	struct intake_fixture *f = *state;

	intake_configure(f, ACCEPT_CONFIG "rate_limit = 2\n");
	/* The limit is the feed's, not the shop's. */
	assert_string_equal(intake_ask(f, "POST /v2/events", AUTH_FEED,
	    BATCH), ACCEPTED);
	pass(f, 400);
	assert_string_equal(intake_ask(f, "POST /v2/events", AUTH_FEED,
	    BATCH), ACCEPTED);
	assert_limited(intake_ask(f, "POST /v2/events", AUTH_FEED, BATCH), 1);
	assert_string_equal(post(f), ACCEPTED);
	assert_int_equal(batches(f), 3);

	pass(f, 601);
	assert_string_equal(intake_ask(f, "POST /v2/events", AUTH_FEED,
	    BATCH), ACCEPTED);
	assert_limited(intake_ask(f, "POST /v2/events", AUTH_FEED, BATCH), 1);
}

static void
intake_does_not_count_what_it_refuses(void **state)
{
	struct intake_fixture *f = *state;
	int i;

	intake_configure(f, ACCEPT_CONFIG "rate_limit = 1\n");
	for (i = 0; i < 3; i++)
		assert_int_equal(strncmp(intake_ask(f, "POST /v2/events",
		    AUTH_FEED, "{"), "HTTP/1.1 400 ", 13), 0);
	assert_string_equal(intake_ask(f, "POST /v2/events", AUTH_FEED,
	    BATCH), ACCEPTED);
}

/* A hundred batches are ten seconds' worth. */
static void
intake_counts_the_batches_of_bulk_requests(void **state)
{
	struct intake_fixture *f = *state;
	struct buf body = BUF_INIT;
	int i, seconds;

	intake_configure(f, ACCEPT_CONFIG "rate_limit = 10\n");
	for (i = 0; i < 100; i++)
		buf_puts(&body, i == 0 ? "[{}" : ",{}");
	buf_putc(&body, ']');
	assert_string_equal(intake_ask(f, "POST /v2/bulkevents", AUTH_FEED,
	    buf_str(&body)), ACCEPTED);

	for (seconds = 0; seconds < 10; seconds++) {
		assert_int_equal(strncmp(intake_ask(f, "POST /v2/events",
		    AUTH_FEED, BATCH), "HTTP/1.1 429 ", 13), 0);
		pass(f, 1000);
	}
	pass(f, 10);
	assert_string_equal(intake_ask(f, "POST /v2/events", AUTH_FEED,
	    BATCH), ACCEPTED);
	buf_free(&body);
}

static void
intake_forgets_rates_on_reload(void **state)
{
	struct intake_fixture *f = *state;

	intake_configure(f, ACCEPT_CONFIG "rate_limit = 1\n");
	intake_ask(f, "POST /v2/events", AUTH_FEED, BATCH);
	intake_configure(f, ACCEPT_CONFIG);

	assert_string_equal(intake_ask(f, "POST /v2/events", AUTH_FEED,
	    BATCH), ACCEPTED);
}

/* Nothing is told before the commit, and all of a turn shares one. */
static void
intake_answers_a_turn_with_one_commit(void **state)
{
	struct intake_fixture *f = *state;
	int fds[5], i;
	size_t before = f->commits;

	for (i = 0; i < 5; i++)
		fds[i] = intake_send(f, "POST /v2/events", AUTH_SHOP, BATCH,
		    strlen(BATCH));
	usleep(20000);		/* all of it is there when the loop looks */
	for (i = 0; i < 5; i++)
		assert_string_equal(intake_answer(f, fds[i]), ACCEPTED);

	assert_int_equal(batches(f), 5);
	assert_in_range(f->commits - before, 1, 4);
	settle(f->accept->queue);
}

static void
intake_answers_503_when_the_commit_fails(void **state)
{
	struct intake_fixture *f = *state;

	f->failing = true;
	assert_error(post(f), UNAVAILABLE, AGAIN,
	    "This could not be stored; please send it again.");
	assert_int_equal(batches(f), 0);
	assert_int_equal(number(f->accept->queue,
	    "SELECT count(*) FROM profile"), 0);

	/* The sender tries again: it is no duplicate. */
	f->failing = false;
	assert_string_equal(post(f), ACCEPTED);
	assert_int_equal(batches(f), 1);
	settle(f->accept->queue);
}

/* A request that had nothing to store promised nothing. */
static void
intake_refuses_also_while_commits_fail(void **state)
{
	struct intake_fixture *f = *state;

	f->failing = true;
	assert_int_equal(strncmp(intake_post(f, "/v2/events", "{"),
	    "HTTP/1.1 400 ", 13), 0);
	assert_int_equal(strncmp(intake_ask(f, "POST /v2/events", "", BATCH),
	    "HTTP/1.1 401 ", 13), 0);
}

static void
intake_waits_for_a_shell_that_is_quick(void **state)
{
	struct intake_fixture *f = *state;
	int first, second;

	holder_lock(f->holder, f->accept->queue->path);
	first = send_and_turn(f);
	assert_in_range(f->wait, 1, 100);
	second = send_and_turn(f);
	pass(f, 900);
	intake_loop(f);
	assert_int_equal(batches(f), 0);
	holder_release(f->holder);

	assert_string_equal(intake_answer(f, first), ACCEPTED);
	assert_string_equal(intake_answer(f, second), ACCEPTED);
	assert_true(f->wait == INT64_MAX);
	assert_int_equal(batches(f), 2);
	settle(f->accept->queue);
}

static void
intake_names_a_shell_that_is_not(void **state)
{
	struct intake_fixture *f = *state;
	char *message = xasprintf("Cannot store now: process %d holds the "
	    "write lock of %s.", (int)holder_pid(f->holder),
	    f->accept->queue->path);
	int first, second;

	holder_lock(f->holder, f->accept->queue->path);
	first = send_and_turn(f);
	pass(f, 949);
	intake_loop(f);
	second = send_and_turn(f);
	assert_true(f->wait < 100);
	pass(f, 1);

	assert_error(intake_answer(f, first), UNAVAILABLE, AGAIN, message);
	assert_error(intake_answer(f, second), UNAVAILABLE, AGAIN, message);
	holder_release(f->holder);
	assert_string_equal(post(f), ACCEPTED);
	assert_int_equal(batches(f), 1);
	free(message);
	settle(f->accept->queue);
}

static void
intake_refuses_who_waits_when_the_file_is_gone(void **state)
{
	struct intake_fixture *f = *state;
	const char *path = f->accept->queue->path;
	char *aside = xasprintf("%s.aside", path);
	int first, second;

	holder_lock(f->holder, path);
	first = send_and_turn(f);
	second = send_and_turn(f);
	assert_int_equal(rename(path, aside), 0);
	holder_release(f->holder);

	assert_int_equal(strncmp(intake_answer(f, first), "HTTP/1.1 503 ",
	    13), 0);
	assert_int_equal(strncmp(intake_answer(f, second), "HTTP/1.1 503 ",
	    13), 0);
	assert_int_equal(rename(aside, path), 0);
	free(aside);
	assert_int_equal(batches(f), 0);
	assert_string_equal(post(f), ACCEPTED);
	assert_int_equal(batches(f), 1);
	settle(f->accept->queue);
}

static void
intake_forgets_a_sender_that_left_while_it_waited(void **state)
{
	struct intake_fixture *f = *state;
	int looks;

	holder_lock(f->holder, f->accept->queue->path);
	close(send_and_turn(f));
	for (looks = 0; looks < 20; looks++)
		intake_loop(f);
	holder_release(f->holder);
	/* It may have been stored, but the agent goes on. */
	assert_string_equal(post(f), ACCEPTED);
	settle(f->accept->queue);
}

/* What waits is judged by the settings of then. */
static void
intake_judges_again_after_a_reload(void **state)
{
	struct intake_fixture *f = *state;
	struct config *old = f->accept->config, *new;
	static const char text[] = "[output heap]\napp_id = 77\n"
	    "[input shop]\nkey = key-1\nsecret = changed\n";
	struct why why;
	int fd;

	holder_lock(f->holder, f->accept->queue->path);
	fd = send_and_turn(f);
	new = config_parse(text, strlen(text), "test.conf", &why);
	assert_non_null(new);
	intake_reload(f->intake, f->accept->acceptor, new);
	holder_release(f->holder);

	assert_int_equal(strncmp(intake_answer(f, fd), "HTTP/1.1 403 ", 13),
	    0);
	assert_int_equal(batches(f), 0);
	intake_reload(f->intake, f->accept->acceptor, old);
	config_free(new);
}

static void
intake_stop_answers_503(void **state)
{
	struct intake_fixture *f = *state;

	assert_null(intake_unavailable(f->intake, clock_now()));
	intake_stop(f->intake);

	assert_string_equal(intake_unavailable(f->intake, clock_now()),
	    "the agent is stopping");
	assert_error(post(f), UNAVAILABLE, AGAIN,
	    "Cannot store now: the agent is stopping.");
	/* It still says who may not send at all. */
	assert_int_equal(strncmp(intake_ask(f, "POST /v2/events",
	    AUTH_NOBODY, BATCH), "HTTP/1.1 403 ", 13), 0);
	assert_int_equal(batches(f), 0);
}

static void
intake_keeps_some_of_the_disk_free(void **state)
{
	struct intake_fixture *f = *state;
	char *text = xasprintf("[agent]\ndatabase = %s\n"
	    "[ingest]\nmin_free_disk = 1000000g\n%s",
	    f->accept->queue->path, ACCEPT_CONFIG);

	/* The database is no matter of a reload. */
	intake_free(f->intake);
	f->intake = NULL;
	intake_configure(f, text);
	free(text);

	assert_non_null(strstr(post(f), "Cannot store now: only "));
	assert_non_null(strstr(f->answer.p, " bytes are free on the disk of "
	    "the queue, min_free_disk is "));
	assert_int_equal(strncmp(f->answer.p, "HTTP/1.1 503 ", 13), 0);
	assert_non_null(strstr(f->answer.p, AGAIN));
	assert_int_equal(batches(f), 0);
}

static void
intake_keeps_the_queue_below_its_limit(void **state)
{
	struct intake_fixture *f = *state;

	intake_configure(f, "[ingest]\nmax_queue_bytes = 1m\n" ACCEPT_CONFIG);
	while (queue_bytes(f->accept->queue->q) < 1 << 20) {
		char *body = xmalloc(100001);

		memset(body, ' ', 100000);
		body[100000] = '\0';
		memcpy(body, BATCH, strlen(BATCH));
		pass(f, 1000);
		if (strcmp(intake_post(f, "/v2/events", body), ACCEPTED) !=
		    0) {
			free(body);
			break;
		}
		free(body);
	}
	pass(f, 1000);

	assert_non_null(strstr(post(f), "Cannot store now: the queue has "));
	assert_non_null(strstr(f->answer.p, "max_queue_bytes is 1048576."));
	intake_configure(f, ACCEPT_CONFIG);
	assert_string_equal(post(f), ACCEPTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    INTAKE_TEST(intake_counts_its_answers_by_input_and_status),
	    INTAKE_TEST(intake_counts_503_for_what_could_not_be_stored),
	    INTAKE_TEST(intake_holds_the_rate_of_an_input),
	    INTAKE_TEST(intake_does_not_count_what_it_refuses),
	    INTAKE_TEST(intake_counts_the_batches_of_bulk_requests),
	    INTAKE_TEST(intake_forgets_rates_on_reload),
	    INTAKE_TEST(intake_answers_a_turn_with_one_commit),
	    INTAKE_TEST(intake_answers_503_when_the_commit_fails),
	    INTAKE_TEST(intake_refuses_also_while_commits_fail),
	    INTAKE_TEST(intake_waits_for_a_shell_that_is_quick),
	    INTAKE_TEST(intake_names_a_shell_that_is_not),
	    INTAKE_TEST(intake_refuses_who_waits_when_the_file_is_gone),
	    INTAKE_TEST(intake_forgets_a_sender_that_left_while_it_waited),
	    INTAKE_TEST(intake_judges_again_after_a_reload),
	    INTAKE_TEST(intake_stop_answers_503),
	    INTAKE_TEST(intake_keeps_some_of_the_disk_free),
	    INTAKE_TEST(intake_keeps_the_queue_below_its_limit),
	};

	signal(SIGPIPE, SIG_IGN);
	log_open("test_intake", LOG_ERROR, LOG_LOGFMT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
