/*
 * intake.c - the ingest endpoints: answers as mParticle's Events API does
 *
 * Knows the order of the checks, who may send, and when there is no room.
 * What becomes of a body is accept.c's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/statvfs.h>

#include "hash.h"
#include "inflate.h"
#include "intake.h"
#include "log.h"
#include "pending.h"
#include "rate.h"

#define ROOM_MS		250	/* how long a look at the disk holds */
#define RATE_WINDOW_MS	1000	/* rate_limit is batches per second */

struct intake {
	struct queue		*queue;
	struct acceptor		*acceptor;
	const struct config	*config;
	struct rate		**rate;		/* by input; NULL: no limit */
	int64_t			 rate_id;
	struct pending		*pending;
	struct answers		*answers;
	/* The request whose head was judged last, and whose it is; NULL: there
	 * is none since a reload.  Most bodies come with their heads, so it
	 * is mostly the one that is asked next. */
	const struct http_request *judged;
	const struct config_input *judged_input;
	/* Whose request is handed to it, while it is. */
	const struct config_input *asked;
	enum mp_path		 asked_path;
	bool			 stopping;
	int64_t			 room_at;	/* boot ms; of the last look */
	char			 no_room[256];	/* "" : there is room */
	char			*directory;	/* of the database */
	struct buf		 body;		/* inflated */
	struct buf		 errors;
};

static void
make_rates(struct intake *in)
{
	size_t i;

	in->rate = xcalloc(in->config->inputs_n, sizeof(*in->rate));
	for (i = 0; i < in->config->inputs_n; i++)
		if (in->config->inputs[i].rate_limit > 0)
			in->rate[i] = rate_new(in->config->inputs[i].rate_limit,
			    RATE_WINDOW_MS);
}

static void
free_rates(struct intake *in)
{
	size_t i;

	for (i = 0; i < in->config->inputs_n; i++)
		rate_free(in->rate[i]);
	free(in->rate);
}

void
intake_free(struct intake *in)
{
	if (in == NULL)
		return;
	pending_free(in->pending);
	answers_free(in->answers);
	free_rates(in);
	free(in->directory);
	buf_free(&in->body);
	buf_free(&in->errors);
	free(in);
}

void
intake_reload(struct intake *in, struct acceptor *acceptor,
    const struct config *config)
{
	free_rates(in);
	in->acceptor = acceptor;
	in->config = config;
	in->judged = NULL;
	in->room_at = INT64_MIN / 2;
	make_rates(in);
}

void
intake_stop(struct intake *in)
{
	in->stopping = true;
}

void
intake_error_body(int status, const char *message, struct buf *body,
    const char **content_type)
{
	(void)status;
	accept_error(body, message);
	*content_type = "application/json";
}

/* Counts what is answered at once; `input` NULL: nobody's request. */
static void
count(struct intake *in, const struct config_input *input, int status)
{
	const char *name = input != NULL ? input->name : NULL;
	char key[LOG_KEY];
	enum stat_id stat = status == 202 ? STAT_ingest_accepted :
	    status == 503 ? STAT_ingest_unavailable : STAT_ingest_refused;

	stat_add(stat, 1);
	answers_count(in->answers, name, status);
	if (status < 400 || status == 503)
		return;
	/* The reason stays out: it may quote the body. */
	snprintf(key, sizeof(key), "intake %s %d", name != NULL ? name : "-",
	    status);
	log_often(clock_now().boot, LOG_INFO, key, "intake: refused input=%s "
	    "status=%d", name != NULL ? name : "-", status);
}

/* An errors body with one entry, at once. */
static void
refuse(struct intake *in, struct http_request *r,
    const struct config_input *input, int status, const char *headers,
    const char *message)
{
	struct http_answer answer = { .status = status, .headers = headers,
	    .content_type = "application/json" };

	count(in, input, status);
	buf_reset(&in->errors);
	accept_error(&in->errors, message);
	answer.body = in->errors.p;
	answer.body_len = in->errors.len;
	http_reply(r, &answer);
}

static void
refuse_empty(struct intake *in, struct http_request *r, int status,
    const char *headers)
{
	struct http_answer answer = { .status = status, .headers = headers };

	count(in, NULL, status);
	http_reply(r, &answer);
}

