/*
 * test_inspect.c - what is read, in which order, and when it gives up
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "inspect.h"
#include "queue.h"
#include "scratch_fixture.h"
#include "store.h"

#define NOW	INT64_C(1700000000000)

struct bench {
	char		*directory;
	char		*path;
	struct queue	*queue;
	struct inspect	*inspect;
	struct queue_output heap;
	struct queue_batch batch;
	/* What a list handed over. */
	int64_t		 id[64];
	size_t		 n;
};

static void
commit(struct bench *b)
{
	assert_true(queue_commit(b->queue));
}

static int
setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));
	struct why why;

	b->directory = scratch_make();
	b->path = scratch_path(b->directory, "queue.db");
	assert_int_equal(queue_open(&b->queue, b->path, 0600, &why), 0);
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	queue_output(b->queue, "heap", "http://127.0.0.1:1", "1", NULL, 0,
	    &b->heap);
	commit(b);
	assert_int_equal(inspect_open(&b->inspect, queue_store(b->queue),
	    &why), 0);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	inspect_close(b->inspect);
	queue_close(b->queue);
	free(b->path);
	scratch_remove(b->directory);
	free(b);
	return 0;
}

/* A batch of n events, received at that instant; in the open turn. */
static void
put_batch(struct bench *b, const char *input, int64_t received_at, size_t n)
{
	static const char body[] = "{\"mpid\":1.0, \"events\":[]}";

	memset(&b->batch, 0, sizeof(b->batch));
	b->batch.receipt_id = "0123456789abcdef0123456789abcdef";
	b->batch.input = input;
	b->batch.path = "/v2/events";
	b->batch.received_at = received_at;
	b->batch.events = n;
	b->batch.body = body;
	b->batch.body_len = strlen(body);
	queue_batch(b->queue, &b->batch);
}

static int64_t
put_event(struct bench *b, enum heap_lane kind, const char *identity,
    const char *name, enum queue_entry entry, const char *reason)
{
	static const char payload[] = "{\"n\":1.50},{\"n\":2}";
	struct queue_event e;

	memset(&e, 0, sizeof(e));
	e.lane = b->heap.lane[kind];
	e.kind = kind;
	e.event_index = kind == HEAP_TRACK ? 0 : -1;
	e.identity = queue_identity(b->queue, identity);
	e.name = name;
	e.event_at = NOW - 5;
	e.objects = 2;
	e.payload = entry == QUEUE_STUCK ? NULL : payload;
	e.payload_len = entry == QUEUE_STUCK ? 0 : strlen(payload);
	e.entry = entry;
	e.reason = reason;
	return queue_event(b->queue, &b->batch, &e);
}

/* One queued track event of ada in a batch of its own; durable. */
static int64_t
put_plain(struct bench *b)
{
	int64_t id;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	put_batch(b, "sf", NOW, 1);
	id = put_event(b, HEAP_TRACK, "ada", "Seen", QUEUE_QUEUED, NULL);
	commit(b);
	return id;
}

/* A request that carries the event; durable. */
static int64_t
put_request(struct bench *b, int64_t event, int64_t parent)
{
	struct queue_claimed claimed = { .event = event, .objects = 2 };
	struct queue_claim c = { .lane = b->heap.lane[HEAP_TRACK],
	    .app = b->heap.app, .form = HEAP_BULK, .objects = 2, .bytes = 99,
	    .parent = parent, .events = &claimed, .events_n = 1 };
	struct moment now = { NOW, 1000 };
	int64_t id;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	claimed.identity = queue_identity(b->queue, "ada");
	id = queue_claim(b->queue, &c, now);
	commit(b);
	return id;
}

/* It ended after 30 ms with that status; the event is queued again. */
static void
end_request(struct bench *b, int64_t request, int status)
{
	struct queue_end e = { .request = request,
	    .lane = b->heap.lane[HEAP_TRACK], .kind = HEAP_TRACK,
	    .status = status, .verdict = "later", .answer = "not now",
	    .ended = { NOW + 30, 1030 } };

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	queue_end(b->queue, &e);
	assert_int_equal(queue_back(b->queue, &e, 0), 1);
	commit(b);
}

static void
note_event(const struct inspect_event *e, void *arg)
{
	struct bench *b = arg;

	assert_true(b->n < HR_COUNT(b->id));
	b->id[b->n++] = e->id;
}

