/*
 * test_dispatch_isolate.c - one bad event among a thousand
 *
 * delivery.md section 7: whoever is guilty, and however Heap names it, only
 * the guilty become stuck, each after it was refused alone.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dispatch_fixture.h"
#include "log.h"

#define GUILTY_MAX	40

/* How Heap tells who is bad. */
enum text { SAYS_NOTHING, SAYS_INDEX, SAYS_WRONG_INDEX, SAYS_NONSENSE };

struct trial {
	int64_t		 guilty[GUILTY_MAX];	/* keys */
	size_t		 guilty_n;
	enum text	 text;
	int		 status;
	bool		 alone[GUILTY_MAX];	/* was refused by itself */
	size_t		 refusals;
};

/* The key of the next object of a body; -1: there is no more. */
static int64_t
next_key(const char **at)
{
	static const char member[] = "\"idempotency_key\":\"k";

	*at = strstr(*at, member);
	if (*at == NULL)
		return -1;
	*at += strlen(member);
	return strtoll(*at, NULL, 10);
}

static bool
is_guilty(const struct trial *t, int64_t key, size_t *which)
{
	for (*which = 0; *which < t->guilty_n; (*which)++)
		if (t->guilty[*which] == key)
			return true;
	return false;
}

static void
tell(const struct trial *t, struct post *p, size_t bad, size_t objects)
{
	char text[80] = "";

	switch (t->text) {
	case SAYS_NOTHING:
		break;
	case SAYS_INDEX:
		snprintf(text, sizeof(text),
		    "postBody.events[%zu].properties should be object", bad);
		break;
	case SAYS_WRONG_INDEX:
		snprintf(text, sizeof(text), "events[%zu] is bad",
		    (bad + 1) % objects);
		break;
	case SAYS_NONSENSE:
		snprintf(text, sizeof(text), "events[%zu] is bad",
		    objects + 7);
		break;
	}
	post_will(p, t->status, text);
}

/* Refuses a request that has a guilty object in it. */
static void
refuse_guilty(struct fixture *f, struct post *p)
{
	struct trial *t = f->far_arg;
	size_t i, which, objects = post_objects(p);
	const char *at = p->body;

	for (i = 0; i < objects; i++) {
		if (!is_guilty(t, next_key(&at), &which))
			continue;
		if (objects == 1)
			t->alone[which] = true;
		t->refusals++;
		tell(t, p, i, objects);
		return;
	}
}

/* n events of as many identities in one turn; key and event id rise alike. */
static int64_t
put_crowd(struct fixture *f, size_t n, size_t identities)
{
	char name[40], *payload;
	int64_t first = 0, id;
	size_t i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "id%zu", i % identities);
		payload = track_payload(f, name, 1, 0);
		id = put_payload(f, 0, HEAP_TRACK, name, payload, 1, false);
		free(payload);
		if (i == 0)
			first = id;
	}
	return first;
}

static void
assert_only_guilty_stuck(struct fixture *f, const struct trial *t,
    int64_t first, size_t n)
{
	struct event_row row;
	size_t i, which;

	for (i = 0; i < n; i++) {
		row = event_row(f, first + (int64_t)i);
		if (is_guilty(t, (int64_t)i, &which)) {
			assert_string_equal(row.state, "stuck");
			assert_string_equal(row.reason, t->status == 413 ?
			    "too_large" : "refused");
			assert_true(t->alone[which]);
		} else {
			assert_string_equal(row.state, "delivered");
		}
		assert_int_equal(row.failures, 0);
		assert_int_equal(row.suspect, -1);
	}
	assert_int_equal(ask(f, "SELECT count(*) FROM isolation"), 0);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_CLOSED);
	assert_conserved(f);
}

static size_t
log2_of(size_t n)
{
	size_t log = 0;

	while ((size_t)1 << log < n)
		log++;
	return log;
}

