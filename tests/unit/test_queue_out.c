/*
 * test_queue_out.c - the way out: who may leave, claims and their ends
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

static void
assert_ready(struct queue_fixture *f, const char *identity, int64_t after,
    const char *expected)
{
	char *ids = ready_ids(f, HEAP_TRACK, identity, after);

	assert_string_equal(ids, expected);
	free(ids);
}

/* Claims one track event and ends the request with that status. */
static struct queue_end
event_flown(struct queue_fixture *f, int64_t event, int status)
{
	struct queue_end e = end_of(f, HEAP_TRACK,
	    claim_one(f, HEAP_TRACK, event), status);

	queue_end(f->q, &e);
	return e;
}

/* An event that is due again at that instant. */
static int64_t
deferred(struct queue_fixture *f, const char *identity, int64_t due_at)
{
	int64_t id = put_track(f, identity);
	struct queue_end e = event_flown(f, id, 429);

	assert_int_equal(queue_back(f->q, &e, due_at), 1);
	return id;
}

static void
queue_release_makes_ready_what_is_due(void **state)
{
	struct queue_fixture *f = *state;
	int64_t late = deferred(f, "ada", 3000), soon = deferred(f, "ada",
	    1000), next = deferred(f, "bob", 2000);

	settle(f);
	assert_int_equal(queue_next_due(f->q), 1000);
	assert_int_equal(queue_release(f->q, 999, 10), 0);
	assert_int_equal(queue_release(f->q, 2000, 10), 2);
	settle(f);

	assert_event(f, soon, "due_at", "-");
	assert_event(f, next, "due_at", "-");
	assert_event(f, late, "due_at", "3000");
	assert_int_equal(queue_next_due(f->q), 3000);
	assert_int_equal(queue_release(f->q, 3000, 10), 1);
	settle(f);
	assert_true(queue_next_due(f->q) == INT64_MAX);
}

static void
queue_release_stops_at_n_the_earliest_first(void **state)
{
	struct queue_fixture *f = *state;
	int64_t a = deferred(f, "ada", 3000), b = deferred(f, "ada", 1000);
	int64_t c = deferred(f, "ada", 2000);

	assert_int_equal(queue_release(f->q, 5000, 2), 2);
	settle(f);

	assert_event(f, a, "due_at", "3000");
	assert_event(f, b, "due_at", "-");
	assert_event(f, c, "due_at", "-");
}

static void
queue_waiting_takes_turns(void **state)
{
	struct queue_fixture *f = *state;
	int64_t lane = f->out.lane[HEAP_TRACK], names[4];
	static const char *const who[] = { "ada", "bob", "cy", "dan" };
	struct queue_waiting w[4];
	size_t i;

	for (i = 0; i < 4; i++) {
		f->now.wall += 10;
		put_track(f, who[i]);
		names[i] = queue_identity(f->q, who[i]);
	}
	put_track(f, "bob");
	settle(f);

	/* Who came first is first; who comes later is not looked at. */
	assert_int_equal(queue_waiting(f->q, lane, QUEUE_NOW + 30, NULL, w,
	    4), 3);
	for (i = 0; i < 3; i++)
		assert_int_equal(w[i].identity, names[i]);
	assert_int_equal(w[0].ready, 1);
	assert_int_equal(w[1].ready, 2);
	assert_int_equal(w[1].next_at, QUEUE_NOW + 20);

	/* The next ones behind the one that was read last. */
	assert_int_equal(queue_waiting(f->q, lane, QUEUE_NOW + 99, &w[1], w,
	    1), 1);
	assert_int_equal(w[0].identity, names[2]);

	/* Who had its turn goes to the end. */
	queue_park(f->q, lane, names[0], QUEUE_NOW + 50);
	assert_int_equal(queue_next_waiting(f->q, lane), QUEUE_NOW + 20);
	assert_int_equal(queue_waiting(f->q, lane, QUEUE_NOW + 99, NULL, w,
	    4), 4);
	assert_int_equal(w[0].identity, names[1]);
	assert_int_equal(w[3].identity, names[0]);
	assert_int_equal(queue_waiting(f->q, f->other.lane[HEAP_TRACK],
	    QUEUE_NOW + 99, NULL, w, 4), 0);
	settle(f);
}

