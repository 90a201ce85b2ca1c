/*
 * test_mparticle_judge.c - what is refused, with which words and where
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mparticle.h"

#define GUID	"8c61383f-2216-4713-8c1c-1cb0a5d7a4cc"
#define ZEROS	"00000000-0000-0000-0000-000000000000"
#define NO_TYPE	"Required event field \"event_type\" is missing or empty."

static struct mp_request *
parse(enum mp_path path, const char *text)
{
	return mp_parse(path, text, strlen(text));
}

/* The only batch of a request to /v2/events that is accepted. */
static struct mp_request *
accept(const char *text)
{
	struct mp_request *r = parse(MP_EVENTS, text);

	if (r->refusals_n != 0)
		fail_msg("%s: %s", text, r->refusals[0].message);
	assert_int_equal(r->batches_n, 1);
	return r;
}

static void
assert_refused(enum mp_path path, const char *text, int64_t batch,
    const char *message)
{
	struct mp_request *r = parse(path, text);

	if (r->refusals_n != 1)
		fail_msg("%zu refusals: %s", r->refusals_n, text);
	assert_string_equal(r->refusals[0].message, message);
	assert_int_equal(r->refusals[0].batch, batch);
	mp_request_free(r);
}

static void
mp_parse_refuses_a_whole_request(void **state)
{
	static const struct {
		enum mp_path	 path;
		const char	*text;
		const char	*message;
	} cases[] = {
		{ MP_EVENTS, "", "Malformed JSON: the text is empty at "
		    "line 1, position 1" },
		{ MP_BULK, "[{},]", "Malformed JSON: unexpected character "
		    "instead of a value at line 1, position 5" },
		{ MP_EVENTS, "{\"a\":\"\xff\"}", "Malformed JSON: invalid "
		    "UTF-8 at line 1, position 7" },
		{ MP_EVENTS, "{\"a\":\"\\u0000\"}", "Malformed JSON: NUL "
		    "escape in a string at line 1, position 7" },
		{ MP_EVENTS, " []", "Error reading object. Unexpected token: "
		    "StartArray. Path '', line 1, position 2." },
		{ MP_EVENTS, "\n\"ab\"", "Error reading object. Unexpected "
		    "token: String. Path '', line 2, position 4." },
		{ MP_EVENTS, "null", "Error reading object. Unexpected "
		    "token: Null. Path '', line 1, position 4." },
		{ MP_BULK, "{}", "Error reading array. Unexpected token: "
		    "StartObject. Path '', line 1, position 1." },
		{ MP_HISTORICAL, "1.5", "Error reading array. Unexpected "
		    "token: Float. Path '', line 1, position 3." },
		{ MP_HISTORICAL, "-15", "Error reading array. Unexpected "
		    "token: Integer. Path '', line 1, position 3." },
		{ MP_BULK, "true", "Error reading array. Unexpected token: "
		    "Boolean. Path '', line 1, position 4." }
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++)
		assert_refused(cases[i].path, cases[i].text, -1,
		    cases[i].message);
}

static void
mp_parse_takes_100_batches_and_not_one_more(void **state)
{
	struct buf text = BUF_INIT;
	struct mp_request *r;
	int i;
	(void)state;

	for (i = 0; i < 100; i++)
		buf_puts(&text, i == 0 ? "[{}" : ",{}");
	buf_puts(&text, "]");
	r = parse(MP_BULK, buf_str(&text));
	assert_int_equal(r->batches_n, 100);
	assert_int_equal(r->refusals_n, 0);
	mp_request_free(r);

	/* The count comes before anything that is wrong with one of them. */
	buf_cut(&text, text.len - 1);
	buf_puts(&text, ",7]");
	assert_refused(MP_BULK, buf_str(&text), -1, "A request may hold at "
	    "most 100 batches; this one holds 101.");
	buf_free(&text);
}

