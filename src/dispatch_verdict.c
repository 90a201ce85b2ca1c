/*
 * dispatch_verdict.c - what an answer means, noted and then written
 *
 * Knows delivery.md sections 6 and 7.  A verdict is noted when the answer
 * comes: windows, breaker and freezes change at once.  It is written into the
 * next turn's transaction, and again into the one after if that fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch_private.h"
#include "log.h"

#define ASIDE_MAX	3	/* set aside by index before halving */
#define ANSWER_KEPT	1024	/* bytes of an answer that are kept */

/* For the log. */
static const char *
name_of(const struct lane *l)
{
	return l->output != NULL ? l->output->name : "-";
}

/* What is summed up together: what happened, by lane. */
static const char *
key_of(const struct lane *l, const char *what, char key[LOG_KEY])
{
	snprintf(key, LOG_KEY, "dispatch %lld %s", (long long)l->id, what);
	return key;
}

static void
count_answer(const struct flight *f)
{
	switch (f->verdict) {
	case RETRY_DELIVERED:
		stat_add(STAT_requests_ok, 1);
		break;
	case RETRY_REFUSED:
	case RETRY_ISOLATE:
	case RETRY_HALVE:
	case RETRY_TOO_LARGE:
		stat_add(STAT_requests_refused, 1);
		break;
	case RETRY_LIMITED:
		stat_add(STAT_requests_limited, 1);
		break;
	case RETRY_CONFIG:
	case RETRY_LATER:
		stat_add(STAT_requests_failed, 1);
		break;
	}
}

/* "503", or what failed. */
static const char *
failure_text(const struct flight *f, char *out, size_t size)
{
	if (f->answer.status == 0)
		snprintf(out, size, "%s", f->error);
	else
		snprintf(out, size, "HTTP %d", f->answer.status);
	return out;
}

/*
 * It left before the last probe, or by other settings than today's, and tells
 * nothing of the destination as it is now: that is what the probe is for.
 */
static bool
outdated(const struct flight *f)
{
	return f->era != f->lane->era;
}

/* While the breaker waits because everything is refused, one more refusal is
 * no sign of life. */
static bool
refusing(const struct lane *l)
{
	return l->breaker.state != BREAKER_CLOSED &&
	    l->breaker.cause == BREAKER_REFUSING;
}

static void
move_breaker(struct flight *f)
{
	struct lane *l = f->lane;
	int64_t now = f->ended.boot;
	char text[200];

	switch (f->verdict) {
	case RETRY_REFUSED:
	case RETRY_ISOLATE:
		if (refusing(l)) {
			breaker_open_as(&l->breaker, BREAKER_REFUSING,
			    failure_text(f, text, sizeof(text)), now);
			break;
		}
		breaker_success(&l->breaker);
		break;
	case RETRY_DELIVERED:
	case RETRY_HALVE:
	case RETRY_TOO_LARGE:
	case RETRY_LIMITED:
		breaker_success(&l->breaker);	/* it answers for itself */
		break;
	case RETRY_CONFIG:
		breaker_open_as(&l->breaker, BREAKER_CONFIG,
		    failure_text(f, text, sizeof(text)), now);
		break;
	case RETRY_LATER:
		breaker_failure(&l->breaker,
		    failure_text(f, text, sizeof(text)), now, f->random);
		break;
	}
}

#define REFUSING	20	/* lone refusals ... */
#define REFUSING_WHO	5	/* ... of so many identities open the breaker */

static size_t
identities_refused(const struct lane *l)
{
	size_t i, k, n = 0;

	for (i = 0; i < l->refused_n; i++) {
		for (k = 0; k < i; k++)
			if (l->refused[k].identity == l->refused[i].identity)
				break;
		n += k == i;
	}
	return n;
}

/* Notes an event that was refused alone; the oldest gives way. */
static void
keep_refused(struct lane *l, const struct queue_claimed *event)
{
	if (l->refused_n == REFUSED_KEPT) {
		memmove(l->refused, l->refused + 1,
		    (REFUSED_KEPT - 1) * sizeof(l->refused[0]));
		l->refused_n--;
	}
	l->refused[l->refused_n++] = *event;
}

/* If all are refused, whoever they are, the fault is not in the events. */
static void
note_refused(struct flight *f)
{
	struct lane *l = f->lane;
	char text[200];

	if (f->verdict == RETRY_DELIVERED && !l->unrefuse)
		l->refused_n = 0;
	if (f->verdict != RETRY_REFUSED)
		return;
	keep_refused(l, &f->events[0]);
	if (refusing(l)) {
		l->unrefuse = true;
	} else if (!outdated(f) && l->refused_n >= REFUSING &&
	    identities_refused(l) >= REFUSING_WHO) {
		l->unrefuse = true;
		breaker_open_as(&l->breaker, BREAKER_REFUSING,
		    failure_text(f, text, sizeof(text)), f->ended.boot);
	}
}

