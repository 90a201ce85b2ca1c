/*
 * test_sink_heap.c - the simulated Heap as a whole, without a network
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sink_heap.h"

#define A(key) "{\"app_id\":\"1\",\"identity\":\"ada\",\"event\":\"A\"," \
    "\"idempotency_key\":\"" key "\"}"
#define WALL	INT64_C(1795319675000)

static struct sink_heap *
heap_with(int64_t track_limit, const char *const *app, size_t apps)
{
	struct sink_heap_settings settings;

	memset(&settings, 0, sizeof(settings));
	settings.limit[SINK_TRACK_LIMIT].limit = track_limit;
	settings.limit[SINK_TRACK_LIMIT].length_us = 30000000;
	settings.app = app;
	settings.apps = apps;
	settings.events = 3;
	settings.users = 3;
	settings.keys = 100;
	settings.log_keys = true;
	return sink_heap_new(&settings);
}

static struct sink_answer
post_as(struct sink_heap *h, enum heap_lane lane, const char *type,
    const char *text)
{
	const struct sink_post post = {
		lane, type, text, strlen(text), 5000, WALL
	};
	struct sink_answer a;

	memset(&a, 0, sizeof(a));
	sink_heap_post(h, &post, &a);
	return a;
}

/* Posts to track, and returns the status. */
static int
post(struct sink_heap *h, const char *text)
{
	struct sink_answer a = post_as(h, HEAP_TRACK, "application/json",
	    text);

	sink_answer_free(&a);
	return a.status;
}

static void
update(struct sink_heap *h, const char *text)
{
	struct sink_answer a = post_as(h, HEAP_USER_PROPERTIES,
	    "application/json; charset=utf-8", text);

	assert_int_equal(a.status, 200);
	sink_answer_free(&a);
}

static void
fault(struct sink_heap *h, const char *json)
{
	assert_int_not_equal(sink_rules_add(sink_heap_rules(h), json,
	    strlen(json), NULL), -1);
}

static void
assert_stats_have(const struct sink_heap *h, const char *part)
{
	struct buf out = BUF_INIT;
	struct why why;
	struct json *json;

	sink_heap_put_stats(&out, h);
	json = json_parse(out.p, out.len, &why);
	if (json == NULL)
		fail_msg("not JSON: %s: %s", why.text, buf_str(&out));
	json_free(json);
	if (strstr(buf_str(&out), part) == NULL)
		fail_msg("no %s in %s", part, buf_str(&out));
	buf_free(&out);
}

static void
assert_events(const struct sink_heap *h, const struct sink_filter *f,
    const char *expected)
{
	struct buf out = BUF_INIT;

	sink_store_put_events(&out, sink_heap_store(h), f);
	assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
}

static void
assert_users(const struct sink_heap *h, const char *identity,
    const char *expected)
{
	const struct sink_filter f = { NULL, identity, NULL, 100 };
	struct buf out = BUF_INIT;

	sink_store_put_users(&out, sink_heap_store(h), &f);
	assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
}

static void
sink_heap_post_takes_a_checked_body(void **state)
{
	struct sink_heap *h = heap_with(0, NULL, 0);
	struct sink_answer a = post_as(h, HEAP_TRACK, "application/json",
	    A("k"));
	(void)state;

	assert_int_equal(a.status, 200);
	assert_string_equal(buf_str(&a.body), "{}");
	assert_string_equal(buf_str(&a.line), "{\"ms\":5,"
	    "\"path\":\"/api/track\",\"app_id\":\"1\",\"form\":\"flat\","
	    "\"status\":200,\"objects\":1,\"stored\":1,\"keys\":[\"k\"]}");
	assert_stats_have(h, "\"track\":{\"flat\":{\"200\":1},");
	assert_stats_have(h, "\"objects\":1,");
	assert_stats_have(h, "\"first_at\":\"2026-11-22T03:54:35.000Z\","
	    "\"first_ms\":5,");
	assert_stats_have(h, "\"apps\":{\"1\":{\"requests\":1,"
	    "\"objects\":1,\"updates\":0,\"duplicates\":0}}");
	sink_answer_free(&a);
	sink_heap_free(h);
}

