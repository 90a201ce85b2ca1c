/*
 * test_mparticle_names.c - endpoints, identity types, folding, lookup values
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

static void
mp_path_parse_knows_the_endpoints_in_all_their_forms(void **state)
{
	static const struct {
		const char	*target;
		int		 path;		/* -1: none */
	} cases[] = {
		{ "/v2/events", MP_EVENTS }, { "/events", MP_EVENTS },
		{ "/v2/events/", MP_EVENTS }, { "/v2/events?a=/b", MP_EVENTS },
		{ "/s2s/v2/events/?x", MP_EVENTS },
		{ "/s2s/events", MP_EVENTS },
		{ "/v2/events/events", MP_EVENTS },
		{ "/v2/bulkevents", MP_BULK }, { "/bulkevents/", MP_BULK },
		{ "/s2s/v2/bulkevents/bulkevents", MP_BULK },
		{ "/v2/bulkevents/historical", MP_HISTORICAL },
		{ "/bulkevents/historical/", MP_HISTORICAL },
		{ "", -1 }, { "/", -1 }, { "?", -1 }, { "/v2", -1 },
		{ "/s2s", -1 }, { "/v2/s2s/events", -1 },
		{ "/v1/events", -1 }, { "/v2/v2/events", -1 },
		{ "/v2/events//", -1 }, { "/v2events", -1 },
		{ "/v2/eventsx", -1 }, { "/V2/events", -1 },
		{ "/v2/events/events/events", -1 },
		{ "/v2/events/historical", -1 }, { "*", -1 }
	};
	enum mp_path path = MP_EVENTS;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		if (mp_path_parse(cases[i].target, &path) !=
		    (cases[i].path != -1))
			fail_msg("%s", cases[i].target);
		if (cases[i].path != -1)
			assert_int_equal(path, cases[i].path);
	}
}

static void
mp_path_name_is_parsed_back(void **state)
{
	enum mp_path path = MP_EVENTS;
	int i;
	(void)state;

	for (i = MP_EVENTS; i <= MP_HISTORICAL; i++) {
		assert_true(mp_path_parse(mp_path_name((enum mp_path)i),
		    &path));
		assert_int_equal(path, i);
	}
}

static void
mp_identity_names_are_distinct_and_found_again(void **state)
{
	enum mp_identity_type type = MP_OTHER;
	int i;
	(void)state;

	for (i = 0; i < MP_IDENTITIES; i++) {
		assert_true(mp_identity_by_name(
		    mp_identity_name((enum mp_identity_type)i), &type));
		assert_int_equal(type, i);
	}
	assert_false(mp_identity_by_name("customerid", &type));
	assert_false(mp_identity_by_name("mpid", &type));
	assert_false(mp_identity_by_name("", &type));
}

static void
mp_default_priority_has_every_type_once(void **state)
{
	bool seen[MP_IDENTITIES] = { false };
	size_t i;
	(void)state;

	assert_int_equal(mp_default_priority_n, MP_IDENTITIES);
	for (i = 0; i < mp_default_priority_n; i++) {
		assert_false(seen[mp_default_priority[i]]);
		seen[mp_default_priority[i]] = true;
	}
	assert_int_equal(mp_default_priority[0], MP_CUSTOMER_ID);
	assert_int_equal(mp_default_priority[1], MP_EMAIL);
	assert_int_equal(mp_default_priority[MP_IDENTITIES - 1],
	    MP_MP_DEVICEID);
}

static void
mp_fold_lowers_ascii_and_drops_underscores(void **state)
{
	struct buf out = BUF_INIT;
	(void)state;

	mp_fold("_Custom_EVENT-\xc3\x89_", &out);
	assert_string_equal(buf_str(&out), "customevent-\xc3\x89");
	mp_fold("__", &out);
	assert_string_equal(buf_str(&out), "");
	buf_free(&out);
}

static void
mp_lookup_value_trims_and_unifies_by_type(void **state)
{
	static const struct {
		enum mp_identity_type type;
		const char	*value;
		const char	*expected;
	} cases[] = {
		{ MP_EMAIL, " \tPat@Example.COM\r\n\v\f", "pat@example.com" },
		{ MP_EMAIL, "\xc3\x89@x", "\xc3\x89@x" },
		{ MP_CUSTOMER_ID, " Ab 1 ", "Ab 1" },
		{ MP_CUSTOMER_ID, "\xc2\xa0x", "\xc2\xa0x" },
		{ MP_IOS_IDFV, "8C61383F-2216-4713-8C1C-1CB0A5D7A4CC",
		    "8c61383f221647138c1c1cb0a5d7a4cc" },
		{ MP_MP_DEVICEID, "{" GUID "}",
		    "8c61383f221647138c1c1cb0a5d7a4cc" },
		{ MP_ROKU_PUBLISHER_ID, "8C61383F221647138C1C1CB0A5D7A4CC",
		    "8c61383f221647138c1c1cb0a5d7a4cc" },
		/* No GUIDs by nature, so left alone. */
		{ MP_ANDROID_UUID, "8C61383F-2216-4713-8C1C-1CB0A5D7A4CC",
		    "8C61383F-2216-4713-8C1C-1CB0A5D7A4CC" },
		{ MP_AMP_ID, " Amp-1 ", "Amp-1" }
	};
	struct buf out = BUF_INIT;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		mp_lookup_value(cases[i].type, cases[i].value, &out);
		assert_string_equal(buf_str(&out), cases[i].expected);
	}
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    mp_path_parse_knows_the_endpoints_in_all_their_forms),
		cmocka_unit_test(mp_path_name_is_parsed_back),
		cmocka_unit_test(
		    mp_identity_names_are_distinct_and_found_again),
		cmocka_unit_test(mp_default_priority_has_every_type_once),
		cmocka_unit_test(mp_fold_lowers_ascii_and_drops_underscores),
		cmocka_unit_test(mp_lookup_value_trims_and_unifies_by_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
