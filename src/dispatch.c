/*
 * dispatch.c - lanes and the turn: plan, launch, look at it
 *
 * Knows which outputs there are, and in which order a turn does its work:
 * verdicts first, then what has become due, then lane by lane what may leave.
 */
#include <stdlib.h>
#include <string.h>

#include "dispatch_private.h"
#include "log.h"

#define RELEASE		256	/* deferred events made ready in one turn */
/* Who moved so many events in a turn, by verdicts or claims, leaves the rest to
 * the next one, or batches that come in would wait: some 10 ms. */
#define TURN_EVENTS	1000
#define STEP_MS		1000	/* a change of the wall clock that counts */
#define HOUR_MS		3600000	/* the longest Retry-After */

struct dispatch *
dispatch_new(struct event_base *base, struct queue *q,
    dispatch_random *random)
{
	struct dispatch *d = xcalloc(1, sizeof(*d));
	int kind;

	d->base = base;
	d->queue = q;
	d->random = random;
	for (kind = 0; kind < HEAP_LANES; kind++)
		histogram_init_remote(&d->durations.request[kind]);
	histogram_init_waiting(&d->durations.delivery);
	TAILQ_INIT(&d->apps);
	TAILQ_INIT(&d->lanes);
	TAILQ_INIT(&d->flights);
	return d;
}

static void
flight_free(struct flight *f)
{
	TAILQ_REMOVE(&f->lane->dispatch->flights, f, link);
	buf_free(&f->body);
	free(f->events);
	free(f->mentions);
	free(f->text);
	free(f);
}

/* The two lanes of an output share its sender; the first one owns it. */
static void
lane_free(struct lane *l)
{
	if (l->kind == HEAP_TRACK)
		sender_free(l->sender);
	blame_free(l->blame);
	free(l->url);
	free(l);
}

void
dispatch_free(struct dispatch *d)
{
	struct lane *l;
	struct app *a;

	if (d == NULL)
		return;
	/* Senders report what they give up, so they go before the flights. */
	TAILQ_FOREACH(l, &d->lanes, link) {
		if (l->kind == HEAP_TRACK)
			sender_free(l->sender);
		l->sender = NULL;
	}
	while (!TAILQ_EMPTY(&d->flights))
		flight_free(TAILQ_FIRST(&d->flights));
	while ((l = TAILQ_FIRST(&d->lanes)) != NULL) {
		TAILQ_REMOVE(&d->lanes, l, link);
		lane_free(l);
	}
	while ((a = TAILQ_FIRST(&d->apps)) != NULL) {
		TAILQ_REMOVE(&d->apps, a, link);
		app_free(a);
	}
	free(d->held);
	free(d);
}

static struct app *
app_of(struct dispatch *d, const struct output *o, int64_t now)
{
	struct app *a;

	TAILQ_FOREACH(a, &d->apps, link)
		if (a->id == o->ids.app)
			return a;
	a = app_new(o->ids.app, o->ids.factor, o->config);
	a->factor_at = now;
	TAILQ_INSERT_TAIL(&d->apps, a, link);
	return a;
}

struct lane *
lane_of(struct dispatch *d, int64_t id)
{
	struct lane *l;

	TAILQ_FOREACH(l, &d->lanes, link)
		if (l->id == id)
			return l;
	return NULL;
}

static struct lane *
lane_new(struct dispatch *d, const struct output *o, enum heap_lane kind,
    int64_t now)
{
	struct lane *l = xcalloc(1, sizeof(*l));

	l->blame = blame_new();
	l->dispatch = d;
	l->kind = kind;
	l->id = o->ids.lane[kind];
	l->open_ms = o->ids.open_ms[kind];
	l->open_at = now;
	TAILQ_INSERT_TAIL(&d->lanes, l, link);
	return l;
}

/*
 * What may have been mended is looked at now, not when a breaker has waited.
 * What went out by the settings before, a probe too, tells nothing of these.
 */
