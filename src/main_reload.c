/*
 * main_reload.c - other settings for a running agent, all or nothing
 *
 * Knows in which order everything that can fail is tried before anything is
 * changed.
 */
#include <stdio.h>
#include <stdlib.h>
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

/* What a reload tries before anything is changed. */
struct attempt {
	struct config	*config;
	struct http_certificate *ingest, *admin;
	struct outputs	 outputs;
	struct buf	 changed;	/* lines */
	struct buf	 wrong;		/* lines, the first says it all */
};

static void
attempt_free(struct attempt *t)
{
	config_free(t->config);
	http_certificate_free(t->ingest);
	http_certificate_free(t->admin);
	buf_free(&t->changed);
	buf_free(&t->wrong);
}

/* Lines as one, for the log and the audit; given. */
static char *
joined(struct buf *lines)
{
	struct buf out = BUF_INIT;
	const char *p = buf_str(lines);
	size_t len;

	for (; *p != '\0'; p += len + 1) {
		len = strcspn(p, "\n");
		buf_puts(&out, out.len > 0 ? "; " : "");
		buf_put(&out, p, len);
	}
	(void)buf_str(&out);
	return buf_steal(&out);
}

/*
 * The rows of the new outputs and the line of the audit, in a commit of their
 * own: ids must not be used before they are on disk.  What this turn's events
 * have written goes with it, and what they have promised fails with it.
 */
static bool
store(struct agent *a, struct attempt *t)
{
	char *changed;

	if (queue_begin(a->queue) != QUEUE_READY) {
		buf_puts(&t->wrong, "the database cannot be written now, try "
		    "again\n");
		return false;
	}
	outputs_make(&t->outputs, t->config, a->queue);
	changed = joined(&t->changed);
	queue_audit(a->queue, clock_now().wall, "reload", "configuration",
	    "%s", changed[0] != '\0' ? changed : "nothing has changed");
	free(changed);
	if (agent_commit(a))
		return true;
	buf_printf(&t->wrong, "the new outputs could not be stored: %s\n",
	    queue_error(a->queue));
	http_release(a->http, false);
	dispatch_launch(a->dispatch, false);
	outputs_free(&t->outputs);
	return false;
}

/* Everything that a reload may fail in, before anything is changed. */
static enum admin_reload_end
prepare(struct agent *a, struct attempt *t)
{
	struct why why;

	t->config = config_read(a->file, &why);
	if (t->config != NULL && !config_may_reload(a->config, t->config,
	    &t->changed, &t->wrong))
		return ADMIN_NOT_RELOADED;
	if (t->config == NULL ||
	    !agent_certificate(&t->config->ingest, &t->ingest, &why) ||
	    !agent_certificate(&t->config->admin, &t->admin, &why)) {
		buf_printf(&t->wrong, "%s\n", why.text);
		return ADMIN_NOT_RELOADED;
	}
	return store(a, t) ? ADMIN_RELOADED : ADMIN_NOT_STORED;
}

/* Takes what was prepared. */
static void
take_over(struct agent *a, struct attempt *t)
{
	char *changed = joined(&t->changed);

	adopt(a, t->config, &t->outputs);
	t->config = NULL;
	if (t->ingest != NULL)
		http_tls(a->ingest_front, t->ingest);
	if (t->admin != NULL)
		http_tls(a->admin_front, t->admin);
	t->ingest = t->admin = NULL;
	log_info("main: reloaded changes=%s", log_value(changed));
	free(changed);
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
	struct attempt t = { .changed = BUF_INIT, .wrong = BUF_INIT };
	enum admin_reload_end end;
	char reloading[64], *wrong;

	a->reload = false;
	snprintf(reloading, sizeof(reloading), "RELOADING=1\n"
	    "MONOTONIC_USEC=%lld", (long long)monotonic_usec());
	notify(reloading);
	end = prepare(a, &t);
	if (end == ADMIN_RELOADED) {
		take_over(a, &t);
	} else {
		wrong = joined(&t.wrong);
		log_error("main: not reloaded, the old settings stay: %s",
		    wrong);
		free(wrong);
	}
	admin_reloaded(a->admin, clock_now(), end, buf_str(&t.changed),
	    buf_str(&t.wrong));
	notify("READY=1");
	attempt_free(&t);
}
