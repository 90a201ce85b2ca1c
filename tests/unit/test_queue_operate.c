/*
 * test_queue_operate.c - what operators may do, and what retention takes
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

/* An event of the first output's track lane, brought to that state. */
static int64_t
event_in(struct queue_fixture *f, const char *state)
{
	struct queue_end e;
	int64_t id = put_track(f, "ada");

	if (strcmp(state, "queued") == 0)
		return id;
	if (strcmp(state, "discarded") == 0) {
		assert_int_equal(queue_discard(f->q, id, f->now.wall, NULL),
		    QUEUE_MOVED);
		return id;
	}
	e = end_of(f, HEAP_TRACK, claim_one(f, HEAP_TRACK, id), 400);
	e.error = "HTTP 400";
	if (strcmp(state, "inflight") == 0)
		return id;
	queue_end(f->q, &e);
	if (strcmp(state, "delivered") == 0)
		queue_delivered(f->q, &e);
	else
		queue_stuck(f->q, &e, "refused");
	return id;
}

static void
queue_find_tells_what_replay_needs(void **state)
{
	struct queue_fixture *f = *state;
	int64_t stuck = event_in(f, "stuck"), update, unmapped;
	struct queue_found found;

	update = put_update(f, "ada", "\"a\":1");
	unmapped = put_ended(f, QUEUE_STUCK, "no_identity");

	assert_true(queue_find(f->q, stuck, &found));
	assert_string_equal(found.state, "stuck");
	assert_string_equal(found.reason, "refused");
	assert_int_equal(found.lane, f->out.lane[HEAP_TRACK]);
	assert_int_equal(found.kind, HEAP_TRACK);
	assert_int_equal(found.identity, queue_identity(f->q, "ada"));
	assert_true(found.mapped);
	assert_int_equal(found.batch, queue_next_batch(f->q) - 3);
	assert_int_equal(found.event_index, 0);

	assert_true(queue_find(f->q, update, &found));
	assert_int_equal(found.kind, HEAP_USER_PROPERTIES);
	assert_int_equal(found.event_index, -1);
	assert_string_equal(found.reason, "");

	assert_true(queue_find(f->q, unmapped, &found));
	assert_int_equal(found.identity, 0);
	assert_false(found.mapped);

	assert_false(queue_find(f->q, unmapped + 1, &found));
}

static void
queue_replay_queues_a_stuck_event_afresh(void **state)
{
	struct queue_fixture *f = *state;
	int64_t id = put_track(f, "ada"), expired;
	struct queue_end e = end_of(f, HEAP_TRACK, claim_one(f, HEAP_TRACK,
	    id), 500);

	queue_end(f->q, &e);
	queue_failed(f->q, &e, 0, 10, 1000, &expired);
	e = end_of(f, HEAP_TRACK, claim_one(f, HEAP_TRACK, id), 500);
	queue_end(f->q, &e);
	queue_failed(f->q, &e, 0, 2000, 1000, &expired);
	assert_int_equal(expired, 1);

	assert_int_equal(queue_replay(f->q, id, QUEUE_NOW + 50, NULL),
	    QUEUE_MOVED);
	settle(f);

	assert_state(f, id, "queued", "-");
	assert_event(f, id, "failures", "0");
	assert_event(f, id, "failing_since", "-");
	assert_event(f, id, "failing_open_ms", "-");
	assert_event(f, id, "due_at", "-");
	assert_event(f, id, "generation", "1");
	/* Its history stays, and so do its bytes. */
	assert_event(f, id, "attempts", "2");
	assert_event(f, id, "payload",
	    "{\"identity\":\"ada\",\"event\":\"E\"}");
}

static void
queue_replay_refuses_every_other_state(void **state)
{
	static const char *const states[] = { "queued", "inflight",
	    "delivered", "discarded" };
	struct queue_fixture *f = *state;
	struct why why;
	size_t i;

	for (i = 0; i < HR_COUNT(states); i++) {
		int64_t id = event_in(f, states[i]);
		char text[40];

		assert_int_equal(queue_replay(f->q, id, f->now.wall, &why),
		    QUEUE_WRONG_STATE);
		snprintf(text, sizeof(text), "event %lld is %s;",
		    (long long)id, states[i]);
		assert_int_equal(strncmp(why.text, text, strlen(text)), 0);
		settle(f);
		assert_state(f, id, states[i], "-");
	}
	assert_int_equal(queue_replay(f->q, 999, f->now.wall, &why),
	    QUEUE_NO_SUCH_EVENT);
	assert_string_equal(why.text, "there is no event 999");
	assert_int_equal(number(f, "SELECT count(*) FROM audit "
	    "WHERE action = 'replay'"), 0);
}

