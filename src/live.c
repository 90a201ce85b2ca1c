/*
 * live.c - the live stream: a ring of notes, many readers
 *
 * Knows what has been noted, what of it is on disk, and how far each reader
 * has come.  Each reader has a place in the ring, so whoever is slow holds up
 * nobody and costs no memory: when the ring comes round to that place, what
 * was there is lost to the reader, and counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "live_private.h"
#include "log.h"

#define LINES_A_TURN	256	/* a turn has other things to do */
#define PENDING_MAX	65536	/* bytes that wait for a reader's socket */
#define SILENCE_MS	15000	/* then something is said, to keep it open */
#define RETRY_MS	100	/* the database cannot be read just now */
#define FROZEN_MS	1000	/* a later end than known, that is told */

/* No answer is for a cache, or to be taken for something else. */
#define HEADERS	"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"

struct reader {
	struct live	*live;
	struct http_request *request;
	struct live_filter filter;	/* its texts are the reader's */
	uint64_t	 next;		/* the line it is to be told next */
	uint64_t	 lost;		/* lines, not told of yet */
	int64_t		 said_at;	/* boot ms; when it was told anything */
	bool		 full;		/* takes no more in this turn */
	LIST_ENTRY(reader) link;
};

/* A lane as it was told last. */
struct known_lane {
	int64_t		 lane;
	enum breaker_state breaker;
	int64_t		 frozen_until;	/* wall ms; 0: it was not */
	bool		 paused;
};

/* Lines are numbered as they are noted.  Line n lies in ring[n % size] until
 * line n + size is written; its id is n + 1. */
struct live {
	struct inspect	*inspect;
	struct live_note *ring;
	size_t		 size;
	uint64_t	 first;		/* the lowest number */
	uint64_t	 told;		/* lines below it are on disk */
	uint64_t	 noted;		/* ... below it are this turn's */
	uint64_t	 written;	/* the highest `noted` there was; what a
					 * turn undoes is written over again */
	uint64_t	 batch;		/* the line of the last batch */
	LIST_HEAD(, reader) readers;
	size_t		 readers_n;
	struct known_lane *lane;
	size_t		 lanes;
	struct live_line line;		/* what is told just now */
	struct buf	 text;		/* the same as it is sent */
};

struct live *
live_new(struct inspect *in, size_t lines, uint64_t last_id)
{
	struct live *l = xcalloc(1, sizeof(*l));

	l->inspect = in;
	l->size = lines;
	l->ring = xcalloc(lines, sizeof(*l->ring));
	l->first = l->told = l->noted = l->written = last_id;
	l->line.memory = arena_new();
	LIST_INIT(&l->readers);
	return l;
}

static void
note_free(struct live_note *n)
{
	free(n->members);
	free(n->output);
}

static void
reader_free(struct reader *r)
{
	int i;

	LIST_REMOVE(r, link);
	r->live->readers_n--;
	for (i = 0; i < LIVE_MEMBERS; i++)
		free((char *)r->filter.member[i]);
	free(r);
}

void
live_free(struct live *l)
{
	size_t i;

	if (l == NULL)
		return;
	if (!LIST_EMPTY(&l->readers))
		bug("live: readers outlive the stream");
	for (i = 0; i < l->size; i++)
		note_free(&l->ring[i]);
	free(l->ring);
	free(l->lane);
	arena_free(l->line.memory);
	buf_free(&l->line.json);
	buf_free(&l->text);
	free(l);
}

/* --- what happens --------------------------------------------------------- */

static struct live_note *
note_at(struct live *l, uint64_t line)
{
	return &l->ring[line % l->size];
}

/* The first line that is still in the ring. */
static uint64_t
oldest(const struct live *l)
{
	return l->written - l->first > l->size ? l->written - l->size :
	    l->first;
}

static struct live_note *
note(struct live *l, enum live_kind kind, int64_t id)
{
	struct live_note *n = note_at(l, l->noted++);

	if (l->noted > l->written)
		l->written = l->noted;
	note_free(n);
	memset(n, 0, sizeof(*n));
	n->kind = kind;
	n->id = id;
	return n;
}

/* The name of a state, for ever. */
static const char *
state_name(const char *state)
{
	const char *name;
	int i;

	for (i = 0; state != NULL && i < INSPECT_STATES; i++) {
		name = inspect_count_name((enum inspect_count)i);
		if (strcmp(name, state) == 0)
			return name;
	}
	return NULL;
}

