/*
 * ctl_top_frame.c - a screenful of what matters
 *
 * Knows which figures an operator looks at first, and how they are short.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl_top.h"
#include "log.h"

#define BAR		10	/* cells of a window's use */
#define REASONS		20	/* different ones that are told apart */

/* A number as it was written; "-": there is none. */
static const char *
literal(const cJSON *object, const char *member)
{
	const char *text = json_literal(json_get(object, member));

	return text != NULL ? text : "-";
}

/* A number; 0: there is none. */
static double
value(const cJSON *object, const char *member)
{
	const char *text = json_literal(json_get(object, member));

	return text != NULL ? strtod(text, NULL) : 0;
}

/* A span: "42s", "3m 20s", "5h 12m", "2d 4h". */
static void
put_span(struct buf *out, int64_t s)
{
	if (s < 60)
		buf_printf(out, "%llds", (long long)s);
	else if (s < 3600)
		buf_printf(out, "%lldm %llds", (long long)(s / 60),
		    (long long)(s % 60));
	else if (s < 86400)
		buf_printf(out, "%lldh %lldm", (long long)(s / 3600),
		    (long long)(s % 3600 / 60));
	else
		buf_printf(out, "%lldd %lldh", (long long)(s / 86400),
		    (long long)(s % 86400 / 3600));
}

/* The span in a member; "-": nobody can say. */
static void
put_seconds(struct buf *out, const cJSON *object, const char *member)
{
	if (json_literal(json_get(object, member)) == NULL)
		buf_putc(out, '-');
	else
		put_span(out, (int64_t)value(object, member));
}

static void
put_bytes(struct buf *out, double n)
{
	static const char units[] = "BKMGT";
	size_t i = 0;

	while (n >= 1024 && i + 2 < sizeof(units)) {
		n /= 1024;
		i++;
	}
	buf_printf(out, i == 0 || n >= 100 ? "%.0f%c" : "%.1f%c", n,
	    units[i]);
}

/* The time of day of an instant; "-": none. */
static void
put_time(struct buf *out, const cJSON *object, const char *member)
{
	const char *at = json_text(json_get(object, member));

	if (at != NULL && strlen(at) >= strlen("2026-11-24T14:13:20"))
		buf_printf(out, "%.8s", at + strlen("2026-11-24T"));
	else
		buf_putc(out, '-');
}

/* --- the head ----------------------------------------------------------- */

/* Words of one line, as many as fit. */
struct words {
	struct buf	*out;
	size_t		 left;		/* cells */
	bool		 colors;
	bool		 begun;
};

static void
begin_words(struct words *w, struct buf *out, const struct ctl_screen *screen)
{
	*w = (struct words){ .out = out, .left = screen->width,
	    .colors = screen->colors };
}

/* Takes the text, which is left out if it does not fit. */
static void
put_words(struct words *w, struct buf *text, enum ctl_style style)
{
	struct buf clean = BUF_INIT;
	size_t cells;

	ctl_put_clean(&clean, buf_str(text));
	cells = ctl_cells(buf_str(&clean)) + (w->begun ? 2 : 0);
	if (cells <= w->left) {
		buf_puts(w->out, w->begun ? "  " : "");
		ctl_put_styled(w->out, buf_str(&clean), style, w->colors);
		w->left -= cells;
		w->begun = true;
	}
	buf_free(&clean);
	buf_free(text);
}

static void
put_named(struct words *w, const char *name, const char *text,
    enum ctl_style style)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s %s", name, text);
	put_words(w, &b, style);
}

