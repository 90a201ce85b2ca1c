/*
 * test_admin_keep.c - copies, proofs and erasures by the admin API
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin_fixture.h"
#include "scratch_fixture.h"
#include "store.h"

static char *
file_in(struct bench *b, const char *name)
{
	return scratch_path(b->directory, name);
}

static void
post_backup(struct bench *b, const char *file)
{
	char *body = xasprintf("{\"file\":\"%s\"}", file);

	bench_post(b, "/v1/backup", body);
	free(body);
}

/* What the loop does until the copy has ended. */
static void
run_backup(struct bench *b)
{
	const struct timespec ms = { 0, 1000000 };

	do {
		backup_turn(b->backup, b->now);
		assert_true(queue_commit(b->queue));
		backup_ended(b->backup, true);
		nanosleep(&ms, NULL);	/* the proof is a thread's */
	} while (backup_slice(b->backup, b->now, false) != INT64_MAX);
}

/* --- backup ----------------------------------------------------------- */

static void
admin_backup_answers_with_a_job(void **state)
{
	struct bench *b = *state;
	char *file = file_in(b, "copy.db");
	char *what = xasprintf("{\"file\":\"%s\"}", file);

	bench_put(b, "Seen", "");
	post_backup(b, file);
	assert_int_equal(b->status, 202);
	assert_true(bench_header(b, "Location: /v1/jobs/1"));
	assert_value(b, "kind", "\"backup\"");
	assert_value(b, "filter", what);
	assert_value(b, "state", "\"running\"");

	run_backup(b);
	bench_get(b, "/v1/jobs/1");
	assert_value(b, "state", "\"done\"");
	assert_value(b, "error", "null");
	assert_string_equal(bench_value(b, "moved"),
	    bench_value(b, "total"));
	assert_int_equal(access(file, F_OK), 0);
	free(what);
	free(file);
}

static void
admin_backup_refuses_a_file_that_is_there(void **state)
{
	struct bench *b = *state;

	post_backup(b, b->config->database);
	assert_problem(b, 409, "cannot_copy");
	bench_get(b, "/v1/jobs");
	assert_value(b, "items", "[]");
}

static void
admin_backup_makes_one_copy_at_a_time(void **state)
{
	struct bench *b = *state;
	char *file = file_in(b, "copy.db"), *second = file_in(b, "second.db");
	struct why why;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	assert_true(backup_start(b->backup, file, 0, b->now, &why) != 0);
	assert_int_equal(backup_start(b->backup, second, 0, b->now, &why), 0);
	assert_non_null(strstr(why.text, "already"));
	assert_true(queue_commit(b->queue));
	backup_ended(b->backup, true);
	run_backup(b);
	post_backup(b, second);
	assert_int_equal(b->status, 202);
	free(second);
	free(file);
}

static void
admin_backup_refuses_bodies_that_say_something_else(void **state)
{
	static const char *const bodies[] = {
		"", "[]", "{}", "{\"file\":1}", "{\"file\":\"copy.db\"}",
		"{\"file\":\"\"}", "{\"file\":\"/nowhere/x\",\"mode\":1}",
	};
	struct bench *b = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(bodies); i++) {
		bench_post(b, "/v1/backup", bodies[i]);
		assert_problem(b, 400, "bad_body");
	}
}

static void
admin_backup_of_a_turn_that_is_not_stored_leaves_nothing(void **state)
{
	struct bench *b = *state;
	char *file = file_in(b, "copy.db"), *partial = file_in(b,
	    "copy.db.partial");

	b->fail_commits = true;
	post_backup(b, file);
	assert_int_equal(b->status, 503);
	b->fail_commits = false;
	assert_int_equal(access(partial, F_OK), -1);
	post_backup(b, file);
	assert_int_equal(b->status, 202);
	run_backup(b);
	assert_int_equal(access(file, F_OK), 0);
	free(partial);
	free(file);
}

static void
admin_backup_can_be_cancelled(void **state)
{
	struct bench *b = *state;
	char *file = file_in(b, "copy.db");
	struct why why;
	int64_t job;
	char *target;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	job = backup_start(b->backup, file, 0, b->now, &why);
	assert_true(queue_commit(b->queue));
	backup_ended(b->backup, true);
	target = xasprintf("/v1/jobs/%lld", (long long)job);
	bench_ask(b, "DELETE", target, "", "");
	assert_int_equal(b->status, 200);
	assert_value(b, "state", "\"cancelled\"");
	run_backup(b);
	assert_int_equal(access(file, F_OK), -1);
	bench_get(b, target);
	assert_value(b, "state", "\"cancelled\"");
	free(target);
	free(file);
}

/* A copy that is whole, of which its job does not know yet. */
static void
copy_until_whole(struct bench *b, const char *file)
{
	const struct timespec ms = { 0, 1000000 };
	struct why why;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	assert_true(backup_start(b->backup, file, 0, b->now, &why) != 0);
	assert_true(queue_commit(b->queue));
	backup_ended(b->backup, true);
	/* Until its thread is done, and that is noticed. */
	do {
		nanosleep(&ms, NULL);
	} while (backup_slice(b->backup, b->now, false) != 0 ||
	    access(file, F_OK) == -1);
}

