/*
 * test_migrate.c - a database that is being made, or led up to a newer schema,
 * when a call fails, the agent dies or the power goes
 *
 * There is no newer schema yet, so the linker puts this file's sql_migrations
 * in place of the generated ones.  It puts its exit and fsync before those
 * that the store means.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../unit/scratch_fixture.h"
#include "fault_vfs.h"
#include "log.h"
#include "store.h"

#define POINTS		30	/* of each row, unless HEAPRELAY_LONG */
#define POINTS_LONG	1000
#define IMAGES		5	/* of a lost power at each point */
#define TIMEOUT_S	60
#define ROWS		"2000"
#define NOT_HIT		2	/* exit status of a trial: so many calls are not
				 * made */
#define COUNT_FILE	"calls"
#define WRITES		(1u << FAULT_OPEN | 1u << FAULT_WRITE | \
			1u << FAULT_SYNC | 1u << FAULT_TRUNCATE)

struct sql_migration __wrap_sql_migrations[2];
static const struct sql_migration next_schema = { STORE_VERSION + 1,
	"ALTER TABLE setting ADD COLUMN extra TEXT;"
	"UPDATE setting SET extra = value || '!';"
	"CREATE INDEX setting_extra ON setting (extra);"
	"PRAGMA user_version = 2;" };

struct row {
	struct fault_plan fault;	/* nth is set by the sweep */
	enum fault_loss	loss;
	bool		migrate;	/* else the database is made */
};

static jmp_buf grave;
static bool alive;			/* on trial, and has not died */

/* --- how it ends ------------------------------------------------------ */

static void
crash(void)
{
	alive = false;
	longjmp(grave, 1);
}

void	__wrap_exit(int);
void	__real_exit(int) HR_NORETURN;

/* As fatal() does. */
void
__wrap_exit(int status)
{
	if (!alive)
		__real_exit(status);
	crash();
}

/* --- what is left ----------------------------------------------------- */

/* What a query answers; by a connection of its own.  Given. */
static char *
look(const char *path, const char *sql)
{
	sqlite3_stmt *st;
	sqlite3 *db;
	char *text;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE, "unix"), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	text = xstrdup((const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return text;
}

static void
assert_looks(const char *path, const char *sql, const char *expected)
{
	char *text = look(path, sql);

	assert_string_equal(text, expected);
	free(text);
}

static int
open_store(const char *path)
{
	struct store *s = NULL;
	struct why why = { "" };
	int status = store_open(&s, path, STORE_WRITE, 0600, &why);

	if (status != 0)
		assert_true(why.text[0] != '\0');
	store_close(s);
	return status;
}

#define USER_VERSION "SELECT user_version FROM pragma_user_version"
#define SOUND	"SELECT group_concat(integrity_check) FROM" \
	" pragma_integrity_check"
#define SHAPE	"SELECT group_concat(sql, ';') FROM (SELECT sql FROM" \
	" sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name)"
#define CONVERTED "SELECT count(*) || '/' || count(extra) FROM setting"

static void
judge_made(const char *path, const char *directory)
{
	char *fresh = scratch_path(directory, "fresh.db");
	char *shape;

	assert_int_equal(open_store(path), 0);
	assert_int_equal(open_store(fresh), 0);
	shape = look(fresh, SHAPE);
	assert_looks(path, SHAPE, shape);
	assert_looks(path, USER_VERSION, "1");
	assert_looks(path, SOUND, "ok");
	free(shape);
	free(fresh);
}

/* All of the step is there or nothing; and the next start takes it. */
static void
judge_migrated(const char *path)
{
	char *version = look(path, USER_VERSION);

	if (strcmp(version, "1") == 0) {
		assert_looks(path, "SELECT count(*) FROM"
		    " pragma_table_info('setting') WHERE name = 'extra'", "0");
		assert_int_equal(open_store(path), 0);
	} else {
		/* Of this program's view, the file is of a newer one. */
		assert_int_equal(open_store(path), EXIT_CONFIG);
	}
	assert_looks(path, USER_VERSION, "2");
	assert_looks(path, CONVERTED, ROWS "/" ROWS);
	assert_looks(path, SOUND, "ok");
	free(version);
}

/* --- trials ----------------------------------------------------------- */

/* One of the schema before, with enough in it to fill many pages. */
static void
make_old(const char *path)
{
	sqlite3 *db;

	assert_int_equal(open_store(path), 0);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "INSERT INTO setting (name, value)"
	    " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < " ROWS ") SELECT 'name' || i, hex(randomblob(50))"
	    " FROM n", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	__wrap_sql_migrations[0] = next_schema;
}

static void
note_calls(const char *directory)
{
	char *path = scratch_path(directory, COUNT_FILE);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f, "%" PRId64, fault_count());
	assert_int_equal(fclose(f), 0);
	free(path);
}

