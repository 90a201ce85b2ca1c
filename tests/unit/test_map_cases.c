/*
 * test_map_cases.c - whole requests and the exact bodies they become
 *
 * A case is a JSON file; tests/data/map/README says what is in it.  Those of
 * the shared material have the same form and are run where they can be found.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hash.h"
#include "json.h"
#include "map.h"

/* One case on its way. */
struct run {
	const char	*file;
	const cJSON	*root;
	struct config_input input;
	struct config_output output;
	const char	*app_id;
	struct mp_request *request;
	const cJSON	*expected;	/* the next outcome */
	size_t		 outcomes;
};

static char *
copy_text(const cJSON *object, const char *name)
{
	const char *text = json_text(json_get(object, name));

	return text != NULL ? xstrdup(text) : NULL;
}

static bool
flag(const cJSON *object, const char *name, bool otherwise)
{
	const cJSON *x = json_get(object, name);

	return x != NULL ? cJSON_IsTrue(x) : otherwise;
}

static int64_t
integer(const cJSON *x)
{
	int64_t value = 0;

	assert_true(json_int64(json_literal(x), &value));
	return value;
}

static void
read_forwarded(struct config_output *o, const cJSON *list)
{
	enum mp_identity_type type;
	const cJSON *x;

	cJSON_ArrayForEach(x, list) {
		const char *name = json_text(x);

		if (strcmp(name, "all") == 0) {
			o->forward_mpid = true;
			memset(o->forward_identity, true,
			    sizeof(o->forward_identity));
		} else if (strcmp(name, "mpid") == 0) {
			o->forward_mpid = true;
		} else {
			assert_true(mp_identity_by_name(name, &type));
			o->forward_identity[type] = true;
		}
	}
}

static void
read_settings(struct run *r)
{
	const cJSON *s = json_get(r->root, "settings");
	const cJSON *feed = json_get(r->root, "feed");
	const char *external_id = json_text(json_get(s, "external_id"));
	const char *items = json_text(json_get(s, "item_event_names"));
	struct config_output *o = &r->output;

	r->input.key = copy_text(feed, "key");
	r->input.feed_name = copy_text(feed, "feed_name");
	r->input.forward_user_attributes = CONFIG_UNSET;
	r->input.forward_web_requests_server_side = CONFIG_UNSET;
	o->app_id = xstrdup("1234567890");
	o->development_app_id = copy_text(s, "development_app_id");
	o->external_id = MP_IDENTITIES;
	if (external_id != NULL && strcmp(external_id, "mpid") != 0)
		assert_true(mp_identity_by_name(external_id,
		    &o->external_id));
	o->forward_user_attributes = flag(s, "forward_user_attributes",
	    false);
	o->forward_web_requests_server_side = flag(s,
	    "forward_web_requests_server_side", true);
	o->send_session_id = flag(s, "send_session_id", true);
	o->item_event_names_item = items != NULL && strcmp(items, "item") == 0;
	read_forwarded(o, json_get(s, "forward_identities"));
}

/* Without a profile store: the batch's own MPID, or the one the case gives. */
static bool
find_mpid(const struct run *r, const struct mp_batch *b, int64_t *mpid)
{
	const cJSON *given = json_get(json_get(r->root, "expect"), "mpids");
	const char *text;

	*mpid = b->mpid;
	if (b->has_mpid || given == NULL)
		return b->has_mpid;
	text = json_text(cJSON_GetArrayItem(given, (int)b->index));
	return text != NULL && json_int64(text, mpid);
}

/*
 * Does the case need what only a database knows?  The MPID of somebody who
 * is known by another identity, an earlier batch of the same id, an External
 * ID that an earlier batch brought.
 */
static bool
needs_store(const struct run *r)
{
	bool mpids = json_get(json_get(r->root, "expect"), "mpids") != NULL;
	bool uses_mpid = r->output.external_id == MP_IDENTITIES ||
	    r->output.forward_mpid;
	const struct mp_batch *b = r->request->batches;
	size_t i, k;

	for (i = 0; i < r->request->batches_n; i++) {
		if (uses_mpid && !b[i].has_mpid && !mpids)
			return true;
		if (r->output.external_id != MP_IDENTITIES &&
		    b[i].identity[r->output.external_id] == NULL)
			return true;
		for (k = 0; k < i; k++)
			if (b[i].source_request_id != NULL &&
			    b[k].source_request_id != NULL &&
			    strcmp(b[i].source_request_id,
			    b[k].source_request_id) == 0)
				return true;
	}
	return false;
}

static void
check_text(const struct run *r, const char *member, const char *got)
{
	const char *wanted = json_text(json_get(r->expected, member));

	if (wanted == NULL || strcmp(got, wanted) != 0)
		fail_msg("%s: outcome %zu: %s is\n%s\nnot\n%s", r->file,
		    r->outcomes, member, got, wanted);
}

/* Is the next outcome of that event and action? */
static void
check_place(const struct run *r, const struct mp_batch *b,
    const struct map_event *e)
{
	static const char *const actions[] = { "send", "skip", "reject" };
	const cJSON *event;

	if (r->expected == NULL)
		fail_msg("%s: more outcomes than %zu", r->file, r->outcomes);
	event = json_get(r->expected, "event");
	assert_int_equal(integer(json_get(r->expected, "batch")), b->index);
	assert_int_equal(event != NULL ? integer(event) : -1, e->event_index);
	check_text(r, "action", actions[e->action]);
}

static void
check_body(struct run *r, const char *body, size_t len)
{
	const cJSON *bytes = json_get(r->expected, "body_bytes");
	uint8_t digest[32];
	char hex[65];

	if (bytes == NULL) {
		check_text(r, "body", body);
		return;
	}
	assert_int_equal(len, integer(bytes));
	hash_sha256(body, len, digest);
	check_text(r, "body_sha256", hash_hex(digest, 32, hex));
}

