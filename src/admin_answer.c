/*
 * admin_answer.c - how answers look: JSON, problems, plain text
 *
 * Knows headers and the members that JSON values are made of.  Numbers and
 * stored texts are put in as they are, never by way of a double.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_private.h"
#include "head.h"
#include "log.h"

/* No answer is for a cache, or to be taken for something else. */
#define HEADERS	"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"

#define NAME_TOLD	40	/* characters of a name that is not known */

static void
answer(struct admin_call *call, int status, const char *content_type,
    const char *headers, const char *text, size_t len, bool held)
{
	char *all = xasprintf("%s%s", HEADERS, headers != NULL ? headers : "");
	struct http_answer a = { .status = status, .headers = all,
	    .content_type = content_type, .body = text, .body_len = len };

	if (held)
		http_hold(call->request, &a);
	else
		http_reply(call->request, &a);
	free(all);
}

static void
answer_json(struct admin_call *call, int status, const char *headers,
    cJSON *value, bool held)
{
	char *text = cJSON_PrintUnformatted(value);

	if (text == NULL)
		fatal(EXIT_INTERNAL, "admin: no memory for an answer");
	answer(call, status, "application/json", headers, text, strlen(text),
	    held);
	cJSON_free(text);
	cJSON_Delete(value);
}

void
admin_json(struct admin_call *call, int status, cJSON *value)
{
	answer_json(call, status, NULL, value, false);
}

void
admin_json_held(struct admin_call *call, int status, cJSON *value)
{
	answer_json(call, status, NULL, value, true);
}

void
admin_json_held_with(struct admin_call *call, int status,
    const char *headers, cJSON *value)
{
	answer_json(call, status, headers, value, true);
}

void
admin_text(struct admin_call *call, const char *content_type,
    const char *text, size_t len)
{
	answer(call, 200, content_type, NULL, text, len, false);
}

/* The members of a problem, in an object that is left open. */
static void
put_problem(struct buf *out, int status, const char *code, const char *detail)
{
	buf_puts(out, "{\"type\":\"about:blank\",\"title\":");
	json_put_text(out, head_reason(status));
	buf_printf(out, ",\"status\":%d,\"detail\":", status);
	json_put_text(out, detail);
	buf_puts(out, ",\"code\":");
	json_put_text(out, code);
}

static void
answer_problem(struct admin_call *call, int status, const char *headers,
    struct buf *body)
{
	buf_putc(body, '}');
	answer(call, status, "application/problem+json", headers, body->p,
	    body->len, false);
	buf_free(body);
}

void
admin_problem(struct admin_call *call, int status, const char *code,
    const char *headers, const char *fmt, ...)
{
	struct buf body = BUF_INIT, detail = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&detail, fmt, ap);
	va_end(ap);
	put_problem(&body, status, code, buf_str(&detail));
	answer_problem(call, status, headers, &body);
	buf_free(&detail);
}

void
admin_problem_with(struct admin_call *call, int status, const char *code,
    const char *name, cJSON *value, const char *fmt, ...)
{
	struct buf body = BUF_INIT, detail = BUF_INIT;
	char *text = cJSON_PrintUnformatted(value);
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&detail, fmt, ap);
	va_end(ap);
	put_problem(&body, status, code, buf_str(&detail));
	buf_printf(&body, ",\"%s\":%s", name, text);
	answer_problem(call, status, NULL, &body);
	buf_free(&detail);
	cJSON_free(text);
	cJSON_Delete(value);
}

const char *
admin_unknown(struct admin_call *call, const char *holder, const char *name)
{
	/* Names that are known are made of these.  What else may come, bytes
	 * that are no UTF-8 among it, is not repeated. */
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	size_t len = strlen(name);

	if (len > 0 && len <= NAME_TOLD && strspn(name, letters) == len)
		why_set(&call->wrong, "%s has \"%s\", which is not known here",
		    holder, name);
	else
		why_set(&call->wrong, "%s has a name that is not known here",
		    holder);
	return call->wrong.text;
}

void
admin_cannot_read(struct admin_call *call)
{
	admin_problem(call, 503, "cannot_read", "Retry-After: 1\r\n",
	    "The database cannot be read: %s.",
	    inspect_error(call->admin->parts.inspect));
}

void
admin_not_stored(struct admin_call *call)
{
	admin_problem(call, 503, "unavailable", "Retry-After: 1\r\n",
	    "Nothing was changed: %s.",
	    queue_error(call->admin->parts.queue));
}

/* What http itself refuses, and answers of a turn that was not stored. */
void
admin_error_body(int status, const char *message, struct buf *body,
    const char **content_type)
{
	static const struct {
		int status;
		const char *code;
	} codes[] = {
		{ 400, "bad_request" }, { 408, "timeout" },
		{ 413, "too_large" }, { 431, "head_too_large" },
		{ 501, "not_implemented" }, { 503, "unavailable" },
		{ 505, "http_version" },
	};
	const char *code = "error";
	size_t i;

	for (i = 0; i < HR_COUNT(codes); i++)
		if (codes[i].status == status)
			code = codes[i].code;
	put_problem(body, status, code, message);
	buf_putc(body, '}');
	*content_type = "application/problem+json";
}

void
admin_put_text(cJSON *object, const char *name, const char *value)
{
	if (value != NULL)
		cJSON_AddStringToObject(object, name, value);
	else
		cJSON_AddNullToObject(object, name);
}

void
admin_put_int(cJSON *object, const char *name, int64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%lld", (long long)value);
	cJSON_AddRawToObject(object, name, digits);
}

void
admin_put_int_or_null(cJSON *object, const char *name, bool present,
    int64_t value)
{
	if (present)
		admin_put_int(object, name, value);
	else
		cJSON_AddNullToObject(object, name);
}

void
admin_put_at(cJSON *object, const char *name, int64_t wall)
{
	char at[CLOCK_TEXT];

	admin_put_text(object, name, wall != 0 ? clock_text(wall, at) : NULL);
}

void
admin_put_raw(cJSON *object, const char *name, const char *before,
    const char *json, size_t len, const char *after)
{
	struct buf all = BUF_INIT;

	if (json == NULL) {
		cJSON_AddNullToObject(object, name);
		return;
	}
	buf_puts(&all, before);
	buf_put(&all, json, len);
	buf_puts(&all, after);
	cJSON_AddRawToObject(object, name, buf_str(&all));
	buf_free(&all);
}
