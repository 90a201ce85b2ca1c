/*
 * test_mparticle.c - what the fields of an accepted batch become
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
assert_same_text(const char *text, const char *expected)
{
	if (expected == NULL)
		assert_null(text);
	else if (text == NULL)
		fail_msg("nothing instead of %s", expected);
	else
		assert_string_equal(text, expected);
}

static void
mp_parse_takes_null_for_absent(void **state)
{
	struct mp_request *r = accept("{\"events\":null,"
	    "\"user_identities\":null,\"user_attributes\":null,"
	    "\"device_info\":null,\"mp_deviceid\":null,\"mpid\":null,"
	    "\"environment\":null,\"source_request_id\":null,"
	    "\"timestamp_unixtime_ms\":null}");
	const struct mp_batch *b = &r->batches[0];
	int t;
	(void)state;

	assert_int_equal(b->events_n, 0);
	assert_null(b->user_attributes);
	assert_null(b->source_request_id);
	assert_false(b->has_mpid);
	assert_false(b->development);
	assert_int_equal(b->timestamp_ms, 0);
	assert_int_equal(b->ignored_identities, 0);
	for (t = 0; t < MP_IDENTITIES; t++)
		assert_null(b->identity[t]);
	mp_request_free(r);

	r = accept("{\"events\":[{\"event_type\":\"session_end\","
	    "\"data\":null},{\"event_type\":\"custom_event\",\"data\":"
	    "{\"custom_attributes\":null,\"session_id\":null}}]}");
	assert_null(r->batches[0].events[0].event_data);
	assert_non_null(r->batches[0].events[1].event_data);
	assert_null(r->batches[0].events[1].session_id);
	mp_request_free(r);
}

static void
mp_parse_keeps_a_batch_as_it_was_written(void **state)
{
	static const char text[] = "\xef\xbb\xbf\r\n{ \"mpid\" : 1.0,"
	    "\"s\":\"}\\\"\" } \n";
	struct mp_request *r = accept(text);
	(void)state;

	assert_ptr_equal(r->batches[0].text, text + 5);
	assert_int_equal(r->batches[0].text_len, strlen(text) - 7);
	assert_int_equal(r->batches[0].index, 0);
	mp_request_free(r);
}

static void
mp_parse_takes_mpids_that_are_integers_of_64_bits(void **state)
{
	static const struct {
		const char	*json;
		bool		 usable;
		int64_t		 mpid;
	} cases[] = {
		{ "7346244611012968789", true, INT64_C(7346244611012968789) },
		{ "\"-5183420395739213817\"", true,
		    INT64_C(-5183420395739213817) },
		{ "9223372036854775807", true, INT64_MAX },
		{ "\"-9223372036854775808\"", true, INT64_MIN },
		{ "\"007\"", true, 7 }, { "\"-007\"", true, -7 },
		{ "\"0000000000000000001\"", true, 1 },
		{ "\"00000000000000000001\"", false, 0 },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "0", false, 0 }, { "-0", false, 0 }, { "\"000\"", false, 0 },
		{ "\"\"", false, 0 }, { "\"-\"", false, 0 },
		{ "\" 1\"", false, 0 }, { "\"1 \"", false, 0 },
		{ "\"+1\"", false, 0 }, { "\"--1\"", false, 0 },
		{ "1.0", false, 0 }, { "1e3", false, 0 },
		{ "\"1e3\"", false, 0 }, { "\"0x1\"", false, 0 },
		{ "true", false, 0 }, { "[1]", false, 0 }
	};
	struct mp_request *r;
	char text[64];
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		snprintf(text, sizeof(text), "{\"mpid\":%s}", cases[i].json);
		r = accept(text);

		if (r->batches[0].has_mpid != cases[i].usable)
			fail_msg("%s", cases[i].json);
		if (cases[i].usable)
			assert_true(r->batches[0].mpid == cases[i].mpid);
		mp_request_free(r);
	}
}

static void
mp_parse_takes_times_that_are_usable(void **state)
{
	static const struct {
		const char	*json;
		int64_t		 ms;
	} cases[] = {
		{ "1402521613976", INT64_C(1402521613976) },
		{ "\"1402521613976\"", INT64_C(1402521613976) },
		{ "1", 1 }, { "\"000000000000001\"", 1 },
		{ "253402300799999", INT64_C(253402300799999) },
		{ "253402300800000", 0 }, { "\"0000000000000001\"", 0 },
		{ "0", 0 }, { "-1", 0 }, { "-0", 0 }, { "\"\"", 0 },
		{ "\" 1\"", 0 }, { "\"+1\"", 0 }, { "1.0", 0 }, { "1e3", 0 },
		{ "1402521613976000", 0 }, { "true", 0 }, { "[1]", 0 }
	};
	struct mp_request *r;
	char text[256];
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		snprintf(text, sizeof(text), "{\"timestamp_unixtime_ms\":%s,"
		    "\"events\":[{\"event_type\":\"x\",\"data\":"
		    "{\"timestamp_unixtime_ms\":%s}}]}", cases[i].json,
		    cases[i].json);
		r = accept(text);

		if (r->batches[0].timestamp_ms != cases[i].ms ||
		    r->batches[0].events[0].timestamp_ms != cases[i].ms)
			fail_msg("%s", cases[i].json);
		mp_request_free(r);
	}
}

static void
mp_parse_knows_development_and_web_in_any_spelling(void **state)
{
	static const struct {
		const char	*environment;
		const char	*platform;
		bool		 development;
		bool		 web;
	} cases[] = {
		{ "\"development\"", "\"web\"", true, true },
		{ "\"DEVELOPMENT\"", "\"WEB\"", true, true },
		{ "\"_Develop_Ment\"", "\"_we_b\"", true, true },
		{ "\"production\"", "\"iOS\"", false, false },
		{ "\"unknown\"", "\"\"", false, false },
		{ "\"developmentx\"", "\"webx\"", false, false },
		{ "\"developmen\"", "\"we\"", false, false },
		{ "[\"development\"]", "{}", false, false },
		{ "1", "1", false, false }
	};
	struct mp_request *r;
	char text[128];
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		snprintf(text, sizeof(text), "{\"environment\":%s,"
		    "\"device_info\":{\"platform\":%s}}",
		    cases[i].environment, cases[i].platform);
		r = accept(text);

		assert_int_equal(r->batches[0].development,
		    cases[i].development);
		assert_int_equal(r->batches[0].web, cases[i].web);
		mp_request_free(r);
	}
}

static void
mp_parse_finds_user_identities_in_every_spelling(void **state)
{
	static const struct {
		const char	*key;
		int		 type;		/* -1: unknown */
	} cases[] = {
		{ "customer_id", MP_CUSTOMER_ID },
		{ "customerid", MP_CUSTOMER_ID },
		{ "customerId", MP_CUSTOMER_ID },
		{ "CUSTOMER_ID", MP_CUSTOMER_ID },
		{ "email", MP_EMAIL }, { "other", MP_OTHER },
		{ "other2", MP_OTHER_ID_2 }, { "Other_3", MP_OTHER_ID_3 },
		{ "otherid4", MP_OTHER_ID_4 },
		{ "other_id_9", MP_OTHER_ID_9 },
		{ "other10", MP_OTHER_ID_10 },
		{ "other_id_10", MP_OTHER_ID_10 },
		{ "facebookcustomaudienceid",
		    MP_FACEBOOK_CUSTOM_AUDIENCE_ID },
		{ "phone_number_3", MP_PHONE_NUMBER_3 },
		{ "other1", -1 }, { "other11", -1 }, { "other02", -1 },
		{ "other_id_1", -1 }, { "email_address", -1 }, { "", -1 },
		{ "_", -1 }, { "ios_idfv", -1 }, { "mp_deviceid", -1 }
	};
	struct mp_request *r;
	const struct mp_batch *b;
	char text[128];
	size_t i;
	int t;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		snprintf(text, sizeof(text),
		    "{\"user_identities\":{\"%s\":\" A1 \"}}", cases[i].key);
		r = accept(text);
		b = &r->batches[0];

		for (t = 0; t < MP_IDENTITIES; t++)
			assert_same_text(b->identity[t],
			    t == cases[i].type ? " A1 " : NULL);
		assert_int_equal(b->ignored_identities,
		    cases[i].type == -1 ? 1 : 0);
		mp_request_free(r);
	}
}

