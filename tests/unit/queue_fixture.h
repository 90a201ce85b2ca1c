/*
 * queue_fixture.h - a queue with two outputs, and what the tests ask of it
 */
#ifndef HR_QUEUE_FIXTURE_H
#define HR_QUEUE_FIXTURE_H

#include "queue.h"

#define QUEUE_NOW	INT64_C(1700000000000)

struct queue_fixture {
	struct queue	*q;		/* its transaction is open */
	struct queue_output out;	/* "heap", app 1 */
	struct queue_output other;	/* "other", app 2 */
	struct moment	 now;
	char		*directory;	/* NULL: the queue is in memory */
	char		*path;
};

/* For cmocka: a queue in memory, or in a file. */
int	queue_fixture_setup(void **state);
int	queue_fixture_setup_file(void **state);
int	queue_fixture_teardown(void **state);

#define QUEUE_TEST(t) \
	cmocka_unit_test_setup_teardown(t, queue_fixture_setup, \
	    queue_fixture_teardown)
#define QUEUE_FILE_TEST(t) \
	cmocka_unit_test_setup_teardown(t, queue_fixture_setup_file, \
	    queue_fixture_teardown)

/*
 * Commits, and proves that nothing was lost: v_conservation, the tallies of
 * every lane, who waits, and the batches' counts all agree with the events.
 * Then begins the next turn.
 */
void	settle(struct queue_fixture *);
/* What is not committed is lost; the queue is opened anew. */
void	crash(struct queue_fixture *);

/* The integer, or the text (given), that a query answers; printf's form. */
int64_t	number(struct queue_fixture *, const char *sql, ...) HR_PRINTF(2, 3);
char	*words(struct queue_fixture *, const char *sql, ...) HR_PRINTF(2, 3);
/* A column of an event as text; NULL reads "-". */
void	assert_event(struct queue_fixture *, int64_t id, const char *column,
	    const char *expected);
/* Its state, and its reason ("-": none). */
void	assert_state(struct queue_fixture *, int64_t id, const char *state,
	    const char *reason);

/* A queued event of the first output, in a batch of its own. */
int64_t	put_track(struct queue_fixture *, const char *identity);
/* A queued update of user properties; `properties` are their JSON members. */
int64_t	put_update(struct queue_fixture *, const char *identity,
	    const char *properties);
/* A track event that is stuck or skipped from its start, without payload. */
int64_t	put_ended(struct queue_fixture *, enum queue_entry,
	    const char *reason);
/* In a batch of one; the identity is interned. */
int64_t	put_event(struct queue_fixture *, const struct queue_event *,
	    const char *identity);

/* An update as its payload says it. */
#define USER(identity, properties) \
	"{\"identity\":\"" identity "\",\"properties\":{" properties "}}"

/* Claims the update and ends its request with that status. */
struct queue_end flown(struct queue_fixture *, int64_t event, int status);
/* An update of "ada" that Heap has refused. */
int64_t	stuck_update(struct queue_fixture *, const char *properties);
void	assert_merged(struct queue_fixture *, int64_t event, int64_t into);

/* A moment by its wall time, as far from now on both clocks. */
struct moment at(struct queue_fixture *, int64_t wall);
/* Claims events of the first output, one object each; the request's id. */
int64_t	claim(struct queue_fixture *, enum heap_lane, const int64_t *events,
	    size_t n);
int64_t	claim_one(struct queue_fixture *, enum heap_lane, int64_t event);
/* The end of a request, with that status, now; not written yet. */
struct queue_end end_of(struct queue_fixture *, enum heap_lane,
	    int64_t request, int status);

/* The ids that queue_ready hands out for an identity, joined by spaces.
 * Given (free). */
char	*ready_ids(struct queue_fixture *, enum heap_lane,
	    const char *identity, int64_t after);

#endif
