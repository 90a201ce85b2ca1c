/*
 * dispatch_fixture.c - what the tests of the dispatcher share
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dispatch_fixture.h"
#include "log.h"

#define SPINS	2000	/* turns without a step of the clock */

/* Who is told of posts: the sender's functions know no fixture. */
static struct fixture *current;

/* --- the sender, by link ---------------------------------------------- */

struct sender {
	struct fixture	*fixture;
};

struct sender *
sender_new(struct event_base *base, const struct sender_settings *s)
{
	struct sender *sender = xcalloc(1, sizeof(*sender));

	(void)base;
	(void)s;
	sender->fixture = current;
	return sender;
}

/* What is still out is reported as the real one does, unless the test has
 * crashed the process. */
void
sender_free(struct sender *sender)
{
	static const struct sender_result given_up = {
		.error = "given up"
	};
	struct fixture *f;
	size_t i;

	if (sender == NULL)
		return;
	f = sender->fixture;
	for (i = f->first_out; i < f->posts_n; i++) {
		if (f->posts[i].ended || f->posts[i].sender != sender)
			continue;
		f->posts[i].ended = true;
		f->posts[i].done(f->posts[i].arg, &given_up);
	}
	free(sender);
}

void
sender_set(struct sender *sender, const struct sender_settings *s)
{
	(void)sender;
	(void)s;
}

void
sender_post(struct sender *sender, const char *url, struct buf *body,
    sender_done *done, void *arg)
{
	struct fixture *f = sender->fixture;
	struct post *p;

	if (f->posts_n == f->posts_room) {
		f->posts_room = f->posts_room > 0 ? 2 * f->posts_room : 64;
		f->posts = xreallocarray(f->posts, f->posts_room,
		    sizeof(*f->posts));
	}
	p = &f->posts[f->posts_n++];
	memset(p, 0, sizeof(*p));
	p->url = xstrdup(url);
	p->len = body->len;
	p->body = buf_steal(body);
	p->at = f->now.boot;
	p->answer_at = f->now.boot + LATENCY_MS;
	p->result.status = 200;
	p->sender = sender;
	p->done = done;
	p->arg = arg;
	if (f->far != NULL)
		f->far(f, p);
}

size_t
sender_flights(const struct sender *sender)
{
	const struct fixture *f = sender->fixture;
	size_t i, n = 0;

	for (i = f->first_out; i < f->posts_n; i++)
		n += !f->posts[i].ended && f->posts[i].sender == sender;
	return n;
}

/* --- start and end ---------------------------------------------------- */

static uint64_t
fixture_random(void)
{
	return current->random;
}

static void
default_settings(struct config_output *c)
{
	c->base_url = xstrdup("https://heap.example");
	c->track_limit = (struct config_limit){ 30, 30000 };
	c->identity_limit = (struct config_limit){ 1000, 60000 };
	c->app_limit = (struct config_limit){ 15000, 60000 };
	c->properties_limit = (struct config_limit){ 30, 30000 };
	c->properties_app_limit = (struct config_limit){ 15000, 60000 };
	c->rate_share = 1;
	c->max_in_flight = 4;
	c->backoff_base_ms = 2000;
	c->backoff_max_ms = 300000;
	c->give_up_after_ms = INT64_C(7) * 86400000;
	c->connect_timeout_ms = 10000;
	c->timeout_ms = 30000;
}

struct fixture *
fixture_new(void)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" :
	    "/tmp";
	size_t i;

	log_open("test", LOG_ERROR, LOG_LOGFMT);
	f->directory = xasprintf("%s/heaprelay-test-XXXXXX", parent);
	assert_non_null(mkdtemp(f->directory));
	f->path = xasprintf("%s/queue.db", f->directory);
	f->now.wall = START_WALL;
	f->now.boot = START_BOOT;
	f->config.outputs = f->settings;
	f->config.outputs_n = 1;
	for (i = 0; i < OUTPUTS; i++) {
		default_settings(&f->settings[i]);
		f->settings[i].name = i == 0 ? xstrdup("heap") :
		    xasprintf("heap%zu", i + 1);
		f->settings[i].app_id = xasprintf("%d", 77 + (int)i);
	}
	current = f;
	clock_set(f->now);
	clock_set_boot_id("first-boot");
	return f;
}

void
fixture_start(struct fixture *f)
{
	struct why why;

	current = f;
	clock_set(f->now);
	if (queue_open(&f->queue, f->path, 0600, &why) != 0)
		fail_msg("%s", why.text);
	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	outputs_make(&f->outputs, &f->config, f->queue);
	queue_recover(f->queue, f->now);
	f->dispatch = dispatch_new(NULL, f->queue, fixture_random);
	dispatch_configure(f->dispatch, &f->outputs, f->now);
	assert_true(queue_commit(f->queue));
}

