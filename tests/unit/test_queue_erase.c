/*
 * test_queue_erase.c - what goes with a person, and what stays
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
#include "log.h"
#include "store.h"

#define ADA	"ada@example.com"
#define BOB	"bob@example.com"
#define BY_EMAIL							\
	"[input shop]\nkey = key-1\nsecret = s-1\n"			\
	"[output heap]\napp_id = 77\nexternal_id = email\n"		\
	"forward_user_attributes = true\n"
/* One output calls people by their MPID, the other by their address. */
#define BY_BOTH	BY_EMAIL "[output second]\napp_id = 79\n"

static const enum mp_identity_type by_email[] = { MP_EMAIL };
static const enum mp_identity_type by_both[] = { MP_EMAIL, MP_IDENTITIES };

static int
setup(void **state)
{
	int rc = accept_fixture_setup_file(state);

	accept_configure(*state, BY_EMAIL);
	return rc;
}

#define ERASE_TEST(t) \
	cmocka_unit_test_setup_teardown(t, setup, accept_fixture_teardown)

/* A batch of whoever has the address; `more` are further members of it. */
static void
accept(struct accept_fixture *f, const char *email, const char *more)
{
	char *body = xasprintf("{\"user_identities\":{\"email\":\"%s\"},"
	    "\"events\":[{\"event_type\":\"custom_event\",\"data\":"
	    "{\"event_name\":\"E\",\"custom_event_type\":\"other\"}}]%s}",
	    email, more);

	assert_int_equal(accept_text(f, "shop", MP_EVENTS, body), 1);
	settle(f->queue);
	free(body);
}

static int64_t
start(struct accept_fixture *f, const char *identity)
{
	int64_t job = queue_erase(f->queue->q, identity, by_email, 1,
	    QUEUE_NOW);

	settle(f->queue);
	return job;
}

/* Slices until all is done; the receipt of the last. */
static struct queue_receipt
finish(struct accept_fixture *f)
{
	struct queue_receipt receipt;
	enum queue_erased state;
	int slices = 0;

	do {
		state = queue_erase_slice(f->queue->q, &receipt, QUEUE_NOW);
		assert_int_not_equal(state, QUEUE_ERASE_NONE);
		settle(f->queue);
	} while (state != QUEUE_ERASE_DONE && slices++ < 1000);
	assert_int_equal(state, QUEUE_ERASE_DONE);
	return receipt;
}

static struct queue_receipt
erase(struct accept_fixture *f, const char *identity)
{
	assert_true(start(f, identity) > 0);
	return finish(f);
}

/* How many values of any column of any table hold the text. */
static int64_t
mentions(struct accept_fixture *f, const char *text)
{
	struct buf all = BUF_INIT;
	sqlite3 *db = store_db(queue_store(f->queue->q));
	sqlite3_stmt *st;
	int64_t n;

	buf_puts(&all, "SELECT 0");
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT t.name, c.name "
	    "FROM pragma_table_list AS t "
	    "JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table' "
	    "AND t.schema = 'main' AND t.name NOT LIKE 'sqlite_%'", -1, &st,
	    NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW)
		buf_printf(&all, " + (SELECT count(*) FROM %s "
		    "WHERE instr(CAST(\"%s\" AS TEXT), '%s') > 0)",
		    (const char *)sqlite3_column_text(st, 0),
		    (const char *)sqlite3_column_text(st, 1), text);
	sqlite3_finalize(st);
	n = number(f->queue, "%s", buf_str(&all));
	buf_free(&all);
	return n;
}

static int64_t
event_of(struct accept_fixture *f, const char *identity)
{
	return number(f->queue, "SELECT max(e.id) FROM event AS e "
	    "JOIN identity AS i ON i.id = e.identity "
	    "WHERE i.value = '%s' AND e.event_index IS NOT NULL", identity);
}

