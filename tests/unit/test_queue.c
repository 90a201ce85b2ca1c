/*
 * test_queue.c - the queue's turn, what is configured, and the way in
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "queue_fixture.h"
#include "store.h"

static void
queue_commit_of_nothing_is_durable(void **state)
{
	struct queue_fixture *f = *state;

	assert_true(queue_commit(f->q));
	assert_true(queue_commit(f->q));
	assert_int_equal(queue_begin(f->q), QUEUE_READY);
	assert_true(queue_commit(f->q));
}

static void
queue_commit_makes_it_last(void **state)
{
	struct queue_fixture *f = *state;
	int64_t id = put_track(f, "ada");

	settle(f);
	crash(f);

	assert_state(f, id, "queued", "-");
	settle(f);
}

static void
queue_close_without_commit_leaves_nothing(void **state)
{
	struct queue_fixture *f = *state;

	put_track(f, "ada");
	crash(f);

	assert_int_equal(number(f, "SELECT count(*) FROM event"), 0);
	assert_int_equal(number(f, "SELECT count(*) FROM batch"), 0);
	settle(f);
}

static void
queue_rollback_counts_nothing(void **state)
{
	struct queue_fixture *f = *state;

	put_track(f, "ada");
	settle(f);
	put_track(f, "ada");
	queue_rollback(f->q);
	assert_int_equal(queue_begin(f->q), QUEUE_READY);
	put_track(f, "ada");
	settle(f);

	assert_int_equal(number(f, "SELECT accepted FROM v_conservation"), 2);
}

static void
queue_commit_of_a_failed_turn_counts_nothing(void **state)
{
	struct queue_fixture *f = *state;
	int64_t lost, next;

	lost = put_track(f, "ada");
	store_fail(queue_store(f->q), "no luck");
	put_track(f, "ada");
	assert_int_equal(queue_begin(f->q), QUEUE_FAILED);
	assert_false(queue_commit(f->q));
	assert_string_equal(queue_error(f->q), "no luck");

	assert_int_equal(queue_begin(f->q), QUEUE_READY);
	next = put_track(f, "ada");
	settle(f);

	assert_int_equal(number(f, "SELECT accepted FROM v_conservation"), 1);
	/* Somebody may have seen the number in a log. */
	assert_true(next > lost + 1);
}

/* Everything goes, the newest too; then the agent starts again. */
static void
queue_ids_are_never_used_again(void **state)
{
	struct queue_fixture *f = *state;
	struct queue_keep keep = { 0, 0, 0, 0, 0 };
	struct queue_end e;
	int64_t event, batch, request;

	put_ended(f, QUEUE_SKIPPED, "event_type");
	event = put_track(f, "ada");
	batch = queue_next_batch(f->q) - 1;
	request = claim_one(f, HEAP_TRACK, event);
	e = end_of(f, HEAP_TRACK, request, 200);
	queue_end(f->q, &e);
	assert_int_equal(queue_delivered(f->q, &e), 1);
	settle(f);
	while (queue_prune(f->q, &keep, at(f, f->now.wall + INT64_C(86400001))))
		continue;
	settle(f);
	assert_int_equal(number(f, "SELECT (SELECT count(*) FROM event) + "
	    "(SELECT count(*) FROM batch) + "
	    "(SELECT count(*) FROM request)"), 0);

	crash(f);

	assert_int_equal(queue_next_batch(f->q), batch + 1);
	assert_int_equal(queue_next_request(f->q), request + 1);
	assert_int_equal(put_track(f, "ada"), event + 1);
	settle(f);
}

static void
queue_set_keeps_a_text(void **state)
{
	struct queue_fixture *f = *state;
	char *value;

	assert_null(queue_setting(f->q, "colour"));
	queue_set(f->q, "colour", "red");
	queue_set(f->q, "colour", "");
	queue_set(f->q, "other", "blue");
	settle(f);
	crash(f);

	value = queue_setting(f->q, "colour");
	assert_string_equal(value, "");
	free(value);
	value = queue_setting(f->q, "other");
	assert_string_equal(value, "blue");
	free(value);
}

