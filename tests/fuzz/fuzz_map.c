/*
 * fuzz_map.c - whatever a batch says, what leaves is within Heap's contract
 *
 * Of each payload: strict JSON in its one canonical spelling; the members
 * Heap knows, in order; names and values within its limits; numbers that are
 * literals of the batch, digit for digit; request bodies within size and
 * count.  The first byte of the input chooses the settings, the rest is the
 * body of POST /v2/events, or of /v2/bulkevents.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "log.h"
#include "map.h"

#define RECEIVED_AT	INT64_C(1700000000000)
#define MAX_SAFE	INT64_C(9007199254740991)
#define APP_ID		"12345678901234567890"	/* the longest */

enum setting {		/* bits of the first byte */
	ATTRIBUTES	= 1,
	IDENTITIES	= 2,
	CUSTOMER_ID	= 4,
	DEVELOPMENT	= 8,
	NO_WEB		= 16,
	FEED		= 32,
	BULK		= 64,
	ITEM		= 128
};

/* Number literals of a batch, and texts that are one. */
struct literals {
	const char	**s;
	size_t		  n;
};

static void
gather(struct literals *l, const cJSON *value)
{
	const char *text = json_literal(value);
	const cJSON *child;

	if (text == NULL && json_text(value) != NULL &&
	    json_is_number(json_text(value)))
		text = json_text(value);
	if (text != NULL) {
		l->s = xreallocarray(l->s, l->n + 1, sizeof(*l->s));
		l->s[l->n++] = text;
	}
	cJSON_ArrayForEach(child, value)
		gather(l, child);
}

static bool
is_within(const struct literals *l, const char *literal)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->s[i], literal) == 0)
			return true;
	return false;
}

/* Does a number go as a number (mapping: V)? */
static bool
is_sendable(const char *literal)
{
	int64_t n;

	if (!json_is_integer(literal))
		return isfinite(strtod(literal, NULL));
	return json_int64(literal, &n) && n >= -MAX_SAFE && n <= MAX_SAFE;
}

static const char *
require_text(const cJSON *value, size_t max_units)
{
	const char *text = json_text(value);

	if (text == NULL || json_units(text) > max_units)
		bug("fuzz_map: no text, or one that is too long");
	return text;
}

static void
check_property(enum heap_lane lane, const cJSON *p, const struct literals *l)
{
	const char *literal = json_literal(p);

	if (p->string[0] == '\0' || json_units(p->string) > HEAP_MAX_TEXT)
		bug("fuzz_map: a property's name is empty or too long");
	if (lane == HEAP_USER_PROPERTIES && (strcasecmp(p->string, "id") == 0 ||
	    strcmp(p->string, "user_id") == 0))
		bug("fuzz_map: a user property that Heap refuses");
	if (literal == NULL)
		require_text(p, HEAP_MAX_TEXT);
	else if (!is_sendable(literal) || !is_within(l, literal))
		bug("fuzz_map: a number that nobody sent: %s", literal);
}

static void
check_timestamp(const char *text)
{
	static const char form[] = "0000-00-00T00:00:00.000Z";
	size_t i;

	if (strlen(text) != strlen(form))
		bug("fuzz_map: timestamp %s", text);
	for (i = 0; form[i] != '\0'; i++)
		if (form[i] == '0' ? text[i] < '0' || text[i] > '9' :
		    text[i] != form[i])
			bug("fuzz_map: timestamp %s", text);
}

/* The member of that name must be the next; moves past it. */
static const cJSON *
take_member(const cJSON **next, const char *name)
{
	const cJSON *m = *next;

	if (m == NULL || strcmp(m->string, name) != 0)
		bug("fuzz_map: %s is not where it belongs", name);
	*next = m->next;
	return m;
}

