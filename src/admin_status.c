/*
 * admin_status.c - the state of the whole, and of each output
 *
 * Knows which figures an operator looks at first.
 */
#include <string.h>

#include "admin_private.h"
#include "log.h"

/* Outputs as they are visited. */
struct outputs_shape {
	struct admin	*admin;
	struct moment	 now;
	const char	*only;		/* NULL: all */
	cJSON		*array;
	int64_t		 total[INSPECT_COUNTS];
};

static void
add_output(const struct inspect_output *o, void *arg)
{
	struct outputs_shape *s = arg;
	int i;

	if (s->only != NULL && strcmp(s->only, o->name) != 0)
		return;
	cJSON_AddItemToArray(s->array,
	    admin_output_shape(s->admin, s->now, o));
	for (i = 0; i < INSPECT_COUNTS; i++)
		s->total[i] += o->count[i];
}

/* Every output, or the one of that name; false: answered 503. */
static bool
read_outputs(struct admin_call *call, const char *only,
    struct outputs_shape *s)
{
	memset(s, 0, sizeof(*s));
	s->admin = call->admin;
	s->now = call->now;
	s->only = only;
	s->array = cJSON_CreateArray();
	if (inspect_outputs(call->admin->parts.inspect, add_output, s) ==
	    INSPECT_OK)
		return true;
	cJSON_Delete(s->array);
	admin_cannot_read(call);
	return false;
}

/* The same with what is forecast of each; false: answered 503. */
static bool
read_outlook(struct admin_call *call, const char *only,
    struct outputs_shape *s)
{
	cJSON *forecast, *output;

	if (!read_outputs(call, only, s))
		return false;
	forecast = admin_forecast(call->admin, call->now);
	if (forecast == NULL) {
		cJSON_Delete(s->array);
		admin_cannot_read(call);
		return false;
	}
	cJSON_ArrayForEach(output, s->array)
		admin_put_forecast(output, forecast);
	cJSON_Delete(forecast);
	return true;
}

void
admin_get_outputs(struct admin_call *call)
{
	struct outputs_shape s;

	if (read_outlook(call, NULL, &s))
		admin_json(call, 200, admin_list(s.array, 0));
}

void
admin_get_output(struct admin_call *call)
{
	struct outputs_shape s;

	if (!read_outlook(call, call->name, &s))
		return;
	if (cJSON_GetArraySize(s.array) > 0)
		admin_json(call, 200, cJSON_DetachItemFromArray(s.array, 0));
	else
		admin_problem(call, 404, "not_found", NULL,
		    "There is no output of that name.");
	cJSON_Delete(s.array);
}

/* Per second, over the last minute or since the first sample. */
static cJSON *
rates_shape(const struct admin *a, int64_t now)
{
	size_t n = a->samples_n < ADMIN_SAMPLES ? a->samples_n : ADMIN_SAMPLES;
	const struct admin_sample *oldest = NULL, *s;
	cJSON *o = cJSON_CreateObject();
	double seconds = 0, in = 0, out = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		s = &a->sample[i];
		if (now - s->boot <= 60000 &&
		    (oldest == NULL || s->boot < oldest->boot))
			oldest = s;
	}
	if (oldest != NULL && now > oldest->boot) {
		seconds = (double)(now - oldest->boot) / 1000;
		in = (double)(stat_get(STAT_batches_accepted) -
		    oldest->batches) / seconds;
		out = (double)(stat_get(STAT_events_delivered) -
		    oldest->delivered) / seconds;
	}
	cJSON_AddNumberToObject(o, "over_seconds", seconds);
	cJSON_AddNumberToObject(o, "batches_in_per_second", in);
	cJSON_AddNumberToObject(o, "events_out_per_second", out);
	return o;
}

static cJSON *
disk_shape(struct admin *a, struct moment now)
{
	const char *reason = intake_unavailable(a->parts.intake, now);
	cJSON *o = cJSON_CreateObject();

	admin_put_int(o, "database_bytes", queue_bytes(a->parts.queue));
	admin_put_int(o, "wal_bytes", queue_wal_bytes(a->parts.queue));
	cJSON_AddBoolToObject(o, "accepting", reason == NULL);
	admin_put_text(o, "reason", reason);
	return o;
}

static cJSON *
counts_shape(const int64_t count[INSPECT_COUNTS])
{
	cJSON *o = cJSON_CreateObject();
	int i;

	for (i = 0; i < INSPECT_COUNTS; i++)
		admin_put_int(o, inspect_count_name((enum inspect_count)i),
		    count[i]);
	return o;
}

void
admin_get_status(struct admin_call *call)
{
	struct admin *a = call->admin;
	struct outputs_shape s;
	int64_t since = 0;
	cJSON *o, *forecast = NULL;

	if (!read_outputs(call, NULL, &s))
		return;
	if (inspect_oldest_due(a->parts.inspect, call->now.wall, &since) !=
	    INSPECT_OK ||
	    (forecast = admin_forecast(a, call->now)) == NULL) {
		cJSON_Delete(s.array);
		admin_cannot_read(call);
		return;
	}
	o = cJSON_CreateObject();
	admin_put_text(o, "version", PACKAGE_VERSION);
	admin_put_at(o, "started_at", a->parts.started_at);
	admin_put_int(o, "uptime_seconds",
	    (call->now.boot - a->parts.started_boot) / 1000);
	cJSON_AddItemToObject(o, "events", counts_shape(s.total));
	admin_put_at(o, "oldest_due_since", since);
	cJSON_AddItemToObject(o, "rates", rates_shape(a, call->now.boot));
	cJSON_AddItemToObject(o, "disk", disk_shape(a, call->now));
	cJSON_AddItemToObject(o, "forecast", forecast);
	cJSON_AddItemToObject(o, "outputs", s.array);
	admin_json(call, 200, o);
}
