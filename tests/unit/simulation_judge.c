/*
 * simulation_judge.c - what must never be, and what must be in the end
 *
 * Knows the promises of delivery: windows hold at the far side's own
 * instants, nobody waits who could go, nothing is lost or sent for nothing,
 * no property goes back, nobody suffers for another's event.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulation.h"

/* --- windows ---------------------------------------------------------- */

static const struct rule {
	const char	*name;
	enum heap_lane	 kind;
	bool		 by_person;
	bool		 objects;	/* else requests */
} rules[SIM_WINDOWS] = {
	[SIM_TRACK] = { "track_limit", HEAP_TRACK, true, false },
	[SIM_IDENTITY] = { "identity_limit", HEAP_TRACK, true, true },
	[SIM_APP] = { "app_limit", HEAP_TRACK, false, true },
	[SIM_UPDATES] = { "properties_limit", HEAP_USER_PROPERTIES, true,
	    false },
	[SIM_APP_UPDATES] = { "properties_app_limit", HEAP_USER_PROPERTIES,
	    false, true },
};

/* So much counted at that instant. */
struct tick {
	int64_t	us;
	int64_t	n;
};

struct ticks {
	struct tick	*t;
	size_t		 n, room;
};

static void
add_tick(struct ticks *t, int64_t us, int64_t n)
{
	if (t->n == t->room) {
		t->room = t->room > 0 ? 2 * t->room : 64;
		t->t = xreallocarray(t->t, t->room, sizeof(*t->t));
	}
	t->t[t->n++] = (struct tick){ us, n };
}

static int
by_time(const void *one, const void *other)
{
	const struct tick *a = one, *b = other;

	return (a->us > b->us) - (a->us < b->us);
}

/* The most that a closed interval with that instant in it holds. */
static int64_t
most_around(struct ticks *t, int64_t us, int64_t width)
{
	int64_t sum = 0, most = 0;
	size_t from = 0, i;

	if (t->n > 0)
		qsort(t->t, t->n, sizeof(*t->t), by_time);
	for (i = 0; i < t->n; i++) {
		sum += t->t[i].n;
		for (; t->t[i].us - t->t[from].us > width; from++)
			sum -= t->t[from].n;
		if (t->t[from].us <= us && us <= t->t[i].us && sum > most)
			most = sum;
	}
	return most;
}

/*
 * Whichever of an interval's requests was claimed last was claimed under
 * limits that the whole interval must obey: so a call is judged together with
 * those before it, by the limits of its own claim.
 */
static void
judge(struct sim *s, const struct sim_call *c, enum sim_window w,
    struct ticks *t, int64_t mpid)
{
	const struct config_limit *l = &s->limits[c->limits].window[w];
	int64_t most = most_around(t, c->us, l->window_ms * 1000);

	if (most > l->n)
		sim_fail(s, "%s: %" PRId64 " of %" PRId64 " in %" PRId64
		    " ms around request %td of %" PRId64, rules[w].name, most,
		    l->n, l->window_ms, c - s->calls + 1, mpid);
	t->n = 0;
}

/* Calls before this one, none of which is in the window any more. */
static bool
too_old(const struct sim_call *older, const struct sim_call *c,
    const struct config_limit *l)
{
	return older->latest < c->us - l->window_ms * 1000;
}

static bool
near(const struct sim_call *older, const struct sim_call *c,
    const struct config_limit *l)
{
	return older->left && older->us >= c->us - l->window_ms * 1000 &&
	    older->us <= c->us + l->window_ms * 1000;
}

static void
judge_people(struct sim *s, const struct sim_call *c, enum sim_window w,
    struct ticks *t)
{
	const struct config_limit *l = &s->limits[c->limits].window[w];
	const struct sim_row *r;
	ssize_t row;
	size_t i;

	for (i = 0; i < c->rows_n; i++) {
		for (row = (ssize_t)(c->first_row + i); row != -1;
		    row = r->before) {
			r = &s->rows[row];
			if (too_old(&s->calls[r->call], c, l))
				break;
			if (near(&s->calls[r->call], c, l))
				add_tick(t, s->calls[r->call].us,
				    rules[w].objects ? r->objects : 1);
		}
		judge(s, c, w, t,
		    s->person[s->rows[c->first_row + i].person].mpid);
	}
}

static void
judge_app(struct sim *s, const struct sim_call *c, enum sim_window w,
    struct ticks *t)
{
	const struct config_limit *l = &s->limits[c->limits].window[w];
	const struct sim_call *o;

