/*
 * test_dispatch.c - what an answer does to events, identity, lane and breaker
 *
 * The table of delivery.md section 6, over the real queue.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dispatch_fixture.h"

/* What the answer to a single event comes to. */
static const struct verdict_case {
	int		 status;
	const char	*state;
	const char	*reason;
	int64_t		 failures;
	enum breaker_state breaker;
	const char	*verdict;
} verdicts[] = {
	{ 200, "delivered", "", 0, BREAKER_CLOSED, "delivered" },
	{ 204, "delivered", "", 0, BREAKER_CLOSED, "delivered" },
	{ 299, "delivered", "", 0, BREAKER_CLOSED, "delivered" },
	{ 400, "stuck", "refused", 0, BREAKER_CLOSED, "refused" },
	{ 422, "stuck", "refused", 0, BREAKER_CLOSED, "refused" },
	{ 413, "stuck", "too_large", 0, BREAKER_CLOSED, "too_large" },
	{ 301, "queued", "", 0, BREAKER_CONFIG, "config" },
	{ 307, "queued", "", 0, BREAKER_CONFIG, "config" },
	{ 401, "queued", "", 0, BREAKER_CONFIG, "config" },
	{ 403, "queued", "", 0, BREAKER_CONFIG, "config" },
	{ 404, "queued", "", 0, BREAKER_CONFIG, "config" },
	{ 405, "queued", "", 0, BREAKER_CONFIG, "config" },
	{ 429, "queued", "", 0, BREAKER_CLOSED, "limited" },
	{ 408, "queued", "", 1, BREAKER_CLOSED, "later" },
	{ 425, "queued", "", 1, BREAKER_CLOSED, "later" },
	{ 418, "queued", "", 1, BREAKER_CLOSED, "later" },
	{ 500, "queued", "", 1, BREAKER_CLOSED, "later" },
	{ 503, "queued", "", 1, BREAKER_CLOSED, "later" },
	{ 0, "queued", "", 1, BREAKER_CLOSED, "later" },
};

static void
hold_back(struct fixture *f, struct post *p)
{
	(void)f;
	p->answer_at = FOREVER;
}

static void
assert_verdict(const struct verdict_case *c)
{
	struct fixture *f = fixture_new();
	struct event_row row;
	char *sql;
	int64_t id;

	fixture_start(f);
	f->far = hold_back;
	f->random = 1999;
	id = put_track(f, 0, "ada", 1, false);
	fixture_turn(f);
	assert_string_equal(event_row(f, id).state, "inflight");

	if (c->status != 0)
		post_answer(f, 0, c->status, "Heap says");
	else
		post_fail(f, 0, false, "Timeout was reached");
	fixture_turn(f);

	row = event_row(f, id);
	if (strcmp(row.state, c->state) != 0 ||
	    strcmp(row.reason, c->reason) != 0 ||
	    row.failures != c->failures)
		fail_msg("%d: state=%s reason=%s failures=%lld", c->status,
		    row.state, row.reason, (long long)row.failures);
	assert_int_equal(row.attempts, 1);
	assert_int_equal(row.last_status, c->status);
	assert_int_equal(row.due_at, c->failures > 0 ?
	    f->now.wall + 1999 : -1);
	if (c->status == 0)
		assert_string_equal(row.last_error, "Timeout was reached");
	else if (strcmp(c->state, "delivered") != 0)
		assert_string_equal(row.last_error, "Heap says");
	assert_int_equal(lane_view(f, HEAP_TRACK).state, c->breaker);
	sql = xasprintf("SELECT count(*) FROM request WHERE id = 1 AND "
	    "status = %d AND verdict = '%s' AND ended_at IS NOT NULL",
	    c->status, c->verdict);
	assert_int_equal(ask(f, sql), 1);
	free(sql);
	assert_conserved(f);
	fixture_free(f);
}

static void
dispatch_moves_a_single_event_by_the_table(void **state)
{
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(verdicts); i++)
		assert_verdict(&verdicts[i]);
}

static void
dispatch_backs_off_further_with_every_failure(void **state)
{
	static const int64_t ceilings[] = { 2000, 4000, 8000, 16000 };
	struct fixture *f = *state;
	int64_t id = put_track(f, 0, "ada", 1, false);
	size_t i;

	f->far = hold_back;
	for (i = 0; i < HR_COUNT(ceilings); i++) {
		f->random = (uint64_t)ceilings[i];
		fixture_turn(f);
		assert_int_equal(f->posts_n, i + 1);
		post_answer(f, i, 500, NULL);
		fixture_turn(f);
		assert_int_equal(event_row(f, id).due_at,
		    f->now.wall + ceilings[i]);
		fixture_run(f, ceilings[i] - 1);
		assert_int_equal(f->posts_n, i + 1);
		fixture_run(f, 1);
	}
	assert_int_equal(event_row(f, id).failures, 4);
	assert_int_equal(event_row(f, id).attempts, 5);
}

