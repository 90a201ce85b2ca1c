/*
 * queue_properties.c - updates of user properties keep their order
 *
 * Heap keeps the value that arrives last, and the call has no timestamp
 * (delivery.md section 5).  So at most one update of an identity is queued:
 * it takes up whatever else would be.  Of two updates the one with the higher
 * id goes on, for the other one's row; of two values the newer one stays, by
 * the update that it came from (update.h).
 *
 * Rows that were merged into one another share a `chain`, which leads a remap
 * to all batches of an update, and tells retention that they are needed.
 */
#include <stdlib.h>
#include <string.h>

#include "queue_private.h"

/* A row of the view update_row. */
static void
read_row(sqlite3_stmt *st, struct queue_update *u)
{
	u->id = sqlite3_column_int64(st, 0);
	buf_put(&u->text.payload, sqlite3_column_text(st, 1),
	    (size_t)sqlite3_column_bytes(st, 1));
	u->text.objects = (size_t)sqlite3_column_int64(st, 2);
	u->text.sent = (size_t)sqlite3_column_int64(st, 3);
	buf_put(&u->text.origins, sqlite3_column_text(st, 4),
	    (size_t)sqlite3_column_bytes(st, 4));
	u->chain = sqlite3_column_int64(st, 5);
	u->due_at = sqlite3_column_int64(st, 6);
	u->failures = sqlite3_column_int64(st, 7);
	u->failing = sqlite3_column_type(st, 8) != SQLITE_NULL;
	u->failing_since = sqlite3_column_int64(st, 8);
	u->failing_age = sqlite3_column_int64(st, 9);
	u->suspect = sqlite3_column_int64(st, 10);
	u->identity = sqlite3_column_int64(st, 11);
	u->lane = sqlite3_column_int64(st, 12);
}

/* The update of that row; its id is 0 if there is none. */
static void
get_update(struct queue *q, int64_t event, struct queue_update *u)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_PROPERTIES_ROW);

	memset(u, 0, sizeof(*u));
	store_int(st, ":id", event);
	if (store_row(q->store, st))
		read_row(st, u);
	sqlite3_reset(st);
}

/* The queued update of an identity other than `but`; likewise. */
static void
get_queued(struct queue *q, int64_t lane, int64_t identity, int64_t but,
    struct queue_update *u)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_PROPERTIES_QUEUED);

	memset(u, 0, sizeof(*u));
	store_int(st, ":lane", lane);
	store_int(st, ":identity", identity);
	store_int(st, ":id", but);
	if (store_row(q->store, st))
		read_row(st, u);
	sqlite3_reset(st);
}

static void
put(struct update *u, struct update_text *out)
{
	update_put(u, HEAP_MAX_USER, out);
	update_free(u);
}

/* What both have yet to send, behind what the newer one has sent already. */
static void
merge_texts(struct queue_update *older, struct queue_update *newer,
    struct update_text *out)
{
	struct update *rest = update_read(older->id, &older->text,
	    UPDATE_REST);

	put(update_read(newer->id, &newer->text, UPDATE_SENT), out);
	if (out->payload.len > 0)
		out->sent = out->payload.len + strlen(",");
	update_add(rest, update_read(newer->id, &newer->text, UPDATE_REST));
	put(rest, out);
}

static void
null_or_int(sqlite3_stmt *st, const char *name, bool present, int64_t value)
{
	if (present)
		store_int(st, name, value);
	else
		store_text(st, name, NULL);
}

void
queue_bind_update(sqlite3_stmt *st, const struct queue_update *u)
{
	store_text_n(st, ":origins", u->text.origins.len > 0 ?
	    u->text.origins.p : NULL, u->text.origins.len);
	null_or_int(st, ":chain", u->chain != 0, u->chain);
	null_or_int(st, ":due_at", u->due_at != 0, u->due_at);
	store_int(st, ":failures", u->failures);
	null_or_int(st, ":failing_since", u->failing, u->failing_since);
	null_or_int(st, ":failing_age", u->failing, u->failing_age);
	null_or_int(st, ":suspect", u->suspect != 0, u->suspect);
}

