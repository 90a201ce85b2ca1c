/*
 * fuzz_admin.c - any target and any body at the admin API, with a database
 *
 * The first line of an input is METHOD and TARGET, the rest is the body.  It
 * is asked with the token, by who may do everything.  Whatever comes back is
 * one well-formed answer, JSON where it says so, and no fault of ours: of the
 * 5xx only 503.  A bench that was asked to write something is replaced, so
 * that each input finds the same one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "../unit/admin_fixture.h"
#include "fuzz.h"
#include "http_private.h"
#include "log.h"

#define TURNS	2000	/* without an end: there will be none */
#define QUIET	20	/* turns without a byte: a stream says no more */

static struct bench *bench;

/* Events in several states, so that there is something to find. */
static void
set_up(void)
{
	void *state;
	int64_t event, request;

	signal(SIGPIPE, SIG_IGN);
	bench_setup(&state);
	bench = state;
	bench->reload_changed = bench->reload_wrong = "";
	event = bench_put(bench, "First", "");
	request = bench_attempt(bench, event, 0, 503, NULL);
	bench_attempt(bench, event, request, 400, "refused");
	bench_put(bench, "Second", ",\"user_identities\":"
	    "{\"email\":\"a@example.com\"}");
	bench_put(bench, "Third", ",\"environment\":\"development\"");
}

static void
tear_down(void)
{
	void *state = bench;

	if (bench != NULL)
		bench_teardown(&state);
	bench = NULL;
}

/* What would write files anywhere: the one route that takes a path. */
static bool
is_harmful(const char *line, const char *body, size_t len)
{
	return strstr(line, "/v1/backup") != NULL &&
	    (memchr(body, '/', len) != NULL ||
	    memchr(body, '\\', len) != NULL);
}

/* Reads what there is; false: the server has closed. */
static bool
hear(int fd, struct buf *in, size_t *quiet)
{
	char block[4096];
	ssize_t n = recv(fd, block, sizeof(block), MSG_DONTWAIT);

	if (n > 0) {
		buf_put(in, block, (size_t)n);
		*quiet = 0;
	}
	return n != 0 && (n > 0 || errno == EAGAIN);
}

static bool
is_stream(struct buf *in)
{
	return in->len > 0 &&
	    strstr(buf_str(in), "text/event-stream") != NULL;
}

/* Sends the request and turns until the answer has ended. */
static void
converse(const struct buf *request, struct buf *in)
{
	size_t sent = 0, turns = 0, quiet = 0;
	bool open = true;
	ssize_t n;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == -1 ||
	    fcntl(fd[1], F_SETFL, O_NONBLOCK) == -1)
		fatal(1, "fuzz_admin: no socket pair");
	http_conn_open(bench->front, fd[1]);
	while (open) {
		n = send(fd[0], request->p + sent, request->len - sent,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		event_base_loop(bench->base, EVLOOP_NONBLOCK);
		bench_turn(bench);
		open = hear(fd[0], in, &quiet);
		if (turns++ == TURNS)
			bug("fuzz_admin: no answer");
		if (quiet++ >= QUIET && is_stream(in))
			break;
	}
	close(fd[0]);
	while (http_connections(bench->front) > 0 && turns++ < TURNS) {
		event_base_loop(bench->base, EVLOOP_NONBLOCK);
		bench_turn(bench);
	}
}

static void
check_body(const char *head, int status, const char *body, size_t len)
{
	struct json *json;
	struct why why;

	if (strstr(head, "\r\nContent-Type: application/") == NULL ||
	    strstr(head, "json") == NULL)
		return;
	json = json_parse(body, len, &why);
	if (json == NULL)
		bug("fuzz_admin: no JSON, %s: %.*s", why.text, (int)len, body);
	if (strstr(head, "application/problem+json") != NULL) {
		const char *s = json_literal(json_get(json_root(json),
		    "status"));

		if (s == NULL || atoi(s) != status || status < 400 ||
		    json_text(json_get(json_root(json), "code")) == NULL)
			bug("fuzz_admin: a problem that is none: %s", body);
	}
	json_free(json);
}

/* The status. */
static int
check_answer(struct buf *in, bool head_only)
{
	const char *text = buf_str(in), *end = strstr(text, "\r\n\r\n");
	const char *length;
	size_t body;
	char *head;
	int status;

	if (end == NULL || sscanf(text, "HTTP/1.1 %d ", &status) != 1)
		bug("fuzz_admin: no answer: %s", text);
	if (status < 200 || (status >= 500 && status != 503))
		bug("fuzz_admin: status %d: %s", status, end);
	head = xstrndup(text, (size_t)(end - text) + 2);
	length = strstr(head, "\r\nContent-Length: ");
	end += 4;
	body = in->len - (size_t)(end - text);
	/* Of a head that cannot be read, the method is not known. */
	if (head_only ? body != 0 && status != 400 : length != NULL &&
	    strtoul(length + 18, NULL, 10) != body)
		bug("fuzz_admin: a body of %zu bytes: %s", body, text);
	if (!head_only && !is_stream(in))
		check_body(head, status, end, body);
	free(head);
	return status;
}

static void
ask(const char *line, size_t line_len, const char *body, size_t len)
{
	struct buf request = BUF_INIT, in = BUF_INIT;
	bool reads = strncmp(line, "GET ", 4) == 0 ||
	    strncmp(line, "HEAD ", 5) == 0;
	int status;

	if (bench == NULL) {
		set_up();
		atexit(tear_down);
	}
	buf_put(&request, line, line_len);
	buf_printf(&request, " HTTP/1.1\r\nHost: localhost\r\n"
	    "Connection: close\r\nAuthorization: Bearer %s\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	    bench->token, len);
	buf_put(&request, body, len);
	converse(&request, &in);
	status = check_answer(&in, strncmp(line, "HEAD ", 5) == 0);
	buf_free(&request);
	buf_free(&in);
	if (!reads && status < 400) {
		tear_down();
		set_up();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *p = (const char *)bytes;
	const char *nl = len > 0 ? memchr(p, '\n', len) : NULL;
	size_t line_len = nl != NULL ? (size_t)(nl - p) : len;
	const char *body = nl != NULL ? nl + 1 : p + len;
	size_t body_len = len - (size_t)(body - p);
	char *line;

	/* What is no request line is fuzz_head's; a bare CR or NUL too. */
	if (line_len == 0 || memchr(p, '\r', line_len) != NULL ||
	    memchr(p, '\0', line_len) != NULL)
		return 0;
	line = xstrndup(p, line_len);
	if (!is_harmful(line, body, body_len))
		ask(line, line_len, body, body_len);
	free(line);
	return 0;
}