static const struct after_case {
	int		 status;
	const char	*retry_after;
	int64_t		 wait_ms;	/* until the next request */
} afters[] = {
	{ 503, "7", 7000 },
	{ 503, "999999", 3600000 },
	{ 503, "Tue, 14 Nov 2023 22:13:25 GMT", 4980 },
	{ 503, "Tue, 14 Nov 2023 22:00:00 GMT", 1 },
	{ 503, "soon", 1 },
	{ 500, "7", 1 },		/* not honoured there */
	{ 429, "40", 40000 },
	{ 429, "3", 30000 },		/* the window it may have hit */
	{ 429, NULL, 30000 },
	{ 429, "999999", 3600000 },
};

static void
dispatch_honours_retry_after_within_an_hour(void **state)
{
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(afters); i++) {
		const struct after_case *c = &afters[i];
		struct fixture *f = fixture_new();
		struct post *p;

		fixture_start(f);
		f->far = hold_back;
		put_track(f, 0, "ada", 1, false);
		fixture_turn(f);
		f->now.wall += LATENCY_MS;
		f->now.boot += LATENCY_MS;
		p = &f->posts[0];
		if (c->retry_after != NULL) {
			p->result.has_retry_after = true;
			snprintf(p->result.retry_after,
			    sizeof(p->result.retry_after), "%s",
			    c->retry_after);
		}
		post_answer(f, 0, c->status, NULL);
		fixture_run(f, c->wait_ms - 1);
		if (f->posts_n != 1)
			fail_msg("case %zu: too early", i);
		fixture_run(f, 1);
		if (f->posts_n != 2)
			fail_msg("case %zu: not in time", i);
		fixture_free(f);
	}
}

static void
limit_bulk(struct fixture *f, struct post *p)
{
	(void)f;
	post_will(p, 429, NULL);
}

static void
dispatch_freezes_only_the_identity_that_was_limited(void **state)
{
	struct fixture *f = *state;

	f->far = limit_bulk;
	put_track(f, 0, "ada", 1, false);
	fixture_run(f, 100);
	f->far = NULL;
	put_track(f, 0, "bob", 1, false);
	fixture_run(f, 100);

	assert_int_equal(f->posts_n, 2);
	assert_true(post_has(&f->posts[1], "bob"));
	assert_int_equal(lane_view(f, HEAP_TRACK).frozen_until, 0);
}

static void
dispatch_freezes_the_lane_when_many_were_limited(void **state)
{
	struct fixture *f = *state;
	int64_t id = put_track(f, 0, "ada", 1, false);

	f->far = limit_bulk;
	put_track(f, 0, "bob", 1, false);
	fixture_run(f, LATENCY_MS);
	assert_int_equal(lane_view(f, HEAP_TRACK).frozen_until,
	    f->now.wall + 60000);
	f->far = NULL;
	put_track(f, 0, "eve", 1, false);
	fixture_run(f, 59999);

	assert_int_equal(f->posts_n, 1);
	fixture_run(f, 1);
	assert_int_equal(f->posts_n, 2);
	assert_int_equal(post_objects(&f->posts[1]), 3);
	assert_int_equal(event_row(f, id).failures, 0);
}

/* --- the breaker ------------------------------------------------------ */

static void
fail_all(struct fixture *f, struct post *p)
{
	(void)f;
	post_will(p, 500, "broken");
}

static void
fill(struct fixture *f, const char *prefix, size_t n)
{
	char name[40];
	size_t i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%zu", prefix, i);
		put_track(f, 0, name, 1, false);
	}
}

/* Five failed requests of one event each, one after the other. */
static void
open_breaker(struct fixture *f)
{
	char name[40];
	int i;

	f->far = fail_all;
	f->random = 1999;
	for (i = 0; i < BREAKER_FAILURES; i++) {
		assert_int_equal(lane_view(f, HEAP_TRACK).state,
		    BREAKER_CLOSED);
		snprintf(name, sizeof(name), "failing%d", i);
		put_track(f, 0, name, 1, false);
		fixture_run(f, LATENCY_MS);
	}
	assert_int_equal(f->posts_n, BREAKER_FAILURES);
}

static void
dispatch_opens_the_breaker_after_five_failures_in_a_row(void **state)
{
	struct fixture *f = *state;
	struct lane_view view;

	open_breaker(f);
	view = lane_view(f, HEAP_TRACK);
	assert_int_equal(view.state, BREAKER_OPEN);
	fill(f, "new", 3);
	fixture_run(f, view.breaker_until - f->now.wall - 1);

	assert_int_equal(f->posts_n, BREAKER_FAILURES);
	assert_int_equal(lane_view(f, HEAP_USER_PROPERTIES).state,
	    BREAKER_CLOSED);
}

