/*
 * ctl_online.c - heaprelayctl: the commands that ask the agent
 *
 * Knows the targets of the admin API, and which members of a list people look
 * at first.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl_json.h"
#include "ctl_online.h"

#define PAGE_MOST	500	/* items of one answer */
#define ID_MOST		19	/* digits */

static const struct ctl_field event_fields[] = {
	{ { "ID", true, 0, 0 }, "id" },
	{ { "RECEIVED", false, 0, 2 }, "received_at" },
	{ { "STATE", false, 0, 0 }, "state" },
	{ { "OUTPUT", false, 6, 3 }, "output" },
	{ { "IDENTITY", false, 8, 1 }, "identity" },
	{ { "NAME", false, 8, 0 }, "name" },
	{ { "TRIES", true, 0, 6 }, "attempts" },
	{ { "HTTP", true, 0, 4 }, "last_status" },
	{ { "REASON", false, 8, 5 }, "reason" },
};

/* Of what is stuck it matters most what Heap said. */
static const struct ctl_field stuck_fields[] = {
	{ { "ID", true, 0, 0 }, "id" },
	{ { "RECEIVED", false, 0, 3 }, "received_at" },
	{ { "OUTPUT", false, 6, 4 }, "output" },
	{ { "IDENTITY", false, 8, 2 }, "identity" },
	{ { "NAME", false, 8, 0 }, "name" },
	{ { "HTTP", true, 0, 5 }, "last_status" },
	{ { "REASON", false, 0, 0 }, "reason" },
	{ { "ERROR", false, 24, 1 }, "last_error" },
};

static const struct ctl_field request_fields[] = {
	{ { "ID", true, 0, 0 }, "id" },
	{ { "STARTED", false, 0, 0 }, "started_at" },
	{ { "OUTPUT", false, 6, 3 }, "output" },
	{ { "LANE", false, 5, 6 }, "lane" },
	{ { "FORM", false, 0, 7 }, "form" },
	{ { "OBJECTS", true, 0, 4 }, "objects" },
	{ { "MS", true, 0, 5 }, "duration_ms" },
	{ { "HTTP", true, 0, 0 }, "status" },
	{ { "ERROR", false, 8, 2 }, "error" },
	{ { "ANSWER", false, 8, 1 }, "answer" },
};

static const struct ctl_field identity_fields[] = {
	{ { "IDENTITY", false, 8, 0 }, "identity" },
	{ { "OUTPUT", false, 6, 3 }, "output" },
	{ { "LANE", false, 5, 5 }, "lane" },
	{ { "QUEUED", true, 0, 0 }, "queued" },
	{ { "STUCK", true, 0, 4 }, "stuck" },
	{ { "SECONDS", true, 0, 0 }, "seconds" },
	{ { "BOUND BY", false, 8, 1 }, "bound_by" },
	{ { "FULLEST WINDOW", false, 0, 2 }, "windows" },
};

void
ctl_print_item(const struct ctl *ctl, struct ctl_agent *agent,
    const cJSON *item)
{
	struct ctl_screen screen;
	struct buf out = BUF_INIT;
	size_t len, begin = 0, end;
	const char *text = ctl_agent_text(agent, &len);

	end = len;
	if (item != NULL) {
		begin = json_begin(item);
		end = json_end(text, len, item);
	}
	if (ctl->json || item == NULL) {
		ctl_json_compact(&out, text + begin, end - begin);
		buf_putc(&out, '\n');
	} else {
		ctl_screen(&screen);
		ctl_put_value(text, len, item, &screen, &out);
	}
	ctl_print(&out);
	buf_free(&out);
}

int
ctl_print_answer(const struct ctl *ctl, const char *target, const char *about)
{
	struct ctl_agent *agent = ctl_agent_new(ctl);
	bool good = ctl_agent_call(agent, target, NULL, about);

	if (good)
		ctl_print_item(ctl, agent, ctl_agent_root(agent));
	ctl_agent_free(agent);
	return good ? 0 : CTL_REFUSED;
}

void
ctl_put_parameter(struct buf *target, const char *name, const char *value)
{
	const unsigned char *p;

	buf_putc(target, strchr(buf_str(target), '?') != NULL ? '&' : '?');
	buf_printf(target, "%s=", name);
	for (p = (const unsigned char *)value; *p != '\0'; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || strchr("-._~", *p) != NULL)
			buf_putc(target, (char)*p);
		else
			buf_printf(target, "%%%02X", *p);
	}
}

/* The items of the last answer; NULL: it has none, and that was said. */
static const cJSON *
answer_items(struct ctl_agent *agent, const char *about)
{
	const cJSON *items = json_get(ctl_agent_root(agent), "items");

	if (cJSON_IsArray(items))
		return items;
	ctl_say("%s: what answers there is no agent of heaprelay", about);
	return NULL;
}

