/*
 * http.c - a strict HTTP/1.1 server: fronts, listeners, TLS, the end
 *
 * Knows who listens where, certificates and how many connections a front may
 * have; and answers what handlers ask about a request.  Knows nothing of how
 * requests are read (http_conn.c) or answered (http_answer.c), nor of the
 * forms of addresses (http_sockets.c).
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/err.h>

#include "clock.h"
#include "http_private.h"
#include "log.h"

struct http_listener {
	struct http_front *front;
	struct evconnlistener *socket;
	struct event	*again;		/* accepts anew after a pause */
	char		*path;		/* of a unix socket; NULL: TCP */
	LIST_ENTRY(http_listener) link;
};

struct http *
http_new(struct event_base *base)
{
	struct http *h = xcalloc(1, sizeof(*h));

	h->base = base;
	LIST_INIT(&h->fronts);
	TAILQ_INIT(&h->held);
	h->round = 1;
	return h;
}

static void
listener_free(struct http_listener *l)
{
	LIST_REMOVE(l, link);
	event_free(l->again);
	evconnlistener_free(l->socket);
	if (l->path != NULL)
		(void)unlink(l->path);
	free(l->path);
	free(l);
}

static void
close_listeners(struct http_front *f)
{
	struct http_listener *l;

	while ((l = LIST_FIRST(&f->listeners)) != NULL)
		listener_free(l);
}

void
http_free(struct http *h)
{
	struct http_front *f;
	struct http_request *c;

	if (h == NULL)
		return;
	while ((f = LIST_FIRST(&h->fronts)) != NULL) {
		close_listeners(f);
		while ((c = LIST_FIRST(&f->connections)) != NULL)
			http_conn_free(c);
		SSL_CTX_free(f->tls);
		LIST_REMOVE(f, link);
		free(f);
	}
	buf_free(&h->error);
	free(h);
}

struct http_front *
http_front(struct http *h, const struct http_settings *settings)
{
	struct http_front *f = xcalloc(1, sizeof(*f));
	struct timeval tv;

	assert(settings->max_body_bytes > 0 &&
	    settings->request_timeout_ms > 0);
	tv.tv_sec = settings->request_timeout_ms / 1000;
	tv.tv_usec = settings->request_timeout_ms % 1000 * 1000;
	f->http = h;
	f->settings = *settings;
	f->deadline = event_base_init_common_timeout(h->base, &tv);
	if (f->deadline == NULL)
		fatal(EXIT_INTERNAL, "http: no timer front=%s",
		    settings->name);
	LIST_INIT(&f->listeners);
	LIST_INIT(&f->connections);
	LIST_INSERT_HEAD(&h->fronts, f, link);
	return f;
}

/*
 * One connection too many.  The answer is a courtesy: without waiting for the
 * request nothing can be promised, and waiting is what there is no room for.
 */
static void
turn_away(struct http_front *f, int fd)
{
	struct buf out = BUF_INIT;
	char unread[4096];
	int i;

	stat_add(STAT_http_refused_connections, 1);
	log_debug("http: too many connections front=%s max=%zu",
	    f->settings.name, f->settings.max_connections);
	if (f->tls == NULL) {
		http_answer_error(f, &out, 503, "Too many connections.",
		    false);
		http_answer_connection(&out, "Connection: close\r\n");
		(void)!send(fd, out.p, out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)shutdown(fd, SHUT_WR);
		/* Unread bytes would turn the close into a reset. */
		for (i = 0; i < 16; i++)
			if (recv(fd, unread, sizeof(unread), MSG_DONTWAIT) <
			    (ssize_t)sizeof(unread))
				break;
		buf_free(&out);
	}
	close(fd);
}

static void
on_accept(struct evconnlistener *socket, evutil_socket_t fd,
    struct sockaddr *address, int len, void *arg)
{
	struct http_listener *l = arg;

	(void)socket;
	(void)address;
	(void)len;
	if (l->front->open >= l->front->settings.max_connections)
		turn_away(l->front, fd);
	else
		http_conn_open(l->front, fd);
}

/* Out of descriptors, most likely: trying at once would only spin. */
static void
on_accept_error(struct evconnlistener *socket, void *arg)
{
	static const struct timeval pause = { 0, 100000 };
	struct http_listener *l = arg;

	log_often(clock_now().boot, LOG_WARN, "http: cannot accept",
	    "http: cannot accept front=%s error=%s", l->front->settings.name,
	    log_value(strerror(errno)));
	evconnlistener_disable(socket);
	event_add(l->again, &pause);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct http_listener *l = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(l->socket);
}

