/*
 * exposition_fixture.c - is a text what Prometheus reads, and well named?
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exposition_fixture.h"

#define NAME_MAX_	120
#define LABELS_MAX	300
#define SERIES		4000

enum type { NONE, COUNTER, GAUGE, HISTOGRAM };

struct check {
	char		 family[NAME_MAX_];
	enum type	 type;		/* NONE: TYPE is still to come */
	size_t		 samples;	/* of the family */
	char		*seen[SERIES];	/* names, and series */
	size_t		 seen_n;
	/* The histogram whose buckets are being read. */
	char		 series[LABELS_MAX];	/* its labels without le */
	double		 le, buckets;
	bool		 open;		/* neither _sum nor _count yet */
	bool		 summed;	/* _count is to come */
	struct why	*why;
};

static bool
wrong(struct check *c, const char *what, const char *line)
{
	why_set(c->why, "%s: %.*s", what, (int)strcspn(line, "\n"), line);
	return false;
}

/* Remembers a text; false: it was there already. */
static bool
note(struct check *c, const char *text)
{
	size_t i;

	for (i = 0; i < c->seen_n; i++)
		if (strcmp(c->seen[i], text) == 0)
			return false;
	if (c->seen_n == SERIES)
		return false;
	c->seen[c->seen_n++] = xstrdup(text);
	return true;
}

