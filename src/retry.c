/*
 * retry.c - what an answer means, and when to try again
 *
 * Knows HTTP statuses, dates and waiting times.  Knows nothing of requests,
 * lanes or the clock, and draws no random numbers: all that is handed in.
 */
#include <assert.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "retry.h"

#define RETRY_AFTER_MAX_MS	3600000		/* one hour is honoured */
#define SECONDS_MAX		(INT64_MAX / 1000)

enum retry_verdict
retry_judge(const struct retry_answer *answer, bool many)
{
	int status = answer->status;

	if (status >= 200 && status <= 299)
		return RETRY_DELIVERED;
	if (status >= 300 && status <= 399)
		return RETRY_CONFIG;
	switch (status) {
	case 400:
	case 422:
		return many ? RETRY_ISOLATE : RETRY_REFUSED;
	case 413:
		return many ? RETRY_HALVE : RETRY_TOO_LARGE;
	case 401:
	case 403:
	case 404:
	case 405:
		return RETRY_CONFIG;
	case 429:
		return RETRY_LIMITED;
	default:
		return RETRY_LATER;
	}
}

const char *
retry_verdict_name(enum retry_verdict verdict)
{
	static const char *const names[] = {
		[RETRY_DELIVERED] = "delivered",
		[RETRY_REFUSED] = "refused",
		[RETRY_ISOLATE] = "isolate",
		[RETRY_HALVE] = "halve",
		[RETRY_TOO_LARGE] = "too_large",
		[RETRY_CONFIG] = "config",
		[RETRY_LIMITED] = "limited",
		[RETRY_LATER] = "later",
	};

	assert(verdict < HR_COUNT(names));
	return names[verdict];
}

int64_t
retry_after(const struct retry_answer *answer)
{
	int64_t ms = answer->retry_after_ms;

	if (answer->status != 429 && answer->status != 503)
		return 0;
	if (ms < 0)
		return 0;
	return ms < RETRY_AFTER_MAX_MS ? ms : RETRY_AFTER_MAX_MS;
}

/* Exactly n digits; moves past them. */
static bool
take_digits(const char **p, int n, int *value)
{
	*value = 0;
	for (; n > 0; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		*value = *value * 10 + (**p - '0');
	}
	return true;
}

/* One of the names, in any casing; moves past it. */
static bool
take_name(const char **p, const char *const *names, int count, int *index)
{
	size_t len;

	for (*index = 0; *index < count; (*index)++) {
		len = strlen(names[*index]);
		if (strncasecmp(*p, names[*index], len) == 0) {
			*p += len;
			return true;
		}
	}
	return false;
}

/* The day of the month as asctime writes it: a blank for a leading zero. */
static bool
take_padded_day(const char **p, int *day)
{
	if (**p != ' ')
		return take_digits(p, 2, day);
	(*p)++;
	return take_digits(p, 1, day);
}

/* The year nearest to now that ends in yy, but at most 50 years ahead. */
static int
full_year(int yy, int64_t now)
{
	time_t seconds = (time_t)(now / 1000);
	struct tm utc;
	int latest;

	gmtime_r(&seconds, &utc);
	latest = utc.tm_year + 1900 + 50;
	return latest - (latest - yy) % 100;
}

static bool
take_year(const char **p, bool two_digits, int64_t now, int *tm_year)
{
	int year;

	if (!take_digits(p, two_digits ? 2 : 4, &year))
		return false;
	*tm_year = (two_digits ? full_year(year, now) : year) - 1900;
	return true;
}

static bool
take_field(const char **p, char field, int64_t now, struct tm *tm)
{
	static const char *const days[] = {
		"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat",
	};
	static const char *const long_days[] = {
		"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
		"Friday", "Saturday",
	};
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
		"Oct", "Nov", "Dec",
	};

	switch (field) {
	case 'w':
		return take_name(p, days, 7, &tm->tm_wday);
	case 'W':
		return take_name(p, long_days, 7, &tm->tm_wday);
	case 'd':
		return take_digits(p, 2, &tm->tm_mday);
	case 'e':
		return take_padded_day(p, &tm->tm_mday);
	case 'b':
		return take_name(p, months, 12, &tm->tm_mon);
	case 'y':
	case 'Y':
		return take_year(p, field == 'y', now, &tm->tm_year);
	case 'H':
		return take_digits(p, 2, &tm->tm_hour);
	case 'M':
		return take_digits(p, 2, &tm->tm_min);
	default:
		assert(field == 'S');
		return take_digits(p, 2, &tm->tm_sec);
	}
}

/* Fields stand for themselves after '%'; other characters in any casing. */
static bool
take_date(const char *p, const char *form, int64_t now, struct tm *tm)
{
	for (; *form != '\0'; form++) {
		if (*form == '%') {
			if (!take_field(&p, *++form, now, tm))
				return false;
		} else if (strncasecmp(p++, form, 1) != 0) {
			return false;
		}
	}
	return *p == '\0';
}

static bool
is_real_date(const struct tm *tm)
{
	static const int month_days[] = {
		31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31,
	};
	int year = tm->tm_year + 1900;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (tm->tm_mday < 1 || tm->tm_mday > month_days[tm->tm_mon])
		return false;
	if (tm->tm_mon == 1 && tm->tm_mday == 29 && !leap)
		return false;
	/* A minute with a leap second has a second 60. */
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60;
}

/*
 * The three forms of RFC 9110.  It has them case-sensitive; RFC 9111 asks
 * readers to match them in any casing, and nothing speaks against it here.
 */
