/*
 * http_fixture.c - a server and its clients in one thread
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "http_fixture.h"
#include "log.h"

int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
on_gone(struct http_request *rq, void *arg)
{
	struct fixture *fx = arg;

	assert_ptr_equal(rq, fx->kept);
	fx->kept = NULL;
	fx->gone++;
}

void
echo(struct fixture *fx, struct http_request *rq, bool hold)
{
	struct buf text = BUF_INIT;
	struct http_answer a = { .status = 200, .content_type = "text/plain",
	    .headers = "X-Echo: yes\r\n" };
	const char *body;
	size_t len;

	body = http_body(rq, &len);
	buf_printf(&text, "%s %s ", http_method(rq), http_target(rq));
	buf_put(&text, body, len);
	a.body = text.p;
	a.body_len = text.len;
	assert_ptr_equal(http_request_front(rq), fx->front);
	if (hold)
		http_hold(rq, &a);
	else
		http_reply(rq, &a);
	buf_free(&text);
}

static void
on_request(struct http_request *rq, void *arg)
{
	static char zeroes[HUGE_BYTES];
	struct http_answer stream = { .status = 200,
	    .content_type = "text/event-stream" };
	struct http_answer huge = { .status = 200, .body = zeroes,
	    .body_len = sizeof(zeroes) };
	struct fixture *fx = arg;

	fx->handled++;
	switch (fx->mode) {
	case REPLY:
	case HOLD:
		echo(fx, rq, fx->mode == HOLD);
		break;
	case LATER:
		fx->kept = rq;
		break;
	case STREAM:
		fx->kept = rq;
		http_stream(rq, &stream, on_gone, fx);
		break;
	case HUGE_REPLY:
		http_reply(rq, &huge);
		break;
	}
}

static bool
on_head(struct http_request *rq, void *arg)
{
	struct http_answer a = { .status = 401 };
	struct fixture *fx = arg;

	if (!fx->refuse_early || http_header(rq, "authorization") != NULL)
		return false;
	http_reply(rq, &a);
	return true;
}

static void
error_body(int status, const char *message, struct buf *body,
    const char **content_type)
{
	*content_type = "application/json";
	buf_printf(body, "{\"status\":%d,\"message\":\"%s\"}", status, message);
}

void
start(struct fixture *fx, int64_t timeout_ms)
{
	struct http_settings settings = { .name = "test",
	    .max_body_bytes = MAX_BODY, .request_timeout_ms = timeout_ms,
	    .max_connections = MAX_OPEN, .handler = on_request,
	    .early = on_head, .error_body = error_body, .arg = fx };
	struct why why;

	log_open("test_http", LOG_WARN, LOG_LOGFMT);
	memset(fx, 0, sizeof(*fx));
	snprintf(fx->dir, sizeof(fx->dir), "test_http.XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	histogram_init_local(&fx->latency);
	settings.latency = &fx->latency;
	fx->base = event_base_new();
	fx->http = http_new(fx->base);
	fx->front = http_front(fx->http, &settings);
	if (http_listen(fx->front, "127.0.0.1:0", &why) == -1)
		fail_msg("%s", why.text);
}

void
finish(struct fixture *fx)
{
	http_free(fx->http);
	event_base_free(fx->base);
	assert_int_equal(rmdir(fx->dir), 0);
}

void
turn(struct fixture *fx)
{
	event_base_loop(fx->base, EVLOOP_NONBLOCK);
	if (fx->releasing)
		http_release(fx->http, true);
}

void
settle(struct fixture *fx)
{
	int i;

	for (i = 0; i < 8; i++)
		turn(fx);
}

int
dial(struct fixture *fx)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)http_port(fx->front)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

void
say(int fd, const char *text, size_t len)
{
	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

int
hear(int fd, struct buf *in)
{
	char block[65536];
	ssize_t n = recv(fd, block, sizeof(block), 0);

	if (n > 0) {
		buf_put(in, block, (size_t)n);
		return 1;
	}
	return n == -1 && errno == EAGAIN ? 0 : -1;
}

size_t
answer_length(struct buf *in)
{
	const char *text = buf_str(in), *end = strstr(text, "\r\n\r\n"), *p;
	size_t len;

	if (end == NULL)
		return 0;
	len = (size_t)(end - text) + 4;
	p = strstr(text, "Content-Length: ");
	if (p != NULL && p < end)
		len += strtoul(p + 16, NULL, 10);
	return len <= in->len ? len : 0;
}

char *
next_answer(struct fixture *fx, int fd, struct buf *in)
{
	int64_t give_up = now_ms() + PATIENCE_MS;
	char *answer;
	size_t len;

	while ((len = answer_length(in)) == 0) {
		turn(fx);
		if (hear(fd, in) == -1)
			fail_msg("closed after \"%s\"", buf_str(in));
		if (now_ms() > give_up)
			fail_msg("no answer after \"%s\"", buf_str(in));
	}
	answer = xstrndup(in->p, len);
	memmove(in->p, in->p + len, in->len - len);
	buf_cut(in, in->len - len);
	return answer;
}

void
await_close(struct fixture *fx, int fd, struct buf *in)
{
	int64_t give_up = now_ms() + PATIENCE_MS;

	while (hear(fd, in) != -1) {
		turn(fx);
		if (now_ms() > give_up)
			fail_msg("not closed after \"%s\"", buf_str(in));
	}
}

int
status_of(const char *answer)
{
	if (strncmp(answer, "HTTP/1.1 ", 9) != 0)
		fail_msg("not an answer: \"%s\"", answer);
	return atoi(answer + 9);
}

const char *
body_of(const char *answer)
{
	return strstr(answer, "\r\n\r\n") + 4;
}

void
expect(struct fixture *fx, int fd, struct buf *in, int status,
    const char *body)
{
	char *answer = next_answer(fx, fd, in);

	if (status_of(answer) != status)
		fail_msg("not %d: \"%s\"", status, answer);
	if (body != NULL)
		assert_string_equal(body_of(answer), body);
	free(answer);
}

void
expect_text(const char *answer, const char *part)
{
	if (strstr(answer, part) == NULL)
		fail_msg("no \"%s\" in \"%s\"", part, answer);
}

void
expect_no_text(const char *answer, const char *part)
{
	if (strstr(answer, part) != NULL)
		fail_msg("\"%s\" in \"%s\"", part, answer);
}

void
drip(struct fixture *fx, int fd, const char *bytes, struct buf *in)
{
	int64_t give_up = now_ms() + PATIENCE_MS, next = now_ms();
	int heard;

	while ((heard = hear(fd, in)) != -1 && now_ms() < give_up) {
		turn(fx);
		poll(NULL, 0, 1);
		if (now_ms() < next)
			continue;
		next = now_ms() + SHORT_MS / 6;
		(void)send(fd, bytes, 1, MSG_NOSIGNAL);
		if (bytes[1] != '\0')
			bytes++;
	}
	if (heard != -1)
		fail_msg("a dripping client is still connected");
}
