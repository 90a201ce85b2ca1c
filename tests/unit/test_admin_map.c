/*
 * test_admin_map.c - what would become of a body, by the live settings
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "admin_fixture.h"
#include "log.h"

#define START	"{\"body\":\"{\\\"mpid\\\":\\\"42\\\",\\\"events\\\":" \
		"[{\\\"event_type\\\":\\\"session_start\\\"}]}\""
#define PERSON	"{\"body\":\"{\\\"user_identities\\\":{\\\"email\\\":" \
		"\\\"ada@example.com\\\"},\\\"events\\\":[{\\\"event_type\\\":" \
		"\\\"session_start\\\"}]}\""
#define EMAIL	",\"user_identities\":{\"email\":\"ada@example.com\"}"

static int64_t
stored(struct bench *b, const char *table)
{
	char *sql = xasprintf("SELECT count(*) FROM %s", table);
	sqlite3_stmt *st;
	sqlite3 *db;
	int64_t n;

	assert_int_equal(sqlite3_open(b->config->database, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	free(sql);
	return n;
}

static void
admin_map_tells_what_would_be_sent(void **state)
{
	struct bench *b = *state;

	bench_post(b, "/v1/map", START ",\"input\":\"sf\","
	    "\"path\":\"/v2/events\","
	    "\"received_at\":\"2023-11-14T22:13:20.000Z\"}");

	assert_int_equal(b->status, 200);
	assert_value(b, "accepted", "true");
	assert_value(b, "outcomes", "[{\"batch\":0,\"event\":0,"
	    "\"output\":\"heap\",\"action\":\"send\",\"path\":\"/api/track\","
	    "\"body\":\"{\\\"app_id\\\":\\\"7\\\",\\\"identity\\\":\\\"42\\\","
	    "\\\"event\\\":\\\"Session Start\\\",\\\"timestamp\\\":"
	    "\\\"2023-11-14T22:13:20.000Z\\\",\\\"idempotency_key\\\":"
	    "\\\"5143a89dec5295d916041af2d2027b6f\\\",\\\"properties\\\":{}}"
	    "\"}]");
}

#define PURCHASE "{\"body\":\"{\\\"mpid\\\":\\\"42\\\"%s,\\\"events\\\":" \
		"[{\\\"event_type\\\":\\\"commerce_event\\\",\\\"data\\\":" \
		"{\\\"product_action\\\":{\\\"action\\\":\\\"purchase\\\"," \
		"\\\"products\\\":[{\\\"id\\\":\\\"p-1\\\"},{\\\"id\\\":" \
		"\\\"p-2\\\"}]}}}]}\"}"

static void
admin_map_tells_the_bulk_form_of_a_purchase(void **state)
{
	struct bench *b = *state;
	char *body = xasprintf(PURCHASE, "");
	const char *sent;

	bench_post(b, "/v1/map", body);
	free(body);

	assert_int_equal(b->status, 200);
	assert_value(b, "outcomes.0.action", "\"send\"");
	assert_value(b, "outcomes.0.path", "\"/api/track\"");
	assert_null(strstr(b->body, "\"event\":1"));
	/* One request: the purchase and its two items. */
	sent = bench_value(b, "outcomes.0.body");
	assert_non_null(strstr(sent, "\\\"app_id\\\":\\\"7\\\""));
	assert_non_null(strstr(sent, "\\\"events\\\":["));
	assert_non_null(strstr(sent, "p-1"));
	assert_non_null(strstr(sent, "p-2"));
}

static void
admin_map_tells_why_an_event_is_not_sent(void **state)
{
	struct bench *b = *state;
	char *body = xasprintf(PURCHASE,
	    ",\\\"environment\\\":\\\"development\\\"");

	bench_post(b, "/v1/map", body);
	free(body);

	assert_int_equal(b->status, 200);
	assert_value(b, "outcomes", "[{\"batch\":0,\"event\":0,"
	    "\"output\":\"heap\",\"action\":\"skip\","
	    "\"reason\":\"development\"}]");
}