static void
queue_waiting_tells_apart_those_of_one_instant(void **state)
{
	struct queue_fixture *f = *state;
	int64_t lane = f->out.lane[HEAP_TRACK], seen = 0;
	struct queue_waiting w, *after = NULL;
	int i;

	for (i = 0; i < 5; i++) {
		char name[] = { (char)('a' + i), '\0' };

		put_track(f, name);
	}
	for (i = 0; i < 5; i++) {
		assert_int_equal(queue_waiting(f->q, lane, QUEUE_NOW, after,
		    &w, 1), 1);
		assert_true(w.identity > seen);
		seen = w.identity;
		after = &w;
	}
	assert_int_equal(queue_waiting(f->q, lane, QUEUE_NOW, after, &w, 1),
	    0);
}

static void
queue_park_holds_until_more_comes_and_wake_ends_it(void **state)
{
	struct queue_fixture *f = *state;
	int64_t lane = f->out.lane[HEAP_TRACK], ada;
	struct queue_waiting w;

	put_track(f, "ada");
	ada = queue_identity(f->q, "ada");
	queue_park(f->q, lane, ada, QUEUE_NOW + 1000);
	put_track(f, "ada");
	settle(f);
	assert_int_equal(queue_waiting(f->q, lane, QUEUE_NOW + 999, NULL, &w,
	    1), 0);

	queue_wake(f->q, lane, ada, QUEUE_NOW + 1001, QUEUE_NOW);
	assert_int_equal(queue_next_waiting(f->q, lane), QUEUE_NOW + 1000);
	queue_wake(f->q, lane, ada, QUEUE_NOW + 1000, QUEUE_NOW + 5);
	assert_int_equal(queue_next_waiting(f->q, lane), QUEUE_NOW + 5);
	assert_int_equal(queue_waiting(f->q, lane, QUEUE_NOW + 5, NULL, &w,
	    1), 1);
	assert_int_equal(w.ready, 2);
}

static void
queue_longest_has_the_long_backlogs_first(void **state)
{
	static const struct {
		const char *who;
		int n;
	} backlogs[] = { { "ada", 7 }, { "bob", 8 }, { "cy", 40 },
	    { "dan", 17 }, { "eve", 100 } };
	struct queue_fixture *f = *state;
	int64_t lane = f->out.lane[HEAP_TRACK];
	struct queue_waiting w[5];
	size_t i;
	int k;

	for (i = 0; i < HR_COUNT(backlogs); i++)
		for (k = 0; k < backlogs[i].n; k++)
			put_track(f, backlogs[i].who);
	settle(f);
	assert_int_equal(queue_longest(f->q, lane, QUEUE_NOW, w, 5), 0);
	for (i = 0; i < HR_COUNT(backlogs); i++)
		queue_park(f->q, lane, queue_identity(f->q, backlogs[i].who),
		    QUEUE_NOW);

	/* Seven are too few. */
	assert_int_equal(queue_longest(f->q, lane, QUEUE_NOW, w, 5), 4);
	assert_int_equal(w[0].ready, 100);
	assert_int_equal(w[1].ready, 40);
	assert_int_equal(w[2].ready, 17);
	assert_int_equal(w[3].ready, 8);
	assert_int_equal(queue_longest(f->q, lane, QUEUE_NOW, w, 2), 2);
	assert_int_equal(w[1].ready, 40);
	queue_park(f->q, lane, queue_identity(f->q, "eve"), QUEUE_NOW + 1);
	assert_int_equal(queue_longest(f->q, lane, QUEUE_NOW, w, 2), 2);
	assert_int_equal(w[0].ready, 40);
}

struct looked {
	size_t	n, stop;
	struct queue_row last;
	char	payload[200];
};

static bool
look(const struct queue_row *row, void *arg)
{
	struct looked *l = arg;

	l->last = *row;
	assert_true(row->payload_len < sizeof(l->payload));
	memcpy(l->payload, row->payload, row->payload_len);
	l->payload[row->payload_len] = '\0';
	return ++l->n < l->stop;
}

