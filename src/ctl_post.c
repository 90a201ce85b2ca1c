/*
 * ctl_post.c - batches posted to the agent's ingest listener
 *
 * Knows HTTP by libcurl, and which answers mean later.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl_agent.h"
#include "ctl_bar.h"
#include "ctl_curl.h"
#include "ctl_post.h"
#include "log.h"

#define CONNECT_MS	5000
#define ANSWER_MS	60000
#define ANSWER_MOST	(1 << 20)	/* bytes that are read of an answer */
#define AWAY_S		30	/* an agent may need that long to start */
#define WAIT_MOST_S	60	/* of what Retry-After asks for at once */

struct ctl_post {
	CURL		*curl;
	char		*base;		/* "http://127.0.0.1:8080" */
	char		*socket;	/* NULL: TCP */
	char		*input;		/* its name */
	struct curl_slist *headers;
	struct buf	 answer;
	struct buf	 message;
	char		 error[CURL_ERROR_SIZE];
};

/* What is more than that tells nothing new. */
static size_t
on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct ctl_post *p = arg;

	buf_put(&p->answer, bytes, size * n);
	return size * n;
}

static void
set_up(struct ctl_post *p, const struct ctl *ctl,
    const struct config_input *input)
{
	p->headers = curl_slist_append(NULL, "Content-Type: application/json");
	/* An answer is waited for anyway, so the body need not ask first. */
	p->headers = curl_slist_append(p->headers, "Expect:");
	SET(p->curl, CURLOPT_HTTPHEADER, p->headers);
	SET(p->curl, CURLOPT_WRITEFUNCTION, on_bytes);
	SET(p->curl, CURLOPT_WRITEDATA, p);
	SET(p->curl, CURLOPT_ERRORBUFFER, p->error);
	SET(p->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(p->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	/* Batches are for the agent, not for whom the environment names. */
	SET(p->curl, CURLOPT_PROXY, "");
	SET(p->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	SET(p->curl, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
	SET(p->curl, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(p->curl, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(p->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	SET(p->curl, CURLOPT_USERNAME, input->key);
	SET(p->curl, CURLOPT_PASSWORD, input->secret);
	if (p->socket != NULL)
		SET(p->curl, CURLOPT_UNIX_SOCKET_PATH, p->socket);
	if (ctl->ca_file != NULL)
		SET(p->curl, CURLOPT_CAINFO, ctl->ca_file);
}

struct ctl_post *
ctl_post_new(const struct ctl *ctl, const struct config *config,
    const struct config_input *input)
{
	struct ctl_post *p = xcalloc(1, sizeof(*p));

	ctl_agent_where(ctl->url, &config->ingest, &p->base, &p->socket);
	p->input = xstrdup(input->name);
	p->answer.max = ANSWER_MOST;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (p->curl = curl_easy_init()) == NULL)
		bug("ctl: libcurl cannot be used");
	set_up(p, ctl, input);
	return p;
}

void
ctl_post_free(struct ctl_post *p)
{
	if (p == NULL)
		return;
	curl_easy_cleanup(p->curl);
	curl_slist_free_all(p->headers);
	curl_global_cleanup();
	buf_free(&p->answer);
	buf_free(&p->message);
	free(p->base);
	free(p->socket);
	free(p->input);
	free(p);
}

/* The HTTP status; 0: nobody answered. */
static long
exchange(struct ctl_post *p, const char *path, const char *body, size_t len)
{
	char *url = xasprintf("%s%s", p->base, path);
	long status = 0;
	CURLcode code;

	buf_reset(&p->answer);
	p->error[0] = '\0';
	SET(p->curl, CURLOPT_URL, url);
	SET(p->curl, CURLOPT_POSTFIELDS, body);
	SET(p->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	code = curl_easy_perform(p->curl);
	ctl_curl_tell(p->curl, code, p->socket, p->error);
	free(url);
	if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
		ctl_usage("%s is no http or https URL", p->base);
	if (code != CURLE_OK)
		return 0;
	curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static void
wait_s(int64_t seconds)
{
	struct timespec ts = { (time_t)seconds, 0 };

	while (nanosleep(&ts, &ts) == -1)
		continue;
}

/* How long the agent wants to be left alone. */
static int64_t
retry_after(struct ctl_post *p)
{
	curl_off_t seconds = 0;

	curl_easy_getinfo(p->curl, CURLINFO_RETRY_AFTER, &seconds);
	if (seconds < 1)
		return 1;
	return seconds < WAIT_MOST_S ? (int64_t)seconds : WAIT_MOST_S;
}

/* Asks until it is answered for good; the status. */
static long
ask(struct ctl_post *p, const char *path, const char *body, size_t len)
{
	int64_t away = 0;
	long status;

	for (;;) {
		status = exchange(p, path, body, len);
		if (status == 0 && away++ < AWAY_S) {
			ctl_bar_word("waiting for an agent");
			wait_s(1);
		} else if (status == 429 || status == 503) {
			away = 0;
			ctl_bar_word("waiting as the agent asks");
			wait_s(retry_after(p));
		} else {
			return status;
		}
	}
}

static void
read_message(struct ctl_post *p, long status)
{
	struct json *json = json_parse(buf_str(&p->answer), p->answer.len,
	    NULL);
	const cJSON *errors = json != NULL ? json_get(json_root(json),
	    "errors") : NULL;
	const char *text = cJSON_IsArray(errors) ?
	    json_text(json_get(errors->child, "message")) : NULL;

	buf_reset(&p->message);
	if (text != NULL)
		buf_puts(&p->message, text);
	else
		buf_printf(&p->message, "the agent answered %ld", status);
	json_free(json);
}

enum ctl_posted
ctl_post(struct ctl_post *p, const char *path, const char *body, size_t len)
{
	long status = ask(p, path, body, len);

	if (status == 202 && p->answer.len == 0)
		return CTL_POST_ACCEPTED;
	read_message(p, status);
	switch (status) {
	case 202:
		return CTL_POST_SOME;
	case 400:
	case 413:
		return CTL_POST_REFUSED;
	case 0:
		ctl_bar_end();
		ctl_say("%s", p->error);
		ctl_fail(EXIT_UNAVAILABLE, "is the agent running? tried %s%s",
		    p->socket != NULL ? "unix:" : "", p->socket != NULL ?
		    p->socket : p->base);
	case 401:
	case 403:
		ctl_bar_end();
		ctl_fail(CTL_REFUSED, "the agent does not accept the key and "
		    "secret of [input %s]", p->input);
	default:
		ctl_bar_end();
		ctl_fail(CTL_REFUSED, "%s%s: %s", p->base, path,
		    buf_str(&p->message));
	}
}

const char *
ctl_post_message(struct ctl_post *p)
{
	return buf_str(&p->message);
}
