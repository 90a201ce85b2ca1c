/*
 * config_show.c - what is said of settings: where they are, who set them,
 * what they are now, what changed
 *
 * Knows how to find a setting's member, line and name, for messages and
 * lists.  Never shows a secret.  Pure.
 */
#include <stdlib.h>
#include <string.h>

#include "config_private.h"

void
config_vfail(struct why *why, const char *file, int line, const char *fmt,
    va_list ap)
{
	struct buf text = BUF_INIT;

	buf_vprintf(&text, fmt, ap);
	if (line > 0)
		why_set(why, "%s:%d: %s", file, line, buf_str(&text));
	else
		why_set(why, "%s: %s", file, buf_str(&text));
	buf_free(&text);
}

void
config_fail(struct why *why, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	config_vfail(why, file, line, fmt, ap);
	va_end(ap);
}

size_t
config_entities(const struct config *c, const char *section)
{
	if (strcmp(section, "input") == 0)
		return c->inputs_n;
	if (strcmp(section, "output") == 0)
		return c->outputs_n;
	return 1;
}

void *
config_object(const struct config *c, const char *section, size_t entity)
{
	if (strcmp(section, "input") == 0)
		return &c->inputs[entity];
	if (strcmp(section, "output") == 0)
		return &c->outputs[entity];
	return (void *)c;
}

const char *
config_entity_name(const struct config *c, const char *section, size_t entity)
{
	if (strcmp(section, "input") == 0)
		return c->inputs[entity].name;
	if (strcmp(section, "output") == 0)
		return c->outputs[entity].name;
	return "";
}

size_t
config_entity(const struct config *c, const char *section, const char *name)
{
	size_t i, n = config_entities(c, section);

	for (i = 0; i < n; i++)
		if (strcmp(config_entity_name(c, section, i), name) == 0)
			return i;
	return SIZE_MAX;
}

void
config_heading(const struct config *c, const char *section, size_t entity,
    struct buf *out)
{
	const char *name = config_entity_name(c, section, entity);

	buf_printf(out, "[%s%s%s]", section, *name != '\0' ? " " : "", name);
}

const struct config_origin *
config_origin(const struct config *c, const struct config_section *section,
    const struct config_row *row, size_t entity)
{
	const struct config_origin *o;
	size_t i;

	for (i = 0; i < c->origins_n; i++) {
		o = &c->origins[i];
		if (o->section == section && o->row == row &&
		    o->entity == entity)
			return o;
	}
	return NULL;
}

int
config_line(const struct config *c, const char *section, const char *key,
    size_t entity)
{
	const struct config_section *s = config_section(section);
	const struct config_origin *o;

	o = config_origin(c, s, config_row(section, key), entity);
	if (o == NULL || o->line == CONFIG_CREDENTIAL)
		o = config_origin(c, s, NULL, entity);
	return o != NULL ? o->line : 0;
}

/* "default", "FILE:LINE" or "credential", appended. */
static void
put_origin(const struct config *c, const struct config_row *row,
    size_t entity, struct buf *out)
{
	const struct config_origin *o = config_origin(c,
	    config_section(row->key.section), row, entity);

	if (o == NULL)
		buf_puts(out, "default");
	else if (o->line == CONFIG_CREDENTIAL)
		buf_puts(out, "credential");
	else
		buf_printf(out, "%s:%d", c->file, o->line);
}

static void
visit_setting(const struct config *c, const struct config_row *row,
    size_t entity, config_visit *visit, void *arg)
{
	const char *section = row->key.section;
	struct buf value = BUF_INIT, origin = BUF_INIT;
	struct config_setting s = { .key = &row->key,
	    .name = config_entity_name(c, section, entity) };

	config_value_text(row, config_object(c, section, entity), &value);
	put_origin(c, row, entity, &origin);
	s.value = row->key.secret && value.len > 0 ? "(hidden)" :
	    buf_str(&value);
	s.origin = buf_str(&origin);
	visit(&s, arg);
	buf_free(&value);
	buf_free(&origin);
}

