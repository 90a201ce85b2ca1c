/*
 * test_queue_recover.c - groups under suspicion, crashes, and the windows' past
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queue_fixture.h"

#define EVENTS	6

/* So many track events of alternating identities, claimed together. */
static struct queue_end
refused_together(struct queue_fixture *f, int64_t events[EVENTS])
{
	struct queue_end e;
	size_t i;

	for (i = 0; i < EVENTS; i++)
		events[i] = put_track(f, i % 2 == 0 ? "ada" : "bob");
	e = end_of(f, HEAP_TRACK, claim(f, HEAP_TRACK, events, EVENTS), 400);
	e.answer = "events[1] is bad";
	queue_end(f->q, &e);
	return e;
}

static bool
note_row(const struct queue_row *row, void *arg)
{
	struct buf *b = arg;

	buf_printf(b, "%lld:%lld ", (long long)row->id,
	    (long long)row->identity);
	return true;
}

static void
assert_group(struct queue_fixture *f, int64_t group, const char *expected)
{
	struct buf b = BUF_INIT;

	queue_group_ready(f->q, f->out.lane[HEAP_TRACK], group, note_row, &b);
	assert_string_equal(buf_str(&b), expected);
	buf_free(&b);
}

static void
queue_suspect_makes_groups_that_travel_by_themselves(void **state)
{
	struct queue_fixture *f = *state;
	int64_t events[EVENTS], lane = f->out.lane[HEAP_TRACK];
	struct queue_end e = refused_together(f, events);
	int64_t aside, index;
	struct queue_group first, second;
	char *ids;

	queue_suspect(f->q, &e, 1, 1, &events[1], 1);
	queue_suspect(f->q, &e, 2, -1, &events[2], 3);
	assert_int_equal(queue_back(f->q, &e, 0), 2);
	settle(f);

	/* The rest goes with anybody. */
	ids = ready_ids(f, HEAP_TRACK, "ada", 0);
	assert_string_equal(ids, "1");
	free(ids);
	assert_event(f, events[2], "state", "queued");
	assert_event(f, events[2], "failures", "0");
	assert_event(f, events[2], "last_error", "events[1] is bad");

	assert_true(queue_group(f->q, lane, 0, &first));
	assert_true(queue_group(f->q, lane, first.id, &second));
	assert_false(queue_group(f->q, lane, second.id, &second));
	assert_false(queue_group(f->q, f->other.lane[HEAP_TRACK], 0,
	    &second));
	assert_true(queue_group(f->q, lane, first.id, &second));
	assert_int_equal(first.request, e.request);
	assert_group(f, first.id, "2:2 ");
	assert_group(f, second.id, "3:1 4:2 5:1 ");
	queue_group_history(f->q, first.id, &aside, &index);
	assert_int_equal(aside, 1);
	assert_int_equal(index, 1);
	queue_group_history(f->q, second.id, &aside, &index);
	assert_int_equal(aside, 2);
	assert_int_equal(index, -1);
	queue_group_history(f->q, 999, &aside, &index);
	assert_int_equal(aside, 0);
	assert_int_equal(index, -1);
}

static void
queue_group_that_is_deferred_waits(void **state)
{
	struct queue_fixture *f = *state;
	int64_t events[EVENTS], lane = f->out.lane[HEAP_TRACK];
	struct queue_end e = refused_together(f, events);
	struct queue_group g;
	int64_t request;

	queue_suspect(f->q, &e, 0, -1, events, EVENTS);
	assert_true(queue_group(f->q, lane, 0, &g));
	request = claim(f, HEAP_TRACK, events, EVENTS);
	settle(f);
	assert_false(queue_group(f->q, lane, 0, &g));

	e = end_of(f, HEAP_TRACK, request, 503);
	queue_end(f->q, &e);
	assert_int_equal(queue_back(f->q, &e, QUEUE_NOW + 10), EVENTS);
	settle(f);
	assert_false(queue_group(f->q, lane, 0, &g));
	assert_int_equal(queue_next_due(f->q), QUEUE_NOW + 10);
	assert_int_equal(queue_release(f->q, QUEUE_NOW + 10, 100), EVENTS);
	settle(f);
	assert_true(queue_group(f->q, lane, 0, &g));
}

static void
queue_group_goes_with_its_last_event(void **state)
{
	struct queue_fixture *f = *state;
	int64_t events[EVENTS], lane = f->out.lane[HEAP_TRACK];
	struct queue_end e = refused_together(f, events);
	struct queue_group g;

	queue_suspect(f->q, &e, 0, -1, events, EVENTS);
	assert_true(queue_group(f->q, lane, 0, &g));

	/* Half of it flies: the other half is still in the group. */
	e = end_of(f, HEAP_TRACK, claim(f, HEAP_TRACK, events, 3), 200);
	queue_end(f->q, &e);
	assert_int_equal(queue_delivered(f->q, &e), 3);
	assert_int_equal(number(f, "SELECT count(*) FROM isolation"), 1);
	assert_event(f, events[0], "suspect", "-");

	e = end_of(f, HEAP_TRACK, claim(f, HEAP_TRACK, &events[3], 3), 400);
	queue_end(f->q, &e);
	settle(f);
	assert_int_equal(number(f, "SELECT count(*) FROM isolation"), 1);
	assert_int_equal(queue_stuck(f->q, &e, "refused"), 3);
	settle(f);
	assert_int_equal(number(f, "SELECT count(*) FROM isolation"), 0);
	assert_event(f, events[5], "suspect", "-");
}

