/*
 * admin_fixture.c - what the tests of the admin API share
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
#include <netinet/in.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "admin_fixture.h"
#include "log.h"
#include "scratch_fixture.h"

#define LIMIT_S	10	/* an answer that takes longer does not come */

static uint64_t
no_jitter(void)
{
	return 0;
}

char *
bench_settings(const struct bench *b, const char *output_settings)
{
	return xasprintf("[agent]\ndatabase = %s/queue.db\n"
	    "[admin]\nhosts = relay.example\nread_token_file = read.token\n"
	    "[output %s]\napp_id = 7\nbase_url = http://127.0.0.1:1\n%s\n"
	    "[input sf]\nkey = k\nsecret = s\n", b->directory,
	    b->output_name, output_settings);
}

static struct config *
make_config(struct bench *b, const char *output_settings)
{
	char *text = bench_settings(b, output_settings);
	struct why why;
	struct config *c = config_parse(text, strlen(text), "test.conf", &why);

	if (c == NULL)
		fail_msg("%s", why.text);
	free(text);
	return c;
}

struct admin_parts
bench_parts(struct bench *b)
{
	struct admin_parts p = {
		.http = b->http,
		.queue = b->queue,
		.inspect = b->inspect,
		.profiles = b->profiles,
		.acceptor = b->acceptor,
		.intake = b->intake,
		.dispatch = b->dispatch,
		.jobs = b->jobs,
		.backup = b->backup,
		.erase = b->erase,
		.live = b->live,
		.outputs = &b->outputs,
		.config = b->config,
		.ingest_latency = &b->ingest_latency,
		.commit_duration = &b->commit_duration,
		.turn_duration = &b->turn_duration,
		.started_at = NOW - 5000,
		/* The clock was stepped since. */
		.started_boot = b->now.boot - 7000,
	};

	return p;
}

static void
open_queue(struct bench *b)
{
	struct why why;

	assert_int_equal(queue_open(&b->queue, b->config->database, 0600,
	    &why), 0);
	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	b->profiles = profile_new(queue_store(b->queue), "secret", 6,
	    b->config->priority, b->config->priority_n);
	outputs_make(&b->outputs, b->config, b->queue);
	b->dispatch = dispatch_new(b->base, b->queue, no_jitter);
	dispatch_configure(b->dispatch, &b->outputs, b->now);
	assert_true(queue_commit(b->queue));
	assert_int_equal(inspect_open(&b->inspect, queue_store(b->queue),
	    &why), 0);
	/* A busy machine is no reason to fail. */
	inspect_set_patience(b->inspect, 10000);
}

static void
open_front(struct bench *b)
{
	struct http_settings s = {
		.name = "admin", .max_body_bytes = 100000,
		.request_timeout_ms = LIMIT_S * 1000,
		.max_connections = 2 * LIVE_READERS,
		.handler = admin_request, .early = admin_early,
		.error_body = admin_error_body,
	};
	struct admin_parts p;
	struct why why;

	b->http = http_new(b->base);
	p = bench_parts(b);
	b->admin = admin_new(&p, &why);
	if (b->admin == NULL)
		fail_msg("%s", why.text);
	s.arg = b->admin;
	b->front = http_front(b->http, &s);
	assert_int_equal(http_listen(b->front, "127.0.0.1:0", &why), 0);
}

static char *
read_line(const char *path)
{
	char line[200];
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return xstrdup(line);
}

int
bench_setup(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));

	log_open("test", LOG_ERROR, LOG_LOGFMT);
	b->now = (struct moment){ NOW, 5000000 };
	clock_set(b->now);
	histogram_init_local(&b->ingest_latency);
	histogram_init_local(&b->commit_duration);
	histogram_init_local(&b->turn_duration);
	b->output_name = "heap";
	b->directory = scratch_make();
	b->base = event_base_new();
	b->config = make_config(b, "");
	open_queue(b);
	b->acceptor = acceptor_new(b->queue, b->profiles, b->config,
	    &b->outputs, NULL);
	b->intake = intake_new(b->queue, b->acceptor, b->config);
	b->jobs = jobs_new(b->queue, b->acceptor);
	b->backup = backup_new(b->queue);
	b->erase = erase_new(b->queue, b->dispatch, b->now);
	b->live = live_new(b->inspect, BENCH_LINES, 0);
	queue_watch(b->queue, live_seen, live_undone, b->live);
	open_front(b);
	b->token = read_line(b->config->token_file);
	b->read_token = read_line(b->config->read_token_file);
	*state = b;
	return 0;
}

int
bench_teardown(void **state)
{
	struct bench *b = *state;

	dispatch_free(b->dispatch);
	erase_stop(b->erase);
	http_free(b->http);
	admin_free(b->admin);
	jobs_free(b->jobs);
	backup_free(b->backup);
	erase_free(b->erase);
	intake_free(b->intake);
	acceptor_free(b->acceptor);
	inspect_close(b->inspect);
	profile_free(b->profiles);
	outputs_free(&b->outputs);
	queue_close(b->queue);
	live_free(b->live);
	event_base_free(b->base);
	config_free(b->config);
	scratch_remove(b->directory);
	json_free(b->json);
	buf_free(&b->answer);
	buf_free(&b->value);
	free(b->token);
	free(b->read_token);
	free(b);
	return 0;
}

