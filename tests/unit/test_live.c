/*
 * test_live.c - the live stream: what is told, to whom, and what is lost
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "live_fixture.h"
#include "log.h"
#include "store.h"

#define BY_EMAIL	"external_id = email"
#define DEVELOPMENT	",\"environment\":\"development\""

/* So many lines of little work, in this turn. */
static void
audit(struct bench *b, size_t lines, const char *detail)
{
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	while (lines-- > 0)
		queue_audit(b->queue, NOW, "reload", "configuration", "%s",
		    detail);
}

/* --- what is told ----------------------------------------------------- */

static void
live_turn_tells_a_batch_with_what_its_events_became(void **state)
{
	static const struct rule sent[] = {
		{ "at", "\"2023-11-14T22:13:20.000Z\"" },
		{ "id", "1" },
		{ "input", "\"sf\"" },
		{ "path", "\"/v2/events\"" },
		{ "environment", "\"production\"" },
		{ "duplicate", "false" },
		{ "received_at", "\"2023-11-14T22:13:20.000Z\"" },
		{ "events", "{\"send\":1,\"skip\":0,\"reject\":0}" },
	};
	static const struct rule again[] = {
		{ "id", "3" },
		{ "duplicate", "true" },
	};
	static const char source[] = ",\"source_request_id\":\"once\"";
	struct bench *b = *state;
	struct reader r;

	open_reader(&r, b, "");
	bench_put(b, "Seen", "");
	turn(b);
	expect_line(&r, "batch");
	expect_members(&r, sent, HR_COUNT(sent));
	assert_int_equal(strlen(member(&r, "receipt_id")), 32 + 2);

	bench_put(b, "Seen", source);
	bench_put(b, "Seen", source);
	turn(b);
	expect_line(&r, "batch");
	assert_string_equal(member(&r, "duplicate"), "false");
	expect_line(&r, "batch");
	expect_members(&r, again, HR_COUNT(again));
	expect_line(&r, "event");
	assert_string_equal(member(&r, "reason"), "\"duplicate\"");
	expect_nothing(&r);
	close_reader(&r);
}

static void
live_turn_tells_what_came_in_and_will_not_go_out(void **state)
{
	static const struct rule skipped[] = {
		{ "id", "1" },
		{ "state", "\"skipped\"" },
		{ "was", "null" },
		{ "reason", "\"development\"" },
		{ "environment", "\"development\"" },
		{ "request_id", "null" },
		{ "status", "null" },
	};
	static const struct rule rejected[] = {
		{ "id", "2" },
		{ "state", "\"stuck\"" },
		{ "reason", "\"no_identity\"" },
		{ "identity", "null" },
	};
	struct bench *b = *state;
	struct reader r;

	open_reader(&r, b, "");
	bench_put(b, "Seen", DEVELOPMENT);
	bench_reload(b, BY_EMAIL);
	bench_put(b, "Seen", "");
	turn(b);

	expect_line(&r, "batch");
	assert_string_equal(member(&r, "events"),
	    "{\"send\":0,\"skip\":1,\"reject\":0}");
	expect_line(&r, "event");
	expect_members(&r, skipped, HR_COUNT(skipped));
	expect_line(&r, "batch");
	assert_string_equal(member(&r, "events"),
	    "{\"send\":0,\"skip\":0,\"reject\":1}");
	expect_line(&r, "event");
	expect_members(&r, rejected, HR_COUNT(rejected));
	close_reader(&r);
}

static void
live_turn_tells_how_a_request_ended_for_its_events(void **state)
{
	static const struct rule later[] = {
		{ "id", "1" },
		{ "output", "\"heap\"" },
		{ "lane", "\"track\"" },
		{ "identity", "\"12\"" },
		{ "name", "\"Seen\"" },
		{ "objects", "1" },
		{ "state", "\"queued\"" },
		{ "was", "\"inflight\"" },
		{ "reason", "null" },
		{ "status", "null" },
		{ "error", "\"timeout\"" },
		{ "request_id", "1" },
		{ "attempts", "1" },
		{ "due_at", "\"2023-11-14T22:13:25.000Z\"" },
		{ "suspect", "false" },
		{ "batch_id", "1" },
		{ "input", "\"sf\"" },
	};
	static const struct rule refused[] = {
		{ "id", "2" },
		{ "state", "\"stuck\"" },
		{ "reason", "\"refused\"" },
		{ "status", "400" },
		{ "error", "\"no, \\\"thanks\\\"\"" },
		{ "request_id", "2" },
	};
	struct bench *b = *state;
	struct reader r;

	bench_put(b, "Seen", "");
	bench_put(b, "Seen", "");
	turn(b);
	open_reader(&r, b, "");
	b->due_at = NOW + 5000;
	bench_attempt(b, 1, 0, 0, NULL);
	bench_attempt(b, 2, 0, 400, "refused");
	turn(b);

	expect_line(&r, "event");
	expect_members(&r, later, HR_COUNT(later));
	expect_line(&r, "event");
	expect_members(&r, refused, HR_COUNT(refused));
	expect_nothing(&r);
	close_reader(&r);
}