static void
mp_parse_refuses_wrong_types_with_path_and_position(void **state)
{
#define READING(what, token, path, at) "Error reading " what \
	". Unexpected token: " token ". Path '" path "', line 1, position " at
	static const struct {
		const char	*text;
		const char	*message;
	} cases[] = {
		{ "{\"events\":{}}",
		    READING("array", "StartObject", "events", "11.") },
		{ "{\"events\":\"\"}",
		    READING("array", "String", "events", "12.") },
		{ "{\"events\":[null,5]}",
		    READING("object", "Integer", "events[1]", "17.") },
		{ "{\"events\":[{\"data\":1e2}]}",
		    READING("object", "Float", "data", "22.") },
		{ "{\"events\":[{\"data\":{\"custom_attributes\":[]}}]}",
		    READING("object", "StartArray", "data.custom_attributes",
		    "41.") },
		{ "{\"user_identities\":[]}",
		    READING("object", "StartArray", "user_identities",
		    "20.") },
		{ "{\"user_attributes\":false}",
		    READING("object", "Boolean", "user_attributes", "24.") },
		{ "{\"device_info\":\"x\"}",
		    READING("object", "String", "device_info", "18.") },
		{ "{\"mp_deviceid\":[]}",
		    READING("string", "StartArray", "mp_deviceid", "16.") },
		{ "{\"device_info\":{\"ios_idfv\":{}}}",
		    READING("string", "StartObject", "device_info.ios_idfv",
		    "28.") },
		{ "{\"events\":[{\"data\":{\"custom_attributes\":"
		    "{\"a\":[{}],\"b\":{}}}}]}",
		    READING("string", "StartObject",
		    "data.custom_attributes.b", "55.") },
		{ "{\"events\":[{\"event_type\":\"Commerce_Event\",\"data\":"
		    "{\"product_impressions\":[7,{\"products\":[{\"custom_"
		    "attributes\":\"\"}]}]}}]}",
		    READING("object", "String", "data.product_impressions[1]"
		    ".products[0].custom_attributes", "111.") }
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++)
		assert_refused(MP_EVENTS, cases[i].text, 0, cases[i].message);
}

static void
mp_parse_judges_products_of_commerce_events_only(void **state)
{
	static const char with[] = "{\"events\":[{\"event_type\":\"%s\","
	    "\"data\":{\"product_action\":{\"products\":[{},"
	    "{\"custom_attributes\":{\"geo\":{}}}]}}}]}";
	struct mp_request *r;
	char text[256];
	(void)state;

	snprintf(text, sizeof(text), with, "COMMERCE_EVENT");
	assert_refused(MP_EVENTS, text, 0, READING("string", "StartObject",
	    "data.product_action.products[1].custom_attributes.geo",
	    "112."));

	snprintf(text, sizeof(text), with, "custom_event");
	r = accept(text);
	mp_request_free(r);
}

static void
mp_parse_takes_every_form_of_a_guid(void **state)
{
	static const char *const fields[] = {
		"ios_advertising_id", "ios_idfv", "android_advertising_id",
		"roku_advertising_id", "roku_publisher_id",
		"fire_advertising_id"
	};
	static const char *const good[] = {
		"null", "\"\"", "\"" GUID "\"", "\"{" GUID "}\"",
		"\"8C61383F-2216-4713-8C1C-1CB0A5D7A4CC\"",
		"\"8c61383f221647138c1c1cb0a5d7a4cc\"", "\"" ZEROS "\""
	};
	char text[256];
	size_t i, k;
	(void)state;

	for (i = 0; i < HR_COUNT(good); i++) {
		for (k = 0; k < HR_COUNT(fields); k++) {
			snprintf(text, sizeof(text),
			    "{\"device_info\":{\"%s\":%s}}", fields[k],
			    good[i]);
			mp_request_free(accept(text));
		}
		snprintf(text, sizeof(text), "{\"mp_deviceid\":%s}", good[i]);
		mp_request_free(accept(text));
	}
}

static void
mp_parse_refuses_what_is_no_guid(void **state)
{
	static const struct {
		const char	*value;
		const char	*shown;
	} cases[] = {
		{ "\"x\"", "&quot;x&quot;" },
		{ "\" \"", "&quot; &quot;" },
		{ "\" " GUID "\"", "&quot; " GUID "&quot;" },
		{ "\"{" GUID "\"", "&quot;{" GUID "&quot;" },
		{ "\"(" GUID ")\"", "&quot;(" GUID ")&quot;" },
		{ "\"8c61383f2216-4713-8c1c-1cb0a5d7a4cc\"",
		    "&quot;8c61383f2216-4713-8c1c-1cb0a5d7a4cc&quot;" },
		{ "\"8c61383f-2216-4713-8c1c1-cb0a5d7a4cc\"",
		    "&quot;8c61383f-2216-4713-8c1c1-cb0a5d7a4cc&quot;" },
		{ "\"8c61383f221647138c1c1cb0a5d7a4cg\"",
		    "&quot;8c61383f221647138c1c1cb0a5d7a4cg&quot;" },
		{ "\"{8c61383f221647138c1c1cb0a5d7a4cc}\"",
		    "&quot;{8c61383f221647138c1c1cb0a5d7a4cc}&quot;" },
		{ "\"a\\\"<b>&'\\u00e9\"",
		    "&quot;a&quot;&lt;b&gt;&amp;'\xc3\xa9&quot;" },
		{ "5", "5" }, { "-1.50", "-1.50" }, { "true", "true" }
	};
	char text[128], message[256];
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		snprintf(text, sizeof(text), "{\"mp_deviceid\":\n%s}",
		    cases[i].value);
		snprintf(message, sizeof(message), "Error converting value "
		    "%s to type 'System.Guid'. Path 'mp_deviceid', line 2, "
		    "position %zu.", cases[i].shown, strlen(cases[i].value));

		assert_refused(MP_EVENTS, text, 0, message);
	}
}

