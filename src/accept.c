/*
 * accept.c - one request body into the queue: parse, resolve, map, put
 *
 * Knows the order of the steps and what each hands to the next.
 */
#include <stdlib.h>
#include <string.h>

#include "accept.h"
#include "hash.h"
#include "log.h"
#include "update.h"

struct acceptor {
	struct queue		*queue;
	struct profile_store	*profiles;
	const struct config	*config;
	const struct outputs	*outputs;
	struct accept_hooks	 hooks;
	struct arena		*arena;		/* of the batch at hand */
};

/* What one batch became for one output. */
struct mapped {
	const struct config_output *config;
	const struct output	*output;
	struct map_result	 result;
};

static void
random_receipt(size_t batch, char out[ACCEPT_RECEIPT], void *arg)
{
	uint8_t bits[16];

	(void)batch;
	(void)arg;
	hash_random(bits, sizeof(bits));
	hash_hex(bits, sizeof(bits), out);
}

struct acceptor *
acceptor_new(struct queue *q, struct profile_store *profiles,
    const struct config *config, const struct outputs *outputs,
    const struct accept_hooks *hooks)
{
	struct acceptor *a = xcalloc(1, sizeof(*a));

	a->queue = q;
	a->profiles = profiles;
	a->config = config;
	a->outputs = outputs;
	if (hooks != NULL)
		a->hooks = *hooks;
	if (a->hooks.receipt == NULL)
		a->hooks.receipt = random_receipt;
	a->arena = arena_new();
	return a;
}

void
acceptor_free(struct acceptor *a)
{
	if (a == NULL)
		return;
	arena_free(a->arena);
	free(a);
}

static bool
goes_to(const struct config_input *input, const char *output)
{
	size_t i;

	for (i = 0; i < input->outputs.n; i++)
		if (strcmp(input->outputs.s[i], output) == 0)
			return true;
	return input->outputs.n == 0;
}

static void
count(const struct map_counts *c)
{
	stat_later(STAT_truncated_name, c->truncated_name);
	stat_later(STAT_truncated_value, c->truncated_value);
	stat_later(STAT_joined_list, c->joined_list);
	stat_later(STAT_stringified_object, c->stringified_object);
	stat_later(STAT_stringified_integer, c->stringified_integer);
	stat_later(STAT_property_collision, c->property_collision);
	stat_later(STAT_renamed_property, c->renamed_property);
	stat_later(STAT_autocapture_name, c->autocapture_name);
}

/* Maps the batch for one output; the result lies in the arena. */
static void
map_for(struct acceptor *a, struct mapped *m, const struct mp_batch *b,
    const struct map_context *context, const struct config_input *input)
{
	struct map_context c = *context;
	enum mp_identity_type type = m->config->external_id;

	if (type != MP_IDENTITIES && c.has_mpid && b->identity[type] == NULL)
		c.profile_external_id = profile_current(a->profiles, a->arena,
		    c.mpid, type);
	map_batch(&m->result, a->arena, b, &c, input, m->config);
	m->output = outputs_for(a->outputs, m->config,
	    m->result.development_app);
	count(&m->result.counts);
}

static const enum stat_id outcome_stat[] = {
	[MAP_SEND] = STAT_outcome_send,
	[MAP_SKIP] = STAT_outcome_skip,
	[MAP_REJECT] = STAT_outcome_reject,
};

/* A mapped event as the queue takes it. */
static void
translate(struct acceptor *a, const struct output *output,
    const struct map_event *m, struct queue_event *e)
{
	static const enum queue_entry entry[] = {
		[MAP_SEND] = QUEUE_QUEUED,
		[MAP_SKIP] = QUEUE_SKIPPED,
		[MAP_REJECT] = QUEUE_STUCK,
	};

	e->lane = output->ids.lane[m->lane];
	e->kind = m->lane;
	e->event_index = m->event_index;
	e->identity = m->identity != NULL ?
	    queue_identity(a->queue, m->identity) : 0;
	e->name = m->name;
	e->event_at = m->event_at;
	e->commerce = m->commerce;
	e->objects = m->objects;
	e->payload = m->payload;
	e->payload_len = m->payload_len;
	e->entry = entry[m->action];
	e->reason = m->reason;
	e->origins = NULL;
}