/*
 * The user and the password of a Basic credential, in place in `text`; one
 * trailing line end is dropped.
 */
static bool
basic_credentials(const char *header, struct buf *text, const char **secret)
{
	static const char scheme[] = "basic ";
	char *colon;

	if (strncasecmp(header, scheme, sizeof(scheme) - 1) != 0)
		return false;
	header += sizeof(scheme) - 1;
	header += strspn(header, " ");
	if (!hash_unbase64(header, text))
		return false;
	if (text->len > 0 && text->p[text->len - 1] == '\n') {
		buf_cut(text, text->len - 1);
		if (text->len > 0 && text->p[text->len - 1] == '\r')
			buf_cut(text, text->len - 1);
	}
	(void)buf_str(text);
	colon = memchr(text->p, ':', text->len);
	if (colon == NULL || memchr(text->p, '\0', text->len) != NULL)
		return false;
	*colon = '\0';
	*secret = colon + 1;
	return true;
}

/* Whose credentials these are; NULL: nobody's.  Every input is compared, so
 * that the time tells nothing. */
static const struct config_input *
authenticate(struct intake *in, const char *header)
{
	const struct config_input *found = NULL;
	const char *secret;
	bool key;
	size_t i;

	buf_reset(&in->body);
	if (!basic_credentials(header, &in->body, &secret))
		return NULL;
	for (i = 0; i < in->config->inputs_n; i++) {
		const struct config_input *input = &in->config->inputs[i];

		/* Both are compared, whatever the first one says. */
		key = hash_equal(in->body.p, input->key);
		if (hash_equal(secret, input->secret) && key)
			found = input;
	}
	return found;
}

/* Whose request it is by the settings of now; NULL: nobody's. */
static const struct config_input *
input_of(struct intake *in, struct http_request *r)
{
	const char *header;

	if (in->judged == r)
		return in->judged_input;
	header = http_header(r, "Authorization");
	return header != NULL && http_header_count(r, "Authorization") == 1 ?
	    authenticate(in, header) : NULL;
}

/* Over the input's rate_limit: how many whole seconds to wait; else 0. */
static int64_t
rate_wait(struct intake *in, const struct config_input *input, int64_t now)
{
	struct rate *rate = in->rate[input - in->config->inputs];

	if (rate == NULL || rate_allow(rate, 0, now) > 0)
		return 0;
	return (rate_next(rate, 0, 1, now) - now + 999) / 1000;
}

/*
 * A bulk request may be larger than what is left, or than the limit: what is
 * over it counts in the windows that follow, so that the rate holds.
 */
static void
rate_count(struct intake *in, const struct config_input *input,
    size_t batches, int64_t now)
{
	struct rate *rate = in->rate[input - in->config->inputs];
	int64_t left = (int64_t)batches, at = now, n;

	if (rate == NULL)
		return;
	rate_expire(rate, now);
	for (; left > 0; left -= n, at += RATE_WINDOW_MS) {
		n = left < input->rate_limit ? left : input->rate_limit;
		rate_note(rate, 0, ++in->rate_id, n, now);
		rate_end(rate, 0, in->rate_id, at);
	}
}

/*
 * What the head decides: path, method, credentials, rate.  true: the request
 * was answered.
 */
static bool
refuse_by_head(struct intake *in, struct http_request *r,
    enum mp_path *path, const struct config_input **input)
{
	char headers[120];
	int64_t wait;

	if (!mp_path_parse(http_target(r), path)) {
		refuse(in, r, NULL, 404, NULL, "No such endpoint. There are "
		    "POST /v2/events, /v2/bulkevents and "
		    "/v2/bulkevents/historical.");
		return true;
	}
	if (strcmp(http_method(r), "POST") != 0) {
		refuse(in, r, NULL, 405, "Allow: POST\r\n",
		    "This endpoint takes POST only.");
		return true;
	}
	if (http_header(r, "Authorization") == NULL) {
		refuse_empty(in, r, 401,
		    "WWW-Authenticate: Basic realm=\"heaprelay\"\r\n");
		return true;
	}
	*input = input_of(in, r);
	if (*input == NULL) {
		refuse_empty(in, r, 403, NULL);
		return true;
	}
	wait = rate_wait(in, *input, clock_now().boot);
	if (wait > 0) {
		snprintf(headers, sizeof(headers), "Retry-After: %lld\r\n"
		    "X-mp-rate-limit-exceeded: feed\r\n", (long long)wait);
		refuse(in, r, *input, 429, headers,
		    "The rate limit of this input is exceeded.");
		return true;
	}
	return false;
}

