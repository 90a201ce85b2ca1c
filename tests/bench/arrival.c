/*
 * arrival.c - from the acknowledgement to the arrival
 *
 * usage: arrival TIMES < INGEST-PORT
 *
 * Sender and Heap in one process, so that one clock tells both: prints the
 * port where it is Heap, reads the port where the agent takes batches, and
 * then posts one event at a time, each of a new person, when the one before
 * has arrived and a pause is over, so that the agent is idle.  Prints p50 and
 * p99 of the time from the 202 to the arrival, in milliseconds.  What arrives
 * before its 202 took no time.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "load_batch.h"
#include "load_conn.h"
#include "load_latency.h"

#define PAUSE_US	5000
#define PATIENCE_S	120

static struct load_latency latency;

struct trial {
	struct event_base *base;
	struct load_conn *conn;
	struct event	*pause;
	int64_t		 times;
	int64_t		 n;
	int64_t		 acknowledged_us;	/* 0: not yet */
	int64_t		 arrived_us;		/* 0: not yet */
};

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static void
die(const char *what)
{
	fprintf(stderr, "arrival: %s\n", what);
	exit(1);
}

static void
post(struct trial *t)
{
	const struct load_shape shape = { .events = 1, .identities = 0 };
	struct buf head = BUF_INIT, body = BUF_INIT;
	char run[32];

	t->acknowledged_us = t->arrived_us = 0;
	snprintf(run, sizeof(run), "arrival-%ld", (long)getpid());
	load_batch_put(&body, &shape, run, t->n++,
	    (int64_t)time(NULL) * 1000);
	/* key:secret, as lib.sh configures it. */
	buf_printf(&head, "POST /v2/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "Authorization: Basic a2V5OnNlY3JldA==\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	    body.len);
	load_conn_send(t->conn, &head, &body);
	buf_free(&head);
	buf_free(&body);
}

static void
next(struct trial *t)
{
	const struct timeval pause = { .tv_usec = PAUSE_US };

	if (t->acknowledged_us == 0 || t->arrived_us == 0)
		return;
	load_latency_add(&latency, t->arrived_us - t->acknowledged_us);
	if (t->n == t->times)
		event_base_loopbreak(t->base);
	else
		evtimer_add(t->pause, &pause);
}

static void
on_pause(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	post(arg);
}

static void
on_answer(void *arg, int status)
{
	struct trial *t = arg;

	if (status != 202)
		die("a batch was not accepted");
	t->acknowledged_us = now_us();
	next(t);
}

static void
on_arrival(struct evhttp_request *r, void *arg)
{
	struct trial *t = arg;

	if (t->n == 0 || t->arrived_us != 0)
		die("something arrived that was not expected");
	t->arrived_us = now_us();
	evhttp_send_reply(r, 200, "OK", NULL);
	next(t);
}

static void
serve(struct evhttp *http, struct trial *t)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(
	    http, "127.0.0.1", 0);

	if (bound == NULL || getsockname(evhttp_bound_socket_get_fd(bound),
	    (struct sockaddr *)&a, &len) == -1)
		die("cannot listen");
	evhttp_set_gencb(http, on_arrival, t);
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct trial t = { .times = argc == 2 ? strtol(argv[1], NULL, 10) : 0 };
	struct sockaddr_in agent = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct evhttp *http;
	unsigned port;

	if (t.times < 1) {
		fprintf(stderr, "usage: arrival TIMES < INGEST-PORT\n");
		return 64;
	}
	signal(SIGPIPE, SIG_IGN);
	alarm(PATIENCE_S);
	t.base = event_base_new();
	http = evhttp_new(t.base);
	serve(http, &t);
	if (scanf("%u", &port) != 1 || port > 65535)
		die("no port was given");
	agent.sin_port = htons((uint16_t)port);
	t.conn = load_conn_new(t.base, (const struct sockaddr *)&agent,
	    sizeof(agent), on_answer, &t);
	t.pause = evtimer_new(t.base, on_pause, &t);
	post(&t);
	event_base_dispatch(t.base);

	printf("%.3f %.3f\n", (double)load_latency_at(&latency, 0.5) / 1000,
	    (double)load_latency_at(&latency, 0.99) / 1000);
	load_conn_free(t.conn);
	event_free(t.pause);
	evhttp_free(http);
	event_base_free(t.base);
	return 0;
}
