/*
 * test_update.c - user-properties updates: merged, subtracted, cut
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "update.h"

/* A users element of "ada" with these members. */
static char *
element(const char *members)
{
	return xasprintf("{\"identity\":\"ada\",\"properties\":{%s}}",
	    members);
}

static struct update *
read_text(int64_t id, const char *payload, size_t sent, const char *origins,
    enum update_part part)
{
	struct update_text t = UPDATE_TEXT_INIT;
	struct update *u;

	buf_puts(&t.payload, payload);
	buf_puts(&t.origins, origins);
	t.sent = sent;
	u = update_read(id, &t, part);
	update_text_free(&t);
	return u;
}

/* The update of that id: one element with these members. */
static struct update *
update_of(int64_t id, const char *members, const char *origins)
{
	char *payload = element(members);
	struct update *u = read_text(id, payload, 0, origins, UPDATE_ALL);

	free(payload);
	return u;
}

/* What the update is as text; takes it. */
static void
assert_written(struct update *u, const char *payload, const char *origins,
    size_t objects)
{
	struct update_text t = UPDATE_TEXT_INIT;

	update_put(u, HEAP_MAX_USER, &t);

	assert_string_equal(buf_str(&t.payload), payload);
	assert_string_equal(buf_str(&t.origins), origins);
	assert_int_equal(t.objects, objects);
	update_text_free(&t);
	update_free(u);
}

static void
assert_members(struct update *u, const char *members, const char *origins)
{
	char *payload = element(members);

	assert_written(u, payload, origins, 1);
	free(payload);
}

static void
update_add_lays_newer_over_older(void **state)
{
	static const struct {
		const char	*older, *newer, *merged, *origins;
	} rules[] = {
		{ "\"a\":1", "", "\"a\":1", "3*1" },
		{ "", "\"a\":1", "\"a\":1", "5*1" },
		/* The newer value in the older place. */
		{ "\"a\":1,\"b\":2,\"c\":3", "\"b\":9",
		    "\"a\":1,\"b\":9,\"c\":3", "3*1 5*1 3*1" },
		/* New names behind, in their own order. */
		{ "\"m\":1", "\"z\":2,\"a\":3,\"m\":4",
		    "\"m\":4,\"z\":2,\"a\":3", "5*3" },
		/* Names are what they are, casing and all. */
		{ "\"a\":1", "\"A\":2,\"a \":3,\"\":4",
		    "\"a\":1,\"A\":2,\"a \":3,\"\":4", "3*1 5*3" },
		/* Values come out as they went in. */
		{ "\"n\":1.10,\"m\":-0,\"e\":1e3", "\"n\":19.980",
		    "\"n\":19.980,\"m\":-0,\"e\":1e3", "5*1 3*2" },
		{ "\"s\":\"\\\"\\\\\\n\\u001f/\xc3\xa9\"",
		    "\"k\\\"\":\"\xf0\x9f\x98\x80\"",
		    "\"s\":\"\\\"\\\\\\n\\u001f/\xc3\xa9\","
		    "\"k\\\"\":\"\xf0\x9f\x98\x80\"", "3*1 5*1" },
	};
	struct update *u;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		u = update_of(3, rules[i].older, "");
		update_add(u, update_of(5, rules[i].newer, ""));
		assert_members(u, rules[i].merged, rules[i].origins);
	}
}

/* An old one was replayed and merged under a newer one; then comes another
 * old one, that is newer than the first. */
static void
update_add_goes_by_origin_not_by_turn(void **state)
{
	struct update *u;
	(void)state;

	u = update_of(5, "\"a\":\"five\",\"b\":\"five\"", "");
	update_add(u, update_of(10, "\"a\":\"three\",\"b\":\"ten\"",
	    "3*1 10*1"));

	assert_members(u, "\"a\":\"five\",\"b\":\"ten\"", "5*1 10*1");
}

