/*
 * http.h - a strict HTTP/1.1 server on libevent
 *
 * Reads requests with unambiguous framing only, and hands each to its
 * listener's handler once it is whole.  Answers wait for the turn's commit,
 * or leave at once when they promise nothing.  Knows bytes, deadlines and
 * limits; knows nothing of routes, credentials or JSON.
 */
#ifndef HR_HTTP_H
#define HR_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

struct event_base;
struct evbuffer;
struct histogram;

struct http;		/* all listeners and connections */
struct http_front;	/* one kind of listener: ingest, admin, the sink */
struct http_request;	/* a whole request that awaits its answer */

/*
 * Called once a request is whole.  The request is lent until it is answered:
 * exactly one call of http_reply or http_hold, now or later.
 */
typedef void http_handler(struct http_request *, void *arg);

/*
 * Builds the body of an error that this module or a failed commit answers:
 * 400 408 413 431 501 503 505.  Sets *content_type.
 */
typedef void http_error_body(int status, const char *message,
    struct buf *body, const char **content_type);

struct http_settings {
	const char	*name;			/* "ingest", for messages */
	size_t		 max_body_bytes;	/* as sent, before inflating;
						   at least 1 */
	int64_t		 request_timeout_ms;	/* first byte to whole request;
						   also idle keep-alive and a
						   reader that does not read */
	size_t		 max_connections;
	http_handler	*handler;
	/* May answer as soon as the head is there (path, method,
	 * credentials), before the body was read; NULL: none.  When it
	 * answers, the connection closes after the answer unless the request
	 * has no body.  Returns true when it answered with http_reply,
	 * or will, later. */
	bool		(*early)(struct http_request *, void *arg);
	http_error_body	*error_body;	/* NULL: errors have no body */
	/* Kept: counts how long answers took that were held and are durable,
	 * since their request was whole.  NULL: nobody wants to know. */
	struct histogram *latency;
	void		*arg;
};

struct http *http_new(struct event_base *);
/* Closes every connection at once; streams are told that their reader is
 * gone, other requests must not be used after.  Before event_base_free, and
 * not from inside a handler.  NULL: nothing. */
void	http_free(struct http *);

/* The settings are copied, their name and arg kept.  Lent until http_free. */
struct http_front *http_front(struct http *, const struct http_settings *);
/* HOST:PORT, [HOST]:PORT or unix:PATH, plain.  -1 and `why` on failure. */
int	http_listen(struct http_front *, const char *address, struct why *);
/*
 * A certificate with its key, from PEM files, full chain.  Given (by
 * http_certificate_free, or to http_tls); NULL and `why` on failure.
 */
struct http_certificate;
struct http_certificate *http_certificate(const char *certificate,
	    const char *key, struct why *);
void	http_certificate_free(struct http_certificate *);  /* NULL: nothing */
/* Takes it: from now on new connections of the front speak TLS (1.2 or later)
 * with it. */
void	http_tls(struct http_front *, struct http_certificate *);
/* The port of a front's first TCP listener (for port 0); 0: none. */
int	http_port(const struct http_front *);

/* The request.  Texts are lent until it is answered. */
const char *http_method(const struct http_request *);
/* A path with its query, or *: an absolute-form target is cut to that. */
const char *http_target(const struct http_request *);
/* The value of the header of that name in any case, trimmed; NULL: none.  Of
 * several with one name the first; http_header_count tells how many. */
const char *http_header(const struct http_request *, const char *name);
size_t	http_header_count(const struct http_request *, const char *name);
const char *http_body(const struct http_request *, size_t *len);
struct http_front *http_request_front(const struct http_request *);

/* An answer.  Plain data; texts are borrowed until the call that takes it
 * returns.  Content-Length, Date and Connection are added. */
struct http_answer {
	int		 status;
	const char	*content_type;	/* NULL: none (no body) */
	const char	*headers;	/* further "Name: value\r\n", or NULL */
	const char	*body;
	size_t		 body_len;
};

/* Leaves at once: for answers that promise nothing. */
void	http_reply(struct http_request *, const struct http_answer *);
/* Waits for http_release: for answers that say "it is on disk". */
void	http_hold(struct http_request *, const struct http_answer *);
/* No answer: the connection is cut, with a TCP reset where there is one.  It
 * stands for http_reply, and is what simulations of failures need. */
void	http_reset(struct http_request *);
/* How many answers wait. */
size_t	http_held(const struct http *);
/* How many connections had one lately, in the last handful of releases: so
 * many may be about to ask again; no more than a turn takes. */
size_t	http_lately(const struct http *);
/*
 * The turn's transaction ended: what is held leaves as prepared when
 * `durable`, else as 503 with Retry-After: 1.
 */
void	http_release(struct http *, bool durable);

/*
 * A streaming answer (server-sent events): the head leaves at once, without
 * Content-Length, and the connection closes at its end.  http_stream_put
 * returns false (and drops the text) while more than max_pending bytes wait.
 * `gone` is called once if the reader leaves first (or takes nothing for
 * request_timeout_ms), never from inside http_stream or http_stream_put;
 * after it, or after http_stream_end, the request must not be used.
 */
void	http_stream(struct http_request *, const struct http_answer *head,
	    void (*gone)(struct http_request *, void *arg), void *arg);
bool	http_stream_put(struct http_request *, const char *, size_t,
	    size_t max_pending);
void	http_stream_end(struct http_request *);

/* Closes the listeners, so that no connection is accepted; idle connections
 * close, busy ones after their answer, and streams at once (their `gone` is
 * called).  Not from inside a handler. */
void	http_stop(struct http *);
/* How many requests are unanswered or partly read or written. */
size_t	http_busy(const struct http *);
size_t	http_connections(const struct http_front *);

#endif