/* What was claimed, and committed, comes back; nothing else changes. */
static void
queue_recover_brings_back_what_was_in_flight(void **state)
{
	struct queue_fixture *f = *state;
	int64_t events[3] = { put_track(f, "ada"), put_track(f, "bob"),
	    put_track(f, "ada") }, waits, done;
	struct queue_end e;

	waits = put_track(f, "cy");
	done = put_track(f, "cy");
	e = end_of(f, HEAP_TRACK, claim_one(f, HEAP_TRACK, done), 200);
	queue_end(f->q, &e);
	queue_delivered(f->q, &e);
	claim(f, HEAP_TRACK, events, 2);
	claim_one(f, HEAP_TRACK, events[2]);
	settle(f);
	crash(f);

	f->now.wall += 100;
	f->now.boot += 90;
	assert_int_equal(queue_recover(f->q, f->now), 3);
	settle(f);

	assert_state(f, events[0], "queued", "-");
	assert_state(f, events[2], "queued", "-");
	assert_event(f, events[0], "attempts", "1");
	assert_event(f, events[0], "failures", "0");
	assert_event(f, events[0], "due_at", "-");
	assert_state(f, waits, "queued", "-");
	assert_state(f, done, "delivered", "-");
	/* They may have reached Heap: their requests count as ended now. */
	assert_int_equal(number(f, "SELECT count(*) FROM request WHERE "
	    "verdict = 'interrupted' AND ended_at = %lld "
	    "AND ended_boot = 1000090 AND boot_id = 'boot-1' "
	    "AND status = 0 AND never_left = 0",
	    (long long)QUEUE_NOW + 100), 2);
	assert_int_equal(queue_recover(f->q, f->now), 0);
	settle(f);
}

static void
queue_recover_knows_nothing_of_a_claim_without_commit(void **state)
{
	struct queue_fixture *f = *state;
	int64_t id = put_track(f, "ada");

	settle(f);
	claim_one(f, HEAP_TRACK, id);
	crash(f);
	assert_int_equal(queue_recover(f->q, f->now), 0);
	settle(f);

	assert_state(f, id, "queued", "-");
	assert_event(f, id, "attempts", "0");
	assert_int_equal(number(f, "SELECT count(*) FROM request"), 0);
}

static void
queue_recover_takes_any_number_of_requests(void **state)
{
	struct queue_fixture *f = *state;
	int i;

	for (i = 0; i < 150; i++)
		claim_one(f, HEAP_TRACK, put_track(f, "ada"));
	settle(f);
	assert_int_equal(queue_recover(f->q, f->now), 150);
	settle(f);

	assert_int_equal(number(f, "SELECT count(*) FROM request "
	    "WHERE ended_at IS NULL"), 0);
	assert_int_equal(number(f, "SELECT queued FROM v_conservation"), 150);
}

/* Isolation goes on where it was. */
static void
queue_recover_keeps_groups(void **state)
{
	struct queue_fixture *f = *state;
	int64_t events[EVENTS], lane = f->out.lane[HEAP_TRACK];
	struct queue_end e = refused_together(f, events);
	struct queue_group first, g;

	queue_suspect(f->q, &e, 0, -1, events, 3);
	queue_suspect(f->q, &e, 0, -1, &events[3], 3);
	assert_true(queue_group(f->q, lane, 0, &first));
	claim(f, HEAP_TRACK, events, 3);
	/* The second was done with when the agent ended. */
	e = end_of(f, HEAP_TRACK, claim(f, HEAP_TRACK, &events[3], 3), 200);
	queue_end(f->q, &e);
	queue_delivered(f->q, &e);
	settle(f);
	crash(f);
	assert_int_equal(queue_recover(f->q, f->now), 3);
	settle(f);

	assert_true(queue_group(f->q, lane, 0, &g));
	assert_int_equal(g.id, first.id);
	assert_group(f, g.id, "1:1 2:2 3:1 ");
	assert_int_equal(number(f, "SELECT count(*) FROM isolation"), 1);
}

