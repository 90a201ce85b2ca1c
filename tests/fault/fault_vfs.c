/*
 * fault_vfs.c - a disk that fails where it is told, and what a crash leaves
 *
 * Knows SQLite's VFS interface.  Knows nothing of what is in the files.
 *
 * A file's content is kept twice, as it is and as it would be had the power
 * gone after the last sync, with the writes between the two.  As the usual
 * VFS does, the first sync of a new file syncs its directory too.
 */
#include <assert.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "fault_vfs.h"
#include "mem.h"

#define SECTOR	512
#define FILES	8

struct image {
	char	*bytes;
	size_t	 len, room;
};

/* A write or, without bytes, a truncation that no sync has followed. */
struct pending_write {
	int64_t	 at;
	char	*bytes;		/* NULL: the file ends at `at` */
	size_t	 len;
};

struct tracked {
	char		*path;		/* NULL: free */
	struct image	 now;
	struct image	 synced;
	struct pending_write *pending;
	size_t		 pending_n, pending_room;
	bool		 exists;
	bool		 entered;	/* its directory entry is durable */
};

struct fault_file {
	sqlite3_file	 base;
	struct tracked	*tracked;	/* NULL: not looked after (any more) */
	unsigned	 generation;	/* of when it was opened */
	sqlite3_file	*real;		/* behind this struct */
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs fault;
static struct tracked files[FILES];
static unsigned generation;
static bool directory_synced;
static void (*crashed)(void);

static struct fault_plan plan;
static int64_t count, hits;
static enum fault_op hit_op;

/* --- faults ----------------------------------------------------------- */

const char *
fault_op_name(enum fault_op op)
{
	static const char *const names[FAULT_OPS] = { "open", "read", "write",
	    "sync", "lock", "truncate", "shm", "memory" };

	return names[op];
}

void
fault_arm(const struct fault_plan *p)
{
	plan = *p;
	count = hits = 0;
}

void
fault_disarm(void)
{
	plan.ops = 0;
}

int64_t
fault_count(void)
{
	return count;
}

int64_t
fault_hits(void)
{
	return hits;
}

enum fault_op
fault_hit_op(void)
{
	return hit_op;
}

static bool
fails(enum fault_op op)
{
	if ((plan.ops & 1u << op) == 0)
		return false;
	count++;
	if (plan.nth == 0 || count < plan.nth ||
	    (count > plan.nth && !plan.for_ever))
		return false;
	if (hits++ == 0)
		hit_op = op;
	if (plan.kind == FAULT_CRASH)
		crashed();
	return true;
}

int
fault_other(enum fault_op op)
{
	return fails(op) ? -1 : 0;
}

static int
error_of(int io_error)
{
	return plan.kind == FAULT_EIO ? io_error : SQLITE_FULL;
}

/* --- what is in the files --------------------------------------------- */

static void
image_room(struct image *m, size_t len)
{
	if (len <= m->room)
		return;
	m->room = len > 2 * m->room ? len : 2 * m->room;
	m->bytes = xrealloc(m->bytes, m->room);
}

static void
image_resize(struct image *m, size_t len)
{
	image_room(m, len);
	if (len > m->len)
		memset(m->bytes + m->len, 0, len - m->len);
	m->len = len;
}

static void
image_write(struct image *m, int64_t at, const char *bytes, size_t len)
{
	if (len == 0)
		return;
	if (m->len < (size_t)at + len)
		image_resize(m, (size_t)at + len);
	memcpy(m->bytes + at, bytes, len);
}

static void
image_apply(struct image *m, const struct pending_write *w)
{
	if (w->bytes != NULL)
		image_write(m, w->at, w->bytes, w->len);
	else
		image_resize(m, (size_t)w->at);
}

/* Takes `bytes`. */
static void
note_write(struct tracked *t, int64_t at, char *bytes, size_t len)
{
	struct pending_write *w;

	if (t->pending_n == t->pending_room) {
		t->pending_room = 2 * t->pending_room + 16;
		t->pending = xreallocarray(t->pending, t->pending_room,
		    sizeof(*t->pending));
	}
	w = &t->pending[t->pending_n++];
	*w = (struct pending_write){ at, bytes, len };
	image_apply(&t->now, w);
}

static void
forget_pending(struct tracked *t)
{
	size_t i;

	for (i = 0; i < t->pending_n; i++)
		free(t->pending[i].bytes);
	t->pending_n = 0;
}

static void
note_sync(struct tracked *t)
{
	size_t i;

	for (i = 0; i < t->pending_n; i++)
		image_apply(&t->synced, &t->pending[i]);
	forget_pending(t);
	t->entered = true;
}

void
fault_directory_synced(void)
{
	size_t i;

	directory_synced = true;
	for (i = 0; i < FILES; i++)
		if (files[i].path != NULL)
			files[i].entered = files[i].exists;
}

static void
read_whole(const char *path, struct image *m)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	image_resize(m, 0);
	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0) {
		image_resize(m, (size_t)st.st_size);
		assert(st.st_size == 0 ||
		    pread(fd, m->bytes, m->len, 0) == (ssize_t)m->len);
	}
	close(fd);
}