static void
queue_replay_of_a_skipped_event_depends_on_its_reason(void **state)
{
	static const struct {
		const char *reason;
		enum queue_moved moved;
	} cases[] = {
		{ "development", QUEUE_UNMAPPED },
		{ "web_client_side", QUEUE_UNMAPPED },
		{ "duplicate", QUEUE_WRONG_STATE },
		{ "event_type", QUEUE_WRONG_STATE },
		{ "historical", QUEUE_WRONG_STATE },
		{ "merged", QUEUE_WRONG_STATE },
	};
	struct queue_fixture *f = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(cases); i++) {
		int64_t id = put_ended(f, QUEUE_SKIPPED, cases[i].reason);

		assert_int_equal(queue_replay(f->q, id, f->now.wall, NULL),
		    cases[i].moved);
		settle(f);
		assert_state(f, id, "skipped", cases[i].reason);
	}
}

/* A rejected event and a skipped one get their payload, then they go. */
static void
queue_remap_gives_a_payload_to_be_replayed(void **state)
{
	struct queue_fixture *f = *state;
	int64_t events[2] = { put_ended(f, QUEUE_STUCK, "no_identity"),
	    put_ended(f, QUEUE_SKIPPED, "development") };
	struct queue_event e = {
		.lane = f->other.lane[HEAP_TRACK], .kind = HEAP_TRACK,
		.name = "New", .event_at = 77, .commerce = true,
		.objects = 3, .payload = "{},{},{}", .payload_len = 8,
	};
	size_t i;

	settle(f);
	e.identity = queue_identity(f->q, "ada");
	for (i = 0; i < 2; i++) {
		assert_int_equal(queue_replay(f->q, events[i], f->now.wall,
		    NULL), QUEUE_UNMAPPED);
		queue_remap(f->q, events[i], &e);
		settle(f);
		assert_int_equal(queue_replay(f->q, events[i], f->now.wall,
		    NULL), QUEUE_MOVED);
		settle(f);
		assert_state(f, events[i], "queued", "-");
		assert_event(f, events[i], "ended_at", "-");
	}

	/* It may be another lane: the development app that there is now. */
	assert_int_equal(number(f, "SELECT count(*) FROM event WHERE "
	    "lane = %lld AND identity = %lld AND name = 'New' "
	    "AND event_at = 77 AND commerce = 1 AND objects = 3 "
	    "AND payload = '{},{},{}'", (long long)e.lane,
	    (long long)e.identity), 2);
	assert_int_equal(number(f, "SELECT ready FROM waiting "
	    "WHERE lane = %lld", (long long)e.lane), 2);
	assert_int_equal(number(f, "SELECT accepted FROM v_conservation"), 2);
}

static void
queue_discard_takes_queued_and_stuck_events(void **state)
{
	static const struct {
		const char *state;
		enum queue_moved moved;
	} cases[] = {
		{ "queued", QUEUE_MOVED }, { "stuck", QUEUE_MOVED },
		{ "inflight", QUEUE_WRONG_STATE },
		{ "delivered", QUEUE_WRONG_STATE },
		{ "discarded", QUEUE_WRONG_STATE },
	};
	struct queue_fixture *f = *state;
	struct why why;
	size_t i;

	for (i = 0; i < HR_COUNT(cases); i++) {
		int64_t id = event_in(f, cases[i].state);

		assert_int_equal(queue_discard(f->q, id, QUEUE_NOW + 3, &why),
		    cases[i].moved);
		settle(f);
		assert_event(f, id, "state", cases[i].moved == QUEUE_MOVED ?
		    "discarded" : cases[i].state);
		if (cases[i].moved == QUEUE_MOVED)
			assert_event(f, id, "ended_at", "1700000000003");
	}
	assert_int_equal(queue_discard(f->q, 999, 0, &why),
	    QUEUE_NO_SUCH_EVENT);
}