/* A metric's or label's name at *p, which moves behind it. */
static bool
take_name(const char **p, char *out, size_t size)
{
	size_t n = 0;

	while ((islower((unsigned char)**p) || **p == '_' ||
	    (n > 0 && isdigit((unsigned char)**p))) && n < size - 1)
		out[n++] = *(*p)++;
	out[n] = '\0';
	return n > 0;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* No family may end before its histogram has. */
static bool
family_is_whole(struct check *c, const char *line)
{
	if (c->family[0] != '\0' && c->type == NONE)
		return wrong(c, "HELP without TYPE before", line);
	if (c->open || c->summed)
		return wrong(c, "a histogram is not whole before", line);
	return true;
}

static bool
read_help(struct check *c, const char *line)
{
	const char *p = line + strlen("# HELP "), *end = strchr(p, '\n');

	if (!family_is_whole(c, line))
		return false;
	if (!take_name(&p, c->family, sizeof(c->family)) || *p != ' ')
		return wrong(c, "no name", line);
	if (strncmp(c->family, "heaprelay_", 10) != 0)
		return wrong(c, "a name that is not ours", line);
	if (end - p < 5 || end[-1] != '.' || memchr(p, '\\', (size_t)(end - p)))
		return wrong(c, "HELP is no sentence", line);
	if (!note(c, c->family))
		return wrong(c, "a family in two pieces", line);
	c->type = NONE;
	c->samples = 0;
	c->series[0] = '\0';
	return true;
}

static bool
read_type(struct check *c, const char *line)
{
	static const char *const types[] = { "", "counter", "gauge",
		"histogram" };
	const char *p = line + strlen("# TYPE ");
	char name[NAME_MAX_], type[NAME_MAX_];
	int i;

	if (!take_name(&p, name, sizeof(name)) || *p++ != ' ' ||
	    !take_name(&p, type, sizeof(type)) || *p != '\n')
		return wrong(c, "no TYPE", line);
	if (strcmp(name, c->family) != 0 || c->type != NONE || c->samples > 0)
		return wrong(c, "TYPE is not behind its HELP", line);
	for (i = COUNTER; i <= HISTOGRAM; i++)
		if (strcmp(type, types[i]) == 0)
			c->type = (enum type)i;
	if (c->type == NONE)
		return wrong(c, "an unknown TYPE", line);
	if (ends_with(name, "_total") != (c->type == COUNTER))
		return wrong(c, "_total is for counters", line);
	if (ends_with(name, "_bucket") || ends_with(name, "_sum") ||
	    ends_with(name, "_count"))
		return wrong(c, "a name that histograms have", line);
	return true;
}

/* The value of a label in quotes at *p, as it is written. */
static bool
take_value(const char **p, char *out, size_t size)
{
	size_t n = 0;

	if (*(*p)++ != '"')
		return false;
	for (; **p != '"'; (*p)++) {
		if (**p == '\n' || **p == '\0' || n + 2 >= size)
			return false;
		if (**p == '\\' && strchr("\\\"n", (*p)[1]) == NULL)
			return false;
		if (**p == '\\')
			out[n++] = *(*p)++;
		out[n++] = **p;
	}
	out[n] = '\0';
	(*p)++;
	return true;
}

/* {name="value",...} at *p: all of it but le, and le ("" : none). */
static bool
take_labels(const char **p, char *out, char *le)
{
	char name[NAME_MAX_], value[LABELS_MAX / 2], names[LABELS_MAX] = ",";
	char key[NAME_MAX_ + 2];

	out[0] = le[0] = '\0';
	if (**p != '{')
		return true;
	(*p)++;
	while (**p != '}') {
		if (!take_name(p, name, sizeof(name)) || *(*p)++ != '=' ||
		    !take_value(p, value, sizeof(value)))
			return false;
		snprintf(key, sizeof(key), ",%s,", name);
		if (strstr(names, key) != NULL || strlen(names) +
		    strlen(name) + 2 > sizeof(names))
			return false;
		strcat(strcat(names, name), ",");
		if (strcmp(name, "le") == 0)
			strcpy(le, value);
		else if (strlen(out) + strlen(name) + strlen(value) + 4 <
		    LABELS_MAX)
			strcat(strcat(strcat(strcat(out, name), "="), value),
			    ",");
		if (**p == ',')
			(*p)++;
		else if (**p != '}')
			return false;
	}
	(*p)++;
	return true;
}

static bool
take_number(const char *text, double *out)
{
	char *end;

	if (strcmp(text, "+Inf") == 0) {
		*out = INFINITY;
		return true;
	}
	if (!isdigit((unsigned char)text[text[0] == '-']))
		return false;
	*out = strtod(text, &end);
	return *end == '\0' || *end == '\n';
}

/* One line of a histogram: buckets, then _sum, then _count. */
static bool
read_histogram(struct check *c, const char *part, const char *labels,
    const char *le, double value, const char *line)
{
	double bound = 0;

	if (strcmp(part, "_bucket") == 0) {
		if (!take_number(le, &bound))
			return wrong(c, "a bucket without le", line);
		if (!c->open && c->summed)
			return wrong(c, "no _count before", line);
		if (c->open && strcmp(c->series, labels) != 0)
			return wrong(c, "a bucket of another series", line);
		if (c->open && (bound <= c->le || value < c->buckets))
			return wrong(c, "buckets do not rise", line);
		strcpy(c->series, labels);
		c->le = bound;
		c->buckets = value;
		c->open = true;
		return true;
	}
	if (le[0] != '\0' || strcmp(c->series, labels) != 0)
		return wrong(c, "not of the buckets before", line);
	if (strcmp(part, "_sum") == 0 && c->open && isinf(c->le)) {
		c->open = false;
		c->summed = true;
		return true;
	}
	if (strcmp(part, "_count") == 0 && c->summed) {
		c->summed = false;
		return value == c->buckets ? true :
		    wrong(c, "_count is not the last bucket", line);
	}
	return wrong(c, "not what a histogram has here", line);
}

static bool
read_sample(struct check *c, const char *line)
{
	char name[NAME_MAX_], labels[LABELS_MAX], le[LABELS_MAX / 2];
	char series[NAME_MAX_ + 2 * LABELS_MAX];
	size_t n = strlen(c->family);
	const char *p = line;
	double value;

	if (!take_name(&p, name, sizeof(name)) ||
	    !take_labels(&p, labels, le) || *p++ != ' ' ||
	    !take_number(p, &value))
		return wrong(c, "no sample", line);
	snprintf(series, sizeof(series), "%s{%s}%s", name, labels, le);
	if (!note(c, series))
		return wrong(c, "a series twice", line);
	if (c->type == NONE || strncmp(name, c->family, n) != 0)
		return wrong(c, "a sample of no family", line);
	c->samples++;
	if (c->type == HISTOGRAM)
		return read_histogram(c, name + n, labels, le, value, line);
	if (name[n] != '\0' || le[0] != '\0')
		return wrong(c, "a sample of another family", line);
	if (c->type == COUNTER && (value < 0 || value != floor(value)))
		return wrong(c, "a count is no whole number", line);
	return true;
}

static bool
read_lines(struct check *c, const char *p)
{
	bool ok = true;

	if (*p == '\0' || p[strlen(p) - 1] != '\n')
		return wrong(c, "the last line has no end", p);
	for (; ok && *p != '\0'; p = strchr(p, '\n') + 1) {
		if (strncmp(p, "# HELP ", 7) == 0)
			ok = read_help(c, p);
		else if (strncmp(p, "# TYPE ", 7) == 0)
			ok = read_type(c, p);
		else
			ok = read_sample(c, p);
	}
	return ok && family_is_whole(c, "the end\n");
}

bool
exposition_check(const char *text, struct why *why)
{
	struct check *c = xcalloc(1, sizeof(*c));
	bool ok;

	c->why = why;
	ok = read_lines(c, text);
	while (c->seen_n > 0)
		free(c->seen[--c->seen_n]);
	free(c);
	return ok;
}
