/*
 * queue.h - everything that writes: batches, events, requests, retention
 *
 * The durable queue (spec: delivery.md sections 2 to 8).  All writes of a
 * turn are one transaction; nothing here is durable, and nothing may be told
 * to anybody, before queue_commit said so.  A write that fails fails the
 * turn: later calls do nothing, queue_commit returns false.
 *
 * Times are wall ms unless called `boot`.
 */
#ifndef HR_QUEUE_H
#define HR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "filter.h"
#include "heap.h"
#include "mem.h"
#include "mparticle.h"

struct queue;
struct store;

/*
 * 0 and *out (given), or an exit status and `why`.  `path` ":memory:" is a
 * queue that is on no disk.
 */
int	queue_open(struct queue **out, const char *path, int file_mode,
	    struct why *);
void	queue_close(struct queue *);		/* NULL: nothing */
/* For profile and inspect; lent. */
struct store *queue_store(struct queue *);

/* The turn. */
enum queue_turn { QUEUE_READY, QUEUE_BUSY, QUEUE_FAILED };

/* Before a write.  BUSY: somebody else has the write lock, nothing was
 * written, try again some ms later. */
enum queue_turn queue_begin(struct queue *);
/* true: all of the turn is on disk (or there was nothing). */
bool	queue_commit(struct queue *);
/* Throws the turn's writes away. */
void	queue_rollback(struct queue *);
const char *queue_error(const struct queue *);	/* of the last false; lent */

/* --- watching --------------------------------------------------------- */

enum queue_seen_what {
	QUEUE_SAW_BATCH,	/* it came in */
	QUEUE_SAW_EVENT,	/* it has another state than before, but is
				   not in flight; or came in as no queued one */
	QUEUE_SAW_AUDIT		/* an operator did something */
};

/* One thing that the turn wrote; texts are lent for the call. */
struct queue_sight {
	enum queue_seen_what what;
	int64_t		 id;		/* of its row */
	/* Only of an event. */
	const char	*was;		/* its state before; NULL: it came in */
	const char	*state;
	const char	*reason;	/* NULL: none */
	int64_t		 request;	/* the last that carried it; 0: none */
	int64_t		 attempts;
	int64_t		 due_at;	/* 0: none */
	int64_t		 status;	/* 0: no answer */
	bool		 suspect;	/* it travels with its group only */
};
typedef void queue_watcher(const struct queue_sight *, void *arg);
typedef void queue_unseen(void *arg);

/*
 * Tells what is written from now on, when it is written; true it becomes by
 * the turn's commit.  `undone`: nothing of the turn will.  Both run within
 * other calls of this module, and must call none.  Once for a queue; keeps
 * `arg` until queue_close.
 */
void	queue_watch(struct queue *, queue_watcher *, queue_unseen *undone,
	    void *arg);

/* --- what is configured ---------------------------------------------- */

struct queue_window {
	const char	*name;		/* "track_limit" ... */
	int64_t		 n;
	int64_t		 window_ms;
};

struct queue_output {
	int64_t	id;
	int64_t	app;
	int64_t	lane[HEAP_LANES];
	int64_t	open_ms[HEAP_LANES];
	int64_t	paused_at;		/* 0: it is not paused */
	double	factor;
};

/* Begins a new list of what is configured: outputs that are not named again
 * keep their rows and have no app. */
void	queue_forget_outputs(struct queue *);
void	queue_output(struct queue *, const char *name, const char *base_url,
	    const char *app_id, const struct queue_window *, size_t windows_n,
	    struct queue_output *);
/*
 * After queue_output: it may share the app with outputs that were named before
 * and had another one until now.  Then two updates of one identity may wait
 * for the app, in two lanes, and which goes first would be chance; the newer
 * one, by id, goes on for both.  Costs a look at each update that waits in
 * other lanes of the app.
 */
void	queue_join_updates(struct queue *, const struct queue_output *,
	    int64_t now);
/* Since when the output is paused; 0: it is not.  false: there is none of that
 * name, configured or not. */
bool	queue_output_paused(struct queue *, const char *name, int64_t *since);
/* Nothing of it is to be sent from now on; or it is again. */
void	queue_pause_output(struct queue *, const char *name, bool paused,
	    int64_t now);
/* A text setting; NULL: none.  Given (free). */
char	*queue_setting(struct queue *, const char *name);
void	queue_set(struct queue *, const char *name, const char *value);

/*
 * At start: what was in flight goes back to the queue (properties under
 * newer ones), requests without an end end now, instants are computed anew.
 * Returns how many events came back.
 */
