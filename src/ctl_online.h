/*
 * ctl_online.h - answers of the agent, printed in whichever way is wanted
 *
 * For the commands of heaprelayctl that ask the agent.
 */
#ifndef HR_CTL_ONLINE_H
#define HR_CTL_ONLINE_H

#include "ctl_agent.h"
#include "ctl_show.h"

/* A value of the last answer: a line of JSON, or laid out.  NULL: all of it,
 * which is more than this program can read. */
void	ctl_print_item(const struct ctl *, struct ctl_agent *, const cJSON *);
/* A command whose answer is one object; its exit status. */
int	ctl_print_answer(const struct ctl *, const char *target,
	    const char *about);
/* A command whose answer is a list, as far as it is wanted. */
int	ctl_print_list(const struct ctl *, const char *target,
	    const struct ctl_field *, size_t fields_n, const char *about);

/* Appends a parameter to a target, encoded. */
void	ctl_put_parameter(struct buf *target, const char *name,
	    const char *value);

/* Ends the program unless it is an ID as people write it; `what` is "event". */
void	ctl_check_id(const char *id, const char *what);

/* ctl_many.c: `verb` ("replay") for all that the filter's options mean. */
int	ctl_many(const struct ctl *, const char *verb);
/* Before a job is asked for: from here on an interrupt must not leave it
 * behind. */
void	ctl_mind_interrupts(void);
/* The last answer is a job: watches it to its end; an interrupt cancels it.
 * The exit status. */
int	ctl_follow_job(const struct ctl *, struct ctl_agent *);
/* The answer on standard input to a question that was asked. */
bool	ctl_says_yes(void);

#endif
