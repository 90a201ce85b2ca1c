/*
 * queue_in.c - the way in: batches and their events
 *
 * Knows how an accepted batch lies in the tables.
 */
#include <assert.h>
#include <string.h>

#include "hash.h"
#include "queue_private.h"

bool
queue_see(struct queue *q, const char *input_key,
    const char *source_request_id, int64_t now, int64_t after)
{
	sqlite3_stmt *st = store_sql(q->store, SQL_SEEN_PUT);

	store_text(st, ":input_key", input_key);
	store_text(st, ":source_request_id", source_request_id);
	store_int(st, ":seen_at", now);
	store_int(st, ":after", after);
	return store_run(q->store, st) > 0;
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

static int64_t
look_up_identity(struct queue *q, const char *value)
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
queue_identity(struct queue *q, const char *value)
{
	uint64_t epoch = store_epoch(q->store);
	size_t len = strlen(value);
	int64_t id;

	if (memo_get(q->identities, epoch, value, len, &id))
		return id;
	id = look_up_identity(q, value);
	memo_put(q->identities, epoch, value, len, id);
	return id;
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
	q->to_come = b->events;
	q->entered.events = 0;	/* a failed turn's */
	return id;
}

static void
bind_or_null(sqlite3_stmt *st, const char *name, bool present, int64_t value)
{
	if (present)
		store_int(st, name, value);
	else
		store_text(st, name, NULL);
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
insert_event(struct queue *q, const struct queue_batch *b,
    const struct queue_event *e, const struct queue_update *u)
{
	bool made = u->text.objects > 0;
	sqlite3_stmt *st = store_sql(q->store, SQL_EVENT_PUT);

	store_int(st, ":id", u->id);
	store_int(st, ":batch", q->next_batch - 1);
	bind_or_null(st, ":event_index", e->event_index >= 0, e->event_index);
	store_int(st, ":lane", e->lane);
	bind_or_null(st, ":identity", e->identity != 0, e->identity);
	store_text(st, ":name", e->name);
	store_int(st, ":received_at", b->received_at);
	store_int(st, ":event_at", e->event_at);
	store_int(st, ":commerce", e->commerce);
	store_int(st, ":objects", (int64_t)(made ? u->text.objects :
	    e->objects));
	store_text_n(st, ":payload", made ? u->text.payload.p : e->payload,
	    made ? u->text.payload.len : e->payload_len);
	store_text(st, ":state", entry_state(e->entry));
	store_text(st, ":reason", e->reason);
	queue_bind_update(st, u);
	bind_or_null(st, ":ended_at", e->entry == QUEUE_SKIPPED,
	    b->received_at);
	store_run(q->store, st);
}

static void
count_entered(struct queue *q, const struct queue_batch *b)
{
	sqlite3_stmt *st;

	if (q->entered.events == 0)
		return;
	st = store_sql(q->store, SQL_WAITING_ENTER);
	store_int(st, ":lane", q->entered.lane);
	store_int(st, ":identity", q->entered.identity);
	store_int(st, ":events", q->entered.events);
	store_int(st, ":received_at", b->received_at);
	store_run(q->store, st);
	q->entered.events = 0;
}

/* Most batches are of one person, whose events are counted at once. */
static void
enter(struct queue *q, const struct queue_batch *b,
    const struct queue_event *e)
{
	if (q->entered.lane != e->lane || q->entered.identity != e->identity)
		count_entered(q, b);
	q->entered.lane = e->lane;
	q->entered.identity = e->identity;
	q->entered.events++;
}

int64_t
queue_event(struct queue *q, const struct queue_batch *b,
    const struct queue_event *e)
{
	struct queue_update u = { .id = q->next_event++ };
	int64_t older = 0;

	assert(q->to_come > 0);	/* or nobody would count it */
	if (e->kind == HEAP_USER_PROPERTIES && e->entry == QUEUE_QUEUED)
		queue_merge_new(q, e, &u, &older);
	insert_event(q, b, e, &u);
	if (e->entry == QUEUE_QUEUED && u.due_at == 0 && u.suspect == 0)
		enter(q, b, e);
	if (--q->to_come == 0 || older != 0)
		count_entered(q, b);
	/* Only now: a group under suspicion goes with the last one in it, and
	 * the older one must be counted before it leaves. */
	if (older != 0)
		queue_merged(q, older, u.id, u.chain, b->received_at);
	/* SQLite borrowed the texts only until the statement ended. */
	queue_update_free(&u);
	return u.id;
}