static struct tracked *
find(const char *path)
{
	size_t i;

	for (i = 0; i < FILES; i++)
		if (files[i].path != NULL && strcmp(files[i].path, path) == 0)
			return &files[i];
	return NULL;
}

/* Looked after from now on, with what is in it. */
static struct tracked *
track(const char *path, bool existed)
{
	struct tracked *t = find(path);
	size_t i;

	for (i = 0; t == NULL && i < FILES; i++)
		if (files[i].path == NULL) {
			t = &files[i];
			t->path = xstrdup(path);
			t->entered = existed && directory_synced;
		}
	assert(t != NULL);
	if (!t->exists) {
		read_whole(path, &t->now);
		image_resize(&t->synced, 0);
		if (existed)
			image_write(&t->synced, 0, t->now.bytes, t->now.len);
		forget_pending(t);
		t->exists = true;
	}
	return t;
}

static uint64_t
draw(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* A write as the disk got it: some of its sectors, the last one torn. */
static void
apply_some(struct image *m, const struct pending_write *w, uint64_t *random,
    uint64_t per_mille)
{
	size_t from = 0, len;

	if (w->bytes == NULL) {
		if (draw(random) % 1000 < per_mille)
			image_resize(m, (size_t)w->at);
		return;
	}
	for (; from < w->len; from += len) {
		len = SECTOR - (size_t)(w->at + (int64_t)from) % SECTOR;
		if (len > w->len - from)
			len = w->len - from;
		if (draw(random) % 1000 >= per_mille)
			continue;
		image_write(m, w->at + (int64_t)from, w->bytes + from,
		    draw(random) % 16 == 0 ? 1 + draw(random) % len : len);
	}
}

/* false: the file is not there. */
static bool
left_of(struct tracked *t, enum fault_loss loss, uint64_t *random,
    struct image *m)
{
	static const uint64_t shares[] = { 0, 30, 500, 970, 1000 };
	uint64_t per_mille;
	size_t i;

	image_resize(m, 0);
	if (loss == FAULT_PROCESS) {
		image_write(m, 0, t->now.bytes, t->now.len);
		return t->exists;
	}
	per_mille = shares[draw(random) % HR_COUNT(shares)];
	image_write(m, 0, t->synced.bytes, t->synced.len);
	for (i = 0; i < t->pending_n; i++)
		apply_some(m, &t->pending[i], random, per_mille);
	/* An entry that was made or removed may not have been. */
	return t->entered == t->exists ? t->exists : draw(random) % 2 == 0;
}

static void
write_whole(const char *path, const struct image *m)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert(fd != -1);
	assert(m->len == 0 ||
	    write(fd, m->bytes, m->len) == (ssize_t)m->len);
	close(fd);
}

void
fault_move(const char *directory, enum fault_loss loss, uint64_t *random)
{
	struct image m = { NULL, 0, 0 };
	char *path;
	size_t i;

	for (i = 0; i < FILES; i++) {
		if (files[i].path == NULL)
			continue;
		path = xasprintf("%s/%s", directory, basename(files[i].path));
		if (left_of(&files[i], loss, random, &m))
			write_whole(path, &m);
		free(path);
		forget_pending(&files[i]);
		free(files[i].pending);
		free(files[i].now.bytes);
		free(files[i].synced.bytes);
		free(files[i].path);
		memset(&files[i], 0, sizeof(files[i]));
	}
	free(m.bytes);
	directory_synced = true;
	generation++;
}

