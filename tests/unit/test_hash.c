/*
 * test_hash.c - digests by their published vectors, Base64, comparison
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hash.h"

static void
assert_hex(const uint8_t digest[32], const char *expected)
{
	char hex[65];

	assert_string_equal(hash_hex(digest, 32, hex), expected);
}

/* The vectors of FIPS 180 and the empty text. */
static void
hash_sha256_gives_the_published_digests(void **state)
{
	static const struct {
		const char *text, *digest;
	} cases[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb924"
		    "27ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223"
		    "b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		    "248d6a61d20638b8e5c026930c3e6039"
		    "a33ce45964ff2167f6ecedd419db06c1" },
	};
	uint8_t digest[32];
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(cases); i++) {
		hash_sha256(cases[i].text, strlen(cases[i].text), digest);
		assert_hex(digest, cases[i].digest);
	}
}

/* Cases 1, 2 and 6 of RFC 4231. */
static void
hash_hmac_sha256_gives_the_published_digests(void **state)
{
	static const char long_text[] =
	    "Test Using Larger Than Block-Size Key - Hash Key First";
	uint8_t digest[32], key[131];

	(void)state;
	memset(key, 0x0b, 20);
	hash_hmac_sha256(key, 20, "Hi There", 8, digest);
	assert_hex(digest, "b0344c61d8db38535ca8afceaf0bf12b"
	    "881dc200c9833da726e9376c2e32cff7");

	hash_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28,
	    digest);
	assert_hex(digest, "5bdcc146bf60754e6a042426089575c7"
	    "5a003f089d2739839dec58b964ec3843");

	memset(key, 0xaa, sizeof(key));
	hash_hmac_sha256(key, sizeof(key), long_text, strlen(long_text),
	    digest);
	assert_hex(digest, "60e431591ee0b67f0d8a26aacbf5b77f"
	    "8e0bc6213728c5140546040f0ee37f54");
}

/* Values of the authors' own test suite. */
static void
hash_fnv1a_gives_the_published_values(void **state)
{
	(void)state;
	assert_true(hash_fnv1a("", 0) == UINT64_C(0xcbf29ce484222325));
	assert_true(hash_fnv1a("a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
	assert_true(hash_fnv1a("foobar", 6) == UINT64_C(0x85944171f73967e8));
	assert_true(hash_fnv1a("\0", 1) == UINT64_C(0xaf63bd4c8601b7df));
	assert_true(hash_fnv1a("\xff", 1) == UINT64_C(0xaf64724c8602eb6e));
}

static void
hash_random_fills_all_of_it_anew(void **state)
{
	uint8_t a[64], b[64];
	size_t i, zeroes = 0;

	(void)state;
	memset(a, 0, sizeof(a));
	hash_random(a, sizeof(a));
	hash_random(b, sizeof(b));

	for (i = 0; i < sizeof(a); i++)
		zeroes += a[i] == 0;
	assert_true(zeroes < 16);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void
hash_hex_writes_lower_case(void **state)
{
	char out[11];

	(void)state;
	assert_string_equal(hash_hex("\x00\x0f\xa9\xff\x80", 5, out),
	    "000fa9ff80");
	assert_string_equal(hash_hex("", 0, out), "");
}

/* Of RFC 4648 section 10, and bytes that are no text. */
static const struct {
	const char *text, *bytes;
	size_t len;
} base64[] = {
	{ "Zg==", "f", 1 },
	{ "Zm8=", "fo", 2 },
	{ "Zm9v", "foo", 3 },
	{ "Zm9vYg==", "foob", 4 },
	{ "Zm9vYmE=", "fooba", 5 },
	{ "Zm9vYmFy", "foobar", 6 },
	{ "AAA=", "\0\0", 2 },
	{ "AAAA", "\0\0\0", 3 },
	{ "+/+/", "\xfb\xff\xbf", 3 },
	{ "/w==", "\xff", 1 },
	{ "dXM6Og==", "us::", 4 },
};

static void
hash_base64_encodes_and_appends(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(base64); i++) {
		struct buf b = BUF_INIT;

		buf_puts(&b, "<");
		hash_base64(base64[i].bytes, base64[i].len, &b);
		assert_string_equal(buf_str(&b) + 1, base64[i].text);
		buf_free(&b);
	}
}

static void
hash_unbase64_decodes(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(base64); i++) {
		struct buf b = BUF_INIT;

		buf_puts(&b, "<");
		assert_true(hash_unbase64(base64[i].text, &b));
		assert_int_equal(b.len, 1 + base64[i].len);
		assert_memory_equal(b.p + 1, base64[i].bytes, base64[i].len);
		buf_free(&b);
	}
}

static void
hash_unbase64_refuses_everything_else(void **state)
{
	static const char *const cases[] = {
		"", "Z", "Zg", "Zg=", "Zm9", "Zg===", "====", "=", "Z===",
		"Zg==Zg==", "Zm=v", "=m9v", "Zm9vYg", " Zm9v", "Zm9v ",
		"Zm9v\n", "Zm 9v", "Zm9\n", "Zm-v", "Zm_v", "Zm9*",
		"Zm9\xc3", "Zm9v\xc3\xa9", "Zm9v,Zm9v",
	};
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(cases); i++) {
		struct buf b = BUF_INIT;

		if (hash_unbase64(cases[i], &b))
			fail_msg("accepted: %s", cases[i]);
		assert_int_equal(b.len, 0);
		buf_free(&b);
	}
}

static void
hash_equal_is_equality(void **state)
{
	static const char *const texts[] = { "", "a", "b", "ab", "aB", "abc",
	    "abd", "\xff", "a b" };
	size_t i, k;

	(void)state;
	for (i = 0; i < HR_COUNT(texts); i++)
		for (k = 0; k < HR_COUNT(texts); k++)
			assert_int_equal(hash_equal(texts[i], texts[k]),
			    i == k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hash_sha256_gives_the_published_digests),
	    cmocka_unit_test(hash_hmac_sha256_gives_the_published_digests),
	    cmocka_unit_test(hash_fnv1a_gives_the_published_values),
	    cmocka_unit_test(hash_random_fills_all_of_it_anew),
	    cmocka_unit_test(hash_hex_writes_lower_case),
	    cmocka_unit_test(hash_base64_encodes_and_appends),
	    cmocka_unit_test(hash_unbase64_decodes),
	    cmocka_unit_test(hash_unbase64_refuses_everything_else),
	    cmocka_unit_test(hash_equal_is_equality),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
