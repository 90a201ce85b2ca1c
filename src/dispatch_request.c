/*
 * dispatch_request.c - which events travel in the next request of a lane
 *
 * Groups under suspicion go first, each by itself.  Then the identities that
 * may send take turns: each gets a small share, and what room is left goes to
 * the longest backlogs.  Whoever may not send is parked until it may, and not
 * read again before.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch_private.h"
#include "log.h"

#define SHARE		10	/* objects of an identity in the first pass */
#define LOOK		HEAP_MAX_OBJECTS /* identities one request looks at */

/* Why an identity gave nothing (more). */
enum stop {
	STOP_NONE,		/* it has no more that is ready */
	STOP_SHARE,		/* its share is used */
	STOP_ROOM,		/* its windows have no room for the next event */
	STOP_APP,		/* the app has none */
	STOP_FULL,		/* the request is full */
	STOP_ALONE		/* the next event travels by itself */
};

struct filling {
	struct lane	*lane;
	struct moment	 now;
	struct heap_body body;
	size_t		 prefix;	/* of the body, before its objects */
	struct queue_claimed *events;
	size_t		 n;
	int64_t		 app_room;	/* objects the app may still send */
	bool		 one;		/* a probe: one event */
	bool		 bulk_only;	/* a commerce event is in it */
	size_t		 slice_end;
	/* The identity at hand. */
	int64_t		 share;		/* objects it may still add now */
	int64_t		 room;		/* objects its windows still have */
	int64_t		 last;		/* id of the last event taken */
	int64_t		 need;		/* objects of the one not taken */
	enum stop	 stop;
	/* Of all that were looked at: the first instant at which one of them
	 * may go, boot ms. */
	int64_t		 next_at;
};

/* What one identity has taken of the first pass. */
struct taker {
	int64_t	identity;
	int64_t	left;		/* events that are still ready */
	int64_t	last;
};

static bool
enough_room(struct filling *f, int64_t objects)
{
	if (objects > f->room) {
		f->stop = STOP_ROOM;
		return false;
	}
	if (objects > f->app_room) {
		f->stop = STOP_APP;
		return false;
	}
	return true;
}

