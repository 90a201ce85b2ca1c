/*
 * test_queue_origins.c - whose value a property has, and what is kept to know
 *
 * What was merged, in whatever order, is as if each update had arrived in its
 * turn; what Heap may have is never undone; nothing is kept for longer, or
 * twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queue_fixture.h"

static enum queue_moved
replay(struct queue_fixture *f, int64_t event)
{
	enum queue_moved moved = queue_replay(f->q, event, f->now.wall, NULL);

	settle(f);
	return moved;
}

static void
deliver(struct queue_fixture *f, int64_t event)
{
	struct queue_end e = flown(f, event, 200);

	queue_delivered(f->q, &e);
	settle(f);
}

/* No answer came: Heap may have it. */
static void
lose(struct queue_fixture *f, int64_t event)
{
	struct queue_end e = flown(f, event, 0);
	int64_t expired;

	queue_failed(f->q, &e, 0, 1, 1000, &expired);
	settle(f);
}

static void
assert_pending(struct queue_fixture *f, int64_t event, const char *payload,
    const char *origins)
{
	assert_state(f, event, "queued", "-");
	assert_event(f, event, "payload", payload);
	assert_event(f, event, "origins", origins);
}

/* Two old ones and a new one: the newer of the old ones wins, though the
 * older one went into the newest first. */
static void
queue_replay_knows_which_of_two_old_updates_is_newer(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first = stuck_update(f, "\"a\":1,\"old\":1");
	int64_t second = stuck_update(f, "\"a\":2");
	int64_t third = put_update(f, "ada", "\"b\":3");

	replay(f, first);
	assert_pending(f, third, USER("ada", "\"a\":1,\"old\":1,\"b\":3"),
	    "1*2 3*1");
	replay(f, second);

	assert_merged(f, first, third);
	assert_merged(f, second, third);
	assert_pending(f, third, USER("ada", "\"a\":2,\"old\":1,\"b\":3"),
	    "2*1 1*1 3*1");
}

/* The same, but the newest one has left with the older of the old ones. */
static void
queue_replay_is_not_superseded_by_what_is_older(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first = stuck_update(f, "\"a\":1");
	int64_t second = stuck_update(f, "\"a\":2,\"b\":2");
	int64_t third = put_update(f, "ada", "\"b\":3");

	replay(f, first);
	deliver(f, third);
	replay(f, second);

	assert_pending(f, second, USER("ada", "\"a\":2"), "2*1");
}

/* The newest one is stuck with an old value; what is newer than that value
 * arrived meanwhile, and retention was there as well. */
static void
queue_replay_does_not_bring_back_what_it_has_from_an_older_one(void **state)
{
	static const struct queue_keep keep = { 1, 1, 1, 1, 1 };
	struct queue_fixture *f = *state;
	int64_t first = stuck_update(f, "\"a\":1,\"old\":1");
	int64_t second = stuck_update(f, "\"a\":2");
	int64_t third = put_update(f, "ada", "\"b\":3");
	struct queue_end e;

	replay(f, first);
	e = flown(f, third, 400);
	queue_stuck(f->q, &e, "refused");
	replay(f, second);
	deliver(f, second);
	while (queue_prune(f->q, &keep, at(f, QUEUE_NOW + 2 * QUEUE_SAME_MS)))
		continue;

	replay(f, third);

	assert_pending(f, third, USER("ada", "\"old\":1,\"b\":3"),
	    "1*1 3*1");
}

static void
queue_unrefuse_keeps_the_order_of_old_updates(void **state)
{
	struct queue_fixture *f = *state;
	int64_t lane = f->out.lane[HEAP_USER_PROPERTIES];
	int64_t first = stuck_update(f, "\"a\":1");
	int64_t second = stuck_update(f, "\"a\":2");
	int64_t third = put_update(f, "ada", "\"b\":3");

	queue_unrefuse(f->q, lane, HEAP_USER_PROPERTIES, first, QUEUE_NOW);
	queue_unrefuse(f->q, lane, HEAP_USER_PROPERTIES, second, QUEUE_NOW);

	settle(f);
	assert_pending(f, third, USER("ada", "\"a\":2,\"b\":3"), "2*1 3*1");
}

/* What became of a newer update {"a":2}, and whether an older {"a":1,"b":1}
 * may still set `a` then. */
static void
discard_unsent(struct queue_fixture *f, int64_t event)
{
	queue_discard(f->q, event, f->now.wall, NULL);
}

static void
discard_lost(struct queue_fixture *f, int64_t event)
{
	lose(f, event);
	queue_discard(f->q, event, f->now.wall, NULL);
}

