/*
 * test_store_checkpoint.c - what becomes of the WAL when the disk fails
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "disk_fixture.h"
#include "log.h"
#include "scratch_fixture.h"
#include "store.h"

#define MUCH	(33 << 20)	/* bytes that call for a checkpoint */

struct bench {
	char		*directory;
	struct store	*store;
	char		*much;		/* a text of so many bytes */
	char		 letter;	/* of which it is made */
};

static void
bench_open(struct bench *b)
{
	char *path = scratch_path(b->directory, "queue.db");
	struct why why;

	if (store_open(&b->store, path, STORE_WRITE, 0600, &why) != 0)
		fail_msg("%s", why.text);
	free(path);
}

static int
setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));

	b->directory = scratch_make();
	b->much = xmalloc(MUCH + 1);
	b->much[MUCH] = '\0';
	b->letter = 'a';
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	disk_fail(DISK_DATABASE, DISK_WRITE, 0);
	disk_fail(DISK_DATABASE, DISK_SYNC, 0);
	disk_fail(DISK_WAL, DISK_WRITE, 0);
	disk_fail(DISK_WAL, DISK_SYNC, 0);
	store_close(b->store);
	scratch_remove(b->directory);
	free(b->much);
	free(b);
	return 0;
}

/* Commits a setting; was that durable? */
static bool
put(struct bench *b, const char *name, const char *value)
{
	sqlite3_stmt *st;

	assert_int_equal(store_begin(b->store), STORE_READY);
	st = store_sql(b->store, SQL_SETTING_PUT);
	store_text(st, ":name", name);
	store_text(st, ":value", value);
	store_run(b->store, st);
	return store_commit(b->store);
}

/* Pages that do not change are not written, so it is another text each
 * time. */
static bool
put_much(struct bench *b)
{
	memset(b->much, b->letter++, MUCH);
	return put(b, "much", b->much);
}

static bool
has(struct bench *b, const char *name)
{
	sqlite3_stmt *st = store_sql(b->store, SQL_SETTING_GET);
	bool found;

	store_text(st, ":name", name);
	found = store_row(b->store, st);
	sqlite3_reset(st);
	return found;
}

static void
store_commit_checkpoints_when_the_wal_is_long(void **state)
{
	struct bench *b = *state;
	uint64_t done = stat_get(STAT_checkpoints);
	int64_t wal;

	bench_open(b);
	assert_true(put(b, "little", "x"));
	assert_true(stat_get(STAT_checkpoints) == done);
	assert_true(put_much(b));
	assert_true(stat_get(STAT_checkpoints) == done + 1);

	/* So the WAL begins anew. */
	wal = store_wal_bytes(b->store);
	assert_true(put_much(b));
	assert_in_range(store_wal_bytes(b->store), wal, wal + (1 << 20));
	assert_string_equal(store_checkpoint_error(b->store), "");
}

static void
store_commit_is_durable_though_the_checkpoint_after_it_fails(void **state)
{
	static const int failures[] = { SQLITE_FULL, SQLITE_IOERR_WRITE };
	struct bench *b = *state;
	uint64_t failed;
	size_t i;

	bench_open(b);
	for (i = 0; i < HR_COUNT(failures); i++) {
		failed = stat_get(STAT_checkpoints_failed);
		disk_fail(DISK_DATABASE, DISK_WRITE, failures[i]);

		assert_true(put_much(b));

		assert_true(stat_get(STAT_checkpoints_failed) == failed + 1);
		assert_string_equal(store_checkpoint_error(b->store),
		    sqlite3_errstr(failures[i]));
		assert_true(has(b, "much"));

		/* The next commit tries again. */
		disk_fail(DISK_DATABASE, DISK_WRITE, 0);
		assert_true(put(b, "little", i == 0 ? "x" : "y"));
		assert_string_equal(store_checkpoint_error(b->store), "");
	}
}

/* A reader that stays: no error, and the WAL is told by its length. */
static void
store_commit_takes_a_reader_for_no_failure(void **state)
{
	struct bench *b = *state;
	uint64_t failed = stat_get(STAT_checkpoints_failed);
	char *path = scratch_path(b->directory, "queue.db");
	sqlite3 *reader;

	bench_open(b);
	assert_int_equal(sqlite3_open(path, &reader), SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader, "BEGIN;"
	    "SELECT count(*) FROM setting", NULL, NULL, NULL), SQLITE_OK);
	assert_true(put_much(b));
	assert_true(put_much(b));

	assert_true(stat_get(STAT_checkpoints_failed) == failed);
	assert_string_equal(store_checkpoint_error(b->store), "");
	assert_in_range(store_wal_bytes(b->store), 2 * MUCH, 3 * MUCH);
	sqlite3_close(reader);
	free(path);
}

/* In a process of its own: a writer whose files fail so.  Its status. */
static int
status_with(struct bench *b, enum disk_file file, int code)
{
	pid_t pid;
	int status;

	b->letter++;
	pid = fork();
	if (pid == 0) {
		close(STDERR_FILENO);
		bench_open(b);
		disk_fail(file, DISK_SYNC, code);
		put_much(b);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
a_sync_that_fails_ends_the_program(void **state)
{
	struct bench *b = *state;

	/* Of the commit, and of the checkpoint behind it. */
	assert_int_equal(status_with(b, DISK_WAL, SQLITE_IOERR_FSYNC),
	    EXIT_IO);
	assert_int_equal(status_with(b, DISK_DATABASE, SQLITE_IOERR_FSYNC),
	    EXIT_IO);
	assert_int_equal(status_with(b, DISK_DATABASE, 0), 0);
}

static void
store_commit_fails_when_the_wal_cannot_be_written(void **state)
{
	struct bench *b = *state;

	bench_open(b);
	assert_true(put(b, "before", "x"));
	disk_fail(DISK_WAL, DISK_WRITE, SQLITE_FULL);
	assert_false(put(b, "during", "x"));
	disk_fail(DISK_WAL, DISK_WRITE, 0);
	assert_true(put(b, "after", "x"));

	assert_true(has(b, "before"));
	assert_false(has(b, "during"));
	assert_true(has(b, "after"));
}

#define TEST(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_sync_that_fails_ends_the_program),
	    TEST(store_commit_checkpoints_when_the_wal_is_long),
	    TEST(store_commit_is_durable_though_the_checkpoint_after_it_fails),
	    TEST(store_commit_takes_a_reader_for_no_failure),
	    TEST(store_commit_fails_when_the_wal_cannot_be_written),
	};

	disk_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
