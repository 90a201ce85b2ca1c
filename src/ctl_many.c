/*
 * ctl_many.c - heaprelayctl: replay and discard of many, and jobs
 *
 * Knows that somebody should know how many they are before it is done, and
 * how a job is watched.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl_bar.h"
#include "ctl_online.h"

#define POLL_MS		200	/* between looks at a job */

static const struct ctl_field job_fields[] = {
	{ { "ID", true, 0, 0 }, "id" },
	{ { "STARTED", false, 0, 3 }, "started_at" },
	{ { "KIND", false, 0, 0 }, "kind" },
	{ { "STATE", false, 0, 0 }, "state" },
	{ { "TOTAL", true, 0, 2 }, "total" },
	{ { "MOVED", true, 0, 0 }, "moved" },
	{ { "SKIPPED", true, 0, 1 }, "skipped" },
	{ { "ENDED", false, 0, 4 }, "ended_at" },
	{ { "ERROR", false, 8, 5 }, "error" },
};

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int signo)
{
	(void)signo;
	interrupted = 1;
}

/* --- what is asked for ------------------------------------------------ */

static void
put_filter(struct buf *out, const struct ctl *ctl)
{
	const char *separator = "";
	int i;

	buf_puts(out, "\"filter\":{");
	for (i = 0; i < CTL_FILTERS; i++) {
		if (ctl->filter[i] == NULL)
			continue;
		buf_printf(out, "%s\"%s\":", separator,
		    ctl_filter_name((enum ctl_filter)i));
		if (i != CTL_STATUS)
			json_put_text(out, ctl->filter[i]);
		else if (json_is_number(ctl->filter[i]))
			buf_puts(out, ctl->filter[i]);
		else
			ctl_usage("--status should be a number");
		separator = ",";
	}
	if (ctl->all)
		buf_printf(out, "%s\"all\":true", separator);
	buf_putc(out, '}');
}

/* Asks for it; false: refused, which was said. */
static bool
ask(const struct ctl *ctl, struct ctl_agent *agent, const char *verb,
    bool dry_run)
{
	char target[32];
	struct buf body = BUF_INIT;
	bool good;

	snprintf(target, sizeof(target), "/v1/%s", verb);
	buf_putc(&body, '{');
	put_filter(&body, ctl);
	if (dry_run)
		buf_puts(&body, ",\"dry_run\":true");
	if (ctl->remap)
		buf_puts(&body, ",\"remap\":true");
	if (ctl->force)
		buf_puts(&body, ",\"force\":true");
	buf_putc(&body, '}');
	good = ctl_agent_call(agent, target, buf_str(&body), verb);
	buf_free(&body);
	return good;
}

/* A member of an object as a number; -1: it is not there, or null. */
static int64_t
number(const cJSON *object, const char *name)
{
	const char *literal = json_literal(json_get(object, name));
	int64_t n;

	return literal != NULL && json_int64(literal, &n) ? n : -1;
}

/* --- is it meant? ----------------------------------------------------- */

bool
ctl_says_yes(void)
{
	char line[16];

	return fgets(line, sizeof(line), stdin) != NULL &&
	    (line[0] == 'y' || line[0] == 'Y');
}

/* The answer of the dry run, and somebody's to the question that it makes. */
static bool
confirm(struct ctl_agent *agent, const char *verb)
{
	const cJSON *root = ctl_agent_root(agent);
	int64_t n = number(root, "count"), people = number(root, "identities");
	int64_t seconds = number(json_get(root, "forecast"), "seconds");

	if (n <= 0) {
		ctl_say("no event matches");
		return false;
	}
	fprintf(stderr, "%s %lld event%s of %lld %s", verb, (long long)n,
	    n == 1 ? "" : "s", (long long)people,
	    people == 1 ? "identity" : "identities");
	if (strcmp(verb, "replay") == 0 && seconds > 0)
		fprintf(stderr, " (the windows need at least %lld s)",
		    (long long)seconds);
	fputs("? [y/N] ", stderr);
	if (ctl_says_yes())
		return true;
	ctl_say("nothing was done");
	return false;
}

/* --- watching a job --------------------------------------------------- */

/* A job that makes a copy, not one that moves events. */
static bool
is_backup(const cJSON *job)
{
	const char *kind = json_text(json_get(job, "kind"));

	return kind != NULL && strcmp(kind, "backup") == 0;
}

static void
show_progress(const cJSON *job)
{
	int64_t total = number(job, "total"), seen;
	const char *state = json_text(json_get(job, "state"));
	bool runs = state != NULL && strcmp(state, "running") == 0;

	seen = number(job, "moved") + number(job, "skipped");
	if (total < 0)
		ctl_bar_word(is_backup(job) ? "copying" : "counting");
	else if (is_backup(job) && runs && seen >= total)
		ctl_bar_word("proving");
	else
		ctl_bar(seen, total, is_backup(job) ? "pages" : "events");
}

static void
pause_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);	/* shorter by a signal, as it should */
}

