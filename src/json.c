/*
 * json.c - exact JSON: a strict reader
 *
 * Knows RFC 8259, UTF-8 and how to build a cJSON tree.  Knows nothing of what
 * the texts mean; json_value.c looks into the trees.
 *
 * The nodes and the decoded strings of a tree lie in one arena.  All strings
 * share one block as long as the text: decoding never lengthens, and the NUL
 * behind a string or a number takes the place of the closing quote or of the
 * separator that follows in the text.
 */
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* Objects with more members look for duplicate keys by sorting. */
#define FEW_MEMBERS	16

struct json {
	struct arena	*arena;		/* also holds this struct */
	cJSON		 root;
};

/* One run over one text. */
struct reader {
	const char	*text;
	const char	*p;		/* the next byte to read */
	const char	*end;
	char		*out;		/* where the next decoded text goes */
	struct arena	*arena;
	int		 depth;		/* containers that are open */
	const char	*fault;		/* what is wrong; NULL: nothing yet */
	const char	*wanted;	/* ends the sentence of `fault` */
	const char	*fault_at;
};

static bool read_value(struct reader *, cJSON *);

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
fail(struct reader *r, const char *at, const char *fault)
{
	r->fault = fault;
	r->wanted = "";
	r->fault_at = at;
	return false;
}

/*
 * The length of the well-formed UTF-8 sequence of a code point from U+0080
 * up; 0: it is not one.
 */
static size_t
sequence_length(const char *text, const char *end)
{
	const unsigned char *p = (const unsigned char *)text;
	const size_t left = (size_t)(end - text);
	unsigned char low = 0x80, high = 0xbf;	/* of the second byte */
	size_t n, i;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (p[0] == 0xe0)		/* shorter forms exist */
		low = 0xa0;
	else if (p[0] == 0xed)		/* surrogates */
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)		/* beyond U+10FFFF */
		high = 0x8f;

	if (left < n || p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* The text does not go on with what the grammar wants at r->p. */
static bool
unexpected(struct reader *r, const char *wanted)
{
	if (r->p < r->end && (unsigned char)*r->p >= 0x80 &&
	    sequence_length(r->p, r->end) == 0)
		return fail(r, r->p, "invalid UTF-8");
	fail(r, r->p, r->p == r->end ? "the text ends instead of " :
	    "unexpected character instead of ");
	r->wanted = wanted;
	return false;
}

static void
skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' ||
	    *r->p == '\r' || *r->p == '\t'))
		r->p++;
}

static bool
take(struct reader *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static void
put_utf8(struct reader *r, uint32_t code)
{
	if (code < 0x80) {
		*r->out++ = (char)code;
		return;
	}
	if (code < 0x800) {
		*r->out++ = (char)(0xc0 | code >> 6);
	} else {
		if (code < 0x10000) {
			*r->out++ = (char)(0xe0 | code >> 12);
		} else {
			*r->out++ = (char)(0xf0 | code >> 18);
			*r->out++ = (char)(0x80 | (code >> 12 & 0x3f));
		}
		*r->out++ = (char)(0x80 | (code >> 6 & 0x3f));
	}
	*r->out++ = (char)(0x80 | (code & 0x3f));
}

/* Four hex digits, if there are; they are not consumed. */
static bool
peek_hex4(const char *p, const char *end, uint32_t *code)
{
	int i;

	if (end - p < 4)
		return false;
	*code = 0;
	for (i = 0; i < 4; i++) {
		if (is_digit(p[i]))
			*code = *code << 4 | (uint32_t)(p[i] - '0');
		else if (p[i] >= 'a' && p[i] <= 'f')
			*code = *code << 4 | (uint32_t)(p[i] - 'a' + 10);
		else if (p[i] >= 'A' && p[i] <= 'F')
			*code = *code << 4 | (uint32_t)(p[i] - 'A' + 10);
		else
			return false;
	}
	return true;
}

/* r->p is behind the `\u` of an escape that begins at `at`. */
static bool
read_unicode_escape(struct reader *r, const char *at)
{
	uint32_t code, low;

	if (!peek_hex4(r->p, r->end, &code))
		return fail(r, at, "\\u without four hex digits");
	r->p += 4;
	if (code == 0)
		return fail(r, at, "NUL escape in a string");
	if (code >= 0xd800 && code <= 0xdbff && r->end - r->p >= 6 &&
	    r->p[0] == '\\' && r->p[1] == 'u' &&
	    peek_hex4(r->p + 2, r->end, &low) &&
	    low >= 0xdc00 && low <= 0xdfff) {
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		r->p += 6;
	} else if (code >= 0xd800 && code <= 0xdfff) {
		code = 0xfffd;
	}
	put_utf8(r, code);
	return true;
}

/* r->p is at a backslash. */
static bool
read_escape(struct reader *r)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	const char *at = r->p++;
	const char *letter;

	if (take(r, 'u'))
		return read_unicode_escape(r, at);
	letter = r->p < r->end ?
	    memchr(letters, *r->p, sizeof(letters) - 1) : NULL;
	if (letter == NULL)
		return fail(r, at, "unknown escape in a string");
	r->p++;
	*r->out++ = values[letter - letters];
	return true;
}

