/*
 * test_log.c - lines as they stand on stderr, and the counters
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "json.h"
#include "log.h"

/* stderr, caught in a pipe. */
struct caught {
	int	saved;
	int	pipe[2];
	char	text[16384];
};

static int
setup(void **state)
{
	struct caught *c = xcalloc(1, sizeof(*c));

	c->saved = dup(STDERR_FILENO);
	*state = c;
	return pipe(c->pipe);
}

static int
teardown(void **state)
{
	struct caught *c = *state;

	log_open("heaprelay", LOG_INFO, LOG_LOGFMT);
	close(c->saved);
	close(c->pipe[0]);
	free(c);
	return 0;
}

static void
catch(struct caught *c)
{
	dup2(c->pipe[1], STDERR_FILENO);
}

/* What was written since catch; lent. */
static const char *
release(struct caught *c)
{
	size_t have = 0;
	ssize_t n;

	dup2(c->saved, STDERR_FILENO);
	close(c->pipe[1]);
	while ((n = read(c->pipe[0], c->text + have,
	    sizeof(c->text) - 1 - have)) > 0)
		have += (size_t)n;
	c->text[have] = '\0';
	return c->text;
}

/* A line without its time stamp, which must be one, of now. */
static const char *
after_stamp(const char *line)
{
	struct moment now;
	char stamp[25];
	int64_t at;

	assert_true(strlen(line) > 25);
	memcpy(stamp, line, 24);
	stamp[24] = '\0';
	assert_true(clock_parse(stamp, &at));
	assert_int_equal(stamp[23], 'Z');
	clock_forget();
	now = clock_now();
	assert_in_range(now.wall - at, 0, 60000);
	return line + 24;
}

static void
log_lines_have_time_level_program_and_message(void **state)
{
	struct caught *c = *state;

	log_open("heaprelayd", LOG_INFO, LOG_LOGFMT);
	catch(c);
	log_warn("store: slow ms=%d name=%s", 12, "x");

	assert_string_equal(after_stamp(release(c)),
	    " warn heaprelayd: store: slow ms=12 name=x\n");
}

static void
log_lines_as_json_are_escaped(void **state)
{
	struct caught *c = *state;
	const char *line;

	log_open("heaprelayd", LOG_INFO, LOG_JSON);
	catch(c);
	log_error("m: \"quoted\" back\\slash tab\t line\n end");
	line = release(c);

	assert_memory_equal(line, "{\"time\":\"", 9);
	assert_string_equal(after_stamp(line + 9),
	    "\",\"level\":\"error\",\"program\":\"heaprelayd\",\"message\":"
	    "\"m: \\\"quoted\\\" back\\\\slash tab\\u0009 line\\u000a end\""
	    "}\n");
}

static void
log_lines_stay_one_line_whatever_is_in_them(void **state)
{
	struct caught *c = *state;

	log_open("heaprelayd", LOG_INFO, LOG_LOGFMT);
	catch(c);
	log_info("m: said text=\"a\r\nb\x1b[31m\tc \xc3\xa9\"");

	assert_string_equal(after_stamp(release(c)),
	    " info heaprelayd: m: said text=\"a\\u000d\\u000ab\\u001b[31m"
	    "\\u0009c \xc3\xa9\"\n");
}

/* Texts of others, and what becomes of them between quotes. */
static const struct {
	const char	*text, *value;
} values[] = {
	{ "plain-1.2:/@", "plain-1.2:/@" },
	{ "", "\"\"" },
	{ NULL, "\"\"" },
	{ "two words", "\"two words\"" },
	{ "a=b", "\"a=b\"" },
	{ "x\" level=error y=\"", "\"x\\\" level=error y=\\\"\"" },
	{ "back\\slash\\", "\"back\\\\slash\\\\\"" },
	{ "a\r\nb\x1b[31m\t\x7f", "\"a\\u000d\\u000ab\\u001b[31m\\u0009\\u007f\"" },
	/* A control sequence introducer of eight bits. */
	{ "\xc2\x9b" "31m", "\"\\u009b31m\"" },
	{ "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
	    "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"" },
	/* No UTF-8: stray, cut, too long, a surrogate, beyond the last. */
	{ "\x9b", "\"\xef\xbf\xbd\"" },
	{ "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "\xe0\x80\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
	    "\xef\xbf\xbd\"" },
};

static void
log_value_quotes_what_would_not_be_one_value(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < HR_COUNT(values); i++)
		assert_string_equal(log_value(values[i].text),
		    values[i].value);
}

static void
log_value_shows_the_start_of_what_is_long(void **state)
{
	char *text = xmalloc(100001);

	(void)state;
	memset(text, 'x', 100000);
	text[100000] = '\0';

	assert_in_range(strlen(log_value(text)), 1000, 1100);
	assert_non_null(strstr(log_value(text), "xxx..."));
	free(text);
}

