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
#include "log.h"

#define CONNECT_MS	5000
#define ANSWER_MS	60000
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
	char		 error[CURL_ERROR_SIZE];
};

/* An option that libcurl does not know is a library that is not ours. */
#define SET(curl, option, value) do {					\
	CURLcode set_ = curl_easy_setopt(curl, option, value);		\
									\
	if (set_ != CURLE_OK)						\
		bug("ctl: " #option ": %s", curl_easy_strerror(set_));	\
} while (0)

static size_t
on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct buf *answer = arg;

	buf_put(answer, bytes, size * n);
	return answer->over ? 0 : size * n;
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

static void
find_listener(struct ctl_agent *a, const struct config_front *admin)
{
	const char *listen = admin->listen.s[0];
	const char *scheme = admin->tls_certificate != NULL ? "https" :
	    "http";

	if (strncmp(listen, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
		a->socket = xstrdup(listen + strlen(UNIX_PREFIX));
		a->base = xasprintf("%s://localhost", scheme);
	} else {
		a->base = xasprintf("%s://%s", scheme,
		    without_wildcard(listen));
	}
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
	SET(a->curl, CURLOPT_WRITEDATA, &a->answer);
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
		config = ctl_config(ctl);
	if (ctl->url == NULL)
		find_listener(a, &config->admin);
	else
		a->base = xstrndup(ctl->url, strlen(ctl->url) -
		    (ctl->url[0] != '\0' &&
		    ctl->url[strlen(ctl->url) - 1] == '/'));
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

static void HR_NORETURN
unreachable(const struct ctl_agent *a, CURLcode code)
{
	const char *where = a->socket != NULL ? a->socket : a->base;

	if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
		ctl_usage("%s is no http or https URL", a->base);
	ctl_say("%s", a->error[0] != '\0' ? a->error :
	    curl_easy_strerror(code));
	ctl_fail(EXIT_UNAVAILABLE, "is the agent running? tried %s%s",
	    a->socket != NULL ? UNIX_PREFIX : "", where);
}

/* The HTTP status; the answer lies in the agent.  `method` NULL: POST with a
 * body, GET without. */
static long
exchange(struct ctl_agent *a, const char *method, const char *target,
    const char *body)
{
	char *url = xasprintf("%s%s", a->base, target);
	CURLcode code;
	long status = 0;

	json_free(a->json);
	a->json = NULL;
	buf_reset(&a->answer);
	SET(a->curl, CURLOPT_URL, url);
	if (body != NULL)
		SET(a->curl, CURLOPT_POSTFIELDS, body);
	else
		SET(a->curl, CURLOPT_HTTPGET, 1L);
	SET(a->curl, CURLOPT_CUSTOMREQUEST, method);
	code = curl_easy_perform(a->curl);
	free(url);
	if (code != CURLE_OK)
		unreachable(a, code);
	curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
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

/* What an application/problem+json says, or the bare status. */
static void
say_refusal(struct ctl_agent *a, long status, const char *about)
{
	const cJSON *root = ctl_agent_root(a);
	const char *detail = json_text(json_get(root, "detail"));
	const char *title = json_text(json_get(root, "title"));

	if (status == 401)
		/* Every further call would end the same way. */
		ctl_fail(CTL_REFUSED, "the agent does not accept the token "
		    "of %s", a->token_file);
	if (detail != NULL)
		ctl_say("%s", detail);
	else if (title != NULL)
		ctl_say("%s: %s", about, title);
	else
		ctl_say("%s: the agent answered %ld", about, status);
}

static bool
judge(struct ctl_agent *a, long status, const char *about)
{
	if (status >= 200 && status <= 299)
		return true;
	say_refusal(a, status, about);
	return false;
}

bool
ctl_agent_call(struct ctl_agent *a, const char *target, const char *body,
    const char *about)
{
	return judge(a, exchange(a, NULL, target, body), about);
}

bool
ctl_agent_delete(struct ctl_agent *a, const char *target, const char *about)
{
	return judge(a, exchange(a, "DELETE", target, NULL), about);
}
