/*
 * dispatch_window.c - the windows of the apps
 *
 * Knows which window counts what (delivery.md section 3), and how they are
 * rebuilt from the stored requests, so that a crash cannot overrun one.
 */
#include <stdlib.h>
#include <string.h>

#include "dispatch_private.h"
#include "log.h"

#define WHOLE_APP	0	/* the key of what the app itself may send */

/* What the app takes of its limit: our share, and less while others send. */
static int64_t
scaled(const struct app *a, double factor)
{
	int64_t n = (int64_t)((double)a->settings.app_limit.n *
	    a->settings.rate_share * factor);

	return n > 0 ? n : 1;
}

#define FACTOR_LEAST	0.1
#define FACTOR_CUT	0.7
#define FACTOR_GROW	1.1

static double
within(double factor)
{
	return factor < FACTOR_LEAST ? FACTOR_LEAST : factor > 1 ? 1 : factor;
}

static void
set_factor(struct app *a, double factor)
{
	struct shortage *s = &a->shortage[HEAP_TRACK];

	a->factor = within(factor);
	a->factor_new = true;
	rate_set(a->app_objects, scaled(a, a->factor),
	    a->settings.app_limit.window_ms);
	/* No more than that ever is free: it would be waited for in vain, and
	 * all others with it.  The event goes in slices of that size. */
	if (s->objects > rate_limit(a->app_objects))
		s->objects = rate_limit(a->app_objects);
}

void
app_cut(struct app *a, int64_t now, int64_t wait)
{
	a->factor_at = now + wait;
	/* Of requests that are out together each may tell. */
	if (a->cut_at != 0 && now - a->cut_at < a->settings.app_limit.window_ms)
		return;
	a->cut_at = now;
	set_factor(a, a->factor * FACTOR_CUT);
	log_warn("dispatch: app takes less app=%lld factor=%.3f",
	    (long long)a->id, a->factor);
}

int64_t
app_recover(struct app *a, int64_t now)
{
	int64_t window = a->settings.app_limit.window_ms;

	while (a->factor < 1 && now - a->factor_at > window) {
		a->factor_at += window + 1;
		set_factor(a, a->factor * FACTOR_GROW);
	}
	return a->factor < 1 ? a->factor_at + window + 1 : INT64_MAX;
}

size_t
app_growth(const struct app *a, struct forecast_step step[APP_STEPS])
{
	int64_t at = a->factor_at, limit = scaled(a, a->factor);
	double factor = a->factor;
	size_t n = 0;

	while (factor < 1 && n < APP_STEPS) {
		factor = within(factor * FACTOR_GROW);
		at += a->settings.app_limit.window_ms + 1;
		step[n].at = at;
		step[n].more = scaled(a, factor) - limit;
		limit += step[n++].more;
	}
	return n;
}

struct app *
app_new(int64_t id, double factor, const struct config_output *c)
{
	struct app *a = xcalloc(1, sizeof(*a));
	int kind;

	a->id = id;
	a->factor = factor;
	for (kind = 0; kind < HEAP_LANES; kind++)
		a->hold[kind] = rate_new(1, 1);
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
	int kind;

	free_rates(a);
	for (kind = 0; kind < HEAP_LANES; kind++)
		rate_free(a->hold[kind]);
	free(a);
}

void
app_reset(struct app *a, const struct config_output *c)
{
	free_rates(a);
	if (c != &a->settings)
		a->settings = *c;
	memset(a->shortage, 0, sizeof(a->shortage));
	a->track = rate_new(c->track_limit.n, c->track_limit.window_ms);
	a->objects = rate_new(c->identity_limit.n,
	    c->identity_limit.window_ms);
	a->app_objects = rate_new(scaled(a, a->factor), c->app_limit.window_ms);
	a->properties = rate_new(c->properties_limit.n,
	    c->properties_limit.window_ms);
	a->app_users = rate_new(c->properties_app_limit.n,
	    c->properties_app_limit.window_ms);
}

struct rate *
requests_of(const struct app *a, enum heap_lane kind)
{
	return kind == HEAP_TRACK ? a->track : a->properties;
}

struct rate *
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
	int64_t		 now;
	int64_t		 enough;	/* objects of other boots */
	int64_t		 others;	/* those so far */
	struct record	*record;
	size_t		 n;
	size_t		 room;
};

/*
 * The clock of another boot tells nothing: as many as the windows could hold
 * count as ended now.
 */
