/*
 * queue_backup.c - a consistent copy of the database while it is written to
 *
 * Knows how SQLite's online backup is driven in slices.  Its source is the
 * writer's own connection, so that what a turn changes is changed in the copy
 * too, and a copy neither starts anew nor keeps the WAL from being emptied
 * however much is written.  Only what other processes write makes it start
 * anew.
 *
 * A copy is made under another name and proved sound before it gets its own.
 * The proof reads all of it and syncs it, which cannot be cut into slices: it
 * runs in a thread, on a connection that nobody else uses.  That thread
 * touches nothing of the queue, logs nothing and counts nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "log.h"
#include "queue_private.h"

#define PAGES		64	/* copied in one slice */
#define FLUSH_PAGES	2048	/* so many are on their way to the disk */
#define ANEW_MOST	20	/* beginnings because of foreign writers */
#define INTERRUPT_NS	1000000	/* between attempts to end the proof */

struct queue_copy {
	struct queue	*queue;
	int64_t		 job;
	char		*file;
	char		*partial;	/* its name until it is proved */
	char		*directory;
	int		 fd;		/* of it; -1: none */
	sqlite3		*to;		/* NULL: all is copied */
	sqlite3_backup	*backup;	/* likewise */
	int64_t		 copied, total;	/* pages */
	int64_t		 flushed;	/* of these */
	int		 anew;		/* how often it had to begin again */
	/* The proof; `why` and `proved` are the thread's until `ended`. */
	bool		 proving;	/* the thread is to be joined */
	pthread_t	 thread;
	sqlite3		*proof;
	atomic_bool	 cancelled;
	atomic_bool	 ended;
	bool		 proved;
	struct why	 why;
};

int64_t
queue_task_put(struct queue *q, enum queue_job_kind kind, const char *what,
    int64_t now)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_TASK_PUT);

	store_text(st, ":kind", queue_job_name(kind));
	store_text(st, ":filter", what);
	store_int(st, ":last_event", queue_last_event(q));
	store_int(st, ":now", now);
	store_run(q->store, st);
	return store_last_id(q->store);
}

/* --- the beginning ---------------------------------------------------- */

/* What SQLite puts behind the name of a database for its other parts. */
static const char *const parts[] = { "-journal", "-wal", "-shm" };

/* SQLite takes such a file for a part of the database beside it: it would
 * read nothing of that any more, or remove what is a copy. */
static bool
may_be_called(const char *file, struct why *why)
{
	size_t len = strlen(file), n, i;

	for (i = 0; i < HR_COUNT(parts); i++) {
		n = strlen(parts[i]);
		if (len < n || strcmp(file + len - n, parts[i]) != 0)
			continue;
		why_set(why, "%s is a name that SQLite gives to a part of a "
		    "database", file);
		return false;
	}
	return true;
}

/* The same the other way round: what an older copy of that name has left would
 * be read as a part of this one, and ruin it. */
static bool
stands_alone(const char *file, struct why *why)
{
	struct stat st;
	bool there;
	size_t i;
	char *part;

	for (i = 0; i < HR_COUNT(parts); i++) {
		part = xasprintf("%s%s", file, parts[i]);
		there = lstat(part, &st) == 0;
		if (there)
			why_set(why, "%s is there, which SQLite would take "
			    "for a part of the copy", part);
		free(part);
		if (there)
			return false;
	}
	return true;
}

static bool
has_room(struct queue_copy *c, int64_t spare, struct why *why)
{
	int64_t needed = store_bytes(c->queue->store) + spare, free_bytes;
	struct statvfs fs;

	if (statvfs(c->directory, &fs) == -1) {
		why_set(why, "%s: %s", c->directory, strerror(errno));
		return false;
	}
	free_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	if (free_bytes >= needed)
		return true;
	why_set(why, "%s has only %lld bytes free, %lld are needed",
	    c->directory, (long long)free_bytes, (long long)needed);
	return false;
}

