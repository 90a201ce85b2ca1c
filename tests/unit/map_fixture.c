/*
 * map_fixture.c - what the tests of the mapping share
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "map_fixture.h"

int
map_fixture_setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->input.name = xstrdup("shop");
	f->input.key = xstrdup("key-1");
	f->input.forward_user_attributes = CONFIG_UNSET;
	f->input.forward_web_requests_server_side = CONFIG_UNSET;
	f->output.name = xstrdup("heap");
	f->output.app_id = xstrdup("77");
	f->output.external_id = MP_IDENTITIES;
	f->output.forward_web_requests_server_side = true;
	f->output.send_session_id = true;
	f->context.path = MP_EVENTS;
	f->context.received_at = RECEIVED_AT;
	f->context.receipt_id = "receipt-9";
	f->context.has_mpid = true;
	f->context.mpid = 5;
	f->arena = arena_new();
	*state = f;
	return 0;
}

int
map_fixture_teardown(void **state)
{
	struct fixture *f = *state;

	mp_request_free(f->request);
	free(f->text);
	arena_free(f->arena);
	free(f->input.name);
	free(f->input.key);
	free(f->output.name);
	free(f->output.app_id);
	free(f);
	return 0;
}

void
map_taken(struct fixture *f, char *text)
{
	mp_request_free(f->request);
	free(f->text);
	f->text = text;
	f->request = mp_parse(MP_EVENTS, text, strlen(text));
	if (f->request->refusals_n > 0)
		fail_msg("%s: %s", text, f->request->refusals[0].message);
	map_batch(&f->result, f->arena, &f->request->batches[0], &f->context,
	    &f->input, &f->output);
}

void
map_text(struct fixture *f, const char *text)
{
	map_taken(f, xstrdup(text));
}

const struct map_event *
map_one(struct fixture *f, const char *type, const char *members)
{
	map_taken(f, xasprintf("{\"events\":[{\"event_type\":\"%s\","
	    "\"data\":{%s}}]}", type, members));
	assert_true(f->result.events_n >= 1);
	return &f->result.events[0];
}

char *
properties(const struct map_event *e, size_t n)
{
	const char *p = e->payload, *end;

	assert_non_null(p);
	for (;;) {
		p = strstr(p, "\"properties\":{");
		assert_non_null(p);
		p += strlen("\"properties\":");
		if (n-- == 0)
			break;
	}
	end = strstr(p, "},{\"identity\"");
	return xstrndup(p, end != NULL ? (size_t)(end - p) :
	    strlen(p) - 1);
}

void
assert_properties(const struct map_event *e, size_t n, const char *expected)
{
	char *got;

	assert_int_equal(e->action, MAP_SEND);
	got = properties(e, n);
	assert_string_equal(got, expected);
	free(got);
}

char *
repeat(const char *unit, size_t n)
{
	struct buf b = BUF_INIT;

	while (n-- > 0)
		buf_puts(&b, unit);
	return buf_steal(&b);
}
