/*
 * dispatch_operate.c - what operators ask for: pause, resume, probe
 *
 * Knows what a pause and an early probe mean for the lanes of an output, and
 * how they are taken back when their turn is not stored.
 */
#include <string.h>

#include "dispatch_private.h"

static bool
belongs_to(const struct lane *l, const char *output)
{
	return l->output != NULL && strcmp(l->output->name, output) == 0;
}

/* What has been open so far has, under the state before. */
static void
set_paused(struct lane *l, bool paused, int64_t now)
{
	(void)lane_open_ms(l, now);
	l->paused = paused;
}

/* Room that is kept for an event which may not leave is for the others of the
 * app; it may wait for its turn anew. */
static void
give_room_back(const struct lane *l)
{
	struct shortage *s = &l->app->shortage[l->kind];

	if (s->lane == l)
		memset(s, 0, sizeof(*s));
}

bool
dispatch_pause(struct dispatch *d, const char *output, bool paused,
    struct moment now, int64_t *since)
{
	struct lane *l;

	if (!queue_output_paused(d->queue, output, since))
		return false;
	if (paused != (*since != 0))
		queue_pause_output(d->queue, output, paused, now.wall);
	TAILQ_FOREACH(l, &d->lanes, link) {
		if (!belongs_to(l, output))
			continue;
		set_paused(l, paused, now.boot);
		if (paused)
			give_room_back(l);
	}
	return true;
}

static enum dispatch_probe
probe(struct lane *l, int64_t now)
{
	if (l->breaker.state == BREAKER_CLOSED)
		return DISPATCH_PROBE_CLOSED;
	if (l->breaker.state == BREAKER_HALF_OPEN)
		return DISPATCH_PROBE_OUT;
	if (!l->probe_asked)
		l->until_before = l->breaker.until;
	l->probe_asked = true;
	breaker_probe_now(&l->breaker, now);
	return DISPATCH_PROBE_NOW;
}

bool
dispatch_probe(struct dispatch *d, const char *output, struct moment now,
    enum dispatch_probe done[HEAP_LANES])
{
	struct lane *l;
	bool found = false;

	TAILQ_FOREACH(l, &d->lanes, link) {
		if (!belongs_to(l, output))
			continue;
		done[l->kind] = probe(l, now.boot);
		found = true;
	}
	return found;
}

void
operate_end(struct dispatch *d, bool durable, int64_t now)
{
	struct lane *l;

	TAILQ_FOREACH(l, &d->lanes, link) {
		if (durable)
			l->paused_on_disk = l->paused;
		else if (l->paused != l->paused_on_disk)
			set_paused(l, l->paused_on_disk, now);
		if (!durable && l->probe_asked)
			l->breaker.until = l->until_before;
		l->probe_asked = false;
	}
}
