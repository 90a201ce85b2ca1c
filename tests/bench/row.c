/*
 * row.c - the table that the bare prototypes fill
 */
#include <stdio.h>
#include <stdlib.h>

#include "row.h"

static void
check(const struct row_table *t, int rc, int want)
{
	if (rc == want)
		return;
	fprintf(stderr, "row: %s\n", sqlite3_errmsg(t->db));
	exit(1);
}

static sqlite3_stmt *
prepare(struct row_table *t, const char *sql)
{
	sqlite3_stmt *s;

	check(t, sqlite3_prepare_v3(t->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
	    &s, NULL), SQLITE_OK);
	return s;
}

static void
step(struct row_table *t, sqlite3_stmt *s)
{
	check(t, sqlite3_step(s), SQLITE_DONE);
	sqlite3_reset(s);
}

void
row_open(struct row_table *t, const char *path)
{
	check(t, sqlite3_open(path, &t->db), SQLITE_OK);
	check(t, sqlite3_exec(t->db, "PRAGMA journal_mode = WAL;"
	    "PRAGMA synchronous = FULL;"
	    "CREATE TABLE queue (id INTEGER PRIMARY KEY, body TEXT NOT NULL)"
	    " STRICT", NULL, NULL, NULL), SQLITE_OK);
	t->begin = prepare(t, "BEGIN IMMEDIATE");
	t->insert = prepare(t, "INSERT INTO queue (body) VALUES (?)");
	t->commit = prepare(t, "COMMIT");
}

void
row_close(struct row_table *t)
{
	sqlite3_finalize(t->begin);
	sqlite3_finalize(t->insert);
	sqlite3_finalize(t->commit);
	check(t, sqlite3_close(t->db), SQLITE_OK);
}

void
row_begin(struct row_table *t)
{
	step(t, t->begin);
}

void
row_insert(struct row_table *t, const char *body, size_t n)
{
	check(t, sqlite3_bind_text(t->insert, 1, body, (int)n, SQLITE_STATIC),
	    SQLITE_OK);
	step(t, t->insert);
}

void
row_commit(struct row_table *t)
{
	step(t, t->commit);
}
