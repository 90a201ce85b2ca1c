/*
 * sink_rules.c - faults of the simulated Heap: which requests, what happens
 *
 * Knows the JSON of rules and how they fit a request.  Knows no connection:
 * what a fault means for one is decided by who applies it.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "sink_rules.h"

#define MAX_RULES	1000
#define MAX_DELAY_MS	600000

/* What to say of an index in the text of a 400. */
enum index_kind { INDEX_NONE, INDEX_TRUE, INDEX_LIE };

struct rule {
	int64_t		 id;
	int64_t		 applied;
	int64_t		 left;		/* -1: without end */
	struct json	*json;		/* owns the texts below */
	char		*source;	/* as written, for the list */
	/* match: NULL fits everything. */
	const char	*path;
	const char	*app_id;
	const char	*identity;
	const char	*event;
	const char	*contains;
	/* do */
	struct sink_fault fault;
	enum index_kind	 kind;
};

struct sink_rules {
	struct rule	*rule;		/* in the order of their ids */
	size_t		 n;
	int64_t		 last_id;
};

/*
 * Reading.  Each member has a reader; what no reader knows is refused, since
 * a misspelt rule would otherwise fit everything or do nothing.
 */

static int
wrong(struct why *why, const char *name, const char *should)
{
	why_set(why, "%s should be %s", name, should);
	return -1;
}

static int
unknown(struct why *why, const char *where, const cJSON *member)
{
	why_set(why, "%s has no member %s", where, member->string);
	return -1;
}

static int
read_text(const cJSON *member, const char **text, struct why *why)
{
	*text = json_text(member);
	return *text != NULL ? 0 : wrong(why, member->string, "a text");
}

static int
read_bool(const cJSON *member, bool *value, struct why *why)
{
	if (!cJSON_IsBool(member))
		return wrong(why, member->string, "true or false");
	*value = cJSON_IsTrue(member);
	return 0;
}

static int
read_int(const cJSON *member, int64_t min, int64_t max, int64_t *value,
    struct why *why)
{
	const char *literal = json_literal(member);

	if (literal != NULL && json_int64(literal, value) && *value >= min &&
	    *value <= max)
		return 0;
	why_set(why, "%s should be a whole number from %lld to %lld",
	    member->string, (long long)min, (long long)max);
	return -1;
}

static int
read_match_member(struct rule *r, const cJSON *m, struct why *why)
{
	if (strcmp(m->string, "path") == 0)
		return read_text(m, &r->path, why);
	if (strcmp(m->string, "app_id") == 0)
		return read_text(m, &r->app_id, why);
	if (strcmp(m->string, "identity") == 0)
		return read_text(m, &r->identity, why);
	if (strcmp(m->string, "event") == 0)
		return read_text(m, &r->event, why);
	if (strcmp(m->string, "contains") == 0)
		return read_text(m, &r->contains, why);
	return unknown(why, "match", m);
}

static int
read_retry_after(struct sink_fault *f, const cJSON *m, struct why *why)
{
	f->retry_after = json_text(m) != NULL ? json_text(m) : json_literal(m);
	if (f->retry_after == NULL)
		return wrong(why, "retry_after", "a text or a number");
	/* It becomes a header line. */
	if (strpbrk(f->retry_after, "\r\n") != NULL)
		return wrong(why, "retry_after", "one line");
	return 0;
}

static int
read_index(struct rule *r, const cJSON *m, struct why *why)
{
	r->fault.poison = true;
	if (cJSON_IsBool(m))
		r->kind = cJSON_IsTrue(m) ? INDEX_TRUE : INDEX_NONE;
	else if (json_text(m) != NULL && strcmp(json_text(m), "lie") == 0)
		r->kind = INDEX_LIE;
	else
		return wrong(why, "index", "true, false or \"lie\"");
	return 0;
}

