/*
 * test_filter.c - a filter written down and read again
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "filter.h"

#define AT	INT64_C(1700000000000)	/* 2023-11-14T22:13:20Z */

static const struct {
	struct filter filter;
	const char *text;
} written[] = {
	{ FILTER_ALL, "{}" },
	{ { .state = "stuck", .since = INT64_MIN, .until = INT64_MAX },
	    "{\"state\":\"stuck\"}" },
	{ { .has_status = true, .since = INT64_MIN, .until = INT64_MAX },
	    "{\"status\":0}" },
	{ { .identity = "a\"b", .since = INT64_MIN, .until = INT64_MAX },
	    "{\"identity\":\"a\\\"b\"}" },
	{ { .output = "heap", .state = "queued", .reason = "refused",
	    .has_status = true, .status = 400, .identity = "ada",
	    .name = "Seen", .input = "shop", .since = AT, .until = AT + 1 },
	    "{\"output\":\"heap\",\"state\":\"queued\",\"reason\":\"refused\","
	    "\"status\":400,\"identity\":\"ada\",\"name\":\"Seen\","
	    "\"input\":\"shop\",\"since\":\"2023-11-14T22:13:20.000Z\","
	    "\"until\":\"2023-11-14T22:13:20.001Z\"}" },
};

static void
assert_same_text(const char *one, const char *other)
{
	assert_int_equal(one == NULL, other == NULL);
	if (one != NULL)
		assert_string_equal(one, other);
}

static void
filter_put_writes_what_is_asked_for(void **state)
{
	struct buf out = BUF_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(written); i++) {
		buf_reset(&out);
		filter_put(&out, &written[i].filter);
		assert_string_equal(buf_str(&out), written[i].text);
	}
	buf_free(&out);
}

static void
filter_read_reads_what_was_put(void **state)
{
	const struct filter *f;
	struct filter found;
	struct json *json;
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(written); i++) {
		f = &written[i].filter;
		assert_true(filter_read(&found, &json, written[i].text));
		assert_same_text(found.output, f->output);
		assert_same_text(found.state, f->state);
		assert_same_text(found.reason, f->reason);
		assert_same_text(found.identity, f->identity);
		assert_same_text(found.name, f->name);
		assert_same_text(found.input, f->input);
		assert_int_equal(found.has_status, f->has_status);
		assert_int_equal(found.status, f->status);
		assert_true(found.since == f->since);
		assert_true(found.until == f->until);
		json_free(json);
	}
}

/* A member that this program does not know would narrow it. */
static void
filter_read_takes_nothing_that_it_cannot_read_whole(void **state)
{
	static const char *const texts[] = {
		"", "[]", "{\"state\":1}", "{\"state\":null}",
		"{\"lane\":\"track\"}", "{\"status\":\"400\"}",
		"{\"status\":true}", "{\"since\":\"-1h\"}", "{\"until\":7}",
	};
	struct filter found;
	struct json *json;
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(texts); i++) {
		if (filter_read(&found, &json, texts[i]))
			fail_msg("it takes %s", texts[i]);
		json_free(json);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filter_put_writes_what_is_asked_for),
		cmocka_unit_test(filter_read_reads_what_was_put),
		cmocka_unit_test(
		    filter_read_takes_nothing_that_it_cannot_read_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
