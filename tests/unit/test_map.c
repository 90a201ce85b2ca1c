/*
 * test_map.c - outcomes, users, times and keys
 *
 * Properties are in test_map_value.c, whole requests with their exact
 * answers in test_map_cases.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hash.h"
#include "map_fixture.h"

#define OLD		"\"timestamp_unixtime_ms\":1699000000000"

struct outcome {
	const char	*about;
	const char	*batch;
	enum map_action	 action;
	const char	*reason;
	/* What differs from the fixture. */
	bool		 duplicate, historical, no_web, no_mpid, customer_id;
};

static const struct outcome outcomes[] = {
	{ "all is well", "{\"events\":[" EVENT("custom_event", NAMED) "]}",
	    MAP_SEND, NULL, .duplicate = false },
	{ "seen before wins over everything", "{\"environment\":"
	    "\"development\",\"events\":[" EVENT("nonsense", "") "]}",
	    MAP_SKIP, MAP_DUPLICATE, .duplicate = true, .historical = true,
	    .no_mpid = true },
	{ "historical without time", "{\"events\":["
	    EVENT("custom_event", NAMED) "]}",
	    MAP_SKIP, MAP_HISTORICAL_INVALID, .historical = true },
	{ "historical and old enough, whatever the environment",
	    "{\"environment\":\"development\",\"events\":["
	    EVENT("custom_event", NAMED "," OLD) "]}",
	    MAP_SKIP, MAP_HISTORICAL, .historical = true },
	{ "development without an app of its own, web or not",
	    "{\"environment\":\"Development\",\"device_info\":{\"platform\":"
	    "\"web\"},\"events\":[" EVENT("custom_event", NAMED) "]}",
	    MAP_SKIP, MAP_DEVELOPMENT, .no_web = true },
	{ "web that is not forwarded, before the type is looked at",
	    "{\"device_info\":{\"platform\":\"WEB\"},\"events\":["
	    EVENT("nonsense", "") "]}",
	    MAP_SKIP, MAP_WEB_CLIENT_SIDE, .no_web = true },
	{ "web that is forwarded", "{\"device_info\":{\"platform\":\"web\"},"
	    "\"events\":[" EVENT("custom_event", NAMED) "]}",
	    MAP_SEND, NULL, .duplicate = false },
	{ "another platform", "{\"device_info\":{\"platform\":\"iOS\"},"
	    "\"events\":[" EVENT("custom_event", NAMED) "]}",
	    MAP_SEND, NULL, .no_web = true },
	{ "a type that is not forwarded, without a user", "{\"events\":["
	    EVENT("opt_out", "") "]}",
	    MAP_SKIP, MAP_EVENT_TYPE, .no_mpid = true },
	{ "no user, before the name is looked at", "{\"events\":["
	    EVENT("custom_event", "") "]}",
	    MAP_REJECT, MAP_NO_IDENTITY, .no_mpid = true },
	{ "no customer id, which an e-mail does not replace",
	    "{\"user_identities\":{\"email\":\"a@example.org\"},\"events\":["
	    EVENT("custom_event", NAMED) "]}",
	    MAP_REJECT, MAP_NO_IDENTITY, .customer_id = true },
	{ "no event name", "{\"events\":[" EVENT("custom_event", "") "]}",
	    MAP_REJECT, MAP_NO_EVENT_NAME, .duplicate = false },
	{ "an empty event name", "{\"events\":["
	    EVENT("custom_event", "\"event_name\":\"\"") "]}",
	    MAP_REJECT, MAP_NO_EVENT_NAME, .duplicate = false },
	{ "an event name that is no text", "{\"events\":["
	    EVENT("custom_event", "\"event_name\":12") "]}",
	    MAP_REJECT, MAP_NO_EVENT_NAME, .duplicate = false },
	{ "a screen without a name", "{\"events\":["
	    EVENT("screen_view", "\"screen_name\":12") "]}",
	    MAP_SEND, NULL, .duplicate = false },
};

