/*
 * json.h - exact JSON: what was written is what is kept
 *
 * A strict reader (RFC 8259, UTF-8) that builds cJSON trees, and a writer
 * that gives back the same bytes.  In a tree of this reader
 *
 * - a number is a cJSON_Number whose `valuestring` is its literal, byte for
 *   byte; `valuedouble` is not set;
 * - a string is decoded; a lone surrogate escape became U+FFFD; NUL escapes
 *   are refused, so no text is cut;
 * - a key that occurs twice in an object has its last value in its first
 *   place;
 * - `valueint` is the byte offset of the value's first byte in the text, and
 *   `valuedouble` of an object or array that of the byte behind its last.
 *
 * Such a tree is lent by its struct json: never call cJSON_Delete on it, and
 * never change it.
 */
#ifndef HR_JSON_H
#define HR_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "mem.h"

#define JSON_DEPTH	64	/* deepest nesting that is accepted */

struct json;

/*
 * json_parse - read one whole text of at most INT_MAX bytes
 *
 * NULL when it is not JSON, not UTF-8, empty, holds a NUL escape or nests
 * deeper than JSON_DEPTH; `why` then says what and where ("line 1, position
 * 7", counted as json_position counts).  One leading BOM is skipped; offsets
 * count it.  The text is borrowed; the result is given (json_free).
 */
struct json *json_parse(const char *text, size_t len, struct why *);
void	json_free(struct json *);		/* NULL: nothing */
const cJSON *json_root(const struct json *);	/* lent */

/* The length of the byte order mark at the start of a text: 3 or 0. */
size_t	json_bom(const char *text, size_t len);

/* Where a value begins and ends (one past) in the text it was read from. */
size_t	json_begin(const cJSON *);
size_t	json_end(const char *text, size_t len, const cJSON *);

/*
 * The line (from 1; LF, CR LF and CR end one) and the position in it (from
 * 1, in UTF-16 units, a BOM not counted) of the character at a byte offset.
 */
void	json_position(const char *text, size_t len, size_t offset,
	    size_t *line, size_t *position);

/* The member of that very name, if it is there and not null; else NULL, also
 * for a NULL or non-object `object`.  Lent. */
const cJSON *json_get(const cJSON *object, const char *name);
/* The text of a string, else NULL (also for NULL).  Lent. */
const char *json_text(const cJSON *);
/* The literal of a number, else NULL (also for NULL).  Lent. */
const char *json_literal(const cJSON *);
/* A literal without fraction and exponent: an integer in JSON's spelling. */
bool	json_is_integer(const char *literal);
/* Is the whole text one JSON number literal? */
bool	json_is_number(const char *text);
/* An integer literal within int64; false otherwise. */
bool	json_int64(const char *literal, int64_t *value);

/* Length of UTF-8 text in UTF-16 units, and the number of bytes of its
 * longest start of at most `units` units that splits no code point. */
size_t	json_units(const char *text);
size_t	json_cut(const char *text, size_t units);

/* How many bytes at the start are ASCII characters that stand for themselves
 * within a JSON string: no control, no quote, no backslash. */
size_t	json_plain(const char *text, const char *end);

/* A JSON string with its quotes, escaped as mapping.md section 9 says. */
void	json_put_text(struct buf *, const char *text);
void	json_put_text_n(struct buf *, const char *text, size_t len);
/* The value without white space, keys in order, numbers byte for byte. */
void	json_put(struct buf *, const cJSON *);

#endif
