/*
 * update.h - user-properties updates: what they set, and how they merge
 *
 * An update is what is to be sent of one identity's properties.  While it
 * waits, newer ones are merged over it (delivery.md section 5), and one that
 * comes back late under it.  Each property therefore remembers its origin: the
 * id of the update that set it.  Ids rise with time, so of two values of one
 * name the one with the higher origin is the newer.
 *
 * As text, an update is a payload (heap.h) of one users element, or of several
 * when one would be too large for a request; no name is in two of them.  Pure.
 */
#ifndef HR_UPDATE_H
#define HR_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

struct update;

/* An update as it is stored. */
struct update_text {
	struct buf	payload;	/* users elements, joined by commas */
	size_t		objects;	/* so many */
	size_t		sent;		/* bytes of the first ones, comma
					 * included, that were delivered */
	/* Of each property in the order of the payload: "ORIGIN*COUNT ...".
	 * Empty: all are its own. */
	struct buf	origins;
};

#define UPDATE_TEXT_INIT { BUF_INIT, 0, 0, BUF_INIT }

void	update_text_free(struct update_text *);	/* empty and usable after */

enum update_part {
	UPDATE_ALL,
	UPDATE_SENT,		/* what was delivered */
	UPDATE_REST		/* what was not */
};

/* A part of the update of that id.  Given (update_free). */
struct update *update_read(int64_t id, struct update_text *,
	    enum update_part);
void	update_free(struct update *);		/* NULL: nothing */

/*
 * Merges `other`, which it takes, into the update: of two values of one name
 * the newer one stays, in the first position.
 */
void	update_add(struct update *, struct update *other);
/* Takes out what `newer` sets as well, from a higher origin; that one stays as
 * it is. */
void	update_subtract(struct update *, struct update *newer);
size_t	update_count(struct update *);		/* of its properties */

/*
 * Appends it, in users elements of at most max_bytes each (but of one property
 * at least).  An update without properties appends nothing.
 */
void	update_put(struct update *, size_t max_bytes, struct update_text *);

#endif
