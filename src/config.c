/*
 * config.c - reading the settings: a file, its lines, the secrets beside it
 *
 * Knows how a configuration file is laid out, and where else a secret may
 * lie.  What a value means is config_value.c's business, which settings there
 * are config_table.c's, what fits together config_check.c's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_private.h"
#include "log.h"

#define FILE_MAX	(1 << 20)	/* of a configuration file */
#define SECRET_MAX	(1 << 16)	/* of a file that holds a secret */
#define KEY_MAX		40		/* a longer word is not quoted */

static const char base_url_us[] = "https://heapanalytics.com";
static const char base_url_eu[] = "https://c.eu.heap-api.com";

/* A file while it is being read. */
struct reading {
	struct config	*c;
	int		 line;		/* of the last line read, from 1 */
	const struct config_section *section;	/* NULL: before the first */
	size_t		 entity;	/* of the section's objects */
	bool		 failed;	/* `why` is filled: read no more */
	bool		 lenient;	/* no secrets of other files, and
					 * what is required may be missing */
	struct why	*why;
};

/* The first failure is the one that is told. */
static void fail(struct reading *, int line, const char *fmt, ...)
    HR_PRINTF(3, 4);

static void
fail(struct reading *r, int line, const char *fmt, ...)
{
	va_list ap;

	if (r->failed)
		return;
	va_start(ap, fmt);
	config_vfail(r->why, r->c->file, line, fmt, ap);
	va_end(ap);
	r->failed = true;
}

static void
note_origin(struct reading *r, const struct config_row *row, int line)
{
	struct config *c = r->c;
	struct config_origin *o;

	c->origins = xreallocarray(c->origins, c->origins_n + 1,
	    sizeof(*c->origins));
	o = &c->origins[c->origins_n++];
	o->section = r->section;
	o->row = row;
	o->entity = r->entity;
	o->line = line;
}

static void
set_defaults(struct config *c, const char *section, size_t entity)
{
	void *object = config_object(c, section, entity);
	const struct config_row *row;
	struct why why;
	size_t i;

	for (i = 0; i < config_rows_n; i++) {
		row = &config_rows[i];
		if (strcmp(row->key.section, section) != 0 ||
		    row->key.default_text[0] == '\0')
			continue;
		if (!config_value_set(row, object, row->key.default_text,
		    false, &why))
			bug("config: default of %s.%s: %s", section,
			    row->key.key, why.text);
	}
}

/*
 * The file's text; NULL and errno: it cannot be read, or is longer than max
 * (EFBIG).  Given (free(3)).
 */
static char *
read_whole(const char *path, size_t max, size_t *len)
{
	char block[4096];
	struct buf text = BUF_INIT;
	FILE *f = fopen(path, "re");
	size_t n;
	int error;

	if (f == NULL)
		return NULL;
	text.max = max;
	while ((n = fread(block, 1, sizeof(block), f)) > 0 && !text.over)
		buf_put(&text, block, n);
	error = ferror(f) ? errno : text.over ? EFBIG : 0;
	fclose(f);
	if (error != 0) {
		buf_free(&text);
		errno = error;
		return NULL;
	}
	*len = text.len;
	return buf_steal(&text);
}

/* A secret is the file's text without the line end that editors add. */
static char *
read_secret(const char *path, struct why *why)
{
	size_t len;
	char *text = read_whole(path, SECRET_MAX, &len);

	if (text == NULL) {
		why_set(why, "cannot read %s: %s", path, strerror(errno));
		return NULL;
	}
	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	if (len > 0 && memchr(text, '\0', len) == NULL) {
		text[len] = '\0';
		return text;
	}
	why_set(why, "%s %s", path, len == 0 ? "is empty" : "holds a NUL");
	free(text);
	return NULL;
}

/* Sections. */

static size_t
add_entity(struct config *c, const char *section, const char *name)
{
	struct config_input *input;
	size_t i;

	if (strcmp(section, "output") == 0) {
		i = c->outputs_n++;
		c->outputs = xreallocarray(c->outputs, c->outputs_n,
		    sizeof(*c->outputs));
		memset(&c->outputs[i], 0, sizeof(*c->outputs));
		c->outputs[i].name = xstrdup(name);
	} else {
		i = c->inputs_n++;
		c->inputs = xreallocarray(c->inputs, c->inputs_n,
		    sizeof(*c->inputs));
		input = &c->inputs[i];
		memset(input, 0, sizeof(*input));
		input->name = xstrdup(name);
		input->forward_user_attributes = CONFIG_UNSET;
		input->forward_web_requests_server_side = CONFIG_UNSET;
	}
	set_defaults(c, section, i);
	return i;
}

