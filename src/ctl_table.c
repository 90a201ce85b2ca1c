/*
 * ctl_table.c - columns of text that fit a terminal
 *
 * Knows how wide characters are and which may not reach a terminal.
 */
#include <assert.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "ctl_table.h"
#include "log.h"

#define GAP		2	/* cells between columns */
#define REPLACEMENT	"\xef\xbf\xbd"	/* U+FFFD */
#define ELLIPSIS	"\xe2\x80\xa6"	/* U+2026, one cell */

struct cell {
	char		*text;		/* clean */
	size_t		 width;
	enum ctl_style	 style;
};

struct ctl_table {
	const struct ctl_column *columns;
	size_t		 columns_n;
	struct cell	*cells;		/* row by row */
	size_t		 n, room;
};

/* One column as it will be printed. */
struct layout {
	size_t		width;
	bool		left_out;
};

static const char *const escapes[] = {
	[CTL_PLAIN] = "",
	[CTL_GOOD] = "\033[32m",
	[CTL_BUSY] = "\033[33m",
	[CTL_BAD] = "\033[31m",
	[CTL_DIM] = "\033[2m",
};
static const char title_escape[] = "\033[1m";
static const char end_escape[] = "\033[0m";

void
ctl_table_locale(void)
{
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		bug("ctl: there is no locale C.UTF-8");
}

/* The next character: its bytes; *width -1: not to be shown. */
static size_t
next_character(const char *text, int *width)
{
	mbstate_t state;
	wchar_t c;
	size_t n;

	memset(&state, 0, sizeof(state));
	n = mbrtowc(&c, text, strlen(text), &state);
	if (n == (size_t)-1 || n == (size_t)-2) {
		*width = -1;
		return 1;
	}
	*width = iswcntrl((wint_t)c) ? -1 : wcwidth(c);
	/* These turn the direction of what stands beside them. */
	if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
	    c == 0x200e || c == 0x200f || c == 0x061c)
		*width = -1;
	return n;
}

void
ctl_put_clean(struct buf *out, const char *text)
{
	size_t n;
	int width;

	for (; *text != '\0'; text += n) {
		n = next_character(text, &width);
		if (width < 0)
			buf_puts(out, REPLACEMENT);
		else
			buf_put(out, text, n);
	}
}

size_t
ctl_cells(const char *clean)
{
	size_t cells = 0;
	int width;

	while (*clean != '\0') {
		clean += next_character(clean, &width);
		cells += width > 0 ? (size_t)width : 0;
	}
	return cells;
}

/* Bytes of the longest start of a clean text of at most that many cells, and
 * how many it takes: a wide character may not fit the last one. */
static size_t
cut(const char *clean, size_t most, size_t *cells)
{
	size_t bytes = 0, n, wide;
	int width;

	for (*cells = 0; clean[bytes] != '\0'; bytes += n) {
		n = next_character(clean + bytes, &width);
		wide = width > 0 ? (size_t)width : 0;
		if (*cells + wide > most)
			break;
		*cells += wide;
	}
	return bytes;
}

void
ctl_put_styled(struct buf *out, const char *clean, enum ctl_style style,
    bool colors)
{
	const char *escape = colors ? escapes[style] : "";

	buf_puts(out, escape);
	buf_puts(out, clean);
	if (escape[0] != '\0')
		buf_puts(out, end_escape);
}

struct ctl_table *
ctl_table_new(const struct ctl_column *columns, size_t n)
{
	struct ctl_table *t = xcalloc(1, sizeof(*t));

	assert(n > 0);
	t->columns = columns;
	t->columns_n = n;
	return t;
}

void
ctl_table_free(struct ctl_table *t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->n; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t);
}

void
ctl_table_cell(struct ctl_table *t, const char *text, enum ctl_style style)
{
	struct buf clean = BUF_INIT;
	struct cell *cell;

	if (t->n == t->room) {
		t->room = t->room > 0 ? 2 * t->room : 64;
		t->cells = xreallocarray(t->cells, t->room,
		    sizeof(*t->cells));
	}
	cell = &t->cells[t->n++];
	ctl_put_clean(&clean, text != NULL ? text : "-");
	cell->text = xstrdup(buf_str(&clean));
	cell->width = ctl_cells(cell->text);
	cell->style = style;
	buf_free(&clean);
}

