/*
 * live_fixture.c - what the tests of the live stream share
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "live_fixture.h"

#define SETTLE		8	/* turns for what is under way on loopback */

int64_t
turn(struct bench *b)
{
	bool durable;

	event_base_loop(b->base, EVLOOP_NONBLOCK);
	admin_turn(b->admin, b->now);
	if (b->fail_commits)
		queue_rollback(b->queue);
	durable = !b->fail_commits && queue_commit(b->queue);
	live_committed(b->live, b->now.wall);
	http_release(b->http, durable);
	return live_turn(b->live, b->dispatch, b->now);
}

void
settle(struct bench *b)
{
	int i;

	for (i = 0; i < SETTLE; i++)
		turn(b);
}

void
hear(struct reader *r)
{
	char block[65536];
	ssize_t n;

	while ((n = recv(r->fd, block, sizeof(block), 0)) > 0)
		buf_put(&r->in, block, (size_t)n);
	r->closed |= n == 0 || errno != EAGAIN;
}

/* Takes so many bytes out of what came. */
static void
drop(struct reader *r, size_t n)
{
	memmove(r->in.p, r->in.p + n, r->in.len - n);
	buf_cut(&r->in, r->in.len - n);
}

void
begin_reading(struct reader *r, struct bench *b, const char *query,
    const char *token)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)http_port(b->front)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char *request = xasprintf("GET /v1/live%s HTTP/1.1\r\n"
	    "Host: localhost\r\nAuthorization: Bearer %s\r\n\r\n", query,
	    token);
	int small = 4096;

	memset(r, 0, sizeof(*r));
	r->bench = b;
	r->fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(r->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(connect(r->fd, (struct sockaddr *)&to, sizeof(to)),
	    0);
	fcntl(r->fd, F_SETFL, O_NONBLOCK);
	assert_int_equal(send(r->fd, request, strlen(request), 0),
	    strlen(request));
	free(request);
	settle(b);
}

void
expect_head(struct reader *r, const char *line)
{
	const char *end;

	hear(r);
	end = strstr(buf_str(&r->in), "\r\n\r\n");
	if (end == NULL || strncmp(r->in.p, line, strlen(line)) != 0)
		fail_msg("no %s: %s", line, buf_str(&r->in));
	drop(r, (size_t)(end - r->in.p) + 4);
}

/* The stream begins with its place. */
static void
expect_place(struct reader *r)
{
	const char *text = buf_str(&r->in), *end = strstr(text, "\n\n");
	long long id;

	if (end == NULL || sscanf(text, "id: %lld\n", &id) != 1)
		fail_msg("no place: %s", text);
	r->id = id;
	drop(r, (size_t)(end - text) + 2);
}

void
open_reader(struct reader *r, struct bench *b, const char *query)
{
	begin_reading(r, b, query, b->token);
	expect_head(r, "HTTP/1.1 200 OK\r\n");
	expect_place(r);
}

void
close_reader(struct reader *r)
{
	close(r->fd);
	buf_free(&r->in);
	buf_free(&r->value);
	json_free(r->json);
	settle(r->bench);
}

bool
next_line(struct reader *r)
{
	const char *text, *end, *json;
	long long id = 0;

	hear(r);
	text = buf_str(&r->in);
	end = strstr(text, "\n\n");
	if (end == NULL)
		return false;
	json_free(r->json);
	r->json = NULL;
	r->event[0] = '\0';
	if (sscanf(text, "event: %31s\nid: %lld\ndata: ", r->event, &id) == 2) {
		assert_true(id > r->id);
		r->id = id;
		json = strstr(text, "data: ") + 6;
		r->json = json_parse(json, (size_t)(end - json), NULL);
		assert_non_null(r->json);
	} else {
		assert_int_equal(text[0], ':');
	}
	drop(r, (size_t)(end - text) + 2);
	return true;
}

void
expect_line(struct reader *r, const char *event)
{
	do {
		if (!next_line(r))
			fail_msg("no line, but %s", event);
	} while (r->event[0] == '\0');
	assert_string_equal(r->event, event);
}

void
expect_nothing(struct reader *r)
{
	settle(r->bench);
	if (next_line(r))
		fail_msg("a line that nobody expects: %s", r->event);
}

const char *
member(struct reader *r, const char *path)
{
	const cJSON *value = json_root(r->json);
	char name[64];
	size_t len;

	for (; value != NULL && *path != '\0';
	    path += len + (path[len] == '.')) {
		len = strcspn(path, ".");
		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		value = cJSON_GetObjectItemCaseSensitive(value, name);
	}
	buf_reset(&r->value);
	if (value != NULL)
		json_put(&r->value, value);
	return buf_str(&r->value);
}

void
expect_members(struct reader *r, const struct rule *rules, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(member(r, rules[i].path), rules[i].json) != 0)
			fail_msg("%s is %s, not %s", rules[i].path,
			    buf_str(&r->value), rules[i].json);
}