	for (o = c; o >= s->calls && !too_old(o, c, l); o--)
		if (o->kind == c->kind && o->app == c->app && near(o, c, l))
			add_tick(t, o->us, o->objects);
	judge(s, c, w, t, 0);
}

void
sim_judge_windows(struct sim *s, size_t first)
{
	struct ticks t = { NULL, 0, 0 };
	size_t i;
	int w;

	for (i = first; i < s->calls_n; i++)
		for (w = 0; w < SIM_WINDOWS; w++) {
			if (rules[w].kind != s->calls[i].kind ||
			    !s->calls[i].left)
				continue;
			if (rules[w].by_person)
				judge_people(s, &s->calls[i],
				    (enum sim_window)w, &t);
			else
				judge_app(s, &s->calls[i],
				    (enum sim_window)w, &t);
		}
	free(t.t);
}

/* --- who waits -------------------------------------------------------- */

static void
look_at(const struct dispatch_lane *l, void *arg)
{
	struct sim *s = arg;
	bool open = l->breaker->state == BREAKER_CLOSED &&
	    l->frozen_until == 0;

	assert_true(l->lane < SIM_LANES);
	if (open && s->was_open[l->lane])
		s->open[l->lane] += sim_now(s) - s->looked_at;
	s->was_open[l->lane] = open;
	s->kind[l->lane] = l->kind;
}

void
sim_look(struct sim *s)
{
	dispatch_each(s->f->dispatch, s->f->now, look_at, s);
	s->looked_at = sim_now(s);
}

/*
 * The longest that the first event of somebody waits while its lane is open:
 * its own windows and those of the app, a 429's hold, the time limit of what
 * is out, and a turn of everybody else's share, when the app takes the least.
 */
static int64_t
longest_wait(const struct sim *s, int64_t waiting)
{
	const struct config_limit *l = s->limits[s->limits_n - 1].window;
	int64_t sum = 0, app = l[SIM_APP].n / 10 + 1;
	int w;

	for (w = 0; w < SIM_WINDOWS; w++)
		sum += l[w].window_ms;
	return 4 * sum + 10000 + 2 * s->f->settings[0].timeout_ms +
	    l[SIM_APP].window_ms * (waiting * 20 / app + 1);
}

void
sim_judge_waiting(struct sim *s)
{
	const struct sim_event *e;
	sqlite3_stmt *st;
	int64_t since, bound = longest_wait(s, ask(s->f,
	    "SELECT count(*) FROM waiting"));
	size_t lane;

	assert_int_equal(sqlite3_prepare_v2(store_db(queue_store(
	    s->f->queue)), "SELECT min(e.id), e.lane, i.value"
	    " FROM event AS e JOIN identity AS i ON i.id = e.identity"
	    " WHERE e.state = 'queued' AND e.due_at IS NULL"
	    " GROUP BY e.lane, e.identity, e.suspect", -1, &st, NULL),
	    SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW) {
		e = &s->events[sqlite3_column_int64(st, 0)];
		lane = (size_t)sqlite3_column_int64(st, 1);
		since = s->person[sim_person(s, sqlite3_column_int64(st, 2))]
		    .served[lane];
		if (e->since > since)
			since = e->since;
		if (s->open[lane] - since > bound)
			sim_fail(s, "event %lld waits for %" PRId64
			    " ms of an open lane; it should %" PRId64,
			    (long long)sqlite3_column_int64(st, 0),
			    s->open[lane] - since, bound);
	}
	sqlite3_finalize(st);
}

/* --- what became of it ------------------------------------------------ */

/* May an event be stuck for that reason? */
static bool
deserves(const struct sim *s, const struct sim_event *e, const char *reason)
{
	const struct sim_object *o;
	bool too_large = false;
	int failures = 0;
	size_t i;

	for (i = 0; i < e->objects; i++) {
		o = &s->objects[s->refs[e->first_ref + i]];
		too_large |= o->too_large;
		if (o->failures > failures)
			failures = o->failures;
	}
	if (strcmp(reason, "refused") == 0)
		return e->poison;
	if (strcmp(reason, "too_large") == 0)
		return too_large;
	if (strcmp(reason, "failing") == 0)
		return failures >= 3;
	if (strcmp(reason, "expired") == 0)
		return sim_now(s) - e->arrived >=
		    s->f->settings[0].give_up_after_ms;
	return false;
}

