/*
 * admin_forecast.c - when will it all have left, and whose backlog it is
 *
 * Puts together what inspect knows of the backlog, or a count of what would be
 * replayed, and what dispatch knows of windows, breakers and waits.
 *
 * Of each lane only the longest backlogs are looked at.  An identity that is
 * not among them has no more than each of these, and so many of those fill
 * more windows of the app than it fills of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "admin_private.h"

#define LONGEST		200	/* backlogs of each lane; see above */
#define BUSIEST		100	/* identities in a list, unless told else */
#define BUSIEST_MAX	500

/* The lanes with what they are to send, and what dispatch makes of it.  There
 * is room for as much again: what would be replayed. */
struct outlook {
	struct inspect_backlog	*backlog;
	struct dispatch_demand	*demand;	/* first one a lane ... */
	struct dispatch_forecast *forecast;	/* ... and as many of these */
	struct dispatch_share	*share;		/* LONGEST for each demand */
	size_t			 n;		/* demands */
};

/* What is the lane's whole, without whose it is. */
static struct dispatch_demand
demand_of(const struct inspect_lane *l)
{
	struct dispatch_demand d = { .lane = l->id, .objects = l->objects,
	    .busy_ms = l->busy_ms, .due_at = l->due_at };

	return d;
}

/* What the lanes have queued, each with its longest backlogs; false: it cannot
 * be read. */
static bool
look(struct admin *a, struct outlook *o)
{
	const struct inspect_waiting *w;
	struct dispatch_share *share;
	size_t i, k, lanes;

	if (inspect_backlog(a->parts.inspect, LONGEST, &o->backlog) !=
	    INSPECT_OK)
		return false;
	lanes = o->backlog->lanes;
	o->demand = xcalloc(2 * lanes + 1, sizeof(*o->demand));
	o->forecast = xcalloc(2 * lanes + 1, sizeof(*o->forecast));
	o->share = xcalloc(2 * lanes * LONGEST + 1, sizeof(*o->share));
	for (i = 0; i < lanes; i++) {
		share = o->share + i * LONGEST;
		o->demand[i] = demand_of(&o->backlog->lane[i]);
		o->demand[i].share = share;
		o->demand[i].share_n = o->backlog->lane[i].waiting_n;
		for (k = 0; k < o->demand[i].share_n; k++) {
			w = &o->backlog->lane[i].waiting[k];
			share[k] = (struct dispatch_share){ w->identity,
			    w->objects, w->ready };
		}
	}
	o->n = lanes;
	return true;
}

static void
look_away(struct outlook *o)
{
	inspect_backlog_free(o->backlog);
	free(o->demand);
	free(o->forecast);
	free(o->share);
}

/* Whose window bounds the lane, or whose event is due last. */
static const char *
bounding(const struct inspect_lane *l, const struct dispatch_forecast *f)
{
	size_t i;

	if (f->bound_by == DISPATCH_BACKOFF)
		return l->due_identity;
	for (i = 0; f->identity != 0 && i < l->waiting_n; i++)
		if (l->waiting[i].identity == f->identity)
			return l->waiting[i].value;
	return NULL;
}

/* "seconds" and "done_at", null if nobody can say.  Begun seconds count. */
static void
put_done(cJSON *o, struct moment now, int64_t done_at)
{
	bool known = done_at != DISPATCH_UNKNOWN;
	int64_t ms = known && done_at > now.wall ? done_at - now.wall : 0;

	admin_put_int_or_null(o, "seconds", known, (ms + 999) / 1000);
	admin_put_at(o, "done_at", known ? done_at : 0);
}

static cJSON *
forecast_shape(struct moment now, const struct inspect_lane *l,
    bool lane, int64_t queued, const struct dispatch_forecast *f)
{
	cJSON *o = cJSON_CreateObject();

	admin_put_text(o, "output", l->output);
	if (lane)
		admin_put_text(o, "lane", l->lane);
	admin_put_int(o, "queued", queued);
	put_done(o, now, f->done_at);
	admin_put_text(o, "bound_by", dispatch_bound_name(f->bound_by));
	admin_put_text(o, "identity", bounding(l, f));
	return o;
}

/* The lane of [first, end) that takes longest. */
static size_t
longest_of(const struct outlook *o, size_t first, size_t end)
{
	size_t i, longest = first;

	for (i = first + 1; i < end; i++)
		if (o->forecast[i].done_at > o->forecast[longest].done_at)
			longest = i;
	return longest;
}

