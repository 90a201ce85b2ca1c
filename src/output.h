/*
 * output.h - the configured outputs and where their events lie in the queue
 *
 * An [output NAME] stands here once for production and, when it has a
 * development app, once more as NAME.development: an output of its own in
 * every listing and window.
 */
#ifndef HR_OUTPUT_H
#define HR_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "queue.h"

struct output {
	char		*name;		/* "heap", "heap.development" */
	const struct config_output *config;
	bool		 development;
	const char	*app_id;	/* the config's */
	struct queue_output ids;
};

struct outputs {
	struct output	*o;
	size_t		 n;
};

/*
 * Makes their rows in the open transaction of the queue.  `config` is kept
 * until outputs_free.
 */
void	outputs_make(struct outputs *, const struct config *, struct queue *);
void	outputs_free(struct outputs *);

/* Where events of that configured output go; without a development app its
 * development events lie with NAME.  Lent. */
const struct output *outputs_for(const struct outputs *,
	    const struct config_output *, bool development);

#endif
