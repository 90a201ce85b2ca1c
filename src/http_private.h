/*
 * http_private.h - what the files of http share
 *
 * http.c has the fronts and the life of the whole, http_sockets.c opens what
 * listens, http_conn.c reads requests and keeps the deadlines, http_answer.c
 * prepares what is sent.
 */
#ifndef HR_HTTP_PRIVATE_H
#define HR_HTTP_PRIVATE_H

#include <sys/queue.h>
#include <sys/time.h>
#include <time.h>

#include <openssl/ssl.h>

#include "head.h"
#include "http.h"
#include "mem.h"

struct bufferevent;
struct event;
struct http_listener;

struct http {
	struct event_base *base;
	LIST_HEAD(, http_front) fronts;
	TAILQ_HEAD(, http_request) held;	/* in the order they came */
	size_t		 held_n;
	/* Who asks for what is held: see http_lately. */
	uint64_t	 round;		/* the present one; from 1 */
	unsigned	 releases;	/* in it */
	size_t		 askers;	/* connections, in it */
	size_t		 lately;	/* ... in the one before */
	bool		 stopping;	/* http_stop was called */
	time_t		 date_at;	/* the second that `date` tells */
	char		 date[32];
	struct buf	 error;		/* the body of an error, while built */
};

struct http_front {
	struct http	*http;
	struct http_settings settings;
	/* The request timeout in the form that makes libevent queue equal
	 * timers instead of sorting them. */
	const struct timeval *deadline;
	SSL_CTX		*tls;		/* NULL: plain */
	LIST_HEAD(, http_listener) listeners;
	LIST_HEAD(, http_request) connections;
	size_t		 open;		/* connections with a socket */
	int		 port;		/* of the first TCP listener */
	LIST_ENTRY(http_front) link;
};

enum http_state {
	HTTP_HEAD,		/* waits for a head; idle without a byte */
	HTTP_BODY,
	HTTP_ASKED,		/* the handler has the request */
	HTTP_HELD,		/* answered, waits for http_release */
	HTTP_ANSWERING,		/* part of the answer is not sent yet */
	HTTP_STREAMING,
	HTTP_LINGERING,		/* sent all it will, drops what still comes */
	HTTP_OVER		/* nobody holds it: to be freed */
};

/*
 * A connection.  As it handles one request at a time it also is that request,
 * which is all that the outside sees of it.  It outlives its socket (`bev` is
 * NULL then) while somebody holds the request: asked, held, streaming.
 */
struct http_request {
	struct http_front *front;
	struct bufferevent *bev;
	int		 fd;
	SSL		*ssl;		/* of bev; NULL: plain */
	struct event	*timer;		/* the one deadline, for whatever */
	enum http_state	 state;
	int64_t		 asked_us;	/* clock_stopwatch, if latency counts */
	bool		 running;	/* its reader is on the stack */
	bool		 begun;		/* the request's deadline runs */
	bool		 eof;		/* the client sends no more */
	bool		 keep;		/* the client wants to send another */
	bool		 closing;	/* the answer said it is the last */
	bool		 unread;	/* the body will not be read */
	bool		 head_only;	/* method HEAD: answer without body */

	struct buf	 block;		/* the bytes that `head` points to */
	struct head	 head;
	struct head_chunked chunked;
	struct buf	 body;
	struct buf	 out;		/* the answer, until it is sent */
	size_t		 lingered;	/* bytes dropped while lingering */

	/* Streaming. */
	void		(*gone)(struct http_request *, void *);
	void		*gone_arg;
	uint64_t	 put;		/* bytes handed over so far */
	uint64_t	 taken;		/* of them sent, at the last look */

	LIST_ENTRY(http_request) link;
	TAILQ_ENTRY(http_request) held_link;
	uint64_t	 round;		/* the last in which it was held */
};

/* http_sockets.c */

#define HTTP_SOCKETS	8	/* addresses of a name that are listened on */

/* Listening sockets of an address into fds[HTTP_SOCKETS]: given.  How many,
 * or -1 and `why`. */
int	http_sockets_open(const char *address, int *fds, struct why *);
int	http_sockets_port(int fd);

/* http_conn.c */

/* Takes the socket. */
void	http_conn_open(struct http_front *, int fd);
/* Closes the socket; tells a stream's owner.  Frees what nobody holds. */
void	http_conn_vanish(struct http_request *);
/* Closes the socket and frees it, whoever holds it; tells as above. */
void	http_conn_free(struct http_request *);
/* No byte of a request was read, no answer is due. */
bool	http_conn_idle(const struct http_request *);
/* Sends c->out; what follows depends on what the request asked for. */
void	http_conn_answer(struct http_request *);
/* The head of a stream is in c->out. */
void	http_conn_stream(struct http_request *);
/* Bytes of a stream.  A failure is told to its owner in a later turn. */
void	http_conn_put(struct http_request *, const char *, size_t);
/* How many bytes of its output wait. */
size_t	http_conn_pending(const struct http_request *);
/* Sends what waits, then closes. */
void	http_conn_finish(struct http_request *);
/* The request was answered, but its socket is gone. */
void	http_conn_forget(struct http_request *);

/* http_answer.c */

/*
 * Appends an answer without its Connection line, which http_answer_connection
 * puts in once it is known.  A stream has no Content-Length.
 */
void	http_answer_compose(struct http *, struct buf *out,
	    const struct http_answer *, bool head_only, bool stream);
void	http_answer_connection(struct buf *out, const char *line);
/* The same of an error, by the front's error_body. */
void	http_answer_error(struct http_front *, struct buf *out, int status,
	    const char *message, bool head_only);

#endif
