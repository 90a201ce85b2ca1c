/*
 * config_value.c - values: a person's text into a member, and back
 *
 * Knows how each kind of value is written.  Knows nothing of files, lines
 * and of settings beside the one in hand.  Pure.
 */
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config_private.h"

/* Bounds of the five windows. */
#define LIMIT_MAX	INT64_C(1000000000)
#define WINDOW_MIN_MS	INT64_C(100)
#define WINDOW_MAX_MS	INT64_C(86400000)

struct unit {
	const char	*name;
	int64_t		 factor;
};

/* Largest first: a value is written in the first that divides it. */
static const struct unit durations[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 },
	{ "ms", 1 }, { NULL, 0 }
};

static const struct unit sizes[] = {
	{ "g", 1 << 30 }, { "m", 1 << 20 }, { "k", 1 << 10 }, { "", 1 },
	{ NULL, 0 }
};

/* Digits at *p, which moves behind them; false: none, or too many. */
static bool
scan_digits(const char **p, int64_t *out)
{
	int64_t n = 0;

	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++) {
		if (n > (INT64_MAX - 9) / 10)
			return false;
		n = n * 10 + (**p - '0');
	}
	*out = n;
	return true;
}

static bool
scan_units(const char *text, const struct unit *units, int64_t *out)
{
	const char *p = text;
	int64_t n;

	if (!scan_digits(&p, &n))
		return false;
	for (; units->name != NULL; units++)
		if (strcmp(units->name, p) == 0)
			break;
	if (units->name == NULL || n > INT64_MAX / units->factor)
		return false;
	*out = n * units->factor;
	return true;
}

static void
put_units(int64_t value, const struct unit *units, const char *zero,
    struct buf *out)
{
	if (value == 0) {
		buf_puts(out, zero);
		return;
	}
	while (value % units->factor != 0)
		units++;
	buf_printf(out, "%" PRId64 "%s", value / units->factor, units->name);
}

static void
put_duration(int64_t ms, struct buf *out)
{
	put_units(ms, durations, "0s", out);
}

/* Numbers as rows of their kind write them. */
static void
put_number(const struct config_row *row, int64_t value, struct buf *out)
{
	if (row->kind == CONFIG_SIZE)
		put_units(value, sizes, "0", out);
	else if (row->kind == CONFIG_DURATION)
		put_duration(value, out);
	else
		buf_printf(out, "%" PRId64, value);
}

static bool
parse_duration(const char *text, int64_t *ms, struct why *why)
{
	if (scan_units(text, durations, ms))
		return true;
	if (*text != '\0' && text[strspn(text, "0123456789")] == '\0')
		why_set(why, "\"%s\" lacks a unit: write %ss for seconds "
		    "(or ms, m, h, d)", text, text);
	else
		why_set(why, "\"%s\" is not a duration such as 250ms, 30s, "
		    "5m, 12h or 7d", text);
	return false;
}

static bool
in_range(const struct config_row *row, int64_t value, struct why *why)
{
	struct buf least = BUF_INIT, most = BUF_INIT;
	bool ok = value >= row->min && value <= row->max;

	if (!ok) {
		put_number(row, row->min, &least);
		put_number(row, row->max, &most);
		why_set(why, "must be between %s and %s", buf_str(&least),
		    buf_str(&most));
		buf_free(&least);
		buf_free(&most);
	}
	return ok;
}

static bool
set_number(const struct config_row *row, int64_t *member, const char *text,
    struct why *why)
{
	const char *p = text;

	switch (row->kind) {
	case CONFIG_DURATION:
		if (!parse_duration(text, member, why))
			return false;
		break;
	case CONFIG_SIZE:
		if (!scan_units(text, sizes, member)) {
			why_set(why, "\"%s\" is not a size such as 4096, "
			    "256k, 64m or 1g", text);
			return false;
		}
		break;
	default:
		if (!scan_digits(&p, member) || *p != '\0') {
			why_set(why, "\"%s\" is not a whole number", text);
			return false;
		}
		break;
	}
	return in_range(row, *member, why);
}

