/*
 * preload.c - a hand between the agent and the C library
 *
 * Loaded by LD_PRELOAD into the real heaprelayd.  Knows calls, memory and
 * clocks.  Knows nothing of what they are used for.  What it does is told by
 * the environment:
 *
 *	FAULT_PLAN=crash N	SIGKILL before the Nth call that writes, syncs,
 *				cuts or removes a file, or uses a socket
 *	FAULT_PLAN=memory N	the Nth request for memory fails
 *	FAULT_PLAN=famine N	and so do all that follow
 *	FAULT_COUNT=FILE	how many such calls there were, always up to
 *				date: eight bytes of the machine's order
 *	FAULT_CLOCK=FILE	two numbers, which may change: ms that are added
 *				to the wall clock and to the boot clock
 *
 * N of 0 only counts.  Calls go to the kernel directly, so nothing has to be
 * looked up; memory goes to the names that glibc's malloc has besides.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum plan { NONE, CRASH, MEMORY, FAMINE };

static enum plan plan;
static int64_t nth;
static _Atomic int64_t own_count;
static _Atomic int64_t *count = &own_count;	/* or the file's */
static const char *clock_file;			/* NULL: the clocks are right */

void	*__libc_malloc(size_t);
void	*__libc_calloc(size_t, size_t);
void	*__libc_realloc(void *, size_t);
ssize_t	 pwrite64(int, const void *, size_t, off_t);
int	 ftruncate64(int, off_t);

static void
share_count(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *p = MAP_FAILED;

	if (fd != -1 && syscall(SYS_ftruncate, fd, sizeof(*count)) == 0)
		p = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		abort();	/* a test that counts nothing proves nothing */
	close(fd);
	count = p;
	*count = 0;
}

__attribute__((constructor)) static void
read_plan(void)
{
	static const char *const names[] = { "", "crash ", "memory ",
	    "famine " };
	const char *text = getenv("FAULT_PLAN"), *path;
	int i;

	clock_file = getenv("FAULT_CLOCK");
	if ((path = getenv("FAULT_COUNT")) != NULL)
		share_count(path);
	for (i = CRASH; text != NULL && i <= FAMINE; i++)
		if (strncmp(text, names[i], strlen(names[i])) == 0) {
			nth = strtoll(text + strlen(names[i]), NULL, 10);
			plan = (enum plan)i;
		}
	if (text != NULL && plan == NONE)
		abort();
}

/* --- calls ------------------------------------------------------------ */

static void
call(void)
{
	if (plan == CRASH && atomic_fetch_add(count, 1) + 1 == nth)
		kill(getpid(), SIGKILL);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	call();
	return syscall(SYS_write, fd, p, n);
}

ssize_t
pwrite64(int fd, const void *p, size_t n, off_t at)
{
	call();
	return syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	return pwrite64(fd, p, n, at);
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	call();
	return syscall(SYS_writev, fd, v, n);
}

ssize_t
readv(int fd, const struct iovec *v, int n)
{
	call();
	return syscall(SYS_readv, fd, v, n);
}

int
fsync(int fd)
{
	call();
	return (int)syscall(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
	call();
	return (int)syscall(SYS_fdatasync, fd);
}

int
ftruncate64(int fd, off_t size)
{
	call();
	return (int)syscall(SYS_ftruncate, fd, size);
}

int
ftruncate(int fd, off_t size)
{
	return ftruncate64(fd, size);
}

int
unlink(const char *path)
{
	call();
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

ssize_t
sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to,
    socklen_t len)
{
	call();
	return syscall(SYS_sendto, fd, p, n, flags, to, len);
}

ssize_t
send(int fd, const void *p, size_t n, int flags)
{
	return sendto(fd, p, n, flags, NULL, 0);
}

ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	call();
	return syscall(SYS_sendmsg, fd, m, flags);
}

ssize_t
recvfrom(int fd, void *p, size_t n, int flags, struct sockaddr *from,
    socklen_t *len)
{
	call();
	return syscall(SYS_recvfrom, fd, p, n, flags, from, len);
}

ssize_t
recv(int fd, void *p, size_t n, int flags)
{
	return recvfrom(fd, p, n, flags, NULL, NULL);
}

int
connect(int fd, const struct sockaddr *to, socklen_t len)
{
	call();
	return (int)syscall(SYS_connect, fd, to, len);
}

int
accept4(int fd, struct sockaddr *from, socklen_t *len, int flags)
{
	call();
	return (int)syscall(SYS_accept4, fd, from, len, flags);
}

/* --- memory ----------------------------------------------------------- */

static int
refused(void)
{
	int64_t n;

	if (plan != MEMORY && plan != FAMINE)
		return 0;
	n = atomic_fetch_add(count, 1) + 1;
	if (nth == 0 || n < nth || (n > nth && plan == MEMORY))
		return 0;
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t n)
{
	return refused() ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	return refused() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *old, size_t n)
{
	return refused() ? NULL : __libc_realloc(old, n);
}

/* --- clocks ----------------------------------------------------------- */

/* What is to be added to the wall's and the boot's.  The file is replaced as a
 * whole by who changes it. */
static void
offsets(int64_t *wall, int64_t *boot)
{
	char text[64];
	char *end;
	long fd = syscall(SYS_openat, AT_FDCWD, clock_file,
	    O_RDONLY | O_CLOEXEC), n = 0;

	if (fd != -1) {
		n = syscall(SYS_read, fd, text, sizeof(text) - 1);
		syscall(SYS_close, fd);
	}
	text[n > 0 ? n : 0] = '\0';
	*wall = strtoll(text, &end, 10);
	*boot = strtoll(end, NULL, 10);
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int rc = (int)syscall(SYS_clock_gettime, id, ts);
	int64_t wall, boot, ms = 0, ns;

	if (rc != 0 || clock_file == NULL)
		return rc;
	offsets(&wall, &boot);
	if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
		ms = wall;
	else if (id == CLOCK_BOOTTIME)
		ms = boot;
	ns = ts->tv_nsec + ms % 1000 * 1000000;
	ts->tv_sec += (time_t)(ms / 1000);
	if (ns < 0 || ns >= 1000000000) {
		ts->tv_sec += ns < 0 ? -1 : 1;
		ns += ns < 0 ? 1000000000 : -1000000000;
	}
	ts->tv_nsec = (long)ns;
	return 0;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = (suseconds_t)(ts.tv_nsec / 1000);
	return 0;
}

time_t
time(time_t *out)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (out != NULL)
		*out = ts.tv_sec;
	return ts.tv_sec;
}
