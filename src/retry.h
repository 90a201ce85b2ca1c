/*
 * retry.h - what an answer means, and when to try again
 *
 * The verdict table, backoff, Retry-After, breaker and learnt factor of
 * delivery.md section 6.  Pure: handed `now` and random numbers.
 */
#ifndef HR_RETRY_H
#define HR_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

/*
 * How one HTTP call ended.  status 0: no answer (refused, timeout, TLS,
 * DNS ...), `error` then says which.
 */
struct retry_answer {
	int		 status;
	bool		 never_left;	/* provably: refused, unresolved */
	/* From Retry-After, in ms from the answer; -1: none.  May be
	 * anything the server said; retry_judge clamps. */
	int64_t		 retry_after_ms;
};

enum retry_verdict {
	RETRY_DELIVERED,	/* 2xx */
	RETRY_REFUSED,		/* 400, 422 for one event: stuck, `refused` */
	RETRY_ISOLATE,		/* 400, 422 for many */
	RETRY_HALVE,		/* 413 for many */
	RETRY_TOO_LARGE,	/* 413 for one: stuck, `too_large` */
	RETRY_CONFIG,		/* 401 403 404 405 3xx: breaker `config` */
	RETRY_LIMITED,		/* 429 */
	RETRY_LATER		/* everything else */
};

/* The table; `many`: the request carried more than one event. */
enum retry_verdict retry_judge(const struct retry_answer *, bool many);
const char *retry_verdict_name(enum retry_verdict);	/* lent for ever */

/* Retry-After as it is honoured: on 429 and 503, clamped to 0..1 h; else 0. */
int64_t	retry_after(const struct retry_answer *);

/*
 * Retry-After, seconds or an HTTP date (all three forms), as ms from `now`
 * (wall); negative for a date in the past; false: neither.
 */
bool	retry_after_parse(const char *value, int64_t now, int64_t *ms);

/*
 * Full jitter: `random` (uniform over uint64) drawn over
 * 0 .. min(max_ms, base_ms * 2^(failures-1)), at least 1 ms.
 */
int64_t	retry_backoff(int64_t base_ms, int64_t max_ms, int64_t failures,
	    uint64_t random);

/*
 * struct breaker - one a lane; plain data, zeroes are a closed one
 *
 * Times are boot ms (clock.h).
 */
enum breaker_state {
	BREAKER_CLOSED,
	BREAKER_OPEN,		/* until `until`; then one probe */
	BREAKER_HALF_OPEN,	/* the probe is out */
	BREAKER_CONFIG,		/* as open, longer, or until told */
	BREAKER_REFUSING	/* as config: the fault is not in the events */
};

#define BREAKER_FAILURES	5	/* in a row open it */
#define BREAKER_FIRST_MS	1000
#define BREAKER_MAX_MS		300000
#define BREAKER_CONFIG_MS	60000

struct breaker {
	enum breaker_state state;
	/* Why it is not closed, while half open too: BREAKER_OPEN, _CONFIG or
	 * _REFUSING. */
	enum breaker_state cause;
	int64_t		 until;		/* open, config, refusing: next probe */
	int		 failures;	/* of the destination, in a row */
	int		 openings;	/* in a row: doubles the wait */
	char		 last_error[160];
};

const char *breaker_name(enum breaker_state);	/* lent for ever */
/* May requests be planned?  BREAKER_MAY_PROBE: one event only. */
enum breaker_may { BREAKER_MAY, BREAKER_MAY_PROBE, BREAKER_MAY_NOT };
enum breaker_may breaker_may(const struct breaker *, int64_t now);
/* The instant at which breaker_may changes by itself; INT64_MAX: it waits
 * for an answer, or is closed. */
int64_t	breaker_next(const struct breaker *, int64_t now);
void	breaker_probe_sent(struct breaker *);
/* The probe never left, or its turn was not committed: as before it. */
void	breaker_probe_forgotten(struct breaker *, int64_t now);
/* The destination works: closed. */
void	breaker_success(struct breaker *);
/* It failed; `random` jitters the wait.  True: this call opened it, for the
 * first time or, as the probe's answer, again.  While it waits for its next
 * probe a failure is counted and changes no more. */
bool	breaker_failure(struct breaker *, const char *error, int64_t now,
	    uint64_t random);
/* Opens as BREAKER_CONFIG or BREAKER_REFUSING. */
void	breaker_open_as(struct breaker *, enum breaker_state,
	    const char *error, int64_t now);
/* An operator or a reload: the next request is a probe, at once. */
void	breaker_probe_now(struct breaker *, int64_t now);

#endif
