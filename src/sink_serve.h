/*
 * sink_serve.h - the simulated Heap on HTTP
 *
 * The API that is simulated, and what a test or a person asks of the
 * simulation: /stats, /events, /users, /faults, /reset.
 */
#ifndef HR_SINK_SERVE_H
#define HR_SINK_SERVE_H

#include <stdio.h>

struct event_base;
struct http_request;
struct sink_heap;
struct sink_serve;

/* Keeps the base, the heap and the log (NULL: none) until sink_serve_free. */
struct sink_serve *sink_serve_new(struct event_base *, struct sink_heap *,
	    FILE *log);
/* After http_free: answers that wait are forgotten.  NULL: nothing. */
void	sink_serve_free(struct sink_serve *);

/* The handler and the error bodies of the front; `arg` is the sink_serve. */
void	sink_serve_request(struct http_request *, void *arg);
void	sink_serve_error(int status, const char *message, struct buf *body,
	    const char **content_type);

#endif
