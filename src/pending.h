/*
 * pending.h - requests that want to write while somebody else has the lock
 *
 * A shell that holds the write lock for a moment is no reason to turn a
 * sender away: requests wait, in their order, for up to PENDING_MS.
 */
#ifndef HR_PENDING_H
#define HR_PENDING_H

#include <stdint.h>

#include "clock.h"
#include "http.h"
#include "queue.h"

#define PENDING_MS	950	/* with what rounds it up, less than a second */

struct pending;

enum pending_go {
	PENDING_NOW,		/* the transaction is open */
	PENDING_WAITED,		/* likewise, but time has passed: look again at
				 * what was checked before */
	PENDING_REFUSED		/* not at all, for `reason` */
};

/* Called once for each request that was added; `reason` is NULL unless
 * refused, and lent for the call. */
typedef void pending_done(struct http_request *, enum pending_go,
    const char *reason, void *arg);

/* `name` is for messages and kept, as are the queue and arg. */
struct pending *pending_new(struct queue *, const char *name, pending_done *,
	    void *arg);
/* Forgets who waits; their requests must not be answered any more.  NULL:
 * nothing. */
void	pending_free(struct pending *);

/* At once (from inside this call) if the lock can be had and nobody waits;
 * else in a later turn. */
void	pending_add(struct pending *, struct http_request *,
	    struct moment now);
/* Once a turn.  ms until it wants to be called again; INT64_MAX: not by
 * itself. */
int64_t	pending_turn(struct pending *, struct moment now);

#endif
