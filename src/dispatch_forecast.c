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

/* One lane's forecast while it is made; times are boot ms. */
struct ahead {
	struct lane	*lane;
	const struct dispatch_demand *demand;
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

/* It also waits until the window has let n through. */
static void
wait_for_window(struct ahead *a, enum dispatch_bound by, struct rate *r,
    int64_t key, int64_t n)
{
	int64_t busy = a->demand->busy_ms;
	bool flying = rate_next(r, key, n, a->from) == RATE_NEVER;

	wait_for(a, by, key, forecast_last(r, key, n, busy, a->now, a->from),
	    flying);
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
wait_for_identity(struct ahead *a, int64_t identity, int64_t objects)
{
	const struct lane *l = a->lane;
	int64_t most = identity_most(l->app, l->kind);

	wait_for_hold(a, identity);
	if (l->kind == HEAP_TRACK) {
		wait_for_window(a, DISPATCH_IDENTITY_LIMIT, l->app->objects,
		    identity, objects);
		wait_for_window(a, DISPATCH_TRACK_LIMIT, l->app->track,
		    identity, (objects + most - 1) / most);
	} else {
		wait_for_window(a, DISPATCH_PROPERTIES_LIMIT,
		    l->app->properties, identity, objects);
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

/* What all lanes that share this one's window of the app are to send. */
static int64_t
app_objects(struct dispatch *d, const struct lane *l,
    const struct dispatch_demand *demand, size_t n)
{
	const struct lane *other;
	int64_t objects = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		other = lane_of(d, demand[i].lane);
		if (other != NULL && other->output != NULL &&
		    other->app == l->app && other->kind == l->kind)
			objects += demand[i].objects;
	}
	return objects;
}

static void
look_ahead(struct ahead *a, int64_t app_objects_n, struct moment now)
{
	const struct dispatch_demand *need = a->demand;
	const struct lane *l = a->lane;
	size_t i;

	wait_for_lane(a);
	wait_for_requests(a);
	wait_for_window(a, l->kind == HEAP_TRACK ? DISPATCH_APP_LIMIT :
	    DISPATCH_PROPERTIES_APP_LIMIT, whole_of(l->app, l->kind), 0,
	    app_objects_n);
	for (i = 0; i < need->share_n; i++)
		wait_for_identity(a, need->share[i].identity,
		    need->share[i].objects);
	if (need->due_at != 0)
		wait_for(a, DISPATCH_BACKOFF, 0,
		    now.boot + (need->due_at - now.wall), false);
}

static void
forecast_lane(struct dispatch *d, struct moment now,
    const struct dispatch_demand *all, size_t n, size_t i,
    struct dispatch_forecast *f)
{
	struct ahead a = { .lane = lane_of(d, all[i].lane),
	    .demand = &all[i], .now = now.boot, .from = now.boot,
	    .at = now.boot };

	memset(f, 0, sizeof(*f));
	f->leaves_at = f->done_at = now.wall;
	if (all[i].objects <= 0)
		return;
	if (a.lane == NULL || a.lane->output == NULL || all[i].paused) {
		f->leaves_at = f->done_at = DISPATCH_UNKNOWN;
		f->bound_by = all[i].paused ? DISPATCH_PAUSE :
		    DISPATCH_OUTPUT;
		return;
	}
	look_ahead(&a, app_objects(d, a.lane, all, n), now);
	f->leaves_at = now.wall + (a.at - now.boot);
	f->done_at = f->leaves_at + all[i].busy_ms;
	f->bound_by = a.by;
	f->identity = a.identity;
	f->flying = a.flying;
}

void
dispatch_forecast(struct dispatch *d, struct moment now,
    const struct dispatch_demand *demand, size_t n,
    struct dispatch_forecast *f)
{
	size_t i;

	for (i = 0; i < n; i++)
		forecast_lane(d, now, demand, n, i, &f[i]);
}
