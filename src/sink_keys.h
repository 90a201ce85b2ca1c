/*
 * sink_keys.h - the idempotency keys that the simulated Heap remembers
 *
 * Digests only, so memory is bounded by their number: 24 bytes a slot, at
 * most three slots a key.  Pure.
 */
#ifndef HR_SINK_KEYS_H
#define HR_SINK_KEYS_H

#include <stddef.h>
#include <stdint.h>

struct sink_keys;

enum sink_seen {
	SINK_NEW,		/* remembered from now on */
	SINK_NEW_FORGOTTEN,	/* not seen, and no room to remember it */
	SINK_SAME,		/* seen, with that content */
	SINK_OTHER		/* seen, with other content */
};

/* max: how many are remembered at most. */
struct sink_keys *sink_keys_new(size_t max);
void	sink_keys_free(struct sink_keys *);		/* NULL: nothing */

/* A key is unique within its app. */
enum sink_seen sink_keys_add(struct sink_keys *, const char *app_id,
	    const char *key, const void *content, size_t len);
size_t	sink_keys_count(const struct sink_keys *);
void	sink_keys_clear(struct sink_keys *);

#endif
