/*
 * test_admin_words.c - the sentences of why: each state, reason and hold
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "admin_why.h"

#define NOW	INT64_C(1700000000000)	/* 2023-11-14T22:13:20Z */
#define S	1000

static void
assert_told(const char *row, const struct why_facts *f, const char *by,
    int64_t until, const char *sentence)
{
	struct why_told t = { .blocked_by = NULL };

	why_tell(&t, f);
	if (strcmp(buf_str(&t.sentence), sentence) != 0)
		fail_msg("%s: %s", row, buf_str(&t.sentence));
	if ((by == NULL) != (t.blocked_by == NULL) ||
	    (by != NULL && strcmp(by, t.blocked_by) != 0))
		fail_msg("%s: blocked by %s", row, t.blocked_by != NULL ?
		    t.blocked_by : "nothing");
	if (by != NULL && t.until != until)
		fail_msg("%s: until %lld", row, (long long)t.until);
	buf_free(&t.sentence);
}

/* --- queued ------------------------------------------------------------- */

/* Unless a row says otherwise, of this event. */
static struct inspect_event
queued_event(void)
{
	return (struct inspect_event){ .state = "queued", .output = "heap",
	    .identity = "ada", .objects = 1, .left = 1 };
}

#define HOLDS(bound)	.forecast = { .bound_by = bound,		\
	.leaves_at = NOW + 30 * S }
#define OPEN(what)	.breaker = { .state = what, .last_error = "HTTP 503" }
#define UNTIL		.breaker_until = NOW + 60 * S

