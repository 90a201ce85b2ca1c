/*
 * test_head.c - request heads and chunked bodies
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "head.h"
#include "mem.h"

#define TEXT(s)	s, sizeof(s) - 1	/* with any NULs inside */

/* A head that was parsed, with the block it lies in. */
struct parsed {
	char		*block;
	struct head	 head;
	int		 status;
	struct why	 why;
};

static void
parse(struct parsed *p, const char *text, size_t len)
{
	p->block = xstrndup(text, len);
	p->why.text[0] = '\0';
	p->status = head_parse(&p->head, p->block, len, &p->why);
}

static void
head_length_waits_for_the_empty_line(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
	const size_t whole = sizeof(text) - 1 - 4;
	size_t n;
	(void)state;

	for (n = 0; n < whole; n++)
		assert_int_equal(head_length(text, n), 0);
	for (; n <= sizeof(text) - 1; n++)
		assert_int_equal(head_length(text, n), whole);
}

static void
head_length_counts_two_leading_empty_lines(void **state)
{
	(void)state;

	assert_int_equal(head_length(TEXT("\r\n")), 0);
	assert_int_equal(head_length(TEXT("\r\n\r\n")), 0);
	assert_int_equal(head_length(TEXT("\r\n\r\nGET\r\n\r\nx")), 11);
}

static void
head_length_ends_what_can_only_be_refused(void **state)
{
	(void)state;

	assert_int_equal(head_length(TEXT("\r\n\r\n\r\nGET /")), 6);
	assert_int_equal(head_length(TEXT("GET / HTTP/1.1\nHost: a\n\nx")),
	    24);
	assert_int_equal(head_length(TEXT("GET / HTTP/1.1\nHost: a\n\r\n")),
	    25);
}

static void
head_parse_reads_a_usual_request(void **state)
{
	struct parsed p;
	(void)state;

	parse(&p, TEXT("POST /v2/events?a=b HTTP/1.1\r\n"
	    "Host: agent.example:8443\r\n"
	    "SFDC_STACK_DEPTH: 1\r\n"
	    "Accept: text/html, *; q=.2, */*; q=.2\r\n"
	    "X-Empty:\r\n"
	    "X-Blanks: \t two words \t\r\n"
	    "content-length: 0012\r\n\r\n"));

	assert_int_equal(p.status, 0);
	assert_string_equal(p.head.method, "POST");
	assert_string_equal(p.head.target, "/v2/events?a=b");
	assert_int_equal(p.head.minor, 1);
	assert_int_equal(p.head.fields, 6);
	assert_string_equal(head_field(&p.head, "sfdc_stack_depth"), "1");
	assert_string_equal(head_field(&p.head, "X-EMPTY"), "");
	assert_string_equal(head_field(&p.head, "x-blanks"), "two words");
	assert_null(head_field(&p.head, "x-blank"));
	assert_true(p.head.has_length);
	assert_int_equal(p.head.length, 12);
	assert_false(p.head.chunked);
	assert_true(p.head.keep_alive);
	free(p.block);
}

static void
head_parse_counts_headers_of_one_name_and_finds_the_first(void **state)
{
	struct parsed p;
	(void)state;

	parse(&p, TEXT("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nb: 2\r\n"
	    "a: 3\r\n\r\n"));

	assert_int_equal(p.status, 0);
	assert_int_equal(head_field_count(&p.head, "A"), 2);
	assert_int_equal(head_field_count(&p.head, "c"), 0);
	assert_string_equal(head_field(&p.head, "a"), "1");
	free(p.block);
}

#define GET	"GET / HTTP/1.1\r\n"
#define HOST	"Host: a\r\n"