static bool
set_limit(struct config_limit *limit, const char *text, struct why *why)
{
	const char *p = text;

	if (!scan_digits(&p, &limit->n) || *p != '/') {
		why_set(why, "\"%s\" is not N/DURATION, such as 30/30s", text);
		return false;
	}
	if (!parse_duration(p + 1, &limit->window_ms, why))
		return false;
	if (limit->n < 1 || limit->n > LIMIT_MAX) {
		why_set(why, "the number of \"%s\" must be between 1 and %"
		    PRId64, text, LIMIT_MAX);
		return false;
	}
	if (limit->window_ms < WINDOW_MIN_MS ||
	    limit->window_ms > WINDOW_MAX_MS) {
		why_set(why, "the window of \"%s\" must be between 100ms "
		    "and 1d", text);
		return false;
	}
	return true;
}

/* Decimal notation only: strtod alone would take hex, inf and nan. */
static bool
set_share(double *share, const char *text, struct why *why)
{
	if (isdigit((unsigned char)text[0]) &&
	    text[strspn(text, "0123456789.")] == '\0' &&
	    strchr(text, '.') == strrchr(text, '.')) {
		*share = strtod(text, NULL);
		if (*share > 0 && *share <= 1)
			return true;
	}
	why_set(why, "\"%s\" is not a number above 0 and up to 1, such as 0.5",
	    text);
	return false;
}

static bool
parse_bool(const char *text, bool *out, struct why *why)
{
	*out = strcmp(text, "true") == 0;
	if (*out || strcmp(text, "false") == 0)
		return true;
	why_set(why, "\"%s\" is neither true nor false", text);
	return false;
}

/* NULL and `why`: none of that name. */
static const struct config_choice *
find_choice(const struct config_choice *choices, const char *text,
    struct why *why)
{
	struct config_nearest nearest = { text, NULL, 0 };
	struct buf known = BUF_INIT, hint = BUF_INIT;
	const struct config_choice *c;

	for (c = choices; c->name != NULL; c++) {
		if (strcmp(c->name, text) == 0)
			goto out;
		config_nearest_try(&nearest, c->name);
		buf_printf(&known, "%s%s", known.len > 0 ? ", " : "", c->name);
	}
	why_set(why, "\"%s\" is none of %s%s", text, buf_str(&known),
	    config_nearest_hint(&nearest, &hint));
	c = NULL;
out:
	buf_free(&known);
	buf_free(&hint);
	return c;
}

static bool
set_choice(const struct config_row *row, void *member, const char *text,
    struct why *why)
{
	const struct config_choice *c = find_choice(row->choices, text, why);
	bool yes;

	if (c == NULL)
		return false;
	yes = c->value != 0;
	if (row->size == sizeof(yes))
		memcpy(member, &yes, sizeof(yes));
	else
		memcpy(member, &c->value, sizeof(c->value));
	return true;
}

static void
replace(char **member, char *taken)
{
	free(*member);
	*member = taken;
}

static bool
set_app_id(char **member, const char *text, struct why *why)
{
	size_t len = strlen(text);

	if (len < 1 || len > 20 || strspn(text, "0123456789") != len) {
		why_set(why, "\"%s\" is not an app id: 1 to 20 digits", text);
		return false;
	}
	replace(member, xstrdup(text));
	return true;
}

static bool
set_url(char **member, const char *text, struct why *why)
{
	struct buf url = BUF_INIT;
	bool ok = config_url(text, &url, why);

	if (ok)
		replace(member, buf_steal(&url));
	buf_free(&url);
	return ok;
}

static void
strings_free(struct config_strings *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		free(list->s[i]);
	free(list->s);
	memset(list, 0, sizeof(*list));
}

static bool
strings_add(struct config_strings *list, const char *s, struct why *why)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (strcmp(list->s[i], s) != 0)
			continue;
		why_set(why, "\"%s\" twice", s);
		return false;
	}
	list->s = xreallocarray(list->s, list->n + 1, sizeof(*list->s));
	list->s[list->n++] = xstrdup(s);
	return true;
}

/* Adds one element of a list to the member it belongs to. */
typedef bool add_element(void *object, const char *element, struct why *);

static bool
add_string(void *list, const char *element, struct why *why)
{
	return strings_add(list, element, why);
}