static void
check_object(const struct map_event *e, const cJSON *object,
    const struct literals *l)
{
	const cJSON *next = object->child, *p, *properties;
	const char *key;

	if (object->type != cJSON_Object)
		bug("fuzz_map: a payload of something else than objects");
	if (strcmp(require_text(take_member(&next, "identity"),
	    HEAP_MAX_IDENTITY), e->identity) != 0)
		bug("fuzz_map: an object of somebody else");
	if (e->lane == HEAP_TRACK) {
		if (*require_text(take_member(&next, "event"),
		    HEAP_MAX_TEXT) == '\0')
			bug("fuzz_map: an event without a name");
		check_timestamp(require_text(take_member(&next, "timestamp"),
		    24));
		if (next != NULL && strcmp(next->string, "session_id") == 0)
			require_text(take_member(&next, "session_id"),
			    SIZE_MAX);
		key = require_text(take_member(&next, "idempotency_key"), 32);
		if (strspn(key, "0123456789abcdef") != 32)
			bug("fuzz_map: idempotency key %s", key);
	}
	properties = take_member(&next, "properties");
	if (properties->type != cJSON_Object || next != NULL)
		bug("fuzz_map: properties are no object, or not the last");
	cJSON_ArrayForEach(p, properties)
		check_property(e->lane, p, l);
}

/* Strict JSON whose spelling is the canonical one, so without a name that is
 * there twice.  Given. */
static struct json *
read_strictly(const char *text, size_t len)
{
	struct buf again = BUF_INIT;
	struct why why;
	struct json *json = json_parse(text, len, &why);

	if (json == NULL)
		bug("fuzz_map: what leaves is no JSON: %s", why.text);
	json_put(&again, json_root(json));
	if (again.len != len || memcmp(again.p, text, len) != 0)
		bug("fuzz_map: what leaves is not in its canonical form");
	buf_free(&again);
	return json;
}

static void
check_body(const char *text, size_t len, enum heap_lane lane, size_t objects)
{
	struct json *json = read_strictly(text, len);
	const cJSON *list = json_get(json_root(json),
	    lane == HEAP_TRACK ? "events" : "users");

	if (strcmp(json_text(json_get(json_root(json), "app_id")),
	    APP_ID) != 0)
		bug("fuzz_map: a body for another app");
	if (list != NULL && (size_t)cJSON_GetArraySize(list) != objects)
		bug("fuzz_map: a body of other than %zu objects", objects);
	json_free(json);
}

/* The requests that the payload becomes, one after another. */
static void
check_bodies(const struct map_event *e)
{
	size_t room = HEAP_MAX_BYTES - heap_bulk_overhead(e->lane, APP_ID);
	size_t from = 0, to, objects, all = 0;
	struct heap_body body = { .objects = 0 };
	struct buf flat = BUF_INIT;

	while (heap_slice(e->payload, e->payload_len, from, HEAP_MAX_OBJECTS,
	    room, &to, &objects)) {
		heap_body_begin(&body, e->lane, APP_ID);
		if (!heap_body_add(&body, e->payload + from, to - from,
		    objects))
			bug("fuzz_map: a slice does not fit");
		heap_body_end(&body);
		if (objects > HEAP_MAX_OBJECTS ||
		    (objects > 1 && body.text.len > HEAP_MAX_BYTES))
			bug("fuzz_map: a body of %zu objects in %zu bytes",
			    objects, body.text.len);
		check_body(body.text.p, body.text.len, e->lane, objects);
		all += objects;
		from = to + (to < e->payload_len);
	}
	if (all != e->objects)
		bug("fuzz_map: %zu objects became %zu", e->objects, all);
	if (e->objects == 1) {
		heap_flat(&flat, APP_ID, e->payload, e->payload_len);
		check_body(flat.p, flat.len, e->lane, 1);
	}
	buf_free(&flat);
	buf_free(&body.text);
}

/* Numbers among an event's own attributes are there, as they were. */
static void
check_numbers_kept(const struct mp_event *from, const cJSON *object)
{
	const cJSON *properties = json_get(object, "properties"), *a;
	const char *literal, *kept;

	cJSON_ArrayForEach(a, json_get(from->event_data, "custom_attributes")) {
		literal = json_literal(a);
		if (literal == NULL || !is_sendable(literal) ||
		    a->string == NULL || a->string[0] == '\0' ||
		    json_units(a->string) >= HEAP_MAX_TEXT ||
		    strncmp(a->string, "attr.", 5) == 0 ||
		    strcmp(a->string, "event_type") == 0 ||
		    strcmp(a->string, "mParticle Source Feed") == 0)
			continue;
		kept = json_literal(json_get(properties, a->string));
		if (kept == NULL || strcmp(kept, literal) != 0)
			bug("fuzz_map: %s did not arrive", literal);
	}
}

