/*
 * main_reload.c - other settings for a running agent, all or nothing
 *
 * Knows in which order everything that can fail is tried before anything is
 * changed.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "main_private.h"
#include "notify.h"

/* The new settings, whose rows are on disk, take the place of the old. */
static void
adopt(struct agent *a, struct config *config, const struct outputs *outputs)
{
	struct config *old = a->config;
	struct outputs old_outputs = a->outputs;
	struct acceptor *old_acceptor = a->acceptor;
	struct admin_parts parts;

	a->config = config;
	a->outputs = *outputs;
	a->acceptor = acceptor_new(a->queue, a->profiles, config, &a->outputs,
	    NULL);
	intake_reload(a->intake, a->acceptor, config);
	jobs_reload(a->jobs, a->acceptor);
	dispatch_configure(a->dispatch, &a->outputs, clock_now());
	parts = agent_admin_parts(a);
	admin_reload(a->admin, &parts);
	log_open("heaprelayd", (enum log_level)config->log_level,
	    (enum log_format)config->log_format);
	acceptor_free(old_acceptor);
	outputs_free(&old_outputs);
	config_free(old);
}

/*
 * The rows of the new outputs, in a commit of their own: their ids must not
 * be used before they are on disk.  What this turn's events have written goes
 * with it, and what they have promised fails with it.
 */
static bool
store_outputs(struct agent *a, const struct config *config,
    struct outputs *outputs, struct why *why)
{
	if (queue_begin(a->queue) != QUEUE_READY) {
		why_set(why, "the database cannot be written now; send HUP "
		    "again");
		return false;
	}
	outputs_make(outputs, config, a->queue);
	if (queue_commit(a->queue)) {
		agent_commit_ended(a, true);
		return true;
	}
	why_set(why, "the new outputs could not be stored: %s",
	    queue_error(a->queue));
	agent_commit_ended(a, false);
	http_release(a->http, false);
	outputs_free(outputs);
	return false;
}

/* Everything that a reload may fail in, before anything is changed. */
static bool
prepare(struct agent *a, const struct config *config, struct buf *changed,
    struct http_certificate *certificate[2], struct outputs *outputs,
    struct why *why)
{
	return config_may_reload(a->config, config, changed, why) &&
	    agent_certificate(&config->ingest, &certificate[0], why) &&
	    agent_certificate(&config->admin, &certificate[1], why) &&
	    store_outputs(a, config, outputs, why);
}

/* What the service manager compares a reload's beginning with. */
static int64_t
monotonic_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* All or nothing: a bad file keeps the old settings and says so. */
void
agent_reload(struct agent *a)
{
	struct http_certificate *certificate[2] = { NULL, NULL };
	struct buf changed = BUF_INIT;
	struct outputs outputs;
	struct config *config;
	struct why why;
	char reloading[64], *p;

	a->reload = false;
	snprintf(reloading, sizeof(reloading), "RELOADING=1\n"
	    "MONOTONIC_USEC=%lld", (long long)monotonic_usec());
	notify(reloading);
	config = config_read(a->file, &why);
	if (config == NULL ||
	    !prepare(a, config, &changed, certificate, &outputs, &why)) {
		log_error("main: not reloaded, the old settings stay: %s",
		    why.text);
		config_free(config);
		http_certificate_free(certificate[0]);
		http_certificate_free(certificate[1]);
	} else {
		adopt(a, config, &outputs);
		if (certificate[0] != NULL)
			http_tls(a->ingest_front, certificate[0]);
		if (certificate[1] != NULL)
			http_tls(a->admin_front, certificate[1]);
		(void)buf_str(&changed);
		for (p = changed.p; (p = strchr(p, '\n')) != NULL; p++)
			*p = ';';
		log_info("main: reloaded changes=\"%s\"", buf_str(&changed));
		live_say(a->live, "reload", "configuration",
		    buf_str(&changed));
	}
	notify("READY=1");
	buf_free(&changed);
}
