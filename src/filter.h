/*
 * filter.h - which events are meant
 *
 * What a list, a replay and a discard may ask of an event.  Plain data, and
 * how it is written down as JSON; store_filter (store.h) hands it to a
 * statement.  Pure.
 */
#ifndef HR_FILTER_H
#define HR_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "json.h"
#include "mem.h"

/* What an event must be; a text that is NULL: anything. */
struct filter {
	const char	*output, *state, *reason, *identity, *name, *input;
	bool		 has_status;
	int64_t		 status;	/* last_status */
	int64_t		 since;		/* received_at >= since; INT64_MIN */
	int64_t		 until;		/* received_at < until; INT64_MAX */
};

/* Every event. */
#define FILTER_ALL	{ .since = INT64_MIN, .until = INT64_MAX }

/* Appends it as a JSON object, with instants as RFC 3339. */
void	filter_put(struct buf *, const struct filter *);
/*
 * What filter_put wrote.  false: it is something else; a member that says
 * nothing here would make the filter mean more than it should.  *json, which
 * the texts lie in, is given (json_free) either way, or NULL.
 */
bool	filter_read(struct filter *, struct json **json, const char *text);

#endif
