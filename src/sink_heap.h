/*
 * sink_heap.h - the simulated Heap: a body in, an answer out
 *
 * Pure: no socket, no clock.  Joins the checks, the windows, the faults, the
 * memory of keys, and what arrived.
 */
#ifndef HR_SINK_HEAP_H
#define HR_SINK_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"
#include "sink_body.h"
#include "sink_limits.h"
#include "sink_rules.h"
#include "sink_store.h"

struct sink_heap;

struct sink_heap_settings {
	struct sink_limit limit[SINK_WINDOWS];
	/* The apps there are; what is sent to others vanishes.  Kept.  None:
	 * every well-formed id is an app. */
	const char *const *app;
	size_t		 apps;
	/* How many are remembered. */
	size_t		 events;
	size_t		 users;
	size_t		 keys;
	bool		 log_keys;	/* the line of a request names them */
};

/* A request to the API. */
struct sink_post {
	enum heap_lane	 lane;
	const char	*content_type;	/* NULL: none given */
	const char	*text;
	size_t		 len;
	int64_t		 at_us;		/* a clock that never steps */
	int64_t		 wall;
};

/* What to do with it.  Zeroes at the start; sink_answer_free. */
struct sink_answer {
	int		 status;	/* 0: none, hang or reset is set */
	const char	*content_type;
	struct buf	 headers;	/* "Name: value\r\n", may be empty */
	struct buf	 body;
	int64_t		 delay_ms;	/* before it leaves */
	bool		 hang;
	bool		 reset;
	struct buf	 line;		/* one JSON object for the log */
};

/* The settings are copied, their apps kept. */
struct sink_heap *sink_heap_new(const struct sink_heap_settings *);
void	sink_heap_free(struct sink_heap *);		/* NULL: nothing */

void	sink_heap_post(struct sink_heap *, const struct sink_post *,
	    struct sink_answer *);
void	sink_answer_free(struct sink_answer *);

/* Forgets what arrived, counters and windows included; the rules stay. */
void	sink_heap_reset(struct sink_heap *);
void	sink_heap_put_stats(struct buf *, const struct sink_heap *);
/* Lent until sink_heap_free. */
struct sink_rules *sink_heap_rules(struct sink_heap *);
const struct sink_store *sink_heap_store(const struct sink_heap *);

#endif