static void
mp_parse_takes_the_last_usable_value_of_an_identity(void **state)
{
	struct mp_request *r = accept("{\"user_identities\":{"
	    "\"customer_id\":\"a\",\"customerid\":17.50,"
	    "\"customerId\":\" \\t\",\"CustomerID\":true,"
	    "\"email\":\"\",\"google\":null,\"Email\":[\"x\"],"
	    "\"yahoo\":\"\\u00a0\",\"nobody\":null}}");
	const struct mp_batch *b = &r->batches[0];
	(void)state;

	assert_same_text(b->identity[MP_CUSTOMER_ID], "17.50");
	assert_null(b->identity[MP_EMAIL]);
	assert_null(b->identity[MP_GOOGLE]);
	assert_same_text(b->identity[MP_YAHOO], "\xc2\xa0");
	assert_int_equal(b->ignored_identities, 4);
	mp_request_free(r);
}

static void
mp_parse_reads_device_identities_where_they_stand(void **state)
{
	struct mp_request *r = accept("{\"mp_deviceid\":\"{" GUID "}\","
	    "\"ios_idfv\":\"elsewhere\",\"device_info\":{"
	    "\"ios_idfv\":\"" GUID "\",\"android_uuid\":42,"
	    "\"ios_advertising_id\":\"" ZEROS "\",\"amp_id\":\" \","
	    "\"android_advertising_id\":\"{" ZEROS "}\","
	    "\"microsoft_advertising_id\":true,"
	    "\"microsoft_publisher_id\":\"m\",\"roku_advertising_id\":\"\","
	    "\"mp_deviceid\":\"nowhere\"}}");
	const struct mp_batch *b = &r->batches[0];
	int t;
	(void)state;

	assert_same_text(b->identity[MP_MP_DEVICEID], "{" GUID "}");
	assert_same_text(b->identity[MP_IOS_IDFV], GUID);
	assert_same_text(b->identity[MP_ANDROID_UUID], "42");
	assert_same_text(b->identity[MP_MICROSOFT_PUBLISHER_ID], "m");
	for (t = 0; t < MP_IDENTITIES; t++)
		if (t != MP_MP_DEVICEID && t != MP_IOS_IDFV &&
		    t != MP_ANDROID_UUID && t != MP_MICROSOFT_PUBLISHER_ID)
			assert_null(b->identity[t]);
	assert_int_equal(b->ignored_identities, 1);
	mp_request_free(r);
}

