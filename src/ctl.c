/*
 * ctl.c - heaprelayctl: the operator's command
 *
 * Knows the command line: which commands there are, what goes with each.  The
 * offline commands that need no more than a few lines are here too.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_nearest.h"
#include "ctl_private.h"
#include "ctl_table.h"
#include "hash.h"
#include "log.h"
#include "sql_gen.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION	"unversioned"
#endif
#ifndef HEAPRELAY_CONF
#define HEAPRELAY_CONF	"/etc/heaprelay/heaprelay.conf"
#endif

#define LIMIT		100	/* items of a list, unless -n says else */
#define LIMIT_MOST	1000000

/* Options that go with some commands only. */
enum group {
	FOR_FILTER	= 1 << 0,
	FOR_INPUT	= 1 << 1,
	FOR_LIMIT	= 1 << 2,
	FOR_REMAP	= 1 << 3,
	FOR_MAP		= 1 << 4,
	FOR_MANY	= 1 << 5,
	FOR_TAIL	= 1 << 6,
	FOR_YES		= 1 << 7,
	FOR_IMPORT	= 1 << 8
};
#define GROUPS	9

/* What stood on the command line besides the settings of struct ctl. */
struct given {
	unsigned	 groups;	/* of enum group */
	const char	*option[GROUPS]; /* the last; NULL: none */
	const char	*limit;		/* of -n; NULL: it was not given */
};

enum choice {
	OPT_URL = 256, OPT_TOKEN_FILE, OPT_CA_FILE, OPT_JSON, OPT_REMAP,
	OPT_FORCE, OPT_ALL, OPT_DRY_RUN, OPT_YES, OPT_PATH, OPT_RECEIVED_AT,
	OPT_KEEP_GOING, OPT_HELP, OPT_VERSION,
	OPT_FILTER	/* and on: one for each of enum ctl_filter */
};

static const struct option long_options[] = {
	{ "config",	required_argument, NULL, 'c' },
	{ "url",	required_argument, NULL, OPT_URL },
	{ "token-file",	required_argument, NULL, OPT_TOKEN_FILE },
	{ "ca-file",	required_argument, NULL, OPT_CA_FILE },
	{ "json",	no_argument, NULL, OPT_JSON },
	{ "limit",	required_argument, NULL, 'n' },
	{ "remap",	no_argument, NULL, OPT_REMAP },
	{ "force",	no_argument, NULL, OPT_FORCE },
	{ "all",	no_argument, NULL, OPT_ALL },
	{ "dry-run",	no_argument, NULL, OPT_DRY_RUN },
	{ "yes",	no_argument, NULL, OPT_YES },
	{ "path",	required_argument, NULL, OPT_PATH },
	{ "received-at", required_argument, NULL, OPT_RECEIVED_AT },
	{ "keep-going",	no_argument, NULL, OPT_KEEP_GOING },
	{ "help",	no_argument, NULL, OPT_HELP },
	{ "version",	no_argument, NULL, OPT_VERSION },
	{ "state",	required_argument, NULL, OPT_FILTER + CTL_STATE },
	{ "output",	required_argument, NULL, OPT_FILTER + CTL_OUTPUT },
	{ "identity",	required_argument, NULL, OPT_FILTER + CTL_IDENTITY },
	{ "name",	required_argument, NULL, OPT_FILTER + CTL_NAME },
	{ "reason",	required_argument, NULL, OPT_FILTER + CTL_REASON },
	{ "status",	required_argument, NULL, OPT_FILTER + CTL_STATUS },
	{ "input",	required_argument, NULL, OPT_FILTER + CTL_INPUT },
	{ "since",	required_argument, NULL, OPT_FILTER + CTL_SINCE },
	{ "until",	required_argument, NULL, OPT_FILTER + CTL_UNTIL },
	{ "kind",	required_argument, NULL, OPT_FILTER + CTL_KIND },
	{ NULL, 0, NULL, 0 }
};

static ctl_command check, schema, keygen;