static void
queue_discard_takes_deferred_and_suspect_events(void **state)
{
	struct queue_fixture *f = *state;
	int64_t events[2] = { put_track(f, "ada"), put_track(f, "ada") };
	struct queue_end e = end_of(f, HEAP_TRACK, claim(f, HEAP_TRACK,
	    events, 2), 400);
	struct queue_group g;

	queue_end(f->q, &e);
	queue_suspect(f->q, &e, 0, -1, events, 1);
	queue_back(f->q, &e, QUEUE_NOW + 500);
	settle(f);
	assert_int_equal(queue_discard(f->q, events[0], QUEUE_NOW, NULL),
	    QUEUE_MOVED);
	assert_int_equal(queue_discard(f->q, events[1], QUEUE_NOW, NULL),
	    QUEUE_MOVED);
	settle(f);

	assert_false(queue_group(f->q, f->out.lane[HEAP_TRACK], 0, &g));
	assert_true(queue_next_due(f->q) == INT64_MAX);
}

/* Each state has its own term, counted from its end. */
static void
queue_prune_removes_what_is_older_than_its_term(void **state)
{
	const struct queue_keep keep = {
		.delivered_ms = 1 * DAY, .skipped_ms = 2 * DAY,
		.discarded_ms = 3 * DAY, .requests_ms = 10 * DAY,
		.dedup_ms = 30 * DAY,
	};
	struct queue_fixture *f = *state;
	int64_t delivered = event_in(f, "delivered");
	int64_t skipped = put_ended(f, QUEUE_SKIPPED, "event_type");
	int64_t discarded = event_in(f, "discarded");
	const int64_t events[] = { delivered, skipped, discarded };
	int64_t day, i;

	settle(f);
	for (day = 1; day <= 3; day++) {
		int64_t term = QUEUE_NOW + day * DAY;

		assert_false(queue_prune(f->q, &keep, at(f, term)));
		settle(f);
		assert_true(queue_prune(f->q, &keep, at(f, term + 1)));
		settle(f);
		for (i = 0; i < 3; i++) {
			struct queue_found found;

			assert_int_equal(queue_find(f->q, events[i], &found),
			    i >= day);
		}
	}
	assert_int_equal(number(f, "SELECT pruned FROM v_conservation"), 3);
	assert_int_equal(number(f, "SELECT count(*) FROM batch"), 0);
}

static void
queue_prune_never_takes_what_still_matters(void **state)
{
	struct queue_fixture *f = *state;
	const struct queue_keep keep = { 0, 0, 0, 0, 0 };
	int64_t queued = event_in(f, "queued"), stuck = event_in(f, "stuck");
	int64_t inflight = event_in(f, "inflight");

	settle(f);
	while (queue_prune(f->q, &keep, at(f, QUEUE_NOW + 999 * DAY)))
		continue;
	settle(f);

	assert_state(f, queued, "queued", "-");
	assert_state(f, stuck, "stuck", "refused");
	assert_state(f, inflight, "inflight", "-");
	assert_int_equal(number(f, "SELECT count(*) FROM batch"), 3);
	assert_int_equal(number(f, "SELECT count(*) FROM request "
	    "WHERE ended_at IS NULL"), 1);
}

static void
queue_prune_takes_a_batch_with_its_last_event(void **state)
{
	struct queue_fixture *f = *state;
	const struct queue_keep keep = { .skipped_ms = 99 * DAY,
	    .requests_ms = 99 * DAY, .dedup_ms = 99 * DAY };
	struct queue_batch b = {
		.receipt_id = "r", .input = "i", .path = "/v2/events",
		.received_at = QUEUE_NOW, .events = 2, .body = "{}",
		.body_len = 2,
	};
	struct queue_event e = {
		.lane = f->out.lane[HEAP_TRACK], .kind = HEAP_TRACK,
		.name = "E", .objects = 1, .payload = "{}", .payload_len = 2,
	};
	int64_t batch, first;
	struct queue_stored s;

	e.identity = queue_identity(f->q, "ada");
	batch = queue_batch(f->q, &b);
	first = queue_event(f->q, &b, &e);
	queue_event(f->q, &b, &e);
	queue_discard(f->q, first, QUEUE_NOW, NULL);
	assert_true(queue_prune(f->q, &keep, at(f, QUEUE_NOW + 1)));
	settle(f);
	assert_true(queue_stored(f->q, batch, &s));
	queue_stored_free(&s);

	queue_discard(f->q, first + 1, QUEUE_NOW, NULL);
	assert_true(queue_prune(f->q, &keep, at(f, QUEUE_NOW + 1)));
	settle(f);
	assert_false(queue_stored(f->q, batch, &s));
}

