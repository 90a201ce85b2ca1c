/*
 * fuzz_config.c - any text as a configuration file
 *
 * What is refused has a reason that names the file.  What is accepted can be
 * written down as it is shown and read again, and is then the same; it is a
 * reload of itself that changes nothing; and no secret is shown.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_private.h"
#include "fuzz.h"
#include "log.h"

#define FILE_NAME	"fuzz.conf"
#define HIDDEN		"(hidden)"
#define LINE_MOST	199	/* what the parser takes */

/* The settings as the text of a file. */
struct writing {
	struct buf	 out;
	const char	*section;
	char		 name[256];
	bool		 too_long;	/* a line is; there is no such file */
};

static void
write_line(struct writing *w, const char *key, const char *value, size_t len)
{
	if (strlen(key) + 1 + len > LINE_MOST)
		w->too_long = true;
	buf_printf(&w->out, "%s=%.*s\n", key, (int)len, value);
}

/* config_visit: below its heading one line, or one for each of a list. */
static void
write_setting(const struct config_setting *s, void *arg)
{
	struct writing *w = arg;
	const struct config_key *k = s->key;
	const char *value = s->value, *comma = NULL;

	if (k->secret && *value != '\0' && strcmp(value, HIDDEN) != 0)
		bug("fuzz_config: a secret is shown");
	/* Of the two that say the same one is enough; both are refused. */
	if (*value == '\0' || strcmp(k->key, "region") == 0)
		return;
	if (w->section == NULL || strcmp(w->section, k->section) != 0 ||
	    strcmp(w->name, s->name) != 0) {
		w->section = k->section;
		snprintf(w->name, sizeof(w->name), "%s", s->name);
		buf_printf(&w->out, "[%s%s%s]\n", k->section,
		    s->name[0] != '\0' ? " " : "", s->name);
	}
	while (config_row_repeats(config_row(k->section, k->key)) &&
	    (comma = strstr(value, ", ")) != NULL) {
		write_line(w, k->key, value, (size_t)(comma - value));
		value = comma + 2;
	}
	write_line(w, k->key, value, strlen(value));
}

static void
write_all(const struct config *c, struct writing *w)
{
	memset(w, 0, sizeof(*w));
	config_each(c, write_setting, w);
}

static struct config *
read_text(const char *text, size_t len)
{
	struct why why = { "" };
	struct config *c = config_parse(text, len, FILE_NAME, &why);

	if (c == NULL && strncmp(why.text, FILE_NAME ":",
	    strlen(FILE_NAME) + 1) != 0)
		bug("fuzz_config: refused without a place: %s", why.text);
	return c;
}

static void
check_reload(const struct config *c, const char *text, size_t len)
{
	struct buf changed = BUF_INIT, refused = BUF_INIT;
	struct config *same = read_text(text, len);

	if (same == NULL)
		bug("fuzz_config: refused when it is read again");
	if (!config_may_reload(c, same, &changed, &refused) ||
	    changed.len > 0 || refused.len > 0)
		bug("fuzz_config: it differs from itself: %s%s",
		    buf_str(&changed), buf_str(&refused));
	buf_free(&changed);
	buf_free(&refused);
	config_free(same);
}

/* Hidden secrets all look the same, and two inputs may not have one key. */
static bool
can_be_written(const struct config *c)
{
	return c->inputs_n < 2;
}

static void
check_shown(const struct config *c)
{
	struct writing first, second;
	struct config *again;
	struct why why;

	write_all(c, &first);
	if (first.too_long) {
		buf_free(&first.out);
		return;
	}
	again = config_parse(first.out.p, first.out.len, FILE_NAME, &why);
	if (again == NULL)
		bug("fuzz_config: what is shown is refused: %s", why.text);
	write_all(again, &second);
	if (first.out.len != second.out.len ||
	    memcmp(first.out.p, second.out.p, first.out.len) != 0)
		bug("fuzz_config: what is shown reads differently");
	config_free(again);
	buf_free(&first.out);
	buf_free(&second.out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes;
	struct config *c = read_text(text, len);

	if (c == NULL)
		return 0;
	check_reload(c, text, len);
	if (can_be_written(c))
		check_shown(c);
	config_free(c);
	return 0;
}