static void
note_request(const struct inspect_request *r, void *arg)
{
	struct bench *b = arg;

	b->id[b->n++] = r->id;
}

static const struct filter everything = FILTER_ALL;

static void
list(struct bench *b, const struct filter *f,
    struct inspect_page *page)
{
	b->n = 0;
	assert_int_equal(inspect_events(b->inspect, f, page, note_event, b),
	    INSPECT_OK);
}

/* --- lists ------------------------------------------------------------ */

static void
inspect_events_lists_the_newest_first_in_pages(void **state)
{
	struct bench *b = *state;
	struct inspect_page page = { .before = INT64_MAX, .limit = 2 };
	int i;

	for (i = 0; i < 4; i++)
		put_plain(b);

	list(b, &everything, &page);
	assert_int_equal(b->n, 2);
	assert_int_equal(b->id[0], 4);
	assert_int_equal(b->id[1], 3);
	assert_int_equal(page.next, 3);

	page.before = page.next;
	list(b, &everything, &page);
	assert_int_equal(b->n, 2);
	assert_int_equal(b->id[0], 2);
	assert_int_equal(b->id[1], 1);
	assert_int_equal(page.next, 0);	/* nothing is left: no empty page */
}

/* Events 1 to 6, each apart from the others in what filters look at. */
static void
put_many_kinds(struct bench *b)
{
	struct why why;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	put_batch(b, "sf", NOW, 3);
	put_event(b, HEAP_TRACK, "ada", "Seen", QUEUE_QUEUED, NULL);
	put_event(b, HEAP_TRACK, "bob", "Bought", QUEUE_STUCK, "no_identity");
	put_event(b, HEAP_TRACK, "bob", "Seen", QUEUE_SKIPPED, "development");
	put_batch(b, "web", NOW + 1000, 3);
	put_event(b, HEAP_TRACK, "ada", "Bought", QUEUE_STUCK, "too_large");
	put_event(b, HEAP_USER_PROPERTIES, "ada", "", QUEUE_QUEUED, NULL);
	put_event(b, HEAP_TRACK, "cy", "Left", QUEUE_QUEUED, NULL);
	assert_int_equal(queue_discard(b->queue, 6, NOW + 2000, &why),
	    QUEUE_MOVED);
	commit(b);
	end_request(b, put_request(b, 1, 0), 503);
}

static void
inspect_events_keeps_what_fits_the_filter(void **state)
{
	static const struct {
		struct filter filter;
		int64_t ids[7];		/* ends with 0 */
	} rules[] = {
#define RANGE	.since = INT64_MIN, .until = INT64_MAX
		{ { RANGE }, { 6, 5, 4, 3, 2, 1 } },
		{ { RANGE, .state = "queued" }, { 5, 1 } },
		{ { RANGE, .state = "stuck" }, { 4, 2 } },
		{ { RANGE, .state = "skipped" }, { 3 } },
		{ { RANGE, .state = "discarded" }, { 6 } },
		{ { RANGE, .state = "inflight" }, { 0 } },
		{ { RANGE, .state = "delivered" }, { 0 } },
		{ { RANGE, .reason = "too_large" }, { 4 } },
		{ { RANGE, .identity = "bob" }, { 3, 2 } },
		{ { RANGE, .identity = "nobody" }, { 0 } },
		{ { RANGE, .name = "Bought" }, { 4, 2 } },
		{ { RANGE, .input = "sf" }, { 3, 2, 1 } },
		{ { RANGE, .output = "heap" }, { 6, 5, 4, 3, 2, 1 } },
		{ { RANGE, .output = "other" }, { 0 } },
		{ { RANGE, .has_status = true, .status = 503 }, { 1 } },
		{ { RANGE, .has_status = true, .status = 200 }, { 0 } },
		{ { RANGE, .state = "stuck", .identity = "ada" }, { 4 } },
		{ { .since = NOW + 1000, .until = INT64_MAX }, { 6, 5, 4 } },
		{ { .since = INT64_MIN, .until = NOW + 1000 }, { 3, 2, 1 } },
#undef RANGE
	};
	struct bench *b = *state;
	struct inspect_page page;
	size_t i, k;

	put_many_kinds(b);
	for (i = 0; i < HR_COUNT(rules); i++) {
		page = (struct inspect_page){ .before = INT64_MAX,
		    .limit = 50 };
		list(b, &rules[i].filter, &page);
		for (k = 0; rules[i].ids[k] != 0; k++)
			if (k >= b->n || b->id[k] != rules[i].ids[k])
				fail_msg("rule %zu, place %zu", i, k);
		assert_int_equal(b->n, k);
		assert_int_equal(page.next, 0);
	}
}

