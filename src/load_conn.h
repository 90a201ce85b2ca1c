/*
 * load_conn.h - a connection, one request at a time on it
 */
#ifndef HR_LOAD_CONN_H
#define HR_LOAD_CONN_H

#include <sys/socket.h>

#include "mem.h"

struct event_base;
struct load_conn;

/* The status of the answer, 0: none came. */
typedef void load_done(void *arg, int status);

/*
 * load_conn_new - not connected yet
 *
 * Keeps `address` and `arg` until load_conn_free.  A connection that was lost
 * is made anew with the next request.
 */
struct load_conn *load_conn_new(struct event_base *,
	    const struct sockaddr *address, socklen_t, load_done *,
	    void *arg);
void	load_conn_free(struct load_conn *);	/* tells nobody */

/*
 * load_conn_send - send a request, report once
 *
 * Only when none is out.  The request is head and body as they go over the
 * wire.  `done` is called exactly once, never from inside this call.
 */
void	load_conn_send(struct load_conn *, const struct buf *head,
	    const struct buf *body);

/* Gives up the request that is out, which is reported from inside this
 * call as one without an answer. */
void	load_conn_cut(struct load_conn *);

#endif
