/*
 * queue_private.h - what the files of the queue share
 *
 * queue.c has the turn and what is configured, queue_in.c the way in,
 * queue_properties.c the order of updates, queue_out.c the way out,
 * queue_recover.c a start, queue_operate.c operators and retention,
 * queue_backup.c copies, queue_erase.c erasures, queue_job.c what is done to
 * many, queue_watch.c who looks on.
 */
#ifndef HR_QUEUE_PRIVATE_H
#define HR_QUEUE_PRIVATE_H

#include "memo.h"
#include "queue.h"
#include "store.h"
#include "update.h"

#define QUEUE_ENDS	3	/* states in which an event is over */
/* More than a batch makes of itself, or a request carries. */
#define QUEUE_OBJECTS_MOST	(INT64_C(1) << 32)

struct queue {
	struct store	*store;
	struct memo	*identities;	/* their ids by value */
	/* The next ids; they only rise, also over a turn that failed. */
	int64_t		 next_batch;
	int64_t		 next_event;
	int64_t		 next_request;
	/* The same as the last turn that was stored left them. */
	int64_t		 stored_batch;
	int64_t		 stored_event;
	int64_t		 stored_request;
	/* Moves of this turn, by lane and name, until they are added to the
	 * table; see queue_tally. */
	struct tally	*tally;
	size_t		 tally_n;
	struct queue_watch *watch;	/* what counts them, and who looks on */
	/* How many events of the batch at hand are to come; and of those that
	 * came the last ones, of one lane and identity, that are ready and not
	 * yet counted in `waiting`. */
	size_t		 to_come;
	struct queue_entered {
		int64_t	lane;
		int64_t	identity;
		int64_t	events;
	} entered;
	/* What is deleted now counts as erased, not as pruned. */
	bool		 erasing;
	/* How far retention has looked at those that are over, by state;
	 * zeroes: from the first. */
	struct queue_looked {
		int64_t	ended_at;
		int64_t	event;
	} looked[QUEUE_ENDS];
};

/* Counts and tells from now on until _end, which comes after store_close;
 * false: the tables are not as they should be, and `why`. */
bool	queue_watch_begin(struct queue *, struct why *);
void	queue_watch_end(struct queue *);
/* `events` more (or fewer) under that name of the lane; written when the
 * turn commits. */
void	queue_tally(struct queue *, int64_t lane, const char *name,
	    int64_t events);

/* An update of user properties, as the view update_row has it. */
struct queue_update {
	int64_t		 id;
	int64_t		 identity;
	struct update_text text;
	int64_t		 chain;		/* 0: merged with none */
	int64_t		 due_at;	/* 0: now */
	int64_t		 failures;
	bool		 failing;
	int64_t		 failing_since;
	int64_t		 failing_age;	/* ms that its lane was open since, as a
					 * negative number */
	int64_t		 suspect;	/* 0: no */
	int64_t		 lane;
};

void	queue_update_free(struct queue_update *);
/* Its origins, its chain and its history. */
void	queue_bind_update(sqlite3_stmt *, const struct queue_update *);
/*
 * The row of a new update, whose id is set: with the one that waits in it
 * (*older; 0: none waits), cut if it is too large for a request.  Its text
 * stays empty when it is as it came.  The older one is merged once the row is
 * there: queue_merged.
 */
void	queue_merge_new(struct queue *, const struct queue_event *,
	    struct queue_update *, int64_t *older);
void	queue_merged(struct queue *, int64_t older, int64_t newer,
	    int64_t chain, int64_t now);
/* A user-properties event is queued again, in its own row: the newer, by id,
 * of it and the one that waits meanwhile, if there is one, goes on for
 * both. */
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
