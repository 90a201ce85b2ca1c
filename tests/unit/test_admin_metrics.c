/*
 * test_admin_metrics.c - the figures, and the form in which Prometheus reads
 * them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin_fixture.h"
#include "exposition_fixture.h"
#include "log.h"

static void
assert_metric(struct bench *b, const char *line)
{
	if (strstr(b->body, line) == NULL)
		fail_msg("no %s in %s", line, b->body);
}

static void
get_metrics(struct bench *b)
{
	struct why why;

	bench_get(b, "/metrics");
	assert_int_equal(b->status, 200);
	if (!exposition_check(b->body, &why))
		fail_msg("%s", why.text);
}

#define A	"# HELP heaprelay_a_total Some text.\n" \
		"# TYPE heaprelay_a_total counter\n"
#define H	"# HELP heaprelay_h Some text.\n# TYPE heaprelay_h histogram\n"

/* The fixture itself: or the test that follows would prove nothing. */
static void
exposition_check_refuses_what_is_not_well_formed(void **state)
{
	static const struct {
		const char	*text, *reason;	/* NULL: it is fine */
	} cases[] = {
		{ A "heaprelay_a_total 1\n", NULL },
		{ A "heaprelay_a_total{x=\"a\\\"b\",y=\"\"} 1\n"
		    "heaprelay_a_total{x=\"c\"} 2\n", NULL },
		{ H "heaprelay_h_bucket{le=\"1\"} 1\n"
		    "heaprelay_h_bucket{le=\"+Inf\"} 2\n"
		    "heaprelay_h_sum 3.5\nheaprelay_h_count 2\n", NULL },
		{ "", "the last line" },
		{ A "heaprelay_a_total 1", "the last line" },
		{ "heaprelay_a_total 1\n", "no family" },
		{ A A, "two pieces" },
		{ "# HELP heaprelay_a_total Some text.\n", "without TYPE" },
		{ "# HELP heaprelay_a_total Some text\n", "no sentence" },
		{ "# HELP other_total Some text.\n", "not ours" },
		{ "# HELP heaprelay_a Some text.\n"
		    "# TYPE heaprelay_a counter\n", "_total is" },
		{ "# HELP heaprelay_a_total Some text.\n"
		    "# TYPE heaprelay_a_total gauge\n", "_total is" },
		{ "# HELP heaprelay_a Some text.\n"
		    "# TYPE heaprelay_a number\n", "unknown TYPE" },
		{ "# HELP heaprelay_a_count Some text.\n"
		    "# TYPE heaprelay_a_count gauge\n", "histograms have" },
		{ "# HELP heaprelay_a Some text.\n"
		    "# TYPE heaprelay_b gauge\n", "not behind its HELP" },
		{ A "heaprelay_a_total 1\nheaprelay_a_total 2\n", "twice" },
		{ A "heaprelay_a_total{x=\"1\"} 1\n"
		    "heaprelay_a_total{x=\"1\"} 1\n", "twice" },
		{ A "heaprelay_b_total 1\n", "no family" },
		{ A "heaprelay_a_total_b 1\n", "another family" },
		{ A "heaprelay_a_total -1\n", "whole number" },
		{ A "heaprelay_a_total 1.5\n", "whole number" },
		{ A "heaprelay_a_total\n", "no sample" },
		{ A "heaprelay_a_total 1 1700000000\n", "no sample" },
		{ A "heaprelay_a_total 0x1p\n", "no sample" },
		{ A "heaprelay_a_total{x=\"1\",x=\"2\"} 1\n", "no sample" },
		{ A "heaprelay_a_total{x=\"a\nb\"} 1\n", "no sample" },
		{ A "heaprelay_a_total{x=\"\\q\"} 1\n", "no sample" },
		{ A "heaprelay_a_total{x=1} 1\n", "no sample" },
		{ A "\n", "no sample" },
		{ H "heaprelay_h_bucket{le=\"1\"} 1\n"
		    "heaprelay_h_sum 3\nheaprelay_h_count 1\n", "here" },
		{ H "heaprelay_h_bucket{le=\"+Inf\"} 1\n"
		    "heaprelay_h_sum 3\nheaprelay_h_count 2\n", "last bucket" },
		{ H "heaprelay_h_bucket{le=\"+Inf\"} 1\n"
		    "heaprelay_h_count 1\n", "here" },
		{ H "heaprelay_h_bucket{le=\"+Inf\"} 1\n", "not whole" },
		{ H "heaprelay_h_bucket{le=\"+Inf\"} 1\nheaprelay_h_sum 3\n",
		    "not whole" },
		{ H "heaprelay_h_bucket{le=\"2\"} 1\n"
		    "heaprelay_h_bucket{le=\"1\"} 1\n", "do not rise" },
		{ H "heaprelay_h_bucket{le=\"1\"} 2\n"
		    "heaprelay_h_bucket{le=\"2\"} 1\n", "do not rise" },
		{ H "heaprelay_h_bucket{x=\"1\",le=\"1\"} 2\n"
		    "heaprelay_h_bucket{x=\"2\",le=\"2\"} 3\n", "another series" },
		{ H "heaprelay_h_bucket 2\n", "without le" },
		{ H "heaprelay_h 2\n", "here" },
	};
	struct why why;
	bool ok;
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(cases); i++) {
		why_set(&why, "nothing is wrong");
		ok = exposition_check(cases[i].text, &why);
		if (ok != (cases[i].reason == NULL) ||
		    (!ok && strstr(why.text, cases[i].reason) == NULL))
			fail_msg("%s\n%s", cases[i].text, why.text);
	}
}

