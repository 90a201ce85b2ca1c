/*
 * test_store.c - one database: who may open it, and what a commit means
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "holder_fixture.h"
#include "log.h"
#include "scratch_fixture.h"
#include "store.h"

struct bench {
	char		*directory;
	char		*path;
	struct store	*store;		/* NULL: not open */
	struct holder	*holder;	/* NULL: nobody */
};

static int
setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));

	b->directory = scratch_make();
	b->path = scratch_path(b->directory, "queue.db");
	*state = b;
	return 0;
}

static int
setup_holder(void **state)
{
	setup(state);
	((struct bench *)*state)->holder = holder_new();
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	store_close(b->store);
	if (b->holder != NULL)
		holder_free(b->holder);
	scratch_remove(b->directory);
	free(b->path);
	free(b);
	return 0;
}

static void
reopen(struct bench *b)
{
	struct why why = { "" };

	store_close(b->store);
	b->store = NULL;
	if (store_open(&b->store, b->path, STORE_WRITE, 0600, &why) != 0)
		fail_msg("%s", why.text);
}

static void
assert_not_opened(const char *path, enum store_mode mode, int status,
    const char *part)
{
	struct store *s = NULL;
	struct why why = { "" };

	assert_int_equal(store_open(&s, path, mode, 0600, &why), status);
	assert_null(s);
	assert_non_null(strstr(why.text, path));
	if (strstr(why.text, part) == NULL)
		fail_msg("not \"%s\" but: %s", part, why.text);
}

