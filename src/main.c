/*
 * main.c - heaprelayd: options, wiring, signals
 *
 * Knows everybody, once.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "clock.h"
#include "hash.h"
#include "log.h"
#include "main_private.h"
#include "notify.h"

#ifndef HEAPRELAY_CONF
#define HEAPRELAY_CONF	"/etc/heaprelay/heaprelay.conf"
#endif
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION	"unversioned"
#endif

#define BODY_FACTOR	4	/* a body as sent may be this much larger than
				 * max_request_bytes before it is not read */
#define ADMIN_BODY	(1 << 20)
#define ADMIN_CONNECTIONS 64
#define OTHER_DESCRIPTORS 32	/* listeners, database, log, spare */

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: heaprelayd [-c FILE] [-t] [-V] [-h]\n"
	    "\n"
	    "  -c, --config FILE  the configuration (default %s)\n"
	    "  -t, --test         check the configuration and exit\n"
	    "  -V, --version      print the version and exit\n"
	    "  -h, --help         print this and exit\n"
	    "\n"
	    "Runs in the foreground and logs to stderr.  See heaprelayd(8).\n",
	    HEAPRELAY_CONF);
}

static uint64_t
random64(void)
{
	uint64_t r;

	hash_random(&r, sizeof(r));
	return r;
}

/* --- wiring --------------------------------------------------------------- */

/* The key of minted MPIDs: configured, or made with the database.  The text
 * is the key, so that it can be given to another host as it is. */
static char *
identity_secret(struct agent *a)
{
	uint8_t bits[32];
	char hex[2 * sizeof(bits) + 1];
	char *secret;

	if (a->config->identity_secret != NULL)
		return xstrdup(a->config->identity_secret);
	secret = queue_setting(a->queue, "identity_secret");
	if (secret != NULL)
		return secret;
	hash_random(bits, sizeof(bits));
	queue_set(a->queue, "identity_secret", hash_hex(bits, sizeof(bits),
	    hex));
	return xstrdup(hex);
}

/* Opens the queue and puts back what was in flight, in one transaction. */
static void
start_queue(struct agent *a)
{
	struct moment now = clock_now();
	enum queue_turn turn;
	struct why why;
	int64_t back;
	char *secret;
	int status;

	status = queue_open(&a->queue, a->config->database,
	    a->config->database_mode, &why);
	if (status != 0)
		fatal(status, "queue: %s", why.text);
	turn = queue_begin(a->queue);
	if (turn != QUEUE_READY) {
		queue_hindrance(a->queue, turn, &why);
		fatal(EXIT_IO, "queue: cannot write file=%s error=%s",
		    log_value(a->config->database), log_value(why.text));
	}
	secret = identity_secret(a);
	a->profiles = profile_new(queue_store(a->queue), secret,
	    strlen(secret), a->config->priority, a->config->priority_n);
	free(secret);
	outputs_make(&a->outputs, a->config, a->queue);
	back = queue_recover(a->queue, now);
	a->dispatch = dispatch_new(a->base, a->queue, random64);
	dispatch_configure(a->dispatch, &a->outputs, now);
	if (!queue_commit(a->queue))
		fatal(EXIT_IO, "queue: cannot write file=%s error=%s",
		    log_value(a->config->database),
		    log_value(queue_error(a->queue)));
	if (back > 0)
		log_info("queue: back from an interrupted flight events=%lld",
		    (long long)back);
}

bool
agent_certificate(const struct config_front *c, struct http_certificate **out,
    struct why *why)
{
	*out = NULL;
	if (c->tls_certificate == NULL)
		return true;
	*out = http_certificate(c->tls_certificate, c->tls_key, why);
	return *out != NULL;
}

static void
listen_on(struct http_front *front, const struct config_front *c,
    const char *name)
{
	struct http_certificate *certificate;
	struct why why;
	size_t i;

	if (!agent_certificate(c, &certificate, &why))
		fatal(EXIT_CONFIG, "%s: %s", name, why.text);
	if (certificate != NULL)
		http_tls(front, certificate);
	for (i = 0; i < c->listen.n; i++) {
		errno = 0;
		if (http_listen(front, c->listen.s[i], &why) == -1)
			fatal(errno == EACCES || errno == EPERM ?
			    EXIT_PERMISSION : EXIT_CANTCREATE,
			    "%s: cannot listen on %s: %s", name,
			    c->listen.s[i], why.text);
	}
}

/* Descriptors for everybody at once, or strangers who connect to the ingest
 * listener would take those that delivery needs. */
static void
reserve_descriptors(const struct config *c)
{
	size_t i, need = (size_t)c->max_connections + ADMIN_CONNECTIONS +
	    OTHER_DESCRIPTORS;
	struct rlimit r;

	for (i = 0; i < c->outputs_n; i++)
		need += 2 * HEAP_LANES * (size_t)c->outputs[i].max_in_flight;
	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r);
	if (r.rlim_cur < need)
		fatal(EXIT_CONFIG, "main: %zu descriptors are needed for "
		    "max_connections = %lld, the limit is %llu (ulimit -n, "
		    "LimitNOFILE)", need, (long long)c->max_connections,
		    (unsigned long long)r.rlim_cur);
}

