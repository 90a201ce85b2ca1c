/*
 * mem.c - memory that never runs out, growing text, one reason
 *
 * Knows malloc.  Knows nothing of what is stored in what it hands out.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "mem.h"

#define ARENA_CHUNK	16384	/* holds the tree of a usual batch */

struct chunk {
	struct chunk	*next;
	size_t		 size;		/* of `bytes` */
	max_align_t	 bytes[];
};

struct arena {
	struct chunk	*first;		/* kept over a reset */
	struct chunk	*current;
	size_t		 used;		/* of current */
};

void *
xmalloc(size_t n)
{
	void *p = malloc(n > 0 ? n : 1);

	if (p == NULL)
		fatal_memory(n);
	return p;
}

void *
xcalloc(size_t n, size_t size)
{
	void *p = calloc(n > 0 ? n : 1, size > 0 ? size : 1);

	if (p == NULL)
		fatal_memory(n);
	return p;
}

void *
xrealloc(void *old, size_t n)
{
	void *p = realloc(old, n > 0 ? n : 1);

	if (p == NULL)
		fatal_memory(n);
	return p;
}

void *
xreallocarray(void *old, size_t n, size_t size)
{
	assert(size == 0 || n <= SIZE_MAX / size);
	return xrealloc(old, n * size);
}

char *
xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *
xstrndup(const char *s, size_t n)
{
	char *p = xmalloc(n + 1);

	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *
xasprintf(const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	return buf_steal(&b);
}

void
buf_free(struct buf *b)
{
	free(b->p);
	b->p = NULL;
	b->len = b->cap = 0;
	b->over = false;
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->over = false;
}

/* Makes room for n more bytes and a NUL; false when past the maximum. */
static bool
buf_room(struct buf *b, size_t n)
{
	size_t cap = b->cap > 0 ? b->cap : 64;

	if (b->over || (b->max > 0 && n > b->max - b->len)) {
		b->over = true;
		return false;
	}
	while (cap < b->len + n + 1)
		cap *= 2;
	if (cap != b->cap) {
		b->p = xrealloc(b->p, cap);
		b->cap = cap;
	}
	return true;
}

void
buf_put(struct buf *b, const void *p, size_t n)
{
	if (n > 0 && buf_room(b, n)) {
		memcpy(b->p + b->len, p, n);
		b->len += n;
	}
}

void
buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void
buf_putc(struct buf *b, char c)
{
	if (buf_room(b, 1))
		b->p[b->len++] = c;
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	assert(n >= 0);
	if (buf_room(b, (size_t)n)) {
		vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

void
buf_cut(struct buf *b, size_t len)
{
	assert(len <= b->len);
	b->len = len;
}

const char *
buf_str(struct buf *b)
{
	if (b->cap == 0) {
		b->p = xmalloc(64);
		b->cap = 64;
	}
	b->p[b->len] = '\0';	/* buf_room always leaves one byte */
	return b->p;
}

char *
buf_steal(struct buf *b)
{
	char *p;

	(void)buf_str(b);
	p = b->p;
	b->p = NULL;
	b->len = b->cap = 0;
	return p;
}

static struct chunk *
chunk_new(size_t size)
{
	struct chunk *c = xmalloc(sizeof(*c) + size);

	c->next = NULL;
	c->size = size;
	return c;
}

struct arena *
arena_new(void)
{
	struct arena *a = xcalloc(1, sizeof(*a));

	a->first = a->current = chunk_new(ARENA_CHUNK);
	return a;
}

void
arena_reset(struct arena *a)
{
	struct chunk *c, *next;

	for (c = a->first->next; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	a->first->next = NULL;
	a->current = a->first;
	a->used = 0;
}

void
arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	arena_reset(a);
	free(a->first);
	free(a);
}

void *
arena_alloc(struct arena *a, size_t n)
{
	const size_t align = sizeof(max_align_t);
	struct chunk *c;
	void *p;

	n = (n + align - 1) / align * align;
	if (n > a->current->size - a->used) {
		c = chunk_new(n > ARENA_CHUNK ? n : ARENA_CHUNK);
		a->current->next = c;
		a->current = c;
		a->used = 0;
	}
	p = (char *)a->current->bytes + a->used;
	a->used += n;
	return p;
}

void *
arena_calloc(struct arena *a, size_t n, size_t size)
{
	void *p;

	assert(size == 0 || n <= SIZE_MAX / size);
	p = arena_alloc(a, n * size);
	memset(p, 0, n * size);
	return p;
}

char *
arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = arena_alloc(a, n + 1);

	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;
	char *p;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	p = arena_strndup(a, buf_str(&text), text.len);
	buf_free(&text);
	return p;
}

void
why_set(struct why *why, const char *fmt, ...)
{
	va_list ap;

	if (why == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
}
