/*
 * load_latency.c - many latencies in little room
 *
 * Knows counting.  Up to 127 each number has a class of its own; above, each
 * power of two is divided into 64.
 */
#include "load_latency.h"

static unsigned
class_of(uint64_t us)
{
	unsigned shift = 0;

	while (us >> shift >= 128)
		shift++;
	return shift * 64 + (unsigned)(us >> shift);
}

/* The greatest number of the class. */
static int64_t
end_of(unsigned class)
{
	unsigned shift = class < 128 ? 0 : class / 64 - 1;
	uint64_t first = class - shift * 64;

	return (int64_t)(((first + 1) << shift) - 1);
}

void
load_latency_add(struct load_latency *l, int64_t us)
{
	if (us < 0)
		us = 0;
	l->n[class_of((uint64_t)us)]++;
	l->count++;
	if (us > l->longest_us)
		l->longest_us = us;
}

int64_t
load_latency_at(const struct load_latency *l, double share)
{
	double want = share * (double)l->count;
	uint64_t seen = 0;
	unsigned i;

	for (i = 0; i < LOAD_CLASSES && l->count > 0; i++) {
		seen += l->n[i];
		if (l->n[i] == 0 || (double)seen < want)
			continue;
		return end_of(i) < l->longest_us ? end_of(i) : l->longest_us;
	}
	return l->longest_us;
}
