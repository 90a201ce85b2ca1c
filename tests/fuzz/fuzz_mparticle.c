/*
 * fuzz_mparticle.c - no text upsets the parser, and an accepted batch is
 * accepted alone as well
 *
 * The first byte of the input chooses the endpoint.
 */
#include <string.h>

#include "fuzz.h"
#include "log.h"
#include "mparticle.h"

/* Reads every text of the batch, so that the sanitizer sees a stray one. */
static void
touch(const struct mp_batch *b)
{
	struct buf out = BUF_INIT;
	size_t i;

	for (i = 0; i < MP_IDENTITIES; i++)
		if (b->identity[i] != NULL)
			mp_lookup_value((enum mp_identity_type)i,
			    b->identity[i], &out);
	for (i = 0; i < b->events_n; i++) {
		const struct mp_event *e = &b->events[i];

		mp_fold(e->type_name, &out);
		if (e->session_id != NULL && e->session_id[0] == '\0')
			bug("fuzz_mparticle: an empty session id");
		if (e->source_message_id != NULL)
			mp_fold(e->source_message_id, &out);
	}
	(void)mp_historical_valid(b, INT64_C(1796000000000));
	buf_free(&out);
}

static void
check_batch(const struct mp_batch *b)
{
	struct mp_request *alone = mp_parse(MP_EVENTS, b->text, b->text_len);

	touch(b);
	if (alone->batches_n != 1 || alone->refusals_n != 0)
		bug("fuzz_mparticle: alone, the batch is refused");
	if (alone->batches[0].events_n != b->events_n ||
	    alone->batches[0].mpid != b->mpid ||
	    alone->batches[0].ignored_identities != b->ignored_identities)
		bug("fuzz_mparticle: alone, the batch is another");
	mp_request_free(alone);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct mp_request *r;
	size_t i;

	if (len == 0)
		return 0;
	r = mp_parse((enum mp_path)(bytes[0] % 3), (const char *)bytes + 1,
	    len - 1);

	for (i = 0; i < r->batches_n; i++)
		check_batch(&r->batches[i]);
	for (i = 0; i < r->refusals_n; i++) {
		if (strlen(r->refusals[i].message) == 0)
			bug("fuzz_mparticle: a refusal without a reason");
		if (r->refusals[i].batch == -1 &&
		    (r->refusals_n != 1 || r->batches_n != 0))
			bug("fuzz_mparticle: refused as a whole and not");
	}
	mp_request_free(r);
	return 0;
}
