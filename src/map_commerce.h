/*
 * map_commerce.h - commerce events (private to map)
 *
 * One commerce event is a unit of objects: for each node a main object and
 * its items (mapping.md section 7).  Pure.
 */
#ifndef HR_MAP_COMMERCE_H
#define HR_MAP_COMMERCE_H

#include <stdbool.h>
#include <stddef.h>

#include "json.h"
#include "map_object.h"

/* The name of the first main object; lent for ever. */
const char *map_commerce_name(const cJSON *event_data);
/* How many objects map_commerce_put would write. */
size_t	map_commerce_objects(const cJSON *event_data);
/* `plain_items`: every item is named `Item`. */
void	map_commerce_put(struct map_unit *, const cJSON *event_data,
	    bool plain_items);

#endif
