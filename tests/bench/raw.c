/*
 * raw.c - the least that could be called durable intake
 *
 * usage: raw DATABASE
 *
 * libevent's HTTP server, cJSON, one row a request, one commit a turn of the
 * loop, and no answer before it: the agent's idea without the agent.  It
 * checks nothing but that the body is JSON.  Prints its port; SIGTERM ends it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <cjson/cJSON.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "mem.h"
#include "row.h"

/* A request whose row is not committed yet. */
struct held {
	STAILQ_ENTRY(held) link;
	struct evhttp_request *request;
};

static struct row_table table;
static STAILQ_HEAD(, held) held = STAILQ_HEAD_INITIALIZER(held);
static bool stopping;

static void
on_request(struct evhttp_request *r, void *arg)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(r);
	size_t n = evbuffer_get_length(in);
	const char *body = (const char *)evbuffer_pullup(in, -1);
	cJSON *parsed = n == 0 ? NULL : cJSON_ParseWithLength(body, n);
	struct held *h;

	(void)arg;
	if (parsed == NULL) {
		evhttp_send_error(r, HTTP_BADREQUEST, NULL);
		return;
	}
	cJSON_Delete(parsed);
	if (STAILQ_EMPTY(&held))
		row_begin(&table);
	row_insert(&table, body, n);
	h = xmalloc(sizeof(*h));
	h->request = r;
	STAILQ_INSERT_TAIL(&held, h, link);
}

static void
commit(void)
{
	struct held *h;

	if (STAILQ_EMPTY(&held))
		return;
	row_commit(&table);
	while ((h = STAILQ_FIRST(&held)) != NULL) {
		STAILQ_REMOVE_HEAD(&held, link);
		evhttp_send_reply(h->request, 202, "Accepted", NULL);
		free(h);
	}
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	(void)arg;
	stopping = true;
}

/* Prints the port that the kernel chose. */
static void
serve(struct evhttp *http)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(
	    http, "127.0.0.1", 0);

	if (bound == NULL || getsockname(evhttp_bound_socket_get_fd(bound),
	    (struct sockaddr *)&a, &len) == -1) {
		perror("raw");
		exit(1);
	}
	evhttp_set_gencb(http, on_request, NULL);
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct event_config *config = event_config_new();
	struct event_base *base;
	struct event *quit;
	struct evhttp *http;

	if (argc != 2) {
		fprintf(stderr, "usage: raw DATABASE\n");
		return 64;
	}
	signal(SIGPIPE, SIG_IGN);
	event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	base = event_base_new_with_config(config);
	event_config_free(config);
	row_open(&table, argv[1]);
	http = evhttp_new(base);
	quit = evsignal_new(base, SIGTERM, on_signal, NULL);
	event_add(quit, NULL);
	serve(http);
	while (!stopping) {
		event_base_loop(base, EVLOOP_ONCE);
		commit();
	}
	event_free(quit);
	evhttp_free(http);
	event_base_free(base);
	row_close(&table);
	return 0;
}
