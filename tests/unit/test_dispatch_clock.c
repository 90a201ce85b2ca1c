/*
 * test_dispatch_clock.c - time that passes within a turn
 *
 * The other tests of the dispatcher set the clock, which then stands still.
 * Here the linker puts the fixture's time before that of the system, so that
 * the turn's memory of it (clock.c) is the real one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "clock.h"
#include "dispatch_fixture.h"

#define LATE_MS		4000	/* between a turn's begin and its answers */

static struct moment begun;	/* as the fixture has it */
static int64_t passed;		/* since, in this turn */

void	__wrap_clock_set(struct moment);
int	__wrap_clock_gettime(clockid_t, struct timespec *);

/* A turn begins, and reads the clock as main's does. */
void
__wrap_clock_set(struct moment m)
{
	begun = m;
	passed = 0;
	clock_forget();
	(void)clock_now();
	passed = LATE_MS;
}

int
__wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int64_t ms = passed + (id == CLOCK_BOOTTIME ? begun.boot :
	    begun.wall);

	ts->tv_sec = (time_t)(ms / 1000);
	ts->tv_nsec = (long)(ms % 1000 * 1000000);
	return 0;
}

static void
verdict_note_ends_a_request_when_it_is_told_of_the_answer(void **state)
{
	struct fixture *f = *state;
	int64_t answered;

	put_track(f, 0, "ada", 1, false);
	fixture_turn(f);
	answered = f->posts[0].answer_at;
	fixture_drain(f, 60000);

	assert_int_equal(ask(f, "SELECT ended_at FROM request"),
	    START_WALL + answered - START_BOOT + LATE_MS);
}

static void
verdict_note_keeps_the_window_shut_from_then_on(void **state)
{
	struct fixture *f = *state;
	int64_t answered;

	f->settings[0].track_limit.n = 1;
	f->settings[0].track_limit.window_ms = 10000;
	fixture_reload(f);
	put_track(f, 0, "ada", 1, false);
	fixture_turn(f);
	answered = f->posts[0].answer_at;
	fixture_run(f, 100);
	put_track(f, 0, "ada", 1, false);
	fixture_drain(f, 60000);

	assert_int_equal(f->posts_n, 2);
	assert_true(f->posts[1].at >= answered + LATE_MS + 10000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DISPATCH_TEST(
		    verdict_note_ends_a_request_when_it_is_told_of_the_answer),
		DISPATCH_TEST(verdict_note_keeps_the_window_shut_from_then_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
