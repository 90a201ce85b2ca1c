/*
 * test_inflate.c - compressed bodies as senders make them, and as nobody should
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "inflate.h"

#define GZIP	(15 + 16)
#define ZLIB	15
#define RAW	(-15)

/* Compressed; given (free). */
static char *
pack(int window_bits, const char *text, size_t len, size_t *packed)
{
	size_t room = len + len / 1000 + 100;
	char *out = xmalloc(room);
	z_stream z;

	memset(&z, 0, sizeof(z));
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 9,
	    Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)text;
	z.avail_in = (uInt)len;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	*packed = z.total_out;
	deflateEnd(&z);
	return out;
}

static enum inflate_result
undo(const char *coding, const char *body, size_t len, struct buf *out)
{
	struct why why = { "" };
	enum inflate_result result = inflate_body(coding, body, len, out, &why);

	/* Who refuses for what is in it says what that was. */
	assert_int_equal(result == INFLATE_BROKEN, why.text[0] != '\0');
	return result;
}

static void
inflate_body_undoes_every_coding_it_knows(void **state)
{
	static const struct {
		const char *coding;
		int window_bits;
	} cases[] = {
		{ "gzip", GZIP }, { "GZip", GZIP }, { "x-gzip", GZIP },
		{ "X-GZIP", GZIP }, { "deflate", ZLIB }, { "Deflate", RAW },
		{ "deflate", RAW },
	};
	static const char text[] = "{\"events\":[]}\n";
	size_t i, packed;

	(void)state;
	for (i = 0; i < HR_COUNT(cases); i++) {
		char *body = pack(cases[i].window_bits, text, strlen(text),
		    &packed);
		struct buf out = BUF_INIT;

		assert_int_equal(undo(cases[i].coding, body, packed, &out),
		    INFLATE_OK);
		assert_string_equal(buf_str(&out), text);
		buf_free(&out);
		free(body);
	}
}

/* Around the size of the part it works by. */
static void
inflate_body_takes_texts_of_any_length(void **state)
{
	static const size_t lengths[] = { 0, 1, 16383, 16384, 16385, 32768,
	    250000 };
	static const int forms[] = { GZIP, ZLIB, RAW };
	size_t i, k, f, packed;

	(void)state;
	for (i = 0; i < HR_COUNT(lengths); i++) {
		char *text = xmalloc(lengths[i]);

		for (k = 0; k < lengths[i]; k++)
			text[k] = (char)(k * k % 253);
		for (f = 0; f < HR_COUNT(forms); f++) {
			char *body = pack(forms[f], text, lengths[i],
			    &packed);
			struct buf out = BUF_INIT;

			out.max = lengths[i] > 0 ? lengths[i] : 1;
			assert_int_equal(undo(forms[f] == GZIP ? "gzip" :
			    "deflate", body, packed, &out), INFLATE_OK);
			assert_int_equal(out.len, lengths[i]);
			if (lengths[i] > 0)
				assert_memory_equal(out.p, text, lengths[i]);
			buf_free(&out);
			free(body);
		}
		free(text);
	}
}

static void
inflate_body_stops_at_the_maximum(void **state)
{
	size_t len = 64 << 20, packed;
	char *bomb = xcalloc(1, len), *body;
	struct buf out = BUF_INIT;

	(void)state;
	body = pack(GZIP, bomb, len, &packed);
	free(bomb);
	assert_true(packed < 100000);

	out.max = 262144;
	assert_int_equal(undo("gzip", body, packed, &out),
	    INFLATE_TOO_LARGE);
	assert_true(out.len <= 262144);
	/* It stopped there, rather than reading on and throwing away. */
	assert_true(out.cap <= 2 * 262144);

	buf_free(&out);
	free(body);
}

static void
inflate_body_counts_the_last_byte(void **state)
{
	static const char text[] = "0123456789";
	struct buf out = BUF_INIT;
	size_t packed;
	char *body = pack(GZIP, text, 10, &packed);

	(void)state;
	out.max = 9;
	assert_int_equal(undo("gzip", body, packed, &out),
	    INFLATE_TOO_LARGE);
	buf_reset(&out);
	out.max = 10;
	assert_int_equal(undo("gzip", body, packed, &out), INFLATE_OK);

	buf_free(&out);
	free(body);
}

/* Cut after each byte there is. */
static void
inflate_body_refuses_what_ends_too_early(void **state)
{
	static const int forms[] = { GZIP, ZLIB, RAW };
	static const char text[] =
	    "{\"events\":[{\"event_type\":\"opt_out\"}]}";
	size_t f, n, packed;

	(void)state;
	for (f = 0; f < HR_COUNT(forms); f++) {
		char *body = pack(forms[f], text, strlen(text), &packed);

		for (n = 0; n < packed; n++) {
			/* A block of its own, so that a byte read behind its
			 * end is seen. */
			char *part = xstrndup(body, n);
			struct buf out = BUF_INIT;

			assert_int_equal(undo(forms[f] == GZIP ? "gzip" :
			    "deflate", part, n, &out), INFLATE_BROKEN);
			buf_free(&out);
			free(part);
		}
		free(body);
	}
}