/* Looks until it has ended; false: that could not be learnt. */
static bool
watch(struct ctl_agent *agent, const char *id)
{
	bool cancelled = false, good = true;
	char target[48], about[32];
	const char *state;

	snprintf(target, sizeof(target), "/v1/jobs/%s", id);
	snprintf(about, sizeof(about), "job %s", id);
	for (;;) {
		if (interrupted && !cancelled) {
			cancelled = true;
			ctl_agent_delete(agent, target, about);
		}
		good = ctl_agent_call(agent, target, NULL, about);
		state = json_text(json_get(ctl_agent_root(agent), "state"));
		if (!good || state == NULL || strcmp(state, "running") != 0)
			break;
		show_progress(ctl_agent_root(agent));
		pause_ms(POLL_MS);
	}
	if (good)
		show_progress(ctl_agent_root(agent));
	ctl_bar_end();
	return good;
}

/* What became of the job that was read last; the exit status. */
static int
print_end(const struct ctl *ctl, struct ctl_agent *agent, const char *id)
{
	const cJSON *job = ctl_agent_root(agent);
	const char *state = json_text(json_get(job, "state"));
	const char *error = json_text(json_get(job, "error"));
	struct buf why = BUF_INIT;

	if (state == NULL)
		state = "unknown";
	if (ctl->json) {
		ctl_print_item(ctl, agent, job);
	} else {
		if (error != NULL)
			ctl_put_clean(&why, error);
		printf("job %s: %s, %lld %s, %lld skipped%s%s\n", id, state,
		    (long long)number(job, "moved"),
		    is_backup(job) ? "pages" : "moved",
		    (long long)number(job, "skipped"),
		    error != NULL ? ": " : "", buf_str(&why));
	}
	buf_free(&why);
	if (number(job, "total") == 0)
		ctl_say("no event matches");
	return strcmp(state, "done") == 0 && number(job, "skipped") == 0 &&
	    number(job, "total") != 0 ? 0 : CTL_REFUSED;
}

void
ctl_mind_interrupts(void)
{
	struct sigaction action = { .sa_handler = on_interrupt };

	sigaction(SIGINT, &action, NULL);
}

int
ctl_follow_job(const struct ctl *ctl, struct ctl_agent *agent)
{
	char id[24];

	snprintf(id, sizeof(id), "%lld",
	    (long long)number(ctl_agent_root(agent), "id"));
	if (!watch(agent, id))
		return CTL_REFUSED;
	return print_end(ctl, agent, id);
}

static int
run_job(const struct ctl *ctl, struct ctl_agent *agent, const char *verb)
{
	ctl_mind_interrupts();
	return ask(ctl, agent, verb, false) ? ctl_follow_job(ctl, agent) :
	    CTL_REFUSED;
}

/* --- commands --------------------------------------------------------- */

int
ctl_many(const struct ctl *ctl, const char *verb)
{
	bool asks = !ctl->yes && !ctl->dry_run;
	struct ctl_agent *agent;
	int status = CTL_REFUSED;

	if (asks && !(isatty(STDIN_FILENO) && isatty(STDERR_FILENO)))
		ctl_fail(CTL_REFUSED, "there is no terminal to ask on; "
		    "--dry-run counts what matches, --yes does it");
	agent = ctl_agent_new(ctl);
	if (ctl->dry_run) {
		if (ask(ctl, agent, verb, true)) {
			ctl_print_item(ctl, agent, ctl_agent_root(agent));
			status = 0;
		}
	} else if (!asks || (ask(ctl, agent, verb, true) &&
	    confirm(agent, verb))) {
		status = run_job(ctl, agent, verb);
	}
	ctl_agent_free(agent);
	return status;
}

static int
cancel(const struct ctl *ctl, const char *id)
{
	struct ctl_agent *agent;
	char target[48], about[32];
	bool good;

	ctl_check_id(id, "job");
	snprintf(target, sizeof(target), "/v1/jobs/%s", id);
	snprintf(about, sizeof(about), "job %s", id);
	agent = ctl_agent_new(ctl);
	good = ctl_agent_delete(agent, target, about);
	if (good && ctl->json)
		ctl_print_item(ctl, agent, ctl_agent_root(agent));
	else if (good)
		printf("%s: cancelled\n", about);
	ctl_agent_free(agent);
	return good ? 0 : CTL_REFUSED;
}

int
ctl_jobs(const struct ctl *ctl)
{
	char target[48], about[32];

	if (ctl->operands == 0)
		return ctl_print_list(ctl, "/v1/jobs", job_fields,
		    HR_COUNT(job_fields), "jobs");
	if (strcmp(ctl->operand[0], "cancel") == 0) {
		if (ctl->operands < 2)
			ctl_usage("jobs cancel needs an ID");
		return cancel(ctl, ctl->operand[1]);
	}
	if (ctl->operands > 1)
		ctl_usage("too much behind jobs: %s", ctl->operand[1]);
	ctl_check_id(ctl->operand[0], "job");
	snprintf(target, sizeof(target), "/v1/jobs/%s", ctl->operand[0]);
	snprintf(about, sizeof(about), "job %s", ctl->operand[0]);
	return ctl_print_answer(ctl, target, about);
}