void
bench_reload(struct bench *b, const char *output_settings)
{
	struct acceptor *old_acceptor = b->acceptor;
	struct outputs old_outputs = b->outputs;
	struct config *old = b->config;
	struct admin_parts p;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	b->config = make_config(b, output_settings);
	outputs_make(&b->outputs, b->config, b->queue);
	b->acceptor = acceptor_new(b->queue, b->profiles, b->config,
	    &b->outputs, NULL);
	intake_reload(b->intake, b->acceptor, b->config);
	jobs_reload(b->jobs, b->acceptor);
	dispatch_configure(b->dispatch, &b->outputs, b->now);
	p = bench_parts(b);
	admin_reload(b->admin, &p);
	assert_true(queue_commit(b->queue));
	acceptor_free(old_acceptor);
	outputs_free(&old_outputs);
	config_free(old);
}

int64_t
bench_put(struct bench *b, const char *name, const char *more)
{
	char *body = xasprintf("{\"mpid\":12,\"events\":[{\"event_type\":"
	    "\"custom_event\",\"data\":{\"event_name\":\"%s\","
	    "\"custom_event_type\":\"other\",\"timestamp_unixtime_ms\":"
	    "%lld,\"custom_attributes\":{\"price\":1.50}}}]%s}", name,
	    (long long)NOW, more);
	struct buf errors = BUF_INIT;
	struct queue_found f;
	int64_t id = 0;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	assert_int_equal(accept_body(b->acceptor, &b->config->inputs[0],
	    MP_EVENTS, body, strlen(body), NOW, &errors), 1);
	assert_true(queue_commit(b->queue));
	while (queue_find(b->queue, id + 1, &f))
		id++;
	buf_free(&errors);
	free(body);
	return id;
}

int64_t
bench_attempt(struct bench *b, int64_t event, int64_t parent, int status,
    const char *stuck)
{
	struct queue_claimed claimed = { .event = event, .objects = 1 };
	struct queue_claim c = { .lane = b->outputs.o[0].ids.lane[HEAP_TRACK],
	    .app = b->outputs.o[0].ids.app, .form = HEAP_FLAT, .objects = 1,
	    .bytes = 99, .parent = parent, .events = &claimed, .events_n = 1 };
	struct queue_end e = { .lane = c.lane, .kind = HEAP_TRACK,
	    .status = status, .verdict = "later",
	    .error = status == 0 ? "timeout" : NULL,
	    .answer = status != 0 ? "no, \"thanks\"" : NULL,
	    .ended = { NOW + 30, b->now.boot + 30 } };
	struct queue_found f;

	assert_int_equal(queue_begin(b->queue), QUEUE_READY);
	assert_true(queue_find(b->queue, event, &f));
	claimed.identity = f.identity;
	e.request = queue_claim(b->queue, &c, b->now);
	queue_end(b->queue, &e);
	assert_int_equal(stuck != NULL ? queue_stuck(b->queue, &e, stuck) :
	    queue_back(b->queue, &e, b->due_at), 1);
	assert_true(queue_commit(b->queue));
	return e.request;
}

/* What is planned now; it leaves at once. */
static void
plan(struct bench *b)
{
	dispatch_plan(b->dispatch, b->now);
	assert_true(queue_commit(b->queue));
	dispatch_launch(b->dispatch, true);
}

void
bench_fail_requests(struct bench *b, size_t n)
{
	for (; n > 0; n--) {
		b->now.wall += 600000;
		b->now.boot += 600000;
		clock_set(b->now);
		plan(b);
		assert_int_equal(dispatch_flights(b->dispatch), 1);
		while (dispatch_flights(b->dispatch) > 0) {
			event_base_loop(b->base, EVLOOP_ONCE);
			plan(b);
		}
	}
}

/* --- HTTP ------------------------------------------------------------- */

struct client {
	struct bench	*bench;
	bool		 ended;
};

static void
on_end(struct bufferevent *bev, short what, void *arg)
{
	struct client *c = arg;

	(void)bev;
	if (!(what & BEV_EVENT_CONNECTED))
		c->ended = true;
}

