/*
 * test_admin.c - who is answered by the admin API, and what of it is about
 * the whole: status, health
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "admin_fixture.h"
#include "disk_fixture.h"
#include "log.h"
#include "store.h"

/* --- tokens ----------------------------------------------------------- */

static void
admin_new_makes_a_token_that_only_its_user_may_read(void **state)
{
	struct bench *b = *state;
	struct stat st;

	assert_int_equal(stat(b->config->token_file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 65);	/* and a line end */
	assert_int_equal(strlen(b->token), 64);
	assert_int_equal(strspn(b->token, "0123456789abcdef"), 64);
	assert_string_not_equal(b->token, b->read_token);
}

static void
admin_new_keeps_the_token_that_is_there(void **state)
{
	struct bench *b = *state;
	struct admin_parts p = { .config = b->config };
	struct admin *another;
	struct why why;

	another = admin_new(&p, &why);

	assert_non_null(another);
	admin_free(another);
	bench_get(b, "/v1/events");	/* with the token of the first start */
	assert_int_equal(b->status, 200);
}

static void
admin_new_refuses_a_token_that_can_be_guessed(void **state)
{
	struct bench *b = *state;
	struct admin_parts p = { .config = b->config };
	FILE *f = fopen(b->config->token_file, "w");
	struct why why;

	assert_non_null(f);
	fputs("short\n", f);
	fclose(f);

	assert_null(admin_new(&p, &why));
	assert_non_null(strstr(why.text, "admin.token: a token has"));
}

/* A request of just these headers. */
static void
send_with(struct bench *b, const char *method, const char *target,
    const char *headers)
{
	char *text = xasprintf("%s %s HTTP/1.1\r\nConnection: close\r\n"
	    "%s\r\n", method, target, headers);

	bench_send(b, text);
	free(text);
}

static void
admin_request_asks_for_a_token(void **state)
{
	static const char *const credentials[] = {
		"",
		"Authorization: Bearer\r\n",
		"Authorization: Bearer 0123\r\n",
		"Authorization: Basic a2V5OnNlY3JldA==\r\n",
	};
	static const char *const targets[] = {
		"/v1/events", "/v1/status", "/metrics", "/v1/events/1"
	};
	struct bench *b = *state;
	char headers[200];
	size_t i, k;

	for (i = 0; i < HR_COUNT(credentials); i++) {
		for (k = 0; k < HR_COUNT(targets); k++) {
			snprintf(headers, sizeof(headers),
			    "Host: localhost\r\n%s", credentials[i]);
			send_with(b, "GET", targets[k], headers);
			assert_problem(b, 401, "unauthorized");
			assert_non_null(strstr(b->answer.p,
			    "\r\nWWW-Authenticate: Bearer "));
		}
	}
}

/* Guessing is slow, and counted. */
static void
admin_request_answers_a_wrong_token_late(void **state)
{
	static const struct {
		const char	*headers;
		bool		 late;
	} cases[] = {
		{ "Host: localhost\r\n", false },
		{ "Host: localhost\r\nAuthorization: Bearer 0123\r\n", true },
	};
	struct bench *b = *state;
	uint64_t denied;
	int64_t begin;
	size_t i;

	for (i = 0; i < HR_COUNT(cases); i++) {
		denied = stat_get(STAT_admin_denied);
		begin = b->now.boot;
		send_with(b, "GET", "/v1/status", cases[i].headers);
		assert_problem(b, 401, "unauthorized");
		assert_int_equal(b->now.boot - begin >= 250, cases[i].late);
		assert_int_equal(stat_get(STAT_admin_denied), denied + 1);
	}
}

static void
admin_request_answers_health_without_a_token(void **state)
{
	struct bench *b = *state;

	send_with(b, "GET", "/health/live", "Host: localhost\r\n");

	assert_int_equal(b->status, 200);
	assert_value(b, "status", "\"ok\"");
	assert_value(b, "checks.0.ok", "true");
}

static void
admin_request_lets_the_reading_token_only_look(void **state)
{
	struct bench *b = *state;
	char *full = b->token;

	b->token = b->read_token;
	bench_get(b, "/v1/events");
	assert_int_equal(b->status, 200);
	bench_post(b, "/v1/events/1/discard", "");
	assert_problem(b, 403, "read_only_token");
	b->token = full;
	bench_post(b, "/v1/events/1/discard", "");
	assert_problem(b, 404, "not_found");
}

/* --- hosts and sites -------------------------------------------------- */

static void
admin_request_is_for_hosts_that_are_ours(void **state)
{
	static const struct {
		const char *host;
		int status;
	} rules[] = {
		{ "localhost", 200 },
		{ "LocalHost:8090", 200 },
		{ "127.0.0.1:8090", 200 },
		{ "127.9.9.9", 200 },
		{ "[::1]:8090", 200 },
		{ "relay.example", 200 },
		{ "RELAY.example:443", 200 },
		{ "evil.example", 421 },
		{ "relay.example.evil.example", 421 },
		{ "localhost.evil.example", 421 },
		{ "127.0.0.1.evil.example", 421 },
		{ "10.0.0.1:8090", 421 },
		{ "[2001:db8::1]", 421 },
	};
	struct bench *b = *state;
	char headers[200];
	size_t i;

	for (i = 0; i < HR_COUNT(rules); i++) {
		snprintf(headers, sizeof(headers), "Host: %s\r\n",
		    rules[i].host);
		send_with(b, "GET", "/health/live", headers);
		if (b->status != rules[i].status)
			fail_msg("%s: %d", rules[i].host, b->status);
		if (b->status == 421)
			assert_problem(b, 421, "wrong_host");
	}
}

static void
admin_request_needs_one_host(void **state)
{
	struct bench *b = *state;

	send_with(b, "GET", "/health/live", "");
	assert_problem(b, 400, "bad_request");
	send_with(b, "GET", "/health/live",
	    "Host: localhost\r\nHost: localhost\r\n");
	assert_problem(b, 400, "bad_request");
	bench_send(b, "GET /health/live HTTP/1.0\r\n\r\n");
	assert_problem(b, 400, "bad_host");
}

static void
admin_request_takes_no_write_from_another_site(void **state)
{
	static const struct {
		const char *site;
		int status;		/* 404: it came through */
	} rules[] = {
		{ "same-origin", 404 }, { "none", 404 },
		{ "same-site", 403 }, { "cross-site", 403 }, { "", 403 },
	};
	struct bench *b = *state;
	char headers[100];
	size_t i;

	for (i = 0; i < HR_COUNT(rules); i++) {
		snprintf(headers, sizeof(headers), "Sec-Fetch-Site: %s\r\n",
		    rules[i].site);
		bench_ask(b, "POST", "/v1/events/1/discard", headers, "");
		assert_problem(b, rules[i].status, rules[i].status == 403 ?
		    "cross_site" : "not_found");
	}
	bench_ask(b, "GET", "/v1/events", "Sec-Fetch-Site: cross-site\r\n",
	    "");
	assert_int_equal(b->status, 200);
}

static void
admin_request_takes_json_bodies_only(void **state)
{
	static const struct {
		const char *headers;
		bool json;
	} rules[] = {
		{ "Content-Type: application/json\r\n", true },
		{ "Content-Type: Application/JSON ; charset=utf-8\r\n", true },
		{ "Content-Type: application/jsonx\r\n", false },
		{ "Content-Type: text/plain\r\n", false },
		{ "Content-Type: application/json\r\n"
		    "Content-Encoding: gzip\r\n", false },
		{ "", false },
	};
	struct bench *b = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(rules); i++) {
		bench_ask(b, "POST", "/v1/events/1/discard",
		    rules[i].headers, "{}");
		if (rules[i].json)
			assert_problem(b, 404, "not_found");
		else
			assert_problem(b, 415, "not_json");
	}
}

