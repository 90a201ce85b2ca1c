/*
 * memo.h - what was looked up lately: some texts and the number of each
 *
 * Bounded: a text may be forgotten at any time, for another one.  What is
 * remembered holds for an epoch, a number of the caller's that changes when it
 * may hold no more.
 */
#ifndef HR_MEMO_H
#define HR_MEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMO_TEXT	243	/* bytes of the longest text that is kept */

struct memo;

struct memo *memo_new(void);
void	memo_free(struct memo *);		/* NULL: nothing */

/* The number of the text; false: it is not known (any more). */
bool	memo_get(struct memo *, uint64_t epoch, const char *text, size_t len,
	    int64_t *number);
/* The text is copied. */
void	memo_put(struct memo *, uint64_t epoch, const char *text, size_t len,
	    int64_t number);
/* All of them, at once; the texts stay in memory until the epoch changes. */
void	memo_forget(struct memo *);

#endif
