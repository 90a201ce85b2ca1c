/*
 * fuzz_http.c - any bytes on a connection, in one piece and in many
 *
 * The real server reads them from a socket pair and echoes what it took for
 * requests, so that every answer tells how its bytes were framed.  Each
 * answer is well formed, the connection ends once the client has ended, and
 * bytes mean the same however they are cut.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "fuzz.h"
#include "http_private.h"
#include "log.h"

#define TURNS		64	/* with nothing to do: it will never end */
#define MAX_BODY	4096

static struct event_base *base;
static struct http *http;
static struct http_front *front;

/* --- the server ------------------------------------------------------- */

static void
on_gone(struct http_request *r, void *arg)
{
	(void)r;
	(void)arg;
}

static void
stream_twice(struct http_request *r)
{
	const struct http_answer head = { .status = 200,
	    .content_type = "text/event-stream" };

	http_stream(r, &head, on_gone, NULL);
	http_stream_put(r, "data: 1\n\n", 9, 1000);
	http_stream_end(r);
}

/* The method says how it is answered. */
static void
on_request(struct http_request *r, void *arg)
{
	struct http_answer a = { .status = 200, .content_type = "text/plain" };
	struct buf echo = BUF_INIT;
	const char *body;
	size_t len, i;

	(void)arg;
	body = http_body(r, &len);
	buf_printf(&echo, "%s %s ", http_method(r), http_target(r));
	/* In hex, so that no body looks like the head of an answer. */
	for (i = 0; i < len; i++)
		buf_printf(&echo, "%02x", (unsigned char)body[i]);
	a.body = echo.p;
	a.body_len = echo.len;
	if (strcmp(http_method(r), "PUT") == 0)
		http_hold(r, &a);
	else if (strcmp(http_method(r), "STREAM") == 0)
		stream_twice(r);
	else
		http_reply(r, &a);
	buf_free(&echo);
}

/* One path is refused before its body is read. */
static bool
on_head(struct http_request *r, void *arg)
{
	const struct http_answer a = { .status = 401, .content_type =
	    "text/plain", .body = "no", .body_len = 2 };

	(void)arg;
	if (strcmp(http_target(r), "/no") != 0)
		return false;
	http_reply(r, &a);
	return true;
}

static void
on_error(int status, const char *message, struct buf *body,
    const char **content_type)
{
	*content_type = "text/plain";
	buf_printf(body, "%d %s", status, message);
}

static void
start_once(void)
{
	const struct http_settings s = { .name = "fuzz",
	    .max_body_bytes = MAX_BODY, .request_timeout_ms = 60000,
	    .max_connections = 4, .handler = on_request, .early = on_head,
	    .error_body = on_error };

	if (base != NULL)
		return;
	signal(SIGPIPE, SIG_IGN);
	log_open("fuzz_http", LOG_ERROR, LOG_LOGFMT);
	base = event_base_new();
	http = http_new(base);
	front = http_front(http, &s);
}

/* --- the client ------------------------------------------------------- */

static void
turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
	http_release(http, true);
}

/* Reads what there is; false: the server has closed. */
static bool
hear(int fd, struct buf *in, size_t *idle)
{
	char block[4096];
	ssize_t n = recv(fd, block, sizeof(block), MSG_DONTWAIT);

	if (n > 0) {
		buf_put(in, block, (size_t)n);
		*idle = 0;
	}
	return n != 0 && (n > 0 || errno == EAGAIN);
}

/* Sends the bytes in pieces of `step`, then ends; what came back. */
static void
converse(const char *p, size_t len, size_t step, struct buf *in)
{
	size_t n, idle = 0;
	bool open = true;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == -1 ||
	    fcntl(fd[1], F_SETFL, O_NONBLOCK) == -1)
		fatal(1, "fuzz_http: no socket pair");
	http_conn_open(front, fd[1]);
	for (; len > 0 && open; p += n, len -= n) {
		n = len < step ? len : step;
		if (send(fd[0], p, n, MSG_NOSIGNAL) != (ssize_t)n)
			break;
		turn();
		open = hear(fd[0], in, &idle);
	}
	shutdown(fd[0], SHUT_WR);
	while (open) {
		if (idle++ == TURNS)
			bug("fuzz_http: the connection does not end");
		turn();
		open = hear(fd[0], in, &idle);
	}
	close(fd[0]);
	turn();
	if (http_connections(front) != 0 || http_held(http) != 0)
		bug("fuzz_http: something is left of the connection");
}

/* --- what came back --------------------------------------------------- */

static void
take_out(struct buf *b, char *from, char *to)
{
	memmove(from, to, b->len - (size_t)(to - b->p));
	b->len -= (size_t)(to - from);
}

/*
 * Takes out what is of no input's making: each Date, and the interim answer,
 * which is sent only if the body is not there yet.
 */
static void
drop_passing(struct buf *in)
{
	static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const size_t n = sizeof(interim) - 1;
	char *line, *end;

	while (in->len > 0 && (line = memmem(in->p, in->len, "\r\nDate: ",
	    8)) != NULL) {
		end = memmem(line + 2, in->len - (size_t)(line + 2 - in->p),
		    "\r\n", 2);
		if (end == NULL)
			bug("fuzz_http: a head ends in its Date");
		take_out(in, line, end);
	}
	while (in->len > 0 && (line = memmem(in->p, in->len, interim, n)) !=
	    NULL)
		take_out(in, line, line + n);
}

/* The answer at the start; its length. */
static size_t
check_answer(const char *p, size_t len)
{
	const char *end = memmem(p, len, "\r\n\r\n", 4), *length;
	size_t head, body = 0;
	int status;
	char *text;

	if (end == NULL)
		bug("fuzz_http: an answer without an end of its head");
	head = (size_t)(end - p) + 4;
	text = xstrndup(p, head);
	if (strlen(text) != head ||
	    sscanf(text, "HTTP/1.1 %d ", &status) != 1)
		bug("fuzz_http: no status line: %s", text);
	length = strstr(text, "\r\nContent-Length: ");
	if (length != NULL)
		body = strtoul(length + 18, NULL, 10);
	else if (status >= 200)
		body = len - head;	/* a stream, up to the end */
	free(text);
	return head + body;
}

/* Answers to HEAD have a length and no body; so the last answer of those
 * bytes that ask for one may seem cut off. */
static void
check_answers(const struct buf *in, bool has_head)
{
	size_t at, n;

	for (at = 0; at < in->len && !has_head; at += n) {
		n = check_answer(in->p + at, in->len - at);
		if (n > in->len - at)
			bug("fuzz_http: an answer is cut off: %.*s",
			    (int)(in->len - at), in->p + at);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *p = (const char *)bytes;
	struct buf whole = BUF_INIT, cut = BUF_INIT;
	size_t step = len / 7 + 1;

	start_once();
	converse(p, len, len, &whole);
	converse(p, len, step, &cut);
	drop_passing(&whole);
	drop_passing(&cut);
	if (whole.len != cut.len ||
	    (whole.len > 0 && memcmp(whole.p, cut.p, whole.len) != 0))
		bug("fuzz_http: in pieces of %zu bytes it is answered\n%s\n"
		    "instead of\n%s", step, buf_str(&cut), buf_str(&whole));
	check_answers(&whole, memmem(p, len, "HEAD", 4) != NULL);
	buf_free(&whole);
	buf_free(&cut);
	return 0;
}