/* A request of the first output's, with both answered by `text`. */
static void
refuse_together(struct accept_fixture *f, int64_t one, int64_t other,
    const char *text)
{
	struct queue_claimed claimed[] = { { .event = one, .objects = 1 },
	    { .event = other, .objects = 1 } };
	struct queue_claim c = { .form = HEAP_BULK, .objects = 2,
	    .bytes = 100, .events = claimed, .events_n = 2 };
	struct queue_end e = { .kind = HEAP_TRACK, .status = 400,
	    .verdict = "refused", .answer = text, .ended = f->queue->now };
	size_t i;

	c.lane = e.lane = f->outputs.o[0].ids.lane[HEAP_TRACK];
	c.app = f->outputs.o[0].ids.app;
	for (i = 0; i < 2; i++)
		claimed[i].identity = number(f->queue, "SELECT identity "
		    "FROM event WHERE id = %lld",
		    (long long)claimed[i].event);
	e.request = queue_claim(f->queue->q, &c, f->queue->now);
	queue_end(f->queue->q, &e);
	assert_int_equal(queue_stuck(f->queue->q, &e, "refused"), 2);
	settle(f->queue);
}

/* The event leaves; the request. */
static struct queue_end
claim_event(struct accept_fixture *f, int64_t event, enum heap_lane kind)
{
	struct queue_claimed claimed = { .event = event, .objects = 1 };
	struct queue_claim c = { .form = HEAP_FLAT, .objects = 1,
	    .bytes = 100, .events = &claimed, .events_n = 1 };
	struct queue_end e = { .kind = kind, .status = 503,
	    .verdict = "later", .ended = f->queue->now };

	c.lane = e.lane = f->outputs.o[0].ids.lane[kind];
	c.app = f->outputs.o[0].ids.app;
	claimed.identity = number(f->queue, "SELECT identity FROM event "
	    "WHERE id = %lld", (long long)event);
	e.request = queue_claim(f->queue->q, &c, f->queue->now);
	settle(f->queue);
	return e;
}

/* --- what goes -------------------------------------------------------- */

static void
queue_erase_leaves_nothing_of_the_person(void **state)
{
	struct accept_fixture *f = *state;
	struct queue_receipt r;

	accept(f, "Ada@Example.com ", ",\"user_attributes\":{\"a\":1}");
	accept(f, ADA, ",\"source_request_id\":\"x-" ADA "\"");
	accept(f, BOB, "");

	r = erase(f, ADA);

	assert_int_equal(r.events, 3);
	assert_int_equal(r.batches, 2);
	assert_int_equal(r.profiles, 1);
	assert_int_equal(mentions(f, ADA), 0);
	assert_int_equal(mentions(f, "Ada@Example.com"), 0);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM "
	    "(SELECT job FROM erasure UNION ALL "
	    "SELECT job FROM erasure_value UNION ALL "
	    "SELECT job FROM erasure_identity UNION ALL "
	    "SELECT job FROM erasure_profile)"), 0);
}

static void
queue_erase_spares_everybody_else(void **state)
{
	struct accept_fixture *f = *state;
	int64_t before;

	accept(f, ADA, "");
	accept(f, BOB, ",\"user_attributes\":{\"a\":1}");
	before = mentions(f, BOB);
	erase(f, ADA);

	assert_int_equal(mentions(f, BOB), before);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM event"), 2);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM profile"), 1);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM batch"), 1);
}

static void
queue_erase_keeps_counts_and_a_hash(void **state)
{
	struct accept_fixture *f = *state;
	char *hash;

	accept(f, ADA, "");
	accept(f, BOB, "");
	refuse_together(f, event_of(f, ADA), event_of(f, BOB), "no");
	erase(f, ADA);

	assert_int_equal(number(f->queue, "SELECT erased = 1 AND stuck = 1 "
	    "AND accepted = 2 AND pruned = 0 FROM v_conservation"), 1);
	assert_int_equal(number(f->queue, "SELECT count(*) "
	    "FROM request_identity"), 2);
	hash = words(f->queue, "SELECT hash FROM identity "
	    "WHERE value IS NULL");
	/* printf %s ada@example.com | sha256sum */
	assert_string_equal(hash, "b5fc85e55755f9e0d030a10ab4429b6b"
	    "2944855f9a0d60077fe832becbc41d72");
	free(hash);
}

static void
queue_erase_tells_of_nobody_it_does_not_know(void **state)
{
	struct accept_fixture *f = *state;

	accept(f, BOB, "");

	assert_int_equal(start(f, ADA), 0);
	assert_false(queue_erase_pending(f->queue->q));
	assert_int_equal(number(f->queue, "SELECT count(*) FROM job"), 0);
}