static void
update_add_merges_any_number(void **state)
{
	struct update *u = update_of(1, "\"a\":1,\"x\":1", "");
	(void)state;

	update_add(u, update_of(2, "\"a\":2,\"b\":2", ""));
	update_add(u, update_of(9, "\"c\":9", ""));
	update_add(u, update_of(4, "\"c\":4,\"b\":4", ""));

	assert_int_equal(update_count(u), 4);
	assert_members(u, "\"a\":2,\"x\":1,\"b\":4,\"c\":9",
	    "2*1 1*1 4*1 9*1");
}

static void
update_subtract_takes_out_what_a_newer_one_sets(void **state)
{
	static const struct {
		const char	*newer, *origins, *left, *left_origins;
	} rules[] = {
		{ "\"z\":1", "", "\"a\":1,\"b\":1,\"c\":1", "3*1 5*2" },
		{ "\"b\":1", "", "\"a\":1,\"c\":1", "3*1 5*1" },
		{ "\"c\":1,\"a\":1", "", "\"b\":1", "5*1" },
		/* Not newer: of its own, or from before. */
		{ "\"a\":1,\"b\":1", "3*1 4*1", "\"a\":1,\"b\":1,\"c\":1",
		    "3*1 5*2" },
		{ "\"a\":1,\"b\":1", "4*2", "\"b\":1,\"c\":1", "5*2" },
	};
	struct update *u, *newer;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		u = update_of(5, "\"a\":1,\"b\":1,\"c\":1", "3*1 5*2");
		newer = update_of(7, rules[i].newer, rules[i].origins);
		update_subtract(u, newer);
		update_free(newer);
		assert_members(u, rules[i].left, rules[i].left_origins);
	}
}

static void
update_put_of_nothing_writes_nothing(void **state)
{
	struct update *u = update_of(5, "\"a\":1", "");
	struct update *newer = update_of(7, "\"a\":2", "");
	(void)state;

	update_subtract(u, newer);
	assert_int_equal(update_count(u), 0);
	assert_written(u, "", "", 0);
	update_free(newer);
	update_free(NULL);
}

/* --- several elements ------------------------------------------------- */

#define A	"{\"identity\":\"ada\",\"properties\":{\"a\":1,\"b\":2}}"
#define B	"{\"identity\":\"ada\",\"properties\":{\"c\":3}}"
#define C	"{\"identity\":\"ada\",\"properties\":{\"d\":4,\"e\":5}}"
#define THREE	A "," B "," C

static void
update_read_tells_what_was_sent_from_the_rest(void **state)
{
	static const struct {
		size_t		 sent;
		enum update_part part;
		const char	*members, *origins;
	} rules[] = {
		{ 0, UPDATE_ALL, "\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5",
		    "1*1 2*3 3*1" },
		{ 0, UPDATE_REST, "\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5",
		    "1*1 2*3 3*1" },
		{ strlen(A ","), UPDATE_SENT, "\"a\":1,\"b\":2",
		    "1*1 2*1" },
		{ strlen(A ","), UPDATE_REST, "\"c\":3,\"d\":4,\"e\":5",
		    "2*2 3*1" },
		{ strlen(A "," B ","), UPDATE_SENT,
		    "\"a\":1,\"b\":2,\"c\":3", "1*1 2*2" },
		{ strlen(A "," B ","), UPDATE_REST, "\"d\":4,\"e\":5",
		    "2*1 3*1" },
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++)
		assert_members(read_text(3, THREE, rules[i].sent,
		    "1*1 2*3 3*1", rules[i].part), rules[i].members,
		    rules[i].origins);
	assert_written(read_text(3, THREE, 0, "", UPDATE_SENT), "", "", 0);
}

/* The most bytes an element may have, counted down: it never has more, holds
 * as much as it can, and together they hold everything in order. */
