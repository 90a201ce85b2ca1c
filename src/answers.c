/*
 * answers.c - how often each input was answered what
 *
 * Knows counting.  One row an input and a place for each status: there are
 * few inputs, and a look-up costs what comparing their names does.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "answers.h"
#include "mem.h"

#define FIRST	200		/* the statuses that are counted ... */
#define LAST	599
#define UNSTORED 503		/* what a failed commit makes of the others */

struct row {
	char		*input;		/* NULL: nobody's */
	uint64_t	 count[LAST - FIRST + 1];
	uint32_t	 waiting[LAST - FIRST + 1];
	bool		 waits;		/* some of it does */
	TAILQ_ENTRY(row) link;
};

struct answers {
	TAILQ_HEAD(, row) rows;
};

struct answers *
answers_new(void)
{
	struct answers *a = xcalloc(1, sizeof(*a));

	TAILQ_INIT(&a->rows);
	return a;
}

void
answers_free(struct answers *a)
{
	struct row *r;

	if (a == NULL)
		return;
	while ((r = TAILQ_FIRST(&a->rows)) != NULL) {
		TAILQ_REMOVE(&a->rows, r, link);
		free(r->input);
		free(r);
	}
	free(a);
}

static bool
is_of(const struct row *r, const char *input)
{
	if (r->input == NULL || input == NULL)
		return r->input == input;
	return strcmp(r->input, input) == 0;
}

static struct row *
row_of(struct answers *a, const char *input)
{
	struct row *r;

	TAILQ_FOREACH(r, &a->rows, link)
		if (is_of(r, input))
			return r;
	r = xcalloc(1, sizeof(*r));
	r->input = input != NULL ? xstrdup(input) : NULL;
	TAILQ_INSERT_TAIL(&a->rows, r, link);
	return r;
}

void
answers_count(struct answers *a, const char *input, int status)
{
	assert(status >= FIRST && status <= LAST);
	row_of(a, input)->count[status - FIRST]++;
}

void
answers_later(struct answers *a, const char *input, int status)
{
	struct row *r = row_of(a, input);

	assert(status >= FIRST && status <= LAST);
	r->waiting[status - FIRST]++;
	r->waits = true;
}

static void
settle(struct row *r, bool durable)
{
	size_t i;

	for (i = 0; i < HR_COUNT(r->waiting); i++) {
		r->count[durable ? i : UNSTORED - FIRST] += r->waiting[i];
		r->waiting[i] = 0;
	}
	r->waits = false;
}

void
answers_settle(struct answers *a, bool durable)
{
	struct row *r;

	TAILQ_FOREACH(r, &a->rows, link)
		if (r->waits)
			settle(r, durable);
}

void
answers_each(const struct answers *a, answers_visit *visit, void *arg)
{
	const struct row *r;
	size_t i;

	TAILQ_FOREACH(r, &a->rows, link)
		for (i = 0; i < HR_COUNT(r->count); i++)
			if (r->count[i] > 0)
				visit(r->input, FIRST + (int)i, r->count[i],
				    arg);
}
