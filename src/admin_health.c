/*
 * admin_health.c - is it alive, can it accept, does it get on
 *
 * Knows what a load balancer and an alarm want to know.  Each check is named
 * and says in words what it found.
 */
#include <string.h>
#include <sys/stat.h>

#include "admin_private.h"

/* A WAL is some MiB unless something keeps it from being emptied. */
#define WAL_MAX		(INT64_C(256) << 20)
/* Windows may let an identity wait for minutes; this is longer. */
#define DUE_MAX_MS	600000

struct checks {
	cJSON	*array;
	bool	 ok;		/* all of them */
};

static void
begin(struct checks *c)
{
	c->array = cJSON_CreateArray();
	c->ok = true;
}

static void
add(struct checks *c, const char *name, bool ok, const char *detail)
{
	cJSON *o = cJSON_CreateObject();

	admin_put_text(o, "name", name);
	cJSON_AddBoolToObject(o, "ok", ok);
	admin_put_text(o, "detail", detail);
	cJSON_AddItemToArray(c->array, o);
	c->ok &= ok;
}

static void
finish(struct admin_call *call, struct checks *c)
{
	cJSON *o = cJSON_CreateObject();

	admin_put_text(o, "status", c->ok ? "ok" : "failing");
	cJSON_AddItemToObject(o, "checks", c->array);
	admin_json(call, c->ok ? 200 : 503, o);
}

void
admin_get_live(struct admin_call *call)
{
	struct checks c;

	begin(&c);
	add(&c, "loop", true, "the event loop turns");
	finish(call, &c);
}

/* --- ready ------------------------------------------------------------ */

/*
 * Asks for the write lock, which the turn's commit gives back.  After a commit
 * that failed only one that writes can prove that the next will not: who is
 * told "not ready" sends nothing that would be written, so the asking does.
 */
static void
check_database(struct checks *c, struct admin *a)
{
	struct queue *q = a->parts.queue;
	struct why why;

	switch (queue_begin(q)) {
	case QUEUE_READY:
		why_set(&why, "the last commit failed: %s", queue_error(q));
		if (a->commit_failed)
			queue_set(q, "proved", "");
		add(c, "database", !a->commit_failed,
		    a->commit_failed ? why.text : "writable");
		break;
	case QUEUE_BUSY:
		queue_blocker(q, &why);
		add(c, "database", false, why.text);
		break;
	case QUEUE_FAILED:
		add(c, "database", false, queue_error(q));
		break;
	}
}

static void
check_disk(struct checks *c, struct admin *a, struct moment now)
{
	const char *reason = intake_unavailable(a->parts.intake, now);

	add(c, "disk", reason == NULL, reason != NULL ? reason :
	    "there is room");
}

static void
check_wal(struct checks *c, struct admin *a)
{
	int64_t bytes = queue_wal_bytes(a->parts.queue);
	const char *error = queue_checkpoint_error(a->parts.queue);
	struct why why;

	if (error[0] != '\0')
		why_set(&why, "%lld bytes; it cannot be emptied: %s",
		    (long long)bytes, error);
	else
		why_set(&why, "%lld bytes%s", (long long)bytes,
		    bytes <= WAL_MAX ? "" :
		    "; a reader that stays keeps it from being emptied");
	add(c, "wal", bytes <= WAL_MAX && error[0] == '\0', why.text);
}

/* A listener that was opened stays; only a socket in the file system can be
 * taken away under us. */
static void
check_listeners(struct checks *c, const struct config *config)
{
	const struct config_strings *lists[] = {
		&config->ingest.listen, &config->admin.listen
	};
	const char *path;
	struct stat st;
	struct why why;
	size_t i, k;

	for (i = 0; i < HR_COUNT(lists); i++) {
		for (k = 0; k < lists[i]->n; k++) {
			if (strncmp(lists[i]->s[k], "unix:", 5) != 0)
				continue;
			path = lists[i]->s[k] + 5;
			if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode))
				continue;
			why_set(&why, "the socket %s is gone", path);
			add(c, "listeners", false, why.text);
			return;
		}
	}
	why_set(&why, "ingest has %zu, admin has %zu", lists[0]->n,
	    lists[1]->n);
	add(c, "listeners", true, why.text);
}