static const struct {
	const char	*row;
	struct why_facts facts;		/* its event is added */
	const char	*blocked_by;
	int64_t		 until;
	const char	*sentence;
} holds[] = {
	{ "nothing", { HOLDS(DISPATCH_NOTHING) }, NULL, 0,
	    "Nothing holds it; it leaves when its turn comes." },
	{ "a place", { HOLDS(DISPATCH_NOTHING), .place = { .events = 1240,
	    .objects = 1240 } }, NULL, 0, "Nothing holds it; it leaves when "
	    "its turn comes behind 1,240 objects." },
	{ "flights", { HOLDS(DISPATCH_NOTHING), .full = true,
	    .max_in_flight = 4 }, "flight", WHY_UNKNOWN, "As many requests "
	    "are on their way as max_in_flight allows (4); it leaves when "
	    "one of them is answered and its turn comes." },
	{ "output", { HOLDS(DISPATCH_OUTPUT) }, "output", WHY_UNKNOWN,
	    "Output heap is not in the configuration; it waits until that is "
	    "back, or until it is discarded." },
	{ "pause", { HOLDS(DISPATCH_PAUSE) }, "pause", WHY_UNKNOWN, "Output "
	    "heap is paused; it waits until somebody resumes it." },
	{ "a pause comes before a breaker", { HOLDS(DISPATCH_PAUSE),
	    OPEN(BREAKER_OPEN) }, "pause", WHY_UNKNOWN, "Output heap is "
	    "paused; it waits until somebody resumes it." },
	{ "erased", { HOLDS(DISPATCH_ORDER), .erased = true }, "flight",
	    WHY_UNKNOWN, "Its identity is being erased; nothing more is sent "
	    "for it, and it goes with it." },
	{ "order", { HOLDS(DISPATCH_ORDER) }, "order", WHY_UNKNOWN, "An "
	    "earlier update of its identity is on its way; properties keep "
	    "their order, so it leaves when that one is answered." },

	{ "identity_limit", { .forecast = { .bound_by =
	    DISPATCH_IDENTITY_LIMIT, .leaves_at = NOW + 30 * S,
	    .identity = 7 }, .place = { .objects = 1, .events = 1 } },
	    "window", NOW + 30 * S, "It waits for identity_limit of its "
	    "identity behind 1 object and leaves at 22:13:50Z at the "
	    "earliest." },
	{ "a long backlog", { .forecast = { .bound_by =
	    DISPATCH_IDENTITY_LIMIT, .leaves_at = NOW + 86400 * S,
	    .identity = 7 }, .place = { .objects = 1000000,
	    .events = INSPECT_MANY } }, "window", NOW + 86400 * S, "It waits "
	    "for identity_limit of its identity behind more than 1,000,000 "
	    "objects and leaves at 2023-11-15T22:13:20Z at the earliest." },
	{ "app_limit", { HOLDS(DISPATCH_APP_LIMIT) }, "window",
	    NOW + 30 * S, "It waits for app_limit of its app and leaves at "
	    "22:13:50Z at the earliest." },
	{ "track_limit", { .forecast = { .bound_by = DISPATCH_TRACK_LIMIT,
	    .leaves_at = NOW + 500, .identity = 7 } }, "window", NOW + 500,
	    "It waits for track_limit of its identity and leaves at "
	    "22:13:21Z at the earliest." },
	{ "properties_limit", { .forecast = { .bound_by =
	    DISPATCH_PROPERTIES_LIMIT, .leaves_at = NOW + 30 * S,
	    .identity = 7 } }, "window", NOW + 30 * S, "It waits for "
	    "properties_limit of its identity and leaves at 22:13:50Z at the "
	    "earliest." },
	{ "properties_app_limit", { HOLDS(DISPATCH_PROPERTIES_APP_LIMIT) },
	    "window", NOW + 30 * S, "It waits for properties_app_limit of "
	    "its app and leaves at 22:13:50Z at the earliest." },
	{ "a shared app", { .shared = true, .forecast = { .bound_by =
	    DISPATCH_IDENTITY_LIMIT, .leaves_at = NOW + 30 * S,
	    .identity = 7 } }, "window", NOW + 30 * S, "It waits for "
	    "identity_limit of its identity, which another output uses as "
	    "well, and leaves at about 22:13:50Z." },
	{ "a window in flight", { .forecast = { .bound_by =
	    DISPATCH_APP_LIMIT, .leaves_at = NOW + 30 * S, .flying = true } },
	    "flight", WHY_UNKNOWN, "It waits for app_limit of its app, which "
	    "requests that are on their way use until they are answered; it "
	    "leaves at about 22:13:50Z." },

	{ "a frozen lane", { HOLDS(DISPATCH_FROZEN) }, "window",
	    NOW + 30 * S, "Heap answered 429, too many requests, for many "
	    "identities; nothing is sent to that endpoint until 22:13:50Z." },
	{ "a frozen identity", { .forecast = { .bound_by = DISPATCH_FROZEN,
	    .leaves_at = NOW + 30 * S, .identity = 7 } }, "window",
	    NOW + 30 * S, "Heap answered 429, too many requests, for its "
	    "identity; nothing is sent for it until 22:13:50Z." },

	{ "open", { HOLDS(DISPATCH_BREAKER), OPEN(BREAKER_OPEN), UNTIL },
	    "breaker", NOW + 60 * S, "Heap failed several times in a row "
	    "(HTTP 503) and the breaker is open; a probe is sent at "
	    "22:14:20Z, and when it arrives, the rest follows." },
	{ "open, due", { HOLDS(DISPATCH_BREAKER), OPEN(BREAKER_OPEN) },
	    "breaker", WHY_UNKNOWN, "Heap failed several times in a row "
	    "(HTTP 503) and the breaker is open; a probe is sent next, and "
	    "when it arrives, the rest follows." },
	{ "a breaker comes before a window", { HOLDS(DISPATCH_APP_LIMIT),
	    OPEN(BREAKER_OPEN), UNTIL }, "breaker", NOW + 60 * S, "Heap "
	    "failed several times in a row (HTTP 503) and the breaker is "
	    "open; a probe is sent at 22:14:20Z, and when it arrives, the "
	    "rest follows." },
	{ "config", { HOLDS(DISPATCH_BREAKER), .breaker = { .state =
	    BREAKER_CONFIG, .last_error = "HTTP 404" }, UNTIL }, "breaker",
	    NOW + 60 * S, "Heap's answer (HTTP 404) looks as if output heap "
	    "were misconfigured; mend its settings and reload; a probe is "
	    "sent at 22:14:20Z." },
	{ "refusing", { HOLDS(DISPATCH_BREAKER), .breaker = { .state =
	    BREAKER_REFUSING, .last_error = "HTTP 400" }, UNTIL }, "breaker",
	    NOW + 60 * S, "Heap refuses everything that is sent (HTTP 400), "
	    "so the fault is not in the events; mend the cause and probe the "
	    "output; a probe is sent at 22:14:20Z anyway." },
	{ "half open", { HOLDS(DISPATCH_BREAKER), .breaker = { .state =
	    BREAKER_HALF_OPEN, .cause = BREAKER_OPEN, .last_error =
	    "HTTP 503" } }, "breaker", WHY_UNKNOWN, "Heap failed several "
	    "times in a row (HTTP 503); a probe is on its way, and when it "
	    "arrives, the rest follows." },
	{ "half open, config", { HOLDS(DISPATCH_BREAKER), .breaker = {
	    .state = BREAKER_HALF_OPEN, .cause = BREAKER_CONFIG,
	    .last_error = "HTTP 404" } }, "breaker", WHY_UNKNOWN, "Heap's "
	    "answer (HTTP 404) looks as if output heap were misconfigured; a "
	    "probe is on its way, and when it arrives, the rest follows." },
	{ "half open, refusing", { HOLDS(DISPATCH_BREAKER), .breaker = {
	    .state = BREAKER_HALF_OPEN, .cause = BREAKER_REFUSING,
	    .last_error = "HTTP 400" } }, "breaker", WHY_UNKNOWN, "Heap "
	    "refuses everything that is sent (HTTP 400), so the fault is not "
	    "in the events; a probe is on its way, and when it arrives, the "
	    "rest follows." },
};

