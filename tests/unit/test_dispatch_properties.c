/*
 * test_dispatch_properties.c - large updates of user properties on their way
 *
 * What was merged during a long outage arrives whole and in order, in requests
 * of a size that Heap takes, whatever comes in between.
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
#include "json.h"

#define KEYS		2500		/* of one update ... */
#define PAD		1000		/* ... of so many bytes each */
#define BATCH		50		/* of them come together */

/* What Heap has of "ada": the version of each property; 0: nothing. */
struct far_user {
	int64_t	version[KEYS];
	size_t	requests;
	int	status;			/* of the next ones; 0: 200 */
	size_t	but;			/* that status only from this request on */
	/* With each request that leaves comes a newer version of key 0. */
	bool	busy;
	int64_t	newest;
};

static int
key_of(const cJSON *property)
{
	return (int)strtol(property->string + 1, NULL, 10);
}

static void
take_user(struct far_user *u, const cJSON *user)
{
	const cJSON *p;
	int64_t version;

	assert_string_equal(json_text(json_get(user, "identity")), "ada");
	cJSON_ArrayForEach(p, json_get(user, "properties")) {
		version = strtoll(json_text(p), NULL, 10);
		if (version < u->version[key_of(p)])
			fail_msg("%s went back", p->string);
		u->version[key_of(p)] = version;
	}
}

/* The users of a request, in either form. */
static void
take_request(struct far_user *u, const struct post *p)
{
	struct json *json = json_parse(p->body, p->len, NULL);
	const cJSON *user;

	assert_non_null(json);
	if (json_get(json_root(json), "users") == NULL)
		take_user(u, json_root(json));
	else
		cJSON_ArrayForEach(user, json_get(json_root(json), "users"))
			take_user(u, user);
	json_free(json);
}

/* A members text of n properties from `from` on, all of that version. */
static char *
members(int from, int n, int64_t version)
{
	struct buf b = BUF_INIT;
	int i, pad;

	for (i = from; i < from + n; i++) {
		buf_printf(&b, "%s\"k%d\":\"%lld ", i > from ? "," : "", i,
		    (long long)version);
		for (pad = 0; pad < PAD; pad++)
			buf_putc(&b, 'x');
		buf_putc(&b, '"');
	}
	return buf_steal(&b);
}

static int64_t
put_version(struct fixture *f, int from, int n, int64_t version)
{
	char *text = members(from, n, version);
	int64_t id = put_properties(f, "ada", text);

	free(text);
	return id;
}

/* The whole update, as it gathers in an outage; the id that carries it. */
static int64_t
put_large(struct fixture *f, int64_t version)
{
	int64_t id = 0;
	int i;

	for (i = 0; i < KEYS; i += BATCH)
		id = put_version(f, i, BATCH, version);
	return id;
}

static void
answer(struct fixture *f, struct post *p)
{
	struct far_user *u = f->far_arg;

	assert_true(p->len <= HEAP_MAX_BYTES);
	if (u->status != 0 && u->requests >= u->but)
		post_will(p, u->status, NULL);
	else
		take_request(u, p);
	u->requests++;
	if (u->busy)
		put_version(f, 0, 1, ++u->newest);
}

static struct far_user *
far_begin(struct fixture *f)
{
	struct far_user *u = xcalloc(1, sizeof(*u));

	f->far = answer;
	f->far_arg = u;
	return u;
}

static void
assert_has_all(const struct far_user *u, int from, int64_t version)
{
	int i;

	for (i = from; i < KEYS; i++)
		if (u->version[i] != version)
			fail_msg("k%d is of version %lld", i,
			    (long long)u->version[i]);
}

static void
request_plan_sends_a_large_update_whole_and_in_order(void **state)
{
	struct fixture *f = *state;
	struct far_user *u = far_begin(f);
	int64_t id = put_large(f, 1);
	size_t i;

	fixture_drain(f, 600000);

	assert_has_all(u, 0, 1);
	assert_int_equal(f->posts_n, 3);
	for (i = 1; i < f->posts_n; i++)
		assert_true(f->posts[i].at >= f->posts[i - 1].at + LATENCY_MS);
	assert_true(post_has(&f->posts[0], "\"k0\":"));
	assert_true(post_has(&f->posts[2], "\"k2499\":"));
	assert_string_equal(event_row(f, id).state, "delivered");
	/* Each counts as a user of the app. */
	assert_int_equal(ask(f, "SELECT sum(objects) FROM request"), 3);
	assert_int_equal(ask(f, "SELECT sum(objects) FROM request_identity"),
	    3);
	assert_conserved(f);
	free(u);
}

static void
request_plan_sends_a_large_batch_in_slices(void **state)
{
	struct fixture *f = *state;
	struct far_user *u = far_begin(f);

	put_version(f, 0, KEYS, 1);
	fixture_drain(f, 600000);

	assert_has_all(u, 0, 1);
	assert_int_equal(f->posts_n, 3);
	free(u);
}

