/*
 * test_accept.c - a request body into the queue
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accept_fixture.h"

#define DAY	INT64_C(86400000)

/* Members of a batch: an event, a refused one, one of a skipped type. */
#define SESSION	"\"events\":[{\"event_type\":\"session_start\"}]"
#define NO_TYPE	"\"events\":[{\"data\":{}}]"
#define OPT_OUT	"\"events\":[{\"event_type\":\"opt_out\"}]"
#define MISSING	"{\"code\":\"BAD_REQUEST\",\"message\":\"Required event " \
		"field \\\"event_type\\\" is missing or empty.\"}"

static void
assert_told(struct accept_fixture *f, const char *expected)
{
	assert_string_equal(buf_str(&f->told), expected);
}

static void
assert_count(struct accept_fixture *f, const char *what, int64_t n)
{
	int64_t got = number(f->queue, "SELECT count(*) FROM %s", what);

	if (got != n)
		fail_msg("%lld of %s, expected %lld", (long long)got, what,
		    (long long)n);
}

static void
accept_body_stores_the_batch_and_its_events(void **state)
{
	struct accept_fixture *f = *state;
	static const char body[] = " { \"mpid\":42, \"source_request_id\":"
	    "\"s-1\",\n" SESSION " } \n";
	struct queue_stored s;
	struct queue_found e;

	assert_int_equal(accept_text(f, "shop", MP_EVENTS, body), 1);
	settle(f->queue);

	assert_int_equal(f->errors.len, 0);
	assert_told(f, "0.0 heap send\n");
	assert_true(queue_stored(f->queue->q, 1, &s));
	assert_string_equal(s.receipt_id, "receipt-0");
	assert_string_equal(s.input, "shop");
	assert_string_equal(s.path, "/v2/events");
	assert_int_equal(s.received_at, QUEUE_NOW);
	assert_int_equal(s.mpid, 42);
	assert_false(s.duplicate);
	/* The batch byte for byte, without what surrounds it. */
	assert_int_equal(s.body_len, strlen(body) - 3);
	assert_memory_equal(s.body, body + 1, s.body_len);
	queue_stored_free(&s);

	assert_true(queue_find(f->queue->q, 1, &e));
	assert_string_equal(e.state, "queued");
	assert_int_equal(e.identity, queue_identity(f->queue->q, "42"));
	assert_int_equal(e.lane, f->outputs.o[0].ids.lane[HEAP_TRACK]);
	assert_event(f->queue, 1, "name", "Session Start");
	assert_event(f->queue, 1, "event_at", "1700000000000");
}

static void
accept_body_tells_refusals_in_their_place(void **state)
{
	struct accept_fixture *f = *state;

	assert_int_equal(accept_text(f, "shop", MP_BULK, "["
	    "{" NO_TYPE "},"
	    "{\"mpid\":1," SESSION "},"
	    "7,"
	    "{\"mpid\":2," OPT_OUT "},"
	    "{\"mpid\":3," SESSION "},"
	    "{" NO_TYPE "}]"), 3);
	settle(f->queue);

	assert_told(f, "0 refused\n1.0 heap send\n2 refused\n"
	    "3.0 heap skip event_type\n4.0 heap send\n5 refused\n");
	assert_string_equal(buf_str(&f->errors), "{\"errors\":[" MISSING ","
	    "{\"code\":\"BAD_REQUEST\",\"message\":\"Error reading object. "
	    "Unexpected token: Integer. Path '[2]', line 1, position 80.\"},"
	    MISSING "]}");
	assert_count(f, "batch", 3);
	assert_int_equal(number(f->queue, "SELECT group_concat(receipt_id "
	    "= 'receipt-' || mpid) FROM batch WHERE mpid = 1"), 1);
}

