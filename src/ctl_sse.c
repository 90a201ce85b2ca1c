/*
 * ctl_sse.c - server-sent events, taken apart as they come
 *
 * Knows their form: fields of one line each, and an empty line behind an
 * event.  A field without a use here, and a comment, is passed over.
 */
#include <string.h>

#include "ctl_sse.h"

/* The value, if the line is a field of that name; else NULL. */
static const char *
value_of(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	line += n + 1;
	return *line == ' ' ? line + 1 : line;
}

static void
set(struct buf *b, const char *value)
{
	buf_reset(b);
	buf_puts(b, value);
}

static void
end_event(struct ctl_sse *s, ctl_sse_visit *visit, void *arg)
{
	if (s->data.len > 0)
		visit(buf_str(&s->event), buf_str(&s->id), buf_str(&s->data),
		    arg);
	buf_reset(&s->event);
	buf_reset(&s->data);
}

static void
take_line(struct ctl_sse *s, ctl_sse_visit *visit, void *arg)
{
	const char *line = buf_str(&s->line), *value;

	if (line[0] == '\0') {
		end_event(s, visit, arg);
	} else if ((value = value_of(line, "event")) != NULL) {
		set(&s->event, value);
	} else if ((value = value_of(line, "id")) != NULL) {
		set(&s->id, value);
	} else if ((value = value_of(line, "data")) != NULL) {
		if (s->data.len > 0)
			buf_putc(&s->data, '\n');
		buf_puts(&s->data, value);
	}
	buf_reset(&s->line);
}

void
ctl_sse_feed(struct ctl_sse *s, const char *p, size_t n, ctl_sse_visit *visit,
    void *arg)
{
	const char *end;
	size_t len;

	while (n > 0) {
		end = memchr(p, '\n', n);
		len = end != NULL ? (size_t)(end - p) : n;
		buf_put(&s->line, p, len);
		if (end == NULL)
			return;
		if (s->line.len > 0 && s->line.p[s->line.len - 1] == '\r')
			buf_cut(&s->line, s->line.len - 1);
		take_line(s, visit, arg);
		p += len + 1;
		n -= len + 1;
	}
}

void
ctl_sse_reset(struct ctl_sse *s)
{
	buf_reset(&s->line);
	buf_reset(&s->event);
	buf_reset(&s->data);
}

void
ctl_sse_free(struct ctl_sse *s)
{
	buf_free(&s->line);
	buf_free(&s->event);
	buf_free(&s->id);
	buf_free(&s->data);
}