static void
map_batch_gives_the_first_outcome_that_applies(void **state)
{
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(outcomes); i++) {
		const struct outcome *o = &outcomes[i];
		const struct map_event *e;

		f->context.duplicate = o->duplicate;
		f->context.path = o->historical ? MP_HISTORICAL : MP_EVENTS;
		f->context.has_mpid = !o->no_mpid;
		f->output.forward_web_requests_server_side = !o->no_web;
		f->output.external_id = o->customer_id ? MP_CUSTOMER_ID :
		    MP_IDENTITIES;

		map_text(f, o->batch);

		e = &f->result.events[0];
		assert_int_equal(f->result.events_n, 1);
		if (e->action != o->action ||
		    strcmp(e->reason != NULL ? e->reason : "-",
		    o->reason != NULL ? o->reason : "-") != 0)
			fail_msg("%s: action %d reason %s", o->about,
			    e->action, e->reason);
		assert_int_equal(e->objects, o->action == MAP_SEND);
		assert_true((e->payload != NULL) == (o->action == MAP_SEND));
	}
}

static void
map_batch_refuses_identities_over_255_units_uncut(void **state)
{
	struct fixture *f = *state;
	/* 127 pairs are 254 units. */
	char *pairs = repeat("\xf0\x9f\x9a\x82", 127);
	size_t extra;

	f->output.external_id = MP_CUSTOMER_ID;
	for (extra = 1; extra <= 2; extra++) {
		map_taken(f, xasprintf("{\"user_identities\":{\"customer_id\":"
		    "\"%s%.*s\"},\"events\":[" EVENT("session_start", "")
		    "]}", pairs, (int)extra, "xy"));

		assert_int_equal(f->result.events[0].action,
		    extra == 1 ? MAP_SEND : MAP_REJECT);
		if (extra == 2)
			assert_string_equal(f->result.events[0].reason,
			    MAP_IDENTITY_TOO_LONG);
		assert_int_equal(strlen(f->result.events[0].identity),
		    127 * 4 + extra);
	}
	free(pairs);
}

static void
map_batch_falls_back_to_the_profiles_external_id(void **state)
{
	struct fixture *f = *state;

	f->output.external_id = MP_EMAIL;
	f->context.profile_external_id = "old@example.org";

	map_text(f, "{\"events\":[" EVENT("session_end", "") "]}");
	assert_string_equal(f->result.events[0].identity, "old@example.org");

	map_text(f, "{\"user_identities\":{\"email\":\" New@example.org\"},"
	    "\"events\":[" EVENT("session_end", "") "]}");
	assert_string_equal(f->result.events[0].identity, " New@example.org");
}

static void
map_batch_sends_development_to_its_own_app(void **state)
{
	struct fixture *f = *state;
	char app[] = "88";

	f->output.development_app_id = app;

	map_text(f, "{\"environment\":\"DEVELOPMENT\",\"events\":["
	    EVENT("session_start", "") "]}");
	assert_true(f->result.development_app);
	assert_int_equal(f->result.events[0].action, MAP_SEND);

	map_text(f, "{\"environment\":\"production\",\"events\":["
	    EVENT("session_start", "") "]}");
	assert_false(f->result.development_app);
}

static void
map_batch_lets_the_input_override_the_output(void **state)
{
	struct fixture *f = *state;
	static const char batch[] = "{\"device_info\":{\"platform\":\"web\"},"
	    "\"user_attributes\":{\"a\":1},\"events\":["
	    EVENT("session_start", "") "]}";

	f->input.forward_user_attributes = CONFIG_TRUE;
	f->input.forward_web_requests_server_side = CONFIG_FALSE;
	map_text(f, batch);
	assert_int_equal(f->result.events_n, 2);
	assert_string_equal(f->result.events[0].reason, MAP_WEB_CLIENT_SIDE);

	f->output.forward_user_attributes = true;
	f->output.forward_web_requests_server_side = false;
	f->input.forward_user_attributes = CONFIG_FALSE;
	f->input.forward_web_requests_server_side = CONFIG_TRUE;
	map_text(f, batch);
	assert_int_equal(f->result.events_n, 1);
	assert_int_equal(f->result.events[0].action, MAP_SEND);
}