static void
log_value_lasts_for_a_line_of_several(void **state)
{
	struct caught *c = *state;

	log_open("p", LOG_INFO, LOG_LOGFMT);
	catch(c);
	log_info("m: x a=%s b=%s c=%s", log_value("1 1"), log_value("2"),
	    log_value("3\n"));

	assert_string_equal(after_stamp(release(c)),
	    " info p: m: x a=\"1 1\" b=2 c=\"3\\u000a\"\n");
}

/* What a reader of JSON gets is the line that logfmt would have had. */
static void
log_lines_as_json_hold_whatever_value(void **state)
{
	struct caught *c = *state;
	struct buf message = BUF_INIT;
	struct json *json;
	struct why why;
	char *line, *end;
	size_t i;

	log_open("p", LOG_INFO, LOG_JSON);
	catch(c);
	for (i = 0; i < HR_COUNT(values); i++)
		log_info("m: x v=%s", log_value(values[i].text));
	(void)release(c);

	for (i = 0, line = c->text; i < HR_COUNT(values); i++) {
		end = strchr(line, '\n');
		assert_non_null(end);
		json = json_parse(line, (size_t)(end - line), &why);
		if (json == NULL)
			fail_msg("%s", why.text);
		buf_reset(&message);
		buf_printf(&message, "m: x v=%s", values[i].value);
		assert_string_equal(json_get(json_root(json),
		    "message")->valuestring, buf_str(&message));
		json_free(json);
		line = end + 1;
	}
	assert_int_equal(*line, '\0');
	buf_free(&message);
}

static void
assert_lines(const char *text, const char *const *lines, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		text = after_stamp(text);
		assert_memory_equal(text, lines[i], strlen(lines[i]));
		text += strlen(lines[i]);
		assert_int_equal(*text++, '\n');
	}
	assert_string_equal(text, "");
}

static void
log_often_sums_up_what_repeats_within_the_window(void **state)
{
	static const char *const lines[] = {
		" warn p: m: frozen n=0",
		" warn p: m: closed n=0",
		" warn p: m: frozen n=4 repeated=4",
		" warn p: m: frozen n=5",
	};
	struct caught *c = *state;
	int i;

	log_open("p", LOG_WARN, LOG_LOGFMT);
	catch(c);
	for (i = 0; i < 5; i++)
		log_often(1000 + i, LOG_WARN, "frozen", "m: frozen n=%d", i);
	log_often(1010, LOG_WARN, "closed", "m: closed n=%d", 0);
	assert_int_equal(log_turn(1100), LOG_WINDOW_MS - 100);
	assert_int_equal(log_turn(1000 + LOG_WINDOW_MS), INT64_MAX);
	/* That window is over: it is news again. */
	log_often(1000 + LOG_WINDOW_MS, LOG_WARN, "frozen", "m: frozen n=%d",
	    5);
	log_flush();

	assert_lines(release(c), lines, HR_COUNT(lines));
}

static void
log_often_ends_a_window_though_nobody_asked(void **state)
{
	static const char *const lines[] = {
		" info p: m: a n=0", " info p: m: a n=1 repeated=1",
		" info p: m: a n=2",
	};
	struct caught *c = *state;

	log_open("p", LOG_INFO, LOG_LOGFMT);
	catch(c);
	log_often(0, LOG_INFO, "a", "m: a n=%d", 0);
	log_often(1, LOG_INFO, "a", "m: a n=%d", 1);
	log_often(LOG_WINDOW_MS, LOG_INFO, "a", "m: a n=%d", 2);
	log_flush();

	assert_lines(release(c), lines, HR_COUNT(lines));
}

static void
log_flush_writes_what_is_held_back_and_so_does_fatal(void **state)
{
	static const char *const lines[] = {
		" info p: m: a n=0", " info p: m: a n=2 repeated=2",
		" info p: m: b n=0", " info p: m: b n=1 repeated=1",
		" error p: m: the end",
	};
	struct caught *c = *state;
	pid_t pid;
	int i, status;

	log_open("p", LOG_INFO, LOG_LOGFMT);
	catch(c);
	for (i = 0; i < 3; i++)
		log_often(5, LOG_INFO, "a", "m: a n=%d", i);
	log_flush();
	assert_int_equal(log_turn(6), INT64_MAX);
	pid = fork();
	if (pid == 0) {
		log_often(7, LOG_INFO, "b", "m: b n=%d", 0);
		log_often(8, LOG_INFO, "b", "m: b n=%d", 1);
		fatal(EXIT_IO, "m: the end");
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);

	assert_lines(release(c), lines, HR_COUNT(lines));
}

static void
log_often_has_a_line_for_each_when_there_are_too_many_keys(void **state)
{
	struct caught *c = *state;
	const char *p;
	char key[20];
	int i, n = 0;

	log_open("p", LOG_INFO, LOG_LOGFMT);
	catch(c);
	for (i = 0; i < 70; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		log_often(0, LOG_INFO, key, "m: a");
		log_often(1, LOG_INFO, key, "m: a");
	}
	log_often(1, LOG_DEBUG, "not shown", "m: b");
	log_flush();

	for (p = release(c); (p = strchr(p, '\n')) != NULL; p++)
		n++;
	assert_int_equal(n, 2 * 70);
	assert_non_null(strstr(c->text, "repeated=1\n"));
	assert_null(strstr(c->text, "m: b"));
}

