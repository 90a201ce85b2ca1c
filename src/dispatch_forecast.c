/*
 * dispatch_forecast.c - when will it all have left, and what holds it
 *
 * Looks ahead with the figures that the plan goes by.  What the lanes are to
 * send is handed in; nothing is read from the queue, nothing is changed.
 */
#include <stdlib.h>
#include <string.h>

#include "dispatch_private.h"
#include "forecast.h"

const char *
dispatch_bound_name(enum dispatch_bound bound)
{
	static const char *const names[] = {
		[DISPATCH_NOTHING] = "nothing",
		[DISPATCH_APP_LIMIT] = "app_limit",
		[DISPATCH_IDENTITY_LIMIT] = "identity_limit",
		[DISPATCH_TRACK_LIMIT] = "track_limit",
		[DISPATCH_PROPERTIES_LIMIT] = "properties_limit",
		[DISPATCH_PROPERTIES_APP_LIMIT] = "properties_app_limit",
		[DISPATCH_BREAKER] = "breaker",
		[DISPATCH_FROZEN] = "frozen",
		[DISPATCH_BACKOFF] = "backoff",
		[DISPATCH_ORDER] = "order",
		[DISPATCH_PAUSE] = "pause",
		[DISPATCH_OUTPUT] = "output",
	};

	return names[bound];
}

/* --- the use of windows ------------------------------------------------ */

static const char *
requests_name(enum heap_lane kind)
{
	return dispatch_bound_name(kind == HEAP_TRACK ? DISPATCH_TRACK_LIMIT :
	    DISPATCH_PROPERTIES_LIMIT);
}

size_t
dispatch_identity_windows(struct dispatch *d, int64_t lane, int64_t identity,
    struct moment now, struct dispatch_window w[DISPATCH_WINDOWS])
{
	const struct lane *l = lane_of(d, lane);

	if (l == NULL || l->output == NULL)
		return 0;
	window_view(&w[0], requests_name(l->kind),
	    requests_of(l->app, l->kind), identity, now);
	if (l->kind != HEAP_TRACK)
		return 1;
	window_view(&w[1], dispatch_bound_name(DISPATCH_IDENTITY_LIMIT),
	    l->app->objects, identity, now);
	return 2;
}

struct uses {
	struct dispatch_use *use;
	size_t	n, room;
};

static void
add_use(int64_t key, int64_t used, int64_t frees_at, void *arg)
{
	struct uses *u = arg;

	(void)frees_at;
	if (u->n == u->room) {
		u->room = u->room > 0 ? 2 * u->room : 64;
		u->use = xreallocarray(u->use, u->room, sizeof(*u->use));
	}
	u->use[u->n].identity = key;
	u->use[u->n++].used = used;
}

static int
most_first(const void *one, const void *other)
{
	const struct dispatch_use *a = one, *b = other;

	if (a->used != b->used)
		return a->used < b->used ? 1 : -1;
	return (a->identity > b->identity) - (a->identity < b->identity);
}

size_t
dispatch_busiest(struct dispatch *d, int64_t lane, struct moment now,
    struct dispatch_use *use, size_t n)
{
	const struct lane *l = lane_of(d, lane);
	struct uses u = { NULL, 0, 0 };

	if (l == NULL || l->output == NULL)
		return 0;
	rate_each(l->kind == HEAP_TRACK ? l->app->objects : l->app->properties,
	    now.boot, add_use, &u);
	if (u.n > 0)
		qsort(u.use, u.n, sizeof(*u.use), most_first);
	if (u.n < n)
		n = u.n;
	if (n > 0)
		memcpy(use, u.use, n * sizeof(*use));
	free(u.use);
	return n;
}

/* --- forecast ---------------------------------------------------------- */

/* What a lane is to send of one identity (0: of all). */
struct load {
	int64_t		 app;
	enum heap_lane	 kind;
	int64_t		 identity;
	int64_t		 lane;
	int64_t		 objects;
	int64_t		 events;
};

/* Of all demands, sorted, so that those of one window lie together. */
struct loads {
	struct load	*load;
	size_t		 n;
};

static int
by_window(const void *one, const void *other)
{
	const struct load *a = one, *b = other;

	if (a->app != b->app)
		return a->app < b->app ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return (a->identity > b->identity) - (a->identity < b->identity);
}

static int
by_window_and_lane(const void *one, const void *other)
{
	const struct load *a = one, *b = other;
	int order = by_window(a, b);

	return order != 0 ? order : (a->lane > b->lane) - (a->lane < b->lane);
}

/* NULL: its output sends nothing, so it takes nobody's room. */
static struct lane *
sending_lane(struct dispatch *d, int64_t lane)
{
	struct lane *l = lane_of(d, lane);

	return l != NULL && l->output != NULL && !l->paused ? l : NULL;
}

bool
dispatch_together(struct dispatch *d, int64_t lane, int64_t other)
{
	const struct lane *a = lane_of(d, lane), *b = lane_of(d, other);

	return a != NULL && b != NULL && a->kind == b->kind &&
	    a->app == b->app;
}