/* 0: it did not come so far. */
static int64_t
noted_calls(const char *directory)
{
	char *path = scratch_path(directory, COUNT_FILE);
	FILE *f = fopen(path, "r");
	int64_t calls = 0;

	if (f != NULL) {
		assert_int_equal(fscanf(f, "%" SCNd64, &calls), 1);
		fclose(f);
	}
	free(path);
	return calls;
}

/* The exit status of the trial, in whose process this is. */
static int
live(const struct row *r, const char *directory, const char *after,
    uint64_t lot)
{
	char *path = scratch_path(directory, "queue.db");

	fault_install(crash);
	if (r->migrate)
		make_old(path);
	alive = true;
	fault_arm(&r->fault);
	if (setjmp(grave) == 0)
		open_store(path);
	note_calls(directory);
	fault_disarm();
	if (r->fault.nth != 0 && fault_hits() == 0)
		return NOT_HIT;
	/* Who died has the old files locked. */
	if (!alive) {
		fault_move(after, r->loss, &lot);
		free(path);
		path = scratch_path(after, "queue.db");
	}
	alive = false;
	if (r->migrate)
		judge_migrated(path);
	else
		judge_made(path, directory);
	return 0;
}

/* *calls of the kinds that count are made in it. */
static int
trial(const struct row *r, uint64_t lot, int64_t *calls)
{
	char *directory = scratch_make(), *after = scratch_make();
	pid_t child;
	int status;

	fflush(NULL);
	child = fork();
	assert_true(child != -1);
	if (child == 0) {
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		signal(SIGABRT, SIG_DFL);
		signal(SIGSEGV, SIG_DFL);
		alarm(TIMEOUT_S);
		_exit(live(r, directory, after, lot));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	*calls = noted_calls(directory);
	scratch_remove(directory);
	scratch_remove(after);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* At points that are spread over all calls, which are all but those of memory
 * with HEAPRELAY_LONG; HEAPRELAY_NTH only there. */
static void
sweep(const char *name, struct row r)
{
	const char *only = getenv("HEAPRELAY_NTH");
	int64_t calls, ignored, points = POINTS, n = 0, i;
	uint64_t lot, images = r.loss == FAULT_POWER ? IMAGES : 1;
	int status;

	r.fault.nth = 0;
	assert_int_equal(trial(&r, 1, &calls), 0);
	if (getenv("HEAPRELAY_LONG") != NULL)
		points = POINTS_LONG;
	if (points > calls)
		points = calls;
	for (i = 0; i < points; i++) {
		r.fault.nth = only != NULL ? strtoll(only, NULL, 10) :
		    1 + i * calls / points;
		for (lot = 1; lot <= images; lot++, n++) {
			status = trial(&r, 1000 * (uint64_t)r.fault.nth +
			    lot, &ignored);
			if (status != 0)
				fail_msg("HEAPRELAY_NTH=%" PRId64 " repeats "
				    "it: %s, status %d", r.fault.nth, name,
				    status);
		}
		if (only != NULL)
			break;
	}
	assert_true(n > 0);
	print_message("%s: %" PRId64 " trials of %" PRId64 " calls\n", name, n,
	    calls);
}

/* What may happen to each call. */
static void
sweep_all(bool migrate)
{
	static const struct {
		const char	 *name;
		struct row	  row;
	} rows[] = {
		{ "killed", { { .ops = WRITES, .kind = FAULT_CRASH },
		    FAULT_PROCESS, false } },
		{ "power", { { .ops = WRITES, .kind = FAULT_CRASH },
		    FAULT_POWER, false } },
		{ "write", { { .ops = 1u << FAULT_WRITE, .kind = FAULT_EIO },
		    FAULT_PROCESS, false } },
		{ "full", { { .ops = 1u << FAULT_WRITE, .for_ever = true,
		    .kind = FAULT_ENOSPC }, FAULT_PROCESS, false } },
		{ "sync", { { .ops = 1u << FAULT_SYNC, .kind = FAULT_EIO },
		    FAULT_POWER, false } },
		{ "read", { { .ops = 1u << FAULT_READ, .kind = FAULT_EIO },
		    FAULT_PROCESS, false } },
		{ "memory", { { .ops = 1u << FAULT_MEMORY, .kind = FAULT_EIO },
		    FAULT_PROCESS, false } },
	};
	struct row r;
	size_t i;

	for (i = 0; i < HR_COUNT(rows); i++) {
		r = rows[i].row;
		r.migrate = migrate;
		sweep(rows[i].name, r);
	}
}

static void
migrate_that_is_cut_short_makes_the_database_at_the_next_start(void **state)
{
	(void)state;
	sweep_all(false);
}

static void
migrate_that_is_cut_short_leaves_the_old_schema_or_the_new(void **state)
{
	(void)state;
	sweep_all(true);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
	    migrate_that_is_cut_short_makes_the_database_at_the_next_start),
		cmocka_unit_test(
		    migrate_that_is_cut_short_leaves_the_old_schema_or_the_new),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
