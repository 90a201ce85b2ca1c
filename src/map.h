/*
 * map.h - one batch into the events of one output
 *
 * All of mapping.md sections 3 to 10, exact to the byte.  Knows mParticle's
 * batches and Heap's objects, and nothing else.  Pure: no I/O, no clock.
 */
#ifndef HR_MAP_H
#define HR_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "heap.h"
#include "mem.h"
#include "mparticle.h"

/* What is known of the batch besides its text. */
struct map_context {
	enum mp_path	 path;
	int64_t		 received_at;	/* ms */
	const char	*receipt_id;	/* section 10 */
	bool		 duplicate;	/* source_request_id seen before */
	bool		 has_mpid;	/* given or resolved */
	int64_t		 mpid;
	/* For an external_id other than mpid: the resolved profile's current
	 * value of that type, used when the batch has none; NULL: none. */
	const char	*profile_external_id;
};

enum map_action { MAP_SEND, MAP_SKIP, MAP_REJECT };

/* The reasons of section 5, as they are stored and shown. */
#define MAP_DUPLICATE		"duplicate"
#define MAP_HISTORICAL_INVALID	"historical_invalid"
#define MAP_HISTORICAL		"historical"
#define MAP_DEVELOPMENT		"development"
#define MAP_WEB_CLIENT_SIDE	"web_client_side"
#define MAP_EVENT_TYPE		"event_type"
#define MAP_NO_IDENTITY		"no_identity"
#define MAP_IDENTITY_TOO_LONG	"identity_too_long"
#define MAP_NO_EVENT_NAME	"no_event_name"
#define MAP_TOO_LARGE		"too_large"

/* One event of the queue to be. */
struct map_event {
	int64_t		 event_index;	/* in `events`; -1: user properties */
	enum map_action	 action;
	const char	*reason;	/* NULL when sent; lent for ever */
	enum heap_lane	 lane;
	bool		 commerce;	/* always in the bulk form */
	/* The `event` member's text of the (main) object, or what is known of
	 * the name for people when it is not sent; "" for user properties. */
	const char	*name;
	const char	*identity;	/* the External ID; NULL: none */
	size_t		 objects;	/* in the payload; 0 unless sent */
	int64_t		 event_at;	/* the `timestamp` chosen, ms */
	const char	*payload;	/* heap.h; NULL unless sent */
	size_t		 payload_len;
};

/* Section 13, without the outcomes themselves. */
struct map_counts {
	uint64_t truncated_name, truncated_value, joined_list;
	uint64_t stringified_object, stringified_integer;
	uint64_t property_collision, renamed_property, autocapture_name;
};

struct map_result {
	/* Goes to the output's development app. */
	bool		 development_app;
	struct map_event *events;
	size_t		 events_n;
	struct map_counts counts;
};

/*
 * map_batch - every outcome of the batch for one output
 *
 * One map_event an event of the batch, in order, then one for the
 * user-properties object if it exists.  All memory of the result is the
 * arena's; `input` and `output` are borrowed; the batch is kept as long as
 * the result is used.
 */
void	map_batch(struct map_result *, struct arena *,
	    const struct mp_batch *, const struct map_context *,
	    const struct config_input *, const struct config_output *);

#endif
