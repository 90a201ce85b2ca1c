/*
 * test_ctl_tail.c - the live stream in heaprelayctl: events out of bytes,
 * lines for people
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ctl_sse.h"
#include "ctl_table.h"
#include "ctl_tail.h"

/* --- server-sent events ------------------------------------------------ */

static void
write_down(const char *event, const char *id, const char *data, void *arg)
{
	buf_printf(arg, "<%s|%s|%s>", event, id, data);
}

/* Whole, then in pieces of every size. */
static void
assert_events(const char *text, const char *expected)
{
	size_t len = strlen(text), piece, at, n;

	for (piece = len; piece > 0; piece--) {
		struct ctl_sse sse = { 0 };
		struct buf out = BUF_INIT;

		for (at = 0; at < len; at += n) {
			n = len - at < piece ? len - at : piece;
			ctl_sse_feed(&sse, text + at, n, write_down, &out);
		}
		assert_string_equal(buf_str(&out), expected);
		ctl_sse_free(&sse);
		buf_free(&out);
	}
}

static void
ctl_sse_feed_tells_an_event_at_its_empty_line(void **state)
{
	static const struct {
		const char *text, *events;
	} rules[] = {
		{ "event: batch\nid: 7\ndata: {\"id\":1}\n\n",
		    "<batch|7|{\"id\":1}>" },
		{ "event: batch\r\nid: 7\r\ndata: {}\r\n\r\n",
		    "<batch|7|{}>" },
		{ "data:1\n\ndata: 2\n\n", "<||1><||2>" },
		{ "data: a\ndata: b\n\n", "<||a\nb>" },
		{ ":\n\n: hello\n\ndata: 1\n\n", "<||1>" },
		{ "data: 1\n", "" },
		{ "datum: 1\n\n", "" },
		{ "retry: 10\nevent: e\ndata: 1\n\ndata: 2\n\n",
		    "<e||1><||2>" },
		/* An id alone is a place, and stays until the next. */
		{ "id: 3\n\ndata: 1\n\nid: 4\ndata: 2\n\n", "<|3|1><|4|2>" },
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++)
		assert_events(rules[i].text, rules[i].events);
}

static void
ctl_sse_reset_forgets_an_event_that_was_cut_off(void **state)
{
	struct ctl_sse sse = { 0 };
	struct buf out = BUF_INIT;
	(void)state;

	ctl_sse_feed(&sse, "event: e\nid: 5\ndata: 1\nda", 26, write_down,
	    &out);
	ctl_sse_reset(&sse);
	ctl_sse_feed(&sse, "data: 2\n\n", 9, write_down, &out);

	assert_string_equal(buf_str(&out), "<|5|2>");
	ctl_sse_free(&sse);
	buf_free(&out);
}

/* --- lines -------------------------------------------------------------- */

static void
put_line(struct buf *out, const char *event, const char *text, bool colors)
{
	struct why why;
	struct json *json = json_parse(text, strlen(text), &why);

	if (json == NULL)
		fail_msg("%s", why.text);
	ctl_tail_line(out, event, json_root(json), colors);
	json_free(json);
}

