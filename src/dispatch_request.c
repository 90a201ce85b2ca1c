/*
 * dispatch_request.c - which events travel in the next request of a lane
 *
 * Groups under suspicion travel each by itself, every other request at most.
 */
#include <stdlib.h>

#include "dispatch_fill.h"
#include "log.h"

/* queue_take for a group: its identities come mixed, so each event is judged
 * by what its own identity has left. */
static bool
take_suspect(const struct queue_row *row, void *arg)
{
	struct filling *f = arg;
	struct lane *l = f->lane;
	size_t i, before = f->n;
	bool more, known = false;

	f->room = identity_room(l->app, l->kind, row->identity, f->now.boot);
	for (i = 0; i < f->n; i++)
		if (f->events[i].identity == row->identity) {
			f->room -= (int64_t)f->events[i].objects;
			known = true;
		}
	if (!known && fill_carries_enough(f))
		return true;
	f->share = HEAP_MAX_OBJECTS;
	more = fill_take(row, f);
	if (!known && f->n > before)
		f->carried++;
	if (more)
		return true;
	if (f->n > 0)
		/* One without room does not hold up the others. */
		return f->stop == STOP_ROOM && !f->one;
	if (f->stop == STOP_APP)
		app_short(l, row->id, 0, f->need, f->now.boot);
	fill_may_go_at(f, f->stop == STOP_ROOM ? identity_next(l->app, l->kind,
	    row->identity, f->need, f->now.boot) : fill_room_at(f));
	return f->stop == STOP_ROOM;
}

/* The first group that may go; false: none. */
static bool
fill_group(struct filling *f, struct queue_group *g)
{
	struct lane *l = f->lane;
	int64_t ordinary_at = f->next_at;

	g->id = 0;
	if (l->groups_at > f->now.boot)
		return false;
	f->next_at = INT64_MAX;
	while (queue_group(l->dispatch->queue, l->id, g->id, g)) {
		queue_group_ready(l->dispatch->queue, l->id, g->id,
		    take_suspect, f);
		if (f->n > 0)
			return true;
	}
	g->id = 0;
	l->groups_at = f->next_at > f->now.boot ? f->next_at :
	    f->now.boot + 1;
	f->next_at = ordinary_at;
	return false;
}

/* The body in its form: flat for exactly one plain object. */
static void
finish_body(struct filling *f, struct flight *flight)
{
	if (f->n == 1 && f->body.objects == 1 && !f->bulk_only) {
		flight->form = HEAP_FLAT;
		heap_flat(&flight->body, f->lane->output->app_id,
		    f->body.text.p + f->prefix,
		    f->body.text.len - f->prefix);
		buf_free(&f->body.text);
		return;
	}
	flight->form = HEAP_BULK;
	heap_body_end(&f->body);
	flight->body = f->body.text;
}

static struct flight *
claim(struct filling *f, const struct queue_group *g)
{
	struct flight *flight = xcalloc(1, sizeof(*flight));

	flight->lane = f->lane;
	flight->app = f->lane->app;
	flight->state = FLIGHT_CLAIMED;
	flight->era = f->lane->era;
	flight->group = g->id;
	flight->probe = f->one;
	flight->events = f->events;
	flight->events_n = f->n;
	flight->objects = f->body.objects;
	flight->slice_end = f->slice_end;
	finish_body(f, flight);
	flight_claim(flight, g->id != 0 ? g->request : 0, f->now);
	return flight;
}

/* May a group under suspicion go now? */
static bool
group_ready(const struct lane *l, struct moment now)
{
	struct queue_group g;

	return l->groups_at <= now.boot &&
	    queue_group(l->dispatch->queue, l->id, 0, &g);
}

bool
request_ready(struct lane *l, struct moment now)
{
	l->next_at = fill_next_waiting(l, now);
	if (l->groups_at > now.boot && l->groups_at < l->next_at)
		l->next_at = l->groups_at;
	if (l->next_at > now.boot && !group_ready(l, now))
		return false;
	if (app_room(l->app, l->kind, now.boot) > 0)
		return true;
	l->next_at = app_next(l->app, l->kind, 0, 1, now.boot);
	return false;
}

/* Groups and the others take turns, so that neither waits for all of the
 * other; true: it is a group. */
static bool
fill(struct filling *f, struct queue_group *g)
{
	g->id = 0;
	if (!f->lane->group_last && !f->one && fill_group(f, g))
		return true;
	if (f->one)
		fill_probe(f);
	else
		fill_ordinary(f);
	if (f->n > 0)
		return false;
	return fill_group(f, g);
}

struct flight *
request_plan(struct lane *l, struct moment now)
{
	struct filling *f = xcalloc(1, sizeof(*f));
	const struct shortage *s = app_reserve(l->app, l->kind, now.boot);
	struct queue_group g = { 0, 0 };
	struct flight *flight = NULL;

	f->lane = l;
	f->now = now;
	f->next_at = INT64_MAX;
	f->one = lane_probes(l, now.boot);
	f->app_room = app_free_room(l->app, l->kind, now.boot);
	if (s != NULL) {
		f->reserved = app_room(l->app, l->kind, now.boot) -
		    f->app_room;
		f->reserved_for = s->event;
	}
	heap_body_begin(&f->body, l->kind, l->output->app_id);
	f->prefix = f->body.text.len;
	l->group_last = fill(f, &g);
	fill_skip_same(f);
	if (f->n > 0)
		flight = claim(f, &g);
	else
		buf_free(&f->body.text);
	l->next_at = f->next_at < l->groups_at ? f->next_at : l->groups_at;
	free(f);
	return flight;
}
