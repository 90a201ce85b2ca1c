/*
 * test_jobs.c - many events moved a slice a turn, and counted before
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accept_fixture.h"
#include "jobs.h"
#include "log.h"
#include "store.h"

/* Nobody's events are stuck until people are told by their email address. */
#define INPUTS		"[input shop]\nkey = k\nsecret = s\n"
#define BY_CUSTOMER	INPUTS "[output heap]\napp_id = 77\n"		\
	"external_id = customer_id\n"
#define BY_EMAIL	INPUTS "[output heap]\napp_id = 77\n"		\
	"external_id = email\n"
#define EVENT		"{\"event_type\":\"session_start\"}"

static const struct filter all_stuck = {
	.state = "stuck", .since = INT64_MIN, .until = INT64_MAX,
};

/* A batch of n events that are stuck: nobody is told by a customer id. */
static void
put_stuck(struct accept_fixture *f, size_t n)
{
	struct buf body = BUF_INIT;
	size_t i;

	buf_puts(&body, "{\"user_identities\":{\"email\":\"ada@example.com\"},"
	    "\"events\":[");
	for (i = 0; i < n; i++)
		buf_printf(&body, "%s" EVENT, i > 0 ? "," : "");
	buf_puts(&body, "]}");
	accept_configure(f, BY_CUSTOMER);
	assert_int_equal(accept_text(f, "shop", MP_EVENTS, buf_str(&body)),
	    1);
	settle(f->queue);
	buf_free(&body);
}

static int64_t
start(struct accept_fixture *f, struct jobs *j, enum queue_job_kind kind)
{
	struct queue_job job = { .kind = kind, .filter = all_stuck };
	int64_t id = jobs_start(j, &job, QUEUE_NOW);

	settle(f->queue);
	return id;
}

/* Turns until nothing is wanted any more; how many. */
static size_t
turn_to_the_end(struct accept_fixture *f, struct jobs *j)
{
	size_t turns = 0;

	while (jobs_turn(j, f->queue->now, false) != INT64_MAX) {
		settle(f->queue);
		turns++;
	}
	return turns;
}

static void
assert_job(struct accept_fixture *f, const char *expected)
{
	char *got = words(f->queue, "SELECT state || ' ' || "
	    "coalesce(total, '-') || ' ' || moved || ' ' || skipped "
	    "FROM job ORDER BY id DESC LIMIT 1");

	assert_string_equal(got, expected);
	free(got);
}

static int64_t
count_of(struct accept_fixture *f, const char *state)
{
	return number(f->queue, "SELECT count(*) FROM event "
	    "WHERE state = '%s'", state);
}

/* --- turns ------------------------------------------------------------ */

static void
jobs_turn_wants_nothing_without_a_job(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs *j = jobs_new(f->queue->q, f->acceptor);

	assert_true(jobs_turn(j, f->queue->now, false) == INT64_MAX);
	assert_true(jobs_turn(j, f->queue->now, true) == INT64_MAX);
	jobs_free(j);
}

static void
jobs_turn_discards_all_of_them_in_slices(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs *j = jobs_new(f->queue->q, f->acceptor);

	put_stuck(f, 250);
	start(f, j, QUEUE_JOB_DISCARD);
	assert_true(turn_to_the_end(f, j) >= 4);	/* the count, 3 moves */

	assert_job(f, "done 250 250 0");
	assert_int_equal(count_of(f, "discarded"), 250);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM audit"), 1);
	assert_int_equal(number(f->queue, "SELECT ended_at FROM job"),
	    QUEUE_NOW);
	jobs_free(j);
}

static void
jobs_turn_maps_what_never_was(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs *j;

	put_stuck(f, 5);
	accept_configure(f, BY_EMAIL);
	j = jobs_new(f->queue->q, f->acceptor);
	start(f, j, QUEUE_JOB_REPLAY);
	turn_to_the_end(f, j);

	assert_job(f, "done 5 5 0");
	assert_int_equal(count_of(f, "queued"), 5);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM event "
	    "WHERE payload LIKE '%%ada@example.com%%' AND generation = 1"), 5);
	jobs_free(j);
}

static void
jobs_turn_skips_what_cannot_be_moved_and_says_why(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs *j;
	char *error;

	put_stuck(f, 3);
	j = jobs_new(f->queue->q, f->acceptor);
	start(f, j, QUEUE_JOB_REPLAY);
	turn_to_the_end(f, j);

	assert_job(f, "done 3 0 3");
	assert_int_equal(count_of(f, "stuck"), 3);
	error = words(f->queue, "SELECT error FROM job");
	assert_non_null(strstr(error, "event 3 cannot be sent"));
	assert_non_null(strstr(error, "no_identity"));
	free(error);
	jobs_free(j);
}

