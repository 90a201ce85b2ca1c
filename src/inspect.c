/*
 * inspect.c - read-only: everything an operator looks at
 *
 * Knows which statement answers which question, and when to give up.  A list
 * of events is a walk down the ids that judges each event; where a state has
 * few events, only those are judged, by way of the state's index.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "inspect_private.h"

/* A state with fewer events is read through its index and sorted, which takes
 * a few ms at most. */
#define FEW		10000
/* Virtual machine steps between looks at the clock: some 10 us. */
#define STEPS		1000
#define BUSY		5

/* A list of events while it is made. */
struct walk {
	struct inspect	*in;
	struct store	*store;
	const struct filter *filter;
	struct inspect_page *page;
	inspect_event_visit *visit;
	void		*arg;
	size_t		 n;		/* events handed over */
	int64_t		 last;		/* the last id that was judged */
	bool		 stopped;	/* there may be more below it */
};

/* The turn's clock stands still while a question is answered. */
static int64_t
read_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * Has the question had its time?  Where others have the processor, that is no
 * fault of the question, and giving up would end what was about to be done:
 * it may take BUSY times as long then, as it may where it waits for the disk.
 */
static int
on_progress(void *arg)
{
	const struct inspect *in = arg;
	int64_t took = read_ms(CLOCK_MONOTONIC) - in->asked_at;

	if (took < in->patience_ms)
		return 0;
	return took >= in->patience_ms * BUSY ||
	    read_ms(CLOCK_THREAD_CPUTIME_ID) - in->asked_cpu >=
	    in->patience_ms;
}

int
inspect_open(struct inspect **out, struct store *writer, struct why *why)
{
	struct inspect *in = xcalloc(1, sizeof(*in));
	const char *path = store_path(writer);

	in->writer = writer;
	in->patience_ms = INSPECT_PATIENCE_MS;
	if (strcmp(path, STORE_MEMORY) != 0) {
		if (store_open(&in->reader, path, STORE_READ, 0, why) != 0) {
			free(in);
			return -1;
		}
		sqlite3_progress_handler(store_db(in->reader), STEPS,
		    on_progress, in);
	}
	*out = in;
	return 0;
}

void
inspect_close(struct inspect *in)
{
	if (in == NULL)
		return;
	store_close(in->reader);
	free(in);
}

void
inspect_set_patience(struct inspect *in, int64_t ms)
{
	in->patience_ms = ms;
}

const char *
inspect_error(const struct inspect *in)
{
	return in->error.text;
}

struct store *
inspect_ask(struct inspect *in, enum inspect_view view)
{
	struct store *s = in->reader;

	in->error.text[0] = '\0';
	in->asked_at = read_ms(CLOCK_MONOTONIC);
	in->asked_cpu = read_ms(CLOCK_THREAD_CPUTIME_ID);
	if (view == INSPECT_TURN || s == NULL)
		s = in->writer;
	store_ask(s);
	return s;
}

enum inspect_answer
inspect_judge(struct inspect *in, const struct store *s, bool list)
{
	if (store_interrupted(s) && !list) {
		why_set(&in->error, "it took too long");
		return INSPECT_FAILED;
	}
	/* A writing store remembers old failures, too. */
	if (s != in->writer && store_error(s)[0] != '\0') {
		why_set(&in->error, "%s", store_error(s));
		return INSPECT_FAILED;
	}
	return INSPECT_OK;
}

static const char *
text(sqlite3_stmt *st, int column)
{
	return (const char *)sqlite3_column_text(st, column);
}

/* --- events ----------------------------------------------------------- */

