/*
 * knock.c - raw bytes to a port, and what becomes of the connection
 *
 * usage: knock [-d MS] [-n COUNT] [-w MS] PORT < BYTES
 *
 * Opens COUNT connections (1) and sends BYTES on each: at once, or one byte
 * every MS.  Then reads on until the other side has closed all of them, at
 * most for 10 s or as long as -w says.  Prints what came on the first, and a
 * last line of its own:
 *
 *	-- closed AFTER_MS | -- open COUNT
 *
 * A reset counts as closed; a byte that cannot be sent any more is no error,
 * since being refused early is what many of these bytes ask for.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "mem.h"

#define PATIENCE_MS	10000

struct knock {
	int		 port;
	int		 count;
	int64_t		 patience_ms;
	int64_t		 pace_ms;	/* between bytes; 0: all at once */
	struct pollfd	*socket;	/* fd -1: closed */
	struct buf	 bytes;
	struct buf	 answer;	/* on the first */
};

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
read_input(struct buf *out)
{
	char part[65536];
	ssize_t n;

	while ((n = read(STDIN_FILENO, part, sizeof(part))) > 0)
		buf_put(out, part, (size_t)n);
	if (n == -1)
		die("read");
}

static int
connect_to(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_port = htons((uint16_t)port);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1)
		die("connect");
	return fd;
}

/* Takes what has come on a connection. */
static void
take(struct knock *k, int i)
{
	char part[65536];
	ssize_t n = recv(k->socket[i].fd, part, sizeof(part), MSG_DONTWAIT);

	if (n > 0) {
		if (i == 0)
			buf_put(&k->answer, part, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(k->socket[i].fd);
		k->socket[i].fd = -1;
	}
}

static int
still_open(const struct knock *k)
{
	int i, n = 0;

	for (i = 0; i < k->count; i++)
		n += k->socket[i].fd != -1;
	return n;
}

/* Reads until the instant, or until all are closed. */
static void
read_until(struct knock *k, int64_t end)
{
	int64_t left;
	int i;

	while (still_open(k) > 0 && (left = end - now_ms()) > 0) {
		if (poll(k->socket, (nfds_t)k->count, (int)left) == -1)
			continue;
		for (i = 0; i < k->count; i++)
			if (k->socket[i].fd != -1 && k->socket[i].revents)
				take(k, i);
	}
}

static void
send_some(struct knock *k, size_t from, size_t n)
{
	int i;

	for (i = 0; i < k->count; i++)
		if (k->socket[i].fd != -1)
			(void)!send(k->socket[i].fd, k->bytes.p + from, n,
			    MSG_NOSIGNAL);
}

static void
send_all(struct knock *k, int64_t end)
{
	size_t i;

	if (k->pace_ms == 0 && k->bytes.len > 0)
		send_some(k, 0, k->bytes.len);
	if (k->pace_ms == 0)
		return;
	for (i = 0; i < k->bytes.len && still_open(k) > 0 &&
	    now_ms() < end; i++) {
		send_some(k, i, 1);
		read_until(k, now_ms() + k->pace_ms);
	}
}

static void
read_options(struct knock *k, int argc, char *argv[])
{
	int opt;

	k->count = 1;
	k->patience_ms = PATIENCE_MS;
	while ((opt = getopt(argc, argv, "d:n:w:")) != -1) {
		if (opt == 'd')
			k->pace_ms = atoi(optarg);
		else if (opt == 'n')
			k->count = atoi(optarg);
		else if (opt == 'w')
			k->patience_ms = atoi(optarg);
	}
	if (optind != argc - 1 || k->count < 1) {
		fprintf(stderr,
		    "usage: knock [-d MS] [-n COUNT] [-w MS] PORT < BYTES\n");
		exit(64);
	}
	k->port = atoi(argv[optind]);
}

int
main(int argc, char *argv[])
{
	struct knock k;
	int64_t begin;
	int i;

	memset(&k, 0, sizeof(k));
	read_options(&k, argc, argv);
	read_input(&k.bytes);
	k.socket = xcalloc((size_t)k.count, sizeof(*k.socket));
	for (i = 0; i < k.count; i++) {
		k.socket[i].fd = connect_to(k.port);
		k.socket[i].events = POLLIN;
	}
	begin = now_ms();
	send_all(&k, begin + k.patience_ms);
	read_until(&k, begin + k.patience_ms);
	if (k.answer.len > 0)
		fwrite(k.answer.p, 1, k.answer.len, stdout);
	if (still_open(&k) > 0)
		printf("\n-- open %d\n", still_open(&k));
	else
		printf("\n-- closed %lld\n", (long long)(now_ms() - begin));
	free(k.socket);
	buf_free(&k.bytes);
	buf_free(&k.answer);
	return 0;
}
