/*
 * ctl_agent.h - the agent's admin API, asked from outside
 *
 * For heaprelayctl: calls that wait.  Whoever calls knows the targets and
 * what the answers mean.
 */
#ifndef HR_CTL_AGENT_H
#define HR_CTL_AGENT_H

#include "ctl_private.h"

struct ctl_agent;

/* Where it listens and the token are taken from the command line, what is
 * missing there from the configuration; ends the program if that fails. */
struct ctl_agent *ctl_agent_new(const struct ctl *);
void	ctl_agent_free(struct ctl_agent *);	/* NULL: nothing */

/*
 * ctl_agent_call - one request, its answer
 *
 * `target` begins with a slash.  `body` is the JSON of a POST; NULL: a GET.
 * false: the agent refused, and that was said on standard error (`about`:
 * what was asked for, as "event 12").  Ends the program when no agent
 * answers, or one that does not accept the token.
 */
bool	ctl_agent_call(struct ctl_agent *, const char *target,
	    const char *body, const char *about);

/* The same with DELETE. */
bool	ctl_agent_delete(struct ctl_agent *, const char *target,
	    const char *about);

/* The answer of the last call.  Lent until the next. */
const char *ctl_agent_text(struct ctl_agent *, size_t *len);
/* The same, read; NULL: it is no JSON that this program can read. */
const cJSON *ctl_agent_root(struct ctl_agent *);

#endif
