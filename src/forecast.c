/*
 * forecast.c - when a window will have let so many through
 *
 * Knows that a full window repeats itself: what leaves at an instant occupies
 * its place for as long as it is in flight and the window is long, and then
 * the next one takes the place.  So the places that become free one after the
 * other from `from` on, as many as the limit, become free again in the same
 * order a cycle later, and so on; how many there are in all costs nothing.
 * Where the limit is raised, places are added, and these repeat likewise.
 */
#include "forecast.h"

/* The closed interval of the window, and one ms; see rate.c. */
static int64_t
cycle_of(const struct forecast *f)
{
	return f->busy_ms + rate_window(f->rate) + 1;
}

/* The last of n leaves by the limit as it is now. */
static int64_t
last_by_limit(const struct forecast *f, int64_t n)
{
	int64_t cycle = cycle_of(f), cycles, rest, first;

	if (n <= 0)
		return f->from;
	cycles = (n - 1) / rate_limit(f->rate);
	rest = (n - 1) % rate_limit(f->rate) + 1;
	first = rate_next(f->rate, f->key, rest, f->from);
	if (first == RATE_NEVER)
		first = f->now + cycle > f->from ? f->now + cycle : f->from;
	return first + cycles * cycle;
}

/* How many have left by `at` in the places that the steps add. */
static int64_t
left_by_steps(const struct forecast *f, int64_t at)
{
	int64_t n = 0, since;
	size_t i;

	for (i = 0; i < f->steps; i++) {
		since = f->step[i].at > f->from ? f->step[i].at : f->from;
		if (since <= at)
			n += f->step[i].more *
			    (1 + (at - since) / cycle_of(f));
	}
	return n;
}

int64_t
forecast_last(const struct forecast *f, int64_t n)
{
	int64_t low = f->from, high = last_by_limit(f, n), middle;

	/* The first instant by which the steps have done with what the limit
	 * leaves over; there is none without steps. */
	while (f->steps > 0 && low < high) {
		middle = low + (high - low) / 2;
		if (last_by_limit(f, n - left_by_steps(f, middle)) <= middle)
			high = middle;
		else
			low = middle + 1;
	}
	return high;
}

int64_t
forecast_packed(int64_t n, int64_t groups, int64_t limit)
{
	int64_t size, fit;

	if (groups <= 0 || n <= groups)
		return n;
	size = (n + groups - 1) / groups;
	if (size > limit)
		return (groups - 1) * ((size + limit - 1) / limit * limit) +
		    size;
	fit = limit * groups / n;
	return (groups - 1) / fit * limit +
	    (((groups - 1) % fit + 1) * n + groups - 1) / groups;
}