/* More of these than one call looks at must not hide the others. */
static void
queue_prune_finds_what_is_old_behind_ids_from_the_future(void **state)
{
	const struct queue_keep keep = { DAY, DAY, DAY, DAY, DAY };
	struct queue_fixture *f = *state;
	char id[40];
	int i;

	for (i = 0; i < 600; i++) {
		snprintf(id, sizeof(id), "ahead-%d", i);
		queue_see(f->q, "k", id, QUEUE_NOW + 99 * DAY, 0);
	}
	/* The clock was set right. */
	for (i = 0; i < 600; i++) {
		snprintf(id, sizeof(id), "after-%d", i);
		queue_see(f->q, "k", id, QUEUE_NOW, 0);
	}
	settle(f);

	while (queue_prune(f->q, &keep, at(f, QUEUE_NOW + DAY + 1)))
		settle(f);

	assert_int_equal(number(f, "SELECT count(*) FROM seen WHERE "
	    "source_request_id LIKE 'after-%%'"), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM seen"), 600);
	while (queue_prune(f->q, &keep, at(f, QUEUE_NOW + 100 * DAY + 1)))
		settle(f);
	assert_int_equal(number(f, "SELECT count(*) FROM seen"), 0);
}

/* A profile update alone makes no event; it goes when skipped ones would. */
static void
queue_prune_takes_batches_that_never_had_events(void **state)
{
	struct queue_fixture *f = *state;
	const struct queue_keep keep = { .skipped_ms = DAY,
	    .requests_ms = 99 * DAY, .dedup_ms = 99 * DAY };
	struct queue_batch b = {
		.receipt_id = "r", .input = "i", .path = "/v2/events",
		.received_at = QUEUE_NOW, .body = "{}", .body_len = 2,
	};

	queue_batch(f->q, &b);
	put_track(f, "ada");
	assert_false(queue_prune(f->q, &keep, at(f, QUEUE_NOW + DAY)));
	assert_true(queue_prune(f->q, &keep, at(f, QUEUE_NOW + DAY + 1)));
	settle(f);

	assert_int_equal(number(f, "SELECT count(*) FROM batch"), 1);
}

static void
queue_prune_works_in_slices(void **state)
{
	struct queue_fixture *f = *state;
	const struct queue_keep keep = { 0, 0, 0, 0, 0 };
	int64_t left;
	int i, calls = 0;

	for (i = 0; i < 1300; i++)
		put_ended(f, QUEUE_SKIPPED, "event_type");
	settle(f);
	do {
		left = number(f, "SELECT count(*) FROM event");
		calls++;
	} while (queue_prune(f->q, &keep, at(f, QUEUE_NOW + 1)) &&
	    left > number(f, "SELECT count(*) FROM event"));
	settle(f);

	assert_int_equal(number(f, "SELECT count(*) FROM event"), 0);
	assert_in_range(calls, 3, 20);
	assert_int_equal(number(f, "SELECT pruned FROM v_conservation"),
	    1300);
}

/* Those that must stay are passed by, and cost later slices nothing. */
static void
queue_prune_goes_on_behind_what_must_stay(void **state)
{
	struct queue_fixture *f = *state;
	const struct queue_keep keep = { 0, 0, 0, 99 * DAY, 0 };
	int64_t left = 1600;
	int i, calls = 0;

	stuck_update(f, "\"a\":1");
	for (i = 0; i < 1600; i++) {
		struct queue_end e = flown(f, put_update(f, i < 1300 ? "ada" :
		    "bob", "\"a\":2"), 200);

		queue_delivered(f->q, &e);
	}
	settle(f);
	/* Two slices that stay, one of both kinds, and one that goes. */
	while (queue_prune(f->q, &keep, at(f, QUEUE_NOW + 1))) {
		calls++;
		left = number(f, "SELECT count(*) FROM event "
		    "WHERE state = 'delivered'");
		assert_int_equal(left, calls < 3 ? 1600 : calls == 3 ? 1400 :
		    1300);
	}
	settle(f);

	assert_int_equal(left, 1300);
	assert_in_range(calls, 4, 8);
}

/* Windows are rebuilt from requests, and measured by the other clock. */
static void
queue_prune_spares_requests_of_the_last_day_over_a_step_of_the_clock(
    void **state)
{
	struct queue_fixture *f = *state;
	const struct queue_keep keep = { 99 * DAY, 99 * DAY, 99 * DAY, DAY,
	    99 * DAY };
	struct moment stepped = { f->now.wall + 8 * DAY, f->now.boot + 30000 };

	event_in(f, "stuck");
	queue_prune(f->q, &keep, stepped);
	settle(f);

	assert_int_equal(number(f, "SELECT count(*) FROM request"), 1);
	assert_int_equal(number(f, "SELECT count(*) FROM request_identity"),
	    1);
}

static void
queue_prune_forgets_requests_and_whom_they_mentioned(void **state)
{
	struct queue_fixture *f = *state;
	const struct queue_keep keep = { 99 * DAY, 99 * DAY, 99 * DAY, DAY,
	    99 * DAY };
	int64_t second;

	event_in(f, "stuck");
	f->now.wall += 1000;
	f->now.boot += 1000;
	event_in(f, "stuck");
	second = queue_next_request(f->q) - 1;
	settle(f);
	assert_false(queue_prune(f->q, &keep, at(f, QUEUE_NOW + DAY)));
	assert_true(queue_prune(f->q, &keep, at(f, QUEUE_NOW + DAY + 1)));
	assert_int_equal(number(f, "SELECT group_concat(id) FROM request"),
	    second);
	assert_int_equal(number(f,
	    "SELECT group_concat(request) FROM request_identity"), second);

	assert_true(queue_prune(f->q, &keep, at(f, QUEUE_NOW + DAY + 1001)));
	settle(f);
	assert_int_equal(number(f, "SELECT count(*) FROM request"), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM request_identity"),
	    0);
}

static void
queue_prune_forgets_ids_that_were_seen(void **state)
{
	struct queue_fixture *f = *state;
	const struct queue_keep keep = { 0, 0, 0, 0, DAY };

	queue_see(f->q, "key", "old", QUEUE_NOW, 0);
	queue_see(f->q, "key", "new", QUEUE_NOW + 1000, 0);
	settle(f);
	assert_false(queue_prune(f->q, &keep, at(f, QUEUE_NOW + DAY)));
	assert_true(queue_prune(f->q, &keep, at(f, QUEUE_NOW + DAY + 1)));
	settle(f);

	assert_true(queue_see(f->q, "key", "old", QUEUE_NOW, 0));
	assert_false(queue_see(f->q, "key", "new", QUEUE_NOW, 0));
	settle(f);
}

/* Ids that come again after their term must not keep others from going. */
static void
queue_prune_forgets_ids_behind_those_that_came_again(void **state)
{
	struct queue_fixture *f = *state;
	const struct queue_keep keep = { 0, 0, 0, 0, DAY };
	char id[20];
	int i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < 600; i++) {
			snprintf(id, sizeof(id), "again-%d", i);
			queue_see(f->q, "key", id, QUEUE_NOW + round * 2 *
			    DAY, QUEUE_NOW + DAY);
		}
		if (round == 0)
			queue_see(f->q, "key", "once", QUEUE_NOW, 0);
	}
	settle(f);
	while (queue_prune(f->q, &keep, at(f, QUEUE_NOW + 2 * DAY + 1)))
		continue;
	settle(f);

	assert_int_equal(number(f, "SELECT count(*) FROM seen WHERE "
	    "source_request_id LIKE 'again-%%'"), 600);
	assert_int_equal(number(f, "SELECT count(*) FROM seen"), 600);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    QUEUE_TEST(queue_find_tells_what_replay_needs),
	    QUEUE_TEST(queue_replay_queues_a_stuck_event_afresh),
	    QUEUE_TEST(queue_replay_refuses_every_other_state),
	    QUEUE_TEST(queue_replay_of_a_skipped_event_depends_on_its_reason),
	    QUEUE_TEST(queue_remap_gives_a_payload_to_be_replayed),
	    QUEUE_TEST(queue_discard_takes_queued_and_stuck_events),
	    QUEUE_TEST(queue_discard_takes_deferred_and_suspect_events),
	    QUEUE_TEST(queue_prune_removes_what_is_older_than_its_term),
	    QUEUE_TEST(queue_prune_never_takes_what_still_matters),
	    QUEUE_TEST(queue_prune_takes_a_batch_with_its_last_event),
	    QUEUE_TEST(
		queue_prune_finds_what_is_old_behind_ids_from_the_future),
	    QUEUE_TEST(queue_prune_takes_batches_that_never_had_events),
	    QUEUE_TEST(queue_prune_works_in_slices),
	    QUEUE_TEST(queue_prune_goes_on_behind_what_must_stay),
	    QUEUE_TEST(
	queue_prune_spares_requests_of_the_last_day_over_a_step_of_the_clock),
	    QUEUE_TEST(queue_prune_forgets_requests_and_whom_they_mentioned),
	    QUEUE_TEST(queue_prune_forgets_ids_that_were_seen),
	    QUEUE_TEST(queue_prune_forgets_ids_behind_those_that_came_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
