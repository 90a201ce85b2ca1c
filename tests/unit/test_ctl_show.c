/*
 * test_ctl_show.c - answers of the agent, laid out for people
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ctl_json.h"
#include "ctl_show.h"

static const struct ctl_screen screen = { .width = 60, .colors = false };

static void
assert_shown(const char *text, const char *expected)
{
	struct why why;
	struct json *json = json_parse(text, strlen(text), &why);
	struct buf out = BUF_INIT;

	if (json == NULL)
		fail_msg("%s", why.text);
	ctl_put_value(text, strlen(text), json_root(json), &screen, &out);

	assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
	json_free(json);
}

static void
ctl_put_value_has_a_line_for_each_member(void **state)
{
	(void)state;

	assert_shown("{\"id\":12345678901234567890,\"name\":\"Booked\","
	    "\"reason\":null,\"paused\":false,\"requests\":[]}",
	    "id        12345678901234567890\n"
	    "name      Booked\n"
	    "reason    -\n"
	    "paused    false\n"
	    "requests  none\n");
}

static void
ctl_put_value_shortens_times(void **state)
{
	(void)state;

	assert_shown("{\"a\":\"2026-11-24T14:13:20.123Z\","
	    "\"b\":\"2026-11-24T14:13:20+01:00\",\"c\":\"2026-11-24\"}",
	    "a  2026-11-24 14:13:20Z\n"
	    "b  2026-11-24 14:13:20+01:00\n"
	    "c  2026-11-24\n");
}

static void
ctl_put_value_rounds_fractions_and_nothing_else(void **state)
{
	(void)state;

	assert_shown("{\"a\":5.6188495327973174,\"b\":0.500,\"c\":1.0,"
	    "\"d\":-0.0006,\"e\":1.5e300,\"f\":9007199254740993,"
	    "\"g\":\"0.123456\"}",
	    "a  5.619\n"
	    "b  0.5\n"
	    "c  1\n"
	    "d  -0.001\n"
	    "e  1.5e300\n"
	    "f  9007199254740993\n"
	    "g  0.123456\n");
}

static void
ctl_put_value_nests_objects_below_plain_members(void **state)
{
	(void)state;

	assert_shown("{\"breaker\":{\"state\":\"open\",\"failures\":3},"
	    "\"name\":\"heap\",\"list\":[1,\"two\"]}",
	    "name  heap\n"
	    "breaker\n"
	    "  state     open\n"
	    "  failures  3\n"
	    "list\n"
	    "  1\n"
	    "  two\n");
}

static void
ctl_put_value_makes_a_table_of_like_objects(void **state)
{
	(void)state;

	assert_shown("{\"windows\":["
	    "{\"window\":\"track_limit\",\"used\":3,\"limit\":30},"
	    "{\"window\":\"app_limit\",\"used\":12,\"limit\":15000}]}",
	    "windows\n"
	    "  window       used  limit\n"
	    "  track_limit     3     30\n"
	    "  app_limit      12  15000\n");
}

static void
ctl_put_value_makes_no_table_that_is_too_wide(void **state)
{
	(void)state;

	assert_shown("{\"outputs\":[{\"name\":\"heap\",\"url\":"
	    "\"http://a-much-too-long-name-for-one-line.of.all.example\"}]}",
	    "outputs\n"
	    "  name  heap\n"
	    "  url   http://a-much-too-long-name-for-one-line"
	    ".of.all.example\n");
}

static void
ctl_put_value_shows_of_requests_what_matters(void **state)
{
	(void)state;

	assert_shown("{\"requests\":[{\"id\":4,\"form\":\"bulk\","
	    "\"objects\":3,\"bytes\":607,\"started_at\":"
	    "\"2026-11-24T14:13:20.123Z\",\"duration_ms\":12,"
	    "\"status\":400,\"error\":null,"
	    "\"answer\":\"events[2].properties should be object\"}]}",
	    "requests\n"
	    "  ID  STARTED               MS  HTTP  ERROR  ANSWER\n"
	    "   4  2026-11-24 14:13:20Z  12   400  -      events[2].prop"
	    "\xe2\x80\xa6\n");
}

static void
ctl_put_value_shows_unlike_objects_one_by_one(void **state)
{
	(void)state;

	assert_shown("{\"lanes\":[{\"lane\":\"track\"},{\"paused\":true}]}",
	    "lanes\n"
	    "  lane  track\n"
	    "\n"
	    "  paused  true\n");
}

static void
ctl_put_value_keeps_payload_and_batch_as_they_are_written(void **state)
{
	(void)state;

	assert_shown("{\"payload\":[{\"n\":1.0e2,\"t\":\"\\u00e9\"}],"
	    "\"batch\":{ \"a\":1,\n\"a\":2, \"e\":{ },\"u\":\"\xc2\x9b\"}}",
	    "payload\n"
	    "  [\n"
	    "    {\n"
	    "      \"n\": 1.0e2,\n"
	    "      \"t\": \"\\u00e9\"\n"
	    "    }\n"
	    "  ]\n"
	    "batch\n"
	    "  {\n"
	    "    \"a\": 1,\n"
	    "    \"a\": 2,\n"
	    "    \"e\": {},\n"
	    "    \"u\": \"\xef\xbf\xbd\"\n"
	    "  }\n");
}

static void
ctl_list_put_shows_the_wanted_members_or_nothing(void **state)
{
	static const struct ctl_field fields[] = {
		{ { "ID", true, 0, 0 }, "id" },
		{ { "STATE", false, 0, 0 }, "state" },
	};
	struct ctl_list *l = ctl_list_new(fields, HR_COUNT(fields), &screen);
	const char *text = "{\"state\":\"stuck\",\"id\":7,\"more\":[]}";
	struct json *json = json_parse(text, strlen(text), NULL);
	struct buf out = BUF_INIT;
	(void)state;

	ctl_list_put(l, "None.", &out);
	ctl_list_item(l, json_root(json));
	ctl_list_put(l, "None.", &out);

	assert_string_equal(buf_str(&out),
	    "None.\n"
	    "ID  STATE\n"
	    " 7  stuck\n");
	buf_free(&out);
	ctl_list_free(l);
	json_free(json);
}

static void
ctl_list_put_tells_of_windows_the_fullest(void **state)
{
	static const struct ctl_field fields[] = {
		{ { "WHO", false, 0, 0 }, "identity" },
		{ { "FULLEST WINDOW", false, 0, 0 }, "windows" },
	};
	static const char text[] =
	    "[{\"identity\":\"ada\",\"windows\":["
	    "{\"window\":\"track_limit\",\"used\":3,\"limit\":30},"
	    "{\"window\":\"identity_limit\",\"used\":20,\"limit\":1000}]},"
	    "{\"identity\":\"bob\",\"windows\":["
	    "{\"window\":\"track_limit\",\"used\":0,\"limit\":30}]},"
	    "{\"identity\":\"eve\",\"windows\":[]}]";
	struct why why;
	struct json *json = json_parse(text, strlen(text), &why);
	struct ctl_list *l = ctl_list_new(fields, HR_COUNT(fields), &screen);
	struct buf out = BUF_INIT;
	const cJSON *item;
	(void)state;

	cJSON_ArrayForEach(item, json_root(json))
		ctl_list_item(l, item);
	ctl_list_put(l, "None.", &out);

	assert_string_equal(buf_str(&out),
	    "WHO  FULLEST WINDOW\n"
	    "ada  track_limit 3/30\n"
	    "bob  -\n"
	    "eve  -\n");
	ctl_list_free(l);
	buf_free(&out);
	json_free(json);
}

static void
ctl_json_compact_changes_white_space_between_tokens_only(void **state)
{
	static const char text[] = " { \"a b\\\" {\" : [ 1.50 ,\r\n\ttrue ],"
	    "\"a b\\\" {\":null }\n";
	struct buf out = BUF_INIT;
	(void)state;

	ctl_json_compact(&out, text, strlen(text));

	assert_string_equal(buf_str(&out),
	    "{\"a b\\\" {\":[1.50,true],\"a b\\\" {\":null}");
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ctl_put_value_has_a_line_for_each_member),
		cmocka_unit_test(ctl_put_value_shortens_times),
		cmocka_unit_test(
		    ctl_put_value_rounds_fractions_and_nothing_else),
		cmocka_unit_test(
		    ctl_put_value_nests_objects_below_plain_members),
		cmocka_unit_test(ctl_put_value_makes_a_table_of_like_objects),
		cmocka_unit_test(
		    ctl_put_value_makes_no_table_that_is_too_wide),
		cmocka_unit_test(ctl_put_value_shows_of_requests_what_matters),
		cmocka_unit_test(
		    ctl_put_value_shows_unlike_objects_one_by_one),
		cmocka_unit_test(
		    ctl_put_value_keeps_payload_and_batch_as_they_are_written),
		cmocka_unit_test(
		    ctl_list_put_shows_the_wanted_members_or_nothing),
		cmocka_unit_test(ctl_list_put_tells_of_windows_the_fullest),
		cmocka_unit_test(
		    ctl_json_compact_changes_white_space_between_tokens_only),
	};

	ctl_table_locale();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
