/*
 * admin_metrics.c - figures for Prometheus, in its text format
 *
 * Knows the format, and the conventions of its names: base units, _total for
 * what only grows.  No label has an unbounded set of values: none is made of
 * identities.  Names of inputs and outputs need no escaping: config allows
 * a-z, 0-9, _ and - (and a development app adds a dot).
 */
#include <stdio.h>

#include "admin_private.h"
#include "histogram.h"
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

/* Microseconds as seconds, without zeros that say nothing. */
static void
put_seconds(struct buf *b, uint64_t us)
{
	buf_printf(b, "%llu", (unsigned long long)(us / 1000000));
	if (us % 1000000 == 0)
		return;
	buf_printf(b, ".%06llu", (unsigned long long)(us % 1000000));
	while (b->p[b->len - 1] == '0')
		buf_cut(b, b->len - 1);
}

/* Milliseconds as seconds, and the end of the line. */
static void
put_ms(struct buf *b, int64_t ms)
{
	buf_printf(b, " %lld.%03lld\n", (long long)(ms / 1000),
	    (long long)(ms % 1000));
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

/* --- durations -------------------------------------------------------- */

/* One line of a histogram; `label` is "" or NAME="VALUE". */
static void
put_part(struct buf *b, const char *name, const char *part, const char *label)
{
	buf_printf(b, "heaprelay_%s_%s", name, part);
	if (label[0] != '\0')
		buf_printf(b, "{%s}", label);
	buf_putc(b, ' ');
}

/* One histogram; `label` as above. */
static void
put_histogram(struct buf *b, const char *name, const char *label,
    const struct histogram *h)
{
	const char *comma = label[0] != '\0' ? "," : "";
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < h->bounds; i++) {
		n += h->count[i];
		buf_printf(b, "heaprelay_%s_bucket{%s%sle=\"", name, label,
		    comma);
		put_seconds(b, (uint64_t)h->bound[i]);
		buf_printf(b, "\"} %llu\n", (unsigned long long)n);
	}
	n += h->count[h->bounds];
	buf_printf(b, "heaprelay_%s_bucket{%s%sle=\"+Inf\"} %llu\n", name,
	    label, comma, (unsigned long long)n);
	put_part(b, name, "sum", label);
	put_seconds(b, h->sum);
	buf_putc(b, '\n');
	put_part(b, name, "count", label);
	buf_printf(b, "%llu\n", (unsigned long long)n);
}

static void
put_durations(struct buf *b, const struct admin_parts *parts)
{
	const struct dispatch_durations *d =
	    dispatch_durations(parts->dispatch);
	char label[40];
	int kind;

	head(b, "ingest_latency_seconds", "histogram", "From a whole ingest "
	    "request to its 202, which waits for the disk.");
	put_histogram(b, "ingest_latency_seconds", "",
	    parts->ingest_latency);
	head(b, "commit_duration_seconds", "histogram",
	    "What a transaction that wrote something took to commit.");
	put_histogram(b, "commit_duration_seconds", "",
	    parts->commit_duration);
	head(b, "turn_duration_seconds", "histogram", "What a turn of the loop "
	    "took from its first event on, without its commit.");
	put_histogram(b, "turn_duration_seconds", "", parts->turn_duration);
	head(b, "delivery_latency_seconds", "histogram", "From the reception "
	    "of an event to the 2xx that delivered it.");
	put_histogram(b, "delivery_latency_seconds", "", &d->delivery);
	head(b, "request_duration_seconds", "histogram",
	    "What requests to Heap took, by lane.");
	for (kind = 0; kind < HEAP_LANES; kind++) {
		snprintf(label, sizeof(label), "lane=\"%s\"",
		    heap_lane_name((enum heap_lane)kind));
		put_histogram(b, "request_duration_seconds", label,
		    &d->request[kind]);
	}
}

/* --- the way in ------------------------------------------------------- */

