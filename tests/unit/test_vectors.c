/*
 * test_vectors.c - whole requests, from the body to what Heap gets
 *
 * HEAPRELAY_SHARED names the directory that holds the project's vectors;
 * without it nothing is tested here.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hash.h"
#include "json.h"
#include "preview.h"
#include "store.h"

#define SECRET	"test-secret"

static char *
vectors_directory(void)
{
	const char *shared = getenv("HEAPRELAY_SHARED");

	return shared != NULL ? xasprintf("%s/spec/vectors", shared) : NULL;
}

static void
read_file(const char *directory, const char *name, struct buf *text)
{
	char *path = xasprintf("%s/%s", directory, name);
	FILE *f = fopen(path, "rb");
	char block[8192];
	size_t n;

	if (f == NULL)
		fail_msg("cannot open %s", path);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_put(text, block, n);
	fclose(f);
	free(path);
}

static void
put_setting(struct buf *text, const cJSON *setting)
{
	const cJSON *item;
	const char *comma = "";

	buf_printf(text, "%s = ", setting->string);
	if (cJSON_IsArray(setting)) {
		cJSON_ArrayForEach(item, setting) {
			buf_printf(text, "%s%s", comma, item->valuestring);
			comma = ", ";
		}
	} else if (cJSON_IsString(setting)) {
		buf_puts(text, setting->valuestring);
	} else {
		json_put(text, setting);
	}
	buf_putc(text, '\n');
}

static struct config *
make_config(const cJSON *vector)
{
	const cJSON *feed = json_get(vector, "feed"), *setting;
	const char *feed_name = json_text(json_get(feed, "feed_name"));
	struct buf text = BUF_INIT;
	struct config *config;
	struct why why;

	buf_puts(&text, "[identity]\nsecret = " SECRET "\n"
	    "[output heap]\napp_id = 1234567890\n");
	cJSON_ArrayForEach(setting, json_get(vector, "settings"))
		put_setting(&text, setting);
	buf_printf(&text, "[input %s]\nkey = %s\nsecret = s\n",
	    json_text(json_get(feed, "name")),
	    json_text(json_get(feed, "key")));
	if (feed_name != NULL)
		buf_printf(&text, "feed_name = %s\n", feed_name);
	config = config_parse(text.p, text.len, "vector.conf", &why);
	if (config == NULL)
		fail_msg("%s", why.text);
	buf_free(&text);
	return config;
}

static void
make_body(const cJSON *vector, struct buf *body)
{
	const char *text = json_text(json_get(vector, "request_text"));

	if (text != NULL)
		buf_puts(body, text);
	else
		assert_true(hash_unbase64(json_text(json_get(vector,
		    "request_base64")), body));
}

/* What a vector is run with. */
struct run {
	struct config		*config;
	struct queue		*queue;
	struct profile_store	*profiles;
	struct outputs		 outputs;
	struct buf		 out;
	bool			 good;
};

static void
run_open(struct run *r, const cJSON *vector)
{
	struct why why;

	memset(r, 0, sizeof(*r));
	r->config = make_config(vector);
	assert_int_equal(queue_open(&r->queue, STORE_MEMORY, 0600, &why), 0);
	assert_int_equal(queue_begin(r->queue), QUEUE_READY);
	r->profiles = profile_new(queue_store(r->queue), SECRET,
	    strlen(SECRET), r->config->priority, r->config->priority_n);
	outputs_make(&r->outputs, r->config, r->queue);
}

static void
run_body(struct run *r, const cJSON *vector)
{
	struct preview p = {
		.queue = r->queue,
		.profiles = r->profiles,
		.config = r->config,
		.outputs = &r->outputs,
		.input = &r->config->inputs[0],
	};
	struct buf body = BUF_INIT;

	make_body(vector, &body);
	p.body = buf_str(&body);
	p.len = body.len;
	assert_true(json_int64(json_literal(json_get(vector,
	    "received_at_ms")), &p.received_at));
	assert_true(mp_path_parse(json_text(json_get(vector, "path")),
	    &p.path));
	r->good = preview_body(&p, "\n", &r->out);
	buf_free(&body);
}

