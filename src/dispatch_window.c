/*
 * dispatch_window.c - the windows of the apps
 *
 * Knows which window counts what (delivery.md section 3), and how they are
 * rebuilt from the stored requests, so that a crash cannot overrun one.
 */
#include <stdlib.h>
#include <string.h>

#include "dispatch_private.h"

#define WHOLE_APP	0	/* the key of what the app itself may send */

/* A request may end this long after a younger one, besides its timeout. */
#define LATE_MS		60000

static int64_t
scaled(const struct config_output *c)
{
	int64_t n = (int64_t)((double)c->app_limit.n * c->rate_share);

	return n > 0 ? n : 1;
}

struct app *
app_new(int64_t id, const struct config_output *c)
{
	struct app *a = xcalloc(1, sizeof(*a));

	a->id = id;
	app_reset(a, c);
	return a;
}

static void
free_rates(struct app *a)
{
	rate_free(a->track);
	rate_free(a->objects);
	rate_free(a->app_objects);
	rate_free(a->properties);
	rate_free(a->app_users);
}

void
app_free(struct app *a)
{
	free_rates(a);
	free(a);
}

void
app_reset(struct app *a, const struct config_output *c)
{
	free_rates(a);
	a->settings = *c;
	a->track = rate_new(c->track_limit.n, c->track_limit.window_ms);
	a->objects = rate_new(c->identity_limit.n,
	    c->identity_limit.window_ms);
	a->app_objects = rate_new(scaled(c), c->app_limit.window_ms);
	a->properties = rate_new(c->properties_limit.n,
	    c->properties_limit.window_ms);
	a->app_users = rate_new(c->properties_app_limit.n,
	    c->properties_app_limit.window_ms);
}

/* The window of an identity's requests, and of the app's objects. */
static struct rate *
requests_of(const struct app *a, enum heap_lane kind)
{
	return kind == HEAP_TRACK ? a->track : a->properties;
}

static struct rate *
whole_of(const struct app *a, enum heap_lane kind)
{
	return kind == HEAP_TRACK ? a->app_objects : a->app_users;
}

static int64_t
longest_window(const struct app *a, enum heap_lane kind)
{
	int64_t longest = rate_window(requests_of(a, kind));

	if (rate_window(whole_of(a, kind)) > longest)
		longest = rate_window(whole_of(a, kind));
	if (kind == HEAP_TRACK && rate_window(a->objects) > longest)
		longest = rate_window(a->objects);
	return longest;
}

/* One past request: what it mentioned is asked for only after the list was
 * read, oldest first, which the windows like best. */
struct record {
	int64_t	request;
	int64_t	objects;
	int64_t	ended;		/* boot ms of this boot */
};

struct rebuild {
	const struct app *app;
	enum heap_lane	 kind;
	int64_t		 now;
	int64_t		 since;		/* of this boot: older ones are out */
	int64_t		 enough;	/* objects of other boots */
	int64_t		 others;	/* those so far */
	struct record	*record;
	size_t		 n;
	size_t		 room;
};

/*
 * Of this boot, requests are out of the windows by their age.  The clock of
 * another boot tells nothing: as many as the windows could hold count as
 * ended now.
 */
static bool
collect(const struct queue_past *p, void *arg)
{
	struct rebuild *b = arg;

	if (p->same_boot && p->ended_boot < b->since)
		return false;
	if (!p->same_boot && b->others >= b->enough)
		return false;
	if (p->app != b->app->id)
		return true;
	if (!p->same_boot)
		b->others += p->objects;
	if (b->n == b->room) {
		b->room = b->room > 0 ? 2 * b->room : 64;
		b->record = xreallocarray(b->record, b->room,
		    sizeof(*b->record));
	}
	b->record[b->n].request = p->request;
	b->record[b->n].objects = p->objects;
	b->record[b->n].ended = p->same_boot ? p->ended_boot : b->now;
	b->n++;
	return true;
}

static int
by_end(const void *one, const void *other)
{
	const struct record *a = one, *b = other;

	return (a->ended > b->ended) - (a->ended < b->ended);
}

static void
note_one(struct rate *r, int64_t key, const struct record *rec, int64_t n)
{
	rate_note(r, key, rec->request, n, rec->ended);
	rate_end(r, key, rec->request, rec->ended);
}

struct mention {
	struct app	*app;
	enum heap_lane	 kind;
	const struct record *record;
};

static void
on_mention(int64_t identity, int64_t objects, void *arg)
{
	struct mention *m = arg;

	note_one(requests_of(m->app, m->kind), identity, m->record, 1);
	if (m->kind == HEAP_TRACK)
		note_one(m->app->objects, identity, m->record, objects);
}