static void
visit_section(const struct config *c, const char *section, size_t entity,
    config_visit *visit, void *arg)
{
	size_t i;

	for (i = 0; i < config_rows_n; i++)
		if (strcmp(config_rows[i].key.section, section) == 0)
			visit_setting(c, &config_rows[i], entity, visit, arg);
}

void
config_each(const struct config *c, config_visit *visit, void *arg)
{
	const char *section;
	size_t i, j;

	for (i = 0; i < config_sections_n; i++) {
		section = config_sections[i].name;
		for (j = 0; j < config_entities(c, section); j++)
			visit_section(c, section, j, visit, arg);
	}
}

/* Two settings, the running and the new ones. */
struct change {
	const struct config *old, *new;
	struct buf	*changed;
	struct buf	*refused;
};

static void
refuse(struct change *ch, const char *section, const char *key,
    const char *what)
{
	struct why why;

	config_fail(&why, ch->new->file, config_line(ch->new, section, key,
	    0), "[%s] %s cannot %s while the agent runs: restart it",
	    section, key, what);
	buf_printf(ch->refused, "%s\n", why.text);
}

static void
compare_setting(struct change *ch, const struct config_row *row, size_t was,
    size_t is)
{
	const char *section = row->key.section;
	struct buf from = BUF_INIT, to = BUF_INIT;

	config_value_text(row, config_object(ch->old, section, was), &from);
	config_value_text(row, config_object(ch->new, section, is), &to);
	if (strcmp(buf_str(&from), buf_str(&to)) == 0)
		goto out;
	config_heading(ch->new, section, is, ch->changed);
	buf_printf(ch->changed, " %s: ", row->key.key);
	if (row->key.secret)
		buf_puts(ch->changed, "changed\n");
	else
		buf_printf(ch->changed, "%s -> %s\n",
		    from.len > 0 ? buf_str(&from) : "none",
		    to.len > 0 ? buf_str(&to) : "none");
	if (!row->key.reload)
		refuse(ch, section, row->key.key, "change");
out:
	buf_free(&from);
	buf_free(&to);
}

static void
compare_section(struct change *ch, const char *section, size_t was, size_t is)
{
	size_t i;

	for (i = 0; i < config_rows_n; i++)
		if (strcmp(config_rows[i].key.section, section) == 0)
			compare_setting(ch, &config_rows[i], was, is);
}

static void
compare_entities(struct change *ch, const char *section)
{
	const struct config *old = ch->old, *new = ch->new;
	const char *name;
	size_t i, was;

	for (i = 0; i < config_entities(old, section); i++) {
		name = config_entity_name(old, section, i);
		if (config_entity(new, section, name) == SIZE_MAX)
			buf_printf(ch->changed, "[%s %s] removed\n", section,
			    name);
	}
	for (i = 0; i < config_entities(new, section); i++) {
		name = config_entity_name(new, section, i);
		was = config_entity(old, section, name);
		if (was == SIZE_MAX)
			buf_printf(ch->changed, "[%s %s] added\n", section,
			    name);
		else
			compare_section(ch, section, was, i);
	}
}

/* The certificate of a running front may change, but its connections do not
 * go back from TLS to plain. */
static void
compare_tls(struct change *ch, const char *section,
    const struct config_front *was, const struct config_front *is)
{
	if (was->tls_certificate != NULL && is->tls_certificate == NULL)
		refuse(ch, section, "tls_certificate", "go away");
}

bool
config_may_reload(const struct config *old, const struct config *new,
    struct buf *changed, struct buf *refused)
{
	struct change ch = { old, new, changed, refused };
	size_t i, before = refused->len;

	for (i = 0; i < config_sections_n; i++)
		if (config_sections[i].named)
			compare_entities(&ch, config_sections[i].name);
		else
			compare_section(&ch, config_sections[i].name, 0, 0);
	compare_tls(&ch, "ingest", &old->ingest, &new->ingest);
	compare_tls(&ch, "admin", &old->admin, &new->admin);
	return refused->len == before;
}
