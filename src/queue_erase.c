/*
 * queue_erase.c - erasing a person: rows, payloads, batches, profiles
 *
 * Knows what of a person lies where.  The person is every profile that ever
 * had the identity, or one of whose batches was sent under it.  Their profiles
 * go at once, so that whoever comes later is somebody new; what they left in
 * the tables goes in slices, along the ids of batches and then of requests,
 * since no index leads to it.  How far that has come is in the tables too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "json.h"
#include "log.h"
#include "queue_private.h"

#define BATCHES		100	/* looked at in one slice */
#define BODIES		(1 << 20) /* bytes of bodies that are held for that */
#define EVENTS		100	/* removed in one slice */
#define REQUESTS	500	/* looked at in one slice */

/* One erasure while a slice of it is done. */
struct erasing {
	struct queue	*queue;
	int64_t		 job;
	char		 hash[QUEUE_HASH];
	int64_t		 identity;	/* 0: it was never sent */
	int64_t		 last_batch;
	int64_t		 cursor;
	int64_t		 again;		/* 0: from the first; -1: no more */
	int64_t		 request;	/* -1: batches come first */
	int64_t		 batches, profiles, events;
	int64_t		 removed;	/* events, by this slice */
	int64_t		*mpid;		/* erasure_profile */
	size_t		 mpids;
	int64_t		*known;		/* erasure_identity */
	size_t		 knowns;
	bool		 waits;		/* a round ended, something is out */
};

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

/* --- small statements ------------------------------------------------- */

static sqlite3_stmt *
of_job(const struct erasing *e, enum sql id)
{
	sqlite3_stmt *st = store_sql(e->queue->store, id);

	store_int(st, ":job", e->job);
	return st;
}

static int64_t
run_with(struct queue *q, enum sql id, const char *name, int64_t value)
{
	sqlite3_stmt *st = store_sql(q->store, id);

	store_int(st, name, value);
	return store_run(q->store, st);
}

/* Does it answer a row? */
static bool
answers(struct queue *q, sqlite3_stmt *st)
{
	bool found = store_row(q->store, st);

	sqlite3_reset(st);
	return found;
}

/* The first column of all rows.  Given. */
static int64_t *
numbers(struct queue *q, sqlite3_stmt *st, size_t *n)
{
	int64_t *out = NULL;
	size_t room = 0;

	for (*n = 0; store_row(q->store, st); (*n)++) {
		if (*n == room) {
			room = room > 0 ? 2 * room : 8;
			out = xreallocarray(out, room, sizeof(*out));
		}
		out[*n] = sqlite3_column_int64(st, 0);
	}
	return out;
}

static bool
among(const int64_t *list, size_t n, int64_t value)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (list[i] == value)
			return true;
	return false;
}