/* --- the methods of a file -------------------------------------------- */

static struct fault_file *
of(sqlite3_file *f)
{
	struct fault_file *file = (struct fault_file *)f;

	if (file->generation != generation)
		file->tracked = NULL;
	return file;
}

static int
file_close(sqlite3_file *f)
{
	struct fault_file *file = of(f);

	return file->real->pMethods->xClose(file->real);
}

static int
file_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
	struct fault_file *file = of(f);

	if (fails(FAULT_READ))
		return SQLITE_IOERR_READ;
	return file->real->pMethods->xRead(file->real, to, n, at);
}

static int
write_through(struct fault_file *file, const void *from, int n,
    sqlite3_int64 at)
{
	int rc = file->real->pMethods->xWrite(file->real, from, n, at);
	char *copy;

	if (rc == SQLITE_OK && file->tracked != NULL && n > 0) {
		copy = xmalloc((size_t)n);
		memcpy(copy, from, (size_t)n);
		note_write(file->tracked, at, copy, (size_t)n);
	}
	return rc;
}

static int
file_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
	struct fault_file *file = of(f);

	if (!fails(FAULT_WRITE))
		return write_through(file, from, n, at);
	if (plan.kind == FAULT_SHORT && n > 1)
		write_through(file, from, n / 2, at);
	return error_of(SQLITE_IOERR_WRITE);
}

static int
file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	struct fault_file *file = of(f);
	int rc;

	if (fails(FAULT_TRUNCATE))
		return SQLITE_IOERR_TRUNCATE;
	rc = file->real->pMethods->xTruncate(file->real, size);
	if (rc == SQLITE_OK && file->tracked != NULL)
		note_write(file->tracked, size, NULL, 0);
	return rc;
}

/* The real one is left out: it would only take its time. */
static int
file_sync(sqlite3_file *f, int flags)
{
	struct fault_file *file = of(f);

	(void)flags;
	if (fails(FAULT_SYNC))
		return SQLITE_IOERR_FSYNC;
	if (file->tracked != NULL)
		note_sync(file->tracked);
	return SQLITE_OK;
}

static int
file_size(sqlite3_file *f, sqlite3_int64 *size)
{
	struct fault_file *file = of(f);

	return file->real->pMethods->xFileSize(file->real, size);
}

static int
file_lock(sqlite3_file *f, int level)
{
	struct fault_file *file = of(f);

	if (fails(FAULT_LOCK))
		return plan.for_ever ? SQLITE_IOERR_LOCK : SQLITE_BUSY;
	return file->real->pMethods->xLock(file->real, level);
}

static int
file_unlock(sqlite3_file *f, int level)
{
	struct fault_file *file = of(f);

	return file->real->pMethods->xUnlock(file->real, level);
}

static int
file_reserved(sqlite3_file *f, int *reserved)
{
	struct fault_file *file = of(f);

	return file->real->pMethods->xCheckReservedLock(file->real, reserved);
}

static int
file_control(sqlite3_file *f, int op, void *arg)
{
	struct fault_file *file = of(f);

	return file->real->pMethods->xFileControl(file->real, op, arg);
}

static int
file_sector(sqlite3_file *f)
{
	struct fault_file *file = of(f);

	return file->real->pMethods->xSectorSize(file->real);
}

static int
file_device(sqlite3_file *f)
{
	struct fault_file *file = of(f);

	return file->real->pMethods->xDeviceCharacteristics(file->real);
}

static int
file_shm_map(sqlite3_file *f, int page, int size, int extend,
    void volatile **p)
{
	struct fault_file *file = of(f);

	if (fails(FAULT_SHM))
		return SQLITE_IOERR_SHMMAP;
	return file->real->pMethods->xShmMap(file->real, page, size, extend,
	    p);
}

static int
file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	struct fault_file *file = of(f);

	if ((flags & SQLITE_SHM_LOCK) != 0 && fails(FAULT_LOCK))
		return plan.for_ever ? SQLITE_IOERR_SHMLOCK : SQLITE_BUSY;
	return file->real->pMethods->xShmLock(file->real, offset, n, flags);
}

static void
file_shm_barrier(sqlite3_file *f)
{
	struct fault_file *file = of(f);

	file->real->pMethods->xShmBarrier(file->real);
}

