/*
 * test_heap.c - Heap's request bodies, slices, answers
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"

#define APP	"1234567890"

/* What a bulk body to track has around its objects. */
#define TRACK_BEGIN	"{\"app_id\":\"" APP "\",\"events\":["
#define USERS_BEGIN	"{\"app_id\":\"" APP "\",\"users\":["
#define BULK_END	"]}"

static void
heap_lane_by_name_finds_what_heap_lane_name_names(void **state)
{
	enum heap_lane lane = HEAP_TRACK;
	(void)state;

	assert_string_equal(heap_lane_name(HEAP_TRACK), "track");
	assert_string_equal(heap_lane_name(HEAP_USER_PROPERTIES),
	    "user_properties");
	assert_true(heap_lane_by_name("user_properties", &lane));
	assert_int_equal(lane, HEAP_USER_PROPERTIES);
	assert_true(heap_lane_by_name("track", &lane));
	assert_int_equal(lane, HEAP_TRACK);
	assert_false(heap_lane_by_name("tracks", &lane));
	assert_false(heap_lane_by_name("", &lane));
}

static void
heap_lane_path_is_the_endpoint(void **state)
{
	(void)state;

	assert_string_equal(heap_lane_path(HEAP_TRACK), "/api/track");
	assert_string_equal(heap_lane_path(HEAP_USER_PROPERTIES),
	    "/api/add_user_properties");
	assert_string_equal(heap_form_name(HEAP_FLAT), "flat");
	assert_string_equal(heap_form_name(HEAP_BULK), "bulk");
}

static void
heap_flat_puts_the_app_before_the_members(void **state)
{
	static const char object[] =
	    "{\"identity\":\"7\",\"event\":\"A\",\"properties\":{}}";
	struct buf b = BUF_INIT;
	(void)state;

	buf_puts(&b, ">");
	heap_flat(&b, APP, object, strlen(object));

	assert_string_equal(buf_str(&b), ">{\"app_id\":\"" APP
	    "\",\"identity\":\"7\",\"event\":\"A\",\"properties\":{}}");
	buf_free(&b);
}

static void
heap_body_is_bulk_of_every_payload_in_order(void **state)
{
	struct heap_body body = { BUF_INIT, 0 };
	(void)state;

	heap_body_begin(&body, HEAP_TRACK, APP);
	assert_true(heap_body_add(&body, "{\"a\":1},{\"b\":2}", 15, 2));
	assert_true(heap_body_add(&body, "{\"c\":3}", 7, 1));
	heap_body_end(&body);

	assert_int_equal(body.objects, 3);
	assert_string_equal(buf_str(&body.text), TRACK_BEGIN
	    "{\"a\":1},{\"b\":2},{\"c\":3}" BULK_END);

	heap_body_begin(&body, HEAP_USER_PROPERTIES, APP);
	assert_true(heap_body_add(&body, "{\"d\":4}", 7, 1));
	heap_body_end(&body);

	assert_int_equal(body.objects, 1);
	assert_string_equal(buf_str(&body.text), USERS_BEGIN
	    "{\"d\":4}" BULK_END);
	buf_free(&body.text);
}

static void
heap_bulk_overhead_is_what_is_around_the_objects(void **state)
{
	(void)state;

	assert_int_equal(heap_bulk_overhead(HEAP_TRACK, APP),
	    strlen(TRACK_BEGIN BULK_END));
	assert_int_equal(heap_bulk_overhead(HEAP_USER_PROPERTIES, APP),
	    strlen(USERS_BEGIN BULK_END));
	assert_int_equal(heap_bulk_overhead(HEAP_TRACK, "1"),
	    strlen(TRACK_BEGIN BULK_END) - strlen(APP) + 1);
}