static void
map_batch_cuts_event_names_with_their_prefix(void **state)
{
	struct fixture *f = *state;
	char *name = repeat("s", 1017);
	char *members = xasprintf("\"screen_name\":\"%s\"", name);
	const struct map_event *e = map_one(f, "screen_view", members);

	assert_int_equal(strlen(e->name), 1024);
	assert_memory_equal(e->name, "Viewed: sss", 11);
	/* The property is the name itself, which needs no cut. */
	assert_int_equal(f->result.counts.truncated_value, 0);
	assert_int_equal(f->result.counts.truncated_name, 1);

	free(name);
	free(members);
}

static void
map_batch_counts_nothing_of_what_is_not_sent(void **state)
{
	struct fixture *f = *state;
	static const struct map_counts none;

	f->context.has_mpid = false;
	f->output.forward_user_attributes = true;
	map_text(f, "{\"user_attributes\":{\"o\":{},\"l\":[1]},\"events\":["
	    EVENT("custom_event", "\"event_name\":\"click\","
	    "\"custom_attributes\":{\"l\":[1]}") "]}");

	assert_int_equal(f->result.events_n, 2);
	assert_memory_equal(&f->result.counts, &none, sizeof(none));
}

static void
map_batch_names_what_it_does_not_send(void **state)
{
	struct fixture *f = *state;

	f->context.duplicate = true;
	assert_string_equal(map_one(f, "custom_event", NAMED)->name, "E");
	assert_string_equal(map_one(f, "custom_event", "")->name, "");
	assert_string_equal(map_one(f, "screen_view", "")->name, "Viewed");
	assert_string_equal(map_one(f, "commerce_event",
	    "\"promotion_action\":{}")->name, "Promotion Event");
	assert_string_equal(map_one(f, "opt_out", "")->name, "opt_out");
	assert_string_equal(f->result.events[0].identity, "5");
}

/* Times in `data` and in the batch, the one that is taken, and whether the
 * idempotency key has it. */
static const struct {
	const char	*own, *batch;
	int64_t		 at;
	const char	*text;
	bool		 in_key;
} times[] = {
	{ "null", "null", RECEIVED_AT, RECEIVED_TEXT, false },
	{ "0", "1", 1, "1970-01-01T00:00:00.001Z", false },
	{ "\"951782400007\"", "1", INT64_C(951782400007),
	    "2000-02-29T00:00:00.007Z", true },
	{ "253402300799999", "1", INT64_C(253402300799999),
	    "9999-12-31T23:59:59.999Z", true },
	{ "253402300800000", "null", RECEIVED_AT, RECEIVED_TEXT, false },
	{ "\"\"", "\"86400000\"", 86400000, "1970-01-02T00:00:00.000Z",
	    false },
	{ "1.5", "-3", RECEIVED_AT, RECEIVED_TEXT, false },
};

static void
assert_key(const struct map_event *e, const char *text)
{
	uint8_t digest[32];
	char hex[33], member[64];

	hash_sha256(text, strlen(text), digest);
	snprintf(member, sizeof(member), "\"idempotency_key\":\"%s\"",
	    hash_hex(digest, 16, hex));
	if (strstr(e->payload, member) == NULL)
		fail_msg("no key of %s in %s", text, e->payload);
}