static struct load
load_key(const struct lane *l, int64_t identity)
{
	return (struct load){ .app = l->app->id, .kind = l->kind,
	    .identity = identity, .lane = l->id };
}

static void
add_load(struct loads *all, const struct lane *l, int64_t identity,
    int64_t objects, int64_t events)
{
	struct load *load = &all->load[all->n++];

	*load = load_key(l, identity);
	load->objects = objects;
	load->events = events;
}

/* Sorts, and adds up what is of one window and one lane. */
static void
merge(struct loads *all)
{
	struct load *load = all->load;
	size_t i, n = 0;

	if (all->n > 0)
		qsort(load, all->n, sizeof(*load), by_window_and_lane);
	for (i = 0; i < all->n; i++) {
		if (n > 0 && by_window_and_lane(&load[n - 1], &load[i]) == 0) {
			load[n - 1].objects += load[i].objects;
			load[n - 1].events += load[i].events;
		} else {
			load[n++] = load[i];
		}
	}
	all->n = n;
}

static void
add_up(struct loads *all, struct dispatch *d,
    const struct dispatch_demand *demand, size_t n)
{
	const struct dispatch_share *s;
	const struct lane *l;
	size_t i, k, room = n;

	for (i = 0; i < n; i++)
		room += demand[i].share_n;
	all->load = xcalloc(room + 1, sizeof(*all->load));
	all->n = 0;
	for (i = 0; i < n; i++) {
		l = sending_lane(d, demand[i].lane);
		if (l == NULL)
			continue;
		add_load(all, l, 0, demand[i].objects, 0);
		for (k = 0; k < demand[i].share_n; k++) {
			s = &demand[i].share[k];
			add_load(all, l, s->identity, s->objects, s->events);
		}
	}
	merge(all);
}

/* What passes a window until the last that the lane has for it.  Lanes take
 * turns, request by request, so by then each of the others has sent as many of
 * them, or all it has. */
static struct load
load_of(const struct loads *all, const struct lane *l, int64_t identity)
{
	struct load sum = load_key(l, identity);
	const struct load *own, *end = all->load + all->n, *o;
	int64_t most = identity == 0 ? HEAP_MAX_OBJECTS :
	    identity_most(l->app, l->kind), turns;

	own = bsearch(&sum, all->load, all->n, sizeof(sum),
	    by_window_and_lane);
	for (o = own; o > all->load && by_window(o - 1, &sum) == 0; o--)
		continue;
	turns = (own->objects + most - 1) / most * most;
	for (; o < end && by_window(o, &sum) == 0; o++) {
		if (o == own || o->objects <= turns) {
			sum.objects += o->objects;
			sum.events += o->events;
		} else {
			sum.objects += turns;
			sum.events += o->events * turns / o->objects;
		}
	}
	return sum;
}

/* One lane's forecast while it is made; times are boot ms. */
struct ahead {
	struct lane	*lane;
	const struct dispatch_demand *demand;
	const struct loads *loads;
	int64_t		 now;
	int64_t		 from;		/* nothing leaves before */
	int64_t		 at;		/* the last leaves, by what is known */
	enum dispatch_bound by;
	int64_t		 identity;
	bool		 flying;
};

/* It also waits for this; of several, for what lasts longest. */
static void
wait_for(struct ahead *a, enum dispatch_bound by, int64_t identity,
    int64_t at, bool flying)
{
	if (at <= a->at)
		return;
	a->at = at;
	a->by = by;
	a->identity = identity;
	a->flying = flying;
}

static struct forecast
window_of(const struct ahead *a, struct rate *r, int64_t key)
{
	struct forecast f = { .rate = r, .key = key, .now = a->now,
	    .from = a->from, .busy_ms = a->demand->busy_ms };

	return f;
}

/* It also waits until the window has let n through. */
static void
wait_for_window(struct ahead *a, enum dispatch_bound by,
    const struct forecast *f, int64_t n)
{
	bool flying = rate_next(f->rate, f->key, n, f->from) == RATE_NEVER;

	wait_for(a, by, f->key, forecast_last(f, n), flying);
}

/* Breaker, freeze: what stops the whole lane; from then on windows count. */
static void
wait_for_lane(struct ahead *a)
{
	const struct lane *l = a->lane;
	int64_t until;

	if (l->breaker.state != BREAKER_CLOSED) {
		until = l->breaker.until > a->now ? l->breaker.until : a->now;
		/* First a probe has to come back. */
		wait_for(a, DISPATCH_BREAKER, 0, until + a->demand->busy_ms +
		    1, l->breaker.state == BREAKER_HALF_OPEN);
	}
	wait_for(a, DISPATCH_FROZEN, 0, l->frozen_until, false);
	a->from = a->at;
}

/* Room of the app that is kept for an event of somebody else. */
static int64_t
kept_room(const struct ahead *a)
{
	const struct lane *l = a->lane;
	const struct shortage *s = app_reserve(l->app, l->kind, a->now);
	size_t i;

	if (s == NULL)
		return 0;
	for (i = 0; i < a->demand->share_n; i++)
		if (a->demand->share[i].identity == s->identity)
			return 0;
	return s->objects;
}