static void
judge_stuck(struct sim *s)
{
	const struct sim_event *e;
	const char *reason;
	sqlite3_stmt *st;
	int64_t id;

	assert_int_equal(sqlite3_prepare_v2(store_db(queue_store(
	    s->f->queue)), "SELECT id, reason FROM event"
	    " WHERE state = 'stuck' AND event_index IS NOT NULL", -1, &st,
	    NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW) {
		id = sqlite3_column_int64(st, 0);
		reason = (const char *)sqlite3_column_text(st, 1);
		e = &s->events[id];
		if (e->accepted && !deserves(s, e, reason))
			sim_fail(s, "event %" PRId64 " is stuck, %s, for no "
			    "fault of its own", id, reason);
	}
	sqlite3_finalize(st);
}

/* The state of an event that is stored; "" of one that is not any more. */
static void
state_of(struct sim *s, size_t id, char *state, size_t size)
{
	sqlite3_stmt *st;
	const char *text;

	assert_int_equal(sqlite3_prepare_v2(store_db(queue_store(
	    s->f->queue)), "SELECT state FROM event WHERE id = ?", -1, &st,
	    NULL), SQLITE_OK);
	sqlite3_bind_int64(st, 1, (int64_t)id);
	text = sqlite3_step(st) == SQLITE_ROW ?
	    (const char *)sqlite3_column_text(st, 0) : "";
	snprintf(state, size, "%s", text);
	sqlite3_finalize(st);
}

static void
judge_arrival(struct sim *s, size_t id)
{
	const struct sim_event *e = &s->events[id];
	const struct sim_object *o;
	char state[16];
	size_t i;

	for (i = 0; i < e->objects; i++) {
		o = &s->objects[s->refs[e->first_ref + i]];
		if (o->settled > 0 && o->taken)
			continue;
		state_of(s, id, state, sizeof(state));
		if (strcmp(state, "stuck") != 0)
			sim_fail(s, "event %zu never arrived and is %s", id,
			    state[0] != '\0' ? state : "gone");
		return;
	}
}

void
sim_judge_fates(struct sim *s)
{
	size_t id;

	assert_int_equal(ask(s->f, "SELECT count(*) FROM waiting"), 0);
	assert_conserved(s->f);
	judge_stuck(s);
	for (id = 0; id < s->events_room; id++)
		if (s->events[id].accepted && !s->events[id].discarded &&
		    s->events[id].kind == HEAP_TRACK)
			judge_arrival(s, id);
}

/* --- properties ------------------------------------------------------- */

/* What is stuck never arrived, and that is no surprise. */
static void
collect_stuck(struct sim *s)
{
	sqlite3_stmt *st;
	const char *payload;
	size_t k, app;
	int64_t v, *lost;

	assert_int_equal(sqlite3_prepare_v2(store_db(queue_store(
	    s->f->queue)), "SELECT e.payload, i.value, a.app_id = '77'"
	    " FROM event AS e JOIN identity AS i ON i.id = e.identity"
	    " JOIN lane AS l ON l.id = e.lane"
	    " JOIN output AS o ON o.id = l.output JOIN app AS a ON a.id = o.app"
	    " WHERE e.state = 'stuck' AND e.event_index IS NULL", -1, &st,
	    NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW) {
		payload = (const char *)sqlite3_column_text(st, 0);
		app = sqlite3_column_int(st, 2) != 0 ? 0 : 1;
		lost = s->person[sim_person(s, sqlite3_column_int64(st, 1))]
		    .lost[app];
		for (k = 0; k < SIM_PROPERTIES; k++) {
			v = sim_property(payload, payload + strlen(payload), k);
			if (v > lost[k])
				lost[k] = v;
		}
	}
	sqlite3_finalize(st);
}

void
sim_judge_properties(struct sim *s)
{
	const struct sim_person *p;
	size_t i, app, k;

	collect_stuck(s);
	for (i = 0; i < s->people; i++) {
		p = &s->person[i];
		for (app = 0; app < SIM_APPS; app++)
			for (k = 0; k < SIM_PROPERTIES; k++)
				if (p->at_heap[app][k] != p->expected[app][k]
				    && p->lost[app][k] != p->expected[app][k])
					sim_fail(s, "%" PRId64 ": p%zu is %"
					    PRId64 " at Heap, not %" PRId64,
					    p->mpid, k, p->at_heap[app][k],
					    p->expected[app][k]);
	}
}
