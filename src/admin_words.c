/*
 * admin_words.c - one sentence: what holds an event, what releases it, when
 *
 * Knows the words for every state and hold, and which of several holds is
 * told.  Those for the reasons of what is stuck or skipped come with the event:
 * reason_words in sql/views.sql has them, for the sqlite3 shell tells them,
 * too.  Knows nothing of where the facts come from.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "admin_why.h"
#include "clock.h"

#define NO_DATE		(INT64_MAX / 8)	/* later than any date: see next_at */
#define QUOTED		200		/* bytes of an answer, at most */

/* Appends; the full stop comes last. */
static void say(struct why_told *, const char *by, int64_t until,
    const char *, ...) HR_PRINTF(4, 5);

static void
say(struct why_told *t, const char *by, int64_t until, const char *fmt, ...)
{
	va_list ap;

	t->blocked_by = by;
	t->until = until;
	va_start(ap, fmt);
	buf_vprintf(&t->sentence, fmt, ap);
	va_end(ap);
}

/* --- parts of sentences ------------------------------------------------- */

/* 1240 as 1,240. */
static const char *
grouped(int64_t n, char out[32])
{
	char digits[24];
	size_t len, i, k = 0;

	len = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)n);
	for (i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[k++] = ',';
		out[k++] = digits[i];
	}
	out[k] = '\0';
	return out;
}

/* 12:03:04Z, begun seconds counted; with its date if that is not today's. */
static const char *
short_time(int64_t at, int64_t now, char out[CLOCK_TEXT])
{
	char full[CLOCK_TEXT], today[CLOCK_TEXT];

	clock_text(at + 999, full);
	clock_text(now, today);
	full[strcspn(full, ".")] = '\0';
	if (strncmp(full, today, strlen("2026-11-24")) == 0)
		snprintf(out, CLOCK_TEXT, "%sZ", strchr(full, 'T') + 1);
	else
		snprintf(out, CLOCK_TEXT, "%.30sZ", full);
	return out;
}

/* " behind 1,240 objects", if any are before it. */
static const char *
behind(const struct inspect_place *p, char out[64])
{
	char n[32];

	out[0] = '\0';
	if (p->objects > 0)
		snprintf(out, 64, " behind %s%s object%s",
		    p->events >= INSPECT_MANY ? "more than " : "",
		    grouped(p->objects, n), p->objects == 1 ? "" : "s");
	return out;
}

/* The start of a text in quotation marks, whole characters of it. */
static void
put_quoted(struct buf *out, const char *text)
{
	size_t len = strlen(text);
	bool whole = len <= QUOTED;

	if (!whole)
		for (len = QUOTED; len > 0 &&
		    ((unsigned char)text[len] & 0xc0) == 0x80; len--)
			continue;
	buf_putc(out, '"');
	buf_put(out, text, len);
	buf_puts(out, whole ? "\"" : "...\"");
}

/* How its last request ended. */
static void
put_answer(struct buf *out, const struct inspect_event *e)
{
	if (e->last_status != 0)
		buf_printf(out, "Heap answered %lld",
		    (long long)e->last_status);
	else
		buf_puts(out, "no answer came");
	if (e->last_error != NULL && e->last_error[0] != '\0') {
		buf_puts(out, ": ");
		put_quoted(out, e->last_error);
	}
}

/* --- what is queued ----------------------------------------------------- */

/* "a probe is sent at 12:03:04Z" */
static const char *
next_probe(const struct why_facts *f, char out[64])
{
	char at[CLOCK_TEXT];

	if (f->breaker_until > f->now)
		snprintf(out, 64, "a probe is sent at %s",
		    short_time(f->breaker_until, f->now, at));
	else
		snprintf(out, 64, "a probe is sent next");
	return out;
}