int64_t	queue_recover(struct queue *, struct moment now);
/* Every wait is looked at anew: a reload, a step of the clock.  No due_at
 * stays later than `latest`. */
void	queue_rearm(struct queue *, int64_t now, int64_t latest);

/* --- the way in ------------------------------------------------------ */

/* Remembers that a batch with this id comes under that key now.  false: one
 * did after that instant (of this very turn counts), which stays as it is. */
bool	queue_see(struct queue *, const char *input_key,
	    const char *source_request_id, int64_t now, int64_t after);

/* Interned; made if need be. */
int64_t	queue_identity(struct queue *, const char *value);

struct queue_batch {
	const char	*receipt_id;
	const char	*input;
	const char	*path;
	bool		 development;
	int64_t		 received_at;
	bool		 has_mpid;
	int64_t		 mpid;
	const char	*source_request_id;	/* NULL: none */
	bool		 duplicate;
	size_t		 events;		/* so many queue_event follow */
	const char	*body;
	size_t		 body_len;
};

/* The id the next queue_batch will give. */
int64_t	queue_next_batch(const struct queue *);
/* Stores a batch; exactly `events` calls of queue_event must follow. */
int64_t	queue_batch(struct queue *, const struct queue_batch *);

enum queue_entry { QUEUE_QUEUED, QUEUE_STUCK, QUEUE_SKIPPED };

struct queue_event {
	int64_t		 lane;
	enum heap_lane	 kind;
	int64_t		 event_index;	/* -1: user properties */
	int64_t		 identity;	/* 0: none */
	const char	*name;
	int64_t		 event_at;
	bool		 commerce;
	size_t		 objects;
	const char	*payload;	/* NULL: none */
	size_t		 payload_len;
	enum queue_entry entry;
	const char	*reason;	/* stuck, skipped */
	const char	*origins;	/* queue_remap only: of properties, as
					 * in update.h; NULL: its own */
};

/* One event of the batch just stored.  A queued user-properties update takes
 * the one that waits for the same identity into itself. */
int64_t	queue_event(struct queue *, const struct queue_batch *,
	    const struct queue_event *);

/* --- the way out ------------------------------------------------------ */

/* Deferred events whose time has come become ready; at most n.  Returns how
 * many. */
int64_t	queue_release(struct queue *, int64_t now, int64_t n);
/* When the next deferred event is due; INT64_MAX: none. */
int64_t	queue_next_due(struct queue *);

struct queue_waiting {
	int64_t	identity;
	int64_t	ready;			/* events */
	int64_t	next_at;		/* looked at since; its place */
};

/* Identities of a lane that may be looked at now, in turn; at most n, behind
 * `after` (NULL: from the first). */
size_t	queue_waiting(struct queue *, int64_t lane, int64_t now,
	    const struct queue_waiting *after, struct queue_waiting *,
	    size_t n);
/* Those of them that had the longest backlogs when queue_park saw them last:
 * sorted only by powers of two, and none with fewer than 2^QUEUE_LEVEL_MIN
 * events. */
#define QUEUE_LEVEL_MIN	3
size_t	queue_longest(struct queue *, int64_t lane, int64_t now,
	    struct queue_waiting *, size_t n);
/* When the next identity of the lane may be looked at; INT64_MAX: none. */
int64_t	queue_next_waiting(struct queue *, int64_t lane);
/* Not to be looked at before that instant. */
void	queue_park(struct queue *, int64_t lane, int64_t identity,
	    int64_t next_at);
/* To be looked at from now on, if it was parked until `above` or later. */
void	queue_wake(struct queue *, int64_t lane, int64_t identity,
	    int64_t above, int64_t now);

/* One event that may leave; the payload is lent for the call. */
struct queue_row {
	int64_t		 id;
	int64_t		 identity;
	size_t		 objects;
	bool		 commerce;
	size_t		 sent;		/* bytes delivered in earlier slices */
	int64_t		 attempts;
	int64_t		 received_at;
	const char	*payload;
	size_t		 payload_len;
};

/* false: enough. */
typedef bool queue_take(const struct queue_row *, void *arg);

/* An identity's ready events with an id above `after`, oldest first. */
void	queue_ready(struct queue *, int64_t lane, int64_t identity,
	    int64_t after, queue_take *, void *arg);

#define QUEUE_SAME_MS	86400000 /* so long an update counts as there */

/* Was this the update of an identity that was sent last, and acknowledged
 * after that instant? */
bool	queue_unchanged(struct queue *, int64_t lane, int64_t identity,
	    const char *payload, size_t len, int64_t after);
/* queued -> skipped, `unchanged`. */
void	queue_skip_unchanged(struct queue *, int64_t event, int64_t now);

