/*
 * test_memory.c - the nth request of a library for memory is refused
 *
 * Of libevent while the agent answers, and of libcurl while it posts: each by
 * the hooks of that library, so that the rest has memory.  Afterwards all works
 * as ever, or the agent has ended with its status; with sanitizers, nothing has
 * leaked.  cJSON's and the agent's own requests end the agent (mem.h).
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <event2/event.h>

#include "../unit/http_fixture.h"
#include "../unit/sender_fixture.h"
#include "log.h"

#define TIMEOUT_S	60
#define MOST		5000	/* requests of a trial, far from it */
#define NOT_HIT		3	/* exit status: so many are not made */
#define BODY		500

static long calls, nth;		/* the nth of these is refused ... */
static bool for_ever;		/* ... and all that follow ... */
static bool armed;		/* ... while it is */

static bool
refused(void)
{
	if (!armed)
		return false;
	calls++;
	return calls == nth || (for_ever && calls > nth);
}

static void *
new_block(size_t n)
{
	return refused() ? NULL : malloc(n);
}

static void *
new_zeroes(size_t n, size_t size)
{
	return refused() ? NULL : calloc(n, size);
}

static void *
resize(void *old, size_t n)
{
	return refused() ? NULL : realloc(old, n);
}

static char *
copy(const char *text)
{
	return refused() ? NULL : strdup(text);
}

/* --- libevent --------------------------------------------------------- */

/* Until the answer is whole or the connection is closed. */
static void
hear_out(struct fixture *fx, int fd, struct buf *in)
{
	int64_t give_up = now_ms() + PATIENCE_MS;
	int heard = 0;

	while (heard != -1 && answer_length(in) == 0) {
		assert_true(now_ms() < give_up);
		turn(fx);
		heard = hear(fd, in);
	}
}

static void
ask(struct fixture *fx, struct buf *in)
{
	char body[BODY + 1], head[128];
	int fd = dial(fx);

	memset(body, 'x', BODY);
	body[BODY] = '\0';
	snprintf(head, sizeof(head), HEAD("POST /told")
	    "Content-Length: %d\r\n\r\n", BODY);
	say(fd, head, strlen(head));
	turn(fx);
	say(fd, body, BODY);
	hear_out(fx, fd, in);
	close(fd);
}

static void
answer_once(void)
{
	struct fixture fx;
	struct buf first = BUF_INIT, second = BUF_INIT;
	size_t whole;

	event_set_mem_functions(new_block, resize, free);
	start(&fx, LONG_MS);
	armed = true;
	ask(&fx, &first);
	armed = false;
	whole = answer_length(&first);
	if (whole != 0)
		assert_int_equal(status_of(buf_str(&first)), 200);
	settle(&fx);
	ask(&fx, &second);
	assert_int_equal(status_of(buf_str(&second)), 200);
	assert_non_null(strstr(buf_str(&second), "POST /told xxx"));
	buf_free(&first);
	buf_free(&second);
	settle(&fx);
	finish(&fx);
}

/* --- libcurl ---------------------------------------------------------- */

static void
post_once(void)
{
	const struct sender_result *r;
	void *state = NULL;
	struct bench *b;

	curl_global_init_mem(CURL_GLOBAL_DEFAULT, new_block, free, resize,
	    copy, new_zeroes);
	sender_setup(&state);
	b = state;
	armed = true;
	r = post_one(b, "/ok");		/* reports once, or fails the trial */
	armed = false;
	assert_true(r->status == 200 || r->error != NULL);
	r = post_one(b, "/ok");
	assert_int_equal(r->status, 200);
	sender_teardown(&state);
	curl_global_cleanup();
}

/* --- trials ----------------------------------------------------------- */

static int
trial(void (*act)(void), long n)
{
	pid_t child;
	int status;

	fflush(NULL);
	child = fork();
	assert_true(child != -1);
	if (child == 0) {
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		signal(SIGABRT, SIG_DFL);
		signal(SIGSEGV, SIG_DFL);
		alarm(TIMEOUT_S);
		nth = n;
		act();
		exit(calls < n ? NOT_HIT : 0);	/* leaks are looked for here */
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
sweep(const char *name, void (*act)(void), bool all_that_follow)
{
	const char *only = getenv("HEAPRELAY_NTH");
	long n = only != NULL ? strtol(only, NULL, 10) : 1, ended = 0, first = n;
	int status = 0;

	for_ever = all_that_follow;
	for (; n < MOST && (only == NULL || n == first); n++) {
		status = trial(act, n);
		if (status == NOT_HIT)
			break;
		if (status != 0 && status != EXIT_INTERNAL)
			fail_msg("HEAPRELAY_NTH=%ld repeats it: %s%s, status "
			    "%d", n, name, for_ever ? " for ever" : "",
			    status);
		ended += status != 0;
	}
	assert_true(n > first && n < MOST);
	print_message("%s%s: %ld trials, %ld ended the agent\n", name,
	    for_ever ? " for ever" : "", n - first, ended);
}

/* Not for ever: a libevent that alone has no memory tries to read again and
 * again, while the agent's own next request would have ended it. */
static void
answer_survives_a_refused_request_of_libevent(void **state)
{
	(void)state;
	sweep("libevent", answer_once, false);
}

static void
post_survives_a_refused_request_of_libcurl(void **state)
{
	(void)state;
	sweep("libcurl", post_once, false);
	sweep("libcurl", post_once, true);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_survives_a_refused_request_of_libevent),
		cmocka_unit_test(post_survives_a_refused_request_of_libcurl),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
