/*
 * dispatch_private.h - what the files of dispatch share
 *
 * dispatch.c has the lanes and the turn, dispatch_window.c the windows of the
 * apps, dispatch_request.c fills requests, with what dispatch_fill.h names,
 * dispatch_verdict.c judges answers, dispatch_blame.c knows whose fault a
 * failure is, dispatch_operate.c does what operators ask for, dispatch_hold.c
 * keeps identities back, dispatch_forecast.c looks ahead.
 */
#ifndef HR_DISPATCH_PRIVATE_H
#define HR_DISPATCH_PRIVATE_H

#include <sys/queue.h>

#include "dispatch.h"
#include "forecast.h"
#include "rate.h"
#include "retry.h"
#include "sender.h"

/* next_at of an identity that waits for something in flight. */
#define PARKED	(INT64_MAX / 4)

/* Who was in a request goes behind all that were not, also of this instant;
 * later requests of the same turn may carry it again. */
#define BEHIND_MS	1

/*
 * The event that waits longest for room of the app, because it needs more at
 * once than is free.  After a whole window it gets what it needs: the others
 * leave that much alone.
 */
struct shortage {
	int64_t		 event;		/* 0: none waits */
	int64_t		 identity;
	struct lane	*lane;
	int64_t		 objects;
	int64_t		 since;		/* boot ms */
	int64_t		 seen;		/* when it was refused last */
};

/*
 * What Heap counts by: (base_url, app_id).  Every window is keyed by identity
 * id, those of the whole app by 0.  Times are boot ms.
 */
struct app {
	int64_t		 id;
	/* Of one of its outputs; the numbers only, since a reload frees the
	 * texts while requests are out. */
	struct config_output settings;
	struct rate	*track;		/* requests to track by identity */
	struct rate	*objects;	/* track objects by identity */
	struct rate	*app_objects;	/* track objects */
	struct rate	*properties;	/* property requests by identity */
	struct rate	*app_users;	/* users in property requests */
	/* Learnt, 0.1 .. 1, times app_limit: others send to the app as well. */
	double		 factor;
	int64_t		 cut_at;	/* boot ms; 0: never */
	int64_t		 factor_at;	/* boot ms; a 429 came, or it grew */
	bool		 factor_new;	/* until a commit has taken it */
	/* Identities that nothing is sent for: an update in flight, a 429 of
	 * their own, pacing.  One entry a reason; see app_hold. */
	struct rate	*hold[HEAP_LANES];
	struct shortage	 shortage[HEAP_LANES];
	TAILQ_ENTRY(app) link;
};

#define REFUSED_KEPT	64
struct lane {
	struct dispatch	*dispatch;
	const struct output *output;	/* NULL: not configured any more */
	enum heap_lane	 kind;
	int64_t		 id;
	struct app	*app;
	struct sender	*sender;
	char		*url;
	/* Its output's; the numbers only, since a reload frees the texts while
	 * requests are out. */
	struct config_output settings;
	struct breaker	 breaker;
	/* Raised by each probe and each reload.  A request of an earlier era
	 * tells nothing of the destination as it is now. */
	uint64_t	 era;
	/* Its output is: nothing is planned.  A turn that is not stored takes
	 * back what it changed. */
	bool		 paused;
	bool		 paused_on_disk;
	/* What breaker.until was before an operator asked for a probe in this
	 * turn. */
	bool		 probe_asked;
	int64_t		 until_before;
	int64_t		 frozen_until;	/* boot ms; a 429 for many */
	int		 limited;	/* 429s for many since the last 2xx */
	size_t		 carry;		/* identities a request may carry; 0:
					 * any number */
	/* What was refused alone since the last 2xx; when the breaker opens
	 * for it, it returns to the queue. */
	struct queue_claimed refused[REFUSED_KEPT];
	size_t		 refused_n;
	bool		 unrefuse;	/* ... once a commit takes it */
	struct blame	*blame;		/* what failed, and passed since */
	size_t		 inflight;	/* requests claimed or out */
	int64_t		 next_at;	/* boot ms; the plan's last word */
	/* No group under suspicion may go before (boot ms). */
	int64_t		 groups_at;
	bool		 group_last;	/* the last request carried one */
	/* lane.open_ms as it was at open_at (boot ms). */
	int64_t		 open_ms;
	int64_t		 open_at;
	TAILQ_ENTRY(lane) link;
};

