/*
 * simulation.h - what the files of the simulation share
 *
 * The agent from the arrival of a body to its last answer is the real one; a
 * seed draws the rest.  simulation_heap.c is the far side, and knows when each
 * request was counted there; simulation_batch.c sends batches;
 * simulation_judge.c looks for what must never be; simulation.c has the
 * course of a run.
 */
#ifndef HR_SIMULATION_H
#define HR_SIMULATION_H

#include "accept.h"
#include "dispatch_fixture.h"

#define SIM_PEOPLE	48	/* that batches come from */
#define SIM_HOT		4	/* of them send most */
#define SIM_PEOPLE_MAX	400	/* minted ones included */
#define SIM_PROPERTIES	7	/* p0 ... p5, and one that Heap refuses */
#define SIM_APPS	2
#define SIM_LANES	8	/* lane ids are below */
#define SIM_POISON	"\"poison\":"
#define SIM_POISON_KEY	6	/* among the properties */

/* The windows of delivery.md section 3. */
enum sim_window {
	SIM_TRACK, SIM_IDENTITY, SIM_APP, SIM_UPDATES, SIM_APP_UPDATES,
	SIM_WINDOWS
};

/* The limits from one start or reload to the next. */
struct sim_limits {
	struct config_limit window[SIM_WINDOWS];
};

/* One Heap object by its idempotency key. */
struct sim_object {
	uint64_t	 key;		/* its first half */
	uint64_t	 bytes;		/* a hash of all of it */
	int64_t		 event;		/* the last that carries it */
	int		 accepted;	/* events that carry it */
	int		 settled;	/* 2xx that the agent has on disk */
	int		 failures;	/* answers that are a failure */
	bool		 too_large;	/* its event alone was answered 413 */
	bool		 taken;		/* Heap has it */
};

/* One event that was accepted and is to be sent. */
struct sim_event {
	bool		 accepted;	/* and that is durable */
	bool		 poison;	/* Heap refuses it */
	bool		 discarded;	/* by the operator */
	enum heap_lane	 kind;
	size_t		 first_ref;	/* its objects, in refs */
	size_t		 objects;
	int64_t		 arrived;	/* model ms */
	int64_t		 since;		/* open ms of its lane: it waits */
};

/* Who a batch is about, by app and property. */
struct sim_person {
	int64_t		 mpid;
	int64_t		 expected[SIM_APPS][SIM_PROPERTIES]; /* of the last
						 * update that set it; 0: none */
	int64_t		 at_heap[SIM_APPS][SIM_PROPERTIES];
	int64_t		 lost[SIM_APPS][SIM_PROPERTIES]; /* discarded */
	size_t		 update[SIM_APPS];	/* the last call + 1 */
	int64_t		 served[SIM_LANES];	/* open ms of the lane */
	ssize_t		 last_row[SIM_APPS][HEAP_LANES];
};

enum sim_state { SIM_OUT, SIM_ANSWERED, SIM_SETTLED, SIM_LOST };

/* One request as Heap knows it; the post of the same number. */
struct sim_call {
	enum sim_state	 state;
	enum heap_lane	 kind;
	size_t		 app;
	int64_t		 start;		/* model ms */
	int64_t		 us;		/* when it counted; model time */
	int64_t		 latest;	/* the greatest us up to this call */
	bool		 left;		/* else it counts nowhere */
	size_t		 limits;	/* those it was claimed under */
	size_t		 first_ref, refs_n;	/* its objects */
	size_t		 first_row, rows_n;
	int64_t		 objects;
	int64_t		 poisoned;	/* index of a refused one, or -1 */
	size_t		 events;
};

/* What a call says of one person. */
struct sim_row {
	size_t		 call;
	size_t		 person;
	int64_t		 objects;
	ssize_t		 before;	/* the person's row before; -1 */
};

enum sim_outage { SIM_HEALTHY, SIM_BROKEN, SIM_SILENT, SIM_GONE, SIM_LOCKED };

struct sim {
	struct fixture	*f;
	uint64_t	 seed;
	uint64_t	 random;
	bool		 quiet;			/* no more mischief */
	bool		 blind;			/* the judge may not read the
						 * database just now */
	/* Model time is boot time plus this, over all boots. */
	int64_t		 shift;
	int64_t		 boots;
	size_t		 turns;
	uint64_t	 digest;		/* of all that was posted */

	/* The agent's way in. */
	struct config_input input[SIM_APPS];
	struct profile_store *profiles;
	struct acceptor	*acceptor;
	struct buf	 errors;

	/* What was accepted. */
	struct sim_object *objects;
	size_t		 objects_n, objects_room;
	size_t		*slots;			/* by key; index + 1 */
	size_t		 slots_n;
	struct sim_event *events;		/* by id */
	size_t		 events_room;
	size_t		*refs;			/* indexes of objects */
	size_t		 refs_n, refs_room;
	/* Of this turn: what is taken back when it cannot be stored. */
	struct sim_staged {
		int64_t	 event;
		bool	 discard;
		size_t	 person, app;
		int64_t	 value[SIM_PROPERTIES];	/* 0: not set */
	}		*staged;
	size_t		 staged_n, staged_room;

