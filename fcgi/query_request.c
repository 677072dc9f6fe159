/*
 * query_request.c
 *	  What a client asks for, as JSON.
 *
 * The checker is the one of the events, which takes exactly what jsonb takes:
 * so whatever leaves here the database can read, and a text that is no JSON
 * costs no connection.
 */
#include "query_request.h"

#include <stdio.h>
#include <string.h>

#include "../extension/wire/json_check.h"
#include "json_out.h"

/* Parameters of the request, not of the query. */
static const char *const not_ours[] = {"api_key", "pretty", "jsonp"};

static bool
is_query_parameter(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(not_ours) / sizeof(not_ours[0]); i++)
		if (strcmp(not_ours[i], name) == 0)
			return false;
	return true;
}

static enum query_request
bad(char *why, const struct json_event *found, const char *what)
{
	(void) snprintf(why,
					QUERY_REQUEST_WHY_BYTES,
					"%s is not JSON that can be taken: at byte %zu: %s.",
					what,
					found->at + 1,
					json_check_says(found->rule));
	return QUERY_REQUEST_BAD;
}

/*
 * put_value -- a value as JSON if it is meant as JSON, else as a string.
 *
 * What only looks like JSON is a string: a collection may be named "[x".  But
 * JSON that jsonb would not take is an error, not a string.
 */
static enum query_request
put_value(struct json_out *json, const struct uri_param *param, char *why)
{
	const char *value = param->value;
	const size_t len = strlen(value);
	struct json_event found;
	char what[128];

	if (*value != '\0' && strchr("{[\"", *value) != NULL)
	{
		enum json_rule rule = json_check_text(value, len, &found);

		if (rule == JSON_OK)
		{
			json_raw(json, value, len);
			return QUERY_REQUEST_OK;
		}
		if (json_check_is_json(rule))
		{
			(void) snprintf(what,
							sizeof(what),
							"the parameter \"%.64s\"",
							param->name);
			return bad(why, &found, what);
		}
	}
	json_string_n(json, value, len);
	return QUERY_REQUEST_OK;
}

enum query_request
query_request_of_uri(const struct uri *uri, struct buf *out,
					 char why[QUERY_REQUEST_WHY_BYTES])
{
	enum query_request result = QUERY_REQUEST_OK;
	struct json_out json;
	size_t i;

	json_begin(&json, out, false);
	json_object(&json);
	for (i = 0; i < uri->nparams && result == QUERY_REQUEST_OK; i++)
	{
		const struct uri_param *param = &uri->params[i];

		if (!is_query_parameter(param->name))
			continue;
		json_key(&json, param->name);
		result = put_value(&json, param, why);
	}
	if (result != QUERY_REQUEST_OK)
		return result;
	json_object_end(&json);

	buf_char(out, '\0');
	if (!json_done(&json))
		return QUERY_REQUEST_NO_MEMORY;
	out->len--;
	return QUERY_REQUEST_OK;
}

enum query_request
query_request_check(const char *body, size_t len,
					char why[QUERY_REQUEST_WHY_BYTES])
{
	struct json_event found;

	if (json_check_text(body, len, &found) != JSON_OK)
		return bad(why, &found, "the body");
	if (found.text.len == 0 || found.text.text[0] != '{')
	{
		(void) snprintf(why,
						QUERY_REQUEST_WHY_BYTES,
						"The body must be a JSON object with the query's "
						"parameters.");
		return QUERY_REQUEST_BAD;
	}
	return QUERY_REQUEST_OK;
}
