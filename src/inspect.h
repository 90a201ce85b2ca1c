/*
 * inspect.h - read-only: everything an operator looks at
 *
 * Reads on a connection of its own, so that a look never waits for a write
 * and never disturbs one.  Each question gives up after some milliseconds,
 * since the loop waits for it: a list then has what was found and where to go
 * on.  A queue in memory has no second connection; its own is used then.
 *
 * Times are wall ms.
 */
#ifndef HR_INSPECT_H
#define HR_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter.h"
#include "mem.h"

struct inspect;
struct store;

/* What one question may take of the processor; five times that by the clock. */
#define INSPECT_PATIENCE_MS	10
#define INSPECT_REQUESTS	500	/* of one event, at most */

/* Keeps `writer`, which has the database open, until inspect_close.  0 and
 * *out (given), or -1 and `why`. */
int	inspect_open(struct inspect **out, struct store *writer, struct why *);
void	inspect_close(struct inspect *);	/* NULL: nothing */
/* Tests: 0 gives up as soon as it is looked at. */
void	inspect_set_patience(struct inspect *, int64_t ms);

enum inspect_answer {
	INSPECT_OK,
	INSPECT_NONE,		/* there is no such thing */
	INSPECT_FAILED		/* inspect_error says why */
};

/* The last failure, for people.  Lent until the next question. */
const char *inspect_error(const struct inspect *);

/* What is seen: only what is on disk, or also what this turn wrote. */
enum inspect_view { INSPECT_COMMITTED, INSPECT_TURN };

/* --- events ----------------------------------------------------------- */

/* Texts are lent for the call that hands it over; NULL: none. */
struct inspect_event {
	int64_t		 id;
	const char	*output;
	const char	*lane;		/* "track", "user_properties" */
	const char	*identity;
	const char	*name;		/* "" for user properties */
	int64_t		 objects;
	const char	*state;
	const char	*reason;
	int64_t		 attempts;
	int64_t		 due_at;	/* 0: none */
	int64_t		 last_status;	/* 0: no answer */
	const char	*last_error;
	const char	*input;
	const char	*environment;
	int64_t		 received_at;
	int64_t		 event_at;
	int64_t		 ended_at;	/* 0: it has not ended */
	int64_t		 batch;
	const char	*receipt_id;
	int64_t		 generation;
	int64_t		 merged_into;	/* 0: not merged */
	int64_t		 lane_id;
	int64_t		 event_index;	/* -1: user properties */
	bool		 suspect;	/* it travels apart from the others */
	bool		 paused;	/* its output is */
	/* When its identity is looked at next, if any of its events is ready;
	 * 0: none is.  Far beyond every date: when something in flight ends. */
	int64_t		 next_at;
	int64_t		 left;		/* objects that no slice of it has
					 * delivered yet, about so many */
	/* Only of inspect_event; NULL in lists. */
	const char	*payload;	/* as struct queue_event's */
	size_t		 payload_len;
	const char	*body;		/* of the batch, as received */
	size_t		 body_len;
	const char	*what, *hint;	/* of its reason, as parts of a
					 * sentence; NULL: no words for it */
};
typedef void inspect_event_visit(const struct inspect_event *, void *arg);

/* Newest first, in pages. */
struct inspect_page {
	int64_t		before;		/* ids below it; INT64_MAX: all */
	size_t		limit;
	int64_t		next;		/* result: the next page's `before`;
					   0: that was all */
};

enum inspect_answer inspect_events(struct inspect *,
	    const struct filter *, struct inspect_page *,
	    inspect_event_visit *, void *arg);
enum inspect_answer inspect_event(struct inspect *, enum inspect_view,
	    int64_t id, inspect_event_visit *, void *arg);

/* --- requests --------------------------------------------------------- */

/* Texts are lent for the call; NULL: none. */
struct inspect_request {
	int64_t		 id;
	const char	*output;
	const char	*lane;
	const char	*form;		/* "flat", "bulk" */
	int64_t		 events;
	int64_t		 objects;
	int64_t		 bytes;
	int64_t		 parent;	/* 0: none */
	int64_t		 started_at;
	int64_t		 ended_at;	/* 0: in flight */
	int64_t		 duration_ms;	/* -1: not known */
	int64_t		 status;	/* 0: no answer */
	bool		 never_left;
	const char	*verdict;
	const char	*error;
	const char	*answer;	/* its start */
};
typedef void inspect_request_visit(const struct inspect_request *, void *arg);

