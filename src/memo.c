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

#define PLACES	16384		/* 4 MiB, once they are used */

struct place {
	int64_t	 number;
	uint32_t generation;	/* another than the memo's: it is free */
	uint8_t	 len;		/* of the text */
	char	 text[MEMO_TEXT];
};

struct memo {
	uint64_t	 epoch;
	uint32_t	 generation;	/* never 0, which a new place has */
	struct place	 place[PLACES];
};

struct memo *
memo_new(void)
{
	struct memo *m = xcalloc(1, sizeof(*m));

	m->generation = 1;
	return m;
}

void
memo_free(struct memo *m)
{
	free(m);
}

static void
wipe(struct memo *m)
{
	memset(m->place, 0, sizeof(m->place));
	m->generation = 1;
}

void
memo_forget(struct memo *m)
{
	if (++m->generation == 0)
		wipe(m);
}

/* NULL: it is too long to have one. */
static struct place *
place_of(struct memo *m, uint64_t epoch, const char *text, size_t len)
{
	if (m->epoch != epoch)
		wipe(m);
	m->epoch = epoch;
	return len <= MEMO_TEXT ?
	    &m->place[hash_fnv1a(text, len) % PLACES] : NULL;
}

bool
memo_get(struct memo *m, uint64_t epoch, const char *text, size_t len,
    int64_t *number)
{
	const struct place *p = place_of(m, epoch, text, len);

	if (p == NULL || p->generation != m->generation || p->len != len ||
	    memcmp(p->text, text, len) != 0)
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
	p->generation = m->generation;
	p->len = (uint8_t)len;
	memcpy(p->text, text, len);
}
