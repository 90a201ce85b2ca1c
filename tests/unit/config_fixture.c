/*
 * config_fixture.c - what the tests of the configuration share
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config_fixture.h"

struct config *
parse(const char *text)
{
	struct why why = { "" };
	struct config *c = config_parse(text, strlen(text), "test.conf", &why);

	if (c == NULL)
		fail_msg("%s", why.text);
	return c;
}

struct config *
parse_with(const char *more)
{
	char *text = xasprintf("%s%s", MINIMAL, more);
	struct config *c = parse(text);

	free(text);
	return c;
}

void
assert_refused_text(const char *text, size_t len, const char *expected)
{
	struct why why = { "" };
	struct config *c = config_parse(text, len, "f", &why);

	if (c != NULL)
		fail_msg("accepted, expected: %s", expected);
	assert_string_equal(why.text, expected);
}

void
assert_refused(const char *text, const char *expected)
{
	assert_refused_text(text, strlen(text), expected);
}

char *
file_of(const char *directory, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", directory, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
	return path;
}

void
remove_file(char *path)
{
	assert_int_equal(unlink(path), 0);
	free(path);
}

char *
make_directory(void)
{
	const char *base = getenv("TMPDIR");
	char *path = xasprintf("%s/heaprelay-config.XXXXXX",
	    base != NULL ? base : "/tmp");

	assert_non_null(mkdtemp(path));
	return path;
}

void
remove_directory(char *path)
{
	assert_int_equal(rmdir(path), 0);
	free(path);
}

static void
print_setting(const struct config_setting *s, void *arg)
{
	struct buf *out = arg;

	buf_printf(out, "[%s%s%s]\t%s\t%s\t%s\n", s->key->section,
	    s->name[0] != '\0' ? " " : "", s->name, s->key->key, s->value,
	    s->origin);
}

void
print_settings(const struct config *c, struct buf *out)
{
	config_each(c, print_setting, out);
}