static void
lose_posts(struct fixture *f)
{
	size_t i;

	for (i = f->first_out; i < f->posts_n; i++)
		f->posts[i].ended = true;
	f->first_out = f->posts_n;
}

void
fixture_abandon(struct fixture *f)
{
	lose_posts(f);
	f->dispatch = NULL;
	f->queue = NULL;
	memset(&f->outputs, 0, sizeof(f->outputs));
}

void
fixture_crash(struct fixture *f)
{
	lose_posts(f);
	dispatch_free(f->dispatch);
	f->dispatch = NULL;
	queue_rollback(f->queue);
	queue_close(f->queue);
	f->queue = NULL;
	outputs_free(&f->outputs);
}

void
fixture_free(struct fixture *f)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	char *file;
	size_t i;

	if (f->dispatch != NULL)
		fixture_crash(f);
	for (i = 0; i < f->posts_n; i++) {
		free(f->posts[i].url);
		free(f->posts[i].body);
	}
	free(f->posts);
	for (i = 0; i < HR_COUNT(suffixes); i++) {
		file = xasprintf("%s%s", f->path, suffixes[i]);
		unlink(file);
		free(file);
	}
	rmdir(f->directory);
	for (i = 0; i < OUTPUTS; i++) {
		free(f->settings[i].name);
		free(f->settings[i].app_id);
		free(f->settings[i].base_url);
	}
	free(f->path);
	free(f->directory);
	free(f);
}

int
fixture_setup(void **state)
{
	struct fixture *f = fixture_new();

	fixture_start(f);
	*state = f;
	return 0;
}

int
fixture_teardown(void **state)
{
	fixture_free(*state);
	return 0;
}

void
fixture_reload(struct fixture *f)
{
	struct outputs old = f->outputs;

	clock_set(f->now);
	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	outputs_make(&f->outputs, &f->config, f->queue);
	dispatch_configure(f->dispatch, &f->outputs, f->now);
	outputs_free(&old);
	fixture_turn(f);
}

/* --- turns ------------------------------------------------------------ */

static void
end_post(struct fixture *f, size_t i)
{
	struct post *p = &f->posts[i];
	struct sender_result result = p->result;
	char text[sizeof(p->text)];

	/* The call may lead to new posts, which move the list. */
	memcpy(text, p->text, sizeof(text));
	result.body = text;
	result.body_len = strlen(text);
	result.duration_ms = f->now.boot - p->at;
	p->ended = true;
	p->done(p->arg, &result);
	while (f->first_out < f->posts_n && f->posts[f->first_out].ended)
		f->first_out++;
}

static int64_t
next_answer(const struct fixture *f)
{
	int64_t at = FOREVER;
	size_t i;

	for (i = f->first_out; i < f->posts_n; i++)
		if (!f->posts[i].ended && f->posts[i].answer_at < at)
			at = f->posts[i].answer_at;
	return at;
}

int64_t
fixture_turn(struct fixture *f)
{
	int64_t wait;
	bool durable;
	size_t i;

	clock_set(f->now);
	for (i = f->first_out; i < f->posts_n; i++)
		if (!f->posts[i].ended && f->posts[i].answer_at <= f->now.boot)
			end_post(f, i);
	wait = dispatch_plan(f->dispatch, f->now);
	if (f->fail_commits > 0) {
		f->fail_commits--;
		store_fail(queue_store(f->queue), "no space");
	}
	durable = queue_commit(f->queue);
	if (f->ended != NULL)
		f->ended(f, durable);
	dispatch_launch(f->dispatch, durable);
	return durable ? wait : 1000;
}

static void
advance(struct fixture *f, int64_t ms)
{
	f->now.boot += ms;
	f->now.wall += ms;
	clock_set(f->now);
}

/* One turn; the next instant at which there is something to do. */
static int64_t
turn(struct fixture *f)
{
	int64_t wait = fixture_turn(f);
	int64_t at = wait < FOREVER ? f->now.boot + wait : FOREVER;

	return at < next_answer(f) ? at : next_answer(f);
}

/* The clock at that instant, but not later than `end`.  Fails when turns do
 * not get anywhere. */
static void
sleep_until(struct fixture *f, int64_t at, int64_t end, size_t *spins)
{
	if (at > end)
		at = end;
	*spins = at > f->now.boot ? 0 : *spins + 1;
	if (*spins > SPINS)
		fail_msg("%s %d turns at one instant", f->label, SPINS);
	if (at > f->now.boot)
		advance(f, at - f->now.boot);
}