enum flight_state {
	FLIGHT_CLAIMED,		/* planned this turn */
	FLIGHT_OUT,		/* handed to the sender */
	FLIGHT_ANSWERED,	/* the verdict is noted */
	FLIGHT_WRITTEN		/* ... and written this turn */
};

/* What a request carries of one identity. */
struct mention {
	int64_t		 identity;
	int64_t		 objects;
};

/* One request from its claim until its verdict is durable. */
struct flight {
	struct lane	*lane;
	struct app	*app;		/* that it went to */
	enum flight_state state;
	uint64_t	 era;		/* of the lane, when it was planned */
	int64_t		 request;
	int64_t		 group;		/* under suspicion; 0: ordinary */
	bool		 probe;
	enum heap_form	 form;
	struct buf	 body;		/* until it is handed to the sender */
	struct queue_claimed *events;	/* in the order of the body */
	size_t		 events_n;
	struct mention	*mentions;	/* each identity once */
	size_t		 mentions_n;
	size_t		 objects;
	/* A slice of the only event: the next one starts there; 0: all of it
	 * (or its last slice) is in here. */
	size_t		 slice_end;
	/* The answer, once noted. */
	enum retry_verdict verdict;
	int		 lone_failure;	/* how often it failed alone while
					 * others passed; 0: it did not */
	struct retry_answer answer;
	char		 error[160];	/* "": there was an answer */
	char		*text;		/* its start */
	struct moment	 ended;
	uint64_t	 random;	/* jitter, drawn once */
	int64_t		 duration_ms;	/* of the request */
	/* How many events the verdict moved; counted once it is durable. */
	int64_t		 delivered;
	int64_t		 retried;
	int64_t		 stuck;
	const char	*reason;	/* of those, while there are any */
	TAILQ_ENTRY(flight) link;
};

TAILQ_HEAD(lanes, lane);
TAILQ_HEAD(apps, app);
TAILQ_HEAD(flights, flight);

struct dispatch {
	struct event_base *base;
	struct queue	*queue;
	dispatch_random	*random;
	const struct outputs *outputs;
	struct apps	 apps;
	struct lanes	 lanes;
	struct flights	 flights;
	int64_t		*held;		/* identities; see dispatch_hold */
	size_t		 held_n;
	struct dispatch_durations durations;
	bool		 stopping;
	/* This turn's transaction has all that was learnt. */
	bool		 learnt_written;
	size_t		 moved;		/* events, in this turn so far */
	/* wall - boot at the last turn: a change is a step of the clock. */
	int64_t		 offset;
	/* Every wait is to be looked at anew, until a commit has done it. */
	bool		 rearm;
};

/* --- dispatch_window.c --- */

struct app *app_new(int64_t id, double factor, const struct config_output *);
void	app_free(struct app *);
/* A 429 came though there was room: the app takes less, once a window.  The
 * time in which nothing is sent because of it is no quiet one. */
void	app_cut(struct app *, int64_t now, int64_t wait);
/* It takes more after each quiet window; when it will next (INT64_MAX: it
 * takes all that is configured). */
int64_t	app_recover(struct app *, int64_t now);
/* How its limit will grow by that, if nothing is limited again; how many
 * steps: from the least factor, 0.1, by a tenth each, they are 25. */
#define APP_STEPS	32
size_t	app_growth(const struct app *, struct forecast_step [APP_STEPS]);
/* Sets the limits and forgets what is noted. */
void	app_reset(struct app *, const struct config_output *);
/* Feeds the stored requests to an endpoint of the app into its windows. */
void	app_rebuild(struct app *, struct queue *, enum heap_lane,
	    struct moment now);
/* The flight occupies its app's windows; it ended; it never left. */
void	app_note(const struct flight *, int64_t now);
void	app_end(const struct flight *);
void	app_cancel(const struct flight *);
void	app_expire(struct app *, int64_t now);

/* The window of an identity's requests, and of what the app sends, whose key
 * is 0. */
struct rate *requests_of(const struct app *, enum heap_lane);
struct rate *whole_of(const struct app *, enum heap_lane);
/* How many objects (users) the app may send now, all that is reserved
 * included; and of these for anybody. */
