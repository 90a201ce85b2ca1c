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
	EXIT_INTERNAL	 = 70,
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

/* We cannot work here: one line, and exit with `status`. */
void	fatal(int status, const char *fmt, ...) HR_PRINTF(2, 3) HR_NORETURN;
/* Our own mistake: one line, and abort. */
void	bug(const char *fmt, ...) HR_PRINTF(1, 2) HR_NORETURN;

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
