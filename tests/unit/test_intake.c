/*
 * test_intake.c - the ingest endpoints: every answer, exactly
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <zlib.h>

#include "intake_fixture.h"
#include "log.h"

#define BATCH	"{\"mpid\":1,\"events\":[{\"event_type\":\"session_start\"}]}"
#define ACCEPTED "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
#define NOT_FOUND "No such endpoint. There are POST /v2/events, " \
	"/v2/bulkevents and /v2/bulkevents/historical."
#define EMPTY_403 "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
#define EMPTY_401 "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n" \
	"WWW-Authenticate: Basic realm=\"heaprelay\"\r\n\r\n"

static int64_t
batches(struct intake_fixture *f)
{
	return number(f->accept->queue, "SELECT count(*) FROM batch");
}

static void
intake_accepts_a_batch_and_it_is_on_disk(void **state)
{
	struct intake_fixture *f = *state;

	assert_string_equal(intake_post(f, "/v2/events", BATCH), ACCEPTED);

	crash(f->accept->queue);
	assert_int_equal(batches(f), 1);
	assert_state(f->accept->queue, 1, "queued", "-");
	settle(f->accept->queue);
}

static void
intake_takes_every_spelling_of_its_paths(void **state)
{
	static const struct {
		const char *target;
		const char *stored;
	} cases[] = {
		{ "/v2/events", "/v2/events" },
		{ "/v2/events/", "/v2/events" },
		{ "/v2/events?debug=1", "/v2/events" },
		{ "/v2/events/events", "/v2/events" },
		{ "/events", "/v2/events" },
		{ "/events/events", "/v2/events" },
		{ "/s2s/v2/events", "/v2/events" },
		{ "/s2s/events", "/v2/events" },
		{ "/s2s/v2/events/events/?a=b", "/v2/events" },
		{ "/v2/bulkevents", "/v2/bulkevents" },
		{ "/bulkevents/", "/v2/bulkevents" },
		{ "/v2/bulkevents/bulkevents", "/v2/bulkevents" },
		{ "/s2s/bulkevents", "/v2/bulkevents" },
		{ "/v2/bulkevents/historical", "/v2/bulkevents/historical" },
		{ "/s2s/v2/bulkevents/historical/",
		    "/v2/bulkevents/historical" },
	};
	struct intake_fixture *f = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(cases); i++) {
		bool bulk = strstr(cases[i].stored, "bulk") != NULL;
		char *stored;

		assert_string_equal(intake_post(f, cases[i].target, bulk ?
		    "[" BATCH "]" : BATCH), ACCEPTED);
		stored = words(f->accept->queue, "SELECT path FROM batch "
		    "ORDER BY id DESC LIMIT 1");
		assert_string_equal(stored, cases[i].stored);
		free(stored);
	}
	assert_int_equal(batches(f), HR_COUNT(cases));
}

static void
intake_knows_no_other_path(void **state)
{
	static const char *const targets[] = { "/", "/v1/events", "/v2",
	    "/v2/", "/v2/event", "/v2/events/x", "/v2/events//", "/V2/events",
	    "/v2/Events", "/v2/s2s/events", "/v2/v2/events",
	    "/events/events/events",
	    "/v2/bulkevents/events", "/historical", "//events", "/events%2f",
	    "/v2/bulkevents/historical/historical", "/health/live" };
	struct intake_fixture *f = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(targets); i++)
		assert_error(intake_post(f, targets[i], BATCH),
		    "404 Not Found", "", NOT_FOUND);
	assert_int_equal(batches(f), 0);
}

static void
intake_takes_post_only(void **state)
{
	static const char *const lines[] = { "GET /v2/events",
	    "PUT /v2/bulkevents", "DELETE /v2/events", "OPTIONS /v2/events",
	    "PATCH /v2/bulkevents/historical" };
	struct intake_fixture *f = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(lines); i++)
		assert_error(intake_ask(f, lines[i], AUTH_SHOP, ""),
		    "405 Method Not Allowed", "Allow: POST\r\n",
		    "This endpoint takes POST only.");
	assert_string_equal(strstr(intake_ask(f, "HEAD /v2/events", AUTH_SHOP,
	    ""), "\r\n\r\n"), "\r\n\r\n");
}

static void
intake_asks_for_credentials(void **state)
{
	struct intake_fixture *f = *state;

	assert_string_equal(intake_ask(f, "POST /v2/events", "", BATCH),
	    EMPTY_401);
	assert_int_equal(batches(f), 0);
}

static void
intake_takes_credentials_as_senders_write_them(void **state)
{
	/* key-1:s-1, also with a line end behind it. */
	static const char *const headers[] = {
		AUTH_SHOP, "authorization: basic a2V5LTE6cy0x\r\n",
		"AUTHORIZATION:   BASIC   a2V5LTE6cy0x  \r\n",
		"Authorization: Basic a2V5LTE6cy0xCg==\r\n",
		"Authorization: Basic a2V5LTE6cy0xDQo=\r\n",
	};
	struct intake_fixture *f = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(headers); i++)
		assert_string_equal(intake_ask(f, "POST /v2/events",
		    headers[i], BATCH), ACCEPTED);
	assert_int_equal(number(f->accept->queue, "SELECT count(*) "
	    "FROM batch WHERE input = 'shop'"), HR_COUNT(headers));
}

