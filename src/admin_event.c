/*
 * admin_event.c - events and requests: lists, and one event with all of it
 *
 * Knows filters, and what belongs to one event.
 */
#include <string.h>

#include "admin_private.h"

/* --- filters ---------------------------------------------------------- */

static bool
is_state(const char *text)
{
	int i;

	for (i = 0; i < INSPECT_STATES; i++)
		if (strcmp(inspect_count_name((enum inspect_count)i), text) ==
		    0)
			return true;
	return false;
}

/* The parameter as an instant, if it is given; false: answered 400. */
static bool
read_instant(struct admin_call *call, const char *name, int64_t *at)
{
	const char *text = admin_param(call, name);

	if (text == NULL || admin_instant(text, call->now.wall, at))
		return true;
	admin_problem(call, 400, "bad_parameter", NULL, "%s is RFC 3339 "
	    "(2026-01-31T12:00:00Z), or a span before now (-90s, -1h, -7d).",
	    name);
	return false;
}

bool
admin_read_filter(struct admin_call *call, struct filter *f)
{
	static const struct filter all = FILTER_ALL;
	const char *status = admin_param(call, "status");

	*f = all;
	f->output = admin_param(call, "output");
	f->state = admin_param(call, "state");
	f->reason = admin_param(call, "reason");
	f->identity = admin_param(call, "identity");
	f->name = admin_param(call, "name");
	f->input = admin_param(call, "input");
	f->has_status = status != NULL;
	if (f->state != NULL && !is_state(f->state)) {
		admin_problem(call, 400, "bad_parameter", NULL, "state is "
		    "queued, inflight, delivered, stuck, discarded or "
		    "skipped.");
		return false;
	}
	if (status != NULL && (!json_int64(status, &f->status) ||
	    f->status < 0 || f->status > 999)) {
		admin_problem(call, 400, "bad_parameter", NULL, "status is "
		    "the number of an HTTP status, or 0 for no answer.");
		return false;
	}
	return read_instant(call, "since", &f->since) &&
	    read_instant(call, "until", &f->until);
}

/* --- lists ------------------------------------------------------------ */

static void
add_event(const struct inspect_event *e, void *array)
{
	cJSON_AddItemToArray(array, admin_event_shape(e));
}

/* Answers with a list, or that it could not be read.  Takes the items. */
static void
answer_list(struct admin_call *call, enum inspect_answer found, cJSON *items,
    const struct inspect_page *page)
{
	if (found == INSPECT_OK) {
		admin_json(call, 200, admin_list(items, page->next));
	} else {
		cJSON_Delete(items);
		admin_cannot_read(call);
	}
}

void
admin_get_events(struct admin_call *call)
{
	struct filter filter;
	struct inspect_page page;
	enum inspect_answer found;
	cJSON *items;

	if (!admin_read_filter(call, &filter) || !admin_page(call, &page))
		return;
	items = cJSON_CreateArray();
	found = inspect_events(call->admin->parts.inspect, &filter, &page,
	    add_event, items);
	answer_list(call, found, items, &page);
}

void
admin_get_requests(struct admin_call *call)
{
	struct inspect_page page;
	enum inspect_answer found;
	cJSON *items;

	if (!admin_page(call, &page))
		return;
	items = cJSON_CreateArray();
	found = inspect_requests(call->admin->parts.inspect, &page,
	    admin_add_request, items);
	answer_list(call, found, items, &page);
}

/* --- one event -------------------------------------------------------- */

struct whole {
	struct admin	*admin;
	struct moment	 now;
	cJSON		*event;
};

static void
make_whole(const struct inspect_event *e, void *arg)
{
	struct whole *w = arg;

	w->event = admin_event_shape(e);
	admin_put_raw(w->event, "payload", "[", e->payload, e->payload_len,
	    "]");
	admin_put_raw(w->event, "batch", "", e->body, e->body_len, "");
	cJSON_AddItemToObject(w->event, "why",
	    admin_why(w->admin, w->now, e));
}

enum inspect_answer
admin_whole_event(struct admin *a, struct moment now, enum inspect_view view,
    int64_t id, cJSON **out)
{
	struct whole w = { a, now, NULL };
	enum inspect_answer found;
	cJSON *requests;

	found = inspect_event(a->parts.inspect, view, id, make_whole, &w);
	if (found != INSPECT_OK)
		return found;
	requests = cJSON_AddArrayToObject(w.event, "requests");
	found = inspect_event_requests(a->parts.inspect, view, id,
	    admin_add_request, requests);
	if (found == INSPECT_OK)
		*out = w.event;
	else
		cJSON_Delete(w.event);
	return found;
}

static void
make_why(const struct inspect_event *e, void *arg)
{
	struct whole *w = arg;

	w->event = admin_why(w->admin, w->now, e);
}

static void
answer_one(struct admin_call *call, enum inspect_answer found, cJSON *event)
{
	switch (found) {
	case INSPECT_OK:
		admin_json(call, 200, event);
		break;
	case INSPECT_NONE:
		admin_problem(call, 404, "not_found", NULL,
		    "There is no event %lld.", (long long)call->id);
		break;
	case INSPECT_FAILED:
		admin_cannot_read(call);
		break;
	}
}

void
admin_get_event(struct admin_call *call)
{
	cJSON *event = NULL;
	enum inspect_answer found;

	found = admin_whole_event(call->admin, call->now, INSPECT_COMMITTED,
	    call->id, &event);
	answer_one(call, found, event);
}

void
admin_get_why(struct admin_call *call)
{
	struct whole w = { call->admin, call->now, NULL };
	enum inspect_answer found;

	found = inspect_event(call->admin->parts.inspect, INSPECT_COMMITTED,
	    call->id, make_why, &w);
	answer_one(call, found, w.event);
}
