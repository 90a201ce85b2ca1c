/*
 * ctl_keep.c - heaprelayctl: backup and erase
 *
 * Knows that a copy is made where the agent is, and that what is erased does
 * not come back.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl_online.h"

int
ctl_backup(const struct ctl *ctl)
{
	const char *file = ctl->operand[0];
	struct buf body = BUF_INIT;
	struct ctl_agent *agent;
	int status = CTL_REFUSED;

	if (file[0] != '/')
		ctl_usage("backup takes an absolute path on the agent's host");
	agent = ctl_agent_new(ctl);
	buf_puts(&body, "{\"file\":");
	json_put_text(&body, file);
	buf_putc(&body, '}');
	ctl_mind_interrupts();
	if (ctl_agent_call(agent, "/v1/backup", buf_str(&body), "backup"))
		status = ctl_follow_job(ctl, agent);
	ctl_agent_free(agent);
	buf_free(&body);
	return status;
}

static bool
confirm(const char *identity)
{
	struct buf clean = BUF_INIT;
	bool yes;

	ctl_put_clean(&clean, identity);
	fprintf(stderr, "erase all events, batches and profiles of %s? [y/N] ",
	    buf_str(&clean));
	buf_free(&clean);
	yes = ctl_says_yes();
	if (!yes)
		ctl_say("nothing was done");
	return yes;
}

/* A point is encoded too: /v1/identities/.. would be another path. */
static void
put_segment(struct buf *target, const char *text)
{
	const unsigned char *p;

	for (p = (const unsigned char *)text; *p != '\0'; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || strchr("-_~", *p) != NULL)
			buf_putc(target, (char)*p);
		else
			buf_printf(target, "%%%02X", *p);
	}
}

int
ctl_erase(const struct ctl *ctl)
{
	const char *identity = ctl->operand[0];
	struct buf target = BUF_INIT;
	struct ctl_agent *agent;
	bool good;

	if (!ctl->yes && !(isatty(STDIN_FILENO) && isatty(STDERR_FILENO)))
		ctl_fail(CTL_REFUSED, "there is no terminal to ask on; --yes "
		    "does it");
	if (!ctl->yes && !confirm(identity))
		return CTL_REFUSED;
	agent = ctl_agent_new(ctl);
	ctl_agent_patient(agent);
	buf_puts(&target, "/v1/identities/");
	put_segment(&target, identity);
	good = ctl_agent_delete(agent, buf_str(&target), "erase");
	if (good)
		ctl_print_item(ctl, agent, ctl_agent_root(agent));
	ctl_agent_free(agent);
	buf_free(&target);
	return good ? 0 : CTL_REFUSED;
}