static void
sink_heap_post_refuses_a_bad_body_and_a_wrong_type(void **state)
{
	static const char *const types[] = {
		NULL, "text/plain", "application/jsonp"
	};
	struct sink_heap *h = heap_with(0, NULL, 0);
	struct sink_answer a = post_as(h, HEAP_TRACK, "application/json",
	    "{\"app_id\":\"1\",\"events\":[]}");
	size_t i;
	(void)state;

	assert_int_equal(a.status, 400);
	assert_string_equal(buf_str(&a.body),
	    "postBody.events should have 1 to 1000 items");
	sink_answer_free(&a);
	for (i = 0; i < HR_COUNT(types); i++) {
		a = post_as(h, HEAP_TRACK, types[i], A("k"));
		assert_int_equal(a.status, 400);
		sink_answer_free(&a);
	}
	assert_int_equal(post(h, "{"), 400);
	assert_stats_have(h, "\"bad_bodies\":5,");
	assert_stats_have(h, "\"unreadable\":{\"400\":1}");
	assert_stats_have(h, "\"objects\":0,");
	sink_heap_free(h);
}

static void
sink_heap_post_drops_a_repeated_key(void **state)
{
	struct sink_heap *h = heap_with(0, NULL, 0);
	(void)state;

	post(h, A("k"));
	post(h, A("k"));
	post(h, "{\"app_id\":\"1\",\"events\":[{\"identity\":\"ada\","
	    "\"event\":\"A\",\"idempotency_key\":\"k\"},"
	    "{\"identity\":\"ada\",\"event\":\"B\","
	    "\"idempotency_key\":\"k\"}]}");

	assert_stats_have(h, "\"objects\":1,");
	assert_stats_have(h, "\"duplicates\":3,\"conflicts\":1,");
	assert_stats_have(h, "\"keys\":1,");
	sink_heap_free(h);
}

static void
sink_heap_post_answers_429_and_keeps_nothing_when_a_window_overruns(
    void **state)
{
	struct sink_heap *h = heap_with(2, NULL, 0);
	struct sink_answer a;
	(void)state;

	assert_int_equal(post(h, A("1")), 200);
	assert_int_equal(post(h, A("2")), 200);
	a = post_as(h, HEAP_TRACK, "application/json", A("3"));

	assert_int_equal(a.status, 429);
	assert_string_equal(buf_str(&a.body),
	    "too many requests: track_limit");
	assert_stats_have(h, "\"overruns\":{\"track_limit\":1,");
	assert_stats_have(h, "\"objects\":2,");
	assert_stats_have(h, "\"keys\":2,");
	sink_answer_free(&a);
	sink_heap_free(h);
}

static void
sink_heap_post_counts_failed_requests_in_the_windows(void **state)
{
	struct sink_heap *h = heap_with(1, NULL, 0);
	(void)state;

	fault(h, "{\"do\":{\"status\":503},\"count\":1}");
	assert_int_equal(post(h, A("1")), 503);

	assert_int_equal(post(h, A("1")), 429);
	sink_heap_free(h);
}

static void
sink_heap_post_does_as_a_fault_says(void **state)
{
	static const struct {
		const char	*what;
		int		 status;
		const char	*headers;
		const char	*body;
		const char	*stats;
	} cases[] = {
		{ "\"status\":503,\"retry_after\":5", 503,
		    "Retry-After: 5\r\n", "fault", "\"objects\":0," },
		{ "\"index\":true", 400, "", "postBody.events[0].properties "
		    "should be digestible", "\"objects\":0," },
		{ "\"index\":false", 400, "", "postBody should be digestible",
		    "\"objects\":0," },
		{ "\"status\":413,\"body\":\"big\"", 413, "", "big",
		    "\"objects\":0," },
		{ "\"status\":204", 204, "", "fault", "\"objects\":1," },
		{ "\"status\":500,\"store\":true", 500, "", "fault",
		    "\"objects\":1," },
		{ "\"hang\":true", 0, "", "", "\"objects\":0," },
		{ "\"reset\":true,\"store\":true", 0, "", "",
		    "\"objects\":1," },
		{ "\"delay_ms\":70", 200, "", "{}", "\"objects\":1," },
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		struct sink_heap *h = heap_with(0, NULL, 0);
		char *json = xasprintf("{\"do\":{%s}}", cases[i].what);
		struct sink_answer a;

		fault(h, json);
		a = post_as(h, HEAP_TRACK, "application/json", A("k"));

		assert_int_equal(a.status, cases[i].status);
		assert_string_equal(buf_str(&a.headers), cases[i].headers);
		assert_string_equal(buf_str(&a.body), cases[i].body);
		assert_int_equal(a.status == 0, a.hang || a.reset);
		assert_int_equal(a.delay_ms,
		    strstr(json, "delay") != NULL ? 70 : 0);
		assert_stats_have(h, cases[i].stats);
		assert_stats_have(h, "\"faults\":1,");
		sink_answer_free(&a);
		free(json);
		sink_heap_free(h);
	}
}

