/*
 * backup.c - a copy of the database, a slice between turns
 *
 * Knows when a slice may be done, and how a job of one's own is ended.
 */
#include <stdlib.h>
#include <time.h>

#include "backup.h"
#include "log.h"

#define SLICE_MS	5	/* what others wait for at most, about */
#define PROOF_MS	50	/* between looks at the proof */
#define PROGRESS_MS	500	/* between its writing down */
#define LOCK_MS		20	/* somebody holds the write lock */

struct backup {
	struct queue	*queue;
	struct queue_copy *copy;	/* NULL: none is being made */
	bool		 fresh;		/* its job is of this turn */
	bool		 unwanted;	/* it was told to end */
	bool		 ended;		/* ... as `end`, for `why` */
	bool		 told;		/* this turn's transaction says so */
	enum queue_copied end;
	struct why	 why;
	int64_t		 began_at;	/* boot ms, as the next two */
	int64_t		 slice_at;
	int64_t		 written_at;
};

struct backup *
backup_new(struct queue *q)
{
	struct backup *b = xcalloc(1, sizeof(*b));

	b->queue = q;
	return b;
}

static void
forget(struct backup *b)
{
	queue_copy_free(b->copy);
	b->copy = NULL;
}

void
backup_free(struct backup *b)
{
	if (b == NULL)
		return;
	forget(b);
	free(b);
}

int64_t
backup_start(struct backup *b, const char *file, int64_t spare,
    struct moment now, struct why *why)
{
	if (b->copy != NULL) {
		why_set(why, "job %lld is making a copy already",
		    (long long)queue_copy_job(b->copy));
		return 0;
	}
	b->copy = queue_copy_new(b->queue, file, spare, now.wall, why);
	if (b->copy == NULL)
		return 0;
	b->fresh = true;
	b->unwanted = b->ended = b->told = false;
	b->began_at = b->written_at = now.boot;
	b->slice_at = INT64_MIN / 2;
	log_info("backup: started job=%lld file=%s",
	    (long long)queue_copy_job(b->copy), log_value(file));
	return queue_copy_job(b->copy);
}

/* Into the turn; false: not now. */
static bool
tell_end(struct backup *b, struct moment now)
{
	bool good = b->end == QUEUE_COPIED;

	if (queue_begin(b->queue) != QUEUE_READY)
		return false;
	queue_copy_progress(b->copy);
	/* One that was cancelled does not run any more.  If it was whole by
	 * then, its file goes once this turn, which may have it cancelled, is
	 * durable. */
	b->unwanted = !queue_copy_wanted(b->copy);
	queue_job_end(b->queue, queue_copy_job(b->copy), good ?
	    QUEUE_JOB_DONE : QUEUE_JOB_FAILED, good ? NULL : b->why.text,
	    now.wall);
	b->told = true;
	return true;
}

int64_t
backup_turn(struct backup *b, struct moment now)
{
	if (b->copy == NULL || b->fresh)
		return INT64_MAX;
	if (b->ended)
		return tell_end(b, now) ? INT64_MAX : LOCK_MS;
	if (now.boot - b->written_at >= PROGRESS_MS &&
	    queue_begin(b->queue) == QUEUE_READY) {
		queue_copy_progress(b->copy);
		b->written_at = now.boot;
	}
	return INT64_MAX;
}

/* The turn's clock stands still during a slice. */
static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
log_end(const struct backup *b, struct moment now)
{
	int64_t copied, total, job = queue_copy_job(b->copy);

	queue_copy_pages(b->copy, &copied, &total);
	if (b->unwanted)
		log_info("backup: cancelled job=%lld", (long long)job);
	else if (b->end == QUEUE_COPIED)
		log_info("backup: done job=%lld pages=%lld ms=%lld",
		    (long long)job, (long long)total,
		    (long long)(now.boot - b->began_at));
	else
		log_error("backup: failed job=%lld error=%s", (long long)job,
		    log_value(b->why.text));
}

/* ms until the next one. */
static int64_t
slice(struct backup *b, struct moment now)
{
	int64_t begun = now_ms();
	enum queue_copied state;

	if (!b->unwanted && !queue_copy_wanted(b->copy)) {
		queue_copy_cancel(b->copy);
		b->unwanted = true;
	}
	do {
		state = queue_copy_slice(b->copy, &b->why);
	} while (state == QUEUE_COPYING && now_ms() - begun < SLICE_MS);
	if (state == QUEUE_COPYING)
		return 0;
	if (state == QUEUE_PROVING)
		return PROOF_MS;
	b->ended = true;
	b->end = state;
	log_end(b, now);
	return 0;
}

void
backup_ended(struct backup *b, bool durable)
{
	if (b->told && durable && b->unwanted && b->end == QUEUE_COPIED) {
		queue_copy_remove(b->copy);
		log_info("backup: removed, it was cancelled job=%lld",
		    (long long)queue_copy_job(b->copy));
	}
	if ((b->fresh && !durable) || (b->told && durable))
		forget(b);
	b->fresh = b->told = false;
}

int64_t
backup_slice(struct backup *b, struct moment now, bool busy)
{
	if (b->copy == NULL)
		return INT64_MAX;
	if (b->ended)
		return 0;
	if (busy && now.boot - b->slice_at < BACKUP_PATIENCE_MS)
		return BACKUP_PATIENCE_MS;
	b->slice_at = now.boot;
	return slice(b, now);
}