static void
put_agent(struct buf *out, const cJSON *status,
    const struct ctl_screen *screen)
{
	const cJSON *disk = json_get(status, "disk");
	const char *version = json_text(json_get(status, "version"));
	const char *reason = json_text(json_get(disk, "reason"));
	struct buf b = BUF_INIT;
	struct words w;

	begin_words(&w, out, screen);
	put_named(&w, "heaprelay", version != NULL ? version : "", CTL_PLAIN);
	buf_puts(&b, "up ");
	put_seconds(&b, status, "uptime_seconds");
	put_words(&w, &b, CTL_PLAIN);
	if (cJSON_IsFalse(json_get(disk, "accepting")))
		put_named(&w, "NOT ACCEPTING:", reason != NULL ? reason : "",
		    CTL_BAD);
	buf_puts(&b, "database ");
	put_bytes(&b, value(disk, "database_bytes"));
	put_words(&w, &b, CTL_PLAIN);
	buf_puts(&b, "wal ");
	put_bytes(&b, value(disk, "wal_bytes"));
	put_words(&w, &b, CTL_PLAIN);
	buf_putc(out, '\n');
}

static void
put_counts(struct buf *out, const cJSON *status,
    const struct ctl_screen *screen)
{
	static const struct {
		const char	*name;
		enum ctl_style	 style;		/* unless there are none */
	} counts[] = {
		{ "queued", CTL_BUSY }, { "inflight", CTL_BUSY },
		{ "stuck", CTL_BAD }, { "delivered", CTL_GOOD },
		{ "skipped", CTL_PLAIN }, { "discarded", CTL_PLAIN },
	};
	const cJSON *events = json_get(status, "events");
	struct words w;
	size_t i;

	begin_words(&w, out, screen);
	for (i = 0; i < HR_COUNT(counts); i++)
		put_named(&w, counts[i].name, literal(events, counts[i].name),
		    value(events, counts[i].name) > 0 ? counts[i].style :
		    CTL_DIM);
	buf_putc(out, '\n');
}

static void
put_rates(struct buf *out, const cJSON *status,
    const struct ctl_screen *screen)
{
	const cJSON *rates = json_get(status, "rates");
	const cJSON *forecast = json_get(status, "forecast");
	const char *due = json_text(json_get(status, "oldest_due_since"));
	struct buf b = BUF_INIT;
	struct words w;

	begin_words(&w, out, screen);
	buf_printf(&b, "in %.1f batches/s",
	    value(rates, "batches_in_per_second"));
	put_words(&w, &b, CTL_PLAIN);
	buf_printf(&b, "out %.1f events/s",
	    value(rates, "events_out_per_second"));
	put_words(&w, &b, CTL_PLAIN);
	buf_puts(&b, "empty in ");
	put_seconds(&b, forecast, "seconds");
	put_words(&w, &b, CTL_PLAIN);
	if (due != NULL) {
		buf_puts(&b, "due since ");
		put_time(&b, status, "oldest_due_since");
		put_words(&w, &b, CTL_BUSY);
	}
	buf_putc(out, '\n');
}

/* --- tables ------------------------------------------------------------- */

static void
put_table(struct buf *out, struct ctl_table *t,
    const struct ctl_screen *screen)
{
	buf_putc(out, '\n');
	ctl_table_put(t, screen->width, screen->colors, out);
	ctl_table_free(t);
}

/* Takes the text. */
static void
add_made(struct ctl_table *t, struct buf *text, enum ctl_style style)
{
	ctl_table_cell(t, buf_str(text), style);
	buf_free(text);
}

static void
add_text(struct ctl_table *t, const cJSON *object, const char *member)
{
	const char *text = json_text(json_get(object, member));

	if (text != NULL && strcmp(text, "nothing") == 0)
		text = NULL;	/* what bounds a backlog that is none */
	ctl_table_cell(t, text, text != NULL ? CTL_PLAIN : CTL_DIM);
}

/* What the forecast says of a lane; NULL: nothing. */
static const cJSON *
forecast_of(const cJSON *status, const char *output, const char *lane)
{
	const cJSON *item, *lanes = json_get(json_get(status, "forecast"),
	    "lanes");
	const char *o, *l;

	cJSON_ArrayForEach(item, lanes) {
		o = json_text(json_get(item, "output"));
		l = json_text(json_get(item, "lane"));
		if (o != NULL && l != NULL && strcmp(o, output) == 0 &&
		    strcmp(l, lane) == 0)
			return item;
	}
	return NULL;
}

