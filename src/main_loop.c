/*
 * main_loop.c - the turn, and what it does in which order
 *
 * Holds the one invariant of the program: nothing leaves the process, no
 * acknowledgement and no request, before the turn that produced it is durable.
 */
#include <time.h>

#include <event2/event.h>

#include "clock.h"
#include "log.h"
#include "main_private.h"
#include "notify.h"

#define FAILED_TURN_MS	1000	/* until what failed is tried again */
#define RETAIN_MS	60000	/* between looks at what is too old */
#define RETAIN_SLICE_MS	50	/* between slices while there is more */
#define RETAIN_PATIENCE_MS 10000 /* a slice that overdue does not give way */
#define WINDOWS_KEEP_MS	86400000 /* requests that the windows may need */
#define LONG_TURN_US	5000	/* slices are left to the next turn then */
#define SAY_AGAIN_MS	60000	/* between lines about failing commits */
#define GATHER_NAP_US	50	/* between looks at who has asked again */

/* --- the end of a transaction --------------------------------------------- */

/* What fails turn after turn is said once a minute: the log may lie on the
 * disk that is full. */
static void
say_whether_stored(struct agent *a, bool durable)
{
	int64_t now = clock_now().boot;
	const char *error = queue_checkpoint_error(a->queue);

	if (error[0] != '\0')
		log_often(now, LOG_ERROR, "checkpoint", "main: the WAL cannot "
		    "be emptied and grows error=%s", log_value(error));
	/* A turn that wrote nothing proves nothing. */
	if (durable && stat_get(STAT_commits) == a->commits)
		return;
	a->commits = stat_get(STAT_commits);
	if (durable && a->failing)
		log_info("main: can store again");
	if (!durable && (!a->failing || now - a->said_at >= SAY_AGAIN_MS)) {
		log_error("main: cannot store, what waited is answered 503 "
		    "error=%s", log_value(queue_error(a->queue)));
		a->said_at = now;
	}
	a->failing = !durable;
}

bool
agent_commit(struct agent *a)
{
	uint64_t commits = stat_get(STAT_commits);
	int64_t begin_us = clock_stopwatch();
	bool durable = queue_commit(a->queue);
	int64_t took_us = clock_stopwatch() - begin_us;

	/* One that wrote nothing took no time worth counting. */
	if (stat_get(STAT_commits) != commits) {
		histogram_note(&a->commit_duration, took_us, 1);
		gather_note(&a->gather, took_us);
	}
	a->commit_us += took_us;
	intake_ended(a->intake, durable);
	stat_settle(durable);
	erase_ended(a->erase, durable, clock_now());
	backup_ended(a->backup, durable);
	live_committed(a->live, clock_now().wall);
	say_whether_stored(a, durable);
	return durable;
}

/* --- a turn --------------------------------------------------------------- */

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Would somebody wait for a slice of what has time? */
static bool
hurries(const struct agent *a)
{
	return http_held(a->http) > 0 || clock_turn_us() > LONG_TURN_US;
}

/* Removes what is too old, a slice at a time, when a turn has nothing better
 * to do.  ms until the next look. */
static int64_t
retain(struct agent *a, struct moment now)
{
	struct queue_keep keep = {
		.delivered_ms = a->config->keep_delivered_ms,
		.skipped_ms = a->config->keep_skipped_ms,
		.discarded_ms = a->config->keep_discarded_ms,
		.requests_ms = a->config->keep_requests_ms > WINDOWS_KEEP_MS ?
		    a->config->keep_requests_ms : WINDOWS_KEEP_MS,
		.dedup_ms = a->config->keep_dedup_ms,
	};

	if (now.boot < a->retain_at)
		return a->retain_at - now.boot;
	if (http_held(a->http) > 0 &&
	    now.boot < a->retain_at + RETAIN_PATIENCE_MS)
		return RETAIN_SLICE_MS;
	/* A job makes all turns long, so that is a reason only once. */
	if (hurries(a) && now.boot < a->retain_at + RETAIN_SLICE_MS)
		return RETAIN_SLICE_MS;
	if (queue_begin(a->queue) != QUEUE_READY)
		return RETAIN_SLICE_MS;
	a->retain_at = now.boot + (queue_prune(a->queue, &keep, now) ?
	    RETAIN_SLICE_MS : RETAIN_MS);
	return a->retain_at - now.boot;
}