static void
intake_tells_inputs_by_their_key(void **state)
{
	struct intake_fixture *f = *state;

	intake_ask(f, "POST /v2/events", AUTH_FEED, BATCH);
	intake_ask(f, "POST /v2/events", AUTH_SHOP, BATCH);

	assert_int_equal(number(f->accept->queue, "SELECT count(*) "
	    "FROM batch WHERE (id, input) IN ((1, 'feed'), (2, 'shop'))"), 2);
}

static void
intake_secrets_may_hold_colons(void **state)
{
	struct intake_fixture *f = *state;

	intake_configure(f, "[output heap]\napp_id = 77\n"
	    "[input shop]\nkey = k\nsecret = a:b:\n");
	/* k:a:b: */
	assert_string_equal(intake_ask(f, "POST /v2/events",
	    "Authorization: Basic azphOmI6\r\n", BATCH), ACCEPTED);
}

/* Who sent the head was known then. */
static void
intake_judges_a_head_anew_after_a_reload(void **state)
{
	static const char text[] = "[output heap]\napp_id = 77\n"
	    "[input feed]\nkey = key-2\nsecret = s-2\n";
	static const char body[] = "2\r\n{}\r\n0\r\n\r\n";
	struct intake_fixture *f = *state;
	struct config *other = config_parse(text, sizeof(text) - 1, "other",
	    NULL);
	int fd = intake_send(f, "POST /v2/events",
	    AUTH_SHOP "Transfer-Encoding: chunked\r\n", "", 0), i;

	for (i = 0; i < 20; i++)
		intake_loop(f);
	intake_reload(f->intake, f->accept->acceptor, other);
	assert_int_equal(send(fd, body, sizeof(body) - 1, MSG_NOSIGNAL),
	    sizeof(body) - 1);

	assert_string_equal(intake_answer(f, fd), EMPTY_403);
	intake_reload(f->intake, f->accept->acceptor, f->accept->config);
	config_free(other);
}