/* The columns of inspect_event. */
static void
read_event(sqlite3_stmt *st, struct inspect_event *e)
{
	e->id = sqlite3_column_int64(st, 0);
	e->output = text(st, 1);
	e->lane = text(st, 2);
	e->identity = text(st, 3);
	e->name = text(st, 4);
	e->objects = sqlite3_column_int64(st, 5);
	e->state = text(st, 6);
	e->reason = text(st, 7);
	e->attempts = sqlite3_column_int64(st, 8);
	e->due_at = sqlite3_column_int64(st, 9);
	e->last_status = sqlite3_column_int64(st, 10);
	e->last_error = text(st, 11);
	e->input = text(st, 12);
	e->environment = text(st, 13);
	e->received_at = sqlite3_column_int64(st, 14);
	e->event_at = sqlite3_column_int64(st, 15);
	e->ended_at = sqlite3_column_int64(st, 16);
	e->batch = sqlite3_column_int64(st, 17);
	e->receipt_id = text(st, 18);
	e->generation = sqlite3_column_int64(st, 19);
	e->merged_into = sqlite3_column_int64(st, 20);
	e->lane_id = sqlite3_column_int64(st, 21);
	e->event_index = sqlite3_column_type(st, 22) == SQLITE_NULL ? -1 :
	    sqlite3_column_int64(st, 22);
	e->suspect = sqlite3_column_type(st, 23) != SQLITE_NULL;
	e->paused = sqlite3_column_type(st, 24) != SQLITE_NULL;
	e->next_at = sqlite3_column_int64(st, 25);
	e->left = sqlite3_column_int64(st, 26);
	e->payload = text(st, 27);
	e->payload_len = (size_t)sqlite3_column_bytes(st, 27);
	e->body = text(st, 28);
	e->body_len = (size_t)sqlite3_column_bytes(st, 28);
	e->what = text(st, 29);
	e->hint = text(st, 30);
}

/* false: it is not there, or the question must end. */
static bool
visit_event(struct store *s, int64_t id, bool whole,
    inspect_event_visit *visit, void *arg)
{
	sqlite3_stmt *st = store_sql(s, SQL_INSPECT_EVENT);
	struct inspect_event e;
	bool found;

	store_int(st, ":id", id);
	store_int(st, ":whole", whole);
	found = store_row(s, st);
	if (found) {
		read_event(st, &e);
		visit(&e, arg);
	}
	sqlite3_reset(st);
	return found;
}

/* The filter's parameters; statement texts are borrowed for the walk. */
static sqlite3_stmt *
match_statement(struct walk *w, int64_t first, int64_t last)
{
	sqlite3_stmt *st = store_sql(w->store, SQL_INSPECT_MATCH);

	store_filter(st, w->filter);
	store_int(st, ":first", first);
	store_int(st, ":last", last);
	return st;
}

/* Judges the events of a range, newest first; false: the walk is over. */
static bool
walk_range(struct walk *w, int64_t first, int64_t last)
{
	sqlite3_stmt *st = match_statement(w, first, last);
	int64_t id;

	while (!w->stopped && store_row(w->store, st)) {
		id = sqlite3_column_int64(st, 0);
		if (sqlite3_column_int(st, 1) != 0) {
			/* The first that has no room tells that there is
			 * another page. */
			if (w->n == w->page->limit ||
			    !visit_event(w->store, id, false, w->visit,
			    w->arg)) {
				w->stopped = true;
				break;
			}
			w->n++;
		}
		w->last = id;
	}
	sqlite3_reset(st);
	w->stopped |= store_interrupted(w->store);
	return !w->stopped;
}

/* The statement for the ids of a state with few events; NULL: it has many, or
 * no state was asked for. */
static sqlite3_stmt *
few_of_state(struct walk *w)
{
	const char *state = w->filter->state;
	sqlite3_stmt *st;
	int64_t n = FEW;

	if (state == NULL)
		return NULL;
	st = store_sql(w->store, SQL_INSPECT_COUNT);
	store_text(st, ":state", state);
	if (store_row(w->store, st))
		n = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	if (n >= FEW)
		return NULL;
	if (strcmp(state, "queued") == 0) {
		st = store_sql(w->store, SQL_INSPECT_QUEUED);
	} else if (strcmp(state, "inflight") == 0) {
		st = store_sql(w->store, SQL_INSPECT_INFLIGHT);
	} else if (strcmp(state, "stuck") == 0) {
		st = store_sql(w->store, SQL_INSPECT_STUCK);
	} else {
		st = store_sql(w->store, SQL_INSPECT_ENDED);
		store_text(st, ":state", state);
	}
	store_int(st, ":before", w->page->before);
	return st;
}