void
queue_update_free(struct queue_update *u)
{
	update_text_free(&u->text);
}

/* Which chain an update belongs to, be it the only one. */
static int64_t
chain_of(const struct queue_update *u)
{
	return u->chain != 0 ? u->chain : u->id;
}

void
queue_merge_new(struct queue *q, const struct queue_event *e,
    struct queue_update *u, int64_t *older)
{
	struct queue_update waits, fresh = { .id = u->id };

	get_queued(q, e->lane, e->identity, u->id, &waits);
	*older = waits.id;
	if (waits.id == 0 && e->payload_len <= HEAP_MAX_USER)
		return;
	buf_put(&fresh.text.payload, e->payload, e->payload_len);
	merge_texts(&waits, &fresh, &u->text);
	u->chain = waits.id != 0 ? chain_of(&waits) : 0;
	u->due_at = waits.due_at;
	u->failures = waits.failures;
	u->failing = waits.failing;
	u->failing_since = waits.failing_since;
	u->failing_age = waits.failing_age;
	/* A group is of one lane. */
	u->suspect = waits.lane == e->lane ? waits.suspect : 0;
	queue_update_free(&waits);
	queue_update_free(&fresh);
}

void
queue_merged(struct queue *q, int64_t older, int64_t newer, int64_t chain,
    int64_t now)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_PROPERTIES_MERGED);

	store_int(st, ":id", older);
	store_int(st, ":into", newer);
	store_int(st, ":chain", chain);
	store_int(st, ":now", now);
	store_run(q->store, st);
}

/* The chains of both become that one. */
static void
join_chains(struct queue *q, const struct queue_update *one,
    const struct queue_update *other, int64_t chain)
{
	int64_t higher = chain_of(one) > chain_of(other) ? chain_of(one) :
	    chain_of(other);
	sqlite3_stmt *st = store_sql(q->store, SQL_PROPERTIES_CHAIN);

	store_int(st, ":chain", chain);
	store_int(st, ":other", higher);
	store_run(q->store, st);
}

static void
put_merged(struct queue *q, const struct queue_update *u)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_PROPERTIES_INHERIT);

	store_int(st, ":id", u->id);
	store_text_n(st, ":payload", u->text.payload.p, u->text.payload.len);
	store_int(st, ":objects", (int64_t)u->text.objects);
	store_int(st, ":sent", (int64_t)u->text.sent);
	queue_bind_update(st, u);
	store_run(q->store, st);
}

/* Whichever of the two has been failing tells how long, and when the next
 * attempt is due. */
static void
join_histories(const struct queue_update *back,
    const struct queue_update *waits, struct queue_update *u)
{
	const struct queue_update *since = back;

	if (!back->failing || (waits->failing &&
	    waits->failing_since < back->failing_since))
		since = waits;
	u->failing = since->failing;
	u->failing_since = since->failing_since;
	u->failing_age = since->failing_age;
	u->failures = back->failures > waits->failures ? back->failures :
	    waits->failures;
	u->due_at = back->due_at > waits->due_at ? back->due_at :
	    waits->due_at;
	u->suspect = back->suspect != 0 ? back->suspect : waits->suspect;
}

/* The two are queued: the newer one, by id, goes on for both. */
static void
merge_two(struct queue *q, struct queue_update *back,
    struct queue_update *waits, int64_t now)
{
	bool back_is_newer = back->id > waits->id;
	struct queue_update *older = back_is_newer ? waits : back;
	struct queue_update *newer = back_is_newer ? back : waits;
	struct queue_update both = { .id = newer->id };

