/*
 * admin_job.c - replay and discard of all that match, as jobs
 *
 * Knows what a filter in a body may say, and counts what it means when only
 * that is asked for: slice by slice over the turns, so that nobody else has
 * to wait for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_private.h"
#include "log.h"

/* A request that waits until its events are counted. */
struct admin_count {
	struct admin_count	*next;
	struct http_request	*request;
	struct jobs_count	*count;
	bool			 replay;	/* else discard */
};

/* What a body asks for; the filter's texts lie in `json`. */
struct wish {
	struct json		*json;
	struct queue_job	 job;
	bool			 dry_run;
	bool			 all;
};

/* --- the body --------------------------------------------------------- */

/* A member of the filter, as if it stood in the query; NULL, or what is wrong
 * with it. */
static const char *
read_filter_member(struct admin_call *call, const cJSON *member, bool *all)
{
	static const char *const texts[] = { "output", "state", "reason",
	    "identity", "name", "input", "since", "until" };
	const char *value = json_text(member);
	size_t i;

	if (member->type == cJSON_NULL)
		return NULL;
	if (strcmp(member->string, "all") == 0) {
		*all = member->type == cJSON_True;
		return *all || member->type == cJSON_False ? NULL :
		    "all is true or false";
	}
	if (strcmp(member->string, "status") == 0) {
		value = json_literal(member);
		if (value == NULL)
			return "status is a number";
	} else {
		for (i = 0; i < HR_COUNT(texts); i++)
			if (strcmp(texts[i], member->string) == 0)
				break;
		if (i == HR_COUNT(texts))
			return admin_unknown(call, "its filter",
			    member->string);
		if (value == NULL)
			return "a member of its filter is no text";
	}
	/* There is a place for each that is known: none comes twice. */
	call->param[call->params_n].name = member->string;
	call->param[call->params_n++].value = value;
	return NULL;
}

static const char *
read_member(struct admin_call *call, const cJSON *member, struct wish *w)
{
	bool replay = w->job.kind == QUEUE_JOB_REPLAY, *flag = NULL;
	const char *wrong = NULL;
	const cJSON *inner;

	if (strcmp(member->string, "filter") == 0) {
		if (member->type != cJSON_Object)
			return "its filter is no object";
		for (inner = member->child; inner != NULL && wrong == NULL;
		    inner = inner->next)
			wrong = read_filter_member(call, inner, &w->all);
		return wrong;
	}
	if (strcmp(member->string, "dry_run") == 0)
		flag = &w->dry_run;
	else if (replay && strcmp(member->string, "remap") == 0)
		flag = &w->job.remap;
	else if (replay && strcmp(member->string, "force") == 0)
		flag = &w->job.force;
	if (flag == NULL)
		return admin_unknown(call, "it", member->string);
	if (member->type != cJSON_True && member->type != cJSON_False)
		return "dry_run, remap and force are true or false";
	*flag = member->type == cJSON_True;
	return NULL;
}

static const char *
read_members(struct admin_call *call, const cJSON *root, struct wish *w)
{
	const char *wrong = NULL;
	const cJSON *member;

	if (root->type != cJSON_Object)
		return "it is not an object";
	if (json_get(root, "filter") == NULL)
		return "it has no filter";
	for (member = root->child; member != NULL && wrong == NULL;
	    member = member->next)
		wrong = read_member(call, member, w);
	return wrong;
}

/* The state that is meant, and whether it can be; NULL, or what is wrong. */
static const char *
settle_state(struct queue_job *job)
{
	struct filter *f = &job->filter;

	if (f->state == NULL)
		f->state = "stuck";
	if (strcmp(f->state, "stuck") == 0)
		return NULL;
	if (job->kind == QUEUE_JOB_DISCARD)
		return strcmp(f->state, "queued") == 0 ? NULL :
		    "only queued or stuck events can be discarded";
	if (strcmp(f->state, "skipped") != 0 || !job->remap)
		return "only stuck events can be replayed and, with remap, "
		    "skipped ones";
	if (f->reason != NULL && strcmp(f->reason, "development") != 0 &&
	    strcmp(f->reason, "web_client_side") != 0)
		return "of skipped events only those with the reason "
		    "development or web_client_side can be replayed";
	return NULL;
}

