/*
 * ctl_json.c - JSON texts laid out anew, and otherwise as they were
 *
 * Knows where tokens begin and end, and nothing of what they mean.
 */
#include <stdbool.h>
#include <string.h>

#include "ctl_json.h"

#define INDENT	2

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Bytes of the token at the start of the text, which is not blank: a string,
 * a punctuation mark, or what lies between such. */
static size_t
token(const char *text, size_t len)
{
	size_t n = 1;

	if (text[0] == '"') {
		for (; n < len && text[n] != '"'; n++)
			if (text[n] == '\\')
				n++;
		return n < len ? n + 1 : len;
	}
	if (strchr("{}[],:", text[0]) != NULL)
		return 1;
	while (n < len && !is_blank(text[n]) &&
	    strchr("{}[],:\"", text[n]) == NULL)
		n++;
	return n;
}

void
ctl_json_compact(struct buf *out, const char *text, size_t len)
{
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = 1;
		if (is_blank(text[at]))
			continue;
		n = token(text + at, len - at);
		buf_put(out, text + at, n);
	}
}

static void
new_line(struct buf *out, size_t indent)
{
	buf_putc(out, '\n');
	while (indent-- > 0)
		buf_putc(out, ' ');
}

void
ctl_json_indent(struct buf *out, const char *text, size_t len, size_t indent)
{
	bool opened = false;	/* the last token was { or [ */
	size_t at, n;
	char c;

	for (at = 0; at < len; at += n) {
		c = text[at];
		n = 1;
		if (is_blank(c))
			continue;
		n = token(text + at, len - at);
		if (c == '}' || c == ']') {
			indent -= INDENT;
			if (!opened)
				new_line(out, indent);
		} else if (opened) {
			new_line(out, indent);
		}
		buf_put(out, text + at, n);
		opened = c == '{' || c == '[';
		if (opened)
			indent += INDENT;
		else if (c == ',')
			new_line(out, indent);
		else if (c == ':')
			buf_putc(out, ' ');
	}
}
