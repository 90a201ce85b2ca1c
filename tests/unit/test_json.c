/*
 * test_json.c - what is JSON, what is not and where, and what comes back
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"

static struct json *
parse(const char *text)
{
	struct why why = { "" };
	struct json *json = json_parse(text, strlen(text), &why);

	if (json == NULL)
		fail_msg("%s: %s", text, why.text);
	return json;
}

static void
assert_writes(const char *text, const char *expected)
{
	struct json *json = parse(text);
	struct buf out = BUF_INIT;

	json_put(&out, json_root(json));

	assert_string_equal(buf_str(&out), expected);
	buf_free(&out);
	json_free(json);
}

static void
assert_refuses(const char *text, size_t len, const char *expected)
{
	struct why why = { "" };
	struct json *json = json_parse(text, len, &why);

	if (json != NULL)
		fail_msg("accepted: %.*s", (int)len, text);
	assert_string_equal(why.text, expected);
}

static void
json_put_gives_back_what_was_read(void **state)
{
	static const char *const same[] = {
		"{}", "[]", "null", "true", "false", "\"\"", "0", "-0",
		"1.10", "1e3", "1E+03", "-12.50e-7", "1e400",
		"9007199254740993", "123456789012345678901234567890",
		"{\"b\":1,\"a\":{\"c\":[1,[],{}]},\"\":null}",
		"[true,false,null,\"x\"]",
		"\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\"",
		"\"/\x7f \xc3\xa9 \xe2\x80\xa8 \xf0\x9f\x98\x80\""
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(same); i++)
		assert_writes(same[i], same[i]);
}

static void
json_parse_decodes_strings_and_drops_space(void **state)
{
	static const struct {
		const char	*text;
		const char	*expected;
	} cases[] = {
		{ " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\":{ } }\n",
		    "{\"a\":[1,2],\"b\":{}}" },
		{ "\xef\xbb\xbf[1]", "[1]" },
		{ "\"\\/\\u0041\\u00e9\\u20AC\"",
		    "\"/A\xc3\xa9\xe2\x82\xac\"" },
		{ "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"" },
		{ "\"\\udbff\\udfff\"", "\"\xf4\x8f\xbf\xbf\"" },
		{ "\"a\\udc00b\"", "\"a\xef\xbf\xbd" "b\"" },
		{ "\"\\ud83dA\"", "\"\xef\xbf\xbd" "A\"" },
		{ "\"\\ud83d\\u0041\"", "\"\xef\xbf\xbd" "A\"" },
		{ "\"\\ud800\\ud83d\\ude00\"",
		    "\"\xef\xbf\xbd\xf0\x9f\x98\x80\"" },
		{ "\"\\ud83d\\n\"", "\"\xef\xbf\xbd\\n\"" },
		{ "{\"k\\ud800\":1}", "{\"k\xef\xbf\xbd\":1}" }
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++)
		assert_writes(cases[i].text, cases[i].expected);
}

static void
json_parse_says_what_is_wrong_and_where(void **state)
{
#define VALUE(where) "unexpected character instead of a value at " where
#define ENDS(what, where) "the text ends instead of " what " at " where
	static const struct {
		const char	*text;
		const char	*message;
	} cases[] = {
		{ "", "the text is empty at line 1, position 1" },
		{ "\xef\xbb\xbf", "the text is empty at line 1, position 1" },
		{ " \n ", ENDS("a value", "line 2, position 2") },
		{ "[1,]", VALUE("line 1, position 4") },
		{ "{\"events\":[],}", "unexpected character instead of a "
		    "name in quotes at line 1, position 14" },
		{ "{\"a\":1 \"b\"}", "unexpected character instead of a comma "
		    "or } at line 1, position 8" },
		{ "[1 2]", "unexpected character instead of a comma or ] at "
		    "line 1, position 4" },
		{ "{\"a\" 1}", "unexpected character instead of a colon at "
		    "line 1, position 6" },
		{ "{a:1}", "unexpected character instead of a name in quotes "
		    "at line 1, position 2" },
		{ "{} {}", "unexpected character instead of the end of the "
		    "text at line 1, position 4" },
		{ "[1", ENDS("a comma or ]", "line 1, position 3") },
		{ "{\"a\":", ENDS("a value", "line 1, position 6") },
		{ "{\"a\"", ENDS("a colon", "line 1, position 5") },
		{ "{", ENDS("a name in quotes", "line 1, position 2") },
		{ "\"ab", ENDS("a closing quote", "line 1, position 4") },
		{ "\r\n// x\r\n1", VALUE("line 2, position 1") },
		{ "\n\r\rtru", VALUE("line 4, position 1") },
		{ "nulL", VALUE("line 1, position 1") },
		{ "NaN", VALUE("line 1, position 1") },
		{ "'a'", VALUE("line 1, position 1") },
		{ "+1", VALUE("line 1, position 1") },
		{ ".5", VALUE("line 1, position 1") },
		{ "-", "malformed number at line 1, position 1" },
		{ "1.", "malformed number at line 1, position 1" },
		{ "1.e3", "malformed number at line 1, position 1" },
		{ "1e", "malformed number at line 1, position 1" },
		{ "1e+", "malformed number at line 1, position 1" },
		{ "[01]", "unexpected character instead of a comma or ] at "
		    "line 1, position 3" },
		{ "\"a\tb\"", "control character in a string at line 1, "
		    "position 3" },
		{ "\"\\x\"", "unknown escape in a string at line 1, "
		    "position 2" },
		{ "\"\\", "unknown escape in a string at line 1, "
		    "position 2" },
		{ "\"\\u12g4\"", "\\u without four hex digits at line 1, "
		    "position 2" },
		{ "\"\\u12", "\\u without four hex digits at line 1, "
		    "position 2" },
		{ "\"a\\u0000\"", "NUL escape in a string at line 1, "
		    "position 3" },
		{ "{\"\\u0000\":1}", "NUL escape in a string at line 1, "
		    "position 3" },
		/* A BOM does not count; U+1F600 counts twice. */
		{ "\xef\xbb\xbf\"\xc3\xa9\xf0\x9f\x98\x80\xff\"",
		    "invalid UTF-8 at line 1, position 5" },
		{ "[\xc2\xa0]", VALUE("line 1, position 2") }
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++)
		assert_refuses(cases[i].text, strlen(cases[i].text),
		    cases[i].message);
	assert_refuses("\"a\0b\"", 5,
	    "control character in a string at line 1, position 3");
	assert_refuses("1\0", 2, "unexpected character instead of the end of "
	    "the text at line 1, position 2");
}

