/*
 * test_queue_job.c - which events a job means, and how far it has come
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queue_fixture.h"
#include "store.h"

#define DAY	INT64_C(86400000)
#define MANY	1200		/* more than one call looks at */

static const struct filter all_stuck = {
	.state = "stuck", .since = INT64_MIN, .until = INT64_MAX,
};

/* A track event of somebody that Heap refused. */
static int64_t
put_refused(struct queue_fixture *f, const char *identity)
{
	int64_t id = put_track(f, identity);
	struct queue_end e = end_of(f, HEAP_TRACK, claim_one(f, HEAP_TRACK,
	    id), 400);

	queue_end(f->q, &e);
	assert_int_equal(queue_stuck(f->q, &e, "refused"), 1);
	return id;
}

/* The ids of all that match, joined by blanks.  Given. */
static char *
matching(struct queue_fixture *f, const struct filter *filter)
{
	int64_t cursor = 0, last = queue_last_event(f->q);
	struct queue_match match[2];
	struct buf ids = BUF_INIT;
	size_t n, i;

	while (cursor < last) {
		n = queue_match(f->q, filter, &cursor, last, match, 2);
		for (i = 0; i < n; i++)
			buf_printf(&ids, "%s%lld", ids.len > 0 ? " " : "",
			    (long long)match[i].event);
	}
	return buf_steal(&ids);
}

static void
assert_matching(struct queue_fixture *f, const struct filter *filter,
    const char *expected)
{
	char *found = matching(f, filter);

	if (strcmp(found, expected) != 0)
		fail_msg("found %s, expected %s", found, expected);
	free(found);
}

/* --- which events ----------------------------------------------------- */

static void
queue_match_asks_for_every_member_of_the_filter(void **state)
{
	static const struct {
		struct filter filter;
		const char *ids;
	} rules[] = {
		{ { .state = "stuck" }, "1 2 3" },
		{ { .state = "queued" }, "4" },
		{ { .state = "stuck", .identity = "ada" }, "1" },
		{ { .state = "queued", .identity = "ada" }, "4" },
		{ { .state = "stuck", .identity = "nobody" }, "" },
		{ { .state = "stuck", .reason = "refused" }, "1 2" },
		{ { .state = "stuck", .reason = "no_identity" }, "3" },
		{ { .state = "stuck", .output = "heap" }, "1 2 3" },
		{ { .state = "stuck", .output = "other" }, "" },
		{ { .state = "stuck", .name = "E" }, "1 2 3" },
		{ { .state = "stuck", .name = "F" }, "" },
		{ { .state = "stuck", .input = "shop" }, "1 2 3" },
		{ { .state = "stuck", .input = "feed" }, "" },
		{ { .state = "stuck", .has_status = true, .status = 400 },
		    "1 2" },
		{ { .state = "stuck", .has_status = true, .status = 500 },
		    "" },
		{ { .state = "stuck", .since = QUEUE_NOW + 1 }, "2 3" },
		{ { .state = "stuck", .until = QUEUE_NOW + 1 }, "1" },
		{ { .state = "stuck", .identity = "bob", .reason = "refused",
		    .since = QUEUE_NOW + 1 }, "2" },
	};
	struct queue_fixture *f = *state;
	struct filter filter;
	size_t i;

	put_refused(f, "ada");
	f->now.wall++;
	put_refused(f, "bob");
	put_ended(f, QUEUE_STUCK, "no_identity");
	put_track(f, "ada");
	for (i = 0; i < HR_COUNT(rules); i++) {
		filter = rules[i].filter;
		if (filter.until == 0)
			filter.until = INT64_MAX;
		assert_matching(f, &filter, rules[i].ids);
	}
}