static void
accept_body_without_a_good_batch_writes_nothing(void **state)
{
	static const struct {
		enum mp_path path;
		const char *body;
	} cases[] = {
		{ MP_EVENTS, "" }, { MP_EVENTS, "{" }, { MP_EVENTS, "[]" },
		{ MP_EVENTS, "null" }, { MP_EVENTS, "{" NO_TYPE "}" },
		{ MP_BULK, "{}" }, { MP_BULK, "[{" NO_TYPE "},3]" },
		{ MP_BULK, "[{\"a\":\"\\u0000\"}]" },
	};
	static const char begin[] =
	    "{\"errors\":[{\"code\":\"BAD_REQUEST\",\"message\":\"";
	struct accept_fixture *f = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(cases); i++) {
		assert_int_equal(accept_text(f, "shop", cases[i].path,
		    cases[i].body), 0);
		assert_int_equal(strncmp(buf_str(&f->errors), begin,
		    strlen(begin)), 0);
		assert_non_null(strstr(f->errors.p, "\"}]}"));
	}
	settle(f->queue);
	assert_count(f, "batch", 0);
	assert_count(f, "profile", 0);
}

static void
accept_body_of_an_empty_array_is_nothing(void **state)
{
	struct accept_fixture *f = *state;

	assert_int_equal(accept_text(f, "shop", MP_BULK, "[]"), 0);
	assert_int_equal(f->errors.len, 0);
	assert_told(f, "");
	settle(f->queue);
	assert_count(f, "batch", 0);
}

static void
accept_body_stores_a_batch_without_events(void **state)
{
	struct accept_fixture *f = *state;

	assert_int_equal(accept_text(f, "shop", MP_EVENTS,
	    "{\"user_identities\":{\"email\":\"a@x.org\"},\"events\":[]}"), 1);
	settle(f->queue);

	assert_told(f, "");
	assert_count(f, "batch WHERE live = 0", 1);
	assert_count(f, "profile WHERE minted = 1", 1);
}

static void
accept_body_maps_for_every_output_of_the_input(void **state)
{
	struct accept_fixture *f = *state;

	accept_text(f, "feed", MP_EVENTS, "{\"mpid\":1,\"events\":["
	    "{\"event_type\":\"session_start\"},"
	    "{\"event_type\":\"session_end\"}]}");
	settle(f->queue);

	assert_told(f, "0.0 heap send\n0.1 heap send\n"
	    "0.0 second send\n0.1 second send\n");
	assert_int_equal(number(f->queue, "SELECT count(*) FROM batch "
	    "WHERE events = 4 AND live = 4 AND first_event = 1"), 1);
	assert_int_equal(number(f->queue, "SELECT count(DISTINCT lane) "
	    "FROM event"), 2);
}

/* Its own output if there is an app for it, else told with NAME. */
static void
accept_body_tells_development_apart(void **state)
{
	struct accept_fixture *f = *state;

	accept_text(f, "feed", MP_EVENTS, "{\"mpid\":1,\"environment\":"
	    "\"development\"," SESSION "}");
	settle(f->queue);

	assert_told(f, "0.0 heap.development send\n"
	    "0.0 second skip development\n");
	assert_count(f, "batch WHERE environment = 'development'", 1);
	assert_int_equal(number(f->queue, "SELECT count(*) FROM event AS e "
	    "JOIN lane AS l ON l.id = e.lane JOIN output AS o "
	    "ON o.id = l.output WHERE o.name = 'heap.development' "
	    "AND e.state = 'queued' OR o.name = 'second' "
	    "AND e.state = 'skipped'"), 2);
}

static void
accept_body_rejects_who_is_nobody(void **state)
{
	struct accept_fixture *f = *state;

	assert_int_equal(accept_text(f, "shop", MP_EVENTS, "{" SESSION "}"),
	    1);
	settle(f->queue);

	assert_told(f, "0.0 heap reject no_identity\n");
	assert_state(f->queue, 1, "stuck", "no_identity");
	assert_event(f->queue, 1, "identity", "-");
	assert_event(f->queue, 1, "payload", "-");
	assert_count(f, "batch WHERE mpid IS NULL", 1);
}

static void
accept_body_resolves_in_the_order_of_the_batches(void **state)
{
	struct accept_fixture *f = *state;

	accept_text(f, "shop", MP_BULK, "["
	    "{\"user_identities\":{\"email\":\"a@x.org\"}},"
	    "{\"mpid\":9,\"user_identities\":{\"other\":\"o\"}},"
	    "{\"user_identities\":{\"email\":\"A@x.org\","
	    "\"customerid\":\"c\"}},"
	    "{\"user_identities\":{\"other\":\"o\"}}]");
	settle(f->queue);

	assert_int_equal(number(f->queue, "SELECT (SELECT mpid FROM batch "
	    "WHERE id = 1) = (SELECT mpid FROM batch WHERE id = 3)"), 1);
	assert_count(f, "batch WHERE mpid = 9", 2);
	assert_count(f, "profile WHERE resolved = 1 AND customer_id = 'c'",
	    1);
	assert_count(f, "profile WHERE resolved = 2 AND mpid = 9", 1);
}

