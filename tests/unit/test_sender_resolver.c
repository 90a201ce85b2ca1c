/*
 * test_sender_resolver.c - a resolver that does not answer holds up nobody
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "mem.h"
#include "sender_fixture.h"

#define SLOW_HOST	"slow.invalid"
#define HANG_S		8	/* whoever waits for it has failed by then */

static struct {
	pthread_mutex_t	 lock;
	pthread_cond_t	 changed;
	int		 asking;	/* threads that wait in it */
	bool		 answers;
} resolver = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0,
    false };

/*
 * In the place of the C library's, for libcurl's threads too: it knows no
 * name but numeric addresses, and hangs for one host until the test lets go.
 */
int
getaddrinfo(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **found)
{
	struct addrinfo *a;
	struct sockaddr_in *to;
	struct in_addr address;
	struct timespec end;

	(void)service;
	(void)hints;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += HANG_S;
	if (node != NULL && strcmp(node, SLOW_HOST) == 0) {
		pthread_mutex_lock(&resolver.lock);
		resolver.asking++;
		pthread_cond_broadcast(&resolver.changed);
		while (!resolver.answers && pthread_cond_timedwait(
		    &resolver.changed, &resolver.lock, &end) == 0)
			continue;
		resolver.asking--;
		pthread_cond_broadcast(&resolver.changed);
		pthread_mutex_unlock(&resolver.lock);
	}
	if (node == NULL || inet_pton(AF_INET, node, &address) != 1)
		return EAI_NONAME;
	a = xcalloc(1, sizeof(*a) + sizeof(*to));
	to = (struct sockaddr_in *)(a + 1);
	to->sin_family = AF_INET;
	to->sin_addr = address;
	a->ai_family = AF_INET;
	a->ai_socktype = SOCK_STREAM;
	a->ai_addr = (struct sockaddr *)to;
	a->ai_addrlen = sizeof(*to);
	*found = a;
	return 0;
}

void
freeaddrinfo(struct addrinfo *a)
{
	free(a);
}

static int64_t
ms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Posts to the host and turns until its resolver hangs. */
static void
post_to_slow_host(struct bench *b)
{
	bool asking = false;

	post(b, "http://" SLOW_HOST "/ok", 10);
	while (!asking) {
		event_base_loop(b->base, EVLOOP_NONBLOCK);
		pthread_mutex_lock(&resolver.lock);
		asking = resolver.asking > 0;
		pthread_mutex_unlock(&resolver.lock);
	}
}

/* Every thread gets its answer, so that the next test has a resolver. */
static int
teardown_resolver(void **state)
{
	int rc = sender_teardown(state);

	pthread_mutex_lock(&resolver.lock);
	resolver.answers = true;
	pthread_cond_broadcast(&resolver.changed);
	while (resolver.asking > 0)
		pthread_cond_wait(&resolver.changed, &resolver.lock);
	resolver.answers = false;
	pthread_mutex_unlock(&resolver.lock);
	return rc;
}

static void
sender_post_to_another_host_does_not_wait_for_a_resolver(void **state)
{
	struct bench *b = *state;

	post_to_slow_host(b);
	post(b, "/ok", 10);
	await(b, 1);

	assert_int_equal(b->result.status, 200);
	assert_int_equal(sender_flights(b->sender), 1);
}

static void
sender_post_ends_in_time_while_the_resolver_hangs(void **state)
{
	struct bench *b = *state;
	int64_t begun = ms_now();

	b->settings.connect_timeout_ms = 200;
	sender_set(b->sender, &b->settings);
	post_to_slow_host(b);
	await(b, 1);

	assert_int_equal(b->result.status, 0);
	assert_true(b->result.never_left);
	assert_true(ms_now() - begun < HANG_S * 1000 / 2);
}

/* The program stops, whatever the resolver does. */
static void
sender_free_does_not_wait_for_a_resolver(void **state)
{
	struct bench *b = *state;
	int64_t begun;

	post_to_slow_host(b);
	begun = ms_now();
	sender_free(b->sender);
	b->sender = NULL;

	assert_true(ms_now() - begun < HANG_S * 1000 / 2);
	assert_int_equal(b->results, 1);
	assert_int_equal(b->result.status, 0);
}

#define RESOLVER_TEST(t) \
	cmocka_unit_test_setup_teardown(t, sender_setup, teardown_resolver)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    RESOLVER_TEST(
		sender_post_to_another_host_does_not_wait_for_a_resolver),
	    RESOLVER_TEST(sender_post_ends_in_time_while_the_resolver_hangs),
	    RESOLVER_TEST(sender_free_does_not_wait_for_a_resolver),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
