/*
 * map_object.c - Heap event objects
 *
 * Knows an object's members, their order and the idempotency key.  Knows
 * nothing of which properties an event has.
 */
#include <stdint.h>
#include <string.h>

#include "hash.h"
#include "map_object.h"

#define KEY_BYTES	16	/* of the digest: enough never to meet again */

#define FEED_PROPERTY	"mParticle Source Feed"

static void
put_member(struct buf *out, const char *opening, const char *text, size_t len)
{
	buf_puts(out, opening);
	json_put_text_n(out, text, len);
}

static void
put_key(struct map_unit *u, const char *role, const char *role_end)
{
	struct buf *key = &u->w->key;
	uint8_t digest[32];
	char hex[2 * KEY_BYTES + 1];

	buf_cut(key, u->key_shared);
	buf_puts(key, role);
	buf_puts(key, role_end);
	hash_sha256(key->p, key->len, digest);
	buf_puts(&u->w->out, ",\"idempotency_key\":\"");
	buf_put(&u->w->out, hash_hex(digest, KEY_BYTES, hex), 2 * KEY_BYTES);
	buf_putc(&u->w->out, '"');
}

void
map_object_begin(struct map_unit *u, struct map_props *p, const char *event,
    size_t event_len, const char *role, const char *role_end)
{
	struct buf *out = &u->w->out;

	if (u->objects > 0)
		buf_putc(out, ',');
	u->objects++;
	put_member(out, "{\"identity\":", u->identity, strlen(u->identity));
	put_member(out, ",\"event\":", event, event_len);
	buf_puts(out, ",\"timestamp\":\"");
	buf_puts(out, u->timestamp);
	buf_putc(out, '"');
	if (u->session_id != NULL)
		put_member(out, ",\"session_id\":", u->session_id,
		    strlen(u->session_id));
	put_key(u, role, role_end);
	buf_puts(out, ",\"properties\":");
	map_props_begin(p, u->w, false);
}

void
map_object_end(struct map_unit *u, struct map_props *p, const cJSON *custom)
{
	map_props_text(p, FEED_PROPERTY, u->feed_name);
	map_props_custom(p, custom);
	map_props_end(p);
	buf_putc(&u->w->out, '}');
}