#define TWICE	"{\"mpid\":1,\"source_request_id\":\"s\"," SESSION "}"

static void
accept_body_skips_what_it_has_seen(void **state)
{
	struct accept_fixture *f = *state;

	assert_int_equal(accept_text(f, "shop", MP_EVENTS, TWICE), 1);
	assert_told(f, "0.0 heap send\n");
	settle(f->queue);
	/* It is answered as the first was. */
	assert_int_equal(accept_text(f, "shop", MP_EVENTS, TWICE), 1);
	assert_told(f, "0.0 heap skip duplicate\n");
	assert_int_equal(f->errors.len, 0);
	settle(f->queue);

	assert_count(f, "batch WHERE duplicate = 1", 1);
	assert_state(f->queue, 2, "skipped", "duplicate");
}

static void
accept_body_skips_duplicates_within_one_request(void **state)
{
	struct accept_fixture *f = *state;

	assert_int_equal(accept_text(f, "shop", MP_BULK, "[" TWICE ","
	    "{\"mpid\":1,\"source_request_id\":\"S\"," SESSION "},"
	    TWICE "]"), 3);

	assert_told(f, "0.0 heap send\n1.0 heap send\n"
	    "2.0 heap skip duplicate\n");
	settle(f->queue);
}

static void
accept_body_remembers_ids_by_key_and_for_a_time(void **state)
{
	struct accept_fixture *f = *state;

	accept_text(f, "shop", MP_EVENTS, TWICE);
	accept_text(f, "feed", MP_EVENTS, TWICE);
	assert_told(f, "0.0 heap send\n0.0 second send\n");
	settle(f->queue);
	f->queue->now.wall += 30 * DAY - 1;
	accept_text(f, "shop", MP_EVENTS, TWICE);
	assert_told(f, "0.0 heap skip duplicate\n");
	/* A duplicate does not make it last longer. */
	f->queue->now.wall += 1;
	accept_text(f, "shop", MP_EVENTS, TWICE);
	assert_told(f, "0.0 heap send\n");
	settle(f->queue);
}

static void
accept_body_remembers_nothing_of_refused_batches(void **state)
{
	struct accept_fixture *f = *state;

	assert_int_equal(accept_text(f, "shop", MP_BULK,
	    "[{\"source_request_id\":\"s\"," NO_TYPE "}," TWICE "]"), 1);
	assert_told(f, "0 refused\n1.0 heap send\n");
	settle(f->queue);

	/* An empty id is none. */
	accept_text(f, "shop", MP_BULK,
	    "[{\"mpid\":1,\"source_request_id\":\"\"," SESSION "},"
	    "{\"mpid\":1,\"source_request_id\":\"\"," SESSION "}]");
	assert_told(f, "0.0 heap send\n1.0 heap send\n");
}

static void
accept_body_of_a_failed_turn_is_not_remembered(void **state)
{
	struct accept_fixture *f = *state;

	accept_text(f, "shop", MP_EVENTS, TWICE);
	queue_rollback(f->queue->q);
	assert_int_equal(queue_begin(f->queue->q), QUEUE_READY);
	accept_text(f, "shop", MP_EVENTS, TWICE);

	assert_told(f, "0.0 heap send\n");
	settle(f->queue);
}

static void
accept_body_does_not_resolve_duplicates(void **state)
{
	struct accept_fixture *f = *state;

	accept_text(f, "shop", MP_BULK,
	    "[{\"source_request_id\":\"s\",\"user_identities\":"
	    "{\"email\":\"a@x.org\"}," SESSION "},"
	    "{\"source_request_id\":\"s\",\"user_identities\":"
	    "{\"email\":\"b@x.org\"}," SESSION "}]");
	settle(f->queue);

	assert_count(f, "profile", 1);
	assert_count(f, "batch WHERE duplicate = 1 AND mpid IS NULL", 1);
}

#define AT(ms)	"\"events\":[{\"event_type\":\"session_start\"," \
		"\"data\":{\"timestamp_unixtime_ms\":" ms "}}]"