/* With a connection of its own, as somebody's shell. */
static void
shell(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The integer that a query answers. */
static int64_t
number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st;
	int64_t n;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

static int64_t
settings(struct store *s)
{
	return number(store_db(s), "SELECT count(*) FROM setting");
}

static void
put_setting(struct store *s, const char *name, const char *value)
{
	sqlite3_stmt *st = store_sql(s, SQL_SETTING_PUT);

	store_text(st, ":name", name);
	store_text(st, ":value", value);
	store_run(s, st);
}

static void
assert_mode(const char *path, mode_t mode)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

static void
store_open_makes_the_file_with_its_mode(void **state)
{
	struct bench *b = *state;
	char *lock = scratch_path(b->directory, "queue.db.lock");
	mode_t mask = umask(027);
	struct why why;

	assert_int_equal(store_open(&b->store, b->path, STORE_WRITE, 0660,
	    &why), 0);
	umask(mask);

	assert_mode(b->path, 0660);
	assert_mode(lock, 0600);
	assert_string_equal(store_path(b->store), b->path);
	free(lock);
}

static void
store_open_leaves_the_mode_of_a_file_that_is_there(void **state)
{
	struct bench *b = *state;

	reopen(b);
	assert_int_equal(chmod(b->path, 0640), 0);
	reopen(b);

	assert_mode(b->path, 0640);
}

/* Without either, a 202 would promise more than there is. */
static void
store_open_has_wal_and_full_synchronisation(void **state)
{
	struct bench *b = *state;
	sqlite3_stmt *st;

	reopen(b);

	assert_int_equal(number(store_db(b->store), "PRAGMA synchronous"), 2);
	sqlite3_prepare_v2(store_db(b->store), "PRAGMA journal_mode", -1, &st,
	    NULL);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_string_equal(sqlite3_column_text(st, 0), "wal");
	sqlite3_finalize(st);
}

static void
store_open_marks_the_file_as_ours(void **state)
{
	struct bench *b = *state;
	static const char letters[] = "hrly";
	unsigned char head[100];
	FILE *f;

	reopen(b);
	store_close(b->store);
	b->store = NULL;

	f = fopen(b->path, "r");
	assert_non_null(f);
	assert_int_equal(fread(head, 1, sizeof(head), f), sizeof(head));
	fclose(f);
	assert_memory_equal(head, "SQLite format 3", 16);
	assert_memory_equal(head + 60, "\0\0\0", 3);
	assert_int_equal(head[63], STORE_VERSION);
	assert_memory_equal(head + 68, letters, 4);
}

static void
store_open_refuses_a_second_writer(void **state)
{
	struct bench *b = *state;

	reopen(b);
	assert_not_opened(b->path, STORE_WRITE, EXIT_RUNNING,
	    "another heaprelayd has this database open");

	/* The first one works on, and who comes after it may have it. */
	assert_int_equal(store_begin(b->store), STORE_READY);
	put_setting(b->store, "a", "1");
	assert_true(store_commit(b->store));
	reopen(b);
	assert_int_equal(settings(b->store), 1);
}

static void
store_open_refuses_a_second_writer_by_another_name(void **state)
{
	struct bench *b = *state;
	char *alias = xasprintf("%s/alias.db", b->directory);
	char *hard = xasprintf("%s/hard.db", b->directory);
	char *lock = xasprintf("%s.lock", b->path);
	const char *const names[] = { alias, hard, b->path };
	struct store *second;
	struct why why;
	size_t i;

	reopen(b);
	assert_int_equal(symlink(b->path, alias), 0);
	assert_int_equal(link(b->path, hard), 0);
	assert_int_equal(unlink(lock), 0);

	for (i = 0; i < HR_COUNT(names); i++) {
		assert_int_equal(store_open(&second, names[i], STORE_WRITE,
		    0600, &why), EXIT_RUNNING);
		assert_non_null(strstr(why.text,
		    "another heaprelayd has this database open"));
	}
	free(alias);
	free(hard);
	free(lock);
}

static void
store_open_refuses_a_newer_schema(void **state)
{
	struct bench *b = *state;
	char sql[60], text[80];

	reopen(b);
	store_close(b->store);
	b->store = NULL;
	snprintf(sql, sizeof(sql), "PRAGMA user_version = %d",
	    STORE_VERSION + 1);
	shell(b->path, sql);

	snprintf(text, sizeof(text), "made by a newer heaprelay (schema %d, "
	    "this program knows %d)", STORE_VERSION + 1, STORE_VERSION);
	assert_not_opened(b->path, STORE_WRITE, EXIT_CONFIG, text);
	assert_not_opened(b->path, STORE_READ, EXIT_CONFIG, "newer");
	/* The lock was let go of. */
	snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", STORE_VERSION);
	shell(b->path, sql);
	reopen(b);
}

static void
store_open_refuses_a_foreign_database(void **state)
{
	struct bench *b = *state;

	shell(b->path, "CREATE TABLE t (a); INSERT INTO t VALUES (7)");

	assert_not_opened(b->path, STORE_WRITE, EXIT_CONFIG,
	    "not a database of heaprelay");
	assert_not_opened(b->path, STORE_READ, EXIT_CONFIG,
	    "not a database of heaprelay");
	shell(b->path, "UPDATE t SET a = 8");	/* and left it as it was */
}

/* Long enough to be taken for a header, or not. */
static void
store_open_refuses_a_file_that_is_no_database(void **state)
{
	static const char text[] = "not a database";
	struct bench *b = *state;
	int lines;

	for (lines = 1; lines <= 50; lines += 49) {
		FILE *f = fopen(b->path, "w");
		int i;

		assert_non_null(f);
		for (i = 0; i < lines; i++)
			fprintf(f, "%s\n", text);
		fclose(f);
		assert_not_opened(b->path, STORE_WRITE, EXIT_IO,
		    "file is not a database");
	}
}

static void
store_open_cannot_make_a_file_without_its_directory(void **state)
{
	struct bench *b = *state;
	char *path = scratch_path(b->directory, "none/queue.db");

	assert_not_opened(path, STORE_WRITE, EXIT_CANTCREATE,
	    "No such file or directory");
	free(path);
}

static void
store_open_needs_the_right_to_write(void **state)
{
	struct bench *b = *state;

	if (geteuid() == 0)
		skip();		/* may write anywhere */
	assert_int_equal(chmod(b->directory, 0500), 0);
	assert_not_opened(b->path, STORE_WRITE, EXIT_PERMISSION,
	    "Permission denied");
	assert_int_equal(chmod(b->directory, 0700), 0);
}

static void
store_open_makes_the_views_anew(void **state)
{
	struct bench *b = *state;

	reopen(b);
	store_close(b->store);
	b->store = NULL;
	shell(b->path, "DROP VIEW v_queue; DROP VIEW v_stuck;"
	    "CREATE VIEW v_stuck AS SELECT 1 AS old");
	reopen(b);

	assert_int_equal(number(store_db(b->store),
	    "SELECT count(*) FROM pragma_table_info('v_queue')"), 13);
	assert_int_equal(number(store_db(b->store),
	    "SELECT count(*) FROM pragma_table_info('v_stuck')"), 13);
}

static void
store_open_says_who_is_in_the_way(void **state)
{
	struct bench *b = *state;
	char text[80];

	reopen(b);
	store_close(b->store);
	b->store = NULL;
	holder_lock(b->holder, b->path);

	snprintf(text, sizeof(text), "process %d holds the write lock",
	    (int)holder_pid(b->holder));
	assert_not_opened(b->path, STORE_WRITE, EXIT_IO, text);
	holder_release(b->holder);
	reopen(b);
}

static void
store_open_for_reading_needs_a_file(void **state)
{
	struct bench *b = *state;

	assert_not_opened(b->path, STORE_READ, EXIT_IO,
	    "unable to open database file");
	assert_int_equal(access(b->path, F_OK), -1);
}

static void
store_open_for_reading_sees_what_is_committed(void **state)
{
	struct bench *b = *state;
	struct store *reader = NULL;
	struct why why = { "" };

	reopen(b);
	assert_int_equal(store_open(&reader, b->path, STORE_READ, 0, &why), 0);
	assert_int_equal(store_begin(b->store), STORE_READY);
	put_setting(b->store, "a", "1");
	assert_int_equal(settings(reader), 0);
	assert_true(store_commit(b->store));

	assert_int_equal(settings(reader), 1);
	assert_int_equal(sqlite3_exec(store_db(reader),
	    "DELETE FROM setting", NULL, NULL, NULL), SQLITE_READONLY);
	store_close(reader);
}

static void
store_commit_makes_it_last(void **state)
{
	struct bench *b = *state;

	reopen(b);
	assert_false(store_open_transaction(b->store));
	assert_int_equal(store_begin(b->store), STORE_READY);
	assert_true(store_open_transaction(b->store));
	put_setting(b->store, "a", "1");
	/* Once more in the same turn: it is the same transaction. */
	assert_int_equal(store_begin(b->store), STORE_READY);
	put_setting(b->store, "b", "2");
	assert_true(store_commit(b->store));
	assert_false(store_open_transaction(b->store));

	reopen(b);
	assert_int_equal(settings(b->store), 2);
}

static void
store_commit_of_nothing_is_durable(void **state)
{
	struct bench *b = *state;

	reopen(b);
	assert_true(store_commit(b->store));
	assert_int_equal(store_begin(b->store), STORE_READY);
	assert_true(store_commit(b->store));
	assert_string_equal(store_error(b->store), "");
}

static void
store_close_without_commit_leaves_nothing(void **state)
{
	struct bench *b = *state;

	reopen(b);
	assert_int_equal(store_begin(b->store), STORE_READY);
	put_setting(b->store, "a", "1");
	reopen(b);

	assert_int_equal(settings(b->store), 0);
	store_close(NULL);
}

static void
store_rollback_throws_away_and_the_next_turn_works(void **state)
{
	struct bench *b = *state;
	sqlite3_stmt *st;

	reopen(b);
	assert_int_equal(store_begin(b->store), STORE_READY);
	put_setting(b->store, "a", "1");
	/* A query in its middle does not keep the transaction. */
	st = store_sql(b->store, SQL_SETTING_GET);
	store_text(st, ":name", "a");
	assert_true(store_row(b->store, st));
	store_rollback(b->store);

	assert_false(store_open_transaction(b->store));
	assert_int_equal(settings(b->store), 0);
	assert_int_equal(store_begin(b->store), STORE_READY);
	put_setting(b->store, "b", "1");
	assert_true(store_commit(b->store));
	assert_int_equal(settings(b->store), 1);
}

static void
store_fail_fails_the_whole_turn(void **state)
{
	struct bench *b = *state;
	uint64_t failed = stat_get(STAT_commits_failed);

	reopen(b);
	assert_int_equal(store_begin(b->store), STORE_READY);
	put_setting(b->store, "before", "1");
	store_fail(b->store, "no %s", "luck");
	put_setting(b->store, "after", "1");
	assert_int_equal(store_begin(b->store), STORE_FAILED);
	assert_false(store_exec(b->store, "DELETE FROM setting"));
	assert_true(store_open_transaction(b->store));
	assert_false(store_commit(b->store));

	assert_string_equal(store_error(b->store), "no luck");
	assert_int_equal(settings(b->store), 0);
	assert_true(stat_get(STAT_commits_failed) == failed + 1);
	assert_int_equal(store_begin(b->store), STORE_READY);
	assert_true(store_commit(b->store));
}

/* As on a full disk. */
static void
store_write_without_room_fails_the_turn_and_not_the_next(void **state)
{
	struct bench *b = *state;
	char *big = xmalloc(400001), sql[60];
	sqlite3 *db;

	reopen(b);
	db = store_db(b->store);
	memset(big, 'x', 400000);
	big[400000] = '\0';
	snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %lld",
	    (long long)number(db, "PRAGMA page_count"));
	sqlite3_exec(db, sql, NULL, NULL, NULL);

	assert_int_equal(store_begin(b->store), STORE_READY);
	put_setting(b->store, "small", "1");
	put_setting(b->store, "big", big);
	put_setting(b->store, "small too", "1");
	assert_false(store_commit(b->store));
	assert_string_equal(store_error(b->store),
	    "database or disk is full (setting_put)");
	assert_int_equal(settings(b->store), 0);

	sqlite3_exec(db, "PRAGMA max_page_count = 1000000", NULL, NULL, NULL);
	assert_int_equal(store_begin(b->store), STORE_READY);
	put_setting(b->store, "big", big);
	assert_true(store_commit(b->store));
	assert_int_equal(settings(b->store), 1);
	free(big);
}

