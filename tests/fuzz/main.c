/*
 * main.c - a fuzz target without a fuzzer: the stored inputs, one by one
 *
 * Tries each file of tests/fuzz/corpus/TARGET, or those that are given, and
 * some beginnings of it, as what is cut off in the middle is an input too.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "mem.h"

#define BEGINNINGS	16	/* of each file */
#define FILE_MAX	(1 << 20)

/* In a block of just that size, so that reading on is seen. */
static void
try_bytes(const char *p, size_t len)
{
	uint8_t *block = xmalloc(len > 0 ? len : 1);

	if (len > 0)
		memcpy(block, p, len);
	LLVMFuzzerTestOneInput(block, len);
	free(block);
}

static void
read_file(const char *path, struct buf *text)
{
	char block[4096];
	FILE *f = fopen(path, "re");
	size_t n;

	buf_reset(text);
	if (f != NULL)
		while ((n = fread(block, 1, sizeof(block), f)) > 0)
			buf_put(text, block, n);
	if (f == NULL || ferror(f) || text->len > FILE_MAX) {
		fprintf(stderr, "%s: cannot be read, or is too long\n", path);
		exit(1);
	}
	fclose(f);
}

static void
try_file(const char *path)
{
	struct buf text = BUF_INIT;
	size_t i;

	printf("%s\n", path);
	fflush(stdout);		/* should the target end the program */
	read_file(path, &text);
	for (i = 0; i < BEGINNINGS && i < text.len; i++)
		try_bytes(text.p, text.len * i / BEGINNINGS);
	try_bytes(text.p, text.len);
	buf_free(&text);
}

/* How many inputs there were. */
static size_t
try_directory(const char *directory)
{
	DIR *d = opendir(directory);
	struct dirent *entry;
	size_t n = 0;
	char *path;

	if (d == NULL)
		return 0;
	while ((entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		path = xasprintf("%s/%s", directory, entry->d_name);
		try_file(path);
		free(path);
		n++;
	}
	closedir(d);
	return n;
}

int
main(int argc, char **argv)
{
	const char *top = getenv("HEAPRELAY_SRCDIR");
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash != NULL ? slash + 1 : argv[0];
	char *directory;
	size_t n = 0;

	for (; argc > 1; argc--, n++)
		try_file(argv[argc - 1]);
	if (n == 0) {
		if (strncmp(name, "fuzz_", 5) == 0)
			name += 5;
		directory = xasprintf("%s/tests/fuzz/corpus/%s",
		    top != NULL ? top : ".", name);
		n = try_directory(directory);
		free(directory);
	}
	printf("%zu inputs\n", n);
	return n > 0 ? 0 : 1;
}
