/*
 * test_admin_config.c - settings, reloads and the audit by the admin API
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

/* --- settings --------------------------------------------------------- */

/* The setting as JSON text; "" if it is not shown.  Lent as bench_value's. */
static const char *
setting(struct bench *b, const char *section, const char *key)
{
	char path[40], wanted_section[40], wanted_key[40];
	int i;

	snprintf(wanted_section, sizeof(wanted_section), "\"%s\"", section);
	snprintf(wanted_key, sizeof(wanted_key), "\"%s\"", key);
	for (i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "settings.%d.section", i);
		if (strcmp(bench_value(b, path), wanted_section) != 0)
			continue;
		snprintf(path, sizeof(path), "settings.%d.key", i);
		if (strcmp(bench_value(b, path), wanted_key) != 0)
			continue;
		snprintf(path, sizeof(path), "settings.%d", i);
		return bench_value(b, path);
	}
	return "";
}

static void
admin_config_tells_values_and_who_set_them(void **state)
{
	struct bench *b = *state;

	bench_get(b, "/v1/config");

	assert_int_equal(b->status, 200);
	assert_value(b, "file", "\"test.conf\"");
	assert_string_equal(setting(b, "output", "app_id"),
	    "{\"section\":\"output\",\"name\":\"heap\",\"key\":\"app_id\","
	    "\"value\":\"7\",\"origin\":\"test.conf:7\",\"secret\":false,"
	    "\"reload\":true}");
	assert_string_equal(setting(b, "agent", "log_level"),
	    "{\"section\":\"agent\",\"name\":null,\"key\":\"log_level\","
	    "\"value\":\"info\",\"origin\":\"default\",\"secret\":false,"
	    "\"reload\":true}");
	assert_string_equal(setting(b, "input", "feed_name"),
	    "{\"section\":\"input\",\"name\":\"sf\",\"key\":\"feed_name\","
	    "\"value\":null,\"origin\":\"default\",\"secret\":false,"
	    "\"reload\":true}");
	assert_string_equal(setting(b, "ingest", "max_connections"),
	    "{\"section\":\"ingest\",\"name\":null,\"key\":"
	    "\"max_connections\",\"value\":\"1024\",\"origin\":\"default\","
	    "\"secret\":false,\"reload\":false}");
}

static void
admin_config_hides_secrets(void **state)
{
	struct bench *b = *state;

	bench_get(b, "/v1/config");
	assert_non_null(strstr(setting(b, "identity", "secret"),
	    "\"value\":null"));
	bench_reload(b, "[identity]\nsecret = hunter2");
	bench_get(b, "/v1/config");

	assert_string_equal(setting(b, "identity", "secret"),
	    "{\"section\":\"identity\",\"name\":null,\"key\":\"secret\","
	    "\"value\":\"(hidden)\",\"origin\":\"test.conf:10\","
	    "\"secret\":true,\"reload\":false}");
	assert_non_null(strstr(setting(b, "input", "secret"),
	    "\"value\":\"(hidden)\""));
	assert_null(strstr(b->answer.p, "hunter2"));
	assert_null(strstr(b->answer.p, b->token));
}

/* --- reload ----------------------------------------------------------- */

static void
admin_reload_tells_what_has_changed(void **state)
{
	struct bench *b = *state;

	b->reload_end = ADMIN_RELOADED;
	b->reload_changed = "[agent] log_level: info -> warn\n"
	    "[input sf] secret: changed\n";
	b->reload_wrong = "";
	bench_post(b, "/v1/reload", "{}");
	assert_int_equal(b->status, 200);
	assert_value(b, "file", "\"test.conf\"");
	assert_value(b, "changed", "[\"[agent] log_level: info -> warn\","
	    "\"[input sf] secret: changed\"]");

	b->reload_changed = "";
	bench_post(b, "/v1/reload", "");
	assert_int_equal(b->status, 200);
	assert_value(b, "changed", "[]");
}