static void
queue_ready_hands_out_an_identitys_events_oldest_first(void **state)
{
	struct queue_fixture *f = *state;
	struct looked l = { .stop = 2 };
	int64_t first = put_track(f, "ada");
	char text[60];

	put_track(f, "bob");
	put_track(f, "ada");
	deferred(f, "ada", QUEUE_NOW + 5);
	event_flown(f, put_track(f, "ada"), 0);
	put_track(f, "ada");
	settle(f);

	snprintf(text, sizeof(text), "%d %d %d", (int)first, (int)first + 2,
	    (int)first + 5);
	assert_ready(f, "ada", 0, text);
	assert_ready(f, "ada", first, strchr(text, ' ') + 1);
	assert_ready(f, "ada", first + 5, "");

	queue_ready(f->q, f->out.lane[HEAP_TRACK],
	    queue_identity(f->q, "ada"), 0, look, &l);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.last.id, first + 2);
	assert_int_equal(l.last.identity, queue_identity(f->q, "ada"));
	assert_int_equal(l.last.objects, 1);
	assert_false(l.last.commerce);
	assert_int_equal(l.last.received_at, QUEUE_NOW);
	assert_string_equal(l.payload,
	    "{\"identity\":\"ada\",\"event\":\"E\"}");
}

static void
queue_claim_writes_what_flies(void **state)
{
	struct queue_fixture *f = *state;
	int64_t events[4] = { put_track(f, "ada"), put_track(f, "bob"),
	    put_track(f, "ada"), put_track(f, "ada") };
	struct queue_claimed claimed[3];
	struct queue_claim c = {
		.lane = f->out.lane[HEAP_TRACK], .app = f->out.app,
		.form = HEAP_BULK, .objects = 9, .bytes = 345, .parent = 77,
		.events = claimed, .events_n = 3,
	};
	int64_t ada = queue_identity(f->q, "ada"), next, request;
	int64_t bob = queue_identity(f->q, "bob");
	size_t i;

	/* One identity stands apart, as in a group under suspicion. */
	for (i = 0; i < 3; i++) {
		claimed[i].event = events[i];
		claimed[i].identity = i == 1 ? bob : ada;
		claimed[i].objects = 2 + i;
	}
	next = queue_next_request(f->q);
	request = queue_claim(f->q, &c, f->now);
	settle(f);

	assert_int_equal(request, next);
	assert_int_equal(number(f, "SELECT count(*) FROM request WHERE "
	    "id = %lld AND form = 'bulk' AND events = 3 AND objects = 9 "
	    "AND bytes = 345 AND parent = 77 AND started_at = %lld "
	    "AND ended_at IS NULL AND boot_id = 'boot-1' "
	    "AND started_boot = 1000000 AND status IS NULL",
	    (long long)request, (long long)QUEUE_NOW), 1);
	assert_int_equal(number(f, "SELECT objects FROM request_identity "
	    "WHERE identity = %lld", (long long)ada), 6);
	assert_int_equal(number(f, "SELECT objects FROM request_identity "
	    "WHERE identity = %lld", (long long)bob), 3);
	for (i = 0; i < 3; i++) {
		assert_state(f, events[i], "inflight", "-");
		assert_event(f, events[i], "attempts", "1");
	}
	assert_state(f, events[3], "queued", "-");
	assert_int_equal(number(f, "SELECT count(*) FROM attempt"), 0);
}

/* Ids are those of the events whatever the order of the claim. */
static void
queue_inflight_lists_what_flies(void **state)
{
	struct queue_fixture *f = *state;
	int64_t events[3] = { put_track(f, "ada"), put_track(f, "bob"),
	    put_track(f, "cy") }, got[3];
	int64_t request = claim(f, HEAP_TRACK, events, 3);

	assert_int_equal(queue_inflight(f->q, request, got, 3), 3);
	assert_memory_equal(got, events, sizeof(got));
	assert_int_equal(queue_inflight(f->q, request, got, 2), 2);
	assert_int_equal(queue_inflight(f->q, request + 1, got, 3), 0);
}

static void
queue_end_writes_what_is_known(void **state)
{
	struct queue_fixture *f = *state;
	int64_t request = claim_one(f, HEAP_TRACK, put_track(f, "ada"));
	struct queue_end e = end_of(f, HEAP_TRACK, request, 503);

	e.verdict = "later";
	e.answer = "busy";
	e.ended.wall += 25;
	e.ended.boot += 24;
	queue_end(f->q, &e);
	settle(f);

	assert_int_equal(number(f, "SELECT count(*) FROM request WHERE "
	    "ended_at = %lld AND ended_boot = 1000024 AND status = 503 "
	    "AND verdict = 'later' AND answer = 'busy' AND error IS NULL "
	    "AND never_left = 0", (long long)QUEUE_NOW + 25), 1);
}