static void
check_unit(struct run *r, const struct mp_batch *b, const struct map_event *e)
{
	size_t from = 0, to, n, total = 0;
	struct heap_body body;

	memset(&body, 0, sizeof(body));
	for (; heap_slice(e->payload, e->payload_len, from, HEAP_MAX_OBJECTS,
	    HEAP_MAX_BYTES - heap_bulk_overhead(e->lane, r->app_id), &to, &n);
	    from = to + 1) {
		check_place(r, b, e);
		heap_body_begin(&body, e->lane, r->app_id);
		assert_true(heap_body_add(&body, e->payload + from, to - from,
		    n));
		heap_body_end(&body);
		check_body(r, buf_str(&body.text), body.text.len);
		r->expected = r->expected->next;
		r->outcomes++;
		total += n;
	}
	assert_int_equal(total, e->objects);
	buf_free(&body.text);
}

static void
check_outcome(struct run *r, const struct mp_batch *b,
    const struct map_event *e)
{
	struct buf body = BUF_INIT;

	if (e->action == MAP_SEND && e->commerce) {
		check_unit(r, b, e);
		return;
	}
	check_place(r, b, e);
	if (e->action == MAP_SEND) {
		check_text(r, "path", heap_lane_path(e->lane));
		heap_flat(&body, r->app_id, e->payload, e->payload_len);
		check_body(r, buf_str(&body), body.len);
		buf_free(&body);
	} else {
		check_text(r, "reason", e->reason);
	}
	r->expected = r->expected->next;
	r->outcomes++;
}

static void
run_batch(struct run *r, const struct mp_batch *b, enum mp_path path)
{
	struct map_context context = {
		.path = path,
		.received_at = integer(json_get(r->root, "received_at_ms")),
	};
	struct arena *arena = arena_new();
	struct map_result result;
	size_t i;

	context.receipt_id = arena_printf(arena, "map-%zu", b->index);
	context.has_mpid = find_mpid(r, b, &context.mpid);
	map_batch(&result, arena, b, &context, &r->input, &r->output);
	r->app_id = result.development_app ? r->output.development_app_id :
	    r->output.app_id;
	for (i = 0; i < result.events_n; i++)
		check_outcome(r, b, &result.events[i]);
	arena_free(arena);
}

static char *
read_file(const char *file, size_t *len)
{
	struct buf b = BUF_INIT;
	char block[8192];
	size_t n;
	FILE *f = fopen(file, "rb");

	assert_non_null(f);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_put(&b, block, n);
	fclose(f);
	*len = b.len;
	return buf_steal(&b);
}

/* True: the case was one that can be run here. */
static bool
run_request(struct run *r)
{
	const char *text = json_text(json_get(r->root, "request_text"));
	const cJSON *expect = json_get(r->root, "expect");
	enum mp_path path;
	size_t i;

	/* A body that is not text is refused before anything is mapped. */
	if (text == NULL)
		return false;
	assert_true(mp_path_parse(json_text(json_get(r->root, "path")),
	    &path));
	r->request = mp_parse(path, text, strlen(text));
	if (r->request->batches_n == 0 || needs_store(r))
		return false;
	r->expected = json_get(expect, "outcomes")->child;
	for (i = 0; i < r->request->batches_n; i++)
		run_batch(r, &r->request->batches[i], path);
	if (r->expected != NULL)
		fail_msg("%s: only %zu outcomes", r->file, r->outcomes);
	return true;
}

static bool
run_file(const char *file)
{
	struct run r = { .file = file };
	struct json *json;
	struct why why;
	size_t len;
	char *text = read_file(file, &len);
	bool ran;

	json = json_parse(text, len, &why);
	if (json == NULL)
		fail_msg("%s: %s", file, why.text);
	r.root = json_root(json);
	read_settings(&r);
	ran = run_request(&r);

	mp_request_free(r.request);
	free(r.input.key);
	free(r.input.feed_name);
	free(r.output.app_id);
	free(r.output.development_app_id);
	json_free(json);
	free(text);
	return ran;
}

/* Runs the cases of a directory, of which *ran could be.  False: there is
 * no such directory. */
static bool
run_directory(const char *path, size_t *cases, size_t *ran)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	*cases = *ran = 0;
	if (dir == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');
		char *file;

		if (dot == NULL || strcmp(dot, ".json") != 0)
			continue;
		file = xasprintf("%s/%s", path, entry->d_name);
		*ran += run_file(file);
		(*cases)++;
		free(file);
	}
	closedir(dir);
	return true;
}

static void
map_batch_gives_the_bodies_of_every_case(void **state)
{
	const char *source = getenv("HEAPRELAY_SRCDIR");
	char *path = xasprintf("%s/tests/data/map",
	    source != NULL ? source : ".");
	size_t cases, ran;
	(void)state;

	assert_true(run_directory(path, &cases, &ran));
	assert_true(ran > 0);
	assert_int_equal(ran, cases);
	free(path);
}

static void
map_batch_gives_the_bodies_of_the_shared_cases(void **state)
{
	const char *shared = getenv("HEAPRELAY_SHARED");
	char *path = xasprintf("%s/spec/vectors",
	    shared != NULL ? shared : "");
	size_t cases = 0, ran = 0;
	bool found = shared != NULL && run_directory(path, &cases, &ran);
	(void)state;

	free(path);
	if (!found)
		skip();
	print_message("%zu of %zu shared cases need no store\n", ran, cases);
	assert_true(ran > 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(map_batch_gives_the_bodies_of_every_case),
	    cmocka_unit_test(map_batch_gives_the_bodies_of_the_shared_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
