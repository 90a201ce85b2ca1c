/*
 * map_value.c - property values and `properties` objects
 *
 * Knows which JSON value becomes which property, under which name.  Knows
 * nothing of events, users or requests.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "map_value.h"

#define LIST_SEPARATOR	"||"
#define RENAMED		"attr."

/* The largest integer that every reader which holds numbers as doubles keeps
 * exactly: 2^53 - 1. */
#define MAX_INTEGER	"9007199254740991"

/*
 * A custom name that another one of its object may meet.
 *
 * The keys of one JSON object differ already.  So two names can only meet
 * when one of them was changed: cut, or prefixed because the mapping needs
 * the name itself.  Names that look like neither result are not remembered,
 * which leaves hardly any, however large the object is.
 */
struct map_name {
	struct map_name	*next;
	size_t		 len;
	const char	*text;
};

void
map_writer_free(struct map_writer *w)
{
	buf_free(&w->out);
	buf_free(&w->list);
	buf_free(&w->scratch);
	buf_free(&w->key);
}

size_t
map_cut(const char *text, uint64_t *counter)
{
	size_t len = strlen(text), kept;

	/* No character has more UTF-16 units than bytes of UTF-8. */
	if (len <= HEAP_MAX_TEXT)
		return len;
	kept = json_cut(text, HEAP_MAX_TEXT);
	if (kept < len)
		(*counter)++;
	return kept;
}

static void
put_cut(struct map_writer *w, const char *text)
{
	json_put_text_n(&w->out, text,
	    map_cut(text, &w->counts->truncated_value));
}

static const char *
compact(struct map_writer *w, const cJSON *x)
{
	buf_reset(&w->scratch);
	json_put(&w->scratch, x);
	return buf_str(&w->scratch);
}

void
map_list_begin(struct map_list *l, struct map_writer *w)
{
	l->w = w;
	l->units = 0;
	l->any = false;
	l->full = false;
	buf_reset(&w->list);
}

static const char *
element_text(struct map_writer *w, const cJSON *x)
{
	if (cJSON_IsString(x))
		return json_text(x);
	if (cJSON_IsNumber(x))
		return json_literal(x);
	if (cJSON_IsBool(x))
		return cJSON_IsTrue(x) ? "true" : "false";
	w->counts->stringified_object++;
	return compact(w, x);
}

void
map_list_add(struct map_list *l, const cJSON *element)
{
	struct map_writer *w = l->w;
	const char *text;
	size_t units;

	if (l->full || element == NULL || cJSON_IsNull(element))
		return;
	text = element_text(w, element);
	if (!l->any) {
		l->any = true;
		buf_put(&w->list, text,
		    map_cut(text, &w->counts->truncated_value));
		l->units = json_units(buf_str(&w->list));
		return;
	}
	units = strlen(LIST_SEPARATOR) + json_units(text);
	if (units > HEAP_MAX_TEXT - l->units) {
		l->full = true;
		w->counts->truncated_value++;
		return;
	}
	buf_puts(&w->list, LIST_SEPARATOR);
	buf_puts(&w->list, text);
	l->units += units;
}

/* V(x) has a value. */
static bool
is_present(const cJSON *x)
{
	const cJSON *element;

	if (x == NULL || cJSON_IsNull(x))
		return false;
	if (!cJSON_IsArray(x))
		return true;
	cJSON_ArrayForEach(element, x)
		if (!cJSON_IsNull(element))
			return true;
	return false;
}

static bool
is_safe_integer(const char *literal)
{
	const char *digits = literal + (literal[0] == '-');
	size_t n = strlen(digits), max = strlen(MAX_INTEGER);

	return n < max || (n == max && strcmp(digits, MAX_INTEGER) <= 0);
}

static void
put_literal(struct map_writer *w, const char *literal)
{
	bool integer = json_is_integer(literal);

	if (integer ? is_safe_integer(literal) : isfinite(strtod(literal,
	    NULL))) {
		buf_puts(&w->out, literal);
		return;
	}
	if (integer)
		w->counts->stringified_integer++;
	put_cut(w, literal);
}

static void
put_array(struct map_writer *w, const cJSON *x)
{
	struct map_list list;
	const cJSON *element;

	map_list_begin(&list, w);
	cJSON_ArrayForEach(element, x)
		map_list_add(&list, element);
	w->counts->joined_list++;
	json_put_text_n(&w->out, buf_str(&w->list), w->list.len);
}

/* V(x) of a value that is present. */
static void
put_value(struct map_writer *w, const cJSON *x)
{
	if (cJSON_IsString(x)) {
		put_cut(w, json_text(x));
	} else if (cJSON_IsNumber(x)) {
		put_literal(w, json_literal(x));
	} else if (cJSON_IsBool(x)) {
		buf_puts(&w->out, cJSON_IsTrue(x) ? "\"true\"" : "\"false\"");
	} else if (cJSON_IsArray(x)) {
		put_array(w, x);
	} else {
		w->counts->stringified_object++;
		put_cut(w, compact(w, x));
	}
}

