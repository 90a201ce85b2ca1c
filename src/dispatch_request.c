/*
 * dispatch_request.c - which events travel in the next request of a lane
 *
 * Groups under suspicion travel each by itself, every other request at most.
 * Else the identities that may send take turns: each gets a small share, and
 * half of the room goes to the longest backlogs, which bound how long it all
 * takes.  Whoever may not send is parked until it may, and not read again
 * before.
 */
#include <stdlib.h>
#include <string.h>

#include "dispatch_private.h"
#include "log.h"

#define SHARE		10	/* objects of an identity in its turn */
#define LOOK		HEAP_MAX_OBJECTS /* identities one request looks at */
#define CHUNK		64	/* of them read at a time */
#define LONGEST		32	/* backlogs compared */
#define SHORT_LOOK_MS	1000	/* the app is full of what is in flight */

/* Why an identity gave nothing (more). */
enum stop {
	STOP_NONE,		/* it has no more that is ready */
	STOP_SHARE,		/* its share is used */
	STOP_ROOM,		/* its windows have none for the next event */
	STOP_APP,		/* the app has none for the next event */
	STOP_FULL,		/* the request is full, or the app */
	STOP_ALONE		/* the next event travels by itself */
};

/* An identity that this request has looked at and that may send. */
struct taker {
	int64_t	identity;
	int64_t	left;		/* events that are still ready */
	int64_t	last;		/* id of the last event taken; 0: none */
	int64_t	room;		/* objects its windows still have */
};

struct filling {
	struct lane	*lane;
	struct moment	 now;
	struct heap_body body;
	size_t		 prefix;	/* of the body, before its objects */
	struct queue_claimed *events;
	size_t		 n;
	int64_t		 app_room;	/* objects that anybody may send ... */
	int64_t		 reserved;	/* ... and one event, besides */
	int64_t		 reserved_for;	/* that event; 0: none */
	int64_t		*same;		/* updates that change nothing */
	size_t		 same_n;
	size_t		 rows;		/* events looked at */
	bool		 one;		/* a probe: one event */
	size_t		 carried;	/* identities in it */
	bool		 bulk_only;	/* a commerce event is in it */
	size_t		 slice_end;
	/* The identity at hand. */
	int64_t		 share;		/* objects it may still add now */
	int64_t		 room;		/* objects its windows still have */
	int64_t		 last;		/* id of the last event taken */
	int64_t		 event;		/* the one not taken ... */
	int64_t		 need;		/* ... and its objects */
	enum stop	 stop;
	/* Of what is not parked: the first instant at which one may go. */
	int64_t		 next_at;	/* boot ms */
	/* The identities in turn, and those that may send. */
	struct queue_waiting waiting[CHUNK];
	size_t		 waiting_n;
	size_t		 waiting_i;
	size_t		 looked;
	bool		 all_read;	/* there are no more behind these */
	bool		 passed_over;	/* one of them was not looked at */
	struct taker	 taker[LOOK];
	size_t		 takers;
};

/* Objects of the app that the event may use. */
static int64_t
room_for(const struct filling *f, int64_t event)
{
	return f->app_room + (event == f->reserved_for ? f->reserved : 0);
}

