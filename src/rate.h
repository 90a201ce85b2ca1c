/*
 * rate.h - sliding windows: how much may leave for a key, and when the next
 *
 * A strict sliding log (spec: delivery.md section 3): in no closed interval
 * of the window's length do more than `limit` happen.  What was noted
 * occupies the window from rate_note until `window` after rate_end, since it
 * is not known when in between the far side counted it.
 *
 * Pure: times are numbers (ms of a clock that never steps), handed in.
 * Memory is bounded by what the windows hold: entries that left are dropped,
 * and so are keys without entries.
 */
#ifndef HR_RATE_H
#define HR_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

#define RATE_NEVER	INT64_MAX	/* not until something in flight ends */

struct rate;

/* limit >= 1 per key, window_ms >= 1. */
struct rate *rate_new(int64_t limit, int64_t window_ms);
void	rate_free(struct rate *);		/* NULL: nothing */

/* New figures; what is noted stays and counts against them. */
void	rate_set(struct rate *, int64_t limit, int64_t window_ms);
int64_t	rate_limit(const struct rate *);
int64_t	rate_window(const struct rate *);

/* How many may be noted for the key now: 0 ... limit. */
int64_t	rate_allow(struct rate *, int64_t key, int64_t now);
/* How many occupy the key's window now; may exceed a lowered limit. */
int64_t	rate_used(struct rate *, int64_t key, int64_t now);

/*
 * The first instant (>= now) at which n may be noted, if nothing else is
 * noted until then; n is capped at the limit.  RATE_NEVER: it depends on
 * what is still in flight.
 */
int64_t	rate_next(struct rate *, int64_t key, int64_t n, int64_t now);

/*
 * rate_note - n things leave for the key in the request `id`
 *
 * Several notes of one (key, id) add up.  The caller has asked rate_allow;
 * noting more than that is not refused here (a restart under a lowered
 * limit does it), it only takes longer to free.
 */
void	rate_note(struct rate *, int64_t key, int64_t id, int64_t n,
	    int64_t now);
/* The request ended (answered or failed) at `ended`: its window starts.  Ends
 * may be told in any order; what is not in flight is ignored, here and in
 * rate_cancel. */
void	rate_end(struct rate *, int64_t key, int64_t id, int64_t ended);
/* The request provably never left: given back. */
void	rate_cancel(struct rate *, int64_t key, int64_t id);

/* Drops what left the windows by `now`; keys without entries go.  Cheap
 * enough for every turn (amortised over the notes); rate_note does it too.
 * The questions above change nothing and may be asked about any instant, but
 * none before the `now` of the last drop. */
void	rate_expire(struct rate *, int64_t now);

/* Every key that has entries, its use and when its oldest entry frees
 * (RATE_NEVER: in flight); in no order.  `arg` is passed on. */
typedef void rate_visit(int64_t key, int64_t used, int64_t frees_at,
    void *arg);
void	rate_each(struct rate *, int64_t now, rate_visit *, void *arg);

#endif
