/*
 * head.h - an HTTP/1.1 request head, read strictly (RFC 9112)
 *
 * Pure.  Accepts what no intermediary could read differently, and says of
 * everything else what is wrong with it.
 */
#ifndef HR_HEAD_H
#define HR_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

#define HEAD_MAX_BYTES	16384	/* request line and headers, CR LF included */
#define HEAD_MAX_FIELDS	100

struct head_field {
	char	*name;
	char	*value;		/* trimmed of blanks and tabs */
};

/* All texts lie in the block that was handed to head_parse. */
struct head {
	char		*method;
	/* Origin-form or *.  Of an absolute-form target the path and query:
	 * its host is that of the Host header, or the request is refused. */
	char		*target;
	int		 minor;		/* of HTTP/1.x: 0 or 1 */
	struct head_field field[HEAD_MAX_FIELDS];
	size_t		 fields;
	/* Framing. */
	bool		 chunked;
	bool		 has_length;
	uint64_t	 length;	/* 0 without Content-Length */
	bool		 keep_alive;	/* the version's default, or as asked */
	bool		 expect_continue;
};

/*
 * The length of the head at the start of `p`, its empty line included; 0: it
 * is not whole yet.  Leading empty lines are part of it (at most two).
 */
size_t	head_length(const char *p, size_t len);

/*
 * head_parse - one whole head
 *
 * Changes `block` (writes NULs), which the result points into.  0, or the
 * status to refuse with (400, 431, 501, 505) and `why`.  Refused: bare CR,
 * NUL and other controls, white space before a colon, empty names, obsolete
 * folding, no or two Hosts (HTTP/1.1), several or malformed Content-Lengths,
 * Content-Length with Transfer-Encoding, codings other than exactly
 * `chunked`, targets that are not origin-form (or absolute-form or *).
 */
int	head_parse(struct head *, char *block, size_t len, struct why *);

/*
 * Chunked bodies, incrementally.  Zeroes are the start.  head_chunk_feed
 * appends what it decodes to `out`, sets *used to the bytes it took, and
 * returns 0 to go on, 1 when the body (trailers included, which are dropped)
 * is complete, -1 when it is malformed or passes max_bytes (out->over).
 */
struct head_chunked {
	int		 state;
	uint64_t	 left;
	size_t		 digits;
	size_t		 trailer_bytes;
};

int	head_chunk_feed(struct head_chunked *, const char *p, size_t len,
	    struct buf *out, size_t *used);

const char *head_field(const struct head *, const char *name);
size_t	head_field_count(const struct head *, const char *name);
/* "OK", "Not Found" ...; lent for ever. */
const char *head_reason(int status);

#endif
