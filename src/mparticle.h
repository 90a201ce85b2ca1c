/*
 * mparticle.h - mParticle's Events API: request text into plain structs
 *
 * Knows the input contract (spec: mparticle-events-api.md) and nothing of
 * what becomes of a batch.  Pure.
 */
#ifndef HR_MPARTICLE_H
#define HR_MPARTICLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"
#include "mem.h"

/* The three endpoints (section 1). */
enum mp_path { MP_EVENTS, MP_BULK, MP_HISTORICAL };

/*
 * Which endpoint a request target means: drops the query string, one
 * trailing slash, a leading /s2s, a leading /v2.  False: none (404).
 */
bool	mp_path_parse(const char *target, enum mp_path *);
const char *mp_path_name(enum mp_path);	/* "/v2/events" ...; lent for ever */

/*
 * Identity types: the 22 of user_identities, then those of devices.  Names
 * are the wire spellings of sections 7.1 and 7.2.
 */
enum mp_identity_type {
	MP_OTHER, MP_CUSTOMER_ID, MP_FACEBOOK, MP_TWITTER, MP_GOOGLE,
	MP_MICROSOFT, MP_YAHOO, MP_EMAIL, MP_ALIAS,
	MP_FACEBOOK_CUSTOM_AUDIENCE_ID,
	MP_OTHER_ID_2, MP_OTHER_ID_3, MP_OTHER_ID_4, MP_OTHER_ID_5,
	MP_OTHER_ID_6, MP_OTHER_ID_7, MP_OTHER_ID_8, MP_OTHER_ID_9,
	MP_OTHER_ID_10,
	MP_MOBILE_NUMBER, MP_PHONE_NUMBER_2, MP_PHONE_NUMBER_3,
	MP_USER_IDENTITIES,		/* how many user identity types */
	MP_IOS_ADVERTISING_ID = MP_USER_IDENTITIES,
	MP_IOS_IDFV, MP_ANDROID_ADVERTISING_ID, MP_ANDROID_UUID,
	MP_ROKU_ADVERTISING_ID, MP_ROKU_PUBLISHER_ID,
	MP_MICROSOFT_PUBLISHER_ID, MP_MICROSOFT_ADVERTISING_ID,
	MP_FIRE_ADVERTISING_ID, MP_AMP_ID, MP_MP_DEVICEID,
	MP_IDENTITIES			/* how many types in all */
};

const char *mp_identity_name(enum mp_identity_type);	/* lent for ever */
/* By its exact wire spelling; false: no such type. */
bool	mp_identity_by_name(const char *name, enum mp_identity_type *);
/* A GUID by nature: its lookup value is 32 lower-case hex digits. */
bool	mp_identity_is_guid(enum mp_identity_type);

/* The default of `[identity] priority` (mapping.md section 4), in order. */
extern const enum mp_identity_type mp_default_priority[];
extern const size_t mp_default_priority_n;

/* The five that are forwarded, and all others. */
enum mp_event_type {
	MP_CUSTOM_EVENT, MP_SCREEN_VIEW, MP_COMMERCE_EVENT,
	MP_SESSION_START, MP_SESSION_END, MP_OTHER_TYPE
};

struct mp_event {
	enum mp_event_type type;
	/* The wire spelling of the five; of others the type as received, or
	 * its compact text when it is no string. */
	const char	*type_name;
	const cJSON	*event_data;	/* `data`; NULL: absent or null */
	/* The usable data.timestamp_unixtime_ms; 0: none (mapping.md
	 * section 6: JSON integer or 1-15 digits, 1 ... 253402300799999). */
	int64_t		 timestamp_ms;
	/* A non-empty string, or NULL. */
	const char	*source_message_id;
	/* As section 6 of mapping.md derives it (integer literal, string, or
	 * hashed session_uuid); NULL: none. */
	const char	*session_id;
};

/* One batch, normalised; everything in it is lent by its mp_request. */
struct mp_batch {
	size_t		 index;		/* in the request; 0 if single */
	const cJSON	*root;
	const char	*text;		/* as received, nothing around it */
	size_t		 text_len;
	bool		 development;	/* else production */
	bool		 web;		/* device_info.platform folds to web */
	bool		 has_mpid;
	int64_t		 mpid;		/* non-zero when has_mpid */
	const char	*source_request_id;	/* non-empty, or NULL */
	int64_t		 timestamp_ms;	/* usable batch time; 0: none */
	/* As received; NULL: absent or blank.  Index: enum mp_identity_type. */
	const char	*identity[MP_IDENTITIES];
	const cJSON	*user_attributes;	/* an object, or NULL */
	/* Unknown keys, unusable values. */
	size_t		 ignored_identities;
	size_t		 deleted_attributes;	/* entries of that array */
	struct mp_event	*events;
	size_t		 events_n;
};

/* One entry of the errors body. */
struct mp_refusal {
	int64_t		 batch;		/* index; -1: the whole request */
	const char	*message;	/* as section 4 has it */
};

/*
 * A request: the batches that are accepted and the refusals, both in array
 * order.  A refused batch is only in the latter.  When the whole request is
 * refused there is one refusal of batch -1 and no batch.
 */
struct mp_request {
	struct mp_batch	  *batches;
	size_t		   batches_n;
	struct mp_refusal *refusals;
	size_t		   refusals_n;
};

/*
 * mp_parse - one request body into batches, or why not (section 4)
 *
 * Never fails: what is wrong with the text is in the refusals.  `text` is
 * kept until mp_request_free.  Given.
 */
struct mp_request *mp_parse(enum mp_path, const char *text, size_t len);
void	mp_request_free(struct mp_request *);	/* NULL: nothing */

/*
 * The lookup value of an identity (mapping.md section 4): trimmed of blanks;
 * e-mail also ASCII lower-case; GUID types as 32 lower-case hex digits.
 * Into `out`, which is reset first.
 */
void	mp_lookup_value(enum mp_identity_type, const char *value,
	    struct buf *out);

/* ASCII lower-case without underscores, into `out` (reset first). */
void	mp_fold(const char *name, struct buf *out);

/*
 * Historical path (section 10): are the conditions met?  False: no events, an
 * event without a usable time, or one younger than 72 h at received_at.
 */
bool	mp_historical_valid(const struct mp_batch *, int64_t received_at);

#endif
