/*
 * holder_fixture.c - another process that holds a database's write lock
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "holder_fixture.h"
#include "mem.h"

#define WRITE_BYTE	120	/* where SQLite locks the WAL for writing */

/* What is asked of the other process; it answers each with one byte. */
struct order {
	char	what;		/* l: lock, r: release, b: lock bytes */
	char	path[512];
};

struct holder {
	pid_t	pid;
	int	fd;
};

static bool
lock(sqlite3 **db, const char *path)
{
	return sqlite3_open(path, db) == SQLITE_OK &&
	    sqlite3_exec(*db, "BEGIN IMMEDIATE", NULL, NULL, NULL) ==
	    SQLITE_OK;
}

static bool
lock_bytes(const char *path)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_start = WRITE_BYTE, .l_len = 2 };
	char *shm = xasprintf("%s-shm", path);
	int fd = open(shm, O_RDWR);

	free(shm);
	return fd != -1 && fcntl(fd, F_SETLK, &range) == 0;
}

static void
obey(int fd)
{
	sqlite3 *db = NULL;
	struct order order;
	bool done;

	while (read(fd, &order, sizeof(order)) == (ssize_t)sizeof(order)) {
		if (order.what == 'l')
			done = lock(&db, order.path);
		else if (order.what == 'b')
			done = lock_bytes(order.path);
		else
			done = sqlite3_close(db) == SQLITE_OK;
		if (write(fd, done ? "y" : "n", 1) != 1)
			break;
	}
	_exit(0);
}

struct holder *
holder_new(void)
{
	struct holder *h = xcalloc(1, sizeof(*h));
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    fd), 0);
	h->pid = fork();
	if (h->pid == 0) {
		close(fd[0]);
		obey(fd[1]);
	}
	close(fd[1]);
	h->fd = fd[0];
	return h;
}

void
holder_free(struct holder *h)
{
	close(h->fd);
	assert_int_equal(waitpid(h->pid, NULL, 0), h->pid);
	free(h);
}

pid_t
holder_pid(const struct holder *h)
{
	return h->pid;
}

static void
ask(struct holder *h, char what, const char *path)
{
	struct order order;
	char answer = '?';

	memset(&order, 0, sizeof(order));
	order.what = what;
	assert_true(strlen(path) < sizeof(order.path));
	memcpy(order.path, path, strlen(path));
	assert_int_equal(write(h->fd, &order, sizeof(order)), sizeof(order));
	assert_int_equal(read(h->fd, &answer, 1), 1);
	assert_int_equal(answer, 'y');
}

void
holder_lock(struct holder *h, const char *database)
{
	ask(h, 'l', database);
}

void
holder_release(struct holder *h)
{
	ask(h, 'r', "");
}

void
holder_lock_bytes(struct holder *h, const char *database)
{
	ask(h, 'b', database);
}