/* The file that is written to, of this program's making. */
static bool
make_partial(struct queue_copy *c, struct why *why)
{
	mode_t mode = S_IRUSR | S_IWUSR;
	struct stat st;

	if (lstat(c->file, &st) == 0) {
		why_set(why, "%s is there already", c->file);
		return false;
	}
	if (!stands_alone(c->file, why))
		return false;
	if (stat(store_path(c->queue->store), &st) == 0)
		mode = st.st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
	c->fd = open(c->partial, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (c->fd == -1) {
		why_set(why, "%s: %s", c->partial, strerror(errno));
		return false;
	}
	if (fchmod(c->fd, mode) == 0)
		return true;
	why_set(why, "%s: %s", c->partial, strerror(errno));
	return false;
}

/* A crash leaves no copy anyway, so it needs neither journal nor sync until
 * it is whole. */
static bool
open_copy(struct queue_copy *c, struct why *why)
{
	if (sqlite3_open_v2(c->partial, &c->to, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    sqlite3_exec(c->to, "PRAGMA journal_mode=OFF;"
	    "PRAGMA synchronous=OFF;", NULL, NULL, NULL) != SQLITE_OK) {
		why_set(why, "%s: %s", c->partial, sqlite3_errmsg(c->to));
		return false;
	}
	c->backup = sqlite3_backup_init(c->to, "main",
	    store_db(c->queue->store), "main");
	if (c->backup != NULL)
		return true;
	why_set(why, "%s: %s", c->partial, sqlite3_errmsg(c->to));
	return false;
}

static void
put_job(struct queue_copy *c, int64_t now)
{
	struct buf what = BUF_INIT;
	char subject[40];

	buf_puts(&what, "{\"file\":");
	json_put_text(&what, c->file);
	buf_putc(&what, '}');
	c->job = queue_task_put(c->queue, QUEUE_JOB_BACKUP, buf_str(&what),
	    now);
	snprintf(subject, sizeof(subject), "job %lld", (long long)c->job);
	queue_audit(c->queue, now, "backup", subject, "%s", buf_str(&what));
	buf_free(&what);
}

struct queue_copy *
queue_copy_new(struct queue *q, const char *file, int64_t spare, int64_t now,
    struct why *why)
{
	struct queue_copy *c = xcalloc(1, sizeof(*c));
	char *path = xstrdup(file);

	c->queue = q;
	c->fd = -1;
	c->file = xstrdup(file);
	c->partial = xasprintf("%s.partial", file);
	c->directory = xstrdup(dirname(path));
	free(path);
	if (!may_be_called(file, why) || !has_room(c, spare, why) ||
	    !make_partial(c, why) || !open_copy(c, why)) {
		queue_copy_free(c);
		return NULL;
	}
	put_job(c, now);
	return c;
}

int64_t
queue_copy_job(const struct queue_copy *c)
{
	return c->job;
}

void
queue_copy_pages(const struct queue_copy *c, int64_t *copied, int64_t *total)
{
	*copied = c->copied;
	*total = c->total;
}

/* --- the proof, in its thread ----------------------------------------- */

/* Does the statement answer one row that begins with this text? */
static bool
says(struct queue_copy *c, enum sql id, const char *wanted)
{
	sqlite3_stmt *st = NULL;
	const char *got = NULL;
	bool good;

	if (sqlite3_prepare_v2(c->proof, sql_statements[id].text, -1, &st,
	    NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		got = (const char *)sqlite3_column_text(st, 0);
	good = got != NULL && strcmp(got, wanted) == 0;
	if (!good)
		why_set(&c->why, "the copy is not sound: %s: %s",
		    sql_statements[id].name, got != NULL ? got :
		    sqlite3_errmsg(c->proof));
	sqlite3_finalize(st);
	return good;
}

static bool
sync_directory(struct queue_copy *c)
{
	int fd = open(c->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool synced = fd != -1 && fsync(fd) == 0;

	if (!synced)
		why_set(&c->why, "%s: %s", c->directory, strerror(errno));
	if (fd != -1)
		close(fd);
	return synced;
}

/* link(2), unlike rename(2), takes nobody's place. */
static bool
publish(struct queue_copy *c)
{
	if (fsync(c->fd) == -1) {
		why_set(&c->why, "%s: %s", c->partial, strerror(errno));
		return false;
	}
	if (atomic_load(&c->cancelled))
		return false;
	if (link(c->partial, c->file) == -1) {
		why_set(&c->why, "%s: %s", c->file, strerror(errno));
		return false;
	}
	(void)unlink(c->partial);
	if (sync_directory(c))
		return true;
	(void)unlink(c->file);
	return false;
}

static void *
prove(void *arg)
{
	struct queue_copy *c = arg;

	c->proved = says(c, SQL_VERIFY_PAGES, "ok") &&
	    !atomic_load(&c->cancelled) &&
	    says(c, SQL_VERIFY_CONSERVATION, "1") && publish(c);
	atomic_store(&c->ended, true);
	return NULL;
}

/* --- slices ----------------------------------------------------------- */

/* The path as a URI's, with what has a meaning there escaped.  Its two slashes
 * are there lest two of the path's be taken for them. */
static char *
immutable_uri(const char *path)
{
	struct buf uri = BUF_INIT;

	buf_puts(&uri, "file://");
	for (; *path != '\0'; path++)
		if (strchr("?#%", *path) != NULL)
			buf_printf(&uri, "%%%02x", (unsigned char)*path);
		else
			buf_putc(&uri, *path);
	buf_puts(&uri, "?immutable=1");
	return buf_steal(&uri);
}

/* Nobody writes to it, so it is opened without a WAL of its own. */
static bool
open_proof(struct queue_copy *c)
{
	char *uri = immutable_uri(c->partial);
	int rc = sqlite3_open_v2(uri, &c->proof, SQLITE_OPEN_READONLY |
	    SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);

	free(uri);
	if (rc != SQLITE_OK)
		why_set(&c->why, "%s: %s", c->partial,
		    sqlite3_errmsg(c->proof));
	return rc == SQLITE_OK;
}

/* Signals are for the loop, which sleeps until one comes. */
static bool
start_proof(struct queue_copy *c)
{
	sigset_t all, before;
	int error;

	if (!open_proof(c))
		return false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&c->thread, NULL, prove, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	c->proving = error == 0;
	if (error != 0)
		why_set(&c->why, "no thread to prove it with: %s",
		    strerror(error));
	return c->proving;
}

static int
end_copying(struct queue_copy *c)
{
	int rc = sqlite3_backup_finish(c->backup);

	if (rc != SQLITE_OK)
		why_set(&c->why, "%s: %s", c->partial,
		    sqlite3_errmsg(c->to));
	c->backup = NULL;
	sqlite3_close(c->to);
	c->to = NULL;
	return rc;
}

/* Little by little, or the sync at the end would have it all to do, and those
 * of the queue would wait for the disk. */
static void
flush_some(struct queue_copy *c)
{
	if (c->copied - c->flushed < FLUSH_PAGES)
		return;
	(void)sync_file_range(c->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	c->flushed = c->copied;
}

/* Where it is after a step.  What another process has written makes SQLite
 * begin with the first page again; false: that was too often. */
static bool
note_place(struct queue_copy *c)
{
	int64_t before = c->copied;

	c->total = sqlite3_backup_pagecount(c->backup);
	c->copied = c->total - sqlite3_backup_remaining(c->backup);
	if (c->copied >= before)
		return true;
	c->flushed = 0;
	if (c->anew++ < ANEW_MOST)
		return true;
	why_set(&c->why, "another process writes to the database again and "
	    "again, and each time the copy begins anew");
	return false;
}

static enum queue_copied
copy_pages(struct queue_copy *c)
{
	int rc;

	if (atomic_load(&c->cancelled))
		return QUEUE_COPY_FAILED;
	rc = sqlite3_backup_step(c->backup, PAGES);
	if (!note_place(c))
		return QUEUE_COPY_FAILED;
	if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
		flush_some(c);
		return QUEUE_COPYING;
	}
	/* It says what went wrong again, if anything did. */
	if (end_copying(c) != SQLITE_OK || !start_proof(c))
		return QUEUE_COPY_FAILED;
	return QUEUE_PROVING;
}

static enum queue_copied
look_at_proof(struct queue_copy *c)
{
	if (!atomic_load(&c->ended)) {
		/* Interrupting what has not begun yet does nothing. */
		if (atomic_load(&c->cancelled))
			sqlite3_interrupt(c->proof);
		return QUEUE_PROVING;
	}
	pthread_join(c->thread, NULL);
	c->proving = false;
	return c->proved ? QUEUE_COPIED : QUEUE_COPY_FAILED;
}

enum queue_copied
queue_copy_slice(struct queue_copy *c, struct why *why)
{
	enum queue_copied state = c->backup != NULL ? copy_pages(c) :
	    look_at_proof(c);

	if (state == QUEUE_COPY_FAILED)
		*why = c->why;	/* of one that was cancelled: none */
	return state;
}

bool
queue_copy_wanted(struct queue_copy *c)
{
	sqlite3_stmt *st = store_sql(c->queue->store, SQL_TASK_RUNS);
	bool runs;

	store_int(st, ":id", c->job);
	runs = store_row(c->queue->store, st);
	sqlite3_reset(st);
	return runs;
}

void
queue_copy_cancel(struct queue_copy *c)
{
	atomic_store(&c->cancelled, true);
}

void
queue_copy_remove(struct queue_copy *c)
{
	(void)unlink(c->file);
}

void
queue_copy_progress(struct queue_copy *c)
{
	sqlite3_stmt *st = store_sql(c->queue->store, SQL_TASK_PROGRESS);

	store_int(st, ":id", c->job);
	store_int(st, ":moved", c->copied);
	store_int(st, ":total", c->total);
	store_run(c->queue->store, st);
}

/* The agent stops: this waits for what cannot be interrupted, a sync. */
static void
end_proof(struct queue_copy *c)
{
	const struct timespec ts = { 0, INTERRUPT_NS };

	queue_copy_cancel(c);
	while (look_at_proof(c) == QUEUE_PROVING)
		(void)nanosleep(&ts, NULL);
}

void
queue_copy_free(struct queue_copy *c)
{
	if (c == NULL)
		return;
	if (c->proving)
		end_proof(c);
	sqlite3_backup_finish(c->backup);
	sqlite3_close(c->to);
	sqlite3_close(c->proof);
	if (c->fd != -1) {
		if (!c->proved)
			(void)unlink(c->partial);
		close(c->fd);
	}
	free(c->file);
	free(c->partial);
	free(c->directory);
	free(c);
}

/* --- at start --------------------------------------------------------- */

/* The first copy that was being made; false: none.  *file is given. */
static bool
interrupted(struct queue *q, int64_t *job, char **file)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_COPIES_INTERRUPTED);
	const char *text;
	bool found = store_row(q->store, st);

	if (found) {
		*job = sqlite3_column_int64(st, 0);
		text = (const char *)sqlite3_column_text(st, 1);
		*file = text != NULL ? xstrdup(text) : NULL;
	}
	sqlite3_reset(st);
	return found;
}

void
queue_recover_copies(struct queue *q, int64_t now)
{
	char *file = NULL, *partial;
	int64_t job;

	while (interrupted(q, &job, &file)) {
		queue_job_end(q, job, QUEUE_JOB_FAILED,
		    "the agent ended before the copy was whole", now);
		partial = file != NULL ? xasprintf("%s.partial", file) : NULL;
		if (partial != NULL && unlink(partial) == 0)
			log_info("queue: removed what was left of a copy "
			    "file=%s", log_value(partial));
		free(partial);
		free(file);
		file = NULL;
	}
}
