/*
 * disk_fixture.c - a disk that fails when a test says so
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "disk_fixture.h"

static int codes[DISK_FILES][DISK_CALLS];

/* What SQLite's own layer does with each kind of file, and a copy of that
 * with two calls taken over. */
static sqlite3_vfs *below;
static const sqlite3_io_methods *real[DISK_FILES];
static sqlite3_io_methods mine[DISK_FILES];

static int
call_write(enum disk_file kind, sqlite3_file *f, const void *p, int n,
    sqlite3_int64 at)
{
	int code = codes[kind][DISK_WRITE];

	return code != 0 ? code : real[kind]->xWrite(f, p, n, at);
}

static int
call_sync(enum disk_file kind, sqlite3_file *f, int flags)
{
	int code = codes[kind][DISK_SYNC];

	return code != 0 ? code : real[kind]->xSync(f, flags);
}

static int
write_database(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	return call_write(DISK_DATABASE, f, p, n, at);
}

static int
write_wal(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	return call_write(DISK_WAL, f, p, n, at);
}

static int
sync_database(sqlite3_file *f, int flags)
{
	return call_sync(DISK_DATABASE, f, flags);
}

static int
sync_wal(sqlite3_file *f, int flags)
{
	return call_sync(DISK_WAL, f, flags);
}

/* The layer below chooses between sets of functions by how a file is locked;
 * it is the same one every time here. */
static void
take_over(sqlite3_file *f, enum disk_file kind)
{
	real[kind] = f->pMethods;
	mine[kind] = *f->pMethods;
	mine[kind].xWrite = kind == DISK_WAL ? write_wal : write_database;
	mine[kind].xSync = kind == DISK_WAL ? sync_wal : sync_database;
	f->pMethods = &mine[kind];
}

static int
open_file(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags,
    int *out)
{
	int rc = below->xOpen(below, name, f, flags, out);

	(void)vfs;
	if (rc == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0)
		take_over(f, DISK_DATABASE);
	if (rc == SQLITE_OK && (flags & SQLITE_OPEN_WAL) != 0)
		take_over(f, DISK_WAL);
	return rc;
}

void
disk_install(void)
{
	static sqlite3_vfs layer;

	below = sqlite3_vfs_find(NULL);
	assert_non_null(below);
	layer = *below;
	layer.zName = "disk_fixture";
	layer.xOpen = open_file;
	assert_int_equal(sqlite3_vfs_register(&layer, 1), SQLITE_OK);
}

void
disk_fail(enum disk_file file, enum disk_call call, int code)
{
	codes[file][call] = code;
}
