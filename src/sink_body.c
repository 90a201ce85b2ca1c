/*
 * sink_body.c - a request to the simulated Heap, read and checked
 *
 * Knows the documented bodies of /api/track and /api/add_user_properties.
 * Knows nothing of windows, of what arrived before, or of faults.
 *
 * A refusal names one element, as Heap's do: "postBody.events[3].properties
 * should be object"; the flat form's names element 0.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "sink_body.h"

#define MAX_APP_ID	20			/* digits */
#define MAX_USER_ID	9007199254740991	/* 2^53-1 */

/* Where a check is, for the text of a refusal. */
struct place {
	enum heap_lane	 lane;
	size_t		 index;
	struct why	*why;
};

static int
refuse(const struct place *at, const char *member, const char *should)
{
	why_set(at->why, "postBody.%s[%zu]%s%s should %s",
	    sink_list_name(at->lane), at->index, member[0] != '\0' ? "." : "",
	    member, should);
	return -1;
}

static bool
is_app_id(const char *s)
{
	size_t n = strlen(s);

	return n >= 1 && n <= MAX_APP_ID && strspn(s, "0123456789") == n;
}

static bool
is_user_id(const char *s)
{
	int64_t id;

	return strspn(s, "0123456789") == strlen(s) && json_int64(s, &id) &&
	    id <= MAX_USER_ID;
}

/* A text that must be there, of 1 to max UTF-16 units. */
static int
check_text(const struct place *at, const cJSON *node, const char *name,
    size_t max)
{
	const cJSON *member = json_get(node, name);
	const char *text = json_text(member);

	if (member == NULL)
		return refuse(at, name, "be present");
	if (text == NULL)
		return refuse(at, name, "be string");
	if (text[0] == '\0')
		return refuse(at, name, "NOT be empty");
	if (json_units(text) > max)
		return refuse(at, name, "NOT be longer than its limit");
	return 0;
}

/* A list counts only in track, where it is stored joined. */
static bool
is_value(enum heap_lane lane, const cJSON *value)
{
	const cJSON *e;

	if (json_literal(value) != NULL)
		return true;
	if (json_text(value) != NULL)
		return json_units(json_text(value)) <= HEAP_MAX_TEXT;
	if (lane != HEAP_TRACK || !cJSON_IsArray(value))
		return false;
	cJSON_ArrayForEach(e, value) {
		if (json_literal(e) == NULL && json_text(e) == NULL)
			return false;
	}
	return true;
}

static bool
is_reserved(enum heap_lane lane, const char *name)
{
	return lane == HEAP_USER_PROPERTIES &&
	    (strcasecmp(name, "id") == 0 || strcmp(name, "user_id") == 0);
}

static int
check_properties(const struct place *at, const cJSON *node, bool required)
{
	const cJSON *member, *properties = cJSON_GetObjectItemCaseSensitive(
	    node, "properties");

	if (properties == NULL)
		return required ? refuse(at, "properties", "be present") : 0;
	if (!cJSON_IsObject(properties))
		return refuse(at, "properties", "be object");
	cJSON_ArrayForEach(member, properties) {
		if (member->string[0] == '\0' ||
		    json_units(member->string) > HEAP_MAX_TEXT)
			return refuse(at, "properties",
			    "have names of 1 to 1024 characters");
		if (is_reserved(at->lane, member->string))
			return refuse(at, "properties",
			    "NOT have reserved names");
		if (!is_value(at->lane, member))
			return refuse(at, "properties",
			    "have string or number values up to 1024 "
			    "characters");
	}
	return 0;
}

static int
check_members(const struct place *at, const cJSON *node, bool flat)
{
	static const char *const of_event[] = {
		"event", "identity", "user_id", "session_id", "timestamp",
		"idempotency_key", "properties", NULL
	};
	static const char *const of_user[] = {
		"identity", "properties", NULL
	};
	const char *const *name;
	const cJSON *member;

	cJSON_ArrayForEach(member, node) {
		if (flat && strcmp(member->string, "app_id") == 0)
			continue;
		name = at->lane == HEAP_TRACK ? of_event : of_user;
		while (*name != NULL && strcmp(*name, member->string) != 0)
			name++;
		if (*name == NULL)
			return refuse(at, "", "NOT have unknown members");
		if (cJSON_IsNull(member))
			return refuse(at, member->string, "NOT be null");
	}
	return 0;
}

/* What only an element of `events` has. */
static int
check_event(const struct place *at, const cJSON *node)
{
	const cJSON *timestamp = json_get(node, "timestamp");
	int64_t wall;

	if (check_text(at, node, "event", HEAP_MAX_TEXT) == -1)
		return -1;
	if (timestamp != NULL && (json_text(timestamp) == NULL ||
	    !clock_parse(json_text(timestamp), &wall)))
		return refuse(at, "timestamp", "be ISO 8601 text");
	if (json_get(node, "session_id") != NULL &&
	    json_text(json_get(node, "session_id")) == NULL)
		return refuse(at, "session_id", "be string");
	if (json_get(node, "idempotency_key") != NULL)
		return check_text(at, node, "idempotency_key", SIZE_MAX);
	return 0;
}

