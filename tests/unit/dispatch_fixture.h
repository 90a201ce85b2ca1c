/*
 * dispatch_fixture.h - what the tests of the dispatcher share
 *
 * The real queue on a file, dispatch as main.c drives it, a clock that only
 * the test moves, and a sender that is not there: what is posted is noted
 * here and answered when, and with what, the test says.
 */
#ifndef HR_DISPATCH_FIXTURE_H
#define HR_DISPATCH_FIXTURE_H

#include "dispatch.h"
#include "sender.h"
#include "store.h"

#define START_WALL	INT64_C(1700000000000)
#define START_BOOT	INT64_C(5000000)
#define LATENCY_MS	20		/* of an answer, unless told */
#define OUTPUTS		2		/* the fixture has room for */
#define FOREVER		(INT64_MAX / 4)	/* an answer that does not come */

struct fixture;

/* One POST as the far side sees it, and its answer. */
struct post {
	char		*url;
	char		*body;
	size_t		 len;
	int64_t		 at;		/* boot ms: when it left */
	/* The answer: 200 after LATENCY_MS unless the test changes it. */
	int64_t		 answer_at;	/* boot ms; FOREVER: when told */
	struct sender_result result;
	char		 text[256];	/* of the answer's body */
	bool		 ended;
	struct sender	*sender;
	sender_done	*done;
	void		*arg;
};

/* Called for each POST as it leaves: may change its answer. */
typedef void far_side(struct fixture *, struct post *);
/* Called in each turn once its transaction has ended, before what was claimed
 * leaves. */
typedef void turn_ended(struct fixture *, bool durable);

struct fixture {
	char		*directory;
	char		*path;
	struct queue	*queue;
	struct dispatch	*dispatch;
	struct moment	 now;
	/* Settings: change them before fixture_start or fixture_reload. */
	struct config	 config;
	struct config_output settings[OUTPUTS];
	struct outputs	 outputs;
	char		 label[40];	/* for messages: which run this is */
	uint64_t	 random;	/* what the next draws give */
	int		 fail_commits;	/* so many turns cannot be stored */
	bool		 lazy;		/* what is put waits for the turn */
	turn_ended	*ended;		/* or NULL */
	/* The far side. */
	far_side	*far;
	void		*far_arg;
	struct post	*posts;
	size_t		 posts_n;
	size_t		 posts_room;
	size_t		 first_out;	/* all before have ended */
	int64_t		 keys;		/* the next object's key */
};

/* For cmocka: a started fixture with one output, "heap", of default
 * settings. */
int	fixture_setup(void **state);
int	fixture_teardown(void **state);
/* The same without cmocka, not yet started. */
struct fixture *fixture_new(void);
void	fixture_free(struct fixture *);

#define DISPATCH_TEST(t) \
	cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)

/* Opens the queue and starts as main.c does. */
void	fixture_start(struct fixture *);
/* As kill -9: what was not committed is gone, posts are not reported. */
void	fixture_crash(struct fixture *);
/* The same when the queue is past closing: it is left as it is. */
void	fixture_abandon(struct fixture *);
/* The settings anew, as after SIGHUP; a turn passes. */
void	fixture_reload(struct fixture *);

/* One turn at this instant: answers that are due, plan, commit, launch.
 * Returns how many ms until the next. */
int64_t	fixture_turn(struct fixture *);
/* Turns until nothing is due for `ms`; the clock ends there. */
void	fixture_run(struct fixture *, int64_t ms);
/* Turns until nothing is queued, in flight or awaited any more; fails after
 * `limit_ms`.  Returns how long it took. */
int64_t	fixture_drain(struct fixture *, int64_t limit_ms);
void	fixture_step_wall(struct fixture *, int64_t ms);

/* --- the way in ------------------------------------------------------- */

/* Texts for payloads; given (free(3)).  Keys are unique. */
char	*track_payload(struct fixture *, const char *identity, size_t objects,
	    size_t padding);
char	*property_payload(const char *identity, const char *members);

/* Queues one event of the output; `commerce` ones travel in bulk only.
 * Durable on return, unless the fixture is lazy.  Returns its id. */
int64_t	put_track(struct fixture *, size_t output, const char *identity,
	    size_t objects, bool commerce);
/* n of one object each in one transaction; returns the first id. */
int64_t	put_many(struct fixture *, size_t output, const char *identity,
	    size_t n);
int64_t	put_payload(struct fixture *, size_t output, enum heap_lane,
	    const char *identity, const char *payload, size_t objects,
	    bool commerce);
int64_t	put_properties(struct fixture *, const char *identity,
	    const char *members);

/* --- the far side ----------------------------------------------------- */

/* Answers a post that is out, at this instant; `text` NULL: no body. */
void	post_answer(struct fixture *, size_t post, int status,
	    const char *text);
void	post_fail(struct fixture *, size_t post, bool never_left,
	    const char *error);
/* For far_side functions: sets the answer of a post. */
void	post_will(struct post *, int status, const char *text);
/* How many posts are out. */
size_t	posts_out(const struct fixture *);
/* How many objects a post carries (by their keys), and whether one of them
 * is of that identity, or has that text. */
size_t	post_objects(const struct post *);
bool	post_has(const struct post *, const char *text);
bool	post_is_bulk(const struct post *);

/* --- what is stored --------------------------------------------------- */

/* One event as stored; -1 stands for NULL in numbers, "" in texts. */
struct event_row {
	char	state[16];
	char	reason[32];
	int64_t	due_at;
	int64_t	attempts;
	int64_t	failures;
	int64_t	last_status;
	int64_t	sent;
	int64_t	suspect;
	int64_t	merged_into;
	char	last_error[256];
};
struct event_row event_row(struct fixture *, int64_t event);
/* The one integer a query answers. */
int64_t	ask(struct fixture *, const char *sql);
int64_t	count_state(struct fixture *, const char *state);
void	assert_conserved(struct fixture *);

/* The lane as dispatch_each shows it. */
struct lane_view {
	enum breaker_state state;
	int		 failures;
	int64_t		 breaker_until;		/* wall ms */
	int64_t		 frozen_until;		/* wall ms */
	size_t		 inflight;
};
struct lane_view lane_view(struct fixture *, enum heap_lane);

#endif