static bool
is_entity_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

	return strspn(name, letters) > 0 && name[strspn(name,
	    "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

static void
unknown_section(struct reading *r, const char *word)
{
	struct config_nearest nearest = { word, NULL, 0 };
	struct buf hint = BUF_INIT;
	size_t i;

	for (i = 0; i < config_sections_n; i++)
		config_nearest_try(&nearest, config_sections[i].name);
	fail(r, r->line, "unknown section [%s]%s", word,
	    config_nearest_hint(&nearest, &hint));
	buf_free(&hint);
}

/* `name` is "" for a heading of one word. */
static void
begin_section(struct reading *r, const char *word, const char *name)
{
	const struct config_section *s = config_section(word);
	const struct config_origin *before;

	if (s == NULL) {
		unknown_section(r, word);
		return;
	}
	if (s->named && !is_entity_name(name)) {
		fail(r, r->line, "[%s NAME] needs a name of a-z, 0-9, _ and - "
		    "that begins with a letter", word);
		return;
	}
	if (!s->named && *name != '\0') {
		fail(r, r->line, "[%s] takes no name", word);
		return;
	}
	r->entity = config_entity(r->c, word, name);
	before = r->entity != SIZE_MAX ?
	    config_origin(r->c, s, NULL, r->entity) : NULL;
	if (before != NULL) {
		fail(r, r->line, "section [%s%s%s] again, first in line %d",
		    word, s->named ? " " : "", name, before->line);
		return;
	}
	if (s->named)
		r->entity = add_entity(r->c, word, name);
	r->section = s;
	note_origin(r, NULL, r->line);
}

static bool
on_heading(void *arg, int line, const char *word, const char *name)
{
	struct reading *r = arg;

	r->line = line;
	begin_section(r, word, name);
	return !r->failed;
}

/* Keys. */

/* The row that KEY_file gives the secret of; NULL: no such key. */
static const struct config_row *
secret_row(const char *section, const char *key)
{
	const struct config_row *row;
	size_t len = strlen(key);
	char *stem;

	if (len < 5 || strcmp(key + len - 5, "_file") != 0)
		return NULL;
	stem = xstrndup(key, len - 5);
	row = config_row(section, stem);
	free(stem);
	return row != NULL && row->key.secret ? row : NULL;
}

static bool
is_key(const char *word)
{
	size_t len = strlen(word);

	return len > 0 && len <= KEY_MAX &&
	    strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static void
unknown_key(struct reading *r, const char *key)
{
	struct config_nearest nearest = { key, NULL, 0 };
	struct buf heading = BUF_INIT, hint = BUF_INIT;
	size_t i;

	for (i = 0; i < config_rows_n; i++)
		if (strcmp(config_rows[i].key.section,
		    r->section->name) == 0)
			config_nearest_try(&nearest, config_rows[i].key.key);
	config_heading(r->c, r->section->name, r->entity, &heading);
	config_nearest_hint(&nearest, &hint);
	/* What does not look like a key may be a piece of a secret. */
	if (is_key(key))
		fail(r, r->line, "unknown key \"%s\" in %s%s", key,
		    buf_str(&heading), buf_str(&hint));
	else
		fail(r, r->line, "unknown key in %s%s", buf_str(&heading),
		    buf_str(&hint));
	buf_free(&heading);
	buf_free(&hint);
}

/* Sets the row of the section being read; `line` becomes its origin. */
static void
set_row(struct reading *r, const struct config_row *row, const char *key,
    const char *value, int line)
{
	void *object = config_object(r->c, r->section->name, r->entity);
	const struct config_origin *before =
	    config_origin(r->c, r->section, row, r->entity);
	struct buf heading = BUF_INIT;
	struct why why;

	if (before != NULL && !config_row_repeats(row)) {
		fail(r, r->line, "key \"%s\" again, first in line %d", key,
		    before->line);
		return;
	}
	if (!config_value_set(row, object, value, before != NULL, &why)) {
		config_heading(r->c, r->section->name, r->entity, &heading);
		fail(r, r->line, "%s %s: %s", buf_str(&heading), key,
		    why.text);
		buf_free(&heading);
		return;
	}
	if (before == NULL)
		note_origin(r, row, line);
}

static void
set_from_file(struct reading *r, const struct config_row *row,
    const char *key, const char *path)
{
	struct why why;
	char *secret;

	if (*path == '\0') {
		fail(r, r->line, "%s has no value", key);
		return;
	}
	if (r->lenient)
		return;
	secret = read_secret(path, &why);
	if (secret == NULL)
		fail(r, r->line, "%s: %s", key, why.text);
	else
		set_row(r, row, key, secret, r->line);
	free(secret);
}

static bool
on_key(void *arg, int line, const char *key, const char *value)
{
	struct reading *r = arg;
	const struct config_row *row;

	r->line = line;
	if (r->section == NULL)
		fail(r, line, "a key before the first [section]");
	else if ((row = config_row(r->section->name, key)) != NULL)
		set_row(r, row, key, value, line);
	else if ((row = secret_row(r->section->name, key)) != NULL)
		set_from_file(r, row, key, value);
	else
		unknown_key(r, key);
	return !r->failed;
}

/* After the last line: what the file does not say. */

/* A secret that no line gave, from $CREDENTIALS_DIRECTORY. */
static void
read_credential(struct reading *r, const char *directory,
    const struct config_row *row)
{
	const char *section = r->section->name;
	struct why why;
	char *path, *secret;
	FILE *f;

	if (r->section->named)
		path = xasprintf("%s/%s.%s.%s", directory, section,
		    config_entity_name(r->c, section, r->entity),
		    row->key.key);
	else
		path = xasprintf("%s/%s.%s", directory, section,
		    row->key.key);
	f = fopen(path, "re");
	if (f != NULL) {
		fclose(f);
		secret = read_secret(path, &why);
		if (secret == NULL)
			fail(r, r->line, "%s", why.text);
		else
			set_row(r, row, row->key.key, secret,
			    CONFIG_CREDENTIAL);
		free(secret);
	} else if (errno != ENOENT) {
		fail(r, r->line, "cannot read %s: %s", path, strerror(errno));
	}
	free(path);
}

static void
missing(struct reading *r, const struct config_row *row)
{
	const struct config_origin *heading =
	    config_origin(r->c, r->section, NULL, r->entity);
	struct buf name = BUF_INIT;

	config_heading(r->c, r->section->name, r->entity, &name);
	if (row->key.secret)
		fail(r, heading->line, "%s has no %s: add \"%s = ...\" or "
		    "\"%s_file = PATH\"", buf_str(&name), row->key.key,
		    row->key.key, row->key.key);
	else
		fail(r, heading->line, "%s has no %s: add \"%s = ...\"",
		    buf_str(&name), row->key.key, row->key.key);
	buf_free(&name);
}

/* Credentials, then what is still missing, for every section. */
static void
complete(struct reading *r)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	const struct config_row *row;
	size_t i, n;

	for (i = 0; i < config_rows_n; i++) {
		row = &config_rows[i];
		r->section = config_section(row->key.section);
		n = config_entities(r->c, row->key.section);
		for (r->entity = 0; r->entity < n; r->entity++) {
			if (config_origin(r->c, r->section, row, r->entity))
				continue;
			if (row->key.secret && directory != NULL)
				read_credential(r, directory, row);
			if (row->required && config_origin(r->c, r->section,
			    row, r->entity) == NULL)
				missing(r, row);
		}
	}
}

/* A bare name lies in the directory of the database. */
static void
beside_database(const char *database, char **path)
{
	const char *slash = strrchr(database, '/');
	char *resolved;

	if (*path == NULL || strchr(*path, '/') != NULL || slash == NULL)
		return;
	resolved = xasprintf("%.*s/%s", (int)(slash - database), database,
	    *path);
	free(*path);
	*path = resolved;
}

static void
resolve(struct config *c)
{
	struct config_output *o;
	size_t i;

	beside_database(c->database, &c->token_file);
	beside_database(c->database, &c->read_token_file);
	for (i = 0; i < c->outputs_n; i++) {
		o = &c->outputs[i];
		if (o->base_url == NULL)
			o->base_url = xstrdup(o->region == CONFIG_REGION_EU ?
			    base_url_eu : base_url_us);
	}
}

static struct config *
parse(const char *text, size_t len, const char *file, bool lenient,
    struct why *why)
{
	static const struct config_reader reader = { on_heading, on_key };
	struct reading r = { .lenient = lenient, .why = why };
	size_t i;

	r.c = xcalloc(1, sizeof(*r.c));
	r.c->file = xstrdup(file);
	for (i = 0; i < config_sections_n; i++)
		if (!config_sections[i].named)
			set_defaults(r.c, config_sections[i].name, 0);

	r.failed = !config_lines(text, len, file, &reader, &r, &r.line, why);
	if (!r.failed && !lenient)
		complete(&r);
	if (!r.failed)
		resolve(r.c);
	if (!r.failed && !lenient)
		r.failed = !config_check(r.c, r.line, why);
	if (r.failed) {
		config_free(r.c);
		return NULL;
	}
	return r.c;
}

struct config *
config_parse(const char *text, size_t len, const char *file, struct why *why)
{
	return parse(text, len, file, false, why);
}

/* A file that a setting names; NULL: none is named. */
static bool
is_readable(const struct config *c, const char *section, const char *key,
    size_t i, const char *path, struct why *why)
{
	bool named = strcmp(section, "output") == 0;

	if (path == NULL || access(path, R_OK) == 0)
		return true;
	config_fail(why, c->file, config_line(c, section, key, i),
	    "[%s%s%s] %s: %s: %s", section, named ? " " : "",
	    named ? c->outputs[i].name : "", key, path, strerror(errno));
	return false;
}

/* Whatever else is wrong with them is found when they are used. */
static bool
files_are_readable(const struct config *c, struct why *why)
{
	size_t i;

	for (i = 0; i < c->outputs_n; i++)
		if (!is_readable(c, "output", "ca_file", i,
		    c->outputs[i].ca_file, why))
			return false;
	return is_readable(c, "ingest", "tls_certificate", 0,
	    c->ingest.tls_certificate, why) &&
	    is_readable(c, "ingest", "tls_key", 0, c->ingest.tls_key, why) &&
	    is_readable(c, "admin", "tls_certificate", 0,
	    c->admin.tls_certificate, why) &&
	    is_readable(c, "admin", "tls_key", 0, c->admin.tls_key, why);
}

static struct config *
read_config(const char *file, bool lenient, struct why *why)
{
	struct config *c;
	size_t len;
	char *text = read_whole(file, FILE_MAX, &len);

	if (text == NULL) {
		why_set(why, "%s: %s", file, strerror(errno));
		return NULL;
	}
	c = parse(text, len, file, lenient, why);
	free(text);
	if (c != NULL && !lenient && !files_are_readable(c, why)) {
		config_free(c);
		return NULL;
	}
	return c;
}

struct config *
config_read(const char *file, struct why *why)
{
	return read_config(file, false, why);
}

struct config *
config_read_lenient(const char *file, struct why *why)
{
	return read_config(file, true, why);
}

void
config_free(struct config *c)
{
	const struct config_row *row;
	size_t i, j;

	if (c == NULL)
		return;
	for (i = 0; i < config_rows_n; i++) {
		row = &config_rows[i];
		for (j = 0; j < config_entities(c, row->key.section); j++)
			config_value_free(row,
			    config_object(c, row->key.section, j));
	}
	for (i = 0; i < c->inputs_n; i++)
		free(c->inputs[i].name);
	for (i = 0; i < c->outputs_n; i++)
		free(c->outputs[i].name);
	free(c->inputs);
	free(c->outputs);
	free(c->origins);
	free(c->file);
	free(c);
}

const struct config_output *
config_output(const struct config *c, const char *name)
{
	size_t i = config_entity(c, "output", name);

	return i != SIZE_MAX ? &c->outputs[i] : NULL;
}

const struct config_input *
config_input(const struct config *c, const char *name)
{
	size_t i = config_entity(c, "input", name);

	return i != SIZE_MAX ? &c->inputs[i] : NULL;
}