void
map_props_begin(struct map_props *p, struct map_writer *w, bool user)
{
	p->w = w;
	p->begin = w->out.len;
	p->system_n = 0;
	p->names = NULL;
	p->user = user;
	buf_putc(&w->out, '{');
}

static void
put_name(struct map_props *p, const char *name, size_t len)
{
	if (p->w->out.len > p->begin + 1)
		buf_putc(&p->w->out, ',');
	json_put_text_n(&p->w->out, name, len);
	buf_putc(&p->w->out, ':');
}

static void
add_system(struct map_props *p, const char *name)
{
	assert(p->system_n < MAP_SYSTEM_MAX);
	p->system[p->system_n++] = name;
	put_name(p, name, strlen(name));
}

void
map_props_value(struct map_props *p, const char *name, const cJSON *x)
{
	if (!is_present(x))
		return;
	add_system(p, name);
	put_value(p->w, x);
}

void
map_props_number(struct map_props *p, const char *name, const cJSON *x)
{
	const char *text = json_text(x);

	if (text == NULL || !json_is_number(text)) {
		if (text == NULL || text[0] != '\0')
			map_props_value(p, name, x);
		return;
	}
	add_system(p, name);
	put_literal(p->w, text);
}

/* Equality without regard to ASCII case and underscores. */
static bool
folds_alike(const char *a, const char *b)
{
	int c, d;

	do {
		while (*a == '_')
			a++;
		while (*b == '_')
			b++;
		c = *a >= 'A' && *a <= 'Z' ? *a + ('a' - 'A') : *a;
		d = *b >= 'A' && *b <= 'Z' ? *b + ('a' - 'A') : *b;
		a++;
		b++;
	} while (c == d && c != '\0');
	return c == d;
}

void
map_props_enum(struct map_props *p, const char *name, const cJSON *x,
    const char *const *set)
{
	const char *text = json_text(x);

	for (; text != NULL && *set != NULL; set++)
		if (folds_alike(text, *set)) {
			map_props_text(p, name, *set);
			return;
		}
	map_props_value(p, name, x);
}

void
map_props_text(struct map_props *p, const char *name, const char *text)
{
	if (text == NULL)
		return;
	add_system(p, name);
	put_cut(p->w, text);
}

void
map_props_list(struct map_props *p, const char *name,
    const struct map_list *l)
{
	if (!l->any)
		return;
	add_system(p, name);
	json_put_text_n(&p->w->out, buf_str(&p->w->list), p->w->list.len);
}

/* The name belongs to the mapping, or is one that Heap refuses of users. */
static bool
is_reserved(const struct map_props *p, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < p->system_n; i++)
		if (strlen(p->system[i]) == len &&
		    memcmp(p->system[i], name, len) == 0)
			return true;
	return p->user &&
	    ((len == 2 && (name[0] | 0x20) == 'i' && (name[1] | 0x20) == 'd') ||
	    (len == 7 && memcmp(name, "user_id", 7) == 0));
}

/* See struct map_name. */
static bool
may_meet(const struct map_props *p, const char *name, size_t len)
{
	const size_t prefix = strlen(RENAMED);

	/* A cut text has at least one unit less than the maximum. */
	return len >= HEAP_MAX_TEXT - 1 || (len > prefix &&
	    memcmp(name, RENAMED, prefix) == 0 &&
	    is_reserved(p, name + prefix, len - prefix));
}

/* Notes a custom name; false: the object has it. */
static bool
claim_name(struct map_props *p, const char *name, size_t len)
{
	struct map_name *n;

	if (!may_meet(p, name, len))
		return true;
	for (n = p->names; n != NULL; n = n->next)
		if (n->len == len && memcmp(n->text, name, len) == 0)
			return false;
	n = arena_alloc(p->w->arena, sizeof(*n));
	n->next = p->names;
	n->len = len;
	n->text = name;
	p->names = n;
	return true;
}

static void
add_custom(struct map_props *p, const cJSON *x)
{
	struct map_counts *counts = p->w->counts;
	const char *name = x->string;
	size_t len = map_cut(name, &counts->truncated_name);
	bool renamed = is_reserved(p, name, len);

	if (renamed) {
		/* Reserved names are short: nothing to cut. */
		name = arena_printf(p->w->arena, RENAMED "%s", name);
		len += strlen(RENAMED);
	}
	if (!claim_name(p, name, len)) {
		counts->property_collision++;
		return;
	}
	counts->renamed_property += renamed;
	put_name(p, name, len);
	put_value(p->w, x);
}

void
map_props_custom(struct map_props *p, const cJSON *custom)
{
	const cJSON *x;

	if (!cJSON_IsObject(custom))
		return;
	cJSON_ArrayForEach(x, custom)
		if (x->string[0] != '\0' && is_present(x))
			add_custom(p, x);
}

bool
map_props_end(struct map_props *p)
{
	bool any = p->w->out.len > p->begin + 1;

	buf_putc(&p->w->out, '}');
	return any;
}
