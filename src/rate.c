/*
 * rate.c - sliding windows: how much may leave for a key, and when the next
 *
 * Knows counting and time as numbers.  Knows nothing of lanes, requests or
 * the clock: every call is handed `now`.
 *
 * A moment is cut to a whole millisecond before it gets here, so an end at
 * `ended` happened before `ended + 1`.  What ended occupies its window up to
 * and including `ended + window_ms` and frees one millisecond later: only so
 * is nothing counted twice within a closed interval of the window's length.
 *
 * A question costs O(log n): the ended ones of a key are kept by age with
 * running sums, and the keys in a binary heap by their oldest end, so that
 * rate_expire touches only what left.  Questions change nothing, and may be
 * asked about the future.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "rate.h"

#define BITS_MIN	4	/* the smallest table has 16 chains */
#define NOWHERE		SIZE_MAX

/* What is noted and has not ended. */
struct flight {
	int64_t		 id;
	int64_t		 n;
};

/* All that ended within one millisecond. */
struct slot {
	int64_t		 ended;
	int64_t		 through;	/* sum of n from the key's first end
					 * to this slot, dropped ones too */
};

struct line {
	int64_t		 key;
	struct line	*next;		/* in the same chain */
	size_t		 place;		/* in by_age; NOWHERE: no slots */

	struct flight	*flights;	/* in no order; a few at a time */
	size_t		 n_flights;
	size_t		 cap_flights;
	int64_t		 flying;	/* sum of n over the flights */

	struct slot	*slots;		/* [head, end) by `ended`, all unlike */
	size_t		 head;
	size_t		 end;
	size_t		 cap_slots;
	int64_t		 gone;		/* `through` of the last one dropped */
};

struct rate {
	int64_t		 limit;
	int64_t		 window_ms;

	struct line	**chains;	/* 2^bits of them */
	unsigned	 bits;
	size_t		 lines;

	/* A binary heap of the lines that have slots, the line with the oldest
	 * slot first; there is room for 2^bits. */
	struct line	**by_age;
	size_t		 n_by_age;
};

/* The lines by the end of their oldest slot. */

static int64_t
line_oldest(const struct line *l)
{
	return l->slots[l->head].ended;
}

/* Puts the line there; the caller moves whoever was there. */
static void
age_put(struct rate *r, size_t place, struct line *l)
{
	r->by_age[place] = l;
	l->place = place;
}

static void
age_rise(struct rate *r, struct line *l)
{
	size_t place = l->place, parent;

	while (place > 0) {
		parent = (place - 1) / 2;
		if (line_oldest(r->by_age[parent]) <= line_oldest(l))
			break;
		age_put(r, place, r->by_age[parent]);
		place = parent;
	}
	age_put(r, place, l);
}

static void
age_sink(struct rate *r, struct line *l)
{
	size_t place = l->place, child;

	while ((child = 2 * place + 1) < r->n_by_age) {
		if (child + 1 < r->n_by_age &&
		    line_oldest(r->by_age[child + 1]) <
		    line_oldest(r->by_age[child]))
			child++;
		if (line_oldest(l) <= line_oldest(r->by_age[child]))
			break;
		age_put(r, place, r->by_age[child]);
		place = child;
	}
	age_put(r, place, l);
}

static void
age_add(struct rate *r, struct line *l)
{
	age_put(r, r->n_by_age++, l);
	age_rise(r, l);
}

static void
age_remove_first(struct rate *r)
{
	struct line *last = r->by_age[--r->n_by_age];

	r->by_age[0]->place = NOWHERE;
	if (r->n_by_age > 0) {
		last->place = 0;
		age_sink(r, last);
	}
}

/* The table of lines by key. */

static size_t
chain_of(int64_t key, unsigned bits)
{
	/* Multiplying by 2^64 over the golden ratio spreads row ids well. */
	return (size_t)((uint64_t)key * UINT64_C(0x9e3779b97f4a7c15) >>
	    (64 - bits));
}

static void
table_resize(struct rate *r, unsigned bits)
{
	struct line **chains = xcalloc((size_t)1 << bits, sizeof(*chains));
	struct line *l, *next;
	size_t i, chain;

	for (i = 0; i < (size_t)1 << r->bits; i++) {
		for (l = r->chains[i]; l != NULL; l = next) {
			next = l->next;
			chain = chain_of(l->key, bits);
			l->next = chains[chain];
			chains[chain] = l;
		}
	}
	free(r->chains);
	r->chains = chains;
	r->bits = bits;
	r->by_age = xreallocarray(r->by_age, (size_t)1 << bits,
	    sizeof(*r->by_age));
}

