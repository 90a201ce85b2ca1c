/*
 * histogram.c - how long something takes: counts by size
 *
 * Knows counting.  Knows nothing of what is measured, and no clock.
 */
#include <assert.h>
#include <string.h>

#include "histogram.h"
#include "mem.h"

#define MS	INT64_C(1000)
#define SECOND	(1000 * MS)
#define HOUR	(3600 * SECOND)
#define DAY	(24 * HOUR)

static void
init(struct histogram *h, const int64_t *bound, size_t n)
{
	assert(n <= HISTOGRAM_BOUNDS);
	memset(h, 0, sizeof(*h));
	h->bound = bound;
	h->bounds = n;
}

void
histogram_init_local(struct histogram *h)
{
	static const int64_t bounds[] = {
		MS / 2, MS, 5 * MS / 2, 5 * MS, 10 * MS, 25 * MS, 50 * MS,
		100 * MS, 250 * MS, 500 * MS, SECOND, 5 * SECOND / 2,
		5 * SECOND, 10 * SECOND
	};

	init(h, bounds, HR_COUNT(bounds));
}

void
histogram_init_remote(struct histogram *h)
{
	static const int64_t bounds[] = {
		5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS,
		500 * MS, SECOND, 5 * SECOND / 2, 5 * SECOND, 10 * SECOND,
		30 * SECOND, 60 * SECOND
	};

	init(h, bounds, HR_COUNT(bounds));
}

void
histogram_init_waiting(struct histogram *h)
{
	static const int64_t bounds[] = {
		100 * MS, 250 * MS, 500 * MS, SECOND, 5 * SECOND / 2,
		5 * SECOND, 10 * SECOND, 30 * SECOND, 60 * SECOND,
		300 * SECOND, 900 * SECOND, HOUR, 6 * HOUR, DAY, 7 * DAY
	};

	init(h, bounds, HR_COUNT(bounds));
}

void
histogram_note(struct histogram *h, int64_t us, uint64_t n)
{
	size_t i = 0;

	if (us < 0)
		us = 0;
	while (i < h->bounds && us > h->bound[i])
		i++;
	h->count[i] += n;
	h->sum += (uint64_t)us * n;
}

uint64_t
histogram_count(const struct histogram *h)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i <= h->bounds; i++)
		n += h->count[i];
	return n;
}
