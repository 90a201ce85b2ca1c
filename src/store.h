/*
 * store.h - one SQLite database: open, migrate, statements, one transaction
 *
 * Private to the modules that speak SQL (queue, profile, inspect); the only
 * others are heaprelayctl's offline commands.  Statements are the named ones
 * of the files in sql/.
 *
 * Errors of a writing store: the first one fails the transaction.  From then
 * on every call does nothing until store_commit has rolled back, so callers
 * need not look after each statement.  A failed sync or a corrupt file ends
 * the program (EXIT_IO): nothing may be acknowledged after either.
 *
 * Errors of a reading store do not stick: a row does not come, store_error
 * says why, and the next statement is tried as if nothing had been.
 */
#ifndef HR_STORE_H
#define HR_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "filter.h"
#include "mem.h"
#include "sql_gen.h"

#define STORE_MEMORY	":memory:"	/* a path: nothing on disk */
#define STORE_VERSION	1		/* user_version of sql/schema.sql */

struct store;

enum store_mode {
	STORE_WRITE,	/* makes the file if need be, locks it, migrates */
	STORE_READ	/* only reads, beside a writer or without one */
};

/*
 * 0 and *out (given), or an exit status of log.h and `why`.  `file_mode` is
 * for a file that is made.  A writing store holds PATH.lock and the file with
 * flock(2).
 * A path that is a symbolic link stands for what it leads to.
 */
int	store_open(struct store **out, const char *path, enum store_mode,
	    int file_mode, struct why *);
void	store_close(struct store *);		/* NULL: nothing */
const char *store_path(const struct store *);
sqlite3	*store_db(struct store *);		/* lent */

enum store_begin {
	STORE_READY,	/* a transaction is open */
	STORE_BUSY,	/* somebody else holds the write lock: later */
	STORE_FAILED	/* this turn's transaction has failed, or the file
			 * was deleted or replaced: store_error */
};

/* Opens the turn's transaction unless it is open. */
enum store_begin store_begin(struct store *);
/* Is a transaction open, or has it failed and waits for store_commit? */
bool	store_open_transaction(const struct store *);
/* true: what was written is on disk, or nothing was written.  false: rolled
 * back, store_error says why. */
bool	store_commit(struct store *);
/* Throws away what was written since store_begin. */
void	store_rollback(struct store *);
/*
 * Changes whenever what this writer has read or written may not be there any
 * more: a transaction was rolled back, or whoever took rows away said so.
 */
uint64_t store_epoch(const struct store *);
void	store_took_away(struct store *);
/* The last failure, for people; "" if none.  Lent until the next. */
const char *store_error(const struct store *);
/* Why the last automatic checkpoint failed, so that the WAL grows; "": it did
 * not.  Lent until the next commit. */
const char *store_checkpoint_error(const struct store *);
/* A reading store's next question: store_error is "" from here on, and
 * store_interrupted false.  Changes nothing of a writing store. */
void	store_ask(struct store *);
/* Did a row not come because sqlite3_interrupt or a progress handler ended
 * its statement?  That is no failure. */
bool	store_interrupted(const struct store *);
/* Fails the transaction for a reason outside SQLite. */
void	store_fail(struct store *, const char *fmt, ...) HR_PRINTF(2, 3);
/*
 * Rows, or a row and its index, contradict each other as no statement of ours
 * leaves them: the file is damaged, and whoever went on would do the same
 * again and again.  Ends the program (EXIT_IO), unless this transaction has
 * failed, in which nothing was read.
 */
void	store_damaged(struct store *, const char *what);

/*
 * A named statement, reset and unbound; prepared at its first use.  Lent: use
 * it before the same name is asked for again.
 */
sqlite3_stmt *store_sql(struct store *, enum sql);
/* true: a row is there.  false: done, or failed (which is remembered); the
 * statement is reset then. */
bool	store_row(struct store *, sqlite3_stmt *);
/* Runs to its end; the number of rows it changed (without triggers'). */
int64_t	store_run(struct store *, sqlite3_stmt *);
/* Runs SQL text of several statements; false: failed, as above. */
bool	store_exec(struct store *, const char *sql);
int64_t	store_last_id(struct store *);

/* Parameters by name, ":id". A name that the statement lacks is a bug().
 * Texts are kept until the statement is reset. */
void	store_int(sqlite3_stmt *, const char *name, int64_t);
/* NULL too. */
void	store_text(sqlite3_stmt *, const char *name, const char *);
void	store_text_n(sqlite3_stmt *, const char *name, const char *, size_t);
/* All of :output, :state, :reason, :status, :identity, :name, :input, :since
 * and :until; what the filter does not ask for is NULL. */
void	store_filter(sqlite3_stmt *, const struct filter *);

/* Moves all that is in the WAL into the database and makes the WAL empty; not
 * inside a transaction.  false: it could not, since somebody reads. */
bool	store_empty_wal(struct store *);
/* Bytes of the database (without free pages) and of its WAL. */
int64_t	store_bytes(struct store *);
int64_t	store_wal_bytes(struct store *);

/* The process and age of who holds the write lock, as far as can be told;
 * called after STORE_BUSY. */
void	store_blocker(struct store *, struct why *);

#endif