static struct line *
line_find(const struct rate *r, int64_t key)
{
	struct line *l = r->chains[chain_of(key, r->bits)];

	while (l != NULL && l->key != key)
		l = l->next;
	return l;
}

static struct line *
line_add(struct rate *r, int64_t key)
{
	struct line *l = xcalloc(1, sizeof(*l));
	size_t chain;

	if (r->lines == (size_t)1 << r->bits)
		table_resize(r, r->bits + 1);
	chain = chain_of(key, r->bits);
	l->key = key;
	l->place = NOWHERE;
	l->next = r->chains[chain];
	r->chains[chain] = l;
	r->lines++;
	return l;
}

static void
line_free(struct line *l)
{
	free(l->flights);
	free(l->slots);
	free(l);
}

/* Drops the line when nothing is left in it. */
static void
line_forget_if_empty(struct rate *r, struct line *l)
{
	struct line **link = &r->chains[chain_of(l->key, r->bits)];

	if (l->n_flights > 0 || l->head < l->end)
		return;
	while (*link != l)
		link = &(*link)->next;
	*link = l->next;
	line_free(l);
	r->lines--;
	/* An eighth, not a half: so a table does not swing to and fro. */
	if (r->bits > BITS_MIN && r->lines < (size_t)1 << (r->bits - 3))
		table_resize(r, r->bits - 1);
}

/* The slots of a line. */

/* `through` of what came before slot i. */
static int64_t
sum_before(const struct line *l, size_t i)
{
	return i > l->head ? l->slots[i - 1].through : l->gone;
}

/* The first slot that ended at `since` or later; l->end: none did. */
static size_t
slot_since(const struct line *l, int64_t since)
{
	size_t low = l->head, high = l->end, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (l->slots[middle].ended < since)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first slot that still occupies the window. */
static size_t
slot_occupying(const struct rate *r, const struct line *l, int64_t now)
{
	return slot_since(l, now - r->window_ms);
}

static int64_t
slot_frees_at(const struct rate *r, const struct line *l, size_t i)
{
	return l->slots[i].ended + r->window_ms + 1;
}

/* Makes room for one slot more behind the last. */
static void
line_reserve_slot(struct line *l)
{
	if (l->end < l->cap_slots)
		return;
	if (l->head >= l->cap_slots / 2 && l->head > 0) {
		memmove(l->slots, l->slots + l->head,
		    (l->end - l->head) * sizeof(*l->slots));
		l->end -= l->head;
		l->head = 0;
		return;
	}
	l->cap_slots = l->cap_slots > 0 ? 2 * l->cap_slots : 2;
	l->slots = xreallocarray(l->slots, l->cap_slots, sizeof(*l->slots));
}

/*
 * Ends come nearly in order, so the two loops over what is younger are short;
 * they are long only for records read in another order at start.
 */
static void
line_add_ended(struct line *l, int64_t n, int64_t ended)
{
	size_t at, i;

	line_reserve_slot(l);
	at = slot_since(l, ended);
	if (at == l->end || l->slots[at].ended != ended) {
		memmove(l->slots + at + 1, l->slots + at,
		    (l->end - at) * sizeof(*l->slots));
		l->slots[at].ended = ended;
		l->slots[at].through = sum_before(l, at);
		l->end++;
	}
	for (i = at; i < l->end; i++)
		l->slots[i].through += n;
}

/*
 * Drops the slots of the first line by age that left the window by `now`, at
 * least one, and the line as well when nothing is left in it.
 */
static void
expire_first(struct rate *r, int64_t now)
{
	struct line *l = r->by_age[0];
	size_t first = slot_occupying(r, l, now);

	l->gone = sum_before(l, first);
	l->head = first;
	if (l->head < l->end) {
		age_sink(r, l);
		return;
	}
	age_remove_first(r);
	l->head = l->end = 0;
	line_forget_if_empty(r, l);
}

static int64_t
line_used(const struct rate *r, const struct line *l, int64_t now)
{
	size_t first = slot_occupying(r, l, now);

	return l->flying + sum_before(l, l->end) - sum_before(l, first);
}

/* The flights of a line. */

static struct flight *
flight_find(const struct line *l, int64_t id)
{
	size_t i;

	for (i = 0; i < l->n_flights; i++) {
		if (l->flights[i].id == id)
			return &l->flights[i];
	}
	return NULL;
}

static void
flight_add(struct line *l, int64_t id, int64_t n)
{
	struct flight *f = flight_find(l, id);

	l->flying += n;
	if (f != NULL) {
		f->n += n;
		return;
	}
	if (l->n_flights == l->cap_flights) {
		l->cap_flights = l->cap_flights > 0 ? 2 * l->cap_flights : 1;
		l->flights = xreallocarray(l->flights, l->cap_flights,
		    sizeof(*l->flights));
	}
	f = &l->flights[l->n_flights++];
	f->id = id;
	f->n = n;
}

/* Takes the flight out and returns its n; 0: there is none of that id. */
static int64_t
flight_remove(struct line *l, int64_t id)
{
	struct flight *f = flight_find(l, id);
	int64_t n;

	if (f == NULL)
		return 0;
	n = f->n;
	*f = l->flights[--l->n_flights];
	l->flying -= n;
	return n;
}

struct rate *
rate_new(int64_t limit, int64_t window_ms)
{
	struct rate *r = xcalloc(1, sizeof(*r));

	r->bits = BITS_MIN;
	r->chains = xcalloc((size_t)1 << BITS_MIN, sizeof(*r->chains));
	r->by_age = xcalloc((size_t)1 << BITS_MIN, sizeof(*r->by_age));
	rate_set(r, limit, window_ms);
	return r;
}

void
rate_free(struct rate *r)
{
	struct line *l, *next;
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < (size_t)1 << r->bits; i++) {
		for (l = r->chains[i]; l != NULL; l = next) {
			next = l->next;
			line_free(l);
		}
	}
	free(r->chains);
	free(r->by_age);
	free(r);
}