/* A turn that came to its end is the progress that the watchdog asks for. */
static int64_t
feed_watchdog(struct agent *a, struct moment now)
{
	if (a->watchdog_ms == 0)
		return INT64_MAX;
	if (now.boot - a->watchdog_at >= a->watchdog_ms) {
		notify("WATCHDOG=1");
		a->watchdog_at = now.boot;
	}
	return a->watchdog_at + a->watchdog_ms - now.boot;
}

/* What a turn does between the events and the next sleep; ms to sleep. */
static int64_t
turn(struct agent *a)
{
	struct moment now = clock_now();
	int64_t wait;
	bool durable, busy;

	if (a->reload || admin_wants_reload(a->admin))
		agent_reload(a);
	wait = intake_turn(a->intake, now);
	wait = least(wait, admin_turn(a->admin, now));
	wait = least(wait, dispatch_plan(a->dispatch, now));
	if (a->stop_at == 0) {
		wait = least(wait, jobs_turn(a->jobs, now, hurries(a)));
		wait = least(wait, erase_turn(a->erase, now, hurries(a)));
		wait = least(wait, backup_turn(a->backup, now));
		wait = least(wait, retain(a, now));
	}
	busy = hurries(a);
	durable = agent_commit(a);
	/* Whoever had more to write than one turn takes would try it anew at
	 * once, and again and again. */
	if (!durable)
		wait = FAILED_TURN_MS;
	http_release(a->http, durable);
	dispatch_launch(a->dispatch, durable);
	wait = least(wait, erase_purge(a->erase, now));
	wait = least(wait, backup_slice(a->backup, now, busy));
	wait = least(wait, admin_after(a->admin, now));
	wait = least(wait, live_turn(a->live, a->dispatch, now));
	wait = least(wait, feed_watchdog(a, now));
	wait = least(wait, log_turn(now.boot));
	return wait;
}

static bool
finished(struct agent *a)
{
	if (a->stop_at == 0)
		return false;
	return (dispatch_flights(a->dispatch) == 0 &&
	    http_busy(a->http) == 0) || clock_now().boot >= a->stop_at;
}

static void
set_alarm(struct agent *a, int64_t wait)
{
	struct timeval tv;

	if (a->stop_at != 0)
		wait = least(wait, least(100, a->stop_at - clock_now().boot));
	if (wait == INT64_MAX) {
		event_del(a->alarm);
		return;
	}
	if (wait < 0)
		wait = 0;
	tv.tv_sec = (time_t)(wait / 1000);
	tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
	event_add(a->alarm, &tv);
}

/*
 * Where a commit takes long, whoever comes in the meantime waits for the next
 * one.  So those that will ask again at once, as their answers have just left,
 * are waited for, a little.
 */
static void
gather(struct agent *a)
{
	static const struct timespec nap = { 0, GATHER_NAP_US * 1000 };
	int64_t left_us = gather_idle_us(&a->gather), begin_us, idle_us;
	size_t held = http_held(a->http), before;

	while (held > 0 && left_us > 0 && held < http_lately(a->http)) {
		before = held;
		begin_us = clock_stopwatch();
		if (event_base_loop(a->base,
		    EVLOOP_ONCE | EVLOOP_NONBLOCK) == -1)
			fatal(EXIT_INTERNAL, "main: the event loop failed");
		held = http_held(a->http);
		if (held > before)
			continue;
		nanosleep(&nap, NULL);
		idle_us = clock_stopwatch() - begin_us;
		left_us -= idle_us;
		a->commit_us += idle_us;
	}
}

void
agent_loop(struct agent *a)
{
	int64_t wait = 0;

	while (!finished(a)) {
		set_alarm(a, wait);
		clock_turn();
		if (event_base_loop(a->base, wait == 0 ?
		    EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE) == -1)
			fatal(EXIT_INTERNAL, "main: the event loop failed");
		gather(a);
		wait = turn(a);
		histogram_note(&a->turn_duration,
		    clock_turn_us() - a->commit_us, 1);
		a->commit_us = 0;
	}
}
