/*
 * log.c - what the program says of itself: lines and counters
 *
 * Knows stderr and how a line looks.  The only globals of the program besides
 * the clock: both are about the process, not about its work.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

static const char *log_program = "heaprelay";
static enum log_level log_level = LOG_INFO;
static enum log_format log_format = LOG_LOGFMT;
static uint64_t stats[STAT_COUNT];
static uint64_t waiting[STAT_COUNT];

static const char *const level_names[] = { "error", "warn", "info", "debug" };

static const struct {
	const char *name;
	const char *help;
} stat_table[] = {
#define STAT(name, help) { #name, help },
#include "stats.def"
#undef STAT
};

void
log_open(const char *program, enum log_level level, enum log_format format)
{
	log_program = program;
	log_level = level;
	log_format = format;
}

bool
log_enabled(enum log_level level)
{
	return level <= log_level;
}

/* A message is one line whatever texts of others are in it. */
static void
put_plain_text(struct buf *b, const char *s)
{
	const unsigned char *p;

	for (p = (const unsigned char *)s; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f)
			buf_printf(b, "\\u%04x", *p);
		else
			buf_putc(b, (char)*p);
	}
}

static void
put_json_text(struct buf *b, const char *s)
{
	const unsigned char *p;

	buf_putc(b, '"');
	for (p = (const unsigned char *)s; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			buf_printf(b, "\\%c", *p);
		else if (*p < 0x20)
			buf_printf(b, "\\u%04x", *p);
		else
			buf_putc(b, (char)*p);
	}
	buf_putc(b, '"');
}

/* One write(2) a line, so that lines of several processes do not mix. */
static void HR_PRINTF(2, 0)
emit(enum log_level level, const char *fmt, va_list ap)
{
	struct buf message = BUF_INIT, line = BUF_INIT;
	struct timespec ts;
	struct tm tm;
	char stamp[40];
	size_t n;

	if (!log_enabled(level))
		return;
	buf_vprintf(&message, fmt, ap);
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(stamp + n, sizeof(stamp) - n, ".%03ldZ",
	    ts.tv_nsec / 1000000);

	if (log_format == LOG_JSON) {
		buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\","
		    "\"program\":\"%s\",\"message\":", stamp,
		    level_names[level], log_program);
		put_json_text(&line, buf_str(&message));
		buf_puts(&line, "}\n");
	} else {
		buf_printf(&line, "%s %s %s: ", stamp, level_names[level],
		    log_program);
		put_plain_text(&line, buf_str(&message));
		buf_putc(&line, '\n');
	}
	if (write(STDERR_FILENO, line.p, line.len) == -1) {
		/* Nowhere left to say so. */
	}
	buf_free(&message);
	buf_free(&line);
}

#define LOG_FUNCTION(name, level)					\
void									\
name(const char *fmt, ...)						\
{									\
	va_list ap;							\
									\
	va_start(ap, fmt);						\
	emit(level, fmt, ap);						\
	va_end(ap);							\
}

LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)

void
fatal(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_ERROR, fmt, ap);
	va_end(ap);
	exit(status);
}

void
bug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_ERROR, fmt, ap);
	va_end(ap);
	abort();
}

void
stat_add(enum stat_id stat, uint64_t n)
{
	stats[stat] += n;
}

void
stat_later(enum stat_id stat, uint64_t n)
{
	waiting[stat] += n;
}

uint64_t
stat_waiting(enum stat_id stat)
{
	return waiting[stat];
}

void
stat_settle(bool durable)
{
	size_t i;

	for (i = 0; i < STAT_COUNT; i++) {
		if (durable)
			stats[i] += waiting[i];
		waiting[i] = 0;
	}
}

uint64_t
stat_get(enum stat_id stat)
{
	return stats[stat];
}

const char *
stat_name(enum stat_id stat)
{
	return stat_table[stat].name;
}

const char *
stat_help(enum stat_id stat)
{
	return stat_table[stat].help;
}