/* What a setting skipped needs the batch mapped again, which must be asked
 * for. */
static void
jobs_turn_does_not_map_a_skip_unasked(void **state)
{
	struct accept_fixture *f = *state;
	struct queue_job job = { .kind = QUEUE_JOB_REPLAY, .filter = {
	    .state = "skipped", .since = INT64_MIN, .until = INT64_MAX } };
	struct jobs *j = jobs_new(f->queue->q, f->acceptor);
	char *error;

	accept_configure(f, BY_EMAIL);
	accept_text(f, "shop", MP_EVENTS, "{\"environment\":\"development\","
	    "\"user_identities\":{\"email\":\"ada@example.com\"},\"events\":["
	    EVENT "]}");
	settle(f->queue);
	accept_configure(f, BY_EMAIL "development_app_id = 78\n");
	jobs_reload(j, f->acceptor);
	jobs_start(j, &job, QUEUE_NOW);
	turn_to_the_end(f, j);

	assert_job(f, "done 1 0 1");
	error = words(f->queue, "SELECT error FROM job");
	assert_string_equal(error, "event 1 has no payload; replay it with "
	    "remap, so that its batch is mapped again with today's settings");
	free(error);

	job.remap = true;
	jobs_start(j, &job, QUEUE_NOW);
	turn_to_the_end(f, j);
	assert_job(f, "done 1 1 0");
	jobs_free(j);
}

static void
jobs_turn_leaves_alone_what_came_later(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs *j = jobs_new(f->queue->q, f->acceptor);

	put_stuck(f, 2);
	start(f, j, QUEUE_JOB_DISCARD);
	put_stuck(f, 2);
	turn_to_the_end(f, j);

	assert_job(f, "done 2 2 0");
	assert_int_equal(count_of(f, "stuck"), 2);
	jobs_free(j);
}

static void
jobs_turn_does_one_job_after_the_other(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs *j = jobs_new(f->queue->q, f->acceptor);

	put_stuck(f, 3);
	start(f, j, QUEUE_JOB_DISCARD);
	start(f, j, QUEUE_JOB_DISCARD);
	turn_to_the_end(f, j);

	/* Nothing was left for the second. */
	assert_job(f, "done 0 0 0");
	assert_int_equal(number(f->queue, "SELECT moved FROM job "
	    "WHERE id = 1"), 3);
	jobs_free(j);
}

/* Others go first, but not for ever. */
static void
jobs_turn_waits_while_others_do_and_never_starves(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs *j = jobs_new(f->queue->q, f->acceptor);
	int64_t wait, left = 150;
	struct moment now = f->queue->now;
	size_t slices = 0;

	put_stuck(f, 150);
	start(f, j, QUEUE_JOB_DISCARD);
	jobs_turn(j, now, false);	/* the count */
	settle(f->queue);
	while (left > 0) {
		wait = jobs_turn(j, now, true);
		settle(f->queue);
		assert_true(wait >= 0 && wait <= JOBS_PATIENCE_MS);
		if (count_of(f, "stuck") < left)
			slices++;
		left = count_of(f, "stuck");
		assert_true((int64_t)slices <= (now.boot -
		    f->queue->now.boot) / JOBS_PATIENCE_MS);
		now.boot++;
		assert_true(now.boot - f->queue->now.boot < 150 *
		    JOBS_PATIENCE_MS);
	}
	assert_true(slices >= 2);
	jobs_free(j);
}

static void
jobs_turn_goes_on_after_a_restart(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs *j = jobs_new(f->queue->q, f->acceptor);

	put_stuck(f, 250);
	start(f, j, QUEUE_JOB_DISCARD);
	while (count_of(f, "discarded") == 0) {
		jobs_turn(j, f->queue->now, false);
		settle(f->queue);
	}
	jobs_free(j);

	j = jobs_new(f->queue->q, f->acceptor);
	turn_to_the_end(f, j);
	assert_job(f, "done 250 250 0");
	jobs_free(j);
}