/* Of a lane whose output is paused, or which is frozen, that; otherwise its
 * breaker. */
static void
add_lane_state(struct ctl_table *t, const cJSON *output, const cJSON *lane)
{
	const cJSON *breaker = json_get(lane, "breaker");
	const char *state = json_text(json_get(breaker, "state"));
	struct buf text = BUF_INIT;
	enum ctl_style style = CTL_BAD;

	if (cJSON_IsTrue(json_get(output, "paused"))) {
		buf_puts(&text, "paused");
	} else if (json_get(lane, "frozen_until") != NULL) {
		buf_puts(&text, "frozen ");
		put_time(&text, lane, "frozen_until");
	} else {
		buf_puts(&text, state != NULL ? state : "-");
		if (json_get(breaker, "until") != NULL) {
			buf_putc(&text, ' ');
			put_time(&text, breaker, "until");
		}
		if (state != NULL && strcmp(state, "closed") == 0)
			style = CTL_GOOD;
	}
	add_made(t, &text, style);
}

static void
add_lane(struct ctl_table *t, const cJSON *status, const cJSON *output,
    const cJSON *lane)
{
	const char *o = json_text(json_get(output, "name"));
	const char *l = json_text(json_get(lane, "lane"));
	const cJSON *f = o != NULL && l != NULL ?
	    forecast_of(status, o, l) : NULL;
	struct buf text = BUF_INIT;

	ctl_table_cell(t, o, CTL_PLAIN);
	ctl_table_cell(t, l, CTL_PLAIN);
	add_lane_state(t, output, lane);
	ctl_table_cell(t, literal(lane, "inflight"), CTL_PLAIN);
	ctl_table_cell(t, literal(f, "queued"), CTL_PLAIN);
	put_seconds(&text, f, "seconds");
	add_made(t, &text, CTL_PLAIN);
	add_text(t, f, "bound_by");
	add_text(t, json_get(lane, "breaker"), "last_error");
}

static void
put_lanes(struct buf *out, const cJSON *status,
    const struct ctl_screen *screen)
{
	static const struct ctl_column columns[] = {
		{ "OUTPUT", false, 6, 0 }, { "LANE", false, 5, 3 },
		{ "STATE", false, 8, 0 }, { "INFLIGHT", true, 0, 4 },
		{ "QUEUED", true, 0, 0 }, { "DONE IN", true, 0, 1 },
		{ "BOUND BY", false, 8, 2 }, { "ERROR", false, 8, 5 },
	};
	struct ctl_table *t = ctl_table_new(columns, HR_COUNT(columns));
	const cJSON *output, *lane;

	cJSON_ArrayForEach(output, json_get(status, "outputs"))
		cJSON_ArrayForEach(lane, json_get(output, "lanes"))
			add_lane(t, status, output, lane);
	put_table(out, t, screen);
}

static void
add_window(struct ctl_table *t, const cJSON *output, const cJSON *window)
{
	double used = value(window, "used"), limit = value(window, "limit");
	int filled = limit > 0 ? (int)(used * BAR / limit) : 0, i;
	struct buf text = BUF_INIT;

	add_text(t, output, "name");
	add_text(t, window, "window");
	buf_putc(&text, '[');
	for (i = 0; i < BAR; i++)
		buf_putc(&text, i < filled ? '#' : '.');
	buf_putc(&text, ']');
	add_made(t, &text, used >= limit ? CTL_BUSY : CTL_PLAIN);
	ctl_table_cell(t, literal(window, "used"), CTL_PLAIN);
	ctl_table_cell(t, literal(window, "limit"), CTL_PLAIN);
	put_time(&text, window, "frees_at");
	add_made(t, &text, CTL_PLAIN);
}

