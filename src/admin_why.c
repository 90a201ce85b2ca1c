/*
 * admin_why.c - one sentence: what holds an event, what releases it, when
 *
 * Knows what may hold an event, and that of several holds the one that ends
 * last is the one to tell of.
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

/* A hold, unless one that ends later was told already. */
static void
hold(struct hold *h, const char *by, int64_t until, const char *sentence)
{
	if (h->by != NULL && until <= h->until)
		return;
	h->by = by;
	h->until = until;
	why_set(&h->sentence, "%s", sentence);
}

/* The lane of an event, copied from dispatch's. */
struct lane_found {
	int64_t		 id;
	bool		 found;
	int64_t		 frozen_until;
	struct breaker	 breaker;
	int64_t		 breaker_until;
};

static void
find_lane(const struct dispatch_lane *l, void *arg)
{
	struct lane_found *f = arg;

	if (l->lane != f->id)
		return;
	f->found = true;
	f->frozen_until = l->frozen_until;
	f->breaker = *l->breaker;
	f->breaker_until = l->breaker_until;
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

static void
hold_by_identity(struct hold *h, const struct inspect_event *e, int64_t now)
{
	if (e->next_at <= now || e->due_at > now || e->suspect)
		return;
	if (e->next_at < NO_DATE)
		hold(h, "window", e->next_at, "The windows of its identity "
		    "have no room before then.");
	else if (strcmp(e->lane, heap_lane_name(HEAP_USER_PROPERTIES)) == 0)
		hold(h, "order", UNKNOWN, "An earlier update of its identity "
		    "is on its way, and properties keep their order.");
	else
		hold(h, "flight", UNKNOWN, "Requests of its identity are on "
		    "their way and use its windows until they are answered.");
}

static void
why_queued(struct hold *h, struct admin *a, struct moment now,
    const struct inspect_event *e)
{
	struct lane_found l = { .id = e->lane_id };

	dispatch_each(a->parts.dispatch, now, find_lane, &l);
	if (!l.found)
		hold(h, "output", UNKNOWN, "Its output is not in the "
		    "configuration; it waits until the output is back.");
	if (e->paused)
		hold(h, "pause", UNKNOWN, "Its output is paused; it waits "
		    "until somebody resumes it.");
	if (l.found)
		hold_by_breaker(h, &l);
	if (l.frozen_until > now.wall)
		hold(h, "window", l.frozen_until, "Heap answered 429 for many "
		    "identities; the lane waits as long as it was told.");
	if (e->due_at > now.wall)
		hold(h, "backoff", e->due_at, "Its last request failed; it is "
		    "sent again after a pause that grows with each failure.");
	hold_by_identity(h, e, now.wall);
	if (h->by == NULL)
		why_set(&h->sentence, "%s", e->suspect ?
		    "Nothing holds it: it is sent apart from others, since "
		    "Heap refused them together." :
		    "Nothing holds it: it leaves when its turn comes.");
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