static void
queue_output_gives_the_same_ids_again(void **state)
{
	struct queue_fixture *f = *state;
	const struct queue_window w = { "track_limit", 5, 1000 };
	struct queue_output again, shared;

	queue_lane_open_ms(f->q, f->out.lane[HEAP_USER_PROPERTIES], 4711);
	queue_forget_outputs(f->q);
	queue_output(f->q, "heap", "https://heap.test", "1", &w, 1, &again);
	queue_output(f->q, "third", "https://heap.test", "1", &w, 1, &shared);
	settle(f);

	assert_int_equal(again.id, f->out.id);
	assert_int_equal(again.app, f->out.app);
	assert_memory_equal(again.lane, f->out.lane, sizeof(again.lane));
	assert_int_equal(again.open_ms[HEAP_TRACK], 0);
	assert_int_equal(again.open_ms[HEAP_USER_PROPERTIES], 4711);
	assert_true(again.factor >= 1 && again.factor <= 1);
	/* Two outputs of one app share its windows, not their lanes. */
	assert_int_equal(shared.app, f->out.app);
	assert_int_not_equal(shared.id, f->out.id);
	assert_int_not_equal(shared.lane[0], f->out.lane[0]);
	assert_int_not_equal(shared.lane[0], shared.lane[1]);
}

static void
queue_output_tells_apps_by_url_and_id(void **state)
{
	struct queue_fixture *f = *state;
	struct queue_output eu;

	queue_output(f->q, "eu", "https://eu.heap.test", "1", NULL, 0, &eu);
	settle(f);

	assert_int_not_equal(eu.app, f->out.app);
	assert_int_not_equal(f->other.app, f->out.app);
}

/* An output that vanished keeps its rows and has no app. */
static void
queue_forget_outputs_leaves_what_is_not_named_again(void **state)
{
	struct queue_fixture *f = *state;
	const struct queue_window w = { "app_limit", 7, 2000 };
	struct queue_output out;
	int64_t id = put_track(f, "ada");

	queue_forget_outputs(f->q);
	queue_output(f->q, "other", "https://heap.test", "2", &w, 1, &out);
	settle(f);

	assert_state(f, id, "queued", "-");
	assert_int_equal(number(f, "SELECT app IS NULL FROM output "
	    "WHERE name = 'heap'"), 1);
	assert_int_equal(number(f, "SELECT count(*) FROM window_limit"), 1);
	assert_int_equal(number(f, "SELECT limit_n * 10000 + window_ms "
	    "FROM window_limit WHERE output = %lld AND name = 'app_limit'",
	    (long long)out.id), 72000);
}

static void
queue_see_remembers_by_key_and_exact_id(void **state)
{
	struct queue_fixture *f = *state;

	assert_true(queue_see(f->q, "key", "id-1", 1000, 0));
	/* This very turn counts. */
	assert_false(queue_see(f->q, "key", "id-1", 1000, 0));
	settle(f);

	assert_false(queue_see(f->q, "key", "id-1", 1001, 0));
	assert_true(queue_see(f->q, "Key", "id-1", 1001, 0));
	assert_true(queue_see(f->q, "key", "ID-1", 1001, 0));
	assert_true(queue_see(f->q, "key", "id-1 ", 1001, 0));
	assert_true(queue_see(f->q, "key2", "id-1", 1001, 0));
	settle(f);
}

static void
queue_see_forgets_after_the_instant(void **state)
{
	struct queue_fixture *f = *state;

	assert_true(queue_see(f->q, "key", "id", 1000, 0));
	assert_false(queue_see(f->q, "key", "id", 1500, 999));
	/* Refused at 1500, it is still as old as it was. */
	assert_true(queue_see(f->q, "key", "id", 5000, 1000));
	assert_false(queue_see(f->q, "key", "id", 5001, 4999));
	settle(f);
	assert_int_equal(number(f, "SELECT seen_at FROM seen"), 5000);
}

static void
queue_see_knows_nothing_of_a_turn_that_failed(void **state)
{
	struct queue_fixture *f = *state;

	assert_true(queue_see(f->q, "key", "id", 1000, 0));
	store_fail(queue_store(f->q), "no");
	assert_false(queue_commit(f->q));

	assert_int_equal(queue_begin(f->q), QUEUE_READY);
	assert_true(queue_see(f->q, "key", "id", 1000, 0));
}

static void
queue_identity_interns_by_exact_value(void **state)
{
	struct queue_fixture *f = *state;
	int64_t ada = queue_identity(f->q, "ada");

	assert_true(ada > 0);
	assert_int_equal(queue_identity(f->q, "ada"), ada);
	assert_int_not_equal(queue_identity(f->q, "Ada"), ada);
	assert_int_not_equal(queue_identity(f->q, "ada "), ada);
	assert_int_not_equal(queue_identity(f->q, "7"),
	    queue_identity(f->q, "7.0"));
	settle(f);
	crash(f);

	assert_int_equal(queue_identity(f->q, "ada"), ada);
}