static const struct command {
	const char	*name;
	ctl_command	*run;
	size_t		 least, most;	/* operands */
	unsigned	 options;	/* of enum group */
} commands[] = {
	{ "status",	ctl_status,	0, 0, 0 },
	{ "events",	ctl_events,	0, 0,
	    FOR_FILTER | FOR_INPUT | FOR_LIMIT },
	{ "show",	ctl_event,	1, 1, 0 },
	{ "why",	ctl_why,	1, 1, 0 },
	{ "replay",	ctl_replay,	0, SIZE_MAX,
	    FOR_FILTER | FOR_INPUT | FOR_MANY | FOR_YES | FOR_REMAP },
	{ "discard",	ctl_discard,	0, SIZE_MAX,
	    FOR_FILTER | FOR_INPUT | FOR_MANY | FOR_YES },
	{ "jobs",	ctl_jobs,	0, 2, FOR_LIMIT },
	{ "requests",	ctl_requests,	0, 0, FOR_LIMIT },
	{ "outputs",	ctl_outputs,	0, 0, 0 },
	{ "forecast",	ctl_forecast,	0, 0, 0 },
	{ "identities",	ctl_identities,	0, 0, FOR_LIMIT },
	{ "tail",	ctl_tail,	0, 0,
	    FOR_FILTER | FOR_INPUT | FOR_LIMIT | FOR_TAIL },
	{ "top",	ctl_top,	0, 0, FOR_LIMIT },
	{ "pause",	ctl_pause,	1, 1, 0 },
	{ "resume",	ctl_resume,	1, 1, 0 },
	{ "probe",	ctl_probe,	1, 1, 0 },
	{ "reload",	ctl_reload,	0, 0, 0 },
	{ "audit",	ctl_audit,	0, 0, FOR_LIMIT },
	{ "backup",	ctl_backup,	1, 1, 0 },
	{ "erase",	ctl_erase,	1, 1, FOR_YES },
	{ "import",	ctl_import,	1, 1, FOR_INPUT | FOR_IMPORT },
	{ "map",	ctl_map,	0, 1, FOR_INPUT | FOR_MAP },
	{ "verify",	ctl_verify,	0, 0, 0 },
	{ "check",	check,		0, 0, 0 },
	{ "keygen",	keygen,		0, 1, 0 },
	{ "schema",	schema,		0, 0, 0 },
};

static const char usage_text[] =
"usage: heaprelayctl [options] command [...]\n"
"\n"
"Asking the agent:\n"
"  status              what it holds, sends and waits for\n"
"  events [filter]     events, newest first\n"
"  show ID             one event: payload, batch, requests\n"
"  why ID              what holds it, what releases it, when\n"
"  replay ID...        stuck events to the queue; - reads IDs\n"
"  discard ID...       queued or stuck events to the discarded\n"
"  replay|discard FILTER  all that match, once it is confirmed\n"
"  jobs [ID]           replays and discards of many, copies, erasures\n"
"  jobs cancel ID      end one before it is done\n"
"  requests            what went to Heap, newest first\n"
"  outputs             windows, breakers and backlog of each\n"
"  forecast            when all that waits will have arrived\n"
"  identities          who has most waiting, and uses most of a window\n"
"  tail [filter]       what happens, as it happens\n"
"  top                 all that matters, each second; q ends it\n"
"  pause|resume OUTPUT nothing of it is sent; it is again\n"
"  probe OUTPUT        an open breaker tries its next event at once\n"
"  reload              take the configuration over, or say what is wrong\n"
"  audit               what was done with the agent, newest first\n"
"  backup FILE         a proved copy of the database, on the agent's host\n"
"  erase IDENTITY      a person, with all that is stored of them\n"
"  import FILE         lines of JSON, each a batch; - for standard input\n"
"Without the agent:\n"
"  map [FILE]          what would become of a request body\n"
"  verify              is the database whole, was every window kept?\n"
"  check               is the configuration right?\n"
"  keygen [NAME]       a new input: key and secret\n"
"  schema              the database's schema as SQL\n"
"\n"
"  -c FILE             the configuration; " HEAPRELAY_CONF "\n"
"  --url URL           the agent, instead of the configuration's listener\n"
"  --token-file FILE   its token, instead of the configuration's\n"
"  --ca-file FILE      whom to trust when the agent speaks TLS (PEM)\n"
"  --json              lines of JSON, also on a terminal\n"
"  -n N                at most N items of a list; recent lines of tail; looks\n"
"                      of top\n"
"  --help, --version\n"
"Filters: --state, --output, --identity, --name, --reason, --status, --input,\n"
"--since, --until; of tail --kind, and neither --status nor times.  For\n"
"replay: --remap, --force.  For replay and discard with a filter: --all\n"
"instead of one, --dry-run, --yes.  For erase: --yes.\n"
"For import: --input NAME, --keep-going; --url is its ingest listener then.\n"
"For map: --input NAME, --path /v2/events, --received-at MS.\n";

