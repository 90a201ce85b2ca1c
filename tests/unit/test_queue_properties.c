/*
 * test_queue_properties.c - user properties keep their order
 *
 * Whatever happens in between, an older value never arrives after a newer
 * one, and at most one update of an identity is queued.
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

#define DAY	INT64_C(86400000)

static void
queue_event_takes_a_waiting_update_into_itself(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first = put_update(f, "ada", "\"a\":1,\"b\":1,\"c\":1");
	int64_t second, third;

	f->now.wall += 5;
	second = put_update(f, "ada", "\"d\":2,\"b\":2");
	third = put_update(f, "ada", "\"a\":3");
	settle(f);

	assert_merged(f, first, second);
	assert_event(f, first, "ended_at", "1700000000005");
	assert_merged(f, second, third);
	assert_state(f, third, "queued", "-");
	/* Newer values win, the first position stays. */
	assert_event(f, third, "payload", USER("ada",
	    "\"a\":3,\"b\":2,\"c\":1,\"d\":2"));
	assert_int_equal(number(f, "SELECT ready FROM waiting"), 1);
}

static void
queue_event_leaves_other_identities_and_lanes_alone(void **state)
{
	struct queue_fixture *f = *state;
	int64_t ada = put_update(f, "ada", "\"a\":1");
	int64_t bob = put_update(f, "bob", "\"a\":2"), other;
	struct queue_event e = {
		.lane = f->other.lane[HEAP_USER_PROPERTIES],
		.kind = HEAP_USER_PROPERTIES, .event_index = -1, .name = "",
		.objects = 1, .payload = USER("ada", "\"a\":3"),
		.payload_len = strlen(USER("ada", "\"a\":3")),
		.entry = QUEUE_QUEUED,
	};

	other = put_event(f, &e, "ada");
	put_track(f, "ada");
	settle(f);

	assert_state(f, ada, "queued", "-");
	assert_state(f, bob, "queued", "-");
	assert_state(f, other, "queued", "-");
	assert_event(f, ada, "payload", USER("ada", "\"a\":1"));
}

/* A stuck or a skipped update is no update that waits, nor takes one. */
static void
queue_event_that_is_not_queued_merges_nothing(void **state)
{
	struct queue_fixture *f = *state;
	struct queue_event e = {
		.lane = f->out.lane[HEAP_USER_PROPERTIES],
		.kind = HEAP_USER_PROPERTIES, .event_index = -1, .name = "",
		.entry = QUEUE_SKIPPED, .reason = "development",
	};
	int64_t first = put_update(f, "ada", "\"a\":1"), skipped, stuck;

	skipped = put_event(f, &e, "ada");
	e.entry = QUEUE_STUCK;
	e.reason = "no_identity";
	stuck = put_event(f, &e, NULL);
	settle(f);

	assert_state(f, first, "queued", "-");
	assert_state(f, skipped, "skipped", "development");
	assert_state(f, stuck, "stuck", "no_identity");
}

/* A stuck update never blocks a newer one. */
static void
queue_event_passes_by_a_stuck_update(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first = put_update(f, "ada", "\"a\":1"), second;
	struct queue_end e = flown(f, first, 400);

	queue_stuck(f->q, &e, "refused");
	second = put_update(f, "ada", "\"b\":2");
	settle(f);

	assert_state(f, first, "stuck", "refused");
	assert_event(f, second, "payload", USER("ada", "\"b\":2"));
}

static void
queue_event_inherits_the_history_of_what_waited(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first = put_update(f, "ada", "\"a\":1"), second, expired;
	struct queue_end e = flown(f, first, 500);

	queue_failed(f->q, &e, QUEUE_NOW + 4000, 70, 1000, &expired);
	f->now.wall += 10;
	second = put_update(f, "ada", "\"b\":2");
	settle(f);

	assert_merged(f, first, second);
	assert_event(f, second, "due_at", "1700000004000");
	assert_event(f, second, "failures", "1");
	assert_event(f, second, "failing_since", "1700000000000");
	assert_event(f, second, "failing_open_ms", "70");
	assert_event(f, second, "payload", USER("ada", "\"a\":1,\"b\":2"));
	assert_int_equal(number(f, "SELECT count(*) FROM waiting"), 0);
}

