/*
 * map_fixture.h - what the tests of the mapping share
 *
 * One input, one output, one batch at a time and its outcomes.
 */
#ifndef HR_MAP_FIXTURE_H
#define HR_MAP_FIXTURE_H

#include "map.h"

#define RECEIVED_AT	INT64_C(1700000000000)
#define RECEIVED_TEXT	"2023-11-14T22:13:20.000Z"

/* The texts of a batch: an event, and the name of one. */
#define EVENT(type, members) \
	"{\"event_type\":\"" type "\",\"data\":{" members "}}"
#define NAMED		"\"event_name\":\"E\""

/* Everything that map_batch is handed, and its result. */
struct fixture {
	struct config_input	 input;
	struct config_output	 output;
	struct map_context	 context;
	struct arena		*arena;
	struct mp_request	*request;
	char			*text;
	struct map_result	 result;
};

/* For cmocka: a fresh fixture, with MPID 5 and default settings. */
int	map_fixture_setup(void **state);
int	map_fixture_teardown(void **state);

#define MAP_TEST(t) \
	cmocka_unit_test_setup_teardown(t, map_fixture_setup, \
	    map_fixture_teardown)

/* Maps one batch; map_taken takes the text.  A refused one fails the test. */
void	map_taken(struct fixture *, char *text);
void	map_text(struct fixture *, const char *text);
/* Maps a batch of one event, whose outcome is lent until the next call;
 * `members` are those of its `data`. */
const struct map_event *map_one(struct fixture *, const char *type,
	    const char *members);

/* The event is sent, and the `properties` of its n-th object are these. */
void	assert_properties(const struct map_event *, size_t n,
	    const char *expected);
/* The `properties` of the payload's n-th object; given (free(3)). */
char	*properties(const struct map_event *, size_t n);
/* A text of n times `unit`; given (free(3)). */
char	*repeat(const char *unit, size_t n);

#endif