static void
why_tell_has_words_for_each_hold(void **state)
{
	struct inspect_event e = queued_event();
	struct why_facts f;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(holds); i++) {
		f = holds[i].facts;
		f.event = &e;
		f.now = NOW;
		assert_told(holds[i].row, &f, holds[i].blocked_by,
		    holds[i].until, holds[i].sentence);
	}
}

/* --- whichever depends on the event itself ------------------------------ */

#define TO_COME	.state = "queued", .output = "heap"
#define SENT	.attempts = 1, .objects = 1, .left = 1
#define WORDS	.what = "this was wrong", .hint = "do that"

static const struct {
	struct inspect_event event;
	enum dispatch_bound bound_by;
	const char	*blocked_by;
	int64_t		 until;
	const char	*sentence;
} events[] = {
	/* Queued. */
	{ { TO_COME, SENT, .due_at = NOW + 9 * S, .last_status = 503,
	    .last_error = "busy" }, DISPATCH_BACKOFF, "backoff",
	    NOW + 9 * S, "Its last request failed (Heap answered 503: "
	    "\"busy\"); it is sent again at 22:13:29Z, after a pause that "
	    "grows with each failure." },
	{ { TO_COME, SENT, .due_at = NOW + 9 * S, .last_error =
	    "Timeout was reached" }, DISPATCH_BACKOFF, "backoff",
	    NOW + 9 * S, "Its last request failed (no answer came: \"Timeout "
	    "was reached\"); it is sent again at 22:13:29Z, after a pause "
	    "that grows with each failure." },
	{ { TO_COME, .due_at = NOW + 9 * S }, DISPATCH_BACKOFF, "backoff",
	    NOW + 9 * S, "An update that was merged into it had failed; it "
	    "is sent at 22:13:29Z." },
	{ { TO_COME, SENT, .suspect = true }, DISPATCH_NOTHING, NULL, 0,
	    "Nothing holds it; Heap refused it together with others, so it "
	    "is sent apart from them to find the one that is to blame." },
	{ { TO_COME, .next_at = NOW + 9 * S }, DISPATCH_NOTHING, "window",
	    NOW + 9 * S, "There was no room for the next event of its "
	    "identity, which is looked at again at 22:13:29Z." },
	{ { TO_COME, .next_at = INT64_MAX / 4 }, DISPATCH_NOTHING, "flight",
	    WHY_UNKNOWN, "Requests of its identity are on their way; it "
	    "leaves when they are answered." },
	{ { TO_COME, .attempts = 3, .objects = 4500, .left = 1500 },
	    DISPATCH_NOTHING, NULL, 0, "Nothing holds it; it leaves when its "
	    "turn comes; it goes in slices, and about 3,000 of its 4,500 "
	    "objects have arrived." },

	/* In flight. */
	{ { .state = "inflight", SENT }, DISPATCH_NOTHING, "flight",
	    WHY_UNKNOWN, "It is on its way to Heap, whose answer decides; "
	    "without one it is sent again." },
	{ { .state = "inflight", .attempts = 2, .objects = 2000,
	    .left = 1000 }, DISPATCH_NOTHING, "flight", WHY_UNKNOWN, "It is "
	    "on its way to Heap, whose answer decides; without one it is "
	    "sent again; it goes in slices, and about 1,000 of its 2,000 "
	    "objects have arrived." },

	/* Stuck. */
	{ { .state = "stuck", .reason = "refused", WORDS, SENT,
	    .last_status = 400, .last_error = "bad \"name\"" }, 0, NULL, 0,
	    "It is stuck (refused): this was wrong (Heap answered 400: \"bad "
	    "\"name\"\"); do that." },
	{ { .state = "stuck", .reason = "too_large", WORDS, SENT,
	    .last_status = 413 }, 0, NULL, 0, "It is stuck (too_large): this "
	    "was wrong (Heap answered 413); do that." },
	{ { .state = "stuck", .reason = "expired", WORDS, SENT,
	    .last_error = "Could not resolve host" }, 0, NULL, 0, "It is "
	    "stuck (expired): this was wrong (no answer came: \"Could not "
	    "resolve host\"); do that." },
	{ { .state = "stuck", .reason = "no_identity", WORDS }, 0, NULL, 0,
	    "It is stuck (no_identity): this was wrong; do that." },
	{ { .state = "stuck", .reason = "new_one" }, 0, NULL, 0, "It is "
	    "stuck (new_one): it needs somebody to look at it; replay it or "
	    "discard it." },
	{ { .state = "stuck" }, 0, NULL, 0, "It is stuck (no reason): it "
	    "needs somebody to look at it; replay it or discard it." },

	/* Over. */
	{ { .state = "skipped", .reason = "merged", WORDS,
	    .merged_into = 17 }, 0, NULL, 0, "It is over (merged): event 17, "
	    "a newer update of its identity, carries it." },
	{ { .state = "skipped", .reason = "duplicate", WORDS }, 0, NULL, 0,
	    "It is over (duplicate): this was wrong; do that." },
	{ { .state = "skipped", .reason = "new_one" }, 0, NULL, 0, "It is "
	    "over (new_one): it is not to be sent; nothing is to be done." },
	{ { .state = "delivered", .ended_at = NOW }, 0, NULL, 0, "It is "
	    "over: Heap has it since 2023-11-14T22:13:20.000Z." },
	{ { .state = "discarded", .ended_at = NOW }, 0, NULL, 0, "It is "
	    "over: it was discarded at 2023-11-14T22:13:20.000Z." },
};

