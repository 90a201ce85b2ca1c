/*
 * config_nearest.h - what a mistyped word may have meant
 *
 * Of settings, and of whatever else is typed by people.  Pure.
 */
#ifndef HR_CONFIG_NEAREST_H
#define HR_CONFIG_NEAREST_H

#include <stddef.h>

#include "mem.h"

/*
 * The known word that is nearest to a mistyped one.  Set `word` and zero the
 * rest, try every candidate, then ask.
 */
struct config_nearest {
	const char	*word;
	const char	*best;
	size_t		 distance;
};

void	config_nearest_try(struct config_nearest *, const char *candidate);
/* `; did you mean "BEST"?` or "": lent in `out`, which it overwrites. */
const char *config_nearest_hint(const struct config_nearest *, struct buf *out);

#endif
