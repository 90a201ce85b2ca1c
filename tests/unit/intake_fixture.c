/*
 * intake_fixture.c - the ingest endpoints on loopback, turn by turn
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "intake_fixture.h"
#include "log.h"
#include "store.h"

#define PATIENCE	5000	/* looks, 1 ms apart, for one answer */
#define BODY_FACTOR	4	/* as the agent has it */

static void
listen_at(struct intake_fixture *f)
{
	struct http_settings s = {
		.name = "ingest", .request_timeout_ms = 10000,
		.max_connections = 100, .handler = intake_request,
		.early = intake_early, .error_body = intake_error_body,
		.arg = f->intake,
	};
	struct why why;

	s.max_body_bytes = BODY_FACTOR *
	    (size_t)f->accept->config->max_request_bytes;
	f->http = http_new(f->base);
	f->front = http_front(f->http, &s);
	if (http_listen(f->front, "127.0.0.1:0", &why) == -1)
		fail_msg("%s", why.text);
}

int
intake_fixture_setup(void **state)
{
	struct intake_fixture *f = xcalloc(1, sizeof(*f));
	void *accept;

	f->holder = holder_new();
	accept_fixture_setup_file(&accept);
	f->accept = accept;
	assert_true(queue_commit(f->accept->queue->q));
	clock_set(f->accept->queue->now);
	f->base = event_base_new();
	f->intake = intake_new(f->accept->queue->q, f->accept->acceptor,
	    f->accept->config);
	listen_at(f);
	*state = f;
	return 0;
}

int
intake_fixture_teardown(void **state)
{
	struct intake_fixture *f = *state;
	void *accept = f->accept;

	http_free(f->http);
	intake_free(f->intake);
	event_base_free(f->base);
	accept_fixture_teardown(&accept);
	holder_free(f->holder);
	buf_free(&f->answer);
	free(f);
	return 0;
}

void
intake_configure(struct intake_fixture *f, const char *text)
{
	struct config *old = f->accept->config;

	/* The old settings are kept until the intake has the new ones. */
	f->accept->config = NULL;
	assert_int_equal(queue_begin(f->accept->queue->q), QUEUE_READY);
	accept_configure(f->accept, text);
	assert_true(queue_commit(f->accept->queue->q));
	if (f->intake != NULL)
		intake_reload(f->intake, f->accept->acceptor,
		    f->accept->config);
	else
		f->intake = intake_new(f->accept->queue->q,
		    f->accept->acceptor, f->accept->config);
	config_free(old);
	http_free(f->http);
	listen_at(f);
}

void
intake_loop(struct intake_fixture *f)
{
	struct queue *q = f->accept->queue->q;
	bool durable;

	event_base_loop(f->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	f->wait = intake_turn(f->intake, clock_now());
	if (store_open_transaction(queue_store(q)))
		f->commits++;
	if (f->failing && store_open_transaction(queue_store(q)))
		store_fail(queue_store(q), "disk I/O error");
	durable = queue_commit(q);
	intake_ended(f->intake, durable);
	stat_settle(durable);
	http_release(f->http, durable);
}

void
pass(struct intake_fixture *f, int64_t ms)
{
	f->accept->queue->now.wall += ms;
	f->accept->queue->now.boot += ms;
	clock_set(f->accept->queue->now);
}

int
intake_send(struct intake_fixture *f, const char *line, const char *headers,
    const char *body, size_t len)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_port(f->front)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct buf request = BUF_INIT;
	size_t sent = 0;
	ssize_t n;

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	buf_printf(&request, "%s HTTP/1.1\r\nHost: localhost\r\n"
	    "Connection: close\r\n%s", line, headers);
	if (strcasestr(headers, "Transfer-Encoding") == NULL)
		buf_printf(&request, "Content-Length: %zu\r\n", len);
	buf_puts(&request, "\r\n");
	buf_put(&request, body, len);
	while (sent < request.len) {
		n = send(fd, request.p + sent, request.len - sent,
		    MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		else
			event_base_loop(f->base,
			    EVLOOP_ONCE | EVLOOP_NONBLOCK);
	}
	buf_free(&request);
	return fd;
}

/* Takes out the line that begins so. */
static void
drop_line(struct buf *b, const char *name)
{
	char *at = strstr(b->p, name), *end;

	if (at == NULL)
		return;
	end = strstr(at, "\r\n") + 2;
	memmove(at, end, strlen(end) + 1);
	b->len -= (size_t)(end - at);
}

const char *
intake_answer(struct intake_fixture *f, int fd)
{
	char part[4096];
	ssize_t n = -1;
	int looks;

	buf_reset(&f->answer);
	for (looks = 0; n != 0 && looks < PATIENCE; ) {
		intake_loop(f);
		n = recv(fd, part, sizeof(part), 0);
		if (n > 0) {
			buf_put(&f->answer, part, (size_t)n);
		} else if (n == -1) {
			poll(NULL, 0, 1);
			looks++;
		}
	}
	close(fd);
	if (n != 0)
		fail_msg("no answer, only: %s", buf_str(&f->answer));
	(void)buf_str(&f->answer);
	drop_line(&f->answer, "Date: ");
	drop_line(&f->answer, "Connection: close");
	return f->answer.p;
}

const char *
intake_ask(struct intake_fixture *f, const char *line, const char *headers,
    const char *body)
{
	return intake_answer(f, intake_send(f, line, headers, body,
	    strlen(body)));
}

const char *
intake_post(struct intake_fixture *f, const char *target, const char *body)
{
	char *line = xasprintf("POST %s", target);
	const char *answer = intake_ask(f, line, AUTH_SHOP, body);

	free(line);
	return answer;
}

void
assert_error(const char *answer, const char *status, const char *headers,
    const char *message)
{
	char *body = xasprintf("{\"errors\":[{\"code\":\"BAD_REQUEST\","
	    "\"message\":\"%s\"}]}", message);
	char *expected = xasprintf("HTTP/1.1 %s\r\nContent-Length: %zu\r\n"
	    "Content-Type: application/json\r\n%s\r\n%s", status,
	    strlen(body), headers, body);

	assert_string_equal(answer, expected);
	free(body);
	free(expected);
}
