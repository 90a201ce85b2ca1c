/*
 * intake.h - the ingest endpoints: answers as mParticle's Events API does
 *
 * Path, method, credentials, rate, coding and size, body - in this order;
 * then the body goes into the turn's transaction and the 202 waits for its
 * commit.
 */
#ifndef HR_INTAKE_H
#define HR_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accept.h"
#include "answers.h"
#include "clock.h"
#include "config.h"
#include "http.h"

struct intake;

/* Keeps what it is given until intake_free. */
struct intake *intake_new(struct queue *, struct acceptor *,
	    const struct config *);
void	intake_free(struct intake *);		/* NULL: nothing */
/* A reload: other settings from now on; requests that wait keep waiting. */
void	intake_reload(struct intake *, struct acceptor *,
	    const struct config *);

/* For struct http_settings; `arg` is the intake. */
void	intake_request(struct http_request *, void *arg);
bool	intake_early(struct http_request *, void *arg);
void	intake_error_body(int status, const char *message, struct buf *body,
	    const char **content_type);

/*
 * Once a turn, before the plan: requests that wait for the write lock get it,
 * or their 503.  Returns how many ms until it wants to be called again;
 * INT64_MAX: not by itself.
 */
int64_t	intake_turn(struct intake *, struct moment now);
/* The turn's transaction ended: what was to be answered 202 was, or was not. */
void	intake_ended(struct intake *, bool durable);
/* What was answered since start.  Lent until intake_free. */
const struct answers *intake_answers(const struct intake *);
/* Bytes that are free for us on the disk of the queue; -1: not known. */
int64_t	intake_free_disk(const struct intake *);
/* From now on every request is answered 503: the agent stops. */
void	intake_stop(struct intake *);
/* Why requests are answered 503 just now; NULL: they are not.  Lent until the
 * next call of this module. */
const char *intake_unavailable(struct intake *, struct moment now);

#endif
