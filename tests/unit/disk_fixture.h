/*
 * disk_fixture.h - a disk that fails when a test says so
 *
 * A layer over SQLite's own, for every file that is opened from then on.
 */
#ifndef HR_DISK_FIXTURE_H
#define HR_DISK_FIXTURE_H

enum disk_file { DISK_DATABASE, DISK_WAL, DISK_FILES };
enum disk_call { DISK_WRITE, DISK_SYNC, DISK_CALLS };

/* Before the first database is opened. */
void	disk_install(void);
/* Such calls on such files answer `code` of SQLite from now on; 0: they work
 * again. */
void	disk_fail(enum disk_file, enum disk_call, int code);

#endif