static void say(const char *, va_list) HR_PRINTF(1, 0);

static void
say(const char *fmt, va_list ap)
{
	fflush(stdout);
	fputs("heaprelayctl: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void
ctl_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
ctl_fail(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	exit(status);
}

void
ctl_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	fputs("Try heaprelayctl --help.\n", stderr);
	exit(EXIT_USAGE);
}

void
ctl_print(struct buf *text)
{
	fwrite(buf_str(text), 1, text->len, stdout);
}

struct config *
ctl_config(const struct ctl *ctl)
{
	struct why why;
	struct config *config = config_read(ctl->config_file, &why);

	if (config == NULL)
		ctl_fail(CTL_REFUSED, "%s", why.text);
	return config;
}

struct config *
ctl_config_lenient(const struct ctl *ctl)
{
	struct why why;
	struct config *config = config_read_lenient(ctl->config_file, &why);

	if (config == NULL)
		ctl_fail(CTL_REFUSED, "%s", why.text);
	return config;
}

const char *
ctl_filter_name(enum ctl_filter filter)
{
	const struct option *o = long_options;

	while (o->val != (int)(OPT_FILTER + filter))
		o++;
	return o->name;
}

static int
check(const struct ctl *ctl)
{
	config_free(ctl_config(ctl));
	puts("ok");
	return 0;
}

static int
schema(const struct ctl *ctl)
{
	(void)ctl;
	fputs(sql_schema, stdout);
	fputs(sql_views, stdout);
	return 0;
}

/* 64 characters of A-Z a-z 0-9 - _, that is 384 random bits. */
static void
print_secret(void)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t bits[64];
	size_t i;

	hash_random(bits, sizeof(bits));
	for (i = 0; i < sizeof(bits); i++)
		putchar(digits[bits[i] & 63]);
}

static int
keygen(const struct ctl *ctl)
{
	const char *name = ctl->operands > 0 ? ctl->operand[0] : "feed";
	uint8_t bits[16];
	char hex[2 * sizeof(bits) + 1];

	if (name[0] < 'a' || name[0] > 'z' || name[strspn(name,
	    "abcdefghijklmnopqrstuvwxyz0123456789_-")] != '\0')
		ctl_usage("an input's name is a small letter, then small "
		    "letters, digits, _ and -");
	hash_random(bits, sizeof(bits));
	printf("[input %s]\nkey = us1-%s\nsecret = ", name,
	    hash_hex(bits, sizeof(bits), hex));
	print_secret();
	putchar('\n');
	return 0;
}

static int64_t
number_of(const char *text, const char *option, int64_t least, int64_t most)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    n < least || n > most)
		ctl_usage("%s should be a number from %lld to %lld", option,
		    (long long)least, (long long)most);
	return n;
}

/* The group of an option that was given; 0: it goes with every command. */
static unsigned
take_option(struct ctl *ctl, int option)
{
	switch (option) {
	case 'c':
		ctl->config_file = optarg;
		return 0;
	case OPT_URL:
		ctl->url = optarg;
		return 0;
	case OPT_TOKEN_FILE:
		ctl->token_file = optarg;
		return 0;
	case OPT_CA_FILE:
		ctl->ca_file = optarg;
		return 0;
	case OPT_JSON:
		ctl->json = true;
		return 0;
	case 'n':
		return FOR_LIMIT;
	case OPT_REMAP:
		ctl->remap = true;
		return FOR_REMAP;
	case OPT_FORCE:
		ctl->force = true;
		return FOR_REMAP;
	case OPT_ALL:
		ctl->all = true;
		return FOR_MANY;
	case OPT_DRY_RUN:
		ctl->dry_run = true;
		return FOR_MANY;
	case OPT_YES:
		ctl->yes = true;
		return FOR_YES;
	case OPT_KEEP_GOING:
		ctl->keep_going = true;
		return FOR_IMPORT;
	case OPT_PATH:
		ctl->path = optarg;
		return FOR_MAP;
	case OPT_RECEIVED_AT:
		/* The latest instant that Heap's timestamps can tell. */
		ctl->received_at = number_of(optarg, "--received-at", 0,
		    INT64_C(253402300799999));
		return FOR_MAP;
	case OPT_HELP:
		fputs(usage_text, stdout);
		exit(0);
	case OPT_VERSION:
		puts("heaprelayctl " PACKAGE_VERSION);
		exit(0);
	case '?':
		if (optopt >= '0' && optopt <= '9')
			ctl_usage("an operand that begins with a minus goes "
			    "behind --, which ends the options");
		ctl_usage("unusable option");
	default:
		ctl->filter[option - OPT_FILTER] = optarg;
		return option == OPT_FILTER + CTL_INPUT ? FOR_INPUT :
		    option == OPT_FILTER + CTL_KIND ? FOR_TAIL : FOR_FILTER;
	}
}