static void
refuse(struct queue_fixture *f, int64_t event)
{
	struct queue_end e = flown(f, event, 400);

	queue_stuck(f->q, &e, "refused");
}

static void
discard_refused(struct queue_fixture *f, int64_t event)
{
	refuse(f, event);
	queue_discard(f->q, event, f->now.wall, NULL);
}

static void
lose_then_refuse(struct queue_fixture *f, int64_t event)
{
	lose(f, event);
	refuse(f, event);
}

static void
fail_and_expire(struct queue_fixture *f, int64_t event)
{
	struct queue_end e = flown(f, event, 503);
	int64_t expired;

	queue_failed(f->q, &e, 0, 1, 1000, &expired);
	e = flown(f, event, 503);
	queue_failed(f->q, &e, 0, 5000, 1000, &expired);
	assert_int_equal(expired, 1);
}

static void
never_left(struct queue_fixture *f, int64_t event)
{
	struct queue_end e = end_of(f, HEAP_USER_PROPERTIES,
	    claim_one(f, HEAP_USER_PROPERTIES, event), 0);

	e.never_left = true;
	queue_end(f->q, &e);
	queue_back(f->q, &e, 0);
	queue_discard(f->q, event, f->now.wall, NULL);
}

/* Another one takes it up, and is discarded unsent. */
static void
discard_successor(struct queue_fixture *f, int64_t event)
{
	int64_t last = put_update(f, "ada", "\"z\":9");

	assert_merged(f, event, last);
	queue_discard(f->q, last, f->now.wall, NULL);
}

static void
lose_then_discard_successor(struct queue_fixture *f, int64_t event)
{
	lose(f, event);
	discard_successor(f, event);
}

/* The value that Heap may have is not the one that goes on. */
static void
lose_then_discard_other_value(struct queue_fixture *f, int64_t event)
{
	int64_t last;

	lose(f, event);
	last = put_update(f, "ada", "\"a\":9");
	assert_merged(f, event, last);
	queue_discard(f->q, last, f->now.wall, NULL);
}

static void
fly(struct queue_fixture *f, int64_t event)
{
	claim_one(f, HEAP_USER_PROPERTIES, event);
}

static void
deliver_first_slice(struct queue_fixture *f, int64_t event)
{
	struct queue_end e = flown(f, event, 200);

	queue_slice_delivered(f->q, &e, event, 1);
	e = flown(f, event, 400);
	queue_stuck(f->q, &e, "refused");
}

static void
queue_replay_sets_nothing_that_heap_may_have_newer(void **state)
{
	static const struct {
		const char *what;
		void	(*fate)(struct queue_fixture *, int64_t event);
		bool	 kept;
	} rules[] = {
		{ "delivered", deliver, false },
		{ "in flight", fly, false },
		{ "unsent, discarded", discard_unsent, true },
		{ "lost, discarded", discard_lost, false },
		{ "refused, stuck", refuse, true },
		{ "refused, discarded", discard_refused, true },
		{ "lost, then refused", lose_then_refuse, false },
		{ "failed with 503, expired", fail_and_expire, false },
		{ "never left, discarded", never_left, true },
		{ "unsent, merged, that discarded", discard_successor, true },
		{ "lost, merged, that discarded",
		    lose_then_discard_successor, false },
		{ "lost, merged under another value, that discarded",
		    lose_then_discard_other_value, false },
		{ "a slice delivered, then stuck", deliver_first_slice,
		    false },
	};
	static const struct queue_keep keep = { 1, 1, 1, 999999999, 1 };
	struct queue_fixture *f;
	void *fixture;
	size_t i, pruned;

	(void)state;
	for (i = 0; i < HR_COUNT(rules); i++) {
		/* Retention between changes nothing. */
		for (pruned = 0; pruned < 2; pruned++) {
			int64_t old, newer;

			queue_fixture_setup(&fixture);
			f = fixture;
			old = stuck_update(f, "\"a\":1,\"b\":1");
			newer = put_update(f, "ada", "\"a\":2");
			rules[i].fate(f, newer);
			settle(f);
			while (pruned && queue_prune(f->q, &keep, at(f,
			    QUEUE_NOW + 1000000)))
				continue;
			replay(f, old);
			if (number(f, "SELECT instr(payload, '\"a\"') > 0 "
			    "FROM event WHERE id = %lld", (long long)old) !=
			    rules[i].kept)
				fail_msg("%s", rules[i].what);
			queue_fixture_teardown(&fixture);
		}
	}
}

/* --- what is kept ------------------------------------------------------- */

/* A long outage: what is stored does not grow with the square of the number
 * of updates. */
