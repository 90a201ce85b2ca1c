/*
 * gather.h - how long a commit may wait for more that it could carry
 *
 * A commit costs what it costs, be it for one answer or for sixty.  Where the
 * disk takes its time over it, a short wait for those who are about to ask
 * makes fewer of them; where it does not, a wait would be all loss.  Pure.
 */
#ifndef HR_GATHER_H
#define HR_GATHER_H

#include <stdint.h>

/* Plain data; all zero is the beginning. */
struct gather {
	int64_t	mean_us;	/* of commits; the last ones count most */
};

/* A commit that wrote took so long. */
void	gather_note(struct gather *, int64_t took_us);
/* So long may the next one find nothing to do before it; 0: not at all. */
int64_t	gather_idle_us(const struct gather *);

#endif