enum inspect_answer inspect_requests(struct inspect *, struct inspect_page *,
	    inspect_request_visit *, void *arg);
/* Those that carried an event, oldest first; the newest INSPECT_REQUESTS. */
enum inspect_answer inspect_event_requests(struct inspect *,
	    enum inspect_view, int64_t event, inspect_request_visit *,
	    void *arg);

/* --- counts ----------------------------------------------------------- */

enum inspect_count {
	INSPECT_QUEUED, INSPECT_INFLIGHT, INSPECT_DELIVERED, INSPECT_STUCK,
	INSPECT_DISCARDED, INSPECT_SKIPPED,
#define INSPECT_STATES	6	/* the six before; then, of all time: */
	INSPECT_ACCEPTED = INSPECT_STATES, INSPECT_PRUNED, INSPECT_ERASED,
	INSPECT_COUNTS
};
const char *inspect_count_name(enum inspect_count);	/* lent for ever */

struct inspect_output {
	const char	*name;
	const char	*app_id;	/* NULL: not configured any more */
	const char	*base_url;	/* as app_id */
	double		 factor;	/* as app_id */
	int64_t		 paused_at;	/* 0: not paused */
	int64_t		 count[INSPECT_COUNTS];
};
typedef void inspect_output_visit(const struct inspect_output *, void *arg);

/* Every output that has or had rows, by name. */
enum inspect_answer inspect_outputs(struct inspect *, inspect_output_visit *,
	    void *arg);
/* The one of that name. */
enum inspect_answer inspect_output(struct inspect *, enum inspect_view,
	    const char *name, inspect_output_visit *, void *arg);
/* The same by output: each that may send, with 0 when none of its events is
 * due.  `output` is lent for the call. */
typedef void inspect_due_visit(const char *output, int64_t since, void *arg);
enum inspect_answer inspect_due(struct inspect *, int64_t now,
	    inspect_due_visit *, void *arg);
/* Since when the event that has been due longest could have left; 0: none is
 * due.  What is paused could not. */
enum inspect_answer inspect_oldest_due(struct inspect *, int64_t now,
	    int64_t *since);

/* --- what waits, and for whom ------------------------------------------ */

/* One identity in one lane. */
struct inspect_waiting {
	int64_t		 identity;	/* its id */
	const char	*value;		/* NULL: erased */
	int64_t		 ready;		/* events: queued and due */
	int64_t		 objects;	/* of these; of many, about so many */
	int64_t		 next_at;	/* see inspect_event; 0: no event */
	/* Only of inspect_identity, and none counted beyond INSPECT_MANY. */
	int64_t		 deferred;	/* events queued for later ... */
	int64_t		 due_at;	/* ... the last of them; 0: none */
	int64_t		 stuck;
};
#define INSPECT_MANY	10000

struct inspect_lane {
	int64_t		 id;
	const char	*output;
	const char	*lane;		/* "track", "user_properties" */
	bool		 configured;	/* its output is */
	int64_t		 paused_at;	/* its output; 0: not paused */
	int64_t		 queued;	/* events */
	int64_t		 objects;	/* of these, about so many */
	int64_t		 busy_ms;	/* what a request takes; 0: not known */
	int64_t		 due_at;	/* of the last deferred one; 0: none */
	const char	*due_identity;	/* whose that is */
	/* The longest backlogs, the longest first. */
	struct inspect_waiting *waiting;
	size_t		 waiting_n;
};

/* A look at all lanes; its cost does not grow with what is queued. */
struct inspect_backlog {
	struct inspect_lane *lane;
	size_t		 lanes;
	struct arena	*arena;		/* holds all of it */
};

/* *out is given (inspect_backlog_free) with INSPECT_OK; at most `longest`
 * backlogs of each lane. */
enum inspect_answer inspect_backlog(struct inspect *, size_t longest,
	    struct inspect_backlog **out);
void	inspect_backlog_free(struct inspect_backlog *);	/* NULL: nothing */

