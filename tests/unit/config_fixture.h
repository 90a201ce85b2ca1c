/*
 * config_fixture.h - what the tests of the configuration share
 */
#ifndef HR_CONFIG_FIXTURE_H
#define HR_CONFIG_FIXTURE_H

#include <stddef.h>

#include "config.h"

/* The least that is whole; 5 lines. */
#define MINIMAL								\
	"[output heap]\napp_id = 1\n"					\
	"[input sf]\nkey = k\nsecret = s\n"

/* Digits, to make lines of a length. */
#define TEN	"0123456789"
#define FIFTY	TEN TEN TEN TEN TEN

/* A text that is right, of the file test.conf; fails the test if it is not.
 * Given (config_free). */
struct config *parse(const char *text);
/* The same of MINIMAL with more lines behind it. */
struct config *parse_with(const char *more);
/* A text of the file "f" that is refused for exactly this. */
void	assert_refused(const char *text, const char *why);
void	assert_refused_text(const char *text, size_t len, const char *why);

/* One "[section name]\tkey\tvalue\torigin" a line. */
void	print_settings(const struct config *, struct buf *out);

/* An empty directory, and a file in it; given to their removal. */
char	*make_directory(void);
void	remove_directory(char *);
char	*file_of(const char *directory, const char *name, const char *text);
void	remove_file(char *);

#endif