struct queue_group {
	int64_t	id;
	int64_t	request;		/* the refused one it came from */
};

/* The next group under suspicion with an id above `after` that may go. */
bool	queue_group(struct queue *, int64_t lane, int64_t after,
	    struct queue_group *);
void	queue_group_ready(struct queue *, int64_t lane, int64_t group,
	    queue_take *, void *arg);

struct queue_claimed {
	int64_t	event;
	int64_t	identity;
	size_t	objects;		/* of this event in this request */
	int64_t	received_at;		/* for whoever claims; not stored */
};

struct queue_claim {
	int64_t		 lane;
	int64_t		 app;
	enum heap_form	 form;
	size_t		 objects;
	size_t		 bytes;
	int64_t		 parent;	/* 0: none */
	const struct queue_claimed *events;
	size_t		 events_n;
};

/* The id the next queue_claim will give. */
int64_t	queue_next_request(const struct queue *);
/* The request's row; its events are in flight. */
int64_t	queue_claim(struct queue *, const struct queue_claim *,
	    struct moment now);

/* What is known of a request's end. */
struct queue_end {
	int64_t		 request;
	int64_t		 lane;
	enum heap_lane	 kind;
	int		 status;	/* 0: no answer */
	bool		 never_left;
	const char	*verdict;
	const char	*error;		/* NULL: none */
	const char	*answer;	/* its start; NULL: none */
	struct moment	 ended;
};

void	queue_end(struct queue *, const struct queue_end *);

/* The verdicts on the events of a request that are in flight; each returns
 * how many moved. */
int64_t	queue_delivered(struct queue *, const struct queue_end *);
/* A slice arrived, but not the last: `sent` bytes are done with.  What is left
 * of user properties goes into an update that waits meanwhile. */
void	queue_slice_delivered(struct queue *, const struct queue_end *,
	    int64_t event, size_t sent);
/* Again at due_at (0: at once), no failure of theirs. */
int64_t	queue_back(struct queue *, const struct queue_end *, int64_t due_at);
/* Again at due_at, one more failure; those that have failed while the lane
 * was open for give_up_ms become stuck, `expired` (*expired: how many). */
int64_t	queue_failed(struct queue *, const struct queue_end *, int64_t due_at,
	    int64_t open_ms, int64_t give_up_ms, int64_t *expired);
/* The most failures that an event of the request has had. */
int64_t	queue_failures(struct queue *, int64_t request);
int64_t	queue_stuck(struct queue *, const struct queue_end *,
	    const char *reason);
/* Back to the queue with an event that is stuck as `refused`: all of them
 * are.  How many moved: 0 or 1. */
int64_t	queue_unrefuse(struct queue *, int64_t lane, enum heap_lane,
	    int64_t event, int64_t now);
/* The ids in the order of the body; at most n. */
size_t	queue_inflight(struct queue *, int64_t request, int64_t *events,
	    size_t n);
/* Put these events of the request into a group of their own. */
void	queue_suspect(struct queue *, const struct queue_end *, int64_t aside,
	    int64_t last_index, const int64_t *events, size_t n);
/* What is known of a group: how many were set aside on the way to it, and
 * the index that Heap named last (-1: none). */
void	queue_group_history(struct queue *, int64_t group, int64_t *aside,
	    int64_t *last_index);

void	queue_app_factor(struct queue *, int64_t app, double factor);
void	queue_lane_open_ms(struct queue *, int64_t lane, int64_t open_ms);

/*
 * Past requests to an app's endpoint, by whichever outputs, for its windows:
 * those that ended at `since_boot` or later, in no order; then, when it was
 * not this boot all that time, those of other boots, newest first, until
 * `visit` returns false.
 */
struct queue_past {
	int64_t	request;
	int64_t	objects;
	bool	same_boot;
	int64_t	ended_boot;		/* of this boot, when same_boot */
};
typedef bool queue_past_visit(const struct queue_past *, void *arg);
void	queue_past(struct queue *, int64_t app, enum heap_lane,
	    int64_t since_boot, queue_past_visit *, void *arg);
typedef void queue_mention(int64_t identity, int64_t objects, void *arg);
void	queue_mentioned(struct queue *, int64_t request, queue_mention *,
	    void *arg);

/* --- operators -------------------------------------------------------- */

enum queue_moved {
	QUEUE_MOVED,
	QUEUE_NO_SUCH_EVENT,
	QUEUE_WRONG_STATE,	/* `why` names it */
	QUEUE_UNMAPPED,		/* has no payload: its batch must be, or cannot
				 * be, mapped with today's settings */
	QUEUE_UNANSWERED	/* Heap may have it with other bytes, or have
				 * something newer */
};