/* RFC 1952: a gzip file is a series of members. */
static void
inflate_body_takes_all_members_of_gzip(void **state)
{
	size_t one, two;
	char *first = pack(GZIP, "[1,", 3, &one);
	char *second = pack(GZIP, "2]", 2, &two);
	struct buf body = BUF_INIT, out = BUF_INIT;

	(void)state;
	buf_put(&body, first, one);
	buf_put(&body, second, two);

	assert_int_equal(inflate_body("gzip", body.p, body.len, &out, NULL),
	    INFLATE_OK);
	assert_string_equal(buf_str(&out), "[1,2]");
	buf_free(&body);
	buf_free(&out);
	free(first);
	free(second);
}

static void
inflate_body_refuses_what_follows_the_end(void **state)
{
	static const int forms[] = { GZIP, ZLIB, RAW };
	size_t f, packed;

	(void)state;
	for (f = 0; f < HR_COUNT(forms); f++) {
		char *body = pack(forms[f], "{}", 2, &packed);
		struct buf out = BUF_INIT;
		struct why why;

		body[packed] = 'x';
		assert_int_equal(inflate_body(forms[f] == GZIP ? "gzip" :
		    "deflate", body, packed + 1, &out, &why),
		    INFLATE_BROKEN);
		assert_string_equal(why.text,
		    "1 bytes follow the end of the compressed data");
		buf_free(&out);
		free(body);
	}
}

static void
inflate_body_refuses_damaged_bytes(void **state)
{
	static const char text[] =
	    "{\"events\":[{\"event_type\":\"opt_out\"}]}";
	size_t i, packed;
	char *body = pack(GZIP, text, strlen(text), &packed);

	(void)state;
	/* Behind the header, every bit counts: the check sum sees it. */
	for (i = 10 * 8; i < packed * 8; i++) {
		struct buf out = BUF_INIT;

		body[i / 8] ^= (char)(1 << i % 8);
		out.max = 1000;
		assert_int_not_equal(undo("gzip", body, packed, &out),
		    INFLATE_OK);
		body[i / 8] ^= (char)(1 << i % 8);
		buf_free(&out);
	}
	free(body);
}

static void
inflate_body_refuses_plain_text(void **state)
{
	static const char *const codings[] = { "gzip", "deflate" };
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(codings); i++) {
		struct buf out = BUF_INIT;

		assert_int_equal(undo(codings[i], "{\"events\":[]}", 13,
		    &out), INFLATE_BROKEN);
		assert_int_equal(undo(codings[i], "", 0, &out),
		    INFLATE_BROKEN);
		buf_free(&out);
	}
}

/* A stream that wants a dictionary nobody has. */
static void
inflate_body_refuses_a_preset_dictionary(void **state)
{
	char packed[100];
	struct buf out = BUF_INIT;
	struct why why;
	z_stream z;

	(void)state;
	memset(&z, 0, sizeof(z));
	assert_int_equal(deflateInit(&z, 9), Z_OK);
	deflateSetDictionary(&z, (const Bytef *)"events", 6);
	z.next_in = (Bytef *)(uintptr_t)"events";
	z.avail_in = 6;
	z.next_out = (Bytef *)packed;
	z.avail_out = sizeof(packed);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);

	assert_int_equal(inflate_body("deflate", packed, z.total_out, &out,
	    &why), INFLATE_BROKEN);
	assert_string_equal(why.text,
	    "the compressed data needs a dictionary");
	deflateEnd(&z);
	buf_free(&out);
}

static void
inflate_body_does_not_know_other_codings(void **state)
{
	static const char *const codings[] = { "br", "zstd", "compress",
	    "x-deflate", "gzip, gzip", "gzip;q=1", "identity, gzip", "gzi",
	    "gzipp", "" };
	struct buf out = BUF_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(codings); i++)
		assert_int_equal(undo(codings[i], "{}", 2, &out),
		    INFLATE_UNKNOWN);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

static void
inflate_body_appends(void **state)
{
	struct buf out = BUF_INIT;
	size_t packed;
	char *body = pack(GZIP, "b", 1, &packed);

	(void)state;
	buf_puts(&out, "a");
	assert_int_equal(undo("gzip", body, packed, &out), INFLATE_OK);

	assert_string_equal(buf_str(&out), "ab");
	buf_free(&out);
	free(body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(inflate_body_undoes_every_coding_it_knows),
	    cmocka_unit_test(inflate_body_takes_texts_of_any_length),
	    cmocka_unit_test(inflate_body_stops_at_the_maximum),
	    cmocka_unit_test(inflate_body_counts_the_last_byte),
	    cmocka_unit_test(inflate_body_refuses_what_ends_too_early),
	    cmocka_unit_test(inflate_body_takes_all_members_of_gzip),
	    cmocka_unit_test(inflate_body_refuses_what_follows_the_end),
	    cmocka_unit_test(inflate_body_refuses_damaged_bytes),
	    cmocka_unit_test(inflate_body_refuses_plain_text),
	    cmocka_unit_test(inflate_body_refuses_a_preset_dictionary),
	    cmocka_unit_test(inflate_body_does_not_know_other_codings),
	    cmocka_unit_test(inflate_body_appends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
