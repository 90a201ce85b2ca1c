/*
 * update.c - user-properties updates: what they set, and how they merge
 *
 * Knows properties, their origins and their order.  Knows nothing of rows,
 * states or requests.
 *
 * Texts were made here or by map, so one that is not as promised is our own
 * mistake.
 */
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "json.h"
#include "log.h"
#include "update.h"

struct property {
	const cJSON	*value;		/* with its name */
	int64_t		 origin;
	bool		 gone;		/* merged, or taken out */
};

struct update {
	struct json	**json;		/* the users elements that were read */
	size_t		 json_n;
	const cJSON	*identity;	/* as it is sent; NULL: not known */
	struct property	*property;	/* in their order */
	size_t		 n;
	size_t		 room;
	/* Those that are not gone, by name; NULL: to be made. */
	struct property	**by_name;
	size_t		 by_name_n;
};

void
update_text_free(struct update_text *t)
{
	buf_free(&t->payload);
	buf_free(&t->origins);
	t->objects = t->sent = 0;
}

/* --- reading ---------------------------------------------------------- */

/* The origins of properties, one after the other. */
struct origins {
	const char	*at;		/* the rest of the text */
	int64_t		 origin;
	long long	 left;		/* properties that still have it */
};

static int64_t
next_origin(struct origins *o)
{
	char *end;

	if (o->left == 0) {
		o->origin = strtoll(o->at, &end, 10);
		if (*end != '*')
			bug("update: no origin of a property at=\"%s\"", o->at);
		o->left = strtoll(end + 1, &end, 10);
		if (o->left <= 0)
			bug("update: no count of an origin at=\"%s\"", o->at);
		o->at = end + strspn(end, " ");
	}
	o->left--;
	return o->origin;
}

static void
append(struct update *u, const cJSON *value, int64_t origin)
{
	if (u->n == u->room) {
		u->room = u->room > 0 ? 2 * u->room : 8;
		u->property = xreallocarray(u->property, u->room,
		    sizeof(*u->property));
	}
	u->property[u->n++] = (struct property){ .value = value,
	    .origin = origin };
}

/* One users element; if it is not wanted, only its origins are passed by. */
static void
read_element(struct update *u, const char *text, size_t len, bool wanted,
    struct origins *origins)
{
	const cJSON *properties, *p;
	struct json *json;
	struct why why;

	json = json_parse(text, len, &why);
	if (json == NULL)
		bug("update: a payload is no JSON: %s", why.text);
	properties = json_get(json_root(json), "properties");
	if (json_get(json_root(json), "identity") == NULL ||
	    properties == NULL || properties->type != cJSON_Object)
		bug("update: a payload is no users element bytes=%zu", len);
	cJSON_ArrayForEach(p, properties) {
		int64_t origin = next_origin(origins);

		if (wanted)
			append(u, p, origin);
	}
	if (!wanted) {
		json_free(json);
		return;
	}
	u->identity = json_get(json_root(json), "identity");
	u->json = xreallocarray(u->json, u->json_n + 1, sizeof(*u->json));
	u->json[u->json_n++] = json;
}

struct update *
update_read(int64_t id, struct update_text *t, enum update_part part)
{
	struct update *u = xcalloc(1, sizeof(*u));
	struct origins origins = { .at = "", .origin = id,
	    .left = INT64_MAX };
	size_t from, to, objects;

	if (t->origins.len > 0) {
		origins.at = buf_str(&t->origins);
		origins.left = 0;
	}
	for (from = 0; heap_slice(t->payload.p, t->payload.len, from, 1,
	    SIZE_MAX, &to, &objects); from = to + 1)
		if (part != UPDATE_SENT || from < t->sent)
			read_element(u, t->payload.p + from, to - from,
			    part != UPDATE_REST || from >= t->sent, &origins);
	return u;
}

void
update_free(struct update *u)
{
	size_t i;

	if (u == NULL)
		return;
	for (i = 0; i < u->json_n; i++)
		json_free(u->json[i]);
	free(u->json);
	free(u->property);
	free(u->by_name);
	free(u);
}

/* --- merging ---------------------------------------------------------- */

static const char *
name_of(const struct property *p)
{
	return p->value->string;
}

static int
compare_names(const void *one, const void *other)
{
	const struct property *const *a = one, *const *b = other;

	return strcmp(name_of(*a), name_of(*b));
}

/* By name, and among those of one name by position. */
static int
compare_places(const void *one, const void *other)
{
	const struct property *const *a = one, *const *b = other;
	int order = compare_names(one, other);

	return order != 0 ? order : (*a > *b) - (*a < *b);
}

/* Puts the names in order; of those that are there twice the first one gets
 * the newest value, and the others are gone. */