/* The app's own window.  What it learnt to leave to others grows back. */
static void
wait_for_app(struct ahead *a)
{
	const struct lane *l = a->lane;
	struct forecast_step step[APP_STEPS];
	struct forecast f = window_of(a, whole_of(l->app, l->kind), 0);

	if (l->kind == HEAP_TRACK) {
		f.step = step;
		f.steps = app_growth(l->app, step);
	}
	wait_for_window(a, l->kind == HEAP_TRACK ? DISPATCH_APP_LIMIT :
	    DISPATCH_PROPERTIES_APP_LIMIT, &f,
	    load_of(a->loads, l, 0).objects + kept_room(a));
}

/* What no request of the identity leaves before: an update in flight, a 429
 * of its own, or the pace of one that used more than half of its window. */
static void
wait_for_hold(struct ahead *a, int64_t identity)
{
	const struct lane *l = a->lane;
	int64_t at = rate_next(l->app->hold[l->kind], identity, 1, a->from);
	struct rate *r = requests_of(l->app, l->kind);

	if (at == RATE_NEVER)
		wait_for(a, DISPATCH_ORDER, identity,
		    a->now + a->demand->busy_ms + 1, true);
	else if (l->kind == HEAP_TRACK &&
	    2 * rate_used(r, identity, a->now) > rate_limit(r))
		wait_for(a, DISPATCH_TRACK_LIMIT, identity, at, false);
	else
		wait_for(a, DISPATCH_FROZEN, identity, at, false);
}

static void
wait_for_identity(struct ahead *a, int64_t identity)
{
	const struct lane *l = a->lane;
	struct load load = load_of(a->loads, l, identity);
	int64_t most = identity_most(l->app, l->kind);
	struct forecast requests = window_of(a, requests_of(l->app, l->kind),
	    identity);
	struct forecast objects = window_of(a, l->app->objects, identity);

	wait_for_hold(a, identity);
	if (l->kind == HEAP_TRACK) {
		wait_for_window(a, DISPATCH_IDENTITY_LIMIT, &objects,
		    forecast_packed(load.objects, load.events,
		    rate_limit(l->app->objects)));
		wait_for_window(a, DISPATCH_TRACK_LIMIT, &requests,
		    (load.objects + most - 1) / most);
	} else {
		wait_for_window(a, DISPATCH_PROPERTIES_LIMIT, &requests,
		    load.objects);
	}
}

/* Requests are large, but they take their time, and few are out at once. */
static void
wait_for_requests(struct ahead *a)
{
	int64_t requests = (a->demand->objects + HEAP_MAX_OBJECTS - 1) /
	    HEAP_MAX_OBJECTS;
	int64_t rounds = (requests - 1) /
	    a->lane->output->config->max_in_flight;

	wait_for(a, DISPATCH_NOTHING, 0, a->from + rounds *
	    a->demand->busy_ms, false);
}

static void
look_ahead(struct ahead *a, struct moment now)
{
	const struct dispatch_demand *need = a->demand;
	size_t i;

	wait_for_lane(a);
	wait_for_requests(a);
	wait_for_app(a);
	for (i = 0; i < need->share_n; i++)
		wait_for_identity(a, need->share[i].identity);
	if (need->due_at != 0)
		wait_for(a, DISPATCH_BACKOFF, 0,
		    now.boot + (need->due_at - now.wall), false);
}

static void
forecast_lane(struct dispatch *d, struct moment now,
    const struct dispatch_demand *need, const struct loads *loads,
    struct dispatch_forecast *f)
{
	struct ahead a = { .lane = sending_lane(d, need->lane),
	    .demand = need, .loads = loads, .now = now.boot,
	    .from = now.boot, .at = now.boot };
	const struct lane *l = lane_of(d, need->lane);

	memset(f, 0, sizeof(*f));
	f->leaves_at = f->done_at = now.wall;
	if (need->objects <= 0)
		return;
	if (a.lane == NULL) {
		f->leaves_at = f->done_at = DISPATCH_UNKNOWN;
		f->bound_by = l != NULL && l->output != NULL ?
		    DISPATCH_PAUSE : DISPATCH_OUTPUT;
		return;
	}
	look_ahead(&a, now);
	f->leaves_at = now.wall + (a.at - now.boot);
	f->done_at = f->leaves_at + need->busy_ms;
	f->bound_by = a.by;
	f->identity = a.identity;
	f->flying = a.flying;
}

void
dispatch_forecast(struct dispatch *d, struct moment now,
    const struct dispatch_demand *demand, size_t n,
    struct dispatch_forecast *f)
{
	struct loads loads;
	size_t i;

	add_up(&loads, d, demand, n);
	for (i = 0; i < n; i++)
		forecast_lane(d, now, &demand[i], &loads, &f[i]);
	free(loads.load);
}