static void
mp_parse_leaves_unnamed_device_fields_and_others_alone(void **state)
{
	(void)state;

	mp_request_free(accept("{\"device_info\":{\"android_uuid\":{},"
	    "\"amp_id\":[],\"microsoft_publisher_id\":true,"
	    "\"microsoft_advertising_id\":\"x\",\"push_token\":{}},"
	    "\"mpid\":{},\"ip\":[],\"environment\":{},\"context\":7,"
	    "\"deleted_user_attributes\":{},\"user_identities\":"
	    "{\"email\":{}},\"user_attributes\":{\"a\":{}},\"events\":"
	    "[{\"event_type\":7,\"data\":{\"custom_flags\":{\"a\":{}},"
	    "\"custom_attributes\":{\"l\":[{}]},\"product_action\":[]}},"
	    "{\"event_type\":\"commerce_event\",\"data\":"
	    "{\"product_action\":\"x\",\"product_impressions\":[{\"products\""
	    ":{\"a\":{\"custom_attributes\":1}}}],\"shopping_cart\":"
	    "{\"products\":[{\"custom_attributes\":1}]}}}]}"));
}

static void
mp_parse_writes_odd_names_in_brackets(void **state)
{
	static const struct {
		const char	*name;		/* as JSON */
		const char	*path;
	} cases[] = {
		{ "a-b_c", ".a-b_c" }, { "", "." },
		{ "a<&>", ".a&lt;&amp;&gt;" },
		{ "\\u0001", ".\x01" }, { "\xc3\xa9", ".\xc3\xa9" },
		{ "a.b", "['a.b']" }, { "a b", "['a b']" },
		{ "it's", "['it\\'s']" }, { "a\\\\b", "['a\\\\b']" },
		{ "a/b", "['a/b']" }, { "\\\"<", "['&quot;&lt;']" },
		{ "[", "['[']" }, { "]", "[']']" }, { "(", "['(']" },
		{ ")", "[')']" },
		{ "\\t\\n\\r\\f\\b\\u001f", "['\\t\\n\\r\\f\\b\\u001f']" },
		{ "\\u0085", "['\\u0085']" },
		{ "\\u2028x\\u2029", "['\\u2028x\\u2029']" }
	};
	char text[128], message[256];
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		snprintf(text, sizeof(text), "{\"events\":[{\"data\":"
		    "{\"custom_attributes\":{\"%s\":\n{}}}}]}",
		    cases[i].name);
		snprintf(message, sizeof(message), "Error reading string. "
		    "Unexpected token: StartObject. Path "
		    "'data.custom_attributes%s', line 2, position 1.",
		    cases[i].path);

		assert_refused(MP_EVENTS, text, 0, message);
	}
}

static void
mp_parse_reports_the_fault_that_comes_first_in_the_text(void **state)
{
	(void)state;

	assert_refused(MP_EVENTS, "{\"events\":7,\"mp_deviceid\":\"x\"}", 0,
	    READING("array", "Integer", "events", "11."));
	assert_refused(MP_EVENTS, "{\"device_info\":7,\"events\":7}", 0,
	    READING("object", "Integer", "device_info", "16."));
	/* Inside an event as well, and across what is looked at in turn. */
	assert_refused(MP_EVENTS, "{\"events\":[{\"event_type\":\"\",\"data\":"
	    "{\"custom_attributes\":{\"a\":{},\"b\":{}}}}],\"mp_deviceid\":1}",
	    0, READING("string", "StartObject", "data.custom_attributes.a",
	    "62."));
	/* Where a value stands counts, not where its key stood first. */
	assert_refused(MP_EVENTS, "{\"events\":[],\"user_attributes\":1,"
	    "\"events\":2}", 0,
	    READING("object", "Integer", "user_attributes", "32."));
}