/* What a turn did that failed is done again, and counted once. */
static void
jobs_turn_takes_back_what_was_not_stored(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs *j = jobs_new(f->queue->q, f->acceptor);
	int64_t before;
	int turn;

	put_stuck(f, 120);
	start(f, j, QUEUE_JOB_DISCARD);
	for (turn = 0; turn < 3; turn++) {
		before = count_of(f, "stuck");
		jobs_turn(j, f->queue->now, false);
		queue_rollback(f->queue->q);
		assert_int_equal(queue_begin(f->queue->q), QUEUE_READY);
		assert_int_equal(count_of(f, "stuck"), before);
		jobs_turn(j, f->queue->now, false);
		settle(f->queue);
	}
	turn_to_the_end(f, j);

	assert_job(f, "done 120 120 0");
	assert_int_equal(count_of(f, "discarded"), 120);
	jobs_free(j);
}

static void
jobs_turn_waits_for_a_turn_that_failed(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs *j = jobs_new(f->queue->q, f->acceptor);

	put_stuck(f, 2);
	start(f, j, QUEUE_JOB_DISCARD);
	store_fail(queue_store(f->queue->q), "no room");
	assert_true(jobs_turn(j, f->queue->now, false) < INT64_MAX);
	assert_false(queue_commit(f->queue->q));
	assert_int_equal(queue_begin(f->queue->q), QUEUE_READY);
	turn_to_the_end(f, j);

	assert_job(f, "done 2 2 0");
	jobs_free(j);
}

static void
jobs_turn_stops_where_it_was_cancelled(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs *j = jobs_new(f->queue->q, f->acceptor);
	int64_t id, stuck;

	put_stuck(f, 250);
	id = start(f, j, QUEUE_JOB_DISCARD);
	while (count_of(f, "discarded") == 0) {
		jobs_turn(j, f->queue->now, false);
		settle(f->queue);
	}
	stuck = count_of(f, "stuck");
	assert_true(stuck > 0);
	assert_true(queue_job_end(f->queue->q, id, QUEUE_JOB_CANCELLED, NULL,
	    QUEUE_NOW));
	settle(f->queue);

	assert_int_equal(turn_to_the_end(f, j), 0);
	assert_int_equal(count_of(f, "stuck"), stuck);
	jobs_free(j);
}

static void
jobs_turn_gives_up_a_job_that_it_cannot_read(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs *j = jobs_new(f->queue->q, f->acceptor);

	put_stuck(f, 2);
	start(f, j, QUEUE_JOB_DISCARD);
	store_exec(queue_store(f->queue->q), "UPDATE job SET filter = '{}'");
	settle(f->queue);
	turn_to_the_end(f, j);

	assert_job(f, "failed - 0 0");
	assert_int_equal(count_of(f, "stuck"), 2);
	jobs_free(j);
}

/* --- counting --------------------------------------------------------- */

/* Stuck events without payload of so many people, n each. */
static void
put_people(struct accept_fixture *f, size_t people, size_t n)
{
	struct queue_event e = {
		.lane = f->outputs.o[0].ids.lane[HEAP_TRACK],
		.kind = HEAP_TRACK, .name = "E", .objects = 2,
		.payload = "{},{}", .payload_len = 5, .entry = QUEUE_STUCK,
		.reason = "refused",
	};
	char name[40];
	size_t i, k;

	for (i = 0; i < people; i++) {
		snprintf(name, sizeof(name), "person %zu", i);
		for (k = 0; k < n; k++)
			put_event(f->queue, &e, name);
	}
	settle(f->queue);
}

static struct jobs_count *
counted(struct accept_fixture *f)
{
	struct jobs_count *c = jobs_count_new(f->queue->q, &all_stuck,
	    queue_last_event(f->queue->q));

	while (!jobs_count_slice(c))
		continue;
	return c;
}

static void
jobs_count_tells_events_and_identities(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs_count *c;

	put_stuck(f, 4);		/* of nobody */
	put_people(f, 200, 3);
	c = counted(f);

	assert_int_equal(jobs_count_events(c), 604);
	assert_int_equal(jobs_count_identities(c), 200);
	jobs_count_free(c);
}

static void
jobs_count_of_nothing_is_nothing(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs_count *c = counted(f);

	assert_int_equal(jobs_count_events(c), 0);
	assert_int_equal(jobs_count_identities(c), 0);
	jobs_count_free(c);
}

/* It works in slices, since everybody waits for each. */
static void
jobs_count_slice_does_a_part(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs_count *c;
	size_t slices = 1;

	put_people(f, 1, 1200);
	c = jobs_count_new(f->queue->q, &all_stuck,
	    queue_last_event(f->queue->q));
	while (!jobs_count_slice(c))
		slices++;

	assert_int_equal(slices, 3);
	assert_int_equal(jobs_count_events(c), 1200);
	jobs_count_free(c);
}