static void
queue_event_inherits_suspicion(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first = put_update(f, "ada", "\"a\":1"), second;
	struct queue_end e = flown(f, first, 400);
	struct queue_group g;

	queue_suspect(f->q, &e, 0, -1, &first, 1);
	second = put_update(f, "ada", "\"b\":2");
	settle(f);

	assert_merged(f, first, second);
	assert_true(queue_group(f->q, f->out.lane[HEAP_USER_PROPERTIES], 0,
	    &g));
	assert_int_equal(number(f, "SELECT suspect FROM event WHERE id = %lld",
	    (long long)second), g.id);
}

/* An update of the same app under another output, queued. */
static int64_t
put_twin(struct queue_fixture *f, const char *payload)
{
	struct queue_event e = { .kind = HEAP_USER_PROPERTIES,
	    .event_index = -1, .name = "", .event_at = QUEUE_NOW,
	    .objects = 1, .payload = payload,
	    .payload_len = strlen(payload) };
	struct queue_output twin;

	queue_output(f->q, "twin", "https://heap.test", "1", NULL, 0, &twin);
	assert_int_equal(twin.app, f->out.app);
	e.lane = twin.lane[HEAP_USER_PROPERTIES];
	return put_event(f, &e, "ada");
}

/* A group is of one lane, where no other lane would find it again. */
static void
assert_unsuspected(struct queue_fixture *f, int64_t event)
{
	assert_state(f, event, "queued", "-");
	assert_event(f, event, "suspect", "-");
}

static void
queue_event_of_another_lane_inherits_no_suspicion(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first = put_update(f, "ada", "\"a\":1"), second;
	struct queue_end e = flown(f, first, 400);

	queue_suspect(f->q, &e, 0, -1, &first, 1);
	second = put_twin(f, USER("ada", "\"b\":2"));
	settle(f);

	assert_merged(f, first, second);
	assert_unsuspected(f, second);
}

static void
queue_suspect_leaves_it_behind_in_another_lane(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first = put_update(f, "ada", "\"a\":1"), second;
	struct queue_end e = flown(f, first, 400);

	second = put_twin(f, USER("ada", "\"b\":2"));
	queue_suspect(f->q, &e, 0, -1, &first, 1);
	settle(f);

	assert_merged(f, first, second);
	assert_unsuspected(f, second);
}

/* In flight, the first is on its way: the second waits by itself. */
static void
queue_event_does_not_touch_what_flies(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first = put_update(f, "ada", "\"a\":1"), second;
	struct queue_end e = flown(f, first, 200);

	second = put_update(f, "ada", "\"b\":2");
	settle(f);
	assert_event(f, second, "payload", USER("ada", "\"b\":2"));

	queue_delivered(f->q, &e);
	settle(f);
	assert_state(f, first, "delivered", "-");
	assert_state(f, second, "queued", "-");
}

static void
assert_came_back_under(struct queue_fixture *f, int64_t first, int64_t second)
{
	settle(f);
	assert_merged(f, first, second);
	assert_state(f, second, "queued", "-");
	assert_event(f, second, "payload", USER("ada", "\"a\":2,\"old\":1,"
	    "\"new\":2"));
}

/* An update in flight, and a newer one that waits. */
static struct queue_end
overtaken(struct queue_fixture *f, int64_t *first, int64_t *second)
{
	struct queue_end e;

	*first = put_update(f, "ada", "\"a\":1,\"old\":1");
	e = flown(f, *first, 503);
	*second = put_update(f, "ada", "\"a\":2,\"new\":2");
	settle(f);
	return e;
}

static void
queue_back_merges_under_a_newer_update(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first, second;
	struct queue_end e = overtaken(f, &first, &second);

	queue_back(f->q, &e, QUEUE_NOW + 77);

	assert_came_back_under(f, first, second);
	assert_event(f, second, "due_at", "1700000000077");
}

static void
queue_failed_merges_under_a_newer_update(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first, second, expired;
	struct queue_end e = overtaken(f, &first, &second);

	queue_failed(f->q, &e, 0, 55, 1000, &expired);

	assert_came_back_under(f, first, second);
	assert_event(f, second, "failures", "1");
	assert_event(f, second, "failing_open_ms", "55");
}

static void
queue_suspect_merges_under_a_newer_update(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first, second;
	struct queue_end e = overtaken(f, &first, &second);

	queue_suspect(f->q, &e, 0, -1, &first, 1);

	assert_came_back_under(f, first, second);
	assert_int_equal(number(f, "SELECT suspect IS NOT NULL FROM event "
	    "WHERE id = %lld", (long long)second), 1);
}

