/*
 * test_map_value.c - values, `properties` objects and commerce units
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "map_fixture.h"

struct pair {
	const char	*given;
	const char	*expected;
};

/* Custom attributes, and what follows "event_type":"other". */
static const struct pair values[] = {
	{ "", "" },
	{ "\"a\":\"x\"", ",\"a\":\"x\"" },
	{ "\"a\":\"\"", ",\"a\":\"\"" },
	{ "\"a\":null,\"b\":1", ",\"b\":1" },
	{ "\"\":1", "" },
	{ "\"a\":true,\"b\":false", ",\"a\":\"true\",\"b\":\"false\"" },
	{ "\"a\":0,\"b\":-0,\"c\":-7", ",\"a\":0,\"b\":-0,\"c\":-7" },
	{ "\"a\":9007199254740991", ",\"a\":9007199254740991" },
	{ "\"a\":-9007199254740991", ",\"a\":-9007199254740991" },
	{ "\"a\":9007199254740992", ",\"a\":\"9007199254740992\"" },
	{ "\"a\":-9007199254740992", ",\"a\":\"-9007199254740992\"" },
	{ "\"a\":10000000000000000", ",\"a\":\"10000000000000000\"" },
	{ "\"a\":2.50,\"b\":1E+2,\"c\":-0.0",
	    ",\"a\":2.50,\"b\":1E+2,\"c\":-0.0" },
	{ "\"a\":1e308,\"b\":1e309,\"c\":-1e309,\"d\":1e-999",
	    ",\"a\":1e308,\"b\":\"1e309\",\"c\":\"-1e309\",\"d\":1e-999" },
	{ "\"a\":[]", "" },
	{ "\"a\":[null,null]", "" },
	{ "\"a\":[null,\"x\",null,2.0,true]", ",\"a\":\"x||2.0||true\"" },
	{ "\"a\":[\"\",\"\"]", ",\"a\":\"||\"" },
	{ "\"a\":[ { \"k\" : [ 1 , null ] } , [ ] ]",
	    ",\"a\":\"{\\\"k\\\":[1,null]}||[]\"" },
	{ "\"a\\n\":\"\\u0001\\/\\u2028\\ud83d\"",
	    ",\"a\\n\":\"\\u0001/\xe2\x80\xa8\xef\xbf\xbd\"" },
	{ "\"a\":1,\"b\":2,\"a\":3", ",\"a\":3,\"b\":2" },
	/* The mapping's own name wins, the sender's value survives. */
	{ "\"event_type\":\"mine\"", ",\"attr.event_type\":\"mine\"" },
	{ "\"event_type\":null", "" },
	{ "\"attr.event_type\":1,\"event_type\":2", ",\"attr.event_type\":1" },
	{ "\"event_type\":2,\"attr.event_type\":1", ",\"attr.event_type\":2" },
	{ "\"Event_Type\":1,\"attr.x\":2,\"x\":3",
	    ",\"Event_Type\":1,\"attr.x\":2,\"x\":3" },
	/* Only user properties may not be named like that. */
	{ "\"id\":1,\"user_id\":2", ",\"id\":1,\"user_id\":2" },
};

static void
map_batch_makes_properties_of_custom_attributes(void **state)
{
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(values); i++) {
		char *members = xasprintf(NAMED
		    ",\"custom_attributes\":{%s}", values[i].given);
		char *expected = xasprintf("{\"event_type\":\"other\"%s}",
		    values[i].expected);

		assert_properties(map_one(f, "custom_event", members), 0,
		    expected);

		free(members);
		free(expected);
	}
}

/* session_duration_ms, which mParticle types as a number. */
static const struct pair numbers[] = {
	{ "1.10", "{\"session_duration_ms\":1.10}" },
	{ "\"1.10\"", "{\"session_duration_ms\":1.10}" },
	{ "\"-0\"", "{\"session_duration_ms\":-0}" },
	{ "\"\"", "{}" },
	{ "null", "{}" },
	{ "\" 1\"", "{\"session_duration_ms\":\" 1\"}" },
	{ "\"01\"", "{\"session_duration_ms\":\"01\"}" },
	{ "\"12ms\"", "{\"session_duration_ms\":\"12ms\"}" },
	{ "\"9007199254740993\"",
	    "{\"session_duration_ms\":\"9007199254740993\"}" },
	{ "true", "{\"session_duration_ms\":\"true\"}" },
	{ "[3,4]", "{\"session_duration_ms\":\"3||4\"}" },
};

static void
map_batch_reads_numbers_that_came_as_text(void **state)
{
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(numbers); i++) {
		char *members = xasprintf("\"session_duration_ms\":%s",
		    numbers[i].given);

		assert_properties(map_one(f, "session_end", members), 0,
		    numbers[i].expected);

		free(members);
	}
}