/* A list that is asked for page by page. */
struct listing {
	const struct ctl *ctl;
	struct ctl_agent *agent;
	struct ctl_list	*list;		/* NULL: lines of JSON */
	int64_t		 left;		/* items that are still wanted */
	char		*cursor;	/* of the next page; NULL: none */
};

/* Prints or keeps what is in a page; how many items that were. */
static int64_t
take_page(struct listing *l, const cJSON *items)
{
	const cJSON *item;
	int64_t n = 0;

	cJSON_ArrayForEach(item, items) {
		if (n == l->left)
			break;
		if (l->list != NULL)
			ctl_list_item(l->list, item);
		else
			ctl_print_item(l->ctl, l->agent, item);
		n++;
	}
	l->left -= n;
	return n;
}

/* One page; false: the agent refused.  A page may be shorter than was asked
 * for, even empty, and still not be the last. */
static bool
next_page(struct listing *l, const char *base, const char *about)
{
	struct buf target = BUF_INIT;
	const cJSON *items = NULL;
	const char *cursor;
	char number[24];

	snprintf(number, sizeof(number), "%lld",
	    (long long)(l->left < PAGE_MOST ? l->left : PAGE_MOST));
	buf_puts(&target, base);
	ctl_put_parameter(&target, "limit", number);
	if (l->cursor != NULL)
		ctl_put_parameter(&target, "cursor", l->cursor);
	if (ctl_agent_call(l->agent, buf_str(&target), NULL, about))
		items = answer_items(l->agent, about);
	buf_free(&target);
	if (items == NULL)
		return false;
	cursor = json_text(json_get(ctl_agent_root(l->agent), "next_cursor"));
	if (take_page(l, items) == 0 && cursor != NULL &&
	    l->cursor != NULL && strcmp(cursor, l->cursor) == 0) {
		ctl_say("%s: the agent has not the time to find more now",
		    about);
		return false;
	}
	free(l->cursor);
	l->cursor = cursor != NULL ? xstrdup(cursor) : NULL;
	return true;
}

int
ctl_print_list(const struct ctl *ctl, const char *target,
    const struct ctl_field *fields, size_t fields_n, const char *about)
{
	struct listing l = { .ctl = ctl, .left = ctl->limit };
	struct ctl_screen screen;
	struct buf out = BUF_INIT;
	bool good;

	l.agent = ctl_agent_new(ctl);
	ctl_screen(&screen);
	if (!ctl->json)
		l.list = ctl_list_new(fields, fields_n, &screen);
	do {
		good = next_page(&l, target, about);
	} while (good && l.cursor != NULL && l.left > 0);
	if (l.list != NULL) {
		if (good || ctl->limit > l.left)
			ctl_list_put(l.list, "None.", &out);
		ctl_print(&out);
		if (good && l.cursor != NULL)
			ctl_say("there are more; -n N shows N of them");
	}
	buf_free(&out);
	free(l.cursor);
	ctl_list_free(l.list);
	ctl_agent_free(l.agent);
	return good ? 0 : CTL_REFUSED;
}

int
ctl_status(const struct ctl *ctl)
{
	return ctl_print_answer(ctl, "/v1/status", "status");
}

int
ctl_events(const struct ctl *ctl)
{
	const char *state = ctl->filter[CTL_STATE];
	bool stuck = state != NULL && strcmp(state, "stuck") == 0;
	struct buf target = BUF_INIT;
	int i, status;

	buf_puts(&target, "/v1/events");
	for (i = 0; i < CTL_FILTERS; i++)
		if (ctl->filter[i] != NULL)
			ctl_put_parameter(&target,
			    ctl_filter_name((enum ctl_filter)i),
			    ctl->filter[i]);
	status = ctl_print_list(ctl, buf_str(&target),
	    stuck ? stuck_fields : event_fields,
	    stuck ? HR_COUNT(stuck_fields) : HR_COUNT(event_fields), "events");
	buf_free(&target);
	return status;
}

int
ctl_requests(const struct ctl *ctl)
{
	return ctl_print_list(ctl, "/v1/requests", request_fields,
	    HR_COUNT(request_fields), "requests");
}

int
ctl_identities(const struct ctl *ctl)
{
	return ctl_print_list(ctl, "/v1/identities", identity_fields,
	    HR_COUNT(identity_fields), "identities");
}

int
ctl_forecast(const struct ctl *ctl)
{
	return ctl_print_answer(ctl, "/v1/forecast", "forecast");
}

