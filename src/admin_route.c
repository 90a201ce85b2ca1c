/*
 * admin_route.c - the routes as a table, and what a target says
 *
 * Knows paths, methods and queries.  A new route is a line of the table, and
 * one of doc/openapi.yaml.
 */
#include <stdlib.h>
#include <string.h>

#include "admin_private.h"
#include "log.h"

#define PAGE		100	/* what a list has unless asked otherwise */
#define PAGE_MAX	500

#define FILTER	"output state reason status identity name input since until"

static const struct admin_entry entries[] = {
	{ "GET", "/", admin_get_page, ADMIN_ANY, "" },
	{ "GET", "/health/live", admin_get_live, ADMIN_ANY, "" },
	{ "GET", "/health/ready", admin_get_ready, ADMIN_ANY, "" },
	{ "GET", "/health/progress", admin_get_progress, ADMIN_ANY, "" },
	{ "GET", "/metrics", admin_get_metrics, ADMIN_READ, "" },
	{ "GET", "/v1/status", admin_get_status, ADMIN_READ, "" },
	{ "GET", "/v1/events", admin_get_events, ADMIN_READ,
	    FILTER " limit cursor" },
	{ "GET", "/v1/events/{id}", admin_get_event, ADMIN_READ, "" },
	{ "GET", "/v1/events/{id}/why", admin_get_why, ADMIN_READ, "" },
	{ "POST", "/v1/events/{id}/replay", admin_post_replay, ADMIN_FULL, "" },
	{ "POST", "/v1/events/{id}/discard", admin_post_discard, ADMIN_FULL,
	    "" },
	{ "GET", "/v1/live", admin_get_stream, ADMIN_READ,
	    "kind output state reason identity name input recent" },
	{ "GET", "/v1/forecast", admin_get_forecast, ADMIN_READ, "" },
	{ "GET", "/v1/identities", admin_get_identities, ADMIN_READ, "limit" },
	{ "GET", "/v1/identities/{identity}", admin_get_identity, ADMIN_READ,
	    "" },
	{ "DELETE", "/v1/identities/{identity}", admin_delete_identity,
	    ADMIN_FULL, "" },
	{ "POST", "/v1/replay", admin_post_replay_all, ADMIN_FULL, "" },
	{ "POST", "/v1/discard", admin_post_discard_all, ADMIN_FULL, "" },
	{ "GET", "/v1/jobs", admin_get_jobs, ADMIN_READ, "limit cursor" },
	{ "GET", "/v1/jobs/{id}", admin_get_job, ADMIN_READ, "" },
	{ "DELETE", "/v1/jobs/{id}", admin_delete_job, ADMIN_FULL, "" },
	{ "POST", "/v1/backup", admin_post_backup, ADMIN_FULL, "" },
	{ "GET", "/v1/verify", admin_get_verify, ADMIN_READ, "" },
	{ "GET", "/v1/requests", admin_get_requests, ADMIN_READ,
	    "limit cursor" },
	{ "GET", "/v1/outputs", admin_get_outputs, ADMIN_READ, "" },
	{ "GET", "/v1/outputs/{name}", admin_get_output, ADMIN_READ, "" },
	{ "POST", "/v1/outputs/{name}/pause", admin_post_pause, ADMIN_FULL,
	    "" },
	{ "POST", "/v1/outputs/{name}/resume", admin_post_resume, ADMIN_FULL,
	    "" },
	{ "POST", "/v1/outputs/{name}/probe", admin_post_probe, ADMIN_FULL,
	    "" },
	{ "GET", "/v1/config", admin_get_config, ADMIN_READ, "" },
	{ "POST", "/v1/reload", admin_post_reload, ADMIN_FULL, "" },
	{ "GET", "/v1/audit", admin_get_audit, ADMIN_READ, "limit cursor" },
	{ "POST", "/v1/map", admin_post_map, ADMIN_READ, "" },
};

