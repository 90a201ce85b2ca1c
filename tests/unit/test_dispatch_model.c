/*
 * test_dispatch_model.c - windows and fates under random traffic
 *
 * The far side answers at random, the agent is killed, the machine boots
 * anew, the clock steps, the disk fills up.  A naive model knows what the
 * agent cannot: the true instant at which each request was counted, anywhere
 * between its start and its end, or the next start of the agent.  It looks
 * for an interval that holds more than a window allows, for an object whose
 * bytes changed between attempts, for a property that went back, and at the
 * end for an event that was left behind.  HEAPRELAY_SEED repeats one run.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dispatch_fixture.h"

#define RUNS		20
#define ARRIVALS	5000		/* of each run */
#define HOT		4
#define IDENTITIES	300
#define KEYS_MAX	60000
#define GUILTY_EVERY	211		/* one object in so many */

/* Windows of a small Heap, so that they are always full. */
#define TRACK_LIMIT		{ 5, 2000 }
#define IDENTITY_LIMIT		{ 50, 4000 }
#define APP_LIMIT		{ 300, 4000 }
#define PROPERTIES_LIMIT	{ 5, 2000 }
#define PROPERTIES_APP_LIMIT	{ 40, 4000 }

/* What one request did to one identity. */
struct seen {
	size_t		 post;
	bool		 left;		/* else it counts nowhere */
	enum heap_lane	 kind;
	int64_t		 identity;
	int64_t		 objects;
	int64_t		 us;		/* when it counted; model time */
};

struct model {
	struct fixture	*f;
	uint64_t	 seed;
	uint64_t	 random;
	/* Model time is boot time plus this, over all boots. */
	int64_t		 shift;
	int64_t		 boots;
	struct seen	*seen;
	size_t		 seen_n;
	size_t		 seen_room;
	size_t		 first_out;	/* in seen: all before have ended */
	int64_t		 arrivals;
	/* By the number in the object's key. */
	uint64_t	 bytes[KEYS_MAX];	/* a hash; 0: none yet */
	bool		 arrived[KEYS_MAX];	/* answered 2xx */
	/* Of user properties, by identity. */
	int64_t		 value[IDENTITIES];	/* the last one sent */
	int64_t		 next_value;
	bool		 quiet;			/* no more mischief */
};

static uint64_t
draw(struct model *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random;
}

/* Uniform over 0 ... max. */
static int64_t
upto(struct model *m, int64_t max)
{
	return (int64_t)(draw(m) % ((uint64_t)max + 1));
}

static bool
one_in(struct model *m, int64_t n)
{
	return !m->quiet && upto(m, n - 1) == 0;
}

static int64_t
number_after(const char *text, const char *member)
{
	const char *at = strstr(text, member);

	assert_non_null(at);
	return strtoll(at + strlen(member), NULL, 10);
}

/* --- what the far side sees ------------------------------------------- */

static void
see(struct model *m, size_t post, enum heap_lane kind, int64_t identity)
{
	struct seen *s;

	/* The objects of one identity stand in few places of a request. */
	for (s = m->seen + m->seen_n; s > m->seen && s[-1].post == post; s--)
		if (s[-1].identity == identity) {
			s[-1].objects++;
			return;
		}
	if (m->seen_n == m->seen_room) {
		m->seen_room = m->seen_room > 0 ? 2 * m->seen_room : 1024;
		m->seen = xreallocarray(m->seen, m->seen_room,
		    sizeof(*m->seen));
	}
	s = &m->seen[m->seen_n++];
	memset(s, 0, sizeof(*s));
	s->post = post;
	s->left = true;
	s->kind = kind;
	s->identity = identity;
	s->objects = 1;
}

/* One object; returns whether it is a guilty one. */
static bool
see_event(struct model *m, size_t post, const char *text, size_t len)
{
	int64_t key = number_after(text, "\"idempotency_key\":\"k");
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < len; i++)
		bytes = bytes * 31 + (unsigned char)text[i] + 1;
	assert_true(key < KEYS_MAX);
	if (m->bytes[key] != 0 && m->bytes[key] != bytes)
		fail_msg("seed %" PRIu64 ": k%" PRId64 " has changed",
		    m->seed, key);
	m->bytes[key] = bytes;
	see(m, post, HEAP_TRACK, number_after(text, "\"identity\":\"i"));
	return key % GUILTY_EVERY == 0;
}

static bool
has_ended(const struct model *m, const struct seen *s)
{
	return m->f->posts[s->post].ended;
}

