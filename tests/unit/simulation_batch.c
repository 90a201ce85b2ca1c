/*
 * simulation_batch.c - what arrives in the simulation
 *
 * Knows what a batch looks like, and keeps what was accepted apart from what
 * is durable: a turn that cannot be stored takes all of it back.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulation.h"

#define FIRST_MPID	1000

/* --- the agent's way in ----------------------------------------------- */

/* Distinct in each run, and the same when it is repeated. */
static void
receipt(size_t batch, char out[ACCEPT_RECEIPT], void *arg)
{
	struct sim *s = arg;

	(void)batch;
	snprintf(out, ACCEPT_RECEIPT, "%032" PRIx64, ++s->receipts);
}

static struct sim_staged *
stage(struct sim *s, int64_t event)
{
	struct sim_staged *g;

	if (s->staged_n == s->staged_room) {
		s->staged_room = s->staged_room > 0 ? 2 * s->staged_room : 64;
		s->staged = xreallocarray(s->staged, s->staged_room,
		    sizeof(*s->staged));
	}
	g = &s->staged[s->staged_n++];
	memset(g, 0, sizeof(*g));
	g->event = event;
	return g;
}

static struct sim_event *
new_event(struct sim *s, int64_t id)
{
	size_t room = s->events_room;

	if ((size_t)id >= room) {
		s->events_room = 2 * (size_t)id + 1024;
		s->events = xreallocarray(s->events, s->events_room,
		    sizeof(*s->events));
		memset(s->events + room, 0,
		    (s->events_room - room) * sizeof(*s->events));
	}
	return &s->events[id];
}

static void
note_objects(struct sim *s, int64_t id, const char *payload)
{
	const char *at = payload, *end;
	struct sim_object *o;

	for (; (at = sim_next_object(at, &end)) != NULL; at = end) {
		o = sim_object(s, sim_object_key(s, at), true);
		if (o->bytes != 0 && o->bytes != sim_bytes(at, end))
			sim_fail(s, "one key for two objects: %.*s",
			    (int)(end - at), at);
		o->bytes = sim_bytes(at, end);
		o->event = id;
		o->accepted++;
		sim_ref(s, (size_t)(o - s->objects));
		s->events[id].objects++;
	}
}

/* The hook of accept: an event was put into the queue. */
static void
outcome(const struct mp_batch *b, const struct output *o,
    const struct map_event *m, void *arg)
{
	struct sim *s = arg;
	int64_t id = queue_last_event(s->f->queue);
	struct sim_staged *g;
	struct sim_event *e;
	size_t k;

	(void)b;
	if (m->action != MAP_SEND)
		return;
	g = stage(s, id);
	g->person = sim_person(s, strtoll(m->identity, NULL, 10));
	g->app = strcmp(o->app_id, "77") == 0 ? 0 : 1;
	e = new_event(s, id);
	/* An id may have been one of a turn that was lost. */
	memset(e, 0, sizeof(*e));
	e->kind = m->lane;
	e->poison = strstr(m->payload, SIM_POISON) != NULL;
	e->first_ref = s->refs_n;
	e->arrived = sim_now(s);
	e->since = s->open[o->ids.lane[m->lane]];
	if (m->lane == HEAP_TRACK)
		note_objects(s, id, m->payload);
	else
		for (k = 0; k < SIM_PROPERTIES; k++)
			g->value[k] = sim_property(m->payload,
			    m->payload + m->payload_len, k);
}

void
sim_open_intake(struct sim *s)
{
	static const enum mp_identity_type order[] = { MP_CUSTOMER_ID,
	    MP_EMAIL };
	const struct accept_hooks hooks = { .receipt = receipt,
	    .outcome = outcome, .arg = s };

	s->profiles = profile_new(queue_store(s->f->queue), "secret", 6,
	    order, HR_COUNT(order));
	s->acceptor = acceptor_new(s->f->queue, s->profiles, &s->f->config,
	    &s->f->outputs, &hooks);
}

void
sim_close_intake(struct sim *s)
{
	acceptor_free(s->acceptor);
	profile_free(s->profiles);
}

/* --- what is durable -------------------------------------------------- */

