/*
 * admin_private.h - what the files of the admin API share
 *
 * admin.c has the life of the whole and writes that wait, admin_route.c the
 * table of routes and what a target says, admin_guard.c who may ask,
 * admin_answer.c how answers look, admin_shape.c what they are made of; the
 * others have the handlers.
 */
#ifndef HR_ADMIN_PRIVATE_H
#define HR_ADMIN_PRIVATE_H

#include "admin.h"
#include "pending.h"
#include "json.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION	"unversioned"
#endif

#define ADMIN_PARAMS	16	/* in one query */
#define ADMIN_SAMPLES	61	/* one a second: a minute */

/* The counters at one moment, for rates. */
struct admin_sample {
	int64_t	 boot;
	uint64_t batches;		/* accepted */
	uint64_t delivered;		/* events */
};

struct admin {
	struct admin_parts	 parts;
	char			*token;
	char			*read_token;	/* NULL: there is none */
	struct pending		*pending;
	struct admin_wait	*reloads;	/* see admin_config.c */
	struct admin_wait	*previews;	/* see admin_map.c */
	struct admin_wait	*denied;	/* see admin_guard.c */
	struct admin_count	*counts;	/* dry runs; see admin_job.c */
	/* What is sent beside GET /, and its ETag, which is part of it. */
	char			*page_headers, *page_tag;
	/* A ring; samples_n counts all that were ever taken. */
	struct admin_sample	 sample[ADMIN_SAMPLES];
	size_t			 samples_n;
	/* The last commit, by its counters. */
	uint64_t		 commits, commits_failed;
	bool			 commit_failed;
};

/* A request that waits for something, in a list of such, oldest first. */
struct admin_wait {
	struct admin_wait	*next;
	struct http_request	*request;
	int64_t			 since;		/* boot ms */
};

struct admin_call;
typedef void admin_handler(struct admin_call *);

/* Who may ask. */
enum admin_who {
	ADMIN_FULL,	/* who has the full token; the handler may write */
	ADMIN_READ,	/* also a token that may only look */
	ADMIN_ANY	/* everybody, without a token */
};

struct admin_entry {
	const char	*method;
	const char	*path;		/* with {id} or {name} in it */
	admin_handler	*handler;
	enum admin_who	 who;
	const char	*params;	/* allowed, divided by blanks */
};

/* One request while it is answered; its texts lie in `target`. */
struct admin_call {
	struct admin		*admin;
	struct http_request	*request;
	struct moment		 now;
	const struct admin_entry *entry;
	bool			 write;	/* its method is neither GET nor HEAD */
	char			*target;	/* a copy, decoded in place */
	char			*query;		/* in it; NULL: none */
	int64_t			 id;		/* {id} */
	const char		*name;		/* {name} */
	struct {
		const char	*name;
		const char	*value;
	}			 param[ADMIN_PARAMS];
	size_t			 params_n;
	struct why		 wrong;		/* of admin_unknown */
};

/* --- admin.c --- */

/* A call of that request, without entry yet. */
void	admin_call_begin(struct admin_call *, struct admin *,
	    struct http_request *);
/* Behind the others of the list. */
void	admin_wait_add(struct admin_wait **, struct http_request *,
	    struct moment now);
/* The first of the list is taken off it; NULL: there is none. */
struct http_request *admin_wait_take(struct admin_wait **);

/* --- admin_route.c --- */

/* The route of the request: sets the call's entry, id and name.  false: it
 * was answered 404 or 405. */
bool	admin_find_route(struct admin_call *);
/* Reads the query; false: answered 400. */
bool	admin_read_query(struct admin_call *);
/* A parameter of the query; NULL: not given. */
const char *admin_param(const struct admin_call *, const char *name);
/* `limit` and `cursor`; false: answered 400. */
bool	admin_page(struct admin_call *, struct inspect_page *);
/* An instant: RFC 3339, or -90s, -1h, -7d before now.  false: neither. */
bool	admin_instant(const char *, int64_t now, int64_t *at);

/* --- admin_guard.c --- */

/* Reads a token file, and makes it if it is not there; NULL and `why`.
 * Given. */
char	*admin_token(const char *path, struct why *);
/* Is the request for us?  false: answered 400 or 421. */
bool	admin_check_host(struct admin_call *);
/* May whoever asks do this?  false: answered 401 or 403,
 * or to be by admin_turn_denied. */
bool	admin_check_token(struct admin_call *);
/* As admin_turn: answers those whose wrong token has waited long enough. */
int64_t	admin_turn_denied(struct admin *, struct moment now);
/* A write from another site, or of something else than JSON; false: answered
 * 403 or 415. */
bool	admin_check_write(struct admin_call *);

/* --- admin_answer.c --- */

/* Takes the value.  Leaves at once. */
void	admin_json(struct admin_call *, int status, cJSON *);
/* Takes the value.  Leaves with the turn's commit. */
void	admin_json_held(struct admin_call *, int status, cJSON *);
/* The same with further headers; NULL: none. */
void	admin_json_held_with(struct admin_call *, int status,
	    const char *headers, cJSON *);
void	admin_text(struct admin_call *, const char *content_type,
	    const char *text, size_t len);
/* An RFC 9457 problem; `headers` NULL or further ones. */
void	admin_problem(struct admin_call *, int status, const char *code,
	    const char *headers, const char *fmt, ...) HR_PRINTF(5, 6);
/* The same with a further member, which is taken. */
void	admin_problem_with(struct admin_call *, int status, const char *code,
	    const char *name, cJSON *, const char *fmt, ...) HR_PRINTF(6, 7);
/* What is wrong with `holder`, which has a member or parameter of a name that
 * means nothing there.  Lent until the next call. */