static void
queue_erase_takes_profiles_and_batches_without_events(void **state)
{
	struct accept_fixture *f = *state;
	struct queue_receipt r;

	assert_int_equal(accept_text(f, "shop", MP_EVENTS,
	    "{\"user_identities\":{\"email\":\"" ADA "\","
	    "\"customer_id\":\"c-7\"},\"events\":[]}"), 1);
	settle(f->queue);
	r = erase(f, ADA);

	assert_int_equal(r.events, 0);
	assert_int_equal(r.batches, 1);
	assert_int_equal(r.profiles, 1);
	assert_int_equal(mentions(f, ADA), 0);
	assert_int_equal(mentions(f, "c-7"), 0);
}

static void
queue_erase_takes_duplicates_that_were_resolved_to_nobody(void **state)
{
	struct accept_fixture *f = *state;
	const char *id = ",\"source_request_id\":\"4711\"";
	struct queue_receipt r;

	accept(f, ADA, id);
	accept(f, ADA, id);
	accept(f, BOB, id);
	r = erase(f, ADA);

	assert_int_equal(r.batches, 2);
	assert_int_equal(mentions(f, ADA), 0);
	/* So that a late copy of it is not somebody new. */
	assert_int_equal(number(f->queue, "SELECT count(*) FROM seen"), 1);
}

static void
queue_erase_takes_every_profile_with_the_address(void **state)
{
	struct accept_fixture *f = *state;
	struct queue_receipt r;

	accept(f, ADA, ",\"mpid\":5");
	accept(f, ADA, ",\"mpid\":7");
	accept(f, BOB, ",\"mpid\":9");
	r = erase(f, ADA);

	assert_int_equal(r.profiles, 2);
	assert_int_equal(r.batches, 2);
	assert_int_equal(number(f->queue, "SELECT mpid FROM profile"), 9);
}

static void
queue_erase_finds_a_profile_by_what_was_sent(void **state)
{
	struct accept_fixture *f = *state;
	struct queue_receipt r;

	/* Today's setting says nothing of addresses. */
	accept(f, ADA, ",\"mpid\":5");
	accept(f, "else@example.com", ",\"mpid\":5");
	assert_true(queue_erase(f->queue->q, ADA, by_both + 1, 1,
	    QUEUE_NOW) > 0);
	r = finish(f);

	assert_int_equal(r.batches, 2);
	assert_int_equal(r.profiles, 1);
	assert_int_equal(mentions(f, ADA), 0);
	assert_int_equal(mentions(f, "else@example.com"), 0);
}

static void
queue_erase_leaves_an_identity_to_whom_it_is_shared_with(void **state)
{
	struct accept_fixture *f = *state;

	accept_configure(f, BY_BOTH);
	accept(f, ADA, ",\"mpid\":5,\"user_attributes\":{\"a\":1}");
	accept(f, ADA, ",\"mpid\":7,\"user_attributes\":{\"b\":1}");
	assert_true(queue_erase(f->queue->q, "5", by_both, 2, QUEUE_NOW) > 0);
	finish(f);

	assert_int_equal(number(f->queue, "SELECT count(*) FROM identity "
	    "WHERE value = '" ADA "' AND hash IS NULL"), 1);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM identity "
	    "WHERE value = '5'"), 0);
	assert_int_equal(number(f->queue, "SELECT mpid FROM profile"), 7);
	/* Theirs in both outputs; the merged update has lost nothing. */
	assert_int_equal(number(f->queue, "SELECT count(*) FROM event "
	    "WHERE event_index IS NOT NULL"), 2);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM event "
	    "WHERE event_index IS NULL AND state = 'queued'"), 1);
}

static void
queue_erase_clears_what_heap_said_of_both(void **state)
{
	struct accept_fixture *f = *state;
	int64_t bob;

	accept(f, ADA, "");
	accept(f, BOB, "");
	bob = event_of(f, BOB);
	refuse_together(f, event_of(f, ADA), bob, "bad: " ADA);
	erase(f, ADA);

	assert_int_equal(mentions(f, ADA), 0);
	assert_event(f->queue, bob, "last_error", "-");
	assert_state(f->queue, bob, "stuck", "refused");
}

