/*
 * test_mparticle_shared.c - the project's vectors and sample bodies
 *
 * HEAPRELAY_SHARED names the directory that holds them; without it nothing is
 * tested here.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mparticle.h"

/* A file below the shared directory; NULL: there is none. */
static char *
read_shared(const char *directory, const char *name, size_t *len)
{
	char *path = xasprintf("%s/%s/%s", getenv("HEAPRELAY_SHARED"),
	    directory, name);
	FILE *f = fopen(path, "rb");
	struct buf text = BUF_INIT;
	char block[8192];
	size_t n;

	free(path);
	if (f == NULL)
		return NULL;
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_put(&text, block, n);
	fclose(f);
	*len = text.len;
	return buf_steal(&text);
}

static void
decode_base64(const char *text, struct buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *digit;
	uint32_t bits = 0;
	int n = 0;

	for (; *text != '\0' && *text != '='; text++) {
		digit = strchr(digits, *text);
		assert_non_null(digit);
		bits = bits << 6 | (uint32_t)(digit - digits);
		n += 6;
		if (n >= 8) {
			n -= 8;
			buf_putc(out, (char)(bits >> n & 0xff));
		}
	}
}

static void
compare_refusal(const char *name, const struct mp_refusal *refusal,
    const cJSON *expected)
{
	const char *batch = json_literal(json_get(expected, "batch"));
	const char *message = json_text(json_get(expected, "message"));
	const char *prefix = json_text(json_get(expected, "message_prefix"));

	if (refusal->batch != (batch != NULL ? atoi(batch) : -1))
		fail_msg("%s: refused batch %d", name, (int)refusal->batch);
	if (message != NULL ? strcmp(refusal->message, message) != 0 :
	    strncmp(refusal->message, prefix, strlen(prefix)) != 0)
		fail_msg("%s: %s", name, refusal->message);
}

static void
run_vector(const char *name, const cJSON *vector)
{
	const char *text = json_text(json_get(vector, "request_text"));
	const cJSON *expect = json_get(vector, "expect");
	const cJSON *errors = json_get(expect, "errors"), *error;
	struct buf body = BUF_INIT;
	struct mp_request *r;
	enum mp_path path;
	size_t i = 0;

	if (text != NULL)
		buf_puts(&body, text);
	else
		decode_base64(json_text(json_get(vector, "request_base64")),
		    &body);
	assert_true(mp_path_parse(json_text(json_get(vector, "path")),
	    &path));
	r = mp_parse(path, buf_str(&body), body.len);

	cJSON_ArrayForEach(error, errors) {
		if (i == r->refusals_n)
			fail_msg("%s: only %zu refusals", name, i);
		compare_refusal(name, &r->refusals[i++], error);
	}
	if (i != r->refusals_n)
		fail_msg("%s: %s", name, r->refusals[i].message);
	mp_request_free(r);
	buf_free(&body);
}

static DIR *
open_shared(const char *directory)
{
	const char *shared = getenv("HEAPRELAY_SHARED");
	char *path;
	DIR *d;

	if (shared == NULL)
		return NULL;
	path = xasprintf("%s/%s", shared, directory);
	d = opendir(path);
	free(path);
	return d;
}

/* The text of the nth cell of a table's row, with its blanks; false: none. */
static bool
table_cell(const char *row, int n, char *out, size_t size)
{
	size_t len;

	for (; n >= 0; n--) {
		row = strchr(row, '|');
		if (row == NULL)
			return false;
		row++;
	}
	len = strcspn(row, "|");
	if (len >= size)
		return false;
	memcpy(out, row, len);
	out[len] = '\0';
	return true;
}

/* A row of the samples' table: | `file` | path | source | expected | ...;
 * false: it is about no request body. */
static bool
run_sample_row(const char *row)
{
	char file[256], path_text[64], expected[64];
	enum mp_path path;
	struct mp_request *r;
	int status = 0, errors = 0;
	size_t len;
	char *body;

	if (!table_cell(row, 0, file, sizeof(file)) ||
	    !table_cell(row, 1, path_text, sizeof(path_text)) ||
	    !table_cell(row, 3, expected, sizeof(expected)) ||
	    sscanf(file, " `%255[^`]`", file) != 1 ||
	    sscanf(path_text, " %63s", path_text) != 1 ||
	    !mp_path_parse(path_text, &path) ||
	    sscanf(expected, " %d + %d error", &status, &errors) < 1)
		return false;
	body = read_shared("samples/mparticle", file, &len);
	if (body == NULL)
		fail_msg("%s: missing", file);
	r = mp_parse(path, body, len);

	if (r->refusals_n != (size_t)errors)
		fail_msg("%s: %zu refusals instead of %d%s%s", file,
		    r->refusals_n, errors, r->refusals_n > 0 ? ": " : "",
		    r->refusals_n > 0 ? r->refusals[0].message : "");
	if (status != (r->batches_n > 0 ? 202 : 400))
		fail_msg("%s: %zu batches at status %d", file, r->batches_n,
		    status);
	mp_request_free(r);
	free(body);
	return true;
}

static void
mp_parse_refuses_in_the_vectors_what_they_expect(void **state)
{
	DIR *d = open_shared("spec/vectors");
	const struct dirent *entry;
	struct json *json;
	struct why why;
	size_t len, vectors = 0;
	char *text;
	(void)state;

	if (d == NULL)
		skip();
	while ((entry = readdir(d)) != NULL) {
		if (strstr(entry->d_name, ".json") == NULL)
			continue;
		text = read_shared("spec/vectors", entry->d_name, &len);
		assert_non_null(text);
		json = json_parse(text, len, &why);
		if (json == NULL)
			fail_msg("%s: %s", entry->d_name, why.text);
		run_vector(entry->d_name, json_root(json));
		json_free(json);
		free(text);
		vectors++;
	}
	closedir(d);
	assert_true(vectors > 0);
}

static void
mp_parse_answers_the_samples_as_their_table_says(void **state)
{
	DIR *d = open_shared("samples/mparticle");
	char *text, *row, *rest;
	size_t len, samples = 0;
	(void)state;

	if (d == NULL)
		skip();
	closedir(d);
	text = read_shared("samples/mparticle", "README.md", &len);
	assert_non_null(text);
	for (row = strtok_r(text, "\n", &rest); row != NULL;
	    row = strtok_r(NULL, "\n", &rest))
		if (run_sample_row(row))
			samples++;
	free(text);
	assert_true(samples > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    mp_parse_refuses_in_the_vectors_what_they_expect),
		cmocka_unit_test(
		    mp_parse_answers_the_samples_as_their_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