static void
append(int64_t **list, size_t *n, int64_t value)
{
	*list = xreallocarray(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = value;
}

/* Batches from that one on are to be looked at once more. */
static void
look_again(struct erasing *e, int64_t from)
{
	if (e->again == -1 || from < e->again)
		e->again = from;
}

/* --- what the person is ----------------------------------------------- */

/* From now on the identity has no text, and no old update of it goes into a
 * new one. */
static void
add_identity(struct erasing *e, int64_t identity)
{
	struct queue *q = e->queue;
	char hash[QUEUE_HASH];
	sqlite3_stmt *st;
	bool known = false;

	append(&e->known, &e->knowns, identity);
	st = of_job(e, SQL_ERASURE_IDENTITY_PUT);
	store_int(st, ":identity", identity);
	store_run(q->store, st);

	st = store_sql(q->store, SQL_IDENTITY_TEXT);
	store_int(st, ":identity", identity);
	if (store_row(q->store, st) &&
	    sqlite3_column_type(st, 0) != SQLITE_NULL) {
		known = true;
		queue_identity_hash((const char *)sqlite3_column_text(st, 0),
		    hash);
	}
	sqlite3_reset(st);
	if (known) {
		st = store_sql(q->store, SQL_IDENTITY_ERASE);
		store_int(st, ":identity", identity);
		store_text(st, ":hash", hash);
		store_run(q->store, st);
	}
	run_with(q, SQL_UPDATES_DROP_QUEUED, ":identity", identity);
	run_with(q, SQL_UPDATES_DROP_SUSPECT, ":identity", identity);
	run_with(q, SQL_UPDATES_DROP_INFLIGHT, ":identity", identity);
}

static void
add_value(struct erasing *e, enum mp_identity_type type, const char *value)
{
	sqlite3_stmt *st = of_job(e, SQL_ERASURE_VALUE_PUT);

	store_text(st, ":type", mp_identity_name(type));
	store_text(st, ":value", value);
	store_run(e->queue->store, st);
}

/* The profile goes; what it was found by is kept until all has gone. */
static void
add_profile(struct erasing *e, int64_t mpid)
{
	static const enum sql steps[] = {
		SQL_ERASURE_PROFILE_PUT, SQL_ERASURE_PROFILE_VALUES,
		SQL_ERASURE_PROFILE_CURRENT
	};
	struct queue *q = e->queue;
	sqlite3_stmt *st;
	size_t i;

	append(&e->mpid, &e->mpids, mpid);
	for (i = 0; i < HR_COUNT(steps); i++) {
		st = of_job(e, steps[i]);
		store_int(st, ":mpid", mpid);
		store_run(q->store, st);
	}
	run_with(q, SQL_PROFILE_IDENTITY_ERASE, ":mpid", mpid);
	run_with(q, SQL_PROFILE_CURRENT_ERASE, ":mpid", mpid);
	e->profiles += run_with(q, SQL_PROFILE_ERASE, ":mpid", mpid);
}

void
queue_identity_hash(const char *value, char hash[QUEUE_HASH])
{
	uint8_t digest[32];

	hash_sha256(value, strlen(value), digest);
	hash_hex(digest, sizeof(digest), hash);
}

/* Profiles that the identity means by one of the types; MP_IDENTITIES is the
 * MPID itself.  Given. */
static int64_t *
profiles_of(struct queue *q, const char *value,
    const enum mp_identity_type *types, size_t types_n, size_t *n)
{
	struct buf lookup = BUF_INIT;
	int64_t *all = NULL, *found, mpid;
	sqlite3_stmt *st;
	size_t i, k, m;

	*n = 0;
	for (i = 0; i < types_n; i++) {
		if (types[i] == MP_IDENTITIES) {
			st = store_sql(q->store, SQL_PROFILE_GET);
			if (!json_int64(value, &mpid))
				continue;
			store_int(st, ":mpid", mpid);
			if (answers(q, st) && !among(all, *n, mpid))
				append(&all, n, mpid);
			continue;
		}
		mp_lookup_value(types[i], value, &lookup);
		st = store_sql(q->store, SQL_PROFILES_WITH);
		store_text(st, ":type", mp_identity_name(types[i]));
		store_text(st, ":value", buf_str(&lookup));
		found = numbers(q, st, &m);
		for (k = 0; k < m; k++)
			if (!among(all, *n, found[k]))
				append(&all, n, found[k]);
		free(found);
	}
	buf_free(&lookup);
	return all;
}

/* 0: there is none of that text. */
static int64_t
find_identity(struct queue *q, const char *value)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_IDENTITY_FIND);
	int64_t id = 0;

	store_text(st, ":value", value);
	if (store_row(q->store, st))
		id = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return id;
}

static void
put_erasure(struct erasing *e, int64_t now)
{
	struct buf whose = BUF_INIT;
	sqlite3_stmt *st;

	buf_printf(&whose, "{\"hash\":\"%s\"}", e->hash);
	e->job = queue_task_put(e->queue, QUEUE_JOB_ERASE, buf_str(&whose),
	    now);
	st = of_job(e, SQL_ERASURE_PUT);
	store_text(st, ":hash", e->hash);
	if (e->identity != 0)
		store_int(st, ":identity", e->identity);
	else
		store_text(st, ":identity", NULL);
	store_int(st, ":last_batch", e->queue->next_batch - 1);
	store_run(e->queue->store, st);
	buf_free(&whose);
}

static void
put_progress(struct erasing *e)
{
	sqlite3_stmt *st = of_job(e, SQL_ERASURE_PROGRESS);

	store_int(st, ":cursor", e->cursor);
	if (e->again != -1)
		store_int(st, ":again", e->again);
	else
		store_text(st, ":again", NULL);
	if (e->request != -1)
		store_int(st, ":request", e->request);
	else
		store_text(st, ":request", NULL);
	store_int(st, ":batches", e->batches);
	store_int(st, ":profiles", e->profiles);
	store_run(e->queue->store, st);
	queue_job_progress(e->queue, e->job, e->cursor, e->removed, 0, NULL);
	stat_later(STAT_events_erased, (uint64_t)e->removed);
}

static void
forget(struct erasing *e)
{
	free(e->mpid);
	free(e->known);
}