static bool
add_priority(void *object, const char *element, struct why *why)
{
	struct config_nearest nearest = { element, NULL, 0 };
	struct config *c = object;
	struct buf hint = BUF_INIT;
	enum mp_identity_type type;
	size_t i;

	if (!mp_identity_by_name(element, &type)) {
		for (i = 0; i < MP_IDENTITIES; i++)
			config_nearest_try(&nearest,
			    mp_identity_name((enum mp_identity_type)i));
		why_set(why, "\"%s\" is no identity type%s", element,
		    config_nearest_hint(&nearest, &hint));
		buf_free(&hint);
		return false;
	}
	for (i = 0; i < c->priority_n; i++) {
		if (c->priority[i] != type)
			continue;
		why_set(why, "\"%s\" twice", element);
		return false;
	}
	c->priority[c->priority_n++] = type;
	return true;
}

/* The flag of a forwardable identity. */
static bool *
forward_flag(struct config_output *o, const struct config_choice *identity)
{
	if (identity->value == MP_IDENTITIES)
		return &o->forward_mpid;
	return &o->forward_identity[identity->value];
}

static bool
add_identity(void *object, const char *element, struct why *why)
{
	const struct config_choice *c;
	bool *flag;

	if (strcmp(element, "all") == 0) {
		for (c = config_forwardable; c->name != NULL; c++)
			*forward_flag(object, c) = true;
		return true;
	}
	c = find_choice(config_forwardable, element, why);
	if (c == NULL)
		return false;
	flag = forward_flag(object, c);
	if (*flag) {
		why_set(why, "\"%s\" twice", element);
		return false;
	}
	*flag = true;
	return true;
}

static void
clear_list(const struct config_row *row, void *object, void *member)
{
	struct config_output *output = object;
	struct config *c = object;

	if (row->kind == CONFIG_PRIORITY) {
		c->priority_n = 0;
	} else if (row->kind == CONFIG_IDENTITIES) {
		memset(output->forward_identity, 0,
		    sizeof(output->forward_identity));
		output->forward_mpid = false;
	} else {
		strings_free(member);
	}
}

/* Elements between commas, without the blanks around them. */
static bool
add_elements(void *to, add_element *add, const char *text, struct why *why)
{
	const char *p = text, *end;
	char *element;
	bool ok = true;

	while (ok) {
		p += strspn(p, " \t");
		end = p + strcspn(p, ", \t");
		if (end == p) {
			why_set(why, "\"%s\" has an empty place", text);
			return false;
		}
		element = xstrndup(p, (size_t)(end - p));
		ok = add(to, element, why);
		free(element);
		p = end + strspn(end, " \t");
		if (*p == '\0')
			break;
		if (*p++ != ',' && ok) {
			why_set(why, "\"%s\": separate names with commas",
			    text);
			return false;
		}
	}
	return ok;
}

static bool
set_list(const struct config_row *row, void *object, const char *text,
    bool more, struct why *why)
{
	void *member = (char *)object + row->offset;

	if (!more)
		clear_list(row, object, member);
	switch (row->kind) {
	case CONFIG_LISTEN:
		return config_listen_check(text, why) &&
		    strings_add(member, text, why);
	case CONFIG_PRIORITY:
		return add_elements(object, add_priority, text, why);
	case CONFIG_IDENTITIES:
		/* Its default is to forward none, which may be said. */
		return *text == '\0' ||
		    add_elements(object, add_identity, text, why);
	default:
		return add_elements(member, add_string, text, why);
	}
}

