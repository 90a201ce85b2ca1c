/*
 * inflate.c - compressed request bodies, over zlib
 *
 * Knows zlib, and that senders disagree on whether `deflate` has its header.
 */
#include <string.h>
#include <strings.h>

#include <zlib.h>

#include "inflate.h"

#define GZIP_HEADER	(15 + 16)
#define ZLIB_HEADER	15
#define NO_HEADER	(-15)

static enum inflate_result
run(int window_bits, bool members, const char *body, size_t len,
    struct buf *out, struct why *why)
{
	char part[16384];
	enum inflate_result result = INFLATE_OK;
	z_stream z;
	int rc;

	memset(&z, 0, sizeof(z));
	if (inflateInit2(&z, window_bits) != Z_OK) {
		why_set(why, "zlib could not start");
		return INFLATE_BROKEN;
	}
	z.next_in = (Bytef *)(uintptr_t)body;
	z.avail_in = (uInt)len;
	do {
		z.next_out = (Bytef *)part;
		z.avail_out = sizeof(part);
		rc = inflate(&z, Z_NO_FLUSH);
		buf_put(out, part, sizeof(part) - z.avail_out);
		if (out->over)
			result = INFLATE_TOO_LARGE;
		/* Gzip may have several members (RFC 1952). */
		if (rc == Z_STREAM_END && members && z.avail_in >= 2 &&
		    z.next_in[0] == 0x1f && z.next_in[1] == 0x8b)
			rc = inflateReset(&z);
	} while (rc == Z_OK && result == INFLATE_OK);
	if (result == INFLATE_OK && rc != Z_STREAM_END) {
		why_set(why, "%s", z.msg != NULL ? z.msg :
		    rc == Z_NEED_DICT ?
		    "the compressed data needs a dictionary" :
		    "the compressed data ends too early");
		result = INFLATE_BROKEN;
	} else if (result == INFLATE_OK && z.avail_in > 0) {
		why_set(why, "%u bytes follow the end of the compressed data",
		    z.avail_in);
		result = INFLATE_BROKEN;
	}
	inflateEnd(&z);
	return result;
}

/* A zlib header: deflate with a window of at most 32 KiB, and its check. */
static bool
has_zlib_header(const char *body, size_t len)
{
	const unsigned char *p = (const unsigned char *)body;

	return len >= 2 && (p[0] & 0x0f) == 8 && (p[0] >> 4) <= 7 &&
	    (p[0] * 256 + p[1]) % 31 == 0;
}

enum inflate_result
inflate_body(const char *coding, const char *body, size_t len,
    struct buf *out, struct why *why)
{
	if (strcasecmp(coding, "gzip") == 0 ||
	    strcasecmp(coding, "x-gzip") == 0)
		return run(GZIP_HEADER, true, body, len, out, why);
	if (strcasecmp(coding, "deflate") == 0)
		return run(has_zlib_header(body, len) ? ZLIB_HEADER : NO_HEADER,
		    false, body, len, out, why);
	return INFLATE_UNKNOWN;
}
