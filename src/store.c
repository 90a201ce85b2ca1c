/*
 * store.c - one SQLite database: statements, one transaction
 *
 * Knows SQLite: its error codes and what they mean for what may
 * be acknowledged.  Knows nothing of batches and events.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "store_private.h"

/*
 * When the WAL is copied into the database, at 32 MiB.  Each commit writes the
 * pages of those who are in it, and with many queued those lie apart; the
 * longer the WAL, the more often it has the same page twice, to be copied once.
 */
#define CHECKPOINT_PAGES 8000

/*
 * SQLite finds a parameter by comparing names one after the other, which was
 * a twelfth of the cost of a batch.  Names are literals, so a statement and
 * the address of a name say which it is; forgotten when statements go.
 */
#define NUMBERS	1024
#define WAYS	2		/* those that fall upon each other */

static struct number {
	const sqlite3_stmt *st;
	const char	*name;
	int		 i;
} numbers[NUMBERS][WAYS];

const char *
store_path(const struct store *s)
{
	return s->path;
}

sqlite3 *
store_db(struct store *s)
{
	return s->db;
}

const char *
store_error(const struct store *s)
{
	return s->error.text;
}

const char *
store_checkpoint_error(const struct store *s)
{
	return s->checkpoint.text;
}

void
store_ask(struct store *s)
{
	if (s->mode == STORE_WRITE)
		return;
	s->error.text[0] = '\0';
	s->interrupted = false;
}

bool
store_interrupted(const struct store *s)
{
	return s->interrupted;
}

static void HR_NORETURN
end_damaged(const struct store *s, const char *message)
{
	fatal(EXIT_IO, "store: the database is damaged, restore a backup "
	    "file=%s error=%s", log_value(s->path), log_value(message));
}

void
store_damaged(struct store *s, const char *what)
{
	if (!s->failed)
		end_damaged(s, what);
}

/* What a writer cannot go on after: nothing may be acknowledged any more.  A
 * trigger refuses what no statement asks of a sound database. */
static void
end_if_hopeless(const struct store *s, int rc)
{
	int extended = sqlite3_extended_errcode(s->db);
	const char *message = sqlite3_errmsg(s->db);

	if (extended == SQLITE_IOERR_FSYNC ||
	    extended == SQLITE_IOERR_DIR_FSYNC)
		fatal(EXIT_IO, "store: sync failed, what is on disk is "
		    "unknown file=%s error=%s", log_value(s->path),
		    log_value(message));
	if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ||
	    extended == SQLITE_CONSTRAINT_TRIGGER)
		end_damaged(s, message);
}

/* What SQLite could not do; the worst of it ends the program here. */
static void
note_failure(struct store *s, int rc, const char *what)
{
	const char *message = sqlite3_errmsg(s->db);

	if (s->mode == STORE_READ && rc == SQLITE_INTERRUPT) {
		s->interrupted = true;
		return;
	}
	if (s->mode == STORE_WRITE)
		end_if_hopeless(s, rc);
	if (rc == SQLITE_MISUSE || rc == SQLITE_CONSTRAINT ||
	    rc == SQLITE_RANGE)
		bug("store: %s statement=%s error=%s", log_value(s->path),
		    what, log_value(message));
	why_set(&s->error, "%s (%s)", message, what);
	s->failed = s->mode == STORE_WRITE;
}

void
store_fail(struct store *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->error.text, sizeof(s->error.text), fmt, ap);
	va_end(ap);
	s->failed = true;
}

/*
 * SQLite's own automatic checkpoints, of which nobody hears when they fail:
 * the commit before is as durable as ever, but the WAL grows.  So this calls
 * them where SQLite would, once a commit has made the WAL `pages` long.  One
 * that somebody else is at, or that a reader cuts short, has not failed.
 */
int
store_checkpoint(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct store *s = arg;
	int rc;

	if (pages < CHECKPOINT_PAGES)
		return SQLITE_OK;
	rc = sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE,
	    NULL, NULL);
	if (rc == SQLITE_OK) {
		stat_add(STAT_checkpoints, 1);
		s->checkpoint.text[0] = '\0';
	} else if (rc != SQLITE_BUSY && rc != SQLITE_LOCKED) {
		end_if_hopeless(s, rc);
		stat_add(STAT_checkpoints_failed, 1);
		why_set(&s->checkpoint, "%s", sqlite3_errmsg(db));
	}
	return SQLITE_OK;	/* or the commit would seem to have failed */
}

void
store_close(struct store *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(s->stmt[i]);
	memset(numbers, 0, sizeof(numbers));
	sqlite3_close(s->db);
	if (s->file_fd != -1)
		close(s->file_fd);
	if (s->lock_fd != -1)
		close(s->lock_fd);
	for (i = 0; i < STORE_FILES; i++)
		free(s->file[i].path);
	free(s->path);
	free(s);
}