void
fixture_run(struct fixture *f, int64_t ms)
{
	int64_t end = f->now.boot + ms;
	size_t spins = 0;

	while (f->now.boot < end)
		sleep_until(f, turn(f), end, &spins);
	while (turn(f) <= f->now.boot)
		sleep_until(f, f->now.boot, end, &spins);
}

int64_t
fixture_drain(struct fixture *f, int64_t limit_ms)
{
	int64_t begin = f->now.boot, end = begin + limit_ms, at;
	size_t spins = 0;

	for (;;) {
		at = turn(f);
		if (count_state(f, "queued") + count_state(f, "inflight") == 0)
			return f->now.boot - begin;
		if (f->now.boot >= end)
			fail_msg("%s not drained after %lld ms: queued=%lld",
			    f->label, (long long)limit_ms,
			    (long long)count_state(f, "queued"));
		sleep_until(f, at, end, &spins);
	}
}

void
fixture_step_wall(struct fixture *f, int64_t ms)
{
	f->now.wall += ms;
}

/* --- the way in ------------------------------------------------------- */

char *
track_payload(struct fixture *f, const char *identity, size_t objects,
    size_t padding)
{
	struct buf b = BUF_INIT;
	size_t i, k;

	for (i = 0; i < objects; i++) {
		if (i > 0)
			buf_putc(&b, ',');
		buf_printf(&b, "{\"event\":\"E\",\"identity\":\"%s\","
		    "\"idempotency_key\":\"k%lld\",\"properties\":{"
		    "\"pad\":\"", identity, (long long)f->keys++);
		for (k = 0; k < padding; k++)
			buf_putc(&b, 'x');
		buf_puts(&b, "\"}}");
	}
	return buf_steal(&b);
}

char *
property_payload(const char *identity, const char *members)
{
	return xasprintf("{\"identity\":\"%s\",\"properties\":{%s}}",
	    identity, members);
}

static void
begin_batch(struct fixture *f, struct queue_batch *b, size_t events)
{
	assert_int_equal(queue_begin(f->queue), QUEUE_READY);
	memset(b, 0, sizeof(*b));
	b->receipt_id = "0123456789abcdef0123456789abcdef";
	b->input = "shop";
	b->path = "/v2/events";
	b->received_at = f->now.wall;
	b->events = events;
	b->body = "{}";
	b->body_len = 2;
	queue_batch(f->queue, b);
}

static int64_t
put_one(struct fixture *f, const struct queue_batch *b, size_t output,
    enum heap_lane kind, int64_t identity, const char *payload,
    size_t objects, bool commerce)
{
	struct queue_event e;

	memset(&e, 0, sizeof(e));
	e.lane = f->outputs.o[output].ids.lane[kind];
	e.kind = kind;
	e.event_index = kind == HEAP_TRACK ? 0 : -1;
	e.identity = identity;
	e.name = kind == HEAP_TRACK ? "E" : "";
	e.event_at = f->now.wall;
	e.commerce = commerce;
	e.objects = objects;
	e.payload = payload;
	e.payload_len = strlen(payload);
	return queue_event(f->queue, b, &e);
}

int64_t
put_payload(struct fixture *f, size_t output, enum heap_lane kind,
    const char *identity, const char *payload, size_t objects, bool commerce)
{
	struct queue_batch b;
	int64_t id;

	begin_batch(f, &b, 1);
	id = put_one(f, &b, output, kind, queue_identity(f->queue, identity),
	    payload, objects, commerce);
	if (!f->lazy)
		assert_true(queue_commit(f->queue));
	return id;
}

int64_t
put_track(struct fixture *f, size_t output, const char *identity,
    size_t objects, bool commerce)
{
	char *payload = track_payload(f, identity, objects, 0);
	int64_t id = put_payload(f, output, HEAP_TRACK, identity, payload,
	    objects, commerce);

	free(payload);
	return id;
}

int64_t
put_many(struct fixture *f, size_t output, const char *identity, size_t n)
{
	struct queue_batch b;
	int64_t first = 0, id, who;
	char *payload;
	size_t i;

	begin_batch(f, &b, n);
	who = queue_identity(f->queue, identity);
	for (i = 0; i < n; i++) {
		payload = track_payload(f, identity, 1, 0);
		id = put_one(f, &b, output, HEAP_TRACK, who, payload, 1,
		    false);
		free(payload);
		if (i == 0)
			first = id;
	}
	assert_true(queue_commit(f->queue));
	return first;
}