static void
map_batch_takes_the_time_of_event_batch_or_receipt(void **state)
{
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(times); i++) {
		const struct map_event *e = NULL;
		char *member = xasprintf("\"timestamp\":\"%s\"",
		    times[i].text);
		char *key = xasprintf("heaprelay.v1\nsession_start\n5\n%s\n"
		    "a:receipt-9:0\nevent:Session Start",
		    times[i].in_key ? times[i].text : "");

		map_taken(f, xasprintf("{\"timestamp_unixtime_ms\":%s,"
		    "\"events\":[{\"event_type\":\"session_start\",\"data\":"
		    "{\"timestamp_unixtime_ms\":%s}}]}", times[i].batch,
		    times[i].own));

		e = &f->result.events[0];
		assert_true(e->event_at == times[i].at);
		assert_non_null(strstr(e->payload, member));
		assert_key(e, key);
		free(member);
		free(key);
	}
}

static void
map_batch_keys_events_by_message_request_or_receipt(void **state)
{
	struct fixture *f = *state;

	map_text(f, "{\"source_request_id\":\"req\",\"events\":["
	    EVENT("SCREEN_VIEW", "\"source_message_id\":\"msg\"") ","
	    EVENT("screen_view", "\"source_message_id\":\"\"") "]}");
	assert_key(&f->result.events[0], "heaprelay.v1\nscreen_view\n5\n\n"
	    "m:msg\nevent:Viewed");
	assert_key(&f->result.events[1], "heaprelay.v1\nscreen_view\n5\n\n"
	    "r:key-1:req:1\nevent:Viewed");

	map_text(f, "{\"source_request_id\":\"\",\"events\":["
	    EVENT("commerce_event", "\"product_impressions\":[null,"
	    "{\"products\":[7,{}]},{\"products\":{}},{\"products\":[{}]}]")
	    "]}");
	assert_int_equal(f->result.events[0].objects, 3);
	assert_key(&f->result.events[0], "heaprelay.v1\ncommerce_event\n5\n\n"
	    "a:receipt-9:0\nproduct_impressions:main");
	assert_key(&f->result.events[0], "heaprelay.v1\ncommerce_event\n5\n\n"
	    "a:receipt-9:0\nproduct_impressions:item:1");
	assert_key(&f->result.events[0], "heaprelay.v1\ncommerce_event\n5\n\n"
	    "a:receipt-9:0\nproduct_impressions:item:2");
}

static void
map_batch_writes_the_session_unless_it_is_told_not_to(void **state)
{
	struct fixture *f = *state;

	assert_non_null(strstr(map_one(f, "session_start",
	    "\"session_id\":-12")->payload, RECEIVED_TEXT "\","
	    "\"session_id\":\"-12\",\"idempotency_key\""));

	f->output.send_session_id = false;
	assert_null(strstr(map_one(f, "session_start",
	    "\"session_id\":-12")->payload, "session_id"));
}

static void
map_batch_ends_the_system_properties_with_the_feeds_name(void **state)
{
	struct fixture *f = *state;
	char feed[] = "Till \"2\"";

	f->input.feed_name = feed;
	f->output.forward_user_attributes = true;
	map_text(f, "{\"user_attributes\":{\"a\":1},\"events\":["
	    EVENT("custom_event", NAMED ",\"custom_attributes\":{"
	    "\"mParticle Source Feed\":\"x\"}") "]}");

	assert_properties(&f->result.events[0], 0, "{\"event_type\":\"other\","
	    "\"mParticle Source Feed\":\"Till \\\"2\\\"\","
	    "\"attr.mParticle Source Feed\":\"x\"}");
	/* A user has no source. */
	assert_properties(&f->result.events[1], 0, "{\"a\":1}");
}

static void
map_batch_forwards_identities_in_a_fixed_order(void **state)
{
	struct fixture *f = *state;
	const struct map_event *e;

	f->output.forward_mpid = true;
	memset(f->output.forward_identity, true,
	    sizeof(f->output.forward_identity));
	map_text(f, "{\"device_info\":{\"android_uuid\":\"a1\"},"
	    "\"user_identities\":{\"other10\":\"t\",\"other\":\"o\","
	    "\"customerid\":\"c\",\"email\":\"e\",\"google\":\"g\"}}");

	e = &f->result.events[0];
	assert_int_equal(f->result.events_n, 1);
	assert_int_equal(e->event_index, -1);
	assert_int_equal(e->lane, HEAP_USER_PROPERTIES);
	assert_string_equal(e->name, "");
	assert_int_equal(e->objects, 1);
	assert_string_equal(e->payload, "{\"identity\":\"5\",\"properties\":{"
	    "\"email\":\"e\",\"customer_id\":\"c\",\"mpid\":\"5\","
	    "\"other\":\"o\",\"other_id_10\":\"t\",\"android_uuid\":\"a1\"}}");
}