/* What came in otherwise than queued is counted with its batch, which was
 * noted just before. */
static void
count_with_batch(struct live *l, const struct queue_sight *s)
{
	struct live_note *b = note_at(l, l->batch);

	if (l->batch < oldest(l) || b->kind != LIVE_BATCH)
		return;
	if (strcmp(s->state, "stuck") == 0)
		b->batch.stuck++;
	else
		b->batch.skipped++;
}

static void
note_event(struct live *l, const struct queue_sight *s)
{
	struct live_note *n = note(l, LIVE_EVENT, s->id);
	const char *reason = s->reason != NULL ? s->reason : "";

	n->event.was = state_name(s->was);
	n->event.state = state_name(s->state);
	n->event.request = s->request;
	n->event.due_at = s->due_at;
	n->event.attempts = (int32_t)s->attempts;
	n->event.status = (int16_t)s->status;
	n->event.suspect = s->suspect;
	memcpy(n->event.reason, reason, strnlen(reason, LIVE_REASON - 1));
	if (s->was == NULL)
		count_with_batch(l, s);
}

void
live_seen(const struct queue_sight *s, void *arg)
{
	struct live *l = arg;

	switch (s->what) {
	case QUEUE_SAW_BATCH:
		l->batch = l->noted;
		note(l, LIVE_BATCH, s->id);
		break;
	case QUEUE_SAW_EVENT:
		note_event(l, s);
		break;
	case QUEUE_SAW_AUDIT:
		note(l, LIVE_AGENT, s->id);
		break;
	}
}

void
live_undone(void *arg)
{
	struct live *l = arg;

	l->noted = l->told;
}

void
live_committed(struct live *l, int64_t now)
{
	uint64_t i = l->told;

	if (i < oldest(l))
		i = oldest(l);
	for (; i < l->noted; i++)
		note_at(l, i)->at = now;
	l->told = l->noted;
}

/* --- breakers ------------------------------------------------------------- */

/* What is known of the lane; one that is seen first was as it should be. */
static struct known_lane *
known(struct live *l, int64_t lane)
{
	size_t i;

	for (i = 0; i < l->lanes; i++)
		if (l->lane[i].lane == lane)
			return &l->lane[i];
	l->lane = xreallocarray(l->lane, l->lanes + 1, sizeof(*l->lane));
	l->lane[l->lanes] = (struct known_lane){ .lane = lane };
	return &l->lane[l->lanes++];
}

static void
look_at_lane(const struct dispatch_lane *lane, void *arg)
{
	struct live *l = arg;
	struct known_lane *k = known(l, lane->lane);
	bool moved = lane->breaker->state != k->breaker;
	bool frozen = lane->frozen_until > k->frozen_until + FROZEN_MS;
	struct live_note *n;

	if (moved || frozen || lane->paused != k->paused) {
		n = note(l, LIVE_OUTPUT, 0);
		n->members = live_members_output(lane, moved ?
		    breaker_name(k->breaker) : NULL);
		n->output = xstrdup(lane->output);
	}
	k->breaker = lane->breaker->state;
	k->frozen_until = lane->frozen_until;
	k->paused = lane->paused;
}

/* --- readers -------------------------------------------------------------- */

/* false: it is full. */
static bool
put(struct reader *r, const char *p, size_t len, struct moment now)
{
	r->full = !http_stream_put(r->request, p, len, PENDING_MAX);
	if (!r->full)
		r->said_at = now.boot;
	return !r->full;
}

/* Counts what the ring has taken from the reader, and tells it. */
static void
tell_lost(struct reader *r, struct moment now)
{
	uint64_t first = oldest(r->live), lost;
	char text[100];
	int len;

	if (r->next < first) {
		lost = first - r->next;
		r->lost += lost;
		r->next = first;
		stat_add(STAT_live_lost, lost);
	}
	if (r->lost == 0)
		return;
	len = snprintf(text, sizeof(text),
	    "event: lost\nid: %llu\ndata: {\"lines\":%llu}\n\n",
	    (unsigned long long)r->next, (unsigned long long)r->lost);
	if (put(r, text, (size_t)len, now))
		r->lost = 0;
}

