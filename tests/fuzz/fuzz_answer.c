/*
 * fuzz_answer.c - whatever a host answers: the verdict, how long to wait, and
 * which object it names
 *
 * An input is the status, a line end, the Retry-After, a line end, the body.
 */
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "heap.h"
#include "log.h"
#include "retry.h"

#define NOW	INT64_C(1700000000000)
#define HOUR_MS	3600000

/* Moves behind the line; its text is given. */
static char *
take_line(const char **p, const char *end)
{
	const char *nl = memchr(*p, '\n', (size_t)(end - *p));
	const char *stop = nl != NULL ? nl : end;
	char *line = xstrndup(*p, (size_t)(stop - *p));

	*p = nl != NULL ? nl + 1 : end;
	return line;
}

static void
check_verdict(const struct retry_answer *a)
{
	enum retry_verdict one = retry_judge(a, false);
	enum retry_verdict many = retry_judge(a, true);
	bool success = a->status >= 200 && a->status <= 299;

	if ((one == RETRY_DELIVERED) != success ||
	    (many == RETRY_DELIVERED) != success)
		bug("fuzz_answer: %d is taken for a delivery, or not",
		    a->status);
	if (one == RETRY_ISOLATE || one == RETRY_HALVE)
		bug("fuzz_answer: one event is to be divided");
	if (many == RETRY_REFUSED || many == RETRY_TOO_LARGE)
		bug("fuzz_answer: many are stuck for one");
	if (retry_verdict_name(one)[0] == '\0' ||
	    retry_verdict_name(many)[0] == '\0')
		bug("fuzz_answer: a verdict has no name");
}

/* Digits alone are seconds, however many; what is around them is not. */
static void
check_wait(const char *value, struct retry_answer *a)
{
	size_t digits = strspn(value, "0123456789");
	char *padded = xasprintf(" \t%s ", value);
	int64_t ms, again;
	bool found = retry_after_parse(value, NOW, &ms);

	if (digits > 0 && value[digits] == '\0') {
		if (!found || ms < 0 || (digits < 16 &&
		    ms != strtoll(value, NULL, 10) * 1000))
			bug("fuzz_answer: seconds are not what they say");
	}
	if (retry_after_parse(padded, NOW, &again) != found ||
	    (found && ms != again))
		bug("fuzz_answer: blanks change an instant");
	free(padded);

	a->retry_after_ms = found ? ms : -1;
	ms = retry_after(a);
	if (ms < 0 || ms > HOUR_MS ||
	    (ms > 0 && a->status != 429 && a->status != 503))
		bug("fuzz_answer: a wait of %lld ms after %d", (long long)ms,
		    a->status);
}

/* The same question, asked of regex(3): the first that is a number. */
static bool
expect_index(const char *list, const char *text, size_t *index)
{
	char *form = xasprintf("(^|[^A-Za-z0-9_])%s\\[([0-9]+)\\]", list);
	regmatch_t match[3];
	regex_t re;
	bool found = false;

	if (regcomp(&re, form, REG_EXTENDED) != 0)
		bug("fuzz_answer: the form is wrong");
	while (!found && regexec(&re, text, 3, match, 0) == 0) {
		errno = 0;
		*index = strtoul(text + match[2].rm_so, NULL, 10);
		found = errno == 0;
		text += match[2].rm_eo;
	}
	regfree(&re);
	free(form);
	return found;
}

static void
check_index(enum heap_lane lane, const char *text, size_t len)
{
	const char *list = lane == HEAP_TRACK ? "events" : "users";
	struct buf more = BUF_INIT;
	char *copy = xstrndup(text, len);
	size_t index = 0, expected = 0, first, second;
	bool found = heap_answer_index(lane, text, len, &index);

	/* A NUL ends the text for one of the two. */
	if (strlen(copy) == len &&
	    (expect_index(list, copy, &expected) != found ||
	    (found && index != expected)))
		bug("fuzz_answer: %s[%zu] instead of %zu", list, index,
		    expected);
	free(copy);

	/* Behind the text the same and another one: the first counts. */
	buf_put(&more, text, len);
	buf_printf(&more, " %s[17].x %s[18]", list, list);
	if (!heap_answer_index(lane, more.p, more.len, &first) ||
	    first != (found ? index : 17))
		bug("fuzz_answer: not the first of %s is found", list);
	buf_cut(&more, len);
	buf_printf(&more, " %s[17", list);
	if (heap_answer_index(lane, more.p, more.len, &second) != found)
		bug("fuzz_answer: half an index of %s is one", list);
	buf_free(&more);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *p = (const char *)bytes, *end = p + len;
	struct retry_answer a = { .retry_after_ms = -1 };
	char *status, *wait;

	status = take_line(&p, end);
	wait = take_line(&p, end);
	a.status = (int)(strtoul(status, NULL, 10) % 1000);
	check_verdict(&a);
	check_wait(wait, &a);
	check_index(HEAP_TRACK, p, (size_t)(end - p));
	check_index(HEAP_USER_PROPERTIES, p, (size_t)(end - p));
	free(status);
	free(wait);
	return 0;
}
