/*
 * queue_private.h - what the files of the queue share
 *
 * queue.c has the turn and what is configured, queue_in.c the way in,
 * queue_out.c the way out, queue_operate.c operators and retention,
 * queue_backup.c copies, queue_erase.c erasures, queue_job.c what is done to
 * many, queue_watch.c who looks on.
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
	/* What is deleted now counts as erased, not as pruned. */
	bool		 erasing;
};

/* `events` more (or fewer) under that name of the lane; written when the
 * turn commits. */
void	queue_tally(struct queue *, int64_t lane, const char *name,
	    int64_t events);

/* A user-properties event of a request is queued again: into the newer one
 * that waits meanwhile, if there is one. */
void	queue_merge_back(struct queue *, int64_t lane, int64_t event,
	    int64_t now);
/* A job that is not done to events one by one; `what` is its filter, JSON.
 * Its audit row is for whoever does it. */
int64_t	queue_task_put(struct queue *, enum queue_job_kind, const char *what,
	    int64_t now);
/* Hex SHA-256 of an identity: what is left of it. */
#define QUEUE_HASH	65		/* with its NUL */
void	queue_identity_hash(const char *value, char hash[QUEUE_HASH]);
/* At start: copies that were being made have failed, and their files go. */
void	queue_recover_copies(struct queue *, int64_t now);

/* What an old update may still send: without the properties that a newer one
 * of its identity has set since.  false: nothing is left, it is skipped. */
bool	queue_subtract_newer(struct queue *, int64_t event, int64_t now);

#endif
