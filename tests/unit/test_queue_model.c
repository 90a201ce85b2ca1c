/*
 * test_queue_model.c - updates of one person, in random orders of everything
 *
 * Each value is the id of the update that it comes from.  Whatever arrives,
 * fails, is lost, replayed, discarded or pruned in between: Heap never gets an
 * older value after a newer one, and in the end it has the newest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"
#include "queue_fixture.h"

#define SEEDS	80
#define STEPS	60		/* at most */
#define KEYS	4

struct model {
	struct queue_fixture *f;
	struct queue_output twin;	/* another output of the same app */
	uint64_t	 random;
	int64_t		 flies;		/* the event in flight; 0: none */
	int64_t		 request;
	int64_t		 set[KEYS];	/* what Heap has; 0: nothing */
	int64_t		 newest[KEYS];	/* that came */
	bool		 lost[KEYS];	/* it was discarded */
};

static int64_t
upto(struct model *m, int64_t max)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (int64_t)(m->random % ((uint64_t)max + 1));
}

/* Of the events in that state, one at random; 0: there is none. */
static int64_t
any(struct model *m, const char *state)
{
	int64_t n = number(m->f, "SELECT count(*) FROM event WHERE %s", state);

	if (n == 0)
		return 0;
	return number(m->f, "SELECT id FROM event WHERE %s "
	    "ORDER BY id LIMIT 1 OFFSET %lld", state,
	    (long long)upto(m, n - 1));
}

/* Calls `each` with what the event's payload sets. */
static void
for_each_value(struct model *m, int64_t event,
    void (*each)(struct model *, int key, int64_t value))
{
	char *payload = words(m->f, "SELECT payload FROM event "
	    "WHERE id = %lld", (long long)event);
	struct json *json = json_parse(payload, strlen(payload), NULL);
	const cJSON *p;
	int64_t value;

	assert_non_null(json);
	cJSON_ArrayForEach(p, json_get(json_root(json), "properties")) {
		assert_true(json_int64(json_literal(p), &value));
		each(m, p->string[0] - 'a', value);
	}
	json_free(json);
	free(payload);
}

static void
arrives(struct model *m, int key, int64_t value)
{
	if (value < m->set[key])
		fail_msg("%c went back from %lld to %lld", 'a' + key,
		    (long long)m->set[key], (long long)value);
	m->set[key] = value;
}

static void
is_lost(struct model *m, int key, int64_t value)
{
	if (value == m->newest[key])
		m->lost[key] = true;
}

static void
arrive(struct model *m)
{
	int64_t id = queue_last_event(m->f->q) + 1;
	struct buf payload = BUF_INIT;
	struct queue_event e = { .kind = HEAP_USER_PROPERTIES,
	    .event_index = -1, .name = "", .objects = 1 };
	int64_t keys = 1 + upto(m, (1 << KEYS) - 2);
	int k;

	e.lane = upto(m, 3) == 0 ? m->twin.lane[HEAP_USER_PROPERTIES] :
	    m->f->out.lane[HEAP_USER_PROPERTIES];
	buf_puts(&payload, "{\"identity\":\"ada\",\"properties\":{");
	for (k = 0; k < KEYS; k++) {
		if ((keys & 1 << k) == 0)
			continue;
		buf_printf(&payload, "%s\"%c\":%lld",
		    payload.p[payload.len - 1] == '{' ? "" : ",", 'a' + k,
		    (long long)id);
		m->newest[k] = id;
		m->lost[k] = false;
	}
	buf_puts(&payload, "}}");
	e.payload = buf_str(&payload);
	e.payload_len = payload.len;
	assert_int_equal(put_event(m->f, &e, "ada"), id);
	buf_free(&payload);
}

static void
take_off(struct model *m)
{
	int64_t id = any(m, "state = 'queued'");

	if (m->flies != 0 || id == 0)
		return;
	m->flies = id;
	m->request = claim_one(m->f, HEAP_USER_PROPERTIES, id);
}

/* An answer, and whether Heap took it: of what was not answered, or by a
 * failure, nobody knows. */