static void
map_batch_renames_user_attributes_that_heap_refuses(void **state)
{
	struct fixture *f = *state;

	f->output.forward_user_attributes = true;
	f->output.forward_identity[MP_EMAIL] = true;
	map_text(f, "{\"user_identities\":{\"email\":\"e\"},"
	    "\"user_attributes\":{\"Id\":1,\"user_id\":2,\"User_id\":3,"
	    "\"email\":4,\"Email\":5,\"idx\":6,\"iD\":[null],"
	    "\"attr.Id\":7}}");

	assert_properties(&f->result.events[0], 0, "{\"email\":\"e\","
	    "\"attr.Id\":1,\"attr.user_id\":2,\"User_id\":3,"
	    "\"attr.email\":4,\"Email\":5,\"idx\":6}");
	assert_int_equal(f->result.counts.renamed_property, 3);
	assert_int_equal(f->result.counts.property_collision, 1);
}

static void
map_batch_has_no_user_object_without_properties(void **state)
{
	struct fixture *f = *state;

	f->output.forward_user_attributes = true;
	f->output.forward_identity[MP_EMAIL] = true;
	map_text(f, "{\"user_attributes\":{\"a\":null,\"b\":[]},"
	    "\"user_identities\":{\"customer_id\":\"c\"}}");

	assert_int_equal(f->result.events_n, 0);
}

static void
map_batch_skips_and_rejects_user_objects_like_events(void **state)
{
	struct fixture *f = *state;
	static const char batch[] = "{\"user_attributes\":{\"a\":1}}";

	f->output.forward_user_attributes = true;

	f->context.path = MP_HISTORICAL;
	map_text(f, batch);
	assert_string_equal(f->result.events[0].reason,
	    MAP_HISTORICAL_INVALID);
	assert_null(f->result.events[0].payload);

	f->context.path = MP_BULK;
	f->context.has_mpid = false;
	map_text(f, batch);
	assert_int_equal(f->result.events[0].action, MAP_REJECT);
	assert_string_equal(f->result.events[0].reason, MAP_NO_IDENTITY);
	assert_null(f->result.events[0].identity);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    MAP_TEST(map_batch_gives_the_first_outcome_that_applies),
	    MAP_TEST(map_batch_refuses_identities_over_255_units_uncut),
	    MAP_TEST(map_batch_falls_back_to_the_profiles_external_id),
	    MAP_TEST(map_batch_sends_development_to_its_own_app),
	    MAP_TEST(map_batch_lets_the_input_override_the_output),
	    MAP_TEST(map_batch_cuts_event_names_with_their_prefix),
	    MAP_TEST(map_batch_counts_nothing_of_what_is_not_sent),
	    MAP_TEST(map_batch_names_what_it_does_not_send),
	    MAP_TEST(map_batch_takes_the_time_of_event_batch_or_receipt),
	    MAP_TEST(map_batch_keys_events_by_message_request_or_receipt),
	    MAP_TEST(map_batch_writes_the_session_unless_it_is_told_not_to),
	    MAP_TEST(map_batch_ends_the_system_properties_with_the_feeds_name),
	    MAP_TEST(map_batch_forwards_identities_in_a_fixed_order),
	    MAP_TEST(map_batch_renames_user_attributes_that_heap_refuses),
	    MAP_TEST(map_batch_has_no_user_object_without_properties),
	    MAP_TEST(map_batch_skips_and_rejects_user_objects_like_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
