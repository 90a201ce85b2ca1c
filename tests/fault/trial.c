/*
 * trial.c - one life of the agent with one fault in it
 *
 * Knows how an agent dies: where a planned crash says, by exit(3), or since
 * it cannot start.  The linker puts this file's exit, _exit, fsync, queue_open,
 * queue_begin, queue_commit and sqlite3_wal_hook before those that the agent
 * means.
 */
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "jobs.h"
#include "log.h"
#include "trial.h"
#include "../unit/simulation.h"

#define BATCHES		60
#define REPLAY_AT	45		/* batches: all that is stuck goes again */
#define PRUNE_AT	30
#define TIMEOUT_S	300		/* of a trial; sanitizers are slow */
#define SHORT_WAL	100		/* pages */
#define TURN		"trial_turn"	/* a setting: the turn that wrote it */

static struct sim *sim;
static struct trial_end *end;		/* shared with who waits for it */
static jmp_buf grave;
static bool doomed;			/* dying is part of the plan */
static bool starting;
static bool committing;
static bool damaged;			/* the file is not what it was */
static int64_t turn, acknowledged;	/* numbers of turns */
static int (*store_hook)(void *, sqlite3 *, const char *, int);

/* --- how an agent dies ------------------------------------------------ */

static void
die(int status)
{
	if (!doomed)
		fail_msg("died with status %d and no fault to blame", status);
	end->died = true;
	end->starting = starting;
	end->status = status;
	longjmp(grave, 1);
}

static void
crash(void)
{
	die(-1);
}

void	__wrap_exit(int);
void	__real__exit(int) HR_NORETURN;
void	__wrap__exit(int) HR_NORETURN;
int	__real_queue_open(struct queue **, const char *, int, struct why *);
int	__wrap_queue_open(struct queue **, const char *, int, struct why *);
enum queue_turn __real_queue_begin(struct queue *);
enum queue_turn __wrap_queue_begin(struct queue *);
bool	__real_queue_commit(struct queue *);
bool	__wrap_queue_commit(struct queue *);
typedef int wal_hook(void *, sqlite3 *, const char *, int);
void	*__real_sqlite3_wal_hook(sqlite3 *, wal_hook *, void *);
void	*__wrap_sqlite3_wal_hook(sqlite3 *, wal_hook *, void *);

void
__wrap_exit(int status)
{
	if (sim == NULL)
		_exit(status);
	die(status);
}

/* As bug() does, which is what a damaged file may look like. */
void
__wrap__exit(int status)
{
	if (status == EXIT_INTERNAL && sim != NULL && damaged) {
		end->after_damage = status;
		status = 0;
	}
	__real__exit(status);
}

int
__wrap_queue_open(struct queue **out, const char *path, int mode,
    struct why *why)
{
	int status = __real_queue_open(out, path, mode, why);

	if (status != 0 && doomed)
		die(status);
	return status;
}

/* As main does: an agent that cannot begin to write does not start. */
enum queue_turn
__wrap_queue_begin(struct queue *q)
{
	enum queue_turn ready = __real_queue_begin(q);

	if (ready != QUEUE_READY && starting && doomed)
		die(EXIT_IO);
	return ready;
}

/* Each turn that is stored says so in the database. */
bool
__wrap_queue_commit(struct queue *q)
{
	bool any = store_open_transaction(queue_store(q)), durable;
	char text[24];

	if (any) {
		snprintf(text, sizeof(text), "%" PRId64, ++turn);
		queue_set(q, TURN, text);
	}
	committing = true;
	durable = __real_queue_commit(q);
	committing = false;
	if (any && durable)
		acknowledged = turn;
	if (!durable && starting && doomed)
		die(EXIT_IO);
	return durable;
}

/* So short a course would never fill a WAL to where it is checkpointed. */
static int
short_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
	return store_hook(arg, db, name, pages >= SHORT_WAL ? INT_MAX : pages);
}

void *
__wrap_sqlite3_wal_hook(sqlite3 *db, wal_hook *hook, void *arg)
{
	store_hook = hook;
	return __real_sqlite3_wal_hook(db, short_wal, arg);
}

/* --- what it leaves --------------------------------------------------- */

