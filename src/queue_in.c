/*
 * queue_in.c - the way in: batches and their events
 *
 * Knows how an accepted batch lies in the tables, and that a newer
 * user-properties update takes the waiting one of its identity into itself.
 */
#include <string.h>

#include "hash.h"
#include "queue_private.h"

bool
queue_seen(struct queue *q, const char *input_key,
    const char *source_request_id, int64_t after)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_SEEN_FIND);
	bool seen;

	store_text(st, ":input_key", input_key);
	store_text(st, ":source_request_id", source_request_id);
	store_int(st, ":after", after);
	seen = store_row(q->store, st);
	sqlite3_reset(st);
	return seen;
}

void
queue_see(struct queue *q, const char *input_key,
    const char *source_request_id, int64_t now)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_SEEN_PUT);

	store_text(st, ":input_key", input_key);
	store_text(st, ":source_request_id", source_request_id);
	store_int(st, ":seen_at", now);
	store_run(q->store, st);
}

/* One that was erased has the same number when it comes again, or Heap would
 * count as one what the windows count as two.  0: it was not. */
static int64_t
revive_identity(struct queue *q, const char *value)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_IDENTITY_REVIVE);
	char hash[QUEUE_HASH];
	int64_t id = 0;

	queue_identity_hash(value, hash);
	store_text(st, ":value", value);
	store_text(st, ":hash", hash);
	while (store_row(q->store, st))
		id = sqlite3_column_int64(st, 0);
	return id;
}

int64_t
queue_identity(struct queue *q, const char *value)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_IDENTITY_FIND);
	int64_t id = 0;

	store_text(st, ":value", value);
	if (store_row(q->store, st)) {
		id = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
		return id;
	}
	id = revive_identity(q, value);
	if (id != 0)
		return id;
	st = store_sql(q->store, SQL_IDENTITY_PUT);
	store_text(st, ":value", value);
	store_run(q->store, st);
	return store_last_id(q->store);
}

int64_t
queue_next_batch(const struct queue *q)
{
	return q->next_batch;
}

int64_t
queue_batch(struct queue *q, const struct queue_batch *b)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_BATCH_PUT);
	int64_t id = q->next_batch++;

	store_int(st, ":id", id);
	store_text(st, ":receipt_id", b->receipt_id);
	store_text(st, ":input", b->input);
	store_text(st, ":path", b->path);
	store_text(st, ":environment", b->development ? "development" :
	    "production");
	store_int(st, ":received_at", b->received_at);
	if (b->has_mpid)
		store_int(st, ":mpid", b->mpid);
	else
		store_text(st, ":mpid", NULL);
	store_text(st, ":source_request_id", b->source_request_id);
	store_int(st, ":duplicate", b->duplicate);
	store_int(st, ":first_event", q->next_event);
	store_int(st, ":events", (int64_t)b->events);
	store_text_n(st, ":body", b->body, b->body_len);
	store_run(q->store, st);
	return id;
}

/* What a newer update takes over from the one that waited. */
struct inherited {
	int64_t	id;			/* 0: nobody waited */
	bool	has_due, has_since, has_suspect;
	int64_t	due_at, failures, since, open_ms, suspect;
};

/* Columns 1 to 6 of properties_queued and event_inheritance. */
static void
read_inherited(sqlite3_stmt *st, struct inherited *in, struct buf *payload)
{
	buf_put(payload, sqlite3_column_text(st, 1),
	    (size_t)sqlite3_column_bytes(st, 1));
	in->has_due = sqlite3_column_type(st, 2) != SQLITE_NULL;
	in->due_at = sqlite3_column_int64(st, 2);
	in->failures = sqlite3_column_int64(st, 3);
	in->has_since = sqlite3_column_type(st, 4) != SQLITE_NULL;
	in->since = sqlite3_column_int64(st, 4);
	in->open_ms = sqlite3_column_int64(st, 5);
	in->has_suspect = sqlite3_column_type(st, 6) != SQLITE_NULL;
	in->suspect = sqlite3_column_int64(st, 6);
}

/* The queued update of an identity other than `but`; its payload goes into
 * `payload`. */
static struct inherited
queued_update(struct queue *q, int64_t lane, int64_t identity, int64_t but,
    struct buf *payload)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_PROPERTIES_QUEUED);
	struct inherited in;

	memset(&in, 0, sizeof(in));
	store_int(st, ":lane", lane);
	store_int(st, ":identity", identity);
	store_int(st, ":id", but);
	if (store_row(q->store, st)) {
		in.id = sqlite3_column_int64(st, 0);
		read_inherited(st, &in, payload);
	}
	sqlite3_reset(st);
	return in;
}

static void
bind_or_null(sqlite3_stmt *st, const char *name, bool present, int64_t value)
{
	if (present)
		store_int(st, name, value);
	else
		store_text(st, name, NULL);
}

