/*
 * simulation_heap.c - the far side of the simulation
 *
 * Knows what Heap would know: which objects it took by which key, what a
 * person's properties are, and the true instant at which each request was
 * counted, anywhere between its start and its end, or the next start of the
 * agent.  Answers as the seed has it.
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

#include "simulation.h"

#define SLOTS	(1 << 16)	/* of the table of keys, at first */

const char *
sim_next_object(const char *at, const char **end)
{
	at = strstr(at, "\"identity\":\"");
	if (at == NULL)
		return NULL;
	*end = strstr(at, "}}");
	assert_non_null(*end);
	return at;
}

/* The number that follows a member's name. */
static int64_t
number_after(const char *at, const char *member)
{
	const char *found = strstr(at, member);

	assert_non_null(found);
	return strtoll(found + strlen(member), NULL, 10);
}

uint64_t
sim_object_key(const struct sim *s, const char *at)
{
	static const char member[] = "\"idempotency_key\":\"";
	const char *found = strstr(at, member);
	char digits[17];

	if (found == NULL)
		sim_fail(s, "an object without a key: %.80s", at);
	snprintf(digits, sizeof(digits), "%.16s", found + strlen(member));
	return strtoull(digits, NULL, 16);
}

uint64_t
sim_bytes(const char *at, const char *end)
{
	uint64_t bytes = 1;

	for (; at < end; at++)
		bytes = bytes * 31 + (unsigned char)*at;
	return bytes;
}

static size_t
slot_of(const struct sim *s, uint64_t key)
{
	size_t i = (size_t)key & (s->slots_n - 1);

	while (s->slots[i] != 0 && s->objects[s->slots[i] - 1].key != key)
		i = (i + 1) & (s->slots_n - 1);
	return i;
}

static void
grow_slots(struct sim *s)
{
	size_t i;

	s->slots_n = s->slots_n > 0 ? 2 * s->slots_n : SLOTS;
	free(s->slots);
	s->slots = xcalloc(s->slots_n, sizeof(*s->slots));
	for (i = 0; i < s->objects_n; i++)
		s->slots[slot_of(s, s->objects[i].key)] = i + 1;
}

struct sim_object *
sim_object(struct sim *s, uint64_t key, bool make)
{
	size_t slot;

	if (2 * s->objects_n >= s->slots_n)
		grow_slots(s);
	slot = slot_of(s, key);
	if (s->slots[slot] != 0)
		return &s->objects[s->slots[slot] - 1];
	if (!make)
		return NULL;
	if (s->objects_n == s->objects_room) {
		s->objects_room = s->objects_room > 0 ?
		    2 * s->objects_room : 4096;
		s->objects = xreallocarray(s->objects, s->objects_room,
		    sizeof(*s->objects));
	}
	memset(&s->objects[s->objects_n], 0, sizeof(*s->objects));
	s->objects[s->objects_n].key = key;
	s->slots[slot] = ++s->objects_n;
	return &s->objects[s->objects_n - 1];
}

size_t
sim_person(struct sim *s, int64_t mpid)
{
	struct sim_person *p;
	size_t i, app, kind;

	for (i = 0; i < s->people; i++)
		if (s->person[i].mpid == mpid)
			return i;
	if (s->people == SIM_PEOPLE_MAX)
		sim_fail(s, "more people than there can be");
	p = &s->person[s->people++];
	p->mpid = mpid;
	for (app = 0; app < SIM_APPS; app++)
		for (kind = 0; kind < HEAP_LANES; kind++)
			p->last_row[app][kind] = -1;
	return i;
}

int64_t
sim_property(const char *at, const char *end, size_t k)
{
	const char *found;
	char name[16];

	if (k == SIM_POISON_KEY)
		snprintf(name, sizeof(name), SIM_POISON);
	else
		snprintf(name, sizeof(name), "\"p%zu\":", k);
	found = strstr(at, name);
	return found != NULL && found < end ?
	    strtoll(found + strlen(name), NULL, 10) : 0;
}

