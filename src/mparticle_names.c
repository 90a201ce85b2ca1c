/*
 * mparticle_names.c - the names of mParticle's Events API
 *
 * Knows endpoints, identity types, event types and GUIDs by their spellings.
 * Knows nothing of batches.
 */
#include <string.h>

#include "mparticle_private.h"

static const char *const path_names[] = {
	[MP_EVENTS]	= "/v2/events",
	[MP_BULK]	= "/v2/bulkevents",
	[MP_HISTORICAL]	= "/v2/bulkevents/historical"
};

static const struct {
	const char	*name;
	bool		 guid;
} identities[MP_IDENTITIES] = {
	[MP_OTHER]			= { "other", false },
	[MP_CUSTOMER_ID]		= { "customer_id", false },
	[MP_FACEBOOK]			= { "facebook", false },
	[MP_TWITTER]			= { "twitter", false },
	[MP_GOOGLE]			= { "google", false },
	[MP_MICROSOFT]			= { "microsoft", false },
	[MP_YAHOO]			= { "yahoo", false },
	[MP_EMAIL]			= { "email", false },
	[MP_ALIAS]			= { "alias", false },
	[MP_FACEBOOK_CUSTOM_AUDIENCE_ID] =
	    { "facebook_custom_audience_id", false },
	[MP_OTHER_ID_2]			= { "other_id_2", false },
	[MP_OTHER_ID_3]			= { "other_id_3", false },
	[MP_OTHER_ID_4]			= { "other_id_4", false },
	[MP_OTHER_ID_5]			= { "other_id_5", false },
	[MP_OTHER_ID_6]			= { "other_id_6", false },
	[MP_OTHER_ID_7]			= { "other_id_7", false },
	[MP_OTHER_ID_8]			= { "other_id_8", false },
	[MP_OTHER_ID_9]			= { "other_id_9", false },
	[MP_OTHER_ID_10]		= { "other_id_10", false },
	[MP_MOBILE_NUMBER]		= { "mobile_number", false },
	[MP_PHONE_NUMBER_2]		= { "phone_number_2", false },
	[MP_PHONE_NUMBER_3]		= { "phone_number_3", false },
	[MP_IOS_ADVERTISING_ID]		= { "ios_advertising_id", true },
	[MP_IOS_IDFV]			= { "ios_idfv", true },
	[MP_ANDROID_ADVERTISING_ID]	= { "android_advertising_id", true },
	[MP_ANDROID_UUID]		= { "android_uuid", false },
	[MP_ROKU_ADVERTISING_ID]	= { "roku_advertising_id", true },
	[MP_ROKU_PUBLISHER_ID]		= { "roku_publisher_id", true },
	[MP_MICROSOFT_PUBLISHER_ID]	= { "microsoft_publisher_id", false },
	[MP_MICROSOFT_ADVERTISING_ID]	= { "microsoft_advertising_id", false },
	[MP_FIRE_ADVERTISING_ID]	= { "fire_advertising_id", true },
	[MP_AMP_ID]			= { "amp_id", false },
	[MP_MP_DEVICEID]		= { "mp_deviceid", true }
};

/* The second spelling of MP_OTHER_ID_2 and those that follow it. */
static const char *const other_aliases[] = {
	"other2", "other3", "other4", "other5", "other6", "other7", "other8",
	"other9", "other10"
};

static const char *const event_types[] = {
	[MP_CUSTOM_EVENT]	= "custom_event",
	[MP_SCREEN_VIEW]	= "screen_view",
	[MP_COMMERCE_EVENT]	= "commerce_event",
	[MP_SESSION_START]	= "session_start",
	[MP_SESSION_END]	= "session_end"
};

const enum mp_identity_type mp_default_priority[] = {
	MP_CUSTOMER_ID, MP_EMAIL, MP_MOBILE_NUMBER, MP_OTHER, MP_OTHER_ID_2,
	MP_OTHER_ID_3, MP_OTHER_ID_4, MP_OTHER_ID_5, MP_OTHER_ID_6,
	MP_OTHER_ID_7, MP_OTHER_ID_8, MP_OTHER_ID_9, MP_OTHER_ID_10,
	MP_PHONE_NUMBER_2, MP_PHONE_NUMBER_3, MP_FACEBOOK, MP_GOOGLE,
	MP_TWITTER, MP_MICROSOFT, MP_YAHOO, MP_FACEBOOK_CUSTOM_AUDIENCE_ID,
	MP_ALIAS,
	MP_IOS_ADVERTISING_ID, MP_IOS_IDFV, MP_ANDROID_ADVERTISING_ID,
	MP_ANDROID_UUID, MP_ROKU_ADVERTISING_ID, MP_ROKU_PUBLISHER_ID,
	MP_MICROSOFT_PUBLISHER_ID, MP_MICROSOFT_ADVERTISING_ID,
	MP_FIRE_ADVERTISING_ID, MP_AMP_ID, MP_MP_DEVICEID
};
const size_t mp_default_priority_n = HR_COUNT(mp_default_priority);