static void
check_sent(const struct mp_batch *b, const struct map_event *e,
    const struct literals *l)
{
	char *list = xasprintf("[%.*s]", (int)e->payload_len, e->payload);
	struct json *json = read_strictly(list, e->payload_len + 2);
	const cJSON *object;
	size_t n = 0;

	cJSON_ArrayForEach(object, json_root(json)) {
		check_object(e, object, l);
		n++;
	}
	if (n != e->objects || n == 0 || n > HEAP_MAX_UNIT)
		bug("fuzz_map: %zu objects, said to be %zu", n, e->objects);
	if (e->event_index >= 0 &&
	    b->events[e->event_index].type == MP_CUSTOM_EVENT)
		check_numbers_kept(&b->events[e->event_index],
		    json_root(json)->child);
	check_bodies(e);
	json_free(json);
	free(list);
}

static void
check_result(const struct mp_batch *b, const struct map_result *r)
{
	struct literals l = { NULL, 0 };
	size_t i;

	if (r->events_n < b->events_n || r->events_n > b->events_n + 1)
		bug("fuzz_map: %zu events became %zu", b->events_n,
		    r->events_n);
	gather(&l, b->root);
	for (i = 0; i < r->events_n; i++) {
		const struct map_event *e = &r->events[i];

		if (e->event_index != (i < b->events_n ? (int64_t)i : -1))
			bug("fuzz_map: events out of order");
		if (e->action == MAP_SEND)
			check_sent(b, e, &l);
		else if (e->reason == NULL || e->payload != NULL ||
		    e->objects != 0)
			bug("fuzz_map: not sent, and no reason or a payload");
	}
	free(l.s);
}

static void
choose(uint8_t bits, struct config_input *in, struct config_output *out)
{
	size_t i;

	in->forward_user_attributes = CONFIG_UNSET;
	in->forward_web_requests_server_side = CONFIG_UNSET;
	in->feed_name = (bits & FEED) ? (char *)"Shop" : NULL;
	out->external_id = (bits & CUSTOMER_ID) ? MP_CUSTOMER_ID :
	    MP_IDENTITIES;
	out->development_app_id = (bits & DEVELOPMENT) ? (char *)"2" : NULL;
	out->forward_user_attributes = (bits & ATTRIBUTES) != 0;
	out->forward_web_requests_server_side = (bits & NO_WEB) == 0;
	out->forward_mpid = (bits & IDENTITIES) != 0;
	for (i = 0; i < MP_IDENTITIES; i++)
		out->forward_identity[i] = (bits & IDENTITIES) != 0;
	out->send_session_id = (bits & ITEM) == 0;
	out->item_event_names_item = (bits & ITEM) != 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct config_input in = { .name = (char *)"sf", .key = (char *)"k" };
	struct config_output out = { .name = (char *)"heap",
	    .app_id = (char *)APP_ID };
	struct map_context context = { .received_at = RECEIVED_AT,
	    .receipt_id = "r" };
	struct arena *arena;
	struct mp_request *r;
	struct map_result result;
	size_t i;

	if (len == 0)
		return 0;
	choose(bytes[0], &in, &out);
	context.path = (bytes[0] & BULK) ? MP_BULK : MP_EVENTS;
	arena = arena_new();
	r = mp_parse(context.path, (const char *)bytes + 1, len - 1);
	for (i = 0; i < r->batches_n; i++) {
		context.has_mpid = true;
		context.mpid = r->batches[i].has_mpid ? r->batches[i].mpid :
		    -42;
		map_batch(&result, arena, &r->batches[i], &context, &in, &out);
		check_result(&r->batches[i], &result);
		arena_reset(arena);
	}
	mp_request_free(r);
	arena_free(arena);
	return 0;
}
