/*
 * test_sink_rules.c - which request a fault hits, and what it says
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sink_rules.h"

static const char three[] = "{\"app_id\":\"1\",\"events\":["
    "{\"identity\":\"ada\",\"event\":\"A\"},"
    "{\"identity\":\"bob\",\"event\":\"B\",\"properties\":{\"p\":\"x y\"}},"
    "{\"identity\":\"ada\",\"event\":\"B\"}]}";

static int64_t
add(struct sink_rules *rules, const char *json)
{
	struct why why;
	int64_t id = sink_rules_add(rules, json, strlen(json), &why);

	if (id == -1)
		print_message("%s: %s\n", json, why.text);
	return id;
}

static bool
apply(struct sink_rules *rules, const char *text, struct sink_fault *fault)
{
	struct sink_body b;
	bool hit;

	sink_body_read(&b, HEAP_TRACK, text, strlen(text), NULL);
	hit = sink_rules_apply(rules, &b, fault);
	sink_body_free(&b);
	return hit;
}

static void
sink_rules_apply_needs_every_part_of_the_match(void **state)
{
	static const struct {
		const char	*match;
		bool		 hit;
		size_t		 index;
	} cases[] = {
		{ "", true, 0 },
		{ "\"match\":{},", true, 0 },
		{ "\"match\":{\"path\":\"/api/track\"},", true, 0 },
		{ "\"match\":{\"path\":\"/api/add_user_properties\"},",
		    false, 0 },
		{ "\"match\":{\"app_id\":\"1\"},", true, 0 },
		{ "\"match\":{\"app_id\":\"2\"},", false, 0 },
		{ "\"match\":{\"identity\":\"bob\"},", true, 1 },
		{ "\"match\":{\"identity\":\"Bob\"},", false, 0 },
		{ "\"match\":{\"event\":\"B\"},", true, 1 },
		{ "\"match\":{\"event\":\"B\",\"identity\":\"ada\"},",
		    true, 2 },
		{ "\"match\":{\"event\":\"A\",\"identity\":\"bob\"},",
		    false, 0 },
		{ "\"match\":{\"contains\":\"x y\"},", true, 1 },
		{ "\"match\":{\"contains\":\"x z\"},", false, 0 },
		{ "\"match\":{\"contains\":\"x y\",\"identity\":\"ada\"},",
		    false, 0 },
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		struct sink_rules *rules = sink_rules_new();
		struct sink_fault fault;
		char *json = xasprintf("{%s\"do\":{\"index\":true}}",
		    cases[i].match);

		assert_int_equal(add(rules, json), 1);
		if (apply(rules, three, &fault) != cases[i].hit)
			fail_msg("%s", json);
		if (cases[i].hit) {
			assert_int_equal(fault.index, cases[i].index);
			assert_int_equal(fault.status, 400);
			assert_true(fault.names_index);
		}
		free(json);
		sink_rules_free(rules);
	}
}

static void
sink_rules_apply_looks_at_the_text_of_an_unreadable_body(void **state)
{
	struct sink_rules *rules = sink_rules_new();
	struct sink_fault fault;
	(void)state;

	add(rules, "{\"match\":{\"identity\":\"a\"},\"do\":{\"status\":500}}");
	add(rules, "{\"match\":{\"contains\":\"oops\"},"
	    "\"do\":{\"status\":501}}");

	assert_true(apply(rules, "{oops", &fault));
	assert_int_equal(fault.status, 501);
	assert_false(apply(rules, "{", &fault));
	sink_rules_free(rules);
}

static void
sink_rules_apply_ends_after_its_count(void **state)
{
	struct sink_rules *rules = sink_rules_new();
	struct sink_fault fault;
	(void)state;

	add(rules, "{\"do\":{\"status\":503,\"retry_after\":5},\"count\":2}");
	add(rules, "{\"do\":{\"status\":500}}");

	assert_true(apply(rules, three, &fault));
	assert_int_equal(fault.status, 503);
	assert_string_equal(fault.retry_after, "5");
	assert_true(apply(rules, three, &fault));
	assert_int_equal(fault.status, 503);
	assert_true(apply(rules, three, &fault));
	assert_int_equal(fault.status, 500);
	sink_rules_free(rules);
}

static void
sink_rules_apply_lies_about_the_index(void **state)
{
	static const char one[] =
	    "{\"app_id\":\"1\",\"identity\":\"ada\",\"event\":\"B\"}";
	struct sink_rules *rules = sink_rules_new();
	struct sink_fault fault;
	(void)state;

	add(rules, "{\"match\":{\"event\":\"B\",\"identity\":\"ada\"},"
	    "\"do\":{\"index\":\"lie\"}}");

	assert_true(apply(rules, three, &fault));
	assert_int_equal(fault.index, 0);
	assert_true(apply(rules, one, &fault));
	assert_int_equal(fault.index, 1);
	sink_rules_free(rules);
}

static void
sink_rules_add_reads_what_to_do(void **state)
{
	static const struct {
		const char	*what;
		struct sink_fault fault;
	} cases[] = {
		{ "\"status\":503", { .status = 503 } },
		{ "\"status\":204", { .status = 204, .store = true } },
		{ "\"status\":500,\"store\":true",
		    { .status = 500, .store = true } },
		{ "\"delay_ms\":100", { .delay_ms = 100 } },
		{ "\"hang\":true", { .hang = true } },
		{ "\"reset\":true,\"store\":true",
		    { .reset = true, .store = true } },
		{ "\"body\":\"no\"", { .status = 400, .body = "no" } },
		{ "\"retry_after\":\"Wed\"",
		    { .status = 429, .retry_after = "Wed" } },
		{ "\"index\":false", { .status = 400, .poison = true } },
		{ "\"index\":true,\"status\":422", { .status = 422,
		    .poison = true, .names_index = true } },
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		struct sink_rules *rules = sink_rules_new();
		const struct sink_fault *want = &cases[i].fault;
		struct sink_fault got;
		char *json = xasprintf("{\"do\":{%s}}", cases[i].what);

		assert_int_equal(add(rules, json), 1);
		assert_true(apply(rules, three, &got));
		assert_int_equal(got.status, want->status);
		assert_int_equal(got.store, want->store);
		assert_int_equal(got.delay_ms, want->delay_ms);
		assert_int_equal(got.hang, want->hang);
		assert_int_equal(got.reset, want->reset);
		assert_int_equal(got.poison, want->poison);
		assert_int_equal(got.names_index, want->names_index);
		assert_int_equal(got.body != NULL, want->body != NULL);
		if (want->body != NULL)
			assert_string_equal(got.body, want->body);
		if (want->retry_after != NULL)
			assert_string_equal(got.retry_after,
			    want->retry_after);
		free(json);
		sink_rules_free(rules);
	}
}

static void
sink_rules_add_refuses_what_it_does_not_know(void **state)
{
	static const char *const texts[] = {
		"", "[]", "{}", "{\"do\":7}", "{\"do\":{\"stats\":503}}",
		"{\"do\":{\"status\":99}}", "{\"do\":{\"status\":600}}",
		"{\"do\":{\"status\":\"503\"}}", "{\"do\":{\"hang\":1}}",
		"{\"do\":{\"hang\":true,\"reset\":true}}",
		"{\"do\":{\"hang\":true,\"status\":500}}",
		"{\"do\":{\"index\":\"maybe\"}}",
		"{\"do\":{\"delay_ms\":-1}}", "{\"do\":{\"delay_ms\":1.5}}",
		"{\"do\":{\"retry_after\":\"1\\r\\nX: y\"}}",
		"{\"do\":{\"status\":503},\"count\":0}",
		"{\"do\":{\"status\":503},\"match\":{\"evnt\":\"A\"}}",
		"{\"do\":{\"status\":503},\"match\":{\"event\":7}}",
		"{\"do\":{\"status\":503},\"mach\":{}}",
	};
	struct sink_rules *rules = sink_rules_new();
	struct why why;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(texts); i++) {
		why.text[0] = '\0';
		if (sink_rules_add(rules, texts[i], strlen(texts[i]), &why) !=
		    -1)
			fail_msg("taken: %s", texts[i]);
		assert_string_not_equal(why.text, "");
	}
	sink_rules_free(rules);
}

static void
sink_rules_remove_takes_one_by_its_id(void **state)
{
	struct sink_rules *rules = sink_rules_new();
	struct sink_fault fault;
	struct buf out = BUF_INIT;
	(void)state;

	add(rules, "{\"do\":{\"status\":501}}");
	add(rules, "{\"do\":{\"status\":502}, \"count\":4}");
	assert_true(sink_rules_remove(rules, 1));
	assert_false(sink_rules_remove(rules, 1));
	assert_int_equal(add(rules, "{\"do\":{\"status\":503}}"), 3);

	assert_true(apply(rules, three, &fault));
	assert_int_equal(fault.status, 502);
	sink_rules_put(&out, rules);
	assert_string_equal(buf_str(&out), "{\"faults\":["
	    "{\"id\":2,\"applied\":1,\"left\":3,"
	    "\"rule\":{\"do\":{\"status\":502},\"count\":4}},"
	    "{\"id\":3,\"applied\":0,\"left\":null,"
	    "\"rule\":{\"do\":{\"status\":503}}}]}");
	sink_rules_clear(rules);
	assert_false(apply(rules, three, &fault));
	buf_free(&out);
	sink_rules_free(rules);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sink_rules_apply_needs_every_part_of_the_match),
	    cmocka_unit_test(
	    sink_rules_apply_looks_at_the_text_of_an_unreadable_body),
	    cmocka_unit_test(sink_rules_apply_ends_after_its_count),
	    cmocka_unit_test(sink_rules_apply_lies_about_the_index),
	    cmocka_unit_test(sink_rules_add_reads_what_to_do),
	    cmocka_unit_test(sink_rules_add_refuses_what_it_does_not_know),
	    cmocka_unit_test(sink_rules_remove_takes_one_by_its_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