static void
queue_recover_merges_under_a_newer_update(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first, second;

	first = put_update(f, "ada", "\"a\":1,\"old\":1");
	claim_one(f, HEAP_USER_PROPERTIES, first);
	second = put_update(f, "ada", "\"a\":2,\"new\":2");
	settle(f);
	crash(f);
	assert_int_equal(queue_recover(f->q, f->now), 1);

	assert_came_back_under(f, first, second);
}

/* A request of several users: each by itself. */
static void
queue_back_merges_each_of_a_request(void **state)
{
	struct queue_fixture *f = *state;
	int64_t events[3] = { put_update(f, "ada", "\"a\":1"),
	    put_update(f, "bob", "\"b\":1"), put_update(f, "cy", "\"c\":1") };
	struct queue_end e = end_of(f, HEAP_USER_PROPERTIES,
	    claim(f, HEAP_USER_PROPERTIES, events, 3), 503);
	int64_t newer;

	queue_end(f->q, &e);
	newer = put_update(f, "bob", "\"b\":2");
	assert_int_equal(queue_back(f->q, &e, 0), 3);
	settle(f);

	assert_state(f, events[0], "queued", "-");
	assert_merged(f, events[1], newer);
	assert_state(f, events[2], "queued", "-");
	assert_event(f, newer, "payload", USER("bob", "\"b\":2"));
}

static void
queue_replay_sends_only_what_no_newer_update_has_set(void **state)
{
	struct queue_fixture *f = *state;
	int64_t old = put_update(f, "ada", "\"a\":1,\"b\":1,\"c\":1"), newer;
	struct queue_end e = flown(f, old, 400);

	queue_stuck(f->q, &e, "refused");
	newer = put_update(f, "ada", "\"b\":2");
	e = flown(f, newer, 200);
	queue_delivered(f->q, &e);
	newer = put_update(f, "ada", "\"c\":3,\"d\":3");
	flown(f, newer, 200);
	settle(f);

	assert_int_equal(queue_replay(f->q, old, QUEUE_NOW, NULL),
	    QUEUE_MOVED);

	settle(f);
	assert_state(f, old, "queued", "-");
	assert_event(f, old, "payload", USER("ada", "\"a\":1"));
}

static void
queue_replay_skips_an_update_that_is_superseded(void **state)
{
	struct queue_fixture *f = *state;
	int64_t old = put_update(f, "ada", "\"a\":1,\"b\":1"), newer;
	struct queue_end e = flown(f, old, 400);

	queue_stuck(f->q, &e, "refused");
	newer = put_update(f, "ada", "\"b\":2,\"a\":2");
	e = flown(f, newer, 200);
	queue_delivered(f->q, &e);

	assert_int_equal(queue_replay(f->q, old, QUEUE_NOW, NULL),
	    QUEUE_MOVED);

	settle(f);
	assert_state(f, old, "skipped", "superseded");
}

static void
queue_prune_keeps_what_a_stuck_update_is_superseded_by(void **state)
{
	struct queue_keep keep = { 1, 1, 1, 1, 1 };
	struct queue_fixture *f = *state;
	int64_t old = put_update(f, "ada", "\"a\":1"), newer, other;
	struct queue_end e = flown(f, old, 400);

	queue_stuck(f->q, &e, "refused");
	newer = put_update(f, "ada", "\"a\":2");
	e = flown(f, newer, 200);
	queue_delivered(f->q, &e);
	other = put_update(f, "bob", "\"a\":2");
	e = flown(f, other, 200);
	queue_delivered(f->q, &e);

	queue_prune(f->q, &keep, at(f, QUEUE_NOW + 1000000));

	settle(f);
	assert_state(f, newer, "delivered", "-");
	assert_int_equal(number(f, "SELECT count(*) FROM event WHERE id = %lld",
	    (long long)other), 0);
}

/* The value that Heap has is the newer one, though nothing was sent for it. */
static void
queue_replay_knows_what_an_unchanged_update_has_set(void **state)
{
	struct queue_fixture *f = *state;
	int64_t old = put_update(f, "ada", "\"a\":2"), newer;
	struct queue_end e = flown(f, old, 400);

	queue_stuck(f->q, &e, "refused");
	newer = put_update(f, "ada", "\"a\":1");
	queue_skip_unchanged(f->q, newer, QUEUE_NOW);
	assert_state(f, newer, "skipped", "unchanged");

	assert_int_equal(queue_replay(f->q, old, QUEUE_NOW, NULL),
	    QUEUE_MOVED);

	settle(f);
	assert_state(f, old, "skipped", "superseded");
}

