/*
 * sink_store.c - what arrived at the simulated Heap: events and users
 *
 * Knows how Heap keeps properties: a known one is overwritten, one that is
 * not mentioned stays.  Knows nothing of why something was stored.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "sink_limits.h"
#include "sink_store.h"
#include "update.h"

#define FIRST_SLOTS	64

/* An event in the ring.  All texts lie in one block. */
struct arrived {
	char		*block;		/* NULL: none yet in this place */
	const char	*app_id;
	const char	*identity;
	const char	*event;
	const char	*json;
	uint64_t	 number;	/* counts from 1 */
	int64_t		 wall;
	enum heap_form	 form;
};

struct user {
	uint64_t	 key;		/* of sink_key */
	char		*app_id;
	char		*identity;
	uint64_t	 events;
	uint64_t	 updates;
	struct update_text known;	/* its properties, all of one origin */
};

struct sink_store {
	struct arrived	*ring;
	size_t		 ring_size;
	uint64_t	 events;	/* that arrived; also the last number */
	struct user	**slot;		/* open addressing; NULL: free */
	size_t		 slots;		/* a power of two */
	size_t		 users;
	size_t		 max_users;
	uint64_t	 forgotten;
};

static void
user_free(struct user *u)
{
	if (u == NULL)
		return;
	free(u->app_id);
	free(u->identity);
	update_text_free(&u->known);
	free(u);
}

/* The user's slot, or the free one where it belongs. */
static struct user **
find(const struct sink_store *s, uint64_t key, const char *app_id,
    const char *identity)
{
	size_t i = (size_t)key & (s->slots - 1);
	const struct user *u;

	for (; (u = s->slot[i]) != NULL; i = (i + 1) & (s->slots - 1)) {
		if (u->key == key && strcmp(u->identity, identity) == 0 &&
		    strcmp(u->app_id, app_id) == 0)
			break;
	}
	return &s->slot[i];
}

static void
grow(struct sink_store *s)
{
	struct user **old = s->slot;
	size_t i, slots = s->slots;

	s->slots *= 2;
	s->slot = xcalloc(s->slots, sizeof(*s->slot));
	for (i = 0; i < slots; i++) {
		if (old[i] != NULL)
			*find(s, old[i]->key, old[i]->app_id,
			    old[i]->identity) = old[i];
	}
	free(old);
}

/* Known or new; NULL when there is no room for a new one. */
static struct user *
user_of(struct sink_store *s, const char *app_id, const char *identity)
{
	uint64_t key = sink_key(app_id, identity);
	struct user **slot = find(s, key, app_id, identity);
	struct user *u = *slot;

	if (u != NULL)
		return u;
	if (s->users >= s->max_users) {
		s->forgotten++;
		return NULL;
	}
	if (s->users >= s->slots / 2) {
		grow(s);
		slot = find(s, key, app_id, identity);
	}
	u = xcalloc(1, sizeof(*u));
	u->key = key;
	u->app_id = xstrdup(app_id);
	u->identity = xstrdup(identity);
	*slot = u;
	s->users++;
	return u;
}

/* Appends a text and its NUL; returns the byte behind. */
static char *
lay(char *p, const char **text, const char *from, size_t len)
{
	*text = p;
	memcpy(p, from, len);
	p[len] = '\0';
	return p + len + 1;
}

void
sink_store_event(struct sink_store *s, const struct sink_body *b,
    const struct sink_object *object, const struct buf *json, int64_t wall)
{
	struct user *u = user_of(s, b->app_id, object->identity);
	size_t app = strlen(b->app_id), who = strlen(object->identity);
	size_t event = strlen(object->event);
	struct arrived *a;
	char *p;

	if (u != NULL)
		u->events++;
	s->events++;
	if (s->ring_size == 0)
		return;
	a = &s->ring[s->events % s->ring_size];
	free(a->block);
	a->block = p = xmalloc(app + who + event + json->len + 4);
	p = lay(p, &a->app_id, b->app_id, app);
	p = lay(p, &a->identity, object->identity, who);
	p = lay(p, &a->event, object->event, event);
	lay(p, &a->json, json->p, json->len);
	a->number = s->events;
	a->wall = wall;
	a->form = b->form;
}