enum inspect_answer
inspect_events(struct inspect *in, const struct filter *filter,
    struct inspect_page *page, inspect_event_visit *visit, void *arg)
{
	struct walk w = { .in = in, .filter = filter, .page = page,
	    .visit = visit, .arg = arg, .last = page->before };
	sqlite3_stmt *few;
	int64_t id;

	w.store = inspect_ask(in, INSPECT_COMMITTED);
	few = few_of_state(&w);
	if (few == NULL) {
		walk_range(&w, 1, page->before - 1);
	} else {
		while (store_row(w.store, few)) {
			id = sqlite3_column_int64(few, 0);
			if (!walk_range(&w, id, id))
				break;
		}
		sqlite3_reset(few);
		w.stopped |= store_interrupted(w.store);
	}
	page->next = w.stopped ? w.last : 0;
	return inspect_judge(in, w.store, true);
}

enum inspect_answer
inspect_event(struct inspect *in, enum inspect_view view, int64_t id,
    inspect_event_visit *visit, void *arg)
{
	struct store *s = inspect_ask(in, view);

	if (visit_event(s, id, true, visit, arg))
		return INSPECT_OK;
	return inspect_judge(in, s, false) == INSPECT_OK ? INSPECT_NONE :
	    INSPECT_FAILED;
}

/* --- requests --------------------------------------------------------- */

/* The columns of inspect_requests and inspect_event_requests. */
static void
read_request(sqlite3_stmt *st, struct inspect_request *r)
{
	r->id = sqlite3_column_int64(st, 0);
	r->output = text(st, 1);
	r->lane = text(st, 2);
	r->form = text(st, 3);
	r->events = sqlite3_column_int64(st, 4);
	r->objects = sqlite3_column_int64(st, 5);
	r->bytes = sqlite3_column_int64(st, 6);
	r->parent = sqlite3_column_int64(st, 7);
	r->started_at = sqlite3_column_int64(st, 8);
	r->ended_at = sqlite3_column_int64(st, 9);
	r->duration_ms = sqlite3_column_type(st, 10) == SQLITE_NULL ? -1 :
	    sqlite3_column_int64(st, 10);
	r->status = sqlite3_column_int64(st, 11);
	r->never_left = sqlite3_column_int(st, 12) != 0;
	r->verdict = text(st, 13);
	r->error = text(st, 14);
	r->answer = text(st, 15);
}

enum inspect_answer
inspect_requests(struct inspect *in, struct inspect_page *page,
    inspect_request_visit *visit, void *arg)
{
	struct store *s = inspect_ask(in, INSPECT_COMMITTED);
	sqlite3_stmt *st = store_sql(s, SQL_INSPECT_REQUESTS);
	struct inspect_request r;
	int64_t last = page->before;
	size_t n = 0;

	page->next = 0;
	store_int(st, ":before", page->before);
	while (store_row(s, st)) {
		if (n++ == page->limit) {
			page->next = last;
			break;
		}
		read_request(st, &r);
		visit(&r, arg);
		last = r.id;
	}
	sqlite3_reset(st);
	if (store_interrupted(s))
		page->next = last;
	return inspect_judge(in, s, true);
}

enum inspect_answer
inspect_event_requests(struct inspect *in, enum inspect_view view,
    int64_t event, inspect_request_visit *visit, void *arg)
{
	struct store *s = inspect_ask(in, view);
	sqlite3_stmt *st = store_sql(s, SQL_INSPECT_EVENT_REQUESTS);
	struct inspect_request r;

	store_int(st, ":event", event);
	store_int(st, ":n", INSPECT_REQUESTS);
	while (store_row(s, st)) {
		read_request(st, &r);
		visit(&r, arg);
	}
	return inspect_judge(in, s, false);
}