/*
 * Are the files still where they were opened?  One that was deleted, or has
 * another in its place, lives on as long as we have it open, and would swallow
 * whatever is acknowledged.  Looked at before every transaction: who takes a
 * file away later takes what is in it, too.  It heals when the file comes
 * back, which is why this is no reason to end: as long as we run, the lost
 * file can be had from /proc/PID/fd.
 */
static bool
files_stay(struct store *s)
{
	const struct store_file *f;
	struct stat st;
	size_t i;

	for (i = 0; i < STORE_FILES; i++) {
		f = &s->file[i];
		if (f->inode == 0 || (stat(f->path, &st) == 0 &&
		    st.st_dev == f->device && st.st_ino == f->inode))
			continue;
		store_fail(s, "%s was deleted or replaced while it was open",
		    f->path);
		return false;
	}
	return true;
}

enum store_begin
store_begin(struct store *s)
{
	int rc;

	if (s->failed)
		return STORE_FAILED;
	if (s->open)
		return STORE_READY;
	if (!files_stay(s))
		return STORE_FAILED;
	rc = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		return STORE_BUSY;
	if (rc != SQLITE_OK) {
		note_failure(s, rc, "BEGIN");
		return STORE_FAILED;
	}
	s->open = true;
	s->changes = sqlite3_total_changes64(s->db);
	return STORE_READY;
}

bool
store_open_transaction(const struct store *s)
{
	return s->open || s->failed;
}

uint64_t
store_epoch(const struct store *s)
{
	return s->epoch;
}

void
store_took_away(struct store *s)
{
	s->epoch++;
}