static void
admin_request_says_nothing_of_cross_origin_sharing(void **state)
{
	struct bench *b = *state;

	bench_ask(b, "GET", "/v1/status", "Origin: http://localhost\r\n", "");

	assert_int_equal(b->status, 200);
	assert_null(strstr(b->answer.p, "Access-Control"));
	assert_true(bench_header(b, "Cache-Control: no-store"));
	assert_true(bench_header(b, "X-Content-Type-Options: nosniff"));
}

/* --- routes ----------------------------------------------------------- */

static void
admin_request_knows_its_paths_and_methods(void **state)
{
	static const struct {
		const char *method, *target;
		int status;
		const char *allow;
	} rules[] = {
		{ "GET", "/nothing", 404, NULL },
		{ "GET", "/v1/events/", 404, NULL },
		{ "GET", "/v1/events/x", 404, NULL },
		{ "GET", "/v1/events/0", 404, NULL },
		{ "GET", "/v1/events/-1", 404, NULL },
		{ "GET", "/v1/events/99999999999999999999", 404, NULL },
		{ "GET", "/v1/events/1/whence", 404, NULL },
		{ "GET", "/v1/outputs/%00", 404, NULL },
		{ "GET", "http://localhost/v1/events", 200, NULL },
		{ "GET", "/v1/outputs/%68eap", 200, NULL },
		{ "POST", "/v1/events", 405, "Allow: GET, HEAD" },
		{ "DELETE", "/v1/events/1", 405, "Allow: GET, HEAD" },
		{ "GET", "/v1/events/1/replay", 405, "Allow: POST" },
		{ "OPTIONS", "/v1/events", 405, "Allow: GET, HEAD" },
	};
	struct bench *b = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(rules); i++) {
		bench_ask(b, rules[i].method, rules[i].target, "", "");
		if (b->status != rules[i].status)
			fail_msg("%s: %d", rules[i].target, b->status);
		if (rules[i].allow != NULL)
			assert_true(bench_header(b, rules[i].allow));
	}
	bench_ask(b, "HEAD", "/v1/status", "", "");
	assert_int_equal(b->status, 200);
	assert_string_equal(b->body, "");
}

