/*
 * forecast.h - when a window will have let so many through
 *
 * The arithmetic of rate.h carried on into the future.  Pure: times are
 * numbers of the same clock, handed in.
 */
#ifndef HR_FORECAST_H
#define HR_FORECAST_H

#include <stddef.h>
#include <stdint.h>

#include "rate.h"

/* From that instant on the limit is so much higher. */
struct forecast_step {
	int64_t	at;
	int64_t	more;
};

/* A window, and how it is going to be used. */
struct forecast {
	struct rate	*rate;
	int64_t		 key;
	int64_t		 now;
	int64_t		 from;		/* >= now; nothing leaves before */
	/* What leaves ends so much later; what is in flight, so much after
	 * now. */
	int64_t		 busy_ms;
	const struct forecast_step *step;	/* by their instants */
	size_t		 steps;
};

/*
 * The instant at which the last of n things for the key leaves, if each
 * leaves as soon as the window has room, and nothing else leaves for that
 * key.  n <= 0: `from`.
 */
int64_t	forecast_last(const struct forecast *, int64_t n);

/*
 * What n things in `groups` groups of like size, which leave each as a whole,
 * take up of windows of that limit: the room that a group found too small is
 * counted in.  A group that is larger than the limit leaves in parts.
 */
int64_t	forecast_packed(int64_t n, int64_t groups, int64_t limit);

#endif