/* Every lead and second byte, with well-formed bytes behind them, judged by
 * the code point they would decode to. */
static void
json_parse_takes_well_formed_utf8_only(void **state)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int lead, second;
	(void)state;

	for (lead = 0x80; lead <= 0xff; lead++) {
		for (second = 0x80; second <= 0xff; second++) {
			const size_t n = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 :
			    lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 0;
			char text[] = { '"', (char)lead, (char)second,
			    n > 2 ? '\x80' : 'x', n > 3 ? '\x80' : 'x', '"' };
			uint32_t code = 0;
			bool good = n >= 2 && second < 0xc0;
			struct json *json;

			if (good) {
				code = (uint32_t)(lead & (0x7f >> n));
				code = code << 6 | (uint32_t)(second & 0x3f);
				code <<= 6 * (n - 2);
				good = code >= least[n] && code < 0x110000 &&
				    !(code >= 0xd800 && code < 0xe000);
			}
			json = json_parse(text, sizeof(text), NULL);

			if ((json != NULL) != good)
				fail_msg("%02x %02x", lead, second);
			json_free(json);
		}
	}
}

static void
json_parse_refuses_a_sequence_that_is_cut_off(void **state)
{
	static const char *const cut[] = {
		"\"\xc3", "\"\xc3\"", "\"\xe2\x82\"", "\"\xe2\x82",
		"\"\xf0\x9f\x98\"", "\"\xf0\x9f\x98", "\"\xe2\x82x\""
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cut); i++)
		assert_refuses(cut[i], strlen(cut[i]),
		    "invalid UTF-8 at line 1, position 2");
}

