/*
 * ctl_post.h - batches posted to the agent's ingest listener
 *
 * For heaprelayctl import: over one connection, with the patience that the
 * agent asks for.
 */
#ifndef HR_CTL_POST_H
#define HR_CTL_POST_H

#include "ctl_private.h"

struct ctl_post;

/* With the key and secret of the input, which are copied. */
struct ctl_post *ctl_post_new(const struct ctl *, const struct config *,
	    const struct config_input *);
void	ctl_post_free(struct ctl_post *);	/* NULL: nothing */

enum ctl_posted {
	CTL_POST_ACCEPTED,	/* all of it is on the agent's disk */
	CTL_POST_SOME,		/* some of it was refused */
	CTL_POST_REFUSED	/* all of it was */
};

/*
 * ctl_post - one request, its answer
 *
 * Waits and asks again when the agent has no room, is asked too often, or is
 * started again.  Ends the program when nobody answers for half a minute, or
 * when no request could be accepted (a wrong key).
 */
enum ctl_posted ctl_post(struct ctl_post *, const char *path,
	    const char *body, size_t len);
/* The first message of the last answer, for people.  Lent until the next. */
const char *ctl_post_message(struct ctl_post *);

#endif
