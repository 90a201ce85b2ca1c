/*
 * preview.c - what would become of a body, told as JSON
 *
 * Knows how outcomes are shown.  What they are is decided where it is always
 * decided: the acceptor does here what it does for the ingest endpoints.
 */
#include <stdio.h>

#include "json.h"
#include "log.h"
#include "preview.h"

struct telling {
	struct buf	*out;
	const char	*end;		/* of each object */
};

static void
put_index(struct buf *out, int64_t index)
{
	if (index < 0)
		buf_puts(out, "null");
	else
		buf_printf(out, "%lld", (long long)index);
}

/* The members up to the action. */
static void
put_head(struct buf *out, const struct mp_batch *b,
    const struct output *output, const struct map_event *e)
{
	buf_printf(out, "{\"batch\":%zu,\"event\":", b->index);
	put_index(out, e->event_index);
	buf_puts(out, ",\"output\":");
	json_put_text(out, output->name);
}

static void
tell_send(struct telling *t, const struct mp_batch *b,
    const struct output *output, const struct map_event *e,
    const struct buf *body)
{
	put_head(t->out, b, output, e);
	buf_puts(t->out, ",\"action\":\"send\",\"path\":");
	json_put_text(t->out, heap_lane_path(e->lane));
	buf_puts(t->out, ",\"body\":");
	json_put_text_n(t->out, body->p, body->len);
	buf_putc(t->out, '}');
	buf_puts(t->out, t->end);
}

static void
tell_flat(struct telling *t, const struct mp_batch *b,
    const struct output *output, const struct map_event *e)
{
	struct buf body = BUF_INIT;

	heap_flat(&body, output->app_id, e->payload, e->payload_len);
	tell_send(t, b, output, e, &body);
	buf_free(&body);
}

/* Sliced as for an output with the usual windows. */
static void
tell_slices(struct telling *t, const struct mp_batch *b,
    const struct output *output, const struct map_event *e)
{
	size_t most = HEAP_MAX_BYTES -
	    heap_bulk_overhead(e->lane, output->app_id);
	struct heap_body body = { BUF_INIT, 0 };
	size_t from, to, objects;

	for (from = 0; heap_slice(e->payload, e->payload_len, from,
	    HEAP_MAX_OBJECTS, most, &to, &objects); from = to + 1) {
		heap_body_begin(&body, e->lane, output->app_id);
		if (!heap_body_add(&body, e->payload + from, to - from,
		    objects))
			bug("preview: a slice does not fit into a request");
		heap_body_end(&body);
		tell_send(t, b, output, e, &body.text);
	}
	buf_free(&body.text);
}

static void
tell_kept(struct telling *t, const struct mp_batch *b,
    const struct output *output, const struct map_event *e)
{
	put_head(t->out, b, output, e);
	buf_printf(t->out, ",\"action\":\"%s\",\"reason\":",
	    e->action == MAP_SKIP ? "skip" : "reject");
	json_put_text(t->out, e->reason);
	buf_putc(t->out, '}');
	buf_puts(t->out, t->end);
}

static void
on_outcome(const struct mp_batch *b, const struct output *output,
    const struct map_event *e, void *arg)
{
	if (e->action != MAP_SEND)
		tell_kept(arg, b, output, e);
	else if (e->commerce)
		tell_slices(arg, b, output, e);
	else
		tell_flat(arg, b, output, e);
}

static void
tell_refusal(struct telling *t, int64_t batch, const char *message)
{
	buf_puts(t->out, "{\"batch\":");
	put_index(t->out, batch);
	buf_puts(t->out, ",\"action\":\"refuse\",\"message\":");
	json_put_text(t->out, message);
	buf_putc(t->out, '}');
	buf_puts(t->out, t->end);
}

static void
on_refusal(const struct mp_refusal *refusal, void *arg)
{
	tell_refusal(arg, refusal->batch, refusal->message);
}

static void
name_receipt(size_t batch, char out[ACCEPT_RECEIPT], void *arg)
{
	(void)arg;
	snprintf(out, ACCEPT_RECEIPT, "map-%zu", batch);
}

bool
preview_body(const struct preview *p, const char *end, struct buf *out)
{
	struct telling t = { .out = out, .end = end };
	const struct accept_hooks hooks = {
		.receipt = name_receipt,
		.outcome = on_outcome,
		.refusal = on_refusal,
		.arg = &t,
	};
	struct acceptor *a = acceptor_new(p->queue, p->profiles, p->config,
	    p->outputs, &hooks);
	struct buf errors = BUF_INIT;
	size_t accepted;
	bool good;

	accepted = accept_body(a, p->input, p->path, p->body, p->len,
	    p->received_at, &errors);
	/* An empty array is neither accepted nor refused: a 202. */
	good = accepted > 0 || errors.len == 0;
	acceptor_free(a);
	buf_free(&errors);
	return good;
}

void
preview_refuse(const char *message, const char *end, struct buf *out)
{
	struct telling t = { .out = out, .end = end };

	tell_refusal(&t, -1, message);
}