static const struct {
	const char	*what;
	const char	*text;
	size_t		 len;
	int		 status;
} refused[] = {
	{ "nothing", TEXT("\r\n\r\n\r\n"), 400 },
	{ "HTTP/0.9", TEXT("GET /\r\n\r\n"), 400 },
	{ "no target", TEXT("GET HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "two blanks", TEXT("GET  / HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "blank at the end", TEXT("GET / HTTP/1.1 \r\n" HOST "\r\n"), 400 },
	{ "blank at the start", TEXT(" GET / HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "tab", TEXT("GET\t/ HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "empty method", TEXT(" / HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "method", TEXT("G(T / HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "version", TEXT("GET / HTTP/1.\r\n" HOST "\r\n"), 400 },
	{ "version digits", TEXT("GET / HTTP/1.10\r\n" HOST "\r\n"), 400 },
	{ "version case", TEXT("GET / http/1.1\r\n" HOST "\r\n"), 400 },
	{ "HTTP/2.0", TEXT("PRI * HTTP/2.0\r\n\r\n"), 505 },
	{ "HTTP/0.9 named", TEXT("GET / HTTP/0.9\r\n" HOST "\r\n"), 505 },
	{ "authority-form", TEXT("CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n"),
	    400 },
	{ "no slash", TEXT("GET x HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "star", TEXT("GET * HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "scheme", TEXT("GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "fragment", TEXT("GET /#a HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "8-bit target", TEXT("GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "DEL in target", TEXT("GET /\x7f HTTP/1.1\r\n" HOST "\r\n"), 400 },
	{ "other authority", TEXT("GET http://b/ HTTP/1.1\r\n" HOST "\r\n"),
	    400 },
	{ "user in authority", TEXT("GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n"),
	    400 },
	{ "empty authority", TEXT("GET http:///x HTTP/1.0\r\n\r\n"), 400 },
	{ "no Host", TEXT(GET "\r\n"), 400 },
	{ "two Hosts", TEXT(GET HOST HOST "\r\n"), 400 },
	{ "two Hosts in 1.0", TEXT("GET / HTTP/1.0\r\n" HOST HOST "\r\n"),
	    400 },
	{ "empty Host", TEXT(GET "Host:\r\n\r\n"), 400 },
	{ "two Hosts in one", TEXT(GET "Host: a, b\r\n\r\n"), 400 },
	{ "path in Host", TEXT(GET "Host: a/b\r\n\r\n"), 400 },
	{ "user in Host", TEXT(GET "Host: u@a\r\n\r\n"), 400 },
	{ "port of Host", TEXT(GET "Host: a:8o\r\n\r\n"), 400 },
	{ "bracket of Host", TEXT(GET "Host: [::1\r\n\r\n"), 400 },
	{ "two lengths", TEXT(GET HOST "Content-Length: 5\r\n"
	    "Content-Length: 5\r\n\r\n"), 400 },
	{ "length list", TEXT(GET HOST "Content-Length: 5, 5\r\n\r\n"), 400 },
	{ "length sign", TEXT(GET HOST "Content-Length: +5\r\n\r\n"), 400 },
	{ "length minus", TEXT(GET HOST "Content-Length: -5\r\n\r\n"), 400 },
	{ "length hex", TEXT(GET HOST "Content-Length: 0x5\r\n\r\n"), 400 },
	{ "length empty", TEXT(GET HOST "Content-Length:\r\n\r\n"), 400 },
	{ "length inner blank", TEXT(GET HOST "Content-Length: 1 0\r\n\r\n"),
	    400 },
	{ "length over 64 bits", TEXT(GET HOST
	    "Content-Length: 18446744073709551616\r\n\r\n"), 400 },
	{ "length and coding", TEXT(GET HOST "Content-Length: 5\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n"), 400 },
	{ "coding and length", TEXT(GET HOST "Transfer-Encoding: chunked\r\n"
	    "Content-Length: 5\r\n\r\n"), 400 },
	{ "two codings", TEXT(GET HOST "Transfer-Encoding: chunked\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n"), 400 },
	{ "coding in 1.0", TEXT("GET / HTTP/1.0\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n"), 400 },
	{ "xchunked", TEXT(GET HOST "Transfer-Encoding: xchunked\r\n\r\n"),
	    501 },
	{ "identity", TEXT(GET HOST "Transfer-Encoding: identity\r\n\r\n"),
	    501 },
	{ "gzip, chunked", TEXT(GET HOST
	    "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501 },
	{ "empty coding", TEXT(GET HOST "Transfer-Encoding:\r\n\r\n"), 501 },
	{ "blank before colon", TEXT(GET "Host : a\r\n\r\n"), 400 },
	{ "tab before colon", TEXT(GET HOST "A\t: b\r\n\r\n"), 400 },
	{ "empty name", TEXT(GET HOST ": b\r\n\r\n"), 400 },
	{ "no colon", TEXT(GET HOST "Abc\r\n\r\n"), 400 },
	{ "8-bit name", TEXT(GET HOST "\xc3\xa4: b\r\n\r\n"), 400 },
	{ "bracket in name", TEXT(GET HOST "a[b: c\r\n\r\n"), 400 },
	{ "folded", TEXT(GET HOST "A: b\r\n c\r\n\r\n"), 400 },
	{ "folded by tab", TEXT(GET HOST "A: b\r\n\tc: d\r\n\r\n"), 400 },
	{ "folded first", TEXT(GET " " HOST "\r\n"), 400 },
	{ "bare CR", TEXT(GET HOST "A: b\rC: d\r\n\r\n"), 400 },
	{ "CR CR LF", TEXT(GET HOST "A: b\r\r\n\r\n"), 400 },
	{ "bare CR in the first line", TEXT("GET / HTTP/1.1\r" HOST "\r\n\r\n"),
	    400 },
	{ "LF alone", TEXT("GET / HTTP/1.1\nHost: a\n\n"), 400 },
	{ "one LF alone", TEXT(GET "Host: a\n\r\n"), 400 },
	{ "LF alone at the end", TEXT(GET HOST "\n"), 400 },
	{ "LF alone at the start", TEXT("\n" GET HOST "\r\n"), 400 },
	{ "NUL in a value", TEXT(GET HOST "A: b\0c\r\n\r\n"), 400 },
	{ "NUL in a name", TEXT(GET HOST "A\0: b\r\n\r\n"), 400 },
	{ "NUL in the first line", TEXT("GET /\0 HTTP/1.1\r\n" HOST "\r\n"),
	    400 },
	{ "NUL first in a line", TEXT(GET HOST "\0\r\n\r\n"), 400 },
	{ "control in a value", TEXT(GET HOST "A: b\x01\r\n\r\n"), 400 },
	{ "DEL in a value", TEXT(GET HOST "A: b\x7f\r\n\r\n"), 400 },
	{ "not whole", TEXT(GET HOST), 400 },
	{ "empty", TEXT(""), 400 }
};

static void
head_parse_refuses_what_may_be_read_in_two_ways(void **state)
{
	struct parsed p;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(refused); i++) {
		parse(&p, refused[i].text, refused[i].len);
		if (p.status != refused[i].status)
			fail_msg("%s: %d, not %d", refused[i].what, p.status,
			    refused[i].status);
		if (p.why.text[0] == '\0')
			fail_msg("%s: no reason", refused[i].what);
		free(p.block);
	}
}

static const struct {
	const char	*text;
	const char	*target;
	bool		 chunked;
	bool		 keep_alive;
	bool		 expect;
} accepted[] = {
	{ GET HOST "\r\n", "/", false, true, false },
	{ "\r\n\r\n" GET HOST "\r\n", "/", false, true, false },
	{ "GET / HTTP/1.7\r\n" HOST "\r\n", "/", false, true, false },
	{ "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "*", false, true, false },
	{ "GET http://a/b?c HTTP/1.1\r\n" HOST "\r\n", "/b?c", false, true,
	    false },
	{ "GET HTTPS://A:81/b HTTP/1.1\r\nHost: a:81\r\n\r\n", "/b", false,
	    true, false },
	{ "GET http://a HTTP/1.1\r\n" HOST "\r\n", "/", false, true, false },
	{ "GET http://a?b HTTP/1.1\r\n" HOST "\r\n", "/?b", false, true,
	    false },
	{ "GET //a//b HTTP/1.1\r\n" HOST "\r\n", "//a//b", false, true, false },
	{ GET "Host: [::1]:80\r\n\r\n", "/", false, true, false },
	{ GET "Host: my_host.example\r\n\r\n", "/", false, true, false },
	{ GET HOST "A: \xc3\xa4\r\n\r\n", "/", false, true, false },
	{ GET HOST "Transfer-Encoding: Chunked\r\n\r\n", "/", true, true,
	    false },
	{ GET HOST "Connection: close\r\n\r\n", "/", false, false, false },
	{ GET HOST "Connection: TE, Close\r\n\r\n", "/", false, false, false },
	{ GET HOST "Connection: keep-alive\r\nConnection: close\r\n\r\n", "/",
	    false, false, false },
	{ GET HOST "Connection: closed\r\n\r\n", "/", false, true, false },
	{ GET HOST "Expect: 100-Continue\r\n\r\n", "/", false, true, true },
	{ "GET / HTTP/1.0\r\n\r\n", "/", false, false, false },
	{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "/", false, true,
	    false },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "/",
	    false, false, false },
	{ "GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", "/", false, false,
	    false }
};

static void
head_parse_accepts_what_can_only_be_read_in_one_way(void **state)
{
	struct parsed p;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(accepted); i++) {
		parse(&p, accepted[i].text, strlen(accepted[i].text));
		if (p.status != 0)
			fail_msg("%s: %d %s", accepted[i].text, p.status,
			    p.why.text);
		assert_string_equal(p.head.target, accepted[i].target);
		if (p.head.chunked != accepted[i].chunked ||
		    p.head.keep_alive != accepted[i].keep_alive ||
		    p.head.expect_continue != accepted[i].expect)
			fail_msg("%s: chunked=%d keep_alive=%d expect=%d",
			    accepted[i].text, p.head.chunked,
			    p.head.keep_alive, p.head.expect_continue);
		free(p.block);
	}
}

static void
head_parse_takes_100_headers_and_not_one_more(void **state)
{
	struct buf text = BUF_INIT;
	struct parsed p;
	int i;
	(void)state;

	buf_puts(&text, GET HOST);
	for (i = 1; i < HEAD_MAX_FIELDS; i++)
		buf_printf(&text, "X-%d: %d\r\n", i, i);
	buf_puts(&text, "\r\n");
	parse(&p, text.p, text.len);
	assert_int_equal(p.status, 0);
	assert_int_equal(p.head.fields, HEAD_MAX_FIELDS);
	assert_string_equal(head_field(&p.head, "x-99"), "99");
	free(p.block);

	buf_cut(&text, text.len - 2);
	buf_puts(&text, "One: more\r\n\r\n");
	parse(&p, text.p, text.len);
	assert_int_equal(p.status, 431);
	free(p.block);
	buf_free(&text);
}

static void
head_parse_takes_16384_bytes_and_not_one_more(void **state)
{
	struct buf text = BUF_INIT;
	struct parsed p;
	int extra;
	(void)state;

	for (extra = 0; extra < 2; extra++) {
		buf_reset(&text);
		buf_puts(&text, GET HOST "A: ");
		while (text.len < HEAD_MAX_BYTES - 4 + (size_t)extra)
			buf_putc(&text, 'b');
		buf_puts(&text, "\r\n\r\n");
		parse(&p, text.p, text.len);
		assert_int_equal(p.status, extra == 0 ? 0 : 431);
		free(p.block);
	}
	buf_free(&text);
}

static const struct {
	const char	*text;
	int		 rc;
	const char	*body;
	size_t		 rest;		/* bytes behind the body */
} chunked[] = {
	{ "0\r\n\r\n", 1, "", 0 },
	{ "5\r\nhello\r\n0\r\n\r\n", 1, "hello", 0 },
	{ "5\r\nhello\r\n1\r\n!\r\n000\r\n\r\nGET", 1, "hello!", 3 },
	{ "A\r\n0123456789\r\n0\r\n\r\n", 1, "0123456789", 0 },
	{ "a\r\n0123456789\r\n0\r\n\r\n", 1, "0123456789", 0 },
	{ "0000000000000002\r\nab\r\n0\r\n\r\n", 1, "ab", 0 },
	{ "2;a=b;c=\"d e\"\r\nab\r\n0;x\r\n\r\n", 1, "ab", 0 },
	{ "2\r\nab\r\n0\r\nA: b\r\nC:\r\n\r\nx", 1, "ab", 1 },
	{ "2\r\n\r\n\r\n0\r\n\r\n", 1, "\r\n", 0 },
	{ "2\r\nab", 0, "ab", 0 },
	{ "2\r\nab\r\n0\r\n", 0, "ab", 0 },
	{ "\r\n", -1, "", 0 },
	{ "x\r\n", -1, "", 0 },
	{ "-1\r\n", -1, "", 0 },
	{ "+1\r\na", -1, "", 0 },
	{ "0x1\r\na", -1, "", 0 },
	{ " 1\r\na", -1, "", 0 },
	{ "1 \r\na", -1, "", 0 },
	{ "1 ;a\r\na", -1, "", 0 },
	{ ";a\r\n", -1, "", 0 },
	{ "00000000000000001\r\na", -1, "", 0 },
	{ "1\na\r\n0\r\n\r\n", -1, "", 0 },
	{ "1\r\na\n0\r\n\r\n", -1, "a", 0 },
	{ "1\r\nab\r\n0\r\n\r\n", -1, "a", 0 },
	{ "1\rxa", -1, "", 0 },
	{ "1;a\nb\r\na", -1, "", 0 },
	{ "1;\x01\r\na", -1, "", 0 },
	{ "0\n\r\n", -1, "", 0 },
	{ "0\r\n\n", -1, "", 0 },
	{ "0\r\n\rx", -1, "", 0 },
	{ "0\r\nA\r\n\r\n", -1, "", 0 },
	{ "0\r\n: a\r\n\r\n", -1, "", 0 },
	{ "0\r\nA : b\r\n\r\n", -1, "", 0 },
	{ "0\r\nA: b\r\n c\r\n\r\n", -1, "", 0 },
	{ "0\r\nA: b\nC: d\r\n\r\n", -1, "", 0 }
};

static void
head_chunk_feed_decodes_or_refuses_however_it_is_cut(void **state)
{
	size_t i, cut, len, used, at;
	(void)state;

	for (i = 0; i < HR_COUNT(chunked); i++) {
		len = strlen(chunked[i].text);
		for (cut = 0; cut <= len; cut++) {
			struct head_chunked k = { 0 };
			struct buf out = { .max = 100 };
			int rc;

			rc = head_chunk_feed(&k, chunked[i].text, cut, &out,
			    &used);
			at = used;
			if (rc == 0) {
				rc = head_chunk_feed(&k, chunked[i].text + at,
				    len - at, &out, &used);
				at += used;
			}
			if (rc != chunked[i].rc)
				fail_msg("%s cut at %zu: %d",
				    chunked[i].text, cut, rc);
			assert_string_equal(buf_str(&out), chunked[i].body);
			if (rc == 1)
				assert_int_equal(len - at, chunked[i].rest);
			assert_false(out.over);
			buf_free(&out);
		}
	}
}

static void
head_chunk_feed_stops_at_the_maximum(void **state)
{
	static const struct { const char *text; int rc; } cases[] = {
		{ "4\r\nabcd\r\n0\r\n\r\n", 1 },
		{ "5\r\n", -1 },
		{ "4\r\nabcd\r\n1\r\n", -1 },
		{ "ffffffffffffffff\r\n", -1 }
	};
	size_t i, used;
	(void)state;

	for (i = 0; i < HR_COUNT(cases); i++) {
		struct head_chunked k = { 0 };
		struct buf out = { .max = 4 };

		assert_int_equal(head_chunk_feed(&k, cases[i].text,
		    strlen(cases[i].text), &out, &used), cases[i].rc);
		assert_int_equal(out.over, cases[i].rc == -1);
		buf_free(&out);
	}
}

static void
head_chunk_feed_bounds_extensions_and_trailers_together(void **state)
{
	struct head_chunked k = { 0 };
	struct buf out = BUF_INIT;
	size_t used, fed;
	int rc = 0;
	(void)state;

	for (fed = 0; rc == 0 && fed < 10 * (size_t)HEAD_MAX_BYTES; fed += 100)
		rc = head_chunk_feed(&k, TEXT("1;"
		    "0123456789012345678901234567890123456789"
		    "0123456789012345678901234567890123456789"
		    "01234567890123\r\na\r\n"), &out, &used);

	assert_int_equal(rc, -1);
	assert_false(out.over);
	assert_in_range(fed, HEAD_MAX_BYTES, HEAD_MAX_BYTES * 2);
	buf_free(&out);
}

static void
head_reason_names_every_status_in_use(void **state)
{
	(void)state;

	assert_string_equal(head_reason(202), "Accepted");
	assert_string_equal(head_reason(431),
	    "Request Header Fields Too Large");
	assert_string_equal(head_reason(299), "Unknown");
}

/* The file as a text (free(3)); NULL: not there. */
static char *
read_shared(const char *name)
{
	const char *dir = getenv("HEAPRELAY_SHARED");
	struct buf b = BUF_INIT;
	char path[4096], block[4096];
	size_t n;
	FILE *f;

	if (dir == NULL)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((f = fopen(path, "r")) == NULL)
		return NULL;
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_put(&b, block, n);
	fclose(f);
	return buf_steal(&b);
}

static void
head_parse_reads_the_heads_of_real_clients(void **state)
{
	char *text = read_shared(
	    "samples/mparticle/client-request-heads.captured.json");
	cJSON *clients, *client, *pair;
	struct buf head = BUF_INIT;
	struct parsed p;
	(void)state;

	if (text == NULL)
		skip();
	clients = cJSON_Parse(text);
	assert_true(cJSON_GetArraySize(clients) > 0);
	cJSON_ArrayForEach(client, clients) {
		buf_reset(&head);
		buf_printf(&head, "%s\r\n", cJSON_GetStringValue(
		    cJSON_GetObjectItem(client, "request_line")));
		cJSON_ArrayForEach(pair, cJSON_GetObjectItem(client, "headers"))
			buf_printf(&head, "%s: %s\r\n",
			    cJSON_GetStringValue(cJSON_GetArrayItem(pair, 0)),
			    cJSON_GetStringValue(cJSON_GetArrayItem(pair, 1)));
		buf_puts(&head, "\r\n");

		parse(&p, head.p, head.len);

		assert_int_equal(p.status, 0);
		assert_string_equal(p.head.method, "POST");
		assert_string_equal(p.head.target, "/v2/events");
		assert_true(p.head.has_length);
		assert_non_null(head_field(&p.head, "authorization"));
		free(p.block);
	}
	cJSON_Delete(clients);
	buf_free(&head);
	free(text);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(head_length_waits_for_the_empty_line),
		cmocka_unit_test(head_length_counts_two_leading_empty_lines),
		cmocka_unit_test(head_length_ends_what_can_only_be_refused),
		cmocka_unit_test(head_parse_reads_a_usual_request),
		cmocka_unit_test(
		    head_parse_counts_headers_of_one_name_and_finds_the_first),
		cmocka_unit_test(
		    head_parse_refuses_what_may_be_read_in_two_ways),
		cmocka_unit_test(
		    head_parse_accepts_what_can_only_be_read_in_one_way),
		cmocka_unit_test(head_parse_takes_100_headers_and_not_one_more),
		cmocka_unit_test(head_parse_takes_16384_bytes_and_not_one_more),
		cmocka_unit_test(
		    head_chunk_feed_decodes_or_refuses_however_it_is_cut),
		cmocka_unit_test(head_chunk_feed_stops_at_the_maximum),
		cmocka_unit_test(
		    head_chunk_feed_bounds_extensions_and_trailers_together),
		cmocka_unit_test(head_reason_names_every_status_in_use),
		cmocka_unit_test(head_parse_reads_the_heads_of_real_clients)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