static bool
update_is_out(struct model *m, int64_t identity)
{
	size_t i;

	while (m->first_out < m->seen_n &&
	    has_ended(m, &m->seen[m->first_out]))
		m->first_out++;
	for (i = m->first_out; i < m->seen_n; i++)
		if (m->seen[i].kind == HEAP_USER_PROPERTIES &&
		    m->seen[i].identity == identity &&
		    !has_ended(m, &m->seen[i]))
			return true;
	return false;
}

static void
see_update(struct model *m, size_t post, const char *text)
{
	int64_t identity = number_after(text, "\"identity\":\"i");
	int64_t value = number_after(text, "\"v\":");

	if (value < m->value[identity])
		fail_msg("seed %" PRIu64 ": i%" PRId64 " went back",
		    m->seed, identity);
	if (update_is_out(m, identity))
		fail_msg("seed %" PRIu64 ": i%" PRId64 " has two in flight",
		    m->seed, identity);
	m->value[identity] = value;
	see(m, post, HEAP_USER_PROPERTIES, identity);
}

static bool
is_track(const struct post *p)
{
	return strstr(p->url, "/track") != NULL;
}

/* Notes all that is in it; the index of a guilty object, or -1. */
static int64_t
see_post(struct model *m, size_t post, size_t *objects)
{
	const struct post *p = &m->f->posts[post];
	const char *start = is_track(p) ? "\"event\":\"" : "\"identity\":\"";
	const char *at = p->body, *end;
	int64_t guilty = -1;

	*objects = 0;
	while ((at = strstr(at, start)) != NULL) {
		end = strstr(at, "}}");
		if (end == NULL)	/* a flat update has one level less */
			end = at + strlen(at);
		if (!is_track(p))
			see_update(m, post, at);
		else if (see_event(m, post, at, (size_t)(end - at)))
			guilty = (int64_t)*objects;
		(*objects)++;
		at = end;
	}
	return guilty;
}

static void
answer_mischief(struct model *m, struct post *p, size_t identities)
{
	static const int statuses[] = { 500, 502, 503, 408, 418 };

	if (one_in(m, 100)) {
		post_will(p, 429, NULL);
		if (one_in(m, 2)) {
			p->result.has_retry_after = true;
			snprintf(p->result.retry_after,
			    sizeof(p->result.retry_after), "%d",
			    (int)upto(m, 5));
		}
	} else if (one_in(m, 40)) {
		post_will(p, statuses[upto(m, 4)], "broken");
	} else if (one_in(m, 80)) {
		post_will(p, 0, NULL);
		snprintf(p->result.error, sizeof(p->result.error), "timeout");
		p->answer_at = p->at + 3000;
	} else if (one_in(m, 80)) {
		post_will(p, 0, NULL);
		snprintf(p->result.error, sizeof(p->result.error), "refused");
		p->result.never_left = true;
	} else if (one_in(m, 500)) {
		post_will(p, 403, "who are you");
	} else if (identities > 1 && one_in(m, 50)) {
		post_will(p, 413, NULL);
	}
}

static void
name_guilty(struct model *m, struct post *p, int64_t guilty, size_t objects)
{
	char text[60] = "";
	int64_t index = guilty;

	if (one_in(m, 3))
		index = upto(m, (int64_t)objects);	/* it may lie */
	if (!one_in(m, 3))
		snprintf(text, sizeof(text), "postBody.events[%" PRId64 "] "
		    "is bad", index);
	post_will(p, one_in(m, 2) ? 400 : 422, text);
}

/* When the rows of one post counted: somewhere between its start and `end`,
 * both in ms of model time. */
static void
count_within(struct model *m, size_t first, int64_t start, int64_t end)
{
	size_t post = m->seen[first].post, i;
	int64_t us = start * 1000 + upto(m, (end - start) * 1000 + 999);

	for (i = first; i < m->seen_n && m->seen[i].post == post; i++) {
		m->seen[i].us = us;
		m->seen[i].left = !m->f->posts[post].result.never_left;
	}
}

static void
answer(struct fixture *f, struct post *p)
{
	struct model *m = f->far_arg;
	size_t post = (size_t)(p - f->posts), objects, first = m->seen_n;
	int64_t guilty = see_post(m, post, &objects);

	p->answer_at = p->at + 1 + upto(m, one_in(m, 20) ? 1500 : 60);
	answer_mischief(m, p, m->seen_n - first);
	if (p->result.status == 200 && guilty != -1)
		name_guilty(m, p, guilty, objects);
	count_within(m, first, p->at + m->shift, p->answer_at + m->shift);
}

/* --- what happens to the agent ---------------------------------------- */

