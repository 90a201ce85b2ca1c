/*
 * live_line.c - the words of a line
 *
 * Knows which members a line of each kind has, which readers rely on: they
 * may become more, but none may go or change.  Absent ones are null.
 */
#include <string.h>

#include "json.h"
#include "live_private.h"

const char *
live_kind_name(enum live_kind kind)
{
	static const char *const names[LIVE_KINDS] = {
		[LIVE_BATCH] = "batch",
		[LIVE_EVENT] = "event",
		[LIVE_OUTPUT] = "output",
		[LIVE_AGENT] = "agent",
	};

	return names[kind];
}

const char *
live_member_name(enum live_member member)
{
	static const char *const names[LIVE_MEMBERS] = {
		[LIVE_BY_OUTPUT] = "output",
		[LIVE_BY_STATE] = "state",
		[LIVE_BY_REASON] = "reason",
		[LIVE_BY_IDENTITY] = "identity",
		[LIVE_BY_NAME] = "name",
		[LIVE_BY_INPUT] = "input",
	};

	return names[member];
}

/* --- members ------------------------------------------------------------ */

static void
put_name(struct buf *out, const char *name)
{
	if (out->len > 0 && out->p[out->len - 1] != '{')
		buf_putc(out, ',');
	buf_printf(out, "\"%s\":", name);
}

static void
put_text(struct buf *out, const char *name, const char *value)
{
	put_name(out, name);
	if (value != NULL && value[0] != '\0')
		json_put_text(out, value);
	else
		buf_puts(out, "null");
}

static void
put_int(struct buf *out, const char *name, int64_t value)
{
	put_name(out, name);
	buf_printf(out, "%lld", (long long)value);
}

/* 0 is none. */
static void
put_int_or_null(struct buf *out, const char *name, int64_t value)
{
	if (value != 0)
		put_int(out, name, value);
	else
		put_text(out, name, NULL);
}

static void
put_bool(struct buf *out, const char *name, bool value)
{
	put_name(out, name);
	buf_puts(out, value ? "true" : "false");
}

static void
put_at(struct buf *out, const char *name, int64_t at)
{
	char text[CLOCK_TEXT];

	put_text(out, name, at != 0 ? clock_text(at, text) : NULL);
}

/* --- lines -------------------------------------------------------------- */

/* A line while its row is at hand. */
struct making {
	struct live_line *line;
	const struct live_note *note;
};

/* What the line may be chosen by. */
static void
remember(struct live_line *line, enum live_member member, const char *value)
{
	if (value != NULL && value[0] != '\0')
		line->member[member] = arena_strndup(line->memory, value,
		    strlen(value));
}

static void
put_batch(const struct inspect_live_batch *b, void *arg)
{
	const struct making *m = arg;
	const struct live_note *n = m->note;
	struct buf *out = &m->line->json;

	put_int(out, "id", n->id);
	put_text(out, "input", b->input);
	put_text(out, "receipt_id", b->receipt_id);
	put_text(out, "path", b->path);
	put_text(out, "environment", b->environment);
	put_bool(out, "duplicate", b->duplicate);
	put_at(out, "received_at", b->received_at);
	put_name(out, "events");
	buf_putc(out, '{');
	put_int(out, "send", b->events - n->batch.skipped - n->batch.stuck);
	put_int(out, "skip", n->batch.skipped);
	put_int(out, "reject", n->batch.stuck);
	buf_putc(out, '}');
	remember(m->line, LIVE_BY_INPUT, b->input);
}

/* How the request ended that the event comes from, if it comes from one. */
static void
put_attempt(struct buf *out, const struct live_note *n,
    const struct inspect_live_event *e)
{
	bool flew = n->event.was != NULL &&
	    strcmp(n->event.was, "inflight") == 0;
	bool taken = n->event.status >= 200 && n->event.status <= 299;
	const char *error = e->error;

	if (error == NULL && !taken)
		error = e->answer;
	put_int_or_null(out, "status", flew ? n->event.status : 0);
	put_text(out, "error", flew ? error : NULL);
	put_int_or_null(out, "request_id", flew ? n->event.request : 0);
}