/*
 * No core dumps: they would put secrets, tokens and bodies on a disk.  A limit
 * of 1 stops a file as 0 would, and also a pipe to a collector, which the
 * kernel feeds in spite of 0 (core(5), kernel.core_pattern).  The process
 * stays dumpable in the sense of prctl(2): its user may trace it.
 */
static void
refuse_core_dumps(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_CORE, &r) == -1)
		return;
	if (r.rlim_max > 1)
		r.rlim_max = 1;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_CORE, &r);
}

struct admin_parts
agent_admin_parts(struct agent *a)
{
	struct admin_parts p = {
		.http = a->http,
		.queue = a->queue,
		.inspect = a->inspect,
		.profiles = a->profiles,
		.acceptor = a->acceptor,
		.intake = a->intake,
		.dispatch = a->dispatch,
		.jobs = a->jobs,
		.backup = a->backup,
		.erase = a->erase,
		.live = a->live,
		.outputs = &a->outputs,
		.config = a->config,
		.ingest_latency = &a->ingest_latency,
		.commit_duration = &a->commit_duration,
		.turn_duration = &a->turn_duration,
		.started_at = a->started_at,
		.started_boot = a->started_boot,
	};

	return p;
}

static void
start_fronts(struct agent *a)
{
	struct http_settings s;
	struct admin_parts parts;
	struct why why;

	if (inspect_open(&a->inspect, queue_store(a->queue), &why) != 0)
		fatal(EXIT_IO, "inspect: %s", why.text);
	a->acceptor = acceptor_new(a->queue, a->profiles, a->config,
	    &a->outputs, NULL);
	a->intake = intake_new(a->queue, a->acceptor, a->config);
	a->jobs = jobs_new(a->queue, a->acceptor);
	a->backup = backup_new(a->queue);
	a->erase = erase_new(a->queue, a->dispatch, clock_now());
	/* So that ids rise over a restart, too. */
	a->live = live_new(a->inspect, LIVE_LINES,
	    (uint64_t)a->started_at * 1000);
	queue_watch(a->queue, live_seen, live_undone, a->live);
	a->http = http_new(a->base);
	parts = agent_admin_parts(a);
	a->admin = admin_new(&parts, &why);
	if (a->admin == NULL)
		fatal(EXIT_CANTCREATE, "admin: %s", why.text);

	histogram_init_local(&a->ingest_latency);
	memset(&s, 0, sizeof(s));
	s.name = "ingest";
	s.max_body_bytes = BODY_FACTOR *
	    (size_t)a->config->max_request_bytes;
	s.request_timeout_ms = a->config->request_timeout_ms;
	s.max_connections = (size_t)a->config->max_connections;
	s.handler = intake_request;
	s.early = intake_early;
	s.error_body = intake_error_body;
	s.arg = a->intake;
	s.latency = &a->ingest_latency;
	a->ingest_front = http_front(a->http, &s);
	s.name = "admin";
	/* A body in a text, which may be longer than as it is. */
	s.max_body_bytes += ADMIN_BODY;
	s.max_connections = ADMIN_CONNECTIONS;
	s.handler = admin_request;
	s.early = admin_early;
	s.error_body = admin_error_body;
	s.arg = a->admin;
	s.latency = NULL;
	a->admin_front = http_front(a->http, &s);
	listen_on(a->ingest_front, &a->config->ingest, "ingest");
	listen_on(a->admin_front, &a->config->admin, "admin");
}

/* --- signals -------------------------------------------------------------- */

static void
on_stop(evutil_socket_t signo, short what, void *arg)
{
	struct agent *a = arg;

	(void)what;
	if (a->stop_at != 0) {
		log_flush();
		log_warn("main: stopped at once signal=%d", (int)signo);
		_exit(0);	/* a second one: what is in flight comes back */
	}
	log_info("main: stopping signal=%d grace_ms=%lld", (int)signo,
	    (long long)a->config->stop_grace_ms);
	a->stop_at = clock_now().boot + a->config->stop_grace_ms;
	notify("STOPPING=1");
	http_stop(a->http);
	intake_stop(a->intake);
	dispatch_stop(a->dispatch);
	erase_stop(a->erase);
}

static void
on_reload(evutil_socket_t signo, short what, void *arg)
{
	struct agent *a = arg;

	(void)signo;
	(void)what;
	a->reload = true;
}

static void
log_lane(const struct dispatch_lane *l, void *arg)
{
	(void)arg;
	log_info("status: output=%s lane=%s inflight=%zu breaker=%s "
	    "paused=%s", l->output, heap_lane_name(l->kind), l->inflight,
	    breaker_name(l->breaker->state), l->paused ? "yes" : "no");
}