/* --- counts ----------------------------------------------------------- */

/* As table `tally` has them. */
static const char *const count_names[INSPECT_COUNTS] = {
	[INSPECT_QUEUED] = "queued",
	[INSPECT_INFLIGHT] = "inflight",
	[INSPECT_DELIVERED] = "delivered",
	[INSPECT_STUCK] = "stuck",
	[INSPECT_DISCARDED] = "discarded",
	[INSPECT_SKIPPED] = "skipped",
	[INSPECT_ACCEPTED] = "accepted",
	[INSPECT_PRUNED] = "pruned",
	[INSPECT_ERASED] = "erased",
};

const char *
inspect_count_name(enum inspect_count count)
{
	return count_names[count];
}

static void
read_counts(struct store *s, int64_t output, int64_t count[INSPECT_COUNTS])
{
	sqlite3_stmt *st = store_sql(s, SQL_INSPECT_OUTPUT_COUNTS);
	int i;

	memset(count, 0, INSPECT_COUNTS * sizeof(*count));
	store_int(st, ":output", output);
	while (store_row(s, st)) {
		for (i = 0; i < INSPECT_COUNTS; i++)
			if (strcmp(text(st, 0), count_names[i]) == 0)
				count[i] = sqlite3_column_int64(st, 1);
	}
}

/* The one of that name, or all (NULL); how many. */
static size_t
visit_outputs(struct store *s, const char *name, inspect_output_visit *visit,
    void *arg)
{
	sqlite3_stmt *st = store_sql(s, SQL_INSPECT_OUTPUTS);
	struct inspect_output o;
	size_t n = 0;

	store_text(st, ":name", name);
	while (store_row(s, st)) {
		read_counts(s, sqlite3_column_int64(st, 0), o.count);
		o.name = text(st, 1);
		o.app_id = text(st, 2);
		o.base_url = text(st, 3);
		o.factor = sqlite3_column_double(st, 4);
		o.paused_at = sqlite3_column_int64(st, 5);
		visit(&o, arg);
		n++;
	}
	return n;
}

enum inspect_answer
inspect_outputs(struct inspect *in, inspect_output_visit *visit, void *arg)
{
	struct store *s = inspect_ask(in, INSPECT_COMMITTED);

	visit_outputs(s, NULL, visit, arg);
	return inspect_judge(in, s, false);
}

enum inspect_answer
inspect_output(struct inspect *in, enum inspect_view view, const char *name,
    inspect_output_visit *visit, void *arg)
{
	struct store *s = inspect_ask(in, view);

	if (visit_outputs(s, name, visit, arg) > 0)
		return INSPECT_OK;
	return inspect_judge(in, s, false) == INSPECT_OK ? INSPECT_NONE :
	    INSPECT_FAILED;
}

enum inspect_answer
inspect_due(struct inspect *in, int64_t now, inspect_due_visit *visit,
    void *arg)
{
	struct store *s = inspect_ask(in, INSPECT_COMMITTED);
	sqlite3_stmt *st = store_sql(s, SQL_INSPECT_DUE);

	store_int(st, ":now", now);
	while (store_row(s, st))
		visit(text(st, 0), sqlite3_column_int64(st, 1), arg);
	return inspect_judge(in, s, false);
}

static void
take_oldest(const char *output, int64_t since, void *arg)
{
	int64_t *oldest = arg;

	(void)output;
	if (since != 0 && (*oldest == 0 || since < *oldest))
		*oldest = since;
}

enum inspect_answer
inspect_oldest_due(struct inspect *in, int64_t now, int64_t *since)
{
	*since = 0;
	return inspect_due(in, now, take_oldest, since);
}