static const struct pair types[] = {
	{ "null", "other" }, { "\"\"", "other" }, { "7", "other" },
	{ "\"User_Content\"", "user_content" },
	{ "\"USERCONTENT\"", "user_content" },
	{ "\"__media_\"", "media" },
	{ "\"medi\"", "medi" }, { "\"mediaX\"", "mediaX" },
};

static void
map_batch_spells_known_event_types_as_mparticle_does(void **state)
{
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(types); i++) {
		char *members = xasprintf(NAMED ",\"custom_event_type\":%s",
		    types[i].given);
		char *expected = xasprintf("{\"event_type\":\"%s\"}",
		    types[i].expected);

		assert_properties(map_one(f, "custom_event", members), 0,
		    expected);

		free(members);
		free(expected);
	}
}

/* `format` has one %s, for n times `unit`. */
static const struct map_event *
map_long(struct fixture *f, const char *format, const char *unit, size_t n)
{
	char *many = repeat(unit, n);
	const char *hole = strstr(format, "%s");
	char *members = xasprintf("\"event_name\":\"E\","
	    "\"custom_attributes\":{%.*s%s%s}", (int)(hole - format), format,
	    many, hole + 2);
	const struct map_event *e = map_one(f, "custom_event", members);

	free(many);
	free(members);
	return e;
}

/* Length of the value of "v", which is the last property. */
static size_t
value_length(const struct map_event *e)
{
	char *p = properties(e, 0), *v = strstr(p, "\"v\":\"");
	size_t n;

	assert_non_null(v);
	n = strlen(v) - strlen("\"v\":\"") - strlen("\"}");
	free(p);
	return n;
}

static void
map_batch_cuts_values_to_1024_units_and_splits_no_pair(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(value_length(map_long(f, "\"v\":\"%s\"", "a",
	    1024)), 1024);
	assert_int_equal(f->result.counts.truncated_value, 0);
	assert_int_equal(value_length(map_long(f, "\"v\":\"%s\"", "a",
	    1025)), 1024);
	assert_int_equal(f->result.counts.truncated_value, 1);
	/* Two bytes and one unit each. */
	assert_int_equal(value_length(map_long(f, "\"v\":\"%s\"", "\xc3\xa9",
	    1024)), 2048);
	/* A unit more, then four bytes and two units each. */
	assert_int_equal(value_length(map_long(f, "\"v\":\"x%s\"",
	    "\xf0\x9f\x9a\x82", 512)), 1 + 511 * 4);
	/* The 1025th digit of a number that is too large goes too. */
	assert_int_equal(value_length(map_long(f, "\"v\":%s", "1", 1025)),
	    1024);
	/* The compact text of an object; {"k":" is written with three
	 * backslashes. */
	assert_int_equal(value_length(map_long(f,
	    "\"v\":[{\"k\":\"%s\"}]", "a", 2000)), 1024 + 3);
}

static void
map_batch_joins_whole_elements_only(void **state)
{
	struct fixture *f = *state;

	/* 1018 + "||" + 4 = 1024. */
	assert_int_equal(value_length(map_long(f,
	    "\"v\":[\"%s\",\"1234\",\"\"]", "a", 1018)), 1024);
	assert_int_equal(f->result.counts.truncated_value, 1);
	/* The second does not fit, so the third is not looked at. */
	assert_int_equal(value_length(map_long(f,
	    "\"v\":[\"%s\",\"12345\",\"1\"]", "a", 1018)), 1018);
	assert_int_equal(value_length(map_long(f,
	    "\"v\":[null,\"%s\",\"1\"]", "a", 2000)), 1024);
	assert_int_equal(f->result.counts.joined_list, 1);
}

static void
map_batch_cuts_names_and_drops_those_that_meet(void **state)
{
	struct fixture *f = *state;
	char *name = repeat("n", 1023);
	/* The third loses its pair, of which half would fit. */
	char *members = xasprintf(NAMED ",\"custom_attributes\":{"
	    "\"%sAA\":1,\"%sA\":2,\"%s\xf0\x9f\x9a\x82\":3,\"%s\":4,"
	    "\"%sAB\":5,\"z\":6}", name, name, name, name, name);
	char *expected = xasprintf("{\"event_type\":\"other\",\"%sA\":1,"
	    "\"%s\":3,\"z\":6}", name, name);

	assert_properties(map_one(f, "custom_event", members), 0, expected);
	assert_int_equal(f->result.counts.truncated_name, 3);
	assert_int_equal(f->result.counts.property_collision, 3);

	free(name);
	free(members);
	free(expected);
}

static void
map_batch_counts_what_it_changes(void **state)
{
	struct fixture *f = *state;
	const struct map_counts *c = &f->result.counts;

	map_one(f, "custom_event", "\"event_name\":\"pageview\","
	    "\"custom_attributes\":{\"event_type\":1,\"l\":[{}],"
	    "\"n\":99999999999999999}");

	assert_int_equal(c->autocapture_name, 1);
	assert_int_equal(c->renamed_property, 1);
	assert_int_equal(c->joined_list, 1);
	assert_int_equal(c->stringified_object, 1);
	assert_int_equal(c->stringified_integer, 1);
	assert_int_equal(c->property_collision, 0);
}

