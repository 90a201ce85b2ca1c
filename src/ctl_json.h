/*
 * ctl_json.h - JSON texts laid out anew, and otherwise as they were
 *
 * Of texts that are JSON; only white space between tokens is changed, so
 * numbers, escapes and names that occur twice stay as somebody wrote them.
 * Pure.
 */
#ifndef HR_CTL_JSON_H
#define HR_CTL_JSON_H

#include <stddef.h>

#include "mem.h"

/* Appends the text without white space: one line. */
void	ctl_json_compact(struct buf *out, const char *text, size_t len);
/* Appends it with a line for each member and element, those below the first
 * line by `indent` blanks and two more a level. */
void	ctl_json_indent(struct buf *out, const char *text, size_t len,
	    size_t indent);

#endif