static void
queue_event_leaves_no_copy_behind(void **state)
{
	struct queue_fixture *f = *state;
	char members[40];
	int64_t id = 0;
	int i;

	for (i = 0; i < 300; i++) {
		snprintf(members, sizeof(members), "\"key%d\":%d", i, i);
		id = put_update(f, "ada", members);
	}
	settle(f);

	assert_int_equal(number(f, "SELECT count(*) FROM event "
	    "WHERE payload IS NOT NULL OR origins IS NOT NULL "
	    "OR objects <> 0"), 1);
	assert_int_equal(number(f, "SELECT length(payload) > 300 * 10 "
	    "FROM event WHERE id = %lld", (long long)id), 1);
}

static void
queue_event_remembers_what_heap_may_have(void **state)
{
	static const struct {
		int	status;
		bool	kept;
	} rules[] = {
		{ 0, true }, { 500, true }, { 503, true }, { 403, false },
		{ 429, false }, { 302, false },
	};
	struct queue_fixture *f = *state;
	struct queue_end e;
	char who[20];
	int64_t first;
	size_t i;

	for (i = 0; i < HR_COUNT(rules); i++) {
		snprintf(who, sizeof(who), "id%zu", i);
		first = put_update(f, who, "\"a\":1");
		e = flown(f, first, rules[i].status);
		queue_back(f->q, &e, 0);
		put_update(f, who, "\"a\":2");
		settle(f);
		assert_int_equal(number(f, "SELECT payload IS NOT NULL "
		    "FROM event WHERE id = %lld", (long long)first),
		    rules[i].kept);
	}
}

/* How many rows of updates retention leaves. */
static int64_t
left_by_retention(struct queue_fixture *f)
{
	static const struct queue_keep keep = { 1, 1, 1, 999999999, 1 };

	while (queue_prune(f->q, &keep, at(f, QUEUE_NOW + 2 * QUEUE_SAME_MS)))
		continue;
	settle(f);
	return number(f, "SELECT count(*) FROM event");
}

/* Each is merged into the next; a remap needs the batches of all. */
static void
queue_prune_keeps_what_was_merged_while_it_is_needed(void **state)
{
	struct queue_fixture *f = *state;
	int64_t last = 0;
	struct queue_end e;
	int i;

	for (i = 0; i < 4; i++)
		last = put_update(f, "ada", "\"a\":1");
	settle(f);

	assert_int_equal(left_by_retention(f), 4);	/* queued */
	e = flown(f, last, 503);
	assert_int_equal(left_by_retention(f), 4);	/* in flight */
	queue_suspect(f->q, &e, 0, -1, &last, 1);
	assert_int_equal(left_by_retention(f), 4);	/* under suspicion */
	e = flown(f, last, 400);
	queue_stuck(f->q, &e, "refused");
	assert_int_equal(left_by_retention(f), 4);	/* stuck */
	deliver(f, put_update(f, "ada", "\"b\":1"));
	assert_int_equal(left_by_retention(f), 5);
	replay(f, last);
	last = put_update(f, "ada", "\"c\":1");
	assert_int_equal(left_by_retention(f), 5);	/* with another */
	deliver(f, last);
	assert_int_equal(left_by_retention(f), 0);
}

/* Two chains become one when an update comes back late. */
static void
queue_carried_has_all_of_both_chains(void **state)
{
	struct queue_fixture *f = *state;
	struct queue_carried *carried;
	int64_t first, second, third, fourth;
	struct queue_end e;

	first = put_update(f, "ada", "\"a\":1");
	second = put_update(f, "ada", "\"a\":2");
	e = flown(f, second, 503);
	third = put_update(f, "ada", "\"a\":3");
	fourth = put_update(f, "ada", "\"a\":4");
	put_update(f, "bob", "\"a\":5");
	assert_int_equal(queue_carried(f->q, fourth, &carried), 1);
	assert_int_equal(carried[0].event, third);
	free(carried);

	queue_back(f->q, &e, 0);
	settle(f);

	assert_int_equal(queue_carried(f->q, fourth, &carried), 3);
	assert_int_equal(carried[0].event, first);
	assert_int_equal(carried[1].event, second);
	assert_int_equal(carried[2].event, third);
	assert_int_equal(carried[2].batch, number(f, "SELECT batch FROM event "
	    "WHERE id = %lld", (long long)third));
	free(carried);
	assert_int_equal(queue_carried(f->q, 999, &carried), 0);
	free(carried);
}

/* --- the history of two -------------------------------------------------- */