static void
say_breaker(struct why_told *t, const struct why_facts *f)
{
	const struct breaker *b = &f->breaker;
	int64_t until = f->breaker_until != 0 ? f->breaker_until : WHY_UNKNOWN;
	char probe[64];
	enum breaker_state cause = b->state == BREAKER_HALF_OPEN ? b->cause :
	    b->state;

	if (cause == BREAKER_CONFIG)
		say(t, "breaker", until, "Heap's answer (%s) looks as if "
		    "output %s were misconfigured", b->last_error,
		    f->event->output);
	else if (cause == BREAKER_REFUSING)
		say(t, "breaker", until, "Heap refuses everything that is "
		    "sent (%s), so the fault is not in the events",
		    b->last_error);
	else
		say(t, "breaker", until, "Heap failed several times in a row "
		    "(%s)", b->last_error);
	if (b->state == BREAKER_HALF_OPEN)
		say(t, "breaker", WHY_UNKNOWN, "; a probe is on its way, and "
		    "when it arrives, the rest follows");
	else if (cause == BREAKER_CONFIG)
		say(t, "breaker", until, "; mend its settings and reload; %s",
		    next_probe(f, probe));
	else if (cause == BREAKER_REFUSING)
		say(t, "breaker", until, "; mend the cause and probe the "
		    "output; %s anyway", next_probe(f, probe));
	else
		say(t, "breaker", until, " and the breaker is open; %s, and "
		    "when it arrives, the rest follows", next_probe(f, probe));
}

static void
say_window(struct why_told *t, const struct why_facts *f)
{
	const struct dispatch_forecast *o = &f->forecast;
	const char *window = dispatch_bound_name(o->bound_by);
	char place[64], at[CLOCK_TEXT];

	say(t, "window", o->leaves_at, "It waits for %s of its %s%s", window,
	    o->identity != 0 ? "identity" : "app", behind(&f->place, place));
	short_time(o->leaves_at, f->now, at);
	if (o->flying)
		say(t, "flight", WHY_UNKNOWN, ", which requests that are on "
		    "their way use until they are answered; it leaves at "
		    "about %s", at);
	else if (f->shared)
		say(t, "window", o->leaves_at, ", which another output uses "
		    "as well, and leaves at about %s", at);
	else
		say(t, "window", o->leaves_at, " and leaves at %s at the "
		    "earliest", at);
}

static void
say_freeze(struct why_told *t, const struct why_facts *f)
{
	int64_t until = f->forecast.leaves_at;
	char at[CLOCK_TEXT];

	short_time(until, f->now, at);
	if (f->forecast.identity != 0)
		say(t, "window", until, "Heap answered 429, too many "
		    "requests, for its identity; nothing is sent for it "
		    "until %s", at);
	else
		say(t, "window", until, "Heap answered 429, too many "
		    "requests, for many identities; nothing is sent to that "
		    "endpoint until %s", at);
}

static void
say_backoff(struct why_told *t, const struct why_facts *f)
{
	const struct inspect_event *e = f->event;
	char at[CLOCK_TEXT];

	short_time(e->due_at, f->now, at);
	if (e->attempts == 0) {
		say(t, "backoff", e->due_at, "An update that was merged into "
		    "it had failed; it is sent at %s", at);
		return;
	}
	say(t, "backoff", e->due_at, "Its last request failed (");
	put_answer(&t->sentence, e);
	say(t, "backoff", e->due_at, "); it is sent again at %s, after a "
	    "pause that grows with each failure", at);
}

/* Dispatch knows of nothing: but the planner may have put its identity off,
 * since there was no room for its next event, say. */
static void
say_turn(struct why_told *t, const struct why_facts *f)
{
	const struct inspect_event *e = f->event;
	char place[64], at[CLOCK_TEXT];

	if (f->full)
		say(t, "flight", WHY_UNKNOWN, "As many requests are on their "
		    "way as max_in_flight allows (%lld); it leaves when one "
		    "of them is answered and its turn comes",
		    (long long)f->max_in_flight);
	else if (e->suspect)
		say(t, NULL, 0, "Nothing holds it; Heap refused it together "
		    "with others, so it is sent apart from them to find the "
		    "one that is to blame");
	else if (e->next_at > NO_DATE)
		say(t, "flight", WHY_UNKNOWN, "Requests of its identity are "
		    "on their way; it leaves when they are answered");
	else if (e->next_at > f->now + 1)
		say(t, "window", e->next_at, "There was no room for the next "
		    "event of its identity, which is looked at again at %s",
		    short_time(e->next_at, f->now, at));
	else
		say(t, NULL, 0, "Nothing holds it; it leaves when its turn "
		    "comes%s", behind(&f->place, place));
}