static void
add_event(struct filling *f, const struct queue_row *row, size_t objects)
{
	if (f->n == 0)
		f->events = xcalloc(HEAP_MAX_OBJECTS, sizeof(*f->events));
	f->events[f->n].event = row->id;
	f->events[f->n].identity = row->identity;
	f->events[f->n].objects = objects;
	f->n++;
	f->bulk_only |= row->commerce;
	f->room -= (int64_t)objects;
	f->share -= (int64_t)objects;
	f->app_room -= (int64_t)objects;
	f->last = row->id;
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
	f->need = (int64_t)objects;
	if (!enough_room(f, f->need))
		return false;
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

/* queue_take: one ready event of the identity at hand. */
static bool
take(const struct queue_row *row, void *arg)
{
	struct filling *f = arg;

	f->stop = STOP_NONE;
	f->need = (int64_t)row->objects;
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
	if (!enough_room(f, f->need))
		return false;
	if (!heap_body_add(&f->body, row->payload, row->payload_len,
	    row->objects)) {
		f->stop = STOP_FULL;
		return false;
	}
	add_event(f, row, row->objects);
	return true;
}

static int64_t
to_wall(const struct filling *f, int64_t boot)
{
	return boot == RATE_NEVER ? PARKED :
	    f->now.wall + (boot - f->now.boot);
}

static void
may_go_at(struct filling *f, int64_t boot)
{
	if (boot < f->next_at)
		f->next_at = boot;
}

/* When the identity may send n objects; RATE_NEVER: when something in flight
 * ends. */
static int64_t
identity_at(struct filling *f, int64_t identity, int64_t n)
{
	struct lane *l = f->lane;
	int64_t held = rate_next(l->hold, identity, 1, f->now.boot);
	int64_t room = identity_next(l->app, l->kind, identity, n,
	    f->now.boot);

	return held > room ? held : room;
}

/* May it send at all now?  Sets its room; parks it if not. */
static bool
open_identity(struct filling *f, int64_t identity)
{
	struct lane *l = f->lane;
	int64_t at;

	f->room = rate_allow(l->hold, identity, f->now.boot) > 0 ?
	    identity_room(l->app, l->kind, identity, f->now.boot) : 0;
	if (f->room > 0)
		return true;
	at = identity_at(f, identity, 1);
	queue_park(l->dispatch->queue, l->id, identity, to_wall(f, at));
	return false;
}

/* After an identity gave what it could for now. */
static void
close_identity(struct filling *f, int64_t identity)
{
	struct lane *l = f->lane;

	if (f->stop == STOP_ROOM)
		queue_park(l->dispatch->queue, l->id, identity,
		    to_wall(f, identity_at(f, identity, f->need)));
	else if (f->stop == STOP_APP)
		may_go_at(f, app_next(l->app, l->kind, f->need,
		    f->now.boot));
}

/* First pass: a small share to each in turn.  Returns how many still have
 * something; they are in `takers`. */
static size_t
fill_shares(struct filling *f, struct taker *takers)
{
	struct queue *q = f->lane->dispatch->queue;
	struct queue_waiting w[LOOK];
	size_t i, before, n, left = 0;

	n = queue_waiting(q, f->lane->id, f->now.wall, w, LOOK);
	for (i = 0; i < n; i++) {
		if (!open_identity(f, w[i].identity))
			continue;
		before = f->n;
		f->share = SHARE;
		f->stop = STOP_NONE;
		queue_ready(q, f->lane->id, w[i].identity, 0, take, f);
		close_identity(f, w[i].identity);
		if (f->stop == STOP_SHARE) {
			takers[left].identity = w[i].identity;
			takers[left].left = w[i].ready -
			    (int64_t)(f->n - before);
			takers[left].last = f->last;
			left++;
		}
		if (f->stop == STOP_FULL || f->stop == STOP_APP)
			break;
	}
	return f->stop == STOP_FULL || f->stop == STOP_APP ? 0 : left;
}

static int
longest_first(const void *one, const void *other)
{
	const struct taker *a = one, *b = other;

	return (a->left < b->left) - (a->left > b->left);
}

/* Second pass: what room is left goes to the longest backlogs. */
static void
fill_backlogs(struct filling *f, struct taker *takers, size_t n)
{
	struct queue *q = f->lane->dispatch->queue;
	size_t i, k;

	qsort(takers, n, sizeof(*takers), longest_first);
	for (i = 0; i < n; i++) {
		f->room = identity_room(f->lane->app, f->lane->kind,
		    takers[i].identity, f->now.boot);
		for (k = 0; k < f->n; k++)
			if (f->events[k].identity == takers[i].identity)
				f->room -= (int64_t)f->events[k].objects;
		f->share = HEAP_MAX_OBJECTS;
		f->stop = STOP_NONE;
		queue_ready(q, f->lane->id, takers[i].identity,
		    takers[i].last, take, f);
		if (f->stop == STOP_FULL || f->stop == STOP_APP)
			break;
	}
}

/* queue_take for a group: its identities come mixed, so each event is judged
 * by what its own identity has left. */
static bool
take_suspect(const struct queue_row *row, void *arg)
{
	struct filling *f = arg;
	struct lane *l = f->lane;
	int64_t held = rate_allow(l->hold, row->identity, f->now.boot);
	size_t i;

	f->room = held > 0 ? identity_room(l->app, l->kind, row->identity,
	    f->now.boot) : 0;
	for (i = 0; i < f->n; i++)
		if (f->events[i].identity == row->identity)
			f->room -= (int64_t)f->events[i].objects;
	f->share = HEAP_MAX_OBJECTS;
	if (take(row, f))
		return true;
	if (f->stop == STOP_ROOM && f->n == 0)
		may_go_at(f, identity_at(f, row->identity, f->need));
	else if (f->stop == STOP_APP && f->n == 0)
		may_go_at(f, app_next(l->app, l->kind, f->need,
		    f->now.boot));
	/* One without room does not hold up the others of its group. */
	return f->stop == STOP_ROOM && !f->one;
}

/* The first group that may go; true: something was taken. */
static bool
fill_group(struct filling *f, struct queue_group *g)
{
	struct lane *l = f->lane;

	g->id = 0;
	while (queue_group(l->dispatch->queue, l->id, g->id, g)) {
		queue_group_ready(l->dispatch->queue, l->id, g->id,
		    take_suspect, f);
		if (f->n > 0)
			return true;
	}
	return false;
}

static int
by_identity(const void *one, const void *other)
{
	const struct queue_claimed *a = one, *b = other;

	return (a->identity > b->identity) - (a->identity < b->identity);
}

/*
 * Pacing: once more than half of an identity's request window is used, the
 * rest is spread over the time until the oldest use frees.
 */
static void
pace(struct flight *f, int64_t identity, int64_t now)
{
	struct lane *l = f->lane;
	struct rate *r = l->app->track;
	int64_t used, left, frees;

	if (l->kind != HEAP_TRACK)
		return;
	used = rate_used(r, identity, now);
	left = rate_limit(r) - used;
	if (2 * used <= rate_limit(r) || left <= 0)
		return;
	frees = rate_next(r, identity, left + 1, now);
	if (frees == RATE_NEVER)
		frees = now + rate_window(r);
	lane_hold(l, identity, f->request, now + (frees - now) / left, now);
}

/* What the claim means for the windows and for whose turn is next. */
static void
occupy(struct flight *f, struct moment now)
{
	struct lane *l = f->lane;
	struct queue_claimed *sorted;
	size_t i;

	app_note(l->app, f, now.boot);
	sorted = xcalloc(f->events_n, sizeof(*sorted));
	memcpy(sorted, f->events, f->events_n * sizeof(*sorted));
	qsort(sorted, f->events_n, sizeof(*sorted), by_identity);
	for (i = 0; i < f->events_n; i++) {
		if (i > 0 && sorted[i].identity == sorted[i - 1].identity)
			continue;
		if (l->kind == HEAP_USER_PROPERTIES)
			lane_hold(l, sorted[i].identity, f->request,
			    RATE_NEVER, now.boot);
		else
			pace(f, sorted[i].identity, now.boot);
		queue_park(l->dispatch->queue, l->id, sorted[i].identity,
		    now.wall + 1);
	}
	free(sorted);
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
	struct queue_claim c;

	flight->lane = f->lane;
	flight->state = FLIGHT_CLAIMED;
	flight->group = g->id;
	flight->probe = f->one;
	flight->events = f->events;
	flight->events_n = f->n;
	flight->objects = f->body.objects;
	flight->slice_end = f->slice_end;
	finish_body(f, flight);

	memset(&c, 0, sizeof(c));
	c.lane = f->lane->id;
	c.app = f->lane->app->id;
	c.form = flight->form;
	c.objects = flight->objects;
	c.bytes = flight->body.len;
	c.parent = g->id != 0 ? g->request : 0;
	c.events = flight->events;
	c.events_n = flight->events_n;
	flight->request = queue_claim(f->lane->dispatch->queue, &c, f->now);
	occupy(flight, f->now);
	return flight;
}

/* When the lane's next identity may be looked at, boot ms. */
static int64_t
next_waiting(struct lane *l, struct moment now)
{
	int64_t at = queue_next_waiting(l->dispatch->queue, l->id);

	if (at >= PARKED)
		return INT64_MAX;
	return at > now.wall ? now.boot + (at - now.wall) : now.boot;
}

bool
request_ready(struct lane *l, struct moment now)
{
	struct queue_group g;

	l->next_at = next_waiting(l, now);
	if (l->next_at > now.boot &&
	    !queue_group(l->dispatch->queue, l->id, 0, &g))
		return false;
	if (app_room(l->app, l->kind, now.boot) > 0)
		return true;
	l->next_at = app_next(l->app, l->kind, 1, now.boot);
	return false;
}

struct flight *
request_plan(struct lane *l, struct moment now)
{
	struct filling f = { .lane = l, .now = now, .next_at = INT64_MAX };
	struct queue_group g = { 0, 0 };
	struct taker takers[LOOK];
	size_t n;

	f.one = breaker_may(&l->breaker, now.boot) == BREAKER_MAY_PROBE;
	f.app_room = app_room(l->app, l->kind, now.boot);
	heap_body_begin(&f.body, l->kind, l->output->app_id);
	f.prefix = f.body.text.len;
	if (!fill_group(&f, &g)) {
		g.id = 0;
		n = fill_shares(&f, takers);
		if (!f.one && f.slice_end == 0)
			fill_backlogs(&f, takers, n);
	}
	if (f.n > 0)
		return claim(&f, &g);
	buf_free(&f.body.text);
	may_go_at(&f, next_waiting(l, now));
	l->next_at = f.next_at;
	return NULL;
}
