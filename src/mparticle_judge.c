/*
 * mparticle_judge.c - what a batch is refused for
 *
 * Knows the conversions that mParticle's service is recorded to fail at, and
 * its messages, paths and positions.  Knows nothing of what an accepted batch
 * means.
 */
#include <string.h>

#include "log.h"
#include "mparticle_private.h"

enum wanted { WANT_OBJECT, WANT_ARRAY, WANT_STRING, WANT_GUID };

/* A path, from its last element upwards. */
struct step {
	const struct step *up;		/* NULL: the path begins here */
	const char	*name;		/* NULL: an index */
	size_t		 index;
};

/* The looking through one batch: keeps the fault that comes first. */
struct search {
	const struct mp_judged *in;
	const cJSON	*value;		/* the fault; NULL: none so far */
	enum wanted	 wanted;	/* what `value` should have been */
	struct buf	 path;		/* to `value` */
};

static void
put_html_char(struct buf *b, char c)
{
	switch (c) {
	case '&':
		buf_puts(b, "&amp;");
		break;
	case '<':
		buf_puts(b, "&lt;");
		break;
	case '>':
		buf_puts(b, "&gt;");
		break;
	case '"':
		buf_puts(b, "&quot;");
		break;
	default:
		buf_putc(b, c);
	}
}

static void
put_html(struct buf *b, const char *text)
{
	for (; *text != '\0'; text++)
		put_html_char(b, *text);
}

/* The line ends that lie beyond ASCII, and their escapes in a path. */
static const struct {
	const char	*utf8;
	const char	*escape;
} far_line_ends[] = {
	{ "\xc2\x85", "\\u0085" },
	{ "\xe2\x80\xa8", "\\u2028" },
	{ "\xe2\x80\xa9", "\\u2029" }
};

static bool
needs_brackets(const char *name)
{
	size_t i;

	if (strpbrk(name, ". '/\"[]()\\\t\n\r\f\b") != NULL)
		return true;
	for (i = 0; i < HR_COUNT(far_line_ends); i++)
		if (strstr(name, far_line_ends[i].utf8) != NULL)
			return true;
	return false;
}

/* One character of a name in brackets; returns the bytes it took. */
static size_t
put_bracketed_char(struct buf *b, const char *p)
{
	static const char controls[] = "\t\n\r\f\b";
	static const char letters[] = "tnrfb";
	const char *control = strchr(controls, *p);
	size_t i;

	for (i = 0; i < HR_COUNT(far_line_ends); i++) {
		const size_t n = strlen(far_line_ends[i].utf8);

		if (strncmp(p, far_line_ends[i].utf8, n) == 0) {
			buf_puts(b, far_line_ends[i].escape);
			return n;
		}
	}
	if (*p == '\'' || *p == '\\')
		buf_printf(b, "\\%c", *p);
	else if (control != NULL)
		buf_printf(b, "\\%c", letters[control - controls]);
	else if ((unsigned char)*p < 0x20)
		buf_printf(b, "\\u%04x", (unsigned)*p);
	else
		put_html_char(b, *p);
	return 1;
}

static void
put_path(struct buf *b, const struct step *step)
{
	const char *p;

	if (step == NULL)
		return;
	put_path(b, step->up);
	if (step->name == NULL) {
		buf_printf(b, "[%zu]", step->index);
	} else if (needs_brackets(step->name)) {
		buf_puts(b, "['");
		for (p = step->name; *p != '\0'; )
			p += put_bracketed_char(b, p);
		buf_puts(b, "']");
	} else {
		if (step->up != NULL)
			buf_putc(b, '.');
		put_html(b, step->name);
	}
}

/*
 * Text order, not tree order: the value of a key that occurs twice stands
 * where its first occurrence is.
 */
static void
note(struct search *s, const cJSON *value, enum wanted wanted,
    const struct step *at)
{
	if (s->value != NULL && json_begin(s->value) < json_begin(value))
		return;
	s->value = value;
	s->wanted = wanted;
	buf_reset(&s->path);
	put_path(&s->path, at);
}