static void
intake_refuses_wrong_credentials(void **state)
{
	static const char *const headers[] = {
		AUTH_NOBODY,
		"Authorization: \r\n",
		"Authorization: Basic\r\n",
		"Authorization: Basic \r\n",
		"Authorization: Bearer a2V5LTE6cy0x\r\n",
		"Authorization: Basica2V5LTE6cy0x\r\n",
		"Authorization: a2V5LTE6cy0x\r\n",
		"Authorization: Basic a2V5LTE6cy0\r\n",		/* length */
		"Authorization: Basic a2V5LTE6cy0x=\r\n",
		"Authorization: Basic a2V5LTE6*y0x\r\n",
		"Authorization: Basic a2V5LTE6cy0x a2V5LTE6cy0x\r\n",
		"Authorization: Basic a2V5LTFzLTE=\r\n",	/* key-1s-1 */
		"Authorization: Basic a2V5LTE6cy0y\r\n",	/* key-1:s-2 */
		"Authorization: Basic a2V5LTE6\r\n",		/* key-1: */
		"Authorization: Basic OnMtMQ==\r\n",		/* :s-1 */
		"Authorization: Basic Og==\r\n",		/* : */
		"Authorization: Basic S2V5LTE6cy0x\r\n",	/* Key-1:s-1 */
		"Authorization: Basic a2V5LTE6cy0xIA==\r\n",	/* a space */
		"Authorization: Basic a2V5LTE6cy0xCgo=\r\n",	/* LF LF */
		"Authorization: Basic a2V5LTE6cy0xDQ==\r\n",	/* CR */
		"Authorization: Basic a2V5LTE6cy0xAA==\r\n",	/* NUL */
		"Authorization: Basic a2V5LTEAOnMtMQ==\r\n",	/* NUL : */
		AUTH_SHOP AUTH_SHOP,
		AUTH_SHOP AUTH_NOBODY,
	};
	struct intake_fixture *f = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(headers); i++) {
		const char *answer = intake_ask(f, "POST /v2/events",
		    headers[i], BATCH);

		if (strcmp(answer, EMPTY_403) != 0)
			fail_msg("%s: %s", headers[i], answer);
	}
	assert_int_equal(batches(f), 0);
}

static void
intake_refuses_what_is_malformed(void **state)
{
	static const struct {
		const char *target, *body, *message;
	} cases[] = {
		{ "/v2/events", "{\"events\":[{}]}", "Required event field "
		    "\\\"event_type\\\" is missing or empty." },
		{ "/v2/bulkevents", "[{\"events\":[null]}]", "Required event "
		    "field \\\"event_type\\\" is missing or empty." },
		{ "/v2/events", "[]", "Error reading object. Unexpected "
		    "token: StartArray. Path '', line 1, position 1." },
		{ "/v2/bulkevents", "{}", "Error reading array. Unexpected "
		    "token: StartObject. Path '', line 1, position 1." },
		{ "/v2/events", "{\"device_info\":{\"ios_idfv\":\"x\\\"\"}}",
		    "Error converting value &quot;x&quot;&quot; to type "
		    "'System.Guid'. Path 'device_info.ios_idfv', line 1, "
		    "position 32." },
	};
	struct intake_fixture *f = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(cases); i++)
		assert_error(intake_post(f, cases[i].target, cases[i].body),
		    "400 Bad Request", "", cases[i].message);
	assert_non_null(strstr(intake_post(f, "/v2/events", "{"),
	    "{\"errors\":[{\"code\":\"BAD_REQUEST\","
	    "\"message\":\"Malformed JSON"));
	assert_int_equal(strncmp(intake_post(f, "/v2/events", ""),
	    "HTTP/1.1 400 ", 13), 0);
	assert_int_equal(batches(f), 0);
}

