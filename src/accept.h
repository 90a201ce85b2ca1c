/*
 * accept.h - one request body into the queue: parse, resolve, map, put
 *
 * All that happens to a body between its arrival and the turn's commit,
 * without HTTP: the ingest endpoints, and every tool that shows what they
 * would do, go through here.
 */
#ifndef HR_ACCEPT_H
#define HR_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "map.h"
#include "mparticle.h"
#include "output.h"
#include "profile.h"
#include "queue.h"

struct acceptor;

#define ACCEPT_RECEIPT	33	/* a receipt id and its NUL */

struct accept_hooks {
	/* The receipt id of the batch at that index of its request; NULL:
	 * 128 random bits in hex. */
	void	(*receipt)(size_t batch, char out[ACCEPT_RECEIPT], void *arg);
	/* Each outcome, in order; the event is lent for the call.  May be
	 * NULL. */
	void	(*outcome)(const struct mp_batch *, const struct output *,
		    const struct map_event *, void *arg);
	/* Each refusal, in its place among the batches.  May be NULL. */
	void	(*refusal)(const struct mp_refusal *, void *arg);
	void	*arg;
};

/* Keeps all of them until acceptor_free; `hooks` may be NULL. */
struct acceptor *acceptor_new(struct queue *, struct profile_store *,
	    const struct config *, const struct outputs *,
	    const struct accept_hooks *);
void	acceptor_free(struct acceptor *);	/* NULL: nothing */

/*
 * accept_body - one body, inflated, into the open transaction
 *
 * Appends mParticle's errors body to `errors` when anything was refused.
 * Returns how many batches were accepted.
 */
size_t	accept_body(struct acceptor *, const struct config_input *,
	    enum mp_path, const char *body, size_t len, int64_t now,
	    struct buf *errors);

/* Appends an errors body with one entry. */
void	accept_error(struct buf *, const char *message);

/*
 * accept_replay - an event back to the queue, mapped anew if need be
 *
 * With `remap` its stored batch is mapped anew, with today's settings and the
 * stored MPID, receipt id and time (delivery.md section 9), and with it those
 * of all updates that were merged into it; without, only if it is stuck and
 * never had a payload.  QUEUE_UNANSWERED: it would be mapped anew, but Heap may
 * have it already, and might then get it under two keys; or what Heap has of
 * newer updates is not known any more.  `force` does it all the same.  All but
 * QUEUE_MOVED change nothing and set `why`.
 */
struct accept_replay {
	bool	remap;
	bool	force;
};

enum queue_moved accept_replay(struct acceptor *, int64_t event,
	    const struct accept_replay *, int64_t now, struct why *);

#endif