void
sim_stage_discard(struct sim *s, int64_t event)
{
	sqlite3_stmt *st;
	struct sim_staged *g = stage(s, event);
	const char *payload;
	size_t k;

	g->discard = true;
	if (new_event(s, event)->kind != HEAP_USER_PROPERTIES)
		return;
	assert_int_equal(sqlite3_prepare_v2(store_db(queue_store(
	    s->f->queue)), "SELECT e.payload, i.value, a.app_id = '77'"
	    " FROM event AS e JOIN identity AS i ON i.id = e.identity"
	    " JOIN lane AS l ON l.id = e.lane"
	    " JOIN output AS o ON o.id = l.output JOIN app AS a ON a.id = o.app"
	    " WHERE e.id = ?", -1, &st, NULL), SQLITE_OK);
	sqlite3_bind_int64(st, 1, event);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	payload = (const char *)sqlite3_column_text(st, 0);
	g->person = sim_person(s, sqlite3_column_int64(st, 1));
	g->app = sqlite3_column_int(st, 2) != 0 ? 0 : 1;
	for (k = 0; k < SIM_PROPERTIES; k++)
		g->value[k] = sim_property(payload, payload +
		    strlen(payload), k);
	sqlite3_finalize(st);
}

static void
commit_one(struct sim *s, const struct sim_staged *g)
{
	struct sim_event *e = &s->events[g->event];
	int64_t *values = g->discard ? s->person[g->person].lost[g->app] :
	    s->person[g->person].expected[g->app];
	size_t k;

	if (g->discard)
		e->discarded = true;
	else
		e->accepted = true;
	for (k = 0; k < SIM_PROPERTIES; k++)
		if (g->value[k] > values[k])
			values[k] = g->value[k];
}

static void
take_back(struct sim *s, const struct sim_staged *g)
{
	const struct sim_event *e = &s->events[g->event];
	size_t i;

	for (i = 0; !g->discard && i < e->objects; i++)
		s->objects[s->refs[e->first_ref + i]].accepted--;
}

void
sim_commit(struct sim *s, bool durable)
{
	size_t i;

	for (i = 0; i < s->staged_n; i++)
		if (durable)
			commit_one(s, &s->staged[i]);
		else
			take_back(s, &s->staged[i]);
	s->staged_n = 0;
}

/* --- batches ---------------------------------------------------------- */

static void
put_who(struct sim *s, struct buf *b, size_t person)
{
	int64_t form = sim_upto(s, 9);

	if (form < 8)
		buf_printf(b, ",\"mpid\":\"%zu\"", FIRST_MPID + person);
	if (form == 7 || form == 8)
		buf_printf(b, ",\"user_identities\":{\"email\":"
		    "\"P%zu@example.com\"%s}", person, form == 7 &&
		    person % 5 == 0 ? ",\"customer_id\":\"c\"" : "");
	if (form == 9)
		buf_printf(b, ",\"user_identities\":{\"email\":"
		    "\"p%zu@example.com \"}", person % 8);
}

static void
put_attributes(struct sim *s, struct buf *b)
{
	size_t k;
	bool first = true;

	buf_puts(b, ",\"user_attributes\":{");
	for (k = 0; k < SIM_POISON_KEY; k++) {
		if (sim_upto(s, 2) > 0)
			continue;
		buf_printf(b, "%s\"p%zu\":%" PRId64, first ? "" : ",", k,
		    ++s->value);
		first = false;
	}
	if (sim_one_in(s, 40))
		buf_printf(b, "%s" SIM_POISON "%" PRId64, first ? "" : ",",
		    ++s->value);
	buf_puts(b, "}");
}

static void
put_products(struct sim *s, struct buf *b, bool poison)
{
	int64_t n = 1 + sim_upto(s, sim_one_in(s, 30) ? (int64_t)s->big : 6);
	int64_t bad = poison ? sim_upto(s, n - 1) : -1, i;

	buf_puts(b, "\"product_action\":{\"action\":\"purchase\","
	    "\"products\":[");
	for (i = 0; i < n; i++)
		buf_printf(b, "%s{\"id\":\"s%" PRId64 "\"%s}", i > 0 ? "," :
		    "", i, i == bad ? ",\"custom_attributes\":{" SIM_POISON
		    "1}" : "");
	buf_puts(b, "]},");
}

