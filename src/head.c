/*
 * head.c - an HTTP/1.1 request head, read strictly
 *
 * Knows the grammar of request lines, fields and chunks, and which fields
 * decide where a message ends.  Knows nothing of sockets, limits on bodies or
 * what a target means.
 *
 * The rule behind every refusal: two readers of the same bytes, a proxy in
 * front and this one, must never disagree on where one request ends and the
 * next begins, or on whom it is for.
 */
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "head.h"

#define LEADING_LINES	2	/* some clients send CR LF after a body */

/* What a byte may be part of. */
enum {
	TOKEN	= 1,		/* methods and field names */
	VALUE	= 2,		/* field values, extensions of chunks */
	TARGET	= 4,
	HOST	= 8		/* names and addresses, without the port */
};

static const unsigned char classes[256] = {
	['\t'] = VALUE, [' '] = VALUE,
	['!'] = TOKEN | VALUE | TARGET | HOST,
	['"'] = VALUE | TARGET,
	['#'] = TOKEN | VALUE,
	['$' ... '\''] = TOKEN | VALUE | TARGET | HOST,
	['(' ... ')'] = VALUE | TARGET | HOST,
	['*' ... '+'] = TOKEN | VALUE | TARGET | HOST,
	[','] = VALUE | TARGET,
	['-' ... '.'] = TOKEN | VALUE | TARGET | HOST,
	['/'] = VALUE | TARGET,
	['0' ... '9'] = TOKEN | VALUE | TARGET | HOST,
	[':'] = VALUE | TARGET,
	[';'] = VALUE | TARGET | HOST,
	['<'] = VALUE | TARGET,
	['='] = VALUE | TARGET | HOST,
	['>' ... '@'] = VALUE | TARGET,
	['A' ... 'Z'] = TOKEN | VALUE | TARGET | HOST,
	['[' ... ']'] = VALUE | TARGET,
	['^'] = TOKEN | VALUE | TARGET,
	['_'] = TOKEN | VALUE | TARGET | HOST,
	['`'] = TOKEN | VALUE | TARGET,
	['a' ... 'z'] = TOKEN | VALUE | TARGET | HOST,
	['{'] = VALUE | TARGET,
	['|'] = TOKEN | VALUE | TARGET,
	['}'] = VALUE | TARGET,
	['~'] = TOKEN | VALUE | TARGET | HOST,
	[0x80 ... 0xff] = VALUE
};

/* The framing fields of one head, while they are collected. */
struct framing {
	const char	*host;
	size_t		 hosts;
	const char	*length;
	size_t		 lengths;
	const char	*coding;
	size_t		 codings;
	bool		 close;
	bool		 keep;
};

static bool
is_class(char c, int class)
{
	return (classes[(unsigned char)c] & class) != 0;
}

