/*
 * admin_keep.c - copies of the database, proofs of it, people who are erased
 *
 * Knows the bodies and receipts.  The turn's transaction is open when a
 * handler that writes is called; whoever has a person erased waits for the
 * receipt over the turns.
 */
#include <stdlib.h>
#include <string.h>

#include "admin_private.h"
#include "log.h"

/* --- backup ----------------------------------------------------------- */

/* The file, lent by the tree; NULL, and what is wrong. */
static const char *
read_file(struct admin_call *call, const cJSON *root, const char **wrong)
{
	const cJSON *member;
	const char *file = NULL;

	*wrong = NULL;
	if (root->type != cJSON_Object)
		*wrong = "it is not an object";
	for (member = root->child; member != NULL && *wrong == NULL;
	    member = member->next) {
		if (strcmp(member->string, "file") != 0)
			*wrong = admin_unknown(call, "it", member->string);
		else
			file = json_text(member);
	}
	if (*wrong == NULL && (file == NULL || file[0] != '/'))
		*wrong = "file is an absolute path on the agent's host";
	return *wrong == NULL ? file : NULL;
}

static void
start_backup(struct admin_call *call, const char *file)
{
	struct admin *a = call->admin;
	struct why why;
	int64_t id;

	id = backup_start(a->parts.backup, file,
	    a->parts.config->min_free_disk, call->now, &why);
	if (id != 0)
		admin_answer_job(call, 202, id);
	else
		admin_problem(call, 409, "cannot_copy", NULL,
		    "There will be no copy: %s.", why.text);
}

void
admin_post_backup(struct admin_call *call)
{
	const char *body, *file = NULL, *wrong;
	struct json *json;
	struct why why;
	size_t len;

	body = http_body(call->request, &len);
	json = json_parse(body, len, &why);
	wrong = why.text;
	if (json != NULL)
		file = read_file(call, json_root(json), &wrong);
	if (file != NULL)
		start_backup(call, file);
	else
		admin_problem(call, 400, "bad_body", NULL,
		    "The body cannot be used: %s.", wrong);
	json_free(json);
}

/* --- verify ----------------------------------------------------------- */

struct proofs {
	cJSON	*checks;
	bool	 bad, open;		/* one of them */
};

static void
add_proof(const char *check, enum inspect_proof proof, const char *detail,
    void *arg)
{
	struct proofs *p = arg;
	cJSON *o = cJSON_CreateObject();

	p->bad |= proof == INSPECT_BAD;
	p->open |= proof == INSPECT_OPEN;
	admin_put_text(o, "check", check);
	if (proof == INSPECT_OPEN)
		cJSON_AddNullToObject(o, "ok");
	else
		cJSON_AddBoolToObject(o, "ok", proof == INSPECT_GOOD);
	admin_put_text(o, "detail", detail);
	cJSON_AddItemToArray(p->checks, o);
}

void
admin_get_verify(struct admin_call *call)
{
	struct proofs p = { .checks = cJSON_CreateArray() };
	cJSON *o = cJSON_CreateObject();

	inspect_prove(call->admin->parts.inspect, add_proof, &p);
	if (p.open && !p.bad)
		cJSON_AddNullToObject(o, "ok");
	else
		cJSON_AddBoolToObject(o, "ok", !p.bad);
	cJSON_AddItemToObject(o, "checks", p.checks);
	admin_json(call, 200, o);
}

/* --- erase ------------------------------------------------------------ */

/* Who waits for a receipt. */
struct erasing {
	struct admin		*admin;
	struct http_request	*request;
	char			*identity;
};

/* erase_done */
static void
answer_erased(const struct erase_receipt *receipt, const char *why, void *arg)
{
	struct erasing *e = arg;
	struct admin_call call = { .admin = e->admin, .request = e->request,
	    .now = clock_now() };
	cJSON *o;

	if (receipt == NULL) {
		admin_problem(&call, 503, "unavailable", "Retry-After: 1\r\n",
		    "There is no receipt: %s.", why);
	} else {
		o = cJSON_CreateObject();
		admin_put_text(o, "identity", e->identity);
		admin_put_int(o, "events", receipt->erased.events);
		admin_put_int(o, "batches", receipt->erased.batches);
		admin_put_int(o, "profiles", receipt->erased.profiles);
		cJSON_AddBoolToObject(o, "purged", receipt->purged);
		admin_json(&call, 200, o);
	}
	free(e->identity);
	free(e);
}

void
admin_delete_identity(struct admin_call *call)
{
	struct admin *a = call->admin;
	struct erasing *e;
	int64_t job;

	job = erase_start(a->parts.erase, a->parts.outputs, call->name,
	    call->now);
	if (queue_begin(a->parts.queue) != QUEUE_READY) {
		admin_problem(call, 503, "unavailable", "Retry-After: 1\r\n",
		    "Nothing was erased: %s.", queue_error(a->parts.queue));
		return;
	}
	if (job == 0) {
		admin_problem(call, 404, "not_found", NULL,
		    "Nothing is stored of that identity.");
		return;
	}
	e = xcalloc(1, sizeof(*e));
	e->admin = a;
	e->request = call->request;
	e->identity = xstrdup(call->name);
	erase_wait(a->parts.erase, job, answer_erased, e);
}
