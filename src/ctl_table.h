/*
 * ctl_table.h - columns of text that fit a terminal
 *
 * Texts are UTF-8 and come from anywhere, so what could steer a terminal is
 * replaced.  Widths are of the locale's LC_CTYPE, which has to be a UTF-8 one
 * (ctl_table_locale).  Pure otherwise: widths and colours are handed in.
 */
#ifndef HR_CTL_TABLE_H
#define HR_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "mem.h"

struct ctl_table;

struct ctl_column {
	const char	*title;
	bool		 right;		/* aligned there: numbers */
	size_t		 least;		/* cells it may be cut to; 0: never */
	/* When the others cannot get narrower it is left out: the greatest
	 * number first.  0: never. */
	unsigned	 drop;
};

enum ctl_style { CTL_PLAIN, CTL_GOOD, CTL_BUSY, CTL_BAD, CTL_DIM };

/* Once, before anything else here. */
void	ctl_table_locale(void);

/* The n columns, one or more, are kept until ctl_table_free. */
struct ctl_table *ctl_table_new(const struct ctl_column *, size_t n);
void	ctl_table_free(struct ctl_table *);	/* NULL: nothing */
/* The next cell, row by row; NULL is shown as "-". */
void	ctl_table_cell(struct ctl_table *, const char *text, enum ctl_style);
/* Cells that a line of it takes when nothing is cut or left out. */
size_t	ctl_table_width(const struct ctl_table *);
/*
 * Appends the title's line and a line a row, none wider than `width` unless
 * the columns that are never cut or left out are too wide together.
 */
void	ctl_table_put(const struct ctl_table *, size_t width, bool colors,
	    struct buf *out);

/* Appends the text without what could steer a terminal. */
void	ctl_put_clean(struct buf *out, const char *text);
/* Appends a clean text in its colour. */
void	ctl_put_styled(struct buf *out, const char *clean, enum ctl_style,
	    bool colors);
/* Cells that a clean text takes. */
size_t	ctl_cells(const char *clean);

#endif