static void
admin_request_refuses_parameters_that_it_does_not_know(void **state)
{
	static const char *const targets[] = {
		"/v1/events?offset=3", "/v1/events?limit",
		"/v1/events?limit=1&limit=1", "/v1/events?name=%zz",
		"/v1/events?name=%00", "/v1/events?limit=0",
		"/v1/events?limit=501", "/v1/events?limit=x",
		"/v1/events?cursor=x", "/v1/events?cursor=-1",
		"/v1/events?state=done", "/v1/events?status=ok",
		"/v1/events?since=yesterday", "/v1/events?until=-5",
		"/v1/events?since=-1w", "/v1/requests?state=stuck",
		"/v1/status?limit=1", "/health/live?x=1",
	};
	struct bench *b = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(targets); i++) {
		bench_get(b, targets[i]);
		if (b->status != 400)
			fail_msg("%s: %d", targets[i], b->status);
		assert_problem(b, 400, "bad_parameter");
	}
	bench_get(b, "/v1/status?");
	assert_int_equal(b->status, 200);
}

/* What is wrong is called by its name, unless that is nothing to repeat. */
static void
admin_request_names_what_it_does_not_know(void **state)
{
	static const struct {
		const char *target, *body;	/* NULL: a GET */
		const char *detail;
	} rules[] = {
		{ "/v1/audit?offset=3", NULL, "The query cannot be used: it has "
		    "\"offset\", which is not known here; known here: limit "
		    "cursor." },
		{ "/v1/audit?%ff=3", NULL, "The query cannot be used: it has a "
		    "name that is not known here; known here: limit cursor." },
		{ "/v1/replay", "{\"filter\":{\"resaon\":\"refused\"}}",
		    "The body cannot be used: its filter has \"resaon\", which "
		    "is not known here." },
		{ "/v1/discard", "{\"filter\":{\"all\":true},\"remap\":true}",
		    "The body cannot be used: it has \"remap\", which is not "
		    "known here." },
		{ "/v1/events/1/replay", "{\"dry_run\":true}", "The body cannot "
		    "be used: it has \"dry_run\", which is not known here." },
		{ "/v1/map", "{\"body\":\"{}\",\"<b>\":1}", "The body cannot "
		    "be used: it has a name that is not known here." },
		{ "/v1/backup", "{\"path\":\"/x\"}", "The body cannot be used: "
		    "it has \"path\", which is not known here." },
		{ "/v1/outputs/heap/pause", "{\"for\":\"1h\"}", "The body "
		    "cannot be used: it has \"for\", which is not known here." },
	};
	struct bench *b = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(rules); i++) {
		if (rules[i].body == NULL)
			bench_get(b, rules[i].target);
		else
			bench_post(b, rules[i].target, rules[i].body);
		assert_int_equal(b->status, 400);
		assert_string_equal(json_text(json_get(json_root(b->json),
		    "detail")), rules[i].detail);
	}
}