static void
heap_body_add_refuses_the_object_past_a_thousand(void **state)
{
	struct heap_body body = { BUF_INIT, 0 };
	size_t i, len;
	(void)state;

	heap_body_begin(&body, HEAP_TRACK, APP);
	for (i = 0; i < HEAP_MAX_OBJECTS - 1; i++)
		assert_true(heap_body_add(&body, "{\"a\":1}", 7, 1));
	len = body.text.len;

	assert_false(heap_body_add(&body, "{\"a\":1},{\"a\":1}", 15, 2));
	assert_int_equal(body.text.len, len);
	assert_int_equal(body.objects, HEAP_MAX_OBJECTS - 1);
	assert_true(heap_body_add(&body, "{\"a\":1}", 7, 1));
	assert_false(heap_body_add(&body, "{\"a\":1}", 7, 1));
	buf_free(&body.text);
}

/* {"a":"xxx...x"} of exactly that many bytes; given: free(3). */
static char *
object_of(size_t bytes)
{
	char *object = xmalloc(bytes + 1);

	memset(object, 'x', bytes);
	memcpy(object, "{\"a\":\"", 6);
	memcpy(object + bytes - 2, "\"}", 3);
	return object;
}

static void
heap_body_add_fills_a_million_bytes_and_no_more(void **state)
{
	struct heap_body body = { BUF_INIT, 0 };
	size_t rest, len;
	char *object;
	(void)state;

	heap_body_begin(&body, HEAP_TRACK, APP);
	assert_true(heap_body_add(&body, "{\"a\":1}", 7, 1));
	rest = HEAP_MAX_BYTES - heap_bulk_overhead(HEAP_TRACK, APP) - 7 - 1;
	len = body.text.len;

	object = object_of(rest + 1);
	assert_false(heap_body_add(&body, object, rest + 1, 1));
	assert_int_equal(body.text.len, len);
	assert_int_equal(body.objects, 1);
	free(object);

	object = object_of(rest);
	assert_true(heap_body_add(&body, object, rest, 1));
	heap_body_end(&body);
	assert_int_equal(body.text.len, HEAP_MAX_BYTES);
	free(object);
	buf_free(&body.text);
}

static void
heap_body_add_takes_anything_first(void **state)
{
	struct heap_body body = { BUF_INIT, 0 };
	char *object = object_of(HEAP_MAX_BYTES + 1);
	(void)state;

	heap_body_begin(&body, HEAP_TRACK, APP);
	assert_true(heap_body_add(&body, object, HEAP_MAX_BYTES + 1, 1));
	assert_false(heap_body_add(&body, "{\"a\":1}", 7, 1));

	heap_body_begin(&body, HEAP_TRACK, APP);
	assert_true(heap_body_add(&body, object, HEAP_MAX_BYTES + 1,
	    HEAP_MAX_UNIT));
	free(object);
	buf_free(&body.text);
}

static void
heap_slice_cuts_between_objects(void **state)
{
	static const struct {
		const char	*payload;
		size_t		 from, max_objects, max_bytes;
		size_t		 to, objects;
	} rules[] = {
		{ "{\"a\":1}", 0, 1000, 1000, 7, 1 },
		{ "{},{},{}", 0, 1000, 1000, 8, 3 },
		{ "{},{},{}", 0, 2, 1000, 5, 2 },
		{ "{},{},{}", 5, 2, 1000, 8, 1 },	/* at the comma */
		{ "{},{},{}", 6, 2, 1000, 8, 1 },	/* behind it */
		{ "{},{},{}", 0, 1000, 5, 5, 2 },
		{ "{},{},{}", 0, 1000, 4, 2, 1 },
		{ "{},{},{}", 3, 1000, 5, 8, 2 },
		{ "{},{},{}", 0, 1000, 8, 8, 3 },
		{ "{},{},{}", 0, 1000, 7, 5, 2 },
		{ "{},{},{}", 0, 0, 0, 2, 1 },		/* one at least */
		{ "{\"a\":\"},{\"},{}", 0, 1, 1000, 11, 1 },
		{ "{\"a\":\"\\\"},{\"},{}", 0, 1, 1000, 13, 1 },
		{ "{\"a\":\"\\\\\"},{}", 0, 1, 1000, 10, 1 },
		{ "{\"a\":{\"b\":[{},{}]}},{}", 0, 1, 1000, 19, 1 },
	};
	size_t i, to, objects;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		to = objects = 0;
		assert_true(heap_slice(rules[i].payload,
		    strlen(rules[i].payload), rules[i].from,
		    rules[i].max_objects, rules[i].max_bytes, &to, &objects));
		assert_int_equal(to, rules[i].to);
		assert_int_equal(objects, rules[i].objects);
	}
}