static void
land(struct model *m, int64_t draw)
{
	static const int status[] = { 200, 400, 400, 503, 0, 429, 503, 200 };
	struct queue_end e = end_of(m->f, HEAP_USER_PROPERTIES, m->request,
	    status[draw]);
	int64_t expired;

	if (m->flies == 0)
		return;
	e.lane = number(m->f, "SELECT lane FROM event WHERE id = %lld",
	    (long long)m->flies);
	if (e.status == 200 || ((e.status == 503 || e.status == 0) &&
	    upto(m, 1) == 0))
		for_each_value(m, m->flies, arrives);
	queue_end(m->f->q, &e);
	switch (draw) {
	case 0:
	case 7:
		queue_delivered(m->f->q, &e);
		break;
	case 1:
	case 2:
		queue_stuck(m->f->q, &e, "refused");
		break;
	case 3:
		/* Now and then for the last time. */
		queue_failed(m->f->q, &e, 0, upto(m, 3) * 1000, 2000,
		    &expired);
		break;
	case 4:
	case 5:
		queue_back(m->f->q, &e, 0);
		break;
	default:
		queue_suspect(m->f->q, &e, 0, -1, &m->flies, 1);
	}
	m->flies = 0;
}

static void
replay(struct model *m)
{
	int64_t id = any(m, "state = 'stuck'");

	if (id == 0)
		return;
	if (upto(m, 2) == 0)
		queue_unrefuse(m->f->q, m->f->out.lane[HEAP_USER_PROPERTIES],
		    HEAP_USER_PROPERTIES, id, m->f->now.wall);
	else
		assert_int_equal(queue_replay(m->f->q, id, m->f->now.wall,
		    NULL), QUEUE_MOVED);
}

static void
discard(struct model *m)
{
	int64_t id = any(m, "(state = 'stuck' OR state = 'queued')");

	if (id == 0)
		return;
	for_each_value(m, id, is_lost);
	assert_int_equal(queue_discard(m->f->q, id, m->f->now.wall, NULL),
	    QUEUE_MOVED);
}

static void
prune(struct model *m)
{
	static const struct queue_keep keep = { 1, 1, 1, INT64_MAX / 4, 1 };

	while (queue_prune(m->f->q, &keep, at(m->f, m->f->now.wall + 1000)))
		continue;
}

static void
step(struct model *m)
{
	switch (upto(m, 19)) {
	case 0: case 1: case 2: case 3: case 4: case 5:
		arrive(m);
		break;
	case 6: case 7: case 8: case 9: case 10:
		take_off(m);
		break;
	case 11: case 12: case 13: case 14: case 15:
		land(m, upto(m, 7));
		break;
	case 16: case 17:
		replay(m);
		break;
	case 18:
		if (upto(m, 3) == 0)
			discard(m);
		break;
	default:
		prune(m);
	}
	settle(m->f);
	m->f->now.wall++;
	m->f->now.boot++;
	assert_in_range(number(m->f, "SELECT count(*) FROM event "
	    "WHERE state = 'queued'"), 0, 1);
}

/* All that is stuck goes again, in any order, and all arrives. */
static void
come_to_rest(struct model *m)
{
	while (any(m, "(state = 'stuck' OR state = 'queued' OR "
	    "state = 'inflight')") != 0) {
		land(m, 0);
		if (upto(m, 1) == 0)
			replay(m);
		take_off(m);
		settle(m->f);
	}
}

static void
simulate(uint64_t seed)
{
	struct model m = { .random = seed * 2654435761u + 1 };
	void *fixture;
	int64_t steps = upto(&m, STEPS);
	int k;

	queue_fixture_setup(&fixture);
	m.f = fixture;
	queue_output(m.f->q, "twin", "https://heap.test", "1", NULL, 0,
	    &m.twin);
	while (steps-- > 0)
		step(&m);
	come_to_rest(&m);
	for (k = 0; k < KEYS; k++)
		if (!m.lost[k] && m.set[k] != m.newest[k])
			fail_msg("seed %llu: %c is %lld at Heap, not %lld",
			    (unsigned long long)seed, 'a' + k,
			    (long long)m.set[k], (long long)m.newest[k]);
	assert_int_equal(number(m.f, "SELECT count(*) FROM isolation"), 0);
	queue_fixture_teardown(&fixture);
}

/* HEAPRELAY_SEEDS says how many there are. */
static void
queue_never_takes_a_property_back(void **state)
{
	const char *text = getenv("HEAPRELAY_SEEDS");
	long seeds = text != NULL ? strtol(text, NULL, 10) : SEEDS;
	long seed;

	(void)state;
	for (seed = 1; seed <= seeds; seed++)
		simulate((uint64_t)seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queue_never_takes_a_property_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
