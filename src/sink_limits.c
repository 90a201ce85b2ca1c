/*
 * sink_limits.c - the simulated Heap's windows, as a judge counts them
 *
 * Knows the documented windows and counting.  Knows no clock.
 *
 * A key's log is a queue of (instant, count).  Keys are hashes of 64 bits of
 * the app and the identity; that two of the few million that a window may
 * hold collide is not to be expected.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "sink_limits.h"

struct entry {
	int64_t	at_us;
	int64_t	n;
};

/* entry[first] ... entry[last - 1] are in the window, oldest first. */
struct span {
	uint64_t	 key;
	bool		 used;		/* the slot */
	struct entry	*entry;
	size_t		 first;
	size_t		 last;
	size_t		 cap;
	int64_t		 total;		/* of their counts */
};

/* An open-addressing table of spans; swept when it fills, never deleted
 * from. */
struct window {
	struct sink_limit limit;
	struct span	*slot;
	size_t		 slots;		/* a power of two */
	size_t		 keys;
};

/* What a request does to one key. */
struct share {
	uint64_t	key;
	int64_t		n;
};

struct sink_limits {
	struct window	 window[SINK_WINDOWS];
	struct share	 share[HEAP_MAX_OBJECTS];	/* by identity */
	size_t		 shares;
};

#define FIRST_SLOTS	64

static void
window_init(struct window *w)
{
	w->slots = FIRST_SLOTS;
	w->keys = 0;
	w->slot = xcalloc(w->slots, sizeof(*w->slot));
}

static void
window_free(struct window *w)
{
	size_t i;

	for (i = 0; i < w->slots; i++)
		free(w->slot[i].entry);
	free(w->slot);
}

/* The key's slot, or the free one where it belongs. */
static struct span *
window_find(const struct window *w, uint64_t key)
{
	size_t i = (size_t)key & (w->slots - 1);

	while (w->slot[i].used && w->slot[i].key != key)
		i = (i + 1) & (w->slots - 1);
	return &w->slot[i];
}

static void
span_expire(struct span *s, int64_t length_us, int64_t at_us)
{
	/* Closed intervals: exactly one length ago still counts. */
	while (s->first < s->last &&
	    at_us - s->entry[s->first].at_us > length_us)
		s->total -= s->entry[s->first++].n;
}

/* Moves what still counts into a table with room for it and half as much. */
static void
window_sweep(struct window *w, int64_t at_us)
{
	struct window old = *w;
	size_t i, alive = 0;

	for (i = 0; i < old.slots; i++) {
		span_expire(&old.slot[i], w->limit.length_us, at_us);
		alive += old.slot[i].total > 0;
	}
	w->slots = FIRST_SLOTS;
	while (w->slots < alive * 3)
		w->slots *= 2;
	w->slot = xcalloc(w->slots, sizeof(*w->slot));
	w->keys = alive;
	for (i = 0; i < old.slots; i++) {
		if (old.slot[i].total > 0) {
			*window_find(w, old.slot[i].key) = old.slot[i];
			old.slot[i].entry = NULL;
		}
	}
	window_free(&old);
}

static bool
window_fits(struct window *w, const struct share *share, int64_t at_us)
{
	struct span *s;

	if (w->limit.limit == 0)
		return true;
	s = window_find(w, share->key);
	span_expire(s, w->limit.length_us, at_us);
	return s->total + share->n <= w->limit.limit;
}

static void
span_append(struct span *s, int64_t at_us, int64_t n)
{
	s->total += n;
	if (s->first < s->last && s->entry[s->last - 1].at_us == at_us) {
		s->entry[s->last - 1].n += n;
		return;
	}
	if (s->last == s->cap && s->first >= s->cap / 2 && s->first > 0) {
		memmove(s->entry, s->entry + s->first,
		    (s->last - s->first) * sizeof(*s->entry));
		s->last -= s->first;
		s->first = 0;
	}
	if (s->last == s->cap) {
		s->cap = s->cap > 0 ? s->cap * 2 : 4;
		s->entry = xreallocarray(s->entry, s->cap, sizeof(*s->entry));
	}
	s->entry[s->last].at_us = at_us;
	s->entry[s->last++].n = n;
}

static void
window_note(struct window *w, const struct share *share, int64_t at_us)
{
	struct span *s;

	if (w->limit.limit == 0)
		return;
	if (w->keys >= w->slots / 2)
		window_sweep(w, at_us);
	s = window_find(w, share->key);
	if (!s->used) {
		s->used = true;
		s->key = share->key;
		w->keys++;
	}
	span_append(s, at_us, share->n);
}

static int
compare_keys(const void *a, const void *b)
{
	uint64_t x = ((const struct share *)a)->key;
	uint64_t y = ((const struct share *)b)->key;

	return (x > y) - (x < y);
}

/* Each identity of the request once, with the number of its objects. */
static void
tally(struct sink_limits *l, const struct sink_body *b)
{
	size_t i, n = 0;

	assert(b->objects >= 1 && b->objects <= HEAP_MAX_OBJECTS);
	for (i = 0; i < b->objects; i++) {
		l->share[i].key = sink_key(b->app_id, b->object[i].identity);
		l->share[i].n = 1;
	}
	qsort(l->share, b->objects, sizeof(l->share[0]), compare_keys);
	for (i = 1; i < b->objects; i++) {
		if (l->share[i].key == l->share[n].key)
			l->share[n].n++;
		else
			l->share[++n] = l->share[i];
	}
	l->shares = n + 1;
}

