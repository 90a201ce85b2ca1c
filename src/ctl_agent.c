/*
 * ctl_agent.c - the agent's admin API, asked from outside
 *
 * Knows HTTP by libcurl, the token, and how refusals are worded.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "ctl_agent.h"
#include "ctl_curl.h"
#include "log.h"

#define CONNECT_MS	5000
#define ANSWER_MS	60000
#define SILENCE_S	45	/* of an answer that goes on */
#define ANSWER_MOST	(256 << 20)	/* bytes */
#define TOKEN_MOST	1024		/* bytes of a token file */
#define UNIX_PREFIX	"unix:"

struct ctl_agent {
	CURL		*curl;
	char		*base;		/* "http://127.0.0.1:8090" */
	char		*socket;	/* path of a unix socket; NULL: TCP */
	char		*token;
	char		*token_file;
	struct curl_slist *headers;
	struct buf	 answer;
	struct json	*json;		/* of it; NULL: not read yet */
	CURLcode	 code;		/* of the last call, as these: */
	long		 status;	/* 0: no answer */
	char		 error[CURL_ERROR_SIZE];
	/* While an answer is followed; NULL: it is collected. */
	ctl_agent_take	*take;
	ctl_agent_stop	*stop;
	void		*arg;
};

static size_t
on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct ctl_agent *a = arg;
	long status = 0;

	curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
	if (a->take != NULL && status == 200) {
		a->take(bytes, size * n, a->arg);
		return size * n;
	}
	buf_put(&a->answer, bytes, size * n);
	return a->answer.over ? 0 : size * n;
}

static int
on_progress(void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
    curl_off_t up)
{
	struct ctl_agent *a = arg;

	(void)down_all;
	(void)down;
	(void)up_all;
	(void)up;
	return a->stop != NULL && a->stop(a->arg);
}

/* Where a listener that is bound to every address is reached from here. */
static const char *
without_wildcard(const char *listen)
{
	static const struct {
		const char	*any, *loopback;
	} hosts[] = {
		{ "0.0.0.0:", "127.0.0.1:" },
		{ "[::]:", "[::1]:" },
	};
	static char text[32];
	size_t i, n;

	for (i = 0; i < HR_COUNT(hosts); i++) {
		n = strlen(hosts[i].any);
		if (strncmp(listen, hosts[i].any, n) != 0)
			continue;
		snprintf(text, sizeof(text), "%s%s", hosts[i].loopback,
		    listen + n);
		return text;
	}
	return listen;
}

/* true: the address is a socket in the file system. */
static bool
use_socket(struct ctl_agent *a, const char *address, const char *scheme)
{
	if (strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) != 0)
		return false;
	a->socket = xstrdup(address + strlen(UNIX_PREFIX));
	a->base = xasprintf("%s://localhost", scheme);
	return true;
}

static void
use_url(struct ctl_agent *a, const char *url)
{
	size_t len = strlen(url);

	if (!use_socket(a, url, "http"))
		a->base = xstrndup(url, len - (len > 0 &&
		    url[len - 1] == '/'));
}

static void
find_listener(struct ctl_agent *a, const struct config_front *admin)
{
	const char *listen = admin->listen.s[0];
	const char *scheme = admin->tls_certificate != NULL ? "https" :
	    "http";

	if (!use_socket(a, listen, scheme))
		a->base = xasprintf("%s://%s", scheme,
		    without_wildcard(listen));
}

/* The whole file but the line's end, which is not part of it. */
static char *
read_token(const char *file)
{
	char text[TOKEN_MOST];
	FILE *f = fopen(file, "re");
	size_t n;

	if (f == NULL)
		ctl_fail(CTL_REFUSED, "the agent's token %s: %s", file,
		    strerror(errno));
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	if (n == 0 || n == sizeof(text) || memchr(text, '\n', n) != NULL ||
	    memchr(text, '\r', n) != NULL || memchr(text, '\0', n) != NULL)
		ctl_fail(CTL_REFUSED, "%s is no token: one line of less than "
		    "%d bytes", file, TOKEN_MOST);
	return xstrndup(text, n);
}