static void
put_event(struct sim *s, struct buf *b)
{
	static const char *const types[] = { "custom_event", "screen_view",
	    "session_start", "session_end", "commerce_event", "opt_out" };
	int64_t draw = sim_upto(s, 19), i, pad = sim_one_in(s, 10) ?
	    sim_upto(s, 900) : 0;
	size_t type = draw < 10 ? 0 : draw < 13 ? 1 : draw < 19 ?
	    (size_t)draw % 3 + 2 : 5;
	bool poison = sim_one_in(s, 90);

	buf_printf(b, "{\"event_type\":\"%s\",\"data\":{", types[type]);
	if (type == 0)
		buf_printf(b, "\"event_name\":\"E%" PRId64 "\",",
		    sim_upto(s, 5));
	else if (type == 1)
		buf_puts(b, "\"screen_name\":\"Cart\",");
	else if (type == 4)
		put_products(s, b, poison);
	if (sim_upto(s, 3) > 0)
		buf_printf(b, "\"source_message_id\":\"m-%" PRId64 "\",",
		    ++s->messages);
	buf_printf(b, "\"timestamp_unixtime_ms\":%" PRId64
	    ",\"custom_attributes\":{\"pad\":\"", s->f->now.wall);
	for (i = 0; i < pad; i++)
		buf_putc(b, 'x');
	buf_printf(b, "\"%s}}}", poison && type != 4 ? "," SIM_POISON "1" :
	    "");
}

/* A batch; true: it may come again, since its properties are none. */
static bool
put_batch(struct sim *s, struct buf *b)
{
	size_t person = (size_t)sim_upto(s, sim_upto(s, 2) == 0 ? SIM_HOT - 1 :
	    SIM_PEOPLE - 1);
	bool attributes = sim_upto(s, 3) == 0, marked = sim_upto(s, 3) == 0;
	int64_t i, n = sim_upto(s, attributes ? 2 : 4);

	buf_puts(b, "{\"environment\":\"production\"");
	if (!sim_one_in(s, 100))	/* else nobody's */
		put_who(s, b, person);
	if (marked)
		buf_printf(b, ",\"source_request_id\":\"r-%" PRId64 "\"",
		    ++s->messages);
	if (attributes)
		put_attributes(s, b);
	buf_puts(b, ",\"events\":[");
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_putc(b, ',');
		put_event(s, b);
	}
	buf_puts(b, "]}");
	return marked && !attributes;
}

static void
accept(struct sim *s, size_t input, enum mp_path path, const char *body)
{
	s->batches++;
	if (queue_begin(s->f->queue) != QUEUE_READY)
		return;		/* the sender gets its 503 */
	buf_reset(&s->errors);
	if (accept_body(s->acceptor, &s->input[input], path, body,
	    strlen(body), s->f->now.wall, &s->errors) == 0)
		sim_fail(s, "a batch was refused: %s", buf_str(&s->errors));
}

void
sim_arrive(struct sim *s)
{
	size_t input = (size_t)sim_upto(s, (int64_t)s->f->config.inputs_n - 1);
	bool many = sim_one_in(s, 10), again;
	struct buf b = BUF_INIT;

	if (s->repeat != NULL && sim_one_in(s, 25)) {
		accept(s, s->repeat_input, MP_EVENTS, s->repeat);
		return;
	}
	if (many)
		buf_putc(&b, '[');
	again = put_batch(s, &b);
	if (many) {
		buf_putc(&b, ',');
		put_batch(s, &b);
		buf_putc(&b, ']');
	}
	accept(s, input, many ? MP_BULK : MP_EVENTS, buf_str(&b));
	if (again && !many && sim_one_in(s, 4)) {
		free(s->repeat);
		s->repeat = buf_steal(&b);
		s->repeat_input = input;
	}
	buf_free(&b);
}

void
sim_arrive_plain(struct sim *s, size_t person)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "{\"mpid\":\"%zu\",\"events\":[{\"event_type\":"
	    "\"session_start\",\"data\":{\"source_message_id\":\"m-%" PRId64
	    "\"}}]}", FIRST_MPID + person, ++s->messages);
	accept(s, 0, MP_EVENTS, buf_str(&b));
	buf_free(&b);
}
