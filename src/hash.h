/*
 * hash.h - digests, keyed digests, randomness, constant-time comparison
 *
 * The cryptography is OpenSSL's; a failure inside it ends the program.
 */
#ifndef HR_HASH_H
#define HR_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

void	hash_sha256(const void *, size_t, uint8_t out[32]);
void	hash_hmac_sha256(const void *key, size_t key_len, const void *,
	    size_t, uint8_t out[32]);
/* Signed 64-bit FNV-1a, offset basis 14695981039346656037. */
uint64_t hash_fnv1a(const void *, size_t);
void	hash_random(void *, size_t);
/* Lower-case hex of n bytes and a NUL into out[2 * n + 1]; returns out. */
char	*hash_hex(const void *, size_t n, char *out);
/* Base64 with its padding, appended. */
void	hash_base64(const void *, size_t, struct buf *out);
/* Base64 with its padding, appended decoded; false: it is not that. */
bool	hash_unbase64(const char *, struct buf *out);
/* Equality of two texts in a time that depends on the second's length only:
 * a secret goes second. */
bool	hash_equal(const char *given, const char *secret);

#endif
