/*
 * admin_why.c - one sentence: what holds an event, what releases it, when
 *
 * Knows the words for what dispatch says of an event by the arithmetic that
 * it plans by, and which of its holds an event's place among others is.
 */
#include <stdio.h>
#include <string.h>

#include "admin_private.h"

#define UNKNOWN		INT64_MAX	/* it ends, but nobody can say when */
#define NO_DATE		(INT64_MAX / 8)	/* later than any date: see next_at */

struct hold {
	const char	*by;		/* blocked_by; NULL: nothing holds it */
	int64_t		 until;		/* wall ms or UNKNOWN */
	struct why	 sentence;
};

static void
hold(struct hold *h, const char *by, int64_t until, const char *sentence)
{
	h->by = by;
	h->until = until;
	why_set(&h->sentence, "%s", sentence);
}

/* The lane of an event, copied from dispatch's. */
struct lane_found {
	int64_t		 id;
	struct breaker	 breaker;
	int64_t		 breaker_until;
	bool		 full;		/* no further request may be out */
};

static void
find_lane(const struct dispatch_lane *l, void *arg)
{
	struct lane_found *f = arg;

	if (l->lane != f->id)
		return;
	f->breaker = *l->breaker;
	f->breaker_until = l->breaker_until;
	f->full = l->inflight >= (size_t)l->config->max_in_flight;
}

static void
hold_by_breaker(struct hold *h, const struct lane_found *l)
{
	int64_t until = l->breaker_until != 0 ? l->breaker_until : UNKNOWN;
	struct why why;

	switch (l->breaker.state) {
	case BREAKER_CLOSED:
		return;
	case BREAKER_OPEN:
		why_set(&why, "Heap failed several times in a row (%s); the "
		    "breaker is open, and a probe decides when it has waited.",
		    l->breaker.last_error);
		break;
	case BREAKER_HALF_OPEN:
		why_set(&why, "Heap failed several times in a row (%s); a "
		    "probe is out, and its answer decides.",
		    l->breaker.last_error);
		break;
	case BREAKER_CONFIG:
		why_set(&why, "Heap's answer (%s) looks as if the output were "
		    "misconfigured; a reload, or the next probe, tries "
		    "again.", l->breaker.last_error);
		break;
	case BREAKER_REFUSING:
		why_set(&why, "Heap refuses everything that is sent (%s), so "
		    "the fault is not in the events; a reload, or the next "
		    "probe, tries again.", l->breaker.last_error);
		break;
	}
	hold(h, "breaker", until, why.text);
}

/* 1240 as 1,240. */
static const char *
grouped(int64_t n, char out[32])
{
	char digits[24];
	size_t len, i, k = 0;

	len = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)n);
	for (i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[k++] = ',';
		out[k++] = digits[i];
	}
	out[k] = '\0';
	return out;
}

/* 12:03:04Z, begun seconds counted; with its date if that is not today's. */
static const char *
short_time(int64_t at, int64_t now, char out[CLOCK_TEXT])
{
	char full[CLOCK_TEXT], today[CLOCK_TEXT];

	clock_text(at + 999, full);
	clock_text(now, today);
	full[strcspn(full, ".")] = '\0';
	if (strncmp(full, today, strlen("2026-11-24")) == 0)
		snprintf(out, CLOCK_TEXT, "%sZ", strchr(full, 'T') + 1);
	else
		snprintf(out, CLOCK_TEXT, "%.30sZ", full);
	return out;
}

/* " behind 1,240 objects", if any are before it. */
static const char *
behind(const struct inspect_place *p, char out[64])
{
	char n[32];

	out[0] = '\0';
	if (p->objects > 0)
		snprintf(out, 64, " behind %s%s object%s",
		    p->events >= INSPECT_MANY ? "more than " : "",
		    grouped(p->objects, n), p->objects == 1 ? "" : "s");
	return out;
}

static void
hold_by_window(struct hold *h, const struct inspect_place *p,
    const struct dispatch_forecast *f, int64_t now)
{
	const char *window = dispatch_bound_name(f->bound_by);
	char place[64], at[CLOCK_TEXT];
	struct why why;

	if (f->flying)
		why_set(&why, "It waits for %s of %s%s, which requests that "
		    "are on their way use until they are answered; it leaves "
		    "at about %s.", window, f->identity != 0 ?
		    "its identity" : "its app", behind(p, place),
		    short_time(f->leaves_at, now, at));
	else
		why_set(&why, "It waits for %s of %s%s and leaves at %s at "
		    "the earliest.", window, f->identity != 0 ?
		    "its identity" : "its app", behind(p, place),
		    short_time(f->leaves_at, now, at));
	hold(h, f->flying ? "flight" : "window",
	    f->flying ? UNKNOWN : f->leaves_at, why.text);
}

static void
hold_by_freeze(struct hold *h, const struct dispatch_forecast *f)
{
	hold(h, "window", f->leaves_at, f->identity != 0 ?
	    "Heap answered 429 for its identity, which waits as long as it "
	    "was told." : "Heap answered 429 for many identities; the lane "
	    "waits as long as it was told.");
}

/* Dispatch knows of nothing: but the planner may have put its identity off,
 * since the app had no room for its next event, say. */