/* The line that comes next for any reader that takes more; false: none. */
static bool
next_line(const struct live *l, uint64_t *line)
{
	const struct reader *r;
	bool found = false;

	LIST_FOREACH(r, &l->readers, link) {
		if (r->full || r->next >= l->told ||
		    (found && r->next >= *line))
			continue;
		*line = r->next;
		found = true;
	}
	return found;
}

/* Makes the line; INSPECT_NONE: there is nothing to tell. */
static enum inspect_answer
make(struct live *l, uint64_t line)
{
	enum inspect_answer made = live_line_make(&l->line, l->inspect,
	    note_at(l, line));

	if (made != INSPECT_OK)
		return made;
	buf_reset(&l->text);
	buf_printf(&l->text, "event: %s\nid: %llu\ndata: ",
	    live_kind_name(l->line.kind), (unsigned long long)line + 1);
	buf_put(&l->text, l->line.json.p, l->line.json.len);
	buf_puts(&l->text, "\n\n");
	return INSPECT_OK;
}

/* Those that have come to the line get it; who is full gets it again. */
static void
hand_out(struct live *l, uint64_t line, bool made, struct moment now)
{
	struct reader *r;

	LIST_FOREACH(r, &l->readers, link) {
		if (r->full || r->next != line)
			continue;
		if (!made || !live_line_fits(&l->line, &r->filter) ||
		    put(r, l->text.p, l->text.len, now))
			r->next++;
	}
}

/* Some of what is new to the readers; ms until there is more to tell. */
static int64_t
tell(struct live *l, struct moment now)
{
	enum inspect_answer made;
	struct reader *r;
	uint64_t line = 0;
	int n;

	LIST_FOREACH(r, &l->readers, link) {
		r->full = false;
		tell_lost(r, now);
	}
	for (n = 0; n < LINES_A_TURN && next_line(l, &line); n++) {
		made = make(l, line);
		if (made == INSPECT_FAILED)
			return RETRY_MS;
		hand_out(l, line, made == INSPECT_OK, now);
	}
	return next_line(l, &line) ? 0 : INT64_MAX;
}

/* A comment for those who have heard nothing for long; ms until the next. */
static int64_t
keep_alive(struct live *l, struct moment now)
{
	int64_t wait = INT64_MAX, left;
	struct reader *r;

	LIST_FOREACH(r, &l->readers, link) {
		/* Who is full has something to take. */
		if (now.boot - r->said_at >= SILENCE_MS &&
		    !put(r, ":\n\n", 3, now))
			r->said_at = now.boot;
		left = r->said_at + SILENCE_MS - now.boot;
		if (left < wait)
			wait = left;
	}
	return wait;
}

int64_t
live_turn(struct live *l, struct dispatch *d, struct moment now)
{
	int64_t more, silent;

	dispatch_each(d, now, look_at_lane, l);
	live_committed(l, now.wall);
	if (LIST_EMPTY(&l->readers))
		return INT64_MAX;
	more = tell(l, now);
	silent = keep_alive(l, now);
	return more < silent ? more : silent;
}

static void
on_gone(struct http_request *rq, void *arg)
{
	(void)rq;
	reader_free(arg);
}

bool
live_open(struct live *l, struct http_request *rq,
    const struct live_filter *filter, size_t recent, struct moment now)
{
	static const struct http_answer head = { .status = 200,
	    .content_type = "text/event-stream", .headers = HEADERS };
	struct reader *r;
	char place[40];
	int i, len;

	if (l->readers_n == LIVE_READERS)
		return false;
	r = xcalloc(1, sizeof(*r));
	r->live = l;
	r->request = rq;
	r->filter = *filter;
	for (i = 0; i < LIVE_MEMBERS; i++)
		if (filter->member[i] != NULL)
			r->filter.member[i] = xstrdup(filter->member[i]);
	r->next = oldest(l);
	if (l->told > r->next && l->told - r->next > recent)
		r->next = l->told - recent;
	r->said_at = now.boot;
	LIST_INSERT_HEAD(&l->readers, r, link);
	l->readers_n++;
	http_stream(rq, &head, on_gone, r);
	len = snprintf(place, sizeof(place), "id: %llu\n\n",
	    (unsigned long long)r->next);
	(void)put(r, place, (size_t)len, now);
	return true;
}

size_t
live_readers(const struct live *l)
{
	return l->readers_n;
}