/* What replay needs to know of an event. */
struct queue_found {
	char		 state[16];
	char		 reason[32];	/* "" : none */
	int64_t		 lane;
	enum heap_lane	 kind;
	int64_t		 identity;	/* 0: none */
	bool		 mapped;	/* has a payload */
	int64_t		 batch;
	int64_t		 event_index;	/* -1: user properties */
	int64_t		 generation;	/* how often it was replayed */
};

bool	queue_find(struct queue *, int64_t event, struct queue_found *);
/* stuck -> queued (or a `development` or `web_client_side` skip that was
 * mapped anew by queue_remap).  A user-properties update sends only what no
 * newer one has set since; if nothing is left it is skipped, `superseded`.
 * As with queue_discard, the audit row is for whoever was asked to do it. */
enum queue_moved queue_replay(struct queue *, int64_t event, int64_t now,
	    struct why *);
/* A payload for an event that has none; before queue_replay. */
void	queue_remap(struct queue *, int64_t event, const struct queue_event *);
/* An update that was merged into another. */
struct queue_carried {
	int64_t	event;
	int64_t	batch;
	int64_t	generation;		/* how often it was replayed */
};
/* All that the update carries besides its own, oldest first; how many.  *list
 * is given (free). */
size_t	queue_carried(struct queue *, int64_t event,
	    struct queue_carried **list);
/* May Heap have some of it under its present keys?  A slice was delivered, or
 * a request was not answered, or is not known any more. */
bool	queue_unanswered(struct queue *, int64_t event);
/* queued or stuck -> discarded. */
enum queue_moved queue_discard(struct queue *, int64_t event, int64_t now,
	    struct why *);

/* What an operator did: "replay", "event 17", "was stuck, refused". */
void	queue_audit(struct queue *, int64_t now, const char *action,
	    const char *subject, const char *fmt, ...) HR_PRINTF(5, 6);

/* A stored batch, for mapping it again.  Texts are given
 * (queue_stored_free). */
struct queue_stored {
	char	*receipt_id;
	char	*input;
	char	*path;
	int64_t	 received_at;
	bool	 has_mpid;
	int64_t	 mpid;
	bool	 duplicate;
	char	*body;
	size_t	 body_len;
};
bool	queue_stored(struct queue *, int64_t batch, struct queue_stored *);
void	queue_stored_free(struct queue_stored *);

/* --- jobs: replay and discard of all that match ----------------------- */

struct queue_match {
	int64_t	event;
	int64_t	lane;
	int64_t	identity;		/* 0: none */
	int64_t	objects;
};

/*
 * queue_match - the next events that match, in a bounded time
 *
 * The filter names a state: "stuck", "queued" or "skipped" (of those, what
 * replay may take).
 *
 * Looks at some of the events with ids above *cursor and up to `last`, and
 * moves *cursor to the last one it has looked at: to `last` once there are no
 * more.  Returns how many match, at most n.  Needs no transaction; in a turn
 * that failed nothing moves.
 */
size_t	queue_match(struct queue *, const struct filter *,
	    int64_t *cursor, int64_t last, struct queue_match *, size_t n);
/* The highest id that an event ever had. */
int64_t	queue_last_event(const struct queue *);

enum queue_job_kind {
	QUEUE_JOB_REPLAY, QUEUE_JOB_DISCARD,	/* done to events one by one */
	QUEUE_JOB_BACKUP, QUEUE_JOB_ERASE
};
const char *queue_job_name(enum queue_job_kind);	/* lent for ever */

struct queue_job {
	enum queue_job_kind kind;
	struct filter filter;
	bool		 remap, force;
	/* The rest is set by queue_job_running only. */
	int64_t		 id;
	bool		 usable;	/* its filter could be read */
	bool		 counted;	/* total is known */
	int64_t		 total, moved, skipped;
	int64_t		 cursor;	/* as queue_match's */
	int64_t		 last_event;
	struct json	*memory;	/* the filter's texts lie in it */
};

/* The job's id; with its audit row.  Events that come later are none of its
 * business. */
int64_t	queue_job_create(struct queue *, const struct queue_job *,
	    int64_t now);
/* The replay or discard that was created first of those that run; false: none
 * runs, or the turn has failed.  Given (queue_job_free). */
bool	queue_job_running(struct queue *, struct queue_job *);
void	queue_job_free(struct queue_job *);
void	queue_job_total(struct queue *, int64_t id, int64_t total);
/* So many more; `why` the last one was skipped, or NULL. */
void	queue_job_progress(struct queue *, int64_t id, int64_t cursor,
	    int64_t moved, int64_t skipped, const char *why);