/* --- the whole -------------------------------------------------------- */

static void
admin_status_tells_the_state_of_the_whole(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_get(b, "/v1/status");

	assert_int_equal(b->status, 200);
	assert_true(bench_header(b, "Content-Type: application/json"));
	assert_value(b, "started_at", "\"2023-11-14T22:13:15.000Z\"");
	assert_value(b, "uptime_seconds", "7");
	assert_value(b, "events.queued", "1");
	assert_value(b, "events.accepted", "1");
	assert_value(b, "oldest_due_since", "\"2023-11-14T22:13:20.000Z\"");
	assert_value(b, "disk.accepting", "true");
	assert_true(atoi(bench_value(b, "disk.database_bytes")) > 4096);
	assert_value(b, "outputs.0.name", "\"heap\"");
	assert_value(b, "outputs.0.queued", "1");
	assert_true(strlen(bench_value(b, "version")) > 2);
}

static void
admin_outputs_shows_lanes_and_windows(void **state)
{
	struct bench *b = *state;

	bench_get(b, "/v1/outputs");
	assert_value(b, "items.0.name", "\"heap\"");
	assert_value(b, "next_cursor", "null");

	bench_get(b, "/v1/outputs/heap");
	assert_value(b, "app_id", "\"7\"");
	assert_value(b, "base_url", "\"http://127.0.0.1:1\"");
	assert_value(b, "paused", "false");
	assert_value(b, "factor", "1");
	assert_value(b, "lanes.0.lane", "\"track\"");
	assert_value(b, "lanes.1.lane", "\"user_properties\"");
	assert_value(b, "lanes.0.inflight", "0");
	assert_value(b, "lanes.0.frozen_until", "null");
	assert_value(b, "lanes.0.breaker", "{\"state\":\"closed\","
	    "\"until\":null,\"failures\":0,\"last_error\":null}");
	assert_value(b, "windows.0.window", "\"app_limit\"");
	assert_value(b, "windows.0.used", "0");
	assert_value(b, "windows.0.limit", "15000");
	assert_value(b, "windows.0.frees_at", "null");

	bench_get(b, "/v1/outputs/other");
	assert_problem(b, 404, "not_found");
}

static void
admin_ready_names_each_check(void **state)
{
	struct bench *b = *state;

	bench_get(b, "/health/ready");

	assert_int_equal(b->status, 200);
	assert_value(b, "status", "\"ok\"");
	assert_value(b, "checks.0.name", "\"database\"");
	assert_value(b, "checks.1.name", "\"disk\"");
	assert_value(b, "checks.2.name", "\"wal\"");
	assert_value(b, "checks.3.name", "\"listeners\"");
}

static sqlite3 *
lock_database(struct bench *b)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(b->config->database, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_OK);
	return db;
}

static void
admin_ready_fails_while_somebody_holds_the_write_lock(void **state)
{
	struct bench *b = *state;
	sqlite3 *db = lock_database(b);

	bench_get(b, "/health/ready");

	assert_int_equal(b->status, 503);
	assert_value(b, "status", "\"failing\"");
	assert_value(b, "checks.0.ok", "false");
	assert_non_null(strstr(bench_value(b, "checks.0.detail"),
	    "holds the write lock of"));
	sqlite3_close(db);
	bench_get(b, "/health/ready");
	assert_int_equal(b->status, 200);
}