static bool
enough_room(struct filling *f, const struct queue_row *row, int64_t objects)
{
	int64_t app = room_for(f, row->id);

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

/* After reading: those noted are done with. */
static void
skip_same(struct filling *f)
{
	size_t i;

	for (i = 0; i < f->same_n; i++)
		queue_skip_unchanged(f->lane->dispatch->queue, f->same[i],
		    f->now.wall);
	free(f->same);
}

/* queue_take: one ready event of the identity at hand. */
static bool
take(const struct queue_row *row, void *arg)
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

static void
park(struct filling *f, int64_t identity, int64_t until)
{
	queue_park(f->lane->dispatch->queue, f->lane->id, identity,
	    to_wall(f->now, until));
}

static void
may_go_at(struct filling *f, int64_t boot)
{
	if (boot < f->next_at)
		f->next_at = boot;
}

/* When the app will have room for the event not taken. */
static int64_t
room_at(struct filling *f)
{
	struct lane *l = f->lane;
	int64_t at = app_next(l->app, l->kind, f->event, f->need,
	    f->now.boot);

	/* Nobody tells an identity that another's request has ended. */
	return at == RATE_NEVER ? f->now.boot + SHORT_LOOK_MS : at;
}

/* Are there as many identities in it as the lane carries after 429s? */
static bool
carries_enough(const struct filling *f)
{
	return f->lane->carry != 0 && f->carried >= f->lane->carry;
}

/*
 * Takes what is ready of an identity, up to `share` objects, behind what was
 * taken already.  If its windows or the app's have no room for its next
 * event, it is parked until they have.
 */
static void
serve(struct filling *f, struct taker *t, int64_t share)
{
	struct lane *l = f->lane;
	size_t before = f->n;

	f->share = share;
	f->room = t->room;
	f->last = t->last;
	f->stop = STOP_NONE;
	queue_ready(l->dispatch->queue, l->id, t->identity, t->last, take, f);
	t->left = f->stop == STOP_SHARE || f->stop == STOP_FULL ?
	    t->left - (int64_t)(f->n - before) : 0;
	if (t->last == 0 && f->n > before)
		f->carried++;
	t->room = f->room;
	t->last = f->last;
	if (f->stop == STOP_ROOM)
		park(f, t->identity, identity_next(l->app, l->kind,
		    t->identity, f->need, f->now.boot));
	if (f->stop == STOP_APP) {
		app_short(l, f->event, t->identity, f->need, f->now.boot);
		park(f, t->identity, room_at(f));
	}
}

/* The identity among those looked at that may send; NULL: it is not. */
static struct taker *
taker_find(struct filling *f, int64_t identity)
{
	size_t i;

	for (i = 0; i < f->takers; i++)
		if (f->taker[i].identity == identity)
			return &f->taker[i];
	return NULL;
}

/* The identity is looked at: may it send at all now?  NULL: no, it is
 * parked; or there were enough. */
static struct taker *
taker_add(struct filling *f, const struct queue_waiting *w)
{
	struct lane *l = f->lane;
	struct taker *t;
	int64_t room;

	if (f->takers == LOOK)
		return NULL;
	room = identity_room(l->app, l->kind, w->identity, f->now.boot);
	if (room == 0) {
		park(f, w->identity, identity_next(l->app, l->kind,
		    w->identity, 1, f->now.boot));
		return NULL;
	}
	t = &f->taker[f->takers++];
	t->identity = w->identity;
	t->left = w->ready;
	t->last = 0;
	t->room = room;
	return t;
}

/* The next identity in turn; NULL: that was the last one. */
static const struct queue_waiting *
next_in_turn(struct filling *f)
{
	struct lane *l = f->lane;
	struct queue_waiting last;

	if (f->waiting_i == f->waiting_n && !f->all_read &&
	    f->looked < LOOK) {
		if (f->looked > 0)
			last = f->waiting[f->waiting_n - 1];
		f->waiting_n = queue_waiting(l->dispatch->queue, l->id,
		    f->now.wall + BEHIND_MS, f->looked > 0 ? &last : NULL,
		    f->waiting, CHUNK);
		f->waiting_i = 0;
		f->looked += f->waiting_n;
		f->all_read = f->waiting_n < CHUNK;
	}
	return f->waiting_i < f->waiting_n ? &f->waiting[f->waiting_i++] :
	    NULL;
}

/* A small share to each identity in turn, until the request carries as many
 * objects. */
static void
fill_shares(struct filling *f, size_t objects)
{
	const struct queue_waiting *w;
	struct taker *t;

	while (f->stop != STOP_FULL && f->body.objects < objects &&
	    !carries_enough(f) && (w = next_in_turn(f)) != NULL) {
		t = taker_find(f, w->identity);
		if (t == NULL && (t = taker_add(f, w)) != NULL)
			serve(f, t, SHARE);
	}
}

static int
longest_first(const void *one, const void *other)
{
	const struct taker *const *a = one, *const *b = other;

	return ((*a)->left < (*b)->left) - ((*a)->left > (*b)->left);
}

static int64_t
at_most(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* What an identity gives when backlogs are cut to that level. */
static int64_t
above(const struct taker *t, int64_t level)
{
	return t->left > level ? at_most(t->left - level, t->room) : 0;
}

/* The highest level at which they give all of `room`, or more by less than
 * one each; 0: they have no more than that. */
static int64_t
level_of(struct taker *const *t, size_t n, int64_t room)
{
	int64_t low = 0, high = n > 0 ? t[0]->left : 0, level, sum;
	size_t i;

	while (low < high) {
		level = low + (high - low) / 2;
		for (sum = 0, i = 0; i < n; i++)
			sum += above(t[i], level);
		if (sum > room)
			low = level + 1;
		else
			high = level;
	}
	return low > 0 ? low - 1 : 0;
}

/* What room is left goes to the longest backlogs of all identities that may
 * send, cut level. */
static void
fill_backlogs(struct filling *f)
{
	struct lane *l = f->lane;
	struct queue_waiting w[LONGEST];
	struct taker *t[LOOK];
	int64_t room = at_most(f->app_room,
	    (int64_t)(HEAP_MAX_OBJECTS - f->body.objects)), level;
	size_t i, n, found = 0;

	if (f->stop == STOP_FULL || room <= 0)
		return;
	n = queue_longest(l->dispatch->queue, l->id, f->now.wall + BEHIND_MS,
	    w, (size_t)at_most(LONGEST, room));
	for (i = 0; i < n && !carries_enough(f); i++)
		if (taker_find(f, w[i].identity) == NULL)
			taker_add(f, &w[i]);
	/* Those of the first pass are among them: how long a backlog is that
	 * grew since the planner looked at it last, only this look tells. */
	for (i = 0; i < f->takers; i++)
		if (f->taker[i].left > 0)
			t[found++] = &f->taker[i];
	if (found > 0)
		qsort(t, found, sizeof(t[0]), longest_first);
	level = level_of(t, found, room);
	for (i = 0; i < found && f->stop != STOP_FULL; i++)
		if (above(t[i], level) > 0 &&
		    (t[i]->last != 0 || !carries_enough(f)))
			serve(f, t[i], above(t[i], level));
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

/*
 * The identity whose event has waited a whole window for room of the app.
 * Now that there is room it goes, or what it has kept free is given back.
 */
static void
fill_reserved(struct filling *f)
{
	struct lane *l = f->lane;
	const struct shortage *s = app_reserve(l->app, l->kind, f->now.boot);
	struct queue_waiting w = { .ready = 1 };
	struct taker *t;

	if (s == NULL || s->lane != l || s->identity == 0 ||
	    room_for(f, s->event) < s->objects)
		return;
	w.identity = s->identity;
	t = taker_add(f, &w);
	if (t != NULL)
		serve(f, t, s->objects);
	if (f->n == 0)
		app_served(l->app, l->kind, s->event);
}

/*
 * Nothing goes: when may something?  Who may not send was parked, so if all
 * were looked at and somebody still may, there was an event of theirs to look
 * at.
 */
static void
wait_for_room(struct filling *f)
{
	struct lane *l = f->lane;
	const struct shortage *s = app_reserve(l->app, l->kind, f->now.boot);
	int64_t at;

	if (f->stop != STOP_FULL) {
		at = next_waiting(l, f->now);
		if (at <= f->now.boot && f->all_read && !f->passed_over &&
		    f->rows == 0)
			queue_damaged(l->dispatch->queue,
			    "an identity waits that has no event");
		may_go_at(f, at);
		return;
	}
	may_go_at(f, app_next(l->app, l->kind, 0, 1, f->now.boot));
	if (s != NULL && s->lane == l && s->identity != 0)
		may_go_at(f, app_next(l->app, l->kind, s->event, s->objects,
		    f->now.boot));
}

static void
fill_ordinary(struct filling *f)
{
	int64_t room = at_most(HEAP_MAX_OBJECTS, f->app_room);

	f->stop = STOP_NONE;
	fill_reserved(f);
	fill_shares(f, (size_t)(room + 1) / 2);
	fill_backlogs(f);
	fill_shares(f, HEAP_MAX_OBJECTS);
	if (f->n == 0)
		wait_for_room(f);
}

/* One event, of an identity that has not failed since anything passed, if
 * there is one.  Room that is kept for an event is for no other. */
static void
fill_probe(struct filling *f)
{
	const struct queue_waiting *w;
	struct queue_waiting second = { 0 };
	struct taker *t;

	f->stop = STOP_NONE;
	while (f->n == 0 && f->stop != STOP_FULL &&
	    (w = next_in_turn(f)) != NULL) {
		if (blame_failed_lately(f->lane->blame, w->identity)) {
			if (second.identity == 0)
				second = *w;
			else
				f->passed_over = true;
		} else if ((t = taker_add(f, w)) != NULL) {
			serve(f, t, SHARE);
		}
	}
	if (f->n == 0)
		fill_reserved(f);
	if (f->n == 0 && second.identity != 0 &&
	    (t = taker_add(f, &second)) != NULL)
		serve(f, t, SHARE);
	if (f->n == 0)
		wait_for_room(f);
}

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
	if (!known && carries_enough(f))
		return true;
	f->share = HEAP_MAX_OBJECTS;
	more = take(row, f);
	if (!known && f->n > before)
		f->carried++;
	if (more)
		return true;
	if (f->n > 0)
		/* One without room does not hold up the others. */
		return f->stop == STOP_ROOM && !f->one;
	if (f->stop == STOP_APP)
		app_short(l, row->id, 0, f->need, f->now.boot);
	may_go_at(f, f->stop == STOP_ROOM ? identity_next(l->app, l->kind,
	    row->identity, f->need, f->now.boot) : room_at(f));
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
	l->next_at = next_waiting(l, now);
	if (l->groups_at > now.boot)
		l->next_at = at_most(l->next_at, l->groups_at);
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
	skip_same(f);
	if (f->n > 0)
		flight = claim(f, &g);
	else
		buf_free(&f->body.text);
	l->next_at = at_most(f->next_at, l->groups_at);
	free(f);
	return flight;
}
