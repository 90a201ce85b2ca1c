/*
 * sink_heap.c - the simulated Heap: a body in, an answer out
 *
 * Knows in which order things are judged: what arrived occupies its windows,
 * whatever becomes of it after, as the agent counts failed requests too; only
 * a request that overruns one occupies nothing.  Then faults, then the body.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sink_heap.h"
#include "sink_keys.h"
#include "sink_stats.h"

struct sink_heap {
	struct sink_heap_settings settings;
	struct sink_limits *limits;
	struct sink_rules *rules;
	struct sink_store *store;
	struct sink_keys *keys;
	struct sink_stats *stats;
	struct buf	 object;	/* the text of the one in hand */
};

/* What was found out about one request. */
struct judgement {
	struct sink_body body;
	bool		 bad;
	struct why	 why;		/* when bad */
	int		 window;	/* overrun; -1: none */
	bool		 faulty;
	struct sink_fault fault;
	size_t		 stored;	/* objects */
};

static bool
is_json(const char *content_type)
{
	static const char json[] = "application/json";
	const size_t n = sizeof(json) - 1;

	return content_type != NULL &&
	    strncasecmp(content_type, json, n) == 0 &&
	    strchr(" \t;", content_type[n]) != NULL;	/* or its end */
}

static bool
is_known(const struct sink_heap *h, const char *app_id)
{
	size_t i;

	for (i = 0; i < h->settings.apps; i++) {
		if (strcmp(h->settings.app[i], app_id) == 0)
			return true;
	}
	return h->settings.apps == 0;
}

/* Is the object new, as far as its key tells? */
static bool
is_new(struct sink_heap *h, struct sink_app *app, const char *app_id,
    const struct sink_object *object)
{
	if (object->key == NULL)
		return true;
	switch (sink_keys_add(h->keys, app_id, object->key, h->object.p,
	    h->object.len)) {
	case SINK_NEW:
		return true;
	case SINK_NEW_FORGOTTEN:
		h->stats->keys_forgotten++;
		return true;
	case SINK_OTHER:
		h->stats->conflicts++;
		break;
	case SINK_SAME:
		break;
	}
	h->stats->duplicates++;
	app->duplicates++;
	return false;
}

/* The objects of a checked body arrive.  Returns how many were new. */
static size_t
store(struct sink_heap *h, const struct sink_body *b, int64_t wall)
{
	struct sink_app *app;
	size_t i, stored = 0;

	if (!is_known(h, b->app_id)) {
		h->stats->vanished += b->objects;
		return 0;
	}
	app = sink_stats_app(h->stats, b->app_id);
	for (i = 0; i < b->objects; i++) {
		buf_reset(&h->object);
		sink_object_put(&h->object, &b->object[i]);
		if (b->lane == HEAP_USER_PROPERTIES) {
			sink_store_update(h->store, b, &b->object[i],
			    &h->object);
		} else if (is_new(h, app, b->app_id, &b->object[i])) {
			sink_store_event(h->store, b, &b->object[i],
			    &h->object, wall);
		} else {
			continue;
		}
		stored++;
	}
	if (b->lane == HEAP_TRACK) {
		h->stats->objects += stored;
		app->objects += stored;
	} else {
		h->stats->updates += stored;
		app->updates += stored;
	}
	return stored;
}

static void
say(struct sink_answer *a, int status, const char *text)
{
	a->status = status;
	a->content_type = "text/plain; charset=utf-8";
	buf_puts(&a->body, text);
}

static void
answer_fault(const struct sink_fault *f, const struct sink_body *b,
    struct sink_answer *a)
{
	if (f->retry_after != NULL)
		buf_printf(&a->headers, "Retry-After: %s\r\n", f->retry_after);
	if (f->body != NULL) {
		say(a, f->status, f->body);
	} else if (f->poison && f->names_index) {
		say(a, f->status, "");
		buf_printf(&a->body, "postBody.%s[%zu].properties should be "
		    "digestible", sink_list_name(b->lane), f->index);
	} else if (f->poison) {
		say(a, f->status, "postBody should be digestible");
	} else {
		say(a, f->status, "fault");
	}
}

static void
answer(struct sink_heap *h, struct judgement *j, int64_t wall,
    struct sink_answer *a)
{
	const struct sink_fault *f = &j->fault;
	bool decided = f->status != 0 || f->hang || f->reset;