static void
admin_map_stores_nothing_and_counts_nothing(void **state)
{
	static const char *const tables[] = { "batch", "event", "identity",
	    "profile", "profile_identity", "seen", "audit" };
	static const enum stat_id stats[] = { STAT_batches_accepted,
	    STAT_batches_refused, STAT_profiles_minted, STAT_outcome_send,
	    STAT_ingest_accepted };
	struct bench *b = *state;
	uint64_t before[HR_COUNT(stats)];
	size_t i;

	for (i = 0; i < HR_COUNT(stats); i++)
		before[i] = stat_get(stats[i]);
	bench_post(b, "/v1/map", PERSON "}");
	assert_value(b, "outcomes.0.action", "\"send\"");
	bench_post(b, "/v1/map", "{\"body\":\"[1]\"}");
	assert_value(b, "outcomes.0.action", "\"refuse\"");
	bench_put(b, "Seen", "");	/* settles what waits */
	stat_settle(true);

	for (i = 0; i < HR_COUNT(tables); i++)
		assert_int_equal(stored(b, tables[i]),
		    strcmp(tables[i], "batch") == 0 ||
		    strcmp(tables[i], "event") == 0 ||
		    strcmp(tables[i], "identity") == 0 ||
		    strcmp(tables[i], "profile") == 0);
	for (i = 0; i < HR_COUNT(stats); i++)
		assert_int_equal(stat_get(stats[i]) - before[i],
		    stats[i] == STAT_batches_accepted ||
		    stats[i] == STAT_outcome_send);
}

static void
admin_map_knows_the_people_whom_the_agent_knows(void **state)
{
	struct bench *b = *state;

	bench_post(b, "/v1/map", PERSON "}");
	assert_null(strstr(b->body, "\\\"identity\\\":\\\"12\\\""));
	bench_put(b, "Seen", EMAIL);	/* of the MPID 12 */
	bench_post(b, "/v1/map", PERSON "}");
	assert_non_null(strstr(b->body, "\\\"identity\\\":\\\"12\\\""));
}

/* The turn's own transaction is neither thrown away nor made durable early:
 * the preview comes after it. */
static void
admin_map_loses_nothing_of_the_turn_it_comes_in(void **state)
{
	struct bench *b = *state;
	char *value;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	queue_set(b->queue, "kept", "yes");
	bench_post(b, "/v1/map", START "}");
	assert_int_equal(b->status, 200);
	assert_value(b, "outcomes.0.action", "\"send\"");
	queue_rollback(b->queue);
	value = queue_setting(b->queue, "kept");
	assert_non_null(value);
	free(value);

	/* A turn that fails takes no preview with it, nor the other way. */
	b->fail_commits = true;
	bench_post(b, "/v1/map", START "}");
	assert_int_equal(b->status, 200);
}

static void
admin_map_takes_the_path_and_the_time_of_a_body(void **state)
{
	static const struct {
		const char *members, *found;
	} cases[] = {
		{ ",\"received_at\":1700000000000",
		    "\\\"2023-11-14T22:13:20.000Z\\\"" },
		{ ",\"received_at\":\"-1h\"",
		    "\\\"2023-11-14T21:13:20.000Z\\\"" },
		{ ",\"received_at\":null,\"input\":null,\"path\":null",
		    "\\\"2023-11-14T22:13:20.000Z\\\"" },
		{ ",\"path\":\"/v2/bulkevents\"", "\"action\":\"refuse\"" },
		{ ",\"path\":\"/v2/bulkevents/historical\"",
		    "\"action\":\"refuse\"" },
	};
	struct bench *b = *state;
	char *body;
	size_t i;

	for (i = 0; i < HR_COUNT(cases); i++) {
		body = xasprintf("%s%s}", START, cases[i].members);
		bench_post(b, "/v1/map", body);
		assert_int_equal(b->status, 200);
		if (strstr(b->body, cases[i].found) == NULL)
			fail_msg("no %s in %s", cases[i].found, b->body);
		free(body);
	}
	bench_post(b, "/v1/map",
	    "{\"path\":\"/v2/bulkevents\",\"body\":\"[]\"}");
	assert_value(b, "accepted", "true");
	assert_value(b, "outcomes", "[]");
}