static void
log_levels_leave_out_what_is_below(void **state)
{
	struct caught *c = *state;
	int level;

	catch(c);
	for (level = LOG_ERROR; level <= LOG_DEBUG; level++) {
		log_open("p", (enum log_level)level, LOG_LOGFMT);
		log_error("e%d", level);
		log_warn("w%d", level);
		log_info("i%d", level);
		log_debug("d%d", level);
	}
	(void)release(c);

	for (level = LOG_ERROR; level <= LOG_DEBUG; level++) {
		static const char letters[] = "ewid";
		int k;

		for (k = LOG_ERROR; k <= LOG_DEBUG; k++) {
			char text[] = { ' ', letters[k], (char)('0' + level),
			    '\n', '\0' };

			assert_int_equal(strstr(c->text, text) != NULL,
			    k <= level);
		}
	}
	log_open("p", LOG_WARN, LOG_LOGFMT);
	assert_true(log_enabled(LOG_ERROR));
	assert_true(log_enabled(LOG_WARN));
	assert_false(log_enabled(LOG_INFO));
}

static void
fatal_says_why_and_exits_with_the_status(void **state)
{
	struct caught *c = *state;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		catch(c);
		fatal(EXIT_RUNNING, "m: cannot n=%d", 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_RUNNING);
	assert_string_equal(after_stamp(release(c)),
	    " error heaprelay: m: cannot n=3\n");
}

static void
bug_says_why_and_exits_at_once(void **state)
{
	struct caught *c = *state;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		catch(c);
		bug("m: never n=%d", 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_INTERNAL);
	assert_string_equal(after_stamp(release(c)),
	    " error heaprelay: m: never n=4\n");
}

static void
stat_add_counts_each_by_itself(void **state)
{
	uint64_t commits = stat_get(STAT_commits);
	uint64_t failed = stat_get(STAT_commits_failed);

	(void)state;
	stat_add(STAT_commits, 2);
	stat_add(STAT_commits, UINT64_C(5000000000));
	stat_add(STAT_commits_failed, 0);

	assert_true(stat_get(STAT_commits) == commits + 5000000002);
	assert_true(stat_get(STAT_commits_failed) == failed);
}

static void
stat_names_are_distinct_and_fit_for_metrics(void **state)
{
	const char *p;
	int i, k;

	(void)state;
	assert_string_equal(stat_name(STAT_commits), "commits");
	for (i = 0; i < STAT_COUNT; i++) {
		const char *name = stat_name((enum stat_id)i);
		const char *help = stat_help((enum stat_id)i);

		for (p = name; *p != '\0'; p++)
			assert_true(islower((unsigned char)*p) || *p == '_');
		assert_int_equal(help[strlen(help) - 1], '.');
		for (k = 0; k < i; k++)
			assert_string_not_equal(name,
			    stat_name((enum stat_id)k));
	}
}

#define TEST(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)

static void
stat_settle_counts_or_forgets_what_waited(void **state)
{
	uint64_t before = stat_get(STAT_batches_accepted);

	(void)state;
	stat_later(STAT_batches_accepted, 2);
	assert_int_equal(stat_waiting(STAT_batches_accepted), 2);
	assert_int_equal(stat_get(STAT_batches_accepted), before);
	stat_settle(false);
	assert_int_equal(stat_get(STAT_batches_accepted), before);

	stat_later(STAT_batches_accepted, 3);
	stat_settle(true);
	assert_int_equal(stat_get(STAT_batches_accepted), before + 3);
	assert_int_equal(stat_waiting(STAT_batches_accepted), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(log_lines_have_time_level_program_and_message),
	    TEST(log_lines_as_json_are_escaped),
	    TEST(log_lines_stay_one_line_whatever_is_in_them),
	    cmocka_unit_test(log_value_quotes_what_would_not_be_one_value),
	    cmocka_unit_test(log_value_shows_the_start_of_what_is_long),
	    TEST(log_value_lasts_for_a_line_of_several),
	    TEST(log_lines_as_json_hold_whatever_value),
	    TEST(log_often_sums_up_what_repeats_within_the_window),
	    TEST(log_often_ends_a_window_though_nobody_asked),
	    TEST(log_flush_writes_what_is_held_back_and_so_does_fatal),
	    TEST(log_often_has_a_line_for_each_when_there_are_too_many_keys),
	    TEST(log_levels_leave_out_what_is_below),
	    TEST(fatal_says_why_and_exits_with_the_status),
	    TEST(bug_says_why_and_exits_at_once),
	    cmocka_unit_test(stat_settle_counts_or_forgets_what_waited),
	    cmocka_unit_test(stat_add_counts_each_by_itself),
	    cmocka_unit_test(stat_names_are_distinct_and_fit_for_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
