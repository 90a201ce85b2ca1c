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

#define SUMS	64		/* keys that are summed up at once */
#define VALUES	8		/* that one line may have */
#define VALUE_MAX 1024		/* bytes of a value that are shown */
#define STAMP	40		/* holds a moment of any year */

/* What was said once and comes again, until its window ends. */
static struct sum {
	char		 key[LOG_KEY];
	enum log_level	 level;
	int64_t		 ends_at;	/* boot ms */
	uint64_t	 repeated;	/* not written */
	struct buf	 last;		/* of these */
} sums[SUMS];
static size_t sums_n;

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

/* Bytes of the UTF-8 character at `p`, which a NUL ends; 0: it is none. */
static size_t
character(const unsigned char *p)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] < 0xe0 ? 2 :
	    p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ?
	    4 : 0, i;

	for (i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than need be, a surrogate, beyond the last. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/*
 * Text of others as part of a line: no control character of it, by which a
 * line or a terminal would be had, and nothing that is not UTF-8.  `quoted`
 * are the characters that get a backslash.  Stops after `max` bytes.
 */
static void
put_text(struct buf *b, const char *s, const char *quoted, size_t max)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t start = b->len, n;

	for (; *p != '\0' && b->len - start < max; p += n > 0 ? n : 1) {
		n = character(p);
		if (n == 0)
			buf_puts(b, "\xef\xbf\xbd");	/* U+FFFD */
		else if (*p < 0x20 || *p == 0x7f)
			buf_printf(b, "\\u%04x", *p);
		else if (*p == 0xc2 && p[1] < 0xa0)
			buf_printf(b, "\\u%04x", p[1]);
		else if (strchr(quoted, *p) != NULL)
			buf_printf(b, "\\%c", *p);
		else
			buf_put(b, p, n);
	}
	if (*p != '\0')
		buf_puts(b, "...");
}

const char *
log_value(const char *text)
{
	static struct buf values[VALUES];
	static size_t next;
	struct buf *b = &values[next++ % VALUES];
	const unsigned char *p;
	bool bare = text != NULL && text[0] != '\0';

	for (p = (const unsigned char *)text; bare && *p != '\0'; p++)
		bare = *p > ' ' && *p < 0x7f && strchr("\"\\=", *p) == NULL;
	buf_reset(b);
	if (!bare)
		buf_putc(b, '"');
	if (text != NULL)
		put_text(b, text, "\"\\", VALUE_MAX);
	if (!bare)
		buf_putc(b, '"');
	return buf_str(b);
}

/* The moment at the head of a line, into out[STAMP]; returns out. */
static const char *
stamp(char *out)
{
	struct timespec ts;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(out, STAMP, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, STAMP - n, ".%03ldZ", ts.tv_nsec / 1000000);
	return out;
}

/* One write(2) a line, so that lines of several processes do not mix. */
static void
write_line(enum log_level level, const char *message)
{
	struct buf line = BUF_INIT;
	char at[STAMP];

	if (log_format == LOG_JSON) {
		buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\","
		    "\"program\":\"%s\",\"message\":\"", stamp(at),
		    level_names[level], log_program);
		put_text(&line, message, "\"\\", SIZE_MAX);
		buf_puts(&line, "\"}\n");
	} else {
		buf_printf(&line, "%s %s %s: ", stamp(at), level_names[level],
		    log_program);
		put_text(&line, message, "", SIZE_MAX);
		buf_putc(&line, '\n');
	}
	if (write(STDERR_FILENO, line.p, line.len) == -1) {
		/* Nowhere left to say so. */
	}
	buf_free(&line);
}

static void HR_PRINTF(2, 0)
emit(enum log_level level, const char *fmt, va_list ap)
{
	struct buf message = BUF_INIT;

	if (!log_enabled(level))
		return;
	buf_vprintf(&message, fmt, ap);
	write_line(level, buf_str(&message));
	buf_free(&message);
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

/* --- what comes again and again ---------------------------------------- */

/* Writes what a window has held back, if anything, and forgets the key. */
static void
end_sum(struct sum *sum)
{
	if (sum->repeated > 0) {
		buf_printf(&sum->last, " repeated=%llu",
		    (unsigned long long)sum->repeated);
		write_line(sum->level, buf_str(&sum->last));
	}
	buf_free(&sum->last);
	*sum = sums[--sums_n];
}

static struct sum *
find_sum(enum log_level level, const char *key)
{
	size_t i;

	for (i = 0; i < sums_n; i++)
		if (sums[i].level == level && strcmp(sums[i].key, key) == 0)
			return &sums[i];
	return NULL;
}

void
log_often(int64_t now, enum log_level level, const char *key,
    const char *fmt, ...)
{
	char whole[LOG_KEY];
	struct sum *sum;
	va_list ap;

	if (!log_enabled(level))
		return;
	(void)log_turn(now);
	snprintf(whole, sizeof(whole), "%s", key);
	sum = find_sum(level, whole);
	va_start(ap, fmt);
	if (sum != NULL) {
		sum->repeated++;
		buf_reset(&sum->last);
		buf_vprintf(&sum->last, fmt, ap);
	} else {
		emit(level, fmt, ap);
	}
	va_end(ap);
	/* Without room for one more key, each is a line. */
	if (sum == NULL && sums_n < SUMS) {
		sum = &sums[sums_n++];
		memset(sum, 0, sizeof(*sum));
		memcpy(sum->key, whole, sizeof(whole));
		sum->level = level;
		sum->ends_at = now + LOG_WINDOW_MS;
	}
}

int64_t
log_turn(int64_t now)
{
	int64_t next = INT64_MAX;
	size_t i = 0;

	while (i < sums_n) {
		if (sums[i].ends_at <= now) {
			end_sum(&sums[i]);	/* another has its place */
			continue;
		}
		if (sums[i].repeated > 0 && sums[i].ends_at - now < next)
			next = sums[i].ends_at - now;
		i++;
	}
	return next;
}

void
log_flush(void)
{
	while (sums_n > 0)
		end_sum(&sums[0]);
}

/* --- the end ------------------------------------------------------------ */

void
fatal(int status, const char *fmt, ...)
{
	va_list ap;

	log_flush();
	va_start(ap, fmt);
	emit(LOG_ERROR, fmt, ap);
	va_end(ap);
	exit(status);
}

/* Whatever is registered for a regular end might trust what is broken. */
void
bug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_ERROR, fmt, ap);
	va_end(ap);
	_exit(EXIT_INTERNAL);
}

/* Lines are made in memory that grows; this one must not be. */
void
fatal_memory(size_t bytes)
{
	char line[256], at[STAMP];
	int n = snprintf(line, sizeof(line), log_format == LOG_JSON ?
	    "{\"time\":\"%s\",\"level\":\"error\",\"program\":\"%s\","
	    "\"message\":\"mem: out of memory bytes=%zu\"}\n" :
	    "%s error %s: mem: out of memory bytes=%zu\n", stamp(at),
	    log_program, bytes);

	if (n > 0 && write(STDERR_FILENO, line, (size_t)n < sizeof(line) ?
	    (size_t)n : sizeof(line)) == -1) {
		/* Nowhere left to say so. */
	}
	_exit(EXIT_INTERNAL);
}

/* --- counters ----------------------------------------------------------- */

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
