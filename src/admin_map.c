/*
 * admin_map.c - what would become of a body, by the live settings
 *
 * Knows that a body goes the whole way into the queue and the profiles, in a
 * transaction that is thrown away.  So it must not share one with anybody: it
 * waits until the turn's has ended, and is done before the next one begins.
 */
#include <string.h>

#include "admin_private.h"
#include "log.h"
#include "preview.h"

#define RETRY_MS	20	/* while somebody else has the write lock */

/* What is asked for; its texts lie in `json`. */
struct question {
	struct json	*json;
	const char	*input;		/* NULL: the first */
	const char	*body;
	enum mp_path	 path;
	int64_t		 received_at;
};

/* A member of the body; NULL, or what is wrong with it. */
static const char *
read_member(struct admin_call *call, struct question *q, const cJSON *member)
{
	int64_t now = call->now.wall;
	const char *text = json_text(member), *number = json_literal(member);

	if (strcmp(member->string, "input") == 0) {
		q->input = text;
		return text != NULL ? NULL : "input is a text";
	}
	if (strcmp(member->string, "body") == 0) {
		q->body = text;
		return text != NULL ? NULL : "body is a text, the JSON that "
		    "a sender would post";
	}
	if (strcmp(member->string, "path") == 0)
		return text != NULL && mp_path_parse(text, &q->path) ? NULL :
		    "path is none of /v2/events, /v2/bulkevents and "
		    "/v2/bulkevents/historical";
	if (strcmp(member->string, "received_at") == 0)
		return (number != NULL && json_int64(number,
		    &q->received_at) && q->received_at >= 0) ||
		    (text != NULL && admin_instant(text, now,
		    &q->received_at)) ? NULL :
		    "received_at is an RFC 3339 time, a span before now, or "
		    "milliseconds since the epoch";
	return admin_unknown(call, "it", member->string);
}

static const char *
read_members(struct admin_call *call, struct question *q, const cJSON *root)
{
	const char *wrong = NULL;
	const cJSON *member;

	if (root->type != cJSON_Object)
		return "it is not an object";
	for (member = root->child; member != NULL && wrong == NULL;
	    member = member->next)
		wrong = member->type == cJSON_NULL ? NULL :
		    read_member(call, q, member);
	if (wrong == NULL && q->body == NULL)
		wrong = "it has no body";
	return wrong;
}

/* false: answered 400.  q->json is given either way. */
static bool
read_question(struct admin_call *call, struct question *q)
{
	const char *wrong, *text;
	struct why why;
	size_t len;

	memset(q, 0, sizeof(*q));
	q->path = MP_EVENTS;
	q->received_at = call->now.wall;
	text = http_body(call->request, &len);
	q->json = json_parse(text, len, &why);
	wrong = q->json == NULL ? why.text :
	    read_members(call, q, json_root(q->json));
	if (wrong != NULL)
		admin_problem(call, 400, "bad_body", NULL,
		    "The body cannot be used: %s.", wrong);
	return wrong == NULL;
}

/* NULL: answered 404. */
static const struct config_input *
choose_input(struct admin_call *call, const char *name)
{
	const struct config *c = call->admin->parts.config;
	const struct config_input *input;

	if (name == NULL)
		input = c->inputs_n > 0 ? &c->inputs[0] : NULL;
	else
		input = config_input(c, name);
	if (input == NULL)
		admin_problem(call, 404, "not_found", NULL,
		    "There is no input%s.", name != NULL ? " of that name" :
		    "");
	return input;
}

/* Into the open transaction.  true: a sender would be answered 202. */
static bool
preview(struct admin_call *call, const struct question *q,
    const struct config_input *input, struct buf *out)
{
	const struct admin_parts *parts = &call->admin->parts;
	const struct preview p = {
		.queue = parts->queue, .profiles = parts->profiles,
		.config = parts->config, .outputs = parts->outputs,
		.input = input, .path = q->path,
		.received_at = q->received_at,
		.body = q->body, .len = strlen(q->body),
	};

	if (p.len <= (size_t)parts->config->max_request_bytes)
		return preview_body(&p, ",", out);
	preview_refuse("The request body is too large.", ",", out);
	return false;
}

static void
answer_outcomes(struct admin_call *call, bool accepted,
    const struct buf *outcomes)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddBoolToObject(o, "accepted", accepted);
	/* Each outcome is followed by a comma. */
	admin_put_raw(o, "outcomes", "[", outcomes->len > 0 ? outcomes->p :
	    "", outcomes->len > 0 ? outcomes->len - 1 : 0, "]");
	admin_json(call, 200, o);
}

/* The transaction is open, and nobody else's. */
static void
answer_preview(struct admin_call *call)
{
	struct queue *queue = call->admin->parts.queue;
	const struct config_input *input = NULL;
	struct buf outcomes = BUF_INIT;
	struct question q;
	bool accepted, whole;

	if (read_question(call, &q))
		input = choose_input(call, q.input);
	if (input != NULL) {
		accepted = preview(call, &q, input, &outcomes);
		/* A failed write would have shortened what was told. */
		whole = queue_begin(queue) == QUEUE_READY;
		if (whole)
			answer_outcomes(call, accepted, &outcomes);
		else
			admin_not_stored(call);
	}
	buf_free(&outcomes);
	json_free(q.json);
}

void
admin_post_map(struct admin_call *call)
{
	admin_wait_add(&call->admin->previews, call->request, call->now);
}

/* Nobody can be answered before the write lock is given back. */
static void
refuse_all(struct admin *a, struct moment now, const char *reason)
{
	struct admin_call call = { .admin = a, .now = now };

	while ((call.request = admin_wait_take(&a->previews)) != NULL)
		admin_problem(&call, 503, "unavailable", "Retry-After: 1\r\n",
		    "Cannot look at it now: %s.", reason);
}

int64_t
admin_turn_previews(struct admin *a, struct moment now)
{
	struct admin_call call = { .admin = a, .now = now };
	struct queue *q = a->parts.queue;
	struct why who;

	if (a->previews == NULL)
		return INT64_MAX;
	switch (queue_begin(q)) {
	case QUEUE_READY:
		call.request = admin_wait_take(&a->previews);
		answer_preview(&call);
		break;
	case QUEUE_BUSY:
		if (now.boot - a->previews->since < PENDING_MS)
			return RETRY_MS;
		queue_blocker(q, &who);
		refuse_all(a, now, who.text);
		return INT64_MAX;
	case QUEUE_FAILED:
		refuse_all(a, now, queue_error(q));
		break;
	}
	queue_rollback(q);
	stat_settle(false);	/* nothing of it has happened */
	return a->previews != NULL ? 0 : INT64_MAX;
}
