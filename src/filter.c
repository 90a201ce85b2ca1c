/*
 * filter.c - which events are meant
 *
 * Knows the names of a filter's members in JSON, and nothing of what is
 * stored.
 */
#include <string.h>

#include "clock.h"
#include "filter.h"

static void
put_name(struct buf *out, const char *name)
{
	buf_printf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
}

static void
put_text(struct buf *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	put_name(out, name);
	json_put_text(out, value);
}

static void
put_at(struct buf *out, const char *name, int64_t at)
{
	char text[CLOCK_TEXT];

	if (at != INT64_MIN && at != INT64_MAX)
		put_text(out, name, clock_text(at, text));
}

void
filter_put(struct buf *out, const struct filter *f)
{
	struct buf members = BUF_INIT;

	buf_putc(&members, '{');
	put_text(&members, "output", f->output);
	put_text(&members, "state", f->state);
	put_text(&members, "reason", f->reason);
	if (f->has_status) {
		put_name(&members, "status");
		buf_printf(&members, "%lld", (long long)f->status);
	}
	put_text(&members, "identity", f->identity);
	put_text(&members, "name", f->name);
	put_text(&members, "input", f->input);
	put_at(&members, "since", f->since);
	put_at(&members, "until", f->until);
	buf_putc(&members, '}');
	buf_puts(out, buf_str(&members));
	buf_free(&members);
}

/* Where a member with a text belongs; NULL: nowhere. */
static const char **
text_of(struct filter *f, const char *name)
{
	const struct {
		const char *name;
		const char **text;
	} texts[] = {
		{ "output", &f->output }, { "state", &f->state },
		{ "reason", &f->reason }, { "identity", &f->identity },
		{ "name", &f->name }, { "input", &f->input },
	};
	size_t i;

	for (i = 0; i < HR_COUNT(texts); i++)
		if (strcmp(texts[i].name, name) == 0)
			return texts[i].text;
	return NULL;
}

static bool
read_member(struct filter *f, const cJSON *member)
{
	const char **text = text_of(f, member->string);
	const char *value = json_text(member);

	if (text != NULL) {
		*text = value;
		return value != NULL;
	}
	if (strcmp(member->string, "since") == 0)
		return value != NULL && clock_parse(value, &f->since);
	if (strcmp(member->string, "until") == 0)
		return value != NULL && clock_parse(value, &f->until);
	if (strcmp(member->string, "status") != 0)
		return false;
	f->has_status = true;
	return json_literal(member) != NULL &&
	    json_int64(json_literal(member), &f->status);
}

bool
filter_read(struct filter *f, struct json **json, const char *text)
{
	static const struct filter all = FILTER_ALL;
	const cJSON *member;

	*f = all;
	*json = json_parse(text, strlen(text), NULL);
	if (*json == NULL || json_root(*json)->type != cJSON_Object)
		return false;
	for (member = json_root(*json)->child; member != NULL;
	    member = member->next)
		if (!read_member(f, member))
			return false;
	return true;
}