/* Copies what stands for itself, up to a quote, an escape or the end. */
static bool
read_run(struct reader *r)
{
	const char *p = r->p;
	size_t n;

	for (;;) {
		p += json_plain(p, r->end);
		if (p == r->end || *p == '"' || *p == '\\')
			break;
		if ((unsigned char)*p < 0x20)
			return fail(r, p, "control character in a string");
		if ((n = sequence_length(p, r->end)) == 0)
			return fail(r, p, "invalid UTF-8");
		p += n;
	}
	n = (size_t)(p - r->p);
	memcpy(r->out, r->p, n);
	r->out += n;
	r->p = p;
	return true;
}

/* A string from its opening quote, decoded; NULL: faulty. */
static char *
read_text(struct reader *r)
{
	char *text = r->out;

	r->p++;
	for (;;) {
		if (!read_run(r))
			return NULL;
		if (take(r, '"'))
			break;
		if (r->p == r->end) {
			unexpected(r, "a closing quote");
			return NULL;
		}
		if (!read_escape(r))
			return NULL;
	}
	*r->out++ = '\0';
	return text;
}

/* The length of the number literal at the start of the text; 0: none. */
static size_t
number_length(const char *text, const char *end)
{
	const char *p = text;

	if (p < end && *p == '-')
		p++;
	if (p == end || !is_digit(*p))
		return 0;
	if (*p++ != '0')
		while (p < end && is_digit(*p))
			p++;
	if (p < end && *p == '.') {
		if (++p == end || !is_digit(*p))
			return 0;
		while (p < end && is_digit(*p))
			p++;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		if (p == end || !is_digit(*p))
			return 0;
		while (p < end && is_digit(*p))
			p++;
	}
	return (size_t)(p - text);
}

static bool
read_number(struct reader *r, cJSON *node)
{
	const size_t n = number_length(r->p, r->end);

	if (n == 0)
		return fail(r, r->p, "malformed number");
	node->type = cJSON_Number;
	node->valuestring = r->out;
	memcpy(r->out, r->p, n);
	r->out[n] = '\0';
	r->out += n + 1;
	r->p += n;
	return true;
}

static bool
read_word(struct reader *r, cJSON *node, const char *word, int type)
{
	const size_t n = strlen(word);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
		return unexpected(r, "a value");
	node->type = type;
	r->p += n;
	return true;
}

/* As in every cJSON list, the first child's `prev` is the last child. */
static cJSON *
add_child(struct reader *r, cJSON *parent)
{
	cJSON *node = arena_calloc(r->arena, 1, sizeof(*node));
	cJSON *first = parent->child;

	if (first == NULL) {
		parent->child = node;
		node->prev = node;
	} else {
		node->prev = first->prev;
		first->prev->next = node;
		first->prev = node;
	}
	return node;
}

/* r->p is at an opening bracket. */
static bool
enter(struct reader *r)
{
	if (r->depth == JSON_DEPTH)
		return fail(r, r->p, "nesting is too deep");
	r->depth++;
	r->p++;
	skip_space(r);
	return true;
}

static bool
read_array(struct reader *r, cJSON *array)
{
	array->type = cJSON_Array;
	if (!enter(r))
		return false;
	if (!take(r, ']')) {
		do {
			if (!read_value(r, add_child(r, array)))
				return false;
		} while (take(r, ','));
		if (!take(r, ']'))
			return unexpected(r, "a comma or ]");
	}
	r->depth--;
	return true;
}

/* The value of a later member of the same name moves into the first place;
 * where it was, nothing valid stays. */
static void
supersede(cJSON *first, cJSON *later)
{
	first->type = later->type;
	first->valuestring = later->valuestring;
	first->valueint = later->valueint;
	first->valuedouble = later->valuedouble;
	first->child = later->child;
	later->type = cJSON_Invalid;
}

static bool
join_few_duplicates(cJSON *object)
{
	bool found = false;
	cJSON *a, *b;

	for (b = object->child; b != NULL; b = b->next)
		for (a = object->child; a != b; a = a->next)
			if (a->string[0] == b->string[0] &&
			    strcmp(a->string, b->string) == 0) {
				supersede(a, b);
				found = true;
				break;
			}
	return found;
}

/* By name, and members of one name as they stand in the text. */
static int
member_order(const void *left, const void *right)
{
	const cJSON *a = *(cJSON *const *)left, *b = *(cJSON *const *)right;
	const int names = strcmp(a->string, b->string);

	if (names != 0)
		return names;
	return a->valueint < b->valueint ? -1 : a->valueint > b->valueint;
}

