/*
 * config_table.c - every setting there is
 *
 * The one place that knows a setting's name, how it is written, its default
 * and limits, whether a reload takes it over, and its line of documentation.
 * To add a setting, add a row here and a member to its struct, and describe
 * it in the sample file and the manual: tests/options.sh compares the three.
 */
#include <stddef.h>
#include <string.h>

#include "config_private.h"
#include "log.h"

#define KIB	INT64_C(1024)
#define MIB	(1024 * KIB)
#define TIB	(1024 * 1024 * MIB)
#define SECOND	INT64_C(1000)
#define HOUR	(3600 * SECOND)
#define DAY	(24 * HOUR)
#define YEAR	(365 * DAY)

const struct config_section config_sections[] = {
	{ "agent", false },
	{ "identity", false },
	{ "ingest", false },
	{ "admin", false },
	{ "input", true },
	{ "output", true },
	{ "retention", false },
};
const size_t config_sections_n = HR_COUNT(config_sections);

static const struct config_choice database_modes[] = {
	{ "0600", 0600 }, { "0640", 0640 }, { NULL, 0 }
};

static const struct config_choice log_levels[] = {
	{ "error", LOG_ERROR }, { "warn", LOG_WARN }, { "info", LOG_INFO },
	{ "debug", LOG_DEBUG }, { NULL, 0 }
};

static const struct config_choice log_formats[] = {
	{ "logfmt", LOG_LOGFMT }, { "json", LOG_JSON }, { NULL, 0 }
};

static const struct config_choice external_ids[] = {
	{ "mpid", MP_IDENTITIES }, { "customer_id", MP_CUSTOMER_ID },
	{ "email", MP_EMAIL }, { "other", MP_OTHER },
	{ "other_id_2", MP_OTHER_ID_2 }, { "other_id_3", MP_OTHER_ID_3 },
	{ "other_id_4", MP_OTHER_ID_4 }, { "other_id_5", MP_OTHER_ID_5 },
	{ "other_id_6", MP_OTHER_ID_6 }, { "other_id_7", MP_OTHER_ID_7 },
	{ "other_id_8", MP_OTHER_ID_8 }, { "other_id_9", MP_OTHER_ID_9 },
	{ "other_id_10", MP_OTHER_ID_10 }, { NULL, 0 }
};

const struct config_choice config_forwardable[] = {
	{ "email", MP_EMAIL }, { "customer_id", MP_CUSTOMER_ID },
	{ "mpid", MP_IDENTITIES }, { "other", MP_OTHER },
	{ "other_id_2", MP_OTHER_ID_2 }, { "other_id_3", MP_OTHER_ID_3 },
	{ "other_id_4", MP_OTHER_ID_4 }, { "other_id_5", MP_OTHER_ID_5 },
	{ "other_id_6", MP_OTHER_ID_6 }, { "other_id_7", MP_OTHER_ID_7 },
	{ "other_id_8", MP_OTHER_ID_8 }, { "other_id_9", MP_OTHER_ID_9 },
	{ "other_id_10", MP_OTHER_ID_10 },
	{ "android_uuid", MP_ANDROID_UUID },
	{ "android_advertising_id", MP_ANDROID_ADVERTISING_ID },
	{ "ios_advertising_id", MP_IOS_ADVERTISING_ID },
	{ "ios_idfv", MP_IOS_IDFV }, { NULL, 0 }
};

static const struct config_choice item_names[] = {
	{ "descriptive", false }, { "item", true }, { NULL, 0 }
};

static const struct config_choice regions[] = {
	{ "us", CONFIG_REGION_US }, { "eu", CONFIG_REGION_EU }, { NULL, 0 }
};

/* mp_default_priority as a person writes it; a test compares the two. */
#define DEFAULT_PRIORITY						\
	"customer_id, email, mobile_number, other, other_id_2, "	\
	"other_id_3, other_id_4, other_id_5, other_id_6, other_id_7, "	\
	"other_id_8, other_id_9, other_id_10, phone_number_2, "		\
	"phone_number_3, facebook, google, twitter, microsoft, yahoo, "	\
	"facebook_custom_audience_id, alias, ios_advertising_id, "	\
	"ios_idfv, android_advertising_id, android_uuid, "		\
	"roku_advertising_id, roku_publisher_id, "			\
	"microsoft_publisher_id, microsoft_advertising_id, "		\
	"fire_advertising_id, amp_id, mp_deviceid"

