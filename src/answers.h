/*
 * answers.h - how often each input was answered what
 *
 * Counts since start by input and HTTP status.  A name stays when its input
 * is gone from the settings: counts never go back.  Pure.
 */
#ifndef HR_ANSWERS_H
#define HR_ANSWERS_H

#include <stdbool.h>
#include <stdint.h>

struct answers;

struct answers *answers_new(void);
void	answers_free(struct answers *);		/* NULL: nothing */

/* An answer that has left; `input` NULL: nobody knows whose request it was. */
void	answers_count(struct answers *, const char *input, int status);
/* One that waits for the turn's commit; answers_settle counts it, as
 * `status`, or as 503 if it is not durable. */
void	answers_later(struct answers *, const char *input, int status);
void	answers_settle(struct answers *, bool durable);

/* `input` is NULL as above; lent for the call. */
typedef void answers_visit(const char *input, int status, uint64_t n,
	    void *arg);
/* Those that there are any of, by input and status. */
void	answers_each(const struct answers *, answers_visit *, void *arg);

#endif