static void
live_turn_tells_a_state_as_it_was_then(void **state)
{
	static const struct rule refused[] = {
		{ "state", "\"stuck\"" },
		{ "reason", "\"refused\"" },
		{ "status", "400" },
		{ "error", "\"no, \\\"thanks\\\"\"" },
	};
	struct bench *b = *state;
	struct reader r;

	bench_put(b, "Seen", "");
	bench_attempt(b, 1, 0, 400, "refused");
	bench_post(b, "/v1/events/1/replay", "{}");
	assert_int_equal(b->status, 200);
	bench_attempt(b, 1, 0, 500, NULL);

	open_reader(&r, b, "?recent=300&kind=event");
	expect_line(&r, "event");
	expect_members(&r, refused, HR_COUNT(refused));
	expect_line(&r, "event");
	assert_string_equal(member(&r, "was"), "\"stuck\"");
	assert_string_equal(member(&r, "status"), "null");
	assert_string_equal(member(&r, "error"), "null");
	expect_line(&r, "event");
	assert_string_equal(member(&r, "was"), "\"inflight\"");
	assert_string_equal(member(&r, "status"), "500");
	close_reader(&r);
}

static void
live_turn_tells_what_operators_do(void **state)
{
	static const struct rule discard[] = {
		{ "action", "\"discard\"" },
		{ "subject", "\"event 1\"" },
		{ "detail", "\"was queued\"" },
	};
	struct bench *b = *state;
	struct reader r;

	bench_put(b, "Seen", "");
	turn(b);
	open_reader(&r, b, "");
	bench_post(b, "/v1/events/1/discard", "");

	expect_line(&r, "event");
	assert_string_equal(member(&r, "state"), "\"discarded\"");
	expect_line(&r, "agent");
	expect_members(&r, discard, HR_COUNT(discard));
	expect_nothing(&r);
	close_reader(&r);
}

static void
live_turn_tells_that_a_breaker_moved(void **state)
{
	static const struct rule opened[] = {
		{ "output", "\"heap\"" },
		{ "lane", "\"track\"" },
		{ "paused", "false" },
		{ "breaker", "\"open\"" },
		{ "was", "\"closed\"" },
		{ "failures", "5" },
		{ "frozen_until", "null" },
	};
	struct bench *b = *state;
	struct reader r;

	bench_put(b, "Seen", "");
	open_reader(&r, b, "?kind=output");
	bench_fail_requests(b, BREAKER_FAILURES);
	turn(b);

	expect_line(&r, "output");
	expect_members(&r, opened, HR_COUNT(opened));
	assert_true(strlen(member(&r, "error")) > strlen("null"));
	expect_nothing(&r);
	close_reader(&r);
}

static void
live_turn_tells_that_an_output_is_paused(void **state)
{
	static const struct rule paused[] = {
		{ "output", "\"heap\"" },
		{ "paused", "true" },
		{ "breaker", "\"closed\"" },
		{ "was", "null" },
	};
	struct bench *b = *state;
	struct reader r;

	open_reader(&r, b, "");
	bench_post(b, "/v1/outputs/heap/pause", "");
	assert_int_equal(b->status, 200);
	settle(b);

	expect_line(&r, "agent");
	assert_string_equal(member(&r, "action"), "\"pause\"");
	expect_line(&r, "output");
	expect_members(&r, paused, HR_COUNT(paused));
	assert_string_equal(member(&r, "lane"), "\"track\"");
	expect_line(&r, "output");
	assert_string_equal(member(&r, "lane"), "\"user_properties\"");
	expect_nothing(&r);
	close_reader(&r);
}

