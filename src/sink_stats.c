/*
 * sink_stats.c - the counters of the simulated Heap
 *
 * Knows their names.  Knows nothing of when they move.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "sink_stats.h"

#define FORM_UNKNOWN	2

static const char *const form_names[SINK_FORMS] = {
	"flat", "bulk", "unreadable"
};

static const char *const lane_names[HEAP_LANES] = {
	[HEAP_TRACK] = "track",
	[HEAP_USER_PROPERTIES] = "add_user_properties",
};

struct sink_app *
sink_stats_app(struct sink_stats *s, const char *app_id)
{
	struct sink_app *app;
	size_t i;

	for (i = 0; i < s->apps; i++) {
		if (strcmp(s->app[i].app_id, app_id) == 0)
			return &s->app[i];
	}
	if (s->apps == SINK_APPS)
		return &s->app[SINK_APPS - 1];
	app = &s->app[s->apps++];
	snprintf(app->app_id, sizeof(app->app_id), "%s",
	    s->apps < SINK_APPS ? app_id : "others");
	return app;
}

void
sink_stats_request(struct sink_stats *s, const struct sink_body *b,
    int status, struct moment at)
{
	assert(status >= 0 && status < SINK_STATUSES);
	s->requests[b->lane][b->has_form ? b->form : FORM_UNKNOWN][status]++;
	if (s->total++ == 0)
		s->first = at;
	s->last = at;
	if (b->objects > s->max_objects)
		s->max_objects = b->objects;
	if (b->len > s->max_bytes)
		s->max_bytes = b->len;
}

static void
put_number(struct buf *out, const char *name, uint64_t n)
{
	buf_printf(out, "\"%s\":%llu,", name, (unsigned long long)n);
}

/* Members end with a comma each; the last one's becomes the end. */
static void
put_end(struct buf *out)
{
	if (out->p[out->len - 1] == ',')
		buf_cut(out, out->len - 1);
	buf_putc(out, '}');
}

static void
put_statuses(struct buf *out, const uint64_t count[SINK_STATUSES])
{
	char name[16];
	int status;

	buf_putc(out, '{');
	for (status = 0; status < SINK_STATUSES; status++) {
		if (count[status] == 0)
			continue;
		snprintf(name, sizeof(name), "%d", status);
		put_number(out, status == 0 ? "none" : name, count[status]);
	}
	put_end(out);
}

static void
put_requests(struct buf *out, const struct sink_stats *s)
{
	size_t lane, form;

	buf_puts(out, "\"requests\":{");
	put_number(out, "total", s->total);
	for (lane = 0; lane < HEAP_LANES; lane++) {
		buf_printf(out, "\"%s\":{", lane_names[lane]);
		for (form = 0; form < SINK_FORMS; form++) {
			buf_printf(out, "\"%s\":", form_names[form]);
			put_statuses(out, s->requests[lane][form]);
			buf_putc(out, ',');
		}
		put_end(out);
		buf_putc(out, ',');
	}
	put_end(out);
}

static void
put_apps(struct buf *out, const struct sink_stats *s)
{
	size_t i;

	buf_puts(out, "\"apps\":{");
	for (i = 0; i < s->apps; i++) {
		buf_printf(out, "\"%s\":{", s->app[i].app_id);
		put_number(out, "requests", s->app[i].requests);
		put_number(out, "objects", s->app[i].objects);
		put_number(out, "updates", s->app[i].updates);
		put_number(out, "duplicates", s->app[i].duplicates);
		put_end(out);
		buf_putc(out, ',');
	}
	put_end(out);
}

static void
put_moment(struct buf *out, const struct sink_stats *s, const char *name,
    struct moment at)
{
	char text[CLOCK_TEXT];

	if (s->total == 0)
		buf_printf(out, "\"%s_at\":null,\"%s_ms\":null,", name, name);
	else
		buf_printf(out, "\"%s_at\":\"%s\",\"%s_ms\":%lld,", name,
		    clock_text(at.wall, text), name, (long long)at.boot);
}

void
sink_stats_put(struct buf *out, const struct sink_stats *s,
    const struct sink_stats_more *more)
{
	size_t i;

	buf_putc(out, '{');
	put_requests(out, s);
	buf_putc(out, ',');
	put_number(out, "objects", s->objects);
	put_number(out, "updates", s->updates);
	put_number(out, "duplicates", s->duplicates);
	put_number(out, "conflicts", s->conflicts);
	put_number(out, "vanished", s->vanished);
	put_number(out, "bad_bodies", s->bad_bodies);
	put_number(out, "faults", s->faults);
	put_number(out, "keys", more->keys);
	put_number(out, "keys_forgotten", s->keys_forgotten);
	put_number(out, "users", more->users);
	put_number(out, "users_forgotten", more->users_forgotten);
	put_number(out, "max_objects", s->max_objects);
	put_number(out, "max_bytes", s->max_bytes);
	put_moment(out, s, "first", s->first);
	put_moment(out, s, "last", s->last);
	buf_puts(out, "\"overruns\":{");
	for (i = 0; i < SINK_WINDOWS; i++)
		put_number(out, sink_window_name((enum sink_window)i),
		    s->overruns[i]);
	put_end(out);
	buf_putc(out, ',');
	put_apps(out, s);
	buf_putc(out, '}');
}