static bool
parse_date(const char *text, int64_t now, int64_t *at)
{
	static const char *const forms[] = {
		"%w, %d %b %Y %H:%M:%S GMT",
		"%W, %d-%b-%y %H:%M:%S GMT",	/* RFC 850 */
		"%w %b %e %H:%M:%S %Y",		/* asctime(3) */
	};
	size_t i;

	for (i = 0; i < HR_COUNT(forms); i++) {
		struct tm tm = { 0 };

		if (take_date(text, forms[i], now, &tm)) {
			if (!is_real_date(&tm))
				return false;
			*at = (int64_t)timegm(&tm) * 1000;
			return true;
		}
	}
	return false;
}

static bool
parse_seconds(const char *text, size_t len, int64_t *seconds)
{
	size_t i;

	*seconds = 0;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		if (*seconds > (SECONDS_MAX - 9) / 10)
			*seconds = SECONDS_MAX;
		else
			*seconds = *seconds * 10 + (text[i] - '0');
	}
	return len > 0;
}

bool
retry_after_parse(const char *value, int64_t now, int64_t *ms)
{
	char date[64];		/* the longest one has 33 characters */
	int64_t seconds, at;
	size_t len;

	value += strspn(value, " \t");
	len = strlen(value);
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	if (parse_seconds(value, len, &seconds)) {
		*ms = seconds * 1000;
		return true;
	}
	if (len >= sizeof(date))
		return false;
	memcpy(date, value, len);
	date[len] = '\0';
	if (!parse_date(date, now, &at))
		return false;
	*ms = at - now;
	return true;
}

/* first x 2^(times-1), at most max. */
static int64_t
doubled(int64_t first, int64_t max, int64_t times)
{
	int64_t ms = first;

	for (; times > 1 && ms < max; times--)
		ms = ms > max / 2 ? max : ms * 2;
	return ms < max ? ms : max;
}

int64_t
retry_backoff(int64_t base_ms, int64_t max_ms, int64_t failures,
    uint64_t random)
{
	int64_t ceiling = doubled(base_ms, max_ms, failures), ms;

	assert(base_ms >= 1 && max_ms >= 1);
	ms = (int64_t)(random % ((uint64_t)ceiling + 1));
	return ms > 0 ? ms : 1;
}

const char *
breaker_name(enum breaker_state state)
{
	static const char *const names[] = {
		[BREAKER_CLOSED] = "closed",
		[BREAKER_OPEN] = "open",
		[BREAKER_HALF_OPEN] = "half_open",
		[BREAKER_CONFIG] = "config",
		[BREAKER_REFUSING] = "refusing",
	};

	assert(state < HR_COUNT(names));
	return names[state];
}

/* Open, for whichever cause: a probe is due at `until`. */
static bool
is_waiting(const struct breaker *b)
{
	return b->state != BREAKER_CLOSED && b->state != BREAKER_HALF_OPEN;
}

enum breaker_may
breaker_may(const struct breaker *b, int64_t now)
{
	if (b->state == BREAKER_CLOSED)
		return BREAKER_MAY;
	if (is_waiting(b) && now >= b->until)
		return BREAKER_MAY_PROBE;
	return BREAKER_MAY_NOT;
}

int64_t
breaker_next(const struct breaker *b, int64_t now)
{
	return is_waiting(b) && now < b->until ? b->until : INT64_MAX;
}

void
breaker_probe_sent(struct breaker *b)
{
	assert(is_waiting(b));
	b->state = BREAKER_HALF_OPEN;
}

void
breaker_probe_forgotten(struct breaker *b, int64_t now)
{
	if (b->state != BREAKER_HALF_OPEN)
		return;		/* another answer has moved it meanwhile */
	b->state = b->cause;
	b->until = now;
}

void
breaker_success(struct breaker *b)
{
	*b = (struct breaker){ .state = BREAKER_CLOSED };
}

/* Keeps what fits of the text, without splitting a UTF-8 sequence. */
static void
note_error(struct breaker *b, const char *error)
{
	size_t len = strlen(error);

	if (len >= sizeof(b->last_error)) {
		len = sizeof(b->last_error) - 1;
		while (len > 0 && ((unsigned char)error[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(b->last_error, error, len);
	b->last_error[len] = '\0';
}

static void
open_until(struct breaker *b, enum breaker_state cause, int64_t until)
{
	b->state = b->cause = cause;
	b->until = until;
}

bool
breaker_failure(struct breaker *b, const char *error, int64_t now,
    uint64_t random)
{
	int64_t wait_ms, least_ms;

	note_error(b, error);
	if (b->failures < INT_MAX)
		b->failures++;
	/* Requests that were out when it opened prolong nothing. */
	if (is_waiting(b))
		return false;
	if (b->state == BREAKER_CLOSED && b->failures < BREAKER_FAILURES)
		return false;

	if (b->openings < INT_MAX)
		b->openings++;
	wait_ms = doubled(BREAKER_FIRST_MS, BREAKER_MAX_MS, b->openings);
	/* Many agents that lost one Heap must not come back as one. */
	least_ms = wait_ms / 2;
	wait_ms = least_ms +
	    (int64_t)(random % ((uint64_t)(wait_ms - least_ms) + 1));
	open_until(b, BREAKER_OPEN, now + wait_ms);
	return true;
}

void
breaker_open_as(struct breaker *b, enum breaker_state cause,
    const char *error, int64_t now)
{
	assert(cause == BREAKER_CONFIG || cause == BREAKER_REFUSING);
	note_error(b, error);
	/* Requests that were out when it opened prolong nothing. */
	if (b->state != cause)
		open_until(b, cause, now + BREAKER_CONFIG_MS);
}

void
breaker_probe_now(struct breaker *b, int64_t now)
{
	if (is_waiting(b) && b->until > now)
		b->until = now;
}