static void
mp_parse_folds_event_types_and_keeps_unknown_ones(void **state)
{
	static const struct {
		const char	*json;
		enum mp_event_type type;
		const char	*name;
	} cases[] = {
		{ "\"custom_event\"", MP_CUSTOM_EVENT, "custom_event" },
		{ "\"CustomEvent\"", MP_CUSTOM_EVENT, "custom_event" },
		{ "\"SCREEN_VIEW\"", MP_SCREEN_VIEW, "screen_view" },
		{ "\"commerceevent\"", MP_COMMERCE_EVENT, "commerce_event" },
		{ "\"Session_Start\"", MP_SESSION_START, "session_start" },
		{ "\"sessionend_\"", MP_SESSION_END, "session_end" },
		{ "\"Opt_Out\"", MP_OTHER_TYPE, "Opt_Out" },
		{ "\"custom-event\"", MP_OTHER_TYPE, "custom-event" },
		{ "\"_\"", MP_OTHER_TYPE, "_" },
		{ "1.50", MP_OTHER_TYPE, "1.50" },
		{ "{ \"a\": [ \"\\u00e9\" ] }", MP_OTHER_TYPE,
		    "{\"a\":[\"\xc3\xa9\"]}" },
		{ "false", MP_OTHER_TYPE, "false" }
	};
	struct mp_request *r;
	char text[128];
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		snprintf(text, sizeof(text),
		    "{\"events\":[{\"event_type\":%s}]}", cases[i].json);
		r = accept(text);

		assert_int_equal(r->batches[0].events_n, 1);
		assert_int_equal(r->batches[0].events[0].type, cases[i].type);
		assert_string_equal(r->batches[0].events[0].type_name,
		    cases[i].name);
		mp_request_free(r);
	}
}

static void
mp_parse_derives_the_session_id(void **state)
{
#define UUID	"\"8B8DFAA2-17C7-43E8-88EE-5F2DCF016D56\""
#define HASH	"-2271448330363288817"
	static const struct {
		const char	*members;
		const char	*session_id;
	} cases[] = {
		{ "\"session_uuid\":" UUID, HASH },
		{ "\"session_uuid\":\"D61EFE3D-B101-45D0-298D-5E9261B61AA7\"",
		    "7263881225971720833" },
		/* A pair, and characters of two and three bytes. */
		{ "\"session_uuid\":\"\\ud83d\\ude00\\u00e9\\u20ac\"",
		    "-7122351446667178321" },
		{ "\"session_id\":0,\"session_uuid\":" UUID, HASH },
		{ "\"session_id\":-0,\"session_uuid\":" UUID, HASH },
		{ "\"session_id\":1.5,\"session_uuid\":" UUID, HASH },
		{ "\"session_id\":1e3,\"session_uuid\":" UUID, HASH },
		{ "\"session_id\":\"0\",\"session_uuid\":" UUID, HASH },
		{ "\"session_id\":\"\",\"session_uuid\":" UUID, HASH },
		{ "\"session_id\":null,\"session_uuid\":" UUID, HASH },
		{ "\"session_id\":true,\"session_uuid\":" UUID, HASH },
		{ "\"session_id\":-17,\"session_uuid\":" UUID, "-17" },
		{ "\"session_id\":4957918240501247982",
		    "4957918240501247982" },
		{ "\"session_id\":99999999999999999999999",
		    "99999999999999999999999" },
		{ "\"session_id\":\"00\",\"session_uuid\":" UUID, "00" },
		{ "\"session_id\":\" \"", " " },
		{ "\"session_id\":0", NULL },
		{ "\"session_uuid\":\"\"", NULL },
		{ "\"session_uuid\":5", NULL },
		{ "\"x\":1", NULL }
	};
	struct mp_request *r;
	char text[256];
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		snprintf(text, sizeof(text), "{\"events\":[{\"event_type\":"
		    "\"session_start\",\"data\":{%s}}]}", cases[i].members);
		r = accept(text);

		assert_same_text(r->batches[0].events[0].session_id,
		    cases[i].session_id);
		mp_request_free(r);
	}
}