static void
intake_tells_the_refused_batches_of_a_bulk_request(void **state)
{
	static const char message[] =
	    "Required event field \\\"event_type\\\" is missing or empty.";
	struct intake_fixture *f = *state;

	assert_error(intake_post(f, "/v2/bulkevents", "[" BATCH
	    ",{\"events\":[{}]}," BATCH "]"), "202 Accepted", "", message);
	assert_int_equal(batches(f), 2);

	assert_string_equal(strchr(intake_post(f, "/v2/bulkevents",
	    "[{\"events\":[{}]},{\"events\":[{}]}]"), '{'),
	    "{\"errors\":[{\"code\":\"BAD_REQUEST\",\"message\":"
	    "\"Required event field \\\"event_type\\\" is missing or "
	    "empty.\"},{\"code\":\"BAD_REQUEST\",\"message\":"
	    "\"Required event field \\\"event_type\\\" is missing or "
	    "empty.\"}]}");
	assert_int_equal(strncmp(f->answer.p, "HTTP/1.1 400 Bad Request", 24),
	    0);
	assert_int_equal(batches(f), 2);
	assert_string_equal(intake_post(f, "/v2/bulkevents", "[]"), ACCEPTED);
}

/* A text of n batches; given. */
static char *
bulk_of(int n)
{
	struct buf b = BUF_INIT;
	int i;

	for (i = 0; i < n; i++)
		buf_printf(&b, "%s{}", i == 0 ? "[" : ",");
	buf_putc(&b, ']');
	return buf_steal(&b);
}

static void
intake_takes_at_most_a_hundred_batches(void **state)
{
	struct intake_fixture *f = *state;
	char *hundred = bulk_of(100), *more = bulk_of(101);

	assert_string_equal(intake_post(f, "/v2/bulkevents", hundred),
	    ACCEPTED);
	assert_error(intake_post(f, "/v2/bulkevents", more),
	    "400 Bad Request", "", "A request may hold at most 100 batches; "
	    "this one holds 101.");
	assert_int_equal(batches(f), 100);
	free(hundred);
	free(more);
}

/* A batch of that many bytes; given. */
static char *
batch_of(size_t len)
{
	char *text = xmalloc(len + 1);

	memset(text, ' ', len);
	text[len] = '\0';
	memcpy(text, BATCH, strlen(BATCH));
	return text;
}

static void
intake_takes_bodies_up_to_their_limit(void **state)
{
	struct intake_fixture *f = *state;
	char *most = batch_of(262144), *more = batch_of(262145);
	char *far = batch_of(2000000);

	assert_string_equal(intake_post(f, "/v2/events", most), ACCEPTED);
	assert_error(intake_post(f, "/v2/events", more),
	    "413 Content Too Large", "", "The request body is too large.");
	/* This one is not even read. */
	assert_error(intake_post(f, "/v2/events", far),
	    "413 Content Too Large", "", "The request body is too large.");
	assert_int_equal(batches(f), 1);
	free(most);
	free(more);
	free(far);
}

/* Compressed, appended. */
static void
pack(struct buf *out, int window_bits, const char *text, size_t len)
{
	unsigned char part[65536];
	z_stream z;
	int rc;

	memset(&z, 0, sizeof(z));
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, window_bits, 8,
	    Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)text;
	z.avail_in = (uInt)len;
	do {
		z.next_out = part;
		z.avail_out = sizeof(part);
		rc = deflate(&z, Z_FINISH);
		buf_put(out, part, sizeof(part) - z.avail_out);
	} while (rc == Z_OK);
	assert_int_equal(rc, Z_STREAM_END);
	deflateEnd(&z);
}

static const char *
post_packed(struct intake_fixture *f, const char *coding, int window_bits,
    const char *text, size_t len)
{
	char *headers = xasprintf(AUTH_SHOP "Content-Encoding: %s\r\n",
	    coding);
	struct buf body = BUF_INIT;
	int fd;

	if (window_bits != 0)
		pack(&body, window_bits, text, len);
	else
		buf_put(&body, text, len);
	fd = intake_send(f, "POST /v2/events", headers, body.p, body.len);
	buf_free(&body);
	free(headers);
	return intake_answer(f, fd);
}

