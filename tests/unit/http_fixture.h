/*
 * http_fixture.h - a server and its clients in one thread
 *
 * Whoever waits for bytes turns the loop meanwhile.  Where time itself is the
 * subject the server's deadline is short; nothing sleeps longer than that.
 * Everything here fails the test when it waits in vain.
 */
#ifndef HR_HTTP_FIXTURE_H
#define HR_HTTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <poll.h>

#include <cmocka.h>

#include "histogram.h"
#include "http.h"
#include "mem.h"

#define TEXT(s)		s, sizeof(s) - 1	/* with any NULs inside */
#define PATIENCE_MS	5000	/* then a wait has failed */
#define LONG_MS		60000	/* a deadline that is not the subject */
#define SHORT_MS	60	/* a deadline that is meant to pass */
#define MAX_BODY	1000
#define MAX_OPEN	3
#define HUGE_BYTES	(16 << 20)	/* more than sockets buffer */

#define HEAD(line)	line " HTTP/1.1\r\nHost: localhost\r\n"
#define GET(target)	HEAD("GET " target) "\r\n"

/* What the handler does with a request. */
enum mode {
	REPLY,			/* 200 with METHOD, TARGET and the body */
	HOLD,			/* the same, held */
	LATER,			/* keeps the request */
	STREAM,
	HUGE_REPLY		/* HUGE_BYTES of body */
};

struct fixture {
	struct event_base *base;
	struct http	*http;
	struct http_front *front;
	enum mode	 mode;
	bool		 releasing;	/* each turn ends with http_release */
	bool		 refuse_early;	/* 401 without Authorization */
	size_t		 handled;	/* calls of the handler */
	size_t		 gone;		/* calls of `gone` */
	struct histogram latency;
	struct http_request *kept;	/* of LATER and STREAM */
	char		 dir[64];	/* of this test; empty at its end */
};

int64_t	now_ms(void);

/* A server on loopback with that request timeout. */
void	start(struct fixture *, int64_t timeout_ms);
void	finish(struct fixture *);
/* One turn as the agent's main loop takes it, without waiting. */
void	turn(struct fixture *);
/* Enough turns for what is under way on loopback to settle. */
void	settle(struct fixture *);
/* Answers with what was asked, so that a test sees what arrived. */
void	echo(struct fixture *, struct http_request *, bool hold);

int	dial(struct fixture *);		/* a connection that never blocks */
void	say(int fd, const char *, size_t);
/* Reads what there is into `in`.  1: something, 0: nothing for now, -1: the
 * other end has closed. */
int	hear(int fd, struct buf *in);
/* The length of the first answer in `in` if it is whole, else 0. */
size_t	answer_length(struct buf *in);
/* Waits for the next answer and takes it out of `in`: given (free(3)). */
char	*next_answer(struct fixture *, int fd, struct buf *in);
/* The same, of that status and body (NULL: any). */
void	expect(struct fixture *, int fd, struct buf *in, int status,
	    const char *body);
/* Waits for the server to close; what it sends before goes to `in`. */
void	await_close(struct fixture *, int fd, struct buf *in);
/* Sends a byte well within SHORT_MS, and again (the last one for ever), until
 * the server closes. */
void	drip(struct fixture *, int fd, const char *bytes, struct buf *in);

int	status_of(const char *answer);
const char *body_of(const char *answer);
void	expect_text(const char *answer, const char *part);
void	expect_no_text(const char *answer, const char *part);

/* Turns the loop while `condition` is false; fails after PATIENCE_MS. */
#define WAIT_FOR(fx, condition) do {					\
	int64_t give_up_ = now_ms() + PATIENCE_MS;			\
	while (!(condition)) {						\
		if (now_ms() > give_up_)				\
			fail_msg("waited in vain: %s", #condition);	\
		turn(fx);						\
		poll(NULL, 0, 1);					\
	}								\
} while (0)

#endif