static int
check_who(const struct place *at, const cJSON *node)
{
	const cJSON *user_id = json_get(node, "user_id");

	if (user_id == NULL)
		return check_text(at, node, "identity", HEAP_MAX_IDENTITY);
	if (json_get(node, "identity") != NULL)
		return refuse(at, "", "have one of identity and user_id");
	if (json_text(user_id) == NULL || !is_user_id(json_text(user_id)))
		return refuse(at, "user_id", "be decimal text up to 2^53-1");
	return 0;
}

static int
read_object(const struct place *at, const cJSON *node, bool flat,
    struct sink_object *object)
{
	if (!cJSON_IsObject(node))
		return refuse(at, "", "be object");
	if (check_members(at, node, flat) == -1 || check_who(at, node) == -1)
		return -1;
	if (at->lane == HEAP_TRACK && check_event(at, node) == -1)
		return -1;
	if (check_properties(at, node, at->lane == HEAP_USER_PROPERTIES) == -1)
		return -1;
	object->node = node;
	object->identity = json_text(json_get(node, "identity"));
	if (object->identity == NULL)
		object->identity = json_text(json_get(node, "user_id"));
	object->event = json_text(json_get(node, "event"));
	object->key = json_text(json_get(node, "idempotency_key"));
	return 0;
}

static int
read_list(struct sink_body *b, const cJSON *list, struct why *why)
{
	struct place at = { b->lane, 0, why };
	const char *name = sink_list_name(b->lane);
	const cJSON *node;
	int n;

	if (!cJSON_IsArray(list)) {
		why_set(why, "postBody.%s should be array", name);
		return -1;
	}
	n = cJSON_GetArraySize(list);
	if (n < 1 || n > HEAP_MAX_OBJECTS) {
		why_set(why, "postBody.%s should have 1 to %d items", name,
		    HEAP_MAX_OBJECTS);
		return -1;
	}
	if (cJSON_GetArraySize(json_root(b->json)) != 2) {
		why_set(why, "postBody should have app_id and %s only", name);
		return -1;
	}
	b->object = xcalloc((size_t)n, sizeof(*b->object));
	cJSON_ArrayForEach(node, list) {
		if (read_object(&at, node, false, &b->object[at.index]) == -1)
			return -1;
		at.index++;
	}
	b->objects = at.index;
	return 0;
}

static int
read_flat(struct sink_body *b, struct why *why)
{
	const struct place at = { b->lane, 0, why };

	b->object = xcalloc(1, sizeof(*b->object));
	if (read_object(&at, json_root(b->json), true, b->object) == -1)
		return -1;
	b->objects = 1;
	return 0;
}

int
sink_body_read(struct sink_body *b, enum heap_lane lane, const char *text,
    size_t len, struct why *why)
{
	const cJSON *root, *list;

	memset(b, 0, sizeof(*b));
	b->lane = lane;
	b->text = text;
	b->len = len;
	b->json = json_parse(text, len, why);
	if (b->json == NULL)
		return -1;
	root = json_root(b->json);
	if (!cJSON_IsObject(root)) {
		why_set(why, "postBody should be object");
		return -1;
	}
	list = cJSON_GetObjectItemCaseSensitive(root, sink_list_name(lane));
	b->form = list != NULL ? HEAP_BULK : HEAP_FLAT;
	b->has_form = true;
	b->app_id = json_text(json_get(root, "app_id"));
	if (b->app_id == NULL || !is_app_id(b->app_id)) {
		why_set(why, "postBody.app_id should be text of %d digits at "
		    "most", MAX_APP_ID);
		return -1;
	}
	return list != NULL ? read_list(b, list, why) : read_flat(b, why);
}

void
sink_body_free(struct sink_body *b)
{
	json_free(b->json);
	free(b->object);
	b->json = NULL;
	b->object = NULL;
	b->objects = 0;
}

void
sink_object_put(struct buf *out, const struct sink_object *object)
{
	const cJSON *member;
	const char *comma = "";

	buf_putc(out, '{');
	cJSON_ArrayForEach(member, object->node) {
		if (strcmp(member->string, "app_id") == 0)
			continue;
		buf_puts(out, comma);
		json_put_text(out, member->string);
		buf_putc(out, ':');
		json_put(out, member);
		comma = ",";
	}
	buf_putc(out, '}');
}

const char *
sink_list_name(enum heap_lane lane)
{
	return lane == HEAP_TRACK ? "events" : "users";
}