static void
queue_unrefuse_does_not_overtake_what_flies(void **state)
{
	struct queue_fixture *f = *state;
	int64_t old = put_update(f, "ada", "\"a\":1,\"b\":1"), newer;
	struct queue_end e = flown(f, old, 400);

	queue_stuck(f->q, &e, "refused");
	newer = put_update(f, "ada", "\"a\":2");
	claim_one(f, HEAP_USER_PROPERTIES, newer);

	assert_int_equal(queue_unrefuse(f->q,
	    f->out.lane[HEAP_USER_PROPERTIES], HEAP_USER_PROPERTIES, old,
	    QUEUE_NOW), 1);

	settle(f);
	assert_state(f, old, "queued", "-");
	assert_event(f, old, "payload", USER("ada", "\"b\":1"));
}

/* The output "other" is given the app of "heap", as a reload would. */
static void
share_the_app(struct queue_fixture *f)
{
	struct queue_output out;

	queue_forget_outputs(f->q);
	queue_output(f->q, "heap", "https://heap.test", "1", NULL, 0, &out);
	queue_join_updates(f->q, &out, QUEUE_NOW);
	queue_output(f->q, "other", "https://heap.test", "1", NULL, 0, &out);
	queue_join_updates(f->q, &out, QUEUE_NOW);
}

static int64_t
put_other(struct queue_fixture *f, const char *payload, const char *identity)
{
	struct queue_event e = { .kind = HEAP_USER_PROPERTIES,
	    .lane = f->other.lane[HEAP_USER_PROPERTIES],
	    .event_index = -1, .name = "", .event_at = QUEUE_NOW,
	    .objects = 1, .payload = payload,
	    .payload_len = strlen(payload) };

	return put_event(f, &e, identity);
}

/* Both are of one batch, and the first is not counted yet when it leaves. */
static void
queue_event_of_the_same_batch_may_be_taken_up(void **state)
{
	struct queue_fixture *f = *state;
	struct queue_batch b = { .receipt_id = "r", .input = "shop",
	    .path = "/v2/events", .received_at = QUEUE_NOW, .events = 2,
	    .body = "{}", .body_len = 2 };
	struct queue_event e = { .kind = HEAP_USER_PROPERTIES,
	    .lane = f->out.lane[HEAP_USER_PROPERTIES], .event_index = -1,
	    .name = "", .event_at = QUEUE_NOW, .objects = 1,
	    .payload = USER("ada", "\"a\":1"),
	    .payload_len = strlen(USER("ada", "\"a\":1")) };
	int64_t first, second;

	share_the_app(f);
	e.identity = queue_identity(f->q, "ada");
	queue_batch(f->q, &b);
	first = queue_event(f->q, &b, &e);
	e.lane = f->other.lane[HEAP_USER_PROPERTIES];
	second = queue_event(f->q, &b, &e);
	settle(f);

	assert_merged(f, first, second);
	assert_int_equal(number(f, "SELECT ready FROM waiting WHERE lane = "
	    "%lld", (long long)e.lane), 1);
	assert_int_equal(number(f, "SELECT count(*) FROM waiting"), 1);
}

static void
queue_join_updates_leaves_one_of_each_identity(void **state)
{
	struct queue_fixture *f = *state;
	int64_t ada = put_update(f, "ada", "\"a\":1,\"b\":1"), ada_other;
	int64_t bob_other = put_other(f, USER("bob", "\"a\":1"), "bob"), bob;
	int64_t eve = put_other(f, USER("eve", "\"a\":1"), "eve");

	ada_other = put_other(f, USER("ada", "\"a\":2"), "ada");
	bob = put_update(f, "bob", "\"a\":2,\"b\":2");
	put_track(f, "ada");
	settle(f);
	assert_state(f, ada, "queued", "-");

	share_the_app(f);
	settle(f);

	assert_merged(f, ada, ada_other);
	assert_event(f, ada_other, "payload", USER("ada",
	    "\"a\":2,\"b\":1"));
	assert_merged(f, bob_other, bob);
	assert_state(f, eve, "queued", "-");
	assert_int_equal(number(f, "SELECT count(*) FROM event "
	    "WHERE state = 'queued' AND event_index IS NULL"), 3);
}

