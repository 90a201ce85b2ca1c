/*
 * config_address.c - hosts, listeners and URLs as settings have them
 *
 * Knows their notation.  Resolves no names: loopback is what says so itself,
 * since what a name means may change while the agent runs.  Pure.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "config_private.h"

#define HOST_MAX	253	/* longest DNS name */

struct host_port {
	const char	*host;
	size_t		 host_len;
	const char	*port;		/* NULL: there is none */
	size_t		 port_len;
	bool		 brackets;	/* of the host, which leaves them out */
};

static bool
copy_host(const char *host, size_t len, char out[HOST_MAX + 1])
{
	if (len == 0 || len > HOST_MAX)
		return false;
	memcpy(out, host, len);
	out[len] = '\0';
	return true;
}

static bool
is_port(const char *p, size_t len, long least)
{
	long port = 0;
	size_t i;

	if (len == 0 || len > 5)
		return false;
	for (i = 0; i < len; i++) {
		if (!isdigit((unsigned char)p[i]))
			return false;
		port = port * 10 + (p[i] - '0');
	}
	return port >= least && port <= 65535;
}

static bool
is_host(const struct host_port *hp)
{
	char host[HOST_MAX + 1];
	struct in6_addr v6;

	if (!copy_host(hp->host, hp->host_len, host))
		return false;
	if (hp->brackets)
		return inet_pton(AF_INET6, host, &v6) == 1;
	return strspn(host, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == hp->host_len;
}

static bool
is_loopback(const struct host_port *hp)
{
	char host[HOST_MAX + 1];
	struct in6_addr v6;
	struct in_addr v4;

	if (!copy_host(hp->host, hp->host_len, host))
		return false;
	if (hp->brackets)
		return inet_pton(AF_INET6, host, &v6) == 1 &&
		    IN6_IS_ADDR_LOOPBACK(&v6);
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return strcasecmp(host, "localhost") == 0;
}

/* HOST, HOST:PORT, [HOST] or [HOST]:PORT; false: it is none of them. */
static bool
split(const char *text, size_t len, struct host_port *hp)
{
	const char *end = text + len, *p;

	memset(hp, 0, sizeof(*hp));
	hp->brackets = len > 0 && text[0] == '[';
	hp->host = hp->brackets ? text + 1 : text;
	p = memchr(hp->host, hp->brackets ? ']' : ':',
	    (size_t)(end - hp->host));
	if (p == NULL && hp->brackets)
		return false;
	if (p == NULL)
		p = end;
	hp->host_len = (size_t)(p - hp->host);
	if (hp->brackets)
		p++;
	if (p == end)
		return true;
	hp->port = p + 1;
	hp->port_len = (size_t)(end - hp->port);
	return *p == ':';
}

bool
config_listen_check(const char *text, struct why *why)
{
	const size_t longest = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
	struct host_port hp;

	if (strncmp(text, "unix:", 5) == 0) {
		/* Two in a line would make one odd socket. */
		if (strchr(text, ',') != NULL) {
			why_set(why, "\"%s\" has a comma; each listener has a "
			    "line of its own", text);
			return false;
		}
		if (text[5] != '\0' && strlen(text + 5) <= longest)
			return true;
		why_set(why, "\"%s\" must name a socket of 1 to %zu bytes",
		    text, longest);
		return false;
	}
	if (split(text, strlen(text), &hp) && is_host(&hp) &&
	    hp.port != NULL && is_port(hp.port, hp.port_len, 0))
		return true;
	why_set(why, "\"%s\" is not HOST:PORT, [HOST]:PORT or unix:PATH", text);
	return false;
}

bool
config_listen_is_local(const char *text)
{
	struct host_port hp;

	return strncmp(text, "unix:", 5) == 0 ||
	    (split(text, strlen(text), &hp) && is_loopback(&hp));
}

/* A name may end in the dot of the root, which makes no other name of it;
 * false: nothing else is in its last place. */
static bool
drop_last_dot(struct host_port *hp)
{
	if (hp->host_len > 0 && hp->host[hp->host_len - 1] == '.')
		hp->host_len--;
	return hp->host_len > 0 && hp->host[hp->host_len - 1] != '.';
}

/* The scheme's host and port into `out`, as all spellings of it are put. */
static void
put_authority(const struct host_port *hp, const char *scheme, struct buf *out)
{
	const char *usual = strcmp(scheme, "https") == 0 ? "443" : "80";
	size_t i;

	buf_printf(out, "%s://%s", scheme, hp->brackets ? "[" : "");
	for (i = 0; i < hp->host_len; i++)
		buf_putc(out, (char)tolower((unsigned char)hp->host[i]));
	if (hp->brackets)
		buf_putc(out, ']');
	/* Outputs share an app if their URLs are the same text. */
	if (hp->port != NULL && (hp->port_len != strlen(usual) ||
	    memcmp(hp->port, usual, hp->port_len) != 0))
		buf_printf(out, ":%.*s", (int)hp->port_len, hp->port);
}

/* A path of visible ASCII; what would end it or change its meaning is out. */
static bool
is_path(const char *path, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (path[i] <= ' ' || path[i] > '~' ||
		    strchr("?#\"<>\\^`{|}", path[i]) != NULL)
			return false;
	return len == 0 || path[len - 1] != '/';
}

bool
config_url(const char *text, struct buf *out, struct why *why)
{
	struct host_port hp;
	const char *scheme, *authority, *path;
	size_t path_len;

	if (strncasecmp(text, "https://", 8) == 0)
		scheme = "https";
	else if (strncasecmp(text, "http://", 7) == 0)
		scheme = "http";
	else {
		why_set(why, "does not begin with https://");
		return false;
	}
	authority = text + strlen(scheme) + 3;
	path = authority + strcspn(authority, "/?#");
	path_len = strlen(path);
	if (path_len > 0 && path[path_len - 1] == '/')
		path_len--;
	if (!split(authority, (size_t)(path - authority), &hp) ||
	    !drop_last_dot(&hp) || !is_host(&hp) || !is_path(path, path_len) ||
	    (hp.port != NULL && !is_port(hp.port, hp.port_len, 1))) {
		/* Not quoted: it may hold a password. */
		why_set(why, "is not of the form https://HOST[:PORT][/PATH] "
		    "(no user, query or fragment)");
		return false;
	}
	if (strcmp(scheme, "http") == 0 && !is_loopback(&hp)) {
		why_set(why, "plain http is only for loopback; use https");
		return false;
	}
	put_authority(&hp, scheme, out);
	buf_put(out, path, path_len);
	return true;
}
