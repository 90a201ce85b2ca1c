/*
 * queue_erase_private.h - what the two files of erasing share
 *
 * queue_erase.c knows who the person is, and begins and ends an erasure;
 * queue_erase_batch.c goes along the batches.
 */
#ifndef HR_QUEUE_ERASE_PRIVATE_H
#define HR_QUEUE_ERASE_PRIVATE_H

#include "queue_private.h"

/* One erasure while a slice of it is done. */
struct erasing {
	struct queue	*queue;
	int64_t		 job;
	char		 hash[QUEUE_HASH];
	int64_t		 identity;	/* 0: it was never sent */
	int64_t		 last_batch;
	int64_t		 cursor;
	int64_t		 again;		/* 0: from the first; -1: no more */
	int64_t		 request;	/* -1: batches come first */
	int64_t		 batches, profiles, events;
	int64_t		 removed;	/* events, by this slice */
	int64_t		*mpid;		/* erasure_profile */
	size_t		 mpids;
	int64_t		*known;		/* erasure_identity */
	size_t		 knowns;
	bool		 waits;		/* a round ended, something is out */
};

/* A statement with its :job; one with one number, run: how many rows. */
sqlite3_stmt *erasing_statement(const struct erasing *, enum sql);
int64_t	erasing_run(struct queue *, enum sql, const char *name, int64_t);
/* Does it answer a row? */
bool	erasing_answers(struct queue *, sqlite3_stmt *);
/* A column's text, given; NULL: none. */
char	*erasing_text(sqlite3_stmt *, int column);
bool	erasing_among(const int64_t *list, size_t n, int64_t);

/* Learnt on the way: one more profile, which goes, or identity, which has no
 * text from now on. */
void	erasing_add_profile(struct erasing *, int64_t mpid);
void	erasing_add_identity(struct erasing *, int64_t identity);

/* A slice along the batches; behind the last round, sets `request`. */
void	erasing_batches(struct erasing *);

#endif