static void
admin_metrics_are_prometheus_text(void **state)
{
	struct bench *b = *state;

	get_metrics(b);
	assert_true(bench_header(b,
	    "Content-Type: text/plain; version=0.0.4; charset=utf-8"));
	assert_metric(b, "# TYPE heaprelay_commits_total counter\n"
	    "heaprelay_commits_total ");
	assert_metric(b, "# HELP heaprelay_commits_total Transactions ");
	assert_metric(b, "\nheaprelay_start_time_seconds 1699999995.000\n");
	assert_metric(b, "\nheaprelay_build_info{version=\"");
	assert_metric(b, "\nheaprelay_database_bytes ");
	assert_metric(b, "\nheaprelay_wal_bytes ");
}

static void
admin_metrics_count_events_by_output_and_state(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	b->now.wall += 2500;
	clock_set(b->now);
	get_metrics(b);

	assert_metric(b, "\nheaprelay_events{output=\"heap\","
	    "state=\"queued\"} 1\n");
	assert_metric(b, "\nheaprelay_events{output=\"heap\","
	    "state=\"stuck\"} 0\n");
	assert_metric(b, "\nheaprelay_oldest_due_seconds{output=\"heap\"} "
	    "2.500\n");
}

static void
admin_metrics_show_lanes_and_windows(void **state)
{
	struct bench *b = *state;

	get_metrics(b);
	assert_metric(b, "\nheaprelay_requests_in_flight{output=\"heap\","
	    "lane=\"track\"} 0\n");
	assert_metric(b, "\nheaprelay_breaker{output=\"heap\","
	    "lane=\"track\",state=\"closed\"} 1\n");
	assert_metric(b, "\nheaprelay_breaker{output=\"heap\","
	    "lane=\"track\",state=\"open\"} 0\n");
	assert_metric(b, "\nheaprelay_frozen_seconds{output=\"heap\","
	    "lane=\"user_properties\"} 0.000\n");
	assert_metric(b, "\nheaprelay_window_used{output=\"heap\","
	    "window=\"app_limit\"} 0\n");
	assert_metric(b, "\nheaprelay_window_limit{output=\"heap\","
	    "window=\"properties_app_limit\"} 15000\n");
	assert_metric(b, "\nheaprelay_app_factor{output=\"heap\"} 1.000\n");
	assert_metric(b, "\nheaprelay_output_paused{output=\"heap\"} 0\n");
}

static void
admin_metrics_show_an_open_breaker(void **state)
{
	struct bench *b = *state;

	bench_put(b, "Seen", "");
	bench_fail_requests(b, BREAKER_FAILURES);
	get_metrics(b);

	assert_metric(b, "\nheaprelay_breaker{output=\"heap\","
	    "lane=\"track\",state=\"closed\"} 0\n");
	assert_metric(b, "\nheaprelay_breaker{output=\"heap\","
	    "lane=\"track\",state=\"open\"} 1\n");
}

static void
admin_metrics_show_room(void **state)
{
	struct bench *b = *state;

	get_metrics(b);
	assert_metric(b, "\nheaprelay_ingest_accepting 1\n");
	assert_metric(b, "\nheaprelay_disk_min_free_bytes 67108864\n");
	assert_metric(b, "\nheaprelay_queue_max_bytes 0\n");
	assert_true(strtoll(strstr(b->body, "\nheaprelay_disk_free_bytes ") +
	    27, NULL, 10) > 1 << 20);

	intake_stop(b->intake);
	get_metrics(b);
	assert_metric(b, "\nheaprelay_ingest_accepting 0\n");
}

static void
admin_metrics_have_histograms(void **state)
{
	struct bench *b = *state;

	histogram_note(&b->ingest_latency, 400, 3);
	histogram_note(&b->ingest_latency, 2000000, 1);
	histogram_note(&b->commit_duration, 12345678, 1);
	histogram_note(&b->turn_duration, 3000, 2);
	get_metrics(b);

	assert_metric(b, "# TYPE heaprelay_ingest_latency_seconds histogram\n"
	    "heaprelay_ingest_latency_seconds_bucket{le=\"0.0005\"} 3\n"
	    "heaprelay_ingest_latency_seconds_bucket{le=\"0.001\"} 3\n");
	assert_metric(b, "{le=\"1\"} 3\n"
	    "heaprelay_ingest_latency_seconds_bucket{le=\"2.5\"} 4\n");
	assert_metric(b, "\nheaprelay_ingest_latency_seconds_bucket"
	    "{le=\"+Inf\"} 4\n"
	    "heaprelay_ingest_latency_seconds_sum 2.0012\n"
	    "heaprelay_ingest_latency_seconds_count 4\n");
	assert_metric(b, "\nheaprelay_commit_duration_seconds_bucket"
	    "{le=\"10\"} 0\n");
	assert_metric(b, "\nheaprelay_commit_duration_seconds_sum "
	    "12.345678\n");
	assert_metric(b, "heaprelay_turn_duration_seconds_bucket"
	    "{le=\"0.0025\"} 0\n"
	    "heaprelay_turn_duration_seconds_bucket{le=\"0.005\"} 2\n");
	assert_metric(b, "\nheaprelay_delivery_latency_seconds_count 0\n");
	assert_metric(b, "\nheaprelay_request_duration_seconds_bucket"
	    "{lane=\"user_properties\",le=\"+Inf\"} 0\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    exposition_check_refuses_what_is_not_well_formed),
		ADMIN_TEST(admin_metrics_are_prometheus_text),
		ADMIN_TEST(admin_metrics_count_events_by_output_and_state),
		ADMIN_TEST(admin_metrics_show_lanes_and_windows),
		ADMIN_TEST(admin_metrics_show_an_open_breaker),
		ADMIN_TEST(admin_metrics_show_room),
		ADMIN_TEST(admin_metrics_have_histograms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
