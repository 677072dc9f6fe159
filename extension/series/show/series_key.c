/*-------------------------------------------------------------------------
 *
 * series_key.c
 *	  The keys of the groups that a result shows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "series/show/series_key.h"

/* label -- what the rest is called, in the type of a key. */
static Datum
label(const SeriesSpec *spec, int key)
{
	Oid type = spec->key_defs[key].type;
	Oid input;
	Oid param;

	getTypeInputInfo(type, &input, &param);
	return OidInputFunctionCall(input, spec->other, param, -1);
}

static void
set_string(JsonbValue *v, char *text)
{
	v->type = jbvString;
	v->val.string.val = text;
	v->val.string.len = (int) strlen(text);
}

Datum
series_key(const SeriesResult *result, int32 group, int key, bool *isnull)
{
	if (group != result->other)
		return tally_panel_key(result->panel,
							   result->groups[group],
							   key,
							   isnull);
	*isnull = !series_shows_label(result->spec, key);
	return *isnull ? (Datum) 0 : label(result->spec, key);
}

/* set_number -- a number, or a string for what JSON has no number for. */
static void
set_number(JsonbValue *v, Numeric number)
{
	if (numeric_is_nan(number) || numeric_is_inf(number))
		set_string(v,
				   DatumGetCString(
					   DirectFunctionCall1(numeric_out,
										   NumericGetDatum(number))));
	else
	{
		v->type = jbvNumeric;
		v->val.numeric = number;
	}
}

/* set_decimal -- from the shortest text that is the number. */
static void
set_decimal(JsonbValue *v, const char *text)
{
	set_number(v,
			   DatumGetNumeric(DirectFunctionCall3(numeric_in,
												   CStringGetDatum(text),
												   InvalidOid,
												   Int32GetDatum(-1))));
}

void
series_instant_text(TimestampTz at, pg_tz *zone, char *buf)
{
	int west = 0;

	if (!TIMESTAMP_NOT_FINITE(at))
		west =
			(int) -((tally_instant_to_local(at, zone) - at) / USECS_PER_SEC);
	JsonEncodeDateTime(buf, TimestampTzGetDatum(at), TIMESTAMPTZOID, &west);
}

/* set_other -- by the type's output; arrays as lists. */
static void
set_other(JsonbValue *v, Oid type, Datum value)
{
	Oid output;
	bool varlena;

	if (OidIsValid(get_element_type(type)))
	{
		Datum list = DirectFunctionCall1(array_to_json, value);

		series_json_value(DatumGetJsonbP(DirectFunctionCall1(
							  jsonb_in,
							  CStringGetDatum(TextDatumGetCString(list)))),
						  v);
		return;
	}
	getTypeOutputInfo(type, &output, &varlena);
	set_string(v, OidOutputFunctionCall(output, value));
}

void
series_json_from(JsonbValue *v, Oid type, Datum value, pg_tz *zone)
{
	char buf[Max(MAXDATELEN + 1, DOUBLE_SHORTEST_DECIMAL_LEN)];

	switch (type)
	{
		case BOOLOID:
			v->type = jbvBool;
			v->val.boolean = DatumGetBool(value);
			return;
		case INT2OID:
			set_number(v, int64_to_numeric(DatumGetInt16(value)));
			return;
		case INT4OID:
			set_number(v, int64_to_numeric(DatumGetInt32(value)));
			return;
		case INT8OID:
			set_number(v, int64_to_numeric(DatumGetInt64(value)));
			return;
		case FLOAT4OID:
			float_to_shortest_decimal_buf(DatumGetFloat4(value), buf);
			set_decimal(v, buf);
			return;
		case FLOAT8OID:
			double_to_shortest_decimal_buf(DatumGetFloat8(value), buf);
			set_decimal(v, buf);
			return;
		case NUMERICOID:
			set_number(v, DatumGetNumeric(value));
			return;
		case TIMESTAMPTZOID:
			series_instant_text(DatumGetTimestampTz(value), zone, buf);
			set_string(v, pstrdup(buf));
			return;
		case DATEOID:
		case TIMESTAMPOID:
			set_string(v, pstrdup(JsonEncodeDateTime(buf, value, type, NULL)));
			return;
		case JSONBOID:
			series_json_value(DatumGetJsonbP(value), v);
			return;
		default:
			set_other(v, type, value);
	}
}

Jsonb *
series_rejected(const SeriesResult *result)
{
	const SeriesSpec *spec = result->spec;
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < spec->nmeasures; i++)
	{
		int64 n = tally_panel_rejected(result->panel, i);
		JsonbValue v;

		if (n == 0)
			continue;
		set_string(&v, spec->measures[i].name);
		pushJsonbValue(&state, WJB_KEY, &v);
		set_number(&v, int64_to_numeric(n));
		pushJsonbValue(&state, WJB_VALUE, &v);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

Jsonb *
series_key_json(const SeriesResult *result, int32 group)
{
	const SeriesSpec *spec = result->spec;
	JsonbParseState *state = NULL;
	/* JSON has a place for it whatever the types of the keys are. */
	bool labelled = group == result->other && !series_label_has_place(spec);

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < spec->nkeys; i++)
	{
		JsonbValue name;
		JsonbValue v;
		bool isnull;
		Datum key = series_key(result, group, i, &isnull);

		set_string(&name, spec->keys[i].name);
		pushJsonbValue(&state, WJB_KEY, &name);
		v.type = jbvNull;
		if (labelled)
			set_string(&v, pstrdup(spec->other));
		else if (!isnull)
			series_json_from(&v, spec->key_defs[i].type, key, spec->zone);
		pushJsonbValue(&state, WJB_VALUE, &v);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
