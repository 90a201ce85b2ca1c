/*
 * queue_erase_batch.c - erasing a person: along the batches
 *
 * Knows which batches concern the person, and that others' rows may tell of
 * them: they may be called the same, or have been in one request with them.
 */
#include <stdlib.h>
#include <string.h>

#include "queue_erase_private.h"

#define BATCHES		100	/* looked at in one slice */
#define BODIES		(1 << 20) /* bytes of bodies that are held for that */
#define EVENTS		100	/* removed in one slice */

/* A batch that is looked at. */
struct look {
	int64_t	 id;
	bool	 has_mpid;
	int64_t	 mpid;
	int64_t	 first, events;		/* ids, as batch.first_event */
	int64_t	 live;
	char	*source_request_id;	/* NULL: none */
	char	*body;			/* only without an mpid */
};

struct look_event {
	int64_t	id;
	int64_t	identity;		/* 0: none */
	int64_t	request;		/* 0: none */
	bool	inflight;
	bool	has_error;
};

/* Batches from that one on are to be looked at once more. */
static void
look_again(struct erasing *e, int64_t from)
{
	if (e->again == -1 || from < e->again)
		e->again = from;
}

/* The next batches; how many. */
static size_t
read_batches(struct erasing *e, struct look *l)
{
	sqlite3_stmt *st = store_sql(e->queue->store, SQL_ERASE_BATCHES);
	size_t n = 0, bytes = 0;

	store_int(st, ":after", e->cursor);
	store_int(st, ":last", e->last_batch);
	store_int(st, ":n", BATCHES);
	while (bytes < BODIES && store_row(e->queue->store, st)) {
		l[n].id = sqlite3_column_int64(st, 0);
		l[n].has_mpid = sqlite3_column_type(st, 1) != SQLITE_NULL;
		l[n].mpid = sqlite3_column_int64(st, 1);
		l[n].first = sqlite3_column_int64(st, 2);
		l[n].events = sqlite3_column_int64(st, 3);
		l[n].live = sqlite3_column_int64(st, 4);
		l[n].source_request_id = erasing_text(st, 5);
		l[n].body = erasing_text(st, 6);
		bytes += (size_t)sqlite3_column_bytes(st, 6);
		n++;
	}
	sqlite3_reset(st);
	return n;
}

/* Given. */
static struct look_event *
read_events(struct erasing *e, const struct look *l, size_t *n)
{
	sqlite3_stmt *st = store_sql(e->queue->store, SQL_ERASE_EVENTS);
	struct look_event *events = xcalloc((size_t)l->events + 1,
	    sizeof(*events)), *v = events;

	store_int(st, ":first", l->first);
	store_int(st, ":end", l->first + l->events);
	store_int(st, ":batch", l->id);
	while (store_row(e->queue->store, st)) {
		v->id = sqlite3_column_int64(st, 0);
		v->identity = sqlite3_column_int64(st, 1);
		v->inflight = sqlite3_column_int(st, 2) != 0;
		v->has_error = sqlite3_column_int(st, 3) != 0;
		v->request = sqlite3_column_int64(st, 4);
		v++;
	}
	*n = (size_t)(v - events);
	return events;
}

/* Does a body that was resolved to nobody (a duplicate, one of historical
 * data) name an identity of the person? */
static bool
names_person(struct erasing *e, const struct look *l)
{
	struct mp_request *r = mp_parse(MP_EVENTS, l->body, strlen(l->body));
	const struct mp_batch *b = r->batches_n > 0 ? &r->batches[0] : NULL;
	struct buf lookup = BUF_INIT;
	bool found = false;
	sqlite3_stmt *st;
	int i;

	for (i = 0; b != NULL && i < MP_IDENTITIES && !found; i++) {
		if (b->identity[i] == NULL)
			continue;
		mp_lookup_value((enum mp_identity_type)i, b->identity[i],
		    &lookup);
		st = erasing_statement(e, SQL_ERASURE_KNOWS);
		store_text(st, ":type",
		    mp_identity_name((enum mp_identity_type)i));
		store_text(st, ":value", buf_str(&lookup));
		found = erasing_answers(e->queue, st);
	}
	buf_free(&lookup);
	mp_request_free(r);
	return found;
}

