/*
 * load_run.h - connections that send batches, and what they were answered
 */
#ifndef HR_LOAD_RUN_H
#define HR_LOAD_RUN_H

#include <stdint.h>
#include <stdio.h>

#include "load_batch.h"
#include "load_latency.h"

struct event_base;

struct load_plan {
	const char	*host;		/* an address or a name */
	uint16_t	 port;
	const char	*authorization;	/* a header's value */
	const char	*run;		/* as load_batch_put's */
	struct load_shape shape;
	int64_t		 connections;
	double		 rate;		/* requests a second; 0: flat out */
	int64_t		 requests;	/* no more than that; 0: any number */
	int64_t		 duration_ms;	/* none begins later; 0: any time */
	int64_t		 timeout_ms;	/* of one */
	FILE		*ids;		/* gets the source_request_ids of what
					 * was answered 202; NULL: nobody */
};

#define LOAD_STATUSES	600

/* What came of it.  Plain data. */
struct load_result {
	int64_t	 sent;			/* requests */
	int64_t	 status[LOAD_STATUSES];	/* answers; [0]: none came */
	int64_t	 elapsed_us;		/* first request to last answer */
	/* Of answers.  At a rate a request's latency begins when it was to
	 * leave, so that an agent that stalls does not hide it by stalling
	 * the one who measures. */
	struct load_latency latency;
};

/* Runs the loop until all is answered, or `base` is told to break. */
void	load_run(struct event_base *, const struct load_plan *,
	    struct load_result *);

#endif