static void
begin_era(struct lane *l, int64_t now)
{
	l->era++;
	if (l->breaker.state == BREAKER_HALF_OPEN)
		breaker_probe_forgotten(&l->breaker, now);
	breaker_probe_now(&l->breaker, now);
}

/* What a lane has of its output's settings; its flights and what it has
 * learnt stay. */
static void
lane_configure(struct lane *l, const struct output *o, int64_t now)
{
	(void)lane_open_ms(l, now);	/* as it was until now */
	l->output = o;
	l->paused = l->paused_on_disk = o->ids.paused_at != 0;
	l->settings = *o->config;
	l->app = app_of(l->dispatch, o, now);
	free(l->url);
	l->url = xasprintf("%s%s", o->config->base_url,
	    heap_lane_path(l->kind));
	begin_era(l, now);
}

static void
output_configure(struct dispatch *d, const struct output *o, int64_t now)
{
	struct sender_settings s = {
		.name = o->name,
		.connect_timeout_ms = o->config->connect_timeout_ms,
		.timeout_ms = o->config->timeout_ms,
		.ca_file = o->config->ca_file,
		.max_connections = (long)(HEAP_LANES *
		    o->config->max_in_flight),
	};
	struct sender *sender = NULL;
	struct lane *l;
	int kind;

	for (kind = 0; kind < HEAP_LANES; kind++) {
		l = lane_of(d, o->ids.lane[kind]);
		if (l == NULL)
			l = lane_new(d, o, (enum heap_lane)kind, now);
		lane_configure(l, o, now);
		if (kind == HEAP_TRACK) {
			if (l->sender == NULL)
				l->sender = sender_new(d->base, &s);
			else
				sender_set(l->sender, &s);
			sender = l->sender;
		}
		l->sender = sender;
	}
}

/* What is configured for the app; an app of nobody keeps what it had. */
static const struct config_output *
settings_of(const struct app *a, const struct outputs *outputs)
{
	size_t i;

	for (i = 0; i < outputs->n; i++)
		if (outputs->o[i].ids.app == a->id)
			return outputs->o[i].config;
	return &a->settings;
}

void
dispatch_configure(struct dispatch *d, const struct outputs *outputs,
    struct moment now)
{
	struct flight *f;
	struct lane *l;
	struct app *a;
	size_t i;
	int kind;

	d->outputs = outputs;
	d->offset = now.wall - now.boot;
	TAILQ_FOREACH(l, &d->lanes, link) {
		l->output = NULL;
		l->groups_at = 0;
	}
	for (i = 0; i < outputs->n; i++)
		output_configure(d, &outputs->o[i], now.boot);
	TAILQ_FOREACH(a, &d->apps, link)
		app_reset(a, settings_of(a, outputs));
	TAILQ_FOREACH(a, &d->apps, link)
		for (kind = 0; kind < HEAP_LANES; kind++)
			app_rebuild(a, d->queue, (enum heap_lane)kind, now);
	/* What is out has no end in the database yet. */
	TAILQ_FOREACH(f, &d->flights, link) {
		if (f->state == FLIGHT_ANSWERED && f->answer.never_left)
			continue;
		app_note(f, now.boot);
		if (f->state == FLIGHT_ANSWERED)
			app_end(f);
	}
	hold_anew(d, now.boot);
	d->rearm = true;
}

static void
look_for_step(struct dispatch *d, struct moment now)
{
	int64_t offset = now.wall - now.boot, step = offset - d->offset;

	d->offset = offset;		/* it also drifts */
	if (step > -STEP_MS && step < STEP_MS)
		return;
	log_warn("dispatch: the clock was stepped ms=%lld", (long long)step);
	d->rearm = true;
}

int64_t
lane_open_ms(struct lane *l, int64_t now)
{
	if (now <= l->open_at)
		return l->open_ms;
	if (l->breaker.state == BREAKER_CLOSED && !l->paused)
		l->open_ms += now - l->open_at;
	l->open_at = now;
	return l->open_ms;
}