/* An input has a letter first, so "-" is none of them. */
static void
put_answer(const char *input, int status, uint64_t n, void *arg)
{
	buf_printf(arg, "heaprelay_ingest_answers_total{input=\"%s\","
	    "status=\"%d\"} %llu\n", input != NULL ? input : "-", status,
	    (unsigned long long)n);
}

static void
put_ingest(struct buf *b, struct admin *a, struct moment now)
{
	const struct config *c = a->parts.config;

	head(b, "ingest_answers_total", "counter", "Answers of the ingest "
	    "endpoints by input (\"-\": nobody's) and status.");
	answers_each(intake_answers(a->parts.intake), put_answer, b);
	gauge(b, "ingest_accepting", "1 if batches can be stored now, 0 if "
	    "they are answered 503.", !a->commit_failed &&
	    intake_unavailable(a->parts.intake, now) == NULL);
	gauge(b, "disk_free_bytes", "Bytes free on the disk of the queue; -1 "
	    "if that is not known.", intake_free_disk(a->parts.intake));
	gauge(b, "disk_min_free_bytes", "Below this, batches are answered "
	    "503: the setting min_free_disk.", c->min_free_disk);
	gauge(b, "queue_max_bytes", "Above this, batches are answered 503: "
	    "the setting max_queue_bytes; 0 means no limit.",
	    c->max_queue_bytes);
}

/* --- lanes and apps --------------------------------------------------- */

/* The labels of a lane, and the end of the name before them. */
static void
put_lane(struct buf *b, const char *name, const struct dispatch_lane *l)
{
	buf_printf(b, "heaprelay_%s{output=\"%s\",lane=\"%s\"", name,
	    l->output, heap_lane_name(l->kind));
}

static void
put_inflight(const struct dispatch_lane *l, void *arg)
{
	put_lane(arg, "requests_in_flight", l);
	buf_printf(arg, "} %zu\n", l->inflight);
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

	for (i = 0; i < HR_COUNT(states); i++) {
		put_lane(arg, "breaker", l);
		buf_printf(arg, ",state=\"%s\"} %d\n", breaker_name(states[i]),
		    l->breaker->state == states[i]);
	}
}

struct lanes_at {
	struct buf	*b;
	int64_t		 now;		/* wall */
};

static void
put_frozen(const struct dispatch_lane *l, void *arg)
{
	const struct lanes_at *at = arg;

	put_lane(at->b, "frozen_seconds", l);
	buf_putc(at->b, '}');
	put_ms(at->b, l->frozen_until > at->now ? l->frozen_until - at->now :
	    0);
}

static void
put_lanes(struct buf *b, struct dispatch *d, struct moment now)
{
	struct lanes_at at = { b, now.wall };

	head(b, "requests_in_flight", "gauge",
	    "Requests to Heap that are claimed or out.");
	dispatch_each(d, now, put_inflight, b);
	head(b, "breaker", "gauge",
	    "1 for the state that the breaker of a lane is in.");
	dispatch_each(d, now, put_breaker, b);
	head(b, "frozen_seconds", "gauge",
	    "How long a lane will send nothing because of a 429.");
	dispatch_each(d, now, put_frozen, &at);
}

/* Windows belong to apps; outputs that share one show the same. */
static void
put_windows(struct buf *b, const struct admin_parts *parts, struct moment now,
    bool limits)
{
	struct dispatch_window w[DISPATCH_WINDOWS];
	const struct outputs *o = parts->outputs;
	size_t i, k, n;

	for (i = 0; i < o->n; i++) {
		n = dispatch_windows(parts->dispatch, o->o[i].name, now, w);
		for (k = 0; k < n; k++)
			buf_printf(b, "heaprelay_window_%s{output=\"%s\","
			    "window=\"%s\"} %lld\n", limits ? "limit" : "used",
			    o->o[i].name, w[k].name,
			    (long long)(limits ? w[k].limit : w[k].used));
	}
}

