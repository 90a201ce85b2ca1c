/*
 * admin_guard.c - who may ask: tokens, hosts, sites
 *
 * Knows what keeps a browser that reads a hostile page, and a neighbour on
 * the machine, away from the admin API.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "admin_private.h"
#include "hash.h"
#include "log.h"

#define TOKEN_BYTES	32	/* random ones, written in hex */
#define TOKEN_MIN	16	/* characters of a token that somebody chose */
#define TOKEN_MAX	1024
#define DENIED_MS	250	/* before a wrong token is answered, so that
				 * guessing is slow; nobody else waits */

/* --- tokens ----------------------------------------------------------- */

/* The file's text without white space at its end; NULL and `why`. */
static char *
read_token(int fd, const char *path, struct why *why)
{
	char text[TOKEN_MAX + 1];
	struct stat st;
	ssize_t n = read(fd, text, sizeof(text));

	if (n == -1) {
		why_set(why, "%s: %s", path, strerror(errno));
		return NULL;
	}
	while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
		n--;
	if (n < TOKEN_MIN || n > TOKEN_MAX ||
	    memchr(text, '\0', (size_t)n) != NULL) {
		why_set(why, "%s: a token has %d to %d characters", path,
		    TOKEN_MIN, TOKEN_MAX);
		return NULL;
	}
	if (fstat(fd, &st) == 0 && (st.st_mode & 07) != 0)
		log_warn("admin: everybody on this machine may read the token "
		    "file=%s", log_value(path));
	return xstrndup(text, (size_t)n);
}

/* A new token, as a line, into a file that is not there; false: errno. */
static bool
write_token(const char *path, const char *line)
{
	size_t len = strlen(line);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool written;

	if (fd == -1)
		return false;
	written = fchmod(fd, 0600) == 0 &&
	    write(fd, line, len) == (ssize_t)len && fsync(fd) == 0;
	close(fd);
	return written;
}

/* Under its name it is whole: a start that was cut short in the middle must
 * not leave a file that every other start refuses. */
static char *
make_token(const char *path, struct why *why)
{
	uint8_t bits[TOKEN_BYTES];
	char line[2 * TOKEN_BYTES + 2];
	size_t len = 2 * TOKEN_BYTES;
	char *fresh = xasprintf("%s.new", path), *token = NULL;

	hash_random(bits, sizeof(bits));
	hash_hex(bits, sizeof(bits), line);
	line[len] = '\n';
	line[len + 1] = '\0';
	(void)unlink(fresh);		/* of such a start */
	if (write_token(fresh, line) && rename(fresh, path) == 0) {
		log_info("admin: made a token file=%s", log_value(path));
		token = xstrndup(line, len);
	} else {
		why_set(why, "%s: %s", path, strerror(errno));
		(void)unlink(fresh);
	}
	free(fresh);
	return token;
}

char *
admin_token(const char *path, struct why *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *token;

	if (fd == -1 && errno == ENOENT)
		return make_token(path, why);
	if (fd == -1) {
		why_set(why, "%s: %s", path, strerror(errno));
		return NULL;
	}
	token = read_token(fd, path, why);
	close(fd);
	return token;
}

/* The credential of a Bearer header; "" if it is none. */
static const char *
bearer(const struct http_request *r)
{
	const char *header = http_header(r, "Authorization");
	const char *scheme = "Bearer ";

	if (http_header_count(r, "Authorization") != 1 ||
	    strncasecmp(header, scheme, strlen(scheme)) != 0)
		return "";
	header += strlen(scheme);
	return header + strspn(header, " ");
}

/* A missing token only has to be told; a wrong one is a guess. */
static void
unauthorized(struct admin_call *call, bool guessed)
{
	admin_problem(call, 401, "unauthorized", guessed ?
	    "WWW-Authenticate: Bearer realm=\"heaprelay\", "
	    "error=\"invalid_token\"\r\n" :
	    "WWW-Authenticate: Bearer realm=\"heaprelay\"\r\n",
	    "A token is needed: Authorization: Bearer TOKEN, with what "
	    "is in the agent's token file.");
}

