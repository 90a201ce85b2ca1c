/*
 * load_run.c - connections that send batches, and what they were answered
 *
 * Knows HTTP as libevent's client speaks it, and pacing.  Knows nothing of
 * what a batch says.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "load_run.h"
#include "log.h"

#define TICK_US		1000	/* at a rate: how often it is looked at */

struct load {
	struct event_base	*base;
	const struct load_plan	*plan;
	struct load_result	*result;
	struct event		*tick;
	struct connection	*connections;
	struct connection	*idle;		/* a list */
	struct buf		 body;
	int64_t			 began_us;
	int64_t			 out;		/* not answered yet */
};

struct connection {
	struct load		*load;
	struct evhttp_connection *http;
	struct connection	*next;		/* idle */
	int64_t			 n;		/* its request ... */
	int64_t			 due_us;	/* ... was to leave */
};

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static int64_t
wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* When the nth request is to leave; at no rate: now. */
static int64_t
due(const struct load *l, int64_t n, int64_t now)
{
	if (l->plan->rate <= 0)
		return now;
	return l->began_us + (int64_t)((double)n * 1e6 / l->plan->rate);
}

static bool
over(const struct load *l, int64_t now)
{
	const struct load_plan *p = l->plan;

	return (p->requests > 0 && l->result->sent >= p->requests) ||
	    (p->duration_ms > 0 &&
	    now - l->began_us >= p->duration_ms * 1000);
}

static void
note_ids(const struct load *l, int64_t n)
{
	const struct load_plan *p = l->plan;
	int64_t per = p->shape.bulk > 0 ? p->shape.bulk : 1, i;

	for (i = 0; p->ids != NULL && i < per; i++)
		fprintf(p->ids, "%s-%" PRId64 "\n", p->run, n * per + i);
}

static void send_due(struct load *);

static void
on_answer(struct evhttp_request *r, void *arg)
{
	struct connection *c = arg;
	struct load *l = c->load;
	int status = r == NULL ? 0 : evhttp_request_get_response_code(r);
	int64_t now = now_us();

	if (status < 0 || status >= LOAD_STATUSES)
		status = 0;
	l->result->status[status]++;
	l->result->elapsed_us = now - l->began_us;
	if (status != 0)
		load_latency_add(&l->result->latency, now - c->due_us);
	if (status == 202)
		note_ids(l, c->n);
	l->out--;
	c->next = l->idle;
	l->idle = c;
	send_due(l);
	if (l->out == 0 && over(l, now))
		event_base_loopbreak(l->base);
}

static void
post(struct connection *c, int64_t n, int64_t due_us)
{
	struct load *l = c->load;
	const struct load_plan *p = l->plan;
	struct evhttp_request *r = evhttp_request_new(on_answer, c);
	struct evkeyvalq *h;

	if (r == NULL)
		fatal(EXIT_INTERNAL, "load: out of memory");
	c->n = n;
	c->due_us = due_us;
	buf_reset(&l->body);
	load_batch_put(&l->body, &p->shape, p->run, n, wall_ms());
	h = evhttp_request_get_output_headers(r);
	if (evhttp_add_header(h, "Host", p->host) == -1 ||
	    evhttp_add_header(h, "Authorization", p->authorization) == -1 ||
	    evhttp_add_header(h, "Content-Type", "application/json") == -1 ||
	    evbuffer_add(evhttp_request_get_output_buffer(r),
	    buf_str(&l->body), l->body.len) == -1)
		fatal(EXIT_INTERNAL, "load: out of memory");
	l->out++;
	l->result->sent++;
	/* On failure the request is gone, and nobody is told. */
	if (evhttp_make_request(c->http, r, EVHTTP_REQ_POST,
	    p->shape.bulk > 0 ? "/v2/bulkevents" : "/v2/events") == -1)
		fatal(EXIT_IO, "load: cannot send to %s:%d", p->host,
		    (int)p->port);
}

static void
send_due(struct load *l)
{
	int64_t now = now_us(), at;
	struct connection *c;

	while (l->idle != NULL && !over(l, now)) {
		at = due(l, l->result->sent, now);
		if (at > now)
			break;
		c = l->idle;
		l->idle = c->next;
		post(c, l->result->sent, at);
	}
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct load *l = arg;

	(void)fd;
	(void)what;
	send_due(l);
	if (l->out == 0 && over(l, now_us()))
		event_base_loopbreak(l->base);
}

static void
open_connections(struct load *l)
{
	const struct load_plan *p = l->plan;
	struct timeval timeout = { .tv_sec = p->timeout_ms / 1000,
	    .tv_usec = p->timeout_ms % 1000 * 1000 };
	struct connection *c;
	int64_t i;

	l->connections = xcalloc((size_t)p->connections,
	    sizeof(*l->connections));
	for (i = 0; i < p->connections; i++) {
		c = &l->connections[i];
		c->load = l;
		c->http = evhttp_connection_base_new(l->base, NULL, p->host,
		    p->port);
		if (c->http == NULL)
			fatal(EXIT_INTERNAL, "load: out of memory");
		evhttp_connection_set_timeout_tv(c->http, &timeout);
		evhttp_connection_set_retries(c->http, 0);
		c->next = l->idle;
		l->idle = c;
	}
}

void
load_run(struct event_base *base, const struct load_plan *plan,
    struct load_result *result)
{
	struct load l = { .base = base, .plan = plan, .result = result,
	    .body = BUF_INIT };
	const struct timeval tick = { .tv_usec = TICK_US };
	int64_t i;

	open_connections(&l);
	l.tick = event_new(base, -1, EV_PERSIST, on_tick, &l);
	if (l.tick == NULL || event_add(l.tick, &tick) == -1)
		fatal(EXIT_INTERNAL, "load: no timer");
	l.began_us = now_us();
	send_due(&l);
	event_base_dispatch(base);
	event_free(l.tick);
	/* What is out is given up, and on_answer must not send again. */
	l.plan = &(const struct load_plan){ .requests = 1 };
	for (i = 0; i < plan->connections; i++)
		evhttp_connection_free(l.connections[i].http);
	free(l.connections);
	buf_free(&l.body);
}
