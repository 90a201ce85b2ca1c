/*
 * heap.h - Heap's server-side API: request bodies, and what an answer says
 *
 * Knows the output contract (spec: heap-server-api.md) and nothing of where
 * events come from.  Pure.
 *
 * A payload is what one event of the queue becomes: one or more Heap objects
 * as JSON texts, joined by commas, without brackets.  For user properties these
 * are users elements of one identity, {"identity":"...","properties":{...}}:
 * one, or several of at most HEAP_MAX_USER bytes each.
 */
#ifndef HR_HEAP_H
#define HR_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

#define HEAP_MAX_OBJECTS	1000	/* a bulk request (section 2.2) */
#define HEAP_MAX_BYTES		1000000	/* a request; no limit is stated */
/* A users element: a request with one is within HEAP_MAX_BYTES, whatever the
 * app id. */
#define HEAP_MAX_USER		(HEAP_MAX_BYTES - 100)
#define HEAP_MAX_UNIT		10000	/* objects of one commerce event */
#define HEAP_MAX_IDENTITY	255	/* UTF-16 units */
#define HEAP_MAX_TEXT		1024	/* UTF-16 units of a name or a value */

/* The two endpoints in use; each is a lane of an output. */
enum heap_lane { HEAP_TRACK, HEAP_USER_PROPERTIES };
#define HEAP_LANES	2

enum heap_form { HEAP_FLAT, HEAP_BULK };

const char *heap_lane_name(enum heap_lane);	/* "track", "user_properties" */
bool	heap_lane_by_name(const char *, enum heap_lane *);
const char *heap_lane_path(enum heap_lane);	/* "/api/track", ... */
const char *heap_form_name(enum heap_form);	/* "flat", "bulk" */

/* The flat body of one object, appended. */
void	heap_flat(struct buf *, const char *app_id, const char *object,
	    size_t len);

/*
 * struct heap_body - a bulk body that grows within Heap's limits
 *
 * Plain data.  heap_body_begin appends the opening to `text` (reset first);
 * heap_body_add appends a payload and returns true, or changes nothing and
 * returns false when it would pass HEAP_MAX_OBJECTS or HEAP_MAX_BYTES; a
 * body without an object takes any payload.  heap_body_end closes it.
 */
struct heap_body {
	struct buf	text;
	size_t		objects;
};

void	heap_body_begin(struct heap_body *, enum heap_lane, const char *app_id);
bool	heap_body_add(struct heap_body *, const char *payload, size_t len,
	    size_t objects);
void	heap_body_end(struct heap_body *);

/* Bytes of a bulk body around its objects, for that app id. */
size_t	heap_bulk_overhead(enum heap_lane, const char *app_id);

/*
 * heap_slice - the next slice of a payload
 *
 * Starting at byte `from` (0, or where a slice ended), the longest run of
 * whole objects of at most max_objects objects and max_bytes bytes, always
 * one object at least.  Sets the byte where it ends (of the separating comma
 * or the payload's end; the next slice's bytes start one later) and how many
 * objects it has; false when nothing is left.
 */
bool	heap_slice(const char *payload, size_t len, size_t from,
	    size_t max_objects, size_t max_bytes, size_t *to,
	    size_t *objects);

/*
 * The index in the text of a 400: `events[17]`, `users[3]`; false: none.
 * `text` need not be NUL-terminated.
 */
bool	heap_answer_index(enum heap_lane, const char *text, size_t len,
	    size_t *index);

#endif
