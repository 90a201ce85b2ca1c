/*
 * test_queue_backup.c - a copy of a database that goes on being written to
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "queue_fixture.h"
#include "scratch_fixture.h"
#include "store.h"

#define MANY	400		/* events: more than one slice copies */

static char *
path(struct queue_fixture *f, const char *name)
{
	return scratch_path(f->directory, name);
}

static struct queue_copy *
start(struct queue_fixture *f, const char *file)
{
	struct why why = { "" };
	struct queue_copy *c = queue_copy_new(f->q, file, 0, f->now.wall,
	    &why);

	if (c == NULL)
		fail_msg("%s", why.text);
	assert_true(queue_commit(f->q));
	return c;
}

/* Slices until it ends; before each, one more event if `write`. */
static enum queue_copied
finish(struct queue_fixture *f, struct queue_copy *c, bool write,
    struct why *why)
{
	const struct timespec ms = { 0, 1000000 };
	enum queue_copied state;

	do {
		if (write) {
			assert_int_equal(queue_begin(f->q), QUEUE_READY);
			put_track(f, "eve");
			assert_true(queue_commit(f->q));
		}
		state = queue_copy_slice(c, why);
		/* The proof is a thread's, whose time nobody can set. */
		if (state == QUEUE_PROVING)
			nanosleep(&ms, NULL);
	} while (state == QUEUE_COPYING || state == QUEUE_PROVING);
	assert_int_equal(queue_begin(f->q), QUEUE_READY);
	return state;
}

static void
put_many(struct queue_fixture *f)
{
	char *padding = xcalloc(1, 2001);
	int i;

	memset(padding, 'x', 2000);
	for (i = 0; i < MANY; i++)
		put_track(f, padding);
	settle(f);
	free(padding);
}

