/*
 * inflate.h - compressed request bodies, over zlib
 */
#ifndef HR_INFLATE_H
#define HR_INFLATE_H

#include <stddef.h>

#include "mem.h"

enum inflate_result {
	INFLATE_OK,
	INFLATE_UNKNOWN,	/* a coding that is not gzip or deflate */
	INFLATE_TOO_LARGE,	/* more than out->max bytes */
	INFLATE_BROKEN		/* `why` says how */
};

/*
 * Undoes a Content-Encoding (`gzip`, `x-gzip`, `deflate`, in any case; with
 * or without zlib's wrapping).  Appends to `out`, whose maximum bounds it.
 */
enum inflate_result inflate_body(const char *coding, const char *body,
	    size_t len, struct buf *out, struct why *);

#endif