/*
 * Sorting takes n log n whatever the keys are; a hash table without a secret
 * could be made quadratic by who chooses the keys.
 */
static bool
join_many_duplicates(cJSON *object, size_t n)
{
	cJSON **sorted = xreallocarray(NULL, n, sizeof(*sorted));
	cJSON *member, *first;
	bool found = false;
	size_t i = 0;

	for (member = object->child; member != NULL; member = member->next)
		sorted[i++] = member;
	qsort(sorted, n, sizeof(*sorted), member_order);

	first = sorted[0];
	for (i = 1; i < n; i++) {
		if (strcmp(first->string, sorted[i]->string) == 0) {
			supersede(first, sorted[i]);
			found = true;
		} else {
			first = sorted[i];
		}
	}
	free(sorted);
	return found;
}

/* Unlinks the members that were superseded; the first never is. */
static void
drop_invalid(cJSON *object)
{
	cJSON *last = object->child, *member;

	for (member = last->next; member != NULL; member = member->next) {
		if (member->type == cJSON_Invalid)
			continue;
		last->next = member;
		member->prev = last;
		last = member;
	}
	last->next = NULL;
	object->child->prev = last;
}

static bool
read_member(struct reader *r, cJSON *object)
{
	cJSON *member;

	skip_space(r);
	if (r->p == r->end || *r->p != '"')
		return unexpected(r, "a name in quotes");
	member = add_child(r, object);
	if ((member->string = read_text(r)) == NULL)
		return false;
	skip_space(r);
	if (!take(r, ':'))
		return unexpected(r, "a colon");
	return read_value(r, member);
}

static bool
read_object(struct reader *r, cJSON *object)
{
	size_t n = 0;

	object->type = cJSON_Object;
	if (!enter(r))
		return false;
	if (!take(r, '}')) {
		do {
			if (!read_member(r, object))
				return false;
			n++;
		} while (take(r, ','));
		if (!take(r, '}'))
			return unexpected(r, "a comma or }");
		if (n <= FEW_MEMBERS ? join_few_duplicates(object) :
		    join_many_duplicates(object, n))
			drop_invalid(object);
	}
	r->depth--;
	return true;
}

static bool
read_string(struct reader *r, cJSON *node)
{
	node->type = cJSON_String;
	return (node->valuestring = read_text(r)) != NULL;
}

static bool
read_any(struct reader *r, cJSON *node)
{
	switch (r->p < r->end ? *r->p : '\0') {
	case '{':
		return read_object(r, node);
	case '[':
		return read_array(r, node);
	case '"':
		return read_string(r, node);
	case 't':
		return read_word(r, node, "true", cJSON_True);
	case 'f':
		return read_word(r, node, "false", cJSON_False);
	case 'n':
		return read_word(r, node, "null", cJSON_NULL);
	case '-': case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		return read_number(r, node);
	default:
		return unexpected(r, "a value");
	}
}

/* One value with the space around it, into a zeroed node. */
static bool
read_value(struct reader *r, cJSON *node)
{
	skip_space(r);
	/* Every offset is below INT_MAX, since the length is not above. */
	node->valueint = (int)(r->p - r->text);
	if (!read_any(r, node))
		return false;
	if (node->type == cJSON_Object || node->type == cJSON_Array)
		node->valuedouble = (double)(r->p - r->text);
	skip_space(r);
	return true;
}

static bool
read_all(struct reader *r, cJSON *root)
{
	if (r->p == r->end)
		return fail(r, r->p, "the text is empty");
	if (!read_value(r, root))
		return false;
	if (r->p < r->end)
		return unexpected(r, "the end of the text");
	return true;
}

static void
explain(const struct reader *r, struct why *why)
{
	size_t line, position;

	json_position(r->text, (size_t)(r->end - r->text),
	    (size_t)(r->fault_at - r->text), &line, &position);
	why_set(why, "%s%s at line %zu, position %zu", r->fault, r->wanted,
	    line, position);
}

struct json *
json_parse(const char *text, size_t len, struct why *why)
{
	struct arena *arena = arena_new();
	struct json *json = arena_calloc(arena, 1, sizeof(*json));
	struct reader r = { .text = text, .end = text + len, .arena = arena };

	assert(len <= INT_MAX);
	json->arena = arena;
	r.p = text + json_bom(text, len);
	r.out = arena_alloc(arena, len + 1);
	if (!read_all(&r, &json->root)) {
		explain(&r, why);
		arena_free(arena);
		return NULL;
	}
	return json;
}

void
json_free(struct json *json)
{
	if (json != NULL)
		arena_free(json->arena);
}

const cJSON *
json_root(const struct json *json)
{
	return &json->root;
}

bool
json_is_number(const char *text)
{
	const size_t len = strlen(text);

	return len > 0 && number_length(text, text + len) == len;
}