static void
hold_by_turn(struct hold *h, const struct inspect_event *e,
    const struct inspect_place *p, int64_t now)
{
	char place[64], at[CLOCK_TEXT];
	struct why why;

	if (e->suspect) {
		hold(h, NULL, 0, "Nothing holds it: it is sent apart from "
		    "others, since Heap refused them together.");
	} else if (e->next_at > NO_DATE) {
		hold(h, "flight", UNKNOWN, "Requests of its identity are on "
		    "their way; it leaves when they are answered.");
	} else if (e->next_at > now + 1) {
		why_set(&why, "The next event of its identity waits for "
		    "room; it leaves at %s at the earliest.",
		    short_time(e->next_at, now, at));
		hold(h, "window", e->next_at, why.text);
	} else {
		why_set(&why, "Nothing holds it: it leaves when its turn "
		    "comes%s.", behind(p, place));
		hold(h, NULL, 0, why.text);
	}
}

/* When it leaves, if what is before it of its identity goes first. */
static struct dispatch_forecast
forecast_of(struct admin *a, struct moment now, const struct inspect_event *e,
    const struct inspect_place *p)
{
	struct dispatch_share share = { p->identity,
	    p->objects + e->left, p->events + 1 };
	struct dispatch_demand d = { .lane = e->lane_id,
	    .objects = share.objects, .busy_ms = p->busy_ms,
	    .due_at = e->due_at > now.wall ? e->due_at : 0,
	    .share = &share,
	    .share_n = p->identity != 0 };
	struct dispatch_forecast f;

	dispatch_forecast(a->parts.dispatch, now, &d, 1, &f);
	return f;
}

static void
why_queued(struct hold *h, struct admin *a, struct moment now,
    const struct inspect_event *e)
{
	struct lane_found l = { .id = e->lane_id };
	struct dispatch_forecast f;
	struct inspect_place p;

	/* Without its place, what can be said is still true. */
	inspect_place(a->parts.inspect, e, &p);
	f = forecast_of(a, now, e, &p);
	switch (f.bound_by) {
	case DISPATCH_OUTPUT:
		hold(h, "output", UNKNOWN, "Its output is not in the "
		    "configuration; it waits until the output is back.");
		break;
	case DISPATCH_PAUSE:
		hold(h, "pause", UNKNOWN, "Its output is paused; it waits "
		    "until somebody resumes it.");
		break;
	case DISPATCH_BREAKER:
		dispatch_each(a->parts.dispatch, now, find_lane, &l);
		hold_by_breaker(h, &l);
		break;
	case DISPATCH_FROZEN:
		hold_by_freeze(h, &f);
		break;
	case DISPATCH_BACKOFF:
		hold(h, "backoff", e->due_at, "Its last request failed; it is "
		    "sent again after a pause that grows with each failure.");
		break;
	case DISPATCH_ORDER:
		hold(h, "order", UNKNOWN, "An earlier update of its identity "
		    "is on its way, and properties keep their order.");
		break;
	case DISPATCH_NOTHING:
		dispatch_each(a->parts.dispatch, now, find_lane, &l);
		if (l.full)
			hold(h, "flight", UNKNOWN, "As many requests as "
			    "max_in_flight allows are on their way; it leaves "
			    "when one is answered and its turn comes.");
		else
			hold_by_turn(h, e, &p, now.wall);
		break;
	case DISPATCH_APP_LIMIT:
	case DISPATCH_IDENTITY_LIMIT:
	case DISPATCH_TRACK_LIMIT:
	case DISPATCH_PROPERTIES_LIMIT:
	case DISPATCH_PROPERTIES_APP_LIMIT:
		hold_by_window(h, &p, &f, now.wall);
		break;
	}
}

/* Of what is over, or waits for a person. */
static void
why_other(struct hold *h, const struct inspect_event *e)
{
	char at[CLOCK_TEXT];

	if (strcmp(e->state, "stuck") == 0)
		why_set(&h->sentence, "It is stuck (%s)%s%s and waits for "
		    "somebody to replay or discard it.", e->reason,
		    e->last_error != NULL ? ": " : "",
		    e->last_error != NULL ? e->last_error : "");
	else if (strcmp(e->state, "skipped") == 0 && e->merged_into != 0)
		why_set(&h->sentence, "It is over: event %lld carries it.",
		    (long long)e->merged_into);
	else if (strcmp(e->state, "skipped") == 0)
		why_set(&h->sentence, "It is over: it was not to be sent "
		    "(%s).", e->reason);
	else if (strcmp(e->state, "delivered") == 0)
		why_set(&h->sentence, "It is over: Heap has it since %s.",
		    clock_text(e->ended_at, at));
	else
		why_set(&h->sentence, "It is over: it was discarded at %s.",
		    clock_text(e->ended_at, at));
}

cJSON *
admin_why(struct admin *a, struct moment now, const struct inspect_event *e)
{
	struct hold h = { .by = NULL };
	cJSON *o = cJSON_CreateObject();

	if (strcmp(e->state, "queued") == 0)
		why_queued(&h, a, now, e);
	else if (strcmp(e->state, "inflight") == 0)
		hold(&h, "flight", UNKNOWN, "It is on its way to Heap, whose "
		    "answer decides.");
	else
		why_other(&h, e);
	admin_put_text(o, "sentence", h.sentence.text);
	admin_put_text(o, "blocked_by", h.by);
	admin_put_at(o, "until", h.by != NULL && h.until != UNKNOWN ?
	    h.until : 0);
	return o;
}