/* What was out counted at any instant until the agent is there again. */
static void
lose_posts(struct model *m, int64_t until)
{
	struct fixture *f = m->f;
	size_t i, post;

	for (i = m->first_out; i < m->seen_n; i++) {
		post = m->seen[i].post;
		if (f->posts[post].ended ||
		    (i > 0 && m->seen[i - 1].post == post))
			continue;
		count_within(m, i, f->posts[post].at + m->shift, until);
		f->posts[post].result.status = 0;
	}
}

static void
restart(struct model *m)
{
	struct fixture *f = m->f;
	int64_t down = upto(m, 3000), was = f->now.boot + m->shift;
	char id[40];

	lose_posts(m, was + down);
	fixture_crash(f);
	f->now.wall += down;
	f->now.boot += down;
	if (one_in(m, 3)) {
		snprintf(id, sizeof(id), "boot-%" PRId64, m->boots++);
		clock_set_boot_id(id);
		f->now.boot = 100 + upto(m, 20000);
		m->shift = was + down - f->now.boot;
	}
	fixture_start(f);
	assert_conserved(f);
}

static void
make_mischief(struct model *m)
{
	struct fixture *f = m->f;

	if (one_in(m, 250))
		restart(m);
	if (one_in(m, 300))
		f->fail_commits = 1 + (int)upto(m, 2);
	if (one_in(m, 400))
		fixture_step_wall(f, upto(m, 7200000) - 3600000);
	if (one_in(m, 500))
		fixture_reload(f);
}

static int64_t
some_identity(struct model *m)
{
	return upto(m, 2) == 0 ? upto(m, HOT - 1) : upto(m, IDENTITIES - 1);
}

static void
arrive(struct model *m)
{
	struct fixture *f = m->f;
	char name[40], value[40];
	int64_t objects = 1;
	bool commerce = upto(m, 19) == 0;

	snprintf(name, sizeof(name), "i%" PRId64, some_identity(m));
	m->arrivals++;
	if (upto(m, 6) == 0) {
		snprintf(value, sizeof(value), "\"v\":%" PRId64,
		    ++m->next_value);
		put_properties(f, name, value);
		return;
	}
	if (commerce)
		objects = upto(m, 30) == 0 ? 40 + upto(m, 80) :
		    1 + upto(m, 8);
	put_track(f, 0, name, (size_t)objects, commerce);
}

/* --- judgement -------------------------------------------------------- */

struct rule {
	const char	*name;
	enum heap_lane	 kind;
	struct config_limit limit;
	bool		 by_identity;
	bool		 objects;	/* else requests */
};

static const struct rule rules[] = {
	{ "track_limit", HEAP_TRACK, TRACK_LIMIT, true, false },
	{ "identity_limit", HEAP_TRACK, IDENTITY_LIMIT, true, true },
	{ "app_limit", HEAP_TRACK, APP_LIMIT, false, true },
	{ "properties_limit", HEAP_USER_PROPERTIES, PROPERTIES_LIMIT, true,
	    false },
	{ "properties_app_limit", HEAP_USER_PROPERTIES, PROPERTIES_APP_LIMIT,
	    false, true },
};

static int
by_time(const void *one, const void *other)
{
	const struct seen *a = one, *b = other;

	return (a->us > b->us) - (a->us < b->us);
}

static int
by_identity(const void *one, const void *other)
{
	const struct seen *a = one, *b = other;

	if (a->identity != b->identity)
		return a->identity > b->identity ? 1 : -1;
	return by_time(one, other);
}

/* In rows in order of time, looks for a closed interval that holds too
 * much. */
static void
judge_rows(const struct model *m, const struct rule *r, const struct seen *s,
    size_t n)
{
	int64_t sum = 0;
	size_t from = 0, i;

	for (i = 0; i < n; i++) {
		sum += r->objects ? s[i].objects : 1;
		while (s[i].us - s[from].us > r->limit.window_ms * 1000) {
			sum -= r->objects ? s[from].objects : 1;
			from++;
		}
		if (sum > r->limit.n)
			fail_msg("seed %" PRIu64 ": %s: %" PRId64 " within "
			    "%" PRId64 " us until %" PRId64 " of i%" PRId64,
			    m->seed, r->name, sum, s[i].us - s[from].us,
			    s[i].us, s[i].identity);
	}
}

static void
judge_windows(struct model *m, const struct rule *r)
{
	struct seen *s = xcalloc(m->seen_n, sizeof(*s));
	size_t n = 0, i, from;

	for (i = 0; i < m->seen_n; i++)
		if (m->seen[i].kind == r->kind && m->seen[i].left)
			s[n++] = m->seen[i];
	qsort(s, n, sizeof(*s), r->by_identity ? by_identity : by_time);
	for (from = 0; from < n; from = i) {
		for (i = from; i < n && (!r->by_identity ||
		    s[i].identity == s[from].identity); i++)
			continue;
		judge_rows(m, r, s + from, i - from);
	}
	free(s);
}

