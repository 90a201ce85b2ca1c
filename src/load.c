/*
 * load.c - heaprelay-load: sends batches, tells how they were answered
 *
 * Options, wiring, the report.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "config.h"
#include "hash.h"
#include "load_run.h"
#include "log.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION	"unversioned"
#endif

struct options {
	const char	*to;		/* NULL: as the configuration says */
	const char	*file;
	const char	*input;		/* NULL: the first */
	const char	*ids;
	bool		 json;
	struct load_plan plan;
};

enum choice {
	OPT_TO = 256, OPT_INPUT, OPT_CONNECTIONS, OPT_RATE, OPT_DURATION,
	OPT_REQUESTS, OPT_EVENTS, OPT_BULK, OPT_IDENTITIES, OPT_FRESH,
	OPT_PADDING, OPT_TIMEOUT, OPT_IDS, OPT_RUN, OPT_JSON
};

static const struct option long_options[] = {
	{ "to",		required_argument, NULL, OPT_TO },
	{ "input",	required_argument, NULL, OPT_INPUT },
	{ "connections", required_argument, NULL, OPT_CONNECTIONS },
	{ "rate",	required_argument, NULL, OPT_RATE },
	{ "duration",	required_argument, NULL, OPT_DURATION },
	{ "requests",	required_argument, NULL, OPT_REQUESTS },
	{ "events",	required_argument, NULL, OPT_EVENTS },
	{ "bulk",	required_argument, NULL, OPT_BULK },
	{ "identities",	required_argument, NULL, OPT_IDENTITIES },
	{ "fresh",	no_argument, NULL, OPT_FRESH },
	{ "padding",	required_argument, NULL, OPT_PADDING },
	{ "timeout",	required_argument, NULL, OPT_TIMEOUT },
	{ "ids",	required_argument, NULL, OPT_IDS },
	{ "run",	required_argument, NULL, OPT_RUN },
	{ "json",	no_argument, NULL, OPT_JSON },
	{ "help",	no_argument, NULL, 'h' },
	{ "version",	no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

static const char usage_text[] =
"usage: heaprelay-load [-c FILE] [options]\n"
"Sends batches to heaprelayd, at a rate or as fast as it answers, and tells\n"
"what it answered and how soon.\n"
"\n"
"  -c FILE              the agent's configuration: where it listens, and the\n"
"                       credentials; default " HEAPRELAY_CONF "\n"
"  --input NAME         whose credentials; default: the first input\n"
"  --to HOST:PORT       instead of the first address it listens on\n"
"  --connections N      64      kept open, one request at a time on each\n"
"  --rate N             requests a second; default: flat out\n"
"  --duration SECONDS   10      none begins later; 0: no end\n"
"  --requests N         no more than that\n"
"  --events N           1       events in a batch\n"
"  --bulk N             N batches in each request, to /v2/bulkevents\n"
"  --identities N       1000    people, in turn\n"
"  --fresh              a new person with each batch\n"
"  --padding BYTES      0       more in each event\n"
"  --timeout SECONDS    30      of one request\n"
"  --ids FILE           append the source_request_id of each batch that was\n"
"                       answered 202\n"
"  --run NAME           what the source_request_ids begin with; default: made\n"
"                       of the time and the process\n"
"  --json               the report as a line of JSON\n"
"  -h, --help  -V, --version\n"
"\n"
"Exit status: 0 if each request was answered 202, else 1; 64 usage, 78\n"
"configuration.\n";

static void usage(const char *, ...) HR_PRINTF(1, 2) HR_NORETURN;

static void
usage(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "heaprelay-load: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry heaprelay-load --help.\n");
	exit(EXIT_USAGE);
}

static double
number(const char *option, double least, double most)
{
	char *end;
	double n;

	errno = 0;
	n = strtod(optarg, &end);
	if (end == optarg || *end != '\0' || errno != 0 ||
	    !(n >= least && n <= most))
		usage("--%s should be a number from %g to %g", option, least,
		    most);
	return n;
}

static int64_t
whole(const char *option, int64_t least, int64_t most)
{
	double n = number(option, (double)least, (double)most);

	if (n != (double)(int64_t)n)
		usage("--%s should be a whole number", option);
	return (int64_t)n;
}

static const char *
run_name(const char *option)
{
	size_t n = strlen(optarg);

	if (n == 0 || n > 100 || strspn(optarg, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != n)
		usage("--%s should be 1 to 100 letters, digits, dots, "
		    "underscores or hyphens", option);
	return optarg;
}

/* What batches look like, and how they are sent. */
static bool
take_plan(struct load_plan *p, int option, const char *name)
{
	switch (option) {
	case OPT_CONNECTIONS:
		p->connections = whole(name, 1, 20000);
		return true;
	case OPT_RATE:
		p->rate = number(name, 0.001, 1e7);
		return true;
	case OPT_DURATION:
		p->duration_ms = (int64_t)(number(name, 0, 1e6) * 1000);
		return true;
	case OPT_REQUESTS:
		p->requests = whole(name, 1, INT64_C(1000000000));
		return true;
	case OPT_EVENTS:
		p->shape.events = whole(name, 1, 10000);
		return true;
	case OPT_BULK:
		p->shape.bulk = whole(name, 1, 10000);
		return true;
	case OPT_IDENTITIES:
		p->shape.identities = whole(name, 1, INT64_C(1000000000));
		return true;
	case OPT_FRESH:
		p->shape.identities = 0;
		return true;
	case OPT_PADDING:
		p->shape.padding = whole(name, 0, 1000000);
		return true;
	case OPT_TIMEOUT:
		p->timeout_ms = (int64_t)(number(name, 0.001, 3600) * 1000);
		return true;
	case OPT_RUN:
		p->run = run_name(name);
		return true;
	default:
		return false;
	}
}

static void
take_option(struct options *o, int option, const char *name)
{
	if (take_plan(&o->plan, option, name))
		return;
	switch (option) {
	case 'c':
		o->file = optarg;
		break;
	case OPT_TO:
		o->to = optarg;
		break;
	case OPT_INPUT:
		o->input = optarg;
		break;
	case OPT_IDS:
		o->ids = optarg;
		break;
	case OPT_JSON:
		o->json = true;
		break;
	case 'h':
		fputs(usage_text, stdout);
		exit(0);
	case 'V':
		puts("heaprelay-load " PACKAGE_VERSION);
		exit(0);
	default:
		usage("unusable option");
	}
}

static void
read_options(struct options *o, int argc, char **argv)
{
	int option, place = 0;

	memset(o, 0, sizeof(*o));
	o->file = HEAPRELAY_CONF;
	o->plan.connections = 64;
	o->plan.duration_ms = 10000;
	o->plan.timeout_ms = 30000;
	o->plan.shape.events = 1;
	o->plan.shape.identities = 1000;
	while ((option = getopt_long(argc, argv, "c:hV", long_options,
	    &place)) != -1)
		take_option(o, option, long_options[place].name);
	if (optind < argc)
		usage("unexpected argument %s", argv[optind]);
	if (o->plan.duration_ms == 0 && o->plan.requests == 0)
		usage("--duration 0 needs --requests");
}

/* --- where to, and as whom -------------------------------------------- */

/* HOST:PORT or [HOST]:PORT into its parts; the host is given (free). */
static char *
split_address(const char *address, uint16_t *port)
{
	const char *colon = strrchr(address, ':');
	size_t n = colon == NULL ? 0 : (size_t)(colon - address);
	char *end;
	long p = colon == NULL ? 0 : strtol(colon + 1, &end, 10);

	if (n == 0 || strncmp(address, "unix:", 5) == 0 || p < 1 ||
	    p > 65535 || *end != '\0')
		usage("cannot send to %s; use --to HOST:PORT", address);
	*port = (uint16_t)p;
	if (address[0] == '[' && address[n - 1] == ']')
		return xstrndup(address + 1, n - 2);
	return xstrndup(address, n);
}

/* Given (free). */
static char *
authorization(const struct config_input *input)
{
	char *pair = xasprintf("%s:%s", input->key, input->secret);
	struct buf b = BUF_INIT;

	buf_puts(&b, "Basic ");
	hash_base64(pair, strlen(pair), &b);
	free(pair);
	return buf_steal(&b);
}

static const struct config_input *
find_input(const struct config *config, const struct options *o)
{
	const struct config_input *input = o->input != NULL ?
	    config_input(config, o->input) : config->inputs;

	if (input == NULL || config->inputs_n == 0)
		fatal(EXIT_CONFIG, "load: no input %s in file=%s",
		    o->input != NULL ? o->input : "at all",
		    log_value(o->file));
	return input;
}

/* --- the report ------------------------------------------------------- */

static const struct {
	const char	*name;
	double		 share;
} percentiles[] = {
	{ "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p999", 0.999 },
	{ "max", 1 },
};

static void
report_json(const struct load_plan *p, const struct load_result *r,
    const double rate[3])
{
	const char *comma = "";
	size_t i;

	printf("{\"run\":\"%s\",\"requests\":%" PRId64 ",\"seconds\":%.3f,"
	    "\"requests_per_s\":%.1f,\"batches_per_s\":%.1f,"
	    "\"events_per_s\":%.1f,\"answers\":{", p->run, r->sent,
	    (double)r->elapsed_us / 1e6, rate[0], rate[1], rate[2]);
	for (i = 0; i < LOAD_STATUSES; i++)
		if (r->status[i] > 0) {
			printf("%s\"%zu\":%" PRId64, comma, i, r->status[i]);
			comma = ",";
		}
	printf("},\"latency_ms\":{");
	for (i = 0; i < HR_COUNT(percentiles); i++)
		printf("%s\"%s\":%.3f", i > 0 ? "," : "",
		    percentiles[i].name, (double)load_latency_at(&r->latency,
		    percentiles[i].share) / 1000);
	puts("}}");
}

static void
report_text(const struct load_plan *p, const struct load_result *r,
    const double rate[3])
{
	size_t i;

	printf("run %s\n%" PRId64 " requests in %.3f s; answered 202: %.1f "
	    "requests, %.1f batches, %.1f events a second\n", p->run, r->sent,
	    (double)r->elapsed_us / 1e6, rate[0], rate[1], rate[2]);
	for (i = 0; i < LOAD_STATUSES; i++)
		if (r->status[i] > 0 && i == 0)
			printf("no answer: %" PRId64 "\n", r->status[i]);
		else if (r->status[i] > 0)
			printf("answered %zu: %" PRId64 "\n", i,
			    r->status[i]);
	for (i = 0; i < HR_COUNT(percentiles); i++)
		printf("%s%s %.3f ms", i > 0 ? ", " : "latency: ",
		    percentiles[i].name, (double)load_latency_at(&r->latency,
		    percentiles[i].share) / 1000);
	puts("");
}

static void
report(const struct load_plan *p, const struct load_result *r, bool json)
{
	double s = (double)(r->elapsed_us > 0 ? r->elapsed_us : 1) / 1e6;
	double rate[3];		/* requests, batches, events that are kept */

	rate[0] = (double)r->status[202] / s;
	rate[1] = rate[0] * (double)(p->shape.bulk > 0 ? p->shape.bulk : 1);
	rate[2] = rate[1] * (double)p->shape.events;
	(json ? report_json : report_text)(p, r, rate);
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	event_base_loopbreak(arg);
}

int
main(int argc, char **argv)
{
	static struct load_result result;
	struct options o;
	struct event_base *base = event_base_new();
	struct event *quit;
	struct config *config;
	char *host, *header, run[40];
	struct why why;

	signal(SIGPIPE, SIG_IGN);
	log_open("heaprelay-load", LOG_INFO, LOG_LOGFMT);
	read_options(&o, argc, argv);
	config = config_read(o.file, &why);
	if (config == NULL)
		fatal(EXIT_CONFIG, "load: %s", why.text);
	host = split_address(o.to != NULL ? o.to : config->ingest.listen.s[0],
	    &o.plan.port);
	header = authorization(find_input(config, &o));
	o.plan.host = host;
	o.plan.authorization = header;
	snprintf(run, sizeof(run), "load-%lld-%ld", (long long)time(NULL),
	    (long)getpid());
	if (o.plan.run == NULL)
		o.plan.run = run;
	if (o.ids != NULL && (o.plan.ids = fopen(o.ids, "ae")) == NULL)
		fatal(EXIT_CANTCREATE, "load: %s: %s", o.ids,
		    strerror(errno));
	quit = base == NULL ? NULL : evsignal_new(base, SIGINT, on_signal,
	    base);
	if (quit == NULL || event_add(quit, NULL) == -1)
		fatal(EXIT_INTERNAL, "load: no event loop");

	load_run(base, &o.plan, &result);
	report(&o.plan, &result, o.json);

	event_free(quit);
	event_base_free(base);
	if (o.plan.ids != NULL && fclose(o.plan.ids) != 0)
		fatal(EXIT_IO, "load: %s: %s", o.ids, strerror(errno));
	config_free(config);
	free(host);
	free(header);
	return result.sent > 0 && result.status[202] == result.sent ? 0 : 1;
}
