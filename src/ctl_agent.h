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
/* From now on an answer may take as long as it takes. */
void	ctl_agent_patient(struct ctl_agent *);

/* A URL that was given (NULL: none), or a listener as it is reached from
 * here: the base of its URLs and the path of its socket (NULL: TCP).  Both are
 * given (free). */
void	ctl_agent_where(const char *url, const struct config_front *,
	    char **base, char **socket);

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

/* For those who go on when an agent does not. */
enum ctl_agent_end {
	CTL_AGENT_ANSWERED,
	CTL_AGENT_REFUSED,
	CTL_AGENT_AWAY		/* nobody answers */
};

/* As ctl_agent_call with a GET, but nothing is said and nothing ends. */
enum ctl_agent_end ctl_agent_try(struct ctl_agent *, const char *target);
/*
 * ctl_agent_follow - an answer that goes on and on
 *
 * `take` gets its bytes as they come; `stop` is asked about once a second, and
 * ends it by true.  CTL_AGENT_ANSWERED: it has begun, and ended somehow.
 */
typedef void ctl_agent_take(const char *, size_t, void *arg);
typedef bool ctl_agent_stop(void *arg);
enum ctl_agent_end ctl_agent_follow(struct ctl_agent *, const char *target,
	    ctl_agent_take *, ctl_agent_stop *, void *arg);
/* Why the last call was refused or not answered.  Lent until the next. */
const char *ctl_agent_why(struct ctl_agent *);
/* What ctl_agent_call does then: says it, or ends the program. */
void	ctl_agent_complain(struct ctl_agent *, enum ctl_agent_end,
	    const char *about);

/* The answer of the last call.  Lent until the next. */
const char *ctl_agent_text(struct ctl_agent *, size_t *len);
/* The same, read; NULL: it is no JSON that this program can read. */
const cJSON *ctl_agent_root(struct ctl_agent *);

#endif