static void
put_windows(struct buf *out, const cJSON *status,
    const struct ctl_screen *screen)
{
	static const struct ctl_column columns[] = {
		{ "OUTPUT", false, 6, 0 }, { "WINDOW", false, 6, 0 },
		{ "USE", false, 0, 2 }, { "USED", true, 0, 0 },
		{ "LIMIT", true, 0, 0 }, { "FREES", false, 0, 1 },
	};
	struct ctl_table *t = ctl_table_new(columns, HR_COUNT(columns));
	const cJSON *output, *window;

	cJSON_ArrayForEach(output, json_get(status, "outputs"))
		cJSON_ArrayForEach(window, json_get(output, "windows"))
			add_window(t, output, window);
	put_table(out, t, screen);
}

static int
more_first(const void *one, const void *other)
{
	const struct ctl_top_reason *a = one, *b = other;

	if (a->events != b->events)
		return a->events < b->events ? 1 : -1;
	return strcmp(a->reason, b->reason);
}

size_t
ctl_top_reasons(const cJSON *stuck, struct ctl_top_reason *r, size_t n)
{
	const char *reason;
	const cJSON *item;
	size_t i, found = 0;

	cJSON_ArrayForEach(item, stuck) {
		reason = json_text(json_get(item, "reason"));
		if (reason == NULL)
			continue;
		for (i = 0; i < found; i++)
			if (strcmp(r[i].reason, reason) == 0)
				break;
		if (i == n)
			continue;
		if (i == found)
			r[found++] = (struct ctl_top_reason){ reason, 0 };
		r[i].events++;
	}
	if (found > 0)
		qsort(r, found, sizeof(*r), more_first);
	return found;
}

static void
put_reasons(struct buf *out, const struct ctl_top_view *view,
    const struct ctl_screen *screen)
{
	struct ctl_top_reason r[REASONS];
	size_t i, n = ctl_top_reasons(view->stuck, r, REASONS);
	struct buf text = BUF_INIT;
	struct words w;

	if (n == 0)
		return;
	buf_putc(out, '\n');
	begin_words(&w, out, screen);
	if (value(json_get(view->status, "events"), "stuck") >
	    CTL_TOP_STUCK)
		buf_printf(&text, "of the newest %d stuck:", CTL_TOP_STUCK);
	else
		buf_puts(&text, "stuck:");
	put_words(&w, &text, CTL_PLAIN);
	for (i = 0; i < n; i++) {
		buf_printf(&text, "%s %zu", r[i].reason, r[i].events);
		put_words(&w, &text, CTL_BAD);
	}
	buf_putc(out, '\n');
}

static void
put_people(struct buf *out, const cJSON *people,
    const struct ctl_screen *screen)
{
	static const struct ctl_column columns[] = {
		{ "IDENTITY", false, 8, 0 }, { "OUTPUT", false, 6, 3 },
		{ "LANE", false, 5, 4 }, { "QUEUED", true, 0, 0 },
		{ "STUCK", true, 0, 2 }, { "DONE IN", true, 0, 0 },
		{ "BOUND BY", false, 8, 1 },
	};
	struct ctl_table *t = ctl_table_new(columns, HR_COUNT(columns));
	struct buf text = BUF_INIT;
	const cJSON *item;

	cJSON_ArrayForEach(item, people) {
		add_text(t, item, "identity");
		add_text(t, item, "output");
		add_text(t, item, "lane");
		ctl_table_cell(t, literal(item, "queued"), CTL_PLAIN);
		ctl_table_cell(t, literal(item, "stuck"), CTL_PLAIN);
		put_seconds(&text, item, "seconds");
		add_made(t, &text, CTL_PLAIN);
		add_text(t, item, "bound_by");
	}
	put_table(out, t, screen);
}

void
ctl_top_frame(struct buf *out, const struct ctl_top_view *view,
    const struct ctl_screen *screen)
{
	if (view->status == NULL)
		return;
	put_agent(out, view->status, screen);
	put_counts(out, view->status, screen);
	put_rates(out, view->status, screen);
	put_lanes(out, view->status, screen);
	put_windows(out, view->status, screen);
	put_reasons(out, view, screen);
	if (cJSON_GetArraySize(view->people) > 0)
		put_people(out, view->people, screen);
}