int64_t
queue_erase(struct queue *q, const char *value,
    const enum mp_identity_type *types, size_t types_n, int64_t now)
{
	struct erasing e = { .queue = q, .again = -1, .request = -1 };
	struct buf lookup = BUF_INIT;
	int64_t *mpids;
	size_t i, n;

	e.identity = find_identity(q, value);
	mpids = profiles_of(q, value, types, types_n, &n);
	if (e.identity != 0 || n > 0) {
		q->erasing = true;
		queue_identity_hash(value, e.hash);
		put_erasure(&e, now);
		for (i = 0; i < types_n; i++) {
			if (types[i] == MP_IDENTITIES)
				continue;
			mp_lookup_value(types[i], value, &lookup);
			add_value(&e, types[i], buf_str(&lookup));
		}
		for (i = 0; i < n; i++)
			add_profile(&e, mpids[i]);
		if (e.identity != 0)
			add_identity(&e, e.identity);
		put_progress(&e);
		q->erasing = false;
	}
	buf_free(&lookup);
	free(mpids);
	forget(&e);
	return e.job;
}

/* --- along the batches ------------------------------------------------ */

static char *
text_or_null(sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	return text != NULL ? xstrdup(text) : NULL;
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
		l[n].source_request_id = text_or_null(st, 5);
		l[n].body = text_or_null(st, 6);
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
		st = of_job(e, SQL_ERASURE_KNOWS);
		store_text(st, ":type",
		    mp_identity_name((enum mp_identity_type)i));
		store_text(st, ":value", buf_str(&lookup));
		found = answers(e->queue, st);
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

	if (l->has_mpid && among(e->mpid, e->mpids, l->mpid))
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
	sqlite3_stmt *st = of_job(e, SQL_ERASURE_QUOTES);

	store_text(st, ":text", l->source_request_id);
	if (!answers(e->queue, st))
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

	if (l->has_mpid && !among(e->mpid, e->mpids, l->mpid)) {
		add_profile(e, l->mpid);
		look_again(e, 0);
	}
	for (i = 0; i < n; i++) {
		if (v[i].identity == 0 ||
		    among(e->known, e->knowns, v[i].identity))
			continue;
		add_identity(e, v[i].identity);
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
		gone += run_with(q, SQL_EVENT_ERASE, ":id", v[i].id);
		e->removed++;
	}
	if (l->live == 0)
		e->batches += run_with(q, SQL_BATCH_ERASE, ":id", l->id);
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
		if (among(e->known, e->knowns, v[i].identity)) {
			st = of_job(e, SQL_ERASURE_SHARED);
			store_int(st, ":identity", v[i].identity);
			store_run(e->queue->store, st);
		}
		if (v[i].has_error && v[i].request != 0) {
			st = of_job(e, SQL_ERROR_ERASE);
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

static void
erase_batches(struct erasing *e)
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

/* --- along the requests, and the end ---------------------------------- */

static void
erase_answers(struct erasing *e)
{
	sqlite3_stmt *st = of_job(e, SQL_ANSWERS_ERASE);

	store_int(st, ":after", e->request);
	store_int(st, ":last", e->request + REQUESTS);
	store_run(e->queue->store, st);
	e->request += REQUESTS;
}

/* Filters and notes that name the identity name its hash from now on. */
static void
erase_notes(struct queue *q, const char *value)
{
	struct buf quoted = BUF_INIT, hash = BUF_INIT;
	char hex[QUEUE_HASH];
	sqlite3_stmt *st;

	queue_identity_hash(value, hex);
	buf_printf(&hash, "\"%s\"", hex);
	json_put_text(&quoted, value);
	st = store_sql(q->store, SQL_JOB_FILTERS_ERASE);
	store_text(st, ":value", value);
	store_text(st, ":hash", hex);
	store_run(q->store, st);
	st = store_sql(q->store, SQL_AUDIT_ERASE);
	store_text(st, ":quoted", buf_str(&quoted));
	store_text(st, ":hash", buf_str(&hash));
	store_run(q->store, st);
	buf_free(&quoted);
	buf_free(&hash);
}

/* One of the person's identities: nobody's any more, or another's. */
struct settled {
	int64_t	 identity;
	char	*value;			/* NULL: another erasure has it */
	bool	 shared;
};

static void
settle_identity(struct queue *q, const struct settled *s, int64_t now)
{
	sqlite3_stmt *st;

	if (s->value != NULL && s->shared) {
		st = store_sql(q->store, SQL_IDENTITY_RESTORE);
		store_int(st, ":identity", s->identity);
		store_text(st, ":value", s->value);
		store_run(q->store, st);
	} else if (s->value != NULL) {
		erase_notes(q, s->value);
	}
	/* Whoever came meanwhile was held. */
	st = store_sql(q->store, SQL_WAITING_FREE);
	store_int(st, ":identity", s->identity);
	store_int(st, ":now", now);
	store_run(q->store, st);
}

static void
settle_identities(struct erasing *e, int64_t now)
{
	struct settled *s = xcalloc(e->knowns + 1, sizeof(*s));
	sqlite3_stmt *st = of_job(e, SQL_ERASURE_IDENTITIES);
	size_t i, n = 0;

	while (n < e->knowns && store_row(e->queue->store, st)) {
		s[n].identity = sqlite3_column_int64(st, 0);
		s[n].value = text_or_null(st, 1);
		s[n].shared = sqlite3_column_int(st, 2) != 0;
		n++;
	}
	sqlite3_reset(st);
	for (i = 0; i < n; i++) {
		settle_identity(e->queue, &s[i], now);
		free(s[i].value);
	}
	free(s);
}

static void
finish(struct erasing *e, int64_t now)
{
	static const enum sql steps[] = {
		SQL_ERASURE_FORGET_IDENTITIES, SQL_ERASURE_FORGET_VALUES,
		SQL_ERASURE_FORGET_PROFILES, SQL_ERASURE_FORGET
	};
	struct buf subject = BUF_INIT;
	size_t i;

	settle_identities(e, now);
	for (i = 0; i < HR_COUNT(steps); i++)
		store_run(e->queue->store, of_job(e, steps[i]));
	queue_job_end(e->queue, e->job, QUEUE_JOB_DONE, NULL, now);
	buf_printf(&subject, "identity %s", e->hash);
	queue_audit(e->queue, now, "erase", buf_str(&subject), "job %lld: "
	    "%lld events, %lld batches, %lld profiles", (long long)e->job,
	    (long long)(e->events + e->removed), (long long)e->batches,
	    (long long)e->profiles);
	buf_free(&subject);
}

/* The erasure whose turn it is; false: none. */
static bool
read_next(struct queue *q, struct erasing *e)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_ERASURE_NEXT);

	memset(e, 0, sizeof(*e));
	e->queue = q;
	if (!store_row(q->store, st))
		return false;
	e->job = sqlite3_column_int64(st, 0);
	snprintf(e->hash, sizeof(e->hash), "%s",
	    (const char *)sqlite3_column_text(st, 1));
	e->identity = sqlite3_column_int64(st, 2);
	e->last_batch = sqlite3_column_int64(st, 3);
	e->cursor = sqlite3_column_int64(st, 4);
	e->again = sqlite3_column_type(st, 5) == SQLITE_NULL ? -1 :
	    sqlite3_column_int64(st, 5);
	e->request = sqlite3_column_type(st, 6) == SQLITE_NULL ? -1 :
	    sqlite3_column_int64(st, 6);
	e->batches = sqlite3_column_int64(st, 7);
	e->profiles = sqlite3_column_int64(st, 8);
	e->events = sqlite3_column_int64(st, 9);
	sqlite3_reset(st);
	e->mpid = numbers(q, of_job(e, SQL_ERASURE_PROFILES), &e->mpids);
	e->known = numbers(q, of_job(e, SQL_ERASURE_IDENTITIES), &e->knowns);
	return true;
}

enum queue_erased
queue_erase_slice(struct queue *q, struct queue_receipt *receipt, int64_t now)
{
	enum queue_erased result = QUEUE_ERASE_MORE;
	struct erasing e;

	if (!read_next(q, &e))
		return QUEUE_ERASE_NONE;
	q->erasing = true;
	if (e.request == -1)
		erase_batches(&e);
	else
		erase_answers(&e);
	put_progress(&e);
	if (e.request >= q->next_request) {
		finish(&e, now);
		result = QUEUE_ERASE_DONE;
	} else if (e.waits) {
		result = QUEUE_ERASE_WAITS;
	}
	q->erasing = false;
	receipt->job = e.job;
	receipt->events = e.events + e.removed;
	receipt->batches = e.batches;
	receipt->profiles = e.profiles;
	forget(&e);
	return result;
}

bool
queue_erase_pending(struct queue *q)
{
	return answers(q, store_sql(q->store, SQL_ERASURE_NEXT));
}

int64_t *
queue_erase_held(struct queue *q, size_t *n)
{
	return numbers(q, store_sql(q->store, SQL_ERASURE_HOLDS), n);
}

bool
queue_empty_wal(struct queue *q)
{
	return store_empty_wal(q->store);
}