/* The page's end and its cursor are the same by way of a state's index. */
static void
inspect_events_pages_through_a_state(void **state)
{
	struct bench *b = *state;
	struct filter stuck = everything;
	struct inspect_page page = { .before = INT64_MAX, .limit = 1 };

	put_many_kinds(b);
	stuck.state = "stuck";

	list(b, &stuck, &page);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->id[0], 4);
	assert_int_equal(page.next, 4);
	page.before = page.next;
	list(b, &stuck, &page);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->id[0], 2);
	assert_int_equal(page.next, 0);
}

static void
put_haystack(struct bench *b, size_t n)
{
	size_t i;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	put_batch(b, "sf", NOW, n);
	for (i = 0; i < n; i++)
		put_event(b, HEAP_TRACK, "ada", i % 1000 == 7 ? "Needle" :
		    "Hay", QUEUE_QUEUED, NULL);
	commit(b);
}

static void
inspect_events_goes_on_where_it_gave_up(void **state)
{
	struct bench *b = *state;
	struct filter needles = everything;
	struct inspect_page page = { .before = INT64_MAX, .limit = 50 };
	size_t pages = 0, found = 0;

	put_haystack(b, 3000);
	needles.name = "Needle";
	inspect_set_patience(b->inspect, 0);
	do {
		list(b, &needles, &page);
		if (b->n > 0) {
			assert_int_equal(b->n, 1);
			assert_int_equal(b->id[0], 2008 -
			    1000 * (int64_t)found);
		}
		found += b->n;
		assert_true(page.next < page.before);
		page.before = page.next;
		pages++;
	} while (page.next != 0);

	assert_int_equal(found, 3);
	assert_true(pages > 3);		/* it did give up on the way */
}

/*
 * Between the first look at the clock and all later ones others had the
 * processor for `others_ms`; this program used none of it.
 */
static int64_t others_ms;
static bool looked;

int	__real_clock_gettime(clockid_t, struct timespec *);
int	__wrap_clock_gettime(clockid_t, struct timespec *);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	int failed = __real_clock_gettime(clock, ts);

	if (others_ms == 0 || failed)
		return failed;
	ts->tv_sec = 1000;
	ts->tv_nsec = 0;
	if (clock == CLOCK_MONOTONIC && looked)
		ts->tv_nsec += others_ms * 1000000;
	looked |= clock == CLOCK_MONOTONIC;
	return 0;
}

static size_t
list_while_others_have(struct bench *b, int64_t ms)
{
	struct filter needles = everything;
	struct inspect_page page = { .before = INT64_MAX, .limit = 50 };

	needles.name = "Needle";
	looked = false;
	others_ms = ms;
	list(b, &needles, &page);
	others_ms = 0;
	return b->n;
}

static void
inspect_events_does_not_pay_for_others_at_first(void **state)
{
	struct bench *b = *state;

	put_haystack(b, 3000);

	assert_int_equal(list_while_others_have(b,
	    3 * INSPECT_PATIENCE_MS), 3);
	assert_int_not_equal(list_while_others_have(b,
	    30 * INSPECT_PATIENCE_MS), 3);
}

/* --- one event -------------------------------------------------------- */

static void
check_whole(const struct inspect_event *e, void *arg)
{
	static const char payload[] = "{\"n\":1.50},{\"n\":2}";
	static const char body[] = "{\"mpid\":1.0, \"events\":[]}";
	struct bench *b = arg;

	b->n++;
	assert_string_equal(e->output, "heap");
	assert_string_equal(e->lane, "track");
	assert_string_equal(e->identity, "ada");
	assert_string_equal(e->name, "Seen");
	assert_int_equal(e->objects, 2);
	assert_string_equal(e->state, "queued");
	assert_null(e->reason);
	assert_int_equal(e->attempts, 0);
	assert_string_equal(e->input, "sf");
	assert_string_equal(e->environment, "production");
	assert_int_equal(e->received_at, NOW);
	assert_int_equal(e->event_at, NOW - 5);
	assert_int_equal(e->ended_at, 0);
	assert_int_equal(e->next_at, NOW);
	assert_false(e->suspect);
	assert_false(e->paused);
	assert_int_equal(e->payload_len, strlen(payload));
	assert_memory_equal(e->payload, payload, strlen(payload));
	assert_int_equal(e->body_len, strlen(body));
	assert_memory_equal(e->body, body, strlen(body));
}

