/*
 * ctl_show.c - answers of the agent, for people
 *
 * Knows how JSON values read best: a time without its T and its fractions, a
 * rate with few of its digits, a list of like things as a table, a state in
 * its colour.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clock.h"
#include "ctl_json.h"
#include "ctl_show.h"

#define WIDTH		80	/* when nobody knows */
#define INDENT		2
#define MAX_COLUMNS	16	/* of a nested list; an item with more
				 * members is shown as an object */

struct ctl_list {
	const struct ctl_field *fields;
	size_t		 fields_n;
	struct ctl_column *columns;
	const struct ctl_screen *screen;
	struct ctl_table *table;
	size_t		 items;
};

/* What is looked at first of an event's requests, which have many members. */
static const struct ctl_field request_fields[] = {
	{ { "ID", true, 0, 0 }, "id" },
	{ { "STARTED", false, 0, 0 }, "started_at" },
	{ { "FORM", false, 0, 3 }, "form" },
	{ { "OBJECTS", true, 0, 2 }, "objects" },
	{ { "MS", true, 0, 1 }, "duration_ms" },
	{ { "HTTP", true, 0, 0 }, "status" },
	{ { "ERROR", false, 8, 0 }, "error" },
	{ { "ANSWER", false, 8, 0 }, "answer" },
};

/* What is shown, and where. */
struct shown {
	const char	*text;		/* that the values are of */
	size_t		 len;
	const struct ctl_screen *screen;
};

void
ctl_screen(struct ctl_screen *screen)
{
	const char *columns = getenv("COLUMNS");
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	struct winsize size;
	long n = 0;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		n = size.ws_col;
	if (n == 0 && columns != NULL)
		n = strtol(columns, NULL, 10);
	screen->width = n > 0 ? (size_t)n : WIDTH;
	screen->colors = isatty(STDOUT_FILENO) &&
	    (no_color == NULL || no_color[0] == '\0') &&
	    (term == NULL || strcmp(term, "dumb") != 0);
}

/* 2026-11-24T14:13:20.000Z as 2026-11-24 14:13:20Z. */
static void
put_moment(struct buf *out, const char *text)
{
	const char *rest = text + strlen("2026-11-24T14:13:20");

	buf_printf(out, "%.10s %.8s", text, text + 11);
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	buf_puts(out, rest);
}

/* A number as it was written, but of a fraction three digits. */
static void
put_number(struct buf *out, const char *literal)
{
	char rounded[64];
	size_t len;

	if (strchr(literal, '.') == NULL || strpbrk(literal, "eE") != NULL ||
	    strlen(literal) >= sizeof(rounded) / 2) {
		buf_puts(out, literal);
		return;
	}
	len = (size_t)snprintf(rounded, sizeof(rounded), "%.3f",
	    strtod(literal, NULL));
	while (rounded[len - 1] == '0')
		len--;
	if (rounded[len - 1] == '.')
		len--;
	buf_put(out, rounded, len);
}

/* A value in one line. */
static void
put_value(struct buf *out, const cJSON *value)
{
	const char *text = json_text(value), *literal = json_literal(value);
	int64_t at;

	if (value == NULL || cJSON_IsNull(value))
		buf_putc(out, '-');
	else if (literal != NULL)
		put_number(out, literal);
	else if (text == NULL)
		json_put(out, value);
	else if (clock_parse(text, &at))
		put_moment(out, text);
	else
		buf_puts(out, text);
}

/* A member as a number; 0: it is none. */
static double
amount(const cJSON *object, const char *member)
{
	const char *literal = json_literal(json_get(object, member));

	return literal != NULL ? strtod(literal, NULL) : 0;
}

/* Of an identity's windows the one that leaves least room: "track_limit 3/30";
 * nothing if all are empty. */
static void
put_fullest(struct buf *out, const cJSON *windows)
{
	const cJSON *window, *fullest = NULL;
	double limit, use, most = 0;

	cJSON_ArrayForEach(window, windows) {
		limit = amount(window, "limit");
		use = limit > 0 ? amount(window, "used") / limit : 0;
		if (use > most) {
			most = use;
			fullest = window;
		}
	}
	if (fullest == NULL) {
		buf_putc(out, '-');
		return;
	}
	put_value(out, json_get(fullest, "window"));
	buf_putc(out, ' ');
	put_value(out, json_get(fullest, "used"));
	buf_putc(out, '/');
	put_value(out, json_get(fullest, "limit"));
}