/* Moves *text behind the prefix, if it is there. */
static void
drop_prefix(const char **text, size_t *len, const char *prefix)
{
	const size_t n = strlen(prefix);

	if (*len >= n && memcmp(*text, prefix, n) == 0) {
		*text += n;
		*len -= n;
	}
}

bool
mp_path_parse(const char *target, enum mp_path *path)
{
	static const struct {
		const char	*rest;
		enum mp_path	 path;
	} rests[] = {
		{ "/events", MP_EVENTS },
		{ "/events/events", MP_EVENTS },
		{ "/bulkevents", MP_BULK },
		{ "/bulkevents/bulkevents", MP_BULK },
		{ "/bulkevents/historical", MP_HISTORICAL }
	};
	size_t len = strcspn(target, "?"), i;

	if (len > 0 && target[len - 1] == '/')
		len--;
	drop_prefix(&target, &len, "/s2s");
	drop_prefix(&target, &len, "/v2");
	for (i = 0; i < HR_COUNT(rests); i++)
		if (strlen(rests[i].rest) == len &&
		    memcmp(rests[i].rest, target, len) == 0) {
			*path = rests[i].path;
			return true;
		}
	return false;
}

const char *
mp_path_name(enum mp_path path)
{
	return path_names[path];
}

const char *
mp_identity_name(enum mp_identity_type type)
{
	return identities[type].name;
}

bool
mp_identity_by_name(const char *name, enum mp_identity_type *type)
{
	unsigned i;

	for (i = 0; i < MP_IDENTITIES; i++)
		if (strcmp(identities[i].name, name) == 0) {
			*type = (enum mp_identity_type)i;
			return true;
		}
	return false;
}

bool
mp_identity_is_guid(enum mp_identity_type type)
{
	return identities[type].guid;
}

static char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void
mp_fold(const char *name, struct buf *out)
{
	buf_reset(out);
	for (; *name != '\0'; name++)
		if (*name != '_')
			buf_putc(out, ascii_lower(*name));
}

bool
mp_folds_to(const char *text, const char *wire)
{
	for (;; text++, wire++) {
		while (*text == '_')
			text++;
		while (*wire == '_')
			wire++;
		if (ascii_lower(*text) != *wire)
			return false;
		if (*text == '\0')
			return true;
	}
}

bool
mp_user_identity_by_key(const char *key, enum mp_identity_type *type)
{
	unsigned i;

	for (i = 0; i < MP_USER_IDENTITIES; i++)
		if (mp_folds_to(key, identities[i].name)) {
			*type = (enum mp_identity_type)i;
			return true;
		}
	for (i = 0; i < HR_COUNT(other_aliases); i++)
		if (mp_folds_to(key, other_aliases[i])) {
			*type = (enum mp_identity_type)(MP_OTHER_ID_2 + i);
			return true;
		}
	return false;
}

enum mp_event_type
mp_event_type_by_name(const char *name)
{
	unsigned i;

	for (i = 0; i < HR_COUNT(event_types); i++)
		if (mp_folds_to(name, event_types[i]))
			return (enum mp_event_type)i;
	return MP_OTHER_TYPE;
}

const char *
mp_event_type_name(enum mp_event_type type)
{
	return type == MP_OTHER_TYPE ? NULL : event_types[type];
}

const char *
mp_scalar(const cJSON *value)
{
	const char *text = json_text(value);

	return text != NULL ? text : json_literal(value);
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	    (c >= 'A' && c <= 'F');
}

bool
mp_guid(const char *text, char digits[MP_GUID_DIGITS + 1])
{
	static const char groups[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	const size_t len = strlen(text);
	const bool braced = len == sizeof(groups) + 1 && text[0] == '{' &&
	    text[len - 1] == '}';
	/* Without hyphens there are as many characters as digits. */
	const char *form = len == MP_GUID_DIGITS ? NULL : groups;
	size_t n = 0, i;

	if (!braced && len != MP_GUID_DIGITS && len != sizeof(groups) - 1)
		return false;
	text += braced ? 1 : 0;
	for (i = 0; n < MP_GUID_DIGITS; i++) {
		if (form != NULL && form[i] == '-') {
			if (text[i] != '-')
				return false;
		} else if (is_hex(text[i])) {
			digits[n++] = ascii_lower(text[i]);
		} else {
			return false;
		}
	}
	digits[n] = '\0';
	return true;
}

void
mp_lookup_value(enum mp_identity_type type, const char *value,
    struct buf *out)
{
	static const char blanks[] = "\t\n\v\f\r ";
	const char *text = value + strspn(value, blanks);
	char digits[MP_GUID_DIGITS + 1];
	size_t len = strlen(text), i;

	while (len > 0 && strchr(blanks, text[len - 1]) != NULL)
		len--;
	buf_reset(out);
	buf_put(out, text, len);
	if (identities[type].guid && mp_guid(buf_str(out), digits)) {
		buf_reset(out);
		buf_put(out, digits, MP_GUID_DIGITS);
	} else if (type == MP_EMAIL) {
		for (i = 0; i < len; i++)
			out->p[i] = ascii_lower(out->p[i]);
	}
}
