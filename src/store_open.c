/*
 * store_open.c - one SQLite database: open, check, migrate
 *
 * Knows the file, its neighbours and its pragmas, and what must hold before
 * anything may be acknowledged.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "store_private.h"

#define APPLICATION_ID	1752329337	/* "hrly", as in schema.sql */
/* Page cache of the writer: what some thousands of people touch. */
#define CACHE_KIB	32768

/* One integer that a PRAGMA answers; -1 when it answers nothing. */
int64_t
store_pragma(struct store *s, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int64_t value = -1;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		value = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return value;
}

static bool
pragma_is(struct store *s, const char *sql, const char *want)
{
	sqlite3_stmt *st = NULL;
	bool is = false;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW) {
		const unsigned char *got = sqlite3_column_text(st, 0);

		is = got != NULL && strcasecmp((const char *)got, want) == 0;
	}
	sqlite3_finalize(st);
	return is;
}

/* The directory entry of a new file is part of its durability. */
static void
sync_directory(const char *path)
{
	char *copy = xstrdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1 || fsync(fd) == -1)
		fatal(EXIT_IO, "store: cannot sync the directory of file=%s "
		    "error=%s", log_value(path), log_value(strerror(errno)));
	close(fd);
	free(copy);
}

static int
open_failure(int error)
{
	return error == EACCES || error == EPERM ? EXIT_PERMISSION :
	    EXIT_CANTCREATE;
}

/* Opens a file and takes it for this store alone. */
static int
take(const char *path, int flags, int *fd, struct why *why)
{
	*fd = open(path, flags | O_CLOEXEC, 0600);
	if (*fd == -1) {
		why_set(why, "%s: %s", path, strerror(errno));
		return open_failure(errno);
	}
	return flock(*fd, LOCK_EX | LOCK_NB) == 0 ? 0 : EXIT_RUNNING;
}

/* The file itself with its mode, before SQLite makes it with another. */
static int
make_file(const char *path, int file_mode, struct why *why)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int status = 0;

	if (fd == -1 || fchmod(fd, (mode_t)file_mode) == -1) {
		why_set(why, "%s: %s", path, strerror(errno));
		status = open_failure(errno);
	}
	if (fd != -1)
		close(fd);
	if (status == 0)
		sync_directory(path);
	return status;
}

/*
 * Two locks keep two agents off one database: PATH.lock before there is a
 * file, and the file itself, since it may have another name by a hard link,
 * and PATH.lock may be removed.  Closing the latter drops the locks that this
 * process has on it by SQLite, so it stays open until SQLite has closed it.
 */
static int
lock_and_make(struct store *s, int file_mode, struct why *why)
{
	char *lock = xasprintf("%s.lock", s->path);
	struct stat st;
	bool fresh = stat(s->path, &st) == -1;
	int status = take(lock, O_RDWR | O_CREAT, &s->lock_fd, why);

	if (status == 0 && fresh) {
		status = make_file(s->path, file_mode, why);
	} else if (status == 0 && access(s->path, R_OK | W_OK) == -1) {
		why_set(why, "%s: %s", s->path, strerror(errno));
		status = open_failure(errno);
	}
	if (status == 0)
		status = take(s->path, O_RDONLY, &s->file_fd, why);
	if (status == EXIT_RUNNING)
		why_set(why, "%s: another heaprelayd has this database open",
		    s->path);
	free(lock);
	return status;
}

/*
 * The file may have been made by somebody else: its schema is not trusted to
 * call functions, pages are checked as they are read, and nothing in it may
 * ask for more than our own statements do.
 */
