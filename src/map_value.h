/*
 * map_value.h - property values and `properties` objects (private to map)
 *
 * The notation of mapping.md section 3: V, N, E, join, cut and P.  Pure.
 */
#ifndef HR_MAP_VALUE_H
#define HR_MAP_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "json.h"
#include "map.h"
#include "mem.h"

/* Where the objects of one map_batch are written.  Plain data: zeroes and the
 * two pointers are a new one. */
struct map_writer {
	struct buf	 out;		/* what has been written so far */
	struct buf	 list;		/* the list that is being joined */
	struct buf	 scratch;	/* the compact text of one value */
	struct buf	 key;		/* an idempotency key's text */
	struct arena	*arena;
	struct map_counts *counts;
};

void	map_writer_free(struct map_writer *);

/* Bytes of cut(text); *counter rises when that is not all of it. */
size_t	map_cut(const char *text, uint64_t *counter);

/*
 * struct map_list - a list on its way to one string (join)
 *
 * One at a time a writer.  null and absent elements are skipped; `any` says
 * that there was another one.
 */
struct map_list {
	struct map_writer *w;
	size_t		 units;		/* of w->list */
	bool		 any;
	bool		 full;		/* an element did not fit: the end */
};

void	map_list_begin(struct map_list *, struct map_writer *);
void	map_list_add(struct map_list *, const cJSON *element);

/*
 * struct map_props - one `properties` object, P(system, custom)
 *
 * Between map_props_begin and map_props_end: first the system properties in
 * their order, then the custom ones, once.  An absent value adds nothing.
 * Names of system properties are kept until map_props_end.
 */
#define MAP_SYSTEM_MAX	24	/* the longest list of the mapping has 17 */

struct map_props {
	struct map_writer *w;
	size_t		 begin;		/* of the object in w->out */
	/* The names that step 1 added. */
	const char	*system[MAP_SYSTEM_MAX];
	size_t		 system_n;
	struct map_name	*names;		/* see map_value.c */
	bool		 user;		/* user properties: more is reserved */
};

void	map_props_begin(struct map_props *, struct map_writer *, bool user);
/* V(x), N(x), and E(x) with a NULL-terminated set of wire spellings. */
void	map_props_value(struct map_props *, const char *name, const cJSON *x);
void	map_props_number(struct map_props *, const char *name, const cJSON *x);
void	map_props_enum(struct map_props *, const char *name, const cJSON *x,
	    const char *const *set);
/* The string cut(text); NULL is absent. */
void	map_props_text(struct map_props *, const char *name, const char *text);
void	map_props_list(struct map_props *, const char *name,
	    const struct map_list *);
/* Step 2 of P.  Nothing unless `custom` is an object. */
void	map_props_custom(struct map_props *, const cJSON *custom);
/* Closes the object; false: it is {}. */
bool	map_props_end(struct map_props *);

#endif
