/*
 * fuzz_admin.c - any target and any body at the admin API, with a database
 *
 * The first line of an input is METHOD and TARGET, the rest is the body.  It
 * is asked with the token, by who may do everything.  Whatever comes back is
 * one well-formed answer, JSON where it says so, and no fault of ours: of the
 * 5xx only 503.  A bench that was asked to write something is replaced, so
 * that each input finds the same one.
 *
 * A copy of the database goes where it is told, which is anywhere: the linker
 * puts this file's queue_copy_new before the queue's, and that has a directory
 * of its own for the root.  In it there is what was asked for, whole, if it
 * was promised, and nothing else that was not there before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "../unit/admin_fixture.h"
#include "../unit/scratch_fixture.h"
#include "fuzz.h"
#include "http_private.h"
#include "log.h"

#define TURNS	2000	/* without an end: there will be none */
#define QUIET	20	/* turns without a byte: a stream says no more */

#define PROOF_MS	10000	/* a copy that is not whole by then never is */

static struct bench *bench;

/* --- where copies go -------------------------------------------------- */

static char	*root;		/* for all paths of copies */
static char	*asked;		/* below it: what the input asked for; or NULL */
static size_t	 furniture;	/* files and directories that were there */
static size_t	 counted;
static bool	 copying;

struct queue_copy *__real_queue_copy_new(struct queue *, const char *,
    int64_t, int64_t, struct why *);
struct queue_copy *__wrap_queue_copy_new(struct queue *, const char *,
    int64_t, int64_t, struct why *);
void	__real_queue_copy_free(struct queue_copy *);
void	__wrap_queue_copy_free(struct queue_copy *);

static bool
leads_out(const char *file)
{
	const char *p;

	for (p = strstr(file, ".."); p != NULL; p = strstr(p + 1, ".."))
		if (p[-1] == '/' && (p[2] == '/' || p[2] == '\0'))
			return true;
	return false;
}

/* As many slashes are in front as were, since a parser may mind. */
struct queue_copy *
__wrap_queue_copy_new(struct queue *q, const char *file, int64_t spare,
    int64_t now, struct why *why)
{
	size_t slashes = strspn(file, "/");
	struct queue_copy *copy;

	if (slashes == 0)
		bug("fuzz_admin: a path that is not absolute: %s", file);
	if (leads_out(file)) {
		why_set(why, "it may lead out of %s", root);
		return NULL;
	}
	asked = xasprintf("%.*s%s/%s", (int)slashes - 1, file, root,
	    file + slashes);
	copy = __real_queue_copy_new(q, asked, spare, now, why);
	copying = copy != NULL;
	return copy;
}

void
__wrap_queue_copy_free(struct queue_copy *copy)
{
	copying = false;
	__real_queue_copy_free(copy);
}

static int
count(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path, (void)st, (void)type, (void)at;
	counted++;
	return 0;
}

static size_t
count_root(void)
{
	counted = 0;
	if (nftw(root, count, 8, FTW_PHYS) == -1)
		fatal(1, "fuzz_admin: %s cannot be read", root);
	return counted;
}

/* What a copy may meet: a file, links to it and to nowhere, a directory, and
 * the name that it has until it is whole, taken in either way. */
static void
furnish_root(void)
{
	static const char *const links[][2] = {
		{ "there", "link" }, { "victim", "nowhere" },
		{ "victim", "b.partial" },
	};
	static const char *const files[] = { "there", "a.partial" };
	size_t i;
	int fd, at;

	root = scratch_make();
	at = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at == -1 || mkdirat(at, "d", 0700) == -1)
		fatal(1, "fuzz_admin: no directory");
	for (i = 0; i < HR_COUNT(files); i++) {
		fd = openat(at, files[i], O_CREAT | O_WRONLY, 0600);
		if (fd == -1 || close(fd) == -1)
			fatal(1, "fuzz_admin: no file");
	}
	for (i = 0; i < HR_COUNT(links); i++)
		if (symlinkat(links[i][0], at, links[i][1]) == -1)
			fatal(1, "fuzz_admin: no link");
	close(at);
	furniture = count_root();
}

static int
take_away(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void
clear_root(void)
{
	if (nftw(root, take_away, 8, FTW_PHYS | FTW_DEPTH) == -1)
		fatal(1, "fuzz_admin: %s cannot be removed", root);
	free(root);
}

/* Until the copy is whole or given up. */
static void
end_copy(void)
{
	const struct timespec ts = { 0, 1000000 };
	int ms;

	for (ms = 0; copying && ms < PROOF_MS; ms++) {
		bench_turn(bench);
		nanosleep(&ts, NULL);
	}
	if (copying)
		bug("fuzz_admin: a copy without an end: %s", asked);
}

/* What came of it, if one was asked for. */
static void
check_copy(bool promised)
{
	struct stat st;

	end_copy();
	if (asked != NULL && promised) {
		if (lstat(asked, &st) == -1 || !S_ISREG(st.st_mode) ||
		    st.st_size == 0 || st.st_nlink != 1)
			bug("fuzz_admin: there is no copy: %s", asked);
		(void)unlink(asked);
	}
	if (count_root() != furniture)
		bug("fuzz_admin: something is left beside %s", asked != NULL ?
		    asked : root);
	free(asked);
	asked = NULL;
}

/* --- the bench -------------------------------------------------------- */

/* Events in several states, so that there is something to find. */
static void
set_up(void)
{
	void *state;
	int64_t event, request;

	signal(SIGPIPE, SIG_IGN);
	furnish_root();
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

	if (bench == NULL)
		return;
	bench_teardown(&state);
	clear_root();
	bench = NULL;
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
	check_copy(status == 202);
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
	ask(line, line_len, body, body_len);
	free(line);
	return 0;
}