static void
nest(struct buf *text, int depth)
{
	int i;

	buf_reset(text);
	for (i = 0; i < depth; i++)
		buf_puts(text, i % 2 == 0 ? "[" : "{\"a\":");
	buf_puts(text, "1");
	for (i = depth - 1; i >= 0; i--)
		buf_puts(text, i % 2 == 0 ? "]" : "}");
}

static void
json_parse_limits_the_depth_not_the_number_of_containers(void **state)
{
	struct buf text = BUF_INIT;
	struct json *json;
	struct why why;
	int i;
	(void)state;

	nest(&text, JSON_DEPTH);
	json_free(parse(buf_str(&text)));

	nest(&text, JSON_DEPTH + 1);
	json = json_parse(text.p, text.len, &why);
	assert_null(json);
	assert_non_null(strstr(why.text, "nesting is too deep"));

	buf_reset(&text);
	for (i = 0; i < 2 * JSON_DEPTH; i++)
		buf_puts(&text, i == 0 ? "[[]" : ",{}");
	buf_puts(&text, "]");
	json_free(parse(buf_str(&text)));
	buf_free(&text);
}

static void
json_parse_gives_a_repeated_key_its_last_value_in_its_first_place(
    void **state)
{
	(void)state;

	assert_writes("{\"a\":1,\"b\":2,\"a\":{\"x\":[3]}}",
	    "{\"a\":{\"x\":[3]},\"b\":2}");
	assert_writes("{\"a\":1,\"a\":2,\"a\":3}", "{\"a\":3}");
	assert_writes("{\"a\":1,\"b\":2,\"b\":3,\"c\":4,\"a\":null}",
	    "{\"a\":null,\"b\":3,\"c\":4}");
	/* Names are compared as decoded, and with regard to case. */
	assert_writes("{\"a\":1,\"\\u0061\":2,\"A\":3}",
	    "{\"a\":2,\"A\":3}");
	/* Objects of their own. */
	assert_writes("[{\"a\":1},{\"a\":2,\"b\":{\"a\":3}}]",
	    "[{\"a\":1},{\"a\":2,\"b\":{\"a\":3}}]");
}

/* The rule does not depend on how many members there are: for every count,
 * `n` names are written twice, the second time in reverse. */
static void
json_parse_finds_repeated_keys_in_objects_of_any_size(void **state)
{
	struct buf text = BUF_INIT, expected = BUF_INIT;
	int n, i;
	(void)state;

	for (n = 1; n <= 40; n++) {
		buf_reset(&text);
		buf_reset(&expected);
		for (i = 0; i < n; i++) {
			buf_printf(&text, "%s\"key%d\":%d",
			    i == 0 ? "{" : ",", i, i);
			buf_printf(&expected, "%s\"key%d\":-%d",
			    i == 0 ? "{" : ",", i, i);
		}
		for (i = n - 1; i >= 0; i--)
			buf_printf(&text, ",\"key%d\":-%d", i, i);
		buf_puts(&text, "}");
		buf_puts(&expected, "}");
		assert_writes(buf_str(&text), buf_str(&expected));
	}
	buf_free(&text);
	buf_free(&expected);
}

