/*
 * trial.h - one life of the agent with one fault in it
 *
 * The simulated agent takes in batches, delivers, isolates, replays and prunes
 * while the disk fails as planned; if that ends it, it starts anew on what is
 * left.  Then the fault is over, all drains, and everything must be where it
 * belongs (simulation_judge.c, and the database's own checks).
 *
 * A trial is a process of its own.
 */
#ifndef HR_TRIAL_H
#define HR_TRIAL_H

#include "fault_vfs.h"

struct trial {
	uint64_t	  seed;		/* of the course */
	struct fault_plan fault;
	enum fault_loss	  loss;		/* what its end leaves, if it ends */
	/* Draws what a lost power spares and what damage hits; a sweep sets
	 * it. */
	uint64_t	  lot;
	/* What is left is damaged too: bits flipped, or the file cut.  Nothing
	 * is judged then but how it ends. */
	bool		  damage;
};

/* What became of it. */
struct trial_end {
	int64_t		 counted;	/* calls of the planned kinds */
	int64_t		 hits;
	enum fault_op	 hit_op;
	bool		 died;		/* the fault ended the agent ... */
	bool		 starting;	/* ... while it was starting */
	int		 status;	/* with that exit status; -1: a crash */
	int		 after_damage;	/* 0: it went on; else its exit status */
};

/* Fails the test, saying how to repeat it, if a promise was broken. */
void	trial_run(const struct trial *, struct trial_end *);

/*
 * Trials of a plan with the nth call failing, for `points` of n evenly spread
 * over all that the course makes (with HEAPRELAY_LONG all, but `most`); each end
 * goes to `see` with how it began.  Returns how many.  What damage or a lost power
 * leaves is drawn by the seed and n, so HEAPRELAY_NTH, only that one, and
 * HEAPRELAY_SEED, in another course, repeat it.
 */
typedef void trial_see(const struct trial *, const struct trial_end *);
int64_t	trial_sweep(const struct trial *, int64_t points, int64_t most,
	    trial_see *);

#endif
