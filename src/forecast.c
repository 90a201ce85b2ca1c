/*
 * forecast.c - when a window will have let so many through
 *
 * Knows that a full window repeats itself: what leaves at an instant occupies
 * its place for as long as it is in flight and the window is long, and then
 * the next one takes the place.  So the places that become free one after the
 * other from `from` on, as many as the limit, become free again in the same
 * order a cycle later, and so on; how many there are in all costs nothing.
 */
#include "forecast.h"

int64_t
forecast_last(struct rate *r, int64_t key, int64_t n, int64_t busy_ms,
    int64_t now, int64_t from)
{
	/* The closed interval of the window, and one ms; see rate.c. */
	int64_t cycle = busy_ms + rate_window(r) + 1;
	int64_t cycles, rest, first;

	if (n <= 0)
		return from;
	cycles = (n - 1) / rate_limit(r);
	rest = (n - 1) % rate_limit(r) + 1;
	first = rate_next(r, key, rest, from);
	if (first == RATE_NEVER)
		first = now + cycle > from ? now + cycle : from;
	return first + cycles * cycle;
}
