/*
 * admin.c - the admin API: its life, the order of the checks, writes that wait
 *
 * Knows that reads are answered at once, and that writes need the write lock,
 * which somebody with a database shell may hold for a while.
 */
#include <stdlib.h>
#include <string.h>

#include "admin_private.h"
#include "log.h"

#define BUSY_MS		1000	/* how long a write waits for the lock */
#define BUSY_RETRY_MS	20
#define SAMPLE_MS	1000

struct admin *
admin_new(const struct admin_parts *parts, struct why *why)
{
	struct admin *a = xcalloc(1, sizeof(*a));
	const struct config *c = parts->config;
	/* An answer that lacks a member for want of memory would be a lie. */
	cJSON_Hooks hooks = { xmalloc, free };

	cJSON_InitHooks(&hooks);
	a->parts = *parts;
	a->last = &a->first;
	a->token = admin_token(c->token_file, why);
	if (a->token != NULL && c->read_token_file != NULL)
		a->read_token = admin_token(c->read_token_file, why);
	if (a->token == NULL ||
	    (c->read_token_file != NULL && a->read_token == NULL)) {
		admin_free(a);
		return NULL;
	}
	return a;
}

void
admin_free(struct admin *a)
{
	struct admin_parked *p, *next;

	if (a == NULL)
		return;
	for (p = a->first; p != NULL; p = next) {
		next = p->next;
		free(p);
	}
	admin_free_counts(a);
	free(a->token);
	free(a->read_token);
	free(a);
}

void
admin_reload(struct admin *a, const struct admin_parts *parts)
{
	a->parts = *parts;
}

static void
call_begin(struct admin_call *call, struct admin *a, struct http_request *r)
{
	memset(call, 0, sizeof(*call));
	call->admin = a;
	call->request = r;
	call->now = clock_now();
}

/* What the head decides; false: the request was answered. */
static bool
check_head(struct admin_call *call)
{
	return admin_check_host(call) && admin_find_route(call) &&
	    admin_check_token(call);
}

/* All that is checked; false: the request was answered. */
static bool
check(struct admin_call *call)
{
	return check_head(call) && admin_check_write(call) &&
	    admin_read_query(call);
}

bool
admin_early(struct http_request *r, void *arg)
{
	struct admin_call call;
	bool goes_on;

	call_begin(&call, arg, r);
	goes_on = check_head(&call);
	if (!goes_on)
		stat_add(STAT_admin_requests, 1);
	free(call.target);
	return !goes_on;
}

static void
park(struct admin *a, struct http_request *r)
{
	struct admin_parked *p = xcalloc(1, sizeof(*p));

	p->request = r;
	p->since = clock_now().boot;
	*a->last = p;
	a->last = &p->next;
}

static void
refuse_write(struct admin_call *call, const char *reason)
{
	admin_problem(call, 503, "unavailable", "Retry-After: 1\r\n",
	    "Cannot write now: %s.", reason);
}

static void
begin_write(struct admin_call *call)
{
	struct admin *a = call->admin;

	/* Those that came first go first. */
	switch (a->first != NULL ? QUEUE_BUSY : queue_begin(a->parts.queue)) {
	case QUEUE_READY:
		call->entry->handler(call);
		break;
	case QUEUE_BUSY:
		park(a, call->request);
		break;
	case QUEUE_FAILED:
		refuse_write(call, queue_error(a->parts.queue));
		break;
	}
}

void
admin_request(struct http_request *r, void *arg)
{
	struct admin_call call;

	stat_add(STAT_admin_requests, 1);
	call_begin(&call, arg, r);
	if (check(&call)) {
		if (call.write)
			begin_write(&call);
		else
			call.entry->handler(&call);
	}
	free(call.target);
}

/* The first of those that wait, taken off the list. */
static struct http_request *
unpark(struct admin *a)
{
	struct admin_parked *p = a->first;
	struct http_request *r = p->request;

	a->first = p->next;
	if (a->first == NULL)
		a->last = &a->first;
	free(p);
	return r;
}

/* Writes that waited: now, or, with a reason, not at all. */
static void
end_waiting(struct admin *a, const char *refused)
{
	struct admin_call call;

	while (a->first != NULL) {
		call_begin(&call, a, unpark(a));
		if (refused != NULL)
			refuse_write(&call, refused);
		/* A reload may have come between. */
		else if (check(&call))
			call.entry->handler(&call);
		free(call.target);
	}
}

static int64_t
turn_waiting(struct admin *a, struct moment now)
{
	struct why who;

	if (a->first == NULL)
		return INT64_MAX;
	if (queue_begin(a->parts.queue) != QUEUE_BUSY) {
		end_waiting(a, NULL);
		return INT64_MAX;
	}
	if (now.boot - a->first->since < BUSY_MS)
		return BUSY_RETRY_MS;
	queue_blocker(a->parts.queue, &who);
	log_warn("admin: cannot write reason=\"%s\"", who.text);
	end_waiting(a, who.text);
	return INT64_MAX;
}

static void
take_sample(struct admin *a, struct moment now)
{
	struct admin_sample *s =
	    &a->sample[(a->samples_n + ADMIN_SAMPLES - 1) % ADMIN_SAMPLES];

	if (a->samples_n > 0 && now.boot - s->boot < SAMPLE_MS)
		return;
	s = &a->sample[a->samples_n++ % ADMIN_SAMPLES];
	s->boot = now.boot;
	s->batches = stat_get(STAT_batches_accepted);
	s->delivered = stat_get(STAT_events_delivered);
}

/* How the last turn that wrote something ended. */
static void
note_commit(struct admin *a)
{
	uint64_t commits = stat_get(STAT_commits);
	uint64_t failed = stat_get(STAT_commits_failed);

	if (failed != a->commits_failed)
		a->commit_failed = true;
	else if (commits != a->commits)
		a->commit_failed = false;
	a->commits = commits;
	a->commits_failed = failed;
}

int64_t
admin_turn(struct admin *a, struct moment now)
{
	int64_t waiting, counting;

	take_sample(a, now);
	note_commit(a);
	waiting = turn_waiting(a, now);
	counting = admin_turn_counts(a, now);
	return waiting < counting ? waiting : counting;
}
