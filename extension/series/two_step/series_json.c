/*-------------------------------------------------------------------------
 *
 * series_json.c
 *	  tally.json(series): a series as one compact document.
 *
 *	  {"start": [...], "end": [...], "values": [...], "n": [...]}
 *
 * One element a bucket in each; the members come in the order that jsonb keeps
 * them in.  Instants are ISO 8601 on the clock of the grid's zone, with its
 * offset.  Where nothing fell stands what the fill of the series says.  Values
 * are exact: counts, sums of integers and numerics with all
 * their digits, floats with as many as tell them from all others; what JSON
 * has no number for is a string, as to_jsonb() has it.  Nothing depends on the
 * settings of the session.  Values that are no numbers are as to_jsonb() has
 * them, but instants, which are on the clock of the grid's zone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "budget.h"
#include "series/panel/fill.h"

PG_FUNCTION_INFO_V1(tally_series_json);

/* After how many buckets the memory taken is looked at. */
#define CHARGE_EVERY 256

/* What a document is made with. */
typedef struct Writer
{
	const TallyPanel *series;
	const TallyGrid *grid;
	const TallyFill *fill;
	TallyFillWalk walk;
	bool fill_is_float8; /* the fill can give what the measure's type cannot */
	pg_tz *zone;
	MemoryContext cxt; /* of all that the document is made of */
	JsonbParseState *state;
} Writer;

static void
set_string(JsonbValue *v, char *text)
{
	v->type = jbvString;
	v->val.string.val = text;
	v->val.string.len = (int) strlen(text);
}

static void
set_int(JsonbValue *v, int64 n)
{
	v->type = jbvNumeric;
	v->val.numeric = int64_to_numeric(n);
}

static void
set_instant(const Writer *w, JsonbValue *v, TimestampTz at)
{
	char buf[MAXDATELEN + 1];
	int west = 0;

	/* A value may be one of the infinities, which no clock shows. */
	if (!TIMESTAMP_NOT_FINITE(at))
		west = (int) -((tally_instant_to_local(at, w->zone) - at) /
					   USECS_PER_SEC);
	JsonEncodeDateTime(buf, TimestampTzGetDatum(at), TIMESTAMPTZOID, &west);
	set_string(v, pstrdup(buf));
}

/* set_numeric -- a number, or a string for NaN and the infinities. */
static void
set_numeric(JsonbValue *v, Numeric value)
{
	if (numeric_is_nan(value) || numeric_is_inf(value))
	{
		set_string(v,
				   DatumGetCString(
					   DirectFunctionCall1(numeric_out,
										   NumericGetDatum(value))));
		return;
	}
	v->type = jbvNumeric;
	v->val.numeric = value;
}

/*
 * set_float -- a number of which "text" is the shortest spelling: "NaN" and
 * the infinities are numerics of the same names.
 */
static void
set_float(JsonbValue *v, const char *text)
{
	set_numeric(v,
				DatumGetNumeric(
					DirectFunctionCall3(numeric_in,
										CStringGetDatum(text),
										ObjectIdGetDatum(InvalidOid),
										Int32GetDatum(-1))));
}

/* push_other -- a value of a type of which only core knows the JSON. */
static void
push_other(Writer *w, Oid type, Datum value)
{
	FmgrInfo to_jsonb;
	Jsonb *jb;
	JsonbValue v;

	/* The function asks the call of what type its argument is. */
	fmgr_info(F_TO_JSONB, &to_jsonb);
	fmgr_info_set_expr(
		(Node *) makeFuncExpr(F_TO_JSONB,
							  JSONBOID,
							  list_make1(makeNullConst(type, -1, InvalidOid)),
							  InvalidOid,
							  InvalidOid,
							  COERCE_EXPLICIT_CALL),
		&to_jsonb);
	jb = DatumGetJsonbP(FunctionCall1(&to_jsonb, value));
	if (!JB_ROOT_IS_SCALAR(jb) || !JsonbExtractScalar(&jb->root, &v))
	{
		v.type = jbvBinary;
		v.val.binary.data = &jb->root;
		v.val.binary.len = VARSIZE(jb) - VARHDRSZ;
	}
	pushJsonbValue(&w->state, WJB_ELEM, &v);
}

static void push_datum(Writer *w, Oid type, Datum value);

/* push_array -- each value by itself, so that instants are in the zone. */
static void
push_array(Writer *w, Oid element, Datum value)
{
	Datum *values;
	bool *nulls;
	int n;
	int16 typlen;
	bool typbyval;
	char typalign;
	JsonbValue null = {.type = jbvNull};

	get_typlenbyvalalign(element, &typlen, &typbyval, &typalign);
	deconstruct_array(DatumGetArrayTypeP(value),
					  element,
					  typlen,
					  typbyval,
					  typalign,
					  &values,
					  &nulls,
					  &n);
	pushJsonbValue(&w->state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			pushJsonbValue(&w->state, WJB_ELEM, &null);
		else
			push_datum(w, element, values[i]);
	}
	pushJsonbValue(&w->state, WJB_END_ARRAY, NULL);
}