static void
queue_batch_is_stored_as_received(void **state)
{
	struct queue_fixture *f = *state;
	static const char body[] =
	    "{ \"a\" :\t1.10, \"b\": \"\xc3\xa9\" } rest";
	struct queue_batch b = {
		.receipt_id = "r-1", .input = "shop",
		.path = "/v2/bulkevents", .development = true,
		.received_at = 12345, .has_mpid = true, .mpid = INT64_MIN,
		.source_request_id = "s-1", .duplicate = true,
		.body = body, .body_len = sizeof(body) - 1 - 5,
	};
	struct queue_stored s;
	int64_t next = queue_next_batch(f->q), id = queue_batch(f->q, &b);
	char *text;

	settle(f);

	assert_int_equal(id, next);
	assert_true(queue_stored(f->q, id, &s));
	assert_string_equal(s.receipt_id, "r-1");
	assert_string_equal(s.input, "shop");
	assert_string_equal(s.path, "/v2/bulkevents");
	assert_int_equal(s.received_at, 12345);
	assert_true(s.has_mpid);
	assert_true(s.mpid == INT64_MIN);
	assert_true(s.duplicate);
	assert_int_equal(s.body_len, b.body_len);
	assert_memory_equal(s.body, body, b.body_len);
	queue_stored_free(&s);
	text = words(f, "SELECT environment || ' ' || source_request_id || ' ' "
	    "|| live FROM batch WHERE id = %lld", (long long)id);
	assert_string_equal(text, "development s-1 0");
	free(text);
	assert_false(queue_stored(f->q, id + 1, &s));
}

static void
queue_batch_without_mpid_has_none(void **state)
{
	struct queue_fixture *f = *state;
	struct queue_stored s;

	put_track(f, "ada");
	assert_true(queue_stored(f->q, queue_next_batch(f->q) - 1, &s));
	assert_false(s.has_mpid);
	assert_false(s.duplicate);
	queue_stored_free(&s);
	assert_int_equal(number(f, "SELECT mpid IS NULL "
	    "AND source_request_id IS NULL AND environment = 'production' "
	    "FROM batch"), 1);
}

/* Its events are the ids from first_event on. */
static void
queue_event_follows_its_batch(void **state)
{
	struct queue_fixture *f = *state;
	struct queue_batch b = {
		.receipt_id = "r", .input = "i", .path = "/v2/events",
		.received_at = 5, .events = 3, .body = "{}", .body_len = 2,
	};
	struct queue_event e = {
		.kind = HEAP_TRACK, .name = "E", .event_at = 4, .objects = 2,
		.payload = "{},{}", .payload_len = 5, .commerce = true,
		.entry = QUEUE_QUEUED,
	};
	int64_t batch, first = 0, i;

	put_track(f, "before");
	batch = queue_batch(f->q, &b);
	e.identity = queue_identity(f->q, "ada");
	for (i = 0; i < 3; i++) {
		int64_t id;

		e.event_index = i;
		e.lane = i == 1 ? f->other.lane[HEAP_TRACK] :
		    f->out.lane[HEAP_TRACK];
		id = queue_event(f->q, &b, &e);
		if (i == 0)
			first = id;
		assert_int_equal(id, first + i);
	}
	settle(f);

	assert_int_equal(number(f, "SELECT first_event FROM batch "
	    "WHERE id = %lld", (long long)batch), first);
	assert_int_equal(number(f, "SELECT count(*) FROM event WHERE batch = "
	    "%lld AND id = %lld + event_index AND commerce = 1 "
	    "AND objects = 2 AND received_at = 5 AND event_at = 4 "
	    "AND payload = '{},{}' AND sent = 0 AND attempts = 0 "
	    "AND generation = 0", (long long)batch, (long long)first), 3);
}

static void
queue_event_counts_nothing_of_a_batch_that_failed(void **state)
{
	struct queue_fixture *f = *state;
	struct queue_batch b = { .receipt_id = "r", .input = "shop",
	    .path = "/v2/events", .received_at = 5, .events = 2,
	    .body = "{}", .body_len = 2 };
	struct queue_event e = { .lane = f->out.lane[HEAP_TRACK],
	    .kind = HEAP_TRACK, .name = "E", .objects = 1, .payload = "{}",
	    .payload_len = 2 };

	e.identity = queue_identity(f->q, "ada");
	settle(f);
	queue_batch(f->q, &b);
	queue_event(f->q, &b, &e);
	queue_rollback(f->q);
	assert_int_equal(queue_begin(f->q), QUEUE_READY);
	queue_batch(f->q, &b);
	queue_event(f->q, &b, &e);
	queue_event(f->q, &b, &e);
	settle(f);

	assert_int_equal(number(f, "SELECT ready FROM waiting"), 2);
}

