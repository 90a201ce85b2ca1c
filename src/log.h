/*
 * log.h - what the program says of itself: lines and counters
 *
 * One event, one line on stderr: `module: what happened key=value ...`.
 * Never a body, an identity or a secret.
 */
#ifndef HR_LOG_H
#define HR_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "mem.h"

/* Exit statuses of the programs; the numbers of sysexits(3). */
enum exit_status {
	EXIT_USAGE	 = 64,
	EXIT_UNAVAILABLE = 69,	/* heaprelayctl: no agent answers */
	EXIT_INTERNAL	 = 70,	/* our own mistake, or no memory */
	EXIT_CANTCREATE	 = 73,
	EXIT_IO		 = 74,	/* a failed sync: nothing may be acknowledged */
	EXIT_RUNNING	 = 75,	/* another instance has the database */
	EXIT_PERMISSION	 = 77,
	EXIT_CONFIG	 = 78	/* or a schema newer than the program */
};

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_LOGFMT, LOG_JSON };

/* Before the first call: info, logfmt, program name "heaprelay". */
void	log_open(const char *program, enum log_level, enum log_format);
bool	log_enabled(enum log_level);

void	log_error(const char *fmt, ...) HR_PRINTF(1, 2);
void	log_warn(const char *fmt, ...) HR_PRINTF(1, 2);
void	log_info(const char *fmt, ...) HR_PRINTF(1, 2);
void	log_debug(const char *fmt, ...) HR_PRINTF(1, 2);

/*
 * log_value - a text of others as the value of key=value
 *
 * As it is, or in quotes if it is empty or has a blank, a quote, '=' or a
 * character that is not printable ASCII; the start of one that is very long.
 * NULL is the empty text.  Lent until the eighth call after this one.
 */
const char *log_value(const char *);

#define LOG_WINDOW_MS	10000	/* in which what repeats is summed up */
#define LOG_KEY		96	/* bytes of a key; what is over is cut off */

/*
 * log_often - one line of what may come very often
 *
 * The first of a key is written at once.  Those that follow within the window
 * are not, but the last of them is at its end, with repeated=N.  `key` says
 * what counts as the same ("dispatch frozen heap track").  `now` is boot ms.
 */
void	log_often(int64_t now, enum log_level, const char *key,
	    const char *fmt, ...) HR_PRINTF(4, 5);
/* Once a turn: writes what windows that are over have held back.  ms until
 * there is more of it; INT64_MAX: nothing is held back. */
int64_t	log_turn(int64_t now);
/* At the end: writes all that is held back. */
void	log_flush(void);

/* We cannot work here: one line, and exit with `status`. */
void	fatal(int status, const char *fmt, ...) HR_PRINTF(2, 3) HR_NORETURN;
/* Our own mistake: one line, and EXIT_INTERNAL at once. */
void	bug(const char *fmt, ...) HR_PRINTF(1, 2) HR_NORETURN;
/* There is no memory: one line, which needs none, and EXIT_INTERNAL at once. */
void	fatal_memory(size_t bytes) HR_NORETURN;

/*
 * Counters since start, one per line of stats.def; monotone, never reset.
 * They are shown by /metrics as heaprelay_<name>_total.
 */
enum stat_id {
#define STAT(name, help) STAT_##name,
#include "stats.def"
#undef STAT
	STAT_COUNT
};

void	 stat_add(enum stat_id, uint64_t n);
/* Of what is true only once the turn is durable: waits for stat_settle, which
 * counts it, or forgets it. */
void	 stat_later(enum stat_id, uint64_t n);
uint64_t stat_waiting(enum stat_id);
void	 stat_settle(bool durable);
uint64_t stat_get(enum stat_id);
const char *stat_name(enum stat_id);	/* lent for ever */
const char *stat_help(enum stat_id);	/* lent for ever */

#endif