/* false: answered 400. */
static bool
read_filter(struct admin_call *call, struct wish *w)
{
	if (call->params_n == 0 && !w->all) {
		admin_problem(call, 400, "empty_filter", NULL, "The filter is "
		    "empty. Put \"all\": true into it to mean every event.");
		return false;
	}
	return admin_read_filter(call, &w->job.filter);
}

/* false: answered 400.  w->json is given either way. */
static bool
read_wish(struct admin_call *call, struct wish *w)
{
	const char *wrong, *body;
	struct why why;
	size_t len;

	body = http_body(call->request, &len);
	w->json = json_parse(body, len, &why);
	wrong = w->json == NULL ? why.text :
	    read_members(call, json_root(w->json), w);
	if (wrong == NULL && !read_filter(call, w))
		return false;
	if (wrong == NULL)
		wrong = settle_state(&w->job);
	if (wrong != NULL)
		admin_problem(call, 400, "bad_body", NULL,
		    "The body cannot be used: %s.", wrong);
	return wrong == NULL;
}

/* --- answers ---------------------------------------------------------- */

static cJSON *
job_shape(const struct inspect_job *j)
{
	cJSON *o = cJSON_CreateObject();

	admin_put_int(o, "id", j->id);
	admin_put_text(o, "kind", j->kind);
	admin_put_raw(o, "filter", "", j->filter, strlen(j->filter), "");
	cJSON_AddBoolToObject(o, "remap", j->remap);
	cJSON_AddBoolToObject(o, "force", j->force);
	admin_put_text(o, "state", j->state);
	admin_put_int_or_null(o, "total", j->total >= 0, j->total);
	admin_put_int(o, "moved", j->moved);
	admin_put_int(o, "skipped", j->skipped);
	admin_put_text(o, "error", j->error);
	admin_put_at(o, "started_at", j->started_at);
	admin_put_at(o, "ended_at", j->ended_at);
	return o;
}

static void
make_job(const struct inspect_job *j, void *arg)
{
	cJSON **out = arg;

	*out = job_shape(j);
}

static void
add_job(const struct inspect_job *j, void *array)
{
	cJSON_AddItemToArray(array, job_shape(j));
}

void
admin_answer_job(struct admin_call *call, int status, int64_t id)
{
	char location[64];
	cJSON *job = NULL;

	/* In a turn that failed, nothing that was read is to be believed. */
	if (inspect_job(call->admin->parts.inspect, INSPECT_TURN, id,
	    make_job, &job) != INSPECT_OK ||
	    queue_begin(call->admin->parts.queue) != QUEUE_READY) {
		cJSON_Delete(job);
		admin_not_stored(call);
		return;
	}
	snprintf(location, sizeof(location), "Location: /v1/jobs/%lld\r\n",
	    (long long)id);
	admin_json_held_with(call, status, status == 202 ? location : NULL,
	    job);
}

/* --- counting --------------------------------------------------------- */

static void
begin_count(struct admin_call *call, const struct queue_job *job)
{
	struct admin_count *c = xcalloc(1, sizeof(*c)), **last;
	struct queue *q = call->admin->parts.queue;

	c->request = call->request;
	c->replay = job->kind == QUEUE_JOB_REPLAY;
	c->count = jobs_count_new(q, &job->filter, queue_last_event(q));
	for (last = &call->admin->counts; *last != NULL; last = &(*last)->next)
		continue;
	*last = c;
}

static void
free_count(struct admin_count *c)
{
	jobs_count_free(c->count);
	free(c);
}

void
admin_free_counts(struct admin *a)
{
	struct admin_count *c;

	while ((c = a->counts) != NULL) {
		a->counts = c->next;
		free_count(c);
	}
}

