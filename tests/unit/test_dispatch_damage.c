/*
 * test_dispatch_damage.c - rows and indexes that contradict each other
 *
 * SQLite checks neither as it reads.  An agent that went on would choose the
 * same event again and again, without a pause; it ends with a line instead.
 *
 * What another process has changed is no damage.  The linker puts this file's
 * queue_begin before the queue's.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dispatch_fixture.h"
#include "log.h"

#define TIMEOUT_S	60
#define RUN_MS		5000

struct damage {
	void		(*fill)(struct fixture *);
	const char	*index;		/* does not notice ... */
	const char	*statements;	/* ... these; NULL: each index does */
	const char	*said;		/* by the agent, at its end */
};

static void
shell(struct fixture *f, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* As if the index did not exist, for a while; each call of the shell reads the
 * schema anew. */
static void
inflict(struct fixture *f, const struct damage *d)
{
	char *hide = sqlite3_mprintf("PRAGMA writable_schema = ON;"
	    "CREATE TABLE hidden AS SELECT * FROM sqlite_schema"
	    " WHERE name = %Q; DELETE FROM sqlite_schema WHERE name = %Q",
	    d->index, d->index);

	if (d->index != NULL)
		shell(f, hide);
	shell(f, d->statements);
	if (d->index != NULL)
		shell(f, "PRAGMA writable_schema = ON;"
		    "INSERT INTO sqlite_schema SELECT * FROM hidden;"
		    "DROP TABLE hidden");
	sqlite3_free(hide);
}

static void
live_with(const struct damage *d)
{
	struct fixture *f = fixture_new();

	fixture_start(f);
	d->fill(f);
	fixture_crash(f);
	inflict(f, d);
	fixture_start(f);
	fixture_run(f, RUN_MS);
	fixture_free(f);
}

/* With the status and the words of who finds damage. */
static void
assert_ends(const struct damage *d)
{
	char words[4096];
	ssize_t got;
	size_t n = 0;
	int status, out[2];
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0) {
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		signal(SIGABRT, SIG_DFL);
		alarm(TIMEOUT_S);
		dup2(out[1], STDERR_FILENO);
		live_with(d);
		_exit(0);
	}
	close(out[1]);
	while ((got = read(out[0], words + n, sizeof(words) - 1 - n)) > 0)
		n += (size_t)got;
	words[n] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_IO ||
	    strstr(words, "the database is damaged") == NULL ||
	    strstr(words, d->said) == NULL)
		fail_msg("wait status %#x, not \"%s\" but: %s", status,
		    d->said, words);
}

static void
fill_deferred(struct fixture *f)
{
	int64_t id = put_track(f, 0, "ada", 1, false);
	char sql[80];

	assert_true(id > 0);
	snprintf(sql, sizeof(sql), "UPDATE event SET due_at = %lld",
	    (long long)f->now.wall + 1000);
	shell(f, sql);
}

static void
fill_ready(struct fixture *f)
{
	put_track(f, 0, "ada", 1, false);
}

static void
release_due_ends_when_what_is_due_is_not_deferred(void **state)
{
	const struct damage d = {
		fill_deferred, "event_deferred", "DROP TRIGGER event_move;"
		    "UPDATE event SET state = 'delivered'",
		"an event is due that does not wait",
	};
	(void)state;

	assert_ends(&d);
}

static void
release_due_ends_when_what_is_due_is_ready(void **state)
{
	const struct damage d = {
		fill_deferred, "event_deferred",
		"UPDATE event SET due_at = NULL",
		"an event is due that does not wait",
	};
	(void)state;

	assert_ends(&d);
}

/* What another process does before the agent has the write lock, once. */
static struct fixture *meanwhile_of;
static const char *meanwhile;

enum queue_turn	__real_queue_begin(struct queue *);
enum queue_turn	__wrap_queue_begin(struct queue *);

enum queue_turn
__wrap_queue_begin(struct queue *q)
{
	const char *sql = meanwhile;

	meanwhile = NULL;
	if (sql != NULL)
		shell(meanwhile_of, sql);
	return __real_queue_begin(q);
}