static void
intake_inflates_bodies(void **state)
{
	static const struct {
		const char *coding;
		int window_bits;
	} cases[] = {
		{ "gzip", 15 + 16 }, { "GZIP", 15 + 16 },
		{ "x-gzip", 15 + 16 }, { "deflate", 15 }, { "deflate", -15 },
		{ "identity", 0 }, { "", 0 },
	};
	struct intake_fixture *f = *state;
	struct queue_stored s;
	size_t i;

	for (i = 0; i < HR_COUNT(cases); i++) {
		assert_string_equal(post_packed(f, cases[i].coding,
		    cases[i].window_bits, BATCH, strlen(BATCH)), ACCEPTED);
		/* What is stored is the batch, not how it came. */
		assert_true(queue_stored(f->accept->queue->q, (int64_t)i + 1,
		    &s));
		assert_string_equal(s.body, BATCH);
		queue_stored_free(&s);
	}
}

static void
intake_does_not_take_other_codings(void **state)
{
	static const char *const codings[] = { "br", "zstd", "compress",
	    "gzip, gzip", "gzip\r\nContent-Encoding: gzip",
	    "identity\r\nContent-Encoding: gzip" };
	struct intake_fixture *f = *state;
	char *large = batch_of(262145);
	size_t i;

	for (i = 0; i < HR_COUNT(codings); i++)
		assert_error(post_packed(f, codings[i], 0, BATCH,
		    strlen(BATCH)), "415 Unsupported Media Type",
		    "Accept-Encoding: gzip, deflate\r\n",
		    "Content-Encoding must be gzip, deflate or identity.");
	/* The coding comes before the size. */
	assert_int_equal(strncmp(post_packed(f, "br", 0, large, 262145),
	    "HTTP/1.1 415 ", 13), 0);
	free(large);
}

static void
intake_counts_inflated_bytes(void **state)
{
	struct intake_fixture *f = *state;
	char *more = batch_of(262145);

	assert_error(post_packed(f, "gzip", 15 + 16, more, 262145),
	    "413 Content Too Large", "",
	    "The request body is too large once inflated.");
	free(more);
}

/* A gzip text with a long name in its header: larger than what it holds. */
static void
pack_with_name(struct buf *out, const char *text, size_t len, size_t name)
{
	struct buf packed = BUF_INIT;

	pack(&packed, 15 + 16, text, len);
	packed.p[3] = 8;		/* the flag that there is a name */
	buf_put(out, packed.p, 10);
	while (name-- > 0)
		buf_putc(out, 'n');
	buf_putc(out, '\0');
	buf_put(out, packed.p + 10, packed.len - 10);
	buf_free(&packed);
}

static void
intake_counts_no_other_bytes_of_a_compressed_body(void **state)
{
	struct intake_fixture *f = *state;
	struct buf body = BUF_INIT;
	char *text = batch_of(1024);
	int fd;

	intake_configure(f, "[ingest]\nmax_request_bytes = 1k\n"
	    ACCEPT_CONFIG);
	pack_with_name(&body, text, 1024, 1500);
	fd = intake_send(f, "POST /v2/events", AUTH_SHOP
	    "Content-Encoding: gzip\r\n", body.p, body.len);

	assert_string_equal(intake_answer(f, fd), ACCEPTED);
	buf_free(&body);
	free(text);
}

static void
intake_refuses_what_cannot_be_inflated(void **state)
{
	struct intake_fixture *f = *state;

	assert_error(post_packed(f, "gzip", 0, BATCH, strlen(BATCH)),
	    "400 Bad Request", "", "The body cannot be inflated: incorrect "
	    "header check.");
	assert_error(post_packed(f, "gzip", 0, "", 0), "400 Bad Request", "",
	    "The body cannot be inflated: the compressed data ends too "
	    "early.");
}

static void
intake_takes_chunked_bodies_and_a_byte_order_mark(void **state)
{
	struct intake_fixture *f = *state;

	assert_string_equal(intake_ask(f, "POST /v2/events", AUTH_SHOP
	    "Transfer-Encoding: chunked\r\n", "5\r\n\xef\xbb\xbf{}\r\n"
	    "1\r\n\n\r\n0\r\n\r\n"), ACCEPTED);
	assert_int_equal(batches(f), 1);
}

