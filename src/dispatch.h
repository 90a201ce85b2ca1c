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
/* Requests that are claimed and have no durable verdict. */
size_t	dispatch_flights(const struct dispatch *);

/* One lane as an operator sees it; lent for the call. */
struct dispatch_lane {
	const char	*output;
	const struct config_output *config;
	const char	*app_id;
	int64_t		 lane;			/* its id */
	enum heap_lane	 kind;
	size_t		 inflight;		/* requests */
	int64_t		 frozen_until;		/* wall ms; 0: it is not */
	const struct breaker *breaker;
	int64_t		 breaker_until;		/* wall ms; 0: not waiting */
};
typedef void dispatch_visit(const struct dispatch_lane *, void *arg);
void	dispatch_each(struct dispatch *, struct moment now, dispatch_visit *,
	    void *arg);

/* The use of an app's windows; frees_at is wall ms, 0: not known yet. */
struct dispatch_window {
	const char	*name;		/* "app_limit", "properties_app_limit" */
	int64_t		 used, limit, window_ms, frees_at;
};
#define DISPATCH_WINDOWS	2
/* Of one output by name; how many (0: no such output). */
size_t	dispatch_windows(struct dispatch *, const char *output,
	    struct moment now, struct dispatch_window [DISPATCH_WINDOWS]);

#endif