/* jobs_count_visit: appends "objects/events/identities". */
static void
write_load(const struct jobs_load *l, void *arg)
{
	struct buf *text = arg;

	if (l->identity == 0)
		buf_printf(text, "lane %lld:", (long long)l->lane);
	buf_printf(text, " %lld/%lld/%lld", (long long)l->objects,
	    (long long)l->events, (long long)l->identities);
	if (l->identity == 0)
		buf_putc(text, ',');
}

static void
assert_loads(const struct jobs_count *c, size_t most, const char *expected)
{
	struct buf text = BUF_INIT;

	jobs_count_each(c, most, write_load, &text);
	assert_string_equal(buf_str(&text), expected);
	buf_free(&text);
}

/* One more stuck event of that person in a lane of the first output. */
static void
put_more(struct accept_fixture *f, enum heap_lane kind, const char *name)
{
	struct queue_event e = {
		.lane = f->outputs.o[0].ids.lane[kind], .kind = kind,
		.event_index = kind == HEAP_TRACK ? 0 : -1, .name = "",
		.objects = 3, .payload = "{},{},{}", .payload_len = 8,
		.entry = QUEUE_STUCK, .reason = "refused",
	};

	put_event(f->queue, &e, name);
	settle(f->queue);
}

static void
jobs_count_each_tells_the_whole_and_the_largest(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs_count *c;

	put_stuck(f, 4);		/* of nobody */
	put_people(f, 3, 2);		/* two objects each */
	put_more(f, HEAP_TRACK, "person 1");
	put_more(f, HEAP_TRACK, "person 2");
	put_more(f, HEAP_TRACK, "person 2");
	c = counted(f);

	assert_loads(c, 9, "lane 1: 25/13/3, 10/4/0 7/3/0 4/2/0");
	assert_loads(c, 2, "lane 1: 25/13/3, 10/4/0 7/3/0");
	assert_loads(c, 0, "lane 1: 25/13/3,");
	jobs_count_free(c);
}

static void
jobs_count_each_tells_each_lane_by_itself(void **state)
{
	struct accept_fixture *f = *state;
	struct jobs_count *c;
	struct buf text = BUF_INIT;

	put_more(f, HEAP_TRACK, "ada");
	put_more(f, HEAP_USER_PROPERTIES, "ada");
	put_more(f, HEAP_USER_PROPERTIES, "ada");
	c = counted(f);

	assert_int_equal(jobs_count_identities(c), 1);
	jobs_count_each(c, 9, write_load, &text);
	assert_non_null(strstr(buf_str(&text), "lane 1: 3/1/1, 3/1/0"));
	assert_non_null(strstr(buf_str(&text), "lane 2: 6/2/1, 6/2/0"));
	buf_free(&text);
	jobs_count_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ACCEPT_TEST(jobs_turn_wants_nothing_without_a_job),
		ACCEPT_TEST(jobs_turn_discards_all_of_them_in_slices),
		ACCEPT_TEST(jobs_turn_maps_what_never_was),
		ACCEPT_TEST(jobs_turn_skips_what_cannot_be_moved_and_says_why),
		ACCEPT_TEST(jobs_turn_does_not_map_a_skip_unasked),
		ACCEPT_TEST(jobs_turn_leaves_alone_what_came_later),
		ACCEPT_TEST(jobs_turn_does_one_job_after_the_other),
		ACCEPT_TEST(jobs_turn_waits_while_others_do_and_never_starves),
		ACCEPT_TEST(jobs_turn_goes_on_after_a_restart),
		ACCEPT_TEST(jobs_turn_takes_back_what_was_not_stored),
		ACCEPT_TEST(jobs_turn_waits_for_a_turn_that_failed),
		ACCEPT_TEST(jobs_turn_stops_where_it_was_cancelled),
		ACCEPT_TEST(jobs_turn_gives_up_a_job_that_it_cannot_read),
		ACCEPT_TEST(jobs_count_tells_events_and_identities),
		ACCEPT_TEST(jobs_count_of_nothing_is_nothing),
		ACCEPT_TEST(jobs_count_slice_does_a_part),
		ACCEPT_TEST(jobs_count_each_tells_the_whole_and_the_largest),
		ACCEPT_TEST(jobs_count_each_tells_each_lane_by_itself),
	};

	/* The job that cannot be read is told at this level, and no other. */
	log_open("test", LOG_ERROR, LOG_LOGFMT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