#define WHO	"\"user_identities\":{\"email\":\"a@x.org\"},"

/* Three days before QUEUE_NOW, and 1 ms less. */
static void
accept_body_never_sends_history(void **state)
{
	static const struct {
		const char *body;
		const char *told;
		int64_t profiles;
	} cases[] = {
		{ "[{" WHO AT("1699740800000") "}]",
		    "0.0 heap skip historical\n", 1 },
		{ "[{" WHO AT("1699740800001") "}]",
		    "0.0 heap skip historical_invalid\n", 0 },
		{ "[{" WHO SESSION "}]",
		    "0.0 heap skip historical_invalid\n", 0 },
		{ "[{" WHO "\"events\":[]}]", "", 0 },
	};
	struct accept_fixture *f = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(cases); i++) {
		assert_int_equal(accept_text(f, "shop", MP_HISTORICAL,
		    cases[i].body), 1);
		assert_told(f, cases[i].told);
		assert_count(f, "batch", 1);
		assert_count(f, "profile", cases[i].profiles);
		queue_rollback(f->queue->q);
		assert_int_equal(queue_begin(f->queue->q), QUEUE_READY);
	}
}

#define BY_CUSTOMER \
	"[output heap]\napp_id = 77\nexternal_id = customer_id\n" \
	"[input shop]\nkey = key-1\nsecret = s-1\n"

/* The batch's own, else the profile's current one. */
static void
accept_body_takes_the_external_id_from_the_profile(void **state)
{
	struct accept_fixture *f = *state;
	char *identity;

	accept_configure(f, BY_CUSTOMER);
	accept_text(f, "shop", MP_BULK, "["
	    "{\"mpid\":1," SESSION "},"
	    "{\"mpid\":1,\"user_identities\":{\"customer_id\":\" C-1\"}},"
	    "{\"mpid\":1," SESSION "},"
	    "{\"mpid\":1,\"user_identities\":{\"customer_id\":\"c-2\"},"
	    SESSION "}]");
	settle(f->queue);

	assert_told(f, "0.0 heap reject no_identity\n2.0 heap send\n"
	    "3.0 heap send\n");
	identity = words(f->queue, "SELECT group_concat(value, '|') "
	    "FROM event AS e JOIN identity AS i ON i.id = e.identity");
	assert_string_equal(identity, " C-1|c-2");
	free(identity);
}

static void
accept_body_queues_user_properties_by_lane(void **state)
{
	struct accept_fixture *f = *state;

	accept_configure(f, "[output heap]\napp_id = 77\n"
	    "forward_user_attributes = true\n"
	    "[input shop]\nkey = key-1\nsecret = s-1\n");
	accept_text(f, "shop", MP_BULK, "["
	    "{\"mpid\":1,\"user_attributes\":{\"a\":1,\"b\":1}," SESSION "},"
	    "{\"mpid\":1,\"user_attributes\":{\"a\":2}}]");
	settle(f->queue);

	assert_told(f, "0.0 heap send\n0.-1 heap send\n1.-1 heap send\n");
	assert_state(f->queue, 2, "skipped", "merged");
	assert_event(f->queue, 3, "payload",
	    "{\"identity\":\"1\",\"properties\":{\"a\":2,\"b\":1}}");
}

static void
accept_body_gives_each_batch_a_random_receipt(void **state)
{
	struct accept_fixture *f = *state;
	struct acceptor *a = acceptor_new(f->queue->q, f->profiles,
	    f->config, &f->outputs, NULL);
	struct buf errors = BUF_INIT;

	assert_int_equal(accept_body(a, &f->config->inputs[0], MP_BULK,
	    "[{},{},{}]", 10, QUEUE_NOW, &errors), 3);
	settle(f->queue);

	assert_int_equal(number(f->queue, "SELECT count(DISTINCT receipt_id) "
	    "FROM batch WHERE receipt_id NOT GLOB '*[^0-9a-f]*' "
	    "AND length(receipt_id) = 32"), 3);
	acceptor_free(a);
	acceptor_free(NULL);
	buf_free(&errors);
}

