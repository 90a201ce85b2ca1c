/*
 * ctl_map.c - heaprelayctl map: a body through the mapping, without an agent
 *
 * Knows where the body comes from and makes the agent's parts in memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "ctl_private.h"
#include "hash.h"
#include "preview.h"

/* One byte more than is accepted, so that too much can be told from enough. */
static void
read_body(const char *file, int64_t most, struct buf *body)
{
	FILE *in = file != NULL ? fopen(file, "rbe") : stdin;
	char block[65536];
	size_t n;

	if (in == NULL)
		ctl_fail(CTL_REFUSED, "%s: %s", file, strerror(errno));
	while (body->len <= (size_t)most &&
	    (n = fread(block, 1, sizeof(block), in)) > 0)
		buf_put(body, block, n);
	if (ferror(in))
		ctl_fail(CTL_REFUSED, "%s: %s",
		    file != NULL ? file : "standard input", strerror(errno));
	if (file != NULL)
		fclose(in);
}

const struct config_input *
ctl_input(const struct ctl *ctl, const struct config *config)
{
	const char *name = ctl->filter[CTL_INPUT];
	const struct config_input *input;

	if (name == NULL && config->inputs_n == 0)
		ctl_fail(CTL_REFUSED, "%s has no [input NAME]", config->file);
	if (name == NULL)
		return &config->inputs[0];
	input = config_input(config, name);
	if (input == NULL)
		ctl_fail(CTL_REFUSED, "%s has no [input %s]", config->file,
		    name);
	return input;
}

/* Without a secret in the configuration the database of an agent has one;
 * here there is none, so minted MPIDs differ from run to run. */
static struct profile_store *
make_profiles(const struct config *config, struct queue *q)
{
	uint8_t bits[32];
	char hex[2 * sizeof(bits) + 1];
	const char *secret = config->identity_secret;

	if (secret == NULL) {
		hash_random(bits, sizeof(bits));
		secret = hash_hex(bits, sizeof(bits), hex);
	}
	return profile_new(queue_store(q), secret, strlen(secret),
	    config->priority, config->priority_n);
}

/* Fills in a queue that nobody else ever sees. */
static bool
preview_alone(struct preview *p, struct buf *out)
{
	struct profile_store *profiles;
	struct outputs outputs;
	struct queue *q;
	struct why why;
	bool good;

	if (queue_open(&q, ":memory:", 0600, &why) != 0)
		ctl_fail(CTL_REFUSED, "%s", why.text);
	if (queue_begin(q) != QUEUE_READY)
		ctl_fail(CTL_REFUSED, "%s", queue_error(q));
	outputs_make(&outputs, p->config, q);
	profiles = make_profiles(p->config, q);
	p->queue = q;
	p->profiles = profiles;
	p->outputs = &outputs;

	good = preview_body(p, "\n", out);
	/* A failed write would have shortened what was told. */
	if (!queue_commit(q))
		ctl_fail(CTL_REFUSED, "%s", queue_error(q));

	p->queue = NULL;
	p->profiles = NULL;
	p->outputs = NULL;
	profile_free(profiles);
	outputs_free(&outputs);
	queue_close(q);
	return good;
}

int
ctl_map(const struct ctl *ctl)
{
	struct config *config = ctl_config(ctl);
	struct preview p = {
		.config = config,
		.input = ctl_input(ctl, config),
		.received_at = ctl->received_at >= 0 ? ctl->received_at :
		    clock_now().wall,
	};
	struct buf body = BUF_INIT, out = BUF_INIT;
	bool good = false;

	if (!mp_path_parse(ctl->path, &p.path))
		ctl_usage("--path %s is none of /v2/events, /v2/bulkevents "
		    "and /v2/bulkevents/historical", ctl->path);
	read_body(ctl->operands > 0 ? ctl->operand[0] : NULL,
	    config->max_request_bytes, &body);
	p.body = buf_str(&body);
	p.len = body.len;
	if (body.len > (size_t)config->max_request_bytes)
		preview_refuse("The request body is too large.", "\n", &out);
	else
		good = preview_alone(&p, &out);

	ctl_print(&out);
	buf_free(&out);
	buf_free(&body);
	config_free(config);
	return good ? 0 : CTL_REFUSED;
}