static void
queue_match_takes_of_skipped_events_what_can_be_replayed(void **state)
{
	struct queue_fixture *f = *state;
	struct filter filter = all_stuck;

	put_ended(f, QUEUE_SKIPPED, "development");
	put_ended(f, QUEUE_SKIPPED, "event_type");
	put_ended(f, QUEUE_SKIPPED, "web_client_side");
	put_ended(f, QUEUE_SKIPPED, "merged");
	filter.state = "skipped";

	assert_matching(f, &filter, "1 3");
}

static void
queue_match_tells_whose_and_how_large_they_are(void **state)
{
	struct queue_fixture *f = *state;
	int64_t cursor = 0, id = put_refused(f, "ada");
	struct queue_match m;

	assert_int_equal(queue_match(f->q, &all_stuck, &cursor, id, &m, 1),
	    1);

	assert_int_equal(m.event, id);
	assert_int_equal(m.lane, f->out.lane[HEAP_TRACK]);
	assert_int_equal(m.identity, queue_identity(f->q, "ada"));
	assert_int_equal(m.objects, 1);
}

static void
queue_match_leaves_alone_what_came_later(void **state)
{
	struct queue_fixture *f = *state;
	int64_t cursor = 0, last = put_refused(f, "ada");
	struct queue_match m[4];

	put_refused(f, "ada");

	assert_int_equal(queue_match(f->q, &all_stuck, &cursor, last, m, 4),
	    1);
	assert_int_equal(m[0].event, last);
	assert_int_equal(cursor, last);
}

/* Where the state has no index of its own, what does not match costs as much
 * as what does; a call looks at so many and no more. */
static void
queue_match_looks_at_a_bounded_number_of_events(void **state)
{
	struct queue_fixture *f = *state;
	int64_t cursor = 0, before, last, wanted;
	struct filter filter = all_stuck;
	size_t found = 0, calls = 0;
	struct queue_match m;
	int i;

	for (i = 0; i < MANY; i++)
		put_ended(f, QUEUE_SKIPPED, "event_type");
	wanted = put_track(f, "ada");
	last = queue_last_event(f->q);
	filter.state = "queued";
	do {
		before = cursor;
		found = queue_match(f->q, &filter, &cursor, last, &m, 1);
		calls++;
		assert_true(cursor > before && cursor - before <= 500);
	} while (found == 0 && cursor < last);

	assert_int_equal(found, 1);
	assert_int_equal(m.event, wanted);
	assert_int_equal(calls, 3);
}

/* A cursor goes over others at once where there is an index. */
static void
queue_match_finds_stuck_events_among_many_at_once(void **state)
{
	struct queue_fixture *f = *state;
	int64_t cursor = 0, last;
	struct queue_match m[3];
	int i;

	put_refused(f, "ada");
	for (i = 0; i < MANY; i++)
		put_ended(f, QUEUE_SKIPPED, "event_type");
	last = put_refused(f, "ada");

	assert_int_equal(queue_match(f->q, &all_stuck, &cursor, last, m, 3),
	    2);
	assert_int_equal(m[1].event, last);
	assert_int_equal(cursor, last);
}

static void
queue_match_goes_on_behind_its_cursor(void **state)
{
	struct queue_fixture *f = *state;
	int64_t cursor = 0, last;
	struct queue_match m;
	int i;

	for (i = 0; i < 3; i++)
		put_refused(f, "ada");
	last = queue_last_event(f->q);
	for (i = 1; i <= 3; i++) {
		assert_int_equal(queue_match(f->q, &all_stuck, &cursor, last,
		    &m, 1), 1);
		assert_int_equal(m.event, i);
		assert_int_equal(cursor, i);
	}
	assert_int_equal(queue_match(f->q, &all_stuck, &cursor, last, &m, 1),
	    0);
	assert_int_equal(cursor, last);
}

/* No row comes then, which must not be taken for the end of them. */
static void
queue_match_does_not_move_in_a_turn_that_failed(void **state)
{
	struct queue_fixture *f = *state;
	int64_t cursor = 0, id = put_refused(f, "ada");
	struct queue_match m;

	settle(f);
	store_fail(queue_store(f->q), "no room");

	assert_int_equal(queue_match(f->q, &all_stuck, &cursor, id, &m, 1),
	    0);
	assert_int_equal(cursor, 0);
	assert_false(queue_commit(f->q));
	assert_int_equal(queue_match(f->q, &all_stuck, &cursor, id, &m, 1),
	    1);
}