static void
set_up(struct ctl_agent *a, const struct ctl *ctl)
{
	char *header = xasprintf("Authorization: Bearer %s", a->token);

	a->headers = curl_slist_append(NULL, header);
	a->headers = curl_slist_append(a->headers,
	    "Content-Type: application/json");
	free(header);
	SET(a->curl, CURLOPT_HTTPHEADER, a->headers);
	SET(a->curl, CURLOPT_WRITEFUNCTION, on_bytes);
	SET(a->curl, CURLOPT_WRITEDATA, a);
	SET(a->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(a->curl, CURLOPT_XFERINFODATA, a);
	SET(a->curl, CURLOPT_ERRORBUFFER, a->error);
	SET(a->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(a->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	/* The token is for the agent, not for whom the environment names. */
	SET(a->curl, CURLOPT_PROXY, "");
	SET(a->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	SET(a->curl, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
	SET(a->curl, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(a->curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (a->socket != NULL)
		SET(a->curl, CURLOPT_UNIX_SOCKET_PATH, a->socket);
	if (ctl->ca_file != NULL)
		SET(a->curl, CURLOPT_CAINFO, ctl->ca_file);
}

struct ctl_agent *
ctl_agent_new(const struct ctl *ctl)
{
	struct ctl_agent *a = xcalloc(1, sizeof(*a));
	struct config *config = NULL;

	if (ctl->url == NULL || ctl->token_file == NULL)
		config = ctl_config_lenient(ctl);
	if (ctl->url == NULL)
		find_listener(a, &config->admin);
	else
		use_url(a, ctl->url);
	a->token_file = xstrdup(ctl->token_file != NULL ? ctl->token_file :
	    config->token_file);
	config_free(config);
	a->token = read_token(a->token_file);
	a->answer.max = ANSWER_MOST;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (a->curl = curl_easy_init()) == NULL)
		bug("ctl: libcurl cannot be used");
	set_up(a, ctl);
	return a;
}

void
ctl_agent_where(const char *url, const struct config_front *front,
    char **base, char **socket)
{
	struct ctl_agent a = { 0 };

	if (url == NULL)
		find_listener(&a, front);
	else
		use_url(&a, url);
	*base = a.base;
	*socket = a.socket;
}

void
ctl_agent_patient(struct ctl_agent *a)
{
	SET(a->curl, CURLOPT_TIMEOUT_MS, 0L);
}

void
ctl_agent_free(struct ctl_agent *a)
{
	if (a == NULL)
		return;
	curl_easy_cleanup(a->curl);
	curl_slist_free_all(a->headers);
	curl_global_cleanup();
	json_free(a->json);
	buf_free(&a->answer);
	free(a->base);
	free(a->socket);
	free(a->token);
	free(a->token_file);
	free(a);
}

/* The answer lies in the agent, unless it is followed.  `method` NULL: POST
 * with a body, GET without. */
static enum ctl_agent_end
exchange(struct ctl_agent *a, const char *method, const char *target,
    const char *body)
{
	char *url = xasprintf("%s%s", a->base, target);
	json_free(a->json);
	a->json = NULL;
	buf_reset(&a->answer);
	a->error[0] = '\0';
	a->status = 0;
	SET(a->curl, CURLOPT_URL, url);
	if (body != NULL)
		SET(a->curl, CURLOPT_POSTFIELDS, body);
	else
		SET(a->curl, CURLOPT_HTTPGET, 1L);
	SET(a->curl, CURLOPT_CUSTOMREQUEST, method);
	a->code = curl_easy_perform(a->curl);
	ctl_curl_tell(a->curl, a->code, a->socket, a->error);
	free(url);
	/* One that is followed ends somehow. */
	if (a->code == CURLE_OK || a->take != NULL)
		curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE,
		    &a->status);
	if (a->status == 0)
		return CTL_AGENT_AWAY;
	return a->status >= 200 && a->status <= 299 ? CTL_AGENT_ANSWERED :
	    CTL_AGENT_REFUSED;
}

const char *
ctl_agent_text(struct ctl_agent *a, size_t *len)
{
	*len = a->answer.len;
	return buf_str(&a->answer);
}

const cJSON *
ctl_agent_root(struct ctl_agent *a)
{
	if (a->json == NULL)
		a->json = json_parse(buf_str(&a->answer), a->answer.len,
		    NULL);
	return a->json != NULL ? json_root(a->json) : NULL;
}

const char *
ctl_agent_why(struct ctl_agent *a)
{
	const cJSON *root;
	const char *detail, *title;

	if (a->status == 0)
		return a->error[0] != '\0' ? a->error :
		    curl_easy_strerror(a->code);
	root = ctl_agent_root(a);
	detail = json_text(json_get(root, "detail"));
	title = json_text(json_get(root, "title"));
	if (detail != NULL)
		return detail;
	snprintf(a->error, sizeof(a->error), title != NULL ? "%s" :
	    "%sthe agent answered %ld", title != NULL ? title : "",
	    a->status);
	return a->error;
}

static void HR_NORETURN
unreachable(struct ctl_agent *a)
{
	const char *where = a->socket != NULL ? a->socket : a->base;

	if (a->code == CURLE_URL_MALFORMAT ||
	    a->code == CURLE_UNSUPPORTED_PROTOCOL)
		ctl_usage("%s is no http or https URL, nor unix:PATH",
		    a->base);
	ctl_say("%s", ctl_agent_why(a));
	ctl_fail(EXIT_UNAVAILABLE, "is the agent running? tried %s%s",
	    a->socket != NULL ? UNIX_PREFIX : "", where);
}

static void
say_refusal(struct ctl_agent *a, const char *about)
{
	const char *detail = json_text(json_get(ctl_agent_root(a), "detail"));

	if (a->status == 401)
		/* Every further call would end the same way. */
		ctl_fail(CTL_REFUSED, "the agent does not accept the token "
		    "of %s", a->token_file);
	if (detail != NULL)
		ctl_say("%s", detail);
	else
		ctl_say("%s: %s", about, ctl_agent_why(a));
}

void
ctl_agent_complain(struct ctl_agent *a, enum ctl_agent_end end,
    const char *about)
{
	switch (end) {
	case CTL_AGENT_ANSWERED:
		break;
	case CTL_AGENT_REFUSED:
		say_refusal(a, about);
		break;
	case CTL_AGENT_AWAY:
		unreachable(a);
	}
}

enum ctl_agent_end
ctl_agent_try(struct ctl_agent *a, const char *target)
{
	return exchange(a, NULL, target, NULL);
}

bool
ctl_agent_call(struct ctl_agent *a, const char *target, const char *body,
    const char *about)
{
	enum ctl_agent_end end = exchange(a, NULL, target, body);

	ctl_agent_complain(a, end, about);
	return end == CTL_AGENT_ANSWERED;
}

bool
ctl_agent_delete(struct ctl_agent *a, const char *target, const char *about)
{
	enum ctl_agent_end end = exchange(a, "DELETE", target, NULL);

	ctl_agent_complain(a, end, about);
	return end == CTL_AGENT_ANSWERED;
}

enum ctl_agent_end
ctl_agent_follow(struct ctl_agent *a, const char *target,
    ctl_agent_take *take, ctl_agent_stop *stop, void *arg)
{
	enum ctl_agent_end end;

	a->take = take;
	a->stop = stop;
	a->arg = arg;
	SET(a->curl, CURLOPT_TIMEOUT_MS, 0L);
	SET(a->curl, CURLOPT_NOPROGRESS, 0L);
	/* Less than a byte in that time: not even what keeps it open comes. */
	SET(a->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(a->curl, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
	end = exchange(a, NULL, target, NULL);
	SET(a->curl, CURLOPT_LOW_SPEED_TIME, 0L);
	SET(a->curl, CURLOPT_NOPROGRESS, 1L);
	SET(a->curl, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
	a->take = NULL;
	a->stop = NULL;
	return end;
}