static void
sink_heap_post_lets_what_is_for_unknown_apps_vanish(void **state)
{
	static const char *const apps[] = { "2", "3" };
	struct sink_heap *h = heap_with(0, apps, 2);
	(void)state;

	assert_int_equal(post(h, A("k")), 200);
	assert_int_equal(post(h, "{\"app_id\":\"3\",\"identity\":\"ada\","
	    "\"event\":\"A\"}"), 200);

	assert_stats_have(h, "\"objects\":1,");
	assert_stats_have(h, "\"vanished\":1,");
	sink_heap_free(h);
}

static void
sink_store_put_events_shows_the_newest_first(void **state)
{
	const struct sink_filter all = { NULL, NULL, NULL, 100 };
	const struct sink_filter two = { NULL, NULL, NULL, 2 };
	const struct sink_filter bob = { "1", "bob", "B", 100 };
	const struct sink_filter none = { "2", "bob", NULL, 100 };
	struct sink_heap *h = heap_with(0, NULL, 0);
	(void)state;

#define SHOWN(number, form, who, event)					\
	"{\"number\":" number ",\"at\":\"2026-11-22T03:54:35.000Z\","	\
	"\"app_id\":\"1\",\"form\":\"" form "\",\"object\":{"		\
	"\"identity\":\"" who "\",\"event\":\"" event "\"}}"
	assert_events(h, &all, "{\"events\":[]}");
	post(h, A("k"));
	post(h, A("l"));
	post(h, "{\"app_id\":\"1\",\"identity\":\"ada\",\"event\":\"A\"}");
	post(h, "{\"app_id\":\"1\",\"events\":["
	    "{\"identity\":\"bob\",\"event\":\"B\"},"
	    "{\"identity\":\"bob\",\"event\":\"C\"}]}");

	assert_events(h, &all, "{\"events\":["
	    SHOWN("5", "bulk", "bob", "C") ","
	    SHOWN("4", "bulk", "bob", "B") ","
	    SHOWN("3", "flat", "ada", "A") "]}");
	assert_events(h, &two, "{\"events\":["
	    SHOWN("5", "bulk", "bob", "C") ","
	    SHOWN("4", "bulk", "bob", "B") "]}");
	assert_events(h, &bob, "{\"events\":["
	    SHOWN("4", "bulk", "bob", "B") "]}");
	assert_events(h, &none, "{\"events\":[]}");
	sink_heap_free(h);
}

static void
sink_store_update_keeps_what_is_not_mentioned(void **state)
{
	struct sink_heap *h = heap_with(0, NULL, 0);
	(void)state;

	post(h, A("k"));
	update(h, "{\"app_id\":\"1\",\"identity\":\"ada\","
	    "\"properties\":{\"plan\":\"x\",\"n\":1.10}}");
	update(h, "{\"app_id\":\"1\",\"users\":[{\"identity\":\"ada\","
	    "\"properties\":{\"plan\":\"y\"}},{\"identity\":\"bob\","
	    "\"properties\":{}}]}");

	assert_users(h, "ada", "{\"users\":[{\"app_id\":\"1\","
	    "\"identity\":\"ada\",\"events\":1,\"updates\":2,"
	    "\"properties\":{\"plan\":\"y\",\"n\":1.10}}]}");
	assert_users(h, "bob", "{\"users\":[{\"app_id\":\"1\","
	    "\"identity\":\"bob\",\"events\":0,\"updates\":1,"
	    "\"properties\":{}}]}");
	assert_users(h, "Ada", "{\"users\":[]}");
	assert_stats_have(h, "\"updates\":3,");
	assert_stats_have(h, "\"users\":2,");
	sink_heap_free(h);
}

