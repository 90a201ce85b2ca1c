/*
 * live_private.h - what the files of the live stream share
 *
 * live.c has the ring and the readers, live_line.c the words of a line.
 */
#ifndef HR_LIVE_PRIVATE_H
#define HR_LIVE_PRIVATE_H

#include "live.h"
#include "mem.h"

#define LIVE_REASON	32	/* the longest reason and its NUL */

/* What happened, as far as the database may have forgotten it when it is
 * told. */
struct live_note {
	enum live_kind	 kind;
	int64_t		 at;		/* when it was on disk: wall ms */
	int64_t		 id;		/* of the row: batch, event, audit */
	union {
		struct {
			/* Of the batch's events; the others are queued. */
			int64_t	skipped, stuck;
		} batch;
		struct {
			const char	*was;	/* NULL: it came in so */
			const char	*state;
			int64_t		 request;
			int64_t		 due_at;
			int32_t		 attempts;
			int16_t		 status;
			bool		 suspect;
			char		 reason[LIVE_REASON];	/* "" : none */
		} event;
	};
	/* The members of what is in no table, made already; NULL: they are
	 * made of the row when it is told. */
	char		*members;
	char		*output;	/* with them; NULL: none */
};

/* A line in words. */
struct live_line {
	enum live_kind	 kind;
	struct buf	 json;			/* an object in one line */
	char		*member[LIVE_MEMBERS];	/* in memory; NULL: none */
	struct arena	*memory;
};

/* The words of what was noted, into a line that is used again and again.
 * INSPECT_NONE: the row is gone, so there is nothing to tell. */
enum inspect_answer live_line_make(struct live_line *, struct inspect *,
	    const struct live_note *);
bool	live_line_fits(const struct live_line *, const struct live_filter *);

/* The members of what is in no table; given (free).  `was`: the breaker's
 * state before, NULL: it has not moved. */
char	*live_members_output(const struct dispatch_lane *, const char *was);

#endif
