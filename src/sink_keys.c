/*
 * sink_keys.c - the idempotency keys that the simulated Heap remembers
 *
 * An open-addressing table of digests that doubles as it fills.  Knows
 * nothing of what the content is.
 */
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mem.h"
#include "sink_keys.h"

#define FIRST_SLOTS	1024

/* All zeroes: free.  No digest of a real key is expected to be that. */
struct slot {
	uint64_t	digest[2];	/* the start of a SHA-256 */
	uint64_t	content;
};

struct sink_keys {
	struct slot	*slot;
	size_t		 slots;		/* a power of two */
	size_t		 count;
	size_t		 max;
};

static bool
is_free(const struct slot *s)
{
	return s->digest[0] == 0 && s->digest[1] == 0;
}

/* The slot of that digest, or the free one where it belongs. */
static struct slot *
find(const struct sink_keys *k, const uint64_t digest[2])
{
	size_t i = (size_t)digest[0] & (k->slots - 1);

	while (!is_free(&k->slot[i]) && (k->slot[i].digest[0] != digest[0] ||
	    k->slot[i].digest[1] != digest[1]))
		i = (i + 1) & (k->slots - 1);
	return &k->slot[i];
}

static void
grow(struct sink_keys *k)
{
	struct slot *old = k->slot;
	size_t i, slots = k->slots;

	k->slots *= 2;
	k->slot = xcalloc(k->slots, sizeof(*k->slot));
	for (i = 0; i < slots; i++) {
		if (!is_free(&old[i]))
			*find(k, old[i].digest) = old[i];
	}
	free(old);
}

static void
digest_of(const char *app_id, const char *key, uint64_t digest[2])
{
	struct buf both = BUF_INIT;
	uint8_t sha[32];

	buf_put(&both, app_id, strlen(app_id) + 1);
	buf_puts(&both, key);
	hash_sha256(both.p, both.len, sha);
	memcpy(digest, sha, 2 * sizeof(digest[0]));
	buf_free(&both);
}

struct sink_keys *
sink_keys_new(size_t max)
{
	struct sink_keys *k = xcalloc(1, sizeof(*k));

	k->max = max;
	k->slots = FIRST_SLOTS;
	k->slot = xcalloc(k->slots, sizeof(*k->slot));
	return k;
}

void
sink_keys_free(struct sink_keys *k)
{
	if (k == NULL)
		return;
	free(k->slot);
	free(k);
}

enum sink_seen
sink_keys_add(struct sink_keys *k, const char *app_id, const char *key,
    const void *content, size_t len)
{
	uint64_t digest[2], fnv = hash_fnv1a(content, len);
	struct slot *s;

	digest_of(app_id, key, digest);
	s = find(k, digest);
	if (!is_free(s))
		return s->content == fnv ? SINK_SAME : SINK_OTHER;
	if (k->count >= k->max)
		return SINK_NEW_FORGOTTEN;
	if (k->count >= k->slots / 3 * 2) {
		grow(k);
		s = find(k, digest);
	}
	s->digest[0] = digest[0];
	s->digest[1] = digest[1];
	s->content = fnv;
	k->count++;
	return SINK_NEW;
}

size_t
sink_keys_count(const struct sink_keys *k)
{
	return k->count;
}

void
sink_keys_clear(struct sink_keys *k)
{
	free(k->slot);
	k->count = 0;
	k->slots = FIRST_SLOTS;
	k->slot = xcalloc(k->slots, sizeof(*k->slot));
}
