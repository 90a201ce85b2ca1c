/*
 * admin_fixture.h - what the tests of the admin API share
 *
 * The real queue in a directory of its own and a real listener on loopback,
 * with turns as main.c has them, except that nothing is planned but by
 * bench_fail_requests: events stay as a test made them.
 */
#ifndef HR_ADMIN_FIXTURE_H
#define HR_ADMIN_FIXTURE_H

#include "admin.h"
#include "histogram.h"
#include "json.h"

#define NOW	INT64_C(1700000000000)	/* 2023-11-14T22:13:20Z */

#define BENCH_LINES	300	/* that the live stream's ring holds */

struct bench {
	char		*directory;
	struct event_base *base;
	struct http	*http;
	struct http_front *front;
	struct queue	*queue;
	struct inspect	*inspect;
	struct profile_store *profiles;
	struct config	*config;
	struct outputs	 outputs;
	struct acceptor	*acceptor;
	struct intake	*intake;
	struct dispatch	*dispatch;
	struct jobs	*jobs;
	struct backup	*backup;
	struct erase	*erase;
	struct live	*live;
	struct admin	*admin;
	struct histogram ingest_latency, commit_duration, turn_duration;
	struct moment	 now;
	const char	*output_name;	/* of the next bench_reload: "heap" */
	int64_t		 due_at;	/* bench_attempt's, if not stuck */
	char		*token;
	char		*read_token;
	bool		 fail_commits;	/* turns are rolled back */
	/* How a reload that is asked for ends: nothing is read. */
	enum admin_reload_end reload_end;
	const char	*reload_changed, *reload_wrong;
	/* Called when the API wants another turn after some ms, which have
	 * passed then; NULL: nothing happens meanwhile. */
	void		(*on_wait)(struct bench *);
	void		*on_wait_arg;
	size_t		 waits;
	/* The last answer. */
	struct buf	 answer;	/* all of it */
	int		 status;
	const char	*body;		/* in it */
	struct json	*json;		/* the body; NULL: it is none */
	struct buf	 value;		/* what bench_value lent */
};

int	bench_setup(void **state);
int	bench_teardown(void **state);
#define ADMIN_TEST(t) \
	cmocka_unit_test_setup_teardown(t, bench_setup, bench_teardown)

/* The text of its settings, with these of [output heap].  Given (free). */
char	*bench_settings(const struct bench *, const char *output_settings);
/* What the API works on. */
struct admin_parts bench_parts(struct bench *);
/* Other settings of [output heap], as after SIGHUP. */
void	bench_reload(struct bench *, const char *output_settings);

/*
 * One batch with one custom event of that name, of the MPID 12; `more` are
 * members for the batch ("" or `,"name":value`).  Durable.  The event's id.
 */
int64_t	bench_put(struct bench *, const char *name, const char *more);
/* A request took the event along and ended with that status (0: without an
 * answer); the event is queued again, or stuck for the reason.  Durable.  The
 * request's id. */
int64_t	bench_attempt(struct bench *, int64_t event, int64_t parent,
	    int status, const char *stuck);

/* So many requests that are planned, sent to where nobody listens, and judged;
 * between them the clock moves on by ten minutes. */
void	bench_fail_requests(struct bench *, size_t n);

/* What follows the loop in a turn.  true: another turn is wanted after some
 * time, which has passed. */
bool	bench_turn(struct bench *);

/* Sends these bytes, turns until the answer is there, and reads it. */
void	bench_send(struct bench *, const char *request);
/* A request with the token; `headers` and `body` may be "". */
void	bench_ask(struct bench *, const char *method, const char *target,
	    const char *headers, const char *body);
void	bench_get(struct bench *, const char *target);
void	bench_post(struct bench *, const char *target, const char *body);

/* Of the answer's body: the value at a path such as "items.0.id", as JSON
 * text; "" if there is none.  Lent until the next call. */
const char *bench_value(struct bench *, const char *path);
/* Fails unless the value at the path is this JSON text. */
void	assert_value(struct bench *, const char *path, const char *json);
/* Fails unless the answer is this problem. */
void	assert_problem(struct bench *, int status, const char *code);
bool	bench_header(struct bench *, const char *line);

#endif