static void
json_parse_links_children_as_cjson_does(void **state)
{
	struct json *json = parse("{\"a\":[1,2,3],\"b\":0,\"b\":1,\"c\":2}");
	const cJSON *root = json_root(json), *a = root->child;
	(void)state;

	assert_string_equal(a->string, "a");
	assert_ptr_equal(root->child->prev, root->child->next->next);
	assert_string_equal(root->child->prev->string, "c");
	assert_ptr_equal(root->child->prev->prev, root->child->next);
	assert_null(root->child->prev->next);
	assert_ptr_equal(a->child->prev, a->child->next->next);
	assert_ptr_equal(a->child->next->prev, a->child);
	assert_null(a->child->string);
	json_free(json);
}

static void
json_begin_and_end_enclose_the_value_as_written(void **state)
{
	static const char text[] = "\xef\xbb\xbf { \"s\" : \"a\\\"]\\\\\" , "
	    "\"o\":{ \"x\":[\"}\", {}] } ,\"n\": -1.50e3 ,\"t\":true,"
	    "\"f\":false ,\"z\":null,\"e\":[ ] ,\"d\":1,\"d\" : 22 } ";
	static const struct {
		const char	*name;
		const char	*written;
	} cases[] = {
		{ "s", "\"a\\\"]\\\\\"" }, { "o", "{ \"x\":[\"}\", {}] }" },
		{ "n", "-1.50e3" }, { "t", "true" }, { "f", "false" },
		{ "e", "[ ]" }, { "d", "22" }
	};
	const size_t len = sizeof(text) - 1;
	struct json *json = parse(text);
	const cJSON *root = json_root(json), *value;
	size_t i, begin;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		value = json_get(root, cases[i].name);
		begin = json_begin(value);

		assert_int_equal(json_end(text, len, value) - begin,
		    strlen(cases[i].written));
		assert_memory_equal(text + begin, cases[i].written,
		    strlen(cases[i].written));
	}
	assert_int_equal(json_begin(root), 4);
	assert_int_equal(json_end(text, len, root), len - 1);
	json_free(json);

	json = parse("17");
	assert_int_equal(json_end("17", 2, json_root(json)), 2);
	json_free(json);
}

static void
json_position_counts_lines_and_utf16_units(void **state)
{
	static const char text[] = "\xef\xbb\xbf" "a\xc3\xa9\xf0\x9f\x98\x80"
	    "b\nc\r\nd\re\n\nf";
	static const struct {
		const char	*before;	/* the character in question */
		size_t		 line;
		size_t		 position;
	} cases[] = {
		{ "a", 1, 1 }, { "\xc3", 1, 2 }, { "\xf0", 1, 3 },
		{ "b", 1, 5 }, { "\n", 1, 6 }, { "c", 2, 1 },
		{ "\r\n", 2, 2 }, { "\nd", 2, 3 }, { "d", 3, 1 },
		{ "\re", 3, 2 }, { "e", 4, 1 }, { "f", 6, 1 }
	};
	size_t i, line, position;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		json_position(text, sizeof(text) - 1,
		    (size_t)(strstr(text, cases[i].before) - text), &line,
		    &position);

		assert_int_equal(line, cases[i].line);
		assert_int_equal(position, cases[i].position);
	}
	json_position(text, sizeof(text) - 1, sizeof(text) - 1, &line,
	    &position);
	assert_int_equal(line, 6);
	assert_int_equal(position, 2);
}

static void
json_get_finds_the_exact_name_and_takes_null_for_absent(void **state)
{
	struct json *json = parse("{\"a\":1,\"A\":\"x\",\"n\":null,"
	    "\"l\":[1]}");
	const cJSON *root = json_root(json);
	(void)state;

	assert_string_equal(json_literal(json_get(root, "a")), "1");
	assert_null(json_text(json_get(root, "a")));
	assert_string_equal(json_text(json_get(root, "A")), "x");
	assert_null(json_literal(json_get(root, "A")));
	assert_null(json_get(root, "n"));
	assert_null(json_get(root, "b"));
	assert_null(json_get(json_get(root, "l"), "a"));
	assert_null(json_get(NULL, "a"));
	assert_null(json_text(NULL));
	assert_null(json_literal(NULL));
	json_free(json);
}