static void
store_begin_fails_while_a_file_is_not_where_it_was(void **state)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	struct bench *b = *state;
	char *path, *kept = xasprintf("%s/kept", b->directory);
	size_t i;

	reopen(b);
	for (i = 0; i < HR_COUNT(suffixes); i++) {
		path = xasprintf("%s%s", b->path, suffixes[i]);
		assert_int_equal(rename(path, kept), 0);

		assert_int_equal(store_begin(b->store), STORE_FAILED);
		put_setting(b->store, "lost", "1");
		assert_false(store_commit(b->store));
		assert_non_null(strstr(store_error(b->store),
		    "was deleted or replaced"));

		assert_int_equal(rename(kept, path), 0);
		assert_int_equal(store_begin(b->store), STORE_READY);
		assert_true(store_commit(b->store));
		assert_int_equal(settings(b->store), 0);
		free(path);
	}
	free(kept);
}

static void
store_begin_is_busy_while_a_shell_writes(void **state)
{
	struct bench *b = *state;
	char text[600];
	struct why why;

	reopen(b);
	holder_lock(b->holder, b->path);

	assert_int_equal(store_begin(b->store), STORE_BUSY);
	assert_false(store_open_transaction(b->store));
	store_blocker(b->store, &why);
	snprintf(text, sizeof(text), "process %d holds the write lock of %s",
	    (int)holder_pid(b->holder), b->path);
	assert_string_equal(why.text, text);

	holder_release(b->holder);
	assert_int_equal(store_begin(b->store), STORE_READY);
	put_setting(b->store, "a", "1");
	assert_true(store_commit(b->store));
}

