/*
 * admin_output.c - pause, resume and probe an output
 *
 * Knows what is answered and what goes into the audit.  The turn's transaction
 * is open when a handler of this file is called; its success leaves with the
 * commit.
 */
#include <stdlib.h>

#include "admin_private.h"
#include "log.h"

bool
admin_check_no_body(struct admin_call *call)
{
	const char *wrong = NULL, *body;
	struct json *json;
	struct why why;
	size_t len;

	body = http_body(call->request, &len);
	if (len == 0)
		return true;
	json = json_parse(body, len, &why);
	if (json == NULL)
		wrong = why.text;
	else if (json_root(json)->type != cJSON_Object)
		wrong = "it is not an object";
	else if (json_root(json)->child != NULL)
		wrong = admin_unknown(call, "it",
		    json_root(json)->child->string);
	if (wrong != NULL)
		admin_problem(call, 400, "bad_body", NULL,
		    "The body cannot be used: %s.", wrong);
	json_free(json);
	return wrong == NULL;
}

/* The shape of the one output that is visited. */
struct shaped {
	struct admin	*admin;
	struct moment	 now;
	cJSON		*shape;
};

static void
make_shape(const struct inspect_output *o, void *arg)
{
	struct shaped *s = arg;

	s->shape = admin_output_shape(s->admin, s->now, o);
}

/* The output as it will be once the turn is on disk; takes a further member
 * `probe`, if it is not NULL. */
static void
answer_output(struct admin_call *call, cJSON *probe)
{
	struct shaped s = { .admin = call->admin, .now = call->now };
	struct admin_parts *p = &call->admin->parts;

	if (inspect_output(p->inspect, INSPECT_TURN, call->name, make_shape,
	    &s) != INSPECT_OK || queue_begin(p->queue) != QUEUE_READY) {
		cJSON_Delete(probe);
		cJSON_Delete(s.shape);
		admin_not_stored(call);
		return;
	}
	if (probe != NULL)
		cJSON_AddItemToObject(s.shape, "probe", probe);
	admin_json_held(call, 200, s.shape);
}

static void
audit(struct admin_call *call, const char *action, const char *detail)
{
	char *subject = xasprintf("output %s", call->name);

	queue_audit(call->admin->parts.queue, call->now.wall, action, subject,
	    "%s", detail);
	log_info("admin: %s output=%s", action, log_value(call->name));
	free(subject);
}

/* In a turn that failed, nothing that was read is to be believed. */
static void
no_such_output(struct admin_call *call)
{
	if (queue_begin(call->admin->parts.queue) != QUEUE_READY)
		admin_not_stored(call);
	else
		admin_problem(call, 404, "not_found", NULL,
		    "There is no output of that name.");
}

/* "was not paused", "was paused since 2026-11-24T14:13:20.000Z" */
static void
tell_before(int64_t since, struct why *detail)
{
	char at[CLOCK_TEXT];

	if (since == 0)
		why_set(detail, "was not paused");
	else
		why_set(detail, "was paused since %s", clock_text(since, at));
}

static void
set_paused(struct admin_call *call, const char *action, bool paused)
{
	struct why detail;
	int64_t since;

	if (!admin_check_no_body(call))
		return;
	if (!dispatch_pause(call->admin->parts.dispatch, call->name, paused,
	    call->now, &since)) {
		no_such_output(call);
		return;
	}
	tell_before(since, &detail);
	audit(call, action, detail.text);
	answer_output(call, NULL);
}

void
admin_post_pause(struct admin_call *call)
{
	set_paused(call, "pause", true);
}

void
admin_post_resume(struct admin_call *call)
{
	set_paused(call, "resume", false);
}

/* --- probe ------------------------------------------------------------ */

static const char *const probe_names[] = {
	[DISPATCH_PROBE_CLOSED] = "closed",
	[DISPATCH_PROBE_OUT] = "out",
	[DISPATCH_PROBE_NOW] = "asked",
};

/* {"track":"asked","user_properties":"closed"} */
static cJSON *
probe_shape(const enum dispatch_probe done[HEAP_LANES])
{
	cJSON *o = cJSON_CreateObject();
	int kind;

	for (kind = 0; kind < HEAP_LANES; kind++)
		admin_put_text(o, heap_lane_name((enum heap_lane)kind),
		    probe_names[done[kind]]);
	return o;
}

static void
audit_probe(struct admin_call *call,
    const enum dispatch_probe done[HEAP_LANES])
{
	struct buf detail = BUF_INIT;
	int kind;

	for (kind = 0; kind < HEAP_LANES; kind++)
		buf_printf(&detail, "%s%s %s", kind > 0 ? ", " : "",
		    heap_lane_name((enum heap_lane)kind),
		    probe_names[done[kind]]);
	audit(call, "probe", buf_str(&detail));
	buf_free(&detail);
}

void
admin_post_probe(struct admin_call *call)
{
	struct admin_parts *p = &call->admin->parts;
	enum dispatch_probe done[HEAP_LANES];
	int64_t since;

	if (!admin_check_no_body(call))
		return;
	if (!queue_output_paused(p->queue, call->name, &since)) {
		no_such_output(call);
	} else if (!dispatch_probe(p->dispatch, call->name, call->now, done)) {
		admin_problem(call, 409, "not_configured", NULL, "This output "
		    "is not in the configuration, so nothing is sent for it.");
	} else {
		audit_probe(call, done);
		answer_output(call, probe_shape(done));
	}
}
