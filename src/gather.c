/*
 * gather.c - how long a commit may wait for more that it could carry
 */
#include "gather.h"

#define SLOW_US		500	/* a faster commit is not worth a wait */
#define PART		5	/* of a commit's time, the wait */
#define LONGEST_US	5000	/* nobody waits for a disk that hangs */
#define WEIGHT		8	/* a commit's in the mean: an eighth */

void
gather_note(struct gather *g, int64_t took_us)
{
	g->mean_us += (took_us - g->mean_us) / WEIGHT;
}

int64_t
gather_idle_us(const struct gather *g)
{
	int64_t idle_us = g->mean_us / PART;

	if (g->mean_us < SLOW_US)
		return 0;
	return idle_us < LONGEST_US ? idle_us : LONGEST_US;
}
