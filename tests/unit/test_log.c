/*
 * test_log.c - lines as they stand on stderr, and the counters
 */
#include <ctype.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "log.h"

/* stderr, caught in a pipe. */
struct caught {
	int	saved;
	int	pipe[2];
	char	text[8192];
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
bug_says_why_and_aborts(void **state)
{
	struct caught *c = *state;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		catch(c);
		bug("m: never n=%d", 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
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
	    TEST(log_levels_leave_out_what_is_below),
	    TEST(fatal_says_why_and_exits_with_the_status),
	    TEST(bug_says_why_and_aborts),
	    cmocka_unit_test(stat_settle_counts_or_forgets_what_waited),
	    cmocka_unit_test(stat_add_counts_each_by_itself),
	    cmocka_unit_test(stat_names_are_distinct_and_fit_for_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