	struct sim_person person[SIM_PEOPLE_MAX];
	size_t		 people;
	struct sim_limits *limits;
	size_t		 limits_n;

	/* The far side. */
	struct sim_call	*calls;
	size_t		 calls_n, calls_room;
	size_t		 first_open;		/* before it all have ended */
	struct sim_row	*rows;
	size_t		 rows_n, rows_room;
	enum sim_outage	 outage;
	int64_t		 outage_until;		/* model ms */
	size_t		 largest;		/* bytes it takes */
	int		 clumsy;		/* one in so many goes wrong */
	bool		 forgiving;		/* poison is taken */

	/* Batches. */
	int64_t		 batches;
	int64_t		 messages;
	int64_t		 value;			/* of properties; rises */
	uint64_t	 receipts;
	char		*repeat;		/* a body sent before, or NULL */
	size_t		 repeat_input;
	size_t		 big;			/* commerce events: at most */

	/* How long each lane was open; the last look. */
	int64_t		 open[SIM_LANES];
	bool		 was_open[SIM_LANES];
	enum heap_lane	 kind[SIM_LANES];
	int64_t		 looked_at;		/* model ms */
};

/* --- simulation.c --- */

#define MINUTE	INT64_C(60000)
#define HOUR	(60 * MINUTE)
#define DAY	(24 * HOUR)

/* An agent with outputs, inputs and limits that the seed draws; it starts, or
 * starts anew after fixture_crash, when told. */
struct sim *sim_new(uint64_t seed);
void	sim_start(struct sim *);
void	sim_end(struct sim *);
/* One time in many each: the operator acts, retention runs, commits fail, the
 * agent dies, the clock steps, settings change, Heap has an outage. */
void	sim_make_mischief(struct sim *);
void	sim_operate(struct sim *);
void	sim_prune(struct sim *);
/* How long nothing arrives: mostly moments, sometimes a night. */
int64_t	sim_pause_ms(struct sim *);
/* From the next start or reload on. */
void	sim_use_limits(struct sim *, const struct config_limit [SIM_WINDOWS]);
void	sim_set_output(struct sim *, int64_t max_in_flight, double share);
/* Calls that have ended have an answer; what was answered in earlier turns is
 * on disk now. */
void	sim_note_ends(struct sim *);
void	sim_settle(struct sim *);

/* Draws; uniform over 0 ... max; one time in n, unless all is quiet. */
uint64_t sim_draw(struct sim *);
int64_t	sim_upto(struct sim *, int64_t max);
bool	sim_one_in(struct sim *, int64_t n);
int64_t	sim_now(const struct sim *);		/* model ms */
/* Says how to see it again, and fails. */
void	sim_fail(const struct sim *, const char *fmt, ...) HR_PRINTF(2, 3);

/* --- simulation_heap.c --- */

/* One object or update of a text, for loops: behind `at`; NULL: no more. */
const char *sim_next_object(const char *at, const char **end);
uint64_t sim_object_key(const struct sim *, const char *at);
uint64_t sim_bytes(const char *at, const char *end);
/* The object of that key; `make` it if need be, else NULL. */
struct sim_object *sim_object(struct sim *, uint64_t key, bool make);
size_t	sim_person(struct sim *, int64_t mpid);
/* The value of a property in an update; 0: not set. */
int64_t	sim_property(const char *at, const char *end, size_t k);
void	sim_ref(struct sim *, size_t object);

/* far_side. */
void	sim_answer(struct fixture *, struct post *);
/* The agent died at this moment and is there again at `until` (model ms). */
void	sim_lose_calls(struct sim *, int64_t until);
void	sim_free_heap(struct sim *);

/* --- simulation_batch.c --- */

/* The way in of an agent that has just started, and its end. */
void	sim_open_intake(struct sim *);
void	sim_close_intake(struct sim *);
void	sim_arrive(struct sim *);
/* One plain event of a person, and no more. */
void	sim_arrive_plain(struct sim *, size_t person);
/* What was staged is durable, or never was. */
void	sim_commit(struct sim *, bool durable);
/* Stages that the operator discards the event. */
void	sim_stage_discard(struct sim *, int64_t event);

/* --- simulation_judge.c --- */

/* No window that the calls from that one on are in holds too much. */
void	sim_judge_windows(struct sim *, size_t first);
/* Nobody waits who could go. */
void	sim_look(struct sim *);
void	sim_judge_waiting(struct sim *);
/* All has left: what became of it? */
void	sim_judge_fates(struct sim *);
void	sim_judge_properties(struct sim *);

#endif