/* Only words of the agent's own have a colour. */
static enum ctl_style
style_of(const char *member, const char *text)
{
	static const struct {
		const char	*member, *text;	/* NULL: any */
		enum ctl_style	 style;
	} styles[] = {
		{ "state", "stuck", CTL_BAD },
		{ "state", "queued", CTL_BUSY },
		{ "state", "inflight", CTL_BUSY },
		{ "state", "delivered", CTL_GOOD },
		{ "state", "skipped", CTL_DIM },
		{ "state", "discarded", CTL_DIM },
		{ "state", "open", CTL_BAD },
		{ "state", "config", CTL_BAD },
		{ "state", "refusing", CTL_BAD },
		{ "state", "half_open", CTL_BUSY },
		{ "state", "closed", CTL_GOOD },
		{ "paused", "true", CTL_BAD },
		{ NULL, "-", CTL_DIM },
		{ "error", NULL, CTL_BAD },
		{ "last_error", NULL, CTL_BAD },
	};
	size_t i;

	for (i = 0; i < HR_COUNT(styles); i++)
		if ((styles[i].member == NULL ||
		    strcmp(styles[i].member, member) == 0) &&
		    (styles[i].text == NULL ||
		    strcmp(styles[i].text, text) == 0))
			return styles[i].style;
	return CTL_PLAIN;
}

static void
add_cell(struct ctl_table *t, const char *member, const cJSON *value)
{
	struct buf text = BUF_INIT;

	if (cJSON_IsArray(value) && strcmp(member, "windows") == 0)
		put_fullest(&text, value);
	else
		put_value(&text, value);
	ctl_table_cell(t, buf_str(&text), style_of(member, buf_str(&text)));
	buf_free(&text);
}

struct ctl_list *
ctl_list_new(const struct ctl_field *fields, size_t n,
    const struct ctl_screen *screen)
{
	struct ctl_list *l = xcalloc(1, sizeof(*l));
	size_t i;

	l->fields = fields;
	l->fields_n = n;
	l->screen = screen;
	l->columns = xcalloc(n, sizeof(*l->columns));
	for (i = 0; i < n; i++)
		l->columns[i] = fields[i].column;
	l->table = ctl_table_new(l->columns, n);
	return l;
}

void
ctl_list_free(struct ctl_list *l)
{
	if (l == NULL)
		return;
	ctl_table_free(l->table);
	free(l->columns);
	free(l);
}

void
ctl_list_item(struct ctl_list *l, const cJSON *item)
{
	size_t i;

	for (i = 0; i < l->fields_n; i++)
		add_cell(l->table, l->fields[i].member,
		    json_get(item, l->fields[i].member));
	l->items++;
}

void
ctl_list_put(const struct ctl_list *l, const char *nothing, struct buf *out)
{
	if (l->items > 0)
		ctl_table_put(l->table, l->screen->width, l->screen->colors,
		    out);
	else
		buf_printf(out, "%s\n", nothing);
}

static void
put_spaces(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_putc(out, ' ');
}

static bool
is_scalar(const cJSON *value)
{
	return !cJSON_IsObject(value) && !cJSON_IsArray(value);
}

/* Objects with scalar members, the same in each, few enough for a table. */
static bool
is_table(const cJSON *list)
{
	const cJSON *item, *member, *first = list->child;
	int n = cJSON_GetArraySize(first);

	if (n == 0 || n > MAX_COLUMNS)
		return false;
	cJSON_ArrayForEach(item, list) {
		if (!cJSON_IsObject(item) || cJSON_GetArraySize(item) != n)
			return false;
		cJSON_ArrayForEach(member, item)
			if (!is_scalar(member) ||
			    cJSON_GetObjectItemCaseSensitive(first,
			    member->string) == NULL)
				return false;
	}
	return true;
}

/* Every line of the text, indented. */
static void
put_indented(struct buf *out, const char *text, size_t indent)
{
	size_t n;

	while (*text != '\0') {
		n = strcspn(text, "\n");
		put_spaces(out, indent);
		buf_put(out, text, n);
		buf_putc(out, '\n');
		text += n + (text[n] == '\n');
	}
}

/* The items below a name, in columns, indented. */
static void
put_columns(const struct shown *s, const cJSON *items,
    const struct ctl_field *fields, size_t n, size_t indent, struct buf *out)
{
	const struct ctl_screen inner = {
		.width = s->screen->width > indent ?
		    s->screen->width - indent : 1,
		.colors = s->screen->colors
	};
	struct ctl_list *l = ctl_list_new(fields, n, &inner);
	struct buf text = BUF_INIT;
	const cJSON *item;

	cJSON_ArrayForEach(item, items)
		ctl_list_item(l, item);
	ctl_list_put(l, "", &text);
	put_indented(out, buf_str(&text), indent);
	ctl_list_free(l);
	buf_free(&text);
}

/* Like objects as a table, if it fits whole; false: it does not. */
static bool
put_table(const struct shown *s, const cJSON *list, size_t indent,
    struct buf *out)
{
	struct ctl_field fields[MAX_COLUMNS];
	struct ctl_list *l;
	const cJSON *member, *item;
	size_t n = 0, width;