static void
run_close(struct run *r)
{
	buf_free(&r->out);
	outputs_free(&r->outputs);
	profile_free(r->profiles);
	queue_close(r->queue);
	config_free(r->config);
}

static void
put_member(struct buf *line, const char *name, const cJSON *value)
{
	json_put_text(line, name);
	buf_putc(line, ':');
	json_put(line, value);
}

/* The text of a body, by length and digest instead of its bytes. */
static void
compare_digest(const char *name, const char *body, const cJSON *expected)
{
	char bytes[24], hex[65];
	uint8_t digest[32];

	snprintf(bytes, sizeof(bytes), "%zu", strlen(body));
	hash_sha256(body, strlen(body), digest);
	hash_hex(digest, sizeof(digest), hex);
	if (strcmp(bytes, json_literal(json_get(expected,
	    "body_bytes"))) != 0 ||
	    strcmp(hex, json_text(json_get(expected, "body_sha256"))) != 0)
		fail_msg("%s: a body of %s bytes, sha256 %s", name, bytes,
		    hex);
}

/* The line that is expected; what a vector does not tell, the output and a
 * body that is given by its digest, is as found. */
static void
put_expected(struct buf *line, const cJSON *expected, const cJSON *found,
    const char *name)
{
	const cJSON *member;
	const char *comma = "{", *body;

	cJSON_ArrayForEach(member, expected) {
		if (strcmp(member->string, "body_sha256") == 0)
			continue;
		buf_puts(line, comma);
		comma = ",";
		if (strcmp(member->string, "action") == 0) {
			put_member(line, "output",
			    json_get(found, "output"));
			buf_putc(line, ',');
		}
		if (strcmp(member->string, "body_bytes") == 0) {
			body = json_text(json_get(found, "body"));
			assert_non_null(body);
			compare_digest(name, body, expected);
			put_member(line, "body", json_get(found, "body"));
		} else {
			put_member(line, member->string, member);
		}
	}
	buf_putc(line, '}');
}

static void
put_expected_refusal(struct buf *line, const cJSON *expected,
    const cJSON *found, const char *name)
{
	const char *batch = json_literal(json_get(expected, "batch"));
	const char *prefix = json_text(json_get(expected, "message_prefix"));
	const cJSON *message = json_get(expected, "message");

	if (prefix != NULL) {
		message = json_get(found, "message");
		if (strncmp(json_text(message), prefix, strlen(prefix)) != 0)
			fail_msg("%s: %s", name, json_text(message));
	}
	buf_printf(line, "{\"batch\":%s,\"action\":\"refuse\",",
	    batch != NULL ? batch : "null");
	put_member(line, "message", message);
	buf_putc(line, '}');
}

/* Where the comparison is in the two lists of a vector. */
struct expecting {
	const char	*name;
	const cJSON	*outcome;
	const cJSON	*error;
	int64_t		 batch;		/* of the last line */
};

static void
compare_line(struct expecting *x, const char *text, size_t len)
{
	struct why why;
	struct json *json = json_parse(text, len, &why);
	struct buf line = BUF_INIT;
	const cJSON *found, *action;
	const char *literal;
	int64_t batch = -1;

	if (json == NULL)
		fail_msg("%s: no JSON: %.*s", x->name, (int)len, text);
	found = json_root(json);
	action = json_get(found, "action");
	assert_non_null(action);
	if (strcmp(json_text(action), "refuse") == 0) {
		if (x->error == NULL)
			fail_msg("%s: %.*s", x->name, (int)len, text);
		put_expected_refusal(&line, x->error, found, x->name);
		x->error = x->error->next;
	} else {
		if (x->outcome == NULL)
			fail_msg("%s: %.*s", x->name, (int)len, text);
		put_expected(&line, x->outcome, found, x->name);
		x->outcome = x->outcome->next;
	}
	if (line.len != len || memcmp(line.p, text, len) != 0)
		fail_msg("%s:\n%.*s\nshould be\n%s", x->name, (int)len, text,
		    buf_str(&line));
	literal = json_literal(json_get(found, "batch"));
	if (literal != NULL)
		assert_true(json_int64(literal, &batch));
	if (batch < x->batch)
		fail_msg("%s: batch %d comes late", x->name, (int)batch);
	x->batch = batch;
	buf_free(&line);
	json_free(json);
}