/* --- the life of a job ------------------------------------------------ */

static int64_t
create(struct queue_fixture *f, enum queue_job_kind kind)
{
	struct queue_job job = { .kind = kind, .filter = all_stuck };

	return queue_job_create(f->q, &job, QUEUE_NOW);
}

static void
queue_job_create_writes_it_down_with_its_audit_row(void **state)
{
	struct queue_fixture *f = *state;
	struct queue_job job = {
		.kind = QUEUE_JOB_REPLAY, .remap = true, .force = true,
		.filter = { .state = "stuck", .output = "heap",
		    .name = "a \"b\"", .has_status = true, .status = 400,
		    .since = QUEUE_NOW, .until = INT64_MAX },
	};
	const char *filter = "{\"output\":\"heap\",\"state\":\"stuck\","
	    "\"status\":400,\"name\":\"a \\\"b\\\"\","
	    "\"since\":\"2023-11-14T22:13:20.000Z\"}";
	char *got;

	put_refused(f, "ada");
	assert_int_equal(queue_job_create(f->q, &job, QUEUE_NOW + 5), 1);
	settle(f);

	got = words(f, "SELECT filter FROM job");
	assert_string_equal(got, filter);
	free(got);
	got = words(f, "SELECT kind || ' ' || state || ' ' || remap || ' ' "
	    "|| force || ' ' || last_event || ' ' || started_at FROM job");
	assert_string_equal(got, "replay running 1 1 1 1700000000005");
	free(got);
	got = words(f, "SELECT action || ' ' || subject || ' ' || detail "
	    "FROM audit");
	assert_int_equal(strncmp(got, "replay job 1 {", 14), 0);
	assert_non_null(strstr(got, ", mapped again, forced"));
	free(got);
}

static void
queue_job_running_gives_back_what_was_created(void **state)
{
	struct queue_fixture *f = *state;
	struct queue_job job = {
		.kind = QUEUE_JOB_DISCARD,
		.filter = { .state = "queued", .output = "o", .reason = "r",
		    .identity = "i\"\\\n", .name = "n", .input = "p",
		    .has_status = true, .status = 0, .since = QUEUE_NOW - 1,
		    .until = QUEUE_NOW + 1 },
	}, found;

	put_refused(f, "ada");
	queue_job_create(f->q, &job, QUEUE_NOW);
	settle(f);
	crash(f);

	assert_true(queue_job_running(f->q, &found));
	assert_int_equal(found.id, 1);
	assert_int_equal(found.kind, QUEUE_JOB_DISCARD);
	assert_true(found.usable);
	assert_false(found.counted || found.remap || found.force);
	assert_string_equal(found.filter.state, "queued");
	assert_string_equal(found.filter.output, "o");
	assert_string_equal(found.filter.reason, "r");
	assert_string_equal(found.filter.identity, "i\"\\\n");
	assert_string_equal(found.filter.name, "n");
	assert_string_equal(found.filter.input, "p");
	assert_true(found.filter.has_status);
	assert_int_equal(found.filter.status, 0);
	assert_int_equal(found.filter.since, QUEUE_NOW - 1);
	assert_int_equal(found.filter.until, QUEUE_NOW + 1);
	assert_int_equal(found.cursor, 0);
	assert_int_equal(found.last_event, 1);
	queue_job_free(&found);
}

