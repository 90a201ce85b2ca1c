/*
 * load_batch.c - batches as an mParticle SDK would send them
 *
 * Knows what a batch of custom events looks like.
 */
#include "load_batch.h"

/* Spreads numbers over people in no order; odd, so that each comes up. */
#define STRIDE	INT64_C(7919)

/* Like %PRId64; this program is timed by what it costs itself. */
static void
put_number(struct buf *b, int64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	for (; n >= 10; n /= 10)
		digits[--at] = (char)('0' + n % 10);
	digits[--at] = (char)('0' + n);
	buf_put(b, digits + at, sizeof(digits) - at);
}

/* RUN-NUMBER */
static void
put_id(struct buf *b, const char *run, int64_t batch)
{
	buf_puts(b, run);
	buf_putc(b, '-');
	put_number(b, batch);
}

static void
put_event(struct buf *b, const struct load_shape *shape, const char *run,
    int64_t batch, int64_t k, int64_t wall_ms)
{
	int64_t i;

	buf_puts(b, "{\"event_type\":\"custom_event\",\"data\":{"
	    "\"event_name\":\"Order Placed\",\"custom_event_type\":"
	    "\"transaction\",\"source_message_id\":\"");
	put_id(b, run, batch);
	buf_putc(b, '-');
	put_number(b, k);
	buf_puts(b, "\",\"timestamp_unixtime_ms\":");
	put_number(b, wall_ms);
	buf_puts(b, ",\"custom_attributes\":{\"order\":");
	put_number(b, batch);
	buf_puts(b, ",\"currency\":\"EUR\",\"total\":\"");
	put_number(b, 10 + batch % 90);
	buf_puts(b, ".95\",\"channel\":\"store\"");
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
		put_id(b, "load", batch % shape->identities * STRIDE %
		    shape->identities);
	else
		put_id(b, run, batch);
	buf_puts(b, "\"},\"source_request_id\":\"");
	put_id(b, run, batch);
	buf_puts(b, "\",\"events\":[");
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