/* No event waits longer than that: Retry-After, or backoff. */
static int64_t
longest_wait(const struct dispatch *d)
{
	const struct lane *l;
	int64_t longest = HOUR_MS;

	TAILQ_FOREACH(l, &d->lanes, link)
		if (l->settings.backoff_max_ms > longest)
			longest = l->settings.backoff_max_ms;
	return longest;
}

/*
 * Everything that was measured by the wall clock, or under other settings, is
 * measured anew.  true: the transaction is open, or nothing was to be done.
 */
static bool
rearm_if_need_be(struct dispatch *d, struct moment now)
{
	if (!d->rearm)
		return true;
	if (queue_begin(d->queue) != QUEUE_READY)
		return false;
	queue_rearm(d->queue, now.wall, now.wall + longest_wait(d));
	return true;
}

static bool
turn_is_full(const struct dispatch *d)
{
	return d->moved >= TURN_EVENTS;
}

/* true: the transaction is open, or there was nothing to write. */
static bool
write_verdicts(struct dispatch *d)
{
	struct flight *f;

	TAILQ_FOREACH(f, &d->flights, link) {
		if (turn_is_full(d))
			break;
		if (f->state != FLIGHT_ANSWERED)
			continue;
		if (queue_begin(d->queue) != QUEUE_READY)
			return false;
		verdict_write(f);
		d->moved += f->events_n;
	}
	return true;
}

/* true: the transaction is open, or nothing was due. */
static bool
release_due(struct dispatch *d, struct moment now)
{
	struct lane *l;

	if (queue_next_due(d->queue) > now.wall)
		return true;
	if (queue_begin(d->queue) != QUEUE_READY)
		return false;
	/* Before the write lock was ours another process may have changed what
	 * was due; only what is due still and stays so is damage. */
	if (queue_release(d->queue, now.wall, RELEASE) == 0 &&
	    queue_next_due(d->queue) <= now.wall)
		queue_damaged(d->queue, "an event is due that does not wait");
	TAILQ_FOREACH(l, &d->lanes, link)
		l->groups_at = 0;
	return true;
}

bool
lane_probes(const struct lane *l, int64_t now)
{
	return breaker_may(&l->breaker, now) == BREAKER_MAY_PROBE;
}

/* What answers have taught of whole apps and lanes, until a commit takes it;
 * true as above. */
static bool
write_learnt(struct dispatch *d, struct moment now)
{
	struct lane *l;
	struct app *a;
	size_t i;

	TAILQ_FOREACH(a, &d->apps, link) {
		app_recover(a, now.boot);
		if (!a->factor_new)
			continue;
		if (queue_begin(d->queue) != QUEUE_READY)
			return false;
		queue_app_factor(d->queue, a->id, a->factor);
	}
	TAILQ_FOREACH(l, &d->lanes, link) {
		if (!l->unrefuse)
			continue;
		if (queue_begin(d->queue) != QUEUE_READY)
			return false;
		for (i = 0; i < l->refused_n; i++) {
			queue_unrefuse(d->queue, l->id, l->kind,
			    l->refused[i].event, now.wall);
			queue_wake(d->queue, l->id, l->refused[i].identity,
			    now.wall, now.wall);
		}
	}
	return true;
}

/* It is on disk. */
static void
forget_learnt(struct dispatch *d)
{
	struct lane *l;
	struct app *a;

	d->rearm = false;
	TAILQ_FOREACH(a, &d->apps, link)
		a->factor_new = false;
	TAILQ_FOREACH(l, &d->lanes, link) {
		if (l->unrefuse)
			l->refused_n = 0;
		l->unrefuse = false;
	}
}

/* When the lane may be planned for again; `now`: it may. */
static int64_t
lane_opens(const struct lane *l, int64_t now)
{
	if (l->output == NULL || l->paused)
		return INT64_MAX;
	if (breaker_may(&l->breaker, now) == BREAKER_MAY_NOT)
		return breaker_next(&l->breaker, now);
	if (l->inflight >= (size_t)l->output->config->max_in_flight)
		return INT64_MAX;
	return l->frozen_until > now ? l->frozen_until : now;
}