static void
queue_job_running_takes_the_oldest_that_runs(void **state)
{
	struct queue_fixture *f = *state;
	struct queue_job found;

	create(f, QUEUE_JOB_REPLAY);
	create(f, QUEUE_JOB_DISCARD);
	create(f, QUEUE_JOB_DISCARD);
	assert_true(queue_job_end(f->q, 1, QUEUE_JOB_DONE, NULL, QUEUE_NOW));
	assert_true(queue_job_running(f->q, &found));
	assert_int_equal(found.id, 2);
	queue_job_free(&found);

	queue_job_end(f->q, 2, QUEUE_JOB_DONE, NULL, QUEUE_NOW);
	queue_job_end(f->q, 3, QUEUE_JOB_DONE, NULL, QUEUE_NOW);
	assert_false(queue_job_running(f->q, &found));
}

/* test_filter.c has more that cannot be read; a job names a state, too. */
static void
queue_job_running_knows_a_filter_that_it_cannot_use(void **state)
{
	static const char *const filters[] = {
		"", "{}", "{\"output\":\"heap\"}",
		"{\"state\":\"stuck\",\"lane\":\"track\"}",
	};
	struct queue_fixture *f = *state;
	struct queue_job found;
	char *sql;
	size_t i;

	create(f, QUEUE_JOB_DISCARD);
	for (i = 0; i < HR_COUNT(filters); i++) {
		sql = xasprintf("UPDATE job SET filter = '%s'", filters[i]);
		assert_true(store_exec(queue_store(f->q), sql));
		assert_true(queue_job_running(f->q, &found));
		if (found.usable)
			fail_msg("it takes %s", filters[i]);
		queue_job_free(&found);
		free(sql);
	}
}

static void
queue_job_progress_adds_up(void **state)
{
	struct queue_fixture *f = *state;
	struct queue_job found;
	char *error;

	create(f, QUEUE_JOB_REPLAY);
	queue_job_total(f->q, 1, 5);
	queue_job_progress(f->q, 1, 10, 2, 1, "event 7 is odd");
	queue_job_progress(f->q, 1, 20, 1, 0, NULL);
	settle(f);
	assert_true(queue_job_running(f->q, &found));
	assert_true(found.counted);
	assert_int_equal(found.total, 5);
	assert_int_equal(found.moved, 3);
	assert_int_equal(found.skipped, 1);
	assert_int_equal(found.cursor, 20);
	queue_job_free(&found);
	error = words(f, "SELECT error FROM job");
	assert_string_equal(error, "event 7 is odd");
	free(error);

	/* More than were counted, since more became stuck meanwhile. */
	queue_job_progress(f->q, 1, 30, 4, 0, NULL);
	assert_int_equal(number(f, "SELECT total FROM job"), 8);
}

static void
queue_job_end_is_for_ever(void **state)
{
	struct queue_fixture *f = *state;
	char *ended;

	create(f, QUEUE_JOB_REPLAY);
	assert_true(queue_job_end(f->q, 1, QUEUE_JOB_CANCELLED, NULL,
	    QUEUE_NOW + 1));
	assert_false(queue_job_end(f->q, 1, QUEUE_JOB_DONE, NULL,
	    QUEUE_NOW + 2));
	assert_false(queue_job_end(f->q, 2, QUEUE_JOB_DONE, NULL, QUEUE_NOW));
	queue_job_progress(f->q, 1, 9, 9, 9, NULL);
	queue_job_total(f->q, 1, 9);
	settle(f);

	ended = words(f, "SELECT state || ' ' || ended_at || ' ' || moved "
	    "|| ' ' || coalesce(total, '-') FROM job");
	assert_string_equal(ended, "cancelled 1700000000001 0 -");
	free(ended);
}

static void
queue_prune_takes_jobs_that_have_ended(void **state)
{
	const struct queue_keep keep = { 99 * DAY, 99 * DAY, 99 * DAY, DAY,
	    99 * DAY };
	struct queue_fixture *f = *state;
	struct moment later = { QUEUE_NOW + DAY + 1, f->now.boot + DAY + 1 };

	create(f, QUEUE_JOB_REPLAY);
	create(f, QUEUE_JOB_REPLAY);
	queue_job_end(f->q, 1, QUEUE_JOB_DONE, NULL, QUEUE_NOW);
	queue_prune(f->q, &keep, later);
	settle(f);

	assert_int_equal(number(f, "SELECT id FROM job"), 2);
	assert_int_equal(number(f, "SELECT count(*) FROM job"), 1);
}

