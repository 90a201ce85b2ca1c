/*
 * live_fixture.h - readers of the live stream, in one thread with the agent
 */
#ifndef HR_LIVE_FIXTURE_H
#define HR_LIVE_FIXTURE_H

#include "admin_fixture.h"

/* Somebody who reads the stream, a line at a time. */
struct reader {
	struct bench	*bench;
	int		 fd;
	bool		 closed;
	struct buf	 in;		/* what came, but for what was read */
	char		 event[32];	/* of the last line: "" for a comment */
	int64_t		 id;
	struct json	*json;
	struct buf	 value;
};

/* One turn as the agent's loop takes it; what live_turn says. */
int64_t	turn(struct bench *);
/* Enough turns for what is under way on loopback. */
void	settle(struct bench *);

/* Asks for /v1/live with that query.  Then expect_head: the head has come and
 * begins with that line. */
void	begin_reading(struct reader *, struct bench *, const char *query,
	    const char *token);
void	expect_head(struct reader *, const char *line);
/* The same with the token, and behind the place that the stream begins with. */
void	open_reader(struct reader *, struct bench *, const char *query);
void	close_reader(struct reader *);
/* Reads what there is. */
void	hear(struct reader *);

/* The next line, if there is one. */
bool	next_line(struct reader *);
/* The next line, whatever is said to keep the connection open. */
void	expect_line(struct reader *, const char *event);
void	expect_nothing(struct reader *);
/* A member of the last line as JSON text, in an object as "events.send".  Lent
 * until the next call. */
const char *member(struct reader *, const char *path);

struct rule {
	const char *path, *json;
};
void	expect_members(struct reader *, const struct rule *, size_t n);

#endif