void
sink_store_update(struct sink_store *s, const struct sink_body *b,
    const struct sink_object *object, const struct buf *json)
{
	struct user *u = user_of(s, b->app_id, object->identity);
	struct update_text next = { .payload = *json };
	struct update *all;

	if (u == NULL)
		return;
	u->updates++;
	/* What comes later is newer; the ids say no more than that. */
	all = update_read(1, &u->known, UPDATE_ALL);
	update_add(all, update_read(2, &next, UPDATE_ALL));
	update_text_free(&u->known);
	update_put(all, SIZE_MAX, &u->known);
	buf_free(&u->known.origins);
	update_free(all);
}

size_t
sink_store_users(const struct sink_store *s)
{
	return s->users;
}

uint64_t
sink_store_users_forgotten(const struct sink_store *s)
{
	return s->forgotten;
}

/*
 * Lists.
 */

static bool
same(const char *wanted, const char *given)
{
	return wanted == NULL || strcmp(wanted, given) == 0;
}

static void
put_event(struct buf *out, const struct arrived *a)
{
	char at[CLOCK_TEXT];

	buf_printf(out, "{\"number\":%llu,\"at\":\"%s\",\"app_id\":",
	    (unsigned long long)a->number, clock_text(a->wall, at));
	json_put_text(out, a->app_id);
	buf_printf(out, ",\"form\":\"%s\",\"object\":%s}",
	    heap_form_name(a->form), a->json);
}

void
sink_store_put_events(struct buf *out, const struct sink_store *s,
    const struct sink_filter *f)
{
	const struct arrived *a;
	uint64_t i, kept = s->events;
	size_t shown = 0;

	if (kept > s->ring_size)
		kept = s->ring_size;
	buf_puts(out, "{\"events\":[");
	for (i = 0; i < kept && shown < f->limit; i++) {
		a = &s->ring[(s->events - i) % s->ring_size];
		if (!same(f->app_id, a->app_id) ||
		    !same(f->identity, a->identity) ||
		    !same(f->event, a->event))
			continue;
		if (shown++ > 0)
			buf_putc(out, ',');
		put_event(out, a);
	}
	buf_puts(out, "]}");
}

static void
put_user(struct buf *out, const struct user *u)
{
	struct json *json;

	buf_puts(out, "{\"app_id\":");
	json_put_text(out, u->app_id);
	buf_puts(out, ",\"identity\":");
	json_put_text(out, u->identity);
	buf_printf(out, ",\"events\":%llu,\"updates\":%llu,\"properties\":",
	    (unsigned long long)u->events, (unsigned long long)u->updates);
	if (u->known.payload.len == 0) {
		buf_puts(out, "{}}");
		return;
	}
	json = json_parse(u->known.payload.p, u->known.payload.len,
	    NULL);
	json_put(out, json_get(json_root(json), "properties"));
	buf_putc(out, '}');
	json_free(json);
}

void
sink_store_put_users(struct buf *out, const struct sink_store *s,
    const struct sink_filter *f)
{
	size_t i, shown = 0;

	buf_puts(out, "{\"users\":[");
	for (i = 0; i < s->slots && shown < f->limit; i++) {
		if (s->slot[i] == NULL ||
		    !same(f->app_id, s->slot[i]->app_id) ||
		    !same(f->identity, s->slot[i]->identity))
			continue;
		if (shown++ > 0)
			buf_putc(out, ',');
		put_user(out, s->slot[i]);
	}
	buf_puts(out, "]}");
}

/*
 * Life.
 */

struct sink_store *
sink_store_new(size_t events, size_t users)
{
	struct sink_store *s = xcalloc(1, sizeof(*s));

	s->ring_size = events;
	s->ring = xcalloc(events, sizeof(*s->ring));
	s->max_users = users;
	s->slots = FIRST_SLOTS;
	s->slot = xcalloc(s->slots, sizeof(*s->slot));
	return s;
}

void
sink_store_clear(struct sink_store *s)
{
	size_t i;

	for (i = 0; i < s->ring_size; i++) {
		free(s->ring[i].block);
		s->ring[i].block = NULL;
	}
	for (i = 0; i < s->slots; i++) {
		user_free(s->slot[i]);
		s->slot[i] = NULL;
	}
	s->events = s->forgotten = 0;
	s->users = 0;
}

void
sink_store_free(struct sink_store *s)
{
	if (s == NULL)
		return;
	sink_store_clear(s);
	free(s->ring);
	free(s->slot);
	free(s);
}
