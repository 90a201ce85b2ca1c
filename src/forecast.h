/*
 * forecast.h - when a window will have let so many through
 *
 * The arithmetic of rate.h carried on into the future.  Pure: times are
 * numbers of the same clock, handed in.
 */
#ifndef HR_FORECAST_H
#define HR_FORECAST_H

#include <stdint.h>

#include "rate.h"

/*
 * The instant at which the last of n things for the key leaves, if each
 * leaves as soon as the window has room, none before `from` (>= now), and
 * nothing else leaves for that key.  What leaves ends busy_ms later, and what
 * is in flight ends busy_ms from now.  n <= 0: `from`.
 */
int64_t	forecast_last(struct rate *, int64_t key, int64_t n, int64_t busy_ms,
	    int64_t now, int64_t from);

#endif
