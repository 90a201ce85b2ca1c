/*
 * store_private.h - what the files of the store share
 *
 * store_open.c opens, checks and migrates the file; store.c has statements
 * and the transaction.
 */
#ifndef HR_STORE_PRIVATE_H
#define HR_STORE_PRIVATE_H

#include <sys/types.h>

#include "store.h"

#define STORE_FILES	3

/* A file as it was opened; inode 0: not yet, or not on disk. */
struct store_file {
	char	*path;
	dev_t	 device;
	ino_t	 inode;
};

struct store {
	sqlite3		*db;
	char		*path;
	enum store_mode	 mode;
	int		 lock_fd;	/* of PATH.lock; -1: none */
	int		 file_fd;	/* of the file itself; likewise */
	/* The database, its WAL and its -shm as they were opened. */
	struct store_file file[STORE_FILES];
	sqlite3_stmt	*stmt[SQL_COUNT];
	bool		 open;		/* in a transaction */
	int64_t		 changes;	/* made before it began, in all */
	bool		 failed;	/* a writer's: it must be rolled back */
	uint64_t	 epoch;		/* see store_epoch */
	bool		 interrupted;	/* a reader's, since store_ask */
	struct why	 error;
	struct why	 checkpoint;	/* why the last one failed; "" */
};

/* One integer that a PRAGMA answers; -1 when it answers nothing. */
int64_t	store_pragma(struct store *, const char *sql);
/* For sqlite3_wal_hook; `arg` is the store. */
int	store_checkpoint(void *arg, sqlite3 *, const char *name, int pages);

#endif