static const char *
token_name(const cJSON *value)
{
	switch (value->type) {
	case cJSON_Object:
		return "StartObject";
	case cJSON_Array:
		return "StartArray";
	case cJSON_String:
		return "String";
	case cJSON_Number:
		return json_is_integer(value->valuestring) ? "Integer" :
		    "Float";
	case cJSON_True:
	case cJSON_False:
		return "Boolean";
	case cJSON_NULL:
		return "Null";
	default:
		bug("mparticle: a node of cJSON type %d", value->type);
	}
}

static bool
is_container(const cJSON *value)
{
	return value->type == cJSON_Object || value->type == cJSON_Array;
}

static void
put_complaint(struct buf *b, const cJSON *value, enum wanted wanted)
{
	static const char *const names[] = {
		[WANT_OBJECT] = "object",
		[WANT_ARRAY] = "array",
		[WANT_STRING] = "string"
	};

	if (wanted != WANT_GUID) {
		buf_printf(b, "Error reading %s. Unexpected token: %s.",
		    names[wanted], token_name(value));
		return;
	}
	buf_puts(b, "Error converting value ");
	if (json_text(value) != NULL) {
		buf_puts(b, "&quot;");
		put_html(b, json_text(value));
		buf_puts(b, "&quot;");
	} else {
		json_put(b, value);
	}
	buf_puts(b, " to type 'System.Guid'.");
}

/* The message about what was found, or NULL; ends the search. */
static const char *
end_search(struct search *s)
{
	const struct mp_judged *in = s->in;
	struct buf text = BUF_INIT;
	size_t at, line, position;
	char *message = NULL;

	if (s->value != NULL) {
		at = is_container(s->value) ? json_begin(s->value) :
		    json_end(in->text, in->len, s->value) - 1;
		json_position(in->text, in->len, at, &line, &position);
		put_complaint(&text, s->value, s->wanted);
		buf_printf(&text, " Path '%s', line %zu, position %zu.",
		    buf_str(&s->path), line, position);
		message = arena_strndup(in->arena, text.p, text.len);
		buf_free(&text);
	}
	buf_free(&s->path);
	return message;
}

/* The member if it is an object; NULL: absent, null or, noted, another. */
static const cJSON *
want_object(struct search *s, const cJSON *parent, const struct step *at)
{
	const cJSON *value = json_get(parent, at->name);

	if (value == NULL || value->type == cJSON_Object)
		return value;
	note(s, value, WANT_OBJECT, at);
	return NULL;
}

static void
want_guid(struct search *s, const cJSON *parent, const struct step *at)
{
	const cJSON *value = json_get(parent, at->name);
	const char *text = json_text(value);
	char digits[MP_GUID_DIGITS + 1];

	if (value == NULL)
		return;
	if (is_container(value))
		note(s, value, WANT_STRING, at);
	else if (text == NULL || (text[0] != '\0' && !mp_guid(text, digits)))
		note(s, value, WANT_GUID, at);
}

static void
judge_custom_attributes(struct search *s, const cJSON *parent,
    const struct step *up)
{
	const struct step here = { up, "custom_attributes", 0 };
	const cJSON *attributes = want_object(s, parent, &here), *value;

	cJSON_ArrayForEach(value, attributes) {
		const struct step at = { &here, value->string, 0 };

		if (value->type == cJSON_Object)
			note(s, value, WANT_STRING, &at);
	}
}

/* The products of a product action or of an impression, if there are any. */
static void
judge_products(struct search *s, const cJSON *parent, const struct step *up)
{
	const struct step here = { up, "products", 0 };
	const cJSON *products = json_get(parent, "products"), *product;
	size_t i = 0;

	if (products == NULL || products->type != cJSON_Array)
		return;
	cJSON_ArrayForEach(product, products) {
		const struct step at = { &here, NULL, i++ };

		judge_custom_attributes(s, product, &at);
	}
}