static void
queue_event_begins_as_it_is_told(void **state)
{
	struct queue_fixture *f = *state;
	int64_t queued = put_track(f, "ada");
	int64_t stuck = put_ended(f, QUEUE_STUCK, "no_identity");
	int64_t skipped = put_ended(f, QUEUE_SKIPPED, "event_type");

	settle(f);

	assert_state(f, queued, "queued", "-");
	assert_event(f, queued, "ended_at", "-");
	assert_state(f, stuck, "stuck", "no_identity");
	assert_event(f, stuck, "ended_at", "-");
	assert_event(f, stuck, "payload", "-");
	assert_event(f, stuck, "identity", "-");
	assert_state(f, skipped, "skipped", "event_type");
	assert_event(f, skipped, "ended_at", "1700000000000");
}

static void
queue_event_that_is_queued_waits_since_its_receipt(void **state)
{
	struct queue_fixture *f = *state;

	put_track(f, "ada");
	f->now.wall += 500;
	put_track(f, "ada");
	settle(f);

	assert_int_equal(number(f, "SELECT ready FROM waiting"), 2);
	assert_int_equal(queue_next_waiting(f->q, f->out.lane[HEAP_TRACK]),
	    QUEUE_NOW);
	assert_true(queue_next_waiting(f->q, f->other.lane[HEAP_TRACK]) ==
	    INT64_MAX);
}

static void
queue_bytes_are_those_of_its_files(void **state)
{
	struct queue_fixture *f = *state;
	int64_t before = queue_bytes(f->q);
	int i;

	for (i = 0; i < 1000; i++)
		put_track(f, "ada");
	settle(f);

	assert_true(queue_bytes(f->q) > before + 50000);
	assert_true(queue_wal_bytes(f->q) > 50000);
}

static void
queue_hindrance_tells_who_has_the_write_lock(void **state)
{
	struct queue_fixture *f = *state;
	struct why why = { "" };
	sqlite3 *shell;

	settle(f);
	queue_rollback(f->q);
	assert_int_equal(sqlite3_open(f->path, &shell), SQLITE_OK);
	assert_int_equal(sqlite3_exec(shell, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_OK);
	queue_hindrance(f->q, queue_begin(f->q), &why);
	sqlite3_close(shell);

	assert_non_null(strstr(why.text, "holds the write lock"));
}

static void
queue_hindrance_tells_what_failed(void **state)
{
	struct queue_fixture *f = *state;
	struct why why = { "" };

	settle(f);
	queue_rollback(f->q);
	assert_int_equal(unlink(f->path), 0);
	queue_hindrance(f->q, queue_begin(f->q), &why);
	queue_rollback(f->q);

	assert_non_null(strstr(why.text, "was deleted or replaced"));
	assert_null(strstr(why.text, "write lock"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    QUEUE_TEST(queue_commit_of_nothing_is_durable),
	    QUEUE_FILE_TEST(queue_commit_makes_it_last),
	    QUEUE_FILE_TEST(queue_close_without_commit_leaves_nothing),
	    QUEUE_TEST(queue_rollback_counts_nothing),
	    QUEUE_TEST(queue_commit_of_a_failed_turn_counts_nothing),
	    QUEUE_FILE_TEST(queue_ids_are_never_used_again),
	    QUEUE_FILE_TEST(queue_set_keeps_a_text),
	    QUEUE_TEST(queue_output_gives_the_same_ids_again),
	    QUEUE_TEST(queue_output_tells_apps_by_url_and_id),
	    QUEUE_TEST(queue_forget_outputs_leaves_what_is_not_named_again),
	    QUEUE_TEST(queue_see_remembers_by_key_and_exact_id),
	    QUEUE_TEST(queue_see_forgets_after_the_instant),
	    QUEUE_TEST(queue_see_knows_nothing_of_a_turn_that_failed),
	    QUEUE_FILE_TEST(queue_identity_interns_by_exact_value),
	    QUEUE_TEST(queue_batch_is_stored_as_received),
	    QUEUE_TEST(queue_batch_without_mpid_has_none),
	    QUEUE_TEST(queue_event_follows_its_batch),
	    QUEUE_TEST(queue_event_counts_nothing_of_a_batch_that_failed),
	    QUEUE_TEST(queue_event_begins_as_it_is_told),
	    QUEUE_TEST(queue_event_that_is_queued_waits_since_its_receipt),
	    QUEUE_FILE_TEST(queue_bytes_are_those_of_its_files),
	    QUEUE_FILE_TEST(queue_hindrance_tells_who_has_the_write_lock),
	    QUEUE_FILE_TEST(queue_hindrance_tells_what_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