static size_t
total_width(const struct ctl_table *t, const struct layout *l)
{
	size_t i, total = 0, shown = 0;

	for (i = 0; i < t->columns_n; i++) {
		if (l[i].left_out)
			continue;
		total += l[i].width;
		shown++;
	}
	return total + (shown > 0 ? GAP * (shown - 1) : 0);
}

/* Takes `excess` cells from the columns that may be cut, always from the
 * widest of them; how many could not be taken. */
static size_t
narrow(const struct ctl_table *t, struct layout *l, size_t excess)
{
	size_t i, widest;

	for (; excess > 0; excess--) {
		widest = t->columns_n;
		for (i = 0; i < t->columns_n; i++) {
			if (l[i].left_out || t->columns[i].least == 0 ||
			    l[i].width <= t->columns[i].least)
				continue;
			if (widest == t->columns_n ||
			    l[i].width > l[widest].width)
				widest = i;
		}
		if (widest == t->columns_n)
			break;
		l[widest].width--;
	}
	return excess;
}

/* Leaves out the column that is missed least; false: all are needed. */
static bool
leave_out(const struct ctl_table *t, struct layout *l)
{
	size_t i, found = t->columns_n;

	for (i = 0; i < t->columns_n; i++) {
		if (l[i].left_out || t->columns[i].drop == 0)
			continue;
		if (found == t->columns_n ||
		    t->columns[i].drop > t->columns[found].drop)
			found = i;
	}
	if (found < t->columns_n)
		l[found].left_out = true;
	return found < t->columns_n;
}

static void
widen(const struct ctl_table *t, struct layout *l)
{
	size_t i;

	for (i = 0; i < t->columns_n; i++)
		l[i].width = strlen(t->columns[i].title);
	for (i = 0; i < t->n; i++)
		if (t->cells[i].width > l[i % t->columns_n].width)
			l[i % t->columns_n].width = t->cells[i].width;
}

static void
fit(const struct ctl_table *t, struct layout *l, size_t width)
{
	size_t total;

	do {
		widen(t, l);
		total = total_width(t, l);
	} while (total > width && narrow(t, l, total - width) > 0 &&
	    leave_out(t, l));
}

size_t
ctl_table_width(const struct ctl_table *t)
{
	struct layout *l = xcalloc(t->columns_n, sizeof(*l));
	size_t width;

	widen(t, l);
	width = total_width(t, l);
	free(l);
	return width;
}

static void
put_spaces(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_putc(out, ' ');
}

/* One cell in its column; the last of a line is not filled up. */
static void
put_cell(struct buf *out, const char *text, size_t text_width, size_t width,
    bool right, bool last, const char *escape)
{
	size_t shown = text_width, bytes = strlen(text);
	bool too_wide = text_width > width;

	if (too_wide) {
		bytes = cut(text, width - 1, &shown);
		shown++;	/* the ellipsis */
	}
	if (right)
		put_spaces(out, width - shown);
	buf_puts(out, escape);
	buf_put(out, text, bytes);
	if (too_wide)
		buf_puts(out, ELLIPSIS);
	if (escape[0] != '\0')
		buf_puts(out, end_escape);
	if (last)
		return;
	put_spaces(out, GAP + (right ? 0 : width - shown));
}

/* A row; NULL: the titles. */
static void
put_row(const struct ctl_table *t, const struct layout *l,
    const struct cell *row, bool colors, struct buf *out)
{
	const struct ctl_column *c;
	size_t i, last = 0;

	for (i = 0; i < t->columns_n; i++)
		if (!l[i].left_out)
			last = i;
	for (i = 0; i < t->columns_n; i++) {
		c = &t->columns[i];
		if (l[i].left_out)
			continue;
		if (row == NULL)
			put_cell(out, c->title, strlen(c->title), l[i].width,
			    c->right, i == last, colors ? title_escape : "");
		else
			put_cell(out, row[i].text, row[i].width, l[i].width,
			    c->right, i == last,
			    colors ? escapes[row[i].style] : "");
	}
	buf_putc(out, '\n');
}

void
ctl_table_put(const struct ctl_table *t, size_t width, bool colors,
    struct buf *out)
{
	struct layout *l = xcalloc(t->columns_n, sizeof(*l));
	size_t row;

	fit(t, l, width);
	put_row(t, l, NULL, colors, out);
	for (row = 0; row + t->columns_n <= t->n; row += t->columns_n)
		put_row(t, l, t->cells + row, colors, out);
	free(l);
}
