/*
 * erase.c - people are erased, a slice a turn
 *
 * Knows who waits for a receipt, and when it may be given: once the last slice
 * is on disk and the write-ahead log, which has pages as they were before, is
 * empty.
 */
#include <stdlib.h>
#include <time.h>

#include "erase.h"
#include "log.h"

#define BUSY_MS		10	/* until the next look, while others wait */
#define LOCK_MS		20	/* ... while somebody holds the write lock */
#define FLIGHT_MS	50	/* ... while requests are in flight */
#define PURGE_MS	50	/* ... while somebody reads the WAL */
#define PURGE_PATIENCE_MS 2000	/* a reader that stays is not waited for */
#define SLICE_MS	5	/* what the others wait for at most, about */
#define PATIENCE_MS	100	/* between slices while others wait */

static const char stops[] = "the agent stops; it goes on when it is started "
    "again";

struct waiter {
	struct waiter	*next;
	int64_t		 job;
	bool		 fresh;		/* the job is of this turn */
	erase_done	*done;
	void		*arg;
};

struct erase {
	struct queue	*queue;
	struct dispatch	*dispatch;
	struct waiter	*waiters;
	bool		 stopping;
	bool		 idle;		/* nobody is to be erased */
	bool		 written;	/* this turn has done something */
	int64_t		 slice_at;	/* boot ms; of the last slice */
	int64_t		 wait_at;	/* boot ms; not before */
	/* The one that is done, until its receipt was given. */
	enum { NOTHING, WRITTEN, DURABLE } finished;
	struct queue_receipt receipt;
	int64_t		 durable_at;	/* boot ms */
};

/* The tables say whom to hold, as they are in this turn. */
static void
hold(struct erase *e, struct moment now)
{
	size_t n;
	int64_t *identities = queue_erase_held(e->queue, &n);

	dispatch_hold(e->dispatch, identities, n, now);
	free(identities);
}

struct erase *
erase_new(struct queue *q, struct dispatch *d, struct moment now)
{
	struct erase *e = xcalloc(1, sizeof(*e));

	e->queue = q;
	e->dispatch = d;
	e->slice_at = INT64_MIN / 2;
	hold(e, now);
	return e;
}

void
erase_free(struct erase *e)
{
	free(e);
}

int64_t
erase_start(struct erase *e, const struct outputs *outputs,
    const char *identity, struct moment now)
{
	enum mp_identity_type *types = xcalloc(outputs->n + 1,
	    sizeof(*types));
	int64_t job;
	size_t i;

	for (i = 0; i < outputs->n; i++)
		types[i] = outputs->o[i].config->external_id;
	job = queue_erase(e->queue, identity, types, outputs->n, now.wall);
	free(types);
	if (job == 0)
		return 0;
	hold(e, now);
	e->idle = false;
	e->written = true;
	log_info("erase: started job=%lld", (long long)job);
	return job;
}

void
erase_wait(struct erase *e, int64_t job, erase_done *done, void *arg)
{
	struct waiter *w;

	if (e->stopping) {
		done(NULL, stops, arg);
		return;
	}
	w = xcalloc(1, sizeof(*w));
	w->job = job;
	w->fresh = true;
	w->done = done;
	w->arg = arg;
	w->next = e->waiters;
	e->waiters = w;
}

/* Those of a job (0: of all), or only those of this turn, hear of it. */
static void
tell(struct erase *e, int64_t job, bool fresh,
    const struct erase_receipt *receipt, const char *why)
{
	struct waiter **w = &e->waiters, *told;

	while ((told = *w) != NULL) {
		if ((job != 0 && told->job != job) || (fresh && !told->fresh)) {
			w = &told->next;
			continue;
		}
		*w = told->next;
		told->done(receipt, why, told->arg);
		free(told);
	}
}

/* The turn's clock stands still during a slice. */
static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ms until the next one. */
static int64_t
slice(struct erase *e, struct moment now)
{
	int64_t begun = now_ms();
	enum queue_erased state;

	do {
		state = queue_erase_slice(e->queue, &e->receipt, now.wall);
	} while (state == QUEUE_ERASE_MORE && now_ms() - begun < SLICE_MS);
	/* In a turn that has failed nothing that was read is true. */
	if (queue_begin(e->queue) != QUEUE_READY)
		return LOCK_MS;
	e->written = true;
	hold(e, now);
	switch (state) {
	case QUEUE_ERASE_NONE:
		e->idle = true;
		return INT64_MAX;
	case QUEUE_ERASE_WAITS:
		e->wait_at = now.boot + FLIGHT_MS;
		return FLIGHT_MS;
	case QUEUE_ERASE_DONE:
		e->finished = WRITTEN;
		return INT64_MAX;
	case QUEUE_ERASE_MORE:
		break;
	}
	return 0;
}

int64_t
erase_turn(struct erase *e, struct moment now, bool busy)
{
	if (e->idle || e->finished != NOTHING)
		return INT64_MAX;
	if (now.boot < e->wait_at)
		return e->wait_at - now.boot;
	if (busy && now.boot - e->slice_at < PATIENCE_MS)
		return BUSY_MS;
	if (!queue_erase_pending(e->queue)) {
		/* A turn that failed shows none either. */
		e->idle = queue_begin(e->queue) == QUEUE_READY;
		return e->idle ? INT64_MAX : LOCK_MS;
	}
	if (queue_begin(e->queue) != QUEUE_READY)
		return LOCK_MS;
	e->slice_at = now.boot;
	return slice(e, now);
}

void
erase_ended(struct erase *e, bool durable, struct moment now)
{
	struct waiter *w;

	if (e->written && !durable) {
		tell(e, 0, true, NULL, "it could not be stored");
		hold(e, now);
		if (e->finished == WRITTEN)
			e->finished = NOTHING;
	}
	e->written = false;
	for (w = e->waiters; w != NULL; w = w->next)
		w->fresh = false;
	if (e->finished == WRITTEN) {
		e->finished = DURABLE;
		e->durable_at = now.boot;
	}
}

int64_t
erase_purge(struct erase *e, struct moment now)
{
	struct erase_receipt receipt = { .erased = e->receipt };

	if (e->finished != DURABLE)
		return INT64_MAX;
	receipt.purged = queue_empty_wal(e->queue);
	if (!receipt.purged && now.boot - e->durable_at < PURGE_PATIENCE_MS)
		return PURGE_MS;
	if (!receipt.purged)
		log_warn("erase: a reader keeps older pages in the WAL "
		    "job=%lld", (long long)e->receipt.job);
	log_info("erase: done job=%lld events=%lld batches=%lld "
	    "profiles=%lld", (long long)e->receipt.job,
	    (long long)e->receipt.events, (long long)e->receipt.batches,
	    (long long)e->receipt.profiles);
	e->finished = NOTHING;
	tell(e, e->receipt.job, false, &receipt, NULL);
	return 0;
}

void
erase_stop(struct erase *e)
{
	e->stopping = true;
	tell(e, 0, false, NULL, stops);
}
