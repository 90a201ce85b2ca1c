/*
 * map.c - one batch into the events of one output
 *
 * Knows which events are sent, skipped and rejected, and what each becomes.
 * Knows nothing of queues, requests or the clock.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "map.h"
#include "map_commerce.h"
#include "map_object.h"
#include "map_value.h"

/* What is settled for a batch before its first event. */
struct job {
	struct arena	*arena;
	const struct mp_batch *batch;
	const struct map_context *context;
	const struct config_input *input;
	const struct config_output *output;
	struct map_counts *counts;
	struct map_writer writer;
	const char	*mpid;		/* decimal; NULL: none */
	const char	*identity;	/* the External ID; NULL: none */
	/* Why nothing of the batch is sent; NULL: no such reason. */
	const char	*skip_reason;
	const char	*reject_reason;
};

/* The user properties that forward_identities may add, in their order. */
static const enum mp_identity_type forwardable[] = {
	MP_EMAIL, MP_CUSTOMER_ID, MP_IDENTITIES /* the MPID */, MP_OTHER,
	MP_OTHER_ID_2, MP_OTHER_ID_3, MP_OTHER_ID_4, MP_OTHER_ID_5,
	MP_OTHER_ID_6, MP_OTHER_ID_7, MP_OTHER_ID_8, MP_OTHER_ID_9,
	MP_OTHER_ID_10, MP_ANDROID_UUID, MP_ANDROID_ADVERTISING_ID,
	MP_IOS_ADVERTISING_ID, MP_IOS_IDFV
};

static const char *const custom_event_types[] = {
	"navigation", "location", "search", "transaction", "user_content",
	"user_preference", "social", "media", "attribution", "other",
	"unknown", NULL
};

/* Names that Heap's own autocapture gives to events. */
static const char *const autocapture_names[] = {
	"click", "change", "submit", "pageview"
};

static bool
setting(enum config_override input, bool output)
{
	return input == CONFIG_UNSET ? output : input == CONFIG_TRUE;
}

/* Decides what the whole batch is skipped for (section 5, rows 1 to 4). */
static const char *
skip_reason(const struct job *j)
{
	const struct mp_batch *b = j->batch;

	if (j->context->duplicate)
		return MAP_DUPLICATE;
	if (j->context->path == MP_HISTORICAL)
		return mp_historical_valid(b, j->context->received_at) ?
		    MAP_HISTORICAL : MAP_HISTORICAL_INVALID;
	if (b->development && j->output->development_app_id == NULL)
		return MAP_DEVELOPMENT;
	if (b->web && !setting(j->input->forward_web_requests_server_side,
	    j->output->forward_web_requests_server_side))
		return MAP_WEB_CLIENT_SIDE;
	return NULL;
}

/* Rows 6 and 7. */
static const char *
reject_reason(const struct job *j)
{
	if (j->identity == NULL)
		return MAP_NO_IDENTITY;
	if (json_units(j->identity) > HEAP_MAX_IDENTITY)
		return MAP_IDENTITY_TOO_LONG;
	return NULL;
}

/* The External ID as received; never another type's instead. */
static const char *
external_id(const struct job *j)
{
	enum mp_identity_type type = j->output->external_id;
	const char *id;

	if (type == MP_IDENTITIES)
		return j->mpid;
	id = j->batch->identity[type];
	if (id == NULL)
		id = j->context->profile_external_id;
	return id == NULL ? NULL : arena_strndup(j->arena, id, strlen(id));
}

static const char *
text_or_null(const cJSON *object, const char *name)
{
	const char *text = json_text(json_get(object, name));

	return text != NULL && text[0] != '\0' ? text : NULL;
}

/*
 * The event's name before it is cut; NULL: a custom event without one.  Of
 * types that are not forwarded whatever tells an operator most.
 */
static const char *
event_name(const struct job *j, const struct mp_event *e)
{
	const char *name;

	switch (e->type) {
	case MP_CUSTOM_EVENT:
		return text_or_null(e->event_data, "event_name");
	case MP_SCREEN_VIEW:
		name = text_or_null(e->event_data, "screen_name");
		return name == NULL ? "Viewed" :
		    arena_printf(j->arena, "Viewed: %s", name);
	case MP_COMMERCE_EVENT:
		return map_commerce_name(e->event_data);
	case MP_SESSION_START:
		return "Session Start";
	case MP_SESSION_END:
		return "Session End";
	case MP_OTHER_TYPE:
		break;
	}
	name = text_or_null(e->event_data, "event_name");
	return name != NULL ? name : e->type_name;
}

