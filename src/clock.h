/*
 * clock.h - the turn's time
 *
 * Read once a turn, by who asks first; every later call of the turn gets the
 * same answer, until an answer of Heap's has it read anew.  Only main, intake
 * and dispatch ask; the rest is handed `now`.
 */
#ifndef HR_CLOCK_H
#define HR_CLOCK_H

#include <stdint.h>

#include "mem.h"

/*
 * One moment on both clocks.  `wall` is what people read and what is stored
 * with events (ms since the epoch, UTC); it may be stepped.  `boot` measures
 * spans (ms of CLOCK_BOOTTIME: monotone, counts suspends); rate windows use
 * nothing else.
 */
struct moment {
	int64_t	wall;
	int64_t	boot;
};

struct moment clock_now(void);
void	clock_forget(void);		/* the next clock_now reads anew */
void	clock_turn(void);		/* the same, and a turn begins */
/* Microseconds since the turn's time was read first, which is when it had
 * something to do; 0: it was not. */
int64_t	clock_turn_us(void);
void	clock_set(struct moment);	/* tests: from now on, this */

/* Identifies this boot of the machine: spans of one boot do not compare
 * with those of another.  Lent for ever. */
const char *clock_boot_id(void);
void	clock_set_boot_id(const char *);	/* tests; kept for ever */

/* Microseconds that rise with time, for measuring what happens within a turn.
 * Nothing is decided by it but how long a commit waits for more (gather.h).
 * After clock_set they are those of its `boot`. */
int64_t	clock_stopwatch(void);

#define CLOCK_TEXT	32
/* RFC 3339 in UTC with milliseconds into out[CLOCK_TEXT]; returns out. */
const char *clock_text(int64_t wall, char *out);
/* RFC 3339 (any offset, 0 to 9 fraction digits) to ms; false: not one. */
bool	clock_parse(const char *text, int64_t *wall);

#endif