/* Into a turn, which is left open. */
static void
cancel(struct bench *b)
{
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	assert_int_equal(sqlite3_exec(store_db(queue_store(b->queue)),
	    "UPDATE job SET state = 'cancelled', ended_at = 1", NULL, NULL,
	    NULL), SQLITE_OK);
}

static void
admin_backup_that_was_cancelled_when_it_was_whole_is_removed(void **state)
{
	struct bench *b = *state;
	char *file = file_in(b, "copy.db");

	copy_until_whole(b, file);
	cancel(b);
	assert_true(queue_commit(b->queue));
	run_backup(b);

	assert_int_equal(access(file, F_OK), -1);
	bench_get(b, "/v1/jobs/1");
	assert_value(b, "state", "\"cancelled\"");
	free(file);
}

static void
admin_backup_stays_when_its_cancellation_is_not_stored(void **state)
{
	struct bench *b = *state;
	char *file = file_in(b, "copy.db");

	copy_until_whole(b, file);
	cancel(b);
	backup_turn(b->backup, b->now);
	queue_rollback(b->queue);
	backup_ended(b->backup, false);
	assert_int_equal(access(file, F_OK), 0);

	run_backup(b);
	assert_int_equal(access(file, F_OK), 0);
	bench_get(b, "/v1/jobs/1");
	assert_value(b, "state", "\"done\"");
	free(file);
}

/* --- verify ----------------------------------------------------------- */

static void
admin_verify_proves_a_small_database_whole(void **state)
{
	struct bench *b = *state;

	bench_attempt(b, bench_put(b, "Seen", ""), 0, 400, "refused");
	bench_get(b, "/v1/verify");
	assert_int_equal(b->status, 200);
	assert_value(b, "ok", "true");
	assert_value(b, "checks.0.check", "\"lanes\"");
	assert_value(b, "checks.1.check", "\"integrity\"");
	assert_value(b, "checks.1.ok", "true");
	assert_value(b, "checks.3.check", "\"conservation\"");
	assert_value(b, "checks.3.ok", "true");
	assert_non_null(strstr(b->body, "window track_limit"));
}

static void
admin_verify_says_what_is_wrong(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	assert_int_equal(sqlite3_exec(store_db(queue_store(b->queue)),
	    "UPDATE tally SET events = 2 WHERE name = 'queued'", NULL, NULL,
	    NULL), SQLITE_OK);
	bench_get(b, "/v1/verify");
	assert_int_equal(b->status, 200);
	assert_value(b, "ok", "false");
	assert_value(b, "checks.0.ok", "false");
	assert_value(b, "checks.3.ok", "false");
}

static void
admin_verify_says_what_it_had_no_time_for(void **state)
{
	struct bench *b = *state;
	int i;

	for (i = 0; i < 300; i++)
		bench_put(b, "Seen", "");
	inspect_set_patience(b->inspect, 0);
	bench_get(b, "/v1/verify");
	assert_int_equal(b->status, 200);
	assert_value(b, "ok", "null");
	assert_value(b, "checks.3.check", "\"conservation\"");
	assert_value(b, "checks.3.ok", "null");
}

/* --- erase ------------------------------------------------------------ */

static void
admin_erase_gives_a_receipt(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_put(b, "Bought", "");
	bench_put(b, "Other", "");
	bench_ask(b, "DELETE", "/v1/identities/12", "", "");
	assert_int_equal(b->status, 200);
	assert_value(b, "identity", "\"12\"");
	assert_value(b, "events", "3");
	assert_value(b, "batches", "3");
	assert_value(b, "profiles", "1");
	assert_value(b, "purged", "true");

	bench_ask(b, "DELETE", "/v1/identities/12", "", "");
	assert_problem(b, 404, "not_found");
	bench_get(b, "/v1/jobs/1");
	assert_value(b, "kind", "\"erase\"");
	assert_value(b, "state", "\"done\"");
	assert_value(b, "moved", "3");
}

static void
admin_erase_says_when_older_pages_are_still_read(void **state)
{
	struct bench *b = *state;
	sqlite3 *reader;

	bench_put(b, "Seen", "");
	assert_int_equal(sqlite3_open(b->config->database, &reader),
	    SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT 1 FROM event",
	    NULL, NULL, NULL), SQLITE_OK);
	bench_ask(b, "DELETE", "/v1/identities/12", "", "");
	assert_int_equal(b->status, 200);
	assert_value(b, "events", "1");
	assert_value(b, "purged", "false");
	sqlite3_close(reader);
}

static void
admin_erase_that_is_not_stored_has_not_happened(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	b->fail_commits = true;
	bench_ask(b, "DELETE", "/v1/identities/12", "", "");
	assert_int_equal(b->status, 503);
	b->fail_commits = false;
	bench_get(b, "/v1/identities/12");
	assert_int_equal(b->status, 200);
	bench_ask(b, "DELETE", "/v1/identities/12", "", "");
	assert_int_equal(b->status, 200);
	assert_value(b, "events", "1");
}