static const char *
cut_name(const struct job *j, const char *name, uint64_t *counter)
{
	size_t len = map_cut(name, counter);

	return name[len] == '\0' ? name : arena_strndup(j->arena, name, len);
}

static int64_t
event_time(const struct job *j, int64_t own)
{
	if (own != 0)
		return own;
	return j->batch->timestamp_ms != 0 ? j->batch->timestamp_ms :
	    j->context->received_at;
}

/*
 * The parts of the idempotency key that all objects of an event share.  The
 * time is part of it only when it is the sender's: a repeated delivery of
 * one event must give the same key.
 */
static void
put_shared_key(const struct job *j, const struct mp_event *e,
    struct map_unit *u)
{
	const struct mp_batch *b = j->batch;
	int64_t index = e - b->events;
	struct buf *key = &u->w->key;

	buf_reset(key);
	buf_puts(key, "heaprelay.v1\n");
	buf_puts(key, e->type_name);
	buf_putc(key, '\n');
	buf_puts(key, u->identity);
	buf_putc(key, '\n');
	if (e->timestamp_ms != 0)
		buf_puts(key, u->timestamp);
	if (e->source_message_id != NULL) {
		buf_puts(key, "\nm:");
		buf_puts(key, e->source_message_id);
	} else if (b->source_request_id != NULL) {
		buf_printf(key, "\nr:%s:%s:%" PRId64, j->input->key,
		    b->source_request_id, index);
	} else {
		buf_printf(key, "\na:%s:%" PRId64, j->context->receipt_id,
		    index);
	}
	buf_putc(key, '\n');
	u->key_shared = key->len;
}

static void
put_single(struct map_unit *u, const struct mp_event *e, const char *name)
{
	const cJSON *d = e->event_data;
	struct map_props p;

	map_object_begin(u, &p, name, strlen(name), "event:", name);
	if (e->type == MP_CUSTOM_EVENT &&
	    text_or_null(d, "custom_event_type") == NULL)
		map_props_text(&p, "event_type", "other");
	else if (e->type == MP_CUSTOM_EVENT)
		map_props_enum(&p, "event_type",
		    json_get(d, "custom_event_type"), custom_event_types);
	else if (e->type == MP_SCREEN_VIEW)
		map_props_text(&p, "screen_name",
		    text_or_null(d, "screen_name"));
	else if (e->type == MP_SESSION_END)
		map_props_number(&p, "session_duration_ms",
		    json_get(d, "session_duration_ms"));
	map_object_end(u, &p, json_get(d, "custom_attributes"));
}

/* What was written becomes the event's payload. */
static void
take_payload(struct job *j, struct map_event *out, size_t objects)
{
	struct buf *b = &j->writer.out;

	out->action = MAP_SEND;
	out->objects = objects;
	out->payload = arena_strndup(j->arena, b->p, b->len);
	out->payload_len = b->len;
	buf_reset(b);
}

static void
send_event(struct job *j, const struct mp_event *e, struct map_event *out)
{
	struct map_unit u = {
		.w = &j->writer,
		.identity = j->identity,
		.session_id = j->output->send_session_id ?
		    e->session_id : NULL,
		.feed_name = j->input->feed_name,
	};

	clock_text(out->event_at, u.timestamp);
	put_shared_key(j, e, &u);
	if (out->commerce)
		map_commerce_put(&u, e->event_data,
		    j->output->item_event_names_item);
	else
		put_single(&u, e, out->name);
	take_payload(j, out, u.objects);
}

static void
refuse(struct map_event *out, enum map_action action, const char *reason)
{
	out->action = action;
	out->reason = reason;
}

static bool
is_autocapture_name(const char *name)
{
	size_t i;

	for (i = 0; i < HR_COUNT(autocapture_names); i++)
		if (strcmp(name, autocapture_names[i]) == 0)
			return true;
	return false;
}

