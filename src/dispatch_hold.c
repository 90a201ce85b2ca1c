/*
 * dispatch_hold.c - identities for which nothing leaves for now
 *
 * Knows who they are, over reloads too.  Why, is the business of whoever asks;
 * what is out ends as usual.
 */
#include <stdlib.h>
#include <string.h>

#include "dispatch_private.h"

#define HOLDER	0	/* stands for a request: those have ids from 1 on */

static bool
among(const int64_t *list, size_t n, int64_t identity)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (list[i] == identity)
			return true;
	return false;
}

static void
hold(struct dispatch *d, int64_t identity, int64_t now)
{
	struct app *a;
	int kind;

	TAILQ_FOREACH(a, &d->apps, link)
		for (kind = 0; kind < HEAP_LANES; kind++)
			app_hold(a, (enum heap_lane)kind, identity, HOLDER,
			    RATE_NEVER, now);
}

static void
unhold(struct dispatch *d, int64_t identity, int64_t now)
{
	struct app *a;
	int kind;

	TAILQ_FOREACH(a, &d->apps, link)
		for (kind = 0; kind < HEAP_LANES; kind++)
			app_unhold(a, (enum heap_lane)kind, identity, HOLDER,
			    now);
}

void
dispatch_hold(struct dispatch *d, const int64_t *identities, size_t n,
    struct moment now)
{
	struct lane *l;
	size_t i;

	for (i = 0; i < d->held_n; i++)
		if (!among(identities, n, d->held[i]))
			unhold(d, d->held[i], now.boot);
	for (i = 0; i < n; i++)
		if (!among(d->held, d->held_n, identities[i]))
			hold(d, identities[i], now.boot);
	d->held = xreallocarray(d->held, n + 1, sizeof(*d->held));
	if (n > 0)
		memcpy(d->held, identities, n * sizeof(*d->held));
	d->held_n = n;
	/* Groups under suspicion were waiting for some of them. */
	TAILQ_FOREACH(l, &d->lanes, link)
		l->groups_at = 0;
}

bool
dispatch_held(const struct dispatch *d, int64_t identity)
{
	return among(d->held, d->held_n, identity);
}

void
hold_anew(struct dispatch *d, int64_t now)
{
	size_t i;

	for (i = 0; i < d->held_n; i++) {
		unhold(d, d->held[i], now);
		hold(d, d->held[i], now);
	}
}