int
ctl_outputs(const struct ctl *ctl)
{
	struct ctl_agent *agent = ctl_agent_new(ctl);
	const cJSON *items = NULL, *item;
	int status;

	if (ctl_agent_call(agent, "/v1/outputs", NULL, "outputs"))
		items = answer_items(agent, "outputs");
	status = items != NULL ? 0 : CTL_REFUSED;
	cJSON_ArrayForEach(item, items) {
		ctl_print_item(ctl, agent, item);
		if (!ctl->json && item->next != NULL)
			putchar('\n');
	}
	ctl_agent_free(agent);
	return status;
}

void
ctl_check_id(const char *id, const char *what)
{
	size_t n = strlen(id);

	if (n == 0 || n > ID_MOST || strspn(id, "0123456789") != n ||
	    strspn(id, "0") == n)
		ctl_usage("%s is no %s's ID", id, what);
}

int
ctl_event(const struct ctl *ctl)
{
	const char *id = ctl->operand[0];
	char target[64], about[32];

	ctl_check_id(id, "event");
	snprintf(target, sizeof(target), "/v1/events/%s", id);
	snprintf(about, sizeof(about), "event %s", id);
	return ctl_print_answer(ctl, target, about);
}

static void
print_sentence(const cJSON *why)
{
	const char *sentence = json_text(json_get(why, "sentence"));
	struct buf clean = BUF_INIT;

	ctl_put_clean(&clean, sentence != NULL ? sentence : "-");
	puts(buf_str(&clean));
	buf_free(&clean);
}

int
ctl_why(const struct ctl *ctl)
{
	const char *id = ctl->operand[0];
	struct ctl_agent *agent;
	char target[64], about[32];
	bool good;

	ctl_check_id(id, "event");
	snprintf(target, sizeof(target), "/v1/events/%s/why", id);
	snprintf(about, sizeof(about), "event %s", id);
	agent = ctl_agent_new(ctl);
	good = ctl_agent_call(agent, target, NULL, about);
	if (good && ctl->json)
		ctl_print_item(ctl, agent, ctl_agent_root(agent));
	else if (good)
		print_sentence(ctl_agent_root(agent));
	ctl_agent_free(agent);
	return good ? 0 : CTL_REFUSED;
}

/* What is done to events, one after the other. */
struct doing {
	const struct ctl *ctl;
	struct ctl_agent *agent;
	const char	*verb;		/* "replay": the end of the target */
	const char	*body;
	bool		 refused;	/* one of them was */
};

static void
do_event(struct doing *d, const char *id)
{
	const char *state;
	char target[64], about[32];

	snprintf(target, sizeof(target), "/v1/events/%s/%s", id, d->verb);
	snprintf(about, sizeof(about), "event %s", id);
	if (!ctl_agent_call(d->agent, target, d->body, about)) {
		d->refused = true;
		return;
	}
	state = json_text(json_get(ctl_agent_root(d->agent), "state"));
	if (d->ctl->json)
		ctl_print_item(d->ctl, d->agent, ctl_agent_root(d->agent));
	else
		printf("%s: %s\n", about, state != NULL ? state : "done");
}

/* IDs divided by white space. */
static void
do_standard_input(struct doing *d)
{
	char id[64];

	while (scanf("%63s", id) == 1) {
		ctl_check_id(id, "event");
		do_event(d, id);
	}
}

static int
do_events(const struct ctl *ctl, const char *verb, const char *body)
{
	struct doing d = { .ctl = ctl, .verb = verb, .body = body };
	size_t i;

	for (i = 0; i < ctl->operands; i++)
		if (strcmp(ctl->operand[i], "-") != 0)
			ctl_check_id(ctl->operand[i], "event");
	d.agent = ctl_agent_new(ctl);
	for (i = 0; i < ctl->operands; i++) {
		if (strcmp(ctl->operand[i], "-") == 0)
			do_standard_input(&d);
		else
			do_event(&d, ctl->operand[i]);
	}
	ctl_agent_free(d.agent);
	return d.refused ? CTL_REFUSED : 0;
}

int
ctl_replay(const struct ctl *ctl)
{
	struct buf body = BUF_INIT;
	int status;

	if (ctl->operands == 0)
		return ctl_many(ctl, "replay");
	buf_putc(&body, '{');
	if (ctl->remap)
		buf_puts(&body, "\"remap\":true");
	if (ctl->force)
		buf_printf(&body, "%s\"force\":true", ctl->remap ? "," : "");
	buf_putc(&body, '}');
	status = do_events(ctl, "replay", buf_str(&body));
	buf_free(&body);
	return status;
}

int
ctl_discard(const struct ctl *ctl)
{
	if (ctl->operands == 0)
		return ctl_many(ctl, "discard");
	return do_events(ctl, "discard", "{}");
}
