/*-------------------------------------------------------------------------
 *
 * series_params.c
 *	  The parameters of a query that is being written, and JSON as values of
 *	  SQL types.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "series/spec/series_params.h"

/* Bytes of a value that an error shows. */
#define SHOWN_BYTES 60

int
series_params_add(SeriesParams *params, Oid type, Datum value, bool isnull)
{
	if (params->n >= params->max)
	{
		int max = Max(params->max * 2, 8);

		/* A message of the protocol has no more; SQL text has no such need. */
		if (params->n >= PG_UINT16_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("query has more than %d parameters",
							PG_UINT16_MAX)));
		if (params->max == 0)
		{
			params->types = palloc(max * sizeof(Oid));
			params->values = palloc(max * sizeof(Datum));
			params->nulls = palloc(max * sizeof(bool));
		}
		else
		{
			params->types = repalloc(params->types, max * sizeof(Oid));
			params->values = repalloc(params->values, max * sizeof(Datum));
			params->nulls = repalloc(params->nulls, max * sizeof(bool));
		}
		params->max = max;
	}
	params->types[params->n] = type;
	params->values[params->n] = value;
	params->nulls[params->n] = isnull;
	return ++params->n;
}

void
series_params_copy(SeriesParams *to, const SeriesParams *from)
{
	memset(to, 0, sizeof(*to));
	for (int i = 0; i < from->n; i++)
		series_params_add(to, from->types[i], from->values[i], from->nulls[i]);
}

int
series_params_add_path(SeriesParams *params, char **path, int npath)
{
	Datum *steps = palloc(npath * sizeof(Datum));

	for (int i = 0; i < npath; i++)
		steps[i] = CStringGetTextDatum(path[i]);
	return series_params_add(
		params,
		TEXTARRAYOID,
		PointerGetDatum(
			construct_array(steps, npath, TEXTOID, -1, false, TYPALIGN_INT)),
		false);
}

void
series_json_value(Jsonb *document, JsonbValue *v)
{
	if (JB_ROOT_IS_SCALAR(document) && JsonbExtractScalar(&document->root, v))
		return;
	v->type = jbvBinary;
	v->val.binary.data = &document->root;
	v->val.binary.len = VARSIZE(document) - VARHDRSZ;
}

char *
series_json_text(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvNull:
			return pstrdup("null");
		case jbvBool:
			return pstrdup(v->val.boolean ? "true" : "false");
		case jbvString:
			return pnstrdup(v->val.string.val, v->val.string.len);
		case jbvNumeric:
			return DatumGetCString(
				DirectFunctionCall1(numeric_out,
									NumericGetDatum(v->val.numeric)));
		case jbvBinary:
			return JsonbToCString(NULL, v->val.binary.data, v->val.binary.len);
		default:
			elog(ERROR, "unexpected JSON value of type %d", v->type);
	}
}

char *
series_json_shown(const JsonbValue *v)
{
	char *text = series_json_text(v);
	int len = (int) strlen(text);
	int shown = len > SHOWN_BYTES ? pg_mbcliplen(text, len, SHOWN_BYTES) : len;
	const char *quote = v->type == jbvString ? "\"" : "";

	for (int i = 0; i < shown; i++)
		if ((unsigned char) text[i] < ' ')
			text[i] = ' ';
	return psprintf(
		"%s%.*s%s%s", quote, shown, text, shown < len ? "..." : "", quote);
}

/* What is being converted, for the context of an error. */
typedef struct Converted
{
	const JsonbValue *value;
	const char *what;
} Converted;

static void
conversion_context(void *arg)
{
	const Converted *c = arg;

	errcontext("%s, %s", c->what, series_json_shown(c->value));
}

/* array_datum -- a JSON list as an array of one dimension. */
static Datum
array_datum(JsonbContainer *list, Oid element)
{
	int n = (int) JsonContainerSize(list);
	Datum *values = palloc(Max(n, 1) * sizeof(Datum));
	bool *nulls = palloc(Max(n, 1) * sizeof(bool));
	int lower = 1;
	int16 typlen;
	bool typbyval;
	char typalign;

	get_typlenbyvalalign(element, &typlen, &typbyval, &typalign);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		values[i] = series_json_datum(getIthJsonbValueFromContainer(list, i),
									  element,
									  psprintf("element %d", i + 1),
									  &nulls[i]);
	}
	return PointerGetDatum(construct_md_array(
		values, nulls, 1, &n, &lower, element, typlen, typbyval, typalign));
}

/* scalar_datum -- by the input function of the type. */
static Datum
scalar_datum(const JsonbValue *v, Oid type)
{
	Oid input;
	Oid param;

	getTypeInputInfo(type, &input, &param);
	return OidInputFunctionCall(input, series_json_text(v), param, -1);
}

/* json_spelling -- as a JSON document spells it, strings in quotes. */
static char *
json_spelling(const JsonbValue *v)
{
	Jsonb *document = JsonbValueToJsonb(unconstify(JsonbValue *, v));

	return JsonbToCString(NULL, &document->root, VARSIZE(document));
}

Datum
series_json_datum(const JsonbValue *v, Oid type, const char *what,
				  bool *isnull)
{
	Converted converted = {v, what};
	ErrorContextCallback context = {
		.previous = error_context_stack,
		.callback = conversion_context,
		.arg = &converted,
	};
	Oid element = get_element_type(type);
	Datum value;

	*isnull = v->type == jbvNull;
	if (*isnull)
		return (Datum) 0;

	error_context_stack = &context;
	if (type == JSONBOID)
		value = JsonbPGetDatum(JsonbValueToJsonb(unconstify(JsonbValue *, v)));
	else if (OidIsValid(element) && v->type == jbvBinary &&
			 JsonContainerIsArray(v->val.binary.data))
		value = array_datum(v->val.binary.data, element);
	else if (type == JSONOID)
		value = CStringGetTextDatum(json_spelling(v));
	else
		value = scalar_datum(v, type);
	error_context_stack = context.previous;
	return value;
}