static void
inspect_event_tells_all_of_it(void **state)
{
	struct bench *b = *state;
	int64_t id = put_plain(b);

	assert_int_equal(inspect_event(b->inspect, INSPECT_COMMITTED, id,
	    check_whole, b), INSPECT_OK);

	assert_int_equal(b->n, 1);
}

static void
inspect_event_finds_none_when_there_is_none(void **state)
{
	struct bench *b = *state;

	assert_int_equal(inspect_event(b->inspect, INSPECT_COMMITTED, 17,
	    note_event, b), INSPECT_NONE);
	assert_int_equal(inspect_event(b->inspect, INSPECT_TURN, 17,
	    note_event, b), INSPECT_NONE);
	assert_int_equal(b->n, 0);
}

static void
inspect_event_sees_the_open_turn_only_when_asked(void **state)
{
	struct bench *b = *state;
	int64_t id;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	put_batch(b, "sf", NOW, 1);
	id = put_event(b, HEAP_TRACK, "ada", "Seen", QUEUE_QUEUED, NULL);

	assert_int_equal(inspect_event(b->inspect, INSPECT_COMMITTED, id,
	    note_event, b), INSPECT_NONE);
	assert_int_equal(inspect_event(b->inspect, INSPECT_TURN, id,
	    note_event, b), INSPECT_OK);
	commit(b);
	assert_int_equal(inspect_event(b->inspect, INSPECT_COMMITTED, id,
	    note_event, b), INSPECT_OK);
}

/* --- requests --------------------------------------------------------- */

static void
check_ended(const struct inspect_request *r, void *arg)
{
	struct bench *b = arg;

	if (b->n++ != 0)
		return;
	assert_string_equal(r->output, "heap");
	assert_string_equal(r->lane, "track");
	assert_string_equal(r->form, "bulk");
	assert_int_equal(r->events, 1);
	assert_int_equal(r->objects, 2);
	assert_int_equal(r->bytes, 99);
	assert_int_equal(r->started_at, NOW);
	assert_int_equal(r->ended_at, NOW + 30);
	assert_int_equal(r->duration_ms, 30);
	assert_int_equal(r->status, 503);
	assert_false(r->never_left);
	assert_string_equal(r->verdict, "later");
	assert_null(r->error);
	assert_string_equal(r->answer, "not now");
}

static void
note_parent(const struct inspect_request *r, void *arg)
{
	int64_t *parent = arg;

	*parent = r->parent;
}

static void
inspect_event_requests_tells_the_history_in_order(void **state)
{
	struct bench *b = *state;
	int64_t id = put_plain(b), other = put_plain(b), first, second;
	int64_t parent = 0;

	first = put_request(b, id, 0);
	end_request(b, first, 503);
	put_request(b, other, 0);
	second = put_request(b, id, first);

	assert_int_equal(inspect_event_requests(b->inspect,
	    INSPECT_COMMITTED, id, note_request, b), INSPECT_OK);
	assert_int_equal(b->n, 2);
	assert_int_equal(b->id[0], first);
	assert_int_equal(b->id[1], second);

	b->n = 0;
	inspect_event_requests(b->inspect, INSPECT_COMMITTED, id, check_ended,
	    b);
	assert_int_equal(b->n, 2);
	inspect_event_requests(b->inspect, INSPECT_COMMITTED, id, note_parent,
	    &parent);
	assert_int_equal(parent, first);
}

static void
inspect_requests_lists_the_newest_first_in_pages(void **state)
{
	struct bench *b = *state;
	struct inspect_page page = { .before = INT64_MAX, .limit = 2 };
	int64_t id = put_plain(b);
	int i;

	for (i = 0; i < 3; i++)
		end_request(b, put_request(b, id, 0), 503);

	inspect_requests(b->inspect, &page, note_request, b);
	assert_int_equal(b->n, 2);
	assert_int_equal(b->id[0], 3);
	assert_int_equal(b->id[1], 2);
	assert_int_equal(page.next, 2);

	b->n = 0;
	page.before = page.next;
	inspect_requests(b->inspect, &page, note_request, b);
	assert_int_equal(b->n, 1);
	assert_int_equal(b->id[0], 1);
	assert_int_equal(page.next, 0);
}

