/*
 * ctl_top.c - heaprelayctl top: a screenful of what matters, each second
 *
 * Knows how to have a terminal to itself and to give it back as it was,
 * whichever way the program ends.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "ctl_json.h"
#include "ctl_online.h"
#include "ctl_top.h"
#include "log.h"

#define LOOK_MS		1000	/* between looks */
#define ROWS		24	/* when nobody knows */

#define SCREEN_OURS	"\033[?1049h\033[?25l"	/* another one, no cursor */
#define SCREEN_BACK	"\033[?25h\033[?1049l"
#define GO_HOME		"\033[H"
#define REST_OF_LINE	"\033[K"
#define REST_OF_SCREEN	"\033[J"

/* What was asked for, each question with an agent of its own, since an answer
 * is lent only until the next. */
enum question { STATUS, PEOPLE, STUCK, QUESTIONS };

struct top {
	const struct ctl *ctl;
	struct ctl_agent *agent[QUESTIONS];
	struct ctl_agent *asked;	/* the last of them */
};

static volatile sig_atomic_t ended;	/* by that signal */

/* The terminal as it was; for the exit of the program. */
static struct termios as_it_was;
static bool keys_are_ours, screen_is_ours;

static void
on_end(int signo)
{
	ended = signo;
}

static void
on_resize(int signo)
{
	(void)signo;	/* that a wait ends is all it is for */
}

static void
give_back(void)
{
	if (screen_is_ours) {
		fputs(SCREEN_BACK, stdout);
		fflush(stdout);
	}
	if (keys_are_ours)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &as_it_was);
	screen_is_ours = keys_are_ours = false;
}

static void
take_terminal(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction end = { .sa_handler = on_end };
	struct sigaction resize = { .sa_handler = on_resize };
	struct termios raw;
	size_t i;

	for (i = 0; i < HR_COUNT(ends); i++)
		(void)sigaction(ends[i], &end, NULL);
	(void)sigaction(SIGWINCH, &resize, NULL);
	atexit(give_back);
	if (tcgetattr(STDIN_FILENO, &as_it_was) == 0) {
		raw = as_it_was;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		/* A stopped program could not give the screen back. */
		raw.c_cc[VSUSP] = _POSIX_VDISABLE;
		keys_are_ours = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
	}
	screen_is_ours = true;
	fputs(SCREEN_OURS, stdout);
}

