/*
 * test_sink_body.c - what the simulated Heap takes, and how it refuses
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sink_body.h"

#define TRACK	HEAP_TRACK
#define USERS	HEAP_USER_PROPERTIES

/* A text of n times one piece of UTF-8; given. */
static char *
times(const char *piece, size_t n)
{
	struct buf b = BUF_INIT;

	while (n-- > 0)
		buf_puts(&b, piece);
	return buf_steal(&b);
}

/* NULL: it was taken; else the refusal.  Lent until the next call. */
static const char *
refusal(enum heap_lane lane, const char *text)
{
	static struct why why;
	struct sink_body b;
	int rc = sink_body_read(&b, lane, text, strlen(text), &why);

	if (rc == -1)
		assert_int_equal(b.objects, 0);
	else
		assert_true(b.objects > 0);
	sink_body_free(&b);
	return rc == -1 ? why.text : NULL;
}

/* A flat event of app 1 and identity a, with further members. */
static const char *
event_refusal(const char *members)
{
	char *text = xasprintf("{\"app_id\":\"1\",\"identity\":\"a\","
	    "\"event\":\"E\",%s}", members);
	const char *why = refusal(TRACK, text);

	free(text);
	return why;
}

static void
sink_body_read_takes_what_is_documented(void **state)
{
	static const struct {
		enum heap_lane	 lane;
		const char	*text;
	} cases[] = {
		{ TRACK, "{\"app_id\":\"12345678901234567890\","
		    "\"identity\":\"a\",\"event\":\"E\"}" },
		{ TRACK, "{\"app_id\":\"1\",\"user_id\":"
		    "\"9007199254740991\",\"event\":\"E\"}" },
		{ TRACK, "{\"app_id\":\"1\",\"identity\":\"a\","
		    "\"event\":\"E\",\"session_id\":\"s\",\"timestamp\":"
		    "\"2026-11-22T03:54:34.558Z\",\"idempotency_key\":\"k\","
		    "\"properties\":{\"s\":\"\",\"n\":-1.5e3,"
		    "\"list\":[\"a\",1]}}" },
		{ TRACK, "{\"app_id\":\"1\",\"events\":[{\"identity\":\"a\","
		    "\"event\":\"E\"},{\"identity\":\"b\",\"event\":\"F\"}]}" },
		{ USERS, "{\"app_id\":\"1\",\"identity\":\"a\","
		    "\"properties\":{\"email\":\"a@b.example\"}}" },
		{ USERS, "{\"app_id\":\"1\",\"users\":[{\"identity\":\"a\","
		    "\"properties\":{}}]}" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(cases); i++) {
		const char *why = refusal(cases[i].lane, cases[i].text);

		if (why != NULL)
			fail_msg("%s: %s", cases[i].text, why);
	}
}

static void
sink_body_read_names_what_it_refuses(void **state)
{
	static const struct {
		enum heap_lane	 lane;
		const char	*text;
		const char	*why;
	} cases[] = {
		{ TRACK, "[]", "postBody should be object" },
		{ TRACK, "{\"app_id\":1,\"identity\":\"a\",\"event\":\"E\"}",
		    "postBody.app_id should be text of 20 digits at most" },
		{ TRACK, "{\"app_id\":\"1x\",\"events\":[]}",
		    "postBody.app_id should be text of 20 digits at most" },
		{ TRACK, "{\"app_id\":\"1\",\"events\":[]}",
		    "postBody.events should have 1 to 1000 items" },
		{ TRACK, "{\"app_id\":\"1\",\"events\":{}}",
		    "postBody.events should be array" },
		{ USERS, "{\"app_id\":\"1\",\"users\":null}",
		    "postBody.users should be array" },
		{ TRACK, "{\"app_id\":\"1\",\"events\":[{\"identity\":\"a\","
		    "\"event\":\"E\"}],\"event\":\"E\"}",
		    "postBody should have app_id and events only" },
		{ TRACK, "{\"app_id\":\"1\",\"events\":[{\"identity\":\"a\","
		    "\"event\":\"E\"},7]}",
		    "postBody.events[1] should be object" },
		{ TRACK, "{\"app_id\":\"1\",\"events\":[{\"identity\":\"a\","
		    "\"event\":\"E\",\"app_id\":\"1\"}]}",
		    "postBody.events[0] should NOT have unknown members" },
		{ TRACK, "{\"app_id\":\"1\",\"event\":\"E\"}",
		    "postBody.events[0].identity should be present" },
		{ TRACK, "{\"app_id\":\"1\",\"identity\":\"a\"}",
		    "postBody.events[0].event should be present" },
		{ TRACK, "{\"app_id\":\"1\",\"identity\":7,\"event\":\"E\"}",
		    "postBody.events[0].identity should be string" },
		{ TRACK, "{\"app_id\":\"1\",\"identity\":\"\","
		    "\"event\":\"E\"}",
		    "postBody.events[0].identity should NOT be empty" },
		{ TRACK, "{\"app_id\":\"1\",\"identity\":\"a\","
		    "\"user_id\":\"1\",\"event\":\"E\"}",
		    "postBody.events[0] should have one of identity and "
		    "user_id" },
		{ TRACK, "{\"app_id\":\"1\",\"user_id\":"
		    "\"9007199254740992\",\"event\":\"E\"}",
		    "postBody.events[0].user_id should be decimal text up to "
		    "2^53-1" },
		{ TRACK, "{\"app_id\":\"1\",\"user_id\":\"-1\","
		    "\"event\":\"E\"}",
		    "postBody.events[0].user_id should be decimal text up to "
		    "2^53-1" },
		{ USERS, "{\"app_id\":\"1\",\"identity\":\"a\"}",
		    "postBody.users[0].properties should be present" },
		{ USERS, "{\"app_id\":\"1\",\"users\":[{\"identity\":\"a\","
		    "\"properties\":{\"Id\":\"1\"}}]}",
		    "postBody.users[0].properties should NOT have reserved "
		    "names" },
		{ USERS, "{\"app_id\":\"1\",\"identity\":\"a\","
		    "\"properties\":{\"l\":[\"a\"]}}",
		    "postBody.users[0].properties should have string or "
		    "number values up to 1024 characters" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(cases); i++) {
		const char *why = refusal(cases[i].lane, cases[i].text);

		if (why == NULL)
			fail_msg("taken: %s", cases[i].text);
		assert_string_equal(why, cases[i].why);
	}
	assert_non_null(refusal(TRACK, "{\"app_id\":"));
}

static void
sink_body_read_refuses_values_that_are_not_documented(void **state)
{
	static const char *const members[] = {
		"\"properties\":[]",
		"\"properties\":null",
		"\"properties\":{\"p\":true}",
		"\"properties\":{\"p\":null}",
		"\"properties\":{\"p\":{}}",
		"\"properties\":{\"p\":[[1]]}",
		"\"properties\":{\"\":1}",
		"\"timestamp\":\"yesterday\"",
		"\"timestamp\":1700000000000",
		"\"session_id\":7",
		"\"session_id\":null",
		"\"idempotency_key\":7",
		"\"idempotency_key\":\"\"",
		"\"library\":\"x\"",
	};
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(members); i++) {
		if (event_refusal(members[i]) == NULL)
			fail_msg("taken: %s", members[i]);
	}
}

static void
sink_body_read_counts_characters_as_utf_16_units(void **state)
{
	static const struct {
		const char	*format;
		size_t		 limit;
	} cases[] = {
		{ "{\"app_id\":\"1\",\"identity\":\"%s\",\"event\":\"E\"}",
		    HEAP_MAX_IDENTITY },
		{ "{\"app_id\":\"1\",\"identity\":\"a\",\"event\":\"%s\"}",
		    HEAP_MAX_TEXT },
		{ "{\"app_id\":\"1\",\"identity\":\"a\",\"event\":\"E\","
		    "\"properties\":{\"%s\":1}}", HEAP_MAX_TEXT },
		{ "{\"app_id\":\"1\",\"identity\":\"a\",\"event\":\"E\","
		    "\"properties\":{\"p\":\"%s\"}}", HEAP_MAX_TEXT },
	};
	static const struct {
		const char	*piece;
		size_t		 units;
	} pieces[] = {
		{ "x", 1 }, { "\xc3\xa9", 1 }, { "\xf0\x9f\x98\x80", 2 },
	};
	size_t i, k, n;

	(void)state;
	for (i = 0; i < HR_COUNT(cases); i++) {
		for (k = 0; k < HR_COUNT(pieces); k++) {
			struct buf fits = BUF_INIT, over = BUF_INIT;
			char *text, *rest = strstr(cases[i].format, "%s");
			int head = (int)(rest - cases[i].format);

			n = cases[i].limit / pieces[k].units;
			text = times(pieces[k].piece, n);
			buf_printf(&fits, "%.*s%s%s", head, cases[i].format,
			    text, rest + 2);
			buf_printf(&over, "%.*s%s%s%s", head,
			    cases[i].format, text, pieces[k].piece, rest + 2);

			assert_null(refusal(TRACK, buf_str(&fits)));
			assert_non_null(refusal(TRACK, buf_str(&over)));
			free(text);
			buf_free(&fits);
			buf_free(&over);
		}
	}
}

static void
sink_body_read_takes_a_thousand_objects_and_no_more(void **state)
{
	static const char object[] = "{\"identity\":\"a\",\"event\":\"E\"}";
	char *more = times(",{\"identity\":\"a\",\"event\":\"E\"}", 999);
	char *fits = xasprintf("{\"app_id\":\"1\",\"events\":[%s%s]}",
	    object, more);
	char *over = xasprintf("{\"app_id\":\"1\",\"events\":[%s,%s%s]}",
	    object, object, more);

	(void)state;
	assert_null(refusal(TRACK, fits));
	assert_string_equal(refusal(TRACK, over),
	    "postBody.events should have 1 to 1000 items");
	free(more);
	free(fits);
	free(over);
}

static void
sink_body_read_finds_what_an_object_is_known_by(void **state)
{
	static const char text[] = "{\"events\":[{\"user_id\":\"7\","
	    "\"event\":\"E\",\"idempotency_key\":\"k\"},"
	    "{\"event\":\"F\",\"identity\":\"a\"}],\"app_id\":\"1\"}";
	struct sink_body b;

	(void)state;
	assert_int_equal(sink_body_read(&b, TRACK, text, strlen(text), NULL),
	    0);

	assert_int_equal(b.form, HEAP_BULK);
	assert_string_equal(b.app_id, "1");
	assert_int_equal(b.objects, 2);
	assert_string_equal(b.object[0].identity, "7");
	assert_string_equal(b.object[0].key, "k");
	assert_string_equal(b.object[1].identity, "a");
	assert_string_equal(b.object[1].event, "F");
	assert_null(b.object[1].key);
	sink_body_free(&b);
}

static void
sink_object_put_gives_the_same_text_for_both_forms(void **state)
{
	static const char flat[] = "{ \"app_id\":\"1\", \"identity\":\"a\","
	    "\"event\":\"E\", \"properties\":{\"n\": 1.10} }";
	static const char bulk[] = "{\"app_id\":\"1\",\"events\":[{"
	    "\"identity\":\"a\",\"event\":\"E\",\"properties\":{\"n\":1.10}}]}";
	const char *const texts[] = { flat, bulk };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct buf out = BUF_INIT;
		struct sink_body b;

		assert_int_equal(sink_body_read(&b, TRACK, texts[i],
		    strlen(texts[i]), NULL), 0);
		assert_int_equal(b.form, i == 0 ? HEAP_FLAT : HEAP_BULK);
		sink_object_put(&out, &b.object[0]);
		assert_string_equal(buf_str(&out), "{\"identity\":\"a\","
		    "\"event\":\"E\",\"properties\":{\"n\":1.10}}");
		sink_body_free(&b);
		buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sink_body_read_takes_what_is_documented),
	    cmocka_unit_test(sink_body_read_names_what_it_refuses),
	    cmocka_unit_test(
	    sink_body_read_refuses_values_that_are_not_documented),
	    cmocka_unit_test(sink_body_read_counts_characters_as_utf_16_units),
	    cmocka_unit_test(
	    sink_body_read_takes_a_thousand_objects_and_no_more),
	    cmocka_unit_test(sink_body_read_finds_what_an_object_is_known_by),
	    cmocka_unit_test(
	    sink_object_put_gives_the_same_text_for_both_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
