/*
 * admin_metrics.c - figures for Prometheus, in its text format
 *
 * Knows the format.  No label has an unbounded set of values: none is made of
 * identities.
 */
#include <string.h>

#include "admin_private.h"
#include "log.h"

static void
head(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_printf(b, "# HELP heaprelay_%s %s\n# TYPE heaprelay_%s %s\n", name,
	    help, name, type);
}

static void
gauge(struct buf *b, const char *name, const char *help, int64_t value)
{
	head(b, name, "gauge", help);
	buf_printf(b, "heaprelay_%s %lld\n", name, (long long)value);
}

/* Milliseconds as seconds. */
static void
gauge_seconds(struct buf *b, const char *name, const char *help, int64_t ms)
{
	head(b, name, "gauge", help);
	buf_printf(b, "heaprelay_%s %lld.%03lld\n", name,
	    (long long)(ms / 1000), (long long)(ms % 1000));
}

static void
put_counters(struct buf *b)
{
	struct buf name = BUF_INIT;
	int i;

	for (i = 0; i < STAT_COUNT; i++) {
		buf_reset(&name);
		buf_printf(&name, "%s_total", stat_name((enum stat_id)i));
		head(b, buf_str(&name), "counter",
		    stat_help((enum stat_id)i));
		buf_printf(b, "heaprelay_%s %llu\n", buf_str(&name),
		    (unsigned long long)stat_get((enum stat_id)i));
	}
	buf_free(&name);
}

/* Names of outputs need no escaping: config allows a-z, 0-9, _ and - (and a
 * development app adds a dot). */
static void
put_events(const struct inspect_output *o, void *arg)
{
	struct buf *b = arg;
	int i;

	for (i = 0; i < INSPECT_STATES; i++)
		buf_printf(b, "heaprelay_events{output=\"%s\",state=\"%s\"} "
		    "%lld\n", o->name,
		    inspect_count_name((enum inspect_count)i),
		    (long long)o->count[i]);
}

static void
put_inflight(const struct dispatch_lane *l, void *arg)
{
	buf_printf(arg, "heaprelay_requests_in_flight{output=\"%s\","
	    "lane=\"%s\"} %zu\n", l->output, heap_lane_name(l->kind),
	    l->inflight);
}

/* One line a state, of which exactly one is 1. */
static void
put_breaker(const struct dispatch_lane *l, void *arg)
{
	static const enum breaker_state states[] = {
		BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN,
		BREAKER_CONFIG, BREAKER_REFUSING
	};
	size_t i;

	for (i = 0; i < HR_COUNT(states); i++)
		buf_printf(arg, "heaprelay_breaker{output=\"%s\",lane=\"%s\","
		    "state=\"%s\"} %d\n", l->output, heap_lane_name(l->kind),
		    breaker_name(states[i]), l->breaker->state == states[i]);
}

static void
put_paused(const struct inspect_output *o, void *arg)
{
	buf_printf(arg, "heaprelay_output_paused{output=\"%s\"} %d\n",
	    o->name, o->paused_at != 0);
}

/* What the database knows; false: it cannot be read. */
static bool
put_stored(struct buf *b, struct admin *a, int64_t now)
{
	int64_t since;

	head(b, "events", "gauge", "Stored events by output and state.");
	if (inspect_outputs(a->parts.inspect, put_events, b) != INSPECT_OK ||
	    inspect_oldest_due(a->parts.inspect, now, &since) != INSPECT_OK)
		return false;
	head(b, "output_paused", "gauge", "1 while nothing is sent for the "
	    "output because somebody has paused it.");
	if (inspect_outputs(a->parts.inspect, put_paused, b) != INSPECT_OK)
		return false;
	gauge_seconds(b, "oldest_due_seconds", "How long the event that has "
	    "been due longest could have left already.",
	    since != 0 ? now - since : 0);
	gauge(b, "database_bytes", "Bytes of the database, free pages not "
	    "counted.", queue_bytes(a->parts.queue));
	gauge(b, "wal_bytes", "Bytes of the database's write-ahead log.",
	    queue_wal_bytes(a->parts.queue));
	return true;
}

void
admin_get_metrics(struct admin_call *call)
{
	struct admin *a = call->admin;
	struct buf b = BUF_INIT;

	put_counters(&b);
	head(&b, "requests_in_flight", "gauge",
	    "Requests to Heap that are claimed or out.");
	dispatch_each(a->parts.dispatch, call->now, put_inflight, &b);
	head(&b, "breaker", "gauge",
	    "1 for the state that the breaker of a lane is in.");
	dispatch_each(a->parts.dispatch, call->now, put_breaker, &b);
	gauge(&b, "live_readers", "Readers of the live stream.",
	    (int64_t)live_readers(a->parts.live));
	head(&b, "build_info", "gauge", "The program's version, as a label.");
	buf_printf(&b, "heaprelay_build_info{version=\"%s\"} 1\n",
	    PACKAGE_VERSION);
	gauge_seconds(&b, "start_time_seconds",
	    "When the agent started, in seconds since the epoch.",
	    a->parts.started_at);
	if (put_stored(&b, a, call->now.wall))
		admin_text(call, "text/plain; version=0.0.4; charset=utf-8",
		    b.p, b.len);
	else
		admin_cannot_read(call);
	buf_free(&b);
}