	both.chain = chain_of(older) < chain_of(newer) ? chain_of(older) :
	    chain_of(newer);
	merge_texts(older, newer, &both.text);
	join_histories(back, waits, &both);
	join_chains(q, older, newer, both.chain);
	put_merged(q, &both);
	queue_merged(q, older->id, newer->id, both.chain, now);
	queue_update_free(&both);
}

void
queue_merge_back(struct queue *q, int64_t lane, int64_t event, int64_t now)
{
	struct queue_update back, waits;

	get_update(q, event, &back);
	get_queued(q, lane, back.identity, event, &waits);
	if (back.id != 0 && waits.id != 0)
		merge_two(q, &back, &waits, now);
	queue_update_free(&back);
	queue_update_free(&waits);
}

void
queue_join_updates(struct queue *q, const struct queue_output *output,
    int64_t now)
{
	int64_t lane = output->lane[HEAP_USER_PROPERTIES], *ids = NULL;
	sqlite3_stmt *st = store_sql(q->store, SQL_PROPERTIES_TWINS);
	size_t n = 0, room = 0, i;

	store_int(st, ":lane", lane);
	while (store_row(q->store, st)) {
		if (n == room) {
			room = room > 0 ? 2 * room : 64;
			ids = xreallocarray(ids, room, sizeof(*ids));
		}
		ids[n++] = sqlite3_column_int64(st, 0);
	}
	for (i = 0; i < n; i++)
		queue_merge_back(q, lane, ids[i], now);
	free(ids);
}

/* Takes out of `u` what others of its identity have set since. */
static void
subtract_others(struct queue *q, int64_t event, struct update *u)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_PROPERTIES_NEWER);
	struct update_text text = UPDATE_TEXT_INIT;
	struct update *other;

	store_int(st, ":id", event);
	while (update_count(u) > 0 && store_row(q->store, st)) {
		buf_put(&text.payload, sqlite3_column_text(st, 1),
		    (size_t)sqlite3_column_bytes(st, 1));
		buf_put(&text.origins, sqlite3_column_text(st, 2),
		    (size_t)sqlite3_column_bytes(st, 2));
		other = update_read(sqlite3_column_int64(st, 0), &text,
		    UPDATE_ALL);
		update_subtract(u, other);
		update_free(other);
		update_text_free(&text);
	}
	sqlite3_reset(st);
}

bool
queue_subtract_newer(struct queue *q, int64_t event, int64_t now)
{
	struct update_text left = UPDATE_TEXT_INIT;
	struct queue_update row;
	struct update *u;
	sqlite3_stmt *st;
	bool any;

	get_update(q, event, &row);
	u = update_read(row.id, &row.text, UPDATE_ALL);
	subtract_others(q, event, u);
	any = update_count(u) > 0;
	put(u, &left);
	if (!any) {
		st = store_sql(q->store, SQL_PROPERTIES_SUPERSEDED);
		store_int(st, ":now", now);
	} else {
		st = store_sql(q->store, SQL_PROPERTIES_LEFT);
		store_text_n(st, ":payload", left.payload.p,
		    left.payload.len);
		store_int(st, ":objects", (int64_t)left.objects);
		store_text_n(st, ":origins", left.origins.p,
		    left.origins.len);
	}
	store_int(st, ":id", event);
	store_run(q->store, st);
	queue_update_free(&row);
	update_text_free(&left);
	return any;
}

size_t
queue_carried(struct queue *q, int64_t event, struct queue_carried **list)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_PROPERTIES_CARRIED);
	size_t n = 0, room = 0;

	*list = NULL;
	store_int(st, ":id", event);
	while (store_row(q->store, st)) {
		if (n == room) {
			room = room > 0 ? 2 * room : 16;
			*list = xreallocarray(*list, room, sizeof(**list));
		}
		(*list)[n].event = sqlite3_column_int64(st, 0);
		(*list)[n].batch = sqlite3_column_int64(st, 1);
		(*list)[n++].generation = sqlite3_column_int64(st, 2);
	}
	return n;
}