const char *admin_unknown(struct admin_call *, const char *holder,
	    const char *name);
/* inspect could not answer. */
void	admin_cannot_read(struct admin_call *);
/* What was asked for could not be written, and nothing was. */
void	admin_not_stored(struct admin_call *);

/* Members of an object; absent ones are null: NULL texts, instants of 0. */
void	admin_put_text(cJSON *, const char *name, const char *);
void	admin_put_int(cJSON *, const char *name, int64_t);
void	admin_put_int_or_null(cJSON *, const char *name, bool, int64_t);
void	admin_put_at(cJSON *, const char *name, int64_t wall);
/* Text that is JSON already, between `before` and `after`. */
void	admin_put_raw(cJSON *, const char *name, const char *before,
	    const char *, size_t len, const char *after);

/* --- admin_shape.c --- */

cJSON	*admin_event_shape(const struct inspect_event *);
cJSON	*admin_request_shape(const struct inspect_request *);
/* inspect_request_visit: appends to the cJSON array `arg`. */
void	admin_add_request(const struct inspect_request *, void *array);
/* A list: {"items":[...],"next_cursor":...}.  Takes the items. */
cJSON	*admin_list(cJSON *items, int64_t next);
/* One output, with its lanes and windows as dispatch has them. */
cJSON	*admin_output_shape(struct admin *, struct moment now,
	    const struct inspect_output *);

/* --- admin_why.c --- */

/* {"sentence","blocked_by","until"} */
cJSON	*admin_why(struct admin *, struct moment now,
	    const struct inspect_event *);

/* --- admin_forecast.c --- */

/* {"done_at","seconds","outputs","lanes"}; NULL: it cannot be read now. */
cJSON	*admin_forecast(struct admin *, struct moment now);
/* Moves an output's part of such a forecast into the shape of the output, as
 * "forecast"; null if it has none. */
void	admin_put_forecast(cJSON *output, cJSON *forecast);
/* {"done_at","seconds"}: when the windows will have let all through that was
 * counted, `besides` what is queued already.  NULL: it cannot be read now. */
cJSON	*admin_forecast_count(struct admin *, struct moment now,
	    const struct jobs_count *, bool besides);

/* --- admin_map.c --- */

/* As admin_after: at most one body that is to be looked at. */
int64_t	admin_turn_previews(struct admin *, struct moment now);

/* --- admin_output.c --- */

/* Nothing, or an empty object, came with the request; false: answered 400. */
bool	admin_check_no_body(struct admin_call *);

/* --- admin_job.c --- */

/* The job as it will be once the turn is on disk; 202 tells where it is. */
void	admin_answer_job(struct admin_call *, int status, int64_t id);
/* As admin_turn: a slice of the dry run that was asked for first. */
int64_t	admin_turn_counts(struct admin *, struct moment now);
void	admin_free_counts(struct admin *);

/* --- admin_page.c --- */

/* The page, made of src/ui at build time; text, with a NUL behind it. */
extern const char admin_page_html[];
extern const size_t admin_page_html_len;
/* Appends what is sent beside a page: a policy that lets its own script and
 * style run and no other, and the tag as its ETag. */
void	admin_page_headers(const char *page, const char *tag, struct buf *);
/* Prepares them for the page there is. */
void	admin_page_init(struct admin *);

/* --- handlers --- */

/* admin_event.c */
void	admin_get_events(struct admin_call *);
void	admin_get_event(struct admin_call *);
void	admin_get_why(struct admin_call *);
void	admin_get_requests(struct admin_call *);
/* admin_config.c */
void	admin_get_config(struct admin_call *);
void	admin_post_reload(struct admin_call *);
void	admin_get_audit(struct admin_call *);
/* admin_map.c */
void	admin_post_map(struct admin_call *);
/* admin_output.c */
void	admin_post_pause(struct admin_call *);
void	admin_post_resume(struct admin_call *);
void	admin_post_probe(struct admin_call *);
/* admin_write.c */
void	admin_post_replay(struct admin_call *);
void	admin_post_discard(struct admin_call *);
/* admin_job.c */
void	admin_post_replay_all(struct admin_call *);
void	admin_post_discard_all(struct admin_call *);
void	admin_get_jobs(struct admin_call *);
void	admin_get_job(struct admin_call *);
void	admin_delete_job(struct admin_call *);
/* admin_status.c */
void	admin_get_status(struct admin_call *);
void	admin_get_outputs(struct admin_call *);
void	admin_get_output(struct admin_call *);
/* admin_health.c */
void	admin_get_live(struct admin_call *);
void	admin_get_ready(struct admin_call *);
void	admin_get_progress(struct admin_call *);
/* admin_forecast.c */
void	admin_get_forecast(struct admin_call *);
void	admin_get_identities(struct admin_call *);
void	admin_get_identity(struct admin_call *);
/* admin_keep.c */
void	admin_post_backup(struct admin_call *);
void	admin_get_verify(struct admin_call *);
void	admin_delete_identity(struct admin_call *);
/* admin_live.c */
void	admin_get_stream(struct admin_call *);
/* admin_metrics.c */
void	admin_get_metrics(struct admin_call *);
/* admin_page.c */
void	admin_get_page(struct admin_call *);

/* admin_event.c: the filter that the parameters make; its texts are lent as
 * theirs.  false: answered 400. */
bool	admin_read_filter(struct admin_call *, struct filter *);

/* admin_event.c: an event with its payload, batch, requests and why.
 * INSPECT_OK: *out is given. */
enum inspect_answer admin_whole_event(struct admin *, struct moment now,
	    enum inspect_view, int64_t id, cJSON **out);

#endif
