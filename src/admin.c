/*
 * admin.c - the admin API: its life, the order of the checks, who waits
 *
 * Knows that reads are answered at once, and that writes need the write lock,
 * which somebody with a database shell may hold for a while.
 */
#include <stdlib.h>
#include <string.h>

#include "admin_private.h"
#include "log.h"

#define SAMPLE_MS	1000

void
admin_wait_add(struct admin_wait **list, struct http_request *r,
    struct moment now)
{
	struct admin_wait *w = xcalloc(1, sizeof(*w));

	w->request = r;
	w->since = now.boot;
	while (*list != NULL)
		list = &(*list)->next;
	*list = w;
}

struct http_request *
admin_wait_take(struct admin_wait **list)
{
	struct admin_wait *w = *list;
	struct http_request *r;

	if (w == NULL)
		return NULL;
	r = w->request;
	*list = w->next;
	free(w);
	return r;
}

void
admin_free(struct admin *a)
{
	if (a == NULL)
		return;
	pending_free(a->pending);
	while (admin_wait_take(&a->reloads) != NULL)
		continue;
	while (admin_wait_take(&a->previews) != NULL)
		continue;
	while (admin_wait_take(&a->denied) != NULL)
		continue;
	admin_free_counts(a);
	free(a->token);
	free(a->read_token);
	free(a->page_headers);
	free(a->page_tag);
	free(a);
}

void
admin_reload(struct admin *a, const struct admin_parts *parts)
{
	a->parts = *parts;
}

void
admin_call_begin(struct admin_call *call, struct admin *a,
    struct http_request *r)
{
	memset(call, 0, sizeof(*call));
	call->admin = a;
	call->request = r;
	call->now = clock_now();
}

/* What the head decides; false: the request was answered, or will be. */
static bool
check_head(struct admin_call *call)
{
	return admin_check_host(call) && admin_find_route(call) &&
	    admin_check_token(call);
}

/* All that is checked; false: likewise. */
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

	admin_call_begin(&call, arg, r);
	goes_on = check_head(&call);
	if (!goes_on)
		stat_add(STAT_admin_requests, 1);
	free(call.target);
	return !goes_on;
}

static void
refuse_write(struct admin_call *call, const char *reason)
{
	admin_problem(call, 503, "unavailable", "Retry-After: 1\r\n",
	    "Cannot write now: %s.", reason);
}

/* pending_done: the write lock was had, or not. */
static void
write_or_refuse(struct http_request *r, enum pending_go go,
    const char *reason, void *arg)
{
	struct admin_call call;

	admin_call_begin(&call, arg, r);
	if (go == PENDING_REFUSED)
		refuse_write(&call, reason);
	else if (check(&call))		/* a reload may have come between */
		call.entry->handler(&call);
	free(call.target);
}

void
admin_request(struct http_request *r, void *arg)
{
	struct admin_call call;

	stat_add(STAT_admin_requests, 1);
	admin_call_begin(&call, arg, r);
	if (check(&call)) {
		if (call.entry->who == ADMIN_FULL)
			pending_add(call.admin->pending, r, clock_now());
		else
			call.entry->handler(&call);
	}
	free(call.target);
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
	int64_t waiting, counting, denied;

	take_sample(a, now);
	note_commit(a);
	waiting = pending_turn(a->pending, now);
	counting = admin_turn_counts(a, now);
	denied = admin_turn_denied(a, now);
	if (admin_wants_reload(a))
		return 0;	/* at the beginning of the next turn */
	waiting = waiting < counting ? waiting : counting;
	return waiting < denied ? waiting : denied;
}

int64_t
admin_after(struct admin *a, struct moment now)
{
	return admin_turn_previews(a, now);
}

struct admin *
admin_new(const struct admin_parts *parts, struct why *why)
{
	struct admin *a = xcalloc(1, sizeof(*a));
	const struct config *c = parts->config;
	/* An answer that lacks a member for want of memory would be a lie. */
	cJSON_Hooks hooks = { xmalloc, free };

	cJSON_InitHooks(&hooks);
	a->parts = *parts;
	/* What failed before is no failure of the last commit. */
	a->commits = stat_get(STAT_commits);
	a->commits_failed = stat_get(STAT_commits_failed);
	admin_page_init(a);
	a->pending = pending_new(parts->queue, "admin", write_or_refuse, a);
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
