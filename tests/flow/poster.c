/*
 * poster.c - posts batches and remembers which were acknowledged
 *
 * usage: poster PORT KEY:SECRET CONNECTIONS BATCHES PEOPLE PREFIX
 *
 * Each batch is one custom event with an id of its own, PREFIX-<worker>-<n>,
 * as its message id and its attribute `id`; its person is drawn from PEOPLE.
 * A worker that gets no answer connects again and posts the *next* batch, so
 * that what was not acknowledged may be lost and what was may not.  Prints one
 * acknowledged id a line.  Gives up after 60 s without any answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mem.h"

#define PATIENCE_S	60
#define ANSWER_MS	15000

struct worker {
	int		 port;
	const char	*authorization;
	int		 people;
	const char	*prefix;
	int		 number;
	int		 batches;
};

static void
encode64(const char *in, struct buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(in), i, k;

	for (i = 0; i < len; i += 3) {
		unsigned group = 0;

		for (k = 0; k < 3; k++)
			group = group << 8 | (i + k < len ?
			    (unsigned char)in[i + k] : 0);
		for (k = 0; k < 4; k++)
			buf_putc(out, i + k <= len ?
			    digits[group >> (18 - 6 * k) & 63] : '=');
	}
}

static int
connect_to(int port)
{
	struct sockaddr_in to;
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	memset(&to, 0, sizeof(to));
	to.sin_family = AF_INET;
	to.sin_port = htons((uint16_t)port);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* The status of the answer, whose head is all there is; 0: none came. */
static int
read_status(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[2048];
	size_t have = 0;
	ssize_t n;

	while (have < sizeof(text) - 1) {
		if (poll(&p, 1, ANSWER_MS) != 1)
			return 0;
		n = read(fd, text + have, sizeof(text) - 1 - have);
		if (n <= 0)
			return 0;
		have += (size_t)n;
		text[have] = '\0';
		if (strstr(text, "\r\n\r\n") != NULL)
			return atoi(text + strlen("HTTP/1.1 "));
	}
	return 0;
}

static void
put_request(struct buf *out, const struct worker *w, const char *id)
{
	struct buf body = BUF_INIT;

	buf_printf(&body, "{\"environment\":\"production\",\"user_identities\":"
	    "{\"customer_id\":\"person-%d\"},\"events\":[{\"event_type\":"
	    "\"custom_event\",\"data\":{\"event_name\":\"Posted\","
	    "\"source_message_id\":\"%s\",\"custom_attributes\":"
	    "{\"id\":\"%s\"}}}]}", rand() % w->people, id, id);
	buf_reset(out);
	buf_printf(out, "POST /v2/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "Authorization: Basic %s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s", w->authorization, body.len,
	    buf_str(&body));
	buf_free(&body);
}

static void
pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static int
work(const struct worker *w)
{
	struct buf request = BUF_INIT;
	time_t answered = time(NULL);
	int fd = -1, i, status;
	char id[80];

	srand((unsigned)(w->number * 7919 + 17));
	for (i = 0; i < w->batches; i++) {
		snprintf(id, sizeof(id), "%s-%d-%d", w->prefix, w->number, i);
		while (fd == -1 && (fd = connect_to(w->port)) == -1) {
			if (time(NULL) - answered > PATIENCE_S)
				return 1;
			pause_ms(5);
		}
		put_request(&request, w, id);
		status = 0;
		if (send(fd, request.p, request.len, MSG_NOSIGNAL) ==
		    (ssize_t)request.len)
			status = read_status(fd);
		if (status == 202) {
			/* One write(2): lines of workers do not mix. */
			dprintf(STDOUT_FILENO, "%s\n", id);
		}
		if (status != 0)
			answered = time(NULL);
		if (status != 202) {
			close(fd);
			fd = -1;
			pause_ms(5);
		}
	}
	buf_free(&request);
	return 0;
}

int
main(int argc, char *argv[])
{
	struct buf authorization = BUF_INIT;
	struct worker w;
	int n, connections, status, failed = 0;

	if (argc != 7) {
		fprintf(stderr, "usage: poster PORT KEY:SECRET CONNECTIONS "
		    "BATCHES PEOPLE PREFIX\n");
		return 64;
	}
	encode64(argv[2], &authorization);
	w.port = atoi(argv[1]);
	w.authorization = buf_str(&authorization);
	connections = atoi(argv[3]);
	w.batches = atoi(argv[4]) / connections;
	w.people = atoi(argv[5]);
	w.prefix = argv[6];
	for (n = 0; n < connections; n++) {
		w.number = n;
		if (fork() == 0)
			_exit(work(&w));
	}
	while (wait(&status) > 0)
		failed |= status != 0;
	buf_free(&authorization);
	return failed;
}