static void
queue_erase_leaves_what_heap_said_of_others(void **state)
{
	struct accept_fixture *f = *state;
	int64_t bob, eve;

	accept(f, ADA, "");
	accept(f, BOB, "");
	accept(f, "eve@example.com", "");
	bob = event_of(f, BOB);
	eve = event_of(f, "eve@example.com");
	refuse_together(f, bob, eve, "no");
	erase(f, ADA);

	assert_event(f->queue, bob, "last_error", "no");
	assert_int_equal(number(f->queue, "SELECT count(*) FROM request "
	    "WHERE answer = 'no'"), 1);
}

static void
queue_erase_names_the_hash_in_jobs_and_audit(void **state)
{
	struct accept_fixture *f = *state;
	struct queue_job job = { .kind = QUEUE_JOB_REPLAY, .filter = {
	    .state = "stuck", .identity = ADA, .since = INT64_MIN,
	    .until = INT64_MAX } };

	accept(f, ADA, "");
	queue_job_create(f->queue->q, &job, QUEUE_NOW);
	settle(f->queue);
	assert_int_equal(mentions(f, ADA) > 2, 1);
	erase(f, ADA);

	assert_int_equal(mentions(f, ADA), 0);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM job "
	    "WHERE filter ->> 'identity' = (SELECT hash FROM identity)"), 1);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM audit "
	    "WHERE action = 'erase' AND subject = 'identity ' || "
	    "(SELECT hash FROM identity)"), 1);
}

static void
queue_erase_slice_removes_a_hundred_at_most(void **state)
{
	struct accept_fixture *f = *state;
	struct queue_receipt r;
	int64_t left = 250, now;
	int i;

	for (i = 0; i < 250; i++)
		accept(f, ADA, "");
	start(f, ADA);
	while (queue_erase_slice(f->queue->q, &r, QUEUE_NOW) ==
	    QUEUE_ERASE_MORE) {
		settle(f->queue);
		now = number(f->queue, "SELECT count(*) FROM event");
		assert_true(left - now <= 100);
		left = now;
	}

	assert_int_equal(left, 0);
	assert_int_equal(r.events, 250);
	assert_int_equal(r.batches, 250);
}

/* --- who comes again -------------------------------------------------- */

static void
queue_erase_makes_who_comes_later_somebody_new(void **state)
{
	struct accept_fixture *f = *state;
	int64_t before, after;

	accept(f, ADA, ",\"mpid\":5");
	before = number(f->queue, "SELECT identity FROM event");
	erase(f, ADA);
	accept(f, ADA, "");
	after = number(f->queue, "SELECT identity FROM event");

	/* The windows still know how often they were sent for. */
	assert_int_equal(after, before);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM identity "
	    "WHERE value = '" ADA "' AND hash IS NULL"), 1);
	assert_int_equal(number(f->queue, "SELECT mpid <> 5 AND minted = 1 "
	    "FROM profile"), 1);
}

static void
queue_erase_spares_who_comes_meanwhile(void **state)
{
	struct accept_fixture *f = *state;

	accept(f, ADA, ",\"user_attributes\":{\"old\":1}");
	start(f, ADA);
	accept(f, ADA, ",\"user_attributes\":{\"new\":2}");
	finish(f);

	assert_int_equal(number(f->queue, "SELECT count(*) FROM event "
	    "WHERE state = 'queued'"), 2);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM batch"), 1);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM profile"), 1);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM identity "
	    "WHERE value = '" ADA "'"), 1);
	/* Nothing of the old update went into the new one. */
	assert_int_equal(mentions(f, "old"), 0);
}

/* --- what is in flight ------------------------------------------------ */

static void
queue_erase_waits_for_what_is_in_flight(void **state)
{
	struct accept_fixture *f = *state;
	struct queue_receipt r;
	struct queue_end e;
	int i, waits = 0;

	accept(f, ADA, "");
	accept(f, BOB, "");
	e = claim_event(f, event_of(f, ADA), HEAP_TRACK);
	start(f, ADA);
	for (i = 0; i < 9; i++) {
		waits += queue_erase_slice(f->queue->q, &r, QUEUE_NOW) ==
		    QUEUE_ERASE_WAITS;
		settle(f->queue);
	}
	assert_true(waits >= 3);
	assert_int_equal(number(f->queue, "SELECT inflight "
	    "FROM v_conservation"), 1);

	queue_end(f->queue->q, &e);
	assert_int_equal(queue_back(f->queue->q, &e, 0), 1);
	settle(f->queue);
	r = finish(f);
	assert_int_equal(r.events, 1);
	assert_int_equal(mentions(f, ADA), 0);
}

