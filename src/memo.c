/*
 * memo.c - what was looked up lately: some texts and the number of each
 *
 * Knows a table in which each text has one place.
 */
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mem.h"
#include "memo.h"

#define PLACES	16384		/* 2 MiB, once they are used */

struct place {
	int64_t	number;
	uint8_t	len;		/* of the text, and one more; 0: none */
	char	text[MEMO_TEXT];
};

struct memo {
	uint64_t	 epoch;
	struct place	 place[PLACES];
};

struct memo *
memo_new(void)
{
	return xcalloc(1, sizeof(struct memo));
}

void
memo_free(struct memo *m)
{
	free(m);
}

void
memo_forget(struct memo *m)
{
	memset(m->place, 0, sizeof(m->place));
}

/* NULL: it is too long to have one. */
static struct place *
place_of(struct memo *m, uint64_t epoch, const char *text, size_t len)
{
	if (m->epoch != epoch)
		memo_forget(m);
	m->epoch = epoch;
	return len <= MEMO_TEXT ?
	    &m->place[hash_fnv1a(text, len) % PLACES] : NULL;
}

bool
memo_get(struct memo *m, uint64_t epoch, const char *text, size_t len,
    int64_t *number)
{
	const struct place *p = place_of(m, epoch, text, len);

	if (p == NULL || p->len != len + 1 || memcmp(p->text, text, len) != 0)
		return false;
	*number = p->number;
	return true;
}

void
memo_put(struct memo *m, uint64_t epoch, const char *text, size_t len,
    int64_t number)
{
	struct place *p = place_of(m, epoch, text, len);

	if (p == NULL)
		return;
	p->number = number;
	p->len = (uint8_t)(len + 1);
	memcpy(p->text, text, len);
}
