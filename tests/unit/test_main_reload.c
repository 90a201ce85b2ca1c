/*
 * test_main_reload.c - other settings for a running agent, all or nothing
 *
 * The agent of the admin API's fixture; what main.c does for a reload is done
 * here, so that a commit fails when a test says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin_fixture.h"
#include "holder_fixture.h"
#include "log.h"
#include "main_private.h"
#include "scratch_fixture.h"
#include "store.h"

struct reload {
	struct agent	 agent;		/* first: what main.c is handed */
	struct holder	*holder;
	struct bench	*bench;
	char		*file;		/* the settings */
	bool		 fail;		/* the next commit */
	size_t		 commits;
};

/* --- what main.c has ---------------------------------------------------- */

bool
agent_certificate(const struct config_front *c, struct http_certificate **out,
    struct why *why)
{
	*out = NULL;
	if (c->tls_certificate == NULL)
		return true;
	why_set(why, "no certificate in %s", c->tls_certificate);
	return false;
}

struct admin_parts
agent_admin_parts(struct agent *a)
{
	struct admin_parts p = bench_parts(((struct reload *)a)->bench);

	p.acceptor = a->acceptor;
	p.config = a->config;
	p.outputs = &a->outputs;
	return p;
}

bool
agent_commit(struct agent *a)
{
	struct reload *r = (struct reload *)a;

	r->commits++;
	if (r->fail)
		store_fail(queue_store(a->queue), "no space");
	return queue_commit(a->queue);
}

/* --- the bench -------------------------------------------------------- */

static void
write_settings(struct reload *r, const char *more)
{
	char *text = bench_settings(r->bench, more);
	FILE *f = fopen(r->file, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	free(text);
}

static int
setup(void **state)
{
	struct reload *r = xcalloc(1, sizeof(*r));
	struct agent *a = &r->agent;
	struct bench *b;
	void *bench;

	r->holder = holder_new();
	bench_setup(&bench);
	r->bench = b = bench;
	r->file = scratch_path(b->directory, "heaprelay.conf");
	a->file = r->file;
	a->config = b->config;
	a->outputs = b->outputs;
	a->acceptor = b->acceptor;
	a->http = b->http;
	a->queue = b->queue;
	a->profiles = b->profiles;
	a->intake = b->intake;
	a->admin = b->admin;
	a->dispatch = b->dispatch;
	a->jobs = b->jobs;
	a->live = b->live;
	dispatch_configure(b->dispatch, &a->outputs, b->now);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	struct reload *r = *state;
	void *bench = r->bench;

	r->bench->config = r->agent.config;
	r->bench->outputs = r->agent.outputs;
	r->bench->acceptor = r->agent.acceptor;
	bench_teardown(&bench);
	holder_free(r->holder);
	free(r->file);
	free(r);
	return 0;
}

/* The one integer of a query. */
static int64_t
number(struct reload *r, const char *sql)
{
	sqlite3 *db = store_db(queue_store(r->agent.queue));
	sqlite3_stmt *st;
	int64_t n;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

#define SECOND	"[output second]\napp_id = 9\n" \
		"base_url = http://127.0.0.1:1\n"

static void
assert_unchanged(struct reload *r)
{
	assert_ptr_equal(r->agent.config, r->bench->config);
	assert_ptr_equal(r->agent.acceptor, r->bench->acceptor);
	assert_ptr_equal(r->agent.outputs.o, r->bench->outputs.o);
	assert_int_equal(number(r, "SELECT count(*) FROM output"), 1);
	assert_int_equal(number(r, "SELECT count(*) FROM audit "
	    "WHERE action = 'reload'"), 0);
	assert_false(r->agent.reload);
}

static void
assert_second_is_there(struct reload *r)
{
	assert_int_equal(r->agent.outputs.n, 2);
	assert_string_equal(r->agent.config->outputs[1].name, "second");
	assert_int_equal(number(r, "SELECT count(*) FROM output "
	    "WHERE app IS NOT NULL"), 2);
	assert_int_equal(number(r, "SELECT count(*) FROM audit "
	    "WHERE action = 'reload' AND detail LIKE '%second%'"), 1);
}

/* --- tests ------------------------------------------------------------ */

static void
agent_reload_takes_over_and_writes_it_down(void **state)
{
	struct reload *r = *state;

	write_settings(r, SECOND);
	r->agent.reload = true;
	agent_reload(&r->agent);

	assert_false(r->agent.reload);
	assert_second_is_there(r);
	assert_int_equal(r->commits, 1);
	/* The API goes by the new settings, too. */
	bench_get(r->bench, "/v1/outputs/second");
	assert_int_equal(r->bench->status, 200);
}

/* Ids of outputs may be used only once they are on disk. */
static void
agent_reload_changes_nothing_if_the_commit_fails(void **state)
{
	struct reload *r = *state;

	write_settings(r, SECOND);
	r->agent.reload = true;
	r->fail = true;
	agent_reload(&r->agent);
	assert_int_equal(r->commits, 1);
	assert_unchanged(r);
	bench_get(r->bench, "/v1/outputs/second");
	assert_int_equal(r->bench->status, 404);

	/* What is there goes on, and the next one takes it over. */
	r->fail = false;
	assert_int_equal(bench_put(r->bench, "Seen", ""), 1);
	agent_reload(&r->agent);
	assert_second_is_there(r);
}

/* What the same turn has written is lost with it, and told so. */
static void
agent_reload_that_fails_fails_what_its_turn_has_written(void **state)
{
	struct reload *r = *state;

	write_settings(r, SECOND);
	assert_int_equal(queue_begin(r->agent.queue), QUEUE_READY);
	queue_set(r->agent.queue, "of this turn", "x");
	r->fail = true;
	agent_reload(&r->agent);

	assert_int_equal(number(r, "SELECT count(*) FROM setting "
	    "WHERE name = 'of this turn'"), 0);
	/* The turn goes on, with nothing in it. */
	assert_true(queue_commit(r->agent.queue));
	assert_unchanged(r);
}

static void
agent_reload_changes_nothing_while_somebody_writes(void **state)
{
	struct reload *r = *state;

	write_settings(r, SECOND);
	holder_lock(r->holder, r->bench->config->database);
	agent_reload(&r->agent);
	assert_int_equal(r->commits, 0);
	assert_unchanged(r);

	holder_release(r->holder);
	agent_reload(&r->agent);
	assert_second_is_there(r);
}

static void
agent_reload_writes_nothing_before_everything_is_read(void **state)
{
	static const char *const wrong[] = {
		"app_id = x\n",
		"[ingest]\nlisten = 127.0.0.1:1\n" SECOND,
		"[ingest]\ntls_certificate = none.pem\ntls_key = none.pem\n"
		SECOND,
	};
	struct reload *r = *state;
	size_t i;

	for (i = 0; i < HR_COUNT(wrong); i++) {
		write_settings(r, wrong[i]);
		agent_reload(&r->agent);
		assert_unchanged(r);
	}
	assert_int_equal(remove(r->file), 0);
	agent_reload(&r->agent);
	assert_unchanged(r);
	assert_int_equal(r->commits, 0);
}

#define TEST(t)	cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(agent_reload_takes_over_and_writes_it_down),
	    TEST(agent_reload_changes_nothing_if_the_commit_fails),
	    TEST(agent_reload_that_fails_fails_what_its_turn_has_written),
	    TEST(agent_reload_changes_nothing_while_somebody_writes),
	    TEST(agent_reload_writes_nothing_before_everything_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
