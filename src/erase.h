/*
 * erase.h - people are erased, a slice a turn
 *
 * Drives what queue.h calls erasing (spec: delivery.md section 9): nothing is
 * sent for them meanwhile, and requests in flight are waited for.  How far it
 * has come is in the tables, so a restart goes on with it.
 */
#ifndef HR_ERASE_H
#define HR_ERASE_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "dispatch.h"
#include "output.h"
#include "queue.h"

struct erase;

/* Keeps both until erase_free; goes on with what an earlier run has begun. */
struct erase *erase_new(struct queue *, struct dispatch *, struct moment now);
/* Nobody waits any more (erase_stop).  NULL: nothing. */
void	erase_free(struct erase *);

/* Needs the turn's transaction.  The job's id; 0: nothing is stored of such a
 * person. */
int64_t	erase_start(struct erase *, const struct outputs *,
	    const char *identity, struct moment now);

struct erase_receipt {
	struct queue_receipt erased;
	bool	purged;		/* older versions of the pages are gone too */
};
/* Called once: it is all on disk; or `why` (lent) that is not to be waited
 * for, and no receipt. */
typedef void erase_done(const struct erase_receipt *, const char *why,
    void *arg);
/* Keeps `arg` until then; in the turn of the job's erase_start. */
void	erase_wait(struct erase *, int64_t job, erase_done *, void *arg);

/* Once a turn, behind the plan: as jobs_turn. */
int64_t	erase_turn(struct erase *, struct moment now, bool busy);
/* The turn's transaction ended. */
void	erase_ended(struct erase *, bool durable, struct moment now);
/* Behind that, with no transaction open: gives the receipt of what is done.
 * Returns as erase_turn. */
int64_t	erase_purge(struct erase *, struct moment now);
/* The agent stops: nobody is to wait any longer. */
void	erase_stop(struct erase *);

#endif