static void
update_put_cuts_between_properties(void **state)
{
	struct update_text t = UPDATE_TEXT_INIT;
	size_t max, from, to, objects, n;
	struct update *u;
	(void)state;

	for (max = strlen(A) + 20; max > 0; max--) {
		u = read_text(3, THREE, 0, "", UPDATE_ALL);
		update_put(u, max, &t);
		update_free(u);
		for (n = 0, from = 0; heap_slice(t.payload.p, t.payload.len,
		    from, 1, SIZE_MAX, &to, &objects); from = to + 1, n++)
			if (to - from > max)
				assert_int_equal(to - from, strlen(B));
		assert_int_equal(t.objects, n);
		if (max == strlen(A))
			assert_int_equal(n, 3);	/* ab, cd, e */
		if (max < strlen(A))
			assert_int_equal(n, 5);
		assert_string_equal(buf_str(&t.origins), "3*5");

		buf_reset(&t.origins);
		u = update_read(3, &t, UPDATE_ALL);
		update_text_free(&t);
		assert_members(u, "\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5",
		    "3*5");
	}
}

static void
update_put_appends(void **state)
{
	struct update_text t = UPDATE_TEXT_INIT;
	struct update *u = read_text(3, A, 0, "", UPDATE_ALL);
	(void)state;

	update_put(u, HEAP_MAX_USER, &t);
	update_free(u);
	u = read_text(7, B, 0, "", UPDATE_ALL);
	update_put(u, HEAP_MAX_USER, &t);
	update_free(u);

	assert_string_equal(buf_str(&t.payload), A "," B);
	assert_string_equal(buf_str(&t.origins), "3*2 7*1");
	assert_int_equal(t.objects, 2);
	update_text_free(&t);
}

/* An element of the largest size fills a request with the longest app id. */
static void
update_put_fits_a_request(void **state)
{
	(void)state;
	assert_true(HEAP_MAX_USER + heap_bulk_overhead(HEAP_USER_PROPERTIES,
	    "12345678901234567890") <= HEAP_MAX_BYTES);
}

/* --- many ------------------------------------------------------------- */

/* Appends "k<from>":"<value>", ... */
static void
put_members(struct buf *b, int from, int to, int step, const char *value)
{
	int i;

	for (i = from; i < to; i += step)
		buf_printf(b, "%s\"k%d\":\"%s\"", b->len > 0 ? "," : "", i,
		    value);
}

static void
update_add_keeps_order_among_many(void **state)
{
	struct buf older = BUF_INIT, newer = BUF_INIT, expected = BUF_INIT;
	struct update_text t = UPDATE_TEXT_INIT;
	struct update *u;
	char *whole;
	int i;
	(void)state;

	put_members(&older, 0, 20000, 1, "old");
	put_members(&newer, 1, 40000, 2, "new");
	for (i = 0; i < 20000; i++)
		put_members(&expected, i, i + 1, 1, i % 2 == 1 ? "new" :
		    "old");
	put_members(&expected, 20001, 40000, 2, "new");
	u = update_of(1, buf_str(&older), "");
	update_add(u, update_of(2, buf_str(&newer), ""));
	update_put(u, SIZE_MAX, &t);

	whole = element(buf_str(&expected));
	assert_string_equal(buf_str(&t.payload), whole);
	free(whole);
	update_free(u);
	update_text_free(&t);
	buf_free(&older);
	buf_free(&newer);
	buf_free(&expected);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(update_add_lays_newer_over_older),
		cmocka_unit_test(update_add_goes_by_origin_not_by_turn),
		cmocka_unit_test(update_add_merges_any_number),
		cmocka_unit_test(
		    update_subtract_takes_out_what_a_newer_one_sets),
		cmocka_unit_test(update_put_of_nothing_writes_nothing),
		cmocka_unit_test(
		    update_read_tells_what_was_sent_from_the_rest),
		cmocka_unit_test(update_put_cuts_between_properties),
		cmocka_unit_test(update_put_appends),
		cmocka_unit_test(update_put_fits_a_request),
		cmocka_unit_test(update_add_keeps_order_among_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