static int
read_do_member(struct rule *r, const cJSON *m, struct why *why)
{
	struct sink_fault *f = &r->fault;
	int64_t status;

	if (strcmp(m->string, "status") == 0) {
		if (read_int(m, 200, 599, &status, why) == -1)
			return -1;
		f->status = (int)status;
		return 0;
	}
	if (strcmp(m->string, "retry_after") == 0)
		return read_retry_after(f, m, why);
	if (strcmp(m->string, "body") == 0)
		return read_text(m, &f->body, why);
	if (strcmp(m->string, "delay_ms") == 0)
		return read_int(m, 0, MAX_DELAY_MS, &f->delay_ms, why);
	if (strcmp(m->string, "hang") == 0)
		return read_bool(m, &f->hang, why);
	if (strcmp(m->string, "reset") == 0)
		return read_bool(m, &f->reset, why);
	if (strcmp(m->string, "store") == 0)
		return read_bool(m, &f->store, why);
	if (strcmp(m->string, "index") == 0)
		return read_index(r, m, why);
	return unknown(why, "do", m);
}

static int
read_each(struct rule *r, const cJSON *object,
    int (*read)(struct rule *, const cJSON *, struct why *), struct why *why)
{
	const cJSON *m;

	if (!cJSON_IsObject(object))
		return wrong(why, object->string, "an object");
	cJSON_ArrayForEach(m, object) {
		if (read(r, m, why) == -1)
			return -1;
	}
	return 0;
}

static int
read_rule_member(struct rule *r, const cJSON *m, struct why *why)
{
	if (strcmp(m->string, "match") == 0)
		return read_each(r, m, read_match_member, why);
	if (strcmp(m->string, "do") == 0)
		return read_each(r, m, read_do_member, why);
	if (strcmp(m->string, "count") == 0)
		return read_int(m, 1, INT64_MAX, &r->left, why);
	return unknown(why, "a rule", m);
}

/* What follows from what was written, and what goes with nothing else. */
static int
settle(struct rule *r, const cJSON *root, struct why *why)
{
	struct sink_fault *f = &r->fault;

	if (json_get(root, "do") == NULL) {
		why_set(why, "a rule needs do");
		return -1;
	}
	if (f->hang && f->reset) {
		why_set(why, "hang and reset exclude each other");
		return -1;
	}
	if ((f->hang || f->reset) && (f->status != 0 || f->poison ||
	    f->body != NULL || f->retry_after != NULL)) {
		why_set(why, "hang and reset give no answer");
		return -1;
	}
	/* Without a status of its own, a rule that says what is wrong with
	 * the body, or says an index, refuses it. */
	if (f->status == 0 && (f->poison || f->body != NULL))
		f->status = 400;
	if (f->status == 0 && f->retry_after != NULL)
		f->status = 429;
	if (f->status >= 200 && f->status <= 299)
		f->store = true;
	return 0;
}

static void
rule_free(struct rule *r)
{
	json_free(r->json);
	free(r->source);
}

static int
rule_read(struct rule *r, const char *text, size_t len, struct why *why)
{
	struct buf source = BUF_INIT;
	const cJSON *root, *m;

	r->left = -1;
	r->json = json_parse(text, len, why);
	if (r->json == NULL)
		return -1;
	root = json_root(r->json);
	if (!cJSON_IsObject(root))
		return wrong(why, "a rule", "an object");
	cJSON_ArrayForEach(m, root) {
		if (read_rule_member(r, m, why) == -1)
			return -1;
	}
	if (settle(r, root, why) == -1)
		return -1;
	json_put(&source, root);
	(void)buf_str(&source);
	r->source = buf_steal(&source);
	return 0;
}

/*
 * Fitting.
 */

static bool
same(const char *wanted, const char *given)
{
	return wanted == NULL || (given != NULL && strcmp(wanted, given) == 0);
}

static bool
contains(const char *wanted, const char *text, size_t len)
{
	return wanted == NULL ||
	    memmem(text, len, wanted, strlen(wanted)) != NULL;
}

