/*
 * test_admin_page.c - the page, and what the browser is told beside it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin_fixture.h"
#include "admin_private.h"
#include "hash.h"

/* A request for the page as a browser makes it: without a token. */
static void
ask_page(struct bench *b, const char *method, const char *headers)
{
	char *text = xasprintf("%s / HTTP/1.1\r\nHost: localhost\r\n"
	    "Connection: close\r\n%s\r\n", method, headers);

	bench_send(b, text);
	free(text);
}

/* The value of a header of the answer; given. */
static char *
header(struct bench *b, const char *name)
{
	char *line = xasprintf("\r\n%s: ", name);
	const char *found = strstr(b->answer.p, line);

	if (found == NULL || found >= b->body)
		fail_msg("no %s in: %s", name, b->answer.p);
	found += strlen(line);
	free(line);
	return xstrndup(found, strcspn(found, "\r"));
}

static size_t
occurrences(const char *text, const char *word)
{
	size_t n = 0;

	while ((text = strstr(text, word)) != NULL) {
		text += strlen(word);
		n++;
	}
	return n;
}

/* What the policy must say of what stands between the tags; given. */
static char *
source_of(const char *page, const char *open, const char *close)
{
	const char *from = strstr(page, open) + strlen(open);
	struct buf text = BUF_INIT;
	uint8_t digest[32];
	char *source;

	hash_sha256(from, (size_t)(strstr(from, close) - from), digest);
	hash_base64(digest, sizeof(digest), &text);
	source = xasprintf("-src 'sha256-%s';", buf_str(&text));
	buf_free(&text);
	return source;
}

static void
admin_get_page_needs_no_token(void **state)
{
	struct bench *b = *state;

	ask_page(b, "GET", "");

	assert_int_equal(b->status, 200);
	assert_true(bench_header(b, "Content-Type: text/html; charset=utf-8"));
	assert_memory_equal(b->body, "<!DOCTYPE html>\n", 16);
	assert_string_equal(b->body + strlen(b->body) - 8, "</html>\n");
}

static void
admin_get_page_tells_the_browser_to_be_strict(void **state)
{
	static const char *const lines[] = {
		"X-Content-Type-Options: nosniff", "X-Frame-Options: DENY",
		"Referrer-Policy: no-referrer", "Cache-Control: no-cache",
		"Cross-Origin-Opener-Policy: same-origin",
		"Cross-Origin-Resource-Policy: same-origin",
	};
	static const char *const directives[] = {
		"default-src 'none'; ", "; img-src data:;",
		"; connect-src 'self';", "; base-uri 'none';",
		"; form-action 'none';", "; frame-ancestors 'none';",
		"; require-trusted-types-for 'script'; trusted-types 'none'",
	};
	struct bench *b = *state;
	char *policy;
	size_t i;

	ask_page(b, "GET", "");

	for (i = 0; i < HR_COUNT(lines); i++)
		if (!bench_header(b, lines[i]))
			fail_msg("no %s", lines[i]);
	policy = header(b, "Content-Security-Policy");
	for (i = 0; i < HR_COUNT(directives); i++)
		if (strstr(policy, directives[i]) == NULL)
			fail_msg("no %s in %s", directives[i], policy);
	assert_int_equal(occurrences(policy, "unsafe"), 0);
	assert_int_equal(occurrences(policy, "*"), 0);
	free(policy);
}

static void
admin_get_page_has_a_policy_for_the_bytes_it_sends(void **state)
{
	struct bench *b = *state;
	char *policy, *script, *style;

	ask_page(b, "GET", "");
	policy = header(b, "Content-Security-Policy");
	script = source_of(b->body, "<script type=\"module\">", "</script>");
	style = source_of(b->body, "<style>", "</style>");

	assert_non_null(strstr(policy, script));
	assert_non_null(strstr(policy, style));
	assert_int_equal(occurrences(policy, "'sha256-"), 2);
	assert_int_equal(occurrences(b->body, "<script"), 1);
	assert_int_equal(occurrences(b->body, "<style"), 1);
	free(policy);
	free(script);
	free(style);
}

