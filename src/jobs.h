/*
 * jobs.h - replay and discard of many events, a slice a turn
 *
 * Drives what queue.h calls jobs (spec: delivery.md section 9): each first
 * counts what it means, then moves it.  All that a job knows is in its row,
 * so a restart goes on with it.
 */
#ifndef HR_JOBS_H
#define HR_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accept.h"
#include "clock.h"
#include "queue.h"

struct jobs;

/* Keeps them until jobs_free, the acceptor until jobs_reload. */
struct jobs *jobs_new(struct queue *, struct acceptor *);
void	jobs_free(struct jobs *);		/* NULL: nothing */
void	jobs_reload(struct jobs *, struct acceptor *);

/* Needs the turn's transaction.  The job's id; it begins with the next
 * jobs_turn. */
int64_t	jobs_start(struct jobs *, const struct queue_job *, int64_t now);

/*
 * Once a turn, behind the plan: a slice of the oldest job that runs.  `busy`:
 * somebody's answer waits for the end of this turn; then nothing is done
 * unless the last slice was JOBS_PATIENCE_MS ago.  Returns how many ms until
 * it wants to be called again; INT64_MAX: not by itself.
 */
#define JOBS_PATIENCE_MS	100
int64_t	jobs_turn(struct jobs *, struct moment now, bool busy);

/* --- how many, and of whom ---------------------------------------------- */

/* The events that match a filter, counted slice by slice. */
struct jobs_count;

/* Of the events with ids up to `last`.  The filter is copied. */
struct jobs_count *jobs_count_new(struct queue *, const struct filter *,
	    int64_t last);
void	jobs_count_free(struct jobs_count *);	/* NULL: nothing */
/* A ms or so of it; true: all are counted. */
bool	jobs_count_slice(struct jobs_count *);
int64_t	jobs_count_events(const struct jobs_count *);
int64_t	jobs_count_identities(const struct jobs_count *);

/* What one lane has of them. */
struct jobs_load {
	int64_t	lane;
	int64_t	identity;		/* 0: of all, and of nobody */
	int64_t	objects;		/* at least 1 an event */
	int64_t	events;
	int64_t	identities;		/* of the whole lane; else 0 */
};
typedef void jobs_count_visit(const struct jobs_load *, void *arg);
/* Lane by lane: its whole, then the identities that have most of it, the
 * largest first and at most `most` of them. */
void	jobs_count_each(const struct jobs_count *, size_t most,
	    jobs_count_visit *, void *arg);

#endif