/* false: it does not run (any more).  `why` may be NULL. */
enum queue_job_end { QUEUE_JOB_DONE, QUEUE_JOB_CANCELLED, QUEUE_JOB_FAILED };
bool	queue_job_end(struct queue *, int64_t id, enum queue_job_end,
	    const char *why, int64_t now);

/* --- copies of the database ------------------------------------------- */

struct queue_copy;

/*
 * queue_copy_new - begins a copy, in a file that is made for it
 *
 * Needs the turn's transaction: the job is created in it, with its audit row.
 * The copy is FILE.partial until it is whole and proved sound, and has the
 * mode of the database.  NULL and `why`: FILE is there already or cannot be
 * made, or there is not room for it and `spare` bytes.
 */
struct queue_copy *queue_copy_new(struct queue *, const char *file,
	    int64_t spare, int64_t now, struct why *);
int64_t	queue_copy_job(const struct queue_copy *);
/* How many pages there are to copy, which may become more, and are copied. */
void	queue_copy_pages(const struct queue_copy *, int64_t *copied,
	    int64_t *total);

enum queue_copied {
	QUEUE_COPYING,		/* call again */
	QUEUE_PROVING,		/* likewise, but there is time */
	QUEUE_COPIED,		/* FILE is there, sound and on disk */
	QUEUE_COPY_FAILED	/* for `why`; FILE is not there */
};
/* A slice of about a ms.  Between turns: no transaction may be open. */
enum queue_copied queue_copy_slice(struct queue_copy *, struct why *);
/* Does its job still run?  An operator may have cancelled it. */
bool	queue_copy_wanted(struct queue_copy *);
/* It is not: the next slices end it, as failed. */
void	queue_copy_cancel(struct queue_copy *);
/* It is not, though it is whole: its file goes. */
void	queue_copy_remove(struct queue_copy *);
/* Into the turn: how far it is. */
void	queue_copy_progress(struct queue_copy *);
/* Gives up what is not done.  NULL: nothing. */
void	queue_copy_free(struct queue_copy *);

/* --- erasing a person ------------------------------------------------- */

/*
 * queue_erase - a person who was sent to Heap as `identity` is to be erased
 *
 * `types` says what identities are in today's outputs, MP_IDENTITIES the MPID.
 * Their profiles go at once: whoever is called so from now on is somebody
 * new.  The rest goes with queue_erase_slice.  The job's id; 0: nothing is
 * stored of such a person.
 */
int64_t	queue_erase(struct queue *, const char *identity,
	    const enum mp_identity_type *types, size_t types_n, int64_t now);

struct queue_receipt {
	int64_t	job;
	int64_t	events, batches, profiles;	/* erased, in all */
};
enum queue_erased {
	QUEUE_ERASE_NONE,	/* nobody is to be erased */
	QUEUE_ERASE_MORE,	/* there is more */
	QUEUE_ERASE_WAITS,	/* for requests in flight: later */
	QUEUE_ERASE_DONE	/* of the receipt's job; others may follow */
};
/* Some of the erasure that was asked for first; needs the transaction. */
enum queue_erased queue_erase_slice(struct queue *, struct queue_receipt *,
	    int64_t now);
/* Is anybody to be erased?  Needs no transaction. */
bool	queue_erase_pending(struct queue *);
/* The identities for which nothing may be claimed meanwhile.  Given (free). */
int64_t	*queue_erase_held(struct queue *, size_t *n);
/* Empties the WAL, in which older versions of pages are.  Between turns.
 * false: a reader needs it. */
bool	queue_empty_wal(struct queue *);

/* --- retention -------------------------------------------------------- */

struct queue_keep {
	int64_t	delivered_ms, skipped_ms, discarded_ms, requests_ms, dedup_ms;
};

/* Removes some of what is older; true: there may be more. */
bool	queue_prune(struct queue *, const struct queue_keep *,
	    struct moment now);

/* Why the WAL was not emptied when it should have been; "": it was.  Lent. */
const char *queue_checkpoint_error(const struct queue *);
int64_t	queue_bytes(struct queue *);		/* of the database */
int64_t	queue_wal_bytes(struct queue *);
/* Who holds the write lock, after QUEUE_BUSY. */
void	queue_blocker(struct queue *, struct why *);
/* What was read contradicts itself; as store_damaged. */
void	queue_damaged(struct queue *, const char *what);
/* Why queue_begin answered that, which was not QUEUE_READY. */
void	queue_hindrance(struct queue *, enum queue_turn, struct why *);

#endif