static void
queue_erase_lets_no_old_update_come_back_into_a_new_one(void **state)
{
	struct accept_fixture *f = *state;
	struct queue_end e;

	accept(f, ADA, ",\"user_attributes\":{\"old\":1}");
	e = claim_event(f, number(f->queue, "SELECT id FROM event "
	    "WHERE event_index IS NULL"), HEAP_USER_PROPERTIES);
	start(f, ADA);
	accept(f, ADA, ",\"user_attributes\":{\"new\":2}");
	queue_end(f->queue->q, &e);
	assert_int_equal(queue_back(f->queue->q, &e, 0), 1);
	settle(f->queue);
	finish(f);

	assert_int_equal(mentions(f, "old"), 0);
	assert_int_equal(number(f->queue, "SELECT payload LIKE '%%new%%' "
	    "AND payload LIKE '%%" ADA "%%' FROM event "
	    "WHERE event_index IS NULL"), 1);
}

static void
queue_erase_goes_on_after_a_crash(void **state)
{
	struct accept_fixture *f = *state;
	struct queue_receipt r;
	size_t n;
	int i;

	for (i = 0; i < 150; i++)
		accept(f, ADA, "");
	start(f, ADA);
	queue_erase_slice(f->queue->q, &r, QUEUE_NOW);
	settle(f->queue);
	queue_erase_slice(f->queue->q, &r, QUEUE_NOW);
	crash(f->queue);

	assert_true(queue_erase_pending(f->queue->q));
	free(queue_erase_held(f->queue->q, &n));
	assert_int_equal(n, 1);
	r = finish(f);
	assert_int_equal(r.events, 150);
	assert_int_equal(r.batches, 150);
	assert_int_equal(mentions(f, ADA), 0);
	free(queue_erase_held(f->queue->q, &n));
	assert_int_equal(n, 0);
}

static void
queue_job_end_cancels_no_erasure(void **state)
{
	struct accept_fixture *f = *state;
	int64_t job;

	accept(f, ADA, "");
	job = start(f, ADA);

	assert_false(queue_job_end(f->queue->q, job, QUEUE_JOB_CANCELLED,
	    NULL, QUEUE_NOW));
	finish(f);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM job "
	    "WHERE kind = 'erase' AND state = 'done' AND moved = 1"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ERASE_TEST(queue_erase_leaves_nothing_of_the_person),
		ERASE_TEST(queue_erase_spares_everybody_else),
		ERASE_TEST(queue_erase_keeps_counts_and_a_hash),
		ERASE_TEST(queue_erase_tells_of_nobody_it_does_not_know),
		ERASE_TEST(
		    queue_erase_takes_profiles_and_batches_without_events),
		ERASE_TEST(
		    queue_erase_takes_duplicates_that_were_resolved_to_nobody),
		ERASE_TEST(queue_erase_takes_every_profile_with_the_address),
		ERASE_TEST(queue_erase_finds_a_profile_by_what_was_sent),
		ERASE_TEST(
		    queue_erase_leaves_an_identity_to_whom_it_is_shared_with),
		ERASE_TEST(queue_erase_clears_what_heap_said_of_both),
		ERASE_TEST(queue_erase_leaves_what_heap_said_of_others),
		ERASE_TEST(queue_erase_names_the_hash_in_jobs_and_audit),
		ERASE_TEST(queue_erase_slice_removes_a_hundred_at_most),
		ERASE_TEST(queue_erase_makes_who_comes_later_somebody_new),
		ERASE_TEST(queue_erase_spares_who_comes_meanwhile),
		ERASE_TEST(queue_erase_waits_for_what_is_in_flight),
		ERASE_TEST(
		    queue_erase_lets_no_old_update_come_back_into_a_new_one),
		ERASE_TEST(queue_erase_goes_on_after_a_crash),
		ERASE_TEST(queue_job_end_cancels_no_erasure),
	};

	log_open("test", LOG_ERROR, LOG_LOGFMT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
