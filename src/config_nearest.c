/*
 * config_nearest.c - what a mistyped word may have meant
 *
 * Knows edit distance.  Knows no words: they are handed in.  Pure.
 */
#include <string.h>

#include "config_nearest.h"

#define WORD_MAX	64	/* longer words are not looked at */

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Insertions, deletions, replacements and swaps of neighbours that lead from
 * one word to the other (optimal string alignment).  Both are at most
 * WORD_MAX long.
 */
static size_t
distance(const char *a, const char *b)
{
	size_t row[3][WORD_MAX + 1];	/* before the last, last, this one */
	size_t *before = row[0], *last = row[1], *this = row[2], *spare;
	size_t na = strlen(a), nb = strlen(b);
	size_t i, j;

	for (j = 0; j <= nb; j++)
		before[j] = last[j] = j;
	for (i = 1; i <= na; i++) {
		this[0] = i;
		for (j = 1; j <= nb; j++) {
			this[j] = last[j - 1] + (a[i - 1] != b[j - 1]);
			this[j] = least(this[j], last[j] + 1);
			this[j] = least(this[j], this[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				this[j] = least(this[j], before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = this;
		this = spare;
	}
	return last[nb];
}

void
config_nearest_try(struct config_nearest *n, const char *candidate)
{
	size_t d;

	if (strlen(n->word) > WORD_MAX || strlen(candidate) > WORD_MAX)
		return;
	d = distance(n->word, candidate);
	/* More than a third of it wrong: a different word, not a slip. */
	if (d > 1 + strlen(candidate) / 3 || d >= strlen(candidate))
		return;
	if (n->best == NULL || d < n->distance) {
		n->best = candidate;
		n->distance = d;
	}
}

const char *
config_nearest_hint(const struct config_nearest *n, struct buf *out)
{
	buf_reset(out);
	if (n->best != NULL)
		buf_printf(out, "; did you mean \"%s\"?", n->best);
	return buf_str(out);
}
