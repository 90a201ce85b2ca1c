/*
 * clock.c - the turn's time
 *
 * Knows the system clocks and the text form of a moment.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"

static struct moment turn;
static bool known;		/* `turn` was read this turn */
static bool set_by_test;
static int64_t began_us;		/* clock_stopwatch, if `begun` */
static bool begun;		/* somebody has asked this turn */
static char boot_id[64];

static int64_t
read_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct moment
clock_now(void)
{
	if (!known && !set_by_test) {
		turn.wall = read_ms(CLOCK_REALTIME);
		turn.boot = read_ms(CLOCK_BOOTTIME);
		known = true;
		if (!begun)
			began_us = clock_stopwatch();
		begun = true;
	}
	return turn;
}

void
clock_turn(void)
{
	known = begun = false;
}

int64_t
clock_turn_us(void)
{
	return begun ? clock_stopwatch() - began_us : 0;
}

void
clock_forget(void)
{
	known = false;
}

void
clock_set(struct moment m)
{
	turn = m;
	set_by_test = true;
}

int64_t
clock_stopwatch(void)
{
	struct timespec ts;

	if (set_by_test)
		return turn.boot * 1000;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

const char *
clock_boot_id(void)
{
	FILE *f;

	if (boot_id[0] != '\0')
		return boot_id;
	f = fopen("/proc/sys/kernel/random/boot_id", "r");
	if (f == NULL || fgets(boot_id, sizeof(boot_id), f) == NULL) {
		/* Without an id no span may be trusted across a restart:
		 * a value that differs each time says so. */
		snprintf(boot_id, sizeof(boot_id), "unknown-%lld",
		    (long long)read_ms(CLOCK_REALTIME));
	}
	if (f != NULL)
		fclose(f);
	boot_id[strcspn(boot_id, "\n")] = '\0';
	return boot_id;
}

void
clock_set_boot_id(const char *id)
{
	snprintf(boot_id, sizeof(boot_id), "%s", id);
}

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar. */
static int64_t
days_from_date(int64_t y, int m, int d)
{
	int64_t era, yoe, doy, doe;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + doe - 719468;
}

static void
date_from_days(int64_t days, int64_t *y, int *m, int *d)
{
	int64_t era, doe, yoe, doy, mp;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = yoe + era * 400 + (*m <= 2);
}

/* n digits of value, then `end`; where the next goes. */
static char *
put_digits(char *out, int64_t value, int n, char end)
{
	int i;

	for (i = n - 1; i >= 0; i--, value /= 10)
		out[i] = (char)('0' + value % 10);
	out[n] = end;
	return out + n + 1;
}

/* By hand: every event has a timestamp, and printf is slow at it. */
const char *
clock_text(int64_t wall, char *out)
{
	int64_t days = wall / 86400000, rest = wall % 86400000, y;
	char *p = out;
	int m, d;

	if (rest < 0) {
		rest += 86400000;
		days--;
	}
	date_from_days(days, &y, &m, &d);
	if (y < 0 || y > 9999) {
		snprintf(out, CLOCK_TEXT, "%lld-%02d-%02dT%02d:%02d:%02d.%03dZ",
		    (long long)y, m, d, (int)(rest / 3600000),
		    (int)(rest / 60000 % 60), (int)(rest / 1000 % 60),
		    (int)(rest % 1000));
		return out;
	}
	p = put_digits(p, y, 4, '-');
	p = put_digits(p, m, 2, '-');
	p = put_digits(p, d, 2, 'T');
	p = put_digits(p, rest / 3600000, 2, ':');
	p = put_digits(p, rest / 60000 % 60, 2, ':');
	p = put_digits(p, rest / 1000 % 60, 2, '.');
	p = put_digits(p, rest % 1000, 3, 'Z');
	*p = '\0';
	return out;
}

/* Exactly n digits at *p into *value; steps over them. */
static bool
digits(const char **p, int n, int *value)
{
	*value = 0;
	for (; n > 0; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		*value = *value * 10 + (**p - '0');
	}
	return true;
}

static bool
literal(const char **p, char c)
{
	if (**p != c && !(c == 'T' && (**p == 't' || **p == ' ')))
		return false;
	(*p)++;
	return true;
}

static int
month_days(int y, int month)
{
	static const int days[] =
	    { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

bool
clock_parse(const char *p, int64_t *wall)
{
	int y, mo, d, h, mi, s, ms = 0, scale = 100, oh = 0, om = 0, sign = 1;

	if (!digits(&p, 4, &y) || !literal(&p, '-') || !digits(&p, 2, &mo) ||
	    !literal(&p, '-') || !digits(&p, 2, &d) || !literal(&p, 'T') ||
	    !digits(&p, 2, &h) || !literal(&p, ':') || !digits(&p, 2, &mi) ||
	    !literal(&p, ':') || !digits(&p, 2, &s))
		return false;
	if (mo < 1 || mo > 12 || d < 1 || d > month_days(y, mo) ||
	    h > 23 || mi > 59 || s > 60)
		return false;
	if (*p == '.') {
		size_t n = strspn(p + 1, "0123456789");

		if (n < 1 || n > 9)
			return false;
		for (p++; *p >= '0' && *p <= '9'; p++, scale /= 10)
			ms += (*p - '0') * scale;
	}
	if (*p == '+' || *p == '-') {
		sign = *p++ == '-' ? -1 : 1;
		if (!digits(&p, 2, &oh) || !literal(&p, ':') ||
		    !digits(&p, 2, &om) || oh > 23 || om > 59)
			return false;
	} else if (*p == 'Z' || *p == 'z') {
		p++;
	} else {
		return false;
	}
	if (*p != '\0')
		return false;
	*wall = ((days_from_date(y, mo, d) * 24 + h) * 60 + mi) * 60000 +
	    s * 1000 + ms - sign * (oh * 60 + om) * 60000;
	return true;
}