static void
accept_error_is_json_whatever_the_message(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	accept_error(&b, "a \"b\" \\ \n \xc3\xa9");
	assert_string_equal(buf_str(&b), "{\"errors\":[{\"code\":"
	    "\"BAD_REQUEST\",\"message\":\"a \\\"b\\\" \\\\ \\n \xc3\xa9\"}]}");
	buf_free(&b);
}

/* --- mapping again ------------------------------------------------------- */

static const struct accept_replay remap = { .remap = true };
static const struct accept_replay as_it_is = { .remap = false };
static const struct accept_replay forced = { .remap = true, .force = true };

static enum queue_moved
replay(struct accept_fixture *f, int64_t event,
    const struct accept_replay *how, struct why *why)
{
	return accept_replay(f->acceptor, event, how, f->queue->now.wall,
	    why);
}

static void
assert_not_again(struct accept_fixture *f, int64_t event,
    const char *expected)
{
	struct why why = { "" };

	assert_int_equal(replay(f, event, &remap, &why), QUEUE_UNMAPPED);
	assert_string_equal(why.text, expected);
}

static void
accept_replay_maps_with_todays_settings(void **state)
{
	struct accept_fixture *f = *state;
	char *first, *second;

	/* The key depends on receipt, time and index: all are as they were. */
	accept_text(f, "shop", MP_BULK,
	    "[{},{\"user_identities\":{\"email\":\"a@x.org\"},\"events\":["
	    "{\"event_type\":\"opt_out\"},{\"event_type\":\"session_end\"}]}]");
	first = words(f->queue, "SELECT payload FROM event WHERE id = 2");
	accept_configure(f, BY_CUSTOMER);
	accept_text(f, "shop", MP_BULK,
	    "[{},{\"user_identities\":{\"email\":\"a@x.org\"},\"events\":["
	    "{\"event_type\":\"opt_out\"},{\"event_type\":\"session_end\"}]}]");
	settle(f->queue);
	assert_state(f->queue, 4, "stuck", "no_identity");

	f->queue->now.wall += DAY;
	accept_configure(f, ACCEPT_CONFIG);
	assert_int_equal(replay(f, 4, &remap, NULL), QUEUE_MOVED);
	settle(f->queue);

	second = words(f->queue, "SELECT payload FROM event WHERE id = 4");
	assert_string_equal(second, first);
	assert_state(f->queue, 4, "queued", "-");
	assert_int_equal(number(f->queue, "SELECT a.identity = b.identity "
	    "AND a.objects = 1 AND b.objects = 1 FROM event AS a, event AS b "
	    "WHERE a.id = 2 AND b.id = 4"), 1);
	free(first);
	free(second);
}

static void
accept_replay_follows_development_to_its_own_app(void **state)
{
	struct accept_fixture *f = *state;
	struct queue_found found;
	struct why why;

	accept_configure(f, "[output heap]\napp_id = 77\n"
	    "[input shop]\nkey = key-1\nsecret = s-1\n");
	accept_text(f, "shop", MP_EVENTS, "{\"mpid\":1,\"environment\":"
	    "\"development\"," SESSION "}");
	settle(f->queue);
	assert_state(f->queue, 1, "skipped", "development");
	assert_not_again(f, 1, "event 1 cannot be sent with today's "
	    "settings: development");

	accept_configure(f, ACCEPT_CONFIG);
	/* Not unasked: the settings that skipped it may be meant so. */
	assert_int_equal(replay(f, 1, &as_it_is, &why), QUEUE_UNMAPPED);
	assert_string_equal(why.text, "event 1 has no payload; replay it with "
	    "remap, so that its batch is mapped again with today's settings");
	assert_state(f->queue, 1, "skipped", "development");
	assert_int_equal(replay(f, 1, &remap, NULL), QUEUE_MOVED);
	settle(f->queue);

	assert_true(queue_find(f->queue->q, 1, &found));
	assert_string_equal(f->outputs.o[1].name, "heap.development");
	assert_int_equal(found.lane, f->outputs.o[1].ids.lane[HEAP_TRACK]);
	assert_int_equal(number(f->queue, "SELECT ready FROM waiting "
	    "WHERE lane = %lld", (long long)found.lane), 1);
}