static void
note_breaker(struct flight *f)
{
	struct lane *l = f->lane;
	enum breaker_state before = l->breaker.state;
	char key[LOG_KEY];

	(void)lane_open_ms(l, f->ended.boot);	/* by the state before */
	if (f->lone_failure == 0 && !outdated(f))
		move_breaker(f);
	note_refused(f);
	if (l->breaker.state != before && before == BREAKER_CLOSED)
		blame_opened(l->blame);
	if (l->breaker.state != before)
		log_often(f->ended.boot, LOG_WARN,
		    key_of(l, breaker_name(l->breaker.state), key),
		    "dispatch: breaker output=%s lane=%s state=%s was=%s "
		    "error=%s", name_of(l), heap_lane_name(l->kind),
		    breaker_name(l->breaker.state), breaker_name(before),
		    log_value(l->breaker.last_error));
}

static bool
one_identity(const struct flight *f)
{
	return f->mentions_n == 1;
}

/*
 * 429: the windows may be used by somebody else as well.  Nothing goes for
 * the identity, or for the lane, until the window it may have hit is over.
 */
static void
note_limited(struct flight *f)
{
	struct lane *l = f->lane;
	const struct config_output *c = &f->app->settings;
	int64_t wait = retry_after(&f->answer), window;
	char key[LOG_KEY];

	if (l->kind == HEAP_TRACK)
		window = f->form == HEAP_BULK ? c->app_limit.window_ms :
		    c->track_limit.window_ms;
	else
		window = f->form == HEAP_BULK ?
		    c->properties_app_limit.window_ms :
		    c->properties_limit.window_ms;
	if (wait < window)
		wait = window;
	/* There was room, or it would not have been sent. */
	if (l->kind == HEAP_TRACK && f->form == HEAP_BULK)
		app_cut(f->app, f->ended.boot, wait);
	if (one_identity(f)) {
		app_hold(f->app, l->kind, f->mentions[0].identity, f->request,
		    f->ended.boot + wait, f->ended.boot);
	} else {
		/* Another flight's answer may have asked for longer. */
		if (l->frozen_until < f->ended.boot + wait)
			l->frozen_until = f->ended.boot + wait;
		if (++l->limited >= 2)
			l->carry = (f->mentions_n + 1) / 2;
		log_often(f->ended.boot, LOG_WARN, key_of(l, "frozen", key),
		    "dispatch: lane frozen output=%s lane=%s wait_ms=%lld "
		    "status=429", name_of(l), heap_lane_name(l->kind),
		    (long long)wait);
	}
}

/* What was held for the flight's sake is free, unless the answer froze it. */
static void
release_holds(struct flight *f)
{
	size_t i;

	if (f->lane->kind != HEAP_USER_PROPERTIES)
		return;
	for (i = 0; i < f->mentions_n; i++)
		app_unhold(f->app, f->lane->kind, f->mentions[i].identity,
		    f->request, f->ended.boot);
}

#define LONE_FAILURES	3	/* alone, while others pass: stuck */

/*
 * What fails again though others passed since is itself to blame: a proxy's
 * 403, a 500 that a payload causes.  Many are isolated as for a 400; one
 * alone is tried three times.  Neither holds the lane.
 */
static void
find_blame(struct flight *f)
{
	if (outdated(f) || !blame_failure(f->lane->blame, f, &f->lone_failure))
		return;
	f->verdict = f->events_n > 1 ? RETRY_ISOLATE : RETRY_LATER;
}

/* The lane's destination took one: what was learnt from failures is over. */
static void
note_passed(struct flight *f)
{
	if (!outdated(f))
		blame_pass(f->lane->blame, f);
	f->lane->limited = 0;
	f->lane->carry = 0;
}