static void
live_undone_tells_nothing_of_a_turn_that_failed(void **state)
{
	static const char body[] = "{\"mpid\":12,\"environment\":"
	    "\"development\",\"events\":[{\"event_type\":\"session_start\"}]}";
	struct bench *b = *state;
	struct buf errors = BUF_INIT;
	struct reader r;
	struct why why;

	bench_put(b, "Seen", "");
	turn(b);
	open_reader(&r, b, "");
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	assert_int_equal(accept_body(b->acceptor, &b->config->inputs[0],
	    MP_EVENTS, body, strlen(body), NOW, &errors), 1);
	assert_int_equal(queue_discard(b->queue, 1, NOW, &why), QUEUE_MOVED);
	b->fail_commits = true;
	turn(b);
	b->fail_commits = false;
	expect_nothing(&r);

	bench_put(b, "Seen", "");
	turn(b);
	expect_line(&r, "batch");
	expect_nothing(&r);
	buf_free(&errors);
	close_reader(&r);
}

static void
live_turn_passes_over_what_is_gone(void **state)
{
	static const struct queue_keep nothing = { 0, 0, 0, 0, 0 };
	struct bench *b = *state;
	struct moment later = { NOW + 60000, b->now.boot + 60000 };
	struct reader r;

	bench_put(b, "Seen", DEVELOPMENT);
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	queue_prune(b->queue, &nothing, later);
	turn(b);
	bench_put(b, "Seen", "");
	turn(b);

	open_reader(&r, b, "?recent=300");
	expect_line(&r, "batch");
	assert_string_equal(member(&r, "id"), "2");
	expect_nothing(&r);
	close_reader(&r);
}

/* --- to whom ---------------------------------------------------------- */

static void
live_turn_tells_each_reader_what_its_filter_fits(void **state)
{
	/* Lines: 1 batch 1, 2 batch 2, 3 batch 3, 4 event 3 skipped,
	 * 5 event 1 stuck, 6 event 2 queued, 7 agent. */
	static const struct {
		const char *query, *lines;
	} rules[] = {
		{ "", "1234567" },
		{ "?kind=batch", "123" },
		{ "?kind=event", "456" },
		{ "?kind=output", "" },
		{ "?kind=agent", "7" },
		{ "?input=sf", "123456" },
		{ "?input=other", "" },
		{ "?output=heap", "456" },
		{ "?output=heap.development", "" },
		{ "?state=stuck", "5" },
		{ "?state=queued", "6" },
		{ "?reason=development", "4" },
		{ "?name=Second", "6" },
		{ "?identity=12", "456" },
		{ "?identity=12&state=stuck&kind=event", "5" },
		{ "?state=stuck&kind=batch", "" },
	};
	struct bench *b = *state;
	struct reader r[HR_COUNT(rules)];
	char lines[10];
	size_t i, n;

	for (i = 0; i < HR_COUNT(rules); i++)
		open_reader(&r[i], b, rules[i].query);
	bench_put(b, "First", "");
	bench_put(b, "Second", "");
	bench_put(b, "Third", DEVELOPMENT);
	bench_attempt(b, 1, 0, 400, "refused");
	bench_attempt(b, 2, 0, 500, NULL);
	audit(b, 1, "");
	turn(b);
	for (i = 0; i < HR_COUNT(rules); i++) {
		for (n = 0; next_line(&r[i]); n++)
			lines[n] = (char)('0' + r[i].id);
		lines[n] = '\0';
		if (strcmp(lines, rules[i].lines) != 0)
			fail_msg("%s: %s", rules[i].query, lines);
		close_reader(&r[i]);
	}
}

static void
live_open_begins_with_as_many_recent_lines_as_are_wanted(void **state)
{
	static const struct {
		const char *query;
		int lines;
	} rules[] = {
		{ "", 0 }, { "?recent=0", 0 }, { "?recent=1", 1 },
		{ "?recent=2", 2 }, { "?recent=16384", 3 },
	};
	struct bench *b = *state;
	struct reader r;
	size_t i;
	int n;

	bench_put(b, "Seen", "");
	bench_put(b, "Seen", "");
	bench_put(b, "Seen", "");
	turn(b);
	for (i = 0; i < HR_COUNT(rules); i++) {
		open_reader(&r, b, rules[i].query);
		assert_int_equal(r.id, 3 - rules[i].lines);
		for (n = 0; n < rules[i].lines; n++) {
			expect_line(&r, "batch");
			assert_int_equal(r.id, 3 - rules[i].lines + n + 1);
		}
		expect_nothing(&r);
		close_reader(&r);
	}
}