static void
ctl_tail_line_says_what_happened(void **state)
{
#define AT	"{\"at\":\"2026-11-24T14:13:20.123Z\","
	static const struct {
		const char *event, *json, *line;
	} rules[] = {
		{ "batch", AT "\"id\":7,\"input\":\"sf\",\"path\":"
		    "\"/v2/events\",\"environment\":\"production\","
		    "\"duplicate\":false,\"events\":{\"send\":2,\"skip\":0,"
		    "\"reject\":1}}",
		    "14:13:20.123  batch   7  sf  /v2/events  send 2  "
		    "reject 1" },
		{ "batch", AT "\"id\":8,\"input\":\"sf\",\"path\":"
		    "\"/v2/events\",\"environment\":\"development\","
		    "\"duplicate\":true,\"events\":{\"send\":0,\"skip\":3,"
		    "\"reject\":0}}",
		    "14:13:20.123  batch   8  sf  /v2/events  skip 3  "
		    "development  duplicate" },
		{ "event", AT "\"id\":9,\"output\":\"heap\",\"lane\":"
		    "\"track\",\"identity\":\"ada\",\"name\":\"Booked\","
		    "\"state\":\"delivered\",\"was\":\"inflight\","
		    "\"reason\":null,\"status\":200,\"error\":null,"
		    "\"due_at\":null}",
		    "14:13:20.123  event   9  heap  ada  Booked  delivered" },
		{ "event", AT "\"id\":9,\"output\":\"heap\",\"lane\":"
		    "\"user_properties\",\"identity\":\"ada\",\"name\":null,"
		    "\"state\":\"stuck\",\"was\":\"inflight\","
		    "\"reason\":\"refused\",\"status\":400,"
		    "\"error\":\"bad\",\"due_at\":null}",
		    "14:13:20.123  event   9  heap  user_properties  ada  "
		    "stuck  refused  HTTP 400, bad" },
		{ "event", AT "\"id\":9,\"output\":\"heap\",\"lane\":"
		    "\"track\",\"state\":\"queued\",\"was\":\"inflight\","
		    "\"status\":503,\"error\":null,"
		    "\"due_at\":\"2026-11-24T14:13:25.000Z\"}",
		    "14:13:20.123  event   9  heap  queued  HTTP 503  again "
		    "14:13:25.000" },
		{ "event", AT "\"id\":9,\"output\":\"heap\",\"lane\":"
		    "\"track\",\"state\":\"queued\",\"was\":\"inflight\","
		    "\"status\":null,\"error\":\"timeout\"}",
		    "14:13:20.123  event   9  heap  queued  timeout" },
		{ "event", AT "\"id\":9,\"output\":\"heap\",\"lane\":"
		    "\"track\",\"state\":\"queued\",\"was\":\"stuck\"}",
		    "14:13:20.123  event   9  heap  queued  was  stuck" },
		{ "output", AT "\"output\":\"heap\",\"lane\":\"track\","
		    "\"paused\":false,\"breaker\":\"open\",\"was\":"
		    "\"closed\",\"until\":\"2026-11-24T14:13:21.000Z\","
		    "\"error\":\"HTTP 500\",\"frozen_until\":null}",
		    "14:13:20.123  output  heap  breaker  open  was  closed  "
		    "HTTP 500  until 14:13:21.000" },
		{ "output", AT "\"output\":\"heap\",\"lane\":\"track\","
		    "\"paused\":true,\"breaker\":\"closed\",\"was\":null,"
		    "\"frozen_until\":\"2026-11-24T14:14:20.000Z\"}",
		    "14:13:20.123  output  heap  paused  breaker  closed  "
		    "frozen until 14:14:20.000" },
		{ "agent", AT "\"action\":\"discard\",\"subject\":"
		    "\"event 7\",\"detail\":\"was stuck\"}",
		    "14:13:20.123  agent   discard  event 7  was stuck" },
		{ "lost", "{\"lines\":12}",
		    "--:--:--.---  lost    12 lines came faster than they "
		    "were read" },
		{ "later", AT "\"id\":1}", "14:13:20.123  later " },
	};
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(rules); i++) {
		struct buf out = BUF_INIT;

		put_line(&out, rules[i].event, rules[i].json, false);
		assert_string_equal(buf_str(&out), rules[i].line);
		buf_free(&out);
	}
}

static void
ctl_tail_line_lets_no_text_steer_the_terminal(void **state)
{
	struct buf out = BUF_INIT;
	(void)state;

	put_line(&out, "event", "{\"at\":null,\"id\":1,\"identity\":"
	    "\"a\\u001b[2Jb\",\"name\":\"x\\ny\",\"state\":\"stuck\"}",
	    false);

	assert_null(strchr(buf_str(&out), '\033'));
	assert_null(strchr(buf_str(&out), '\n'));
	buf_free(&out);
}

static void
ctl_tail_line_colours_what_became_of_it(void **state)
{
	struct buf out = BUF_INIT;
	(void)state;

	put_line(&out, "event", "{\"at\":null,\"id\":1,\"state\":"
	    "\"delivered\"}", true);

	assert_non_null(strstr(buf_str(&out), "\033[32mdelivered\033[0m"));
	buf_free(&out);
}

static int
setup(void **state)
{
	(void)state;
	ctl_table_locale();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ctl_sse_feed_tells_an_event_at_its_empty_line),
		cmocka_unit_test(
		    ctl_sse_reset_forgets_an_event_that_was_cut_off),
		cmocka_unit_test(ctl_tail_line_says_what_happened),
		cmocka_unit_test(ctl_tail_line_lets_no_text_steer_the_terminal),
		cmocka_unit_test(ctl_tail_line_colours_what_became_of_it),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
