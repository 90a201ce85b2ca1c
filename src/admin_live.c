/*
 * admin_live.c - the live stream: who wants to see what
 */
#include <string.h>

#include "admin_private.h"

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

/* The parameter `kind`, if it is given; false: answered 400. */
static bool
read_kind(struct admin_call *call, struct live_filter *f)
{
	const char *text = admin_param(call, "kind");
	int i;

	if (text == NULL)
		return true;
	for (i = 0; i < LIVE_KINDS; i++) {
		f->one_kind = true;
		f->kind = (enum live_kind)i;
		if (strcmp(live_kind_name(f->kind), text) == 0)
			return true;
	}
	admin_problem(call, 400, "bad_parameter", NULL,
	    "kind is batch, event, output or agent.");
	return false;
}

/* The same for the others. */
static bool
read_filter(struct admin_call *call, struct live_filter *f)
{
	const char *state = admin_param(call, "state");
	int i;

	memset(f, 0, sizeof(*f));
	for (i = 0; i < LIVE_MEMBERS; i++)
		f->member[i] = admin_param(call,
		    live_member_name((enum live_member)i));
	if (state != NULL &&
	    (!is_state(state) || strcmp(state, "inflight") == 0)) {
		admin_problem(call, 400, "bad_parameter", NULL, "state is "
		    "queued, delivered, stuck, discarded or skipped.");
		return false;
	}
	return read_kind(call, f);
}

static bool
read_recent(struct admin_call *call, int64_t *recent)
{
	const char *text = admin_param(call, "recent");

	*recent = 0;
	if (text == NULL || (json_int64(text, recent) && *recent >= 0 &&
	    *recent <= LIVE_LINES))
		return true;
	admin_problem(call, 400, "bad_parameter", NULL,
	    "recent is a number from 0 to %d.", LIVE_LINES);
	return false;
}

void
admin_get_stream(struct admin_call *call)
{
	struct live *live = call->admin->parts.live;
	struct live_filter filter;
	int64_t recent;

	if (!read_filter(call, &filter) || !read_recent(call, &recent))
		return;
	if (strcmp(http_method(call->request), "HEAD") == 0)
		admin_text(call, "text/event-stream", "", 0);
	else if (!live_open(live, call->request, &filter, (size_t)recent,
	    call->now))
		admin_problem(call, 503, "too_many_readers",
		    "Retry-After: 10\r\n", "There are %zu readers of the "
		    "live stream already, and no more are served.",
		    live_readers(live));
}