/* The first row of section 5 that applies. */
static void
map_event(struct job *j, const struct mp_event *e, struct map_event *out)
{
	const char *name = event_name(j, e);
	uint64_t cut = 0;

	out->event_index = e - j->batch->events;
	out->lane = HEAP_TRACK;
	out->commerce = e->type == MP_COMMERCE_EVENT;
	out->name = cut_name(j, name != NULL ? name : "", &cut);
	out->identity = j->identity;
	out->event_at = event_time(j, e->timestamp_ms);

	if (j->skip_reason != NULL)
		refuse(out, MAP_SKIP, j->skip_reason);
	else if (e->type == MP_OTHER_TYPE)
		refuse(out, MAP_SKIP, MAP_EVENT_TYPE);
	else if (j->reject_reason != NULL)
		refuse(out, MAP_REJECT, j->reject_reason);
	else if (name == NULL)
		refuse(out, MAP_REJECT, MAP_NO_EVENT_NAME);
	else if (out->commerce &&
	    map_commerce_objects(e->event_data) > HEAP_MAX_UNIT)
		refuse(out, MAP_REJECT, MAP_TOO_LARGE);
	else
		send_event(j, e, out);

	if (out->action == MAP_SEND) {
		j->counts->truncated_name += cut;
		j->counts->autocapture_name += e->type == MP_CUSTOM_EVENT &&
		    is_autocapture_name(out->name);
	}
}

static void
put_forwarded_identities(const struct job *j, struct map_props *p)
{
	size_t i;

	for (i = 0; i < HR_COUNT(forwardable); i++) {
		enum mp_identity_type type = forwardable[i];

		if (type == MP_IDENTITIES && j->output->forward_mpid)
			map_props_text(p, "mpid", j->mpid);
		else if (type != MP_IDENTITIES &&
		    j->output->forward_identity[type])
			map_props_text(p, mp_identity_name(type),
			    j->batch->identity[type]);
	}
}

/* Writes the user-properties element; false: it has no properties. */
static bool
put_user(struct job *j)
{
	struct buf *b = &j->writer.out;
	struct map_props p;
	bool any;

	buf_puts(b, "{\"identity\":");
	json_put_text(b, j->identity != NULL ? j->identity : "");
	buf_puts(b, ",\"properties\":");
	map_props_begin(&p, &j->writer, true);
	put_forwarded_identities(j, &p);
	if (setting(j->input->forward_user_attributes,
	    j->output->forward_user_attributes))
		map_props_custom(&p, j->batch->user_attributes);
	any = map_props_end(&p);
	buf_putc(b, '}');
	return any;
}

/* False: the batch has no user-properties object. */
static bool
map_user(struct job *j, struct map_event *out)
{
	struct map_counts before = *j->counts;

	if (!put_user(j))
		return false;
	out->event_index = -1;
	out->lane = HEAP_USER_PROPERTIES;
	out->name = "";
	out->identity = j->identity;
	out->event_at = event_time(j, 0);

	if (j->skip_reason != NULL)
		refuse(out, MAP_SKIP, j->skip_reason);
	else if (j->reject_reason != NULL)
		refuse(out, MAP_REJECT, j->reject_reason);
	else
		take_payload(j, out, 1);
	/* What is not sent was not changed on its way either. */
	if (out->action != MAP_SEND)
		*j->counts = before;
	return true;
}

void
map_batch(struct map_result *r, struct arena *arena,
    const struct mp_batch *batch, const struct map_context *context,
    const struct config_input *input, const struct config_output *output)
{
	struct job j = {
		.arena = arena, .batch = batch, .context = context,
		.input = input, .output = output, .counts = &r->counts,
		.writer = { .arena = arena, .counts = &r->counts },
	};
	size_t i;

	memset(r, 0, sizeof(*r));
	r->development_app = batch->development &&
	    output->development_app_id != NULL;
	r->events = arena_calloc(arena, batch->events_n + 1,
	    sizeof(*r->events));
	if (context->has_mpid)
		j.mpid = arena_printf(arena, "%" PRId64, context->mpid);
	j.identity = external_id(&j);
	j.skip_reason = skip_reason(&j);
	j.reject_reason = reject_reason(&j);

	for (i = 0; i < batch->events_n; i++)
		map_event(&j, &batch->events[i], &r->events[i]);
	r->events_n = batch->events_n;
	if (map_user(&j, &r->events[r->events_n]))
		r->events_n++;
	map_writer_free(&j.writer);
}
