/*
 * load_answer.h - just enough of an HTTP answer
 */
#ifndef HR_LOAD_ANSWER_H
#define HR_LOAD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_step {
	LOAD_MORE,		/* not whole yet */
	LOAD_WHOLE,		/* `status` and `closes` are known */
	LOAD_BROKEN		/* no answer in HTTP/1 */
};

/* Plain data; zeroed, it waits for the first byte. */
struct load_answer {
	char	 head[4096];
	size_t	 len;		/* of head */
	int64_t	 left;		/* of the body, once `status` is known */
	int	 status;	/* 0: the head is not whole */
	bool	 closes;	/* the connection serves no other request */
};

/*
 * load_answer_take - the next bytes that came
 *
 * One answer at a time: what follows a whole one breaks it, and so does a head
 * that is longer than there is room for.  A body is skipped by its
 * Content-Length; an answer without one, whose end would have to be looked
 * for, is whole with its head, and the connection is not used again.
 */
enum load_step load_answer_take(struct load_answer *, const char *, size_t);

#endif
