/*
 * admin_why.h - why an event is where it is: facts, and the words for them
 *
 * admin_why.c finds the facts, admin_words.c makes a sentence of them.
 */
#ifndef HR_ADMIN_WHY_H
#define HR_ADMIN_WHY_H

#include "dispatch.h"
#include "inspect.h"
#include "mem.h"

/* What is known of an event. */
struct why_facts {
	const struct inspect_event *event;
	int64_t		 now;		/* wall ms */
	/* The rest only of one that is queued. */
	struct inspect_place place;
	struct dispatch_forecast forecast; /* if what is before it goes first */
	struct breaker	 breaker;	/* of its lane */
	int64_t		 breaker_until;	/* wall ms; 0: not waiting */
	bool		 full;		/* its lane may have no more out */
	int64_t		 max_in_flight;
	bool		 shared;	/* another output sends to the same app
					 * for its identity */
	bool		 erased;	/* its identity is being erased */
};

#define WHY_UNKNOWN	INT64_MAX	/* it ends, but nobody can say when */

struct why_told {
	const char	*blocked_by;	/* NULL: nothing holds it */
	int64_t		 until;		/* wall ms; WHY_UNKNOWN */
	struct buf	 sentence;	/* buf_free */
};

/* One sentence: what holds it, what releases it and when, what to do.  Pure;
 * `told` begins as zeroes. */
void	why_tell(struct why_told *told, const struct why_facts *);

#endif