bool
admin_route(size_t i, const char **method, const char **path)
{
	if (i >= HR_COUNT(entries))
		return false;
	*method = entries[i].method;
	*path = entries[i].path;
	return true;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Percent-decoding in place; `form`: a plus is a blank.  false: malformed, or
 * a NUL. */
static bool
decode(char *s, bool form)
{
	char *to = s;
	int high, low;

	for (; *s != '\0'; s++, to++) {
		*to = form && *s == '+' ? ' ' : *s;
		if (*s != '%')
			continue;
		high = hex_digit(s[1]);
		low = high == -1 ? -1 : hex_digit(s[2]);
		if (low == -1 || high + low == 0)
			return false;
		*to = (char)(high * 16 + low);
		s += 2;
	}
	*to = '\0';
	return true;
}

/* Does the path have the pattern's form?  *captured is where the segment that
 * stands for {...} begins. */
static bool
matches(const char *pattern, char *path, char **captured)
{
	*captured = NULL;
	for (; *pattern != '\0'; pattern++) {
		if (*pattern == '{') {
			*captured = path;
			path += strcspn(path, "/");
			if (path == *captured)
				return false;
			pattern += strcspn(pattern, "}");
		} else if (*path++ != *pattern) {
			return false;
		}
	}
	return *path == '\0';
}

/* An id is digits; what is none of ours is no event either. */
static bool
parse_id(const char *text, int64_t *id)
{
	return text[0] != '-' && json_int64(text, id) && *id > 0;
}

/* The captured segment; false: nothing can have that name. */
static bool
read_captured(struct admin_call *call, char *captured)
{
	if (captured == NULL)
		return true;
	captured[strcspn(captured, "/")] = '\0';
	if (!decode(captured, false))
		return false;
	call->name = captured;
	return strstr(call->entry->path, "{id}") == NULL ||
	    parse_id(captured, &call->id);
}

static bool
method_is(const struct admin_entry *e, const char *method)
{
	return strcmp(e->method, method) == 0 ||
	    (strcmp(method, "HEAD") == 0 && strcmp(e->method, "GET") == 0);
}

/* A copy of the target: its path, and its query behind a NUL. */
static char *
split_target(struct admin_call *call)
{
	char *path, *authority;

	call->target = xstrdup(http_target(call->request));
	path = call->target;
	authority = path[0] == '/' ? NULL : strstr(path, "://");
	if (authority != NULL)	/* absolute form */
		path = authority + 3 + strcspn(authority + 3, "/?");
	call->query = strchr(path, '?');
	if (call->query != NULL)
		*call->query++ = '\0';
	return path;
}

static void
no_such_thing(struct admin_call *call)
{
	admin_problem(call, 404, "not_found", NULL,
	    "There is nothing at this path.");
}

/* The path has routes, if not by this method: 405 with those it has. */
static void
refuse_method(struct admin_call *call, char *path)
{
	struct buf allow = BUF_INIT;
	const char *method;
	char *captured;
	size_t i, n = 0;

	for (i = 0; i < HR_COUNT(entries); i++) {
		if (!matches(entries[i].path, path, &captured))
			continue;
		method = entries[i].method;
		buf_puts(&allow, n++ == 0 ? "Allow: " : ", ");
		buf_puts(&allow, strcmp(method, "GET") == 0 ? "GET, HEAD" :
		    method);
	}
	buf_puts(&allow, "\r\n");
	admin_problem(call, 405, "method_not_allowed", buf_str(&allow),
	    "This path does not take %s.", http_method(call->request));
	buf_free(&allow);
}

bool
admin_find_route(struct admin_call *call)
{
	const char *method = http_method(call->request);
	char *path = split_target(call), *captured = NULL;
	bool path_known = false;
	size_t i;

	for (i = 0; i < HR_COUNT(entries) && call->entry == NULL; i++) {
		if (!matches(entries[i].path, path, &captured))
			continue;
		path_known = true;
		if (method_is(&entries[i], method))
			call->entry = &entries[i];
	}
	if (call->entry == NULL && path_known) {
		refuse_method(call, path);
		return false;
	}
	if (call->entry == NULL || !read_captured(call, captured)) {
		no_such_thing(call);
		return false;
	}
	call->write = strcmp(call->entry->method, "GET") != 0;
	return true;
}

const char *
admin_param(const struct admin_call *call, const char *name)
{
	size_t i;

	for (i = 0; i < call->params_n; i++)
		if (strcmp(call->param[i].name, name) == 0)
			return call->param[i].value;
	return NULL;
}

/* Is the name one of the words? */
static bool
allowed(const char *words, const char *name)
{
	size_t len = strlen(name), word;

	for (; *words != '\0'; words += word + (words[word] == ' ')) {
		word = strcspn(words, " ");
		if (word == len && strncmp(words, name, len) == 0)
			return true;
	}
	return false;
}

/* One name=value of the query; NULL, or what is wrong with it. */
static const char *
read_param(struct admin_call *call, char *text)
{
	char *value = strchr(text, '=');

	if (value == NULL)
		return "a parameter of it has no value";
	*value++ = '\0';
	if (!decode(text, true) || !decode(value, true))
		return "a parameter of it is not percent-encoded as it "
		    "should be";
	if (!allowed(call->entry->params, text))
		return admin_unknown(call, "it", text);
	if (admin_param(call, text) != NULL)
		return "a parameter of it is given twice";
	/* There is a place for each that is known and not given twice. */
	call->param[call->params_n].name = text;
	call->param[call->params_n].value = value;
	call->params_n++;
	return NULL;
}

bool
admin_read_query(struct admin_call *call)
{
	const char *known = call->entry->params, *wrong = NULL;
	char *text = call->query, *next;

	for (; text != NULL && wrong == NULL; text = next) {
		next = strchr(text, '&');
		if (next != NULL)
			*next++ = '\0';
		if (*text != '\0')
			wrong = read_param(call, text);
	}
	if (wrong != NULL)
		admin_problem(call, 400, "bad_parameter", NULL,
		    "The query cannot be used: %s; known here: %s.", wrong,
		    known[0] != '\0' ? known : "none");
	return wrong == NULL;
}

bool
admin_page(struct admin_call *call, struct inspect_page *page)
{
	const char *limit = admin_param(call, "limit");
	const char *cursor = admin_param(call, "cursor");
	int64_t n = PAGE;

	page->before = INT64_MAX;
	page->next = 0;
	if (limit != NULL &&
	    (!json_int64(limit, &n) || n < 1 || n > PAGE_MAX)) {
		admin_problem(call, 400, "bad_parameter", NULL,
		    "limit is a number from 1 to %d.", PAGE_MAX);
		return false;
	}
	page->limit = (size_t)n;
	if (cursor != NULL && !parse_id(cursor, &page->before)) {
		admin_problem(call, 400, "bad_parameter", NULL,
		    "cursor is not one that a list gave.");
		return false;
	}
	return true;
}

/* A span such as 90s in ms; false: it is none. */
static bool
parse_span(const char *text, int64_t *ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 },
		{ "h", 3600000 }, { "d", 86400000 },
	};
	char digits[12];
	size_t n = strspn(text, "0123456789"), i;

	if (n == 0 || n >= sizeof(digits))
		return false;
	for (i = 0; i < HR_COUNT(units); i++)
		if (strcmp(text + n, units[i].unit) == 0)
			break;
	if (i == HR_COUNT(units))
		return false;
	memcpy(digits, text, n);
	digits[n] = '\0';
	return !__builtin_mul_overflow(strtoll(digits, NULL, 10), units[i].ms,
	    ms);
}

bool
admin_instant(const char *text, int64_t now, int64_t *at)
{
	char copy[64];
	size_t len = strlen(text);
	int64_t ms;

	if (text[0] == '-') {
		if (!parse_span(text + 1, &ms))
			return false;
		*at = now - ms;
		return true;
	}
	if (len < 6 || len >= sizeof(copy))
		return false;
	/* A plus that nobody encoded arrived as a blank. */
	memcpy(copy, text, len + 1);
	if (copy[len - 6] == ' ')
		copy[len - 6] = '+';
	return clock_parse(copy, at);
}