static bool
collect(const struct queue_past *p, void *arg)
{
	struct rebuild *b = arg;

	if (!p->same_boot && b->others >= b->enough)
		return false;
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

struct mentioned {
	struct app	*app;
	enum heap_lane	 kind;
	const struct record *record;
};

static void
on_mention(int64_t identity, int64_t objects, void *arg)
{
	struct mentioned *m = arg;

	note_one(requests_of(m->app, m->kind), identity, m->record, 1);
	if (m->kind == HEAP_TRACK)
		note_one(m->app->objects, identity, m->record, objects);
}

void
app_rebuild(struct app *a, struct queue *q, enum heap_lane kind,
    struct moment now)
{
	int64_t window = longest_window(a, kind);
	struct rate *whole = whole_of(a, kind);
	struct rebuild b = { .now = now.boot };
	struct mentioned m = { .app = a, .kind = kind };
	size_t i;

	/* What may have been sent is what the limit allows without our share
	 * and factor: both may have been larger. */
	b.enough = (kind == HEAP_TRACK ? a->settings.app_limit.n :
	    a->settings.properties_app_limit.n) *
	    ((window + rate_window(whole) - 1) / rate_window(whole));
	queue_past(q, a->id, kind, now.boot - window, collect, &b);
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

static void
mark_all(const struct flight *f, enum mark what, int64_t now)
{
	enum heap_lane kind = f->lane->kind;
	struct app *a = f->app;
	size_t i;

	for (i = 0; i < f->mentions_n; i++) {
		const struct mention *m = &f->mentions[i];

		mark(requests_of(a, kind), what, m->identity, f->request, 1,
		    now);
		if (kind == HEAP_TRACK)
			mark(a->objects, what, m->identity, f->request,
			    m->objects, now);
	}
	mark(whole_of(a, kind), what, WHOLE_APP, f->request,
	    (int64_t)f->objects, now);
}

void
app_note(const struct flight *f, int64_t now)
{
	mark_all(f, MARK_NOTE, now);
}

void
app_end(const struct flight *f)
{
	mark_all(f, MARK_END, f->ended.boot);
}

void
app_cancel(const struct flight *f)
{
	mark_all(f, MARK_CANCEL, 0);
}

void
app_expire(struct app *a, int64_t now)
{
	int kind;

	rate_expire(a->track, now);
	rate_expire(a->objects, now);
	rate_expire(a->app_objects, now);
	rate_expire(a->properties, now);
	rate_expire(a->app_users, now);
	for (kind = 0; kind < HEAP_LANES; kind++)
		rate_expire(a->hold[kind], now);
}

int64_t
app_room(struct app *a, enum heap_lane kind, int64_t now)
{
	return rate_allow(whole_of(a, kind), WHOLE_APP, now);
}

const struct shortage *
app_reserve(const struct app *a, enum heap_lane kind, int64_t now)
{
	const struct shortage *s = &a->shortage[kind];
	int64_t window = rate_window(whole_of(a, kind));

	/* One that is not seen again was discarded, say. */
	if (s->event == 0 || now - s->since < window ||
	    now - s->seen > 2 * window)
		return NULL;
	return s;
}

/* Objects that only another event than this one may use. */
static int64_t
reserved(const struct app *a, enum heap_lane kind, int64_t event, int64_t now)
{
	const struct shortage *s = app_reserve(a, kind, now);

	return s != NULL && s->event != event ? s->objects : 0;
}

int64_t
app_free_room(struct app *a, enum heap_lane kind, int64_t now)
{
	int64_t room = app_room(a, kind, now) - reserved(a, kind, 0, now);

	return room > 0 ? room : 0;
}

int64_t
app_next(struct app *a, enum heap_lane kind, int64_t event, int64_t n,
    int64_t now)
{
	return rate_next(whole_of(a, kind), WHOLE_APP,
	    n + reserved(a, kind, event, now), now);
}

void
app_short(struct lane *l, int64_t event, int64_t identity, int64_t objects,
    int64_t now)
{
	struct shortage *s = &l->app->shortage[l->kind];
	int64_t window = rate_window(whole_of(l->app, l->kind));

	if (s->event != event) {
		if (s->event != 0 && now - s->seen <= 2 * window)
			return;		/* another one waits longer */
		s->event = event;
		s->since = now;
	}
	s->identity = identity;
	s->lane = l;
	s->objects = objects;
	s->seen = now;
}

void
app_served(struct app *a, enum heap_lane kind, int64_t event)
{
	if (a->shortage[kind].event == event)
		memset(&a->shortage[kind], 0, sizeof(a->shortage[kind]));
}

int64_t
identity_room(struct app *a, enum heap_lane kind, int64_t identity,
    int64_t now)
{
	if (rate_allow(a->hold[kind], identity, now) == 0 ||
	    rate_allow(requests_of(a, kind), identity, now) == 0)
		return 0;
	return kind == HEAP_TRACK ? rate_allow(a->objects, identity, now) :
	    HEAP_MAX_OBJECTS;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t
identity_next(struct app *a, enum heap_lane kind, int64_t identity,
    int64_t n, int64_t now)
{
	int64_t at = rate_next(a->hold[kind], identity, 1, now);

	at = later(at, rate_next(requests_of(a, kind), identity, 1, now));
	if (kind == HEAP_TRACK)
		at = later(at, rate_next(a->objects, identity, n, now));
	return at;
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
app_hold(struct app *a, enum heap_lane kind, int64_t identity,
    int64_t request, int64_t until, int64_t now)
{
	rate_note(a->hold[kind], identity, request, 1, now);
	if (until != RATE_NEVER)
		rate_end(a->hold[kind], identity, request, until - HOLD_LAG);
}

void
app_unhold(struct app *a, enum heap_lane kind, int64_t identity,
    int64_t request, int64_t now)
{
	rate_end(a->hold[kind], identity, request, now - HOLD_LAG);
}

int64_t
to_wall(struct moment now, int64_t boot)
{
	return boot == RATE_NEVER ? PARKED : now.wall + (boot - now.boot);
}

static int
by_identity(const void *one, const void *other)
{
	const struct mention *a = one, *b = other;

	return (a->identity > b->identity) - (a->identity < b->identity);
}

/* Each identity once, with its objects. */
static void
mention(struct flight *f)
{
	struct mention *m = xcalloc(f->events_n, sizeof(*m));
	size_t i, n = 0;

	for (i = 0; i < f->events_n; i++) {
		m[i].identity = f->events[i].identity;
		m[i].objects = (int64_t)f->events[i].objects;
	}
	qsort(m, f->events_n, sizeof(*m), by_identity);
	for (i = 0; i < f->events_n; i++) {
		if (n > 0 && m[n - 1].identity == m[i].identity)
			m[n - 1].objects += m[i].objects;
		else
			m[n++] = m[i];
	}
	f->mentions = m;
	f->mentions_n = n;
}

/*
 * Pacing: once more than half of an identity's request window is used, the
 * rest is spread over the time until the oldest use frees.
 */
static void
pace(struct flight *f, int64_t identity, int64_t now)
{
	struct rate *r = f->app->track;
	int64_t used, left, frees;

	used = rate_used(r, identity, now);
	left = rate_limit(r) - used;
	if (2 * used <= rate_limit(r) || left <= 0)
		return;
	frees = rate_next(r, identity, left + 1, now);
	if (frees == RATE_NEVER)
		frees = now + rate_window(r);
	app_hold(f->app, HEAP_TRACK, identity, f->request,
	    now + (frees - now) / left, now);
}

/* What the claim means for the windows and for whose turn is next. */
static void
occupy(struct flight *f, struct moment now)
{
	struct lane *l = f->lane;
	int64_t identity, next;
	size_t i;

	app_note(f, now.boot);
	for (i = 0; i < f->mentions_n; i++) {
		identity = f->mentions[i].identity;
		if (l->kind == HEAP_USER_PROPERTIES)
			app_hold(l->app, l->kind, identity, f->request,
			    RATE_NEVER, now.boot);
		else
			pace(f, identity, now.boot);
		next = to_wall(now, identity_next(l->app, l->kind, identity,
		    1, now.boot));
		queue_park(l->dispatch->queue, l->id, identity,
		    next > now.wall ? next : now.wall + BEHIND_MS);
	}
	for (i = 0; i < f->events_n; i++)
		app_served(l->app, l->kind, f->events[i].event);
}

void
flight_claim(struct flight *f, int64_t parent, struct moment now)
{
	struct queue_claim c = {
		.lane = f->lane->id,
		.app = f->app->id,
		.form = f->form,
		.objects = f->objects,
		.bytes = f->body.len,
		.parent = parent,
		.events = f->events,
		.events_n = f->events_n,
	};

	mention(f);
	f->request = queue_claim(f->lane->dispatch->queue, &c, now);
	occupy(f, now);
}