static const struct {
	size_t		 n, identities;
	size_t		 guilty_n;
	int64_t		 guilty[3];
	enum text	 text;
	int		 status;
	size_t		 extra;		/* requests, at most; 0: formula */
} trials[] = {
	{ 2, 2, 1, { 0 }, SAYS_NOTHING, 400, 0 },
	{ 2, 2, 2, { 0, 1 }, SAYS_INDEX, 422, 0 },
	{ 500, 500, 1, { 17 }, SAYS_NOTHING, 400, 0 },
	{ 500, 500, 1, { 17 }, SAYS_INDEX, 400, 2 },
	{ 500, 500, 1, { 499 }, SAYS_INDEX, 422, 2 },
	{ 500, 500, 1, { 17 }, SAYS_WRONG_INDEX, 400, 0 },
	{ 500, 500, 1, { 17 }, SAYS_NONSENSE, 400, 0 },
	{ 500, 500, 3, { 0, 250, 499 }, SAYS_NOTHING, 400, 0 },
	{ 500, 500, 3, { 0, 250, 499 }, SAYS_INDEX, 400, 6 },
	{ 500, 500, 3, { 4, 5, 6 }, SAYS_WRONG_INDEX, 400, 0 },
	{ 500, 500, 1, { 300 }, SAYS_NOTHING, 413, 0 },
	{ 300, 10, 2, { 8, 200 }, SAYS_NOTHING, 400, 0 },
};

static void
isolate_sticks_only_the_guilty(void **state)
{
	size_t i, limit;
	(void)state;

	for (i = 0; i < HR_COUNT(trials); i++) {
		struct fixture *f = fixture_new();
		struct trial t = { .text = trials[i].text,
		    .status = trials[i].status,
		    .guilty_n = trials[i].guilty_n };
		int64_t first;

		memcpy(t.guilty, trials[i].guilty, sizeof(trials[i].guilty));
		fixture_start(f);
		f->far = refuse_guilty;
		f->far_arg = &t;
		first = put_crowd(f, trials[i].n, trials[i].identities);
		fixture_drain(f, 600000);

		assert_only_guilty_stuck(f, &t, first, trials[i].n);
		limit = trials[i].extra;
		if (limit == 0)
			limit = t.guilty_n *
			    (2 + 2 * log2_of(trials[i].n)) *
			    (t.text == SAYS_WRONG_INDEX ? 2 : 1);
		if (f->posts_n > limit + 1)
			fail_msg("trial %zu: %zu requests, at most %zu", i,
			    f->posts_n, limit + 1);
		fixture_free(f);
	}
}

static void
isolate_goes_on_after_a_crash_at_any_request(void **state)
{
	size_t crash;
	(void)state;

	for (crash = 1; crash < 24; crash++) {
		struct fixture *f = fixture_new();
		struct trial t = { .status = 400, .guilty_n = 2,
		    .guilty = { 17, 60 } };
		int64_t first;

		fixture_start(f);
		f->far = refuse_guilty;
		f->far_arg = &t;
		first = put_crowd(f, 100, 100);
		while (f->posts_n < crash &&
		    count_state(f, "queued") + count_state(f, "inflight") > 0)
			fixture_run(f, 1);
		fixture_crash(f);
		fixture_start(f);
		assert_conserved(f);
		fixture_drain(f, 600000);

		assert_only_guilty_stuck(f, &t, first, 100);
		fixture_free(f);
	}
}

static void
isolate_lets_others_have_their_share(void **state)
{
	struct fixture *f = *state;
	struct trial t = { .status = 400, .guilty_n = GUILTY_MAX };
	int64_t fresh;
	size_t i;

	for (i = 0; i < GUILTY_MAX; i++)
		t.guilty[i] = (int64_t)(i * 25);
	f->far = refuse_guilty;
	f->far_arg = &t;
	put_crowd(f, 1000, 1000);
	fixture_run(f, 100);
	assert_true(ask(f, "SELECT count(*) FROM isolation") > 0);
	fresh = put_track(f, 0, "fresh", 1, false);
	fixture_run(f, 100);

	assert_string_equal(event_row(f, fresh).state, "delivered");
	assert_true(count_state(f, "queued") > 0);
}

