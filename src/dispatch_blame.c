/*
 * dispatch_blame.c - whose fault a failure is: the destination's or an event's
 *
 * Knows, for each lane, which events failed and how often others have passed
 * since.  An event that fails again although something passed after its last
 * failure is itself to blame (delivery.md section 6).
 *
 * The memory is two tables of fixed size, by event and by identity, in which
 * a newer entry takes the place of an older one with the same remainder.  To
 * forget costs a failure more until the event is found; it cannot harm an
 * innocent one.
 */
#include <stdlib.h>

#include "dispatch_private.h"

#define KEPT	4096

struct failed {
	int64_t		 id;		/* 0: unused */
	uint64_t	 passes;	/* of the lane, when it failed last */
	int		 lone;		/* failed alone while others passed */
};

struct blame {
	uint64_t	 passes;	/* requests that arrived */
	uint64_t	 opened;	/* passes when the breaker opened */
	struct failed	 event[KEPT];
	struct failed	 identity[KEPT];
};

struct blame *
blame_new(void)
{
	return xcalloc(1, sizeof(struct blame));
}

void
blame_free(struct blame *b)
{
	free(b);
}

static struct failed *
place(struct failed *table, int64_t id)
{
	return &table[(uint64_t)id % KEPT];
}

/* Notes that it failed now; its entry. */
static struct failed *
note(struct blame *b, struct failed *table, int64_t id)
{
	struct failed *f = place(table, id);

	if (f->id != id)
		*f = (struct failed){ .id = id };
	f->passes = b->passes;
	return f;
}

/* Has something passed since it failed last, and since the breaker opened? */
static bool
passed_since(const struct blame *b, const struct failed *f, int64_t id)
{
	return f->id == id && b->passes > f->passes && b->passes > b->opened;
}

bool
blame_failure(struct blame *b, const struct flight *f, int *lone)
{
	struct failed *entry = NULL;
	bool again = false;
	size_t i;

	*lone = 0;
	if (f->answer.never_left)
		return false;
	for (i = 0; i < f->events_n; i++) {
		again |= passed_since(b, place(b->event, f->events[i].event),
		    f->events[i].event);
		entry = note(b, b->event, f->events[i].event);
	}
	for (i = 0; i < f->mentions_n; i++)
		note(b, b->identity, f->mentions[i].identity);
	/* A probe is sent because nothing passes: it tells of that alone. */
	if (!again || f->probe)
		return false;
	if (f->events_n == 1)
		*lone = ++entry->lone;
	return true;
}

void
blame_pass(struct blame *b, const struct flight *f)
{
	struct failed *entry;

	b->passes++;
	if (f->slice_end == 0)
		return;
	/* A slice of it arrived: what failed was not in the event. */
	entry = place(b->event, f->events[0].event);
	if (entry->id == f->events[0].event)
		entry->lone = 0;
}

void
blame_opened(struct blame *b)
{
	b->opened = b->passes;
}

bool
blame_failed_lately(struct blame *b, int64_t identity)
{
	const struct failed *f = place(b->identity, identity);

	return f->id == identity && f->passes == b->passes;
}