/* Lanes come by output, so each output is a run of them. */
static void
put_outputs(const struct outlook *o, struct moment now, cJSON *outputs)
{
	const struct inspect_lane *lane = o->backlog->lane;
	size_t first, end, longest;
	int64_t queued;

	for (first = 0; first < o->backlog->lanes; first = end) {
		queued = 0;
		for (end = first; end < o->backlog->lanes &&
		    strcmp(lane[end].output, lane[first].output) == 0; end++)
			queued += lane[end].queued;
		longest = longest_of(o, first, end);
		cJSON_AddItemToArray(outputs, forecast_shape(now,
		    &lane[longest], false, queued, &o->forecast[longest]));
	}
}

cJSON *
admin_forecast(struct admin *a, struct moment now)
{
	struct outlook o;
	cJSON *answer, *lanes;
	size_t i, n;

	if (!look(a, &o))
		return NULL;
	n = o.n;
	dispatch_forecast(a->parts.dispatch, now, o.demand, n, o.forecast);
	answer = cJSON_CreateObject();
	put_done(answer, now, n > 0 ?
	    o.forecast[longest_of(&o, 0, n)].done_at : now.wall);
	put_outputs(&o, now, cJSON_AddArrayToObject(answer, "outputs"));
	lanes = cJSON_AddArrayToObject(answer, "lanes");
	for (i = 0; i < n; i++)
		cJSON_AddItemToArray(lanes, forecast_shape(now,
		    &o.backlog->lane[i], true, o.backlog->lane[i].queued,
		    &o.forecast[i]));
	look_away(&o);
	return answer;
}