static void
isolate_does_not_read_groups_again_that_wait_for_room(void **state)
{
	struct fixture *f = *state;
	struct trial t = { .status = 400, .guilty_n = 1, .guilty = { 0 } };
	uint64_t rows;
	int i;

	f->settings[0].track_limit.n = 1;
	fixture_reload(f);
	f->far = refuse_guilty;
	f->far_arg = &t;
	put_crowd(f, 500, 500);
	fixture_run(f, 100);
	rows = stat_get(STAT_planner_rows);
	for (i = 0; i < 100; i++)
		fixture_turn(f);

	assert_true(count_state(f, "queued") > 400);
	assert_int_equal(stat_get(STAT_planner_rows), rows);
	fixture_drain(f, 600000);
}

static void
hold_back(struct fixture *f, struct post *p)
{
	(void)f;
	p->answer_at = FOREVER;
}

/* A group may travel in parts, when its identities have room in turn. */
static void
isolate_keeps_a_group_while_a_part_of_it_is_out(void **state)
{
	struct fixture *f = *state;

	f->settings[0].identity_limit = (struct config_limit){ 3, 1000 };
	fixture_reload(f);
	f->far = hold_back;
	put_track(f, 0, "ada", 1, false);
	put_many(f, 0, "bob", 3);
	fixture_turn(f);
	assert_int_equal(post_objects(&f->posts[0]), 4);
	/* The halves are ada's with one of bob's, and two of bob's; only ada
	 * has room at once. */
	post_answer(f, 0, 413, NULL);
	fixture_run(f, 1100);
	assert_int_equal(posts_out(f), 3);
	assert_int_equal(post_objects(&f->posts[1]), 1);

	post_answer(f, 1, 200, NULL);
	fixture_turn(f);
	f->far = NULL;
	post_answer(f, 2, 500, NULL);
	fixture_turn(f);
	post_answer(f, 3, 500, NULL);
	fixture_drain(f, 60000);
	assert_int_equal(count_state(f, "delivered"), 4);
}

/* A commerce event's objects are one event: an index may name any. */
static void
isolate_finds_the_event_of_a_named_object(void **state)
{
	struct fixture *f = *state;
	struct trial t = { .status = 400, .guilty_n = 1, .guilty = { 25 },
	    .text = SAYS_INDEX };
	int64_t id[4];
	char name[40];
	size_t i;

	f->far = refuse_guilty;
	f->far_arg = &t;
	for (i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "id%zu", i);
		id[i] = put_track(f, 0, name, 10, true);
	}
	fixture_drain(f, 60000);

	for (i = 0; i < 4; i++)
		assert_string_equal(event_row(f, id[i]).state, i == 2 ?
		    "stuck" : "delivered");
	assert_int_equal(f->posts_n, 3);
}

static void
refuse_cursed(struct fixture *f, struct post *p)
{
	(void)f;
	if (post_has(p, "\"cursed\""))
		post_will(p, 400, "users[1] is bad");
}

static void
isolate_works_for_user_properties(void **state)
{
	struct fixture *f = *state;
	int64_t well, cursed;

	f->far = refuse_cursed;
	well = put_properties(f, "ada", "\"a\":1");
	cursed = put_properties(f, "cursed", "\"a\":1");
	put_properties(f, "eve", "\"a\":1");
	fixture_drain(f, 200000);

	assert_string_equal(event_row(f, well).state, "delivered");
	assert_string_equal(event_row(f, cursed).state, "stuck");
	assert_int_equal(count_state(f, "stuck"), 1);
	assert_int_equal(f->posts_n, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(isolate_sticks_only_the_guilty),
		cmocka_unit_test(isolate_goes_on_after_a_crash_at_any_request),
		DISPATCH_TEST(isolate_lets_others_have_their_share),
		DISPATCH_TEST(
		    isolate_does_not_read_groups_again_that_wait_for_room),
		DISPATCH_TEST(isolate_keeps_a_group_while_a_part_of_it_is_out),
		DISPATCH_TEST(isolate_finds_the_event_of_a_named_object),
		DISPATCH_TEST(isolate_works_for_user_properties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