static void
answer_count(struct admin *a, struct moment now, const struct admin_count *c)
{
	struct admin_call call = { .admin = a, .request = c->request,
	    .now = now };
	/* What is replayed comes besides what is queued. */
	cJSON *forecast = admin_forecast_count(a, now, c->count, c->replay);
	cJSON *o;

	if (forecast == NULL) {
		admin_cannot_read(&call);
		return;
	}
	o = cJSON_CreateObject();
	admin_put_int(o, "count", jobs_count_events(c->count));
	admin_put_int(o, "identities", jobs_count_identities(c->count));
	cJSON_AddItemToObject(o, "forecast", forecast);
	admin_json(&call, 200, o);
}

int64_t
admin_turn_counts(struct admin *a, struct moment now)
{
	struct admin_count *c = a->counts;

	if (c == NULL)
		return INT64_MAX;
	if (jobs_count_slice(c->count)) {
		a->counts = c->next;
		answer_count(a, now, c);
		free_count(c);
	}
	return a->counts != NULL ? 0 : INT64_MAX;
}

/* --- handlers --------------------------------------------------------- */

static void
post_job(struct admin_call *call, enum queue_job_kind kind)
{
	struct wish w = { .job = { .kind = kind } };
	int64_t id;

	if (read_wish(call, &w)) {
		if (w.dry_run) {
			begin_count(call, &w.job);
		} else {
			id = jobs_start(call->admin->parts.jobs, &w.job,
			    call->now.wall);
			admin_answer_job(call, 202, id);
		}
	}
	json_free(w.json);
}

void
admin_post_replay_all(struct admin_call *call)
{
	post_job(call, QUEUE_JOB_REPLAY);
}

void
admin_post_discard_all(struct admin_call *call)
{
	post_job(call, QUEUE_JOB_DISCARD);
}

void
admin_get_jobs(struct admin_call *call)
{
	struct inspect_page page;
	cJSON *items;

	if (!admin_page(call, &page))
		return;
	items = cJSON_CreateArray();
	if (inspect_jobs(call->admin->parts.inspect, &page, add_job, items) ==
	    INSPECT_OK) {
		admin_json(call, 200, admin_list(items, page.next));
	} else {
		cJSON_Delete(items);
		admin_cannot_read(call);
	}
}

static void
no_such_job(struct admin_call *call)
{
	admin_problem(call, 404, "not_found", NULL, "There is no job %lld.",
	    (long long)call->id);
}

void
admin_get_job(struct admin_call *call)
{
	cJSON *job = NULL;

	switch (inspect_job(call->admin->parts.inspect, INSPECT_COMMITTED,
	    call->id, make_job, &job)) {
	case INSPECT_OK:
		admin_json(call, 200, job);
		break;
	case INSPECT_NONE:
		no_such_job(call);
		break;
	case INSPECT_FAILED:
		admin_cannot_read(call);
		break;
	}
}

static void
refuse_cancel(struct admin_call *call)
{
	const char *state;
	cJSON *job = NULL;

	if (inspect_job(call->admin->parts.inspect, INSPECT_TURN, call->id,
	    make_job, &job) != INSPECT_OK) {
		no_such_job(call);
		return;
	}
	state = json_text(json_get(job, "state"));
	if (strcmp(state, "running") == 0)
		admin_problem(call, 409, "wrong_state", NULL,
		    "job %lld erases a person, which is not left half done.",
		    (long long)call->id);
	else
		admin_problem(call, 409, "wrong_state", NULL,
		    "job %lld has ended, it is %s.", (long long)call->id,
		    state);
	cJSON_Delete(job);
}

void
admin_delete_job(struct admin_call *call)
{
	struct queue *q = call->admin->parts.queue;
	char subject[40];

	if (queue_job_end(q, call->id, QUEUE_JOB_CANCELLED, NULL,
	    call->now.wall)) {
		snprintf(subject, sizeof(subject), "job %lld",
		    (long long)call->id);
		queue_audit(q, call->now.wall, "cancel", subject, "was "
		    "running");
		log_info("admin: cancelled job=%lld", (long long)call->id);
		admin_answer_job(call, 200, call->id);
	} else if (queue_begin(q) != QUEUE_READY) {
		admin_not_stored(call);
	} else {
		refuse_cancel(call);
	}
}