bool
config_value_set(const struct config_row *row, void *object,
    const char *text, bool more, struct why *why)
{
	void *member = (char *)object + row->offset;
	bool yes;

	assert(!more || config_row_repeats(row));
	if (*text == '\0' && row->kind != CONFIG_IDENTITIES) {
		why_set(why, "has no value");
		return false;
	}
	switch (row->kind) {
	case CONFIG_TEXT:
		replace(member, xstrdup(text));
		return true;
	case CONFIG_BOOL:
		return parse_bool(text, member, why);
	case CONFIG_TRISTATE:
		if (!parse_bool(text, &yes, why))
			return false;
		*(enum config_override *)member =
		    yes ? CONFIG_TRUE : CONFIG_FALSE;
		return true;
	case CONFIG_CHOICE:
		return set_choice(row, member, text, why);
	case CONFIG_COUNT:
	case CONFIG_SIZE:
	case CONFIG_DURATION:
		return set_number(row, member, text, why);
	case CONFIG_LIMIT:
		return set_limit(member, text, why);
	case CONFIG_SHARE:
		return set_share(member, text, why);
	case CONFIG_APP_ID:
		return set_app_id(member, text, why);
	case CONFIG_URL:
		return set_url(member, text, why);
	case CONFIG_LISTEN:
	case CONFIG_LIST:
	case CONFIG_PRIORITY:
	case CONFIG_IDENTITIES:
		return set_list(row, object, text, more, why);
	}
	return false;
}

static void
put_choice(const struct config_row *row, const void *member, struct buf *out)
{
	const struct config_choice *c;
	bool yes;
	int value;

	if (row->size == sizeof(yes)) {
		memcpy(&yes, member, sizeof(yes));
		value = yes;
	} else {
		memcpy(&value, member, sizeof(value));
	}
	for (c = row->choices; c->name != NULL; c++)
		if (c->value == value)
			buf_puts(out, c->name);
}

static void
put_element(const char *element, bool first, struct buf *out)
{
	buf_printf(out, "%s%s", first ? "" : ", ", element);
}

static void
put_list(const struct config_row *row, const void *object, struct buf *out)
{
	const struct config_strings *list;
	const struct config_output *output = object;
	const struct config_choice *c;
	const struct config *config = object;
	size_t start = out->len, i;

	switch (row->kind) {
	case CONFIG_PRIORITY:
		for (i = 0; i < config->priority_n; i++)
			put_element(mp_identity_name(config->priority[i]),
			    i == 0, out);
		break;
	case CONFIG_IDENTITIES:
		for (c = config_forwardable; c->name != NULL; c++)
			if (c->value == MP_IDENTITIES ? output->forward_mpid :
			    output->forward_identity[c->value])
				put_element(c->name, out->len == start, out);
		break;
	default:
		list = (const void *)((const char *)object + row->offset);
		for (i = 0; i < list->n; i++)
			put_element(list->s[i], i == 0, out);
		break;
	}
}

void
config_value_text(const struct config_row *row, const void *object,
    struct buf *out)
{
	const void *member = (const char *)object + row->offset;
	const struct config_limit *limit;
	const char *text;

	switch (row->kind) {
	case CONFIG_TEXT:
	case CONFIG_APP_ID:
	case CONFIG_URL:
		text = *(char *const *)member;
		buf_puts(out, text != NULL ? text : "");
		break;
	case CONFIG_BOOL:
		buf_puts(out, *(const bool *)member ? "true" : "false");
		break;
	case CONFIG_TRISTATE:
		if (*(const enum config_override *)member != CONFIG_UNSET)
			buf_puts(out, *(const enum config_override *)member ==
			    CONFIG_TRUE ? "true" : "false");
		break;
	case CONFIG_CHOICE:
		put_choice(row, member, out);
		break;
	case CONFIG_COUNT:
	case CONFIG_SIZE:
	case CONFIG_DURATION:
		put_number(row, *(const int64_t *)member, out);
		break;
	case CONFIG_LIMIT:
		limit = member;
		buf_printf(out, "%" PRId64 "/", limit->n);
		put_duration(limit->window_ms, out);
		break;
	case CONFIG_SHARE:
		buf_printf(out, "%.15g", *(const double *)member);
		break;
	case CONFIG_LISTEN:
	case CONFIG_LIST:
	case CONFIG_PRIORITY:
	case CONFIG_IDENTITIES:
		put_list(row, object, out);
		break;
	}
}

void
config_value_free(const struct config_row *row, void *object)
{
	void *member = (char *)object + row->offset;

	if (row->kind == CONFIG_TEXT || row->kind == CONFIG_APP_ID ||
	    row->kind == CONFIG_URL)
		replace(member, NULL);
	else if (row->kind == CONFIG_LISTEN || row->kind == CONFIG_LIST)
		strings_free(member);
}