static const struct command *
find_command(const char *name)
{
	struct config_nearest nearest = { name, NULL, 0 };
	struct buf hint = BUF_INIT;
	size_t i;

	for (i = 0; i < HR_COUNT(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
		config_nearest_try(&nearest, commands[i].name);
	}
	ctl_usage("there is no command %s%s", name,
	    config_nearest_hint(&nearest, &hint));
}

/* Remembers the group of an option, and its name to tell it by. */
static void
note_option(struct given *given, unsigned group, int option)
{
	const struct option *o = long_options;

	if (group == 0)
		return;
	while (o->val != option)
		o++;
	given->groups |= group;
	given->option[__builtin_ctz(group)] = o->name;
	if (option == 'n')
		given->limit = optarg;
}

/* The name of an option of these groups that was given; NULL: none was. */
static const char *
given_of(const struct given *given, unsigned groups)
{
	groups &= given->groups;
	return groups != 0 ? given->option[__builtin_ctz(groups)] : NULL;
}

/* Either IDs or a filter. */
static void
check_many(const struct ctl *ctl, const char *name, const struct given *given)
{
	bool filter = ctl->all ||
	    given_of(given, FOR_FILTER | FOR_INPUT) != NULL;
	const char *of_filter = given_of(given, FOR_MANY | FOR_YES);

	if (ctl->operands == 0 && !filter)
		ctl_usage("%s needs an ID, a filter or --all", name);
	if (ctl->operands > 0 && filter)
		ctl_usage("%s takes IDs or a filter, not both", name);
	if (ctl->operands > 0 && of_filter != NULL)
		ctl_usage("--%s goes with a filter, not with IDs", of_filter);
}

/* Does what was given fit the command? */
static void
check_given(struct ctl *ctl, const struct command *command,
    const struct given *given)
{
	const char *unfit = given_of(given, ~command->options);

	if (ctl->operands < command->least)
		ctl_usage("%s needs an operand", command->name);
	if (ctl->operands > command->most)
		ctl_usage("too much behind %s: %s", command->name,
		    ctl->operand[command->most]);
	if (unfit != NULL)
		ctl_usage("--%s does not go with %s", unfit, command->name);
	/* Of tail it is how many lines come first, which may be none. */
	ctl->limit_given = given->limit != NULL;
	if (ctl->limit_given)
		ctl->limit = number_of(given->limit, "-n",
		    (command->options & FOR_TAIL) != 0 ? 0 : 1, LIMIT_MOST);
	if ((command->options & FOR_MANY) != 0)
		check_many(ctl, command->name, given);
}

static const struct command *
read_options(struct ctl *ctl, int argc, char **argv)
{
	const struct command *command;
	struct given given = { 0 };
	int option;

	memset(ctl, 0, sizeof(*ctl));
	ctl->config_file = HEAPRELAY_CONF;
	ctl->json = !isatty(STDOUT_FILENO);
	ctl->limit = LIMIT;
	ctl->path = "/v2/events";
	ctl->received_at = -1;
	while ((option = getopt_long(argc, argv, "c:n:", long_options,
	    NULL)) != -1)
		note_option(&given, take_option(ctl, option), option);
	if (optind == argc)
		ctl_usage("which command?");
	command = find_command(argv[optind++]);
	ctl->operand = argv + optind;
	ctl->operands = (size_t)(argc - optind);
	check_given(ctl, command, &given);
	return command;
}

int
main(int argc, char **argv)
{
	const struct command *command;
	struct ctl ctl;
	int status;

	log_open("heaprelayctl", LOG_WARN, LOG_LOGFMT);
	ctl_table_locale();
	command = read_options(&ctl, argc, argv);
	status = command->run(&ctl);
	if (fflush(stdout) == EOF || ferror(stdout))
		ctl_fail(CTL_REFUSED, "standard output: %s", strerror(errno));
	return status;
}