/* Runs SQL behind everybody's back. */
static void
meddle(struct bench *b, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(b->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
inspect_requests_works_again_after_a_failure(void **state)
{
	struct bench *b = *state;
	struct inspect_page page = { .before = INT64_MAX, .limit = 2 };

	put_request(b, put_plain(b), 0);
	assert_int_equal(inspect_requests(b->inspect, &page, note_request, b),
	    INSPECT_OK);

	meddle(b, "ALTER TABLE request RENAME TO elsewhere;");
	assert_int_equal(inspect_requests(b->inspect, &page, note_request, b),
	    INSPECT_FAILED);
	assert_non_null(strstr(inspect_error(b->inspect), "no such table"));

	meddle(b, "ALTER TABLE elsewhere RENAME TO request;");
	assert_int_equal(inspect_requests(b->inspect, &page, note_request, b),
	    INSPECT_OK);
	assert_string_equal(inspect_error(b->inspect), "");
	assert_int_equal(b->n, 2);
}

/* --- counts ----------------------------------------------------------- */

static void
check_counts(const struct inspect_output *o, void *arg)
{
	struct bench *b = arg;

	b->n++;
	assert_string_equal(o->name, "heap");
	assert_string_equal(o->app_id, "1");
	assert_string_equal(o->base_url, "http://127.0.0.1:1");
	assert_int_equal(o->paused_at, 0);
	assert_int_equal(o->count[INSPECT_QUEUED], 2);
	assert_int_equal(o->count[INSPECT_INFLIGHT], 0);
	assert_int_equal(o->count[INSPECT_DELIVERED], 0);
	assert_int_equal(o->count[INSPECT_STUCK], 2);
	assert_int_equal(o->count[INSPECT_DISCARDED], 1);
	assert_int_equal(o->count[INSPECT_SKIPPED], 1);
	assert_int_equal(o->count[INSPECT_ACCEPTED], 6);
	assert_int_equal(o->count[INSPECT_PRUNED], 0);
}

static void
inspect_outputs_counts_events_by_state(void **state)
{
	struct bench *b = *state;

	put_many_kinds(b);

	assert_int_equal(inspect_outputs(b->inspect, check_counts, b),
	    INSPECT_OK);

	assert_int_equal(b->n, 1);
}

static void
check_forgotten(const struct inspect_output *o, void *arg)
{
	struct bench *b = arg;

	b->n++;
	assert_null(o->app_id);
	assert_null(o->base_url);
}

static void
inspect_outputs_shows_one_that_is_not_configured_any_more(void **state)
{
	struct bench *b = *state;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	queue_forget_outputs(b->queue);
	commit(b);

	assert_int_equal(inspect_outputs(b->inspect, check_forgotten, b),
	    INSPECT_OK);

	assert_int_equal(b->n, 1);
}

static int64_t
oldest_due(struct bench *b, int64_t now)
{
	int64_t since = -1;

	assert_int_equal(inspect_oldest_due(b->inspect, now, &since),
	    INSPECT_OK);
	return since;
}

static void
inspect_oldest_due_counts_from_the_instant_it_could_have_left(void **state)
{
	struct bench *b = *state;
	int64_t lane = b->heap.lane[HEAP_TRACK];

	assert_int_equal(oldest_due(b, NOW + 10), 0);
	put_plain(b);
	assert_int_equal(oldest_due(b, NOW - 1), 0);
	assert_int_equal(oldest_due(b, NOW + 10), NOW);

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	queue_park(b->queue, lane, queue_identity(b->queue, "ada"),
	    NOW + 500);
	commit(b);
	assert_int_equal(oldest_due(b, NOW + 10), 0);
	assert_int_equal(oldest_due(b, NOW + 600), NOW + 500);
}

/* A request with the first event ends at NOW + 7: the event is deferred until
 * that instant, or (0) it is under suspicion. */
static void
fail_first(struct bench *b, int64_t due_at)
{
	struct queue_claimed c = { .objects = 1 };
	struct queue_claim claim = { .lane = b->heap.lane[HEAP_TRACK],
	    .app = b->heap.app, .form = HEAP_FLAT, .objects = 1, .bytes = 2,
	    .events = &c, .events_n = 1 };
	struct moment now = { NOW + 7, 7 };
	struct queue_end e = { .lane = claim.lane, .kind = HEAP_TRACK,
	    .status = 400, .verdict = "isolate", .ended = now };

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	c.event = 1;
	c.identity = queue_identity(b->queue, "ada");
	e.request = queue_claim(b->queue, &claim, now);
	queue_end(b->queue, &e);
	if (due_at == 0)
		queue_suspect(b->queue, &e, 0, -1, &c.event, 1);
	else
		queue_back(b->queue, &e, due_at);
	commit(b);
}

/* A group that cannot go must not look like a queue with nothing due. */
static void
inspect_oldest_due_sees_events_under_suspicion(void **state)
{
	struct bench *b = *state;

	put_plain(b);
	fail_first(b, 0);

	assert_int_equal(oldest_due(b, NOW + 10), NOW + 7);
}

static void
assert_pause_does_not_count(struct bench *b)
{
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	queue_pause_output(b->queue, "heap", true, NOW + 20);
	commit(b);
	assert_int_equal(oldest_due(b, NOW + 600), 0);

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	queue_pause_output(b->queue, "heap", false, NOW + 500);
	commit(b);
	assert_int_equal(oldest_due(b, NOW + 600), NOW + 500);
}

static void
inspect_oldest_due_does_not_count_the_time_of_a_pause(void **state)
{
	struct bench *b = *state;

	put_plain(b);
	assert_pause_does_not_count(b);
}

static void
inspect_oldest_due_does_not_count_a_pause_of_what_is_deferred(void **state)
{
	struct bench *b = *state;

	put_plain(b);
	fail_first(b, NOW + 10);
	assert_int_equal(oldest_due(b, NOW + 600), NOW + 10);
	assert_pause_does_not_count(b);
}

static void
inspect_oldest_due_does_not_count_a_pause_of_what_is_suspect(void **state)
{
	struct bench *b = *state;

	put_plain(b);
	fail_first(b, 0);
	assert_pause_does_not_count(b);
}

static void
inspect_oldest_due_does_not_count_outputs_that_send_nothing(void **state)
{
	struct bench *b = *state;

	put_plain(b);
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	queue_forget_outputs(b->queue);
	commit(b);

	assert_int_equal(oldest_due(b, NOW + 10), 0);
}

static void
inspect_open_shares_a_queue_in_memory(void **state)
{
	struct bench b;
	struct inspect_page page = { .before = INT64_MAX, .limit = 2 };
	struct why why;

	(void)state;
	memset(&b, 0, sizeof(b));
	assert_int_equal(queue_open(&b.queue, STORE_MEMORY, 0, &why), 0);
	assert_int_equal(inspect_open(&b.inspect, queue_store(b.queue), &why),
	    0);
	assert_int_equal(queue_begin(b.queue), QUEUE_READY);
	queue_output(b.queue, "heap", "http://127.0.0.1:1", "1", NULL, 0,
	    &b.heap);
	commit(&b);
	put_plain(&b);

	list(&b, &everything, &page);

	assert_int_equal(b.n, 1);
	inspect_close(b.inspect);
	queue_close(b.queue);
}

#define TEST(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(inspect_events_lists_the_newest_first_in_pages),
		TEST(inspect_events_keeps_what_fits_the_filter),
		TEST(inspect_events_pages_through_a_state),
		TEST(inspect_events_goes_on_where_it_gave_up),
		TEST(inspect_events_does_not_pay_for_others_at_first),
		TEST(inspect_event_tells_all_of_it),
		TEST(inspect_event_finds_none_when_there_is_none),
		TEST(inspect_event_sees_the_open_turn_only_when_asked),
		TEST(inspect_event_requests_tells_the_history_in_order),
		TEST(inspect_requests_lists_the_newest_first_in_pages),
		TEST(inspect_requests_works_again_after_a_failure),
		TEST(inspect_outputs_counts_events_by_state),
		TEST(inspect_outputs_shows_one_that_is_not_configured_any_more),
		TEST(
		    inspect_oldest_due_counts_from_the_instant_it_could_have_left),
		TEST(inspect_oldest_due_sees_events_under_suspicion),
		TEST(inspect_oldest_due_does_not_count_the_time_of_a_pause),
		TEST(
		    inspect_oldest_due_does_not_count_a_pause_of_what_is_deferred),
		TEST(
		    inspect_oldest_due_does_not_count_a_pause_of_what_is_suspect),
		TEST(
		    inspect_oldest_due_does_not_count_outputs_that_send_nothing),
		cmocka_unit_test(inspect_open_shares_a_queue_in_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