/* How many bytes of that class the text starts with. */
static size_t
span(const char *s, int class)
{
	const char *p = s;

	while (is_class(*p, class))
		p++;
	return (size_t)(p - s);
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Ends a head at its first empty line, whatever the lines end with: what is
 * wrong with their ends is head_parse's to say, at once and not when a
 * deadline has passed.
 */
size_t
head_length(const char *p, size_t len)
{
	const char *line = p, *end = p + len, *nl;
	size_t leading = 0;
	bool begun = false;

	while (line < end &&
	    (nl = memchr(line, '\n', (size_t)(end - line))) != NULL) {
		bool empty = nl == line || (nl == line + 1 && *line == '\r');

		line = nl + 1;
		if (!empty)
			begun = true;
		else if (begun || ++leading > LEADING_LINES)
			return (size_t)(line - p);
	}
	return 0;
}

/*
 * Cuts the next line off [*p, end) as a text of its own, without CR LF.
 * NULL and `why`: it does not end properly, or holds what no line may hold.
 */
static char *
next_line(char **p, char *end, struct why *why)
{
	char *line = *p, *nl;
	size_t len;

	nl = memchr(line, '\n', (size_t)(end - line));
	if (nl == NULL) {
		why_set(why, "The request head is not complete.");
		return NULL;
	}
	if (nl == line || nl[-1] != '\r') {
		why_set(why, "A line of the request head ends with LF"
		    " instead of CR LF.");
		return NULL;
	}
	len = (size_t)(nl - line) - 1;
	line[len] = '\0';
	if (strlen(line) != len || memchr(line, '\r', len) != NULL) {
		why_set(why, "The request head has a NUL or a CR inside"
		    " a line.");
		return NULL;
	}
	*p = nl + 1;
	return line;
}

static int
read_version(struct head *h, const char *version, struct why *why)
{
	if (strlen(version) != 8 || strncmp(version, "HTTP/", 5) != 0 ||
	    !is_digit(version[5]) || version[6] != '.' ||
	    !is_digit(version[7])) {
		why_set(why, "The request line does not end with an HTTP"
		    " version.");
		return 400;
	}
	if (version[5] != '1') {
		why_set(why, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
		return 505;
	}
	/* A later 1.x is answered as the 1.1 that is spoken here. */
	h->minor = version[7] == '0' ? 0 : 1;
	return 0;
}

/* Where the authority of an absolute-form target starts; NULL: another form. */
static char *
target_authority(const struct head *h)
{
	if (strncasecmp(h->target, "http://", 7) == 0)
		return h->target + 7;
	if (strncasecmp(h->target, "https://", 8) == 0)
		return h->target + 8;
	return NULL;
}

static bool
target_form_ok(const struct head *h)
{
	if (strcmp(h->target, "*") == 0)
		return strcmp(h->method, "OPTIONS") == 0;
	return h->target[0] == '/' || target_authority(h) != NULL;
}

static int
read_request_line(struct head *h, char *line, struct why *why)
{
	char *target = strchr(line, ' '), *version = NULL;
	int status;

	if (target != NULL)
		version = strchr(target + 1, ' ');
	if (version == NULL) {
		why_set(why, "The request line is not of the form"
		    " METHOD TARGET VERSION.");
		return 400;
	}
	*target++ = '\0';
	*version++ = '\0';
	h->method = line;
	h->target = target;
	if ((status = read_version(h, version, why)) != 0)
		return status;
	if (*line == '\0' || line[span(line, TOKEN)] != '\0') {
		why_set(why, "The method is malformed.");
		return 400;
	}
	if (target[span(target, TARGET)] != '\0' || !target_form_ok(h)) {
		why_set(why, "The request target is malformed.");
		return 400;
	}
	return 0;
}

static int
read_field(struct head *h, char *line, struct why *why)
{
	size_t name = span(line, TOKEN), len;
	char *value;

	if (name == 0) {
		why_set(why, *line == ' ' || *line == '\t' ?
		    "A header is folded over two lines." :
		    "A header has no proper name.");
		return 400;
	}
	if (line[name] != ':') {
		why_set(why, line[name] == ' ' || line[name] == '\t' ?
		    "A header has white space before its colon." :
		    "A header has a malformed name or no colon.");
		return 400;
	}
	if (h->fields == HEAD_MAX_FIELDS) {
		why_set(why, "The request has more than %d headers.",
		    HEAD_MAX_FIELDS);
		return 431;
	}
	line[name] = '\0';
	value = line + name + 1;
	value += strspn(value, " \t");
	len = span(value, VALUE);
	if (value[len] != '\0') {
		why_set(why, "A header has a control character in its"
		    " value.");
		return 400;
	}
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	value[len] = '\0';
	h->field[h->fields].name = line;
	h->field[h->fields].value = value;
	h->fields++;
	return 0;
}

/* Is the token in the comma-separated list, in any case? */
static bool
list_has(const char *list, const char *token)
{
	size_t want = strlen(token), len;

	for (;;) {
		list += strspn(list, ", \t");
		if (*list == '\0')
			return false;
		len = strcspn(list, ", \t");
		if (len == want && strncasecmp(list, token, len) == 0)
			return true;
		list += len;
	}
}

static void
note_field(struct head *h, struct framing *f, const struct head_field *field)
{
	const char *name = field->name, *value = field->value;

	if (strcasecmp(name, "Host") == 0) {
		f->host = value;
		f->hosts++;
	} else if (strcasecmp(name, "Content-Length") == 0) {
		f->length = value;
		f->lengths++;
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		f->coding = value;
		f->codings++;
	} else if (strcasecmp(name, "Connection") == 0) {
		f->close = f->close || list_has(value, "close");
		f->keep = f->keep || list_has(value, "keep-alive");
	} else if (strcasecmp(name, "Expect") == 0) {
		/* A 1.0 client cannot know an interim answer. */
		h->expect_continue = h->minor == 1 &&
		    list_has(value, "100-continue");
	}
}

/* NAME, NAME:PORT, [ADDRESS] or [ADDRESS]:PORT. */
static bool
host_ok(const char *host)
{
	size_t len;

	if (*host == '[') {
		len = strspn(host + 1, "0123456789abcdefABCDEF:.");
		if (len == 0 || host[len + 1] != ']')
			return false;
		host += len + 2;
	} else {
		len = span(host, HOST);
		if (len == 0)
			return false;
		host += len;
	}
	if (*host == ':')
		host += 1 + strspn(host + 1, "0123456789");
	return *host == '\0';
}

/*
 * Whom the request is for: one Host, and in an absolute-form target the same
 * one again, which leaves the path as the target.
 */
static int
settle_host(struct head *h, const struct framing *f, struct why *why)
{
	char *authority = target_authority(h);
	size_t len;

	if (f->hosts > 1 || (f->hosts == 0 && h->minor == 1)) {
		why_set(why, "The request has %s Host header.",
		    f->hosts == 0 ? "no" : "more than one");
		return 400;
	}
	if (f->hosts == 1 && !host_ok(f->host)) {
		why_set(why, "The Host header is malformed.");
		return 400;
	}
	if (authority == NULL)
		return 0;
	len = strcspn(authority, "/?");
	if (len == 0 || (f->hosts == 1 && (strlen(f->host) != len ||
	    strncasecmp(authority, f->host, len) != 0))) {
		why_set(why, "The request target names another host than the"
		    " Host header.");
		return 400;
	}
	h->target = authority + len;
	if (*h->target != '/')
		*--h->target = '/';	/* over the authority's last byte */
	return 0;
}

static bool
read_length(const char *text, uint64_t *length)
{
	uint64_t n = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (!is_digit(*text) || n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*length = n;
	return true;
}

/* Where the body ends: at once, after a length, or after the last chunk. */
static int
settle_body(struct head *h, const struct framing *f, struct why *why)
{
	if (f->codings > 0 && (f->lengths > 0 || f->codings > 1 ||
	    h->minor == 0)) {
		why_set(why, "Transfer-Encoding comes twice, in HTTP/1.0 or"
		    " with Content-Length.");
		return 400;
	}
	if (f->codings == 1 && strcasecmp(f->coding, "chunked") != 0) {
		why_set(why, "The only transfer coding known here is"
		    " chunked.");
		return 501;
	}
	if (f->lengths > 1 ||
	    (f->lengths == 1 && !read_length(f->length, &h->length))) {
		why_set(why, "Content-Length is malformed or comes twice.");
		return 400;
	}
	h->chunked = f->codings == 1;
	h->has_length = f->lengths == 1;
	return 0;
}

int
head_parse(struct head *h, char *block, size_t len, struct why *why)
{
	struct framing f = { 0 };
	char *p = block, *line;
	size_t i, leading = 0;
	int status;

	h->fields = 0;
	h->minor = 1;
	h->chunked = h->has_length = h->keep_alive = false;
	h->expect_continue = false;
	h->length = 0;
	if (len > HEAD_MAX_BYTES) {
		why_set(why, "The request head is longer than %d bytes.",
		    HEAD_MAX_BYTES);
		return 431;
	}
	do {
		if ((line = next_line(&p, block + len, why)) == NULL)
			return 400;
	} while (*line == '\0' && leading++ < LEADING_LINES);
	if ((status = read_request_line(h, line, why)) != 0)
		return status;
	for (;;) {
		if ((line = next_line(&p, block + len, why)) == NULL)
			return 400;
		if (*line == '\0')
			break;
		if ((status = read_field(h, line, why)) != 0)
			return status;
	}
	for (i = 0; i < h->fields; i++)
		note_field(h, &f, &h->field[i]);
	if ((status = settle_host(h, &f, why)) != 0)
		return status;
	h->keep_alive = !f.close && (h->minor == 1 || f.keep);
	return settle_body(h, &f, why);
}

enum chunk_state {
	CHUNK_SIZE,		/* at or in the digits */
	CHUNK_EXTENSION,	/* after the semicolon; dropped */
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER,		/* at the start of a line */
	CHUNK_TRAILER_NAME,
	CHUNK_TRAILER_VALUE,
	CHUNK_TRAILER_LF,
	CHUNK_END_LF,
	CHUNK_END
};

#define CHUNK_DIGITS	16	/* what a uint64_t holds */

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* A byte of the size line, its extension not included. */
static int
step_size(struct head_chunked *k, char c)
{
	int value = hex_value(c);

	if (value != -1) {
		if (k->digits++ == CHUNK_DIGITS)
			return -1;
		k->left = k->left << 4 | (unsigned)value;
		return 0;
	}
	if (k->digits == 0 || (c != '\r' && c != ';'))
		return -1;
	k->state = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
	return 0;
}

/*
 * A byte of an extension or a trailer: what is read only to be dropped.  All
 * of it together may be as long as a head, or a body of tiny chunks with long
 * extensions would pass for a small one.
 */
static int
step_dropped(struct head_chunked *k, char c)
{
	bool extension = k->state == CHUNK_EXTENSION;

	if (++k->trailer_bytes > HEAD_MAX_BYTES)
		return -1;
	if (k->state == CHUNK_TRAILER && c == '\r') {
		k->state = CHUNK_END_LF;
		return 0;
	}
	if (k->state == CHUNK_TRAILER_NAME && c == ':') {
		k->state = CHUNK_TRAILER_VALUE;
		return 0;
	}
	if (k->state == CHUNK_TRAILER || k->state == CHUNK_TRAILER_NAME) {
		k->state = CHUNK_TRAILER_NAME;
		return is_class(c, TOKEN) ? 0 : -1;
	}
	if (c == '\r') {
		k->state = extension ? CHUNK_SIZE_LF : CHUNK_TRAILER_LF;
		return 0;
	}
	return is_class(c, VALUE) ? 0 : -1;
}

/* The state behind a CR or LF that must be here. */
static int
step_line_end(struct head_chunked *k, char c)
{
	if (c != (k->state == CHUNK_DATA_CR ? '\r' : '\n'))
		return -1;
	switch (k->state) {
	case CHUNK_SIZE_LF:
		k->state = k->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
		return 0;
	case CHUNK_DATA_CR:
		k->state = CHUNK_DATA_LF;
		return 0;
	case CHUNK_DATA_LF:
		k->state = CHUNK_SIZE;
		k->digits = 0;
		return 0;
	case CHUNK_TRAILER_LF:
		k->state = CHUNK_TRAILER;
		return 0;
	default:
		assert(k->state == CHUNK_END_LF);
		k->state = CHUNK_END;
		return 1;
	}
}

static int
step(struct head_chunked *k, char c)
{
	switch (k->state) {
	case CHUNK_SIZE:
		return step_size(k, c);
	case CHUNK_EXTENSION:
	case CHUNK_TRAILER:
	case CHUNK_TRAILER_NAME:
	case CHUNK_TRAILER_VALUE:
		return step_dropped(k, c);
	default:
		return step_line_end(k, c);
	}
}

/* Takes what is there of the current chunk. */
static size_t
take_data(struct head_chunked *k, const char *p, size_t len, struct buf *out)
{
	size_t n = k->left < len ? (size_t)k->left : len;

	buf_put(out, p, n);
	k->left -= n;
	if (k->left == 0)
		k->state = CHUNK_DATA_CR;
	return n;
}

int
head_chunk_feed(struct head_chunked *k, const char *p, size_t len,
    struct buf *out, size_t *used)
{
	int rc = k->state == CHUNK_END ? 1 : 0;

	for (*used = 0; rc == 0 && *used < len; ) {
		if (k->state == CHUNK_DATA) {
			*used += take_data(k, p + *used, len - *used, out);
			continue;
		}
		rc = step(k, p[(*used)++]);
		/* A chunk that is too large is known by its size line. */
		if (rc == 0 && k->state == CHUNK_DATA && out->max > 0 &&
		    k->left > out->max - out->len) {
			out->over = true;
			rc = -1;
		}
	}
	return rc;
}

const char *
head_field(const struct head *h, const char *name)
{
	size_t i;

	for (i = 0; i < h->fields; i++) {
		if (strcasecmp(h->field[i].name, name) == 0)
			return h->field[i].value;
	}
	return NULL;
}

size_t
head_field_count(const struct head *h, const char *name)
{
	size_t i, n = 0;

	for (i = 0; i < h->fields; i++)
		n += strcasecmp(h->field[i].name, name) == 0;
	return n;
}

const char *
head_reason(int status)
{
	static const struct {
		int		 status;
		const char	*reason;
	} reasons[] = {
		{ 202, "Accepted" }, { 200, "OK" }, { 100, "Continue" },
		{ 201, "Created" }, { 204, "No Content" },
		{ 304, "Not Modified" }, { 307, "Temporary Redirect" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" },
		{ 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
		{ 408, "Request Timeout" }, { 409, "Conflict" },
		{ 410, "Gone" }, { 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" }
	};
	size_t i;

	for (i = 0; i < HR_COUNT(reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Unknown";
}
