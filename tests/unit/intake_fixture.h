/*
 * intake_fixture.h - the ingest endpoints on loopback, turn by turn
 *
 * The server and its clients in one thread: whoever waits for an answer turns
 * the loop meanwhile, as the agent's main loop does it.  The turn's clock is
 * set, so that no test waits for time to pass.
 */
#ifndef HR_INTAKE_FIXTURE_H
#define HR_INTAKE_FIXTURE_H

#include "accept_fixture.h"
#include "holder_fixture.h"
#include "http.h"
#include "intake.h"

struct intake_fixture {
	struct accept_fixture *accept;
	struct holder	*holder;
	struct event_base *base;
	struct http	*http;
	struct http_front *front;
	struct intake	*intake;
	bool		 failing;	/* every turn's commit fails */
	size_t		 commits;	/* turns whose transaction was open */
	int64_t		 wait;		/* what intake_turn said last */
	struct buf	 answer;
};

/* For cmocka: on a queue in a file. */
int	intake_fixture_setup(void **state);
int	intake_fixture_teardown(void **state);

#define INTAKE_TEST(t) \
	cmocka_unit_test_setup_teardown(t, intake_fixture_setup, \
	    intake_fixture_teardown)

/* key-1:s-1, key-2:s-2, and none that is known. */
#define AUTH_SHOP	"Authorization: Basic a2V5LTE6cy0x\r\n"
#define AUTH_FEED	"Authorization: Basic a2V5LTI6cy0y\r\n"
#define AUTH_NOBODY	"Authorization: Basic a2V5LTM6cy0z\r\n"

/* Other settings from now on, by a reload or, if the intake is NULL, by a new
 * one. */
void	intake_configure(struct intake_fixture *, const char *text);
/* One turn, without waiting. */
void	intake_loop(struct intake_fixture *);
void	pass(struct intake_fixture *, int64_t ms);

/* A connection that has sent a request; turns are for the caller. */
int	intake_send(struct intake_fixture *, const char *line,
	    const char *headers, const char *body, size_t len);
/* Turns until the answer is there, and closes.  Lent until the next call:
 * the answer without its Date and Connection. */
const char *intake_answer(struct intake_fixture *, int fd);
/* Both, for a text. */
const char *intake_ask(struct intake_fixture *, const char *line,
	    const char *headers, const char *body);
/* A POST with the shop's credentials. */
const char *intake_post(struct intake_fixture *, const char *target,
	    const char *body);
/* An answer of that head (status line and headers behind Content-Length)
 * with one errors entry. */
void	assert_error(const char *answer, const char *status,
	    const char *headers, const char *message);

#endif
