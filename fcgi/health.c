/*
 * health.c
 *	  Answers to "are you well?".
 */
#include "health.h"

#include "json_out.h"
#include "reply.h"

#define HEALTH_TYPE "application/health+json"

static const char *const names[] = {
	[HEALTH_PASS] = "pass",
	[HEALTH_WARN] = "warn",
	[HEALTH_FAIL] = "fail",
};

const char *const health_events[] = {
	"/3.0/projects/{id}/events",
	"/3.0/projects/{id}/events/{collection}",
	NULL,
};

const char *const health_queries[] = {
	"/3.0/projects/{id}/queries/{analysis}",
	NULL,
};

enum handled
health_live(struct request *req, void *app)
{
	(void) app;
	reply_begin(req, 200, HEALTH_TYPE);
	buf_str(reply_body(req), "{\"status\":\"pass\"}");
	return HANDLED_NOW;
}

static void
put_affected(struct json_out *json, const char *const *affected)
{
	json_key(json, "affectedEndpoints");
	json_array(json);
	for (; *affected != NULL; affected++)
		json_string(json, *affected);
	json_array_end(json);
}

static void
put_check(struct json_out *json, const struct health_check *check)
{
	json_key(json, check->name);
	json_array(json);
	json_object(json);
	json_key(json, "status");
	json_string(json, names[check->status]);
	if (check->unit != NULL)
	{
		json_key(json, "observedValue");
		json_int(json, check->value);
		json_key(json, "observedUnit");
		json_string(json, check->unit);
	}
	if (check->output != NULL && check->status != HEALTH_PASS)
	{
		json_key(json, "output");
		json_string(json, check->output);
	}
	if (check->affected != NULL && check->status != HEALTH_PASS)
		put_affected(json, check->affected);
	json_object_end(json);
	json_array_end(json);
}

void
health_ready(struct request *req, const struct health_check *checks,
			 size_t count)
{
	enum health_status worst = HEALTH_PASS;
	struct json_out json;
	size_t i;

	for (i = 0; i < count; i++)
		if (checks[i].status > worst)
			worst = checks[i].status;

	reply_begin(req, worst == HEALTH_FAIL ? 503 : 200, HEALTH_TYPE);
	json_begin(&json, reply_body(req), false);
	json_object(&json);
	json_key(&json, "status");
	json_string(&json, names[worst]);
	json_key(&json, "checks");
	json_object(&json);
	for (i = 0; i < count; i++)
		put_check(&json, &checks[i]);
	json_object_end(&json);
	json_object_end(&json);
}
