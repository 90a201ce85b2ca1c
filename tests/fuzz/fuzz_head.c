/*
 * fuzz_head.c - arbitrary bytes as a request head and as a chunked body
 *
 * Beside what the sanitizers see: a head's texts lie inside its block and are
 * free of line ends, a head that is accepted has one framing, and a body
 * means the same however it is cut.  Built with -fsanitize=fuzzer.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "head.h"
#include "mem.h"

static void
check_text(const char *text, const char *block, size_t len)
{
	assert(text >= block && text < block + len);
	assert(text + strlen(text) < block + len);
	assert(strpbrk(text, "\r\n") == NULL);
}

static void
try_head(const char *p, size_t len)
{
	size_t whole = head_length(p, len), i;
	struct head h;
	struct why why = { "" };
	char *block;
	int status;

	assert(whole <= len);
	if (whole == 0)
		return;
	/* A block of just that size, so that reading on is seen. */
	block = xmalloc(whole);
	memcpy(block, p, whole);
	status = head_parse(&h, block, whole, &why);
	if (status != 0) {
		assert(status == 400 || status == 431 || status == 501 ||
		    status == 505);
		assert(why.text[0] != '\0');
		free(block);
		return;
	}
	check_text(h.method, block, whole);
	check_text(h.target, block, whole);
	assert(h.fields <= HEAD_MAX_FIELDS);
	for (i = 0; i < h.fields; i++) {
		check_text(h.field[i].name, block, whole);
		check_text(h.field[i].value, block, whole);
	}
	assert(!(h.chunked && h.has_length));
	assert(h.has_length || h.length == 0);
	assert(h.minor == 0 || head_field_count(&h, "host") == 1);
	free(block);
}

/* The whole of it in pieces of `step` bytes. */
static int
feed(const char *p, size_t len, size_t step, struct buf *out, size_t *used)
{
	struct head_chunked k = { 0 };
	size_t n, took;
	int rc = 0;

	for (*used = 0; rc == 0 && *used < len; *used += took) {
		n = len - *used < step ? len - *used : step;
		rc = head_chunk_feed(&k, p + *used, n, out, &took);
		assert(took <= n && (rc != 0 || took == n));
	}
	return rc;
}

static void
try_chunked(const char *p, size_t len)
{
	struct buf whole = { .max = 1000 }, cut = { .max = 1000 };
	size_t whole_used, cut_used;
	int rc;

	rc = feed(p, len, len, &whole, &whole_used);
	assert(feed(p, len, 1, &cut, &cut_used) == rc);
	assert(whole_used == cut_used && whole.len == cut.len &&
	    whole.over == cut.over);
	assert(whole.len == 0 || memcmp(whole.p, cut.p, whole.len) == 0);
	buf_free(&whole);
	buf_free(&cut);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	try_head((const char *)p, len);
	try_chunked((const char *)p, len);
	return 0;
}