static void
heap_slice_ends_with_the_payload(void **state)
{
	size_t to, objects;
	(void)state;

	assert_false(heap_slice("{},{}", 5, 5, 9, 99, &to, &objects));
	assert_false(heap_slice("{},{}", 5, 6, 9, 99, &to, &objects));
	assert_false(heap_slice("", 0, 0, 9, 99, &to, &objects));
}

/* A unit of 2301 objects goes as 1000, 1000 and 301. */
static void
heap_slice_cuts_a_large_unit_as_mapping_says(void **state)
{
	static const size_t expected[] = { 1000, 1000, 301 };
	struct buf unit = BUF_INIT;
	size_t i, from = 0, to, objects;
	(void)state;

	for (i = 0; i < 2301; i++)
		buf_printf(&unit, "%s{\"p\":\"p%zu\"}", i > 0 ? "," : "", i);

	for (i = 0; i < HR_COUNT(expected); i++) {
		assert_true(heap_slice(unit.p, unit.len, from,
		    HEAP_MAX_OBJECTS, HEAP_MAX_BYTES, &to, &objects));
		assert_int_equal(objects, expected[i]);
		from = to + 1;
	}
	assert_false(heap_slice(unit.p, unit.len, from, HEAP_MAX_OBJECTS,
	    HEAP_MAX_BYTES, &to, &objects));
	buf_free(&unit);
}

