/*
 * http_sockets.c - the text of an address into sockets that listen
 *
 * Knows the forms of addresses and what the kernel wants to hear.  Knows
 * nothing of who accepts on the sockets.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http_private.h"

#define BACKLOG		1024	/* connections the kernel may keep waiting */

/* A bound, listening socket; -1 with errno set. */
static int
listen_on(const struct sockaddr *address, socklen_t len)
{
	int on = 1, error, fd;

	fd = socket(address->sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, address, len) == -1 || listen(fd, BACKLOG) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

int
http_sockets_port(int fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len) == -1)
		return 0;
	if (address.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&address)->sin_port);
	return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
}

/*
 * Splits HOST:PORT or [HOST]:PORT.  Given, both in one block (free the host);
 * NULL: it is neither.
 */
static char *
split_address(const char *address, const char **port)
{
	char *host = xstrdup(address), *colon;
	size_t digits;

	if (*host == '[') {
		colon = strstr(host, "]:");
		memmove(host, host + 1, strlen(host));
		if (colon != NULL) {
			*--colon = '\0';	/* where the bracket is now */
			colon++;
		}
	} else {
		colon = strchr(host, ':');
		if (colon != NULL)
			*colon = '\0';
	}
	if (colon != NULL && *host != '\0') {
		*port = colon + 1;
		digits = strspn(*port, "0123456789");
		if (digits > 0 && digits <= 5 && (*port)[digits] == '\0' &&
		    atoi(*port) <= 65535)
			return host;
	}
	free(host);
	return NULL;
}

/*
 * Listens on every address of a name.  One that the machine does not have
 * (IPv6, often) may fail as long as another works.
 */
static int
listen_all(const struct addrinfo *ai, const char *address, int *fds,
    struct why *why)
{
	int n = 0;

	for (; ai != NULL && n < HTTP_SOCKETS; ai = ai->ai_next) {
		fds[n] = listen_on(ai->ai_addr, ai->ai_addrlen);
		if (fds[n] != -1) {
			n++;
			continue;
		}
		why_set(why, "%s: %s", address, strerror(errno));
		if (errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT) {
			while (n > 0)
				close(fds[--n]);
			return -1;
		}
	}
	return n > 0 ? n : -1;
}

static int
listen_tcp(const char *address, int *fds, struct why *why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *found;
	const char *port;
	char *host = split_address(address, &port);
	int rc;

	if (host == NULL) {
		why_set(why, "%s: not of the form HOST:PORT, [HOST]:PORT or"
		    " unix:PATH", address);
		return -1;
	}
	rc = getaddrinfo(host, port, &hints, &found);
	free(host);
	if (rc != 0) {
		why_set(why, "%s: %s", address, gai_strerror(rc));
		return -1;
	}
	rc = listen_all(found, address, fds, why);
	freeaddrinfo(found);
	return rc;
}

/* A socket that nobody listens on any more, as a crash leaves it behind. */
static bool
is_stale(const struct sockaddr_un *address)
{
	struct stat st;
	bool refused;
	int fd;

	if (lstat(address->sun_path, &st) == -1 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return false;
	refused = connect(fd, (const struct sockaddr *)address,
	    sizeof(*address)) == -1 && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static int
listen_unix(const char *path, int *fds, struct why *why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int error;

	if (*path == '\0' || strlen(path) >= sizeof(address.sun_path)) {
		why_set(why, "unix:%s: the path is empty or too long", path);
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path));
	if (is_stale(&address))
		(void)unlink(path);
	/* Born with its mode: at no time may others connect. */
	mask = umask(0117);
	*fds = listen_on((const struct sockaddr *)&address, sizeof(address));
	error = errno;
	umask(mask);
	if (*fds == -1) {
		why_set(why, "unix:%s: %s", path, strerror(error));
		return -1;
	}
	return 1;
}

int
http_sockets_open(const char *address, int *fds, struct why *why)
{
	if (strncmp(address, "unix:", 5) == 0)
		return listen_unix(address + 5, fds, why);
	return listen_tcp(address, fds, why);
}