/* Nobody can connect any more, and nobody else says so. */
static void
admin_ready_fails_when_a_socket_is_taken_away(void **state)
{
	struct bench *b = *state;
	char *path = xasprintf("%s/ingest.socket", b->directory);
	char *address = xasprintf("unix:%s", path), *told;
	struct config_strings *listen = &b->config->ingest.listen;
	struct config_strings was = *listen;

	listen->s = &address;
	listen->n = 1;
	assert_int_equal(mknod(path, S_IFSOCK | 0600, 0), 0);
	bench_get(b, "/health/ready");
	assert_int_equal(b->status, 200);

	told = xasprintf("\"the socket %s is gone\"", path);
	assert_int_equal(unlink(path), 0);
	bench_get(b, "/health/ready");
	assert_int_equal(b->status, 503);
	assert_value(b, "checks.3.ok", "false");
	assert_value(b, "checks.3.detail", told);
	/* Something else has its name now. */
	assert_int_equal(mknod(path, S_IFREG | 0600, 0), 0);
	bench_get(b, "/health/ready");
	assert_int_equal(b->status, 503);
	assert_int_equal(unlink(path), 0);
	*listen = was;
	free(told);
	free(address);
	free(path);
}

static void
admin_ready_fails_when_the_agent_stops(void **state)
{
	struct bench *b = *state;

	intake_stop(b->intake);
	bench_get(b, "/health/ready");

	assert_int_equal(b->status, 503);
	assert_value(b, "checks.1.ok", "false");
	assert_value(b, "checks.1.detail", "\"the agent is stopping\"");
}

static void
admin_ready_fails_when_the_wal_cannot_be_emptied(void **state)
{
	struct bench *b = *state;

	/* So much that the commit asks for a checkpoint. */
	disk_fail(DISK_DATABASE, DISK_WRITE, SQLITE_FULL);
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	assert_int_equal(sqlite3_exec(store_db(queue_store(b->queue)),
	    "INSERT INTO setting (name, value) "
	    "VALUES ('much', hex(randomblob(17000000)))", NULL, NULL, NULL),
	    SQLITE_OK);
	assert_true(queue_commit(b->queue));
	bench_get(b, "/health/ready");
	disk_fail(DISK_DATABASE, DISK_WRITE, 0);

	assert_int_equal(b->status, 503);
	assert_value(b, "checks.0.ok", "true");
	assert_value(b, "checks.2.name", "\"wal\"");
	assert_value(b, "checks.2.ok", "false");
	assert_non_null(strstr(bench_value(b, "checks.2.detail"),
	    "it cannot be emptied: database or disk is full"));
}

static void
admin_progress_fails_when_what_is_due_does_not_leave(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_get(b, "/health/progress");
	assert_int_equal(b->status, 200);
	assert_value(b, "checks.0.name", "\"breakers\"");
	assert_value(b, "checks.1.name", "\"oldest_due\"");

	b->now.wall += 3600000;
	clock_set(b->now);
	bench_get(b, "/health/progress");
	assert_int_equal(b->status, 503);
	assert_value(b, "checks.1.ok", "false");
	assert_value(b, "checks.1.detail",
	    "\"an event could have left 3600.000 s ago\"");
}

static void
admin_progress_fails_while_events_wait_for_an_output_that_is_gone(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_get(b, "/health/progress");
	assert_int_equal(b->status, 200);
	assert_value(b, "checks.3.name", "\"configured\"");
	assert_value(b, "checks.3.ok", "true");

	b->output_name = "other";
	bench_reload(b, "");
	bench_get(b, "/health/progress");
	assert_int_equal(b->status, 503);
	assert_value(b, "checks.3.ok", "false");
	assert_value(b, "checks.3.detail",
	    "\"heap is not, and 1 event waits for it\"");

	/* Nobody has to keep it for what is done with. */
	bench_post(b, "/v1/events/1/discard", "");
	bench_get(b, "/health/progress");
	assert_int_equal(b->status, 200);
}

static void
admin_progress_fails_while_a_breaker_is_open(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_fail_requests(b, BREAKER_FAILURES);
	bench_get(b, "/health/progress");

	assert_int_equal(b->status, 503);
	assert_value(b, "checks.0.ok", "false");
	assert_non_null(strstr(bench_value(b, "checks.0.detail"),
	    "heap track is open until 2023-11-14T23:03:20.500Z"));
	bench_get(b, "/v1/outputs/heap");
	assert_value(b, "lanes.0.breaker.state", "\"open\"");
	assert_value(b, "lanes.0.breaker.failures", "5");
}