static void
admin_stream_refuses_parameters_that_it_does_not_know(void **state)
{
	static const char *const queries[] = {
		"since=-1h", "status=400", "limit=3", "kind=batches",
		"kind=lost", "state=inflight", "state=sleeping", "recent=-1",
		"recent=16385", "recent=many", "kind=batch&kind=event",
	};
	struct bench *b = *state;
	char target[100];
	size_t i;

	for (i = 0; i < HR_COUNT(queries); i++) {
		snprintf(target, sizeof(target), "/v1/live?%s", queries[i]);
		bench_get(b, target);
		assert_problem(b, 400, "bad_parameter");
	}
	assert_int_equal(live_readers(b->live), 0);
}

static void
admin_stream_may_be_read_with_the_token_for_reading(void **state)
{
	struct bench *b = *state;
	struct reader r;

	begin_reading(&r, b, "", b->read_token);
	expect_head(&r, "HTTP/1.1 200 OK\r\n");
	assert_int_equal(live_readers(b->live), 1);
	close_reader(&r);
	assert_int_equal(live_readers(b->live), 0);

	bench_send(b, "GET /v1/live HTTP/1.1\r\nHost: localhost\r\n"
	    "Connection: close\r\n\r\n");
	assert_problem(b, 401, "unauthorized");
	assert_int_equal(live_readers(b->live), 0);
}

static void
admin_stream_answers_head_without_a_stream(void **state)
{
	struct bench *b = *state;

	bench_ask(b, "HEAD", "/v1/live", "", "");

	assert_int_equal(b->status, 200);
	assert_true(bench_header(b, "Content-Type: text/event-stream"));
	assert_int_equal(live_readers(b->live), 0);
}

static void
admin_stream_serves_so_many_readers_and_no_more(void **state)
{
	struct bench *b = *state;
	struct reader r[LIVE_READERS];
	size_t i;

	for (i = 0; i < LIVE_READERS; i++)
		open_reader(&r[i], b, "");
	bench_get(b, "/v1/live");
	assert_problem(b, 503, "too_many_readers");

	close_reader(&r[0]);
	open_reader(&r[0], b, "");
	for (i = 0; i < LIVE_READERS; i++)
		close_reader(&r[i]);
}

static void
admin_stream_is_counted_in_the_metrics(void **state)
{
	struct bench *b = *state;
	struct reader r;

	open_reader(&r, b, "");
	bench_get(b, "/metrics");

	assert_non_null(strstr(b->body, "\nheaprelay_live_readers 1\n"));
	assert_non_null(strstr(b->body, "\nheaprelay_live_lost_total "));
	close_reader(&r);
}

/* --- how ---------------------------------------------------------------- */

static void
live_turn_leaves_some_lines_for_the_next_turn(void **state)
{
	struct bench *b = *state;
	struct reader r;
	int n = 0;

	open_reader(&r, b, "");
	audit(b, BENCH_LINES, "");
	assert_int_equal(turn(b), 0);
	while (next_line(&r))
		n++;
	assert_in_range(n, 1, BENCH_LINES - 1);

	assert_int_not_equal(turn(b), 0);
	while (next_line(&r))
		n++;
	assert_int_equal(n, BENCH_LINES);
	close_reader(&r);
}

static void
live_turn_tells_how_many_lines_the_ring_has_lost(void **state)
{
	struct bench *b = *state;
	uint64_t before = stat_get(STAT_live_lost);
	struct reader r;
	int i;

	open_reader(&r, b, "");
	audit(b, BENCH_LINES + 12, "");
	settle(b);

	expect_line(&r, "lost");
	assert_string_equal(member(&r, "lines"), "12");
	assert_int_equal(r.id, 12);
	for (i = 0; i < BENCH_LINES; i++)
		expect_line(&r, "agent");
	assert_int_equal(r.id, BENCH_LINES + 12);
	assert_int_equal(stat_get(STAT_live_lost) - before, 12);
	expect_nothing(&r);
	close_reader(&r);
}