void
sim_ref(struct sim *s, size_t object)
{
	if (s->refs_n == s->refs_room) {
		s->refs_room = s->refs_room > 0 ? 2 * s->refs_room : 8192;
		s->refs = xreallocarray(s->refs, s->refs_room,
		    sizeof(*s->refs));
	}
	s->refs[s->refs_n++] = object;
}

/* --- what a request says ---------------------------------------------- */

/* One more object of that person in the last call. */
static void
count_row(struct sim *s, size_t person)
{
	struct sim_call *c = &s->calls[s->calls_n - 1];
	struct sim_row *r;
	ssize_t *last = &s->person[person].last_row[c->app][c->kind];
	size_t i;

	c->objects++;
	for (i = s->rows_n; i > c->first_row; i--)
		if (s->rows[i - 1].person == person) {
			s->rows[i - 1].objects++;
			return;
		}
	if (s->rows_n == s->rows_room) {
		s->rows_room = s->rows_room > 0 ? 2 * s->rows_room : 4096;
		s->rows = xreallocarray(s->rows, s->rows_room,
		    sizeof(*s->rows));
	}
	r = &s->rows[s->rows_n];
	r->call = s->calls_n - 1;
	r->person = person;
	r->objects = 1;
	r->before = *last;
	*last = (ssize_t)s->rows_n++;
	c->rows_n++;
}

static void
see_object(struct sim *s, const char *at, const char *end)
{
	struct sim_call *c = &s->calls[s->calls_n - 1];
	uint64_t key = sim_object_key(s, at);
	struct sim_object *o = sim_object(s, key, false);

	if (o == NULL || o->accepted == 0)
		sim_fail(s, "%016" PRIx64 " was never accepted", key);
	if (o->bytes != sim_bytes(at, end))
		sim_fail(s, "%016" PRIx64 " has changed: %.*s", key,
		    (int)(end - at), at);
	if (o->settled >= o->accepted)
		sim_fail(s, "%016" PRIx64 " was delivered and goes again",
		    key);
	if (c->refs_n == 0 || s->objects[s->refs[s->refs_n - 1]].event !=
	    o->event)
		c->events++;
	if (s->events[o->event].poison && c->poisoned == -1 &&
	    strstr(at, SIM_POISON) != NULL && strstr(at, SIM_POISON) < end)
		c->poisoned = c->objects;
	sim_ref(s, (size_t)(o - s->objects));
	c->refs_n++;
}

/* An update; the properties may only go forward, one update at a time. */
static void
see_update(struct sim *s, size_t person, const char *at, const char *end)
{
	struct sim_call *c = &s->calls[s->calls_n - 1];
	struct sim_person *p = &s->person[person];
	size_t *last = &p->update[c->app], k;
	int64_t v;

	if (*last != 0 && s->calls[*last - 1].state == SIM_OUT)
		sim_fail(s, "%" PRId64 " has two updates in flight", p->mpid);
	*last = s->calls_n;
	c->events++;
	for (k = 0; k < SIM_PROPERTIES; k++) {
		v = sim_property(at, end, k);
		if (v > p->expected[c->app][k])
			sim_fail(s, "%" PRId64 ": p%zu=%" PRId64
			    " was never accepted", p->mpid, k, v);
		if (v != 0 && v < p->at_heap[c->app][k])
			sim_fail(s, "%" PRId64 ": p%zu goes back from %"
			    PRId64 " to %" PRId64, p->mpid, k,
			    p->at_heap[c->app][k], v);
	}
	if (sim_property(at, end, SIM_POISON_KEY) != 0 && c->poisoned == -1)
		c->poisoned = c->objects;
}

static void
see_body(struct sim *s, const struct post *p)
{
	struct sim_call *c = &s->calls[s->calls_n - 1];
	const char *at = p->body, *end;
	size_t person;

	for (; (at = sim_next_object(at, &end)) != NULL; at = end) {
		person = sim_person(s, number_after(at, "\"identity\":\""));
		if (c->kind == HEAP_TRACK)
			see_object(s, at, end);
		else
			see_update(s, person, at, end);
		count_row(s, person);
	}
	if (c->objects == 0)
		sim_fail(s, "an empty request: %.80s", p->body);
}

