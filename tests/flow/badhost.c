/*
 * badhost.c - a host in front of another that spoils its first connections
 *
 * usage: badhost PORT COUNT FAULT TARGET
 *
 * Listens on PORT of the loopback (0: any; it prints which) until a signal.
 * The first COUNT connections end badly, the others are passed on, byte for
 * byte, to the port TARGET.  The faults, in the order of how far they get:
 *
 *	reset-before	a reset after the first byte of the request
 *	reset-during	a reset after the request's head
 *	hole		the request is read and nothing is answered
 *
 * and with these the whole request is passed on first, so that what it
 * carries has arrived, and its answer is replaced:
 *
 *	reset-after	a reset
 *	drip		a 200 whose bytes come one a second
 *	garbage		what is no HTTP
 *	cut		a 200 that ends before its length
 *	chunks		a 200 with a chunk of no size
 *	endless		a 200 without length and without end
 *	huge		a 503 with 10 MB
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"

#define HUGE_BYTES	10000000

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in
loopback(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	a.sin_port = htons((uint16_t)port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static int
listen_on(int port)
{
	struct sockaddr_in a = loopback(port);
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd == -1 || bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1 ||
	    listen(fd, 64) == -1 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) == -1)
		die("listen");
	printf("badhost: listening on %d\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

static int
connect_to(int port)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || connect(fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		die("connect");
	return fd;
}

static void
reset(int fd)
{
	struct linger at_once = { .l_onoff = 1 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once,
	    sizeof(at_once));
	close(fd);
	exit(0);
}

/* Ends with the client. */
static void
put(int fd, const char *p, size_t n)
{
	ssize_t sent;

	for (; n > 0; p += sent, n -= (size_t)sent)
		if ((sent = send(fd, p, n, MSG_NOSIGNAL)) <= 0)
			exit(0);
}

static void
put_text(int fd, const char *text)
{
	put(fd, text, strlen(text));
}

/* Reads more of a request; ends with the client. */
static void
more(int fd, struct buf *request, size_t most)
{
	char part[65536];
	ssize_t n = recv(fd, part, most < sizeof(part) ? most : sizeof(part),
	    0);

	if (n <= 0)
		exit(0);
	buf_put(request, part, (size_t)n);
}

static void
read_head(int fd, struct buf *request)
{
	while (strstr(buf_str(request), "\r\n\r\n") == NULL)
		more(fd, request, 1);
}

static void
read_body(int fd, struct buf *request)
{
	const char *length = strcasestr(buf_str(request),
	    "\r\nContent-Length:");
	size_t n, head = request->len;

	if (length == NULL) {
		fprintf(stderr, "badhost: a request without length\n");
		exit(1);
	}
	n = strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
	while (request->len < head + n)
		more(fd, request, head + n - request->len);
}

/* It has arrived once anything is answered. */
static void
pass_on(int target, const struct buf *request)
{
	char part[4096];
	int fd = connect_to(target);

	put(fd, request->p, request->len);
	if (recv(fd, part, sizeof(part), 0) <= 0)
		exit(1);
	close(fd);
}

static void
drip(int fd)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\n"
	    "Content-Length: 0\r\n\r\n";
	size_t i;

	for (i = 0; i < strlen(answer); i++) {
		put(fd, answer + i, 1);
		sleep(1);
	}
}

static void
put_many(int fd, size_t n)
{
	static char part[65536];
	size_t now;

	memset(part, 'x', sizeof(part));
	for (; n > 0; n -= now) {
		now = n < sizeof(part) ? n : sizeof(part);
		put(fd, part, now);
	}
}

/* Replaces the answer. */
static void
answer_badly(int fd, const char *fault)
{
	if (strcmp(fault, "reset-after") == 0) {
		reset(fd);
	} else if (strcmp(fault, "drip") == 0) {
		drip(fd);
	} else if (strcmp(fault, "garbage") == 0) {
		put_text(fd, "\x16\x03\x01 no\0 HTTP at all\r\n\r\n");
	} else if (strcmp(fault, "cut") == 0) {
		put_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
		    "short");
	} else if (strcmp(fault, "chunks") == 0) {
		put_text(fd, "HTTP/1.1 200 OK\r\n"
		    "Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n");
	} else if (strcmp(fault, "endless") == 0) {
		put_text(fd, "HTTP/1.1 200 OK\r\n\r\n");
		put_many(fd, SIZE_MAX);
	} else if (strcmp(fault, "huge") == 0) {
		put_text(fd, "HTTP/1.1 503 Service Unavailable\r\n"
		    "Content-Length: 10000000\r\n\r\n");
		put_many(fd, HUGE_BYTES);
	} else {
		fprintf(stderr, "badhost: no fault %s\n", fault);
		exit(64);
	}
}

static void
spoil(int fd, const char *fault, int target)
{
	struct buf request = BUF_INIT;

	more(fd, &request, 1);
	if (strcmp(fault, "reset-before") == 0)
		reset(fd);
	read_head(fd, &request);
	if (strcmp(fault, "reset-during") == 0)
		reset(fd);
	read_body(fd, &request);
	if (strcmp(fault, "hole") == 0)
		for (;;)
			more(fd, &request, SIZE_MAX);	/* until they go */
	pass_on(target, &request);
	answer_badly(fd, fault);
}

/* Both ways, until one side has had enough. */
static void
relay(int fd, int target)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
	    { .fd = connect_to(target), .events = POLLIN } };
	char part[65536];
	ssize_t n;
	int i;

	for (;;) {
		if (poll(p, 2, -1) == -1)
			exit(1);
		for (i = 0; i < 2; i++) {
			if (p[i].revents == 0)
				continue;
			n = recv(p[i].fd, part, sizeof(part), 0);
			if (n <= 0)
				exit(0);
			put(p[1 - i].fd, part, (size_t)n);
		}
	}
}

int
main(int argc, char *argv[])
{
	int listener, fd, count, target;

	if (argc != 5) {
		fprintf(stderr, "usage: badhost PORT COUNT FAULT TARGET\n");
		return 64;
	}
	count = atoi(argv[2]);
	target = atoi(argv[4]);
	signal(SIGCHLD, SIG_IGN);	/* nobody waits for them */
	listener = listen_on(atoi(argv[1]));
	for (;; count--) {
		if ((fd = accept(listener, NULL, NULL)) == -1)
			die("accept");
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			close(listener);
			if (count > 0)
				spoil(fd, argv[3], target);
			else
				relay(fd, target);
			exit(0);
		}
		close(fd);
	}
}