static void
accept_replay_says_why_it_cannot(void **state)
{
	struct accept_fixture *f = *state;

	accept_text(f, "feed", MP_EVENTS, "{" SESSION "}");
	settle(f->queue);
	assert_not_again(f, 1, "event 1 cannot be sent with today's "
	    "settings: no_identity");

	accept_configure(f, "[output second]\napp_id = 79\n"
	    "[input feed]\nkey = key-2\nsecret = s-2\n");
	assert_not_again(f, 1, "the output of event 1 is not configured any "
	    "more");
	assert_not_again(f, 2, "event 2 cannot be sent with today's "
	    "settings: no_identity");
	accept_configure(f, "[output heap]\napp_id = 77\n"
	    "[input shop]\nkey = key-2\nsecret = s-2\n");
	assert_not_again(f, 1, "the input of event 1 is not configured any "
	    "more");
	settle(f->queue);
	assert_state(f->queue, 1, "stuck", "no_identity");
}

/* --- updates that were merged -------------------------------------------- */

#define ATTRIBUTES \
	"[output heap]\napp_id = 77\nforward_user_attributes = true\n" \
	"[input shop]\nkey = key-1\nsecret = s-1\n"
#define IDENTITIES \
	"[output heap]\napp_id = 77\nforward_user_attributes = true\n" \
	"forward_identities = email\n" \
	"[input shop]\nkey = key-1\nsecret = s-1\n"
#define OF(email, attributes) "{\"mpid\":1,\"user_identities\":{\"email\":" \
	"\"" email "\"},\"user_attributes\":{" attributes "}}"

/* Updates of one person, an id each; returns the last one, which carries all
 * of them. */
static int64_t
updates(struct accept_fixture *f, const char *batches)
{
	accept_text(f, "shop", MP_BULK, batches);
	settle(f->queue);
	return queue_last_event(f->queue->q);
}

static void
refuse(struct accept_fixture *f, int64_t event)
{
	struct queue_end e = end_of(f->queue, HEAP_USER_PROPERTIES,
	    claim_one(f->queue, HEAP_USER_PROPERTIES, event), 400);

	queue_end(f->queue->q, &e);
	queue_stuck(f->queue->q, &e, "refused");
	settle(f->queue);
}

/* Retention, a year later; requests are kept. */
static void
prune(struct accept_fixture *f)
{
	static const struct queue_keep keep = { 1, 1, 1, 999 * DAY, 1 };

	while (queue_prune(f->queue->q, &keep, at(f->queue, QUEUE_NOW +
	    365 * DAY)))
		continue;
	settle(f->queue);
}

static void
accept_replay_maps_all_that_was_merged(void **state)
{
	struct accept_fixture *f = *state;
	int64_t id;

	accept_configure(f, ATTRIBUTES);
	id = updates(f, "[" OF("a@x.org", "\"a\":1,\"b\":1") ","
	    OF("b@x.org", "\"b\":2,\"c\":2") ","
	    OF("c@x.org", "\"d\":3") "]");
	refuse(f, id);
	prune(f);

	accept_configure(f, IDENTITIES);
	assert_int_equal(replay(f, id, &remap, NULL), QUEUE_MOVED);

	settle(f->queue);
	assert_state(f->queue, id, "queued", "-");
	assert_event(f->queue, id, "payload", "{\"identity\":\"1\","
	    "\"properties\":{\"email\":\"c@x.org\",\"a\":1,\"b\":2,\"c\":2,"
	    "\"d\":3}}");
	assert_event(f->queue, id, "origins", "3*1 1*1 2*2 3*1");
}

/* More than are kept read at a time. */
static void
accept_replay_maps_any_number_that_was_merged(void **state)
{
	struct accept_fixture *f = *state;
	struct buf b = BUF_INIT;
	char *before, *after;
	int64_t id = 0;
	int i;

	accept_configure(f, ATTRIBUTES);
	for (i = 0; i < 600; i++) {
		buf_reset(&b);
		buf_printf(&b, "[{\"mpid\":1,\"user_attributes\":{\"k%d\":%d,"
		    "\"last\":%d}}]", i % 300, i, i);
		id = updates(f, buf_str(&b));
	}
	refuse(f, id);
	before = words(f->queue, "SELECT payload || origins FROM event "
	    "WHERE id = %lld", (long long)id);
	prune(f);
	assert_int_equal(replay(f, id, &remap, NULL), QUEUE_MOVED);
	settle(f->queue);
	after = words(f->queue, "SELECT payload || origins FROM event "
	    "WHERE id = %lld", (long long)id);

	assert_string_equal(after, before);
	free(before);
	free(after);
	buf_free(&b);
}

