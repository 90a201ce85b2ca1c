/*
 * inspect_backlog.c - what waits, and for whom
 *
 * Knows where to look so that a look at a long queue costs no more than one
 * at a short queue: events are counted by the tables that the agent keeps,
 * and of those of one identity a sample tells how many objects they have.
 */
#include <stdlib.h>
#include <string.h>

#include "inspect_private.h"

#define MEASURED	500	/* identities compared, twice */
#define SAMPLED		32	/* of them, the first, are sampled ... */
#define SAMPLE		50	/* ... by so many events */
#define ROWS		1000	/* a sample of one: about a millisecond */

static const char *
copy(struct arena *arena, sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	return text != NULL ? arena_strndup(arena, text, strlen(text)) : NULL;
}

static int64_t
times(int64_t events, int64_t objects, int64_t of)
{
	return of > 0 ? (int64_t)((double)events * (double)objects /
	    (double)of + 0.5) : events;
}

/* The oldest ready events of an identity, at most n: how many, and their
 * objects. */
static int64_t
sample(struct store *s, int64_t lane, int64_t identity, int64_t before,
    int64_t n, int64_t *objects)
{
	sqlite3_stmt *st = store_sql(s, SQL_BACKLOG_OBJECTS);
	int64_t events = 0;

	*objects = 0;
	store_int(st, ":lane", lane);
	store_int(st, ":identity", identity);
	store_int(st, ":before", before);
	store_int(st, ":n", n);
	if (store_row(s, st)) {
		events = sqlite3_column_int64(st, 0);
		*objects = sqlite3_column_int64(st, 1);
	}
	sqlite3_reset(st);
	return events;
}

static void
read_longest(struct store *s, struct arena *arena, struct inspect_lane *l,
    size_t longest)
{
	sqlite3_stmt *st = store_sql(s, SQL_BACKLOG_LONGEST);
	struct inspect_waiting *w;

	l->waiting = arena_calloc(arena, longest > 0 ? longest : 1,
	    sizeof(*l->waiting));
	store_int(st, ":lane", l->id);
	store_int(st, ":measured", longest > MEASURED ? (int64_t)longest :
	    MEASURED);
	store_int(st, ":n", (int64_t)longest);
	while (l->waiting_n < longest && store_row(s, st)) {
		w = &l->waiting[l->waiting_n++];
		w->identity = sqlite3_column_int64(st, 0);
		w->value = copy(arena, st, 1);
		w->ready = sqlite3_column_int64(st, 2);
		w->next_at = sqlite3_column_int64(st, 3);
	}
	sqlite3_reset(st);
}

/* How many objects wait: an event of those that are not sampled has as many
 * as one of the sampled in the mean. */
static void
weigh(struct store *s, struct inspect_lane *l)
{
	int64_t ready = 0, objects = 0, events, sum;
	struct inspect_waiting *w;
	size_t i;

	for (i = 0; i < l->waiting_n; i++) {
		w = &l->waiting[i];
		if (i < SAMPLED) {
			events = sample(s, l->id, w->identity, INT64_MAX,
			    SAMPLE, &sum);
			w->objects = times(w->ready, sum, events);
			ready += w->ready;
			objects += w->objects;
		} else {
			w->objects = times(w->ready, objects, ready);
		}
	}
	l->objects = times(l->queued, objects, ready);
}

/* What a request takes in the mean; 0: none has arrived. */
static int64_t
latency(struct store *s, int64_t lane)
{
	sqlite3_stmt *st = store_sql(s, SQL_BACKLOG_LATENCY);
	int64_t ms = 0;

	store_int(st, ":lane", lane);
	if (store_row(s, st))
		ms = (int64_t)(sqlite3_column_double(st, 0) + 0.5);
	sqlite3_reset(st);
	return ms;
}

static void
read_deferred(struct store *s, struct arena *arena, struct inspect_lane *l)
{
	sqlite3_stmt *st = store_sql(s, SQL_BACKLOG_DEFERRED);

	store_int(st, ":lane", l->id);
	if (store_row(s, st)) {
		l->due_at = sqlite3_column_int64(st, 0);
		l->due_identity = copy(arena, st, 1);
	}
	sqlite3_reset(st);
}

static void
read_lanes(struct store *s, struct inspect_backlog *b)
{
	sqlite3_stmt *st = store_sql(s, SQL_BACKLOG_LANES);
	struct inspect_lane *all = NULL, *l;
	size_t n = 0;

	while (store_row(s, st)) {
		all = xreallocarray(all, n + 1, sizeof(*all));
		l = &all[n++];
		memset(l, 0, sizeof(*l));
		l->id = sqlite3_column_int64(st, 0);
		l->output = copy(b->arena, st, 1);
		l->lane = copy(b->arena, st, 2);
		l->configured = sqlite3_column_int(st, 3) != 0;
		l->paused_at = sqlite3_column_int64(st, 4);
		l->queued = sqlite3_column_int64(st, 5);
	}
	b->lane = all;
	b->lanes = n;
}

