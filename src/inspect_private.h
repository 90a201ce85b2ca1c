/*
 * inspect_private.h - what the files of inspect share
 *
 * inspect.c has events, requests and counts, inspect_backlog.c what waits and
 * for whom, inspect_job.c jobs, inspect_live.c what the live stream tells.
 */
#ifndef HR_INSPECT_PRIVATE_H
#define HR_INSPECT_PRIVATE_H

#include "inspect.h"
#include "store.h"

struct inspect {
	struct store	*reader;	/* of our own; NULL: a memory queue */
	struct store	*writer;
	int64_t		 patience_ms;
	int64_t		 asked_at;	/* monotonic ms */
	int64_t		 asked_cpu;	/* ms of this thread's */
	struct why	 error;
};

/* The next question begins: whom to ask. */
struct store *inspect_ask(struct inspect *, enum inspect_view);
/* Did the question end as it should?  A list may also have been interrupted,
 * and looks after that itself. */
enum inspect_answer inspect_judge(struct inspect *, const struct store *,
	    bool list);

#endif