/* Nobody looks at these. */
static void
intake_ignores_content_type_and_strange_headers(void **state)
{
	struct intake_fixture *f = *state;

	assert_string_equal(intake_ask(f, "POST /v2/events", AUTH_SHOP
	    "Content-Type: text/plain; charset=latin1\r\n"
	    "SFDC_STACK_DEPTH: 1\r\nAccept: text/html, image/gif, *; q=.2\r\n"
	    "User-Agent: SFDC-Callout/58.0\r\n", BATCH), ACCEPTED);
}

/* Each request has one fault more than the one before. */
static void
intake_checks_in_its_order(void **state)
{
	static const struct {
		const char *line, *headers, *status;
	} cases[] = {
		{ "POST /v2/events", AUTH_SHOP, "400" },
		{ "POST /v2/events", AUTH_SHOP "Content-Encoding: br\r\n",
		    "415" },
		{ "POST /v2/events", AUTH_FEED "Content-Encoding: br\r\n",
		    "429" },
		{ "POST /v2/events", AUTH_NOBODY "Content-Encoding: br\r\n",
		    "403" },
		{ "POST /v2/events", "Content-Encoding: br\r\n", "401" },
		{ "PUT /v2/events", "Content-Encoding: br\r\n", "405" },
		{ "PUT /v3/events", "Content-Encoding: br\r\n", "404" },
	};
	struct intake_fixture *f = *state;
	char *huge = batch_of(1200000);
	size_t i;

	intake_configure(f, ACCEPT_CONFIG "rate_limit = 1\n");
	intake_ask(f, "POST /v2/events", AUTH_FEED, BATCH);
	for (i = 0; i < HR_COUNT(cases); i++) {
		const char *answer = intake_ask(f, cases[i].line,
		    cases[i].headers, "{");

		if (strncmp(answer + 9, cases[i].status, 3) != 0)
			fail_msg("not %s: %s", cases[i].status, answer);
		/* What the head decides does not wait for a huge body. */
		if (i < 2)
			continue;
		answer = intake_answer(f, intake_send(f, cases[i].line,
		    cases[i].headers, huge, 1200000));
		if (strncmp(answer + 9, cases[i].status, 3) != 0)
			fail_msg("not %s: %s", cases[i].status, answer);
	}
	free(huge);
}

#define TEST(t)	INTAKE_TEST(t)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(intake_accepts_a_batch_and_it_is_on_disk),
	    TEST(intake_takes_every_spelling_of_its_paths),
	    TEST(intake_knows_no_other_path),
	    TEST(intake_takes_post_only),
	    TEST(intake_asks_for_credentials),
	    TEST(intake_takes_credentials_as_senders_write_them),
	    TEST(intake_tells_inputs_by_their_key),
	    TEST(intake_secrets_may_hold_colons),
	    TEST(intake_judges_a_head_anew_after_a_reload),
	    TEST(intake_refuses_wrong_credentials),
	    TEST(intake_refuses_what_is_malformed),
	    TEST(intake_tells_the_refused_batches_of_a_bulk_request),
	    TEST(intake_takes_at_most_a_hundred_batches),
	    TEST(intake_takes_bodies_up_to_their_limit),
	    TEST(intake_inflates_bodies),
	    TEST(intake_does_not_take_other_codings),
	    TEST(intake_counts_inflated_bytes),
	    TEST(intake_counts_no_other_bytes_of_a_compressed_body),
	    TEST(intake_refuses_what_cannot_be_inflated),
	    TEST(intake_takes_chunked_bodies_and_a_byte_order_mark),
	    TEST(intake_ignores_content_type_and_strange_headers),
	    TEST(intake_checks_in_its_order),
	};

	signal(SIGPIPE, SIG_IGN);
	log_open("test_intake", LOG_ERROR, LOG_LOGFMT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