static void
put_apps(struct buf *b, const struct admin_parts *parts, struct moment now)
{
	head(b, "window_used", "gauge", "Objects (users, of user properties) "
	    "that occupy the window of an output's app.");
	put_windows(b, parts, now, false);
	head(b, "window_limit", "gauge", "How many may, the learnt factor "
	    "included.");
	put_windows(b, parts, now, true);
}

/* --- what is stored --------------------------------------------------- */

static void
put_events(const struct inspect_output *o, void *arg)
{
	int i;

	for (i = 0; i < INSPECT_STATES; i++)
		buf_printf(arg, "heaprelay_events{output=\"%s\",state=\"%s\"} "
		    "%lld\n", o->name,
		    inspect_count_name((enum inspect_count)i),
		    (long long)o->count[i]);
}

static void
put_paused(const struct inspect_output *o, void *arg)
{
	if (o->app_id != NULL)
		buf_printf(arg, "heaprelay_output_paused{output=\"%s\"} %d\n",
		    o->name, o->paused_at != 0);
}

static void
put_factor(const struct inspect_output *o, void *arg)
{
	if (o->app_id != NULL)
		buf_printf(arg, "heaprelay_app_factor{output=\"%s\"} %.3f\n",
		    o->name, o->factor);
}

static void
put_due(const char *output, int64_t since, void *arg)
{
	const struct lanes_at *at = arg;

	buf_printf(at->b, "heaprelay_oldest_due_seconds{output=\"%s\"}",
	    output);
	put_ms(at->b, since != 0 ? at->now - since : 0);
}

/* What the database knows; false: it cannot be read. */
static bool
put_stored(struct buf *b, struct admin *a, int64_t now)
{
	struct inspect *in = a->parts.inspect;
	struct lanes_at at = { b, now };

	head(b, "events", "gauge", "Stored events by output and state.");
	if (inspect_outputs(in, put_events, b) != INSPECT_OK)
		return false;
	head(b, "output_paused", "gauge", "1 if an operator has paused it.");
	if (inspect_outputs(in, put_paused, b) != INSPECT_OK)
		return false;
	head(b, "app_factor", "gauge", "The part of app_limit that is used, "
	    "since others send to the app as well.");
	if (inspect_outputs(in, put_factor, b) != INSPECT_OK)
		return false;
	head(b, "oldest_due_seconds", "gauge", "How long the event that has "
	    "been due longest could have left already.");
	if (inspect_due(in, now, put_due, &at) != INSPECT_OK)
		return false;
	gauge(b, "database_bytes", "Bytes of the database, free pages not "
	    "counted.", queue_bytes(a->parts.queue));
	gauge(b, "wal_bytes", "Bytes of the database's write-ahead log.",
	    queue_wal_bytes(a->parts.queue));
	return true;
}

static void
put_program(struct buf *b, const struct admin *a)
{
	head(b, "build_info", "gauge", "The program's version, as a label.");
	buf_printf(b, "heaprelay_build_info{version=\"%s\"} 1\n",
	    PACKAGE_VERSION);
	head(b, "start_time_seconds", "gauge",
	    "When the agent started, in seconds since the epoch.");
	buf_puts(b, "heaprelay_start_time_seconds");
	put_ms(b, a->parts.started_at);
	gauge(b, "live_readers", "Readers of the live stream.",
	    (int64_t)live_readers(a->parts.live));
}

void
admin_get_metrics(struct admin_call *call)
{
	struct admin *a = call->admin;
	struct buf b = BUF_INIT;

	put_counters(&b);
	put_durations(&b, &a->parts);
	put_ingest(&b, a, call->now);
	put_lanes(&b, a->parts.dispatch, call->now);
	put_apps(&b, &a->parts, call->now);
	put_program(&b, a);
	if (put_stored(&b, a, call->now.wall))
		admin_text(call, "text/plain; version=0.0.4; charset=utf-8",
		    b.p, b.len);
	else
		admin_cannot_read(call);
	buf_free(&b);
}
