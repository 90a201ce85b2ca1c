/*
 * preview.h - what would become of a body, told as JSON
 *
 * For whoever asks before anything is sent: heaprelayctl map, with a queue in
 * memory, and POST /v1/map, with the live one.
 */
#ifndef HR_PREVIEW_H
#define HR_PREVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accept.h"

/* One body and what it is looked at with; all of it borrowed. */
struct preview {
	struct queue		*queue;
	struct profile_store	*profiles;
	const struct config	*config;
	const struct outputs	*outputs;
	const struct config_input *input;
	enum mp_path		 path;
	int64_t			 received_at;	/* wall ms */
	const char		*body;
	size_t			 len;
};

/*
 * preview_body - one JSON object an outcome (spec: mapping.md section 5)
 *
 * Appends the objects to `out` in the order of the batches, each followed by
 * `end`.  Goes the whole way of a body, into the open transaction of the
 * queue: the caller throws that away.  Receipt ids are map-0, map-1, ...
 * true: the request would be answered 202.
 */
bool	preview_body(const struct preview *, const char *end, struct buf *out);

/* The line of a request that is refused before its body is looked at. */
void	preview_refuse(const char *message, const char *end, struct buf *out);

#endif
