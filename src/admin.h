/*
 * admin.h - the admin API: routes as a table
 *
 * What an operator may ask and do over HTTP (spec: interface.md section 4).
 * Reads go through inspect, on its own connection; writes go into the turn's
 * transaction and their answer waits for its commit.
 */
#ifndef HR_ADMIN_H
#define HR_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accept.h"
#include "backup.h"
#include "clock.h"
#include "config.h"
#include "dispatch.h"
#include "erase.h"
#include "http.h"
#include "inspect.h"
#include "intake.h"
#include "jobs.h"
#include "live.h"
#include "queue.h"

struct admin;
struct histogram;

/* What the routes work on; kept until admin_free. */
struct admin_parts {
	struct http	*http;
	struct queue	*queue;
	struct inspect	*inspect;
	struct profile_store *profiles;
	struct acceptor	*acceptor;
	struct intake	*intake;
	struct dispatch	*dispatch;
	struct jobs	*jobs;
	struct backup	*backup;
	struct erase	*erase;
	struct live	*live;
	const struct outputs *outputs;
	const struct config *config;
	const struct histogram *ingest_latency;
	const struct histogram *commit_duration;
	const struct histogram *turn_duration;
	int64_t		 started_at;	/* wall ms */
	int64_t		 started_boot;	/* boot ms */
};

/*
 * Reads the tokens, making the token file (mode 0600, 32 random bytes in
 * hex) if it is not there.  NULL and `why` when that fails.
 */
struct admin *admin_new(const struct admin_parts *, struct why *);
void	admin_free(struct admin *);		/* NULL: nothing */
/* A reload: other parts from now on. */
void	admin_reload(struct admin *, const struct admin_parts *);

/* For struct http_settings; `arg` is the admin. */
void	admin_request(struct http_request *, void *arg);
bool	admin_early(struct http_request *, void *arg);
void	admin_error_body(int status, const char *message, struct buf *body,
	    const char **content_type);

/* Once a turn, before the plan: writes that wait for the write lock, and a
 * slice of what is to be counted.  As intake_turn. */
int64_t	admin_turn(struct admin *, struct moment now);

/*
 * Once a turn, after its transaction has ended and before the next one: what
 * needs a transaction of its own, to throw it away.  ms until it wants to be
 * called again; INT64_MAX: not by itself.
 */
int64_t	admin_after(struct admin *, struct moment now);

/* Does anybody wait for a reload?  Then admin_reloaded answers. */
bool	admin_wants_reload(const struct admin *);
enum admin_reload_end {
	ADMIN_RELOADED,		/* and it is on disk */
	ADMIN_NOT_RELOADED,	/* the settings cannot be taken over */
	ADMIN_NOT_STORED	/* they could be, but not now */
};
/* Lines of text: what changed; what is wrong, "FILE:LINE: ...". */
void	admin_reloaded(struct admin *, struct moment now,
	    enum admin_reload_end, const char *changed, const char *wrong);

/* The routes, for documentation and its test: the i-th one's method and path,
 * "GET" and "/v1/events/{id}"; false behind the last.  Lent for ever. */
bool	admin_route(size_t i, const char **method, const char **path);

#endif