static void
queue_delivered_ends_all_of_the_request(void **state)
{
	struct queue_fixture *f = *state;
	int64_t events[2] = { put_track(f, "ada"), put_track(f, "bob") };
	int64_t waits = put_track(f, "ada");
	struct queue_end e = end_of(f, HEAP_TRACK, claim(f, HEAP_TRACK,
	    events, 2), 202);

	e.ended.wall += 7;
	queue_end(f->q, &e);
	assert_int_equal(queue_delivered(f->q, &e), 2);
	/* A verdict that is written again moves nothing twice. */
	assert_int_equal(queue_delivered(f->q, &e), 0);
	settle(f);

	assert_state(f, events[0], "delivered", "-");
	assert_state(f, events[1], "delivered", "-");
	assert_event(f, events[1], "ended_at", "1700000000007");
	assert_event(f, events[1], "last_status", "202");
	assert_event(f, events[1], "last_error", "-");
	assert_state(f, waits, "queued", "-");
}

static void
queue_slice_delivered_goes_on_where_it_was(void **state)
{
	struct queue_fixture *f = *state;
	struct looked l = { .stop = 1 };
	int64_t id = put_track(f, "ada"), first, second;
	struct queue_end e = end_of(f, HEAP_TRACK, claim_one(f, HEAP_TRACK,
	    id), 200);

	first = e.request;
	queue_end(f->q, &e);
	queue_slice_delivered(f->q, &e, id, 17);
	settle(f);
	assert_state(f, id, "queued", "-");
	queue_ready(f->q, f->out.lane[HEAP_TRACK],
	    queue_identity(f->q, "ada"), 0, look, &l);
	assert_int_equal(l.last.sent, 17);
	assert_int_equal(l.last.attempts, 1);

	second = claim_one(f, HEAP_TRACK, id);
	e = end_of(f, HEAP_TRACK, second, 200);
	queue_end(f->q, &e);
	assert_int_equal(queue_delivered(f->q, &e), 1);
	settle(f);

	assert_event(f, id, "attempts", "2");
	/* The earlier one is kept, the last is the event's own. */
	assert_int_equal(number(f, "SELECT request FROM attempt "
	    "WHERE event = %lld", (long long)id), first);
	assert_int_equal(number(f, "SELECT request FROM event "
	    "WHERE id = %lld", (long long)id), second);
}

static void
queue_back_is_no_failure(void **state)
{
	struct queue_fixture *f = *state;
	int64_t at_once = put_track(f, "ada"), later;
	struct queue_end e = event_flown(f, at_once, 0);

	e.error = "could not connect";
	e.answer = "not shown";
	assert_int_equal(queue_back(f->q, &e, 0), 1);
	assert_ready(f, "ada", 0, "1");
	later = deferred(f, "ada", QUEUE_NOW + 9);
	settle(f);

	assert_state(f, at_once, "queued", "-");
	assert_event(f, at_once, "due_at", "-");
	assert_event(f, at_once, "failures", "0");
	assert_event(f, at_once, "failing_since", "-");
	assert_event(f, at_once, "last_status", "0");
	assert_event(f, at_once, "last_error", "could not connect");
	assert_event(f, later, "due_at", "1700000000009");
}

static void
queue_failed_counts_and_keeps_the_first_instant(void **state)
{
	struct queue_fixture *f = *state;
	int64_t id = put_track(f, "ada"), expired = -1;
	struct queue_end e;

	assert_int_equal(queue_failures(f->q, 99), 0);
	e = event_flown(f, id, 500);
	e.answer = "oops";
	assert_int_equal(queue_failures(f->q, e.request), 0);
	assert_int_equal(queue_failed(f->q, &e, QUEUE_NOW + 4, 300, 1000,
	    &expired), 1);
	assert_int_equal(expired, 0);
	settle(f);
	assert_event(f, id, "due_at", "1700000000004");
	assert_event(f, id, "last_error", "oops");

	assert_int_equal(queue_release(f->q, QUEUE_NOW + 4, 1), 1);
	f->now.wall += 4;
	e = event_flown(f, id, 500);
	assert_int_equal(queue_failures(f->q, e.request), 1);
	assert_int_equal(queue_failed(f->q, &e, 0, 700, 1000, &expired), 1);
	settle(f);

	assert_event(f, id, "failures", "2");
	assert_event(f, id, "failing_since", "1700000000000");
	assert_event(f, id, "failing_open_ms", "300");
}

