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
#include "queue_erase_private.h"

#define REQUESTS	500	/* looked at in one slice */

/* --- small statements ------------------------------------------------- */

sqlite3_stmt *
erasing_statement(const struct erasing *e, enum sql id)
{
	sqlite3_stmt *st = store_sql(e->queue->store, id);

	store_int(st, ":job", e->job);
	return st;
}

int64_t
erasing_run(struct queue *q, enum sql id, const char *name, int64_t value)
{
	sqlite3_stmt *st = store_sql(q->store, id);

	store_int(st, name, value);
	return store_run(q->store, st);
}

/* Does it answer a row? */
bool
erasing_answers(struct queue *q, sqlite3_stmt *st)
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

char *
erasing_text(sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	return text != NULL ? xstrdup(text) : NULL;
}

bool
erasing_among(const int64_t *list, size_t n, int64_t value)
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

/* --- what the person is ----------------------------------------------- */

/* From now on the identity has no text, and no old update of it goes into a
 * new one. */
void
erasing_add_identity(struct erasing *e, int64_t identity)
{
	static const enum sql drop[] = {
		SQL_UPDATES_DROP_QUEUED, SQL_UPDATES_DROP_SUSPECT,
		SQL_UPDATES_DROP_INFLIGHT
	};
	struct queue *q = e->queue;
	char hash[QUEUE_HASH];
	sqlite3_stmt *st;
	bool known = false;
	size_t i;

	store_took_away(q->store);
	append(&e->known, &e->knowns, identity);
	st = erasing_statement(e, SQL_ERASURE_IDENTITY_PUT);
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
	for (i = 0; i < HR_COUNT(drop); i++) {
		st = erasing_statement(e, drop[i]);
		store_int(st, ":identity", identity);
		store_run(q->store, st);
	}
}

static void
add_value(struct erasing *e, enum mp_identity_type type, const char *value)
{
	sqlite3_stmt *st = erasing_statement(e, SQL_ERASURE_VALUE_PUT);

	store_text(st, ":type", mp_identity_name(type));
	store_text(st, ":value", value);
	store_run(e->queue->store, st);
}

/* The profile goes; what it was found by is kept until all has gone. */
void
erasing_add_profile(struct erasing *e, int64_t mpid)
{
	static const enum sql steps[] = {
		SQL_ERASURE_PROFILE_PUT, SQL_ERASURE_PROFILE_VALUES,
		SQL_ERASURE_PROFILE_CURRENT
	};
	struct queue *q = e->queue;
	sqlite3_stmt *st;
	size_t i;

	store_took_away(q->store);
	append(&e->mpid, &e->mpids, mpid);
	for (i = 0; i < HR_COUNT(steps); i++) {
		st = erasing_statement(e, steps[i]);
		store_int(st, ":mpid", mpid);
		store_run(q->store, st);
	}
	erasing_run(q, SQL_PROFILE_IDENTITY_ERASE, ":mpid", mpid);
	erasing_run(q, SQL_PROFILE_CURRENT_ERASE, ":mpid", mpid);
	e->profiles += erasing_run(q, SQL_PROFILE_ERASE, ":mpid", mpid);
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
			if (erasing_answers(q, st) &&
			    !erasing_among(all, *n, mpid))
				append(&all, n, mpid);
			continue;
		}
		mp_lookup_value(types[i], value, &lookup);
		st = store_sql(q->store, SQL_PROFILES_WITH);
		store_text(st, ":type", mp_identity_name(types[i]));
		store_text(st, ":value", buf_str(&lookup));
		found = numbers(q, st, &m);
		for (k = 0; k < m; k++)
			if (!erasing_among(all, *n, found[k]))
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
	st = erasing_statement(e, SQL_ERASURE_PUT);
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
	sqlite3_stmt *st = erasing_statement(e, SQL_ERASURE_PROGRESS);

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

/* What those profiles are called in the outputs, as far as that is known
 * beforehand; the rest is learnt on the way. */
static void
add_identities(struct erasing *e, const enum mp_identity_type *types,
    size_t types_n)
{
	int64_t *found, identity;
	char digits[24];
	sqlite3_stmt *st;
	size_t i, k, n;

	for (i = 0; i < e->mpids; i++) {
		snprintf(digits, sizeof(digits), "%lld",
		    (long long)e->mpid[i]);
		identity = find_identity(e->queue, digits);
		for (k = 0; k < types_n; k++)
			if (types[k] == MP_IDENTITIES && identity != 0 &&
			    !erasing_among(e->known, e->knowns, identity))
				erasing_add_identity(e, identity);
	}
	for (i = 0; i < types_n; i++) {
		if (types[i] == MP_IDENTITIES)
			continue;
		st = erasing_statement(e, SQL_ERASURE_CALLED);
		store_text(st, ":type", mp_identity_name(types[i]));
		found = numbers(e->queue, st, &n);
		for (k = 0; k < n; k++)
			if (!erasing_among(e->known, e->knowns, found[k]))
				erasing_add_identity(e, found[k]);
		free(found);
	}
}

/* The value as the types' lookups have it. */
static void
add_values(struct erasing *e, const char *value,
    const enum mp_identity_type *types, size_t types_n)
{
	struct buf lookup = BUF_INIT;
	size_t i;

	for (i = 0; i < types_n; i++) {
		if (types[i] == MP_IDENTITIES)
			continue;
		mp_lookup_value(types[i], value, &lookup);
		add_value(e, types[i], buf_str(&lookup));
	}
	buf_free(&lookup);
}

int64_t
queue_erase(struct queue *q, const char *value,
    const enum mp_identity_type *types, size_t types_n, int64_t now)
{
	struct erasing e = { .queue = q, .again = -1, .request = -1 };
	int64_t *mpids;
	size_t i, n;

	e.identity = find_identity(q, value);
	mpids = profiles_of(q, value, types, types_n, &n);
	if (e.identity != 0 || n > 0) {
		queue_identity_hash(value, e.hash);
		put_erasure(&e, now);
		add_values(&e, value, types, types_n);
		for (i = 0; i < n; i++)
			erasing_add_profile(&e, mpids[i]);
		if (e.identity != 0)
			erasing_add_identity(&e, e.identity);
		add_identities(&e, types, types_n);
		put_progress(&e);
	}
	free(mpids);
	forget(&e);
	return e.job;
}

/* --- along the requests, and the end ---------------------------------- */

static void
clear_answers(struct erasing *e)
{
	sqlite3_stmt *st = erasing_statement(e, SQL_ANSWERS_ERASE);

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
	sqlite3_stmt *st = erasing_statement(e, SQL_ERASURE_IDENTITIES);
	size_t i, n = 0;

	while (n < e->knowns && store_row(e->queue->store, st)) {
		s[n].identity = sqlite3_column_int64(st, 0);
		s[n].value = erasing_text(st, 1);
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
		store_run(e->queue->store, erasing_statement(e, steps[i]));
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
	e->mpid = numbers(q, erasing_statement(e, SQL_ERASURE_PROFILES),
	    &e->mpids);
	e->known = numbers(q, erasing_statement(e, SQL_ERASURE_IDENTITIES),
	    &e->knowns);
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
		erasing_batches(&e);
	else
		clear_answers(&e);
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
	return erasing_answers(q, store_sql(q->store, SQL_ERASURE_NEXT));
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
