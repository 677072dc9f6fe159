/*-------------------------------------------------------------------------
 *
 * series_key.c
 *	  The keys of the groups that a result shows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "series/series_key.h"

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

void
series_json_from(JsonbValue *v, Oid type, Datum value, bool isnull)
{
	Oid output;
	bool varlena;

	if (isnull)
	{
		v->type = jbvNull;
		return;
	}
	switch (type)
	{
		case BOOLOID:
			v->type = jbvBool;
			v->val.boolean = DatumGetBool(value);
			return;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			v->type = jbvNumeric;
			v->val.numeric =
				int64_to_numeric(type == INT8OID   ? DatumGetInt64(value)
								 : type == INT4OID ? DatumGetInt32(value)
												   : DatumGetInt16(value));
			return;
		case NUMERICOID:
			if (numeric_is_nan(DatumGetNumeric(value)) ||
				numeric_is_inf(DatumGetNumeric(value)))
				break;
			v->type = jbvNumeric;
			v->val.numeric = DatumGetNumeric(value);
			return;
		case JSONBOID:
			series_json_value(DatumGetJsonbP(value), v);
			return;
		default:
			break;
	}
	getTypeOutputInfo(type, &output, &varlena);
	v->type = jbvString;
	v->val.string.val = OidOutputFunctionCall(output, value);
	v->val.string.len = (int) strlen(v->val.string.val);
}

Jsonb *
series_key_json(const SeriesResult *result, int32 group)
{
	const SeriesSpec *spec = result->spec;
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < spec->nkeys; i++)
	{
		JsonbValue name;
		JsonbValue v;
		bool isnull;
		Datum key = series_key(result, group, i, &isnull);

		name.type = jbvString;
		name.val.string.val = spec->keys[i].name;
		name.val.string.len = (int) strlen(spec->keys[i].name);
		pushJsonbValue(&state, WJB_KEY, &name);
		series_json_from(&v, spec->key_defs[i].type, key, isnull);
		pushJsonbValue(&state, WJB_VALUE, &v);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