static size_t
rows(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
		return size.ws_row;
	return ROWS;
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- the agent ---------------------------------------------------------- */

static enum ctl_agent_end
ask(struct top *t)
{
	enum ctl_agent_end end = CTL_AGENT_ANSWERED;
	char people[64], stuck[64];
	const char *target[QUESTIONS] = {
		[STATUS] = "/v1/status", [PEOPLE] = people, [STUCK] = stuck
	};
	int i;

	snprintf(people, sizeof(people), "/v1/identities?limit=%d",
	    CTL_TOP_PEOPLE);
	snprintf(stuck, sizeof(stuck), "/v1/events?state=stuck&limit=%d",
	    CTL_TOP_STUCK);
	for (i = 0; i < QUESTIONS && end == CTL_AGENT_ANSWERED; i++) {
		t->asked = t->agent[i];
		end = ctl_agent_try(t->asked, target[i]);
	}
	return end;
}

static struct ctl_top_view
view_of(struct top *t)
{
	struct ctl_top_view v = {
		.status = ctl_agent_root(t->agent[STATUS]),
		.people = json_get(ctl_agent_root(t->agent[PEOPLE]), "items"),
		.stuck = json_get(ctl_agent_root(t->agent[STUCK]), "items"),
	};

	return v;
}

/* --- without a terminal ------------------------------------------------- */

static void
put_answer(struct buf *out, struct ctl_agent *agent)
{
	size_t len;
	const char *text = ctl_agent_text(agent, &len);

	ctl_json_compact(out, text, len);
}

/* {"status":...,"identities":...,"stuck":{"refused":3}} */
static void
print_json(struct top *t)
{
	struct ctl_top_view v = view_of(t);
	struct ctl_top_reason r[CTL_TOP_STUCK];
	size_t i, n = ctl_top_reasons(v.stuck, r, CTL_TOP_STUCK);
	struct buf out = BUF_INIT;

	buf_puts(&out, "{\"status\":");
	put_answer(&out, t->agent[STATUS]);
	buf_puts(&out, ",\"identities\":");
	put_answer(&out, t->agent[PEOPLE]);
	buf_puts(&out, ",\"stuck\":{");
	for (i = 0; i < n; i++) {
		buf_puts(&out, i > 0 ? "," : "");
		json_put_text(&out, r[i].reason);
		buf_printf(&out, ":%zu", r[i].events);
	}
	buf_puts(&out, "}}\n");
	ctl_print(&out);
	fflush(stdout);
	buf_free(&out);
}

/* --- on a terminal ------------------------------------------------------ */

/* As many lines as the terminal has rows, each without what was there. */
static void
draw(struct buf *frame)
{
	const char *line = buf_str(frame), *end;
	size_t left = rows();

	fputs(GO_HOME, stdout);
	for (; left > 0 && *line != '\0'; line = end + 1, left--) {
		end = line + strcspn(line, "\n");
		fwrite(line, 1, (size_t)(end - line), stdout);
		fputs(REST_OF_LINE, stdout);
		/* The last row has no line below it to go to. */
		if (left > 1)
			putchar('\n');
		if (*end == '\0')
			break;
	}
	if (left > 0)
		fputs(REST_OF_SCREEN, stdout);
	fflush(stdout);
}

static void
show(struct top *t, enum ctl_agent_end end)
{
	struct ctl_top_view v = view_of(t);
	struct buf frame = BUF_INIT, text = BUF_INIT;
	struct ctl_screen screen;

	ctl_screen(&screen);
	if (end != CTL_AGENT_ANSWERED) {
		ctl_put_clean(&text, ctl_agent_why(t->asked));
		ctl_put_styled(&frame, buf_str(&text), CTL_BAD,
		    screen.colors);
		buf_putc(&frame, '\n');
	} else {
		ctl_top_frame(&frame, &v, &screen);
	}
	draw(&frame);
	buf_free(&frame);
	buf_free(&text);
}

/* Waits for the next look.  false: somebody wants it to end. */
static bool
wait_or_end(int64_t until)
{
	struct pollfd keys = { .fd = keys_are_ours ? STDIN_FILENO : -1,
	    .events = POLLIN };
	int64_t left;
	char key;
	int n;

	while (ended == 0 && (left = until - now_ms()) > 0) {
		n = poll(&keys, 1, (int)left);
		if (n == -1 && errno == EINTR)
			break;		/* another size, or the end */
		if (n <= 0)
			continue;
		if (read(STDIN_FILENO, &key, 1) != 1)
			return false;	/* the terminal is gone */
		if (key == 'q' || key == 'Q')
			return false;
		break;			/* any other key: look now */
	}
	return ended == 0;
}

static int
run(struct top *t)
{
	bool terminal = !t->ctl->json;
	int64_t looks = t->ctl->limit_given ? t->ctl->limit :
	    terminal ? INT64_MAX : 1;
	enum ctl_agent_end end;
	int64_t began, i;

	for (i = 0; i < looks; i++) {
		began = now_ms();
		end = ask(t);
		if (end != CTL_AGENT_ANSWERED && (!terminal || i == 0)) {
			ctl_agent_complain(t->asked, end, "top");
			return CTL_REFUSED;
		}
		if (i == 0 && terminal)
			take_terminal();
		if (terminal)
			show(t, end);
		else
			print_json(t);
		if (ferror(stdout) || (i + 1 < looks &&
		    !wait_or_end(began + LOOK_MS)))
			break;
	}
	return 0;
}

int
ctl_top(const struct ctl *ctl)
{
	struct top t = { .ctl = ctl };
	int i, status;

	for (i = 0; i < QUESTIONS; i++)
		t.agent[i] = ctl_agent_new(ctl);
	status = run(&t);
	give_back();
	for (i = 0; i < QUESTIONS; i++)
		ctl_agent_free(t.agent[i]);
	if (ended != 0) {
		/* As it would have ended by itself. */
		signal(ended, SIG_DFL);
		raise(ended);
	}
	return status;
}