static void
on_status(evutil_socket_t signo, short what, void *arg)
{
	struct agent *a = arg;

	(void)signo;
	(void)what;
	log_info("status: version=%s batches=%llu delivered=%llu stuck=%llu "
	    "database_bytes=%lld wal_bytes=%lld", PACKAGE_VERSION,
	    (unsigned long long)stat_get(STAT_batches_accepted),
	    (unsigned long long)stat_get(STAT_events_delivered),
	    (unsigned long long)stat_get(STAT_events_stuck),
	    (long long)queue_bytes(a->queue),
	    (long long)queue_wal_bytes(a->queue));
	dispatch_each(a->dispatch, clock_now(), log_lane, NULL);
}

static void
on_alarm(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;	/* that the loop turns is all it is for */
}

static void
start_signals(struct agent *a)
{
	static const struct {
		int signo;
		event_callback_fn callback;
	} table[] = {
		{ SIGTERM, on_stop }, { SIGINT, on_stop },
		{ SIGHUP, on_reload }, { SIGUSR1, on_status },
	};
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* a limit is a write that fails */
	for (i = 0; i < HR_COUNT(table); i++) {
		a->signals[i] = evsignal_new(a->base, table[i].signo,
		    table[i].callback, a);
		if (a->signals[i] == NULL ||
		    event_add(a->signals[i], NULL) == -1)
			fatal(EXIT_INTERNAL, "main: cannot handle signal %d",
			    table[i].signo);
	}
	a->alarm = evtimer_new(a->base, on_alarm, NULL);
}

/* --- start and end -------------------------------------------------------- */

static void
stop(struct agent *a)
{
	size_t i;

	dispatch_free(a->dispatch);
	http_free(a->http);
	admin_free(a->admin);
	jobs_free(a->jobs);
	backup_free(a->backup);
	erase_free(a->erase);
	intake_free(a->intake);
	acceptor_free(a->acceptor);
	inspect_close(a->inspect);
	profile_free(a->profiles);
	outputs_free(&a->outputs);
	queue_close(a->queue);
	live_free(a->live);
	for (i = 0; i < HR_COUNT(a->signals); i++)
		event_free(a->signals[i]);
	event_free(a->alarm);
	event_base_free(a->base);
	config_free(a->config);
}

static struct event_base *
new_base(void)
{
	struct event_config *c = event_config_new();
	struct event_base *base;

	event_config_set_flag(c, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	base = event_base_new_with_config(c);
	if (base == NULL)
		fatal(EXIT_INTERNAL, "main: no event loop");
	event_config_free(c);
	return base;
}

static void
run(struct agent *a)
{
	reserve_descriptors(a->config);
	a->base = new_base();
	a->started_at = clock_now().wall;
	a->started_boot = clock_now().boot;
	histogram_init_local(&a->commit_duration);
	histogram_init_local(&a->turn_duration);
	start_queue(a);
	start_fronts(a);
	start_signals(a);
	a->watchdog_ms = notify_watchdog_ms();
	notify("READY=1");
	log_info("main: started version=%s database=%s inputs=%zu outputs=%zu",
	    PACKAGE_VERSION, log_value(a->config->database),
	    a->config->inputs_n,
	    a->config->outputs_n);
	agent_loop(a);
	stop(a);
	log_flush();
	log_info("main: stopped");
}

/* -t: what reading the settings has not tried yet. */
static int
test_config(struct agent *a)
{
	struct http_certificate *ingest = NULL, *admin = NULL;
	struct why why;
	int status = 0;

	if (!agent_certificate(&a->config->ingest, &ingest, &why) ||
	    !agent_certificate(&a->config->admin, &admin, &why)) {
		fprintf(stderr, "heaprelayd: %s\n", why.text);
		status = EXIT_CONFIG;
	} else {
		printf("%s: ok\n", a->file);
	}
	http_certificate_free(ingest);
	http_certificate_free(admin);
	config_free(a->config);
	return status;
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "test", no_argument, NULL, 't' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct agent a;
	struct why why;
	bool test = false;
	int opt;

	memset(&a, 0, sizeof(a));
	a.file = HEAPRELAY_CONF;
	while ((opt = getopt_long(argc, argv, "c:tVh", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			a.file = optarg;
			break;
		case 't':
			test = true;
			break;
		case 'V':
			printf("heaprelayd %s\n", PACKAGE_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "heaprelayd: unexpected argument %s\n",
		    argv[optind]);
		usage(stderr);
		return EXIT_USAGE;
	}
	refuse_core_dumps();
	a.config = config_read(a.file, &why);
	if (a.config == NULL) {
		fprintf(stderr, "heaprelayd: %s\n", why.text);
		return EXIT_CONFIG;
	}
	if (test)
		return test_config(&a);
	log_open("heaprelayd", (enum log_level)a.config->log_level,
	    (enum log_format)a.config->log_format);
	run(&a);
	return 0;
}