static struct sim_call *
new_call(struct sim *s, const struct post *p)
{
	struct sim_call *c;

	if (s->calls_n == s->calls_room) {
		s->calls_room = s->calls_room > 0 ? 2 * s->calls_room : 1024;
		s->calls = xreallocarray(s->calls, s->calls_room,
		    sizeof(*s->calls));
	}
	c = &s->calls[s->calls_n++];
	memset(c, 0, sizeof(*c));
	c->kind = strstr(p->url, "/track") != NULL ? HEAP_TRACK :
	    HEAP_USER_PROPERTIES;
	c->app = strstr(p->body, "\"app_id\":\"77\"") != NULL ? 0 : 1;
	c->start = sim_now(s);
	c->limits = s->limits_n - 1;
	c->first_ref = s->refs_n;
	c->first_row = s->rows_n;
	c->poisoned = -1;
	return c;
}

/* --- what Heap takes of it -------------------------------------------- */

/* The first n objects; of updates, whatever came before is now older. */
static void
take(struct sim *s, const struct post *p, int64_t n)
{
	const struct sim_call *c = &s->calls[s->calls_n - 1];
	const char *at = p->body, *end;
	struct sim_person *person;
	size_t i, k;
	int64_t v;

	for (i = 0; i < c->refs_n && (int64_t)i < n; i++)
		s->objects[s->refs[c->first_ref + i]].taken = true;
	if (c->kind == HEAP_TRACK)
		return;
	for (; n > 0 && (at = sim_next_object(at, &end)) != NULL; at = end) {
		person = &s->person[sim_person(s, number_after(at,
		    "\"identity\":\""))];
		for (k = 0; k < SIM_PROPERTIES; k++)
			if ((v = sim_property(at, end, k)) != 0)
				person->at_heap[c->app][k] = v;
		n--;
	}
}

/* --- how it answers --------------------------------------------------- */

static void
no_answer(struct post *p, const char *error, int64_t after)
{
	post_will(p, 0, NULL);
	snprintf(p->result.error, sizeof(p->result.error), "%s", error);
	if (after > 0)
		p->answer_at = p->at + after;
}

static void
ask_to_wait(struct sim *s, struct post *p)
{
	p->result.has_retry_after = true;
	snprintf(p->result.retry_after, sizeof(p->result.retry_after), "%d",
	    (int)sim_upto(s, 5));
}

/* Heap is not well; true: it took nothing, else it may have. */
static bool
answer_outage(struct sim *s, struct post *p)
{
	switch (s->outage) {
	case SIM_BROKEN:
		post_will(p, sim_upto(s, 1) == 0 ? 503 : 502, "broken");
		break;
	case SIM_SILENT:
		no_answer(p, "timeout", s->f->settings[0].timeout_ms);
		break;
	case SIM_GONE:
		no_answer(p, "refused", 0);
		p->result.never_left = true;
		break;
	case SIM_LOCKED:
		post_will(p, 401, "who are you");
		break;
	case SIM_HEALTHY:
		return false;
	}
	return true;
}

static void
answer_clumsily(struct sim *s, struct post *p)
{
	static const int statuses[] = { 500, 502, 503, 408, 418 };

	switch (sim_upto(s, 9)) {
	case 0:
		post_will(p, 429, NULL);
		if (sim_one_in(s, 2))
			ask_to_wait(s, p);
		break;
	case 1:
		no_answer(p, "timeout", s->f->settings[0].timeout_ms);
		break;
	case 2:
		no_answer(p, "reset", 0);
		break;
	case 3:
		no_answer(p, "refused", 0);
		p->result.never_left = true;
		break;
	case 4:
		post_will(p, sim_one_in(s, 5) ? 403 : 413, NULL);
		break;
	default:
		post_will(p, statuses[sim_upto(s, 4)], "broken");
		if (p->result.status == 503)
			ask_to_wait(s, p);
	}
}

