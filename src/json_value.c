/*
 * json_value.c - exact JSON: values, their places in the text, their writing
 *
 * Knows the trees that json.c builds and the texts it built them from, which
 * are JSON for certain.
 */
#include <assert.h>
#include <endian.h>
#include <string.h>

#include "json.h"
#include "log.h"

size_t
json_bom(const char *text, size_t len)
{
	return len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

size_t
json_begin(const cJSON *value)
{
	return (size_t)value->valueint;
}

/* One past the closing quote of the string that opens at text[i]. */
static size_t
string_end(const char *text, size_t i)
{
	for (i++; text[i] != '"'; i++)
		if (text[i] == '\\')
			i++;
	return i + 1;
}

size_t
json_end(const char *text, size_t len, const cJSON *value)
{
	const size_t begin = json_begin(value);
	size_t end;

	switch (text[begin]) {
	case '{':
	case '[':
		end = (size_t)value->valuedouble;
		break;
	case '"':
		end = string_end(text, begin);
		break;
	case 't':
	case 'n':
		end = begin + 4;
		break;
	case 'f':
		end = begin + 5;
		break;
	default:
		end = begin + strlen(value->valuestring);
	}
	assert(end <= len);
	return end;
}

/* UTF-16 units of the code point that begins with this byte; a byte that
 * goes on with one has none. */
static size_t
units_of(char byte)
{
	const unsigned char c = (unsigned char)byte;

	return (size_t)((c & 0xc0) != 0x80) + (size_t)(c >= 0xf0);
}

void
json_position(const char *text, size_t len, size_t offset, size_t *line,
    size_t *position)
{
	size_t lines = 1, units = 0, i;

	assert(offset <= len);
	for (i = json_bom(text, len); i < offset; i++) {
		/* A CR right before a LF ends no line: the LF does. */
		if (text[i] == '\n' || (text[i] == '\r' &&
		    !(i + 1 < len && text[i + 1] == '\n'))) {
			lines++;
			units = 0;
		} else {
			units += units_of(text[i]);
		}
	}
	*line = lines;
	*position = units + 1;
}

size_t
json_units(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += units_of(*text);
	return n;
}

size_t
json_cut(const char *text, size_t units)
{
	size_t used = 0, i;

	for (i = 0; text[i] != '\0'; i++) {
		used += units_of(text[i]);
		if (used > units)
			break;
	}
	return i;
}

const cJSON *
json_get(const cJSON *object, const char *name)
{
	const cJSON *member;

	if (object == NULL || object->type != cJSON_Object)
		return NULL;
	for (member = object->child; member != NULL; member = member->next)
		if (strcmp(member->string, name) == 0)
			return member->type != cJSON_NULL ? member : NULL;
	return NULL;
}

const char *
json_text(const cJSON *value)
{
	return value != NULL && value->type == cJSON_String ?
	    value->valuestring : NULL;
}

const char *
json_literal(const cJSON *value)
{
	return value != NULL && value->type == cJSON_Number ?
	    value->valuestring : NULL;
}

bool
json_is_integer(const char *literal)
{
	return json_is_number(literal) && strpbrk(literal, ".eE") == NULL;
}

bool
json_int64(const char *literal, int64_t *value)
{
	const bool negative = literal[0] == '-';
	const char *p = literal + (negative ? 1 : 0);
	int64_t n = 0;		/* of the value's sign, for INT64_MIN's sake */

	if (!json_is_integer(literal))
		return false;
	for (; *p != '\0'; p++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n,
		    negative ? '0' - *p : *p - '0', &n))
			return false;
	*value = n;
	return true;
}

/* The short escape of a byte; NULL: it has none. */
static const char *
short_escape(char c)
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\b':
		return "\\b";
	case '\f':
		return "\\f";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		return NULL;
	}
}

void
json_put_text(struct buf *b, const char *text)
{
	json_put_text_n(b, text, strlen(text));
}

/* Eight bytes at once.  The lowest byte below n has its highest bit set then,
 * and no lower one. */
#define ALL(byte)	((byte) * UINT64_C(0x0101010101010101))
#define BELOW(word, n)	(((word) - ALL(n)) & ~(word) & ALL(0x80))

size_t
json_plain(const char *text, const char *end)
{
	const char *p = text;
	uint64_t word, other;

	for (; end - p >= 8; p += 8) {
		memcpy(&word, p, sizeof(word));
		word = le64toh(word);	/* the first byte is the lowest */
		other = (word & ALL(0x80)) | BELOW(word, 0x20) |
		    BELOW(word ^ ALL('"'), 1) | BELOW(word ^ ALL('\\'), 1);
		if (other != 0)
			return (size_t)(p - text) +
			    (size_t)__builtin_ctzll(other) / 8;
	}
	while (p < end && (unsigned char)*p >= 0x20 &&
	    (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return (size_t)(p - text);
}

void
json_put_text_n(struct buf *b, const char *text, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	char escape[] = "\\u00xx";
	const char *end = text + len, *p = text;

	buf_putc(b, '"');
	for (; (p += json_plain(p, end)) < end; p++) {
		if ((unsigned char)*p >= 0x80)
			continue;
		buf_put(b, text, (size_t)(p - text));
		if (short_escape(*p) != NULL) {
			buf_puts(b, short_escape(*p));
		} else {
			escape[4] = hex[*p >> 4];
			escape[5] = hex[*p & 15];
			buf_put(b, escape, 6);
		}
		text = p + 1;
	}
	buf_put(b, text, (size_t)(p - text));
	buf_putc(b, '"');
}

static void
put_children(struct buf *b, const cJSON *parent)
{
	const cJSON *child;

	for (child = parent->child; child != NULL; child = child->next) {
		if (child != parent->child)
			buf_putc(b, ',');
		if (parent->type == cJSON_Object) {
			json_put_text(b, child->string);
			buf_putc(b, ':');
		}
		json_put(b, child);
	}
}

void
json_put(struct buf *b, const cJSON *value)
{
	switch (value->type) {
	case cJSON_Object:
		buf_putc(b, '{');
		put_children(b, value);
		buf_putc(b, '}');
		break;
	case cJSON_Array:
		buf_putc(b, '[');
		put_children(b, value);
		buf_putc(b, ']');
		break;
	case cJSON_String:
		json_put_text(b, value->valuestring);
		break;
	case cJSON_Number:
		buf_puts(b, value->valuestring);
		break;
	case cJSON_True:
		buf_puts(b, "true");
		break;
	case cJSON_False:
		buf_puts(b, "false");
		break;
	case cJSON_NULL:
		buf_puts(b, "null");
		break;
	default:
		bug("json: a node of cJSON type %d", value->type);
	}
}