/* Bytes of one UTF-8 character at p; 0: it is none, or a control. */
static size_t
character(const char *p, size_t len)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t n = u[0] < 0x80 ? 1 : u[0] >= 0xc2 && u[0] < 0xe0 ? 2 :
	    u[0] >= 0xe1 && u[0] < 0xed ? 3 : u[0] >= 0xf1 && u[0] < 0xf4 ?
	    4 : 0, i;

	if (n == 0 || n > len || u[0] < 0x20 || u[0] == 0x7f)
		return 0;
	for (i = 1; i < n; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* The start of an answer as text for people; what is no text (and the few
 * characters whose validity takes more than a look) becomes a question mark.
 * Given. */
static char *
answer_text(const char *p, size_t len)
{
	struct buf out = BUF_INIT;
	size_t n;

	if (len > ANSWER_KEPT)
		len = ANSWER_KEPT;
	while (len > 0) {
		n = character(p, len);
		if (n > 0)
			buf_put(&out, p, n);
		else
			buf_putc(&out, *p == '\n' || *p == '\t' ? ' ' : '?');
		n = n > 0 ? n : 1;
		p += n;
		len -= n;
	}
	return buf_steal(&out);
}

static void
copy_answer(struct flight *f, const struct sender_result *r)
{
	int64_t ms;

	f->answer.status = r->status;
	f->answer.never_left = r->never_left;
	f->answer.retry_after_ms = -1;
	if (r->has_retry_after && retry_after_parse(r->retry_after,
	    f->ended.wall, &ms))
		f->answer.retry_after_ms = ms;
	snprintf(f->error, sizeof(f->error), "%s", r->error);
	f->text = r->body_len > 0 ? answer_text(r->body, r->body_len) : NULL;
}

void
verdict_note(void *arg, const struct sender_result *r)
{
	struct flight *f = arg;
	struct lane *l = f->lane;

	/* Not the turn's time: that may have been read before Heap counted
	 * this, and the window would open too early by as much. */
	clock_forget();
	f->ended = clock_now();
	f->duration_ms = r->duration_ms;
	copy_answer(f, r);
	f->verdict = retry_judge(&f->answer, f->events_n > 1);
	f->random = l->dispatch->random();
	f->state = FLIGHT_ANSWERED;
	if (f->answer.never_left)
		app_cancel(f);
	else
		app_end(f);
	if (f->verdict == RETRY_LIMITED)
		note_limited(f);
	if (f->verdict == RETRY_LATER || f->verdict == RETRY_CONFIG)
		find_blame(f);
	if (f->verdict == RETRY_DELIVERED)
		note_passed(f);
	release_holds(f);
	note_breaker(f);
	count_answer(f);
	log_debug("dispatch: answer request=%lld status=%d verdict=%s "
	    "events=%zu duration_ms=%lld", (long long)f->request, r->status,
	    retry_verdict_name(f->verdict), f->events_n,
	    (long long)r->duration_ms);
}

/* Of many refused together: which event the named object belongs to. */
static bool
event_of_object(const struct flight *f, size_t object, size_t *event)
{
	size_t i, first = 0;

	for (i = 0; i < f->events_n; i++) {
		first += f->events[i].objects;
		if (object < first) {
			*event = i;
			return true;
		}
	}
	return false;
}

static void
suspect(struct flight *f, const struct queue_end *e, int64_t aside,
    int64_t last_index, size_t from, size_t to, size_t but)
{
	int64_t *ids = xcalloc(f->events_n, sizeof(*ids));
	size_t i, n = 0;

	for (i = from; i < to; i++)
		if (i != but)
			ids[n++] = f->events[i].event;
	queue_suspect(f->lane->dispatch->queue, e, aside, last_index, ids, n);
	free(ids);
}

/*
 * One of many is bad.  Heap's text may name it: it is set aside and the rest
 * goes again.  Without an index, or when indexes lead nowhere, halve.
 */
static void
isolate(struct flight *f, const struct queue_end *e)
{
	int64_t aside = 0, last_index = -1;
	size_t index, bad, none = SIZE_MAX, half = f->events_n / 2;

	if (f->group != 0)
		queue_group_history(f->lane->dispatch->queue, f->group,
		    &aside, &last_index);
	if (f->verdict == RETRY_ISOLATE && f->text != NULL &&
	    heap_answer_index(f->lane->kind, f->text, strlen(f->text),
	    &index) && event_of_object(f, index, &bad) &&
	    aside < ASIDE_MAX && (int64_t)index != last_index) {
		suspect(f, e, ASIDE_MAX, -1, bad, bad + 1, none);
		suspect(f, e, aside + 1, (int64_t)index, 0, f->events_n, bad);
	} else {
		suspect(f, e, aside, -1, 0, half, none);
		suspect(f, e, aside, -1, half, f->events_n, none);
	}
}

/* Backoff, or Retry-After if that is later; the due time, wall ms. */
static int64_t
retry_at(struct flight *f)
{
	const struct config_output *c = &f->lane->settings;
	int64_t failures = queue_failures(f->lane->dispatch->queue,
	    f->request) + 1;
	int64_t wait = retry_backoff(c->backoff_base_ms, c->backoff_max_ms,
	    failures, f->random);

	if (wait < retry_after(&f->answer))
		wait = retry_after(&f->answer);
	return f->ended.wall + wait;
}

static void
write_failed(struct flight *f, const struct queue_end *e)
{
	struct lane *l = f->lane;
	int64_t open_ms = lane_open_ms(l, f->ended.boot);

	f->reason = "expired";
	f->retried = queue_failed(l->dispatch->queue, e, retry_at(f), open_ms,
	    l->settings.give_up_after_ms, &f->stuck);
	queue_lane_open_ms(l->dispatch->queue, l->id, open_ms);
}

static void
stick(struct flight *f, const struct queue_end *e, const char *reason)
{
	f->reason = reason;
	f->stuck = queue_stuck(f->lane->dispatch->queue, e, reason);
}

static void
write_events(struct flight *f, const struct queue_end *e)
{
	struct queue *q = f->lane->dispatch->queue;

	f->delivered = f->retried = f->stuck = 0;
	switch (f->verdict) {
	case RETRY_DELIVERED:
		if (f->slice_end != 0)
			queue_slice_delivered(q, e, f->events[0].event,
			    f->slice_end);
		else
			f->delivered = queue_delivered(q, e);
		break;
	case RETRY_REFUSED:
		stick(f, e, "refused");
		break;
	case RETRY_TOO_LARGE:
		stick(f, e, "too_large");
		break;
	case RETRY_ISOLATE:
	case RETRY_HALVE:
		isolate(f, e);
		break;
	case RETRY_CONFIG:
	case RETRY_LIMITED:
		queue_back(q, e, 0);
		break;
	case RETRY_LATER:
		if (f->lone_failure >= LONE_FAILURES)
			stick(f, e, "failing");
		else
			write_failed(f, e);
		break;
	}
}

/*
 * Whoever waited for what was in flight is looked at again, whichever output
 * it belongs to.  So is everybody in it, if some of it is queued again: its
 * place is that of when it was received, which is to come when the clock was
 * set back since.
 */
static void
wake(const struct flight *f)
{
	struct dispatch *d = f->lane->dispatch;
	bool again = f->verdict != RETRY_DELIVERED || f->slice_end != 0;
	int64_t above = again ? f->ended.wall : PARKED;
	struct lane *l;
	size_t i;

	TAILQ_FOREACH(l, &d->lanes, link) {
		if (l->app != f->app || l->kind != f->lane->kind)
			continue;
		l->groups_at = 0;
		for (i = 0; i < f->mentions_n; i++)
			queue_wake(d->queue, l->id, f->mentions[i].identity,
			    above, f->ended.wall);
	}
}

void
verdict_write(struct flight *f)
{
	struct queue *q = f->lane->dispatch->queue;
	struct queue_end e;

	memset(&e, 0, sizeof(e));
	e.request = f->request;
	e.lane = f->lane->id;
	e.kind = f->lane->kind;
	e.status = f->answer.status;
	e.never_left = f->answer.never_left;
	e.verdict = retry_verdict_name(f->verdict);
	e.error = f->error[0] != '\0' ? f->error : NULL;
	e.answer = f->text;
	e.ended = f->ended;
	queue_end(q, &e);
	write_events(f, &e);
	wake(f);
	f->lane->inflight--;
	f->state = FLIGHT_WRITTEN;
}

static void
count_durations(const struct flight *f)
{
	struct dispatch_durations *d = &f->lane->dispatch->durations;
	size_t i;

	if (!f->answer.never_left)
		histogram_note(&d->request[f->lane->kind],
		    f->duration_ms * 1000, 1);
	if (f->verdict != RETRY_DELIVERED || f->slice_end != 0)
		return;
	for (i = 0; i < f->events_n; i++)
		histogram_note(&d->delivery,
		    (f->ended.wall - f->events[i].received_at) * 1000, 1);
}

/* Heap's own text stays out of the log: it may quote what it was sent. */
static void
say(const struct flight *f)
{
	const struct lane *l = f->lane;
	char key[LOG_KEY];

	if (f->stuck > 0)
		log_often(f->ended.boot, LOG_WARN, key_of(l, f->reason, key),
		    "dispatch: stuck output=%s lane=%s request=%lld "
		    "reason=%s status=%d events=%lld", name_of(l),
		    heap_lane_name(l->kind), (long long)f->request, f->reason,
		    f->answer.status, (long long)f->stuck);
	else if (f->verdict == RETRY_LATER || f->verdict == RETRY_CONFIG)
		log_often(f->ended.boot, LOG_INFO, key_of(l, "failed", key),
		    "dispatch: failed output=%s lane=%s request=%lld "
		    "status=%d events=%zu error=%s", name_of(l),
		    heap_lane_name(l->kind), (long long)f->request,
		    f->answer.status, f->events_n, log_value(f->error));
}

void
verdict_settled(const struct flight *f)
{
	count_durations(f);
	stat_add(STAT_events_delivered, (uint64_t)f->delivered);
	stat_add(STAT_events_retried, (uint64_t)f->retried);
	stat_add(STAT_events_stuck, (uint64_t)f->stuck);
	say(f);
}
