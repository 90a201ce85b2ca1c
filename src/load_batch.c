/*
 * load_batch.c - batches as an mParticle SDK would send them
 *
 * Knows what a batch of custom events looks like.
 */
#include <inttypes.h>

#include "load_batch.h"

/* Spreads numbers over people in no order; odd, so that each comes up. */
#define STRIDE	INT64_C(7919)

static void
put_event(struct buf *b, const struct load_shape *shape, const char *run,
    int64_t batch, int64_t k, int64_t wall_ms)
{
	int64_t i;

	buf_printf(b, "{\"event_type\":\"custom_event\",\"data\":{"
	    "\"event_name\":\"Order Placed\",\"custom_event_type\":"
	    "\"transaction\",\"source_message_id\":\"%s-%" PRId64 "-%" PRId64
	    "\",\"timestamp_unixtime_ms\":%" PRId64 ",\"custom_attributes\":{"
	    "\"order\":%" PRId64 ",\"currency\":\"EUR\",\"total\":\"%" PRId64
	    ".95\",\"channel\":\"store\"", run, batch, k, wall_ms, batch,
	    10 + batch % 90);
	if (shape->padding > 0) {
		buf_puts(b, ",\"padding\":\"");
		for (i = 0; i < shape->padding; i++)
			buf_putc(b, 'x');
		buf_putc(b, '"');
	}
	buf_puts(b, "}}}");
}

static void
put_one(struct buf *b, const struct load_shape *shape, const char *run,
    int64_t batch, int64_t wall_ms)
{
	int64_t k;

	buf_puts(b, "{\"environment\":\"production\",\"user_identities\":{"
	    "\"customer_id\":\"");
	if (shape->identities > 0)
		buf_printf(b, "load-%" PRId64, batch % shape->identities *
		    STRIDE % shape->identities);
	else
		buf_printf(b, "%s-%" PRId64, run, batch);
	buf_printf(b, "\"},\"source_request_id\":\"%s-%" PRId64
	    "\",\"events\":[", run, batch);
	for (k = 0; k < shape->events; k++) {
		if (k > 0)
			buf_putc(b, ',');
		put_event(b, shape, run, batch, k, wall_ms);
	}
	buf_puts(b, "]}");
}

void
load_batch_put(struct buf *b, const struct load_shape *shape, const char *run,
    int64_t n, int64_t wall_ms)
{
	int64_t i;

	if (shape->bulk == 0) {
		put_one(b, shape, run, n, wall_ms);
		return;
	}
	buf_putc(b, '[');
	for (i = 0; i < shape->bulk; i++) {
		if (i > 0)
			buf_putc(b, ',');
		put_one(b, shape, run, n * shape->bulk + i, wall_ms);
	}
	buf_putc(b, ']');
}
