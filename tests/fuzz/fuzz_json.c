/*
 * fuzz_json.c - what was read is written so that it reads the same again
 */
#include <string.h>

#include "fuzz.h"
#include "json.h"
#include "log.h"

/* Parses what must be JSON and appends its compact text. */
static void
rewrite(const char *text, size_t len, struct buf *out)
{
	struct why why;
	struct json *json = json_parse(text, len, &why);

	if (json == NULL)
		bug("fuzz_json: does not read again: %s", why.text);
	json_put(out, json_root(json));
	json_free(json);
}

static void
require_same(const struct buf *a, const struct buf *b, const char *what)
{
	if (a->len != b->len || memcmp(a->p, b->p, a->len) != 0)
		bug("fuzz_json: %s differs", what);
}

/* The part of the text that a value says it is from is that value. */
static void
check_place(const char *text, size_t len, const cJSON *value)
{
	struct buf tree = BUF_INIT, part = BUF_INIT;
	const size_t begin = json_begin(value);

	json_put(&tree, value);
	rewrite(text + begin, json_end(text, len, value) - begin, &part);
	require_same(&tree, &part, "a value's part of the text");
	buf_free(&tree);
	buf_free(&part);
}

static void
check_links(const cJSON *parent)
{
	const cJSON *child, *last = NULL;

	for (child = parent->child; child != NULL; child = child->next) {
		if (last != NULL && child->prev != last)
			bug("fuzz_json: a child's prev is wrong");
		if (parent->type == cJSON_Object && child->string == NULL)
			bug("fuzz_json: a member without a name");
		check_links(child);
		last = child;
	}
	if (parent->child != NULL && parent->child->prev != last)
		bug("fuzz_json: the first child's prev is not the last");
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes;
	struct buf first = BUF_INIT, again = BUF_INIT;
	struct why why;
	struct json *json = json_parse(text, len, &why);
	const cJSON *child;

	if (json == NULL)
		return 0;
	check_links(json_root(json));
	check_place(text, len, json_root(json));
	cJSON_ArrayForEach(child, json_root(json))
		check_place(text, len, child);

	json_put(&first, json_root(json));
	rewrite(first.p, first.len, &again);
	require_same(&first, &again, "the second writing");
	buf_free(&first);
	buf_free(&again);
	json_free(json);
	return 0;
}
