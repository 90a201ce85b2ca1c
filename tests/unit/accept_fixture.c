/*
 * accept_fixture.c - the whole way of a body into the queue
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accept_fixture.h"

static void
receipt(size_t batch, char out[ACCEPT_RECEIPT], void *arg)
{
	(void)arg;
	snprintf(out, ACCEPT_RECEIPT, "receipt-%zu", batch);
}

static void
outcome(const struct mp_batch *b, const struct output *o,
    const struct map_event *e, void *arg)
{
	static const char *const actions[] = {
		[MAP_SEND] = "send",
		[MAP_SKIP] = "skip",
		[MAP_REJECT] = "reject",
	};
	struct accept_fixture *f = arg;

	buf_printf(&f->told, "%zu.%lld %s %s%s%s\n", b->index,
	    (long long)e->event_index, o->name, actions[e->action],
	    e->reason != NULL ? " " : "", e->reason != NULL ? e->reason : "");
}

static void
refusal(const struct mp_refusal *r, void *arg)
{
	struct accept_fixture *f = arg;

	buf_printf(&f->told, "%lld refused\n", (long long)r->batch);
}

static void
forget(struct accept_fixture *f)
{
	acceptor_free(f->acceptor);
	profile_free(f->profiles);
	outputs_free(&f->outputs);
	config_free(f->config);
	f->acceptor = NULL;
	f->profiles = NULL;
	f->config = NULL;
}

static void
make(struct accept_fixture *f, const char *text)
{
	const struct accept_hooks hooks = { .receipt = receipt,
	    .outcome = outcome, .refusal = refusal, .arg = f };
	struct why why = { "" };

	f->config = config_parse(text, strlen(text), "test.conf", &why);
	if (f->config == NULL)
		fail_msg("%s", why.text);
	outputs_make(&f->outputs, f->config, f->queue->q);
	f->profiles = profile_new(queue_store(f->queue->q), "s", 1,
	    f->config->priority, f->config->priority_n);
	f->acceptor = acceptor_new(f->queue->q, f->profiles, f->config,
	    &f->outputs, &hooks);
}

static int
setup_with(void **state, int (*setup)(void **))
{
	struct accept_fixture *f = xcalloc(1, sizeof(*f));
	void *queue;

	setup(&queue);
	f->queue = queue;
	make(f, ACCEPT_CONFIG);
	*state = f;
	return 0;
}

int
accept_fixture_setup(void **state)
{
	return setup_with(state, queue_fixture_setup);
}

int
accept_fixture_setup_file(void **state)
{
	return setup_with(state, queue_fixture_setup_file);
}

int
accept_fixture_teardown(void **state)
{
	struct accept_fixture *f = *state;
	void *queue = f->queue;

	forget(f);
	queue_fixture_teardown(&queue);
	buf_free(&f->told);
	buf_free(&f->errors);
	free(f);
	return 0;
}

void
accept_configure(struct accept_fixture *f, const char *text)
{
	forget(f);
	make(f, text);
}

size_t
accept_text(struct accept_fixture *f, const char *input, enum mp_path path,
    const char *body)
{
	const struct config_input *in = config_input(f->config, input);

	assert_non_null(in);
	buf_reset(&f->told);
	buf_reset(&f->errors);
	return accept_body(f->acceptor, in, path, body, strlen(body),
	    f->queue->now.wall, &f->errors);
}
