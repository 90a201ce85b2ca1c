/*
 * dispatch.h - lanes: what may leave now, and what an answer means
 *
 * The way out (spec: delivery.md).  Decides and writes within the turn's
 * transaction; nothing leaves before dispatch_launch was told that it is
 * durable.
 */
#ifndef HR_DISPATCH_H
#define HR_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "histogram.h"
#include "output.h"
#include "queue.h"
#include "retry.h"

struct dispatch;
struct event_base;

/* Uniform over uint64: jitter. */
typedef uint64_t dispatch_random(void);

struct dispatch *dispatch_new(struct event_base *, struct queue *,
	    dispatch_random *);
/* Requests in flight are given up; their rows stay in flight.  NULL:
 * nothing. */
void	dispatch_free(struct dispatch *);

/*
 * At start and after a reload: these are the outputs now (kept until the next
 * call).  Rebuilds the windows from the stored requests; the next plan looks
 * at every wait anew.  Only reads.
 */
void	dispatch_configure(struct dispatch *, const struct outputs *,
	    struct moment now);

/*
 * Once a turn: writes the verdicts on what was answered, claims what may
 * leave now.  Returns how many ms until it wants to be called again, if
 * nothing happens meanwhile; INT64_MAX: not by itself.
 */
int64_t	dispatch_plan(struct dispatch *, struct moment now);
/* The turn's transaction ended: what was claimed leaves, or is forgotten. */
void	dispatch_launch(struct dispatch *, bool durable);
/* Plans nothing new from now on. */
void	dispatch_stop(struct dispatch *);
/* Plans nothing for these identities (copied), in any lane, until another call
 * does not name them.  Whoever frees one wakes what waits for it. */
void	dispatch_hold(struct dispatch *, const int64_t *identities, size_t n,
	    struct moment now);
/* Is it one of them? */
bool	dispatch_held(const struct dispatch *, int64_t identity);
/* Requests that are claimed and have no durable verdict. */
size_t	dispatch_flights(const struct dispatch *);

/* Of what has ended since start, and is durable. */
struct dispatch_durations {
	struct histogram request[HEAP_LANES];	/* that left, by lane */
	struct histogram delivery;	/* of events, from their reception */
};
/* Lent until dispatch_free. */
const struct dispatch_durations *dispatch_durations(const struct dispatch *);

/* One lane as an operator sees it; lent for the call. */
struct dispatch_lane {
	const char	*output;
	const struct config_output *config;
	const char	*app_id;
	int64_t		 lane;			/* its id */
	enum heap_lane	 kind;
	bool		 paused;		/* its output is */
	size_t		 inflight;		/* requests */
	int64_t		 frozen_until;		/* wall ms; 0: it is not */
	const struct breaker *breaker;
	int64_t		 breaker_until;		/* wall ms; 0: not waiting */
};
typedef void dispatch_visit(const struct dispatch_lane *, void *arg);
void	dispatch_each(struct dispatch *, struct moment now, dispatch_visit *,
	    void *arg);

/* The use of an app's windows: "app_limit", "properties_app_limit"; frees_at
 * is wall ms, 0: not known yet. */
struct dispatch_window {
	const char	*name;
	int64_t		 used, limit, window_ms, frees_at;
};
#define DISPATCH_WINDOWS	2
/* Of one output by name; how many (0: no such output). */
size_t	dispatch_windows(struct dispatch *, const char *output,
	    struct moment now, struct dispatch_window [DISPATCH_WINDOWS]);
/* Of one identity in a lane: of its requests and, in track, of its objects. */
size_t	dispatch_identity_windows(struct dispatch *, int64_t lane,
	    int64_t identity, struct moment now,
	    struct dispatch_window [DISPATCH_WINDOWS]);

/* Who uses most of the window of an identity's objects (user properties: of
 * its requests) in a lane; at most n, the busiest first.  How many. */
struct dispatch_use {
	int64_t	identity;
	int64_t	used;
};
size_t	dispatch_busiest(struct dispatch *, int64_t lane, struct moment now,
	    struct dispatch_use *, size_t n);

/* --- what operators ask for -------------------------------------------- */

/*
 * dispatch_pause - nothing new of an output is planned, or it is again
 *
 * For both lanes, written into the open transaction; from this turn's plan on,
 * and it has not happened if the commit fails.  Requests that are out end as
 * usual.  false: there is no such output, or the turn has failed.  *since:
 * since when it was paused before (wall ms); 0: it was not.
 */
bool	dispatch_pause(struct dispatch *, const char *output, bool paused,
	    struct moment now, int64_t *since);

enum dispatch_probe {
	DISPATCH_PROBE_CLOSED,	/* the breaker is closed: nothing to probe */
	DISPATCH_PROBE_OUT,	/* a probe is out already */
	DISPATCH_PROBE_NOW	/* the lane's next event is one */
};
/* An open breaker of the output's lanes waits no longer; as above if the
 * commit fails.  false: the output is not configured. */
bool	dispatch_probe(struct dispatch *, const char *output,
	    struct moment now, enum dispatch_probe [HEAP_LANES]);

/* --- forecast --------------------------------------------------------- */

/* What a drain waits for longest. */
enum dispatch_bound {
	DISPATCH_NOTHING,	/* the requests themselves */
	DISPATCH_APP_LIMIT, DISPATCH_IDENTITY_LIMIT, DISPATCH_TRACK_LIMIT,
	DISPATCH_PROPERTIES_LIMIT, DISPATCH_PROPERTIES_APP_LIMIT,
	DISPATCH_BREAKER, DISPATCH_FROZEN, DISPATCH_BACKOFF,
	DISPATCH_ORDER,		/* an update of the identity is in flight */
	DISPATCH_PAUSE, DISPATCH_OUTPUT
};
/* "app_limit" ...; lent for ever. */
const char *dispatch_bound_name(enum dispatch_bound);

/* What one lane is to send of one identity. */
struct dispatch_share {
	int64_t	identity;
	int64_t	objects;		/* users, of user properties */
	int64_t	events;			/* that they belong to; 0: not known */
};
/* What one lane is to send. */
struct dispatch_demand {
	int64_t	lane;
	int64_t	objects;		/* in all; users, of user properties */
	int64_t	busy_ms;		/* what a request takes */
	int64_t	due_at;			/* wall: one is not due before; or 0 */
	const struct dispatch_share *share;	/* the largest */
	size_t	share_n;
};

#define DISPATCH_UNKNOWN	INT64_MAX	/* nobody can say */

struct dispatch_forecast {
	int64_t	leaves_at;		/* wall: the last of it */
	int64_t	done_at;		/* wall: it has arrived */
	enum dispatch_bound bound_by;
	int64_t	identity;		/* whose window bounds; 0: nobody's */
	bool	flying;			/* it waits for what is in flight */
};

/* Do two lanes count in the same windows? */
bool	dispatch_together(struct dispatch *, int64_t lane, int64_t other);

/*
 * When the lanes will have sent all that, if nothing else comes and all goes
 * well, from the windows, breakers and waits as they are now.  Lanes of one
 * app share its windows and take turns, so what they have of one identity adds
 * up; of lanes that do not send nothing does.  A lane may have more than one
 * demand.  One forecast a demand.
 */
void	dispatch_forecast(struct dispatch *, struct moment now,
	    const struct dispatch_demand *, size_t n,
	    struct dispatch_forecast *);

#endif