/* A batch that says nothing any more is left out; the others are not. */
static void
accept_replay_leaves_out_what_is_not_forwarded_any_more(void **state)
{
	struct accept_fixture *f = *state;
	int64_t id;

	accept_configure(f, IDENTITIES);
	id = updates(f, "[{\"mpid\":1,\"user_attributes\":{\"a\":1}},"
	    OF("b@x.org", "\"b\":2") ",{\"mpid\":1,"
	    "\"user_attributes\":{\"c\":3}}]");
	refuse(f, id);

	accept_configure(f, "[output heap]\napp_id = 77\n"
	    "forward_identities = email\n"
	    "[input shop]\nkey = key-1\nsecret = s-1\n");
	assert_int_equal(replay(f, id, &remap, NULL), QUEUE_MOVED);
	settle(f->queue);
	assert_event(f->queue, id, "payload", "{\"identity\":\"1\","
	    "\"properties\":{\"email\":\"b@x.org\"}}");

	refuse(f, id);
	accept_configure(f, "[output heap]\napp_id = 77\n"
	    "[input shop]\nkey = key-1\nsecret = s-1\n");
	assert_not_again(f, id, "event 3 cannot be sent with today's "
	    "settings: they make nothing of it");
}

#define BY_EMAIL \
	"[output heap]\napp_id = 77\nforward_user_attributes = true\n" \
	"external_id = email\n[input shop]\nkey = key-1\nsecret = s-1\n"

/* What is of several people under today's settings is no one update. */
static void
accept_replay_does_not_mix_people(void **state)
{
	struct accept_fixture *f = *state;
	int64_t id;

	accept_configure(f, ATTRIBUTES);
	id = updates(f, "[" OF("a@x.org", "\"a\":1") ","
	    OF("b@x.org", "\"b\":2") "]");
	refuse(f, id);
	accept_configure(f, BY_EMAIL);

	assert_not_again(f, id, "event 2 carries updates that are, with "
	    "today's settings, of different identities or outputs");
	assert_state(f->queue, id, "stuck", "refused");
	assert_int_equal(replay(f, id, &as_it_is, NULL), QUEUE_MOVED);
	settle(f->queue);
	assert_event(f->queue, id, "payload", "{\"identity\":\"1\","
	    "\"properties\":{\"a\":1,\"b\":2}}");
}

static void
accept_replay_does_not_drop_what_has_no_identity_any_more(void **state)
{
	struct accept_fixture *f = *state;
	int64_t id;

	accept_configure(f, "[output heap]\napp_id = 77\n"
	    "forward_user_attributes = true\nexternal_id = customer_id\n"
	    "[input shop]\nkey = key-1\nsecret = s-1\n");
	id = updates(f, "[{\"mpid\":1,\"user_identities\":{\"customerid\":"
	    "\"c\"},\"user_attributes\":{\"a\":1}},{\"mpid\":1,"
	    "\"user_identities\":{\"customerid\":\"c\",\"email\":"
	    "\"b@x.org\"},\"user_attributes\":{\"b\":2}}]");
	refuse(f, id);
	accept_configure(f, "[output heap]\napp_id = 77\n"
	    "forward_user_attributes = true\nexternal_id = other\n"
	    "[input shop]\nkey = key-1\nsecret = s-1\n");

	assert_not_again(f, id, "event 1 cannot be sent with today's "
	    "settings: no_identity");
}

/* Retention kept what is newer by the identity that it had.  By another one,
 * nobody knows after a while. */
static void
accept_replay_does_not_undo_what_may_be_forgotten(void **state)
{
	struct accept_fixture *f = *state;
	struct why why;
	int64_t id;

	accept_configure(f, ATTRIBUTES);
	id = updates(f, "[" OF("a@x.org", "\"a\":1") "]");
	refuse(f, id);
	accept_configure(f, BY_EMAIL);

	f->queue->now.wall += 7 * DAY;
	assert_int_equal(replay(f, id, &remap, &why), QUEUE_UNANSWERED);
	assert_string_equal(why.text, "event 1 is so old that newer updates "
	    "of its identity may be forgotten by now; mapped again it might "
	    "undo what they have set");
	settle(f->queue);
	assert_state(f->queue, id, "stuck", "refused");
	f->queue->now.wall -= 1;
	assert_int_equal(replay(f, id, &remap, NULL), QUEUE_MOVED);
	queue_rollback(f->queue->q);
	assert_int_equal(queue_begin(f->queue->q), QUEUE_READY);
	f->queue->now.wall += 1;
	assert_int_equal(replay(f, id, &forced, NULL), QUEUE_MOVED);
	settle(f->queue);
}

