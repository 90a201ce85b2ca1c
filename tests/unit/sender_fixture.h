/*
 * sender_fixture.h - a sender, and a far side that does what it is told
 *
 * A scripted server lives on the sender's own event loop: the path of a
 * request chooses what it answers and what it does to the connection; see
 * sender_fixture.c for the scripts.
 */
#ifndef HR_SENDER_FIXTURE_H
#define HR_SENDER_FIXTURE_H

#include <openssl/ssl.h>

#include "sender.h"

struct event_base;
struct evconnlistener;

struct server {
	struct event_base *base;
	struct evconnlistener *listener;
	SSL_CTX		*tls;		/* NULL: plain */
	int		 port;
	int		 connections;
	int		 requests;
	bool		 reset_on_accept;
	char		*head;		/* of the last request */
	size_t		 body_len;
};

/* What a test works with. */
struct bench {
	struct event_base *base;
	struct server	 server;
	struct sender	*sender;
	struct sender_settings settings;
	struct sender_result result;	/* the last, its body in `body` */
	struct buf	 body;
	int		 results;
	int		 wanted;
	const char	*next;		/* posted from inside the next done */
};

/* For cmocka: a sender and the server, plain, with timeouts that do not
 * matter. */
int	sender_setup(void **state);
int	sender_teardown(void **state);

#define SENDER_TEST(t) \
	cmocka_unit_test_setup_teardown(t, sender_setup, sender_teardown)

/* Posts `body_len` spaces to a path of the server, or to a whole URL. */
void	post(struct bench *, const char *url, size_t body_len);
/* Runs the loop until that many results came, at most ten seconds. */
void	await(struct bench *, int results);
/* Both, of one; lent until the next result. */
const struct sender_result *post_one(struct bench *, const char *url);
/* From now on nobody listens. */
void	stop_listening(struct bench *);

#endif
