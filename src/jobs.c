/*
 * jobs.c - replay and discard of many events, a slice a turn
 *
 * Knows when a slice may be done and how large it is.  A slice is in the
 * turn's transaction together with how far it came, so that a turn that fails,
 * or a crash, takes back both.
 */
#include <stdlib.h>
#include <time.h>

#include "jobs.h"
#include "log.h"

#define BUSY_MS		10	/* until the next look, while others wait */
#define LOCK_MS		20	/* ... while somebody holds the write lock */
#define SLICE_MS	5	/* what the others wait for at most, about */
#define MOVES		100	/* events that a slice moves at most */

struct jobs {
	struct queue	*queue;
	struct acceptor	*acceptor;
	bool		 idle;		/* no job runs */
	int64_t		 slice_at;	/* boot ms; of the last slice */
	/* The count of a job; a restart begins it anew. */
	struct jobs_count *count;
	int64_t		 counted;	/* the job's id */
};

struct jobs *
jobs_new(struct queue *q, struct acceptor *acceptor)
{
	struct jobs *j = xcalloc(1, sizeof(*j));

	j->queue = q;
	j->acceptor = acceptor;
	j->slice_at = INT64_MIN / 2;
	return j;
}

void
jobs_free(struct jobs *j)
{
	if (j == NULL)
		return;
	jobs_count_free(j->count);
	free(j);
}

void
jobs_reload(struct jobs *j, struct acceptor *acceptor)
{
	j->acceptor = acceptor;
}

static void
forget_count(struct jobs *j)
{
	jobs_count_free(j->count);
	j->count = NULL;
}

int64_t
jobs_start(struct jobs *j, const struct queue_job *job, int64_t now)
{
	int64_t id = queue_job_create(j->queue, job, now);

	/* An id of a turn that failed may come again. */
	forget_count(j);
	j->idle = false;
	log_info("jobs: started id=%lld kind=%s", (long long)id,
	    queue_job_name(job->kind));
	return id;
}

/* How many a job means is known before it changes that; needs no transaction
 * until it is known. */
static int64_t
count(struct jobs *j, const struct queue_job *job)
{
	if (j->count == NULL || j->counted != job->id) {
		forget_count(j);
		j->count = jobs_count_new(j->queue, &job->filter,
		    job->last_event);
		j->counted = job->id;
	}
	if (!jobs_count_slice(j->count))
		return 0;
	if (queue_begin(j->queue) != QUEUE_READY)
		return LOCK_MS;
	queue_job_total(j->queue, job->id, jobs_count_events(j->count));
	forget_count(j);
	return 0;
}

static enum queue_moved
move_one(struct jobs *j, const struct queue_job *job, int64_t event,
    int64_t now, struct why *why)
{
	const struct accept_replay how = { job->remap, job->force };

	return job->kind == QUEUE_JOB_DISCARD ?
	    queue_discard(j->queue, event, now, why) :
	    accept_replay(j->acceptor, event, &how, now, why);
}

/* The turn's clock stands still during a slice. */
static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t
move(struct jobs *j, const struct queue_job *job, int64_t now)
{
	struct queue_match match[MOVES];
	int64_t cursor = job->cursor, moved = 0, skipped = 0;
	int64_t begun = now_ms();
	struct why why = { "" };
	size_t n, i;

	if (queue_begin(j->queue) != QUEUE_READY)
		return LOCK_MS;
	n = queue_match(j->queue, &job->filter, &cursor, job->last_event,
	    match, MOVES);
	for (i = 0; i < n; i++) {
		if (move_one(j, job, match[i].event, now, &why) ==
		    QUEUE_MOVED)
			moved++;
		else
			skipped++;
		/* An event of a large batch that is mapped again takes ms. */
		if (now_ms() - begun >= SLICE_MS && i + 1 < n) {
			cursor = match[i].event;
			break;
		}
	}
	queue_job_progress(j->queue, job->id, cursor, moved, skipped,
	    skipped > 0 ? why.text : NULL);
	if (cursor < job->last_event)
		return 0;
	queue_job_end(j->queue, job->id, QUEUE_JOB_DONE, NULL, now);
	log_info("jobs: done id=%lld kind=%s moved=%lld skipped=%lld",
	    (long long)job->id, queue_job_name(job->kind),
	    (long long)(job->moved + moved),
	    (long long)(job->skipped + skipped));
	return 0;
}

/* Written by a newer version, or by somebody's hand. */
static int64_t
give_up(struct jobs *j, const struct queue_job *job, int64_t now)
{
	if (queue_begin(j->queue) != QUEUE_READY)
		return LOCK_MS;
	queue_job_end(j->queue, job->id, QUEUE_JOB_FAILED,
	    "its filter cannot be read", now);
	log_error("jobs: failed, its filter cannot be read id=%lld",
	    (long long)job->id);
	return 0;
}

static int64_t
slice(struct jobs *j, const struct queue_job *job, int64_t now)
{
	if (!job->usable)
		return give_up(j, job, now);
	return job->counted ? move(j, job, now) : count(j, job);
}

int64_t
jobs_turn(struct jobs *j, struct moment now, bool busy)
{
	struct queue_job job;
	int64_t wait;

	if (j->idle)
		return INT64_MAX;
	if (busy && now.boot - j->slice_at < JOBS_PATIENCE_MS)
		return BUSY_MS;
	if (!queue_job_running(j->queue, &job)) {
		/* A turn that failed shows none either. */
		j->idle = queue_begin(j->queue) == QUEUE_READY;
		forget_count(j);
		return j->idle ? INT64_MAX : LOCK_MS;
	}
	j->slice_at = now.boot;
	wait = slice(j, &job, now.wall);
	queue_job_free(&job);
	return wait;
}
