/*
 * pending.c - requests that want to write while somebody else has the lock
 *
 * Knows the order and the patience.  What is written is not its business.
 */
#include <stdlib.h>

#include "log.h"
#include "pending.h"

#define RETRY_MS	20

struct waiter {
	struct waiter		*next;
	struct http_request	*request;
	int64_t			 since;		/* boot ms */
};

struct pending {
	struct queue	*queue;
	const char	*name;
	pending_done	*done;
	void		*arg;
	struct waiter	*first, **last;
};

struct pending *
pending_new(struct queue *q, const char *name, pending_done *done, void *arg)
{
	struct pending *p = xcalloc(1, sizeof(*p));

	p->queue = q;
	p->name = name;
	p->done = done;
	p->arg = arg;
	p->last = &p->first;
	return p;
}

/* The first of those that wait, taken off the list. */
static struct http_request *
take(struct pending *p)
{
	struct waiter *w = p->first;
	struct http_request *r = w->request;

	p->first = w->next;
	if (p->first == NULL)
		p->last = &p->first;
	free(w);
	return r;
}

void
pending_free(struct pending *p)
{
	if (p == NULL)
		return;
	while (p->first != NULL)
		(void)take(p);
	free(p);
}

static void
wait_for_lock(struct pending *p, struct http_request *r, struct moment now)
{
	struct waiter *w = xcalloc(1, sizeof(*w));

	w->request = r;
	w->since = now.boot;
	*p->last = w;
	p->last = &w->next;
}

void
pending_add(struct pending *p, struct http_request *r, struct moment now)
{
	/* Those that came first go first. */
	switch (p->first != NULL ? QUEUE_BUSY : queue_begin(p->queue)) {
	case QUEUE_READY:
		p->done(r, PENDING_NOW, NULL, p->arg);
		break;
	case QUEUE_BUSY:
		wait_for_lock(p, r, now);
		break;
	case QUEUE_FAILED:
		p->done(r, PENDING_REFUSED, queue_error(p->queue), p->arg);
		break;
	}
}

static void
end_all(struct pending *p, enum pending_go go, const char *reason)
{
	while (p->first != NULL)
		p->done(take(p), go, reason, p->arg);
}

int64_t
pending_turn(struct pending *p, struct moment now)
{
	struct why who;

	if (p->first == NULL)
		return INT64_MAX;
	switch (queue_begin(p->queue)) {
	case QUEUE_READY:
		end_all(p, PENDING_WAITED, NULL);
		return INT64_MAX;
	case QUEUE_FAILED:
		end_all(p, PENDING_REFUSED, queue_error(p->queue));
		return INT64_MAX;
	case QUEUE_BUSY:
		break;
	}
	if (now.boot - p->first->since < PENDING_MS)
		return RETRY_MS;
	queue_blocker(p->queue, &who);
	log_often(now.boot, LOG_WARN, p->name, "%s: cannot store reason=%s",
	    p->name, log_value(who.text));
	end_all(p, PENDING_REFUSED, who.text);
	return INT64_MAX;
}
