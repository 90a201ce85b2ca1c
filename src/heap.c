/*
 * heap.c - Heap's server-side API: request bodies, and what an answer says
 *
 * Knows the two endpoints, the flat and the bulk form and their limits.
 * Knows nothing of the queue, of settings or of how a body travels.
 *
 * Payloads are texts that map made, so their JSON is ours and compact: one
 * that is not as promised is our own mistake.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "json.h"
#include "log.h"

static const struct lane {
	const char	*name;
	const char	*path;
	const char	*list;		/* the member that holds the objects */
} lanes[HEAP_LANES] = {
	[HEAP_TRACK] = {
		"track", "/api/track", "events"
	},
	[HEAP_USER_PROPERTIES] = {
		"user_properties", "/api/add_user_properties", "users"
	},
};

const char *
heap_lane_name(enum heap_lane lane)
{
	assert(lane < HEAP_LANES);
	return lanes[lane].name;
}

bool
heap_lane_by_name(const char *name, enum heap_lane *lane)
{
	size_t i;

	for (i = 0; i < HEAP_LANES; i++) {
		if (strcmp(lanes[i].name, name) == 0) {
			*lane = (enum heap_lane)i;
			return true;
		}
	}
	return false;
}

const char *
heap_lane_path(enum heap_lane lane)
{
	assert(lane < HEAP_LANES);
	return lanes[lane].path;
}

const char *
heap_form_name(enum heap_form form)
{
	return form == HEAP_FLAT ? "flat" : "bulk";
}

/* {"app_id":"1234567890", */
static void
put_app_id(struct buf *b, const char *app_id)
{
	buf_puts(b, "{\"app_id\":");
	json_put_text(b, app_id);
	buf_putc(b, ',');
}

void
heap_flat(struct buf *b, const char *app_id, const char *object, size_t len)
{
	if (len <= strlen("{}") || object[0] != '{')
		bug("heap: not an object with members bytes=%zu", len);
	put_app_id(b, app_id);
	buf_put(b, object + 1, len - 1);
}

static const char bulk_end[] = "]}";

void
heap_body_begin(struct heap_body *body, enum heap_lane lane,
    const char *app_id)
{
	assert(lane < HEAP_LANES);
	buf_reset(&body->text);
	body->objects = 0;
	put_app_id(&body->text, app_id);
	buf_putc(&body->text, '"');
	buf_puts(&body->text, lanes[lane].list);
	buf_puts(&body->text, "\":[");
}

bool
heap_body_add(struct heap_body *body, const char *payload, size_t len,
    size_t objects)
{
	size_t room;

	if (body->objects > 0) {
		room = HEAP_MAX_BYTES - strlen(bulk_end) - strlen(",");
		if (body->objects + objects > HEAP_MAX_OBJECTS ||
		    body->text.len + len > room)
			return false;
		buf_putc(&body->text, ',');
	}
	buf_put(&body->text, payload, len);
	body->objects += objects;
	return true;
}

void
heap_body_end(struct heap_body *body)
{
	buf_puts(&body->text, bulk_end);
}

size_t
heap_bulk_overhead(enum heap_lane lane, const char *app_id)
{
	struct heap_body body = { BUF_INIT, 0 };
	size_t overhead;

	heap_body_begin(&body, lane, app_id);
	heap_body_end(&body);
	overhead = body.text.len;
	buf_free(&body.text);
	return overhead;
}

/* One past the end of the string whose opening quote is at `at`. */
static size_t
skip_string(const char *text, size_t len, size_t at)
{
	for (at++; at < len && text[at] != '"'; at++) {
		if (text[at] == '\\')
			at++;
	}
	return at + 1;
}

/* One past the end of the object that begins at `at`. */
static size_t
skip_object(const char *text, size_t len, size_t at)
{
	size_t depth = 0;

	if (at >= len || text[at] != '{')
		bug("heap: no object in a payload at=%zu bytes=%zu", at, len);
	while (at < len) {
		switch (text[at]) {
		case '"':
			at = skip_string(text, len, at);
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (--depth == 0)
				return at + 1;
			break;
		}
		at++;
	}
	bug("heap: a payload ends within an object bytes=%zu", len);
}

bool
heap_slice(const char *payload, size_t len, size_t from, size_t max_objects,
    size_t max_bytes, size_t *to, size_t *objects)
{
	size_t begin, end;

	/* At the comma where the last slice ended, or behind it. */
	begin = from > 0 && from < len && payload[from] == ',' ? from + 1 :
	    from;
	if (begin >= len)
		return false;

	*to = skip_object(payload, len, begin);
	*objects = 1;
	while (*to < len && *objects < max_objects) {
		if (payload[*to] != ',')
			bug("heap: no comma in a payload at=%zu", *to);
		end = skip_object(payload, len, *to + 1);
		if (end - begin > max_bytes)
			break;
		*to = end;
		(*objects)++;
	}
	return true;
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

/* Digits and a closing bracket at the start of the text. */
static bool
read_index(const char *text, size_t len, size_t *index)
{
	size_t i, digit;

	*index = 0;
	for (i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
		digit = (size_t)(text[i] - '0');
		if (*index > (SIZE_MAX - digit) / 10)
			return false;
		*index = *index * 10 + digit;
	}
	return i > 0 && i < len && text[i] == ']';
}

bool
heap_answer_index(enum heap_lane lane, const char *text, size_t len,
    size_t *index)
{
	const char *list;
	size_t at, n;

	assert(lane < HEAP_LANES);
	list = lanes[lane].list;
	n = strlen(list);
	for (at = 0; at + n < len; at++) {
		/* The tail of a longer word names something else. */
		if (memcmp(text + at, list, n) == 0 && text[at + n] == '[' &&
		    (at == 0 || !is_word(text[at - 1])) &&
		    read_index(text + at + n + 1, len - at - n - 1, index))
			return true;
	}
	return false;
}
