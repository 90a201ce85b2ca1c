/*
 * admin_write.c - replay and discard of one event
 *
 * Knows what must be true before an event may move.  The turn's transaction
 * is open when a handler of this file is called; what it answers with success
 * leaves with the commit.
 */
#include <stdio.h>
#include <string.h>

#include "admin_private.h"
#include "log.h"

/* A member of the body; NULL, or what is wrong with it. */
static const char *
read_option(struct admin_call *call, const cJSON *member, bool known,
    struct accept_replay *o)
{
	bool *target = NULL;

	if (strcmp(member->string, "remap") == 0)
		target = &o->remap;
	else if (strcmp(member->string, "force") == 0)
		target = &o->force;
	if (target == NULL || !known)
		return admin_unknown(call, "it", member->string);
	if (member->type != cJSON_True && member->type != cJSON_False)
		return "remap and force are true or false";
	*target = member->type == cJSON_True;
	return NULL;
}

/*
 * The body: none, or an object of options, or (unless `known`) of nothing.
 * false: answered 400.
 */
static bool
read_options(struct admin_call *call, bool known, struct accept_replay *o)
{
	const char *wrong = NULL;
	const cJSON *member;
	struct json *json;
	struct why why;
	const char *body;
	size_t len;

	memset(o, 0, sizeof(*o));
	body = http_body(call->request, &len);
	if (len == 0)
		return true;
	json = json_parse(body, len, &why);
	if (json == NULL)
		wrong = why.text;
	else if (json_root(json)->type != cJSON_Object)
		wrong = "it is not an object";
	else
		for (member = json_root(json)->child;
		    member != NULL && wrong == NULL; member = member->next)
			wrong = read_option(call, member, known, o);
	if (wrong != NULL)
		admin_problem(call, 400, "bad_body", NULL,
		    "The body cannot be used: %s.", wrong);
	json_free(json);
	return wrong == NULL;
}

/* The event as it will be once the turn is on disk. */
static void
answer_moved(struct admin_call *call, const char *what)
{
	struct admin *a = call->admin;
	cJSON *event = NULL;

	if (admin_whole_event(a, call->now, INSPECT_TURN, call->id, &event) !=
	    INSPECT_OK || queue_begin(a->parts.queue) != QUEUE_READY) {
		cJSON_Delete(event);
		admin_not_stored(call);
		return;
	}
	log_info("admin: %s event=%lld", what, (long long)call->id);
	admin_json_held(call, 200, event);
}

static void
answer_move(struct admin_call *call, enum queue_moved moved, const char *what,
    const struct why *why)
{
	/* In a turn that failed, nothing that was read is to be believed. */
	if (queue_begin(call->admin->parts.queue) != QUEUE_READY) {
		admin_not_stored(call);
		return;
	}
	switch (moved) {
	case QUEUE_MOVED:
		answer_moved(call, what);
		break;
	case QUEUE_NO_SUCH_EVENT:
		admin_problem(call, 404, "not_found", NULL, "There is no "
		    "event %lld.", (long long)call->id);
		break;
	case QUEUE_WRONG_STATE:
		admin_problem(call, 409, "wrong_state", NULL, "%s.",
		    why->text);
		break;
	case QUEUE_UNMAPPED:
		admin_problem(call, 409, "unmappable", NULL, "%s.", why->text);
		break;
	case QUEUE_UNANSWERED:
		admin_problem(call, 409, "unanswered_attempt", NULL,
		    "%s. Send \"force\": true to do it all the same.",
		    why->text);
		break;
	}
}

/* What became of one event is one line of the audit. */
static void
audit_move(struct admin_call *call, const char *action,
    const struct queue_found *f)
{
	char subject[40];

	snprintf(subject, sizeof(subject), "event %lld", (long long)call->id);
	queue_audit(call->admin->parts.queue, call->now.wall, action, subject,
	    "was %s%s%s", f->state, f->reason[0] != '\0' ? ", " : "",
	    f->reason);
}

void
admin_post_replay(struct admin_call *call)
{
	struct queue *q = call->admin->parts.queue;
	struct accept_replay how;
	enum queue_moved moved;
	struct queue_found f;
	struct why why;

	if (!read_options(call, true, &how))
		return;
	queue_find(q, call->id, &f);
	moved = accept_replay(call->admin->parts.acceptor, call->id, &how,
	    call->now.wall, &why);
	if (moved == QUEUE_MOVED)
		audit_move(call, "replay", &f);
	answer_move(call, moved, "replayed", &why);
}

void
admin_post_discard(struct admin_call *call)
{
	struct queue *q = call->admin->parts.queue;
	struct accept_replay none;
	enum queue_moved moved;
	struct queue_found f;
	struct why why;

	if (!read_options(call, false, &none))
		return;
	queue_find(q, call->id, &f);
	moved = queue_discard(q, call->id, call->now.wall, &why);
	if (moved == QUEUE_MOVED)
		audit_move(call, "discard", &f);
	answer_move(call, moved, "discarded", &why);
}