/* A replay does not hurry what has been failing. */
static void
queue_replay_leaves_a_failing_update_its_history(void **state)
{
	struct queue_fixture *f = *state;
	int64_t first = stuck_update(f, "\"a\":1");
	int64_t second = put_update(f, "ada", "\"b\":2"), expired;
	struct queue_end e = flown(f, second, 503);

	queue_failed(f->q, &e, QUEUE_NOW + 70, 90, 1000, &expired);
	replay(f, first);

	assert_merged(f, first, second);
	assert_event(f, second, "due_at", "1700000000070");
	assert_event(f, second, "failures", "1");
	assert_event(f, second, "failing_since", "1700000000000");
	assert_event(f, second, "failing_open_ms", "90");
}

static int64_t
groups(struct queue_fixture *f)
{
	settle(f);
	return number(f, "SELECT count(*) FROM isolation");
}

static int64_t
suspicious_update(struct queue_fixture *f)
{
	int64_t id = put_update(f, "ada", "\"a\":1");
	struct queue_end e = flown(f, id, 400);

	queue_suspect(f->q, &e, 0, -1, &id, 1);
	assert_int_equal(groups(f), 1);
	return id;
}

static void
queue_replay_leaves_suspicion_where_it_is(void **state)
{
	struct queue_fixture *f = *state;
	int64_t old = stuck_update(f, "\"b\":1");
	int64_t suspect = suspicious_update(f);

	replay(f, old);

	assert_merged(f, old, suspect);
	assert_int_equal(number(f, "SELECT suspect IS NOT NULL FROM event "
	    "WHERE id = %lld", (long long)suspect), 1);
}

/* However the last update of a group leaves it, the group goes. */
static void
queue_group_goes_with_its_last_update(void **state)
{
	struct queue_fixture *f = *state;
	struct queue_event e = { .kind = HEAP_USER_PROPERTIES,
	    .event_index = -1, .name = "", .objects = 1,
	    .payload = USER("ada", "\"b\":2") };
	struct queue_output twin;
	int64_t id;

	id = suspicious_update(f);
	queue_discard(f->q, id, QUEUE_NOW, NULL);
	assert_int_equal(groups(f), 0);

	id = suspicious_update(f);
	queue_skip_unchanged(f->q, id, QUEUE_NOW);
	assert_int_equal(groups(f), 0);

	/* Into another lane of the app, where there is no such group. */
	id = suspicious_update(f);
	queue_output(f->q, "twin", "https://heap.test", "1", NULL, 0, &twin);
	e.lane = twin.lane[HEAP_USER_PROPERTIES];
	e.payload_len = strlen(e.payload);
	assert_merged(f, id, put_event(f, &e, "ada"));
	assert_int_equal(groups(f), 0);
}

/* --- slices ------------------------------------------------------------- */

/* Properties NAME0 ... of about 1000 bytes each, `mark` in them. */
static char *
large(const char *name, int n, char mark)
{
	struct buf b = BUF_INIT;
	int i, k;

	for (i = 0; i < n; i++) {
		buf_printf(&b, "%s\"%s%d\":\"", i > 0 ? "," : "", name, i);
		for (k = 0; k < 1000; k++)
			buf_putc(&b, mark);
		buf_putc(&b, '"');
	}
	return buf_steal(&b);
}

static int64_t
put_large(struct queue_fixture *f, const char *name, int n, char mark)
{
	char *members = large(name, n, mark);
	int64_t id = put_update(f, "ada", members);

	free(members);
	return id;
}

/* Where its first object ends: the bytes of a slice, comma included. */
static size_t
first_slice(struct queue_fixture *f, int64_t id)
{
	char *payload = words(f, "SELECT payload FROM event WHERE id = %lld",
	    (long long)id);
	size_t to, objects;

	assert_true(heap_slice(payload, strlen(payload), 0, 1, SIZE_MAX, &to,
	    &objects));
	free(payload);
	return to + 1;
}

static void
queue_event_cuts_what_is_too_large_for_a_request(void **state)
{
	struct queue_fixture *f = *state;
	int64_t one = put_large(f, "a", 900, 'x'), two, single;

	assert_event(f, one, "objects", "1");
	two = put_large(f, "b", 900, 'x');
	assert_event(f, two, "objects", "2");
	assert_event(f, two, "origins", "1*900 2*900");
	assert_true(first_slice(f, two) <= HEAP_MAX_USER + 1);
	deliver(f, two);
	/* One batch alone may be that large. */
	single = put_large(f, "c", 2500, 'x');
	assert_event(f, single, "objects", "3");
	settle(f);
}

/* What was sent is not sent again; what was not goes on with the newer one,
 * and first. */