/* Where a queued event stands among those of its identity. */
struct inspect_place {
	int64_t	identity;		/* its id; 0: it has none */
	int64_t	events;			/* ready and before it; of more than
					 * INSPECT_MANY so many */
	int64_t	objects;		/* of these, about so many */
	int64_t	busy_ms;		/* what a request of the lane takes */
};
enum inspect_answer inspect_place(struct inspect *,
	    const struct inspect_event *, struct inspect_place *);
/* INSPECT_NONE: there was never anything for it. */
enum inspect_answer inspect_find_identity(struct inspect *, const char *value,
	    int64_t *identity);
/* `value` is lent for the call of `visit`. */
typedef void inspect_waiting_visit(const struct inspect_waiting *, void *arg);
enum inspect_answer inspect_identity(struct inspect *, int64_t lane,
	    int64_t identity, inspect_waiting_visit *, void *arg);

/* --- what operators did ------------------------------------------------- */

/* Texts are lent for the call. */
struct inspect_audit {
	int64_t		 id;
	int64_t		 at;
	const char	*action;	/* "replay", "pause" ... */
	const char	*subject;	/* "event 17" */
	const char	*detail;	/* what changed */
};
typedef void inspect_audit_visit(const struct inspect_audit *, void *arg);

enum inspect_answer inspect_audits(struct inspect *, struct inspect_page *,
	    inspect_audit_visit *, void *arg);

/* --- proofs ----------------------------------------------------------- */

enum inspect_proof {
	INSPECT_GOOD, INSPECT_BAD,
	INSPECT_OPEN		/* it was given up */
};
/* Called for each check; texts are lent for the call. */
typedef void inspect_proved(const char *check, enum inspect_proof,
	    const char *detail, void *arg);

/* Is the database what it should be?  As far as one question's patience
 * reaches, for all checks together. */
void	inspect_prove(struct inspect *, inspect_proved *, void *arg);
/* All checks, however long they take. */
void	inspect_prove_all(struct store *, inspect_proved *, void *arg);

/* --- jobs ------------------------------------------------------------- */

/* Texts are lent for the call; NULL: none. */
struct inspect_job {
	int64_t		 id;
	const char	*kind;		/* "replay", "backup" ... */
	const char	*filter;	/* JSON */
	bool		 remap, force;
	const char	*state;		/* "running" ... */
	int64_t		 total;		/* events; -1: not counted yet */
	int64_t		 moved;
	int64_t		 skipped;
	const char	*error;
	int64_t		 started_at;
	int64_t		 ended_at;	/* 0: it runs */
};
typedef void inspect_job_visit(const struct inspect_job *, void *arg);

enum inspect_answer inspect_jobs(struct inspect *, struct inspect_page *,
	    inspect_job_visit *, void *arg);
enum inspect_answer inspect_job(struct inspect *, enum inspect_view,
	    int64_t id, inspect_job_visit *, void *arg);

/* --- the live stream --------------------------------------------------- */

/* Texts are lent for the call; NULL: none. */
struct inspect_live_batch {
	const char	*input;
	const char	*receipt_id;
	const char	*path;
	const char	*environment;
	bool		 duplicate;
	int64_t		 received_at;
	int64_t		 events;	/* what it became, for all outputs */
};
typedef void inspect_live_batch_visit(const struct inspect_live_batch *,
	    void *arg);
enum inspect_answer inspect_live_batch(struct inspect *, int64_t id,
	    inspect_live_batch_visit *, void *arg);

struct inspect_live_event {
	const char	*output;
	const char	*lane;		/* "track", "user_properties" */
	const char	*identity;
	const char	*name;		/* "" for user properties */
	int64_t		 objects;
	int64_t		 batch;
	const char	*input;
	const char	*environment;
	/* Of the request. */
	const char	*error;		/* what failed, without an answer */
	const char	*answer;	/* its start */
};
typedef void inspect_live_event_visit(const struct inspect_live_event *,
	    void *arg);
/* With what is known of a request's end; 0: of none. */
enum inspect_answer inspect_live_event(struct inspect *, int64_t id,
	    int64_t request, inspect_live_event_visit *, void *arg);

struct inspect_live_audit {
	const char	*action, *subject, *detail;
};
typedef void inspect_live_audit_visit(const struct inspect_live_audit *,
	    void *arg);
enum inspect_answer inspect_live_audit(struct inspect *, int64_t id,
	    inspect_live_audit_visit *, void *arg);

#endif
