/*
 * load_latency.h - many latencies in little room
 *
 * Kept by classes no wider than 1/64 of their value, so that a percentile is
 * off by less than 2 %.
 */
#ifndef HR_LOAD_LATENCY_H
#define HR_LOAD_LATENCY_H

#include <stdint.h>

#define LOAD_CLASSES	(64 * 58)

/* Plain data; zeroed, it holds nothing. */
struct load_latency {
	uint64_t n[LOAD_CLASSES];
	uint64_t count;
	int64_t	 longest_us;
};

/* Less than 0 counts as 0. */
void	load_latency_add(struct load_latency *, int64_t us);
/* The least upper bound of that share (0 < share <= 1) of all; 0: there are
 * none. */
int64_t	load_latency_at(const struct load_latency *, double share);

#endif