enum planned {
	PLANNED_NONE,
	PLANNED_ONE,		/* a request is claimed */
	PLANNED_BUSY		/* the write lock was refused */
};

static enum planned
plan_lane(struct lane *l, struct moment now)
{
	struct dispatch *d = l->dispatch;
	struct flight *f;

	l->next_at = lane_opens(l, now.boot);
	if (l->next_at > now.boot || !request_ready(l, now))
		return PLANNED_NONE;
	if (queue_begin(d->queue) != QUEUE_READY)
		return PLANNED_BUSY;
	f = request_plan(l, now);
	if (f == NULL)
		return PLANNED_NONE;
	d->moved += f->events_n;
	l->inflight++;
	if (f->probe) {
		breaker_probe_sent(&l->breaker);
		f->era = ++l->era;
	}
	TAILQ_INSERT_TAIL(&d->flights, f, link);
	return PLANNED_ONE;
}

/* One request of each lane in turn, until none has another.  Who got one goes
 * behind the others, so that lanes which share an app's room share it; and the
 * next turn goes on where a full one ends. */
static bool
plan_lanes(struct dispatch *d, struct moment now)
{
	struct lane *l, *next, *last;
	bool more, end;

	do {
		more = false;
		last = TAILQ_LAST(&d->lanes, lanes);
		for (l = TAILQ_FIRST(&d->lanes); l != NULL; l = next) {
			next = TAILQ_NEXT(l, link);
			end = l == last;
			if (turn_is_full(d))
				return true;
			switch (plan_lane(l, now)) {
			case PLANNED_BUSY:
				return false;
			case PLANNED_ONE:
				TAILQ_REMOVE(&d->lanes, l, link);
				TAILQ_INSERT_TAIL(&d->lanes, l, link);
				more = true;
				break;
			case PLANNED_NONE:
				break;
			}
			if (end)
				break;
		}
	} while (more);
	return true;
}

/* The earliest of what is to come, in ms from now. */
static int64_t
next_wait(struct dispatch *d, struct moment now)
{
	int64_t at = INT64_MAX, due = queue_next_due(d->queue);
	struct lane *l;
	struct app *a;

	if (due != INT64_MAX)
		at = now.boot + (due > now.wall ? due - now.wall : 0);
	TAILQ_FOREACH(l, &d->lanes, link)
		if (l->next_at < at)
			at = l->next_at;
	TAILQ_FOREACH(a, &d->apps, link)
		if (app_recover(a, now.boot) < at)
			at = app_recover(a, now.boot);
	if (at == INT64_MAX)
		return at;
	return at > now.boot ? at - now.boot : 0;
}

#define BUSY_RETRY_MS	20	/* somebody else has the write lock */

int64_t
dispatch_plan(struct dispatch *d, struct moment now)
{
	struct app *a;

	d->learnt_written = false;
	d->moved = 0;
	look_for_step(d, now);
	if (!rearm_if_need_be(d, now) || !write_verdicts(d) ||
	    !release_due(d, now))
		return BUSY_RETRY_MS;
	if (d->stopping)
		return turn_is_full(d) ? 0 : INT64_MAX;
	TAILQ_FOREACH(a, &d->apps, link)
		app_expire(a, now.boot);
	if (!write_learnt(d, now))
		return BUSY_RETRY_MS;
	d->learnt_written = true;
	if (!plan_lanes(d, now))
		return BUSY_RETRY_MS;
	return turn_is_full(d) ? 0 : next_wait(d, now);
}

static void
launch(struct flight *f)
{
	f->state = FLIGHT_OUT;
	stat_add(STAT_requests_sent, 1);
	sender_post(f->lane->sender, f->lane->url, &f->body, verdict_note, f);
}

/* The claim was rolled back: as if it had never been planned. */
static void
forget(struct flight *f, int64_t now)
{
	struct lane *l = f->lane;
	size_t i;

	app_cancel(f);
	for (i = 0; i < f->mentions_n; i++)
		app_unhold(f->app, l->kind, f->mentions[i].identity,
		    f->request, now);
	if (f->probe)
		breaker_probe_forgotten(&l->breaker, now);
	l->inflight--;
	flight_free(f);
}

