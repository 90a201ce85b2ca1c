/*
 * ctl_tail_line.c - a line of the live stream, for people
 *
 * Knows what of each kind people look at first: when, what, whose, and what
 * became of it.
 */
#include <stdio.h>
#include <string.h>

#include "ctl_table.h"
#include "ctl_tail.h"

/* A line while it is made. */
struct made {
	struct buf	*out;
	const cJSON	*line;
	bool		 colors;
};

static const char *
text_of(const struct made *m, const char *member)
{
	return json_text(json_get(m->line, member));
}

/* A word behind the others. */
static void
put_word(const struct made *m, const char *text, enum ctl_style style)
{
	struct buf clean = BUF_INIT;

	if (text == NULL || text[0] == '\0')
		return;
	ctl_put_clean(&clean, text);
	buf_puts(m->out, "  ");
	ctl_put_styled(m->out, buf_str(&clean), style, m->colors);
	buf_free(&clean);
}

/* A member, as it is written if it is a number. */
static void
put_member(const struct made *m, const char *member, enum ctl_style style)
{
	const cJSON *value = json_get(m->line, member);
	const char *text = json_text(value);

	put_word(m, text != NULL ? text : json_literal(value), style);
}

/* The time of day of an instant such as 2026-11-24T14:13:20.123Z. */
static void
put_time(const struct made *m, const char *member)
{
	const char *at = text_of(m, member);

	if (at != NULL && strlen(at) == strlen("2026-11-24T14:13:20.123Z"))
		buf_printf(m->out, "%.12s", at + strlen("2026-11-24T"));
	else
		buf_puts(m->out, "--:--:--.---");
}

/* "heap", or "heap user_properties". */
static void
put_lane(const struct made *m)
{
	const char *lane = text_of(m, "lane");

	put_member(m, "output", CTL_PLAIN);
	if (lane != NULL && strcmp(lane, "track") != 0)
		put_word(m, lane, CTL_PLAIN);
}

/* Behind a colon: "HTTP 400, what was said". */
static void
put_error(const struct made *m)
{
	const char *status = json_literal(json_get(m->line, "status"));
	const char *error = text_of(m, "error");
	struct buf text = BUF_INIT;

	if (error == NULL && (status == NULL || status[0] == '2'))
		return;
	if (status != NULL)
		buf_printf(&text, "HTTP %s%s", status,
		    error != NULL ? ", " : "");
	if (error != NULL)
		buf_puts(&text, error);
	put_word(m, buf_str(&text), CTL_BAD);
	buf_free(&text);
}

static void
put_batch(const struct made *m)
{
	static const char *const outcomes[] = { "send", "skip", "reject" };
	const cJSON *events = json_get(m->line, "events");
	const char *n, *environment = text_of(m, "environment");
	char text[60];
	size_t i;

	put_member(m, "id", CTL_PLAIN);
	put_member(m, "input", CTL_PLAIN);
	put_member(m, "path", CTL_PLAIN);
	for (i = 0; i < HR_COUNT(outcomes); i++) {
		n = json_literal(json_get(events, outcomes[i]));
		if (n == NULL || strcmp(n, "0") == 0)
			continue;
		snprintf(text, sizeof(text), "%s %s", outcomes[i], n);
		put_word(m, text, i == 2 ? CTL_BAD : CTL_PLAIN);
	}
	if (environment != NULL && strcmp(environment, "production") != 0)
		put_word(m, environment, CTL_DIM);
	if (cJSON_IsTrue(json_get(m->line, "duplicate")))
		put_word(m, "duplicate", CTL_DIM);
}

static enum ctl_style
style_of_state(const char *state)
{
	static const struct {
		const char	*state;
		enum ctl_style	 style;
	} styles[] = {
		{ "delivered", CTL_GOOD }, { "queued", CTL_BUSY },
		{ "stuck", CTL_BAD }, { "skipped", CTL_DIM },
		{ "discarded", CTL_DIM },
	};
	size_t i;

	for (i = 0; state != NULL && i < HR_COUNT(styles); i++)
		if (strcmp(styles[i].state, state) == 0)
			return styles[i].style;
	return CTL_PLAIN;
}

static void
put_event(const struct made *m)
{
	const char *state = text_of(m, "state");
	const char *was = text_of(m, "was");

	put_member(m, "id", CTL_PLAIN);
	put_lane(m);
	put_member(m, "identity", CTL_PLAIN);
	put_member(m, "name", CTL_PLAIN);
	put_word(m, state, style_of_state(state));
	put_member(m, "reason", CTL_PLAIN);
	/* Not by a request: an operator has moved it. */
	if (was != NULL && strcmp(was, "inflight") != 0) {
		buf_puts(m->out, "  was");
		put_word(m, was, CTL_DIM);
	}
	put_error(m);
	if (text_of(m, "due_at") != NULL) {
		buf_puts(m->out, "  again ");
		put_time(m, "due_at");
	}
}

static void
put_output(const struct made *m)
{
	const char *breaker = text_of(m, "breaker");

	put_lane(m);
	if (cJSON_IsTrue(json_get(m->line, "paused")))
		put_word(m, "paused", CTL_BAD);
	buf_puts(m->out, "  breaker");
	put_word(m, breaker, breaker != NULL &&
	    strcmp(breaker, "closed") == 0 ? CTL_GOOD : CTL_BAD);
	if (text_of(m, "was") != NULL) {
		buf_puts(m->out, "  was");
		put_member(m, "was", CTL_DIM);
	}
	put_error(m);
	if (text_of(m, "until") != NULL) {
		buf_puts(m->out, "  until ");
		put_time(m, "until");
	}
	if (text_of(m, "frozen_until") != NULL) {
		buf_puts(m->out, "  frozen until ");
		put_time(m, "frozen_until");
	}
}

static void
put_agent(const struct made *m)
{
	put_member(m, "action", CTL_BUSY);
	put_member(m, "subject", CTL_PLAIN);
	put_member(m, "detail", CTL_PLAIN);
}

static void
put_lost(const struct made *m)
{
	put_member(m, "lines", CTL_BAD);
	buf_puts(m->out, " lines came faster than they were read");
}

void
ctl_tail_line(struct buf *out, const char *event, const cJSON *line,
    bool colors)
{
	static const struct {
		const char *event;
		void (*put)(const struct made *);
	} kinds[] = {
		{ "batch", put_batch }, { "event", put_event },
		{ "output", put_output }, { "agent", put_agent },
		{ "lost", put_lost },
	};
	const struct made m = { out, line, colors };
	struct buf clean = BUF_INIT;
	size_t i;

	put_time(&m, "at");
	ctl_put_clean(&clean, event);
	buf_printf(out, "  %-6s", buf_str(&clean));
	buf_free(&clean);
	for (i = 0; i < HR_COUNT(kinds); i++)
		if (strcmp(kinds[i].event, event) == 0)
			kinds[i].put(&m);
}