	if (!is_table(list))
		return false;
	cJSON_ArrayForEach(member, list->child) {
		fields[n].column = (struct ctl_column){
			.title = member->string,
			.right = cJSON_IsNumber(member)
		};
		fields[n++].member = member->string;
	}
	l = ctl_list_new(fields, n, s->screen);
	cJSON_ArrayForEach(item, list)
		ctl_list_item(l, item);
	width = ctl_table_width(l->table);
	ctl_list_free(l);
	if (indent + width > s->screen->width)
		return false;
	put_columns(s, list, fields, n, indent, out);
	return true;
}

static void put_object(const struct shown *, const cJSON *, size_t,
    struct buf *);

static void
put_list(const struct shown *s, const cJSON *list, size_t indent,
    struct buf *out)
{
	struct buf text = BUF_INIT;
	const cJSON *item;

	if (put_table(s, list, indent, out))
		return;
	cJSON_ArrayForEach(item, list) {
		if (cJSON_IsObject(item)) {
			put_object(s, item, indent, out);
			if (item->next != NULL)
				buf_putc(out, '\n');
			continue;
		}
		put_spaces(out, indent);
		buf_reset(&text);
		put_value(&text, item);
		ctl_put_clean(out, buf_str(&text));
		buf_putc(out, '\n');
	}
	buf_free(&text);
}

/* What an event is as bytes says more as JSON than as a list. */
static bool
shown_as_json(const char *name)
{
	return strcmp(name, "payload") == 0 || strcmp(name, "batch") == 0;
}

static void
put_json(const struct shown *s, const cJSON *value, size_t indent,
    struct buf *out)
{
	struct buf clean = BUF_INIT, line = BUF_INIT;
	size_t begin = json_begin(value), len;

	/* JSON is cleaned in one line, since to clean is to replace the ends
	 * of lines too. */
	ctl_json_compact(&line, s->text + begin,
	    json_end(s->text, s->len, value) - begin);
	ctl_put_clean(&clean, buf_str(&line));
	len = clean.len;
	put_spaces(out, indent);
	ctl_json_indent(out, buf_str(&clean), len, indent);
	buf_putc(out, '\n');
	buf_free(&line);
	buf_free(&clean);
}

static void
put_nested(const struct shown *s, const cJSON *member, size_t indent,
    struct buf *out)
{
	put_spaces(out, indent);
	ctl_put_clean(out, member->string);
	buf_putc(out, '\n');
	indent += INDENT;
	if (shown_as_json(member->string))
		put_json(s, member, indent, out);
	else if (strcmp(member->string, "requests") == 0)
		put_columns(s, member, request_fields,
		    HR_COUNT(request_fields), indent, out);
	else if (cJSON_IsObject(member))
		put_object(s, member, indent, out);
	else
		put_list(s, member, indent, out);
}

/* A member in one line, its value behind the longest of the names. */
static void
put_scalar(const struct shown *s, const cJSON *member, size_t indent,
    size_t names, struct buf *out)
{
	struct buf value = BUF_INIT, clean = BUF_INIT;
	enum ctl_style style = CTL_DIM;

	put_spaces(out, indent);
	ctl_put_clean(out, member->string);
	put_spaces(out, names - ctl_cells(member->string) + INDENT);
	if (is_scalar(member)) {
		put_value(&value, member);
		style = style_of(member->string, buf_str(&value));
	} else {
		buf_puts(&value, "none");
	}
	ctl_put_clean(&clean, buf_str(&value));
	ctl_put_styled(out, buf_str(&clean), style, s->screen->colors);
	buf_putc(out, '\n');
	buf_free(&clean);
	buf_free(&value);
}

/* First what fits a line, then what is nested. */
static void
put_object(const struct shown *s, const cJSON *object, size_t indent,
    struct buf *out)
{
	const cJSON *member;
	size_t names = 0;

	cJSON_ArrayForEach(member, object)
		if (member->child == NULL && ctl_cells(member->string) > names)
			names = ctl_cells(member->string);
	cJSON_ArrayForEach(member, object)
		if (member->child == NULL)
			put_scalar(s, member, indent, names, out);
	cJSON_ArrayForEach(member, object)
		if (member->child != NULL)
			put_nested(s, member, indent, out);
}

void
ctl_put_value(const char *text, size_t len, const cJSON *value,
    const struct ctl_screen *screen, struct buf *out)
{
	const struct shown s = { .text = text, .len = len, .screen = screen };

	if (cJSON_IsObject(value))
		put_object(&s, value, 0, out);
	else
		put_json(&s, value, 0, out);
}