void
rate_set(struct rate *r, int64_t limit, int64_t window_ms)
{
	assert(limit >= 1 && window_ms >= 1);
	r->limit = limit;
	r->window_ms = window_ms;
}

int64_t
rate_limit(const struct rate *r)
{
	return r->limit;
}

int64_t
rate_window(const struct rate *r)
{
	return r->window_ms;
}

int64_t
rate_used(struct rate *r, int64_t key, int64_t now)
{
	const struct line *l = line_find(r, key);

	return l != NULL ? line_used(r, l, now) : 0;
}

int64_t
rate_allow(struct rate *r, int64_t key, int64_t now)
{
	int64_t used = rate_used(r, key, now);

	return used < r->limit ? r->limit - used : 0;
}

int64_t
rate_next(struct rate *r, int64_t key, int64_t n, int64_t now)
{
	const struct line *l = line_find(r, key);
	size_t low, high, middle;
	int64_t surplus;

	if (n > r->limit)
		n = r->limit;
	if (l == NULL || n <= rate_allow(r, key, now))
		return now;
	if (n > r->limit - l->flying)
		return RATE_NEVER;

	/*
	 * Enough is free once the first slot whose running sum reaches
	 * `surplus` is: the last one always does.
	 */
	surplus = l->flying + sum_before(l, l->end) - (r->limit - n);
	low = slot_occupying(r, l, now);
	high = l->end - 1;
	while (low < high) {
		middle = low + (high - low) / 2;
		if (l->slots[middle].through < surplus)
			low = middle + 1;
		else
			high = middle;
	}
	return slot_frees_at(r, l, low);
}

void
rate_note(struct rate *r, int64_t key, int64_t id, int64_t n, int64_t now)
{
	struct line *l;

	assert(n >= 0);
	rate_expire(r, now);	/* bounds what callers leave to rate_expire */
	if (n == 0)
		return;
	l = line_find(r, key);
	if (l == NULL)
		l = line_add(r, key);
	flight_add(l, id, n);
}

void
rate_end(struct rate *r, int64_t key, int64_t id, int64_t ended)
{
	struct line *l = line_find(r, key);
	int64_t n = l != NULL ? flight_remove(l, id) : 0;

	if (n == 0)
		return;
	line_add_ended(l, n, ended);
	if (l->place == NOWHERE)
		age_add(r, l);
	else
		age_rise(r, l);
}

void
rate_cancel(struct rate *r, int64_t key, int64_t id)
{
	struct line *l = line_find(r, key);

	if (l != NULL && flight_remove(l, id) > 0)
		line_forget_if_empty(r, l);
}

void
rate_expire(struct rate *r, int64_t now)
{
	while (r->n_by_age > 0 &&
	    line_oldest(r->by_age[0]) < now - r->window_ms)
		expire_first(r, now);
}

void
rate_each(struct rate *r, int64_t now, rate_visit *visit, void *arg)
{
	const struct line *l;
	size_t i, first;
	int64_t used;

	for (i = 0; i < (size_t)1 << r->bits; i++) {
		for (l = r->chains[i]; l != NULL; l = l->next) {
			used = line_used(r, l, now);
			if (used == 0)
				continue;
			first = slot_occupying(r, l, now);
			visit(l->key, used, first < l->end ?
			    slot_frees_at(r, l, first) : RATE_NEVER, arg);
		}
	}
}
