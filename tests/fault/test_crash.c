/*
 * test_crash.c - the agent, or the machine, dies at the nth call; or the file
 * is damaged then
 *
 * An argument is a pattern of the tests that are to run.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "log.h"
#include "mem.h"
#include "trial.h"

#define POINTS		50	/* kill -9; all with HEAPRELAY_LONG */
#define IMAGES		100	/* of a lost power ... */
#define IMAGES_LONG	2000	/* ... at least */
#define EVERY		(1u << FAULT_OPEN | 1u << FAULT_WRITE | \
			1u << FAULT_SYNC | 1u << FAULT_TRUNCATE)

static void
see(const struct trial *t, const struct trial_end *e)
{
	(void)t;
	assert_true(e->died);
	assert_int_equal(e->status, -1);
}

static void
killed_agent_goes_on_where_it_was(void **state)
{
	const struct trial t = {
		.seed = 11,
		.fault = { .ops = EVERY, .kind = FAULT_CRASH },
		.loss = FAULT_PROCESS,
	};
	(void)state;

	print_message("%" PRId64 " crashes\n", trial_sweep(&t, POINTS,
	    INT64_MAX, see));
}

/* Several images of each moment, until there are enough. */
static void
lost_power_takes_nothing_that_was_acknowledged(void **state)
{
	int64_t want = getenv("HEAPRELAY_LONG") != NULL ? IMAGES_LONG :
	    IMAGES, n = 0;
	struct trial t = {
		.fault = { .ops = EVERY, .kind = FAULT_CRASH },
		.loss = FAULT_POWER,
	};
	(void)state;

	for (t.seed = 21; n < want; t.seed++) {
		n += trial_sweep(&t, IMAGES / 4, INT64_MAX, see);
		if (getenv("HEAPRELAY_NTH") != NULL)
			break;
	}
	print_message("%" PRId64 " images\n", n);
}

static int64_t refused;

static void
see_damage(const struct trial *t, const struct trial_end *e)
{
	(void)t;
	refused += e->after_damage != 0;
	assert_true(e->after_damage == 0 || e->after_damage == EXIT_IO ||
	    e->after_damage == EXIT_CONFIG || e->after_damage ==
	    EXIT_INTERNAL);
}

static void
damaged_file_ends_the_agent_or_nothing_worse(void **state)
{
	const struct trial t = {
		.seed = 51,
		.fault = { .ops = EVERY, .kind = FAULT_CRASH },
		.loss = FAULT_PROCESS,
		.damage = true,
	};
	int64_t n;
	(void)state;

	refused = 0;
	n = trial_sweep(&t, POINTS, INT64_MAX, see_damage);
	print_message("%" PRId64 " damaged files, %" PRId64 " refused\n", n,
	    refused);
	assert_true(refused > 0 || getenv("HEAPRELAY_NTH") != NULL);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_agent_goes_on_where_it_was),
		cmocka_unit_test(
		    lost_power_takes_nothing_that_was_acknowledged),
		cmocka_unit_test(damaged_file_ends_the_agent_or_nothing_worse),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
