/*
 * mem.h - memory that never runs out, growing text, one reason
 *
 * Every allocation here ends the program when there is no memory: the queue
 * is on disk, so a restart loses nothing, and callers need no cleanup for it.
 */
#ifndef HR_MEM_H
#define HR_MEM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HR_PRINTF(f, a)	__attribute__((format(printf, f, a)))
#define HR_NORETURN	__attribute__((noreturn))
#define HR_COUNT(a)	(sizeof(a) / sizeof((a)[0]))

/* Given: free(3). */
void	*xmalloc(size_t);
void	*xcalloc(size_t n, size_t size);
void	*xrealloc(void *, size_t);		/* takes the old block */
void	*xreallocarray(void *, size_t n, size_t size);
char	*xstrdup(const char *);
char	*xstrndup(const char *, size_t);
char	*xasprintf(const char *fmt, ...) HR_PRINTF(1, 2);

/*
 * struct buf - bytes that grow, up to a maximum
 *
 * Plain data: BUF_INIT (or zeroes) is an empty buffer without a maximum.
 * `p` may be NULL while nothing was put.  An append that would pass `max`
 * (0: none) appends nothing and sets `over`, which stays set until buf_reset:
 * a writer appends freely and looks once at the end.
 */
struct buf {
	char	*p;
	size_t	 len;
	size_t	 cap;
	size_t	 max;
	bool	 over;
};

#define BUF_INIT	{ NULL, 0, 0, 0, false }

void	 buf_free(struct buf *);		/* empty and usable after */
void	 buf_reset(struct buf *);		/* keeps the memory */
void	 buf_put(struct buf *, const void *, size_t);
void	 buf_puts(struct buf *, const char *);
void	 buf_putc(struct buf *, char);
void	 buf_printf(struct buf *, const char *fmt, ...) HR_PRINTF(2, 3);
void	 buf_vprintf(struct buf *, const char *fmt, va_list)
	    HR_PRINTF(2, 0);
void	 buf_cut(struct buf *, size_t len);	/* shortens to len */
/* The text, NUL-terminated; lent until the next call on the buffer. */
const char *buf_str(struct buf *);
/* The text, NUL-terminated; given (free(3)); the buffer is empty after. */
char	*buf_steal(struct buf *);

/*
 * struct arena - many small blocks, freed together
 *
 * A block is lent until arena_reset or arena_free.  Blocks are aligned for
 * any type.
 */
struct arena;

struct arena *arena_new(void);
void	 arena_free(struct arena *);		/* NULL: nothing */
void	 arena_reset(struct arena *);		/* forgets every block */
void	*arena_alloc(struct arena *, size_t);	/* not zeroed */
void	*arena_calloc(struct arena *, size_t n, size_t size);
char	*arena_strndup(struct arena *, const char *, size_t);
char	*arena_printf(struct arena *, const char *fmt, ...) HR_PRINTF(2, 3);

/*
 * struct why - one reason, for a person
 *
 * Filled by who knows the details, when a call fails; a caller without
 * interest passes NULL.
 */
struct why {
	char	text[512];
};

void	why_set(struct why *, const char *fmt, ...) HR_PRINTF(2, 3);

#endif