static bool
concerns_person(struct erasing *e, const struct look *l,
    const struct look_event *v, size_t n)
{
	size_t i;

	if (l->has_mpid && erasing_among(e->mpid, e->mpids, l->mpid))
		return true;
	for (i = 0; i < n && e->identity != 0; i++)
		if (v[i].identity == e->identity)
			return true;
	return l->body != NULL && names_person(e, l);
}

/* An id that says who it is about is not remembered. */
static void
forget_seen(struct erasing *e, const struct look *l)
{
	sqlite3_stmt *st = erasing_statement(e, SQL_ERASURE_QUOTES);

	store_text(st, ":text", l->source_request_id);
	if (!erasing_answers(e->queue, st))
		return;
	st = store_sql(e->queue->store, SQL_SEEN_ERASE);
	store_text(st, ":source_request_id", l->source_request_id);
	store_run(e->queue->store, st);
}

/* What the batch tells of the person that was not known yet. */
static void
learn(struct erasing *e, const struct look *l, const struct look_event *v,
    size_t n)
{
	size_t i;

	if (l->has_mpid && !erasing_among(e->mpid, e->mpids, l->mpid)) {
		erasing_add_profile(e, l->mpid);
		/* Who seemed to be somebody else may be the same. */
		store_run(e->queue->store,
		    erasing_statement(e, SQL_ERASURE_UNSHARED));
		look_again(e, 0);
	}
	for (i = 0; i < n; i++) {
		if (v[i].identity == 0 ||
		    erasing_among(e->known, e->knowns, v[i].identity))
			continue;
		erasing_add_identity(e, v[i].identity);
		look_again(e, 0);
	}
}

/* false: the slice is full before the batch is done with. */
static bool
remove_batch(struct erasing *e, const struct look *l,
    const struct look_event *v, size_t n)
{
	struct queue *q = e->queue;
	int64_t gone = 0;
	size_t i;

	learn(e, l, v, n);
	for (i = 0; i < n; i++) {
		if (v[i].inflight) {
			look_again(e, l->id);
			continue;
		}
		if (e->removed >= EVENTS)
			return false;
		gone += erasing_run(q, SQL_EVENT_ERASE, ":id", v[i].id);
		e->removed++;
	}
	if (l->live == 0)
		e->batches += erasing_run(q, SQL_BATCH_ERASE, ":id", l->id);
	else if (gone == l->live)
		e->batches++;
	if (l->source_request_id != NULL)
		forget_seen(e, l);
	return true;
}

/* Somebody else's: who shares an identity, and what was said of a request
 * that carried both. */
static void
spare_batch(struct erasing *e, const struct look_event *v, size_t n)
{
	sqlite3_stmt *st;
	size_t i;

	for (i = 0; i < n; i++) {
		if (erasing_among(e->known, e->knowns, v[i].identity)) {
			st = erasing_statement(e, SQL_ERASURE_SHARED);
			store_int(st, ":identity", v[i].identity);
			store_run(e->queue->store, st);
		}
		if (v[i].has_error && v[i].request != 0) {
			st = erasing_statement(e, SQL_ERROR_ERASE);
			store_int(st, ":id", v[i].id);
			store_int(st, ":request", v[i].request);
			store_run(e->queue->store, st);
		}
	}
}

static bool
look_at(struct erasing *e, const struct look *l)
{
	struct look_event *v;
	bool done = true;
	size_t n;

	v = read_events(e, l, &n);
	if (concerns_person(e, l, v, n))
		done = remove_batch(e, l, v, n);
	else
		spare_batch(e, v, n);
	free(v);
	return done;
}

void
erasing_batches(struct erasing *e)
{
	struct look l[BATCHES];
	size_t i, n = read_batches(e, l);
	bool more = true;

	for (i = 0; i < n; i++) {
		if (more && (more = look_at(e, &l[i])))
			e->cursor = l[i].id;
		free(l[i].source_request_id);
		free(l[i].body);
	}
	if (n > 0)
		return;
	/* A round is over. */
	if (e->again == -1) {
		e->request = 0;
		return;
	}
	e->waits = e->again > 0;
	e->cursor = e->waits ? e->again - 1 : 0;
	e->again = -1;
}