	a->delay_ms = f->delay_ms;
	a->hang = f->hang;
	a->reset = f->reset;
	if (!j->bad && j->window == -1 && (!decided || f->store))
		j->stored = store(h, &j->body, wall);
	if (j->window != -1) {
		say(a, 429, "too many requests: ");
		buf_puts(&a->body,
		    sink_window_name((enum sink_window)j->window));
	} else if (f->status != 0) {
		answer_fault(f, &j->body, a);
	} else if (!decided && j->bad) {
		say(a, 400, j->why.text);
	} else if (!decided) {
		a->status = 200;
		a->content_type = "application/json";
		buf_puts(&a->body, "{}");
	}
}

static void
judge(struct sink_heap *h, const struct sink_post *post, struct judgement *j)
{
	j->window = -1;
	j->bad = sink_body_read(&j->body, post->lane, post->text, post->len,
	    &j->why) == -1;
	if (!j->bad && !is_json(post->content_type)) {
		why_set(&j->why, "Content-Type should be application/json");
		j->bad = true;
	}
	if (!j->bad)
		j->window = sink_limits_take(h->limits, &j->body, post->at_us);
	if (j->window == -1)
		j->faulty = sink_rules_apply(h->rules, &j->body, &j->fault);
}

static void
count(struct sink_heap *h, const struct judgement *j, int status,
    struct moment at)
{
	sink_stats_request(h->stats, &j->body, status, at);
	h->stats->bad_bodies += j->bad;
	h->stats->faults += j->faulty;
	if (j->window != -1)
		h->stats->overruns[j->window]++;
	if (!j->bad)
		sink_stats_app(h->stats, j->body.app_id)->requests++;
}

static void
put_line(const struct sink_heap *h, const struct judgement *j, int status,
    struct moment at, struct buf *line)
{
	const struct sink_body *b = &j->body;
	const char *comma = "";
	size_t i;

	buf_printf(line, "{\"ms\":%lld,\"path\":\"%s\",\"app_id\":",
	    (long long)at.boot, heap_lane_path(b->lane));
	if (b->app_id != NULL)
		json_put_text(line, b->app_id);
	else
		buf_puts(line, "null");
	buf_printf(line, ",\"form\":\"%s\",\"status\":%d,\"objects\":%zu,"
	    "\"stored\":%zu", b->has_form ? heap_form_name(b->form) :
	    "unreadable", status, b->objects, j->stored);
	if (h->settings.log_keys) {
		buf_puts(line, ",\"keys\":[");
		for (i = 0; i < b->objects; i++) {
			if (b->object[i].key == NULL)
				continue;
			buf_puts(line, comma);
			json_put_text(line, b->object[i].key);
			comma = ",";
		}
		buf_putc(line, ']');
	}
	buf_putc(line, '}');
}

void
sink_heap_post(struct sink_heap *h, const struct sink_post *post,
    struct sink_answer *a)
{
	const struct moment at = { post->wall, post->at_us / 1000 };
	struct judgement j;

	memset(&j, 0, sizeof(j));
	judge(h, post, &j);
	answer(h, &j, post->wall, a);
	count(h, &j, a->status, at);
	put_line(h, &j, a->status, at, &a->line);
	sink_body_free(&j.body);
}

void
sink_answer_free(struct sink_answer *a)
{
	buf_free(&a->headers);
	buf_free(&a->body);
	buf_free(&a->line);
}

struct sink_heap *
sink_heap_new(const struct sink_heap_settings *settings)
{
	struct sink_heap *h = xcalloc(1, sizeof(*h));

	h->settings = *settings;
	h->limits = sink_limits_new(settings->limit);
	h->rules = sink_rules_new();
	h->store = sink_store_new(settings->events, settings->users);
	h->keys = sink_keys_new(settings->keys);
	h->stats = xcalloc(1, sizeof(*h->stats));
	return h;
}

void
sink_heap_free(struct sink_heap *h)
{
	if (h == NULL)
		return;
	sink_limits_free(h->limits);
	sink_rules_free(h->rules);
	sink_store_free(h->store);
	sink_keys_free(h->keys);
	free(h->stats);
	buf_free(&h->object);
	free(h);
}

void
sink_heap_reset(struct sink_heap *h)
{
	sink_limits_clear(h->limits);
	sink_store_clear(h->store);
	sink_keys_clear(h->keys);
	memset(h->stats, 0, sizeof(*h->stats));
}

void
sink_heap_put_stats(struct buf *out, const struct sink_heap *h)
{
	const struct sink_stats_more more = {
		sink_keys_count(h->keys),
		sink_store_users(h->store),
		sink_store_users_forgotten(h->store),
	};

	sink_stats_put(out, h->stats, &more);
}

struct sink_rules *
sink_heap_rules(struct sink_heap *h)
{
	return h->rules;
}

const struct sink_store *
sink_heap_store(const struct sink_heap *h)
{
	return h->store;
}