static void
judge_commerce(struct search *s, const cJSON *event_data,
    const struct step *up)
{
	const struct step action = { up, "product_action", 0 };
	const struct step impressions = { up, "product_impressions", 0 };
	const cJSON *list = json_get(event_data, impressions.name);
	const cJSON *impression;
	size_t i = 0;

	judge_products(s, json_get(event_data, action.name), &action);
	if (list == NULL || list->type != cJSON_Array)
		return;
	cJSON_ArrayForEach(impression, list) {
		const struct step at = { &impressions, NULL, i++ };

		judge_products(s, impression, &at);
	}
}

/* Paths inside an event begin at the event. */
static void
judge_event(struct search *s, const cJSON *event)
{
	const struct step here = { NULL, "data", 0 };
	const cJSON *event_data = want_object(s, event, &here);
	const char *type = json_text(json_get(event, "event_type"));

	judge_custom_attributes(s, event_data, &here);
	if (type != NULL && mp_event_type_by_name(type) == MP_COMMERCE_EVENT)
		judge_commerce(s, event_data, &here);
}

static void
judge_events(struct search *s, const cJSON *batch, const struct step *up)
{
	const struct step here = { up, "events", 0 };
	const cJSON *events = json_get(batch, here.name), *event;
	size_t i = 0;

	if (events == NULL)
		return;
	if (events->type != cJSON_Array) {
		note(s, events, WANT_ARRAY, &here);
		return;
	}
	cJSON_ArrayForEach(event, events) {
		const struct step at = { &here, NULL, i++ };

		if (event->type == cJSON_Object)
			judge_event(s, event);
		else if (event->type != cJSON_NULL)
			note(s, event, WANT_OBJECT, &at);
	}
}

static void
judge_device_info(struct search *s, const cJSON *batch, const struct step *up)
{
	const struct step here = { up, "device_info", 0 };
	const cJSON *device = want_object(s, batch, &here);
	unsigned t;

	for (t = MP_USER_IDENTITIES; t < MP_MP_DEVICEID; t++) {
		const struct step at = { &here,
		    mp_identity_name((enum mp_identity_type)t), 0 };

		if (mp_identity_is_guid((enum mp_identity_type)t))
			want_guid(s, device, &at);
	}
}

static void
judge_fields(struct search *s, const cJSON *batch, const struct step *up)
{
	const struct step identities = { up, "user_identities", 0 };
	const struct step attributes = { up, "user_attributes", 0 };
	const struct step deviceid = { up, "mp_deviceid", 0 };

	(void)want_object(s, batch, &identities);
	(void)want_object(s, batch, &attributes);
	want_guid(s, batch, &deviceid);
	judge_device_info(s, batch, up);
	judge_events(s, batch, up);
}

/* Has every event a type?  An event that is null has none. */
static bool
all_typed(const cJSON *batch)
{
	const cJSON *events = json_get(batch, "events"), *event, *type;

	cJSON_ArrayForEach(event, events) {
		type = json_get(event, "event_type");
		if (type == NULL || (type->type == cJSON_String &&
		    type->valuestring[0] == '\0'))
			return false;
	}
	return true;
}

const char *
mp_judge_root(const struct mp_judged *in, const cJSON *root)
{
	struct search s = { .in = in };

	if (in->bulk && root->type != cJSON_Array)
		note(&s, root, WANT_ARRAY, NULL);
	else if (!in->bulk && root->type != cJSON_Object)
		note(&s, root, WANT_OBJECT, NULL);
	return end_search(&s);
}

const char *
mp_judge_batch(const struct mp_judged *in, const cJSON *batch, size_t index)
{
	const struct step at = { NULL, NULL, index };
	struct search s = { .in = in };
	const char *message;

	if (batch->type == cJSON_Object)
		judge_fields(&s, batch, in->bulk ? &at : NULL);
	else
		note(&s, batch, WANT_OBJECT, &at);
	message = end_search(&s);
	if (message == NULL && !all_typed(batch))
		message = "Required event field \"event_type\" is missing or "
		    "empty.";
	return message;
}