static void
dispatch_probes_with_one_event_and_closes_the_breaker(void **state)
{
	struct fixture *f = *state;

	open_breaker(f);
	fill(f, "new", 30);
	f->far = hold_back;
	fixture_run(f, lane_view(f, HEAP_TRACK).breaker_until - f->now.wall);
	assert_int_equal(f->posts_n, BREAKER_FAILURES + 1);
	assert_int_equal(post_objects(&f->posts[BREAKER_FAILURES]), 1);
	fixture_run(f, 5000);
	assert_int_equal(f->posts_n, BREAKER_FAILURES + 1);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_HALF_OPEN);

	post_answer(f, BREAKER_FAILURES, 200, NULL);
	fixture_turn(f);

	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_CLOSED);
	assert_int_equal(f->posts_n, BREAKER_FAILURES + 2);
	assert_int_equal(post_objects(&f->posts[BREAKER_FAILURES + 1]), 34);
}

static void
dispatch_probes_an_identity_that_did_not_fail_last(void **state)
{
	struct fixture *f = *state;

	open_breaker(f);
	/* What failed last is due, and in turn, before this one. */
	f->far = hold_back;
	f->random = 0;
	assert_int_equal(ask(f, "UPDATE event SET due_at = iif(id = 5, 1, "
	    "due_at + 3600000) WHERE due_at IS NOT NULL"), -1);
	fixture_run(f, 400);
	put_track(f, 0, "fresh", 1, false);
	fixture_run(f, lane_view(f, HEAP_TRACK).breaker_until - f->now.wall);

	assert_int_equal(f->posts_n, BREAKER_FAILURES + 1);
	assert_string_equal(event_row(f, 5).state, "queued");
	assert_true(post_has(&f->posts[BREAKER_FAILURES], "fresh"));
}

static void
dispatch_probes_what_failed_last_when_there_is_nobody_else(void **state)
{
	struct fixture *f = *state;
	int i;

	f->far = fail_all;
	f->random = 0;
	put_track(f, 0, "ada", 1, false);
	fixture_run(f, BREAKER_FAILURES * (LATENCY_MS + 1));
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_OPEN);
	f->far = NULL;
	for (i = 0; i < 3 && count_state(f, "delivered") == 0; i++)
		fixture_run(f, 1000);

	assert_int_equal(count_state(f, "delivered"), 1);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_CLOSED);
}

static void
dispatch_waits_longer_after_every_failed_probe(void **state)
{
	struct fixture *f = *state;
	int64_t waits[12];
	int64_t until = 0;
	size_t n = 0;

	open_breaker(f);
	fill(f, "new", 40);
	while (n < HR_COUNT(waits)) {
		if (lane_view(f, HEAP_TRACK).breaker_until != until &&
		    lane_view(f, HEAP_TRACK).state == BREAKER_OPEN) {
			until = lane_view(f, HEAP_TRACK).breaker_until;
			waits[n++] = until - f->now.wall;
		}
		fixture_run(f, 10);
	}

	/* Jittered by at most a half; never beyond the longest. */
	for (n = 1; n < HR_COUNT(waits); n++) {
		assert_true(waits[n] <= BREAKER_MAX_MS);
		assert_true(waits[n] >= (BREAKER_FIRST_MS << n) / 2 - 10 ||
		    waits[n] >= BREAKER_MAX_MS / 2 - 10);
	}
}

static void
refuse_config(struct fixture *f, struct post *p)
{
	(void)f;
	post_will(p, 401, "who are you");
}

static void
dispatch_waits_a_minute_when_it_looks_misconfigured(void **state)
{
	struct fixture *f = *state;
	int64_t id;

	f->far = refuse_config;
	id = put_track(f, 0, "ada", 1, false);
	put_track(f, 0, "bob", 1, false);
	fixture_run(f, LATENCY_MS);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_CONFIG);
	f->far = NULL;
	fixture_run(f, BREAKER_CONFIG_MS - 1);
	assert_int_equal(f->posts_n, 1);
	fixture_run(f, 1000);

	assert_int_equal(count_state(f, "delivered"), 2);
	assert_int_equal(event_row(f, id).failures, 0);
	assert_int_equal(event_row(f, id).attempts, 2);
}

static void
dispatch_probes_at_once_after_a_reload(
    void **state)
{
	struct fixture *f = *state;

	f->far = refuse_config;
	put_track(f, 0, "ada", 1, false);
	fixture_run(f, LATENCY_MS);
	f->far = NULL;
	fixture_reload(f);
	fixture_run(f, LATENCY_MS);

	assert_int_equal(count_state(f, "delivered"), 1);
	assert_int_equal(lane_view(f, HEAP_TRACK).state, BREAKER_CLOSED);
}

