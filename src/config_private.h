/*
 * config_private.h - what the parts of the config module tell one another
 *
 * config_table.c knows which settings there are, config_value.c how a value
 * is written, config_address.c how a listener or URL is, config_lines.c how
 * a file is laid out, config.c how it becomes settings, config_check.c what
 * fits together, config_show.c what is said of settings, config_nearest.c
 * what a mistyped word may have meant.  Nobody else includes this.
 */
#ifndef HR_CONFIG_PRIVATE_H
#define HR_CONFIG_PRIVATE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "config_nearest.h"
#include "mem.h"

/* How a value is written, and the type of the member it goes to. */
enum config_kind {
	CONFIG_TEXT,		/* char *; NULL: none */
	CONFIG_BOOL,		/* bool */
	CONFIG_TRISTATE,	/* enum config_override */
	CONFIG_CHOICE,		/* int, an enum or bool: a value of choices */
	CONFIG_COUNT,		/* int64_t */
	CONFIG_SIZE,		/* int64_t, bytes */
	CONFIG_DURATION,	/* int64_t, ms */
	CONFIG_LIMIT,		/* struct config_limit */
	CONFIG_SHARE,		/* double, above 0, at most 1 */
	CONFIG_APP_ID,		/* char *; NULL: none */
	CONFIG_URL,		/* char *; NULL: none */
	CONFIG_LISTEN,		/* struct config_strings, one a line */
	CONFIG_LIST,		/* struct config_strings */
	CONFIG_PRIORITY,	/* struct config: priority and priority_n */
	CONFIG_IDENTITIES	/* struct config_output: what is forwarded */
};

struct config_choice {
	const char	*name;		/* NULL behind the last */
	int		 value;
};

struct config_section {
	const char	*name;
	bool		 named;		/* [input NAME], and many of them */
};

/* One setting. */
struct config_row {
	struct config_key key;
	enum config_kind  kind;
	size_t		  offset;	/* of the member in its struct */
	size_t		  size;		/* of the member */
	int64_t		  min, max;	/* of numbers, sizes, durations */
	const struct config_choice *choices;
	bool		  required;
};

extern const struct config_section config_sections[];
extern const size_t config_sections_n;
extern const struct config_row config_rows[];
extern const size_t config_rows_n;

/* All names of forward_identities; the value of `mpid` is MP_IDENTITIES. */
extern const struct config_choice config_forwardable[];

#define CONFIG_REGION_US	0
#define CONFIG_REGION_EU	1

/* NULL: there is none of that name.  Lent for ever. */
const struct config_section *config_section(const char *name);
const struct config_row *config_row(const char *section, const char *key);
/* May a list of this kind go on in another line of the same key? */
bool	config_row_repeats(const struct config_row *);

/*
 * Where a section's members live: the config itself, or its entity-th input
 * or output.  Lent until inputs or outputs are added.
 */
void	*config_object(const struct config *, const char *section,
	    size_t entity);
/* How many objects a section has: 1, or the number of inputs or outputs. */
size_t	config_entities(const struct config *, const char *section);
/* The name of one, "" for a section without names; lent by the config. */
const char *config_entity_name(const struct config *, const char *section,
	    size_t entity);
/* The one of that name; SIZE_MAX: there is none. */
size_t	config_entity(const struct config *, const char *section,
	    const char *name);
/* "[agent]" or "[input salesforce]" appended to the buffer. */
void	config_heading(const struct config *, const char *section,
	    size_t entity, struct buf *);

/* Who said it. */
struct config_origin {
	const struct config_section *section;
	const struct config_row	*row;		/* NULL: the heading */
	size_t			 entity;
	int			 line;
};

#define CONFIG_CREDENTIAL	(-1)	/* the line of what no line said */

/* NULL: nobody did, the default holds.  `row` NULL: the heading. */
const struct config_origin *config_origin(const struct config *,
    const struct config_section *, const struct config_row *, size_t entity);
/* The line of the key, else of the heading of its section, else 0. */
int	config_line(const struct config *, const char *section, const char *key,
	    size_t entity);

/* "FILE:LINE: ...", or "FILE: ..." when line is not above 0. */
void	config_fail(struct why *, const char *file, int line,
	    const char *fmt, ...) HR_PRINTF(4, 5);
void	config_vfail(struct why *, const char *file, int line,
	    const char *fmt, va_list) HR_PRINTF(4, 0);

/*
 * config_value_set - what a person wrote into the member of `object`
 *
 * `more`: a further line of a list, which is added to; else the old value is
 * replaced.  False and `why`, which begins with the fault and never holds the
 * value of a secret; the member may have changed then.
 */
bool	config_value_set(const struct config_row *, void *object,
	    const char *text, bool more, struct why *);
/* The value as a person writes it, appended; nothing if there is none. */
void	config_value_text(const struct config_row *, const void *object,
	    struct buf *);
void	config_value_free(const struct config_row *, void *object);

/* HOST:PORT, [HOST]:PORT or unix:PATH?  False and `why`. */
bool	config_listen_check(const char *text, struct why *);
/* A socket file, or loopback by notation: 127.0.0.0/8, ::1, localhost. */
bool	config_listen_is_local(const char *text);
/*
 * A base URL appended in its one spelling: lower-case scheme and host, no
 * usual port, no slash at the end.  False and `why`: no such URL, or plain
 * http to a host that is not loopback.
 */
bool	config_url(const char *text, struct buf *out, struct why *);

/*
 * The headings and keys of a text in their order.  A callback returns false
 * when it failed, and has filled `why` then.  `name` is "" for a heading of
 * one word.
 */
struct config_reader {
	bool	(*heading)(void *arg, int line, const char *word,
		    const char *name);
	bool	(*key)(void *arg, int line, const char *key,
		    const char *value);
};

/* False and `why` at the first fault; `last` is the last line read. */
bool	config_lines(const char *text, size_t len, const char *file,
	    const struct config_reader *, void *arg, int *last, struct why *);

/* Settings that contradict each other; `lines` is the file's last line. */
bool	config_check(const struct config *, int lines, struct why *);

#endif