int64_t	app_room(struct app *, enum heap_lane, int64_t now);
int64_t	app_free_room(struct app *, enum heap_lane, int64_t now);
/* When the app has room for n objects of the event (0: of any), besides what
 * is reserved for another; RATE_NEVER: when something in flight ends. */
int64_t	app_next(struct app *, enum heap_lane, int64_t event, int64_t n,
	    int64_t now);
/* The app has no room for the event; it has now. */
void	app_short(struct lane *, int64_t event, int64_t identity,
	    int64_t objects, int64_t now);
void	app_served(struct app *, enum heap_lane, int64_t event);
/* The event that others must leave room for; NULL: none. */
const struct shortage *app_reserve(const struct app *, enum heap_lane,
	    int64_t now);

/* How many objects of an identity may be sent now, and when n. */
int64_t	identity_room(struct app *, enum heap_lane, int64_t identity,
	    int64_t now);
int64_t	identity_next(struct app *, enum heap_lane, int64_t identity,
	    int64_t n, int64_t now);
/* The most objects of one identity that a request could ever carry. */
int64_t	identity_most(const struct app *, enum heap_lane);

/* Nothing is sent for the identity before `until`; RATE_NEVER: until
 * app_unhold of that request. */
void	app_hold(struct app *, enum heap_lane, int64_t identity,
	    int64_t request, int64_t until, int64_t now);
void	app_unhold(struct app *, enum heap_lane, int64_t identity,
	    int64_t request, int64_t now);

/* A moment of this boot on the wall clock; RATE_NEVER: PARKED. */
int64_t	to_wall(struct moment now, int64_t boot);
/* Claims what the flight carries, for the queue and for the windows; `parent`
 * is the refused request it came from, 0: none. */
void	flight_claim(struct flight *, int64_t parent, struct moment now);

/* --- dispatch_request.c --- */

/* Is there anything to plan for?  If not, sets the lane's next_at to the
 * instant at which that changes by itself.  Only reads. */
bool	request_ready(struct lane *, struct moment now);
/* Claims the next request of the lane, if any may go; NULL: none, and next_at
 * is set as above. */
struct flight *request_plan(struct lane *, struct moment now);

/* --- dispatch_blame.c --- */

struct blame *blame_new(void);
void	blame_free(struct blame *);		/* NULL: nothing */
/*
 * The request failed (not a refusal, not a 429).  true: what it carried is to
 * blame, not the destination.  *lone: of a single event, how often that was so
 * by now; else 0.
 */
bool	blame_failure(struct blame *, const struct flight *, int *lone);
/* The request arrived. */
void	blame_pass(struct blame *, const struct flight *);
/* The breaker opened: what passed before tells nothing any more. */
void	blame_opened(struct blame *);
/* Has it failed since anything passed?  A probe takes somebody else's event
 * if it can. */
bool	blame_failed_lately(struct blame *, int64_t identity);

/* --- dispatch_verdict.c --- */

/* sender_done: notes the verdict. */
void	verdict_note(void *flight, const struct sender_result *);
/* Writes a noted verdict into the turn's transaction. */
void	verdict_write(struct flight *);
/* What was written is on disk: counts it, and says what people should know. */
void	verdict_settled(const struct flight *);

/* --- dispatch_operate.c --- */

/* What the turn stored of a pause holds; without `durable`, what operators
 * asked for has not happened. */
void	operate_end(struct dispatch *, bool durable, int64_t now);

/* --- dispatch_hold.c --- */

/* There may be apps that know nothing of it. */
void	hold_anew(struct dispatch *, int64_t now);

/* --- dispatch.c --- */

/* NULL: there is none of that id. */
struct lane *lane_of(struct dispatch *, int64_t id);
/* The use of a window by one key. */
void	window_view(struct dispatch_window *, const char *name, struct rate *,
	    int64_t key, struct moment now);

/* How long the lane has been open in all, by now. */
int64_t	lane_open_ms(struct lane *, int64_t now);
/* Does the lane's next request go as one event, to see whether all is well?
 * Others may still be out: they are of an earlier era. */
bool	lane_probes(const struct lane *, int64_t now);

#endif
