/*
 * test_load.c - what heaprelay-load sends, and how it counts latencies
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "load_batch.h"
#include "load_latency.h"
#include "mparticle.h"

static struct load_latency latency;

static int
forget(void **state)
{
	(void)state;
	memset(&latency, 0, sizeof(latency));
	return 0;
}

static void
latency_at_is_the_longest_of_a_share(void **state)
{
	int64_t us;
	(void)state;

	for (us = 1; us <= 100; us++)
		load_latency_add(&latency, us);

	assert_int_equal(load_latency_at(&latency, 0.5), 50);
	assert_int_equal(load_latency_at(&latency, 0.99), 99);
	assert_int_equal(load_latency_at(&latency, 1), 100);
}

static void
latency_at_is_off_by_less_than_2_percent(void **state)
{
	int64_t us, at;
	(void)state;

	for (us = 1; us < INT64_C(100000000000000000); us = us * 3 + 1) {
		forget(state);
		load_latency_add(&latency, us);
		load_latency_add(&latency, INT64_MAX);
		at = load_latency_at(&latency, 0.5);
		assert_true(at >= us && at - us <= us / 50);
	}
}

static void
latency_at_of_nothing_is_0(void **state)
{
	(void)state;

	assert_int_equal(load_latency_at(&latency, 0.99), 0);
}

static void
latency_add_takes_what_a_clock_that_was_set_back_gives(void **state)
{
	(void)state;

	load_latency_add(&latency, -5);

	assert_int_equal(load_latency_at(&latency, 1), 0);
	assert_int_equal(latency.count, 1);
}

/* How many events the agent's own reader finds in request n; *batches: in how
 * many batches. */
static size_t
events_of(const struct load_shape *shape, int64_t n, size_t *batches)
{
	struct buf body = BUF_INIT;
	struct mp_request *parsed;
	size_t i, events = 0;

	load_batch_put(&body, shape, "run", n, INT64_C(1700000000000));
	parsed = mp_parse(shape->bulk > 0 ? MP_BULK : MP_EVENTS,
	    buf_str(&body), body.len);
	assert_int_equal(parsed->refusals_n, 0);
	*batches = parsed->batches_n;
	for (i = 0; i < parsed->batches_n; i++)
		events += parsed->batches[i].events_n;
	mp_request_free(parsed);
	buf_free(&body);
	return events;
}

static void
batch_put_makes_what_the_agent_reads(void **state)
{
	static const struct load_shape shapes[] = {
		{ .events = 1, .identities = 10 },
		{ .events = 3, .identities = 0, .padding = 50 },
		{ .events = 2, .bulk = 5, .identities = 3 },
	};
	size_t i, batches;
	(void)state;

	for (i = 0; i < HR_COUNT(shapes); i++) {
		size_t want = shapes[i].bulk > 0 ? (size_t)shapes[i].bulk : 1;

		assert_int_equal(events_of(&shapes[i], 4, &batches),
		    want * (size_t)shapes[i].events);
		assert_int_equal(batches, want);
	}
}

static void
batch_put_repeats_itself(void **state)
{
	const struct load_shape shape = { .events = 2, .bulk = 2,
	    .identities = 7 };
	struct buf one = BUF_INIT, other = BUF_INIT;
	(void)state;

	load_batch_put(&one, &shape, "run", 9, 1);
	load_batch_put(&other, &shape, "run", 9, 1);

	assert_string_equal(buf_str(&one), buf_str(&other));
	assert_non_null(strstr(buf_str(&one), "\"run-18\""));
	assert_non_null(strstr(buf_str(&one), "\"run-19\""));
	buf_free(&one);
	buf_free(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(latency_at_is_the_longest_of_a_share,
		    forget),
		cmocka_unit_test_setup(
		    latency_at_is_off_by_less_than_2_percent, forget),
		cmocka_unit_test_setup(latency_at_of_nothing_is_0, forget),
		cmocka_unit_test_setup(
		    latency_add_takes_what_a_clock_that_was_set_back_gives,
		    forget),
		cmocka_unit_test(batch_put_makes_what_the_agent_reads),
		cmocka_unit_test(batch_put_repeats_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