static void
map_batch_sends_a_commerce_event_without_any_node(void **state)
{
	struct fixture *f = *state;
	const struct map_event *e = map_one(f, "commerce_event",
	    "\"product_action\":[],\"product_impressions\":[],"
	    "\"promotion_action\":null,\"is_non_interactive\":\"\","
	    "\"screen_name\":\"Till\",\"custom_attributes\":{\"a\":1}");

	assert_true(e->commerce);
	assert_int_equal(e->objects, 1);
	assert_string_equal(e->name, "Product Action Event");
	assert_properties(e, 0, "{\"screen_name\":\"Till\",\"a\":1}");
}

static void
map_batch_sends_every_node_of_a_commerce_event_in_order(void **state)
{
	struct fixture *f = *state;
	const struct map_event *e = map_one(f, "commerce_event",
	    "\"product_impressions\":[{\"product_impression_list\":\"L\"}],"
	    "\"promotion_action\":{\"action\":2,\"promotions\":[{\"id\":3,"
	    "\"name\":\"n\",\"position\":\"4\"}]},\"product_action\":{"
	    "\"action\":\"REMOVE_FROM_WISHLIST\",\"products\":[null,"
	    "{\"position\":\"4\"}]},\"currency_code\":\"CHF\"");

	assert_int_equal(e->objects, 5);
	assert_properties(e, 0, "{\"product_action\":\"remove_from_wish_list\""
	    ",\"currency_code\":\"CHF\"}");
	assert_properties(e, 1, "{\"product_action\":\"remove_from_wish_list\""
	    ",\"currency_code\":\"CHF\",\"product_position\":4}");
	assert_properties(e, 2, "{\"promotion_action\":\"click\","
	    "\"promotion_ids\":\"3\",\"currency_code\":\"CHF\"}");
	assert_properties(e, 3, "{\"promotion_action\":\"click\","
	    "\"promotion_id\":3,\"promotion_name\":\"n\","
	    "\"promotion_position\":\"4\"}");
	assert_properties(e, 4, "{\"product_impression_list\":\"L\","
	    "\"currency_code\":\"CHF\"}");
}

static void
map_batch_names_items_as_the_output_wants(void **state)
{
	struct fixture *f = *state;
	static const char members[] = "\"product_action\":{\"products\":[{}]},"
	    "\"promotion_action\":{\"promotions\":[{}]},"
	    "\"product_impressions\":[{\"products\":[{}]}]";
	const struct map_event *e = map_one(f, "commerce_event", members);

	assert_non_null(strstr(e->payload, "\"Product Action Item\""));
	assert_non_null(strstr(e->payload, "\"Promotion Event Item\""));
	assert_non_null(strstr(e->payload, "\"Product Impression Item\""));

	f->output.item_event_names_item = true;
	e = map_one(f, "commerce_event", members);
	assert_null(strstr(e->payload, "Event Item\""));
	assert_non_null(strstr(e->payload, "\"event\":\"Item\""));
}

static void
map_batch_refuses_a_unit_of_more_than_10000_objects(void **state)
{
	struct fixture *f = *state;
	size_t n;

	for (n = HEAP_MAX_UNIT - 1; n <= HEAP_MAX_UNIT; n++) {
		char *products = repeat("{},", n);
		char *members = xasprintf("\"product_action\":{\"products\":"
		    "[%s0]}", products);
		const struct map_event *e = map_one(f, "commerce_event",
		    members);

		if (n < HEAP_MAX_UNIT) {
			assert_int_equal(e->action, MAP_SEND);
			assert_int_equal(e->objects, HEAP_MAX_UNIT);
		} else {
			assert_string_equal(e->reason, MAP_TOO_LARGE);
			assert_null(e->payload);
		}
		free(products);
		free(members);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    MAP_TEST(map_batch_makes_properties_of_custom_attributes),
	    MAP_TEST(map_batch_reads_numbers_that_came_as_text),
	    MAP_TEST(map_batch_spells_known_event_types_as_mparticle_does),
	    MAP_TEST(map_batch_cuts_values_to_1024_units_and_splits_no_pair),
	    MAP_TEST(map_batch_joins_whole_elements_only),
	    MAP_TEST(map_batch_cuts_names_and_drops_those_that_meet),
	    MAP_TEST(map_batch_counts_what_it_changes),
	    MAP_TEST(map_batch_sends_a_commerce_event_without_any_node),
	    MAP_TEST(map_batch_sends_every_node_of_a_commerce_event_in_order),
	    MAP_TEST(map_batch_names_items_as_the_output_wants),
	    MAP_TEST(map_batch_refuses_a_unit_of_more_than_10000_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