static void
mp_parse_keeps_ids_that_are_strings_and_not_empty(void **state)
{
	static const struct {
		const char	*json;
		const char	*id;
	} cases[] = {
		{ "\"m-1\"", "m-1" }, { "\" \"", " " }, { "\"\"", NULL },
		{ "null", NULL }, { "7", NULL }, { "{}", NULL }
	};
	struct mp_request *r;
	char text[256];
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		snprintf(text, sizeof(text), "{\"source_request_id\":%s,"
		    "\"events\":[{\"event_type\":\"x\",\"data\":"
		    "{\"source_message_id\":%s}}]}", cases[i].json,
		    cases[i].json);
		r = accept(text);

		assert_same_text(r->batches[0].source_request_id,
		    cases[i].id);
		assert_same_text(r->batches[0].events[0].source_message_id,
		    cases[i].id);
		mp_request_free(r);
	}
}

static void
mp_parse_lends_attributes_and_counts_deleted_ones(void **state)
{
	struct mp_request *r = accept("{\"user_attributes\":{\"a\":1.10},"
	    "\"deleted_user_attributes\":[\"x\",null,3]}");
	(void)state;

	assert_string_equal(json_literal(json_get(
	    r->batches[0].user_attributes, "a")), "1.10");
	assert_int_equal(r->batches[0].deleted_attributes, 3);
	mp_request_free(r);
}

static void
mp_historical_valid_wants_old_events_with_a_time(void **state)
{
	static const struct {
		const char	*events;	/* of their data */
		bool		 valid;
	} cases[] = {
		{ "[]", false },
		{ "[{\"event_type\":\"x\",\"data\":"
		    "{\"timestamp_unixtime_ms\":1740800000}}]", true },
		{ "[{\"event_type\":\"x\",\"data\":"
		    "{\"timestamp_unixtime_ms\":1740800001}}]", false },
		{ "[{\"event_type\":\"x\",\"data\":"
		    "{\"timestamp_unixtime_ms\":1}},{\"event_type\":\"x\"}]",
		    false },
		{ "[{\"event_type\":\"x\",\"data\":"
		    "{\"timestamp_unixtime_ms\":1}},{\"event_type\":\"x\","
		    "\"data\":{\"timestamp_unixtime_ms\":\"2\"}}]", true }
	};
	struct mp_request *r;
	char text[256];
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		snprintf(text, sizeof(text), "[{\"timestamp_unixtime_ms\":1,"
		    "\"events\":%s}]", cases[i].events);
		r = parse(MP_HISTORICAL, text);

		assert_int_equal(r->batches_n, 1);
		assert_int_equal(mp_historical_valid(&r->batches[0],
		    2000000000), cases[i].valid);
		mp_request_free(r);
	}
}

static void
mp_request_free_ignores_null(void **state)
{
	(void)state;

	mp_request_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mp_parse_takes_null_for_absent),
		cmocka_unit_test(mp_parse_keeps_a_batch_as_it_was_written),
		cmocka_unit_test(
		    mp_parse_takes_mpids_that_are_integers_of_64_bits),
		cmocka_unit_test(mp_parse_takes_times_that_are_usable),
		cmocka_unit_test(
		    mp_parse_knows_development_and_web_in_any_spelling),
		cmocka_unit_test(
		    mp_parse_finds_user_identities_in_every_spelling),
		cmocka_unit_test(
		    mp_parse_takes_the_last_usable_value_of_an_identity),
		cmocka_unit_test(
		    mp_parse_reads_device_identities_where_they_stand),
		cmocka_unit_test(
		    mp_parse_folds_event_types_and_keeps_unknown_ones),
		cmocka_unit_test(mp_parse_derives_the_session_id),
		cmocka_unit_test(
		    mp_parse_keeps_ids_that_are_strings_and_not_empty),
		cmocka_unit_test(
		    mp_parse_lends_attributes_and_counts_deleted_ones),
		cmocka_unit_test(
		    mp_historical_valid_wants_old_events_with_a_time),
		cmocka_unit_test(mp_request_free_ignores_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