static void
why_tell_has_words_for_each_state(void **state)
{
	struct why_facts f = { .now = NOW };
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(events); i++) {
		f.event = &events[i].event;
		f.forecast.bound_by = events[i].bound_by;
		assert_told(events[i].sentence, &f, events[i].blocked_by,
		    events[i].until, events[i].sentence);
	}
}

/* Of a long answer the start is told, but no half of a character. */
static void
why_tell_cuts_a_long_answer_between_characters(void **state)
{
	struct inspect_event e = { .state = "stuck", .reason = "refused",
	    .attempts = 1, .last_status = 400 };
	struct why_facts f = { .event = &e, .now = NOW };
	struct why_told t = { .blocked_by = NULL };
	char answer[300];
	(void)state;

	memset(answer, 'x', sizeof(answer));
	memcpy(answer + 199, "\xc3\xa9", 2);
	answer[sizeof(answer) - 1] = '\0';
	e.last_error = answer;
	why_tell(&t, &f);

	answer[199] = '\0';
	assert_non_null(strstr(buf_str(&t.sentence), answer));
	assert_non_null(strstr(buf_str(&t.sentence), "x...\")"));
	assert_null(strchr(buf_str(&t.sentence), '\xc3'));
	buf_free(&t.sentence);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(why_tell_has_words_for_each_hold),
		cmocka_unit_test(
		    why_tell_has_words_for_each_state),
		cmocka_unit_test(
		    why_tell_cuts_a_long_answer_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
