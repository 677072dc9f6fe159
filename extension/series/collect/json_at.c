/*-------------------------------------------------------------------------
 *
 * json_at.c
 *	  What stands in a JSON document at a path that was taken apart before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "compat.h"
#include "json/member.h"
#include "series/collect/json_at.h"

/*
 * A number of so many characters, and with an exponent of so many digits, is
 * within what a numeric takes: 131072 before the point and 16383 after it.
 */
#define MAX_NUMBER_SIZE 6000
#define MAX_EXPONENT_SIZE 4

/* is_plain_number -- is it a number, and one that numeric_in() takes? */
static bool
is_plain_number(const char *json)
{
	const char *exponent = strpbrk(json, "eE");

	if (*json != '-' && !(*json >= '0' && *json <= '9'))
		return false;
	if (exponent != NULL)
	{
		exponent += strspn(exponent, "eE+-0");
		if (strlen(exponent) > MAX_EXPONENT_SIZE)
			return false;
	}
	return strlen(json) <= MAX_NUMBER_SIZE;
}

/* index_of -- the place in an array that a step may mean, as #> reads it. */
static bool
index_of(const char *name, int32 *index)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(name, &end, 10);
	if (end == name || *end != '\0' || errno != 0 || value > PG_INT32_MAX ||
		value < PG_INT32_MIN)
		return false;
	*index = (int32) value;
	return true;
}

void
tally_json_path_make(TallyJsonPath *path, int nsteps, char *const *names)
{
	Datum *texts = palloc(Max(nsteps, 1) * sizeof(Datum));

	memset(path, 0, sizeof(*path));
	path->nsteps = nsteps;
	path->steps = palloc0(Max(nsteps, 1) * sizeof(TallyJsonStep));
	for (int i = 0; i < nsteps; i++)
	{
		TallyJsonStep *step = &path->steps[i];

		step->name = pstrdup(names[i]);
		step->len = (int) strlen(names[i]);
		step->is_index = index_of(names[i], &step->index);
		texts[i] = CStringGetTextDatum(names[i]);
	}
	path->names = PointerGetDatum(
		construct_array(texts, nsteps, TEXTOID, -1, false, TYPALIGN_INT));
}

/* array_item -- one step into an array. */
static bool
array_item(const TallyJsonStep *step, JsonbContainer *array, JsonbValue *v)
{
	int64 n = JsonContainerSize(array);
	int64 at = step->index < 0 ? n + step->index : step->index;
	JsonbValue *item;

	if (!step->is_index || at < 0 || at >= n)
		return false;
	item = getIthJsonbValueFromContainer(array, (uint32) at);
	if (item == NULL)
		return false;
	*v = *item;
	pfree(item);
	return true;
}

void
tally_json_path_share(TallyJsonPath *path, TallyJsonPath *earlier)
{
	if (path->nsteps < 2 || path->nsteps != earlier->nsteps)
		return;
	for (int i = 0; i < path->nsteps - 1; i++)
		if (strcmp(path->steps[i].name, earlier->steps[i].name) != 0)
			return;
	path->sibling = earlier;
}

bool
tally_json_at(TallyJsonPath *path, JsonbContainer *document, JsonbValue *v)
{
	JsonbContainer *here = document;
	int first = 0;

	path->parent = NULL;
	if (path->sibling != NULL)
	{
		here = path->sibling->parent;
		if (here == NULL)
			return false;
		first = path->nsteps - 1;
	}
	for (int i = first;; i++)
	{
		TallyJsonStep *step = &path->steps[i];

		if (i == path->nsteps - 1)
			path->parent = here;
		if (JsonContainerIsObject(here))
		{
			if (!json_member(here, step->name, step->len, &step->place, v))
				return false;
		}
		else if (JsonContainerIsScalar(here) || !array_item(step, here, v))
			return false;
		if (i == path->nsteps - 1)
			return v->type != jbvNull;
		if (v->type != jbvBinary)
			return false;
		here = v->val.binary.data;
	}
}

text *
tally_json_text(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvString:
			return cstring_to_text_with_len(v->val.string.val,
											v->val.string.len);
		case jbvBool:
			return cstring_to_text(v->val.boolean ? "true" : "false");
		case jbvNumeric:
			return cstring_to_text(DatumGetCString(
				DirectFunctionCall1(numeric_out,
									NumericGetDatum(v->val.numeric))));
		case jbvBinary:
			return cstring_to_text(
				JsonbToCString(NULL, v->val.binary.data, v->val.binary.len));
		default:
			elog(ERROR, "unexpected kind of JSON value: %d", v->type);
			return NULL;
	}
}

/* server_look_up -- json_extract_path() or its twin of text; may be null. */
static text *
server_look_up(PGFunction function, const TallyJsonPath *path, Datum json)
{
	LOCAL_FCINFO(fcinfo, 2);
	Datum found;

	InitFunctionCallInfoData(*fcinfo, NULL, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = json;
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = path->names;
	fcinfo->args[1].isnull = false;
	found = function(fcinfo);
	return fcinfo->isnull ? NULL : DatumGetTextPP(found);
}

text *
tally_json_text_at(const TallyJsonPath *path, Datum json)
{
	return server_look_up(json_extract_path_text, path, json);
}

Datum
tally_json_number_at(const TallyJsonPath *path, Datum json, bool *isnull,
					 bool *is_number)
{
	text *found = server_look_up(json_extract_path, path, json);
	char *number;

	*is_number = false;
	*isnull = true;
	if (found == NULL)
		return (Datum) 0;
	number = text_to_cstring(found);
	if (strcmp(number, "null") == 0)
		return (Datum) 0;
	*isnull = false;
	if (!is_plain_number(number))
		return (Datum) 0;
	*is_number = true;
	return DirectFunctionCall3(numeric_in,
							   CStringGetDatum(number),
							   ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}