static void
copy_file(const char *from, const char *to)
{
	char bytes[65536];
	FILE *in = fopen(from, "r"), *out;
	size_t n;

	if (in == NULL)
		return;
	out = fopen(to, "w");
	assert_non_null(out);
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		assert_int_equal(fwrite(bytes, 1, n, out), n);
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

/* The last turn that is in a database; 0: none is.  Looks at a copy, since to
 * open one changes it. */
static int64_t
stored_turn(const char *path)
{
	char *copy = xasprintf("%s.look", path);
	char *wal = xasprintf("%s-wal", path);
	char *copy_wal = xasprintf("%s-wal", copy);
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int64_t stored = 0;

	copy_file(path, copy);
	copy_file(wal, copy_wal);
	assert_int_equal(sqlite3_open_v2(copy, &db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE, "unix"), SQLITE_OK);
	if (sqlite3_prepare_v2(db, "SELECT value FROM setting WHERE name = '"
	    TURN "'", -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		stored = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	unlink(copy);
	unlink(copy_wal);
	free(copy);
	free(wal);
	free(copy_wal);
	return stored;
}

/* What is left of the files, in a directory of its own: those of the dead are
 * still open and locked by this process. */
static void
inherit(const struct trial *t)
{
	struct fixture *f = sim->f;
	uint64_t lot = t->lot * UINT64_C(0x9e3779b97f4a7c15) + 1;
	char *directory = xasprintf("%s/after", f->directory);

	assert_int_equal(mkdir(directory, 0700), 0);
	fault_move(directory, t->loss, &lot);
	free(f->path);
	f->path = xasprintf("%s/queue.db", directory);
	free(directory);
}

/* The turn that it died in is stored or is not, as a whole; all that were
 * acknowledged are. */
static void
bury(const struct trial *t)
{
	int64_t stored;
	bool survived;

	fault_disarm();
	doomed = false;
	inherit(t);
	stored = stored_turn(sim->f->path);
	survived = stored > acknowledged;
	if (stored < acknowledged)
		fail_msg("turn %" PRId64 " was acknowledged and is gone, %"
		    PRId64 " is the last", acknowledged, stored);
	if (survived && (stored != turn || !committing))
		fail_msg("turn %" PRId64 " was given up and is stored, %"
		    PRId64 " is the last that began", stored, turn);
	committing = false;
	sim_note_ends(sim);
	sim_commit(sim, survived);
	if (survived)
		sim_settle(sim);
	sim_lose_calls(sim, sim_now(sim));
	fixture_abandon(sim->f);
}

/* --- the course ------------------------------------------------------- */

static void
replay_all(void)
{
	struct jobs *jobs = jobs_new(sim->f->queue, sim->acceptor);
	const struct queue_job job = {
		.kind = QUEUE_JOB_REPLAY,
		.filter = { .state = "stuck", .since = INT64_MIN,
		    .until = INT64_MAX },
	};
	int i;

	if (queue_begin(sim->f->queue) == QUEUE_READY)
		jobs_start(jobs, &job, sim->f->now.wall);
	for (i = 0; i < 8; i++) {
		fixture_run(sim->f, 50);
		jobs_turn(jobs, sim->f->now, false);
	}
	fixture_run(sim->f, 50);
	jobs_free(jobs);
}

static void
course(void)
{
	int64_t burst;

	while (sim->batches < BATCHES) {
		for (burst = sim_upto(sim, 4); burst >= 0; burst--) {
			if (sim->batches == PRUNE_AT)
				sim_prune(sim);
			sim_arrive(sim);
		}
		fixture_run(sim->f, sim_upto(sim, 400));
		if (sim->batches >= REPLAY_AT && !sim->forgiving) {
			sim->forgiving = true;
			replay_all();
		}
	}
}

static void
start(void)
{
	starting = true;
	sim_start(sim);
	starting = false;
	memset(sim->was_open, 0, sizeof(sim->was_open));
}

static void
assert_sound(void)
{
	assert_int_equal(ask(sim->f, "SELECT count(*) FROM"
	    " pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
	assert_int_equal(ask(sim->f, "SELECT count(*) FROM"
	    " pragma_foreign_key_check"), 0);
	assert_conserved(sim->f);
}

/* The fault is over: nothing was lost, and it works as ever. */
static void
judge(void)
{
	fault_disarm();
	doomed = false;
	sim->blind = false;
	sim->quiet = true;
	sim_arrive_plain(sim, 0);
	fixture_drain(sim->f, 2 * DAY);
	sim_judge_fates(sim);
	sim_judge_properties(sim);
	assert_sound();
}

/* Some bits of the file flip, or it ends early. */
static void
damage_file(const char *path, uint64_t *lot)
{
	FILE *f = fopen(path, "r+");
	long size;
	int i, c;

	if (f == NULL)
		return;
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	size = ftell(f);
	if (size > 0 && *lot % 8 == 0)
		assert_int_equal(ftruncate(fileno(f), (off_t)(*lot / 8 %
		    (uint64_t)size)), 0);
	for (i = 0; size > 0 && *lot % 8 != 0 && i < 64; i++) {
		*lot = *lot * UINT64_C(6364136223846793005) + 1;
		assert_int_equal(fseek(f, (long)(*lot >> 33) % size,
		    SEEK_SET), 0);
		c = fgetc(f);
		assert_int_equal(fseek(f, -1, SEEK_CUR), 0);
		fputc(c ^ 1 << (*lot >> 30 & 7), f);
	}
	assert_int_equal(fclose(f), 0);
}

/*
 * The agent on a file that is not what it was: what it takes in may be refused
 * or the agent may end, but not otherwise than by a status.  What a flipped
 * bit made of a text nobody can tell, so Heap takes all.
 */
static void
live_on_damage(const struct trial *t)
{
	uint64_t lot = t->lot * UINT64_C(0x9e3779b97f4a7c15) + 1;
	char *wal;

	fault_disarm();
	inherit(t);
	wal = xasprintf("%s-wal", sim->f->path);
	damage_file(lot & 16 ? wal : sim->f->path, &lot);
	free(wal);
	sim_commit(sim, false);
	fixture_abandon(sim->f);
	sim->f->far = NULL;
	sim->f->ended = NULL;
	sim->batches = 0;
	turn = acknowledged = 0;
	damaged = true;
	if (setjmp(grave) == 0) {
		start();
		course();
		return;
	}
	end->after_damage = end->status;
}

static void
live(const struct trial *t)
{
	fault_install(crash);
	fault_arm(&t->fault);
	sim = sim_new(t->seed);
	sim->blind = true;
	sim->clumsy = 6;
	doomed = true;
	if (setjmp(grave) == 0) {
		start();
	} else if (t->damage) {
		live_on_damage(t);
		return;
	} else {
		bury(t);
		start();
	}
	course();
	end->counted = fault_count();
	end->hits = fault_hits();
	end->hit_op = fault_hit_op();
	judge();
}

/* --- trials ----------------------------------------------------------- */

static void
remove_tree(const char *directory)
{
	char *command = xasprintf("rm -rf '%s'", directory);

	assert_int_equal(system(command), 0);
	free(command);
}

/* A failed assertion ends this process as a crash would, instead of the test
 * of the one that waits. */
static void
be_the_trial(const struct trial *t)
{
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	signal(SIGABRT, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
	alarm(TIMEOUT_S);
	live(t);
	remove_tree(sim->f->directory);
	_exit(0);
}

void
trial_run(const struct trial *t, struct trial_end *out)
{
	int status;
	pid_t child;

	end = mmap(NULL, sizeof(*end), PROT_READ | PROT_WRITE, MAP_SHARED |
	    MAP_ANONYMOUS, -1, 0);
	assert_true(end != MAP_FAILED);
	fflush(NULL);
	child = fork();
	assert_true(child != -1);
	if (child == 0)
		be_the_trial(t);
	assert_int_equal(waitpid(child, &status, 0), child);
	*out = *end;
	munmap(end, sizeof(*end));
	if (status != 0)
		fail_msg("HEAPRELAY_SEED=%" PRIu64 " HEAPRELAY_NTH=%" PRId64
		    " repeats it: ops=%#x kind=%d for_ever=%d loss=%d"
		    " wait status %#x", t->seed, t->fault.nth, t->fault.ops,
		    t->fault.kind, t->fault.for_ever, t->loss, status);
}

static int64_t
calls_of(const struct trial *t)
{
	struct trial untouched = *t;
	struct trial_end e;

	untouched.fault.nth = 0;
	trial_run(&untouched, &e);
	assert_false(e.died);
	assert_true(e.counted > 0);
	return e.counted;
}

int64_t
trial_sweep(const struct trial *plan, int64_t points, int64_t most,
    trial_see *see)
{
	const char *only = getenv("HEAPRELAY_NTH");
	const char *seed = getenv("HEAPRELAY_SEED");
	int64_t calls, n = 0, missed = 0, i;
	struct trial t = *plan;
	struct trial_end e;

	if (seed != NULL)
		t.seed = strtoull(seed, NULL, 10);
	calls = calls_of(&t);
	if (getenv("HEAPRELAY_LONG") != NULL)
		points = most;
	if (points > calls)
		points = calls;
	for (i = 0; i < points; i++) {
		t.fault.nth = only != NULL ? strtoll(only, NULL, 10) :
		    1 + i * calls / points;
		t.lot = 1000 * t.seed + (uint64_t)t.fault.nth;
		trial_run(&t, &e);
		n++;
		/* The last calls may not come: a course differs by a few,
		 * since the work of a turn is cut by the clock. */
		if (e.hits > 0 || e.died)
			see(&t, &e);
		else
			missed++;
		if (only != NULL)
			break;
	}
	assert_true(missed <= 1 + n / 10);
	return n - missed;
}
