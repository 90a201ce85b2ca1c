/*
 * hash.c - digests, keyed digests, randomness, constant-time comparison
 *
 * Knows OpenSSL's libcrypto, and is alone in that.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "hash.h"
#include "log.h"

/*
 * One context for all digests: to look the algorithm up by name, as the
 * one-call functions do, costs more than to digest a short text.
 */
void
hash_sha256(const void *p, size_t n, uint8_t out[32])
{
	static EVP_MD_CTX *context;
	static EVP_MD *sha256;

	if (context == NULL) {
		context = EVP_MD_CTX_new();
		sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	}
	if (context == NULL || EVP_DigestInit_ex2(context, sha256, NULL) != 1 ||
	    EVP_DigestUpdate(context, p, n) != 1 ||
	    EVP_DigestFinal_ex(context, out, NULL) != 1)
		fatal(EXIT_INTERNAL, "hash: SHA-256 failed in libcrypto");
}

void
hash_hmac_sha256(const void *key, size_t key_len, const void *p, size_t n,
    uint8_t out[32])
{
	if (HMAC(EVP_sha256(), key, (int)key_len, p, n, out, NULL) == NULL)
		fatal(EXIT_INTERNAL, "hash: HMAC failed in libcrypto");
}

uint64_t
hash_fnv1a(const void *p, size_t n)
{
	const uint8_t *byte = p;
	uint64_t h = UINT64_C(14695981039346656037);

	while (n-- > 0) {
		h ^= *byte++;
		h *= UINT64_C(1099511628211);
	}
	return h;
}

/* A page of randomness at a time; a page that was handed out is wiped. */
void
hash_random(void *p, size_t n)
{
	static uint8_t page[4096];
	static size_t left;
	uint8_t *out = p;
	size_t some;

	while (n > 0) {
		if (left == 0) {
			if (RAND_bytes(page, sizeof(page)) != 1)
				fatal(EXIT_INTERNAL,
				    "hash: no randomness from libcrypto");
			left = sizeof(page);
		}
		some = n < left ? n : left;
		memcpy(out, page + sizeof(page) - left, some);
		OPENSSL_cleanse(page + sizeof(page) - left, some);
		left -= some;
		out += some;
		n -= some;
	}
}

char *
hash_hex(const void *p, size_t n, char *out)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *byte = p;
	size_t i;

	for (i = 0; i < n; i++) {
		out[2 * i] = hex[byte[i] >> 4];
		out[2 * i + 1] = hex[byte[i] & 15];
	}
	out[2 * n] = '\0';
	return out;
}

bool
hash_equal(const char *given, const char *secret)
{
	size_t given_len = strlen(given), n = strlen(secret);
	/* A text of another length is compared with the secret itself, so
	 * that the time is the same, and fails for its length. */
	const char *other = given_len == n ? given : secret;

	return (CRYPTO_memcmp(other, secret, n) == 0) & (given_len == n);
}

void
hash_base64(const void *p, size_t n, struct buf *out)
{
	unsigned char *text = xmalloc(n / 3 * 4 + 5);	/* and a NUL */

	buf_put(out, text, (size_t)EVP_EncodeBlock(text, p, (int)n));
	free(text);
}

bool
hash_unbase64(const char *text, struct buf *out)
{
	size_t len = strlen(text), pad = 0;
	unsigned char *decoded;
	int n;

	if (len == 0 || len % 4 != 0)
		return false;
	while (pad < 2 && text[len - 1 - pad] == '=')
		pad++;
	/* libcrypto forgives white space and takes "=" anywhere. */
	if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789+/") != len - pad)
		return false;
	decoded = xmalloc(len / 4 * 3);
	n = EVP_DecodeBlock(decoded, (const unsigned char *)text, (int)len);
	if (n >= (int)pad)
		buf_put(out, decoded, (size_t)n - pad);
	free(decoded);
	return n >= (int)pad;
}
