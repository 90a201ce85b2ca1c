/*
 * sink_body.h - a request to the simulated Heap, read and checked
 *
 * Pure.  Where Heap's documentation is silent the check is the strict one:
 * what passes here passes under every reading of it.
 */
#ifndef HR_SINK_BODY_H
#define HR_SINK_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap.h"
#include "json.h"
#include "mem.h"

/* One element of `events` or `users`; of a flat body, the body itself. */
struct sink_object {
	const cJSON	*node;
	const char	*identity;	/* or the user_id; never NULL */
	const char	*event;		/* NULL: a users element */
	const char	*key;		/* idempotency key; NULL: none */
};

/* Texts are lent until sink_body_free; `text` is the caller's. */
struct sink_body {
	enum heap_lane	 lane;
	enum heap_form	 form;
	bool		 has_form;	/* false: not readable that far */
	const char	*text;
	size_t		 len;
	struct json	*json;
	const char	*app_id;	/* NULL: none that is text */
	struct sink_object *object;
	size_t		 objects;	/* 0 after a failure */
};

/*
 * sink_body_read - read and check a whole body
 *
 * 0, or -1 with the text of the 400 in `why`.  Borrows the text until
 * sink_body_free, which is due in both cases.
 */
int	sink_body_read(struct sink_body *, enum heap_lane, const char *text,
	    size_t len, struct why *);
void	sink_body_free(struct sink_body *);

/* The object without its app_id, so that the same content is the same text
 * in the flat form and in bulk; appended. */
void	sink_object_put(struct buf *, const struct sink_object *);

/* "events" or "users". */
const char *sink_list_name(enum heap_lane);

#endif