void
admin_get_ready(struct admin_call *call)
{
	struct admin *a = call->admin;
	struct checks c;

	begin(&c);
	check_database(&c, a);
	check_disk(&c, a, call->now);
	check_wal(&c, a);
	check_listeners(&c, a->parts.config);
	finish(call, &c);
}

/* --- progress --------------------------------------------------------- */

static void
tell_breaker(const struct dispatch_lane *l, void *arg)
{
	struct buf *text = arg;
	char at[CLOCK_TEXT];

	/* What is paused sends nothing, whatever its breaker would allow. */
	if (l->breaker->state == BREAKER_CLOSED || l->paused)
		return;
	buf_printf(text, "%s%s %s is %s", text->len > 0 ? "; " : "", l->output,
	    heap_lane_name(l->kind), breaker_name(l->breaker->state));
	if (l->breaker_until != 0)
		buf_printf(text, " until %s", clock_text(l->breaker_until,
		    at));
	if (l->breaker->last_error[0] != '\0')
		buf_printf(text, " (%s)", l->breaker->last_error);
}

static void
check_breakers(struct checks *c, struct admin *a, struct moment now)
{
	struct buf text = BUF_INIT;

	dispatch_each(a->parts.dispatch, now, tell_breaker, &text);
	add(c, "breakers", text.len == 0, text.len == 0 ? "all are closed" :
	    buf_str(&text));
	buf_free(&text);
}

static void
tell_paused(const struct inspect_output *o, void *arg)
{
	struct buf *text = arg;
	char at[CLOCK_TEXT];

	if (o->paused_at != 0)
		buf_printf(text, "%s%s is paused since %s", text->len > 0 ?
		    "; " : "", o->name, clock_text(o->paused_at, at));
}

/* A pause is what somebody wanted, so it is told and is no failure. */
static void
check_paused(struct checks *c, struct admin *a)
{
	struct buf text = BUF_INIT;

	if (inspect_outputs(a->parts.inspect, tell_paused, &text) !=
	    INSPECT_OK)
		add(c, "paused", false, inspect_error(a->parts.inspect));
	else
		add(c, "paused", true, text.len == 0 ? "no output is" :
		    buf_str(&text));
	buf_free(&text);
}

static void
tell_forgotten(const struct inspect_output *o, void *arg)
{
	struct buf *text = arg;
	long long n = (long long)o->count[INSPECT_QUEUED];

	if (o->app_id == NULL && n > 0)
		buf_printf(text, "%s%s is not, and %lld event%s wait%s for it",
		    text->len > 0 ? "; " : "", o->name, n, n == 1 ? "" : "s",
		    n == 1 ? "s" : "");
}

/* What waits for an output that is gone from the settings is never due, and
 * leaves only when it is back: nobody may have meant that. */
static void
check_configured(struct checks *c, struct admin *a)
{
	struct buf text = BUF_INIT;

	if (inspect_outputs(a->parts.inspect, tell_forgotten, &text) !=
	    INSPECT_OK)
		add(c, "configured", false, inspect_error(a->parts.inspect));
	else
		add(c, "configured", text.len == 0, text.len == 0 ?
		    "every output that events wait for is" : buf_str(&text));
	buf_free(&text);
}

static void
check_oldest_due(struct checks *c, struct admin *a, int64_t now)
{
	int64_t since, age;
	struct why why;

	if (inspect_oldest_due(a->parts.inspect, now, &since) != INSPECT_OK) {
		add(c, "oldest_due", false, inspect_error(a->parts.inspect));
		return;
	}
	age = since != 0 ? now - since : 0;
	if (since == 0)
		why_set(&why, "no event is due");
	else
		why_set(&why, "an event could have left %lld.%03lld s ago",
		    (long long)(age / 1000), (long long)(age % 1000));
	add(c, "oldest_due", age <= DUE_MAX_MS, why.text);
}

void
admin_get_progress(struct admin_call *call)
{
	struct checks c;

	begin(&c);
	check_breakers(&c, call->admin, call->now);
	check_oldest_due(&c, call->admin, call->now.wall);
	check_paused(&c, call->admin);
	check_configured(&c, call->admin);
	finish(call, &c);
}
