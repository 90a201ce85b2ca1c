/*
 * config.h - the settings: one table, text in, struct out
 *
 * The table in config.c is the one place that knows a key's name, type,
 * default, limits, whether reload takes it over, and its line of
 * documentation (spec: interface.md section 2).
 */
#ifndef HR_CONFIG_H
#define HR_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"
#include "mparticle.h"

/* "30/30s": at most n within any window_ms. */
struct config_limit {
	int64_t	n;
	int64_t	window_ms;
};

/* -1: not said here, so the output's setting holds. */
enum config_override { CONFIG_UNSET = -1, CONFIG_FALSE = 0, CONFIG_TRUE = 1 };

struct config_strings {
	char	**s;
	size_t	  n;
};

struct config_input {
	char	*name;
	char	*key;
	char	*secret;
	char	*feed_name;		/* NULL: none */
	struct config_strings outputs;	/* n == 0: all */
	enum config_override forward_user_attributes;
	enum config_override forward_web_requests_server_side;
	int64_t	 rate_limit;		/* batches per second; 0: none */
};

struct config_output {
	char	*name;
	char	*app_id;
	char	*development_app_id;	/* NULL: none */
	/* MP_IDENTITIES stands for mpid. */
	enum mp_identity_type external_id;
	bool	 forward_user_attributes;
	bool	 forward_web_requests_server_side;
	bool	 forward_identity[MP_IDENTITIES];	/* by type */
	bool	 forward_mpid;
	bool	 send_session_id;
	bool	 item_event_names_item;	/* `item`; else `descriptive` */
	int	 region;		/* as set; what counts is base_url */
	char	*base_url;		/* resolved: it, or the region's */
	struct config_limit track_limit;
	struct config_limit identity_limit;
	struct config_limit app_limit;
	struct config_limit properties_limit;
	struct config_limit properties_app_limit;
	double	 rate_share;		/* 0 < x <= 1 */
	int64_t	 max_in_flight;
	int64_t	 backoff_base_ms;
	int64_t	 backoff_max_ms;
	int64_t	 give_up_after_ms;
	int64_t	 connect_timeout_ms;
	int64_t	 timeout_ms;
	char	*ca_file;		/* NULL: the system's */
};

/* One HTTP front: `[ingest]` or `[admin]`. */
struct config_front {
	struct config_strings listen;	/* HOST:PORT, [HOST]:PORT, unix:PATH */
	char	*tls_certificate;	/* both or neither */
	char	*tls_key;
};

struct config {
	char	*file;			/* where it was read from */
	/* [agent] */
	char	*database;
	int	 database_mode;
	int	 log_level;		/* enum log_level */
	int	 log_format;		/* enum log_format */
	int64_t	 stop_grace_ms;
	/* [identity] */
	char	*identity_secret;	/* NULL: the database's own */
	enum mp_identity_type priority[MP_IDENTITIES];
	size_t	 priority_n;
	/* [ingest] */
	struct config_front ingest;
	int64_t	 max_request_bytes;
	int64_t	 max_connections;
	int64_t	 request_timeout_ms;
	int64_t	 min_free_disk;
	int64_t	 max_queue_bytes;	/* 0: no limit */
	/* [admin] */
	struct config_front admin;
	bool	 allow_remote;
	char	*token_file;		/* resolved */
	struct config_strings hosts;
	char	*read_token_file;	/* NULL: none */
	/* [retention] */
	int64_t	 keep_delivered_ms;
	int64_t	 keep_skipped_ms;
	int64_t	 keep_discarded_ms;
	int64_t	 keep_requests_ms;
	int64_t	 keep_dedup_ms;

	struct config_input  *inputs;	/* in the order of the file */
	size_t	 inputs_n;
	struct config_output *outputs;
	size_t	 outputs_n;

	/* Who said what, for messages; only config*.c looks at it. */
	struct config_origin *origins;
	size_t	 origins_n;
};

/*
 * config_read - a configuration file into settings
 *
 * NULL and `why` ("FILE:LINE: what; did you mean ...?") when anything is
 * wrong: an unknown or duplicate key or section, a bad value, a line that is
 * too long, a required key missing, settings that contradict each other
 * (outputs of one app with different windows; an input that names an unknown
 * output; a remote admin listener without allow_remote and TLS; plain http
 * to a host that is not loopback; two inputs with one key; a certificate, key
 * or CA file that cannot be read).  Secrets given
 * as KEY_file, or found in $CREDENTIALS_DIRECTORY as `SECTION.KEY` or
 * `SECTION.NAME.KEY`, are read.  Given (config_free).
 */
struct config *config_read(const char *file, struct why *);
/*
 * The same for who only wants to find the agent or its database, and may not
 * read what the agent reads: no other file is looked into, not for secrets
 * either; required keys may be missing (their members are NULL then), and
 * settings are not held against each other.  What is written is judged as ever.
 */
struct config *config_read_lenient(const char *file, struct why *);
/* As config_read, from text; `file` is only for messages and relative
 * defaults. */
struct config *config_parse(const char *text, size_t len, const char *file,
    struct why *);
void	config_free(struct config *);		/* NULL: nothing */

const struct config_output *config_output(const struct config *,
    const char *name);				/* lent; NULL: none */
const struct config_input *config_input(const struct config *,
    const char *name);				/* lent; NULL: none */

/*
 * May a running agent go from `old` to `new`?  False when a setting that is
 * not (R) differs; `refused` gets one line for each ("FILE:LINE: what").
 * `changed` gets one line a changed setting ("[output heap] rate_share: 1 ->
 * 0.5"; secrets "changed").
 */
bool	config_may_reload(const struct config *old, const struct config *new,
	    struct buf *changed, struct buf *refused);

/* One setting of the table, for documentation and its tests. */
struct config_key {
	const char	*section;	/* "agent", "output" ... */
	const char	*key;
	const char	*default_text;	/* as a person writes it; "" if none */
	const char	*help;		/* one line */
	bool		 reload;	/* (R) */
	bool		 secret;
};

/* The i-th, or NULL behind the last.  Lent for ever. */
const struct config_key *config_key(size_t i);

/* One setting in force; texts are lent for the call. */
struct config_setting {
	const struct config_key *key;
	const char	*name;		/* of the section; "" if it has none */
	const char	*value;		/* as a person writes it; "" if there
					 * is none, secrets are "(hidden)" */
	/* "default", "FILE:LINE", "credential". */
	const char	*origin;
};
typedef void config_visit(const struct config_setting *, void *arg);

/* All of them, in the order of the table. */
void	config_each(const struct config *, config_visit *, void *arg);

#endif
