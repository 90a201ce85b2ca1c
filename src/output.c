/*
 * output.c - the configured outputs and where their events lie in the queue
 *
 * Knows that a development app is an output of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "output.h"

static void
make(struct output *o, const struct config_output *c, bool development,
    struct queue *q)
{
	const struct queue_window windows[] = {
		{ "track_limit", c->track_limit.n, c->track_limit.window_ms },
		{ "identity_limit", c->identity_limit.n,
		    c->identity_limit.window_ms },
		{ "app_limit", c->app_limit.n, c->app_limit.window_ms },
		{ "properties_limit", c->properties_limit.n,
		    c->properties_limit.window_ms },
		{ "properties_app_limit", c->properties_app_limit.n,
		    c->properties_app_limit.window_ms },
	};

	o->name = development ? xasprintf("%s.development", c->name) :
	    xstrdup(c->name);
	o->config = c;
	o->development = development;
	o->app_id = development ? c->development_app_id : c->app_id;
	queue_output(q, o->name, c->base_url, o->app_id, windows,
	    HR_COUNT(windows), &o->ids);
	queue_join_updates(q, &o->ids, clock_now().wall);
}

void
outputs_make(struct outputs *outputs, const struct config *config,
    struct queue *q)
{
	size_t i;

	outputs->n = 0;
	outputs->o = xcalloc(2 * config->outputs_n, sizeof(*outputs->o));
	queue_forget_outputs(q);
	for (i = 0; i < config->outputs_n; i++) {
		make(&outputs->o[outputs->n++], &config->outputs[i], false, q);
		if (config->outputs[i].development_app_id != NULL)
			make(&outputs->o[outputs->n++], &config->outputs[i],
			    true, q);
	}
}

void
outputs_free(struct outputs *outputs)
{
	size_t i;

	for (i = 0; i < outputs->n; i++)
		free(outputs->o[i].name);
	free(outputs->o);
	outputs->o = NULL;
	outputs->n = 0;
}

const struct output *
outputs_for(const struct outputs *outputs, const struct config_output *config,
    bool development)
{
	const struct output *found = NULL;
	size_t i;

	for (i = 0; i < outputs->n; i++) {
		if (outputs->o[i].config != config)
			continue;
		if (!outputs->o[i].development || development)
			found = &outputs->o[i];
	}
	return found;
}