static void
json_is_number_takes_whole_literals_only(void **state)
{
	static const struct {
		const char	*text;
		bool		 number;
		bool		 integer;
	} cases[] = {
		{ "0", true, true }, { "-0", true, true },
		{ "12345678901234567890123", true, true },
		{ "1.5", true, false }, { "1e3", true, false },
		{ "1E3", true, false }, { "1e-3", true, false },
		{ "", false, false }, { "-", false, false },
		{ "01", false, false }, { "+1", false, false },
		{ "1 ", false, false }, { " 1", false, false },
		{ "1.", false, false }, { "1x", false, false },
		{ "0x1", false, false }, { "true", false, false }
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		assert_int_equal(json_is_number(cases[i].text),
		    cases[i].number);
		assert_int_equal(json_is_integer(cases[i].text),
		    cases[i].integer);
	}
}

static void
json_int64_takes_integers_within_the_range(void **state)
{
	static const struct {
		const char	*literal;
		bool		 good;
		int64_t		 value;
	} cases[] = {
		{ "0", true, 0 }, { "-0", true, 0 }, { "-17", true, -17 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "92233720368547758070", false, 0 },
		{ "1.0", false, 0 }, { "1e3", false, 0 }, { "", false, 0 },
		{ "007", false, 0 }
	};
	int64_t value;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		value = 99;
		assert_int_equal(json_int64(cases[i].literal, &value),
		    cases[i].good);
		if (cases[i].good)
			assert_true(value == cases[i].value);
	}
}

static void
json_units_and_cut_count_utf16_and_split_no_pair(void **state)
{
	static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
	static const size_t bytes[] = { 0, 1, 3, 6, 6, 10, 11, 11 };
	size_t i;
	(void)state;

	assert_int_equal(json_units(""), 0);
	assert_int_equal(json_units(text), 6);
	for (i = 0; i < HR_COUNT(bytes); i++)
		assert_int_equal(json_cut(text, i), bytes[i]);
}

static void
json_put_text_n_takes_a_part_of_a_text(void **state)
{
	struct buf out = BUF_INIT;
	(void)state;

	json_put_text_n(&out, "\na\"bc", 4);
	json_put_text_n(&out, "x", 0);
	json_put_text(&out, "\x1f/\x7f");

	assert_string_equal(buf_str(&out),
	    "\"\\na\\\"b\"\"\"\"\\u001f/\x7f\"");
	buf_free(&out);
}

static void
json_free_ignores_null(void **state)
{
	(void)state;

	json_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_put_gives_back_what_was_read),
		cmocka_unit_test(json_parse_decodes_strings_and_drops_space),
		cmocka_unit_test(json_parse_says_what_is_wrong_and_where),
		cmocka_unit_test(json_parse_takes_well_formed_utf8_only),
		cmocka_unit_test(
		    json_parse_refuses_a_sequence_that_is_cut_off),
		cmocka_unit_test(
		    json_parse_limits_the_depth_not_the_number_of_containers),
		cmocka_unit_test(
	    json_parse_gives_a_repeated_key_its_last_value_in_its_first_place),
		cmocka_unit_test(
		    json_parse_finds_repeated_keys_in_objects_of_any_size),
		cmocka_unit_test(json_parse_links_children_as_cjson_does),
		cmocka_unit_test(
		    json_begin_and_end_enclose_the_value_as_written),
		cmocka_unit_test(json_position_counts_lines_and_utf16_units),
		cmocka_unit_test(
		    json_get_finds_the_exact_name_and_takes_null_for_absent),
		cmocka_unit_test(json_is_number_takes_whole_literals_only),
		cmocka_unit_test(json_int64_takes_integers_within_the_range),
		cmocka_unit_test(
		    json_units_and_cut_count_utf16_and_split_no_pair),
		cmocka_unit_test(json_put_text_n_takes_a_part_of_a_text),
		cmocka_unit_test(json_free_ignores_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