enum inspect_answer
inspect_backlog(struct inspect *in, size_t longest,
    struct inspect_backlog **out)
{
	struct store *s = inspect_ask(in, INSPECT_COMMITTED);
	struct inspect_backlog *b = xcalloc(1, sizeof(*b));
	enum inspect_answer answer;
	size_t i;

	b->arena = arena_new();
	read_lanes(s, b);
	for (i = 0; i < b->lanes; i++) {
		read_longest(s, b->arena, &b->lane[i], longest);
		weigh(s, &b->lane[i]);
		b->lane[i].busy_ms = latency(s, b->lane[i].id);
		read_deferred(s, b->arena, &b->lane[i]);
	}
	answer = inspect_judge(in, s, false);
	if (answer == INSPECT_OK)
		*out = b;
	else
		inspect_backlog_free(b);
	return answer;
}

void
inspect_backlog_free(struct inspect_backlog *b)
{
	if (b == NULL)
		return;
	arena_free(b->arena);
	free(b->lane);
	free(b);
}

static int64_t
find_identity(struct store *s, const char *value)
{
	sqlite3_stmt *st = store_sql(s, SQL_IDENTITY_FIND);
	int64_t id = 0;

	store_text(st, ":value", value);
	if (store_row(s, st))
		id = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return id;
}

static int64_t
count_before(struct store *s, int64_t lane, int64_t identity, int64_t event)
{
	sqlite3_stmt *st = store_sql(s, SQL_BACKLOG_AHEAD);
	int64_t n = 0;

	store_int(st, ":lane", lane);
	store_int(st, ":identity", identity);
	store_int(st, ":before", event);
	store_int(st, ":n", INSPECT_MANY);
	if (store_row(s, st))
		n = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return n;
}

enum inspect_answer
inspect_place(struct inspect *in, const struct inspect_event *e,
    struct inspect_place *p)
{
	struct store *s = inspect_ask(in, INSPECT_COMMITTED);
	int64_t sampled;

	memset(p, 0, sizeof(*p));
	p->busy_ms = latency(s, e->lane_id);
	if (e->identity != NULL)
		p->identity = find_identity(s, e->identity);
	/* What is under suspicion travels apart. */
	if (p->identity != 0 && !e->suspect) {
		p->events = count_before(s, e->lane_id, p->identity, e->id);
		sampled = sample(s, e->lane_id, p->identity, e->id, ROWS,
		    &p->objects);
		p->objects = times(p->events, p->objects, sampled);
	}
	return inspect_judge(in, s, false);
}

enum inspect_answer
inspect_find_identity(struct inspect *in, const char *value,
    int64_t *identity)
{
	struct store *s = inspect_ask(in, INSPECT_COMMITTED);

	*identity = find_identity(s, value);
	if (*identity != 0)
		return INSPECT_OK;
	return inspect_judge(in, s, false) == INSPECT_OK ? INSPECT_NONE :
	    INSPECT_FAILED;
}

enum inspect_answer
inspect_identity(struct inspect *in, int64_t lane, int64_t identity,
    inspect_waiting_visit *visit, void *arg)
{
	struct store *s = inspect_ask(in, INSPECT_COMMITTED);
	sqlite3_stmt *st = store_sql(s, SQL_BACKLOG_IDENTITY);
	struct inspect_waiting w = { .identity = identity };
	int64_t sampled;
	bool found;

	sampled = sample(s, lane, identity, INT64_MAX, ROWS, &w.objects);
	store_int(st, ":lane", lane);
	store_int(st, ":identity", identity);
	store_int(st, ":n", INSPECT_MANY);
	found = store_row(s, st);
	if (found) {
		w.value = (const char *)sqlite3_column_text(st, 0);
		w.ready = sqlite3_column_int64(st, 1);
		w.next_at = sqlite3_column_int64(st, 2);
		w.deferred = sqlite3_column_int64(st, 3);
		w.due_at = sqlite3_column_int64(st, 4);
		w.stuck = sqlite3_column_int64(st, 5);
		w.objects = times(w.ready, w.objects, sampled);
		visit(&w, arg);
	}
	sqlite3_reset(st);
	if (found)
		return INSPECT_OK;
	return inspect_judge(in, s, false) == INSPECT_OK ? INSPECT_NONE :
	    INSPECT_FAILED;
}
