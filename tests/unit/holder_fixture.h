/*
 * holder_fixture.h - another process that holds a database's write lock
 *
 * Somebody's sqlite3 shell in the middle of a transaction.  Made before the
 * test opens a database itself: SQLite must not be taken over a fork.
 */
#ifndef HR_HOLDER_FIXTURE_H
#define HR_HOLDER_FIXTURE_H

#include <sys/types.h>

struct holder;

struct holder *holder_new(void);
void	holder_free(struct holder *);
pid_t	holder_pid(const struct holder *);

/* It holds the write lock when this returns. */
void	holder_lock(struct holder *, const char *database);
/* It has rolled back and closed the database when this returns. */
void	holder_release(struct holder *);
/* Locks the bytes of the -shm file that a writer which also checkpoints has,
 * as one range; until holder_free. */
void	holder_lock_bytes(struct holder *, const char *database);

#endif