/* --- writes that wait ------------------------------------------------- */

static void
unlock_after_a_while(struct bench *b)
{
	if (b->waits == 5)
		sqlite3_close(b->on_wait_arg);
}

static void
admin_turn_writes_once_the_lock_is_free(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	b->on_wait_arg = lock_database(b);
	b->on_wait = unlock_after_a_while;
	bench_post(b, "/v1/events/1/discard", "");

	assert_int_equal(b->status, 200);
	assert_value(b, "state", "\"discarded\"");
	assert_int_equal(b->waits, 5);
}

static void
admin_turn_gives_up_after_a_second_and_names_the_holder(void **state)
{
	struct bench *b = *state;
	sqlite3 *db;
	int64_t begin;

	bench_put(b, "Seen", "");
	db = lock_database(b);
	begin = b->now.boot;
	bench_post(b, "/v1/events/1/discard", "");

	assert_problem(b, 503, "unavailable");
	assert_true(bench_header(b, "Retry-After: 1"));
	assert_non_null(strstr(b->body, "holds the write lock of"));
	/* Turns before it is there count as well. */
	assert_in_range(b->now.boot - begin, 950, 1100);
	sqlite3_close(db);
	bench_get(b, "/v1/events/1");
	assert_value(b, "state", "\"queued\"");
}

/* Nobody sends anything to an agent that is not ready. */
static void
admin_ready_is_so_again_without_anybody_who_writes(void **state)
{
	struct bench *b = *state;

	stat_add(STAT_commits_failed, 1);
	bench_get(b, "/health/ready");
	assert_int_equal(b->status, 503);

	bench_get(b, "/health/ready");
	assert_int_equal(b->status, 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ADMIN_TEST(admin_new_makes_a_token_that_only_its_user_may_read),
		ADMIN_TEST(admin_new_keeps_the_token_that_is_there),
		ADMIN_TEST(admin_new_refuses_a_token_that_can_be_guessed),
		ADMIN_TEST(admin_request_asks_for_a_token),
		ADMIN_TEST(admin_request_answers_a_wrong_token_late),
		ADMIN_TEST(admin_request_answers_health_without_a_token),
		ADMIN_TEST(admin_request_lets_the_reading_token_only_look),
		ADMIN_TEST(admin_request_is_for_hosts_that_are_ours),
		ADMIN_TEST(admin_request_needs_one_host),
		ADMIN_TEST(admin_request_takes_no_write_from_another_site),
		ADMIN_TEST(admin_request_takes_json_bodies_only),
		ADMIN_TEST(admin_request_says_nothing_of_cross_origin_sharing),
		ADMIN_TEST(admin_request_knows_its_paths_and_methods),
		ADMIN_TEST(
		    admin_request_refuses_parameters_that_it_does_not_know),
		ADMIN_TEST(admin_request_names_what_it_does_not_know),
		ADMIN_TEST(admin_status_tells_the_state_of_the_whole),
		ADMIN_TEST(admin_outputs_shows_lanes_and_windows),
		ADMIN_TEST(admin_ready_names_each_check),
		ADMIN_TEST(
		    admin_ready_fails_while_somebody_holds_the_write_lock),
		ADMIN_TEST(admin_ready_is_so_again_without_anybody_who_writes),
		ADMIN_TEST(admin_ready_fails_when_a_socket_is_taken_away),
		ADMIN_TEST(admin_ready_fails_when_the_agent_stops),
		ADMIN_TEST(admin_ready_fails_when_the_wal_cannot_be_emptied),
		ADMIN_TEST(
		    admin_progress_fails_when_what_is_due_does_not_leave),
		ADMIN_TEST(
		    admin_progress_fails_while_events_wait_for_an_output_that_is_gone),
		ADMIN_TEST(admin_progress_fails_while_a_breaker_is_open),
		ADMIN_TEST(admin_turn_writes_once_the_lock_is_free),
		ADMIN_TEST(
		    admin_turn_gives_up_after_a_second_and_names_the_holder),
	};

	disk_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
