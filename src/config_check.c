/*
 * config_check.c - what fits together
 *
 * Knows the rules between settings, each of which is well-formed by itself.
 * Pure.
 */
#include <string.h>

#include "config_private.h"

/* One check: false and `why`. */
typedef bool check(const struct config *, int lines, struct why *);

static bool
is_complete(const struct config *c, int lines, struct why *why)
{
	if (c->outputs_n == 0)
		config_fail(why, c->file, lines, "no output: add a section "
		    "[output NAME] with the app_id of a Heap environment");
	else if (c->inputs_n == 0)
		config_fail(why, c->file, lines, "no input: add a section "
		    "[input NAME] with the key and secret of a sender");
	return c->outputs_n > 0 && c->inputs_n > 0;
}

static bool
tls_is_whole(const struct config *c, const char *section,
    const struct config_front *front, struct why *why)
{
	const char *given, *lacking;

	if ((front->tls_certificate == NULL) == (front->tls_key == NULL))
		return true;
	given = front->tls_key != NULL ? "tls_key" : "tls_certificate";
	lacking = front->tls_key != NULL ? "tls_certificate" : "tls_key";
	config_fail(why, c->file, config_line(c, section, given, 0),
	    "[%s] %s needs %s", section, given, lacking);
	return false;
}

static bool
fronts_have_whole_tls(const struct config *c, int lines, struct why *why)
{
	(void)lines;
	return tls_is_whole(c, "ingest", &c->ingest, why) &&
	    tls_is_whole(c, "admin", &c->admin, why);
}

/* Whoever reaches the admin API with the token may do everything. */
static bool
admin_is_guarded(const struct config *c, int lines, struct why *why)
{
	const char *lacking;
	size_t i;

	(void)lines;
	if (c->allow_remote && c->admin.tls_certificate != NULL)
		return true;
	lacking = c->allow_remote ? "tls_certificate and tls_key" :
	    c->admin.tls_certificate != NULL ? "allow_remote = true" :
	    "allow_remote = true, tls_certificate and tls_key";
	for (i = 0; i < c->admin.listen.n; i++) {
		if (config_listen_is_local(c->admin.listen.s[i]))
			continue;
		config_fail(why, c->file, config_line(c, "admin", "listen", 0),
		    "[admin] listen: %s is neither loopback nor a socket file "
		    "and needs %s", c->admin.listen.s[i], lacking);
		return false;
	}
	return true;
}

static bool
outputs_exist(const struct config *c, size_t input, struct why *why)
{
	const struct config_input *in = &c->inputs[input];
	struct config_nearest nearest = { NULL, NULL, 0 };
	struct buf hint = BUF_INIT;
	size_t i, j;

	for (i = 0; i < in->outputs.n; i++) {
		if (config_output(c, in->outputs.s[i]) != NULL)
			continue;
		nearest.word = in->outputs.s[i];
		for (j = 0; j < c->outputs_n; j++)
			config_nearest_try(&nearest, c->outputs[j].name);
		config_fail(why, c->file,
		    config_line(c, "input", "outputs", input),
		    "[input %s] outputs: there is no [output %s]%s", in->name,
		    in->outputs.s[i], config_nearest_hint(&nearest, &hint));
		buf_free(&hint);
		return false;
	}
	return true;
}

static bool
inputs_are_distinct(const struct config *c, int lines, struct why *why)
{
	const struct config_input *in;
	size_t i, j;

	(void)lines;
	for (i = 0; i < c->inputs_n; i++) {
		in = &c->inputs[i];
		if (strchr(in->key, ':') != NULL) {
			config_fail(why, c->file,
			    config_line(c, "input", "key", i),
			    "[input %s] key: a colon ends the user name of "
			    "Basic credentials", in->name);
			return false;
		}
		for (j = 0; j < i; j++) {
			if (strcmp(in->key, c->inputs[j].key) != 0)
				continue;
			config_fail(why, c->file,
			    config_line(c, "input", "key", i),
			    "[input %s] key: [input %s] has the same",
			    in->name, c->inputs[j].name);
			return false;
		}
		if (!outputs_exist(c, i, why))
			return false;
	}
	return true;
}