/* By how long the lane was open, not by the clock on the wall. */
static void
queue_failed_gives_up_after_so_long(void **state)
{
	struct queue_fixture *f = *state;
	int64_t events[2] = { put_track(f, "ada"), 0 }, expired;
	struct queue_end e = event_flown(f, events[0], 500);

	queue_failed(f->q, &e, 0, 300, 1000, &expired);
	f->now.wall += INT64_C(1000000000);
	e = event_flown(f, events[0], 500);
	assert_int_equal(queue_failed(f->q, &e, 0, 1299, 1000, &expired), 1);
	assert_int_equal(expired, 0);

	/* Beside one that fails for the first time. */
	events[1] = put_track(f, "ada");
	e = end_of(f, HEAP_TRACK, claim(f, HEAP_TRACK, events, 2), 500);
	e.error = "HTTP 500";
	queue_end(f->q, &e);
	assert_int_equal(queue_failures(f->q, e.request), 2);
	assert_int_equal(queue_failed(f->q, &e, 0, 1300, 1000, &expired), 1);
	settle(f);

	assert_int_equal(expired, 1);
	assert_state(f, events[0], "stuck", "expired");
	assert_event(f, events[0], "failures", "3");
	assert_event(f, events[0], "last_error", "HTTP 500");
	assert_state(f, events[1], "queued", "-");
	assert_event(f, events[1], "failures", "1");
}

static void
queue_stuck_keeps_the_reason(void **state)
{
	struct queue_fixture *f = *state;
	int64_t id = put_track(f, "ada");
	struct queue_end e = event_flown(f, id, 400);

	e.answer = "no such app";
	assert_int_equal(queue_stuck(f->q, &e, "refused"), 1);
	settle(f);

	assert_state(f, id, "stuck", "refused");
	assert_event(f, id, "last_status", "400");
	assert_event(f, id, "last_error", "no such app");
	assert_event(f, id, "ended_at", "-");
	assert_ready(f, "ada", 0, "");
}

static void
queue_lane_open_ms_is_kept(void **state)
{
	struct queue_fixture *f = *state;

	queue_lane_open_ms(f->q, f->out.lane[HEAP_TRACK], 123);
	settle(f);
	crash(f);

	assert_int_equal(f->out.open_ms[HEAP_TRACK], 123);
	assert_int_equal(f->other.open_ms[HEAP_TRACK], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    QUEUE_TEST(queue_release_makes_ready_what_is_due),
	    QUEUE_TEST(queue_release_stops_at_n_the_earliest_first),
	    QUEUE_TEST(queue_waiting_takes_turns),
	    QUEUE_TEST(queue_waiting_tells_apart_those_of_one_instant),
	    QUEUE_TEST(queue_park_holds_until_more_comes_and_wake_ends_it),
	    QUEUE_TEST(queue_longest_has_the_long_backlogs_first),
	    QUEUE_TEST(queue_ready_hands_out_an_identitys_events_oldest_first),
	    QUEUE_TEST(queue_claim_writes_what_flies),
	    QUEUE_TEST(queue_inflight_lists_what_flies),
	    QUEUE_TEST(queue_end_writes_what_is_known),
	    QUEUE_TEST(queue_delivered_ends_all_of_the_request),
	    QUEUE_TEST(queue_slice_delivered_goes_on_where_it_was),
	    QUEUE_TEST(queue_back_is_no_failure),
	    QUEUE_TEST(queue_failed_counts_and_keeps_the_first_instant),
	    QUEUE_TEST(queue_failed_gives_up_after_so_long),
	    QUEUE_TEST(queue_stuck_keeps_the_reason),
	    QUEUE_FILE_TEST(queue_lane_open_ms_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