static void
put(struct acceptor *a, const struct mp_batch *b,
    const struct queue_batch *row, const struct mapped *m)
{
	struct queue_event e;
	size_t i;

	for (i = 0; i < m->result.events_n; i++) {
		translate(a, m->output, &m->result.events[i], &e);
		queue_event(a->queue, row, &e);
		stat_later(outcome_stat[m->result.events[i].action], 1);
		if (a->hooks.outcome != NULL)
			a->hooks.outcome(b, m->output, &m->result.events[i],
			    a->hooks.arg);
	}
}

static void
accept_batch(struct acceptor *a, const struct config_input *input,
    enum mp_path path, const struct mp_batch *b, int64_t now)
{
	char receipt[ACCEPT_RECEIPT];
	struct map_context context = { .path = path, .received_at = now,
	    .receipt_id = receipt };
	struct queue_batch row;
	struct mapped *m;
	size_t i, n = 0;

	a->hooks.receipt(b->index, receipt, a->hooks.arg);
	context.duplicate = b->source_request_id != NULL &&
	    !queue_see(a->queue, input->key, b->source_request_id, now,
	    now - a->config->keep_dedup_ms);
	context.has_mpid = b->has_mpid;
	context.mpid = b->mpid;
	if (!context.duplicate &&
	    (path != MP_HISTORICAL || mp_historical_valid(b, now)))
		context.has_mpid = profile_resolve(a->profiles, b,
		    queue_next_batch(a->queue), &context.mpid);

	memset(&row, 0, sizeof(row));
	m = arena_calloc(a->arena, a->config->outputs_n, sizeof(*m));
	for (i = 0; i < a->config->outputs_n; i++) {
		if (!goes_to(input, a->config->outputs[i].name))
			continue;
		m[n].config = &a->config->outputs[i];
		map_for(a, &m[n], b, &context, input);
		row.events += m[n++].result.events_n;
	}
	row.receipt_id = receipt;
	row.input = input->name;
	row.path = mp_path_name(path);
	row.development = b->development;
	row.received_at = now;
	row.has_mpid = context.has_mpid;
	row.mpid = context.mpid;
	row.source_request_id = b->source_request_id;
	row.duplicate = context.duplicate;
	row.body = b->text;
	row.body_len = b->text_len;
	queue_batch(a->queue, &row);
	for (i = 0; i < n; i++)
		put(a, b, &row, &m[i]);
	stat_later(STAT_batches_accepted, 1);
	stat_later(STAT_batches_duplicate, context.duplicate);
	stat_later(STAT_ignored_identity, b->ignored_identities);
	stat_later(STAT_ignored_deleted_attribute, b->deleted_attributes);
}

static void
put_error(struct buf *out, const char *message, bool first)
{
	buf_puts(out, first ? "{\"errors\":[" : ",");
	buf_puts(out, "{\"code\":\"BAD_REQUEST\",\"message\":");
	json_put_text(out, message);
	buf_putc(out, '}');
}

void
accept_error(struct buf *out, const char *message)
{
	put_error(out, message, true);
	buf_puts(out, "]}");
}

size_t
accept_body(struct acceptor *a, const struct config_input *input,
    enum mp_path path, const char *body, size_t len, int64_t now,
    struct buf *errors)
{
	struct mp_request *r = mp_parse(path, body, len);
	size_t accepted = r->batches_n, b = 0, f = 0;

	/* Both lists are in the order of the array; so is what is told. */
	while (b < r->batches_n || f < r->refusals_n) {
		if (b == r->batches_n || (f < r->refusals_n &&
		    r->refusals[f].batch < (int64_t)r->batches[b].index)) {
			put_error(errors, r->refusals[f].message, f == 0);
			if (a->hooks.refusal != NULL)
				a->hooks.refusal(&r->refusals[f],
				    a->hooks.arg);
			f++;
		} else {
			accept_batch(a, input, path, &r->batches[b++], now);
			arena_reset(a->arena);
		}
	}
	if (f > 0)
		buf_puts(errors, "]}");
	stat_later(STAT_batches_refused, f);
	mp_request_free(r);
	return accepted;
}

/* The event of the new mapping that stands where the old one stood. */
static const struct map_event *
counterpart(const struct map_result *r, int64_t event_index)
{
	size_t i;

	for (i = 0; i < r->events_n; i++)
		if (r->events[i].event_index == event_index)
			return &r->events[i];
	return NULL;
}