const struct dispatch_durations *
dispatch_durations(const struct dispatch *d)
{
	return &d->durations;
}

/* The verdict is on disk. */
static void
finish(struct flight *f)
{
	verdict_settled(f);
	flight_free(f);
}

/* It is to be written again. */
static void
unwrite(struct flight *f)
{
	f->state = FLIGHT_ANSWERED;
	f->lane->inflight++;
}

void
dispatch_launch(struct dispatch *d, bool durable)
{
	int64_t now = clock_now().boot;
	struct flight *f, *next;

	for (f = TAILQ_FIRST(&d->flights); f != NULL; f = next) {
		next = TAILQ_NEXT(f, link);
		if (f->state == FLIGHT_CLAIMED && durable)
			launch(f);
		else if (f->state == FLIGHT_CLAIMED)
			forget(f, now);
		else if (f->state == FLIGHT_WRITTEN && durable)
			finish(f);
		else if (f->state == FLIGHT_WRITTEN)
			unwrite(f);
	}
	operate_end(d, durable, now);
	/* A turn that found the write lock taken has written none of it. */
	if (durable && d->learnt_written)
		forget_learnt(d);
}

void
dispatch_stop(struct dispatch *d)
{
	d->stopping = true;
}

size_t
dispatch_flights(const struct dispatch *d)
{
	const struct flight *f;
	size_t n = 0;

	TAILQ_FOREACH(f, &d->flights, link)
		n++;
	return n;
}

static void
show_lane(const struct lane *l, struct moment now, dispatch_visit *visit,
    void *arg)
{
	struct dispatch_lane view;

	memset(&view, 0, sizeof(view));
	view.output = l->output->name;
	view.config = l->output->config;
	view.app_id = l->output->app_id;
	view.lane = l->id;
	view.kind = l->kind;
	view.inflight = l->inflight;
	view.paused = l->paused;
	if (l->frozen_until > now.boot)
		view.frozen_until = now.wall + l->frozen_until - now.boot;
	view.breaker = &l->breaker;
	if (l->breaker.state != BREAKER_CLOSED && l->breaker.until > now.boot)
		view.breaker_until = now.wall + l->breaker.until - now.boot;
	visit(&view, arg);
}

void
dispatch_each(struct dispatch *d, struct moment now, dispatch_visit *visit,
    void *arg)
{
	struct lane *l;
	size_t i;
	int kind;

	/* In the order of the file: lanes change theirs as they take turns. */
	for (i = 0; i < d->outputs->n; i++) {
		for (kind = 0; kind < HEAP_LANES; kind++) {
			l = lane_of(d, d->outputs->o[i].ids.lane[kind]);
			if (l != NULL && l->output != NULL)
				show_lane(l, now, visit, arg);
		}
	}
}

void
window_view(struct dispatch_window *w, const char *name, struct rate *r,
    int64_t key, struct moment now)
{
	int64_t frees;

	w->name = name;
	w->used = rate_used(r, key, now.boot);
	w->limit = rate_limit(r);
	w->window_ms = rate_window(r);
	w->frees_at = 0;
	if (w->used == 0)
		return;
	frees = rate_next(r, key, w->limit - w->used + 1, now.boot);
	if (frees != RATE_NEVER)
		w->frees_at = now.wall + frees - now.boot;
}

size_t
dispatch_windows(struct dispatch *d, const char *output, struct moment now,
    struct dispatch_window w[DISPATCH_WINDOWS])
{
	struct lane *l;

	TAILQ_FOREACH(l, &d->lanes, link) {
		if (l->output == NULL || strcmp(l->output->name, output) != 0)
			continue;
		window_view(&w[0], "app_limit", l->app->app_objects, 0, now);
		window_view(&w[1], "properties_app_limit", l->app->app_users,
		    0, now);
		return DISPATCH_WINDOWS;
	}
	return 0;
}
