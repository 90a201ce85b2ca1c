/*
 * load_answer.c - just enough of an HTTP answer
 *
 * Knows its framing.  Knows nothing of sockets, nor of what it means.
 */
#include <string.h>
#include <strings.h>

#include "load_answer.h"

/* Nobody sends more to tell what became of a batch. */
#define LONGEST_BODY	INT64_C(1000000000)

/* The value of the line's header if it is `name`; else NULL. */
static const char *
value_of(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	return line + n + 1 + strspn(line + n + 1, " \t");
}

/* A Content-Length, or -1. */
static int64_t
length_of(const char *value)
{
	int64_t n = 0;

	if (*value < '0' || *value > '9')
		return -1;
	for (; *value >= '0' && *value <= '9'; value++) {
		n = n * 10 + (*value - '0');
		if (n > LONGEST_BODY)
			return -1;
	}
	return n;
}

/* Line by line; head is a string that ends with an empty line. */
static bool
read_head(struct load_answer *a)
{
	const char *line = a->head, *value;
	int64_t length = -1;

	if (strlen(line) != a->len || a->len < 12 ||
	    strncmp(line, "HTTP/1.", 7) != 0 ||
	    line[8] != ' ' || strspn(line + 9, "0123456789") != 3)
		return false;
	a->closes = line[7] == '0';
	a->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 +
	    (line[11] - '0');
	while ((line = strstr(line, "\r\n") + 2)[0] != '\r') {
		value = value_of(line, "Content-Length");
		if (value != NULL && (length = length_of(value)) == -1)
			return false;
		value = value_of(line, "Connection");
		if (value != NULL && strncasecmp(value, "close", 5) == 0)
			a->closes = true;
	}
	if (length == -1)
		a->closes = true;
	a->left = length > 0 ? length : 0;
	return true;
}

/* How many of the bytes belong to the head, which they are added to; `whole`
 * is set if it ends with them. */
static size_t
take_head(struct load_answer *a, const char *bytes, size_t n, bool *whole)
{
	size_t room = sizeof(a->head) - 1 - a->len, had = a->len, back;
	const char *end;

	if (n > room)
		n = room;
	memcpy(a->head + had, bytes, n);
	a->len += n;
	a->head[a->len] = '\0';
	/* The end may have begun with what was there. */
	back = had < 3 ? had : 3;
	end = memmem(a->head + had - back, n + back, "\r\n\r\n", 4);
	*whole = end != NULL;
	if (end == NULL)
		return n;
	a->len = (size_t)(end - a->head) + 4;
	a->head[a->len] = '\0';
	return a->len - had;
}

enum load_step
load_answer_take(struct load_answer *a, const char *bytes, size_t n)
{
	size_t used;
	bool whole;

	if (a->status == 0) {
		used = take_head(a, bytes, n, &whole);
		if (!whole)
			return a->len == sizeof(a->head) - 1 ? LOAD_BROKEN :
			    LOAD_MORE;
		if (!read_head(a))
			return LOAD_BROKEN;
		n -= used;
		if (a->closes && a->left == 0)
			return LOAD_WHOLE;
	}
	if ((int64_t)n > a->left)
		return LOAD_BROKEN;
	a->left -= (int64_t)n;
	return a->left == 0 ? LOAD_WHOLE : LOAD_MORE;
}