static uint64_t
draw(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* Appends an object made of what might mislead a scanner. */
static void
put_tricky_object(struct buf *b, uint64_t *random)
{
	static const char *const pieces[] = {
		"},{", "\\\"", "\\\\", "[", "]", "{", "}", ",", "\\u007d",
		"\xc3\xa9",
	};
	static const char *const values[] = {
		"[{},[{}],\"]\"]", "{\"x\":{}}", "-1.5e3", "\"\"", "\"\\\\\"",
	};
	uint64_t n;

	buf_puts(b, "{\"");
	for (n = draw(random) % 6; n > 0; n--)
		buf_puts(b, pieces[draw(random) % HR_COUNT(pieces)]);
	buf_puts(b, "\":");
	buf_puts(b, values[draw(random) % HR_COUNT(values)]);
	buf_putc(b, '}');
}

/*
 * The slices are the payload again, each within both limits or one object,
 * and none has room for the object that follows it.
 */
static void
heap_slice_is_the_longest_whatever_the_objects_hold(void **state)
{
	const uint64_t seed = 41;
	uint64_t random = seed;
	size_t ends[40], n, k, first, from, to, objects, round;
	(void)state;

	for (round = 0; round < 3000; round++) {
		size_t count = 1 + draw(&random) % HR_COUNT(ends);
		size_t max_objects = 1 + draw(&random) % 12;
		size_t max_bytes = 1 + draw(&random) % 200;
		struct buf b = BUF_INIT;

		for (n = 0; n < count; n++) {
			if (n > 0)
				buf_putc(&b, ',');
			put_tricky_object(&b, &random);
			ends[n] = b.len;
		}
		from = first = 0;
		while (heap_slice(b.p, b.len, from, max_objects, max_bytes,
		    &to, &objects)) {
			k = first + objects;
			if (k > count || to != ends[k - 1] ||
			    objects > max_objects ||
			    (objects > 1 && to - from > max_bytes) ||
			    (k < count && objects < max_objects &&
			    ends[k] - from <= max_bytes))
				fail_msg("seed %" PRIu64 " round %zu", seed,
				    round);
			first = k;
			from = to + 1;
		}
		assert_int_equal(first, count);
		buf_free(&b);
	}
}

static void
heap_answer_index_reads_the_element_that_is_named(void **state)
{
	static const struct {
		enum heap_lane	 lane;
		const char	*text;
		int		 index;		/* -1: none */
	} rules[] = {
		{ HEAP_TRACK, "postBody.events[0].properties should be object",
		    0 },
		{ HEAP_TRACK, "events[17]", 17 },
		{ HEAP_TRACK, "{\"error\":\"events[999] is bad\"}", 999 },
		{ HEAP_TRACK, "events[007]", 7 },
		{ HEAP_TRACK, "events[] and events[4]", 4 },
		{ HEAP_TRACK, "events[3] and events[4]", 3 },
		{ HEAP_TRACK, "events events[5]", 5 },
		{ HEAP_TRACK, "eventsevents[5] events[6]", 6 },
		{ HEAP_USER_PROPERTIES, "users[3].identity", 3 },
		{ HEAP_USER_PROPERTIES, "events[3]", -1 },
		{ HEAP_TRACK, "users[3]", -1 },
		{ HEAP_TRACK, "myevents[3]", -1 },
		{ HEAP_TRACK, "my_events[3]", -1 },
		{ HEAP_TRACK, "Events[3]", -1 },
		{ HEAP_TRACK, "events [3]", -1 },
		{ HEAP_TRACK, "events.3", -1 },
		{ HEAP_TRACK, "events[-3]", -1 },
		{ HEAP_TRACK, "events[+3]", -1 },
		{ HEAP_TRACK, "events[ 3]", -1 },
		{ HEAP_TRACK, "events[3 ]", -1 },
		{ HEAP_TRACK, "events[0x3]", -1 },
		{ HEAP_TRACK, "events[3", -1 },
		{ HEAP_TRACK, "events[", -1 },
		{ HEAP_TRACK, "events", -1 },
		{ HEAP_TRACK, "", -1 },
		{ HEAP_TRACK, "{}", -1 },
		{ HEAP_TRACK, "events[18446744073709551616]", -1 },
		{ HEAP_TRACK, "events[99999999999999999999999999]", -1 },
		{ HEAP_TRACK, "events[99999999999999999999999999] events[2]",
		    2 },
	};
	size_t i, len, index;
	bool found;
	char *text;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		/* No NUL behind it: a reader that goes on is caught. */
		len = strlen(rules[i].text);
		text = xmalloc(len);
		memcpy(text, rules[i].text, len);

		found = heap_answer_index(rules[i].lane, text, len, &index);

		assert_int_equal(found, rules[i].index >= 0);
		if (found)
			assert_int_equal(index, rules[i].index);
		free(text);
	}
}

static void
heap_answer_index_reads_the_largest_size(void **state)
{
	char *text = xasprintf("events[%zu]", SIZE_MAX);
	size_t index = 0;
	(void)state;

	assert_true(heap_answer_index(HEAP_TRACK, text, strlen(text),
	    &index));
	assert_true(index == SIZE_MAX);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    heap_lane_by_name_finds_what_heap_lane_name_names),
		cmocka_unit_test(heap_lane_path_is_the_endpoint),
		cmocka_unit_test(heap_flat_puts_the_app_before_the_members),
		cmocka_unit_test(heap_body_is_bulk_of_every_payload_in_order),
		cmocka_unit_test(
		    heap_bulk_overhead_is_what_is_around_the_objects),
		cmocka_unit_test(
		    heap_body_add_refuses_the_object_past_a_thousand),
		cmocka_unit_test(
		    heap_body_add_fills_a_million_bytes_and_no_more),
		cmocka_unit_test(heap_body_add_takes_anything_first),
		cmocka_unit_test(heap_slice_cuts_between_objects),
		cmocka_unit_test(heap_slice_ends_with_the_payload),
		cmocka_unit_test(heap_slice_cuts_a_large_unit_as_mapping_says),
		cmocka_unit_test(
		    heap_slice_is_the_longest_whatever_the_objects_hold),
		cmocka_unit_test(
		    heap_answer_index_reads_the_element_that_is_named),
		cmocka_unit_test(heap_answer_index_reads_the_largest_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
