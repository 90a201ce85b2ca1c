/*
 * admin_config.c - the settings in force, a reload, and what operators did
 *
 * Knows how settings are shown, and who waits for a reload.  The reload itself
 * is main's: the same as that of a signal, at the same place of the turn.
 */
#include <stdlib.h>
#include <string.h>

#include "admin_private.h"

/* --- settings --------------------------------------------------------- */

static void
add_setting(const struct config_setting *s, void *array)
{
	cJSON *o = cJSON_CreateObject();

	admin_put_text(o, "section", s->key->section);
	admin_put_text(o, "name", s->name[0] != '\0' ? s->name : NULL);
	admin_put_text(o, "key", s->key->key);
	admin_put_text(o, "value", s->value[0] != '\0' ? s->value : NULL);
	admin_put_text(o, "origin", s->origin);
	cJSON_AddBoolToObject(o, "secret", s->key->secret);
	cJSON_AddBoolToObject(o, "reload", s->key->reload);
	cJSON_AddItemToArray(array, o);
}

void
admin_get_config(struct admin_call *call)
{
	const struct config *c = call->admin->parts.config;
	cJSON *o = cJSON_CreateObject();

	admin_put_text(o, "file", c->file);
	config_each(c, add_setting, cJSON_AddArrayToObject(o, "settings"));
	admin_json(call, 200, o);
}

/* --- reload ----------------------------------------------------------- */

void
admin_post_reload(struct admin_call *call)
{
	if (admin_check_no_body(call))
		admin_wait_add(&call->admin->reloads, call->request,
		    call->now);
}

bool
admin_wants_reload(const struct admin *a)
{
	return a->reloads != NULL;
}

/* A text's lines as an array. */
static cJSON *
lines_shape(const char *text)
{
	cJSON *array = cJSON_CreateArray();
	char *line;
	size_t len;

	for (; *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		line = xstrndup(text, len);
		cJSON_AddItemToArray(array, cJSON_CreateString(line));
		free(line);
	}
	return array;
}

static void
answer_reload(struct admin_call *call, enum admin_reload_end end,
    const char *changed, const char *wrong)
{
	cJSON *o;

	switch (end) {
	case ADMIN_RELOADED:
		o = cJSON_CreateObject();
		admin_put_text(o, "file", call->admin->parts.config->file);
		cJSON_AddItemToObject(o, "changed", lines_shape(changed));
		admin_json(call, 200, o);
		break;
	case ADMIN_NOT_RELOADED:
		admin_problem_with(call, 422, "bad_configuration", "errors",
		    lines_shape(wrong), "The old settings stay: %.*s",
		    (int)strcspn(wrong, "\n"), wrong);
		break;
	case ADMIN_NOT_STORED:
		admin_problem(call, 503, "unavailable", "Retry-After: 1\r\n",
		    "The old settings stay: %.*s",
		    (int)strcspn(wrong, "\n"), wrong);
		break;
	}
}

/* What was taken over is on disk by a commit of its own, so the answers need
 * not wait for the turn's. */
void
admin_reloaded(struct admin *a, struct moment now, enum admin_reload_end end,
    const char *changed, const char *wrong)
{
	struct admin_call call = { .admin = a, .now = now };

	while ((call.request = admin_wait_take(&a->reloads)) != NULL)
		answer_reload(&call, end, changed, wrong);
}

/* --- audit ------------------------------------------------------------ */

static void
add_audit(const struct inspect_audit *a, void *array)
{
	cJSON *o = cJSON_CreateObject();

	admin_put_int(o, "id", a->id);
	admin_put_at(o, "at", a->at);
	admin_put_text(o, "action", a->action);
	admin_put_text(o, "subject", a->subject);
	admin_put_text(o, "detail", a->detail);
	cJSON_AddItemToArray(array, o);
}

void
admin_get_audit(struct admin_call *call)
{
	struct inspect_page page;
	cJSON *items;

	if (!admin_page(call, &page))
		return;
	items = cJSON_CreateArray();
	if (inspect_audits(call->admin->parts.inspect, &page, add_audit,
	    items) == INSPECT_OK) {
		admin_json(call, 200, admin_list(items, page.next));
	} else {
		cJSON_Delete(items);
		admin_cannot_read(call);
	}
}