/* The first line of a row: name, default, (R) or not, what it is. */
#define FIXED(s, k, def, help)	.key = { s, k, def, help, false, false }
#define RELOAD(s, k, def, help)	.key = { s, k, def, help, true, false }
#define SECRET(s, k, r, help)	.key = { s, k, "", help, r, true }
/* The second: how it is written and where it goes. */
#define MEMBER(k, type, member)						\
	.kind = k, .offset = offsetof(struct type, member),		\
	.size = sizeof(((struct type *)NULL)->member)
#define BASE(k, member)		MEMBER(k, config, member)
#define INPUT(k, member)	MEMBER(k, config_input, member)
#define OUTPUT(k, member)	MEMBER(k, config_output, member)

const struct config_row config_rows[] = {
	{ FIXED("agent", "database", "/var/lib/heaprelay/queue.db",
	    "the SQLite file that holds the queue"),
	  BASE(CONFIG_TEXT, database) },
	{ FIXED("agent", "database_mode", "0600",
	    "0640 lets the file's group read it"),
	  BASE(CONFIG_CHOICE, database_mode), .choices = database_modes },
	{ RELOAD("agent", "log_level", "info",
	    "how much is logged: error, warn, info, debug"),
	  BASE(CONFIG_CHOICE, log_level), .choices = log_levels },
	{ RELOAD("agent", "log_format", "logfmt",
	    "how a log line is written: logfmt, json"),
	  BASE(CONFIG_CHOICE, log_format), .choices = log_formats },
	{ RELOAD("agent", "stop_grace", "10s",
	    "how long a stop waits for requests in flight"),
	  BASE(CONFIG_DURATION, stop_grace_ms), .min = 0, .max = HOUR },

	{ SECRET("identity", "secret", false,
	    "key of minted MPIDs; else made with the database"),
	  BASE(CONFIG_TEXT, identity_secret) },
	{ FIXED("identity", "priority", DEFAULT_PRIORITY,
	    "order in which identity types find a profile"),
	  BASE(CONFIG_PRIORITY, priority) },

	{ FIXED("ingest", "listen", "127.0.0.1:8080",
	    "where senders post: HOST:PORT, [HOST]:PORT, unix:PATH"),
	  BASE(CONFIG_LISTEN, ingest.listen) },
	{ RELOAD("ingest", "tls_certificate", "",
	    "PEM file with the full chain; with tls_key turns on TLS"),
	  BASE(CONFIG_TEXT, ingest.tls_certificate) },
	{ RELOAD("ingest", "tls_key", "",
	    "PEM file with the certificate's private key"),
	  BASE(CONFIG_TEXT, ingest.tls_key) },
	{ FIXED("ingest", "max_request_bytes", "256k",
	    "longest body accepted, after inflating"),
	  BASE(CONFIG_SIZE, max_request_bytes), .min = KIB, .max = 64 * MIB },
	{ FIXED("ingest", "max_connections", "1024",
	    "connections of senders at a time"),
	  BASE(CONFIG_COUNT, max_connections), .min = 1, .max = 1000000 },
	{ FIXED("ingest", "request_timeout", "10s",
	    "within which a whole request must arrive"),
	  BASE(CONFIG_DURATION, request_timeout_ms), .min = 100, .max = HOUR },
	{ RELOAD("ingest", "min_free_disk", "64m",
	    "with less free disk new batches are answered 503"),
	  BASE(CONFIG_SIZE, min_free_disk), .min = 0, .max = 1024 * TIB },
	{ RELOAD("ingest", "max_queue_bytes", "0",
	    "with a larger database new batches are answered 503; 0: never"),
	  BASE(CONFIG_SIZE, max_queue_bytes), .min = 0, .max = 1024 * TIB },

	{ FIXED("admin", "listen", "127.0.0.1:8090",
	    "where operators connect: HOST:PORT, [HOST]:PORT, unix:PATH"),
	  BASE(CONFIG_LISTEN, admin.listen) },
	{ FIXED("admin", "allow_remote", "false",
	    "may the admin API listen beyond loopback? Needs TLS, too"),
	  BASE(CONFIG_BOOL, allow_remote) },
	{ RELOAD("admin", "tls_certificate", "",
	    "PEM file with the full chain; with tls_key turns on TLS"),
	  BASE(CONFIG_TEXT, admin.tls_certificate) },
	{ RELOAD("admin", "tls_key", "",
	    "PEM file with the certificate's private key"),
	  BASE(CONFIG_TEXT, admin.tls_key) },
	{ FIXED("admin", "token_file", "admin.token",
	    "the operators' token, made at first start; a bare name lies "
	    "beside the database"),
	  BASE(CONFIG_TEXT, token_file) },
	{ FIXED("admin", "hosts", "",
	    "further Host names that are answered"),
	  BASE(CONFIG_LIST, hosts) },
	{ FIXED("admin", "read_token_file", "",
	    "a second token, which may only look; a bare name lies beside "
	    "the database"),
	  BASE(CONFIG_TEXT, read_token_file) },

	{ SECRET("input", "key", true,
	    "user name of the sender's Basic credentials"),
	  INPUT(CONFIG_TEXT, key), .required = true },
	{ SECRET("input", "secret", true,
	    "password of the sender's Basic credentials"),
	  INPUT(CONFIG_TEXT, secret), .required = true },
	{ RELOAD("input", "feed_name", "",
	    "sent with every event as \"mParticle Source Feed\""),
	  INPUT(CONFIG_TEXT, feed_name) },
	{ RELOAD("input", "outputs", "",
	    "names of the outputs it feeds; else all"),
	  INPUT(CONFIG_LIST, outputs) },
	{ RELOAD("input", "forward_user_attributes", "",
	    "overrides the output's setting for this input"),
	  INPUT(CONFIG_TRISTATE, forward_user_attributes) },
	{ RELOAD("input", "forward_web_requests_server_side", "",
	    "overrides the output's setting for this input"),
	  INPUT(CONFIG_TRISTATE, forward_web_requests_server_side) },
	{ RELOAD("input", "rate_limit", "0",
	    "batches per second, more are answered 429; 0: no limit"),
	  INPUT(CONFIG_COUNT, rate_limit), .min = 0, .max = 1000000 },

	{ RELOAD("output", "app_id", "",
	    "Heap's environment id for production"),
	  OUTPUT(CONFIG_APP_ID, app_id), .required = true },
	{ RELOAD("output", "development_app_id", "",
	    "Heap's environment id for development; else that is skipped"),
	  OUTPUT(CONFIG_APP_ID, development_app_id) },
	{ RELOAD("output", "external_id", "mpid",
	    "the identity sent to Heap; must never change for a person"),
	  OUTPUT(CONFIG_CHOICE, external_id), .choices = external_ids },
	{ RELOAD("output", "forward_user_attributes", "false",
	    "send user attributes as user properties?"),
	  OUTPUT(CONFIG_BOOL, forward_user_attributes) },
	{ RELOAD("output", "forward_web_requests_server_side", "true",
	    "send batches of the platform web?"),
	  OUTPUT(CONFIG_BOOL, forward_web_requests_server_side) },
	{ RELOAD("output", "forward_identities", "",
	    "identities sent as user properties: names, or all"),
	  OUTPUT(CONFIG_IDENTITIES, forward_identity) },
	{ RELOAD("output", "send_session_id", "true",
	    "send the session id with events?"),
	  OUTPUT(CONFIG_BOOL, send_session_id) },
	{ RELOAD("output", "item_event_names", "descriptive",
	    "names of sub events: descriptive, or item for \"Item\""),
	  OUTPUT(CONFIG_CHOICE, item_event_names_item),
	  .choices = item_names },
	{ RELOAD("output", "region", "us",
	    "Heap's data centre: us, eu"),
	  OUTPUT(CONFIG_CHOICE, region), .choices = regions },
	{ RELOAD("output", "base_url", "",
	    "where Heap is, instead of the region's address"),
	  OUTPUT(CONFIG_URL, base_url) },
	{ RELOAD("output", "track_limit", "30/30s",
	    "track requests for an identity"),
	  OUTPUT(CONFIG_LIMIT, track_limit) },
	{ RELOAD("output", "identity_limit", "1000/60s",
	    "events for an identity"),
	  OUTPUT(CONFIG_LIMIT, identity_limit) },
	{ RELOAD("output", "app_limit", "15000/60s",
	    "events for the app"),
	  OUTPUT(CONFIG_LIMIT, app_limit) },
	{ RELOAD("output", "properties_limit", "30/30s",
	    "user-properties requests for an identity"),
	  OUTPUT(CONFIG_LIMIT, properties_limit) },
	{ RELOAD("output", "properties_app_limit", "15000/60s",
	    "user-properties updates for the app"),
	  OUTPUT(CONFIG_LIMIT, properties_app_limit) },
	{ RELOAD("output", "rate_share", "1",
	    "this host's part of app_limit when several share the app"),
	  OUTPUT(CONFIG_SHARE, rate_share) },
	{ RELOAD("output", "max_in_flight", "4",
	    "requests of a lane at a time"),
	  OUTPUT(CONFIG_COUNT, max_in_flight), .min = 1, .max = 64 },
	{ RELOAD("output", "backoff_base", "2s",
	    "longest wait before the first retry"),
	  OUTPUT(CONFIG_DURATION, backoff_base_ms), .min = 1, .max = DAY },
	{ RELOAD("output", "backoff_max", "300s",
	    "longest wait before any retry"),
	  OUTPUT(CONFIG_DURATION, backoff_max_ms), .min = 1, .max = DAY },
	{ RELOAD("output", "give_up_after", "7d",
	    "from the first failure until an event is stuck as expired"),
	  OUTPUT(CONFIG_DURATION, give_up_after_ms),
	  .min = SECOND, .max = 10 * YEAR },
	{ RELOAD("output", "connect_timeout", "10s",
	    "within which a connection must stand"),
	  OUTPUT(CONFIG_DURATION, connect_timeout_ms),
	  .min = 100, .max = HOUR },
	{ RELOAD("output", "timeout", "30s",
	    "within which a request must be answered"),
	  OUTPUT(CONFIG_DURATION, timeout_ms), .min = 100, .max = HOUR },
	{ RELOAD("output", "ca_file", "",
	    "PEM file of authorities to trust instead of the system's"),
	  OUTPUT(CONFIG_TEXT, ca_file) },

	{ RELOAD("retention", "delivered", "7d",
	    "how long delivered events are kept"),
	  BASE(CONFIG_DURATION, keep_delivered_ms),
	  .min = 0, .max = 10 * YEAR },
	{ RELOAD("retention", "skipped", "7d",
	    "how long skipped events, and batches without any, are kept"),
	  BASE(CONFIG_DURATION, keep_skipped_ms), .min = 0, .max = 10 * YEAR },
	{ RELOAD("retention", "discarded", "7d",
	    "how long discarded events are kept"),
	  BASE(CONFIG_DURATION, keep_discarded_ms),
	  .min = 0, .max = 10 * YEAR },
	{ RELOAD("retention", "requests", "7d",
	    "how long requests to Heap are kept"),
	  BASE(CONFIG_DURATION, keep_requests_ms),
	  .min = 0, .max = 10 * YEAR },
	{ RELOAD("retention", "dedup", "30d",
	    "how long a source_request_id is remembered"),
	  BASE(CONFIG_DURATION, keep_dedup_ms), .min = 0, .max = 10 * YEAR },
};
const size_t config_rows_n = HR_COUNT(config_rows);

