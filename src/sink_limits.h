/*
 * sink_limits.h - the simulated Heap's windows, as a judge counts them
 *
 * Deliberately not rate.c: what judges the agent must not share its mistakes.
 * Where rate.c waits for a request to end, this counts at the instant of
 * arrival: in no closed interval of a window's length may more than `limit`
 * arrive.  Pure: times are microseconds, handed in, and never step back.
 */
#ifndef HR_SINK_LIMITS_H
#define HR_SINK_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"
#include "sink_body.h"

enum sink_window {
	SINK_TRACK_LIMIT,	/* requests to track that mention an identity */
	SINK_IDENTITY_LIMIT,	/* objects to track, of an identity */
	SINK_APP_LIMIT,		/* objects to track, of an app */
	SINK_PROPERTIES_LIMIT,	/* requests with properties of an identity */
	SINK_PROPERTIES_APP_LIMIT	/* users in such requests, of an app */
};
#define SINK_WINDOWS	5

struct sink_limit {
	int64_t	limit;		/* 0: no such window */
	int64_t	length_us;
};

struct sink_limits;

/* "30/30s", "1000/1m", "5/250ms"; "none" is a limit of 0. */
bool	sink_limit_parse(const char *, struct sink_limit *);
/* The documented figures. */
const struct sink_limit *sink_limit_default(enum sink_window);
const char *sink_window_name(enum sink_window);	/* "track_limit" ... */

struct sink_limits *sink_limits_new(const struct sink_limit[SINK_WINDOWS]);
void	sink_limits_free(struct sink_limits *);		/* NULL: nothing */

/*
 * sink_limits_take - a checked request arrives at `at_us`
 *
 * Returns -1 when there was room for it, and occupies it.  Otherwise the
 * first of its windows that it overruns; then it occupies nothing.
 */
int	sink_limits_take(struct sink_limits *, const struct sink_body *,
	    int64_t at_us);
/* Nothing is occupied any more. */
void	sink_limits_clear(struct sink_limits *);
/* How many keys are remembered: those that have anything in a window. */
size_t	sink_limits_keys(const struct sink_limits *);

/* Identifies an identity of an app, or with NULL the app. */
uint64_t sink_key(const char *app_id, const char *identity);

#endif
