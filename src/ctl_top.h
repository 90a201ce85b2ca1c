/*
 * ctl_top.h - a screenful of what matters
 *
 * Pure: what the agent has answered in, lines of text out.
 */
#ifndef HR_CTL_TOP_H
#define HR_CTL_TOP_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl_show.h"
#include "json.h"

/* The answers; NULL: there is none. */
struct ctl_top_view {
	const cJSON	*status;	/* of /v1/status */
	const cJSON	*people;	/* the items of /v1/identities */
	const cJSON	*stuck;		/* the newest items that are stuck */
};

/* So many of them are looked at for their reasons. */
#define CTL_TOP_STUCK	100
#define CTL_TOP_PEOPLE	20

/* Appends lines, none wider than the screen unless that is narrower than
 * anything can be. */
void	ctl_top_frame(struct buf *out, const struct ctl_top_view *,
	    const struct ctl_screen *);

/* Why the events are stuck: the reasons with how many have each, the most
 * frequent first. */
struct ctl_top_reason {
	const char	*reason;	/* lent as the items are */
	size_t		 events;
};
size_t	ctl_top_reasons(const cJSON *stuck, struct ctl_top_reason *,
	    size_t n);

#endif
