/*
 * sink_stats.h - the counters of the simulated Heap
 *
 * Plain data, zeroes at the start; who knows what happened adds to it.
 */
#ifndef HR_SINK_STATS_H
#define HR_SINK_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "mem.h"
#include "sink_body.h"
#include "sink_limits.h"

#define SINK_FORMS	3	/* flat, bulk, and neither could be told */
#define SINK_STATUSES	600
#define SINK_APPS	1000	/* that are counted one by one */

struct sink_app {
	char		 app_id[24];
	uint64_t	 requests;
	uint64_t	 objects;	/* stored */
	uint64_t	 updates;	/* stored */
	uint64_t	 duplicates;
};

struct sink_stats {
	/* By status; 0: no answer (hang, reset). */
	uint64_t	 requests[HEAP_LANES][SINK_FORMS][SINK_STATUSES];
	uint64_t	 objects;	/* events stored */
	uint64_t	 updates;	/* of user properties, stored */
	uint64_t	 duplicates;	/* objects with a key seen before */
	uint64_t	 conflicts;	/* of them, with other content */
	uint64_t	 vanished;	/* objects of unknown apps */
	uint64_t	 bad_bodies;
	uint64_t	 faults;	/* requests that a rule fitted */
	uint64_t	 overruns[SINK_WINDOWS];	/* requests */
	uint64_t	 keys_forgotten;	/* no room to remember them */
	size_t		 max_objects;	/* in a request */
	size_t		 max_bytes;
	/* Of API requests; meaningless before the first. */
	struct moment	 first;
	struct moment	 last;
	uint64_t	 total;		/* requests */
	struct sink_app	 app[SINK_APPS];
	size_t		 apps;
};

/* Figures that are kept elsewhere, for the answer. */
struct sink_stats_more {
	size_t		 keys;		/* remembered */
	size_t		 users;		/* remembered */
	uint64_t	 users_forgotten;
};

/* The app's counters, made when it is new; the rest of the apps, beyond
 * SINK_APPS, share the last.  Lent until the struct goes. */
struct sink_app *sink_stats_app(struct sink_stats *, const char *app_id);
/* A request was answered (status 0: it was not). */
void	sink_stats_request(struct sink_stats *, const struct sink_body *,
	    int status, struct moment);
/* One JSON object; the manual page describes it. */
void	sink_stats_put(struct buf *, const struct sink_stats *,
	    const struct sink_stats_more *);

#endif