/* The first column of the only row. */
static char *
ask(const char *file, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	char *answer;

	assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY,
	    NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	answer = xstrdup((const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	sqlite3_close(db);
	return answer;
}

static void
assert_answer(const char *file, const char *sql, const char *expected)
{
	char *got = ask(file, sql);

	assert_string_equal(got, expected);
	free(got);
}

static void
assert_missing(struct queue_fixture *f, const char *name)
{
	char *file = path(f, name);

	assert_int_equal(access(file, F_OK), -1);
	free(file);
}

/* --- tests ------------------------------------------------------------ */

static void
queue_copy_has_what_was_written_while_it_was_made(void **state)
{
	struct queue_fixture *f = *state;
	char *file = path(f, "copy.db"), *events, *expected;
	struct queue_copy *c;
	int64_t copied, total;
	struct why why;

	put_many(f);
	c = start(f, file);
	assert_int_equal(queue_copy_slice(c, &why), QUEUE_COPYING);
	queue_copy_pages(c, &copied, &total);
	assert_true(copied > 0 && copied < total);
	assert_int_equal(finish(f, c, true, &why), QUEUE_COPIED);
	queue_copy_pages(c, &copied, &total);
	assert_true(copied == total);
	queue_copy_free(c);

	assert_answer(file, "PRAGMA integrity_check", "ok");
	assert_answer(file, "SELECT ok FROM v_conservation", "1");
	events = ask(file, "SELECT count(*) FROM event");
	assert_true(strtol(events, NULL, 10) > MANY + 1);
	/* All but what came after the last slice. */
	expected = xasprintf("%lld", (long long)number(f, "SELECT count(*) "
	    "FROM event"));
	assert_true(strtol(events, NULL, 10) <= strtol(expected, NULL, 10));
	assert_missing(f, "copy.db.partial");
	free(events);
	free(expected);
	free(file);
}

static void
queue_copy_is_for_those_whom_the_database_is_for(void **state)
{
	struct queue_fixture *f = *state;
	char *file = path(f, "copy.db");
	struct queue_copy *c;
	struct stat st;
	struct why why;

	assert_int_equal(chmod(f->path, 0640), 0);
	c = start(f, file);
	assert_int_equal(finish(f, c, false, &why), QUEUE_COPIED);
	queue_copy_free(c);

	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	free(file);
}

/* As a script's "$PLACE/$NAME" may have, of a place that ends in one. */
static void
queue_copy_takes_a_path_with_several_slashes(void **state)
{
	struct queue_fixture *f = *state;
	char *plain = path(f, "copy.db"), *file = xasprintf("/%s", plain);
	struct why why = { "" };
	struct queue_copy *c;

	assert_true(strncmp(file, "//", 2) == 0);
	c = start(f, file);
	if (finish(f, c, false, &why) != QUEUE_COPIED)
		fail_msg("%s", why.text);
	queue_copy_free(c);

	assert_answer(plain, "PRAGMA integrity_check", "ok");
	free(file);
	free(plain);
}

static void
queue_copy_new_takes_nobodys_place(void **state)
{
	struct queue_fixture *f = *state;
	char *file = path(f, "copy.db"), *none = path(f, "no/copy.db");
	struct queue_copy *c;
	struct why why;

	assert_null(queue_copy_new(f->q, f->path, 0, 1, &why));
	assert_non_null(strstr(why.text, "is there already"));
	assert_null(queue_copy_new(f->q, none, 0, 1, &why));
	assert_non_null(strstr(why.text, "No such file"));
	/* Nor does one that is made at the same time. */
	c = start(f, file);
	assert_int_equal(queue_begin(f->q), QUEUE_READY);
	assert_null(queue_copy_new(f->q, file, 0, 1, &why));
	assert_non_null(strstr(why.text, "File exists"));
	queue_copy_free(c);
	assert_missing(f, "copy.db");
	assert_missing(f, "copy.db.partial");
	free(file);
	free(none);
}

/* As queue.db-journal it would be rolled back, and be gone; until then no
 * reader could open the database. */
static void
queue_copy_new_takes_no_name_of_sqlites(void **state)
{
	static const char *const names[] = {
		"queue.db-journal", "copy.db-wal", "copy.db-shm", "-wal",
	};
	struct queue_fixture *f = *state;
	struct why why;
	char *file;
	size_t i;

	for (i = 0; i < HR_COUNT(names); i++) {
		file = path(f, names[i]);
		assert_null(queue_copy_new(f->q, file, 0, 1, &why));
		assert_non_null(strstr(why.text, "SQLite"));
		free(file);
	}
}

/* A copy that somebody had open when it was removed leaves such files; the
 * next one of that name would be read through them, and be malformed. */
static void
queue_copy_new_is_not_put_beside_parts_of_another_database(void **state)
{
	static const char *const names[] = {
		"copy.db-journal", "copy.db-wal", "copy.db-shm",
	};
	struct queue_fixture *f = *state;
	char *file = path(f, "copy.db"), *part;
	struct why why;
	size_t i;

	for (i = 0; i < HR_COUNT(names); i++) {
		part = path(f, names[i]);
		fclose(fopen(part, "w"));
		assert_null(queue_copy_new(f->q, file, 0, 1, &why));
		assert_non_null(strstr(why.text, part));
		unlink(part);
		free(part);
	}
	queue_copy_free(start(f, file));
	free(file);
}

static void
queue_copy_does_not_replace_what_came_meanwhile(void **state)
{
	struct queue_fixture *f = *state;
	char *file = path(f, "copy.db");
	struct queue_copy *c = start(f, file);
	struct why why;
	FILE *other = fopen(file, "w");

	assert_non_null(other);
	fputs("precious", other);
	fclose(other);
	assert_int_equal(finish(f, c, false, &why), QUEUE_COPY_FAILED);
	assert_non_null(strstr(why.text, "File exists"));
	queue_copy_free(c);

	other = fopen(file, "r");
	assert_int_equal(fgetc(other), 'p');
	fclose(other);
	assert_missing(f, "copy.db.partial");
	free(file);
}

static void
queue_copy_new_wants_room(void **state)
{
	struct queue_fixture *f = *state;
	char *file = path(f, "copy.db");
	struct why why;

	assert_null(queue_copy_new(f->q, file, INT64_MAX / 2, 1, &why));

	assert_non_null(strstr(why.text, "bytes free"));
	assert_missing(f, "copy.db.partial");
	assert_int_equal(number(f, "SELECT count(*) FROM job"), 0);
	free(file);
}

/* A process that never pauses: each of its commits begins the copy anew. */
static void
queue_copy_slice_gives_up_beside_a_foreign_writer(void **state)
{
	struct queue_fixture *f = *state;
	char *file = path(f, "copy.db");
	enum queue_copied end;
	struct queue_copy *c;
	struct why why;
	sqlite3 *other;
	int i;

	put_many(f);
	c = start(f, file);
	assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
	for (i = 0, end = QUEUE_COPYING; i < 100 && end == QUEUE_COPYING;
	    i++) {
		end = queue_copy_slice(c, &why);
		if (end == QUEUE_COPYING)
			end = queue_copy_slice(c, &why);
		assert_int_equal(sqlite3_exec(other, "INSERT INTO setting "
		    "VALUES (hex(randomblob(8)), 1)", NULL, NULL, NULL),
		    SQLITE_OK);
	}
	assert_int_equal(end, QUEUE_COPY_FAILED);
	assert_non_null(strstr(why.text, "another process"));
	queue_copy_free(c);
	sqlite3_close(other);
	assert_missing(f, "copy.db.partial");
	assert_int_equal(queue_begin(f->q), QUEUE_READY);
	free(file);
}

/* One that writes now and then only delays it. */
static void
queue_copy_bears_some_foreign_writes(void **state)
{
	struct queue_fixture *f = *state;
	char *file = path(f, "copy.db");
	struct queue_copy *c;
	struct why why;
	sqlite3 *other;
	int i;

	put_many(f);
	c = start(f, file);
	assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
	for (i = 0; i < 3; i++) {
		queue_copy_slice(c, &why);
		queue_copy_slice(c, &why);
		assert_int_equal(sqlite3_exec(other, "INSERT INTO setting "
		    "VALUES (hex(randomblob(8)), 1)", NULL, NULL, NULL),
		    SQLITE_OK);
	}
	assert_int_equal(finish(f, c, false, &why), QUEUE_COPIED);
	queue_copy_free(c);
	sqlite3_close(other);
	assert_answer(file, "SELECT count(*) FROM setting", "3");
	free(file);
}

static void
queue_copy_slice_ends_what_was_cancelled(void **state)
{
	struct queue_fixture *f = *state;
	char *file = path(f, "copy.db");
	struct queue_copy *c;
	struct why why;

	put_many(f);
	c = start(f, file);
	assert_true(queue_copy_wanted(c));
	assert_int_equal(queue_copy_slice(c, &why), QUEUE_COPYING);
	assert_int_equal(queue_begin(f->q), QUEUE_READY);
	assert_true(queue_job_end(f->q, queue_copy_job(c),
	    QUEUE_JOB_CANCELLED, NULL, f->now.wall));
	assert_true(queue_commit(f->q));
	assert_false(queue_copy_wanted(c));
	queue_copy_cancel(c);
	assert_int_equal(finish(f, c, false, &why), QUEUE_COPY_FAILED);
	queue_copy_free(c);

	assert_missing(f, "copy.db");
	assert_missing(f, "copy.db.partial");
	free(file);
}

/* Whatever the proof has come to. */
static void
queue_copy_free_ends_a_proof(void **state)
{
	struct queue_fixture *f = *state;
	char *file = path(f, "copy.db");
	struct queue_copy *c;
	struct why why;

	put_many(f);
	c = start(f, file);
	while (queue_copy_slice(c, &why) == QUEUE_COPYING)
		continue;
	queue_copy_free(c);

	assert_int_equal(queue_begin(f->q), QUEUE_READY);
	assert_missing(f, "copy.db.partial");
	free(file);
}

static void
queue_copy_proves_what_it_has_copied(void **state)
{
	struct queue_fixture *f = *state;
	char *file = path(f, "copy.db");
	struct queue_copy *c;
	struct why why;

	/* A foreign hand has taken an event away. */
	put_track(f, "ada");
	settle(f);
	assert_true(queue_commit(f->q));
	assert_int_equal(sqlite3_exec(store_db(queue_store(f->q)),
	    "UPDATE tally SET events = events + 1 WHERE name = 'queued'",
	    NULL, NULL, NULL), SQLITE_OK);
	c = start(f, file);
	assert_int_equal(finish(f, c, false, &why), QUEUE_COPY_FAILED);
	assert_non_null(strstr(why.text, "not sound"));
	queue_copy_free(c);

	assert_missing(f, "copy.db");
	free(file);
}

static void
queue_copy_writes_down_how_far_it_is(void **state)
{
	struct queue_fixture *f = *state;
	char *file = path(f, "copy ?#%.db"), *what;
	struct queue_copy *c;
	struct why why;

	put_many(f);
	c = start(f, file);
	queue_copy_slice(c, &why);
	assert_int_equal(queue_begin(f->q), QUEUE_READY);
	queue_copy_progress(c);
	assert_int_equal(number(f, "SELECT moved > 0 AND moved < total "
	    "FROM job WHERE kind = 'backup' AND state = 'running'"), 1);
	assert_int_equal(number(f, "SELECT count(*) FROM audit "
	    "WHERE action = 'backup'"), 1);
	what = words(f, "SELECT filter ->> 'file' FROM job");
	assert_string_equal(what, file);
	assert_true(queue_commit(f->q));
	assert_int_equal(finish(f, c, false, &why), QUEUE_COPIED);
	queue_copy_free(c);
	assert_int_equal(access(file, F_OK), 0);
	free(what);
	free(file);
}

static void
queue_recover_ends_a_copy_that_was_being_made(void **state)
{
	struct queue_fixture *f = *state;
	char *file = path(f, "copy.db"), *left = path(f, "copy.db.partial"),
	    *error;
	struct queue_copy *c = start(f, file);

	/* What a crash would leave: the job's row, and a file. */
	queue_copy_free(c);
	fclose(fopen(left, "w"));
	assert_int_equal(queue_begin(f->q), QUEUE_READY);
	queue_recover(f->q, f->now);
	settle(f);

	assert_int_equal(number(f, "SELECT count(*) FROM job "
	    "WHERE state = 'failed' AND ended_at = %lld",
	    (long long)QUEUE_NOW), 1);
	error = words(f, "SELECT error FROM job");
	assert_non_null(strstr(error, "ended before"));
	assert_missing(f, "copy.db.partial");
	free(error);
	free(left);
	free(file);
}

static void
queue_job_running_leaves_copies_to_themselves(void **state)
{
	struct queue_fixture *f = *state;
	char *file = path(f, "copy.db");
	struct queue_copy *c = start(f, file);
	struct queue_job job;

	assert_int_equal(queue_begin(f->q), QUEUE_READY);
	assert_false(queue_job_running(f->q, &job));
	queue_copy_free(c);
	free(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		QUEUE_FILE_TEST(
		    queue_copy_has_what_was_written_while_it_was_made),
		QUEUE_FILE_TEST(
		    queue_copy_is_for_those_whom_the_database_is_for),
		QUEUE_FILE_TEST(queue_copy_takes_a_path_with_several_slashes),
		QUEUE_FILE_TEST(queue_copy_new_takes_nobodys_place),
		QUEUE_FILE_TEST(queue_copy_new_takes_no_name_of_sqlites),
		QUEUE_FILE_TEST(
		    queue_copy_new_is_not_put_beside_parts_of_another_database),
		QUEUE_FILE_TEST(
		    queue_copy_does_not_replace_what_came_meanwhile),
		QUEUE_FILE_TEST(queue_copy_new_wants_room),
		QUEUE_FILE_TEST(
		    queue_copy_slice_gives_up_beside_a_foreign_writer),
		QUEUE_FILE_TEST(queue_copy_bears_some_foreign_writes),
		QUEUE_FILE_TEST(queue_copy_slice_ends_what_was_cancelled),
		QUEUE_FILE_TEST(queue_copy_free_ends_a_proof),
		QUEUE_FILE_TEST(queue_copy_proves_what_it_has_copied),
		QUEUE_FILE_TEST(queue_copy_writes_down_how_far_it_is),
		QUEUE_FILE_TEST(
		    queue_recover_ends_a_copy_that_was_being_made),
		QUEUE_FILE_TEST(
		    queue_job_running_leaves_copies_to_themselves),
	};

	log_open("test", LOG_ERROR, LOG_LOGFMT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
