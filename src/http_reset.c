/*
 * http_reset.c - a connection that ends without an answer
 *
 * Knows how to make the kernel say so with a TCP reset.  Apart from
 * http_answer.c, since only a simulation of failures wants it: the agent is
 * linked without.
 */
#include <sys/socket.h>

#include "http_private.h"

void
http_reset(struct http_request *c)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	if (c->bev != NULL) {
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once,
		    sizeof(at_once));
		http_conn_vanish(c);
	}
	http_conn_forget(c);
}