static void
admin_map_refuses_a_body_that_ingest_would_refuse_unread(void **state)
{
	struct bench *b = *state;
	struct buf body = BUF_INIT;
	size_t i;

	bench_reload(b, "[ingest]\nmax_request_bytes = 1k");
	buf_puts(&body, "{\"body\":\"");
	for (i = 0; i < 1025; i++)
		buf_putc(&body, ' ');
	buf_puts(&body, "\"}");
	bench_post(b, "/v1/map", buf_str(&body));

	assert_int_equal(b->status, 200);
	assert_value(b, "accepted", "false");
	assert_value(b, "outcomes", "[{\"batch\":null,\"action\":\"refuse\","
	    "\"message\":\"The request body is too large.\"}]");
	buf_free(&body);
}

static void
admin_map_refuses_what_it_cannot_use(void **state)
{
	static const char *const bodies[] = { "", "{", "[]", "{}",
	    "{\"body\":{}}", "{\"body\":null}", START ",\"path\":\"/v1/events\"}",
	    START ",\"path\":7}", START ",\"received_at\":true}",
	    START ",\"received_at\":\"today\"}", START ",\"received_at\":-1}",
	    START ",\"received_at\":1.5}", START ",\"input\":5}",
	    START ",\"output\":\"heap\"}" };
	struct bench *b = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(bodies); i++) {
		bench_post(b, "/v1/map", bodies[i]);
		if (b->status != 400)
			fail_msg("%d for %s", b->status, bodies[i]);
		assert_problem(b, 400, "bad_body");
	}
	bench_post(b, "/v1/map", START ",\"input\":\"none\"}");
	assert_problem(b, 404, "not_found");
}

/* It stores nothing, so a token that may only look will do. */
static void
admin_map_is_for_the_reading_token_too(void **state)
{
	struct bench *b = *state;
	char *full = b->token;

	b->token = b->read_token;
	bench_post(b, "/v1/map", START "}");
	assert_int_equal(b->status, 200);
	bench_ask(b, "POST", "/v1/map", "Content-Type: text/plain\r\n",
	    START "}");
	assert_problem(b, 415, "not_json");
	bench_ask(b, "POST", "/v1/map", "Content-Type: application/json\r\n"
	    "Sec-Fetch-Site: cross-site\r\n", START "}");
	assert_problem(b, 403, "cross_site");
	b->token = full;
}

static void
unlock_after_a_while(struct bench *b)
{
	if (b->waits == 5)
		sqlite3_close(b->on_wait_arg);
}

static sqlite3 *
lock(struct bench *b)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(b->config->database, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_OK);
	return db;
}

static void
admin_map_waits_for_the_write_lock_but_not_for_ever(void **state)
{
	struct bench *b = *state;
	sqlite3 *shell = lock(b);

	b->on_wait = unlock_after_a_while;
	b->on_wait_arg = shell;
	bench_post(b, "/v1/map", START "}");
	assert_int_equal(b->status, 200);
	assert_true(b->waits >= 5);

	b->on_wait = NULL;
	shell = lock(b);
	bench_post(b, "/v1/map", START "}");
	assert_problem(b, 503, "unavailable");
	assert_non_null(strstr(b->body, "holds the write lock"));
	sqlite3_close(shell);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ADMIN_TEST(admin_map_tells_what_would_be_sent),
		ADMIN_TEST(admin_map_stores_nothing_and_counts_nothing),
		ADMIN_TEST(admin_map_knows_the_people_whom_the_agent_knows),
		ADMIN_TEST(admin_map_loses_nothing_of_the_turn_it_comes_in),
		ADMIN_TEST(admin_map_tells_the_bulk_form_of_a_purchase),
		ADMIN_TEST(admin_map_tells_why_an_event_is_not_sent),
		ADMIN_TEST(admin_map_takes_the_path_and_the_time_of_a_body),
		ADMIN_TEST(
		    admin_map_refuses_a_body_that_ingest_would_refuse_unread),
		ADMIN_TEST(admin_map_refuses_what_it_cannot_use),
		ADMIN_TEST(admin_map_is_for_the_reading_token_too),
		ADMIN_TEST(admin_map_waits_for_the_write_lock_but_not_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