/* Which objects were in a request that was answered 2xx. */
static void
collect_arrived(struct model *m)
{
	static const char member[] = "\"idempotency_key\":\"k";
	const struct post *p;
	const char *at;
	size_t i;

	for (i = 0; i < m->f->posts_n; i++) {
		p = &m->f->posts[i];
		if (p->result.status != 200 || !is_track(p))
			continue;
		for (at = p->body; (at = strstr(at, member)) != NULL;) {
			at += strlen(member);
			m->arrived[strtoll(at, NULL, 10)] = true;
		}
	}
}

/* Nothing is left behind, and nobody suffers for a guilty one: only events
 * with a guilty object are stuck, unless the dice have made one fail alone
 * three times. */
static void
judge_fates(struct model *m)
{
	struct fixture *f = m->f;
	sqlite3_stmt *st;
	const char *at;
	int64_t key, objects;
	bool stuck, guilty;

	assert_int_equal(count_state(f, "queued"), 0);
	assert_int_equal(count_state(f, "inflight"), 0);
	assert_int_equal(ask(f, "SELECT count(*) FROM waiting"), 0);
	assert_int_equal(ask(f, "SELECT count(*) FROM isolation"), 0);
	collect_arrived(m);
	assert_int_equal(sqlite3_prepare_v2(store_db(queue_store(f->queue)),
	    "SELECT payload, state, objects FROM event"
	    " WHERE event_index IS NOT NULL"
	    " AND reason IS NOT 'failing'", -1, &st, NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW) {
		at = (const char *)sqlite3_column_text(st, 0);
		stuck = strcmp((const char *)sqlite3_column_text(st, 1),
		    "stuck") == 0;
		objects = sqlite3_column_int64(st, 2);
		key = number_after(at, "\"idempotency_key\":\"k");
		guilty = (key + objects - 1) / GUILTY_EVERY * GUILTY_EVERY >=
		    key;
		if (stuck != guilty)
			fail_msg("seed %" PRIu64 ": k%" PRId64 " is%s stuck",
			    m->seed, key, stuck ? "" : " not");
		for (; !stuck && objects > 0; objects--, key++)
			assert_true(m->arrived[key]);
	}
	sqlite3_finalize(st);
}

static void
set_up(struct model *m)
{
	struct config_output *c = &m->f->settings[0];

	c->track_limit = (struct config_limit)TRACK_LIMIT;
	c->identity_limit = (struct config_limit)IDENTITY_LIMIT;
	c->app_limit = (struct config_limit)APP_LIMIT;
	c->properties_limit = (struct config_limit)PROPERTIES_LIMIT;
	c->properties_app_limit = (struct config_limit)PROPERTIES_APP_LIMIT;
	c->backoff_base_ms = 50;
	c->backoff_max_ms = 2000;
	c->max_in_flight = 1 + upto(m, 5);
	m->f->random = draw(m);
	m->f->far = answer;
	m->f->far_arg = m;
}

static struct model *
run(uint64_t seed, int64_t arrivals)
{
	struct model *m = xcalloc(1, sizeof(*m));
	int64_t burst;

	m->seed = seed;
	m->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	m->f = fixture_new();
	snprintf(m->f->label, sizeof(m->f->label), "seed %" PRIu64 ":", seed);
	set_up(m);
	m->f->lazy = true;
	fixture_start(m->f);
	while (m->arrivals < arrivals) {
		for (burst = upto(m, 12); burst >= 0; burst--)
			arrive(m);
		fixture_run(m->f, upto(m, 150));
		m->f->random = draw(m);
		make_mischief(m);
	}
	m->quiet = true;
	fixture_drain(m->f, INT64_C(86400000));
	return m;
}

static void
judge(struct model *m)
{
	size_t i;

	for (i = 0; i < HR_COUNT(rules); i++)
		judge_windows(m, &rules[i]);
	judge_fates(m);
	assert_conserved(m->f);
	fixture_free(m->f);
	free(m->seen);
	free(m);
}

static void
dispatch_keeps_every_window_whatever_happens(void **state)
{
	const char *seed = getenv("HEAPRELAY_SEED");
	uint64_t i;
	(void)state;

	if (seed != NULL) {
		judge(run(strtoull(seed, NULL, 10), ARRIVALS));
		return;
	}
	for (i = 1; i <= RUNS; i++)
		judge(run(i, ARRIVALS));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dispatch_keeps_every_window_whatever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
