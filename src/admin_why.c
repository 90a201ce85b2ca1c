/*
 * admin_why.c - why an event is where it is: finds the facts
 *
 * Puts together what inspect knows of the event and of its place among
 * others, and what dispatch says by the arithmetic that it plans by.
 * admin_words.c has the words.
 */
#include <stdlib.h>
#include <string.h>

#include "admin_private.h"
#include "admin_why.h"

/* dispatch_visit: the lane of the event. */
static void
find_lane(const struct dispatch_lane *l, void *arg)
{
	struct why_facts *f = arg;

	if (l->lane != f->event->lane_id)
		return;
	f->breaker = *l->breaker;
	f->breaker_until = l->breaker_until;
	f->max_in_flight = l->config->max_in_flight;
	f->full = l->inflight >= (size_t)l->config->max_in_flight;
}

/* What each lane has of the event's identity; room for every one. */
struct lanes {
	struct dispatch_demand *demand;
	struct dispatch_share *share;
	size_t	n;
};

static void
add_lane(struct lanes *l, int64_t lane, int64_t busy_ms,
    const struct dispatch_share *share)
{
	l->share[l->n] = *share;
	l->demand[l->n] = (struct dispatch_demand){ .lane = lane,
	    .objects = share->objects, .busy_ms = busy_ms,
	    .share = &l->share[l->n], .share_n = share->identity != 0 };
	l->n++;
}

/* inspect_waiting_visit */
static void
take_share(const struct inspect_waiting *w, void *arg)
{
	struct dispatch_share *share = arg;

	*share = (struct dispatch_share){ w->identity, w->objects, w->ready };
}

/* Others that send to the same app take of the identity's windows, too. */
static void
add_others(struct lanes *l, struct admin *a, const struct why_facts *f)
{
	const struct outputs *outputs = a->parts.outputs;
	struct dispatch_share share;
	int64_t lane;
	size_t i;
	int kind;

	for (i = 0; i < outputs->n && f->place.identity != 0; i++)
		for (kind = 0; kind < HEAP_LANES; kind++) {
			lane = outputs->o[i].ids.lane[kind];
			share.objects = 0;
			if (lane == f->event->lane_id ||
			    !dispatch_together(a->parts.dispatch, lane,
			    f->event->lane_id))
				continue;
			inspect_identity(a->parts.inspect, lane,
			    f->place.identity, take_share, &share);
			if (share.objects > 0)
				add_lane(l, lane, f->place.busy_ms, &share);
		}
}

/* When it leaves, if what is before it of its identity goes first. */
static void
look_ahead(struct why_facts *f, struct admin *a, struct moment now)
{
	const struct inspect_event *e = f->event;
	size_t room = 1 + HEAP_LANES * a->parts.outputs->n;
	struct dispatch_share own = { f->place.identity, f->place.objects +
	    e->left, f->place.events + 1 };
	struct dispatch_forecast *told = xcalloc(room, sizeof(*told));
	struct lanes l = { xcalloc(room, sizeof(*l.demand)),
	    xcalloc(room, sizeof(*l.share)), 0 };

	add_lane(&l, e->lane_id, f->place.busy_ms, &own);
	if (e->due_at > now.wall)
		l.demand[0].due_at = e->due_at;
	add_others(&l, a, f);
	dispatch_forecast(a->parts.dispatch, now, l.demand, l.n, told);
	f->forecast = told[0];
	f->shared = l.n > 1;
	free(told);
	free(l.demand);
	free(l.share);
}

static void
look(struct why_facts *f, struct admin *a, struct moment now)
{
	/* Without its place, what can be said is still true. */
	inspect_place(a->parts.inspect, f->event, &f->place);
	dispatch_each(a->parts.dispatch, now, find_lane, f);
	f->erased = dispatch_held(a->parts.dispatch, f->place.identity);
	look_ahead(f, a, now);
}

cJSON *
admin_why(struct admin *a, struct moment now, const struct inspect_event *e)
{
	struct why_facts f = { .event = e, .now = now.wall };
	struct why_told t = { .blocked_by = NULL };
	cJSON *o = cJSON_CreateObject();

	if (strcmp(e->state, "queued") == 0)
		look(&f, a, now);
	why_tell(&t, &f);
	admin_put_text(o, "sentence", buf_str(&t.sentence));
	admin_put_text(o, "blocked_by", t.blocked_by);
	admin_put_at(o, "until", t.blocked_by != NULL &&
	    t.until != WHY_UNKNOWN ? t.until : 0);
	buf_free(&t.sentence);
	return o;
}
