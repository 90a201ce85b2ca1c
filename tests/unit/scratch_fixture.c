/*
 * scratch_fixture.c - a directory of a test's own
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mem.h"
#include "scratch_fixture.h"

char *
scratch_make(void)
{
	const char *base = getenv("TMPDIR");
	char *path = xasprintf("%s/heaprelay-test.XXXXXX",
	    base != NULL ? base : "/tmp");

	assert_non_null(mkdtemp(path));
	return path;
}

void
scratch_remove(char *directory)
{
	struct dirent *entry;
	DIR *d = opendir(directory);

	assert_non_null(d);
	while ((entry = readdir(d)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			assert_int_equal(unlinkat(dirfd(d), entry->d_name, 0),
			    0);
	}
	closedir(d);
	assert_int_equal(rmdir(directory), 0);
	free(directory);
}

char *
scratch_path(const char *directory, const char *name)
{
	return xasprintf("%s/%s", directory, name);
}
