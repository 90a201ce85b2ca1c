/*
 * admin_page.c - GET /: the operator's page
 *
 * Knows what the browser is told beside the page, which was built from src/ui:
 * that nothing may run or be asked for but what is in it, and this agent.
 * Knows nothing of what the page shows; it is a client of the API like any
 * other, and holds no secret, so that it needs no token.
 */
#include <string.h>

#include "admin_private.h"
#include "hash.h"
#include "log.h"

/*
 * What lies between two tags, as a source of the policy: 'sha256-...'.  A
 * page without them was built wrong.
 */
static void
put_source(struct buf *out, const char *page, const char *open,
    const char *close)
{
	const char *from = strstr(page, open), *to;
	uint8_t digest[32];

	to = from != NULL ? strstr(from, close) : NULL;
	if (to == NULL)
		bug("admin: the page has no %s", open);
	from += strlen(open);
	hash_sha256(from, (size_t)(to - from), digest);
	buf_puts(out, "'sha256-");
	hash_base64(digest, sizeof(digest), out);
	buf_puts(out, "'");
}

void
admin_page_headers(const char *page, const char *tag, struct buf *out)
{
	buf_puts(out, "Content-Security-Policy: default-src 'none'; "
	    "script-src ");
	put_source(out, page, "<script type=\"module\">", "</script>");
	buf_puts(out, "; style-src ");
	put_source(out, page, "<style>", "</style>");
	/* The icon is a data URI.  Trusted types: no text ever becomes
	 * markup, whatever the script does. */
	buf_puts(out, "; img-src data:; connect-src 'self'; base-uri 'none'; "
	    "form-action 'none'; frame-ancestors 'none'; "
	    "require-trusted-types-for 'script'; trusted-types 'none'\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "X-Frame-Options: DENY\r\n"
	    "Referrer-Policy: no-referrer\r\n"
	    "Cross-Origin-Opener-Policy: same-origin\r\n"
	    "Cross-Origin-Resource-Policy: same-origin\r\n"
	    /* Kept, but asked for each time: an upgrade shows at once. */
	    "Cache-Control: no-cache\r\n");
	buf_printf(out, "ETag: %s\r\n", tag);
}

void
admin_page_init(struct admin *a)
{
	struct buf headers = BUF_INIT;
	uint8_t digest[32];
	char hex[2 * sizeof(digest) + 1];

	hash_sha256(admin_page_html, admin_page_html_len, digest);
	a->page_tag = xasprintf("\"%s\"", hash_hex(digest, sizeof(digest),
	    hex));
	admin_page_headers(admin_page_html, a->page_tag, &headers);
	a->page_headers = xstrdup(buf_str(&headers));
	buf_free(&headers);
}

/* Does the browser have this very page? */
static bool
is_known(const struct admin_call *call)
{
	const char *tags = http_header(call->request, "If-None-Match");

	/* Our tag is quoted hex, so it is in a list where it is found. */
	return tags != NULL && (strcmp(tags, "*") == 0 ||
	    strstr(tags, call->admin->page_tag) != NULL);
}

void
admin_get_page(struct admin_call *call)
{
	struct http_answer a = { .status = 304,
	    .headers = call->admin->page_headers };

	if (!is_known(call)) {
		a.status = 200;
		a.content_type = "text/html; charset=utf-8";
		a.body = admin_page_html;
		a.body_len = admin_page_html_len;
	}
	http_reply(call->request, &a);
}
