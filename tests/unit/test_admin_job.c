/*
 * test_admin_job.c - replay and discard by filter, and jobs, by the admin API
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin_fixture.h"
#include "store.h"

#define BY_CUSTOMER	"external_id = customer_id"
#define EMAIL		",\"user_identities\":{\"email\":\"ada@example.com\"}"
#define DEVELOPMENT	",\"environment\":\"development\""

/* Events that Heap refused; the last one's id. */
static int64_t
put_refused(struct bench *b, const char *name, int n)
{
	int64_t id = 0;

	for (; n > 0; n--) {
		id = bench_put(b, name, "");
		bench_attempt(b, id, 0, 400, "refused");
	}
	return id;
}

static void
run_jobs(struct bench *b)
{
	while (jobs_turn(b->jobs, b->now, false) != INT64_MAX)
		assert_true(queue_commit(b->queue));
	assert_true(queue_commit(b->queue));
}

/* All rows of the audit: "replay event 1 was stuck, refused;".  Given. */
static char *
audit(struct bench *b)
{
	struct buf text = BUF_INIT;
	sqlite3_stmt *st;

	assert_int_equal(sqlite3_prepare_v2(store_db(queue_store(b->queue)),
	    "SELECT action || ' ' || subject || ' ' || detail FROM audit "
	    "ORDER BY id", -1, &st, NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW)
		buf_printf(&text, "%s;", sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	(void)buf_str(&text);
	return buf_steal(&text);
}

static void
assert_audit(struct bench *b, const char *expected)
{
	char *found = audit(b);

	assert_string_equal(found, expected);
	free(found);
}

/* --- asking for one --------------------------------------------------- */

static void
admin_replay_all_answers_with_a_job(void **state)
{
	struct bench *b = *state;

	put_refused(b, "Seen", 3);
	bench_post(b, "/v1/replay", "{\"filter\":{\"reason\":\"refused\"}}");

	assert_int_equal(b->status, 202);
	assert_true(bench_header(b, "Location: /v1/jobs/1"));
	assert_value(b, "id", "1");
	assert_value(b, "kind", "\"replay\"");
	assert_value(b, "filter",
	    "{\"state\":\"stuck\",\"reason\":\"refused\"}");
	assert_value(b, "remap", "false");
	assert_value(b, "force", "false");
	assert_value(b, "state", "\"running\"");
	assert_value(b, "total", "null");
	assert_value(b, "moved", "0");
	assert_value(b, "skipped", "0");
	assert_value(b, "error", "null");
	assert_value(b, "started_at", "\"2023-11-14T22:13:20.000Z\"");
	assert_value(b, "ended_at", "null");

	run_jobs(b);
	bench_get(b, "/v1/jobs/1");
	assert_int_equal(b->status, 200);
	assert_value(b, "state", "\"done\"");
	assert_value(b, "total", "3");
	assert_value(b, "moved", "3");
	assert_value(b, "ended_at", "\"2023-11-14T22:13:20.000Z\"");
	bench_get(b, "/v1/events/2");
	assert_value(b, "state", "\"queued\"");
	/* One row, not one an event. */
	assert_audit(b, "replay job 1 {\"state\":\"stuck\",\"reason\":"
	    "\"refused\"};");
}

static void
admin_discard_all_takes_queued_ones_when_asked(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	put_refused(b, "Seen", 1);
	bench_post(b, "/v1/discard", "{\"filter\":{\"state\":\"queued\"}}");
	assert_int_equal(b->status, 202);
	run_jobs(b);

	bench_get(b, "/v1/events/1");
	assert_value(b, "state", "\"discarded\"");
	bench_get(b, "/v1/events/2");
	assert_value(b, "state", "\"stuck\"");
}

static void
admin_replay_all_is_not_answered_202_unless_it_is_on_disk(void **state)
{
	struct bench *b = *state;

	put_refused(b, "Seen", 1);
	b->fail_commits = true;
	bench_post(b, "/v1/replay", "{\"filter\":{\"all\":true}}");
	assert_problem(b, 503, "unavailable");

	b->fail_commits = false;
	run_jobs(b);
	bench_get(b, "/v1/jobs");
	assert_value(b, "items", "[]");
	bench_get(b, "/v1/events/1");
	assert_value(b, "state", "\"stuck\"");
}

/* A span before now means the now of whoever asked. */
static void
admin_replay_all_makes_instants_of_spans(void **state)
{
	struct bench *b = *state;

	bench_post(b, "/v1/replay",
	    "{\"filter\":{\"since\":\"-1h\",\"until\":null}}");
	assert_value(b, "filter", "{\"state\":\"stuck\","
	    "\"since\":\"2023-11-14T21:13:20.000Z\"}");
}

static void
admin_replay_all_maps_what_a_setting_skipped(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", DEVELOPMENT);
	bench_reload(b, "development_app_id = 8");
	bench_post(b, "/v1/replay",
	    "{\"filter\":{\"state\":\"skipped\"},\"remap\":true}");
	assert_int_equal(b->status, 202);
	assert_value(b, "remap", "true");
	run_jobs(b);

	bench_get(b, "/v1/events/1");
	assert_value(b, "state", "\"queued\"");
	assert_value(b, "output", "\"heap.development\"");
}

static void
admin_replay_all_maps_no_unanswered_event_again_unless_forced(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", EMAIL);
	bench_attempt(b, 1, 0, 0, NULL);
	bench_attempt(b, 1, 0, 400, "refused");
	bench_post(b, "/v1/replay",
	    "{\"filter\":{\"all\":true},\"remap\":true}");
	run_jobs(b);
	bench_get(b, "/v1/jobs/1");
	assert_value(b, "skipped", "1");
	assert_non_null(strstr(bench_value(b, "error"), "known to have been refused"));

	bench_post(b, "/v1/replay",
	    "{\"filter\":{\"all\":true},\"remap\":true,\"force\":true}");
	run_jobs(b);
	bench_get(b, "/v1/jobs/2");
	assert_value(b, "moved", "1");
}

static void
admin_replay_all_reads_its_body_strictly(void **state)
{
	static const struct {
		const char *target, *body, *code;
	} rules[] = {
		{ "replay", "", "bad_body" },
		{ "replay", "[]", "bad_body" },
		{ "replay", "{}", "bad_body" },
		{ "replay", "{\"filter\":null}", "bad_body" },
		{ "replay", "{\"filter\":[]}", "bad_body" },
		{ "replay", "{\"filter\":{}}", "empty_filter" },
		{ "replay", "{\"filter\":{\"all\":false}}", "empty_filter" },
		{ "replay", "{\"filter\":{\"name\":null}}", "empty_filter" },
		{ "replay", "{\"filter\":{\"all\":1}}", "bad_body" },
		{ "replay", "{\"filter\":{\"lane\":\"track\"}}", "bad_body" },
		{ "replay", "{\"filter\":{\"name\":7}}", "bad_body" },
		{ "replay", "{\"filter\":{\"status\":\"400\"}}", "bad_body" },
		{ "replay", "{\"filter\":{\"status\":1000}}",
		    "bad_parameter" },
		{ "replay", "{\"filter\":{\"status\":4e2}}",
		    "bad_parameter" },
		{ "replay", "{\"filter\":{\"since\":\"then\"}}",
		    "bad_parameter" },
		{ "replay", "{\"filter\":{\"state\":\"odd\"}}",
		    "bad_parameter" },
		{ "replay", "{\"filter\":{\"state\":\"queued\"}}",
		    "bad_body" },
		{ "replay", "{\"filter\":{\"state\":\"delivered\"}}",
		    "bad_body" },
		{ "replay", "{\"filter\":{\"state\":\"skipped\"}}",
		    "bad_body" },
		{ "replay", "{\"filter\":{\"state\":\"skipped\",\"reason\":"
		    "\"merged\"},\"remap\":true}", "bad_body" },
		{ "replay", "{\"filter\":{\"all\":true},\"remap\":1}",
		    "bad_body" },
		{ "replay", "{\"filter\":{\"all\":true},\"sure\":true}",
		    "bad_body" },
		{ "replay", "{\"filter\":{},\"dry_run\":true}",
		    "empty_filter" },
		{ "discard", "{\"filter\":{}}", "empty_filter" },
		{ "discard", "{\"filter\":{\"state\":\"skipped\"}}",
		    "bad_body" },
		{ "discard", "{\"filter\":{\"all\":true},\"remap\":true}",
		    "bad_body" },
		{ "discard", "{\"filter\":{\"all\":true},\"force\":true}",
		    "bad_body" },
	};
	struct bench *b = *state;
	char target[32];
	size_t i;

	put_refused(b, "Seen", 1);
	for (i = 0; i < HR_COUNT(rules); i++) {
		snprintf(target, sizeof(target), "/v1/%s", rules[i].target);
		bench_post(b, target, rules[i].body);
		if (b->status != 400)
			fail_msg("%d for %s", b->status, rules[i].body);
		assert_problem(b, 400, rules[i].code);
	}
	bench_get(b, "/v1/jobs");
	assert_value(b, "items", "[]");
}

/* --- dry runs --------------------------------------------------------- */

static void
admin_dry_run_counts_and_changes_nothing(void **state)
{
	static const struct {
		const char *filter;
		const char *count, *identities;
	} rules[] = {
		{ "\"all\":true", "4", "1" },
		{ "\"state\":\"stuck\"", "4", "1" },
		{ "\"reason\":\"refused\"", "3", "1" },
		{ "\"reason\":\"no_identity\"", "1", "0" },
		{ "\"name\":\"Paid\"", "1", "1" },
		{ "\"identity\":\"12\"", "3", "1" },
		{ "\"identity\":\"13\"", "0", "0" },
		{ "\"status\":400", "3", "1" },
		{ "\"output\":\"heap\",\"input\":\"sf\"", "4", "1" },
		{ "\"input\":\"web\"", "0", "0" },
		{ "\"since\":\"-1h\"", "4", "1" },
		{ "\"until\":\"2023-11-14T22:13:20Z\"", "0", "0" },
		{ "\"all\":true,\"name\":\"Paid\"", "1", "1" },
	};
	struct bench *b = *state;
	char body[120];
	size_t i;

	put_refused(b, "Seen", 2);
	put_refused(b, "Paid", 1);
	bench_reload(b, BY_CUSTOMER);
	bench_put(b, "Lost", EMAIL);
	for (i = 0; i < HR_COUNT(rules); i++) {
		snprintf(body, sizeof(body), "{\"filter\":{%s},"
		    "\"dry_run\":true}", rules[i].filter);
		bench_post(b, "/v1/replay", body);
		assert_int_equal(b->status, 200);
		assert_value(b, "count", rules[i].count);
		assert_value(b, "identities", rules[i].identities);
		assert_value(b, "forecast.seconds", "0");
	}
	bench_get(b, "/v1/jobs");
	assert_value(b, "items", "[]");
	assert_audit(b, "");
	bench_get(b, "/v1/events/1");
	assert_value(b, "state", "\"stuck\"");
}

static void
admin_dry_run_tells_how_long_the_windows_need(void **state)
{
	struct bench *b = *state;

	bench_reload(b, "identity_limit = 2/60s");
	put_refused(b, "Seen", 5);
	bench_post(b, "/v1/replay",
	    "{\"filter\":{\"all\":true},\"dry_run\":true}");

	assert_value(b, "count", "5");
	assert_value(b, "forecast.seconds", "121");	/* 120.002 */
	assert_value(b, "forecast.done_at", "\"2023-11-14T22:15:20.002Z\"");
}

/* Another output that sends to the same app. */
#define TWO_OUTPUTS	"identity_limit = 4/60s\n[output two]\napp_id = 7\n" \
	"base_url = http://127.0.0.1:1\nidentity_limit = 4/60s"

static void
assert_dry_run(struct bench *b, const char *path, const char *count,
    const char *seconds)
{
	bench_post(b, path, "{\"filter\":{\"reason\":\"refused\"},"
	    "\"dry_run\":true}");
	assert_value(b, "count", count);
	assert_value(b, "forecast.seconds", seconds);
}

static void
admin_dry_run_adds_up_a_person_over_the_outputs_of_an_app(void **state)
{
	struct bench *b = *state;

	bench_reload(b, TWO_OUTPUTS);
	bench_put(b, "Seen", "");
	bench_put(b, "Seen", "");
	bench_put(b, "Seen", "");
	/* Three in each output: six of one person, four at once. */
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	store_exec(queue_store(b->queue), "UPDATE event SET state = 'stuck',"
	    " reason = 'refused'");
	assert_true(queue_commit(b->queue));

	assert_dry_run(b, "/v1/replay", "6", "61");
}

static void
admin_dry_run_of_a_replay_comes_besides_what_is_queued(void **state)
{
	struct bench *b = *state;

	bench_reload(b, "identity_limit = 4/60s");
	put_refused(b, "Seen", 3);
	assert_dry_run(b, "/v1/replay", "3", "0");
	bench_put(b, "Seen", "");
	bench_put(b, "Seen", "");

	assert_dry_run(b, "/v1/replay", "3", "61");
	/* What is given up needs no room behind anything. */
	assert_dry_run(b, "/v1/discard", "3", "0");
}

static void
admin_dry_run_cannot_say_when_while_an_output_is_paused(void **state)
{
	struct bench *b = *state;
	int64_t since;

	put_refused(b, "Seen", 3);
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	assert_true(dispatch_pause(b->dispatch, "heap", true, b->now,
	    &since));
	assert_true(queue_commit(b->queue));

	assert_dry_run(b, "/v1/replay", "3", "null");
	assert_value(b, "forecast.done_at", "null");
}

/* Of the updates of one person one will be left. */
static void
admin_dry_run_counts_people_of_user_properties(void **state)
{
	static const char update[] = ",\"user_attributes\":{\"a\":1}";
	struct bench *b = *state;
	int i;

	bench_reload(b, "properties_app_limit = 1/60s\n"
	    "forward_user_attributes = true");
	for (i = 0; i < 3; i++) {
		bench_put(b, "Seen", update);
		assert_int_equal(queue_begin(b->queue), QUEUE_READY);
		store_exec(queue_store(b->queue), "UPDATE event SET state ="
		    " 'stuck', reason = 'refused' WHERE state = 'queued'");
		assert_true(queue_commit(b->queue));
	}

	assert_dry_run(b, "/v1/replay", "6", "0");
}

/* Everybody waits for a turn, so a large count is spread over several. */
static void
admin_dry_run_counts_many_over_several_turns(void **state)
{
	struct bench *b = *state;
	struct buf body = BUF_INIT;
	struct buf errors = BUF_INIT;
	int i;

	bench_reload(b, BY_CUSTOMER);
	buf_puts(&body, "{\"mpid\":1,\"events\":[{\"event_type\":"
	    "\"session_start\"}");
	for (i = 1; i < 1200; i++)
		buf_puts(&body, ",{\"event_type\":\"session_start\"}");
	buf_puts(&body, "]" EMAIL "}");
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	assert_int_equal(accept_body(b->acceptor, &b->config->inputs[0],
	    MP_EVENTS, buf_str(&body), body.len, NOW, &errors), 1);
	assert_true(queue_commit(b->queue));

	bench_post(b, "/v1/discard",
	    "{\"filter\":{\"all\":true},\"dry_run\":true}");
	assert_value(b, "count", "1200");
	assert_true(b->waits >= 2);
	buf_free(&body);
	buf_free(&errors);
}

/* --- jobs ------------------------------------------------------------- */

static void
admin_jobs_pages_newest_first(void **state)
{
	struct bench *b = *state;
	int i;

	for (i = 0; i < 3; i++)
		bench_post(b, "/v1/discard", "{\"filter\":{\"all\":true}}");
	bench_get(b, "/v1/jobs?limit=2");
	assert_value(b, "items.0.id", "3");
	assert_value(b, "items.1.id", "2");
	assert_value(b, "items.2", "");
	assert_value(b, "next_cursor", "\"2\"");
	bench_get(b, "/v1/jobs?limit=2&cursor=2");
	assert_value(b, "items.0.id", "1");
	assert_value(b, "next_cursor", "null");
	bench_get(b, "/v1/jobs/4");
	assert_problem(b, 404, "not_found");
}

static void
admin_delete_job_cancels_it(void **state)
{
	struct bench *b = *state;

	put_refused(b, "Seen", 2);
	bench_post(b, "/v1/replay", "{\"filter\":{\"all\":true}}");
	bench_ask(b, "DELETE", "/v1/jobs/1", "", "");
	assert_int_equal(b->status, 200);
	assert_false(bench_header(b, "Location: /v1/jobs/1"));
	assert_value(b, "state", "\"cancelled\"");
	assert_value(b, "ended_at", "\"2023-11-14T22:13:20.000Z\"");
	run_jobs(b);
	bench_get(b, "/v1/events/1");
	assert_value(b, "state", "\"stuck\"");
	assert_audit(b, "replay job 1 {\"state\":\"stuck\"};"
	    "cancel job 1 was running;");

	bench_ask(b, "DELETE", "/v1/jobs/1", "", "");
	assert_problem(b, 409, "wrong_state");
	assert_non_null(strstr(b->body, "cancelled"));
	bench_ask(b, "DELETE", "/v1/jobs/2", "", "");
	assert_problem(b, 404, "not_found");
}

static void
admin_delete_job_is_not_answered_200_unless_it_is_on_disk(void **state)
{
	struct bench *b = *state;

	bench_post(b, "/v1/replay", "{\"filter\":{\"all\":true}}");
	b->fail_commits = true;
	bench_ask(b, "DELETE", "/v1/jobs/1", "", "");
	assert_problem(b, 503, "unavailable");

	b->fail_commits = false;
	bench_get(b, "/v1/jobs/1");
	assert_value(b, "state", "\"running\"");
}

static void
admin_jobs_are_not_for_a_token_that_may_only_look(void **state)
{
	struct bench *b = *state;
	char *token = b->token;

	bench_post(b, "/v1/replay", "{\"filter\":{\"all\":true}}");
	b->token = b->read_token;
	bench_post(b, "/v1/replay", "{\"filter\":{\"all\":true}}");
	assert_problem(b, 403, "read_only_token");
	bench_post(b, "/v1/discard", "{\"filter\":{\"all\":true}}");
	assert_problem(b, 403, "read_only_token");
	bench_ask(b, "DELETE", "/v1/jobs/1", "", "");
	assert_problem(b, 403, "read_only_token");
	bench_get(b, "/v1/jobs/1");
	assert_int_equal(b->status, 200);
	assert_value(b, "state", "\"running\"");
	b->token = token;
}

/* --- single events ---------------------------------------------------- */

static void
admin_replay_and_discard_of_one_write_an_audit_row_each(void **state)
{
	struct bench *b = *state;

	put_refused(b, "Seen", 1);
	bench_post(b, "/v1/events/1/replay", "");
	assert_int_equal(b->status, 200);
	bench_post(b, "/v1/events/1/replay", "");
	assert_problem(b, 409, "wrong_state");
	bench_post(b, "/v1/events/1/discard", "");
	assert_int_equal(b->status, 200);

	assert_audit(b, "replay event 1 was stuck, refused;"
	    "discard event 1 was queued;");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ADMIN_TEST(admin_replay_all_answers_with_a_job),
		ADMIN_TEST(admin_discard_all_takes_queued_ones_when_asked),
		ADMIN_TEST(
		    admin_replay_all_is_not_answered_202_unless_it_is_on_disk),
		ADMIN_TEST(admin_replay_all_makes_instants_of_spans),
		ADMIN_TEST(admin_replay_all_maps_what_a_setting_skipped),
		ADMIN_TEST(
		    admin_replay_all_maps_no_unanswered_event_again_unless_forced),
		ADMIN_TEST(admin_replay_all_reads_its_body_strictly),
		ADMIN_TEST(admin_dry_run_counts_and_changes_nothing),
		ADMIN_TEST(admin_dry_run_tells_how_long_the_windows_need),
		ADMIN_TEST(
		    admin_dry_run_adds_up_a_person_over_the_outputs_of_an_app),
		ADMIN_TEST(
		    admin_dry_run_of_a_replay_comes_besides_what_is_queued),
		ADMIN_TEST(
		    admin_dry_run_cannot_say_when_while_an_output_is_paused),
		ADMIN_TEST(admin_dry_run_counts_people_of_user_properties),
		ADMIN_TEST(admin_dry_run_counts_many_over_several_turns),
		ADMIN_TEST(admin_jobs_pages_newest_first),
		ADMIN_TEST(admin_delete_job_cancels_it),
		ADMIN_TEST(
		    admin_delete_job_is_not_answered_200_unless_it_is_on_disk),
		ADMIN_TEST(admin_jobs_are_not_for_a_token_that_may_only_look),
		ADMIN_TEST(
		    admin_replay_and_discard_of_one_write_an_audit_row_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