/* --- may Heap have it? ------------------------------------------------ */

/* What retention has removed tells nothing. */
static void
queue_unanswered_does_not_trust_what_is_pruned(void **state)
{
	struct queue_fixture *f = *state;
	int64_t id = put_track(f, "ada");
	struct queue_end e = end_of(f, HEAP_TRACK,
	    claim_one(f, HEAP_TRACK, id), 400);

	queue_end(f->q, &e);
	queue_stuck(f->q, &e, "refused");
	assert_false(queue_unanswered(f->q, id));
	number(f, "DELETE FROM request RETURNING 1");
	assert_true(queue_unanswered(f->q, id));
}

static void
queue_unanswered_counts_a_slice_that_was_delivered(void **state)
{
	struct queue_fixture *f = *state;
	int64_t id = put_track(f, "ada");
	struct queue_end e = end_of(f, HEAP_TRACK,
	    claim_one(f, HEAP_TRACK, id), 200);

	queue_end(f->q, &e);
	queue_slice_delivered(f->q, &e, id, 1);
	assert_true(queue_unanswered(f->q, id));
}

static void
queue_unanswered_looks_at_every_request(void **state)
{
	static const struct {
		int	status[2];
		bool	never_left;
		bool	unanswered;
	} rules[] = {
		{ { 400, 400 }, false, false },
		{ { 0, 400 }, false, true },
		{ { 400, 0 }, false, true },
		{ { 0, 400 }, true, false },
	};
	struct queue_fixture *f = *state;
	struct queue_end e;
	int64_t id;
	size_t i, k;

	for (i = 0; i < HR_COUNT(rules); i++) {
		id = put_track(f, "ada");
		for (k = 0; k < 2; k++) {
			e = end_of(f, HEAP_TRACK, claim_one(f, HEAP_TRACK,
			    id), rules[i].status[k]);
			e.never_left = rules[i].never_left;
			queue_end(f->q, &e);
			queue_back(f->q, &e, 0);
		}
		assert_int_equal(queue_unanswered(f->q, id),
		    rules[i].unanswered);
		settle(f);
	}
	assert_false(queue_unanswered(f->q, put_track(f, "ada")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		QUEUE_TEST(queue_match_asks_for_every_member_of_the_filter),
		QUEUE_TEST(
		    queue_match_takes_of_skipped_events_what_can_be_replayed),
		QUEUE_TEST(queue_match_tells_whose_and_how_large_they_are),
		QUEUE_TEST(queue_match_leaves_alone_what_came_later),
		QUEUE_TEST(queue_match_looks_at_a_bounded_number_of_events),
		QUEUE_TEST(queue_match_finds_stuck_events_among_many_at_once),
		QUEUE_TEST(queue_match_goes_on_behind_its_cursor),
		QUEUE_TEST(queue_match_does_not_move_in_a_turn_that_failed),
		QUEUE_TEST(queue_job_create_writes_it_down_with_its_audit_row),
		QUEUE_FILE_TEST(queue_job_running_gives_back_what_was_created),
		QUEUE_TEST(queue_job_running_takes_the_oldest_that_runs),
		QUEUE_TEST(
		    queue_job_running_knows_a_filter_that_it_cannot_use),
		QUEUE_TEST(queue_job_progress_adds_up),
		QUEUE_TEST(queue_job_end_is_for_ever),
		QUEUE_TEST(queue_prune_takes_jobs_that_have_ended),
		QUEUE_TEST(queue_unanswered_does_not_trust_what_is_pruned),
		QUEUE_TEST(queue_unanswered_counts_a_slice_that_was_delivered),
		QUEUE_TEST(queue_unanswered_looks_at_every_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