/* What the policy would refuse, and what would leave this host. */
static void
admin_get_page_asks_for_nothing_else(void **state)
{
	static const char *const words[] = {
		"https:", "@import", "url(", "<iframe", "innerHTML", "eval(",
		"document.write", " onclick=", " onload=", " style=\"",
		"localStorage", "include ",
	};
	struct bench *b = *state;
	size_t i;

	ask_page(b, "GET", "");

	for (i = 0; i < HR_COUNT(words); i++)
		if (strstr(b->body, words[i]) != NULL)
			fail_msg("the page has %s", words[i]);
	/* Both are names of a space, not addresses. */
	assert_int_equal(occurrences(b->body, "http:"), 2);
	assert_int_equal(occurrences(b->body, "http://www.w3.org/2000/svg"),
	    2);
}

static void
admin_get_page_answers_head_with_the_same_head(void **state)
{
	static const char *const same[] = {
		"Content-Security-Policy", "Content-Length", "Content-Type",
		"ETag", "Cache-Control",
	};
	struct bench *b = *state;
	char *of_get[HR_COUNT(same)], *of_head;
	size_t i;

	ask_page(b, "GET", "");
	for (i = 0; i < HR_COUNT(same); i++)
		of_get[i] = header(b, same[i]);
	ask_page(b, "HEAD", "");

	assert_int_equal(b->status, 200);
	assert_string_equal(b->body, "");
	for (i = 0; i < HR_COUNT(same); i++) {
		of_head = header(b, same[i]);
		assert_string_equal(of_head, of_get[i]);
		free(of_head);
		free(of_get[i]);
	}
}

static void
admin_get_page_is_sent_again_only_when_it_is_another(void **state)
{
	static const struct {
		const char *tags;	/* %s: ours */
		int status;
	} cases[] = {
		{ "%s", 304 },
		{ "W/%s", 304 },
		{ "\"other\", %s", 304 },
		{ "*", 304 },
		{ "\"other\"", 200 },
		{ "\"\"", 200 },
	};
	struct bench *b = *state;
	char *tag, *headers;
	size_t i;

	ask_page(b, "GET", "");
	tag = header(b, "ETag");
	assert_int_equal(strlen(tag), 66);	/* a digest in quotes */
	for (i = 0; i < HR_COUNT(cases); i++) {
		const char *at = strstr(cases[i].tags, "%s");

		headers = at == NULL ?
		    xasprintf("If-None-Match: %s\r\n", cases[i].tags) :
		    xasprintf("If-None-Match: %.*s%s\r\n",
		    (int)(at - cases[i].tags), cases[i].tags, tag);
		ask_page(b, "GET", headers);

		assert_int_equal(b->status, cases[i].status);
		assert_int_equal(b->body[0] == '\0', b->status == 304);
		free(headers);
	}
	free(tag);
}

static void
admin_get_page_is_checked_like_any_other_path(void **state)
{
	struct bench *b = *state;

	bench_send(b, "GET / HTTP/1.1\r\nHost: evil.example\r\n"
	    "Connection: close\r\n\r\n");
	assert_problem(b, 421, "wrong_host");
	bench_get(b, "/?token=1");
	assert_problem(b, 400, "bad_parameter");
	bench_post(b, "/", "");
	assert_problem(b, 405, "method_not_allowed");
	bench_get(b, "/index.html");
	assert_problem(b, 404, "not_found");
}

/* The digest of "abc" is FIPS 180's. */
static void
admin_page_headers_hash_what_is_between_the_tags(void **state)
{
	struct buf headers = BUF_INIT;

	(void)state;
	admin_page_headers("<p><style></style>"
	    "<script type=\"module\">abc</script>", "\"t\"", &headers);

	assert_non_null(strstr(buf_str(&headers), "; script-src 'sha256-"
	    "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='; "));
	assert_non_null(strstr(buf_str(&headers), "; style-src 'sha256-"
	    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; "));
	assert_non_null(strstr(buf_str(&headers), "\r\nETag: \"t\"\r\n"));
	buf_free(&headers);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ADMIN_TEST(admin_get_page_needs_no_token),
	    ADMIN_TEST(admin_get_page_tells_the_browser_to_be_strict),
	    ADMIN_TEST(admin_get_page_has_a_policy_for_the_bytes_it_sends),
	    ADMIN_TEST(admin_get_page_asks_for_nothing_else),
	    ADMIN_TEST(admin_get_page_answers_head_with_the_same_head),
	    ADMIN_TEST(admin_get_page_is_sent_again_only_when_it_is_another),
	    ADMIN_TEST(admin_get_page_is_checked_like_any_other_path),
	    cmocka_unit_test(admin_page_headers_hash_what_is_between_the_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
