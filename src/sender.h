/*
 * sender.h - POST a body, get one result: libcurl multi on the event loop
 *
 * Keep-alive HTTP/1.1, TLS always verified, redirects never followed, at
 * most SENDER_ANSWER bytes of an answer read.  Knows nothing of lanes or
 * verdicts.
 */
#ifndef HR_SENDER_H
#define HR_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

#define SENDER_ANSWER	65536	/* of an answer's body, at most */

struct event_base;
struct sender;

/* How a POST ended.  Lent for the call of sender_done. */
struct sender_result {
	int		 status;	/* 0: no answer */
	bool		 never_left;	/* refused, or unresolved name */
	/* Of libcurl, with what failed; "" when there was an answer. */
	char		 error[160];
	bool		 has_retry_after;
	/* As sent; also set when it is a date. */
	char		 retry_after[64];
	const char	*body;		/* its start, at most SENDER_ANSWER */
	size_t		 body_len;
	int64_t		 duration_ms;
};

typedef void sender_done(void *arg, const struct sender_result *);

struct sender_settings {
	const char	*name;		/* of the output, for messages */
	int64_t		 connect_timeout_ms;
	int64_t		 timeout_ms;	/* in all */
	const char	*ca_file;	/* NULL: the system's */
	long		 max_connections;
};

/* The settings are copied. */
struct sender *sender_new(struct event_base *,
    const struct sender_settings *);
/* Requests still out end as error results first.  NULL: nothing. */
void	sender_free(struct sender *);
void	sender_set(struct sender *, const struct sender_settings *);

/*
 * sender_post - send one POST of application/json, report once
 *
 * Takes the text of `body` (it is empty after).  Keeps `arg` until
 * `done(arg, result)` is called, which happens exactly once, never from
 * inside this call.  A transfer that takes longer than timeout_ms ends as an
 * error result, so a caller needs no timer of its own.
 */
void	sender_post(struct sender *, const char *url, struct buf *body,
	    sender_done *done, void *arg);
size_t	sender_flights(const struct sender *);

#endif