/* A hold that dispatch's arithmetic has found to last longest. */
static void
say_bound(struct why_told *t, const struct why_facts *f)
{
	switch (f->forecast.bound_by) {
	case DISPATCH_APP_LIMIT:
	case DISPATCH_IDENTITY_LIMIT:
	case DISPATCH_TRACK_LIMIT:
	case DISPATCH_PROPERTIES_LIMIT:
	case DISPATCH_PROPERTIES_APP_LIMIT:
		say_window(t, f);
		break;
	case DISPATCH_FROZEN:
		say_freeze(t, f);
		break;
	case DISPATCH_BACKOFF:
		say_backoff(t, f);
		break;
	case DISPATCH_ORDER:
		say(t, "order", WHY_UNKNOWN, "An earlier update of its "
		    "identity is on its way; properties keep their order, so "
		    "it leaves when that one is answered");
		break;
	case DISPATCH_NOTHING:
		say_turn(t, f);
		break;
	case DISPATCH_PAUSE:
	case DISPATCH_OUTPUT:
	case DISPATCH_BREAKER:
		break;
	}
}

/* How far it came, if it is too large for one request. */
static void
say_slices(struct why_told *t, const struct inspect_event *e)
{
	char left[32], all[32];

	if (e->left < e->objects)
		buf_printf(&t->sentence, "; it goes in slices, and about %s "
		    "of its %s objects have arrived",
		    grouped(e->objects - e->left, left),
		    grouped(e->objects, all));
}

/* What somebody may have to see to comes before what time does. */
static void
say_queued(struct why_told *t, const struct why_facts *f)
{
	const char *output = f->event->output;

	if (f->forecast.bound_by == DISPATCH_OUTPUT)
		say(t, "output", WHY_UNKNOWN, "Output %s is not in the "
		    "configuration; it waits until that is back, or until it "
		    "is discarded", output);
	else if (f->erased)
		say(t, "flight", WHY_UNKNOWN, "Its identity is being erased; "
		    "nothing more is sent for it, and it goes with it");
	else if (f->forecast.bound_by == DISPATCH_PAUSE)
		say(t, "pause", WHY_UNKNOWN, "Output %s is paused; it waits "
		    "until somebody resumes it", output);
	else if (f->breaker.state != BREAKER_CLOSED)
		say_breaker(t, f);
	else
		say_bound(t, f);
	say_slices(t, f->event);
}

/* --- what is stuck or over ---------------------------------------------- */

static const char *
reason_of(const struct inspect_event *e)
{
	return e->reason != NULL ? e->reason : "no reason";
}

static void
say_stuck(struct why_told *t, const struct inspect_event *e)
{
	say(t, NULL, 0, "It is stuck (%s): %s", reason_of(e), e->what != NULL ?
	    e->what : "it needs somebody to look at it");
	if (e->attempts > 0) {
		buf_puts(&t->sentence, " (");
		put_answer(&t->sentence, e);
		buf_putc(&t->sentence, ')');
	}
	say(t, NULL, 0, "; %s", e->hint != NULL ? e->hint :
	    "replay it or discard it");
}

static void
say_skipped(struct why_told *t, const struct inspect_event *e)
{
	say(t, NULL, 0, "It is over (%s): ", reason_of(e));
	if (e->merged_into != 0)
		say(t, NULL, 0, "event %lld, a newer update of its identity, "
		    "carries it", (long long)e->merged_into);
	else
		say(t, NULL, 0, "%s; %s", e->what != NULL ? e->what :
		    "it is not to be sent", e->hint != NULL ? e->hint :
		    "nothing is to be done");
}

void
why_tell(struct why_told *t, const struct why_facts *f)
{
	const struct inspect_event *e = f->event;
	char at[CLOCK_TEXT];

	if (strcmp(e->state, "queued") == 0) {
		say_queued(t, f);
	} else if (strcmp(e->state, "inflight") == 0) {
		say(t, "flight", WHY_UNKNOWN, "It is on its way to Heap, "
		    "whose answer decides; without one it is sent again");
		say_slices(t, e);
	} else if (strcmp(e->state, "stuck") == 0) {
		say_stuck(t, e);
	} else if (strcmp(e->state, "skipped") == 0) {
		say_skipped(t, e);
	} else if (strcmp(e->state, "delivered") == 0) {
		say(t, NULL, 0, "It is over: Heap has it since %s",
		    clock_text(e->ended_at, at));
	} else {
		say(t, NULL, 0, "It is over: it was discarded at %s",
		    clock_text(e->ended_at, at));
	}
	buf_putc(&t->sentence, '.');
}
