/*
 * config_lines.c - a configuration file's lines: headings and keys
 *
 * Knows the layout of a file.  Knows nothing of what a key means; it asks the
 * table only for advice about a line that is too long.  Pure.
 *
 * libinih splits a line into key and value, but it cuts a long line and
 * delivers what is left as if nothing had happened, takes ` ;` inside a value
 * for a comment and an indented line for more of the value above, and keeps
 * quiet about sections without keys.  So it is handed a line only when
 * nothing of that can happen.
 */
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "config_private.h"

/* A text while it is being read. */
struct lines {
	const char	*next;		/* the first byte not read */
	const char	*end;
	int		 line;		/* the last line read, from 1 */
	bool		 owed;		/* a key that inih has not delivered */
	bool		 failed;	/* `why` is filled: read no more */
	const char	*file;
	const struct config_reader *reader;
	void		*arg;
	struct why	*why;
};

static void fail(struct lines *, int line, const char *fmt, ...)
    HR_PRINTF(3, 4);

static void
fail(struct lines *l, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	config_vfail(l->why, l->file, line, fmt, ap);
	va_end(ap);
	l->failed = true;
}

/* "[word]" or "[word name]": the words, given in *word and *name. */
static bool
split_heading(const char *line, char **word, char **name)
{
	static const char blanks[] = " \t", stops[] = " \t]";
	const char *p = line + 1, *q;

	p += strspn(p, blanks);
	q = p + strcspn(p, stops);
	*word = xstrndup(p, (size_t)(q - p));
	p = q + strspn(q, blanks);
	q = p + strcspn(p, stops);
	*name = xstrndup(p, (size_t)(q - p));
	q += strspn(q, blanks);
	return *q == ']' && q[1 + strspn(q + 1, blanks)] == '\0';
}

static void
read_heading(struct lines *l, const char *line)
{
	char *word, *name;

	if (!split_heading(line, &word, &name))
		fail(l, l->line, "a section is [WORD] or [WORD NAME], on a "
		    "line of its own");
	else if (!l->reader->heading(l->arg, l->line, word, name))
		l->failed = true;
	free(word);
	free(name);
}

/* Length of the well-formed UTF-8 sequence at p; 0: it is none. */
static size_t
utf8_length(const unsigned char *p, size_t len)
{
	static const struct {
		unsigned char	mask, lead;
		unsigned long	least;	/* shorter forms must be used below */
	} forms[] = {
		{ 0x80, 0x00, 0x00 }, { 0xe0, 0xc0, 0x80 },
		{ 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 }
	};
	unsigned long code;
	size_t i, n;

	for (n = 0; n < HR_COUNT(forms); n++)
		if ((p[0] & forms[n].mask) == forms[n].lead)
			break;
	if (n == HR_COUNT(forms) || n >= len)
		return 0;
	code = p[0] & ~(unsigned)forms[n].mask;
	for (i = 1; i <= n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < forms[n].least || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return n + 1;
}

/* Valid UTF-8 without control characters, tabs excepted? */
static bool
is_clean(const char *line, size_t len)
{
	const unsigned char *p = (const unsigned char *)line;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		if ((p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f)
			return false;
		n = utf8_length(p + i, len - i);
		if (n == 0)
			return false;
	}
	return true;
}

/* A setting of that name in any section, for advice; NULL: there is none. */
static const struct config_row *
any_row(const char *key)
{
	size_t i;

	for (i = 0; i < config_rows_n; i++)
		if (strcmp(config_rows[i].key.key, key) == 0)
			return &config_rows[i];
	return NULL;
}

static void
too_long(struct lines *l, const char *line, int max)
{
	char *key = xstrndup(line, strcspn(line, " \t=:"));
	const struct config_row *row = any_row(key);
	size_t len = strlen(line);

	if (row != NULL && row->key.secret)
		fail(l, l->line, "line of %zu bytes, at most %d are read: put "
		    "the value into a file and write \"%s_file = PATH\"", len,
		    max, key);
	else if (row != NULL && config_row_repeats(row))
		fail(l, l->line, "line of %zu bytes, at most %d are read: go "
		    "on in another line \"%s = ...\"", len, max, key);
	else
		fail(l, l->line, "line of %zu bytes, at most %d are read (a "
		    "secret may lie in a file: KEY_file = PATH)", len, max);
	free(key);
}

/* Would inih read the line of a key as it is meant? */
static bool
key_line_ok(struct lines *l, const char *line, int max)
{
	const char *p;

	if (strlen(line) > (size_t)max) {
		too_long(l, line, max);
		return false;
	}
	if (line[0] == ' ' || line[0] == '\t') {
		fail(l, l->line, "a line that begins with a blank: a setting "
		    "begins at the margin and ends with its line");
		return false;
	}
	for (p = line; (p = strchr(p, ';')) != NULL; p++) {
		if (p == line || (p[-1] != ' ' && p[-1] != '\t'))
			continue;
		fail(l, l->line, "\" ;\" would begin a comment, which stands "
		    "on a line of its own (a secret that holds it may lie in "
		    "a file: KEY_file = PATH)");
		return false;
	}
	return true;
}

/*
 * Looks at a line, without its end, before inih does: takes headings itself,
 * refuses what inih would misread.  True: a key for inih.
 */
static bool
take_line(struct lines *l, const char *line, size_t len, int max)
{
	const char *text = line + strspn(line, " \t");

	if (l->owed)
		fail(l, l->line - 1, "neither [section] nor KEY = VALUE");
	else if (!is_clean(line, len))
		fail(l, l->line, "control characters, or not UTF-8");
	else if (*text == '\0' || *text == ';' || *text == '#')
		return false;
	else if (*line == '[')
		read_heading(l, line);
	else
		return key_line_ok(l, line, max);
	return false;
}

/* inih's reader: the next line into out[size]; NULL ends the text. */
static char *
next_line(char *out, int size, void *arg)
{
	struct lines *l = arg;
	const char *start = l->next, *newline;
	size_t len;
	char *line;

	if (l->failed || start == l->end)
		return NULL;
	newline = memchr(start, '\n', (size_t)(l->end - start));
	l->next = newline != NULL ? newline + 1 : l->end;
	len = (size_t)((newline != NULL ? newline : l->end) - start);
	if (len > 0 && start[len - 1] == '\r')
		len--;
	l->line++;
	line = xstrndup(start, len);
	/* inih is shown an empty line for what is not its business. */
	out[0] = '\0';
	l->owed = take_line(l, line, len, size - 1);
	if (l->owed)
		memcpy(out, line, len + 1);
	free(line);
	return l->failed ? NULL : out;
}

/* inih's handler: what it made of the line it was handed. */
static int
on_key(void *arg, const char *section, const char *key, const char *value)
{
	struct lines *l = arg;

	(void)section;		/* our own: inih cuts long names */
	l->owed = false;
	if (!l->reader->key(l->arg, l->line, key, value))
		l->failed = true;
	return !l->failed;
}

bool
config_lines(const char *text, size_t len, const char *file,
    const struct config_reader *reader, void *arg, int *last,
    struct why *why)
{
	struct lines l = { .next = text, .end = text + len, .file = file,
	    .reader = reader, .arg = arg, .why = why };

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		l.next += 3;		/* a byte-order mark */
	/* Its status tells less than we know: l.owed and l.failed. */
	(void)ini_parse_stream(next_line, &l, on_key, &l);
	if (l.owed && !l.failed)
		fail(&l, l.line, "neither [section] nor KEY = VALUE");
	*last = l.line;
	return !l.failed;
}