void
store_rollback(struct store *s)
{
	size_t i;

	s->epoch++;
	/* A statement left in the middle would keep the transaction. */
	for (i = 0; i < SQL_COUNT; i++)
		if (s->stmt[i] != NULL)
			sqlite3_reset(s->stmt[i]);
	if (!sqlite3_get_autocommit(s->db) &&
	    sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
		fatal(EXIT_IO, "store: cannot roll back file=%s error=%s",
		    log_value(s->path), log_value(sqlite3_errmsg(s->db)));
	s->open = s->failed = false;
}

bool
store_commit(struct store *s)
{
	int rc;

	if (!s->open && !s->failed)
		return true;
	if (!s->failed) {
		rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
		if (rc != SQLITE_OK)
			note_failure(s, rc, "COMMIT");
	}
	if (s->failed) {
		/* What did not begin says nothing of the next one. */
		if (s->open)
			stat_add(STAT_commits_failed, 1);
		store_rollback(s);
		return false;
	}
	/* One that wrote nothing proves nothing about the disk. */
	if (sqlite3_total_changes64(s->db) != s->changes)
		stat_add(STAT_commits, 1);
	s->open = false;
	return true;
}

sqlite3_stmt *
store_sql(struct store *s, enum sql id)
{
	int rc;

	if (s->stmt[id] != NULL) {
		sqlite3_reset(s->stmt[id]);
		return s->stmt[id];
	}
	rc = sqlite3_prepare_v3(s->db, sql_statements[id].text, -1,
	    SQLITE_PREPARE_PERSISTENT, &s->stmt[id], NULL);
	/* Each was tried on the schema when this program was built. */
	if (rc == SQLITE_ERROR)
		fatal(EXIT_IO, "store: the schema is not as it was made, "
		    "restore a backup file=%s statement=%s error=%s",
		    log_value(s->path), sql_statements[id].name,
		    log_value(sqlite3_errmsg(s->db)));
	if (rc != SQLITE_OK)
		note_failure(s, rc, sql_statements[id].name);
	return s->stmt[id];
}

static const char *
statement_name(const struct store *s, const sqlite3_stmt *st)
{
	size_t i;

	for (i = 0; i < SQL_COUNT; i++)
		if (s->stmt[i] == st)
			return sql_statements[i].name;
	return "?";
}

bool
store_row(struct store *s, sqlite3_stmt *st)
{
	int rc;

	if (s->failed || st == NULL)
		return false;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		note_failure(s, rc, statement_name(s, st));
	sqlite3_reset(st);
	return false;
}

int64_t
store_run(struct store *s, sqlite3_stmt *st)
{
	while (store_row(s, st))
		continue;
	return s->failed ? 0 : sqlite3_changes64(s->db);
}

bool
store_exec(struct store *s, const char *sql)
{
	int rc;

	if (s->failed)
		return false;
	rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		note_failure(s, rc, "script");
	return rc == SQLITE_OK;
}

int64_t
store_last_id(struct store *s)
{
	return sqlite3_last_insert_rowid(s->db);
}

static int
parameter(sqlite3_stmt *st, const char *name)
{
	/* Multiplied by the golden ratio, of which the high bits are the most
	 * mixed: names lie close together, and so do statements. */
	struct number *n = numbers[(((uintptr_t)st ^ (uintptr_t)name << 20) *
	    UINT64_C(0x9e3779b97f4a7c15) >> 48) % NUMBERS];
	int i;

	for (i = 0; i < WAYS; i++)
		if (n[i].st == st && n[i].name == name)
			return n[i].i;
	memmove(&n[1], &n[0], (WAYS - 1) * sizeof(*n));
	n->i = sqlite3_bind_parameter_index(st, name);
	if (n->i == 0)
		bug("store: no parameter %s in: %s", name, sqlite3_sql(st));
	n->st = st;
	n->name = name;
	return n->i;
}

void
store_int(sqlite3_stmt *st, const char *name, int64_t value)
{
	if (st != NULL)
		sqlite3_bind_int64(st, parameter(st, name), value);
}

void
store_text(sqlite3_stmt *st, const char *name, const char *text)
{
	store_text_n(st, name, text, text != NULL ? strlen(text) : 0);
}

void
store_text_n(sqlite3_stmt *st, const char *name, const char *text, size_t len)
{
	if (st == NULL)
		return;
	if (text == NULL)
		sqlite3_bind_null(st, parameter(st, name));
	else
		sqlite3_bind_text64(st, parameter(st, name), text, len,
		    SQLITE_STATIC, SQLITE_UTF8);
}

void
store_filter(sqlite3_stmt *st, const struct filter *f)
{
	store_text(st, ":output", f->output);
	store_text(st, ":state", f->state);
	store_text(st, ":reason", f->reason);
	store_text(st, ":identity", f->identity);
	store_text(st, ":name", f->name);
	store_text(st, ":input", f->input);
	store_int(st, ":since", f->since);
	store_int(st, ":until", f->until);
	if (f->has_status)
		store_int(st, ":status", f->status);
	else
		store_text(st, ":status", NULL);
}

bool
store_empty_wal(struct store *s)
{
	int rc = sqlite3_wal_checkpoint_v2(s->db, NULL,
	    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	if (rc != SQLITE_OK && rc != SQLITE_BUSY && rc != SQLITE_LOCKED)
		end_if_hopeless(s, rc);
	return rc == SQLITE_OK;
}

int64_t
store_bytes(struct store *s)
{
	int64_t pages = store_pragma(s, "PRAGMA page_count");
	int64_t unused = store_pragma(s, "PRAGMA freelist_count");

	return (pages - unused) * store_pragma(s, "PRAGMA page_size");
}

int64_t
store_wal_bytes(struct store *s)
{
	char *wal = xasprintf("%s-wal", s->path);
	struct stat st;
	int64_t bytes = stat(wal, &st) == 0 ? (int64_t)st.st_size : 0;

	free(wal);
	return bytes;
}

/*
 * The process of a line of /proc/locks that has SQLite's WAL write lock on
 * the file of that inode; 0: the line says something else.  Neighbouring
 * locks of one process are told as one range.
 */
static int
writer_in(const char *line, ino_t inode)
{
	const int writer_byte = 120;
	char mode[16], file[64], *colon;
	int pid, first, last;

	if (sscanf(line, "%*s POSIX %*s %15s %d %63s %d %d", mode, &pid, file,
	    &first, &last) != 5 || strcmp(mode, "WRITE") != 0 ||
	    first > writer_byte || last < writer_byte)
		return 0;
	colon = strrchr(file, ':');
	return colon != NULL && strtoull(colon + 1, NULL, 10) == inode ?
	    pid : 0;
}

/*
 * /proc/locks is read instead of asking fcntl(2): closing a descriptor of the
 * -shm file of our own would drop the locks that SQLite holds on it.
 */
void
store_blocker(struct store *s, struct why *why)
{
	char *shm = xasprintf("%s-shm", s->path);
	char line[256];
	struct stat st;
	FILE *f = fopen("/proc/locks", "r");
	int pid = 0;

	if (stat(shm, &st) == 0 && f != NULL)
		while (pid <= 0 && fgets(line, sizeof(line), f) != NULL)
			pid = writer_in(line, st.st_ino);
	if (pid > 0)
		why_set(why, "process %d holds the write lock of %s", pid,
		    s->path);
	else
		why_set(why, "another process holds the write lock of %s",
		    s->path);
	if (f != NULL)
		fclose(f);
	free(shm);
}
