/*
 * mparticle.c - a request of mParticle's Events API into plain structs
 *
 * Knows what the fields of a batch mean and which values of theirs are
 * usable.  Knows nothing of Heap, of profiles or of what was sent before.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mparticle_private.h"

#define MAX_BATCHES	100			/* of one request */
#define MAX_TIME_MS	INT64_C(253402300799999) /* the end of the year 9999 */
#define MAX_TIME_DIGITS	15
#define MAX_MPID_DIGITS	19			/* those of INT64_MAX */
#define HISTORICAL_MS	(INT64_C(72) * 3600 * 1000)

/* What mp_parse gives: the caller sees the first member. */
struct parsed {
	struct mp_request request;
	struct json	*json;		/* NULL: the text is not JSON */
	struct arena	*arena;		/* also holds this struct */
};

static const char *
nonempty(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

static bool
is_blank(const char *text)
{
	return text[strspn(text, "\t\n\v\f\r ")] == '\0';
}

static bool
is_digits(const char *text, size_t max)
{
	const size_t n = strspn(text, "0123456789");

	return n > 0 && n <= max && text[n] == '\0';
}

static bool
folds_to(const cJSON *value, const char *wire)
{
	const char *text = json_text(value);

	return text != NULL && mp_folds_to(text, wire);
}

/* A usable time in ms; 0: it is none. */
static int64_t
usable_time(const cJSON *value)
{
	const char *text = mp_scalar(value);
	int64_t ms;

	if (text == NULL || !is_digits(text, MAX_TIME_DIGITS))
		return 0;
	ms = strtoll(text, NULL, 10);
	return ms <= MAX_TIME_MS ? ms : 0;
}

static bool
usable_mpid(const cJSON *value, int64_t *mpid)
{
	const char *text = mp_scalar(value);

	if (text == NULL ||
	    !is_digits(text + (text[0] == '-' ? 1 : 0), MAX_MPID_DIGITS))
		return false;
	errno = 0;
	*mpid = strtoll(text, NULL, 10);
	return errno == 0 && *mpid != 0;
}

/* Is this a GUID whose digits are all zero, which stands for "none"? */
static bool
is_zero_guid(const char *text)
{
	char digits[MP_GUID_DIGITS + 1];

	return mp_guid(text, digits) &&
	    strspn(digits, "0") == MP_GUID_DIGITS;
}

static void
read_user_identities(struct mp_batch *b)
{
	const cJSON *identities = json_get(b->root, "user_identities");
	const cJSON *value;
	const char *text;
	enum mp_identity_type type;

	cJSON_ArrayForEach(value, identities) {
		if (value->type == cJSON_NULL)
			continue;
		text = mp_scalar(value);
		if (text == NULL || is_blank(text) ||
		    !mp_user_identity_by_key(value->string, &type))
			b->ignored_identities++;
		else
			b->identity[type] = text;
	}
}

static void
read_device_identity(struct mp_batch *b, enum mp_identity_type type,
    const cJSON *parent)
{
	const cJSON *value = json_get(parent, mp_identity_name(type));
	const char *text = mp_scalar(value);

	if (value == NULL)
		return;
	if (text == NULL)
		b->ignored_identities++;
	else if (!is_blank(text) && !is_zero_guid(text))
		b->identity[type] = text;
}

static void
read_device(struct mp_batch *b)
{
	const cJSON *device = json_get(b->root, "device_info");
	unsigned t;

	b->web = folds_to(json_get(device, "platform"), "web");
	for (t = MP_USER_IDENTITIES; t < MP_MP_DEVICEID; t++)
		read_device_identity(b, (enum mp_identity_type)t, device);
	read_device_identity(b, MP_MP_DEVICEID, b->root);
}

/* UTF-8, which is known to be well-formed, as UTF-16LE; returns the bytes
 * written, at most two for each byte of the text. */
static size_t
to_utf16le(const char *text, uint8_t *out)
{
	const unsigned char *p = (const unsigned char *)text;
	uint8_t *start = out;
	uint32_t code, unit[2];
	size_t more, units, i;

	while (*p != '\0') {
		more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
		code = more == 0 ? *p : *p & (0x3fu >> more);
		for (p++; more > 0; more--)
			code = code << 6 | (*p++ & 0x3fu);
		units = code < 0x10000 ? 1 : 2;
		unit[0] = units == 1 ? code :
		    0xd800 + ((code - 0x10000) >> 10);
		unit[1] = 0xdc00 + (code & 0x3ff);
		for (i = 0; i < units; i++) {
			*out++ = (uint8_t)(unit[i] & 0xff);
			*out++ = (uint8_t)(unit[i] >> 8);
		}
	}
	return (size_t)(out - start);
}

/* The session id that the service itself derives from a session's UUID. */
static const char *
hashed_session(struct arena *arena, const char *uuid)
{
	uint8_t *units = arena_alloc(arena, 2 * strlen(uuid));
	const size_t n = to_utf16le(uuid, units);

	return arena_printf(arena, "%" PRId64, (int64_t)hash_fnv1a(units, n));
}

static const char *
session_id(struct arena *arena, const cJSON *event_data)
{
	const cJSON *id = json_get(event_data, "session_id");
	const char *text = nonempty(json_text(id));
	const char *literal = json_literal(id);
	const char *uuid;

	if (text != NULL && strcmp(text, "0") != 0)
		return text;
	if (literal != NULL && json_is_integer(literal) &&
	    strspn(literal, "-0") != strlen(literal))
		return literal;
	uuid = nonempty(json_text(json_get(event_data, "session_uuid")));
	return uuid != NULL ? hashed_session(arena, uuid) : NULL;
}

static const char *
compact_text(struct arena *arena, const cJSON *value)
{
	struct buf text = BUF_INIT;
	const char *kept;

	json_put(&text, value);
	kept = arena_strndup(arena, text.p, text.len);
	buf_free(&text);
	return kept;
}

static void
read_event(struct mp_event *e, struct arena *arena, const cJSON *event)
{
	const cJSON *type = json_get(event, "event_type");
	const char *name = json_text(type);

	e->type = name != NULL ? mp_event_type_by_name(name) : MP_OTHER_TYPE;
	e->type_name = mp_event_type_name(e->type);
	if (e->type_name == NULL)
		e->type_name = name != NULL ? name : compact_text(arena, type);
	e->event_data = json_get(event, "data");
	e->timestamp_ms =
	    usable_time(json_get(e->event_data, "timestamp_unixtime_ms"));
	e->source_message_id = nonempty(
	    json_text(json_get(e->event_data, "source_message_id")));
	e->session_id = session_id(arena, e->event_data);
}

static size_t
count(const cJSON *list)
{
	const cJSON *entry;
	size_t n = 0;

	if (list == NULL || list->type != cJSON_Array)
		return 0;
	cJSON_ArrayForEach(entry, list)
		n++;
	return n;
}

static void
read_events(struct mp_batch *b, struct arena *arena)
{
	const cJSON *events = json_get(b->root, "events"), *event;
	size_t i = 0;

	b->events_n = count(events);
	b->events = arena_calloc(arena, b->events_n, sizeof(*b->events));
	cJSON_ArrayForEach(event, events)
		read_event(&b->events[i++], arena, event);
}

/* A batch that was not refused, into zeroes. */
static void
read_batch(struct mp_batch *b, const struct mp_judged *in, const cJSON *root,
    size_t index)
{
	b->index = index;
	b->root = root;
	b->text = in->text + json_begin(root);
	b->text_len = json_end(in->text, in->len, root) - json_begin(root);
	b->development = folds_to(json_get(root, "environment"),
	    "development");
	b->has_mpid = usable_mpid(json_get(root, "mpid"), &b->mpid);
	b->source_request_id =
	    nonempty(json_text(json_get(root, "source_request_id")));
	b->timestamp_ms = usable_time(json_get(root, "timestamp_unixtime_ms"));
	read_user_identities(b);
	read_device(b);
	b->user_attributes = json_get(root, "user_attributes");
	b->deleted_attributes =
	    count(json_get(root, "deleted_user_attributes"));
	read_events(b, in->arena);
}

static void
refuse(struct mp_request *r, int64_t batch, const char *message)
{
	struct mp_refusal *refusal = &r->refusals[r->refusals_n++];

	refusal->batch = batch;
	refusal->message = message;
}

static void
refuse_all(struct mp_request *r, struct arena *arena, const char *message)
{
	r->refusals = arena_calloc(arena, 1, sizeof(*r->refusals));
	refuse(r, -1, message);
}

/* One element of the request: a batch, or why not. */
static void
read_element(struct mp_request *r, const struct mp_judged *in,
    const cJSON *element, size_t index)
{
	const char *message = mp_judge_batch(in, element, index);

	if (message != NULL)
		refuse(r, (int64_t)index, message);
	else
		read_batch(&r->batches[r->batches_n++], in, element, index);
}

static void
read_request(struct mp_request *r, const struct mp_judged *in,
    const cJSON *root)
{
	const size_t n = in->bulk ? count(root) : 1;
	const char *message = mp_judge_root(in, root);
	const cJSON *element;
	size_t i = 0;

	if (message == NULL && n > MAX_BATCHES)
		message = arena_printf(in->arena, "A request may hold at most "
		    "%d batches; this one holds %zu.", MAX_BATCHES, n);
	if (message != NULL) {
		refuse_all(r, in->arena, message);
		return;
	}

	r->batches = arena_calloc(in->arena, n, sizeof(*r->batches));
	r->refusals = arena_calloc(in->arena, n, sizeof(*r->refusals));
	if (!in->bulk)
		read_element(r, in, root, 0);
	else
		cJSON_ArrayForEach(element, root)
			read_element(r, in, element, i++);
}

struct mp_request *
mp_parse(enum mp_path path, const char *text, size_t len)
{
	struct arena *arena = arena_new();
	struct parsed *parsed = arena_calloc(arena, 1, sizeof(*parsed));
	struct mp_request *r = &parsed->request;
	const struct mp_judged in = { text, len, path != MP_EVENTS, arena };
	struct why why;

	parsed->arena = arena;
	parsed->json = json_parse(text, len, &why);
	if (parsed->json == NULL)
		refuse_all(r, arena, arena_printf(arena, "Malformed JSON: %s",
		    why.text));
	else
		read_request(r, &in, json_root(parsed->json));
	return r;
}

void
mp_request_free(struct mp_request *r)
{
	struct parsed *parsed = (struct parsed *)r;

	if (parsed == NULL)
		return;
	json_free(parsed->json);
	arena_free(parsed->arena);
}

bool
mp_historical_valid(const struct mp_batch *b, int64_t received_at)
{
	size_t i;

	for (i = 0; i < b->events_n; i++)
		if (b->events[i].timestamp_ms == 0 ||
		    received_at - b->events[i].timestamp_ms < HISTORICAL_MS)
			return false;
	return b->events_n > 0;
}
