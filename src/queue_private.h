/*
 * queue_private.h - what the files of the queue share
 *
 * queue.c has the turn and what is configured, queue_in.c the way in,
 * queue_out.c the way out, queue_operate.c operators and retention,
 * queue_backup.c copies, queue_erase.c erasures, queue_job.c what is done to many
, queue_watch.c who looks on.
 */
#ifndef HR_QUEUE_PRIVATE_H
#define HR_QUEUE_PRIVATE_H

#include "queue.h"
#include "store.h"

struct queue {
	struct store	*store;
	/* The next ids; they only rise, also over a turn that failed. */
	int64_t		 next_batch;
	int64_t		 next_event;
	int64_t		 next_request;
	/* Moves of this turn, by lane and name, until they are added to the
	 * table; see queue_tally. */
	struct tally	*tally;
	size_t		 tally_n;
};

/* `events` more (or fewer) under that name of the lane; written when the
 * turn commits. */
void	queue_tally(struct queue *, int64_t lane, const char *name,
	    int64_t events);

/* A user-properties event of a request is queued again: into the newer one
 * that waits meanwhile, if there is one. */
void	queue_merge_back(struct queue *, int64_t lane, int64_t event,
	    int64_t now);
/* What an old update may still send: without the properties that a newer one
 * of its identity has set since.  false: nothing is left, it is skipped. */
bool	queue_subtract_newer(struct queue *, int64_t event, int64_t now);

#endif