static void
admin_erase_of_somebody_unknown_is_not_found(void **state)
{
	struct bench *b = *state;

	bench_ask(b, "DELETE", "/v1/identities/nobody", "", "");
	assert_problem(b, 404, "not_found");
}

static void
admin_erase_needs_more_than_a_token_that_may_only_look(void **state)
{
	struct bench *b = *state;
	char *request = xasprintf("DELETE /v1/identities/12 HTTP/1.1\r\n"
	    "Host: localhost\r\nAuthorization: Bearer %s\r\n\r\n",
	    b->read_token);

	bench_put(b, "Seen", "");
	bench_send(b, request);
	assert_int_equal(b->status, 403);
	free(request);
}

static void
admin_erase_is_not_left_half_done(void **state)
{
	struct bench *b = *state;

	/* It waits for a request that has not been answered. */
	bench_put(b, "Seen", "");
	dispatch_plan(b->dispatch, b->now);
	assert_int_equal(dispatch_flights(b->dispatch), 1);
	assert_true(queue_commit(b->queue));
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	assert_int_equal(erase_start(b->erase, &b->outputs, "12", b->now), 1);
	assert_true(queue_commit(b->queue));
	erase_ended(b->erase, true, b->now);
	bench_ask(b, "DELETE", "/v1/jobs/1", "", "");
	assert_problem(b, 409, "wrong_state");
	assert_non_null(strstr(b->body, "erases a person"));
	bench_get(b, "/v1/jobs/1");
	assert_value(b, "state", "\"running\"");
}

/* --- whom nothing is sent for meanwhile ------------------------------- */

static void
erase_start_keeps_the_planner_from_claiming(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	assert_true(erase_start(b->erase, &b->outputs, "12", b->now) > 0);
	dispatch_plan(b->dispatch, b->now);
	assert_int_equal(dispatch_flights(b->dispatch), 0);
	/* Nor after a reload. */
	dispatch_configure(b->dispatch, &b->outputs, b->now);
	dispatch_plan(b->dispatch, b->now);
	assert_int_equal(dispatch_flights(b->dispatch), 0);

	/* It has not happened, so the event leaves. */
	queue_rollback(b->queue);
	erase_ended(b->erase, false, b->now);
	b->now.wall += 5;
	b->now.boot += 5;
	dispatch_plan(b->dispatch, b->now);
	assert_int_equal(dispatch_flights(b->dispatch), 1);
	assert_true(queue_commit(b->queue));
}

static void
erase_new_holds_whom_an_earlier_run_was_erasing(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	assert_true(erase_start(b->erase, &b->outputs, "12", b->now) > 0);
	assert_true(queue_commit(b->queue));
	dispatch_hold(b->dispatch, NULL, 0, b->now);
	erase_free(b->erase);
	b->erase = erase_new(b->queue, b->dispatch, b->now);
	b->now.wall += 5;
	b->now.boot += 5;
	dispatch_plan(b->dispatch, b->now);
	assert_int_equal(dispatch_flights(b->dispatch), 0);

	erase_turn(b->erase, b->now, false);
	assert_true(queue_commit(b->queue));
	assert_false(queue_erase_pending(b->queue));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ADMIN_TEST(admin_backup_answers_with_a_job),
		ADMIN_TEST(admin_backup_refuses_a_file_that_is_there),
		ADMIN_TEST(admin_backup_makes_one_copy_at_a_time),
		ADMIN_TEST(
		    admin_backup_refuses_bodies_that_say_something_else),
		ADMIN_TEST(
		    admin_backup_of_a_turn_that_is_not_stored_leaves_nothing),
		ADMIN_TEST(admin_backup_can_be_cancelled),
		ADMIN_TEST(
		    admin_backup_that_was_cancelled_when_it_was_whole_is_removed),
		ADMIN_TEST(
		    admin_backup_stays_when_its_cancellation_is_not_stored),
		ADMIN_TEST(admin_verify_proves_a_small_database_whole),
		ADMIN_TEST(admin_verify_says_what_is_wrong),
		ADMIN_TEST(admin_verify_says_what_it_had_no_time_for),
		ADMIN_TEST(admin_erase_gives_a_receipt),
		ADMIN_TEST(admin_erase_says_when_older_pages_are_still_read),
		ADMIN_TEST(admin_erase_that_is_not_stored_has_not_happened),
		ADMIN_TEST(admin_erase_of_somebody_unknown_is_not_found),
		ADMIN_TEST(
		    admin_erase_needs_more_than_a_token_that_may_only_look),
		ADMIN_TEST(admin_erase_is_not_left_half_done),
		ADMIN_TEST(erase_start_keeps_the_planner_from_claiming),
		ADMIN_TEST(erase_new_holds_whom_an_earlier_run_was_erasing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
