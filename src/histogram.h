/*
 * histogram.h - how long something takes: counts by size
 *
 * A size class counts what is not greater than its bound and greater than the
 * bound before; what is greater than all bounds has a class of its own.  Pure.
 */
#ifndef HR_HISTOGRAM_H
#define HR_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS	16	/* at most */

/* Plain data; durations are microseconds. */
struct histogram {
	const int64_t	*bound;		/* rising */
	size_t		 bounds;
	uint64_t	 count[HISTOGRAM_BOUNDS + 1];
	uint64_t	 sum;		/* of all durations */
};

/* For what this machine does itself: half a millisecond to ten seconds. */
void	histogram_init_local(struct histogram *);
/* For an answer over the Internet: five milliseconds to a minute. */
void	histogram_init_remote(struct histogram *);
/* For what may have to wait: a tenth of a second to a week. */
void	histogram_init_waiting(struct histogram *);

/* `n` that took so long; a negative duration, which a step of the wall clock
 * makes, counts as none at all. */
void	histogram_note(struct histogram *, int64_t us, uint64_t n);
/* How many there were in all. */
uint64_t histogram_count(const struct histogram *);

#endif