int64_t
admin_turn_denied(struct admin *a, struct moment now)
{
	struct admin_call call;
	int64_t left;

	while (a->denied != NULL) {
		left = a->denied->since + DENIED_MS - now.boot;
		if (left > 0)
			return left;
		admin_call_begin(&call, a, admin_wait_take(&a->denied));
		unauthorized(&call, true);
	}
	return INT64_MAX;
}

bool
admin_check_token(struct admin_call *call)
{
	struct admin *a = call->admin;
	const char *given = bearer(call->request);
	bool full, look;

	if (call->entry->who == ADMIN_ANY)
		return true;
	full = hash_equal(given, a->token);
	look = a->read_token != NULL && hash_equal(given, a->read_token);
	if (full || (look && call->entry->who == ADMIN_READ))
		return true;
	stat_add(STAT_admin_denied, 1);
	if (look)
		admin_problem(call, 403, "read_only_token", NULL,
		    "This token may only look.");
	else if (given[0] == '\0')
		unauthorized(call, false);
	else
		admin_wait_add(&a->denied, call->request, call->now);
	return false;
}

/* --- hosts ------------------------------------------------------------ */

/* The length of the host at the start of HOST, HOST:PORT, [HOST]:PORT. */
static size_t
host_length(const char *text)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : NULL;

	return end != NULL ? (size_t)(end - text) + 1 : strcspn(text, ":");
}

static bool
is_loopback(const char *host, size_t len)
{
	char copy[64];
	struct in6_addr v6;
	struct in_addr v4;

	if (len == 0 || len >= sizeof(copy))
		return false;
	memcpy(copy, host, len);
	copy[len] = '\0';
	if (copy[0] == '[') {
		copy[len - 1] = '\0';
		return inet_pton(AF_INET6, copy + 1, &v6) == 1 &&
		    IN6_IS_ADDR_LOOPBACK(&v6);
	}
	if (inet_pton(AF_INET, copy, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return strcasecmp(copy, "localhost") == 0;
}

/* Is it the host of one of these, whatever the ports? */
static bool
is_one_of(const struct config_strings *names, const char *host, size_t len)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		if (strncmp(names->s[i], "unix:", 5) != 0 &&
		    host_length(names->s[i]) == len &&
		    strncasecmp(names->s[i], host, len) == 0)
			return true;
	return false;
}

/*
 * A page from anywhere can make a browser ask us by a name of its own that
 * resolves to this machine; it cannot make it send a Host that is ours.
 */
bool
admin_check_host(struct admin_call *call)
{
	const struct config *c = call->admin->parts.config;
	const char *host = http_header(call->request, "Host");
	size_t len;

	if (http_header_count(call->request, "Host") != 1) {
		admin_problem(call, 400, "bad_host", NULL,
		    "A request has one Host header.");
		return false;
	}
	len = host_length(host);
	if (is_loopback(host, len) || is_one_of(&c->admin.listen, host, len) ||
	    is_one_of(&c->hosts, host, len))
		return true;
	admin_problem(call, 421, "wrong_host", NULL, "This host is not asked "
	    "by that name; further ones are set as hosts in [admin].");
	return false;
}

/* --- writes ----------------------------------------------------------- */

static bool
is_json(const char *type)
{
	static const char json[] = "application/json";
	size_t len = strlen(json);

	return type != NULL && strncasecmp(type, json, len) == 0 &&
	    (type[len + strspn(type + len, " \t")] == '\0' ||
	    type[len + strspn(type + len, " \t")] == ';');
}

bool
admin_check_write(struct admin_call *call)
{
	const char *site = http_header(call->request, "Sec-Fetch-Site");
	size_t len;

	if (!call->write)
		return true;
	if (site != NULL && (http_header_count(call->request,
	    "Sec-Fetch-Site") != 1 || (strcmp(site, "same-origin") != 0 &&
	    strcmp(site, "none") != 0))) {
		admin_problem(call, 403, "cross_site", NULL,
		    "A page of another site may not ask for this.");
		return false;
	}
	(void)http_body(call->request, &len);
	if (len > 0 && (http_header_count(call->request, "Content-Type") != 1 ||
	    !is_json(http_header(call->request, "Content-Type")) ||
	    http_header(call->request, "Content-Encoding") != NULL)) {
		admin_problem(call, 415, "not_json", NULL,
		    "A body must be application/json, and not compressed.");
		return false;
	}
	return true;
}
