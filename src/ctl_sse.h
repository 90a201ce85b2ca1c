/*
 * ctl_sse.h - server-sent events, taken apart as they come
 *
 * Pure: bytes in, in pieces of any size; events out.
 */
#ifndef HR_CTL_SSE_H
#define HR_CTL_SSE_H

#include <stddef.h>

#include "mem.h"

/* One event; texts are lent for the call.  Several lines of data are joined
 * by line feeds.  One without data is none, but its id counts. */
typedef void ctl_sse_visit(const char *event, const char *id,
	    const char *data, void *arg);

/* Plain data, zeroes: nothing has come yet. */
struct ctl_sse {
	struct buf line;		/* so far */
	struct buf event, data;		/* of the event so far */
	struct buf id;			/* the last there was */
};

void	ctl_sse_feed(struct ctl_sse *, const char *, size_t,
	    ctl_sse_visit *, void *arg);
/* An event that has begun is forgotten: its rest will not come. */
void	ctl_sse_reset(struct ctl_sse *);
void	ctl_sse_free(struct ctl_sse *);

#endif