static void
put_in_order(struct update *u)
{
	struct property *p, **sorted;
	size_t i, n = 0;

	if (u->by_name != NULL)
		return;
	sorted = xreallocarray(NULL, u->n + 1, sizeof(struct property *));
	for (i = 0; i < u->n; i++)
		if (!u->property[i].gone)
			sorted[n++] = &u->property[i];
	qsort(sorted, n, sizeof(struct property *), compare_places);
	u->by_name_n = 0;
	for (i = 0; i < n; i++) {
		p = u->by_name_n > 0 ? sorted[u->by_name_n - 1] : NULL;
		if (p == NULL || strcmp(name_of(p), name_of(sorted[i])) != 0) {
			sorted[u->by_name_n++] = sorted[i];
			continue;
		}
		if (sorted[i]->origin >= p->origin) {
			p->value = sorted[i]->value;
			p->origin = sorted[i]->origin;
		}
		sorted[i]->gone = true;
	}
	u->by_name = sorted;
}

static void
forget_order(struct update *u)
{
	free(u->by_name);
	u->by_name = NULL;
}

/* The users elements that were read go over to another update. */
static void
hand_over(struct update *from, struct update *to)
{
	size_t n = to->json_n + from->json_n;

	to->json = xreallocarray(to->json, n, sizeof(*to->json));
	if (from->json_n > 0)
		memcpy(to->json + to->json_n, from->json,
		    from->json_n * sizeof(*to->json));
	to->json_n = n;
	from->json_n = 0;
	if (from->identity != NULL)
		to->identity = from->identity;
}

void
update_add(struct update *u, struct update *other)
{
	size_t i;

	for (i = 0; i < other->n; i++)
		if (!other->property[i].gone)
			append(u, other->property[i].value,
			    other->property[i].origin);
	hand_over(other, u);
	update_free(other);
	forget_order(u);
}

void
update_subtract(struct update *u, struct update *newer)
{
	struct property *p, **found;
	size_t i;

	put_in_order(newer);
	for (i = 0; i < u->n; i++) {
		p = &u->property[i];
		if (p->gone)
			continue;
		found = bsearch(&p, newer->by_name, newer->by_name_n,
		    sizeof(struct property *), compare_names);
		if (found != NULL && (*found)->origin > p->origin)
			p->gone = true;
	}
	forget_order(u);
}

size_t
update_count(struct update *u)
{
	put_in_order(u);
	return u->by_name_n;
}

/* --- writing ---------------------------------------------------------- */

static const char element_end[] = "}}";

static void
begin_element(const struct update *u, struct update_text *t)
{
	if (t->payload.len > 0)
		buf_putc(&t->payload, ',');
	buf_puts(&t->payload, "{\"identity\":");
	json_put(&t->payload, u->identity);
	buf_puts(&t->payload, ",\"properties\":{");
	t->objects++;
}

/* Properties in turn, with what was written of them so far. */
struct writing {
	struct update_text *text;
	size_t		 max_bytes;
	size_t		 begun;		/* where the open element begins */
	bool		 open;		/* it has a property */
	/* The run of origins that is not yet written. */
	int64_t		 origin;
	size_t		 run;
};

static void
end_run(struct writing *w)
{
	if (w->run > 0)
		buf_printf(&w->text->origins, "%s%lld*%zu",
		    w->text->origins.len > 0 ? " " : "",
		    (long long)w->origin, w->run);
	w->run = 0;
}

static void
put_property(const struct update *u, struct writing *w,
    const struct property *p, const struct buf *member)
{
	struct buf *out = &w->text->payload;

	if (w->open && out->len - w->begun + strlen(",") + member->len +
	    strlen(element_end) > w->max_bytes) {
		buf_puts(out, element_end);
		w->open = false;
	}
	if (w->open) {
		buf_putc(out, ',');
	} else {
		w->begun = out->len > 0 ? out->len + strlen(",") : 0;
		begin_element(u, w->text);
		w->open = true;
	}
	buf_put(out, member->p, member->len);
	if (w->run > 0 && w->origin != p->origin)
		end_run(w);
	w->origin = p->origin;
	w->run++;
}

void
update_put(struct update *u, size_t max_bytes, struct update_text *t)
{
	struct writing w = { .text = t, .max_bytes = max_bytes };
	struct buf member = BUF_INIT;
	const struct property *p;
	size_t i;

	put_in_order(u);
	for (i = 0; i < u->n; i++) {
		p = &u->property[i];
		if (p->gone)
			continue;
		buf_reset(&member);
		json_put_text(&member, name_of(p));
		buf_putc(&member, ':');
		json_put(&member, p->value);
		put_property(u, &w, p, &member);
	}
	if (w.open)
		buf_puts(&t->payload, element_end);
	end_run(&w);
	buf_free(&member);
}
