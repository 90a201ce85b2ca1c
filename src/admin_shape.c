/*
 * admin_shape.c - the JSON of an event, a request, an output, a list
 *
 * Knows the names of members, which scripts rely on: they may become more,
 * but none may go or change.
 */
#include <stdio.h>
#include <string.h>

#include "admin_private.h"

/* A queue's empty text stands for "none". */
static const char *
or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

cJSON *
admin_event_shape(const struct inspect_event *e)
{
	cJSON *o = cJSON_CreateObject();
	bool delivered = strcmp(e->state, "delivered") == 0;

	admin_put_int(o, "id", e->id);
	admin_put_text(o, "output", e->output);
	admin_put_text(o, "lane", e->lane);
	admin_put_text(o, "identity", e->identity);
	admin_put_text(o, "name", or_null(e->name));
	admin_put_int(o, "objects", e->objects);
	admin_put_text(o, "state", e->state);
	admin_put_text(o, "reason", e->reason);
	admin_put_int(o, "attempts", e->attempts);
	admin_put_at(o, "due_at", e->due_at);
	admin_put_int_or_null(o, "last_status", e->last_status != 0,
	    e->last_status);
	admin_put_text(o, "last_error", e->last_error);
	admin_put_text(o, "input", e->input);
	admin_put_text(o, "environment", e->environment);
	admin_put_at(o, "received_at", e->received_at);
	admin_put_at(o, "event_at", e->event_at);
	admin_put_at(o, "delivered_at", delivered ? e->ended_at : 0);
	admin_put_at(o, "ended_at", e->ended_at);
	admin_put_int(o, "batch_id", e->batch);
	admin_put_text(o, "receipt_id", e->receipt_id);
	admin_put_int_or_null(o, "event_index", e->event_index >= 0,
	    e->event_index);
	admin_put_int(o, "generation", e->generation);
	admin_put_int_or_null(o, "merged_into", e->merged_into != 0,
	    e->merged_into);
	return o;
}

cJSON *
admin_request_shape(const struct inspect_request *r)
{
	cJSON *o = cJSON_CreateObject();

	admin_put_int(o, "id", r->id);
	admin_put_text(o, "output", r->output);
	admin_put_text(o, "lane", r->lane);
	admin_put_text(o, "form", r->form);
	admin_put_int(o, "events", r->events);
	admin_put_int(o, "objects", r->objects);
	admin_put_int(o, "bytes", r->bytes);
	admin_put_at(o, "started_at", r->started_at);
	admin_put_at(o, "ended_at", r->ended_at);
	admin_put_int_or_null(o, "duration_ms", r->duration_ms >= 0,
	    r->duration_ms);
	admin_put_int_or_null(o, "status", r->status != 0, r->status);
	admin_put_text(o, "verdict", r->verdict);
	admin_put_text(o, "error", r->error);
	admin_put_text(o, "answer", r->answer);
	admin_put_int_or_null(o, "parent_id", r->parent != 0, r->parent);
	return o;
}

void
admin_add_request(const struct inspect_request *r, void *array)
{
	cJSON_AddItemToArray(array, admin_request_shape(r));
}

cJSON *
admin_list(cJSON *items, int64_t next)
{
	cJSON *o = cJSON_CreateObject();
	char cursor[24];

	cJSON_AddItemToObject(o, "items", items);
	snprintf(cursor, sizeof(cursor), "%lld", (long long)next);
	admin_put_text(o, "next_cursor", next != 0 ? cursor : NULL);
	return o;
}

/* --- outputs ---------------------------------------------------------- */

/* The lanes of one output, collected from dispatch. */
struct lanes {
	const char	*output;
	cJSON		*array;
};

static cJSON *
breaker_shape(const struct breaker *b, int64_t until)
{
	cJSON *o = cJSON_CreateObject();

	admin_put_text(o, "state", breaker_name(b->state));
	admin_put_at(o, "until", until);
	admin_put_int(o, "failures", b->failures);
	admin_put_text(o, "last_error", or_null(b->last_error));
	return o;
}

static void
add_lane(const struct dispatch_lane *l, void *arg)
{
	const struct lanes *lanes = arg;
	cJSON *o;

	if (strcmp(l->output, lanes->output) != 0)
		return;
	o = cJSON_CreateObject();
	admin_put_text(o, "lane", heap_lane_name(l->kind));
	admin_put_int(o, "inflight", (int64_t)l->inflight);
	admin_put_at(o, "frozen_until", l->frozen_until);
	cJSON_AddItemToObject(o, "breaker",
	    breaker_shape(l->breaker, l->breaker_until));
	cJSON_AddItemToArray(lanes->array, o);
}

static cJSON *
windows_shape(struct admin *a, struct moment now, const char *output)
{
	struct dispatch_window w[DISPATCH_WINDOWS];
	cJSON *array = cJSON_CreateArray(), *o;
	size_t i, n;

	n = dispatch_windows(a->parts.dispatch, output, now, w);
	for (i = 0; i < n; i++) {
		o = cJSON_CreateObject();
		admin_put_text(o, "window", w[i].name);
		admin_put_int(o, "used", w[i].used);
		admin_put_int(o, "limit", w[i].limit);
		admin_put_int(o, "window_ms", w[i].window_ms);
		admin_put_at(o, "frees_at", w[i].frees_at);
		cJSON_AddItemToArray(array, o);
	}
	return array;
}

cJSON *
admin_output_shape(struct admin *a, struct moment now,
    const struct inspect_output *output)
{
	struct lanes lanes = { output->name, cJSON_CreateArray() };
	cJSON *o = cJSON_CreateObject();
	int i;

	admin_put_text(o, "name", output->name);
	admin_put_text(o, "app_id", output->app_id);
	admin_put_text(o, "base_url", output->base_url);
	cJSON_AddBoolToObject(o, "paused", output->paused_at != 0);
	admin_put_at(o, "paused_at", output->paused_at);
	if (output->app_id != NULL)
		cJSON_AddNumberToObject(o, "factor", output->factor);
	else
		cJSON_AddNullToObject(o, "factor");
	for (i = 0; i < INSPECT_COUNTS; i++)
		admin_put_int(o, inspect_count_name((enum inspect_count)i),
		    output->count[i]);
	dispatch_each(a->parts.dispatch, now, add_lane, &lanes);
	cJSON_AddItemToObject(o, "lanes", lanes.array);
	cJSON_AddItemToObject(o, "windows",
	    windows_shape(a, now, output->name));
	return o;
}
