/*
 * jobs_count.c - the events that match a filter: how many, and of whom
 *
 * Adds up and knows nothing of windows: how long all of it takes is told by
 * dispatch_forecast, from what is handed out here.
 */
#include <stdlib.h>

#include "jobs.h"

#define MATCHES	500		/* taken from the queue at once */
/* So that no slice has all of them to move when there is no more room. */
#define PARTS	256		/* of the table */
#define ROOM	8		/* entries in one at first; a power of two */

/*
 * What was counted, by lane and identity, in an open hash table.  Two kinds
 * of entries stand for more: identity 0 for all of a lane, lane 0 for an
 * identity in whichever lanes.
 */
struct entry {
	int64_t	lane;
	int64_t	identity;
	int64_t	objects;		/* 0: this place is free */
	int64_t	events;
	int64_t	identities;		/* of a lane; else 0 */
};

struct part {
	struct entry	*entry;
	size_t		 room, used;
};

struct jobs_count {
	struct queue	*queue;
	struct filter filter;
	struct buf	 text[6];	/* the filter's, copied */
	int64_t		 cursor, last;
	int64_t		 events;
	int64_t		 identities;
	struct part	 part[PARTS];
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
	for (i = 0; i < PARTS; i++)
		free(c->part[i].entry);
	free(c);
}

static uint64_t
hash_of(int64_t lane, int64_t identity)
{
	return ((uint64_t)identity * 31 + (uint64_t)lane) *
	    UINT64_C(0x9e3779b97f4a7c15);
}

static struct entry *
place(const struct part *p, int64_t lane, int64_t identity)
{
	size_t i = (size_t)(hash_of(lane, identity) >> 24) & (p->room - 1);

	while (p->entry[i].objects != 0 && (p->entry[i].lane != lane ||
	    p->entry[i].identity != identity))
		i = (i + 1) & (p->room - 1);
	return &p->entry[i];
}

static void
grow(struct part *p)
{
	struct part wider = { .room = p->room > 0 ? 2 * p->room : ROOM,
	    .used = p->used };
	size_t i;

	wider.entry = xcalloc(wider.room, sizeof(*wider.entry));
	for (i = 0; i < p->room; i++)
		if (p->entry[i].objects != 0)
			*place(&wider, p->entry[i].lane,
			    p->entry[i].identity) = p->entry[i];
	free(p->entry);
	*p = wider;
}

/* The part that such an entry is in, or would be. */
static struct part *
part_of(struct jobs_count *c, int64_t lane, int64_t identity)
{
	return &c->part[(hash_of(lane, identity) >> 56) % PARTS];
}

/* true: it is the first of its kind. */
static bool
add(struct jobs_count *c, int64_t lane, int64_t identity, int64_t objects)
{
	struct part *p = part_of(c, lane, identity);
	struct entry *e;
	bool fresh;

	if (2 * p->used >= p->room)
		grow(p);
	e = place(p, lane, identity);
	fresh = e->objects == 0;
	e->lane = lane;
	e->identity = identity;
	e->objects += objects;
	e->events++;
	p->used += fresh;
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
		place(part_of(c, m->lane, 0), m->lane, 0)->identities++;
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

/* The largest entries of a lane, the largest first. */
struct largest {
	const struct entry **entry;
	size_t	n, most;
};

/* Puts it among the largest if it is one of them. */
static void
rank(struct largest *l, const struct entry *e)
{
	size_t i;

	if (l->n < l->most)
		i = l->n++;
	else if (l->most > 0 && l->entry[l->most - 1]->objects < e->objects)
		i = l->most - 1;
	else
		return;
	for (; i > 0 && l->entry[i - 1]->objects < e->objects; i--)
		l->entry[i] = l->entry[i - 1];
	l->entry[i] = e;
}

/* Where next_entry looks next. */
struct walk {
	size_t	part, entry;
};

/* One after the other; NULL: that was the last one. */
static const struct entry *
next_entry(const struct jobs_count *c, struct walk *at)
{
	const struct entry *e;

	for (; at->part < PARTS; at->part++, at->entry = 0)
		while (at->entry < c->part[at->part].room) {
			e = &c->part[at->part].entry[at->entry++];
			if (e->objects != 0)
				return e;
		}
	return NULL;
}

static void
tell(const struct entry *e, jobs_count_visit *visit, void *arg)
{
	struct jobs_load load = { e->lane, e->identity, e->objects, e->events,
	    e->identities };

	visit(&load, arg);
}

static void
tell_lane(const struct jobs_count *c, const struct entry *whole, size_t most,
    jobs_count_visit *visit, void *arg)
{
	struct largest l = { xcalloc(most + 1, sizeof(*l.entry)), 0, most };
	const struct entry *e;
	struct walk at = { 0, 0 };
	size_t i;

	while ((e = next_entry(c, &at)) != NULL)
		if (e->identity != 0 && e->lane == whole->lane)
			rank(&l, e);
	tell(whole, visit, arg);
	for (i = 0; i < l.n; i++)
		tell(l.entry[i], visit, arg);
	free(l.entry);
}

void
jobs_count_each(const struct jobs_count *c, size_t most,
    jobs_count_visit *visit, void *arg)
{
	const struct entry *e;
	struct walk at = { 0, 0 };

	while ((e = next_entry(c, &at)) != NULL)
		if (e->lane != 0 && e->identity == 0)
			tell_lane(c, e, most, visit, arg);
}