static void
queue_slice_delivered_lets_the_rest_go_with_a_newer_update(void **state)
{
	struct queue_fixture *f = *state;
	int64_t old = stuck_update(f, "\"a0\":1,\"a1400\":1,\"old\":1");
	int64_t first = put_large(f, "a", 1500, 'x'), second;
	size_t sent = first_slice(f, first);
	struct queue_end e = flown(f, first, 200);

	second = put_update(f, "ada", "\"a1400\":2,\"b\":2");
	queue_slice_delivered(f->q, &e, first, sent);
	settle(f);

	assert_merged(f, first, second);
	assert_event(f, second, "sent", "0");
	assert_event(f, second, "objects", "1");
	assert_int_equal(number(f, "SELECT instr(payload, '\"a0\"') FROM event "
	    "WHERE id = %lld", (long long)second), 0);
	assert_int_equal(number(f, "SELECT instr(payload, '\"a1400\":2') > 0 "
	    "FROM event WHERE id = %lld", (long long)second), 1);
	/* Heap has a0 by now, whatever becomes of the rest. */
	queue_discard(f->q, second, QUEUE_NOW, NULL);
	replay(f, old);
	assert_event(f, old, "payload", USER("ada", "\"old\":1"));
}

/* An old one comes between two slices. */
static void
queue_replay_merges_behind_what_was_sent(void **state)
{
	struct queue_fixture *f = *state;
	int64_t old = stuck_update(f, "\"a0\":1,\"a1400\":1,\"old\":1");
	int64_t large = put_large(f, "a", 1500, 'x');
	size_t sent = first_slice(f, large);
	struct queue_end e = flown(f, large, 200);
	char text[40];

	queue_slice_delivered(f->q, &e, large, sent);
	replay(f, old);

	assert_merged(f, old, large);
	snprintf(text, sizeof(text), "%zu", sent);
	assert_event(f, large, "sent", text);
	snprintf(text, sizeof(text), "%zu", first_slice(f, large));
	assert_event(f, large, "sent", text);
	/* Behind that: the old rest, then its own. */
	assert_int_equal(number(f, "SELECT substr(payload, sent + 1) LIKE "
	    "'{\"identity\":\"ada\",\"properties\":{\"old\":1,\"a%%' "
	    "FROM event WHERE id = %lld", (long long)large), 1);
}

/* A stuck one begins anew: what a newer one set meanwhile is in no slice. */
static void
queue_replay_begins_slices_anew(void **state)
{
	struct queue_fixture *f = *state;
	int64_t large = put_large(f, "a", 1500, 'x');
	struct queue_end e = flown(f, large, 200);

	queue_slice_delivered(f->q, &e, large, first_slice(f, large));
	e = flown(f, large, 400);
	queue_stuck(f->q, &e, "refused");
	deliver(f, put_update(f, "ada", "\"a0\":2,\"a1400\":2"));
	replay(f, large);

	assert_event(f, large, "sent", "0");
	assert_event(f, large, "origins", "1*1498");
	assert_int_equal(number(f, "SELECT instr(payload, '\"a0\"') + "
	    "instr(payload, '\"a1400\"') FROM event WHERE id = %lld",
	    (long long)large), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    QUEUE_TEST(queue_replay_knows_which_of_two_old_updates_is_newer),
	    QUEUE_TEST(queue_replay_is_not_superseded_by_what_is_older),
	    QUEUE_TEST(
		queue_replay_does_not_bring_back_what_it_has_from_an_older_one),
	    QUEUE_TEST(queue_unrefuse_keeps_the_order_of_old_updates),
	    cmocka_unit_test(
		queue_replay_sets_nothing_that_heap_may_have_newer),
	    QUEUE_TEST(queue_event_leaves_no_copy_behind),
	    QUEUE_TEST(queue_event_remembers_what_heap_may_have),
	    QUEUE_TEST(queue_prune_keeps_what_was_merged_while_it_is_needed),
	    QUEUE_TEST(queue_carried_has_all_of_both_chains),
	    QUEUE_TEST(queue_replay_leaves_a_failing_update_its_history),
	    QUEUE_TEST(queue_replay_leaves_suspicion_where_it_is),
	    QUEUE_TEST(queue_group_goes_with_its_last_update),
	    QUEUE_TEST(queue_event_cuts_what_is_too_large_for_a_request),
	    QUEUE_TEST(
		queue_slice_delivered_lets_the_rest_go_with_a_newer_update),
	    QUEUE_TEST(queue_replay_merges_behind_what_was_sent),
	    QUEUE_TEST(queue_replay_begins_slices_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
