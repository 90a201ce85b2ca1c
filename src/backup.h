/*
 * backup.h - a copy of the database, a slice between turns
 *
 * Drives what queue.h calls a copy (spec: interface.md section 4): one at a
 * time, as a job that can be watched and cancelled.  A restart does not go on
 * with it: the job has failed then, and no file is left.
 */
#ifndef HR_BACKUP_H
#define HR_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "queue.h"

struct backup;

/* Keeps the queue until backup_free. */
struct backup *backup_new(struct queue *);
/* Gives up a copy that is being made.  NULL: nothing. */
void	backup_free(struct backup *);

/*
 * backup_start - a copy to a file that is not there yet
 *
 * Needs the turn's transaction.  The job's id; it begins once the turn is
 * durable.  0 and `why`: it cannot be made (queue_copy_new), or another one is
 * being made.
 */
int64_t	backup_start(struct backup *, const char *file, int64_t spare,
	    struct moment now, struct why *);

/* Once a turn: writes down how far it is.  Returns how many ms until it wants
 * to be called again; INT64_MAX: not by itself. */
int64_t	backup_turn(struct backup *, struct moment now);
/* The turn's transaction ended. */
void	backup_ended(struct backup *, bool durable);
/*
 * Behind that, with no transaction open: a slice of the copy.  `busy`:
 * somebody's answer waited for the turn; then nothing is done unless the last
 * slice was BACKUP_PATIENCE_MS ago.  Returns as above.
 */
#define BACKUP_PATIENCE_MS	20
int64_t	backup_slice(struct backup *, struct moment now, bool busy);

#endif
