/*
 * dispatch_take.c - what an event needs to travel in the request at hand
 *
 * Knows room, slices, and updates that change nothing.
 */
#include <stdlib.h>

#include "dispatch_fill.h"
#include "log.h"

#define SHORT_LOOK_MS	1000	/* the app is full of what is in flight */

int64_t
fill_room_for(const struct filling *f, int64_t event)
{
	return f->app_room + (event == f->reserved_for ? f->reserved : 0);
}

static bool
enough_room(struct filling *f, const struct queue_row *row, int64_t objects)
{
	int64_t app = fill_room_for(f, row->id);

	f->event = row->id;
	f->need = objects;
	if (app <= 0)
		f->stop = STOP_FULL;
	else if (objects > f->room)
		f->stop = STOP_ROOM;
	else if (objects > app)
		f->stop = STOP_APP;
	else
		return true;
	return false;
}

static void
add_event(struct filling *f, const struct queue_row *row, size_t objects)
{
	if (f->n == 0)
		f->events = xcalloc(HEAP_MAX_OBJECTS, sizeof(*f->events));
	f->events[f->n].event = row->id;
	f->events[f->n].identity = row->identity;
	f->events[f->n].objects = objects;
	f->events[f->n].received_at = row->received_at;
	f->n++;
	f->bulk_only |= row->commerce;
	f->room -= (int64_t)objects;
	f->share -= (int64_t)objects;
	if (row->id == f->reserved_for) {
		f->app_room += f->reserved;
		f->reserved = 0;
	}
	f->app_room -= (int64_t)objects;
	f->last = row->id;
}

/* Is it an update that Heap has as it is?  It is noted then. */
static bool
changes_nothing(struct filling *f, const struct queue_row *row)
{
	if (f->lane->kind != HEAP_USER_PROPERTIES ||
	    !queue_unchanged(f->lane->dispatch->queue, f->lane->id,
	    row->identity, row->payload, row->payload_len,
	    f->now.wall - QUEUE_SAME_MS))
		return false;
	f->same = xreallocarray(f->same, f->same_n + 1, sizeof(*f->same));
	f->same[f->same_n++] = row->id;
	return true;
}

/*
 * An event that was begun, or is larger than any request could be: a slice
 * of it, in a request of its own.  The slice is as large as the limits ever
 * allow, not as they allow now.
 */
static bool
take_slice(struct filling *f, const struct queue_row *row)
{
	size_t overhead = heap_bulk_overhead(f->lane->kind,
	    f->lane->output->app_id);
	size_t to, objects;

	if (f->n > 0) {
		f->stop = STOP_ALONE;
		return false;
	}
	if (!heap_slice(row->payload, row->payload_len, row->sent,
	    (size_t)identity_most(f->lane->app, f->lane->kind),
	    HEAP_MAX_BYTES - overhead, &to, &objects))
		bug("dispatch: event %lld has nothing left to send",
		    (long long)row->id);
	if (!enough_room(f, row, (int64_t)objects))
		return false;
	if (row->sent == 0 && changes_nothing(f, row))
		return true;
	if (!heap_body_add(&f->body, row->payload + row->sent,
	    to - row->sent, objects))
		bug("dispatch: a slice does not fit into a request");
	add_event(f, row, objects);
	f->slice_end = to < row->payload_len ? to + 1 : 0;
	f->stop = STOP_FULL;
	return false;
}

static bool
needs_slices(const struct filling *f, const struct queue_row *row)
{
	size_t overhead = heap_bulk_overhead(f->lane->kind,
	    f->lane->output->app_id);

	return row->sent > 0 || (int64_t)row->objects >
	    identity_most(f->lane->app, f->lane->kind) ||
	    row->payload_len + overhead > HEAP_MAX_BYTES;
}

void
fill_skip_same(struct filling *f)
{
	size_t i;

	for (i = 0; i < f->same_n; i++)
		queue_skip_unchanged(f->lane->dispatch->queue, f->same[i],
		    f->now.wall);
	free(f->same);
}

bool
fill_take(const struct queue_row *row, void *arg)
{
	struct filling *f = arg;

	f->rows++;
	f->stop = STOP_NONE;
	if (f->one && f->n > 0) {
		f->stop = STOP_FULL;
		return false;
	}
	if (needs_slices(f, row))
		return take_slice(f, row);
	if (f->share <= 0) {
		f->stop = STOP_SHARE;
		return false;
	}
	if (!enough_room(f, row, (int64_t)row->objects))
		return false;
	if (changes_nothing(f, row))
		return true;
	if (!heap_body_add(&f->body, row->payload, row->payload_len,
	    row->objects)) {
		f->stop = STOP_FULL;
		return false;
	}
	add_event(f, row, row->objects);
	return true;
}

void
fill_park(struct filling *f, int64_t identity, int64_t until)
{
	queue_park(f->lane->dispatch->queue, f->lane->id, identity,
	    to_wall(f->now, until));
}

void
fill_may_go_at(struct filling *f, int64_t boot)
{
	if (boot < f->next_at)
		f->next_at = boot;
}

int64_t
fill_room_at(struct filling *f)
{
	struct lane *l = f->lane;
	int64_t at = app_next(l->app, l->kind, f->event, f->need,
	    f->now.boot);

	/* Nobody tells an identity that another's request has ended. */
	return at == RATE_NEVER ? f->now.boot + SHORT_LOOK_MS : at;
}

bool
fill_carries_enough(const struct filling *f)
{
	return f->lane->carry != 0 && f->carried >= f->lane->carry;
}

void
fill_serve(struct filling *f, struct taker *t, int64_t share)
{
	struct lane *l = f->lane;
	size_t before = f->n;

	f->share = share;
	f->room = t->room;
	f->last = t->last;
	f->stop = STOP_NONE;
	queue_ready(l->dispatch->queue, l->id, t->identity, t->last,
	    fill_take, f);
	t->left = f->stop == STOP_SHARE || f->stop == STOP_FULL ?
	    t->left - (int64_t)(f->n - before) : 0;
	if (t->last == 0 && f->n > before)
		f->carried++;
	t->room = f->room;
	t->last = f->last;
	if (f->stop == STOP_ROOM)
		fill_park(f, t->identity, identity_next(l->app, l->kind,
		    t->identity, f->need, f->now.boot));
	if (f->stop == STOP_APP) {
		app_short(l, f->event, t->identity, f->need, f->now.boot);
		fill_park(f, t->identity, fill_room_at(f));
	}
}