static void
release_due_goes_on_when_what_was_due_is_changed_meanwhile(void **state)
{
	static const char *const statements[] = {
		"UPDATE event SET due_at = NULL",
		"UPDATE event SET due_at = due_at + 60000",
	};
	struct fixture *f;
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(statements); i++) {
		f = fixture_new();
		fixture_start(f);
		fixture_run(f, 10);
		fill_deferred(f);
		meanwhile_of = f;
		meanwhile = statements[i];

		fixture_drain(f, 120000);

		assert_null(meanwhile);
		assert_int_equal(count_state(f, "delivered"), 1);
		fixture_free(f);
	}
}

static void
wait_for_room_ends_when_who_waits_has_nothing(void **state)
{
	const struct damage d = {
		fill_ready, NULL, "DROP TRIGGER event_move;"
		    "DROP TRIGGER waiting_leave;"
		    "UPDATE event SET state = 'delivered'",
		"an identity waits that has no event",
	};
	(void)state;

	assert_ends(&d);
}

/* Changes the state of all events, legal or not, once; the trigger is there
 * again afterwards. */
#define MOVE(state)							\
	"CREATE TABLE kept AS SELECT sql FROM sqlite_schema"		\
	" WHERE name = 'event_move'; DROP TRIGGER event_move;"		\
	"UPDATE event SET state = '" state "';"				\
	"PRAGMA writable_schema = ON;"					\
	"INSERT INTO sqlite_schema SELECT 'trigger', 'event_move',"	\
	" 'event', 0, sql FROM kept; DROP TABLE kept"

static void
queue_claim_ends_when_an_event_is_not_queued(void **state)
{
	const struct damage d = {
		fill_ready, "event_queued", "DROP TRIGGER waiting_leave;"
		    MOVE("delivered"),
		"an index has events that are not there",
	};
	(void)state;

	assert_ends(&d);
}

static void
hold_back(struct fixture *f, struct post *p)
{
	(void)f;
	p->answer_at = FOREVER;
}

static void
fill_inflight(struct fixture *f)
{
	f->far = hold_back;
	put_track(f, 0, "ada", 1, false);
	fixture_run(f, 100);
	assert_int_equal(count_state(f, "inflight"), 1);
}

static void
queue_recover_ends_when_an_event_may_not_go_back(void **state)
{
	const struct damage d = {
		fill_inflight, "event_inflight", MOVE("delivered"),
		"illegal move of an event",
	};
	(void)state;

	assert_ends(&d);
}

static void
queue_recover_ends_when_an_event_in_flight_is_gone(void **state)
{
	const struct damage d = {
		fill_inflight, "event_inflight", "DELETE FROM event",
		"a request is in flight that has no event",
	};
	(void)state;

	assert_ends(&d);
}

static void
queue_past_ends_when_a_request_had_less_than_nothing(void **state)
{
	const struct damage d = {
		fill_inflight, NULL, "UPDATE request SET objects = -1;"
		    "UPDATE request_identity SET objects = -1",
		"a request has had a number of objects",
	};
	(void)state;

	assert_ends(&d);
}

static void
queue_ready_ends_when_there_is_nothing_to_send(void **state)
{
	static const char *const statements[] = {
		"UPDATE event SET payload = NULL",
		"UPDATE event SET objects = 0",
		"UPDATE event SET objects = -7",
		"UPDATE event SET sent = 1000000",
		"UPDATE event SET sent = -1",
	};
	struct damage d = { fill_ready, NULL, NULL,
	    "an event has nothing that can be sent" };
	size_t i;
	(void)state;

	for (i = 0; i < HR_COUNT(statements); i++) {
		d.statements = statements[i];
		assert_ends(&d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    release_due_ends_when_what_is_due_is_not_deferred),
		cmocka_unit_test(release_due_ends_when_what_is_due_is_ready),
		cmocka_unit_test(
		    release_due_goes_on_when_what_was_due_is_changed_meanwhile),
		cmocka_unit_test(wait_for_room_ends_when_who_waits_has_nothing),
		cmocka_unit_test(queue_claim_ends_when_an_event_is_not_queued),
		cmocka_unit_test(
		    queue_recover_ends_when_an_event_may_not_go_back),
		cmocka_unit_test(
		    queue_recover_ends_when_an_event_in_flight_is_gone),
		cmocka_unit_test(
		    queue_past_ends_when_a_request_had_less_than_nothing),
		cmocka_unit_test(
		    queue_ready_ends_when_there_is_nothing_to_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
