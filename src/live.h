/*
 * live.h - the live stream: what happens, told as it happens
 *
 * Lines about batches in, events out, breakers and operators, for any number
 * of readers over HTTP as server-sent events.  Only what is on disk is told.
 * What happened is kept in a ring as numbers; its words are read from the
 * database when somebody is there to read them.  A reader that is slower than
 * the ring loses lines and is told how many; nobody ever waits for one.
 */
#ifndef HR_LIVE_H
#define HR_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "dispatch.h"
#include "http.h"
#include "inspect.h"
#include "queue.h"

#define LIVE_LINES	16384	/* that the agent's ring holds */
#define LIVE_READERS	32	/* at once */

struct live;

/* What a line is about. */
enum live_kind {
	LIVE_BATCH,		/* a batch came in */
	LIVE_EVENT,		/* an event went out, or will not, or not yet */
	LIVE_OUTPUT,		/* a lane was paused, frozen, opened ... */
	LIVE_AGENT,		/* somebody did something to the agent */
	LIVE_KINDS
};
/* "batch" ...; lent for ever. */
const char *live_kind_name(enum live_kind);

/* Members that a line may be chosen by. */
enum live_member {
	LIVE_BY_OUTPUT, LIVE_BY_STATE, LIVE_BY_REASON, LIVE_BY_IDENTITY,
	LIVE_BY_NAME, LIVE_BY_INPUT,
	LIVE_MEMBERS
};
/* "output" ...; lent for ever. */
const char *live_member_name(enum live_member);

/* Which lines a reader wants; zeroes: all.  A line that has no such member is
 * not wanted. */
struct live_filter {
	bool		 one_kind;
	enum live_kind	 kind;			/* when one_kind */
	const char	*member[LIVE_MEMBERS];	/* NULL: any */
};

/* Keeps the inspect while it tells anything; a ring of so many lines, whose
 * ids begin above `last_id`. */
struct live *live_new(struct inspect *, size_t lines, uint64_t last_id);
/* After http_free, which ends the streams, and queue_close, which may still
 * undo a turn.  NULL: nothing. */
void	live_free(struct live *);

/* For queue_watch. */
queue_watcher live_seen;
queue_unseen live_undone;
/* The turn's transaction ended: what it wrote is on disk, or was undone. */
void	live_committed(struct live *, int64_t now);
/*
 * Once a turn, after live_committed: looks at breakers and pauses, and
 * tells the readers what is new to them.  Returns how many ms until it wants
 * to be called again; INT64_MAX: not by itself.
 */
int64_t	live_turn(struct live *, struct dispatch *, struct moment now);

/*
 * Takes the request: its answer is the stream, from now on and with the last
 * `recent` lines of before.  The filter is copied.  false: there are
 * LIVE_READERS already, and nothing was taken.
 */
bool	live_open(struct live *, struct http_request *,
	    const struct live_filter *, size_t recent, struct moment now);
size_t	live_readers(const struct live *);

#endif