static void
queue_rearm_bounds_every_wait(void **state)
{
	struct queue_fixture *f = *state;
	int64_t id = put_track(f, "ada"), lane = f->out.lane[HEAP_TRACK];
	int64_t near = put_track(f, "bob");
	struct queue_end e = end_of(f, HEAP_TRACK, claim_one(f, HEAP_TRACK,
	    id), 503);

	queue_end(f->q, &e);
	queue_back(f->q, &e, QUEUE_NOW + 900000);
	e = end_of(f, HEAP_TRACK, claim_one(f, HEAP_TRACK, near), 503);
	queue_end(f->q, &e);
	queue_back(f->q, &e, QUEUE_NOW + 100);
	put_track(f, "cy");
	queue_park(f->q, lane, queue_identity(f->q, "cy"), INT64_MAX / 4);
	queue_rearm(f->q, QUEUE_NOW - 5000, QUEUE_NOW + 3000);
	settle(f);

	assert_event(f, id, "due_at", "1700000003000");
	assert_event(f, near, "due_at", "1700000000100");
	assert_int_equal(queue_next_waiting(f->q, lane), QUEUE_NOW - 5000);
}

/* "+" this boot, "-" another; the request and when it ended. */
static bool
note_past(const struct queue_past *p, void *arg)
{
	buf_printf(arg, "%s%lld/%lld ", p->same_boot ? "+" : "-",
	    (long long)p->request, (long long)p->objects);
	return true;
}

static bool
note_one_past(const struct queue_past *p, void *arg)
{
	note_past(p, arg);
	return false;
}

static void
assert_past(struct queue_fixture *f, int64_t app, int64_t since,
    queue_past_visit *visit, const char *expected)
{
	struct buf b = BUF_INIT;

	queue_past(f->q, app, HEAP_TRACK, since, visit, &b);
	assert_string_equal(buf_str(&b), expected);
	buf_free(&b);
}

static void
past_request(struct queue_fixture *f, int64_t ended_boot, bool never_left)
{
	struct queue_end e = end_of(f, HEAP_TRACK, claim_one(f, HEAP_TRACK,
	    put_track(f, "ada")), 200);

	e.ended.boot = ended_boot;
	e.never_left = never_left;
	queue_end(f->q, &e);
	queue_delivered(f->q, &e);
}

static void
queue_past_has_what_may_still_count(void **state)
{
	struct queue_fixture *f = *state;

	past_request(f, 100, false);
	past_request(f, 200, false);
	past_request(f, 300, true);	/* provably never left */
	past_request(f, 400, false);
	claim_one(f, HEAP_TRACK, put_track(f, "ada"));	/* in flight */
	settle(f);

	assert_past(f, f->out.app, 200, note_past, "+2/1 +4/1 ");
	assert_past(f, f->out.app, 401, note_past, "");
	assert_past(f, f->other.app, 0, note_past, "");
}

/* Of another boot nobody knows how long ago it was. */
static void
queue_past_of_other_boots_is_newest_first(void **state)
{
	struct queue_fixture *f = *state;

	past_request(f, 900, false);
	past_request(f, 800, false);
	clock_set_boot_id("boot-2");
	past_request(f, 50, false);
	settle(f);

	assert_past(f, f->out.app, 10, note_past, "+3/1 -2/1 -1/1 ");
	assert_past(f, f->out.app, 60, note_past, "");
	assert_past(f, f->out.app, 50, note_one_past, "+3/1 ");
	clock_set_boot_id("boot-3");
	assert_past(f, f->out.app, 0, note_one_past, "-3/1 ");
	assert_past(f, f->out.app, 0, note_past, "-3/1 -2/1 -1/1 ");
}

static void
note_mention(int64_t identity, int64_t objects, void *arg)
{
	buf_printf(arg, "%lld:%lld ", (long long)identity,
	    (long long)objects);
}

static void
queue_mentioned_tells_objects_by_identity(void **state)
{
	struct queue_fixture *f = *state;
	int64_t events[EVENTS];
	struct queue_end e = refused_together(f, events);
	struct buf b = BUF_INIT;

	queue_mentioned(f->q, e.request, note_mention, &b);
	assert_string_equal(buf_str(&b), "1:3 2:3 ");
	buf_reset(&b);
	queue_mentioned(f->q, e.request + 1, note_mention, &b);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    QUEUE_TEST(queue_suspect_makes_groups_that_travel_by_themselves),
	    QUEUE_TEST(queue_group_that_is_deferred_waits),
	    QUEUE_TEST(queue_group_goes_with_its_last_event),
	    QUEUE_FILE_TEST(queue_recover_brings_back_what_was_in_flight),
	    QUEUE_FILE_TEST(
		queue_recover_knows_nothing_of_a_claim_without_commit),
	    QUEUE_TEST(queue_recover_takes_any_number_of_requests),
	    QUEUE_FILE_TEST(queue_recover_keeps_groups),
	    QUEUE_TEST(queue_rearm_bounds_every_wait),
	    QUEUE_TEST(queue_past_has_what_may_still_count),
	    QUEUE_TEST(queue_past_of_other_boots_is_newest_first),
	    QUEUE_TEST(queue_mentioned_tells_objects_by_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
