/*
 * ctl_tail.c - heaprelayctl tail: the live stream, line by line
 *
 * Knows how to go on when the stream ends: the lines that came since are
 * asked for, and those that are known already passed over.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl_agent.h"
#include "ctl_online.h"
#include "ctl_sse.h"
#include "ctl_tail.h"
#include "log.h"

#define RECENT		10	/* lines of before, unless -n says else */
#define RECENT_MOST	16384	/* that an agent keeps */
#define AGAIN_S		1	/* between attempts to connect */

struct tail {
	const struct ctl *ctl;
	struct ctl_screen screen;
	struct ctl_sse	 sse;
	int64_t		 last_id;	/* of what has come; -1: nothing has */
	bool		 away;		/* it was said that nobody answers */
};

/* Nobody reads any more: what others do then, too. */
static void
end_quietly(void)
{
	signal(SIGPIPE, SIG_DFL);
	raise(SIGPIPE);
}

static void
print_line(const struct tail *t, const char *event, const char *data)
{
	struct buf out = BUF_INIT;
	struct json *json;

	if (t->ctl->json) {
		/* The same object, with its kind as its first member. */
		buf_puts(&out, "{\"kind\":");
		json_put_text(&out, event);
		buf_printf(&out, ",%s", data + 1);
	} else if ((json = json_parse(data, strlen(data), NULL)) != NULL) {
		ctl_tail_line(&out, event, json_root(json), t->screen.colors);
		json_free(json);
	}
	buf_putc(&out, '\n');
	ctl_print(&out);
	buf_free(&out);
	if (fflush(stdout) == EOF && errno == EPIPE)
		end_quietly();
	if (ferror(stdout))
		ctl_fail(CTL_REFUSED, "standard output: %s", strerror(errno));
}

static void
on_event(const char *event, const char *id, const char *data, void *arg)
{
	struct tail *t = arg;
	int64_t n;

	if (!json_int64(id, &n) || n <= t->last_id || data[0] != '{')
		return;
	t->last_id = n;
	print_line(t, event, data);
}

static void
on_bytes(const char *bytes, size_t n, void *arg)
{
	struct tail *t = arg;

	if (t->away)
		ctl_say("connected again");
	t->away = false;
	ctl_sse_feed(&t->sse, bytes, n, on_event, t);
	/* The stream begins with its place, which is a line's as well. */
	if (t->last_id == -1)
		(void)json_int64(buf_str(&t->sse.id), &t->last_id);
}

/* Has who reads our output gone?  Nothing may come for hours that would show
 * it. */
static bool
reader_gone(void *arg)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	(void)arg;
	return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

static char *
target_of(const struct ctl *ctl, int64_t recent)
{
	struct buf target = BUF_INIT;
	char number[24];
	int i;

	snprintf(number, sizeof(number), "%lld", (long long)recent);
	buf_puts(&target, "/v1/live");
	ctl_put_parameter(&target, "recent", number);
	for (i = 0; i < CTL_FILTERS; i++)
		if (ctl->filter[i] != NULL)
			ctl_put_parameter(&target,
			    ctl_filter_name((enum ctl_filter)i),
			    ctl->filter[i]);
	return buf_steal(&target);
}

static void
check_filter(const struct ctl *ctl)
{
	static const enum ctl_filter none[] = {
		CTL_STATUS, CTL_SINCE, CTL_UNTIL
	};
	size_t i;

	for (i = 0; i < HR_COUNT(none); i++)
		if (ctl->filter[none[i]] != NULL)
			ctl_usage("--%s does not go with tail",
			    ctl_filter_name(none[i]));
	if (ctl->limit_given && ctl->limit > RECENT_MOST)
		ctl_usage("-n should be a number from 0 to %d", RECENT_MOST);
}

/* The stream has ended, or nobody answers: says so, once. */
static void
say_away(struct tail *t, struct ctl_agent *agent, enum ctl_agent_end end)
{
	if (t->away)
		return;
	if (end == CTL_AGENT_ANSWERED)
		ctl_say("the stream has ended; connecting again");
	else
		ctl_say("%s; trying again", ctl_agent_why(agent));
	t->away = true;
}

int
ctl_tail(const struct ctl *ctl)
{
	struct tail t = { .ctl = ctl, .last_id = -1 };
	struct ctl_agent *agent;
	enum ctl_agent_end end;
	char *target;

	check_filter(ctl);
	ctl_screen(&t.screen);
	agent = ctl_agent_new(ctl);
	target = target_of(ctl, ctl->limit_given ? ctl->limit : RECENT);
	end = ctl_agent_follow(agent, target, on_bytes, reader_gone, &t);
	ctl_agent_complain(agent, end, "tail");
	free(target);
	target = target_of(ctl, RECENT_MOST);
	while (end != CTL_AGENT_REFUSED && !reader_gone(NULL)) {
		say_away(&t, agent, end);
		ctl_sse_reset(&t.sse);
		sleep(AGAIN_S);
		end = ctl_agent_follow(agent, target, on_bytes, reader_gone,
		    &t);
		if (end == CTL_AGENT_REFUSED)
			ctl_agent_complain(agent, end, "tail");
	}
	if (end != CTL_AGENT_REFUSED)
		end_quietly();
	free(target);
	ctl_sse_free(&t.sse);
	ctl_agent_free(agent);
	return CTL_REFUSED;
}
