/*
 * fault_fsync.c - the store syncs directories by itself, past SQLite's VFS
 *
 * A program with this file is linked with --wrap=fsync.
 */
#include "fault_vfs.h"

int	__real_fsync(int);
int	__wrap_fsync(int);

int
__wrap_fsync(int fd)
{
	if (fault_other(FAULT_SYNC) == -1)
		return -1;
	fault_directory_synced();
	return __real_fsync(fd);
}
