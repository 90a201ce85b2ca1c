/*
 * dispatch_share.c - which identities travel in the request, with how much
 *
 * Those that may send take turns: each gets a small share, and half of the
 * room goes to the longest backlogs, which bound how long it all takes.
 * Whoever may not send is parked until it may, and not read again before.
 */
#include <stdlib.h>

#include "dispatch_fill.h"

#define SHARE		10	/* objects of an identity in its turn */
#define LONGEST		32	/* backlogs compared */

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

	if (f->takers == FILL_LOOK)
		return NULL;
	room = identity_room(l->app, l->kind, w->identity, f->now.boot);
	if (room == 0) {
		fill_park(f, w->identity, identity_next(l->app, l->kind,
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
	    f->looked < FILL_LOOK) {
		if (f->looked > 0)
			last = f->waiting[f->waiting_n - 1];
		f->waiting_n = queue_waiting(l->dispatch->queue, l->id,
		    f->now.wall + BEHIND_MS, f->looked > 0 ? &last : NULL,
		    f->waiting, FILL_CHUNK);
		f->waiting_i = 0;
		f->looked += f->waiting_n;
		f->all_read = f->waiting_n < FILL_CHUNK;
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
	    !fill_carries_enough(f) && (w = next_in_turn(f)) != NULL) {
		t = taker_find(f, w->identity);
		if (t == NULL && (t = taker_add(f, w)) != NULL)
			fill_serve(f, t, SHARE);
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
	struct taker *t[FILL_LOOK];
	int64_t room = at_most(f->app_room,
	    (int64_t)(HEAP_MAX_OBJECTS - f->body.objects)), level;
	size_t i, n, found = 0;

	if (f->stop == STOP_FULL || room <= 0)
		return;
	n = queue_longest(l->dispatch->queue, l->id, f->now.wall + BEHIND_MS,
	    w, (size_t)at_most(LONGEST, room));
	for (i = 0; i < n && !fill_carries_enough(f); i++)
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
		    (t[i]->last != 0 || !fill_carries_enough(f)))
			fill_serve(f, t[i], above(t[i], level));
}

int64_t
fill_next_waiting(struct lane *l, struct moment now)
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
	    fill_room_for(f, s->event) < s->objects)
		return;
	w.identity = s->identity;
	t = taker_add(f, &w);
	if (t != NULL)
		fill_serve(f, t, s->objects);
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
		at = fill_next_waiting(l, f->now);
		if (at <= f->now.boot && f->all_read && !f->passed_over &&
		    f->rows == 0)
			queue_damaged(l->dispatch->queue,
			    "an identity waits that has no event");
		fill_may_go_at(f, at);
		return;
	}
	fill_may_go_at(f, app_next(l->app, l->kind, 0, 1, f->now.boot));
	if (s != NULL && s->lane == l && s->identity != 0)
		fill_may_go_at(f, app_next(l->app, l->kind, s->event,
		    s->objects, f->now.boot));
}

void
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
void
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
			fill_serve(f, t, SHARE);
		}
	}
	if (f->n == 0)
		fill_reserved(f);
	if (f->n == 0 && second.identity != 0 &&
	    (t = taker_add(f, &second)) != NULL)
		fill_serve(f, t, SHARE);
	if (f->n == 0)
		wait_for_room(f);
}