/* The configured output that a lane belongs to. */
static const struct config_output *
lane_output(const struct acceptor *a, int64_t lane)
{
	size_t i;

	for (i = 0; i < a->outputs->n; i++)
		if (a->outputs->o[i].ids.lane[HEAP_TRACK] == lane ||
		    a->outputs->o[i].ids.lane[HEAP_USER_PROPERTIES] == lane)
			return a->outputs->o[i].config;
	return NULL;
}

/* --- again ------------------------------------------------------------ */

#define FOLD	256		/* updates that are kept read */

/* What the stored batches of an event become with today's settings. */
struct again {
	struct acceptor	*acceptor;
	int64_t		 event;
	const struct queue_found *found;
	/* What became of it so far; user properties are gathered from all
	 * batches, and the rest of it is the newest one's. */
	const struct output *output;	/* NULL: nothing yet */
	char		*identity;
	struct queue_event put;
	struct update	*update;
	size_t		 updates;	/* that were read into it */
	int64_t		 oldest;	/* when the first batch was received */
	bool		 replayed;	/* one of them was before */
};

/* What was gathered is read anew, so that not all of it is kept as it came. */
static void
fold(struct again *g)
{
	struct update_text text = UPDATE_TEXT_INIT;

	update_put(g->update, SIZE_MAX, &text);
	update_free(g->update);
	g->update = update_read(g->event, &text, UPDATE_ALL);
	update_text_free(&text);
	g->updates = 1;
}

static void
gather(struct again *g, int64_t event, const struct map_event *e)
{
	struct update_text text = UPDATE_TEXT_INIT;
	struct update *u;

	buf_put(&text.payload, e->payload, e->payload_len);
	u = update_read(event, &text, UPDATE_ALL);
	update_text_free(&text);
	if (g->update == NULL)
		g->update = u;
	else
		update_add(g->update, u);
	if (++g->updates == FOLD)
		fold(g);
}

/* One batch's outcome joins what there is; what is of somebody else under
 * today's settings cannot. */
static bool
join(struct again *g, int64_t event, const struct mapped *m,
    const struct map_event *e, int64_t received_at, struct why *why)
{
	if (g->output != NULL && (g->output != m->output ||
	    strcmp(g->identity, e->identity) != 0)) {
		why_set(why, "event %lld carries updates that are, with "
		    "today's settings, of different identities or outputs",
		    (long long)g->event);
		return false;
	}
	if (g->output == NULL) {
		g->output = m->output;
		g->identity = xstrdup(e->identity);
		g->oldest = received_at;
	}
	translate(g->acceptor, m->output, e, &g->put);
	if (e->lane == HEAP_USER_PROPERTIES) {
		gather(g, event, e);
	} else {
		queue_remap(g->acceptor->queue, g->event, &g->put);
	}
	return true;
}

/* Is it no loss that nothing comes of this batch? */
static bool
may_be_left_out(const struct again *g, int64_t event,
    const struct map_event *e)
{
	return (e == NULL || e->action == MAP_SKIP) &&
	    (event != g->event || g->output != NULL);
}

static bool
map_again(struct again *g, int64_t event, const struct queue_stored *s,
    const struct mp_batch *b, struct why *why)
{
	struct acceptor *a = g->acceptor;
	const struct config_input *input = config_input(a->config, s->input);
	struct map_context context = { .received_at = s->received_at,
	    .receipt_id = s->receipt_id, .duplicate = s->duplicate,
	    .has_mpid = s->has_mpid, .mpid = s->mpid };
	const struct map_event *e;
	struct mapped m;

	m.config = lane_output(a, g->found->lane);
	if (input == NULL || m.config == NULL) {
		why_set(why, "the %s of event %lld is not configured any more",
		    input == NULL ? "input" : "output", (long long)event);
		return false;
	}
	(void)mp_path_parse(s->path, &context.path);
	map_for(a, &m, b, &context, input);
	e = counterpart(&m.result, g->found->event_index);
	if (e != NULL && e->action == MAP_SEND)
		return join(g, event, &m, e, s->received_at, why);
	if (may_be_left_out(g, event, e))
		return true;
	why_set(why, "event %lld cannot be sent with today's settings: %s",
	    (long long)event, e != NULL ? e->reason :
	    "they make nothing of it");
	return false;
}