static void
on_limit(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	(void)fd;
	(void)what;
	c->ended = true;
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

bool
bench_turn(struct bench *b)
{
	int64_t wait, after;
	bool durable;

	if (admin_wants_reload(b->admin))
		admin_reloaded(b->admin, b->now, b->reload_end,
		    b->reload_changed, b->reload_wrong);
	wait = admin_turn(b->admin, b->now);
	wait = least(wait, erase_turn(b->erase, b->now, false));
	wait = least(wait, backup_turn(b->backup, b->now));
	if (b->fail_commits)
		queue_rollback(b->queue);
	durable = !b->fail_commits && queue_commit(b->queue);
	erase_ended(b->erase, durable, b->now);
	backup_ended(b->backup, durable);
	live_committed(b->live, b->now.wall);
	http_release(b->http, durable);
	wait = least(wait, erase_purge(b->erase, b->now));
	wait = least(wait, backup_slice(b->backup, b->now, false));
	dispatch_launch(b->dispatch, durable);
	after = admin_after(b->admin, b->now);
	if (after < wait)
		wait = after;
	live_turn(b->live, b->dispatch, b->now);
	if (wait == INT64_MAX)
		return false;
	b->now.wall += wait;
	b->now.boot += wait;
	b->waits++;
	clock_set(b->now);
	if (b->on_wait != NULL)
		b->on_wait(b);
	return true;
}

static void
read_answer(struct bench *b)
{
	const char *end;

	end = strstr(buf_str(&b->answer), "\r\n\r\n");
	if (end == NULL || sscanf(b->answer.p, "HTTP/1.1 %d", &b->status) != 1)
		fail_msg("no answer: %s", b->answer.p);
	b->body = end + 4;
	json_free(b->json);
	b->json = json_parse(b->body, strlen(b->body), NULL);
}

void
bench_send(struct bench *b, const char *request)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)http_port(b->front)) };
	struct bufferevent *bev = bufferevent_socket_new(b->base, -1,
	    BEV_OPT_CLOSE_ON_FREE);
	struct timeval limit = { LIMIT_S, 0 };
	struct client client = { b, false };
	struct event *timer = evtimer_new(b->base, on_limit, &client);
	struct evbuffer *in = bufferevent_get_input(bev);
	bool waited = false;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bufferevent_setcb(bev, NULL, NULL, on_end, &client);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	evbuffer_add(bufferevent_get_output(bev), request, strlen(request));
	assert_int_equal(bufferevent_socket_connect(bev,
	    (struct sockaddr *)&to, sizeof(to)), 0);
	event_add(timer, &limit);
	while (!client.ended) {
		event_base_loop(b->base, waited ? EVLOOP_NONBLOCK :
		    EVLOOP_ONCE);
		waited = bench_turn(b);
	}
	buf_reset(&b->answer);
	buf_put(&b->answer, evbuffer_pullup(in, -1), evbuffer_get_length(in));
	event_free(timer);
	bufferevent_free(bev);
	read_answer(b);
}

void
bench_ask(struct bench *b, const char *method, const char *target,
    const char *headers, const char *body)
{
	char *request = xasprintf("%s %s HTTP/1.1\r\nHost: localhost\r\n"
	    "Connection: close\r\nAuthorization: Bearer %s\r\n"
	    "Content-Length: %zu\r\n%s\r\n%s", method, target, b->token,
	    strlen(body), headers, body);

	bench_send(b, request);
	free(request);
}

void
bench_get(struct bench *b, const char *target)
{
	bench_ask(b, "GET", target, "", "");
}

void
bench_post(struct bench *b, const char *target, const char *body)
{
	bench_ask(b, "POST", target,
	    "Content-Type: application/json\r\n", body);
}

const char *
bench_value(struct bench *b, const char *path)
{
	const cJSON *value = b->json != NULL ? json_root(b->json) : NULL;
	char name[64];
	size_t len;

	for (; value != NULL && *path != '\0';
	    path += len + (path[len] == '.')) {
		len = strcspn(path, ".");
		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		value = value->type == cJSON_Array ?
		    cJSON_GetArrayItem(value, atoi(name)) :
		    cJSON_GetObjectItemCaseSensitive(value, name);
	}
	buf_reset(&b->value);
	if (value != NULL)
		json_put(&b->value, value);
	return buf_str(&b->value);
}

void
assert_value(struct bench *b, const char *path, const char *json)
{
	const char *found = bench_value(b, path);

	if (strcmp(found, json) != 0)
		fail_msg("%s is %s, not %s, in %s", path, found, json,
		    b->body);
}

void
assert_problem(struct bench *b, int status, const char *code)
{
	char number[16], *quoted = xasprintf("\"%s\"", code);

	snprintf(number, sizeof(number), "%d", status);
	if (b->status != status)
		fail_msg("status %d, not %d: %s", b->status, status, b->body);
	assert_true(bench_header(b,
	    "Content-Type: application/problem+json"));
	assert_value(b, "status", number);
	assert_value(b, "code", quoted);
	assert_value(b, "type", "\"about:blank\"");
	assert_true(strlen(bench_value(b, "title")) > 2);
	assert_true(strlen(bench_value(b, "detail")) > 2);
	free(quoted);
}

bool
bench_header(struct bench *b, const char *line)
{
	char *whole = xasprintf("\r\n%s\r\n", line);
	const char *found = strstr(b->answer.p, whole);
	bool in_head = found != NULL && found < b->body;

	free(whole);
	return in_head;
}
