/*
 * sink.c - heaprelay-sink: a simulated Heap, for users and tests
 *
 * Options, wiring, signals, the loop.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "http.h"
#include "log.h"
#include "sink_heap.h"
#include "sink_serve.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION	"unversioned"
#endif

#define MAX_APPS	100
#define MAX_FAULTS	100
#define MAX_REMEMBERED	100000000

struct options {
	const char	*listen;
	const char	*certificate;	/* NULL: plain */
	const char	*key;
	const char	*log;		/* NULL: none */
	int64_t		 max_body;
	const char	*app[MAX_APPS];
	const char	*fault[MAX_FAULTS];
	size_t		 faults;
	struct sink_heap_settings heap;
};

enum choice {
	OPT_LISTEN = 256, OPT_CERTIFICATE, OPT_KEY, OPT_APP, OPT_NO_WINDOWS,
	OPT_FAULT, OPT_REMEMBER, OPT_REMEMBER_USERS, OPT_REMEMBER_KEYS,
	OPT_MAX_BODY, OPT_LOG, OPT_LOG_KEYS, OPT_HELP, OPT_VERSION,
	OPT_WINDOW	/* and on: one for each of enum sink_window */
};

static const struct option long_options[] = {
	{ "listen",		required_argument, NULL, OPT_LISTEN },
	{ "certificate",	required_argument, NULL, OPT_CERTIFICATE },
	{ "key",		required_argument, NULL, OPT_KEY },
	{ "app",		required_argument, NULL, OPT_APP },
	{ "track-limit",	required_argument, NULL,
	    OPT_WINDOW + SINK_TRACK_LIMIT },
	{ "identity-limit",	required_argument, NULL,
	    OPT_WINDOW + SINK_IDENTITY_LIMIT },
	{ "app-limit",		required_argument, NULL,
	    OPT_WINDOW + SINK_APP_LIMIT },
	{ "properties-limit",	required_argument, NULL,
	    OPT_WINDOW + SINK_PROPERTIES_LIMIT },
	{ "properties-app-limit", required_argument, NULL,
	    OPT_WINDOW + SINK_PROPERTIES_APP_LIMIT },
	{ "no-windows",		no_argument, NULL, OPT_NO_WINDOWS },
	{ "fault",		required_argument, NULL, OPT_FAULT },
	{ "remember",		required_argument, NULL, OPT_REMEMBER },
	{ "remember-users",	required_argument, NULL, OPT_REMEMBER_USERS },
	{ "remember-keys",	required_argument, NULL, OPT_REMEMBER_KEYS },
	{ "max-body",		required_argument, NULL, OPT_MAX_BODY },
	{ "log",		required_argument, NULL, OPT_LOG },
	{ "log-keys",		no_argument, NULL, OPT_LOG_KEYS },
	{ "help",		no_argument, NULL, OPT_HELP },
	{ "version",		no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 }
};

static const char usage_text[] =
"usage: heaprelay-sink [options]\n"
"A simulated Heap: takes /api/track and /api/add_user_properties, judges\n"
"them, and tells at /stats, /events and /users what arrived.\n"
"\n"
"  --listen ADDRESS         HOST:PORT, [HOST]:PORT or unix:PATH;\n"
"                           default 127.0.0.1:9090; port 0: any\n"
"  --certificate FILE       speak TLS, with this chain (PEM)\n"
"  --key FILE               and this key (PEM)\n"
"  --app ID                 an app that exists (again for more);\n"
"                           default: every one\n"
"  --track-limit N/TIME     30/30s     requests that mention an identity\n"
"  --identity-limit N/TIME  1000/60s   events of an identity\n"
"  --app-limit N/TIME       15000/60s  events of an app\n"
"  --properties-limit N/TIME           30/30s     requests that mention one\n"
"  --properties-app-limit N/TIME       15000/60s  users of an app\n"
"                           N/TIME: TIME in ms, s or m; or none\n"
"  --no-windows             none of these\n"
"  --fault JSON             a fault, as for POST /faults (again for more)\n"
"  --remember N             events that /events can show; 10000\n"
"  --remember-users N       users that /users can show; 1000000\n"
"  --remember-keys N        idempotency keys; 4000000\n"
"  --max-body BYTES         of a request; 10000000\n"
"  --log FILE               append a line of JSON for each API request\n"
"  --log-keys               with the idempotency keys\n"
"  --help, --version\n";

static void usage(const char *, ...) HR_PRINTF(1, 2) HR_NORETURN;

static void
usage(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "heaprelay-sink: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry heaprelay-sink --help.\n");
	exit(EXIT_USAGE);
}

static int64_t
number_of(const char *text, const char *option, int64_t max)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    n > max)
		usage("--%s should be a number up to %lld", option,
		    (long long)max);
	return n;
}

static void
add_app(struct options *o, const char *id)
{
	size_t n = strlen(id);

	if (n < 1 || n > 20 || strspn(id, "0123456789") != n)
		usage("--app should be 1 to 20 digits");
	if (o->heap.apps == MAX_APPS)
		usage("more than %d apps", MAX_APPS);
	o->app[o->heap.apps++] = id;
}