/* --- giving up -------------------------------------------------------- */

static void
fail_cursed(struct fixture *f, struct post *p)
{
	(void)f;
	post_will(p, post_has(p, "cursed") ? 0 : 400, NULL);
}

static void
dispatch_gives_up_on_an_event_after_failing_for_too_long(void **state)
{
	struct fixture *f = *state;
	int64_t id, begin;
	int i;

	f->settings[0].give_up_after_ms = 60000;
	f->settings[0].backoff_max_ms = 5000;
	fixture_reload(f);
	f->far = fail_cursed;
	f->random = UINT64_MAX;
	id = put_track(f, 0, "cursed", 1, false);
	begin = f->now.boot;
	for (i = 0; i < 200 && strcmp(event_row(f, id).state, "stuck") != 0;
	    i++) {
		/* Heap answers another, so that the breaker stays closed. */
		put_track(f, 0, "other", 1, false);
		fixture_run(f, 500);
	}

	assert_string_equal(event_row(f, id).reason, "expired");
	assert_true(f->now.boot - begin >= 60000);
	assert_true(f->now.boot - begin < 70000);
}

static void
fail_everything(struct fixture *f, struct post *p)
{
	(void)f;
	post_will(p, 503, "outage");
}

static void
dispatch_expires_nothing_in_an_outage(void **state)
{
	struct fixture *f = *state;

	f->settings[0].give_up_after_ms = 600000;
	fixture_reload(f);
	f->far = fail_everything;
	f->random = UINT64_MAX;
	fill(f, "who", 20);
	fixture_run(f, INT64_C(86400000));
	assert_int_equal(count_state(f, "stuck"), 0);
	f->far = NULL;
	fixture_run(f, 700000);

	assert_int_equal(count_state(f, "delivered"), 20);
	assert_conserved(f);
}

/* Heap may say anything; what is stored of it can be shown. */
static void
dispatch_keeps_of_an_answer_what_is_text(void **state)
{
	static const struct {
		const char *said, *kept;
	} cases[] = {
		{ "plain", "plain" },
		{ "\303\244 \342\202\254 \361\200\200\200",
		    "\303\244 \342\202\254 \361\200\200\200" },
		{ "one\ttwo\nthree\001\177", "one two three??" },
		{ "cut \342\202", "cut ??" },
		{ "cut \303(", "cut ?(" },
		{ "mixed \342(\241", "mixed ?(?" },
		{ "overlong \300\257 \340\200\257", "overlong ?? ???" },
		{ "surrogate \355\240\200", "surrogate ???" },
		{ "beyond \365\200\200\200", "beyond ????" },
	};
	char *sql;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		struct fixture *f = fixture_new();

		fixture_start(f);
		f->far = hold_back;
		put_track(f, 0, "ada", 1, false);
		fixture_turn(f);
		post_answer(f, 0, 400, cases[i].said);
		fixture_turn(f);

		sql = xasprintf("SELECT answer = '%s' FROM request",
		    cases[i].kept);
		if (ask(f, sql) != 1)
			fail_msg("not kept: %s", cases[i].kept);
		free(sql);
		fixture_free(f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dispatch_moves_a_single_event_by_the_table),
		DISPATCH_TEST(dispatch_backs_off_further_with_every_failure),
		cmocka_unit_test(dispatch_honours_retry_after_within_an_hour),
		DISPATCH_TEST(
		    dispatch_freezes_only_the_identity_that_was_limited),
		DISPATCH_TEST(
		    dispatch_freezes_the_lane_when_many_were_limited),
		DISPATCH_TEST(
		    dispatch_opens_the_breaker_after_five_failures_in_a_row),
		DISPATCH_TEST(
		    dispatch_probes_with_one_event_and_closes_the_breaker),
		DISPATCH_TEST(
		    dispatch_probes_an_identity_that_did_not_fail_last),
		DISPATCH_TEST(
		    dispatch_probes_what_failed_last_when_there_is_nobody_else),
		DISPATCH_TEST(dispatch_waits_longer_after_every_failed_probe),
		DISPATCH_TEST(
		    dispatch_waits_a_minute_when_it_looks_misconfigured),
		DISPATCH_TEST(
		    dispatch_probes_at_once_after_a_reload),
		DISPATCH_TEST(
		    dispatch_gives_up_on_an_event_after_failing_for_too_long),
		DISPATCH_TEST(dispatch_expires_nothing_in_an_outage),
		cmocka_unit_test(dispatch_keeps_of_an_answer_what_is_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