int64_t
put_properties(struct fixture *f, const char *identity, const char *members)
{
	char *payload = property_payload(identity, members);
	int64_t id = put_payload(f, 0, HEAP_USER_PROPERTIES, identity,
	    payload, 1, false);

	free(payload);
	return id;
}

/* --- the far side ----------------------------------------------------- */

void
post_will(struct post *p, int status, const char *text)
{
	p->result.status = status;
	snprintf(p->text, sizeof(p->text), "%s", text != NULL ? text : "");
}

void
post_answer(struct fixture *f, size_t post, int status, const char *text)
{
	assert_true(post < f->posts_n && !f->posts[post].ended);
	post_will(&f->posts[post], status, text);
	clock_set(f->now);
	end_post(f, post);
}

void
post_fail(struct fixture *f, size_t post, bool never_left, const char *error)
{
	struct post *p = &f->posts[post];

	p->result.never_left = never_left;
	snprintf(p->result.error, sizeof(p->result.error), "%s", error);
	post_answer(f, post, 0, NULL);
}

size_t
posts_out(const struct fixture *f)
{
	size_t i, n = 0;

	for (i = f->first_out; i < f->posts_n; i++)
		n += !f->posts[i].ended;
	return n;
}

size_t
post_objects(const struct post *p)
{
	const char *at = p->body;
	size_t n = 0;

	while ((at = strstr(at, "{\"event\":")) != NULL) {
		n++;
		at++;
	}
	if (n == 0 && strstr(p->body, "idempotency_key") != NULL)
		n = 1;		/* flat */
	return n;
}

bool
post_has(const struct post *p, const char *text)
{
	return strstr(p->body, text) != NULL;
}

bool
post_is_bulk(const struct post *p)
{
	return post_has(p, "\"events\":[") || post_has(p, "\"users\":[");
}

/* --- what is stored --------------------------------------------------- */

static sqlite3_stmt *
prepare(struct fixture *f, const char *sql)
{
	sqlite3 *db = store_db(queue_store(f->queue));
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	return st;
}

static int64_t
number(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_NULL ? -1 :
	    sqlite3_column_int64(st, column);
}

static void
copy_text(sqlite3_stmt *st, int column, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	snprintf(out, size, "%s", text != NULL ? text : "");
}

struct event_row
event_row(struct fixture *f, int64_t event)
{
	sqlite3_stmt *st = prepare(f, "SELECT state, reason, due_at,"
	    " attempts, failures, last_status, sent, suspect, merged_into,"
	    " last_error FROM event WHERE id = ?");
	struct event_row r;

	sqlite3_bind_int64(st, 1, event);
	if (sqlite3_step(st) != SQLITE_ROW)
		fail_msg("there is no event %lld", (long long)event);
	copy_text(st, 0, r.state, sizeof(r.state));
	copy_text(st, 1, r.reason, sizeof(r.reason));
	r.due_at = number(st, 2);
	r.attempts = number(st, 3);
	r.failures = number(st, 4);
	r.last_status = number(st, 5);
	r.sent = number(st, 6);
	r.suspect = number(st, 7);
	r.merged_into = number(st, 8);
	copy_text(st, 9, r.last_error, sizeof(r.last_error));
	sqlite3_finalize(st);
	return r;
}

int64_t
ask(struct fixture *f, const char *sql)
{
	sqlite3_stmt *st = prepare(f, sql);
	int64_t answer = -1;

	if (sqlite3_step(st) == SQLITE_ROW)
		answer = number(st, 0);
	sqlite3_finalize(st);
	return answer;
}

/* By the tallies, whose truth assert_conserved looks after. */
int64_t
count_state(struct fixture *f, const char *state)
{
	char *sql = xasprintf("SELECT coalesce(sum(events), 0) FROM tally"
	    " WHERE name = '%s'", state);
	int64_t n = ask(f, sql);

	free(sql);
	return n;
}

void
assert_conserved(struct fixture *f)
{
	assert_int_equal(ask(f, "SELECT ok FROM v_conservation"), 1);
}

struct look {
	enum heap_lane	 kind;
	struct lane_view view;
};

static void
look_at(const struct dispatch_lane *l, void *arg)
{
	struct look *look = arg;

	if (l->kind != look->kind || strcmp(l->output, "heap") != 0)
		return;
	look->view.state = l->breaker->state;
	look->view.failures = l->breaker->failures;
	look->view.breaker_until = l->breaker_until;
	look->view.frozen_until = l->frozen_until;
	look->view.inflight = l->inflight;
}

struct lane_view
lane_view(struct fixture *f, enum heap_lane kind)
{
	struct look look = { .kind = kind };

	dispatch_each(f->dispatch, f->now, look_at, &look);
	return look.view;
}