/* The text may name it, lie, or say nothing. */
static void
refuse(struct sim *s, const struct sim_call *c, struct post *p)
{
	char text[60] = "";
	int64_t index = c->poisoned;

	if (sim_one_in(s, 4))
		index = sim_upto(s, c->objects);
	if (!sim_one_in(s, 3))
		snprintf(text, sizeof(text), "postBody.%s[%" PRId64 "] is bad",
		    c->kind == HEAP_TRACK ? "events" : "users", index);
	post_will(p, sim_one_in(s, 2) ? 422 : 400, text);
}

/* Sets the answer; how many objects Heap took. */
static int64_t
decide(struct sim *s, struct sim_call *c, struct post *p)
{
	bool healthy = s->quiet || sim_now(s) >= s->outage_until;

	p->answer_at = p->at + 1 + sim_upto(s, sim_one_in(s, 20) ? 1500 : 60);
	if (!healthy && answer_outage(s, p))
		return s->outage == SIM_SILENT && sim_one_in(s, 4) ?
		    c->objects : 0;
	if (p->len > s->largest)
		post_will(p, 413, "too large");
	else if (c->poisoned != -1 && !s->forgiving)
		refuse(s, c, p);
	else if (sim_one_in(s, s->clumsy))
		answer_clumsily(s, p);
	if (p->result.never_left || p->result.status == 401 ||
	    p->result.status == 403 || p->result.status == 413 ||
	    p->result.status == 429)
		return 0;
	if (p->result.status == 200)
		return c->objects;
	/* Of a refused list it may take what stands before the bad one; of
	 * one that it did not answer for, anything up to all. */
	if (p->result.status == 400 || p->result.status == 422)
		return c->kind == HEAP_TRACK && sim_one_in(s, 4) ?
		    c->poisoned : 0;
	return sim_one_in(s, 2) ? sim_upto(s, c->objects) : 0;
}

/* What the verdict may then say of the events in it. */
static void
blame(struct sim *s, const struct sim_call *c, const struct post *p)
{
	struct sim_object *o;
	size_t i;

	for (i = 0; i < c->refs_n; i++) {
		o = &s->objects[s->refs[c->first_ref + i]];
		o->failures += p->result.status != 200 &&
		    !p->result.never_left;
		if (p->result.status == 413 && c->events == 1)
			o->too_large = true;
	}
}

static void
count_at(struct sim *s, size_t call, int64_t end)
{
	struct sim_call *c = &s->calls[call];

	c->us = c->start * 1000 + sim_upto(s, (end - c->start) * 1000 + 999);
	c->latest = call > 0 && s->calls[call - 1].latest > c->us ?
	    s->calls[call - 1].latest : c->us;
}

void
sim_answer(struct fixture *f, struct post *p)
{
	struct sim *s = f->far_arg;
	struct sim_call *c = new_call(s, p);
	size_t call = s->calls_n - 1;

	assert_int_equal(f->posts_n, s->calls_n);
	s->digest = s->digest * 31 + sim_bytes(p->body, p->body + p->len) +
	    (uint64_t)c->start;
	see_body(s, p);
	take(s, p, decide(s, c, p));
	blame(s, c, p);
	c->left = !p->result.never_left;
	count_at(s, call, p->answer_at + s->shift);
	sim_judge_windows(s, call);
}

void
sim_lose_calls(struct sim *s, int64_t until)
{
	size_t i, first = s->first_open;

	for (i = first; i < s->calls_n; i++) {
		/* Those that were answered are as they were. */
		if (s->calls[i].state == SIM_OUT && !s->f->posts[i].ended)
			count_at(s, i, until);
		else if (i > 0 && s->calls[i].latest <
		    s->calls[i - 1].latest)
			s->calls[i].latest = s->calls[i - 1].latest;
		if (s->calls[i].state != SIM_SETTLED)
			s->calls[i].state = SIM_LOST;
	}
	sim_judge_windows(s, first);
	s->first_open = s->calls_n;
}

void
sim_free_heap(struct sim *s)
{
	free(s->objects);
	free(s->slots);
	free(s->refs);
	free(s->calls);
	free(s->rows);
}