static void
queue_join_updates_finds_deferred_and_suspect_ones(void **state)
{
	struct queue_fixture *f = *state;
	int64_t ada = put_update(f, "ada", "\"a\":1"), ada_other;
	struct queue_end e = flown(f, ada, 400);
	int64_t bob, bob_other, expired;

	queue_suspect(f->q, &e, 0, -1, &ada, 1);
	bob = put_update(f, "bob", "\"a\":1");
	e = flown(f, bob, 500);
	queue_failed(f->q, &e, QUEUE_NOW + 4000, 0, DAY, &expired);
	ada_other = put_other(f, USER("ada", "\"b\":2"), "ada");
	bob_other = put_other(f, USER("bob", "\"b\":2"), "bob");
	settle(f);

	share_the_app(f);
	settle(f);

	assert_merged(f, ada, ada_other);
	assert_unsuspected(f, ada_other);
	assert_merged(f, bob, bob_other);
	assert_event(f, bob_other, "due_at", "1700000004000");
}

/*
 * Heap may have taken the second one, whatever became of it since: until the
 * first one is too old to count, it must not be forgotten.
 */
static void
queue_prune_keeps_what_may_have_replaced_an_update(void **state)
{
	struct queue_fixture *f = *state;
	const struct queue_keep keep = { 99 * DAY, 0, 0, 99 * DAY, 0 };
	const char *set = USER("ada", "\"a\":1");
	int64_t first = put_update(f, "ada", "\"a\":1"), second;
	int64_t lane = f->out.lane[HEAP_USER_PROPERTIES], expired;
	struct queue_end e = flown(f, first, 200);

	queue_delivered(f->q, &e);
	second = put_update(f, "ada", "\"a\":2");
	e = flown(f, second, 0);
	queue_failed(f->q, &e, QUEUE_NOW + 4000, 0, DAY, &expired);
	assert_int_equal(queue_discard(f->q, second, QUEUE_NOW, NULL),
	    QUEUE_MOVED);
	settle(f);

	while (queue_prune(f->q, &keep, at(f, QUEUE_NOW + DAY - 1)))
		settle(f);
	settle(f);
	assert_false(queue_unchanged(f->q, lane, 1, set, strlen(set), 0));

	while (queue_prune(f->q, &keep, at(f, QUEUE_NOW + DAY)))
		settle(f);
	settle(f);
	assert_int_equal(number(f, "SELECT count(*) FROM event"), 1);
}

/* How long a lane has been open is no time of another lane. */
static void
queue_event_inherits_age_by_the_clock_of_its_own_lane(void **state)
{
	struct queue_fixture *f = *state;
	struct queue_event e = { .kind = HEAP_USER_PROPERTIES,
	    .event_index = -1, .name = "", .event_at = QUEUE_NOW,
	    .objects = 1, .payload = USER("ada", "\"b\":2") };
	int64_t first = put_update(f, "ada", "\"a\":1"), expired;
	struct queue_end end = flown(f, first, 503);
	struct queue_output twin;

	queue_output(f->q, "twin", "https://heap.test", "1", NULL, 0, &twin);
	queue_lane_open_ms(f->q, f->out.lane[HEAP_USER_PROPERTIES], 1000);
	queue_lane_open_ms(f->q, twin.lane[HEAP_USER_PROPERTIES], 500000);
	queue_failed(f->q, &end, QUEUE_NOW + 9, 900, 60000, &expired);
	e.lane = twin.lane[HEAP_USER_PROPERTIES];
	e.payload_len = strlen(e.payload);

	assert_event(f, put_event(f, &e, "ada"), "failing_open_ms", "499900");
	settle(f);
}

static void
queue_event_takes_what_waits_for_the_same_app_under_another_output(
    void **state)
{
	struct queue_fixture *f = *state;
	struct queue_event e = { .kind = HEAP_USER_PROPERTIES,
	    .event_index = -1, .name = "", .event_at = QUEUE_NOW,
	    .objects = 1 };
	int64_t first = put_update(f, "ada", "\"a\":1,\"b\":1"), second;
	struct queue_output twin;

	queue_output(f->q, "twin", "https://heap.test", "1", NULL, 0,
	    &twin);
	if (twin.app != f->out.app)
		fail_msg("the fixture's app is not %lld",
		    (long long)twin.app);
	e.lane = twin.lane[HEAP_USER_PROPERTIES];
	e.payload = USER("ada", "\"b\":2");
	e.payload_len = strlen(e.payload);
	second = put_event(f, &e, "ada");

	settle(f);
	assert_merged(f, first, second);
	assert_event(f, second, "payload", USER("ada", "\"a\":1,\"b\":2"));
}