static void
mp_parse_checks_the_last_value_of_a_repeated_key_only(void **state)
{
	struct mp_request *r;
	(void)state;

	r = accept("{\"events\":7,\"events\":[{\"event_type\":null,"
	    "\"event_type\":\"screen_view\",\"data\":{\"custom_attributes\":"
	    "{\"a\":{},\"a\":1}}}]}");
	assert_int_equal(r->batches[0].events[0].type, MP_SCREEN_VIEW);
	mp_request_free(r);

	assert_refused(MP_EVENTS, "{\"user_attributes\":{},"
	    "\"user_attributes\":3}", 0,
	    READING("object", "Integer", "user_attributes", "41."));
}

static void
mp_parse_wants_an_event_type_of_every_event(void **state)
{
	static const char *const bad[] = {
		"{\"events\":[{}]}", "{\"events\":[null]}",
		"{\"events\":[{\"event_type\":null}]}",
		"{\"events\":[{\"event_type\":\"\"}]}",
		"{\"events\":[{\"event_type\":\"x\"},{\"data\":{}}]}"
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(bad); i++)
		assert_refused(MP_EVENTS, bad[i], 0, NO_TYPE);
	/* A conversion error goes first even when it comes later. */
	assert_refused(MP_EVENTS, "{\"events\":[{}],\"device_info\":1}", 0,
	    READING("object", "Integer", "device_info", "30."));
}

static void
mp_parse_judges_each_batch_of_a_bulk_request_alone(void **state)
{
	static const char text[] = "[{\"mpid\":1}, {\"mp_deviceid\":\"x\"},"
	    "null, {\"mpid\":2} ,{\"events\":[{}]},{\"events\":[3]},"
	    "{\"events\":[{\"event_type\":\"a\",\"data\":3}]},{\"mpid\":3}]";
	static const struct mp_refusal refusals[] = {
		{ 1, "Error converting value &quot;x&quot; to type "
		    "'System.Guid'. Path '[1].mp_deviceid', line 1, "
		    "position 31." },
		{ 2, READING("object", "Null", "[2]", "37.") },
		{ 4, NO_TYPE },
		{ 5, READING("object", "Integer", "[5].events[0]", "79.") },
		{ 6, READING("object", "Integer", "data", "119.") }
	};
	static const size_t accepted[] = { 0, 3, 7 };
	struct mp_request *r = parse(MP_BULK, text);
	size_t i;
	(void)state;

	assert_int_equal(r->refusals_n, HR_COUNT(refusals));
	for (i = 0; i < HR_COUNT(refusals); i++) {
		assert_int_equal(r->refusals[i].batch, refusals[i].batch);
		assert_string_equal(r->refusals[i].message,
		    refusals[i].message);
	}
	assert_int_equal(r->batches_n, HR_COUNT(accepted));
	for (i = 0; i < HR_COUNT(accepted); i++) {
		assert_int_equal(r->batches[i].index, accepted[i]);
		assert_int_equal(r->batches[i].mpid, i + 1);
	}
	assert_int_equal(r->batches[1].text_len, strlen("{\"mpid\":2}"));
	assert_memory_equal(r->batches[1].text, "{\"mpid\":2}", 10);
	mp_request_free(r);
}

static void
mp_parse_accepts_an_empty_bulk_request(void **state)
{
	struct mp_request *r = parse(MP_BULK, " [ ] ");
	(void)state;

	assert_int_equal(r->batches_n, 0);
	assert_int_equal(r->refusals_n, 0);
	mp_request_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mp_parse_refuses_a_whole_request),
		cmocka_unit_test(mp_parse_takes_100_batches_and_not_one_more),
		cmocka_unit_test(
		    mp_parse_refuses_wrong_types_with_path_and_position),
		cmocka_unit_test(
		    mp_parse_judges_products_of_commerce_events_only),
		cmocka_unit_test(mp_parse_takes_every_form_of_a_guid),
		cmocka_unit_test(mp_parse_refuses_what_is_no_guid),
		cmocka_unit_test(
		    mp_parse_leaves_unnamed_device_fields_and_others_alone),
		cmocka_unit_test(mp_parse_writes_odd_names_in_brackets),
		cmocka_unit_test(
		    mp_parse_reports_the_fault_that_comes_first_in_the_text),
		cmocka_unit_test(
		    mp_parse_checks_the_last_value_of_a_repeated_key_only),
		cmocka_unit_test(mp_parse_wants_an_event_type_of_every_event),
		cmocka_unit_test(
		    mp_parse_judges_each_batch_of_a_bulk_request_alone),
		cmocka_unit_test(mp_parse_accepts_an_empty_bulk_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