static void
live_turn_waits_for_no_slow_reader(void **state)
{
	struct bench *b = *state;
	uint64_t before = stat_get(STAT_live_lost), lost = 0, lines = 0;
	struct reader slow, fast;
	char detail[1000];
	uint64_t said = 0, heard = 0;
	enum { SOME = 50 };

	memset(detail, 'x', sizeof(detail));
	detail[sizeof(detail) - 1] = '\0';
	open_reader(&slow, b, "");
	open_reader(&fast, b, "");
	/* The sockets, then what may wait, then the ring are filled. */
	while (stat_get(STAT_live_lost) - before < 500) {
		assert_in_range(said, 0, 20000);
		audit(b, SOME, detail);
		said += SOME;
		turn(b);
		while (next_line(&fast))
			heard++;
	}
	assert_int_equal(heard, said);

	/* It goes on where the ring still has something. */
	while (lost + lines < said) {
		turn(b);
		while (next_line(&slow)) {
			if (strcmp(slow.event, "lost") == 0)
				lost += strtoull(member(&slow, "lines"), NULL,
				    10);
			else
				lines++;
		}
	}
	assert_int_equal(lost + lines, said);
	assert_int_equal(stat_get(STAT_live_lost) - before, lost);
	close_reader(&slow);
	close_reader(&fast);
}

static void
live_turn_says_something_to_keep_a_connection_open(void **state)
{
	struct bench *b = *state;
	struct reader r;

	open_reader(&r, b, "?kind=batch");
	assert_int_equal(turn(b), 15000);
	assert_false(next_line(&r));
	b->now.boot += 14999;
	assert_int_equal(turn(b), 1);
	assert_false(next_line(&r));
	b->now.boot++;
	assert_int_equal(turn(b), 15000);
	assert_true(next_line(&r));
	assert_string_equal(r.event, "");

	/* A line does as well. */
	b->now.boot += 10000;
	bench_put(b, "Seen", "");
	assert_int_equal(turn(b), 15000);
	expect_line(&r, "batch");
	close_reader(&r);
	assert_int_equal(turn(b), INT64_MAX);
}

static void
live_turn_tries_again_when_the_database_cannot_be_read(void **state)
{
	struct bench *b = *state;
	struct store *s = queue_store(b->queue);
	struct reader r;

	open_reader(&r, b, "");
	audit(b, 1, "");
	assert_true(store_exec(s, "ALTER TABLE audit RENAME TO hidden"));
	assert_int_equal(turn(b), 100);
	assert_false(next_line(&r));
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	assert_true(store_exec(s, "ALTER TABLE hidden RENAME TO audit"));
	turn(b);

	expect_line(&r, "agent");
	close_reader(&r);
}

static void
http_stop_ends_the_streams(void **state)
{
	struct bench *b = *state;
	struct reader r;

	open_reader(&r, b, "");
	http_stop(b->http);
	settle(b);
	hear(&r);

	assert_true(r.closed);
	assert_int_equal(live_readers(b->live), 0);
	close_reader(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ADMIN_TEST(live_turn_tells_a_batch_with_what_its_events_became),
		ADMIN_TEST(live_turn_tells_what_came_in_and_will_not_go_out),
		ADMIN_TEST(live_turn_tells_how_a_request_ended_for_its_events),
		ADMIN_TEST(live_turn_tells_a_state_as_it_was_then),
		ADMIN_TEST(live_turn_tells_what_operators_do),
		ADMIN_TEST(live_turn_tells_that_a_breaker_moved),
		ADMIN_TEST(live_turn_tells_that_an_output_is_paused),
		ADMIN_TEST(live_undone_tells_nothing_of_a_turn_that_failed),
		ADMIN_TEST(live_turn_passes_over_what_is_gone),
		ADMIN_TEST(live_turn_tells_each_reader_what_its_filter_fits),
		ADMIN_TEST(
		    live_open_begins_with_as_many_recent_lines_as_are_wanted),
		ADMIN_TEST(
		    admin_stream_refuses_parameters_that_it_does_not_know),
		ADMIN_TEST(admin_stream_may_be_read_with_the_token_for_reading),
		ADMIN_TEST(admin_stream_answers_head_without_a_stream),
		ADMIN_TEST(admin_stream_serves_so_many_readers_and_no_more),
		ADMIN_TEST(admin_stream_is_counted_in_the_metrics),
		ADMIN_TEST(live_turn_leaves_some_lines_for_the_next_turn),
		ADMIN_TEST(live_turn_tells_how_many_lines_the_ring_has_lost),
		ADMIN_TEST(live_turn_waits_for_no_slow_reader),
		ADMIN_TEST(live_turn_says_something_to_keep_a_connection_open),
		ADMIN_TEST(
		    live_turn_tries_again_when_the_database_cannot_be_read),
		ADMIN_TEST(http_stop_ends_the_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
