/*
 * ctl_operate.c - heaprelayctl: pause, resume and probe, reload, the audit
 *
 * Knows how what was done is told in a sentence.
 */
#include <string.h>

#include "ctl_online.h"

#define NAME_CHARACTERS	"abcdefghijklmnopqrstuvwxyz0123456789_-."

static const struct ctl_field audit_fields[] = {
	{ { "ID", true, 0, 2 }, "id" },
	{ { "AT", false, 0, 0 }, "at" },
	{ { "ACTION", false, 0, 0 }, "action" },
	{ { "SUBJECT", false, 10, 0 }, "subject" },
	{ { "DETAIL", false, 8, 1 }, "detail" },
};

/* Says what has been done to the output, which is as in `answer`. */
typedef void telling(const char *output, const cJSON *answer);

/* Posts the verb to the output; its exit status. */
static int
operate(const struct ctl *ctl, const char *verb, telling *tell)
{
	const char *output = ctl->operand[0];
	struct ctl_agent *agent;
	struct buf target = BUF_INIT;
	bool good;

	if (output[0] == '\0' ||
	    output[strspn(output, NAME_CHARACTERS)] != '\0')
		ctl_usage("%s is no name of an output", output);
	buf_printf(&target, "/v1/outputs/%s/%s", output, verb);
	agent = ctl_agent_new(ctl);
	good = ctl_agent_call(agent, buf_str(&target), "{}", output);
	if (good && ctl->json)
		ctl_print_item(ctl, agent, ctl_agent_root(agent));
	else if (good)
		tell(output, ctl_agent_root(agent));
	ctl_agent_free(agent);
	buf_free(&target);
	return good ? 0 : CTL_REFUSED;
}

static bool
is_paused(const cJSON *answer)
{
	return cJSON_IsTrue(json_get(answer, "paused"));
}

static void
tell_pause(const char *output, const cJSON *answer)
{
	const char *queued = json_literal(json_get(answer, "queued"));

	printf("%s: %s, events that wait: %s\n", output, is_paused(answer) ?
	    "paused" : "sends", queued != NULL ? queued : "?");
}

int
ctl_pause(const struct ctl *ctl)
{
	return operate(ctl, "pause", tell_pause);
}

int
ctl_resume(const struct ctl *ctl)
{
	return operate(ctl, "resume", tell_pause);
}

static const char *
probe_sentence(const char *result, bool paused)
{
	if (result != NULL && strcmp(result, "closed") == 0)
		return "its breaker is closed, there is nothing to probe";
	if (result != NULL && strcmp(result, "out") == 0)
		return "a probe is out already, its answer decides";
	if (paused)
		return "its next event is a probe, once it is resumed";
	return "its next event is a probe";
}

static void
tell_probe(const char *output, const cJSON *answer)
{
	const cJSON *lanes = json_get(answer, "probe"), *lane;

	cJSON_ArrayForEach(lane, lanes)
		printf("%s %s: %s\n", output, lane->string,
		    probe_sentence(json_text(lane), is_paused(answer)));
}

int
ctl_probe(const struct ctl *ctl)
{
	return operate(ctl, "probe", tell_probe);
}

/* --- reload ----------------------------------------------------------- */

static void
tell_changes(const cJSON *answer)
{
	const cJSON *changed = json_get(answer, "changed"), *line;

	if (cJSON_GetArraySize(changed) == 0)
		puts("reloaded, nothing has changed");
	cJSON_ArrayForEach(line, changed)
		if (json_text(line) != NULL)
			puts(json_text(line));
}

/* The first fault was told with the refusal. */
static void
say_more_faults(const cJSON *answer)
{
	const cJSON *errors = json_get(answer, "errors"), *line;

	cJSON_ArrayForEach(line, errors)
		if (line != errors->child && json_text(line) != NULL)
			ctl_say("%s", json_text(line));
}

int
ctl_reload(const struct ctl *ctl)
{
	struct ctl_agent *agent = ctl_agent_new(ctl);
	bool good = ctl_agent_call(agent, "/v1/reload", "{}", "reload");

	if (!good)
		say_more_faults(ctl_agent_root(agent));
	else if (ctl->json)
		ctl_print_item(ctl, agent, ctl_agent_root(agent));
	else
		tell_changes(ctl_agent_root(agent));
	ctl_agent_free(agent);
	return good ? 0 : CTL_REFUSED;
}

int
ctl_audit(const struct ctl *ctl)
{
	return ctl_print_list(ctl, "/v1/audit", audit_fields,
	    HR_COUNT(audit_fields), "the audit");
}