/* push_datum -- a value of a measure. */
static void
push_datum(Writer *w, Oid type, Datum value)
{
	char buf[DOUBLE_SHORTEST_DECIMAL_LEN];
	JsonbValue v;
	Oid element;

	switch (type)
	{
		case INT2OID:
			set_int(&v, DatumGetInt16(value));
			break;
		case INT4OID:
			set_int(&v, DatumGetInt32(value));
			break;
		case INT8OID:
			set_int(&v, DatumGetInt64(value));
			break;
		case NUMERICOID:
			set_numeric(&v, DatumGetNumeric(value));
			break;
		case FLOAT4OID:
			float_to_shortest_decimal_buf(DatumGetFloat4(value), buf);
			set_float(&v, buf);
			break;
		case FLOAT8OID:
			double_to_shortest_decimal_buf(DatumGetFloat8(value), buf);
			set_float(&v, buf);
			break;
		case TIMESTAMPTZOID:
			set_instant(w, &v, DatumGetTimestampTz(value));
			break;
		default:
			element = get_element_type(type);
			if (OidIsValid(element))
				push_array(w, element, value);
			else
				push_other(w, type, value);
			return;
	}
	pushJsonbValue(&w->state, WJB_ELEM, &v);
}

/* push_value -- what stands in a bucket. */
static void
push_value(Writer *w, int32 bucket)
{
	Oid type = tally_panel_result_type(w->series, 0);
	JsonbValue null = {.type = jbvNull};
	Datum value;
	bool isnull;
	bool is_filled;

	if (!w->fill_is_float8)
		value = tally_fill_value(
			w->fill, w->series, 0, 0, bucket, &w->walk, &isnull, &is_filled);
	else
	{
		value = Float8GetDatum(tally_fill_float8(
			w->fill, w->series, 0, 0, bucket, &w->walk, &isnull, &is_filled));
		if (is_filled)
			type = FLOAT8OID;
		else
			value = tally_panel_value(w->series, bucket, 0, 0, &isnull);
	}
	if (isnull)
		pushJsonbValue(&w->state, WJB_ELEM, &null);
	else
		push_datum(w, type, value);
}

typedef enum Member
{
	MEMBER_START,
	MEMBER_END,
	MEMBER_VALUES,
	MEMBER_N,
	MEMBER__COUNT
} Member;

static const char *const member_names[MEMBER__COUNT] = {
	[MEMBER_START] = "start",
	[MEMBER_END] = "end",
	[MEMBER_VALUES] = "values",
	[MEMBER_N] = "n",
};

/* push_member -- one array, of one element a bucket. */
static void
push_member(Writer *w, Member member)
{
	JsonbValue v;

	set_string(&v, pstrdup(member_names[member]));
	pushJsonbValue(&w->state, WJB_KEY, &v);
	pushJsonbValue(&w->state, WJB_BEGIN_ARRAY, NULL);
	for (int32 b = 0; b < w->grid->nbuckets; b++)
	{
		CHECK_FOR_INTERRUPTS();
		if (b % CHARGE_EVERY == 0)
			tally_budget_memory(
				(int64) MemoryContextMemAllocated(w->cxt, true));
		if (member == MEMBER_VALUES)
		{
			push_value(w, b);
			continue;
		}
		if (member == MEMBER_START)
			set_instant(w, &v, tally_grid_start(w->grid, b));
		else if (member == MEMBER_END)
			set_instant(w, &v, tally_grid_end(w->grid, b));
		else
			set_int(&v, tally_panel_nvalues(w->series, b, 0, 0));
		pushJsonbValue(&w->state, WJB_ELEM, &v);
	}
	pushJsonbValue(&w->state, WJB_END_ARRAY, NULL);
}

/* tally.json(series) returns jsonb */
Datum
tally_series_json(PG_FUNCTION_ARGS)
{
	Writer w = {0};
	JsonbValue *document;
	MemoryContext caller;
	Jsonb *result;

	w.cxt = AllocSetContextCreate(CurrentMemoryContext,
								  "tally json",
								  ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(w.cxt);
	w.series =
		tally_panel_from_datum(PG_GETARG_DATUM(0), CurrentMemoryContext);
	w.grid = tally_panel_grid(w.series);
	w.fill = tally_panel_fill(w.series);
	w.walk.prev = w.walk.next = -1;
	w.fill_is_float8 =
		!tally_fill_fits(w.fill, tally_panel_result_type(w.series, 0));
	w.zone = tally_zone(tally_grid_zone(w.grid));
	pushJsonbValue(&w.state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < MEMBER__COUNT; i++)
		push_member(&w, (Member) i);
	document = pushJsonbValue(&w.state, WJB_END_OBJECT, NULL);
	MemoryContextSwitchTo(caller);
	result = JsonbValueToJsonb(document);
	MemoryContextDelete(w.cxt);
	PG_RETURN_JSONB_P(result);
}