static void
sink_store_remembers_no_more_users_than_it_may(void **state)
{
	struct sink_heap *h = heap_with(0, NULL, 0);
	(void)state;

	update(h, "{\"app_id\":\"1\",\"users\":["
	    "{\"identity\":\"a\",\"properties\":{}},"
	    "{\"identity\":\"b\",\"properties\":{}},"
	    "{\"identity\":\"c\",\"properties\":{}},"
	    "{\"identity\":\"d\",\"properties\":{}},"
	    "{\"identity\":\"a\",\"properties\":{}}]}");

	assert_users(h, "d", "{\"users\":[]}");
	assert_stats_have(h, "\"users\":3,\"users_forgotten\":1,");
	assert_stats_have(h, "\"updates\":5,");
	sink_heap_free(h);
}

static void
sink_store_finds_every_user_as_it_grows(void **state)
{
	struct sink_store *s = sink_store_new(0, 1000);
	struct sink_body b = { .app_id = "1" };
	struct sink_object object = { .event = "E" };
	const struct buf json = BUF_INIT;
	char name[16];
	int i;
	(void)state;

	for (i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "user-%d", i % 1000);
		object.identity = name;
		sink_store_event(s, &b, &object, &json, WALL);
	}

	assert_int_equal(sink_store_users(s), 1000);
	assert_int_equal(sink_store_users_forgotten(s), 0);
	sink_store_free(s);
}

static void
sink_heap_reset_forgets_all_but_the_faults(void **state)
{
	const struct sink_filter all = { NULL, NULL, NULL, 100 };
	struct sink_heap *h = heap_with(1, NULL, 0);
	(void)state;

	fault(h, "{\"match\":{\"event\":\"B\"},\"do\":{\"status\":500}}");
	post(h, A("k"));
	sink_heap_reset(h);

	assert_stats_have(h, "\"total\":0,");
	assert_stats_have(h, "\"last_at\":null,\"last_ms\":null,");
	assert_events(h, &all, "{\"events\":[]}");
	assert_users(h, NULL, "{\"users\":[]}");
	assert_int_equal(post(h, A("k")), 200);
	assert_stats_have(h, "\"objects\":1,");
	assert_int_equal(post(h, "{\"app_id\":\"1\",\"identity\":\"bob\","
	    "\"event\":\"B\"}"), 500);
	sink_heap_free(h);
}

static void
sink_stats_put_counts_the_largest_request(void **state)
{
	static const char two[] = "{\"app_id\":\"1\",\"events\":["
	    "{\"identity\":\"a\",\"event\":\"E\"},"
	    "{\"identity\":\"a\",\"event\":\"E\"}]}";
	struct sink_heap *h = heap_with(0, NULL, 0);
	char *bytes = xasprintf("\"max_bytes\":%zu,", strlen(two));
	(void)state;

	post(h, two);
	post(h, A(""));

	assert_stats_have(h, "\"max_objects\":2,");
	assert_stats_have(h, bytes);
	free(bytes);
	sink_heap_free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sink_heap_post_takes_a_checked_body),
	    cmocka_unit_test(
	    sink_heap_post_refuses_a_bad_body_and_a_wrong_type),
	    cmocka_unit_test(sink_heap_post_drops_a_repeated_key),
	    cmocka_unit_test(
	    sink_heap_post_answers_429_and_keeps_nothing_when_a_window_overruns
	    ),
	    cmocka_unit_test(
	    sink_heap_post_counts_failed_requests_in_the_windows),
	    cmocka_unit_test(sink_heap_post_does_as_a_fault_says),
	    cmocka_unit_test(
	    sink_heap_post_lets_what_is_for_unknown_apps_vanish),
	    cmocka_unit_test(sink_store_put_events_shows_the_newest_first),
	    cmocka_unit_test(sink_store_update_keeps_what_is_not_mentioned),
	    cmocka_unit_test(sink_store_remembers_no_more_users_than_it_may),
	    cmocka_unit_test(sink_store_finds_every_user_as_it_grows),
	    cmocka_unit_test(sink_heap_reset_forgets_all_but_the_faults),
	    cmocka_unit_test(sink_stats_put_counts_the_largest_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