/* Takes the listening socket and the path (NULL: TCP). */
static void
listener_add(struct http_front *f, int fd, char *path)
{
	struct http_listener *l = xcalloc(1, sizeof(*l));
	struct event_base *base = f->http->base;

	l->front = f;
	l->path = path;
	l->again = evtimer_new(base, on_again, l);
	/* Backlog 0: it listens already. */
	l->socket = evconnlistener_new(base, on_accept, l,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (l->again == NULL || l->socket == NULL)
		fatal(EXIT_INTERNAL, "http: no memory for a listener");
	evconnlistener_set_error_cb(l->socket, on_accept_error);
	LIST_INSERT_HEAD(&f->listeners, l, link);
}

int
http_listen(struct http_front *f, const char *address, struct why *why)
{
	bool local = strncmp(address, "unix:", 5) == 0;
	int fds[HTTP_SOCKETS], n, i;

	if ((n = http_sockets_open(address, fds, why)) == -1)
		return -1;
	for (i = 0; i < n; i++) {
		if (!local && f->port == 0)
			f->port = http_sockets_port(fds[i]);
		log_info("http: listening front=%s address=%s port=%d",
		    f->settings.name, log_value(address),
		    local ? 0 : http_sockets_port(fds[i]));
		listener_add(f, fds[i], local ? xstrdup(address + 5) : NULL);
	}
	return 0;
}

/* OpenSSL would ask the terminal, and all would wait for an answer. */
static int
no_passphrase(char *text, int size, int writes, void *arg)
{
	bool *asked = arg;

	(void)text;
	(void)size;
	(void)writes;
	*asked = true;
	return -1;
}

struct http_certificate *
http_certificate(const char *certificate, const char *key, struct why *why)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	const char *file = certificate;
	bool asked = false;
	char reason[256];

	if (tls == NULL)
		fatal(EXIT_INTERNAL, "http: no memory for TLS");
	ERR_clear_error();
	SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION);
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
	/* Who sends no more without saying so still wants the answer; lengths
	 * tell whether a request was cut off. */
	SSL_CTX_set_options(tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
	SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(tls, &asked);
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1)
		goto bad;
	file = key;
	if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(tls) != 1)
		goto bad;
	SSL_CTX_set_default_passwd_cb_userdata(tls, NULL);
	return (struct http_certificate *)tls;
bad:
	ERR_error_string_n(ERR_peek_error(), reason, sizeof(reason));
	ERR_clear_error();
	why_set(why, "%s: %s", file, asked ? "it is encrypted, and there is"
	    " nobody to ask for a passphrase" : reason);
	SSL_CTX_free(tls);
	return NULL;
}

void
http_certificate_free(struct http_certificate *c)
{
	SSL_CTX_free((SSL_CTX *)c);
}

void
http_tls(struct http_front *f, struct http_certificate *c)
{
	/* Connections that are open keep a reference to the old one. */
	SSL_CTX_free(f->tls);
	f->tls = (SSL_CTX *)c;
}

int
http_port(const struct http_front *f)
{
	return f->port;
}

const char *
http_method(const struct http_request *rq)
{
	return rq->head.method;
}

const char *
http_target(const struct http_request *rq)
{
	return rq->head.target;
}

const char *
http_header(const struct http_request *rq, const char *name)
{
	return head_field(&rq->head, name);
}

size_t
http_header_count(const struct http_request *rq, const char *name)
{
	return head_field_count(&rq->head, name);
}

const char *
http_body(const struct http_request *rq, size_t *len)
{
	*len = rq->body.len;
	return rq->body.len > 0 ? rq->body.p : "";
}

struct http_front *
http_request_front(const struct http_request *rq)
{
	return rq->front;
}

void
http_stop(struct http *h)
{
	struct http_front *f;
	struct http_request *c, *next;

	h->stopping = true;
	LIST_FOREACH(f, &h->fronts, link) {
		close_listeners(f);
		for (c = LIST_FIRST(&f->connections); c != NULL; c = next) {
			next = LIST_NEXT(c, link);
			if (http_conn_idle(c) || c->state == HTTP_STREAMING)
				http_conn_vanish(c);
		}
	}
}

size_t
http_busy(const struct http *h)
{
	const struct http_front *f;
	const struct http_request *c;
	size_t n = 0;

	LIST_FOREACH(f, &h->fronts, link) {
		LIST_FOREACH(c, &f->connections, link)
			n += c->state != HTTP_LINGERING && !http_conn_idle(c);
	}
	return n;
}

size_t
http_connections(const struct http_front *f)
{
	return f->open;
}