static void
put_event(const struct inspect_live_event *e, void *arg)
{
	const struct making *m = arg;
	const struct live_note *n = m->note;
	struct buf *out = &m->line->json;

	put_int(out, "id", n->id);
	put_text(out, "output", e->output);
	put_text(out, "lane", e->lane);
	put_text(out, "identity", e->identity);
	put_text(out, "name", e->name);
	put_int(out, "objects", e->objects);
	put_text(out, "state", n->event.state);
	put_text(out, "was", n->event.was);
	put_text(out, "reason", n->event.reason);
	put_attempt(out, n, e);
	put_int(out, "attempts", n->event.attempts);
	put_at(out, "due_at", n->event.due_at);
	put_bool(out, "suspect", n->event.suspect);
	put_int(out, "batch_id", e->batch);
	put_text(out, "input", e->input);
	put_text(out, "environment", e->environment);
	remember(m->line, LIVE_BY_OUTPUT, e->output);
	remember(m->line, LIVE_BY_STATE, n->event.state);
	remember(m->line, LIVE_BY_REASON, n->event.reason);
	remember(m->line, LIVE_BY_IDENTITY, e->identity);
	remember(m->line, LIVE_BY_NAME, e->name);
	remember(m->line, LIVE_BY_INPUT, e->input);
}

static void
put_agent(const struct inspect_live_audit *a, void *arg)
{
	const struct making *m = arg;
	struct buf *out = &m->line->json;

	put_text(out, "action", a->action);
	put_text(out, "subject", a->subject);
	put_text(out, "detail", a->detail);
}

char *
live_members_output(const struct dispatch_lane *l, const char *was)
{
	struct buf out = BUF_INIT;

	put_text(&out, "output", l->output);
	put_text(&out, "lane", heap_lane_name(l->kind));
	put_bool(&out, "paused", l->paused);
	put_text(&out, "breaker", breaker_name(l->breaker->state));
	put_text(&out, "was", was);
	put_at(&out, "until", l->breaker_until);
	put_int(&out, "failures", l->breaker->failures);
	put_text(&out, "error", l->breaker->state != BREAKER_CLOSED ?
	    l->breaker->last_error : NULL);
	put_at(&out, "frozen_until", l->frozen_until);
	return buf_steal(&out);
}

static enum inspect_answer
put_row(const struct making *m, struct inspect *in)
{
	const struct live_note *n = m->note;
	void *arg = (void *)m;	/* the visitors take it as it is here */

	switch (n->kind) {
	case LIVE_BATCH:
		return inspect_live_batch(in, n->id, put_batch, arg);
	case LIVE_EVENT:
		return inspect_live_event(in, n->id, n->event.request,
		    put_event, arg);
	case LIVE_AGENT:
		return inspect_live_audit(in, n->id, put_agent, arg);
	case LIVE_OUTPUT:	/* is in no table */
	case LIVE_KINDS:
		break;
	}
	return INSPECT_NONE;
}

enum inspect_answer
live_line_make(struct live_line *line, struct inspect *in,
    const struct live_note *n)
{
	const struct making m = { line, n };
	enum inspect_answer found = INSPECT_OK;

	buf_reset(&line->json);
	arena_reset(line->memory);
	memset(line->member, 0, sizeof(line->member));
	line->kind = n->kind;
	buf_putc(&line->json, '{');
	put_at(&line->json, "at", n->at);
	if (n->members != NULL) {
		buf_printf(&line->json, ",%s", n->members);
		remember(line, LIVE_BY_OUTPUT, n->output);
	} else {
		found = put_row(&m, in);
	}
	buf_putc(&line->json, '}');
	return found;
}

bool
live_line_fits(const struct live_line *line, const struct live_filter *f)
{
	int i;

	if (f->one_kind && line->kind != f->kind)
		return false;
	for (i = 0; i < LIVE_MEMBERS; i++)
		if (f->member[i] != NULL && (line->member[i] == NULL ||
		    strcmp(line->member[i], f->member[i]) != 0))
			return false;
	return true;
}
