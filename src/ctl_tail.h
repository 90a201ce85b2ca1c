/*
 * ctl_tail.h - a line of the live stream, for people
 *
 * Pure.  Members that are missing are passed over, so that an older agent's
 * lines can be read as well.
 */
#ifndef HR_CTL_TAIL_H
#define HR_CTL_TAIL_H

#include <stdbool.h>

#include "json.h"
#include "mem.h"

/* Appends one line, without its end. */
void	ctl_tail_line(struct buf *out, const char *event, const cJSON *line,
	    bool colors);

#endif