void
app_rebuild(struct app *a, struct queue *q, const struct lane *lane,
    struct moment now)
{
	int64_t window = longest_window(a, lane->kind);
	struct rate *whole = whole_of(a, lane->kind);
	struct rebuild b = { .app = a, .kind = lane->kind, .now = now.boot };
	struct mention m = { .app = a, .kind = lane->kind };
	size_t i;

	b.since = now.boot - window - a->settings.timeout_ms - LATE_MS;
	b.enough = rate_limit(whole) *
	    ((window + rate_window(whole) - 1) / rate_window(whole));
	queue_past(q, lane->id, collect, &b);
	if (b.n > 0)
		qsort(b.record, b.n, sizeof(*b.record), by_end);
	for (i = 0; i < b.n; i++) {
		note_one(whole, WHOLE_APP, &b.record[i], b.record[i].objects);
		m.record = &b.record[i];
		queue_mentioned(q, b.record[i].request, on_mention, &m);
	}
	free(b.record);
}

/* What app_note, app_end and app_cancel do to each window. */
enum mark { MARK_NOTE, MARK_END, MARK_CANCEL };

static void
mark(struct rate *r, enum mark what, int64_t key, int64_t request, int64_t n,
    int64_t now)
{
	switch (what) {
	case MARK_NOTE:
		rate_note(r, key, request, n, now);
		break;
	case MARK_END:
		rate_end(r, key, request, now);
		break;
	case MARK_CANCEL:
		rate_cancel(r, key, request);
		break;
	}
}

/* The events of one identity stand together, or are marked twice, which adds
 * up in the objects; a request counts once for an identity all the same. */
static void
mark_all(struct app *a, const struct flight *f, enum mark what, int64_t now)
{
	enum heap_lane kind = f->lane->kind;
	struct rate *requests = requests_of(a, kind);
	size_t i;

	for (i = 0; i < f->events_n; i++) {
		const struct queue_claimed *e = &f->events[i];

		if (i == 0 || e[-1].identity != e->identity)
			mark(requests, what, e->identity, f->request, 1, now);
		if (kind == HEAP_TRACK)
			mark(a->objects, what, e->identity, f->request,
			    (int64_t)e->objects, now);
	}
	mark(whole_of(a, kind), what, WHOLE_APP, f->request,
	    (int64_t)f->objects, now);
}

void
app_note(struct app *a, const struct flight *f, int64_t now)
{
	mark_all(a, f, MARK_NOTE, now);
}

void
app_end(struct app *a, const struct flight *f, int64_t ended)
{
	mark_all(a, f, MARK_END, ended);
}

void
app_cancel(struct app *a, const struct flight *f)
{
	mark_all(a, f, MARK_CANCEL, 0);
}

void
app_expire(struct app *a, int64_t now)
{
	rate_expire(a->track, now);
	rate_expire(a->objects, now);
	rate_expire(a->app_objects, now);
	rate_expire(a->properties, now);
	rate_expire(a->app_users, now);
}

int64_t
app_room(struct app *a, enum heap_lane kind, int64_t now)
{
	return rate_allow(whole_of(a, kind), WHOLE_APP, now);
}

int64_t
identity_room(struct app *a, enum heap_lane kind, int64_t identity,
    int64_t now)
{
	if (rate_allow(requests_of(a, kind), identity, now) == 0)
		return 0;
	return kind == HEAP_TRACK ? rate_allow(a->objects, identity, now) : 1;
}

int64_t
app_next(struct app *a, enum heap_lane kind, int64_t n, int64_t now)
{
	return rate_next(whole_of(a, kind), WHOLE_APP, n, now);
}

int64_t
identity_next(struct app *a, enum heap_lane kind, int64_t identity,
    int64_t n, int64_t now)
{
	int64_t request = rate_next(requests_of(a, kind), identity, 1, now);
	int64_t objects = kind == HEAP_TRACK ?
	    rate_next(a->objects, identity, n, now) : now;

	return request > objects ? request : objects;
}

int64_t
identity_most(const struct app *a, enum heap_lane kind)
{
	int64_t most = HEAP_MAX_OBJECTS;

	if (rate_limit(whole_of(a, kind)) < most)
		most = rate_limit(whole_of(a, kind));
	if (kind == HEAP_TRACK && rate_limit(a->objects) < most)
		most = rate_limit(a->objects);
	return most;
}

/*
 * A hold is an entry in a window of one that lasts 1 ms: it frees 2 ms after
 * its end (rate.h), which may lie in the future.
 */
#define HOLD_LAG	2

void
lane_hold(struct lane *lane, int64_t identity, int64_t request,
    int64_t until, int64_t now)
{
	rate_note(lane->hold, identity, request, 1, now);
	if (until != RATE_NEVER)
		rate_end(lane->hold, identity, request, until - HOLD_LAG);
}

void
lane_unhold(struct lane *lane, int64_t identity, int64_t request, int64_t now)
{
	rate_end(lane->hold, identity, request, now - HOLD_LAG);
}
