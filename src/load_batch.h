/*
 * load_batch.h - batches as an mParticle SDK would send them
 */
#ifndef HR_LOAD_BATCH_H
#define HR_LOAD_BATCH_H

#include <stdint.h>

#include "mem.h"

/* What they look like.  Plain data. */
struct load_shape {
	int64_t	events;		/* in a batch; at least 1 */
	int64_t	bulk;		/* batches in a request; 0: one, alone */
	int64_t	identities;	/* people they are from; 0: each is new */
	int64_t	padding;	/* bytes more in each event */
};

/*
 * load_batch_put - the nth request's body
 *
 * Appends it.  Batches are numbered over all requests, and each has the
 * source_request_id RUN-NUMBER, where `run` needs no escapes in JSON.  The
 * same n of the same run gives the same body.
 */
void	load_batch_put(struct buf *, const struct load_shape *,
	    const char *run, int64_t n, int64_t wall_ms);

#endif
