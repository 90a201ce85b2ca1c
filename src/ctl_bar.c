/*
 * ctl_bar.c - how far something is, on one line of a terminal
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl_bar.h"
#include "mem.h"

#define CELLS	30

static size_t	width;		/* of what stands there; 0: nothing */

/* What was longer is wiped out with blanks. */
static void
show(const struct buf *line)
{
	fprintf(stderr, "\r%.*s", (int)line->len, line->p);
	if (width > line->len)
		fprintf(stderr, "%*s", (int)(width - line->len), "");
	width = line->len;
}

void
ctl_bar(int64_t done, int64_t total, const char *what)
{
	struct buf line = BUF_INIT;
	int filled, i;

	if (!isatty(STDERR_FILENO))
		return;
	filled = total > 0 && done < total ?
	    (int)((double)done / (double)total * CELLS) : CELLS;
	if (total >= 0) {
		buf_putc(&line, '[');
		for (i = 0; i < CELLS; i++)
			buf_putc(&line, i < filled ? '#' : '.');
		buf_printf(&line, "] %lld of %lld %s", (long long)done,
		    (long long)total, what);
	} else {
		buf_printf(&line, "%lld %s", (long long)done, what);
	}
	show(&line);
	buf_free(&line);
}

void
ctl_bar_word(const char *word)
{
	struct buf line = BUF_INIT;

	if (!isatty(STDERR_FILENO))
		return;
	buf_printf(&line, "%s ...", word);
	show(&line);
	buf_free(&line);
}

void
ctl_bar_end(void)
{
	if (width > 0)
		fputc('\n', stderr);
	width = 0;
}