static void
request_plan_counts_each_slice_in_the_windows(void **state)
{
	struct fixture *f = *state;
	struct far_user *u = far_begin(f);

	f->settings[0].properties_app_limit = (struct config_limit){ 2, 60000 };
	fixture_reload(f);
	put_large(f, 1);
	fixture_run(f, 59000);
	assert_int_equal(f->posts_n, 2);
	fixture_run(f, 2000);

	assert_int_equal(f->posts_n, 3);
	assert_has_all(u, 0, 1);
	free(u);
}

/* Something newer comes with every request: the rest does not starve. */
static void
request_plan_sends_the_rest_though_newer_updates_come(void **state)
{
	struct fixture *f = *state;
	struct far_user *u = far_begin(f);

	u->newest = 1;
	put_large(f, 1);
	u->busy = true;
	while (f->posts_n < 6)
		fixture_run(f, 10);
	u->busy = false;
	fixture_drain(f, 600000);

	assert_has_all(u, 1, 1);
	assert_int_equal(u->version[0], u->newest);
	/* What was sent once is not sent with each of them. */
	assert_true(f->posts[5].len < HEAP_MAX_BYTES / 2);
	assert_conserved(f);
	free(u);
}

static void
request_plan_goes_on_with_the_slice_of_an_update_after_a_crash(void **state)
{
	struct fixture *f = *state;
	struct far_user *u = far_begin(f);
	int64_t id = put_large(f, 1);

	while (f->posts_n < 2)
		fixture_run(f, 10);
	fixture_crash(f);
	fixture_start(f);
	fixture_drain(f, 600000);

	/* The second one was out: it goes again, with the same bytes. */
	assert_int_equal(f->posts_n, 4);
	assert_string_equal(f->posts[2].body, f->posts[1].body);
	assert_has_all(u, 0, 1);
	assert_string_equal(event_row(f, id).state, "delivered");
	assert_conserved(f);
	free(u);
}

/* An outage in the midst, and the whole of it anew meanwhile. */
static void
verdict_write_merges_the_rest_under_a_newer_update(void **state)
{
	struct fixture *f = *state;
	struct far_user *u = far_begin(f);
	int64_t second;

	put_large(f, 1);
	u->status = 503;
	u->but = 1;
	while (f->posts_n < 2)
		fixture_run(f, 10);
	second = put_version(f, 400, 1000, 2);
	fixture_run(f, 1000);
	u->status = 0;
	fixture_drain(f, 600000);

	assert_int_equal(u->version[399], 1);
	assert_int_equal(u->version[400], 2);
	assert_int_equal(u->version[1399], 2);
	assert_has_all(u, 1400, 1);
	assert_string_equal(event_row(f, second).state, "delivered");
	assert_conserved(f);
	free(u);
}

static void
verdict_write_sticks_an_update_whose_slice_is_refused(void **state)
{
	struct fixture *f = *state;
	struct far_user *u = far_begin(f);
	int64_t id = put_large(f, 1), newer;

	u->status = 400;
	u->but = 1;
	fixture_drain(f, 600000);
	assert_string_equal(event_row(f, id).state, "stuck");
	assert_int_equal(u->version[0], 1);

	u->status = 0;
	newer = put_version(f, 0, 1000, 2);
	fixture_drain(f, 600000);
	assert_string_equal(event_row(f, newer).state, "delivered");
	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	assert_int_equal(queue_replay(f->queue, id, f->now.wall, NULL),
	    QUEUE_MOVED);
	assert_true(queue_commit(f->queue));
	fixture_drain(f, 600000);

	assert_int_equal(u->version[999], 2);
	assert_has_all(u, 1000, 1);
	free(u);
}

static void
request_plan_skips_a_large_update_that_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct far_user *u = far_begin(f);
	int64_t id;

	put_large(f, 1);
	fixture_drain(f, 600000);
	id = put_large(f, 1);
	fixture_drain(f, 600000);

	assert_int_equal(f->posts_n, 3);
	assert_string_equal(event_row(f, id).state, "skipped");
	assert_string_equal(event_row(f, id).reason, "unchanged");
	/* One byte else, and all of it goes. */
	put_version(f, 0, KEYS - 1, 1);
	put_version(f, KEYS - 1, 1, 2);
	fixture_drain(f, 600000);
	assert_int_equal(f->posts_n, 6);
	assert_int_equal(u->version[KEYS - 1], 2);
	free(u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		DISPATCH_TEST(
		    request_plan_sends_a_large_update_whole_and_in_order),
		DISPATCH_TEST(request_plan_sends_a_large_batch_in_slices),
		DISPATCH_TEST(request_plan_counts_each_slice_in_the_windows),
		DISPATCH_TEST(
		    request_plan_sends_the_rest_though_newer_updates_come),
		DISPATCH_TEST(
	    request_plan_goes_on_with_the_slice_of_an_update_after_a_crash),
		DISPATCH_TEST(
		    verdict_write_merges_the_rest_under_a_newer_update),
		DISPATCH_TEST(
		    verdict_write_sticks_an_update_whose_slice_is_refused),
		DISPATCH_TEST(
		    request_plan_skips_a_large_update_that_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