static void
queue_replay_merges_under_a_newer_update(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first = stuck_update(f, "\"a\":1,\"old\":1");
	int64_t second = put_update(f, "ada", "\"a\":2,\"new\":2");

	assert_int_equal(queue_replay(f->q, first, f->now.wall, NULL),
	    QUEUE_MOVED);

	assert_came_back_under(f, first, second);
	assert_event(f, second, "generation", "0");
	assert_event(f, first, "generation", "1");
}

/* Two that are stuck, replayed in the order in which they were made. */
static void
queue_replay_merges_a_newer_update_over_an_older_one(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first = stuck_update(f, "\"a\":1,\"old\":1");
	int64_t second = stuck_update(f, "\"a\":2,\"new\":2");

	assert_int_equal(queue_replay(f->q, first, f->now.wall, NULL),
	    QUEUE_MOVED);
	assert_int_equal(queue_replay(f->q, second, f->now.wall, NULL),
	    QUEUE_MOVED);

	assert_came_back_under(f, first, second);
}

/* The newer one was in flight while an operator replayed the older one. */
static void
queue_back_merges_over_an_older_update(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first = stuck_update(f, "\"a\":1,\"old\":1");
	int64_t second = put_update(f, "ada", "\"a\":2,\"new\":2"), expired;
	struct queue_end e = flown(f, second, 503);

	assert_int_equal(queue_replay(f->q, first, f->now.wall, NULL),
	    QUEUE_MOVED);
	queue_failed(f->q, &e, QUEUE_NOW + 9, 1, 1000, &expired);

	/* What is in flight has set `a`: the replayed one had only the rest. */
	settle(f);
	assert_merged(f, first, second);
	assert_event(f, second, "payload", USER("ada", "\"old\":1,\"a\":2,"
	    "\"new\":2"));
	assert_event(f, second, "due_at", "1700000000009");
	assert_event(f, second, "failures", "1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    QUEUE_TEST(queue_event_takes_a_waiting_update_into_itself),
	    QUEUE_TEST(queue_event_leaves_other_identities_and_lanes_alone),
	    QUEUE_TEST(queue_event_that_is_not_queued_merges_nothing),
	    QUEUE_TEST(queue_event_passes_by_a_stuck_update),
	    QUEUE_TEST(queue_event_inherits_the_history_of_what_waited),
	    QUEUE_TEST(queue_event_inherits_suspicion),
	    QUEUE_TEST(queue_event_of_another_lane_inherits_no_suspicion),
	    QUEUE_TEST(queue_suspect_leaves_it_behind_in_another_lane),
	    QUEUE_TEST(queue_event_does_not_touch_what_flies),
	    QUEUE_TEST(queue_back_merges_under_a_newer_update),
	    QUEUE_TEST(queue_failed_merges_under_a_newer_update),
	    QUEUE_TEST(queue_suspect_merges_under_a_newer_update),
	    QUEUE_FILE_TEST(queue_recover_merges_under_a_newer_update),
	    QUEUE_TEST(queue_back_merges_each_of_a_request),
	    QUEUE_TEST(queue_replay_sends_only_what_no_newer_update_has_set),
	    QUEUE_TEST(queue_replay_skips_an_update_that_is_superseded),
	    QUEUE_TEST(queue_replay_knows_what_an_unchanged_update_has_set),
	    QUEUE_TEST(queue_unrefuse_does_not_overtake_what_flies),
	    QUEUE_TEST(queue_event_of_the_same_batch_may_be_taken_up),
	    QUEUE_TEST(queue_join_updates_leaves_one_of_each_identity),
	    QUEUE_TEST(queue_join_updates_finds_deferred_and_suspect_ones),
	    QUEUE_TEST(queue_prune_keeps_what_may_have_replaced_an_update),
	    QUEUE_TEST(queue_event_inherits_age_by_the_clock_of_its_own_lane),
	    QUEUE_TEST(
		queue_prune_keeps_what_a_stuck_update_is_superseded_by),
	    QUEUE_TEST(
	queue_event_takes_what_waits_for_the_same_app_under_another_output),
	    QUEUE_TEST(queue_replay_merges_under_a_newer_update),
	    QUEUE_TEST(queue_replay_merges_a_newer_update_over_an_older_one),
	    QUEUE_TEST(queue_back_merges_over_an_older_update),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