static void
admin_reload_tells_each_line_that_is_wrong(void **state)
{
	struct bench *b = *state;

	b->reload_end = ADMIN_NOT_RELOADED;
	b->reload_changed = "";
	b->reload_wrong = "a.conf:3: [agent] database cannot change\n"
	    "a.conf:9: \"quoted\"\n";
	bench_post(b, "/v1/reload", "{}");

	assert_problem(b, 422, "bad_configuration");
	assert_value(b, "detail", "\"The old settings stay: a.conf:3: "
	    "[agent] database cannot change\"");
	assert_value(b, "errors", "[\"a.conf:3: [agent] database cannot "
	    "change\",\"a.conf:9: \\\"quoted\\\"\"]");
}

static void
admin_reload_may_be_asked_for_again_when_it_could_not_be_stored(void **state)
{
	struct bench *b = *state;

	b->reload_end = ADMIN_NOT_STORED;
	b->reload_changed = "";
	b->reload_wrong = "the new outputs could not be stored: no space\n";
	bench_post(b, "/v1/reload", "{}");

	assert_problem(b, 503, "unavailable");
	assert_true(bench_header(b, "Retry-After: 1"));
	assert_value(b, "detail", "\"The old settings stay: the new outputs "
	    "could not be stored: no space\"");
}

static void
admin_reload_refuses_what_it_does_not_know(void **state)
{
	struct bench *b = *state;
	char *full = b->token;

	bench_post(b, "/v1/reload", "{\"file\":\"other.conf\"}");
	assert_problem(b, 400, "bad_body");
	b->token = b->read_token;
	bench_post(b, "/v1/reload", "{}");
	assert_problem(b, 403, "read_only_token");
	b->token = full;
}

/* --- audit ------------------------------------------------------------ */

static void
admin_audit_comes_newest_first_in_pages(void **state)
{
	struct bench *b = *state;
	char target[64];
	int i;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	for (i = 1; i <= 5; i++)
		queue_audit(b->queue, NOW + i, "replay", "event 7", "no. %d",
		    i);
	assert_true(queue_commit(b->queue));

	bench_get(b, "/v1/audit?limit=2");
	assert_int_equal(b->status, 200);
	assert_value(b, "items.0", "{\"id\":5,"
	    "\"at\":\"2023-11-14T22:13:20.005Z\",\"action\":\"replay\","
	    "\"subject\":\"event 7\",\"detail\":\"no. 5\"}");
	assert_value(b, "items.1.detail", "\"no. 4\"");
	assert_value(b, "items.2", "");
	assert_value(b, "next_cursor", "\"4\"");
	snprintf(target, sizeof(target), "/v1/audit?limit=3&cursor=4");
	bench_get(b, target);
	assert_value(b, "items.0.detail", "\"no. 3\"");
	assert_value(b, "items.2.detail", "\"no. 1\"");
	assert_value(b, "next_cursor", "null");

	bench_get(b, "/v1/audit?limit=501");
	assert_problem(b, 400, "bad_parameter");
	bench_get(b, "/v1/audit?state=stuck");
	assert_problem(b, 400, "bad_parameter");
}

static void
admin_audit_goes_on_where_a_look_gave_up(void **state)
{
	struct bench *b = *state;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	queue_audit(b->queue, NOW, "replay", "event 7", "was stuck");
	assert_true(queue_commit(b->queue));
	inspect_set_patience(b->inspect, 0);
	bench_get(b, "/v1/audit");

	assert_int_equal(b->status, 200);
	assert_true(strcmp(bench_value(b, "items.0.subject"),
	    "\"event 7\"") == 0 ||
	    strcmp(bench_value(b, "next_cursor"), "null") != 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ADMIN_TEST(admin_config_tells_values_and_who_set_them),
		ADMIN_TEST(admin_config_hides_secrets),
		ADMIN_TEST(admin_reload_tells_what_has_changed),
		ADMIN_TEST(admin_reload_tells_each_line_that_is_wrong),
		ADMIN_TEST(
		    admin_reload_may_be_asked_for_again_when_it_could_not_be_stored),
		ADMIN_TEST(admin_reload_refuses_what_it_does_not_know),
		ADMIN_TEST(admin_audit_comes_newest_first_in_pages),
		ADMIN_TEST(admin_audit_goes_on_where_a_look_gave_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
