/*
 * slowsync.c - a slower disk: fsync and fdatasync take longer
 *
 * Preloaded (LD_PRELOAD) into the program that is measured.  Each call sleeps
 * for as many microseconds as SLOWSYNC_US says, and then does its work.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef int sync_fn(int);

static void
delay(void)
{
	const char *us = getenv("SLOWSYNC_US");
	long n = us == NULL ? 0 : strtol(us, NULL, 10);
	struct timespec left = { .tv_sec = n / 1000000,
	    .tv_nsec = n % 1000000 * 1000 };

	while (nanosleep(&left, &left) == -1)
		;
}

/* POSIX has dlsym return functions as void pointers, ISO C has no way to
 * convert them; a union is as good as any. */
static sync_fn *
next(const char *name)
{
	union {
		void	*object;
		sync_fn	*function;
	} found = { .object = dlsym(RTLD_NEXT, name) };

	if (found.object == NULL)
		abort();
	return found.function;
}

int
fsync(int fd)
{
	delay();
	return next("fsync")(fd);
}

int
fdatasync(int fd)
{
	delay();
	return next("fdatasync")(fd);
}