/* The kernel tells neighbouring locks of one process as one range. */
static void
store_blocker_finds_a_writer_that_also_checkpoints(void **state)
{
	struct bench *b = *state;
	char text[600];
	struct why why;

	reopen(b);
	holder_lock_bytes(b->holder, b->path);

	assert_int_equal(store_begin(b->store), STORE_BUSY);
	store_blocker(b->store, &why);
	snprintf(text, sizeof(text), "process %d holds the write lock of %s",
	    (int)holder_pid(b->holder), b->path);
	assert_string_equal(why.text, text);
}

static void
store_blocker_names_nobody_when_there_is_nobody(void **state)
{
	struct bench *b = *state;
	struct why why;

	reopen(b);
	store_blocker(b->store, &why);

	assert_int_equal(strncmp(why.text, "another process holds", 21), 0);
}

static void
store_run_counts_rows_and_store_row_ends(void **state)
{
	struct bench *b = *state;
	sqlite3_stmt *st;

	reopen(b);
	assert_int_equal(store_begin(b->store), STORE_READY);
	st = store_sql(b->store, SQL_IDENTITY_PUT);
	store_text(st, ":value", "ada");
	assert_int_equal(store_run(b->store, st), 1);
	assert_int_equal(store_last_id(b->store), 1);
	st = store_sql(b->store, SQL_IDENTITY_FIND);
	store_text_n(st, ":value", "adam", 3);
	assert_true(store_row(b->store, st));
	assert_int_equal(sqlite3_column_int64(st, 0), 1);
	assert_false(store_row(b->store, st));
	st = store_sql(b->store, SQL_IDENTITY_FIND);
	store_text(st, ":value", NULL);
	assert_false(store_row(b->store, st));
	st = store_sql(b->store, SQL_LANE_OPEN_MS);
	store_int(st, ":lane", 99);
	store_int(st, ":open_ms", 1);
	assert_int_equal(store_run(b->store, st), 0);
	assert_true(store_commit(b->store));
}