static bool
fits_object(const struct rule *r, const struct sink_body *b, size_t i)
{
	const struct sink_object *object = &b->object[i];
	size_t begin;

	if (!same(r->identity, object->identity) ||
	    !same(r->event, object->event))
		return false;
	if (r->contains == NULL)
		return true;
	begin = json_begin(object->node);
	return contains(r->contains, b->text + begin,
	    json_end(b->text, b->len, object->node) - begin);
}

/* Sets *index to the first object that fits. */
static bool
fits(const struct rule *r, const struct sink_body *b, size_t *index)
{
	*index = 0;
	if (r->left == 0 || !same(r->path, heap_lane_path(b->lane)) ||
	    !same(r->app_id, b->app_id))
		return false;
	if (b->objects == 0)
		return r->identity == NULL && r->event == NULL &&
		    contains(r->contains, b->text, b->len);
	for (; *index < b->objects; ++*index) {
		if (fits_object(r, b, *index))
			return true;
	}
	return false;
}

bool
sink_rules_apply(struct sink_rules *rules, const struct sink_body *body,
    struct sink_fault *fault)
{
	struct rule *r;
	size_t i, index, n = body->objects > 1 ? body->objects : 2;

	for (i = 0; i < rules->n; i++) {
		r = &rules->rule[i];
		if (!fits(r, body, &index))
			continue;
		r->applied++;
		if (r->left > 0)
			r->left--;
		*fault = r->fault;
		fault->names_index = r->kind != INDEX_NONE;
		/* A lie about the only object names one that is not there. */
		fault->index = r->kind == INDEX_LIE ? (index + 1) % n : index;
		return true;
	}
	return false;
}

/*
 * The list.
 */

struct sink_rules *
sink_rules_new(void)
{
	return xcalloc(1, sizeof(struct sink_rules));
}

void
sink_rules_free(struct sink_rules *rules)
{
	if (rules == NULL)
		return;
	sink_rules_clear(rules);
	free(rules);
}

int64_t
sink_rules_add(struct sink_rules *rules, const char *json, size_t len,
    struct why *why)
{
	struct rule r;

	memset(&r, 0, sizeof(r));
	if (rules->n >= MAX_RULES) {
		why_set(why, "there are %d rules already", MAX_RULES);
		return -1;
	}
	if (rule_read(&r, json, len, why) == -1) {
		rule_free(&r);
		return -1;
	}
	r.id = ++rules->last_id;
	rules->rule = xreallocarray(rules->rule, rules->n + 1, sizeof(r));
	rules->rule[rules->n++] = r;
	return r.id;
}

bool
sink_rules_remove(struct sink_rules *rules, int64_t id)
{
	size_t i;

	for (i = 0; i < rules->n; i++) {
		if (rules->rule[i].id != id)
			continue;
		rule_free(&rules->rule[i]);
		rules->n--;
		memmove(&rules->rule[i], &rules->rule[i + 1],
		    (rules->n - i) * sizeof(rules->rule[0]));
		return true;
	}
	return false;
}

void
sink_rules_clear(struct sink_rules *rules)
{
	size_t i;

	for (i = 0; i < rules->n; i++)
		rule_free(&rules->rule[i]);
	free(rules->rule);
	rules->rule = NULL;
	rules->n = 0;
}

void
sink_rules_put(struct buf *out, const struct sink_rules *rules)
{
	const struct rule *r;
	size_t i;

	buf_puts(out, "{\"faults\":[");
	for (i = 0; i < rules->n; i++) {
		r = &rules->rule[i];
		buf_printf(out, "%s{\"id\":%lld,\"applied\":%lld,\"left\":",
		    i > 0 ? "," : "", (long long)r->id,
		    (long long)r->applied);
		if (r->left == -1)
			buf_puts(out, "null");
		else
			buf_printf(out, "%lld", (long long)r->left);
		buf_printf(out, ",\"rule\":%s}", r->source);
	}
	buf_puts(out, "]}");
}