static void
take_option(struct options *o, int option, const char *name)
{
	struct sink_heap_settings *h = &o->heap;

	switch (option) {
	case OPT_LISTEN:
		o->listen = optarg;
		break;
	case OPT_CERTIFICATE:
		o->certificate = optarg;
		break;
	case OPT_KEY:
		o->key = optarg;
		break;
	case OPT_APP:
		add_app(o, optarg);
		break;
	case OPT_NO_WINDOWS:
		memset(h->limit, 0, sizeof(h->limit));
		break;
	case OPT_FAULT:
		if (o->faults == MAX_FAULTS)
			usage("more than %d faults", MAX_FAULTS);
		o->fault[o->faults++] = optarg;
		break;
	case OPT_REMEMBER:
		h->events = (size_t)number_of(optarg, name, MAX_REMEMBERED);
		break;
	case OPT_REMEMBER_USERS:
		h->users = (size_t)number_of(optarg, name, MAX_REMEMBERED);
		break;
	case OPT_REMEMBER_KEYS:
		h->keys = (size_t)number_of(optarg, name, MAX_REMEMBERED);
		break;
	case OPT_MAX_BODY:
		o->max_body = number_of(optarg, name, 1000000000);
		break;
	case OPT_LOG:
		o->log = optarg;
		break;
	case OPT_LOG_KEYS:
		h->log_keys = true;
		break;
	case OPT_HELP:
		fputs(usage_text, stdout);
		exit(0);
	case OPT_VERSION:
		puts("heaprelay-sink " PACKAGE_VERSION);
		exit(0);
	default:
		if (!sink_limit_parse(optarg, &h->limit[option - OPT_WINDOW]))
			usage("--%s should be as 30/30s, or none", name);
	}
}

static void
read_options(struct options *o, int argc, char **argv)
{
	int option, place = 0, i;

	memset(o, 0, sizeof(*o));
	o->listen = "127.0.0.1:9090";
	o->max_body = 10000000;
	for (i = 0; i < SINK_WINDOWS; i++)
		o->heap.limit[i] = *sink_limit_default((enum sink_window)i);
	o->heap.events = 10000;
	o->heap.users = 1000000;
	o->heap.keys = 4000000;
	while ((option = getopt_long(argc, argv, "", long_options,
	    &place)) != -1) {
		if (option == '?')
			usage("unusable option");
		take_option(o, option, long_options[place].name);
	}
	if (optind < argc)
		usage("unexpected argument %s", argv[optind]);
	if ((o->certificate == NULL) != (o->key == NULL))
		usage("--certificate and --key go together");
	o->heap.app = o->app;
}

static struct sink_heap *
make_heap(const struct options *o)
{
	struct sink_heap *heap = sink_heap_new(&o->heap);
	struct why why;
	size_t i;

	for (i = 0; i < o->faults; i++) {
		if (sink_rules_add(sink_heap_rules(heap), o->fault[i],
		    strlen(o->fault[i]), &why) == -1)
			usage("--fault %zu: %s", i + 1, why.text);
	}
	return heap;
}

static struct http_front *
listen_on(struct http *http, const struct options *o, struct sink_serve *serve)
{
	const struct http_settings settings = {
		.name = "sink",
		.max_body_bytes = (size_t)o->max_body,
		.request_timeout_ms = 120000,
		.max_connections = 1000,
		.handler = sink_serve_request,
		.error_body = sink_serve_error,
		.arg = serve,
	};
	struct http_front *front = http_front(http, &settings);
	struct http_certificate *certificate;
	struct why why;

	if (http_listen(front, o->listen, &why) == -1)
		fatal(EXIT_CANTCREATE, "sink: %s", why.text);
	if (o->certificate != NULL) {
		certificate = http_certificate(o->certificate, o->key, &why);
		if (certificate == NULL)
			fatal(EXIT_CONFIG, "sink: %s", why.text);
		http_tls(front, certificate);
	}
	return front;
}

/* Whoever started this waits for the line, and may need the port. */
static void
announce(const struct http_front *front, const struct options *o)
{
	const char *colon = strrchr(o->listen, ':');

	if (strncmp(o->listen, "unix:", 5) == 0)
		printf("heaprelay-sink: listening on %s\n", o->listen);
	else
		printf("heaprelay-sink: listening on %s://%.*s:%d\n",
		    o->certificate != NULL ? "https" : "http",
		    (int)(colon - o->listen), o->listen, http_port(front));
	fflush(stdout);
}

static FILE *
open_log(const char *path)
{
	FILE *f = path != NULL ? fopen(path, "ae") : NULL;

	if (f == NULL && path != NULL)
		fatal(EXIT_CANTCREATE, "sink: %s: %s", path, strerror(errno));
	return f;
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	event_base_loopbreak(arg);
}

/* Until SIGTERM or SIGINT. */
static void
run(struct event_base *base)
{
	struct event *term = evsignal_new(base, SIGTERM, on_signal, base);
	struct event *quit = evsignal_new(base, SIGINT, on_signal, base);

	if (term == NULL || quit == NULL || event_add(term, NULL) == -1 ||
	    event_add(quit, NULL) == -1)
		fatal(EXIT_INTERNAL, "sink: cannot watch signals");
	event_base_dispatch(base);
	event_free(term);
	event_free(quit);
}

int
main(int argc, char **argv)
{
	struct options options;
	struct event_base *base;
	struct sink_heap *heap;
	struct sink_serve *serve;
	struct http *http;
	FILE *log;

	signal(SIGPIPE, SIG_IGN);
	log_open("heaprelay-sink", LOG_INFO, LOG_LOGFMT);
	read_options(&options, argc, argv);
	base = event_base_new();
	if (base == NULL)
		fatal(EXIT_INTERNAL, "sink: no event loop");
	heap = make_heap(&options);
	log = open_log(options.log);
	serve = sink_serve_new(base, heap, log);
	http = http_new(base);
	announce(listen_on(http, &options, serve), &options);

	run(base);

	http_free(http);
	sink_serve_free(serve);
	sink_heap_free(heap);
	event_base_free(base);
	if (log != NULL && fclose(log) != 0)
		fatal(EXIT_IO, "sink: %s: %s", options.log, strerror(errno));
	return 0;
}