static void
compare_lines(const char *name, struct buf *out, const cJSON *expect)
{
	const cJSON *outcomes = json_get(expect, "outcomes");
	const cJSON *errors = json_get(expect, "errors");
	struct expecting x = {
		.name = name,
		.outcome = outcomes != NULL ? outcomes->child : NULL,
		.error = errors != NULL ? errors->child : NULL,
		.batch = -1,
	};
	const char *line = buf_str(out), *end;

	while ((end = strchr(line, '\n')) != NULL) {
		compare_line(&x, line, (size_t)(end - line));
		line = end + 1;
	}
	assert_int_equal(*line, '\0');
	if (x.outcome != NULL || x.error != NULL)
		fail_msg("%s: too few lines:\n%s", name, buf_str(out));
}

/* The MPIDs that are stored with the batches, in their order. */
static void
compare_mpids(const char *name, struct queue *q, const cJSON *mpids)
{
	sqlite3 *db = store_db(queue_store(q));
	sqlite3_stmt *stmt;
	const cJSON *mpid;
	const char *wanted, *found;

	assert_int_equal(sqlite3_prepare_v2(db,
	    "SELECT CAST(mpid AS TEXT) FROM batch ORDER BY id", -1, &stmt,
	    NULL), SQLITE_OK);
	cJSON_ArrayForEach(mpid, mpids) {
		if (sqlite3_step(stmt) != SQLITE_ROW)
			fail_msg("%s: too few batches", name);
		wanted = cJSON_IsNull(mpid) ? "none" :
		    cJSON_IsString(mpid) ? json_text(mpid) :
		    json_literal(mpid);
		found = (const char *)sqlite3_column_text(stmt, 0);
		if (strcmp(found != NULL ? found : "none", wanted) != 0)
			fail_msg("%s: MPID %s should be %s", name,
			    found != NULL ? found : "none", wanted);
	}
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	sqlite3_finalize(stmt);
}

static void
run_vector(const char *name, const cJSON *vector)
{
	const cJSON *expect = json_get(vector, "expect");
	const char *status = json_literal(json_get(expect, "status"));
	const cJSON *mpids = json_get(expect, "mpids");
	struct run r;

	run_open(&r, vector);
	run_body(&r, vector);

	compare_lines(name, &r.out, expect);
	if (strcmp(r.good ? "202" : "400", status) != 0)
		fail_msg("%s: the status should be %s", name, status);
	if (mpids != NULL)
		compare_mpids(name, r.queue, mpids);
	run_close(&r);
}

static void
preview_body_tells_of_each_vector_what_it_expects(void **state)
{
	char *directory = vectors_directory();
	DIR *d = directory != NULL ? opendir(directory) : NULL;
	const struct dirent *entry;
	struct buf text = BUF_INIT;
	struct json *json;
	struct why why;
	size_t vectors = 0;
	(void)state;

	if (d == NULL) {
		free(directory);
		skip();
	}
	while ((entry = readdir(d)) != NULL) {
		if (strstr(entry->d_name, ".json") == NULL)
			continue;
		buf_reset(&text);
		read_file(directory, entry->d_name, &text);
		json = json_parse(text.p, text.len, &why);
		if (json == NULL)
			fail_msg("%s: %s", entry->d_name, why.text);
		run_vector(entry->d_name, json_root(json));
		json_free(json);
		vectors++;
	}
	closedir(d);
	free(directory);
	buf_free(&text);
	assert_true(vectors > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    preview_body_tells_of_each_vector_what_it_expects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
