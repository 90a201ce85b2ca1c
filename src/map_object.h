/*
 * map_object.h - Heap event objects (private to map)
 *
 * The members of mapping.md section 6 and the key of section 10.  Pure.
 */
#ifndef HR_MAP_OBJECT_H
#define HR_MAP_OBJECT_H

#include <stddef.h>

#include "clock.h"
#include "map_value.h"
#include "mem.h"

/*
 * What all objects of one event share, and how many there are.  Plain data;
 * texts are kept as long as objects are written.
 */
struct map_unit {
	struct map_writer *w;
	const char	*identity;
	char		 timestamp[CLOCK_TEXT];
	const char	*session_id;	/* NULL: the member is left out */
	const char	*feed_name;	/* NULL: none */
	/* How much of w->key holds the first five parts of the idempotency
	 * key, each with its line feed.  An object's role follows there. */
	size_t		 key_shared;
	size_t		 objects;	/* written so far */
};

/*
 * map_object_begin - all members but the last, and the start of that
 *
 * `event` is `event_len` bytes.  The role, which tells apart the objects of
 * one event for good, is the two texts together.  System properties follow.
 */
void	map_object_begin(struct map_unit *, struct map_props *,
	    const char *event, size_t event_len, const char *role,
	    const char *role_end);
/* The feed's name, the custom properties and the end of the object. */
void	map_object_end(struct map_unit *, struct map_props *,
	    const cJSON *custom);

#endif