/* A body without coding whose length, in the head, says that it is too
 * large: before it is sent in vain. */
static bool
refuse_by_length(struct intake *in, struct http_request *r,
    const struct config_input *input)
{
	const char *length = http_header(r, "Content-Length");

	if (length == NULL || http_header(r, "Content-Encoding") != NULL ||
	    strtoull(length, NULL, 10) <=
	    (unsigned long long)in->config->max_request_bytes)
		return false;
	refuse(in, r, input, 413, NULL, "The request body is too large.");
	return true;
}

bool
intake_early(struct http_request *r, void *arg)
{
	struct intake *in = arg;
	const struct config_input *input;
	enum mp_path path;

	in->judged = NULL;
	if (refuse_by_head(in, r, &path, &input) ||
	    refuse_by_length(in, r, input)) {
		stat_add(STAT_ingest_requests, 1);
		return true;
	}
	in->judged = r;
	in->judged_input = input;
	return false;
}

static bool
is_plain(const char *coding)
{
	return coding == NULL || coding[0] == '\0' ||
	    strcasecmp(coding, "identity") == 0;
}

/* The body without its coding, lent; NULL: the request was answered.  What
 * counts is the size without it. */
static const char *
decoded_body(struct intake *in, struct http_request *r,
    const struct config_input *input, size_t *len)
{
	const char *coding = http_header(r, "Content-Encoding");
	bool one = http_header_count(r, "Content-Encoding") <= 1;
	size_t max = (size_t)in->config->max_request_bytes;
	const char *body = http_body(r, len);
	struct why why, message;

	if (one && is_plain(coding)) {
		if (*len <= max)
			return body;
		refuse(in, r, input, 413, NULL,
		    "The request body is too large.");
		return NULL;
	}
	buf_reset(&in->body);
	in->body.max = max;
	switch (!one ? INFLATE_UNKNOWN :
	    inflate_body(coding, body, *len, &in->body, &why)) {
	case INFLATE_OK:
		*len = in->body.len;
		return buf_str(&in->body);
	case INFLATE_UNKNOWN:
		refuse(in, r, input, 415, "Accept-Encoding: gzip, deflate\r\n",
		    "Content-Encoding must be gzip, deflate or identity.");
		break;
	case INFLATE_TOO_LARGE:
		refuse(in, r, input, 413, NULL,
		    "The request body is too large once inflated.");
		break;
	case INFLATE_BROKEN:
		why_set(&message, "The body cannot be inflated: %s.",
		    why.text);
		refuse(in, r, input, 400, NULL, message.text);
		break;
	}
	return NULL;
}

/* Into the transaction, which is open; the answer waits for the commit. */
static void
store_body(struct intake *in, struct http_request *r,
    const struct config_input *input, enum mp_path path)
{
	struct http_answer answer = { .status = 202 };
	struct moment now = clock_now();
	const char *body;
	size_t len, accepted;

	body = decoded_body(in, r, input, &len);
	if (body == NULL)
		return;
	buf_reset(&in->errors);
	accepted = accept_body(in->acceptor, input, path, body, len, now.wall,
	    &in->errors);
	rate_count(in, input, accepted, now.boot);
	if (in->errors.len > 0) {
		answer.status = accepted > 0 ? 202 : 400;
		answer.content_type = "application/json";
		answer.body = in->errors.p;
		answer.body_len = in->errors.len;
	}
	if (accepted > 0) {
		stat_later(STAT_ingest_accepted, 1);
		answers_later(in->answers, input->name, 202);
		http_hold(r, &answer);
	} else {			/* promises nothing */
		count(in, input, answer.status);
		http_reply(r, &answer);
	}
}