/* The same identity, and never replayed: all that is newer is there. */
static void
accept_replay_maps_an_old_update_of_the_same_identity(void **state)
{
	struct accept_fixture *f = *state;
	int64_t id, newer;
	struct queue_end e;

	accept_configure(f, ATTRIBUTES);
	id = updates(f, "[" OF("a@x.org", "\"a\":1,\"b\":1") "]");
	refuse(f, id);
	newer = updates(f, "[" OF("a@x.org", "\"a\":2") "]");
	e = end_of(f->queue, HEAP_USER_PROPERTIES, claim_one(f->queue,
	    HEAP_USER_PROPERTIES, newer), 200);
	queue_end(f->queue->q, &e);
	queue_delivered(f->queue->q, &e);
	prune(f);
	f->queue->now.wall += 90 * DAY;

	assert_int_equal(replay(f, id, &remap, NULL), QUEUE_MOVED);
	settle(f->queue);
	assert_event(f->queue, id, "payload", "{\"identity\":\"1\","
	    "\"properties\":{\"b\":1}}");

	/* Once it is queued, nothing keeps the newer one. */
	prune(f);
	refuse(f, id);
	assert_int_equal(replay(f, id, &remap, NULL), QUEUE_UNANSWERED);
	settle(f->queue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ACCEPT_TEST(accept_body_stores_the_batch_and_its_events),
	    ACCEPT_TEST(accept_body_tells_refusals_in_their_place),
	    ACCEPT_TEST(accept_body_without_a_good_batch_writes_nothing),
	    ACCEPT_TEST(accept_body_of_an_empty_array_is_nothing),
	    ACCEPT_TEST(accept_body_stores_a_batch_without_events),
	    ACCEPT_TEST(accept_body_maps_for_every_output_of_the_input),
	    ACCEPT_TEST(accept_body_tells_development_apart),
	    ACCEPT_TEST(accept_body_rejects_who_is_nobody),
	    ACCEPT_TEST(accept_body_resolves_in_the_order_of_the_batches),
	    ACCEPT_TEST(accept_body_skips_what_it_has_seen),
	    ACCEPT_TEST(accept_body_skips_duplicates_within_one_request),
	    ACCEPT_TEST(accept_body_remembers_ids_by_key_and_for_a_time),
	    ACCEPT_TEST(accept_body_remembers_nothing_of_refused_batches),
	    ACCEPT_TEST(accept_body_of_a_failed_turn_is_not_remembered),
	    ACCEPT_TEST(accept_body_does_not_resolve_duplicates),
	    ACCEPT_TEST(accept_body_never_sends_history),
	    ACCEPT_TEST(accept_body_takes_the_external_id_from_the_profile),
	    ACCEPT_TEST(accept_body_queues_user_properties_by_lane),
	    ACCEPT_TEST(accept_body_gives_each_batch_a_random_receipt),
	    cmocka_unit_test(accept_error_is_json_whatever_the_message),
	    ACCEPT_TEST(accept_replay_maps_with_todays_settings),
	    ACCEPT_TEST(accept_replay_follows_development_to_its_own_app),
	    ACCEPT_TEST(accept_replay_says_why_it_cannot),
	    ACCEPT_TEST(accept_replay_maps_all_that_was_merged),
	    ACCEPT_TEST(accept_replay_maps_any_number_that_was_merged),
	    ACCEPT_TEST(
		accept_replay_leaves_out_what_is_not_forwarded_any_more),
	    ACCEPT_TEST(accept_replay_does_not_mix_people),
	    ACCEPT_TEST(
		accept_replay_does_not_drop_what_has_no_identity_any_more),
	    ACCEPT_TEST(accept_replay_does_not_undo_what_may_be_forgotten),
	    ACCEPT_TEST(
		accept_replay_maps_an_old_update_of_the_same_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