static void
store_bytes_grow_with_what_is_stored(void **state)
{
	struct bench *b = *state;
	char *big = xmalloc(300001);
	int64_t before, wal;

	reopen(b);
	memset(big, 'x', 300000);
	big[300000] = '\0';
	before = store_bytes(b->store);
	wal = store_wal_bytes(b->store);
	assert_true(before > 0);

	assert_int_equal(store_begin(b->store), STORE_READY);
	put_setting(b->store, "a", big);
	assert_true(store_commit(b->store));
	assert_in_range(store_bytes(b->store) - before, 300000, 320000);
	assert_true(store_wal_bytes(b->store) - wal >= 300000);

	/* Pages that are free again do not count. */
	assert_int_equal(store_begin(b->store), STORE_READY);
	put_setting(b->store, "a", "small");
	assert_true(store_commit(b->store));
	assert_true(store_bytes(b->store) - before < 20000);
	free(big);
}

/* Runs `act` in a process of its own; its exit status, -1: a signal. */
static int
status_of(void (*act)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		close(STDERR_FILENO);
		act();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct store *
in_memory(void)
{
	struct store *s;

	if (store_open(&s, STORE_MEMORY, STORE_WRITE, 0, NULL) != 0 ||
	    store_begin(s) != STORE_READY)
		_exit(1);
	return s;
}

static void
break_a_constraint(void)
{
	struct store *s = in_memory();

	store_run(s, store_sql(s, SQL_BATCH_PUT));	/* nothing is bound */
}

static void
bind_what_is_not_there(void)
{
	struct store *s = in_memory();

	store_int(store_sql(s, SQL_IDENTITY_PUT), ":valeu", 1);
}

/* As damage to the text of the schema does. */
static void
lose_a_column(void)
{
	struct store *s = in_memory();

	store_exec(s, "ALTER TABLE setting RENAME COLUMN value TO velue");
	store_sql(s, SQL_SETTING_PUT);
}

static void
move_where_none_may(void)
{
	struct store *s = in_memory();

	store_exec(s, "INSERT INTO event (id, batch, event_index, lane,"
	    " identity, name, received_at, event_at, commerce, objects, state)"
	    " VALUES (1, 1, 0, 1, 1, 'E', 0, 0, 0, 1, 'delivered')");
}

static void
store_takes_a_database_that_is_not_as_made_for_damaged(void **state)
{
	(void)state;
	assert_int_equal(status_of(lose_a_column), EXIT_IO);
	assert_int_equal(status_of(move_where_none_may), EXIT_IO);
}

static void
store_takes_our_own_mistakes_for_what_they_are(void **state)
{
	(void)state;
	assert_int_equal(status_of(break_a_constraint), EXIT_INTERNAL);
	assert_int_equal(status_of(bind_what_is_not_there),
	    EXIT_INTERNAL);
}

#define TEST(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)
#define TEST_HELD(t) \
	cmocka_unit_test_setup_teardown(t, setup_holder, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(store_open_makes_the_file_with_its_mode),
	    TEST(store_open_leaves_the_mode_of_a_file_that_is_there),
	    TEST(store_open_has_wal_and_full_synchronisation),
	    TEST(store_open_marks_the_file_as_ours),
	    TEST(store_open_refuses_a_second_writer),
	    TEST(store_open_refuses_a_second_writer_by_another_name),
	    TEST(store_open_refuses_a_newer_schema),
	    TEST(store_open_refuses_a_foreign_database),
	    TEST(store_open_refuses_a_file_that_is_no_database),
	    TEST(store_open_cannot_make_a_file_without_its_directory),
	    TEST(store_open_needs_the_right_to_write),
	    TEST(store_open_makes_the_views_anew),
	    TEST_HELD(store_open_says_who_is_in_the_way),
	    TEST(store_open_for_reading_needs_a_file),
	    TEST(store_open_for_reading_sees_what_is_committed),
	    TEST(store_commit_makes_it_last),
	    TEST(store_commit_of_nothing_is_durable),
	    TEST(store_close_without_commit_leaves_nothing),
	    TEST(store_rollback_throws_away_and_the_next_turn_works),
	    TEST(store_fail_fails_the_whole_turn),
	    TEST(store_write_without_room_fails_the_turn_and_not_the_next),
	    TEST(store_begin_fails_while_a_file_is_not_where_it_was),
	    TEST_HELD(store_begin_is_busy_while_a_shell_writes),
	    TEST_HELD(store_blocker_finds_a_writer_that_also_checkpoints),
	    TEST(store_blocker_names_nobody_when_there_is_nobody),
	    TEST(store_run_counts_rows_and_store_row_ends),
	    TEST(store_bytes_grow_with_what_is_stored),
	    cmocka_unit_test(
	        store_takes_a_database_that_is_not_as_made_for_damaged),
	    cmocka_unit_test(store_takes_our_own_mistakes_for_what_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