static void
bind_inherited(sqlite3_stmt *st, const struct inherited *in)
{
	store_int(st, ":failures", in->failures);
	bind_or_null(st, ":failing_since", in->has_since, in->since);
	bind_or_null(st, ":failing_open_ms", in->has_since, in->open_ms);
	bind_or_null(st, ":due_at", in->has_due, in->due_at);
	bind_or_null(st, ":suspect", in->has_suspect, in->suspect);
}

static void
mark_merged(struct queue *q, int64_t id, int64_t into, int64_t now)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_PROPERTIES_MERGED);

	store_int(st, ":id", id);
	store_int(st, ":into", into);
	store_int(st, ":now", now);
	store_run(q->store, st);
}

static const char *
entry_state(enum queue_entry entry)
{
	switch (entry) {
	case QUEUE_QUEUED:
		return "queued";
	case QUEUE_STUCK:
		return "stuck";
	case QUEUE_SKIPPED:
		break;
	}
	return "skipped";
}

static void
insert_event(struct queue *q, int64_t id, const struct queue_batch *b,
    const struct queue_event *e, const struct inherited *in,
    const char *payload, size_t payload_len)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_EVENT_PUT);

	store_int(st, ":id", id);
	store_int(st, ":batch", q->next_batch - 1);
	bind_or_null(st, ":event_index", e->event_index >= 0, e->event_index);
	store_int(st, ":lane", e->lane);
	bind_or_null(st, ":identity", e->identity != 0, e->identity);
	store_text(st, ":name", e->name);
	store_int(st, ":received_at", b->received_at);
	store_int(st, ":event_at", e->event_at);
	store_int(st, ":commerce", e->commerce);
	store_int(st, ":objects", (int64_t)e->objects);
	store_text_n(st, ":payload", payload, payload_len);
	store_text(st, ":state", entry_state(e->entry));
	store_text(st, ":reason", e->reason);
	bind_inherited(st, in);
	bind_or_null(st, ":ended_at", e->entry == QUEUE_SKIPPED,
	    b->received_at);
	store_run(q->store, st);
}

int64_t
queue_event(struct queue *q, const struct queue_batch *b,
    const struct queue_event *e)
{
	struct buf older = BUF_INIT, merged = BUF_INIT;
	const char *payload = e->payload;
	size_t payload_len = e->payload_len;
	struct inherited in;
	int64_t id = q->next_event++;

	memset(&in, 0, sizeof(in));
	if (e->kind == HEAP_USER_PROPERTIES && e->entry == QUEUE_QUEUED)
		in = queued_update(q, e->lane, e->identity, id, &older);
	if (in.id != 0) {
		heap_merge_properties(&merged, older.p, older.len, payload,
		    payload_len);
		payload = merged.p;
		payload_len = merged.len;
		mark_merged(q, in.id, id, b->received_at);
	}
	insert_event(q, id, b, e, &in, payload, payload_len);
	/* SQLite borrowed the texts only until the statement ended. */
	buf_free(&older);
	buf_free(&merged);
	return id;
}

static void
put_merged(struct queue *q, int64_t id, const struct inherited *history,
    const struct buf *payload)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_PROPERTIES_INHERIT);

	store_int(st, ":id", id);
	store_text_n(st, ":payload", payload->p, payload->len);
	bind_inherited(st, history);
	store_run(q->store, st);
}

/*
 * The event came back (queued, in its own row) while another update may be
 * waiting.  The newer of the two, by id, takes the older one under itself;
 * it goes on with the history of what came back.
 */
void
queue_merge_back(struct queue *q, int64_t lane, int64_t event, int64_t now)
{
	struct buf back = BUF_INIT, waits = BUF_INIT, merged = BUF_INIT;
	struct inherited in, other;
	sqlite3_stmt *st;
	int64_t identity;

	st = store_sql(q->store, SQL_EVENT_INHERITANCE);
	memset(&in, 0, sizeof(in));
	store_int(st, ":id", event);
	if (!store_row(q->store, st))
		return;
	identity = sqlite3_column_int64(st, 0);
	read_inherited(st, &in, &back);
	sqlite3_reset(st);

	other = queued_update(q, lane, identity, event, &waits);
	if (other.id > event) {
		heap_merge_properties(&merged, back.p, back.len, waits.p,
		    waits.len);
		mark_merged(q, event, other.id, now);
		put_merged(q, other.id, &in, &merged);
	} else if (other.id != 0) {
		/* An older one was replayed meanwhile. */
		heap_merge_properties(&merged, waits.p, waits.len, back.p,
		    back.len);
		mark_merged(q, other.id, event, now);
		put_merged(q, event, &in, &merged);
	}
	buf_free(&back);
	buf_free(&waits);
	buf_free(&merged);
}
