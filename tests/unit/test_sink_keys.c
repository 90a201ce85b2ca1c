/*
 * test_sink_keys.c - the first content of a key wins, within memory
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"
#include "sink_keys.h"

static enum sink_seen
add(struct sink_keys *k, const char *app_id, const char *key,
    const char *content)
{
	return sink_keys_add(k, app_id, key, content, strlen(content));
}

static void
sink_keys_add_tells_new_from_seen_and_changed(void **state)
{
	struct sink_keys *k = sink_keys_new(100);
	(void)state;

	assert_int_equal(add(k, "1", "key", "x"), SINK_NEW);
	assert_int_equal(add(k, "1", "key", "x"), SINK_SAME);
	assert_int_equal(add(k, "1", "key", "y"), SINK_OTHER);
	assert_int_equal(add(k, "1", "key", "x"), SINK_SAME);
	assert_int_equal(add(k, "2", "key", "y"), SINK_NEW);
	assert_int_equal(add(k, "12", "3", ""), SINK_NEW);
	assert_int_equal(add(k, "1", "23", ""), SINK_NEW);
	assert_int_equal(sink_keys_count(k), 4);
	sink_keys_free(k);
}

static void
sink_keys_add_remembers_every_key_as_it_grows(void **state)
{
	struct sink_keys *k = sink_keys_new(100000);
	char key[16];
	int i;
	(void)state;

	for (i = 0; i < 50000; i++) {
		snprintf(key, sizeof(key), "%d", i);
		assert_int_equal(add(k, "1", key, key), SINK_NEW);
	}
	for (i = 0; i < 50000; i++) {
		snprintf(key, sizeof(key), "%d", i);
		assert_int_equal(add(k, "1", key, key), SINK_SAME);
	}
	assert_int_equal(sink_keys_count(k), 50000);
	sink_keys_free(k);
}

static void
sink_keys_add_remembers_no_more_than_its_maximum(void **state)
{
	struct sink_keys *k = sink_keys_new(2);
	(void)state;

	add(k, "1", "a", "");
	add(k, "1", "b", "");

	assert_int_equal(add(k, "1", "c", ""), SINK_NEW_FORGOTTEN);
	assert_int_equal(add(k, "1", "c", ""), SINK_NEW_FORGOTTEN);
	assert_int_equal(add(k, "1", "a", ""), SINK_SAME);
	assert_int_equal(sink_keys_count(k), 2);
	sink_keys_free(k);
}

static void
sink_keys_clear_forgets(void **state)
{
	struct sink_keys *k = sink_keys_new(2);
	(void)state;

	add(k, "1", "a", "");
	sink_keys_clear(k);

	assert_int_equal(sink_keys_count(k), 0);
	assert_int_equal(add(k, "1", "a", "other"), SINK_NEW);
	sink_keys_free(k);
	sink_keys_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sink_keys_add_tells_new_from_seen_and_changed),
	    cmocka_unit_test(sink_keys_add_remembers_every_key_as_it_grows),
	    cmocka_unit_test(
	    sink_keys_add_remembers_no_more_than_its_maximum),
	    cmocka_unit_test(sink_keys_clear_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
