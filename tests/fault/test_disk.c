/*
 * test_disk.c - the nth call of each kind fails, once and for ever
 *
 * SQLite's own memory is one of the kinds.  An argument is a pattern of the
 * tests that are to run.
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

#define POINTS	12		/* of each row, unless HEAPRELAY_LONG */
#define MEMORY_MOST 1000	/* ... and then, of all of them */

static int64_t deaths;

/* A failed sync is the end; nothing else is, once the agent runs, but what
 * cannot be told from a damaged file. */
static void
see(const struct trial *t, const struct trial_end *e)
{
	deaths += e->died;
	if (e->died && e->starting) {
		assert_true(e->status == EXIT_IO ||
		    e->status == EXIT_CANTCREATE ||
		    e->status == EXIT_PERMISSION);
		return;
	}
	if (e->hit_op == FAULT_SYNC)
		assert_true(e->died);
	if (e->died)
		assert_int_equal(e->status, EXIT_IO);
	if (t->fault.kind != FAULT_EIO)
		assert_false(e->died);
}

static void
sweep(enum fault_op op, enum fault_kind kind, bool for_ever)
{
	const struct trial t = {
		.seed = 3 + (uint64_t)op,
		.fault = { .ops = 1u << op, .kind = kind,
		    .for_ever = for_ever },
		.loss = FAULT_PROCESS,
	};
	int64_t n;

	deaths = 0;
	n = trial_sweep(&t, POINTS, op == FAULT_MEMORY ? MEMORY_MOST :
	    INT64_MAX, see);
	print_message("%s: %" PRId64 " trials, %" PRId64 " ended the agent\n",
	    fault_op_name(op), n, deaths);
}

#define SWEEP(name, op, kind, for_ever)					\
static void								\
name(void **state)							\
{									\
	(void)state;							\
	sweep(op, kind, for_ever);					\
}

SWEEP(open_that_fails_is_survived, FAULT_OPEN, FAULT_EIO, false)
SWEEP(read_that_fails_once_is_survived, FAULT_READ, FAULT_EIO, false)
SWEEP(reads_that_fail_for_ever_are_survived, FAULT_READ, FAULT_EIO, true)
SWEEP(write_that_fails_once_is_survived, FAULT_WRITE, FAULT_EIO, false)
SWEEP(writes_that_fail_for_ever_are_survived, FAULT_WRITE, FAULT_EIO, true)
SWEEP(full_disk_for_a_moment_is_survived, FAULT_WRITE, FAULT_ENOSPC, false)
SWEEP(full_disk_heals_by_itself, FAULT_WRITE, FAULT_ENOSPC, true)
SWEEP(short_write_is_survived, FAULT_WRITE, FAULT_SHORT, false)
SWEEP(short_writes_for_ever_are_survived, FAULT_WRITE, FAULT_SHORT, true)
SWEEP(sync_that_fails_ends_the_agent, FAULT_SYNC, FAULT_EIO, false)
SWEEP(syncs_that_fail_for_ever_end_the_agent, FAULT_SYNC, FAULT_EIO, true)
SWEEP(lock_that_is_taken_is_survived, FAULT_LOCK, FAULT_EIO, false)
SWEEP(locks_that_fail_for_ever_are_survived, FAULT_LOCK, FAULT_EIO, true)
SWEEP(shared_memory_that_fails_is_survived, FAULT_SHM, FAULT_EIO, false)
SWEEP(shared_memory_that_fails_for_ever_is_survived, FAULT_SHM, FAULT_EIO,
    true)
SWEEP(memory_that_is_refused_once_is_survived, FAULT_MEMORY, FAULT_EIO, false)
SWEEP(memory_that_is_refused_for_ever_is_survived, FAULT_MEMORY, FAULT_EIO,
    true)

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_that_fails_is_survived),
		cmocka_unit_test(read_that_fails_once_is_survived),
		cmocka_unit_test(reads_that_fail_for_ever_are_survived),
		cmocka_unit_test(write_that_fails_once_is_survived),
		cmocka_unit_test(writes_that_fail_for_ever_are_survived),
		cmocka_unit_test(full_disk_for_a_moment_is_survived),
		cmocka_unit_test(full_disk_heals_by_itself),
		cmocka_unit_test(short_write_is_survived),
		cmocka_unit_test(short_writes_for_ever_are_survived),
		cmocka_unit_test(sync_that_fails_ends_the_agent),
		cmocka_unit_test(syncs_that_fail_for_ever_end_the_agent),
		cmocka_unit_test(lock_that_is_taken_is_survived),
		cmocka_unit_test(locks_that_fail_for_ever_are_survived),
		cmocka_unit_test(shared_memory_that_fails_is_survived),
		cmocka_unit_test(
		    shared_memory_that_fails_for_ever_is_survived),
		cmocka_unit_test(memory_that_is_refused_once_is_survived),
		cmocka_unit_test(memory_that_is_refused_for_ever_is_survived),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