int64_t
intake_free_disk(const struct intake *in)
{
	struct statvfs fs;

	return statvfs(in->directory, &fs) == 0 ?
	    (int64_t)fs.f_bavail * (int64_t)fs.f_frsize : -1;
}

/* Looks at the disk now and then: a write that fails for want of room is a
 * 503 too, but this one comes before the disk is full. */
static void
look_for_room(struct intake *in, int64_t now)
{
	int64_t available, used;

	if (now - in->room_at < ROOM_MS)
		return;
	in->room_at = now;
	in->no_room[0] = '\0';
	available = intake_free_disk(in);
	if (available == 0 || (available > 0 &&
	    available < in->config->min_free_disk))
		snprintf(in->no_room, sizeof(in->no_room),
		    "only %lld bytes are free on the disk of the queue, "
		    "min_free_disk is %lld", (long long)available,
		    (long long)in->config->min_free_disk);
	if (in->config->max_queue_bytes > 0) {
		used = queue_bytes(in->queue) + queue_wal_bytes(in->queue);
		if (used > in->config->max_queue_bytes)
			snprintf(in->no_room, sizeof(in->no_room),
			    "the queue has %lld bytes, max_queue_bytes is "
			    "%lld", (long long)used,
			    (long long)in->config->max_queue_bytes);
	}
}

const char *
intake_unavailable(struct intake *in, struct moment now)
{
	if (in->stopping)
		return "the agent is stopping";
	look_for_room(in, now.boot);
	return in->no_room[0] != '\0' ? in->no_room : NULL;
}

static void
refuse_unavailable(struct intake *in, struct http_request *r,
    const struct config_input *input, const char *reason)
{
	struct why message;

	why_set(&message, "Cannot store now: %s.", reason);
	refuse(in, r, input, 503, "Retry-After: 1\r\n", message.text);
}

/* pending_done: the write lock was had, or not. */
static void
store(struct http_request *r, enum pending_go go, const char *reason,
    void *arg)
{
	struct intake *in = arg;
	const struct config_input *input = in->asked;
	enum mp_path path = in->asked_path;

	if (go == PENDING_REFUSED)
		refuse_unavailable(in, r, input_of(in, r), reason);
	else if (go == PENDING_NOW || !refuse_by_head(in, r, &path, &input))
		store_body(in, r, input, path);	/* a reload may have come */
}

void
intake_request(struct http_request *r, void *arg)
{
	struct intake *in = arg;
	const struct config_input *input;
	const char *reason;
	enum mp_path path;

	stat_add(STAT_ingest_requests, 1);
	if (refuse_by_head(in, r, &path, &input))
		return;
	reason = intake_unavailable(in, clock_now());
	if (reason != NULL) {
		log_often(clock_now().boot, LOG_WARN, "intake",
		    "intake: cannot store reason=%s", log_value(reason));
		refuse_unavailable(in, r, input, reason);
		return;
	}
	in->asked = input;
	in->asked_path = path;
	pending_add(in->pending, r, clock_now());
}

void
intake_ended(struct intake *in, bool durable)
{
	if (!durable)
		stat_add(STAT_ingest_unavailable,
		    stat_waiting(STAT_ingest_accepted));
	answers_settle(in->answers, durable);
}

const struct answers *
intake_answers(const struct intake *in)
{
	return in->answers;
}

int64_t
intake_turn(struct intake *in, struct moment now)
{
	return pending_turn(in->pending, now);
}

struct intake *
intake_new(struct queue *q, struct acceptor *acceptor,
    const struct config *config)
{
	struct intake *in = xcalloc(1, sizeof(*in));
	const char *slash = strrchr(config->database, '/');

	in->queue = q;
	in->acceptor = acceptor;
	in->config = config;
	in->pending = pending_new(q, "intake", store, in);
	in->answers = answers_new();
	in->room_at = INT64_MIN / 2;
	in->directory = slash == NULL ? xstrdup(".") :
	    xstrndup(config->database,
	    (size_t)(slash - config->database) + (slash == config->database));
	make_rates(in);
	return in;
}