static bool
outputs_are_sound(const struct config *c, int lines, struct why *why)
{
	const struct config_output *o;
	size_t i;

	(void)lines;
	for (i = 0; i < c->outputs_n; i++) {
		o = &c->outputs[i];
		if (o->development_app_id != NULL &&
		    strcmp(o->development_app_id, o->app_id) == 0) {
			config_fail(why, c->file,
			    config_line(c, "output", "development_app_id", i),
			    "[output %s] development_app_id is its app_id: "
			    "test data would mix with the real", o->name);
			return false;
		}
		if (o->backoff_max_ms < o->backoff_base_ms) {
			config_fail(why, c->file,
			    config_line(c, "output", "backoff_max", i),
			    "[output %s] backoff_max is less than "
			    "backoff_base", o->name);
			return false;
		}
	}
	return true;
}

/* An app id that both use; NULL: none.  Lent by `a`. */
static const char *
shared_app(const struct config_output *a, const struct config_output *b)
{
	const char *const of_a[] = { a->app_id, a->development_app_id };
	const char *const of_b[] = { b->app_id, b->development_app_id };
	size_t i, j;

	if (strcmp(a->base_url, b->base_url) != 0)
		return NULL;
	for (i = 0; i < HR_COUNT(of_a); i++)
		for (j = 0; j < HR_COUNT(of_b); j++)
			if (of_a[i] != NULL && of_b[j] != NULL &&
			    strcmp(of_a[i], of_b[j]) == 0)
				return of_a[i];
	return NULL;
}

/* The setting of an app's windows in which they differ; NULL: none. */
static const struct config_row *
differing_window(const struct config_output *a, const struct config_output *b)
{
	static const char *const keys[] = {
		"track_limit", "identity_limit", "app_limit",
		"properties_limit", "properties_app_limit", "rate_share"
	};
	const struct config_row *row, *found = NULL;
	struct buf of_a = BUF_INIT, of_b = BUF_INIT;
	size_t i;

	for (i = 0; i < HR_COUNT(keys) && found == NULL; i++) {
		row = config_row("output", keys[i]);
		buf_reset(&of_a);
		buf_reset(&of_b);
		config_value_text(row, a, &of_a);
		config_value_text(row, b, &of_b);
		if (strcmp(buf_str(&of_a), buf_str(&of_b)) != 0)
			found = row;
	}
	buf_free(&of_a);
	buf_free(&of_b);
	return found;
}

/* Windows belong to the app: it cannot have two of a kind. */
static bool
apps_have_one_window(const struct config *c, int lines, struct why *why)
{
	const struct config_row *row;
	const char *app;
	size_t i, j;

	(void)lines;
	for (i = 0; i < c->outputs_n; i++)
		for (j = 0; j < i; j++) {
			app = shared_app(&c->outputs[i], &c->outputs[j]);
			if (app == NULL)
				continue;
			row = differing_window(&c->outputs[i],
			    &c->outputs[j]);
			if (row == NULL)
				continue;
			config_fail(why, c->file,
			    config_line(c, "output", row->key.key, i),
			    "[output %s] %s differs from that of [output %s], "
			    "which shares the app %s", c->outputs[i].name,
			    row->key.key, c->outputs[j].name, app);
			return false;
		}
	return true;
}

bool
config_check(const struct config *c, int lines, struct why *why)
{
	static check *const checks[] = {
		is_complete, fronts_have_whole_tls, admin_is_guarded,
		inputs_are_distinct, outputs_are_sound, apps_have_one_window
	};
	size_t i;

	for (i = 0; i < HR_COUNT(checks); i++)
		if (!checks[i](c, lines, why))
			return false;
	return true;
}