const struct config_section *
config_section(const char *name)
{
	size_t i;

	for (i = 0; i < config_sections_n; i++)
		if (strcmp(config_sections[i].name, name) == 0)
			return &config_sections[i];
	return NULL;
}

const struct config_row *
config_row(const char *section, const char *key)
{
	size_t i;

	for (i = 0; i < config_rows_n; i++)
		if (strcmp(config_rows[i].key.section, section) == 0 &&
		    strcmp(config_rows[i].key.key, key) == 0)
			return &config_rows[i];
	return NULL;
}

bool
config_row_repeats(const struct config_row *row)
{
	switch (row->kind) {
	case CONFIG_LISTEN:
	case CONFIG_LIST:
	case CONFIG_PRIORITY:
	case CONFIG_IDENTITIES:
		return true;
	case CONFIG_TEXT:
	case CONFIG_BOOL:
	case CONFIG_TRISTATE:
	case CONFIG_CHOICE:
	case CONFIG_COUNT:
	case CONFIG_SIZE:
	case CONFIG_DURATION:
	case CONFIG_LIMIT:
	case CONFIG_SHARE:
	case CONFIG_APP_ID:
	case CONFIG_URL:
		break;
	}
	return false;
}

const struct config_key *
config_key(size_t i)
{
	return i < config_rows_n ? &config_rows[i].key : NULL;
}