static int
file_shm_unmap(sqlite3_file *f, int delete_it)
{
	struct fault_file *file = of(f);

	return file->real->pMethods->xShmUnmap(file->real, delete_it);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_device,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

/* --- the methods of the VFS ------------------------------------------- */

static int
vfs_open(sqlite3_vfs *v, const char *path, sqlite3_file *f, int flags,
    int *out_flags)
{
	struct fault_file *file = (struct fault_file *)f;
	bool existed = path != NULL && access(path, F_OK) == 0;
	int rc;

	(void)v;
	memset(file, 0, sizeof(*file));
	if (fails(FAULT_OPEN))
		return SQLITE_CANTOPEN;
	file->real = (sqlite3_file *)(file + 1);
	rc = real_vfs->xOpen(real_vfs, path, file->real, flags, out_flags);
	if (rc != SQLITE_OK)
		return rc;
	if (path != NULL && (flags & SQLITE_OPEN_DELETEONCLOSE) == 0)
		file->tracked = track(path, existed);
	file->generation = generation;
	file->base.pMethods = &methods;
	return SQLITE_OK;
}

static int
vfs_delete(sqlite3_vfs *v, const char *path, int sync_directory)
{
	struct tracked *t = find(path);
	int rc = real_vfs->xDelete(real_vfs, path, sync_directory);

	(void)v;
	if (rc == SQLITE_OK && t != NULL) {
		t->exists = false;
		if (sync_directory != 0)
			t->entered = false;
	}
	return rc;
}

static int
vfs_access(sqlite3_vfs *v, const char *path, int flags, int *out)
{
	(void)v;
	return real_vfs->xAccess(real_vfs, path, flags, out);
}

static int
vfs_full_path(sqlite3_vfs *v, const char *path, int n, char *out)
{
	(void)v;
	return real_vfs->xFullPathname(real_vfs, path, n, out);
}

static int
vfs_randomness(sqlite3_vfs *v, int n, char *out)
{
	(void)v;
	return real_vfs->xRandomness(real_vfs, n, out);
}

static int
vfs_sleep(sqlite3_vfs *v, int us)
{
	(void)v;
	return real_vfs->xSleep(real_vfs, us);
}

static int
vfs_time(sqlite3_vfs *v, double *out)
{
	(void)v;
	return real_vfs->xCurrentTime(real_vfs, out);
}

static int
vfs_last_error(sqlite3_vfs *v, int n, char *out)
{
	(void)v;
	return real_vfs->xGetLastError(real_vfs, n, out);
}

static int
vfs_time_ms(sqlite3_vfs *v, sqlite3_int64 *out)
{
	(void)v;
	return real_vfs->xCurrentTimeInt64(real_vfs, out);
}

/* --- memory ----------------------------------------------------------- */

static sqlite3_mem_methods real_memory;

static void *
memory_new(int n)
{
	return fails(FAULT_MEMORY) ? NULL : real_memory.xMalloc(n);
}

static void *
memory_resize(void *old, int n)
{
	return fails(FAULT_MEMORY) ? NULL : real_memory.xRealloc(old, n);
}

static void
install_memory(void)
{
	sqlite3_mem_methods memory;

	assert(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) ==
	    SQLITE_OK);
	memory = real_memory;
	memory.xMalloc = memory_new;
	memory.xRealloc = memory_resize;
	assert(sqlite3_config(SQLITE_CONFIG_MALLOC, &memory) == SQLITE_OK);
}

void
fault_install(void (*on_crash)(void))
{
	crashed = on_crash;
	install_memory();
	real_vfs = sqlite3_vfs_find("unix");
	fault = (sqlite3_vfs){
		.iVersion = 2,
		.szOsFile = (int)sizeof(struct fault_file) +
		    real_vfs->szOsFile,
		.mxPathname = real_vfs->mxPathname,
		.zName = "fault",
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_full_path,
		.xRandomness = vfs_randomness,
		.xSleep = vfs_sleep,
		.xCurrentTime = vfs_time,
		.xGetLastError = vfs_last_error,
		.xCurrentTimeInt64 = vfs_time_ms,
	};
	assert(sqlite3_vfs_register(&fault, 1) == SQLITE_OK);
}