void
admin_put_forecast(cJSON *output, cJSON *forecast)
{
	const cJSON *outputs = json_get(forecast, "outputs");
	const char *name = json_text(json_get(output, "name"));
	cJSON *o;
	int i;

	for (i = 0; i < cJSON_GetArraySize(outputs); i++) {
		o = cJSON_GetArrayItem(outputs, i);
		if (strcmp(json_text(json_get(o, "output")), name) == 0)
			break;
	}
	o = cJSON_DetachItemFromArray(cJSON_GetObjectItemCaseSensitive(
	    forecast, "outputs"), i);
	if (o == NULL) {
		cJSON_AddNullToObject(output, "forecast");
		return;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(o, "output");
	cJSON_DeleteItemFromObjectCaseSensitive(o, "queued");
	cJSON_AddItemToObject(output, "forecast", o);
}

/* --- what would be replayed --------------------------------------------- */

/* jobs_count_visit: more for the lane, behind the demands of the backlog.  Of
 * the updates of one identity only one will be left. */
static void
add_load(const struct jobs_load *l, void *arg)
{
	struct outlook *o = arg;
	const struct inspect_backlog *b = o->backlog;
	struct dispatch_demand *d;
	struct dispatch_share *share;
	bool updates;
	size_t i;

	for (i = 0; i < b->lanes && b->lane[i].id != l->lane; i++)
		continue;
	/* One whose lane came after the look. */
	if (i == b->lanes)
		return;
	updates = strcmp(b->lane[i].lane,
	    heap_lane_name(HEAP_USER_PROPERTIES)) == 0;
	share = o->share + (b->lanes + i) * LONGEST;
	if (l->identity == 0) {
		d = &o->demand[o->n++];
		*d = demand_of(&b->lane[i]);
		d->due_at = 0;
		d->objects = updates ? l->identities : l->objects;
		d->share = share;
		return;
	}
	d = &o->demand[o->n - 1];
	share[d->share_n++] = (struct dispatch_share){ l->identity,
	    updates ? 1 : l->objects, updates ? 1 : l->events };
}

cJSON *
admin_forecast_count(struct admin *a, struct moment now,
    const struct jobs_count *c, bool besides)
{
	struct outlook o;
	cJSON *answer;
	size_t first, i;
	int64_t let_at = now.wall;

	if (!look(a, &o))
		return NULL;
	first = o.n;
	jobs_count_each(c, LONGEST, add_load, &o);
	if (besides)
		dispatch_forecast(a->parts.dispatch, now, o.demand, o.n,
		    o.forecast);
	else
		dispatch_forecast(a->parts.dispatch, now, o.demand + first,
		    o.n - first, o.forecast + first);
	for (i = first; i < o.n; i++)
		if (o.forecast[i].leaves_at > let_at)
			let_at = o.forecast[i].leaves_at;
	answer = cJSON_CreateObject();
	put_done(answer, now, let_at);
	look_away(&o);
	return answer;
}

void
admin_get_forecast(struct admin_call *call)
{
	cJSON *answer = admin_forecast(call->admin, call->now);

	if (answer != NULL)
		admin_json(call, 200, answer);
	else
		admin_cannot_read(call);
}

/* --- identities -------------------------------------------------------- */

/* One identity in one lane, while the list is made. */
struct person {
	const struct inspect_lane *lane;
	int64_t	identity;
	int64_t	queued;			/* ready ones */
	int64_t	used;			/* of its window */
};

static cJSON *
windows_shape(struct admin *a, struct moment now, int64_t lane,
    int64_t identity)
{
	struct dispatch_window w[DISPATCH_WINDOWS];
	cJSON *array = cJSON_CreateArray(), *o;
	size_t i, n;

	n = dispatch_identity_windows(a->parts.dispatch, lane, identity, now,
	    w);
	for (i = 0; i < n; i++) {
		o = cJSON_CreateObject();
		admin_put_text(o, "window", w[i].name);
		admin_put_int(o, "used", w[i].used);
		admin_put_int(o, "limit", w[i].limit);
		admin_put_int(o, "window_ms", w[i].window_ms);
		admin_put_at(o, "frees_at", w[i].frees_at);
		cJSON_AddItemToArray(array, o);
	}
	return array;
}

/* Lanes that are asked for an identity, and what is made of their answers. */
struct person_shape {
	struct admin	*admin;
	struct moment	 now;
	const struct inspect_backlog *backlog;
	const struct inspect_lane *lane;	/* that is asked now */
	struct dispatch_demand *demand;		/* what they have of it ... */
	struct dispatch_share *share;		/* ... one each */
	size_t		 n;
	cJSON		*array;
};

static void
begin_persons(struct person_shape *s, struct admin_call *call,
    const struct inspect_backlog *b, cJSON *array)
{
	*s = (struct person_shape){ .admin = call->admin, .now = call->now,
	    .backlog = b, .array = array };
	s->demand = xcalloc(b->lanes + 1, sizeof(*s->demand));
	s->share = xcalloc(b->lanes + 1, sizeof(*s->share));
}

static void
end_persons(struct person_shape *s)
{
	free(s->demand);
	free(s->share);
}

/* inspect_waiting_visit */
static void
add_share(const struct inspect_waiting *w, void *arg)
{
	struct person_shape *s = arg;
	struct dispatch_demand *d = &s->demand[s->n];
	int64_t events = w->ready + w->deferred;

	/* Deferred ones are as large as the others, if there are any. */
	s->share[s->n] = (struct dispatch_share){ w->identity, w->ready > 0 ?
	    w->objects * events / w->ready : events, events };
	*d = demand_of(s->lane);
	d->objects = s->share[s->n].objects;
	d->due_at = w->due_at;
	d->share = &s->share[s->n++];
	d->share_n = 1;
}

/* inspect_waiting_visit: of the lane that is shown, which is asked last. */
static void
put_person(const struct inspect_waiting *w, void *arg)
{
	struct person_shape *s = arg;
	struct dispatch_forecast *f;
	int64_t parked;
	cJSON *o;

	add_share(w, s);
	f = xcalloc(s->n, sizeof(*f));
	dispatch_forecast(s->admin->parts.dispatch, s->now, s->demand, s->n,
	    f);
	/* Beyond every date: until what is in flight has ended. */
	parked = w->next_at > s->now.wall && w->next_at < INT64_MAX / 8 ?
	    w->next_at : 0;
	o = cJSON_CreateObject();
	admin_put_text(o, "identity", w->value);
	admin_put_text(o, "output", s->lane->output);
	admin_put_text(o, "lane", s->lane->lane);
	admin_put_int(o, "queued", w->ready + w->deferred);
	admin_put_int(o, "deferred", w->deferred);
	admin_put_int(o, "stuck", w->stuck);
	admin_put_at(o, "next_at", parked);
	put_done(o, s->now, f[s->n - 1].done_at);
	admin_put_text(o, "bound_by",
	    dispatch_bound_name(f[s->n - 1].bound_by));
	cJSON_AddItemToObject(o, "windows",
	    windows_shape(s->admin, s->now, s->lane->id, w->identity));
	cJSON_AddItemToArray(s->array, o);
	free(f);
}

/* Asks the lane for the identity, and first the others that send to the same
 * app: they take of the same windows.  false: it cannot be read. */
static bool
show_person(struct person_shape *s, const struct inspect_lane *lane,
    int64_t identity)
{
	const struct inspect_backlog *b = s->backlog;
	struct inspect *in = s->admin->parts.inspect;
	size_t i;

	s->n = 0;
	for (i = 0; i < b->lanes; i++) {
		s->lane = &b->lane[i];
		if (s->lane == lane || s->lane->queued == 0 ||
		    !dispatch_together(s->admin->parts.dispatch, s->lane->id,
		    lane->id))
			continue;
		if (inspect_identity(in, s->lane->id, identity, add_share,
		    s) == INSPECT_FAILED)
			return false;
	}
	s->lane = lane;
	return inspect_identity(in, lane->id, identity, put_person, s) !=
	    INSPECT_FAILED;
}

static int
busiest_first(const void *one, const void *other)
{
	const struct person *a = one, *b = other;

	if (a->queued != b->queued)
		return a->queued < b->queued ? 1 : -1;
	if (a->used != b->used)
		return a->used < b->used ? 1 : -1;
	if (a->identity != b->identity)
		return a->identity > b->identity ? 1 : -1;
	return (a->lane->id > b->lane->id) - (a->lane->id < b->lane->id);
}

/* Those with a backlog in the lane, and those that use its windows without
 * one; how many. */
static size_t
collect(struct admin *a, struct moment now, const struct inspect_lane *l,
    size_t most, struct person *p)
{
	struct dispatch_use *use = xcalloc(most, sizeof(*use));
	size_t i, k, uses, n = 0;

	for (i = 0; i < l->waiting_n; i++, n++)
		p[n] = (struct person){ l, l->waiting[i].identity,
		    l->waiting[i].ready, 0 };
	uses = dispatch_busiest(a->parts.dispatch, l->id, now, use, most);
	for (i = 0; i < uses; i++) {
		for (k = 0; k < l->waiting_n; k++)
			if (p[k].identity == use[i].identity)
				break;
		if (k < l->waiting_n)
			p[k].used = use[i].used;
		else
			p[n++] = (struct person){ l, use[i].identity, 0,
			    use[i].used };
	}
	free(use);
	return n;
}

/* The items of the list; NULL: it cannot be read. */
static cJSON *
busiest(struct admin_call *call, const struct inspect_backlog *b, size_t most)
{
	struct person *p = xcalloc(2 * most * b->lanes + 1, sizeof(*p));
	struct person_shape s;
	size_t i, n = 0;

	begin_persons(&s, call, b, cJSON_CreateArray());
	for (i = 0; i < b->lanes; i++)
		n += collect(call->admin, call->now, &b->lane[i], most, p + n);
	qsort(p, n, sizeof(*p), busiest_first);
	for (i = 0; i < n && i < most; i++)
		if (!show_person(&s, p[i].lane, p[i].identity)) {
			cJSON_Delete(s.array);
			s.array = NULL;
			break;
		}
	end_persons(&s);
	free(p);
	return s.array;
}

void
admin_get_identities(struct admin_call *call)
{
	struct inspect_backlog *b;
	const char *limit = admin_param(call, "limit");
	int64_t most = BUSIEST;
	cJSON *items = NULL;

	if (limit != NULL && (!json_int64(limit, &most) || most < 1 ||
	    most > BUSIEST_MAX)) {
		admin_problem(call, 400, "bad_parameter", NULL,
		    "limit is a number from 1 to %d.", BUSIEST_MAX);
		return;
	}
	if (inspect_backlog(call->admin->parts.inspect, (size_t)most, &b) ==
	    INSPECT_OK) {
		items = busiest(call, b, (size_t)most);
		inspect_backlog_free(b);
	}
	if (items != NULL)
		admin_json(call, 200, admin_list(items, 0));
	else
		admin_cannot_read(call);
}

/* What each lane holds of the identity; NULL: it cannot be read. */
static cJSON *
identity_shape(struct admin_call *call, int64_t identity)
{
	struct person_shape s;
	struct inspect_backlog *b;
	cJSON *o;
	size_t i;

	if (inspect_backlog(call->admin->parts.inspect, 0, &b) != INSPECT_OK)
		return NULL;
	o = cJSON_CreateObject();
	admin_put_text(o, "identity", call->name);
	begin_persons(&s, call, b, cJSON_AddArrayToObject(o, "lanes"));
	for (i = 0; i < b->lanes && o != NULL; i++)
		if (!show_person(&s, &b->lane[i], identity)) {
			cJSON_Delete(o);
			o = NULL;
		}
	end_persons(&s);
	inspect_backlog_free(b);
	return o;
}

void
admin_get_identity(struct admin_call *call)
{
	int64_t identity;
	cJSON *o = NULL;

	switch (inspect_find_identity(call->admin->parts.inspect, call->name,
	    &identity)) {
	case INSPECT_OK:
		o = identity_shape(call, identity);
		break;
	case INSPECT_NONE:
		admin_problem(call, 404, "not_found", NULL,
		    "Nothing was ever sent for that identity.");
		return;
	case INSPECT_FAILED:
		break;
	}
	if (o != NULL)
		admin_json(call, 200, o);
	else
		admin_cannot_read(call);
}
