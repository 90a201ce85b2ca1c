/*
 * jobs_count.c - the events that match a filter: how many, of whom, how long
 *
 * Knows which window counts what, as arithmetic: what a window's limit lets
 * through at once leaves at once, the rest so many at a time, a window's
 * length apart.
 */
#include <stdlib.h>

#include "heap.h"
#include "jobs.h"

#define MATCHES	500		/* taken from the queue at once */
#define ROOM	64		/* entries at first; a power of two */

/*
 * What was counted, by lane and identity, in an open hash table.  Two kinds
 * of entries stand for more: identity 0 for all of a lane, lane 0 for an
 * identity in whichever lanes.
 */
struct entry {
	int64_t	lane;
	int64_t	identity;
	int64_t	objects;		/* 0: this place is free */
	int64_t	identities;		/* of a lane */
};

struct jobs_count {
	struct queue	*queue;
	struct filter filter;
	struct buf	 text[6];	/* the filter's, copied */
	int64_t		 cursor, last;
	int64_t		 events;
	int64_t		 identities;
	struct entry	*entry;
	size_t		 room, used;
};

static const char *
copy(struct buf *to, const char *text)
{
	if (text == NULL)
		return NULL;
	buf_puts(to, text);
	return buf_str(to);
}

struct jobs_count *
jobs_count_new(struct queue *q, const struct filter *filter,
    int64_t last)
{
	struct jobs_count *c = xcalloc(1, sizeof(*c));
	struct filter *f = &c->filter;

	c->queue = q;
	c->last = last;
	c->room = ROOM;
	c->entry = xcalloc(c->room, sizeof(*c->entry));
	*f = *filter;
	f->state = copy(&c->text[0], f->state);
	f->output = copy(&c->text[1], f->output);
	f->reason = copy(&c->text[2], f->reason);
	f->identity = copy(&c->text[3], f->identity);
	f->name = copy(&c->text[4], f->name);
	f->input = copy(&c->text[5], f->input);
	return c;
}

void
jobs_count_free(struct jobs_count *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < HR_COUNT(c->text); i++)
		buf_free(&c->text[i]);
	free(c->entry);
	free(c);
}

static struct entry *
place(struct entry *entries, size_t room, int64_t lane, int64_t identity)
{
	uint64_t hash = ((uint64_t)identity * 31 + (uint64_t)lane) *
	    UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(hash >> 32) & (room - 1);

	while (entries[i].objects != 0 && (entries[i].lane != lane ||
	    entries[i].identity != identity))
		i = (i + 1) & (room - 1);
	return &entries[i];
}

static void
grow(struct jobs_count *c)
{
	size_t room = 2 * c->room, i;
	struct entry *wider = xcalloc(room, sizeof(*wider));

	for (i = 0; i < c->room; i++)
		if (c->entry[i].objects != 0)
			*place(wider, room, c->entry[i].lane,
			    c->entry[i].identity) = c->entry[i];
	free(c->entry);
	c->entry = wider;
	c->room = room;
}

/* true: it is the first of its kind. */
static bool
add(struct jobs_count *c, int64_t lane, int64_t identity, int64_t objects)
{
	struct entry *e;
	bool fresh;

	if (2 * c->used >= c->room)
		grow(c);
	e = place(c->entry, c->room, lane, identity);
	fresh = e->objects == 0;
	e->lane = lane;
	e->identity = identity;
	e->objects += objects;
	c->used += fresh;
	return fresh;
}

static void
count(struct jobs_count *c, const struct queue_match *m)
{
	/* One that was never mapped will have one object at least. */
	int64_t objects = m->objects > 0 ? m->objects : 1;

	c->events++;
	add(c, m->lane, 0, objects);
	if (m->identity == 0)
		return;
	if (add(c, m->lane, m->identity, objects))
		place(c->entry, c->room, m->lane, 0)->identities++;
	c->identities += add(c, 0, m->identity, 1);
}

bool
jobs_count_slice(struct jobs_count *c)
{
	struct queue_match match[MATCHES];
	size_t n, i;

	n = queue_match(c->queue, &c->filter, &c->cursor, c->last, match,
	    MATCHES);
	for (i = 0; i < n; i++)
		count(c, &match[i]);
	return c->cursor >= c->last;
}

int64_t
jobs_count_events(const struct jobs_count *c)
{
	return c->events;
}

int64_t
jobs_count_identities(const struct jobs_count *c)
{
	return c->identities;
}

int64_t
jobs_least_ms(int64_t n, int64_t limit, int64_t window_ms)
{
	return n > limit ? (n - 1) / limit * window_ms : 0;
}

static const struct output *
lane_output(const struct outputs *outputs, int64_t lane, enum heap_lane *kind)
{
	size_t i;
	int k;

	for (i = 0; i < outputs->n; i++)
		for (k = 0; k < HEAP_LANES; k++)
			if (outputs->o[i].ids.lane[k] == lane) {
				*kind = (enum heap_lane)k;
				return &outputs->o[i];
			}
	return NULL;
}

/* What an app's window counts, of all lanes together: objects, or users, of
 * whose updates one each is left. */
static int64_t
app_load(const struct jobs_count *c, const struct outputs *outputs,
    int64_t app, enum heap_lane kind)
{
	const struct entry *e;
	int64_t load = 0;
	size_t i;

	for (i = 0; i < outputs->n; i++) {
		if (outputs->o[i].ids.app != app)
			continue;
		e = place(c->entry, c->room, outputs->o[i].ids.lane[kind], 0);
		load += kind == HEAP_TRACK ? e->objects : e->identities;
	}
	return load;
}

static int64_t
entry_least_ms(const struct jobs_count *c, const struct entry *e,
    const struct outputs *outputs)
{
	enum heap_lane kind = HEAP_TRACK;
	const struct output *o = lane_output(outputs, e->lane, &kind);
	const struct config_limit *l;
	int64_t limit;

	/* An output that is not configured sends nothing. */
	if (o == NULL)
		return 0;
	l = &o->config->identity_limit;
	if (e->identity != 0)
		return kind == HEAP_TRACK ?
		    jobs_least_ms(e->objects, l->n, l->window_ms) : 0;
	l = kind == HEAP_TRACK ? &o->config->app_limit :
	    &o->config->properties_app_limit;
	limit = kind == HEAP_TRACK ?
	    (int64_t)((double)l->n * o->config->rate_share) : l->n;
	return jobs_least_ms(app_load(c, outputs, o->ids.app, kind),
	    limit > 0 ? limit : 1, l->window_ms);
}

int64_t
jobs_count_least_ms(const struct jobs_count *c, const struct outputs *outputs)
{
	int64_t least = 0, ms;
	size_t i;

	for (i = 0; i < c->room; i++) {
		if (c->entry[i].objects == 0)
			continue;
		ms = entry_least_ms(c, &c->entry[i], outputs);
		if (ms > least)
			least = ms;
	}
	return least;
}