static bool
batch_again(struct again *g, int64_t event, int64_t batch, struct why *why)
{
	struct acceptor *a = g->acceptor;
	struct queue_stored s;
	struct mp_request *r;
	bool done = false;

	if (!queue_stored(a->queue, batch, &s)) {
		why_set(why, "the batch of event %lld is gone",
		    (long long)event);
		return false;
	}
	r = mp_parse(MP_EVENTS, s.body, s.body_len);
	if (r->batches_n == 1)
		done = map_again(g, event, &s, &r->batches[0], why);
	else
		why_set(why, "the stored batch of event %lld cannot be read",
		    (long long)event);
	mp_request_free(r);
	arena_reset(a->arena);
	queue_stored_free(&s);
	return done;
}

/*
 * Is every newer update of the identity still known?  They stay while one of
 * that identity is stuck, and none is sent while one waits.  What was of
 * another identity, or was replayed before, may have outlived them.
 */
static bool
newer_are_known(const struct again *g, int64_t now)
{
	const struct config *c = g->acceptor->config;
	const struct queue_found *f = g->found;
	int64_t keep = c->keep_delivered_ms;

	if (c->keep_skipped_ms < keep)
		keep = c->keep_skipped_ms;
	if (c->keep_discarded_ms < keep)
		keep = c->keep_discarded_ms;
	return (f->identity == g->put.identity && f->lane == g->put.lane &&
	    !g->replayed) || now - g->oldest < keep;
}

/* The update that was gathered becomes the event's. */
static enum queue_moved
put_update(struct again *g, const struct accept_replay *how, int64_t now,
    struct why *why)
{
	struct update_text text = UPDATE_TEXT_INIT;

	if (!how->force && !newer_are_known(g, now)) {
		why_set(why, "event %lld is so old that newer updates of its "
		    "identity may be forgotten by now; mapped again it might "
		    "undo what they have set", (long long)g->event);
		return QUEUE_UNANSWERED;
	}
	update_put(g->update, HEAP_MAX_USER, &text);
	g->put.name = "";
	g->put.payload = text.payload.p;
	g->put.payload_len = text.payload.len;
	g->put.objects = text.objects;
	g->put.origins = buf_str(&text.origins);
	queue_remap(g->acceptor->queue, g->event, &g->put);
	update_text_free(&text);
	return QUEUE_MOVED;
}

/*
 * Maps an event's stored batch anew, and with it those of all updates that
 * were merged into it, oldest first: QUEUE_MOVED when it has its new payload.
 */
static enum queue_moved
again(struct acceptor *a, int64_t event, const struct queue_found *f,
    const struct accept_replay *how, int64_t now, struct why *why)
{
	struct again g = { .acceptor = a, .event = event, .found = f,
	    .replayed = f->generation > 0 };
	enum queue_moved moved = QUEUE_MOVED;
	struct queue_carried *carried;
	size_t n = queue_carried(a->queue, event, &carried), i;
	bool done = true;

	for (i = 0; i < n && done; i++) {
		g.replayed |= carried[i].generation > 0;
		done = batch_again(&g, carried[i].event, carried[i].batch,
		    why);
	}
	if (!done || !batch_again(&g, event, f->batch, why))
		moved = QUEUE_UNMAPPED;
	else if (g.update != NULL)
		moved = put_update(&g, how, now, why);
	update_free(g.update);
	free(g.identity);
	free(carried);
	return moved;
}

/* Must the batch be mapped again, before queue_replay decides? */
static bool
needs_mapping(const struct queue_found *f, bool wanted)
{
	if (strcmp(f->state, "skipped") == 0)
		return wanted && (strcmp(f->reason, "development") == 0 ||
		    strcmp(f->reason, "web_client_side") == 0);
	return strcmp(f->state, "stuck") == 0 && (!f->mapped || wanted);
}

enum queue_moved
accept_replay(struct acceptor *a, int64_t event,
    const struct accept_replay *how, int64_t now, struct why *why)
{
	enum queue_moved moved;
	struct queue_found f;

	if (queue_find(a->queue, event, &f) && needs_mapping(&f, how->remap)) {
		/* Heap would have it under the key of the bytes it had. */
		if (!how->force && queue_unanswered(a->queue, event)) {
			why_set(why, "not every request with event %lld is "
			    "known to have been refused, so Heap may have it; "
			    "mapped again it might arrive twice",
			    (long long)event);
			return QUEUE_UNANSWERED;
		}
		moved = again(a, event, &f, how, now, why);
		if (moved != QUEUE_MOVED)
			return moved;
	}
	return queue_replay(a->queue, event, now, why);
}
