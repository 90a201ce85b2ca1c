/*
 * sink_store.h - what arrived at the simulated Heap: events and users
 *
 * Pure, and bounded: the newest objects in a ring, users up to a number.
 */
#ifndef HR_SINK_STORE_H
#define HR_SINK_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "mem.h"
#include "sink_body.h"

struct sink_store;

/* What a list shows; NULL fits everything. */
struct sink_filter {
	const char	*app_id;
	const char	*identity;
	const char	*event;
	size_t		 limit;
};

/* Remembers that many events and that many users. */
struct sink_store *sink_store_new(size_t events, size_t users);
void	sink_store_free(struct sink_store *);		/* NULL: nothing */
void	sink_store_clear(struct sink_store *);

/* An object of the body arrived; `json` is its text of sink_object_put. */
void	sink_store_event(struct sink_store *, const struct sink_body *,
	    const struct sink_object *, const struct buf *json, int64_t wall);
void	sink_store_update(struct sink_store *, const struct sink_body *,
	    const struct sink_object *, const struct buf *json);

size_t	sink_store_users(const struct sink_store *);
/* How many objects were of users that there was no room to remember. */
uint64_t sink_store_users_forgotten(const struct sink_store *);

/*
 * {"events":[{"number":7,"at":"...","app_id":"1","form":"bulk",
 * "object":{...}},...]}, newest first.
 */
void	sink_store_put_events(struct buf *, const struct sink_store *,
	    const struct sink_filter *);
/*
 * {"users":[{"app_id":"1","identity":"ada","events":3,"updates":1,
 * "properties":{...}},...]}, in no order.
 */
void	sink_store_put_users(struct buf *, const struct sink_store *,
	    const struct sink_filter *);

#endif