/* How a window counts a request. */
enum counting { REQUESTS, OBJECTS, OBJECTS_OF_APP };

struct rule {
	enum sink_window window;
	enum heap_lane	 lane;
	enum counting	 counting;
};

static const struct rule rules[] = {
	{ SINK_TRACK_LIMIT, HEAP_TRACK, REQUESTS },
	{ SINK_IDENTITY_LIMIT, HEAP_TRACK, OBJECTS },
	{ SINK_APP_LIMIT, HEAP_TRACK, OBJECTS_OF_APP },
	{ SINK_PROPERTIES_LIMIT, HEAP_USER_PROPERTIES, REQUESTS },
	{ SINK_PROPERTIES_APP_LIMIT, HEAP_USER_PROPERTIES, OBJECTS_OF_APP },
};

/* The i-th share that a rule sees of a request; false: no more. */
static bool
rule_share(const struct sink_limits *l, const struct rule *rule,
    const struct sink_body *b, size_t i, struct share *share)
{
	if (rule->counting == OBJECTS_OF_APP) {
		share->key = sink_key(b->app_id, NULL);
		share->n = (int64_t)b->objects;
		return i == 0;
	}
	if (i == l->shares)
		return false;
	*share = l->share[i];
	if (rule->counting == REQUESTS)
		share->n = 1;
	return true;
}

int
sink_limits_take(struct sink_limits *l, const struct sink_body *b,
    int64_t at_us)
{
	struct share share;
	size_t i, r;

	tally(l, b);
	for (r = 0; r < HR_COUNT(rules); r++) {
		if (rules[r].lane != b->lane)
			continue;
		for (i = 0; rule_share(l, &rules[r], b, i, &share); i++) {
			if (!window_fits(&l->window[rules[r].window], &share,
			    at_us))
				return (int)rules[r].window;
		}
	}
	for (r = 0; r < HR_COUNT(rules); r++) {
		if (rules[r].lane != b->lane)
			continue;
		for (i = 0; rule_share(l, &rules[r], b, i, &share); i++)
			window_note(&l->window[rules[r].window], &share,
			    at_us);
	}
	return -1;
}

struct sink_limits *
sink_limits_new(const struct sink_limit limit[SINK_WINDOWS])
{
	struct sink_limits *l = xcalloc(1, sizeof(*l));
	size_t i;

	for (i = 0; i < SINK_WINDOWS; i++) {
		l->window[i].limit = limit[i];
		window_init(&l->window[i]);
	}
	return l;
}

void
sink_limits_free(struct sink_limits *l)
{
	size_t i;

	if (l == NULL)
		return;
	for (i = 0; i < SINK_WINDOWS; i++)
		window_free(&l->window[i]);
	free(l);
}

void
sink_limits_clear(struct sink_limits *l)
{
	size_t i;

	for (i = 0; i < SINK_WINDOWS; i++) {
		window_free(&l->window[i]);
		window_init(&l->window[i]);
	}
}

size_t
sink_limits_keys(const struct sink_limits *l)
{
	size_t i, keys = 0;

	for (i = 0; i < SINK_WINDOWS; i++)
		keys += l->window[i].keys;
	return keys;
}

bool
sink_limit_parse(const char *text, struct sink_limit *limit)
{
	static const struct {
		const char	*name;
		int64_t		 us;
	} units[] = {
		{ "ms", 1000 }, { "s", 1000000 }, { "m", 60000000 },
	};
	unsigned long n, length;
	char *end;
	size_t i;

	limit->limit = limit->length_us = 0;
	if (strcmp(text, "none") == 0)
		return true;
	if (text[0] < '0' || text[0] > '9')
		return false;
	n = strtoul(text, &end, 10);
	if (n < 1 || n > 1000000000 || *end != '/' ||
	    end[1] < '0' || end[1] > '9')
		return false;
	length = strtoul(end + 1, &end, 10);
	if (length < 1 || length > 100000000)
		return false;
	for (i = 0; i < HR_COUNT(units); i++) {
		if (strcmp(end, units[i].name) == 0) {
			limit->limit = (int64_t)n;
			limit->length_us = (int64_t)length * units[i].us;
			return true;
		}
	}
	return false;
}

const struct sink_limit *
sink_limit_default(enum sink_window window)
{
	static const struct sink_limit limits[SINK_WINDOWS] = {
		[SINK_TRACK_LIMIT] = { 30, 30000000 },
		[SINK_IDENTITY_LIMIT] = { 1000, 60000000 },
		[SINK_APP_LIMIT] = { 15000, 60000000 },
		[SINK_PROPERTIES_LIMIT] = { 30, 30000000 },
		[SINK_PROPERTIES_APP_LIMIT] = { 15000, 60000000 },
	};

	return &limits[window];
}

const char *
sink_window_name(enum sink_window window)
{
	static const char *const names[SINK_WINDOWS] = {
		"track_limit", "identity_limit", "app_limit",
		"properties_limit", "properties_app_limit",
	};

	return names[window];
}

uint64_t
sink_key(const char *app_id, const char *identity)
{
	uint64_t h = hash_fnv1a(app_id, strlen(app_id));

	if (identity == NULL)
		return h;
	/* Spread, so that (1, 23) and (12, 3) differ. */
	return (h * UINT64_C(0x9E3779B97F4A7C15)) ^
	    hash_fnv1a(identity, strlen(identity));
}
