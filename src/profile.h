/*
 * profile.h - the local stand-in for mParticle's identity service
 *
 * Finds or mints the MPID of a batch (mapping.md section 4), inside the
 * turn's transaction, and keeps every identity a profile ever had.
 */
#ifndef HR_PROFILE_H
#define HR_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"
#include "mparticle.h"

struct profile_store;
struct store;

/*
 * `secret` keys the MPIDs that are minted, `priority` is the order in which
 * types are looked up (at most MP_IDENTITIES); both are copied.
 */
struct profile_store *profile_new(struct store *, const char *secret,
    size_t secret_len, const enum mp_identity_type *priority,
    size_t priority_n);
void	profile_free(struct profile_store *);	/* NULL: nothing */

/*
 * profile_resolve - the batch's MPID
 *
 * Given in the batch, found by its identities, or minted; its identities are
 * attached.  `batch_id` is the id the batch is stored under: it orders
 * resolutions.  false: the batch has no MPID, nothing was written.
 */
bool	profile_resolve(struct profile_store *, const struct mp_batch *,
	    int64_t batch_id, int64_t *mpid);

/* The profile's current value of a type, as received; into the arena.  NULL:
 * none. */
const char *profile_current(struct profile_store *, struct arena *,
	    int64_t mpid, enum mp_identity_type);

#endif