static int
harden(struct store *s, struct why *why)
{
	static const struct {
		int	id, most;
	} limits[] = {
		{ SQLITE_LIMIT_LENGTH, 64 * 1024 * 1024 },
		{ SQLITE_LIMIT_SQL_LENGTH, 1024 * 1024 },
		{ SQLITE_LIMIT_ATTACHED, 0 },
		{ SQLITE_LIMIT_TRIGGER_DEPTH, 10 },
		{ SQLITE_LIMIT_WORKER_THREADS, 0 },
	};
	size_t i;

	for (i = 0; i < HR_COUNT(limits); i++)
		sqlite3_limit(s->db, limits[i].id, limits[i].most);
	if (sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) ==
	    SQLITE_OK && sqlite3_exec(s->db, "PRAGMA trusted_schema=OFF;"
	    "PRAGMA cell_size_check=ON;", NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	why_set(why, "%s: %s", s->path, sqlite3_errmsg(s->db));
	return EXIT_IO;
}

/* Is it ours, and of a version that this program knows? */
static int
check_identity(struct store *s, int64_t *version, struct why *why)
{
	int64_t id = store_pragma(s, "PRAGMA application_id");
	int64_t tables = store_pragma(s, "SELECT count(*) FROM sqlite_schema");

	*version = store_pragma(s, "PRAGMA user_version");
	if (tables == -1 || *version == -1) {
		why_set(why, "%s: %s", s->path, sqlite3_errmsg(s->db));
		return EXIT_IO;
	}
	if (tables > 0 && id != APPLICATION_ID) {
		why_set(why, "%s: not a database of heaprelay", s->path);
		return EXIT_CONFIG;
	}
	if (*version > STORE_VERSION) {
		why_set(why, "%s: made by a newer heaprelay (schema %lld, "
		    "this program knows %d)", s->path, (long long)*version,
		    STORE_VERSION);
		return EXIT_CONFIG;
	}
	return 0;
}

/* A new file gets the schema, an older one each step on the way to it; views
 * are made anew by every start. */
static int
migrate(struct store *s, int64_t version, struct why *why)
{
	const struct sql_migration *m;

	switch (store_begin(s)) {
	case STORE_READY:
		if (version == 0)
			store_exec(s, sql_schema);
		for (m = sql_migrations; m->version != 0; m++)
			if (version > 0 && m->version > version)
				store_exec(s, m->text);
		store_exec(s, sql_views);
		break;
	case STORE_BUSY:
		/* Nothing was made, so there is nothing to work on. */
		store_blocker(s, why);
		return EXIT_IO;
	case STORE_FAILED:
		break;
	}
	if (!store_commit(s)) {
		why_set(why, "%s: %s", s->path, store_error(s));
		return EXIT_IO;
	}
	if (strcmp(s->path, STORE_MEMORY) != 0)
		sync_directory(s->path);
	return 0;
}

/* WAL and synchronous=FULL, and proof that they hold: without them a 202
 * would be a lie. */
static int
make_durable(struct store *s, struct why *why)
{
	char sql[160];

	snprintf(sql, sizeof(sql), "PRAGMA journal_mode=WAL;"
	    "PRAGMA synchronous=FULL;PRAGMA cache_size=-%d;"
	    "PRAGMA foreign_keys=OFF;PRAGMA temp_store=MEMORY;"
	    "PRAGMA secure_delete=ON;", CACHE_KIB);
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		why_set(why, "%s: %s", s->path, sqlite3_errmsg(s->db));
		return sqlite3_errcode(s->db) == SQLITE_READONLY ?
		    EXIT_PERMISSION : EXIT_IO;
	}
	if (strcmp(s->path, STORE_MEMORY) == 0)
		return 0;
	/* Takes the place of PRAGMA wal_autocheckpoint, which is one too. */
	sqlite3_wal_hook(s->db, store_checkpoint, s);
	if (!pragma_is(s, "PRAGMA journal_mode", "wal") ||
	    store_pragma(s, "PRAGMA synchronous") != 2) {
		why_set(why, "%s: cannot have WAL with synchronous=FULL here; "
		    "use a local file system", s->path);
		return EXIT_IO;
	}
	return 0;
}

/* Which files these are, for files_stay. */
static void
remember_files(struct store *s)
{
	static const char *const suffixes[STORE_FILES] = { "", "-wal", "-shm" };
	struct stat st;
	size_t i;

	for (i = 0; i < STORE_FILES; i++) {
		s->file[i].path = xasprintf("%s%s", s->path, suffixes[i]);
		if (stat(s->file[i].path, &st) == -1)
			continue;
		s->file[i].device = st.st_dev;
		s->file[i].inode = st.st_ino;
	}
}

static int
open_writer(struct store *s, int file_mode, struct why *why)
{
	int64_t version;
	int status = 0;

	if (strcmp(s->path, STORE_MEMORY) != 0)
		status = lock_and_make(s, file_mode, why);
	if (status == 0 && sqlite3_open_v2(s->path, &s->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		why_set(why, "%s: %s", s->path, sqlite3_errmsg(s->db));
		status = sqlite3_errcode(s->db) == SQLITE_CANTOPEN ?
		    EXIT_CANTCREATE : EXIT_IO;
	}
	if (status == 0)
		status = harden(s, why);
	if (status == 0)
		status = check_identity(s, &version, why);
	if (status == 0)
		status = make_durable(s, why);
	if (status == 0)
		status = migrate(s, version, why);
	if (status == 0 && strcmp(s->path, STORE_MEMORY) != 0)
		remember_files(s);
	return status;
}

static int
open_reader(struct store *s, struct why *why)
{
	int64_t version;
	int status;

	if (sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READONLY |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    sqlite3_exec(s->db, "PRAGMA query_only=1;"
	    "PRAGMA cache_size=-2048;", NULL, NULL, NULL) != SQLITE_OK) {
		why_set(why, "%s: %s", s->path, sqlite3_errmsg(s->db));
		return EXIT_IO;
	}
	status = harden(s, why);
	return status == 0 ? check_identity(s, &version, why) : status;
}

/*
 * The file itself, whatever name it goes by: the lock lies beside it, so a
 * symbolic link must not lead to another one.
 */
static char *
real_path(const char *path)
{
	char *resolved = strcmp(path, STORE_MEMORY) != 0 ?
	    realpath(path, NULL) : NULL;
	struct stat st;
	char *own;

	if (resolved == NULL || lstat(path, &st) == -1 ||
	    !S_ISLNK(st.st_mode)) {
		free(resolved);
		return xstrdup(path);
	}
	own = xstrdup(resolved);
	free(resolved);
	return own;
}

int
store_open(struct store **out, const char *path, enum store_mode mode,
    int file_mode, struct why *why)
{
	struct store *s = xcalloc(1, sizeof(*s));
	int status;

	/* No statistics of memory, so no lock around each allocation; refused,
	 * and without harm, once SQLite is in use. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	s->path = real_path(path);
	s->mode = mode;
	s->lock_fd = s->file_fd = -1;
	status = mode == STORE_WRITE ? open_writer(s, file_mode, why) :
	    open_reader(s, why);
	if (status != 0) {
		store_close(s);
		return status;
	}
	*out = s;
	return 0;
}
