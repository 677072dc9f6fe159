/*-------------------------------------------------------------------------
 *
 * series_agg.c
 *	  Two-step aggregates: tally.count(grid, at), tally.sum(grid, at, v) ...
 *	  make a tally.series, which tally.rows() and others take apart.
 *
 * A series is a panel of one measure and no keys: its one group is what GROUP
 * BY of the statement around it makes.  The type is its own, so that what is
 * for one series is not offered a panel of many groups.
 *
 * THE GRID is an argument of every row, but nearly always the same value.
 * When it is a constant or a parameter it cannot change under one state and
 * is looked at once; when it comes from a join the fingerprints are compared,
 * and two different grids in one group are refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "measure/measure.h"
#include "measure/value.h"
#include "series/panel/held.h"

PG_FUNCTION_INFO_V1(tally_series_count);
PG_FUNCTION_INFO_V1(tally_series_sum);
PG_FUNCTION_INFO_V1(tally_series_avg);
PG_FUNCTION_INFO_V1(tally_series_min);
PG_FUNCTION_INFO_V1(tally_series_max);
PG_FUNCTION_INFO_V1(tally_series_first);
PG_FUNCTION_INFO_V1(tally_series_last);
PG_FUNCTION_INFO_V1(tally_series_stddev);
PG_FUNCTION_INFO_V1(tally_series_variance);
PG_FUNCTION_INFO_V1(tally_series_stats);
PG_FUNCTION_INFO_V1(tally_series_median);
PG_FUNCTION_INFO_V1(tally_series_percentiles);
PG_FUNCTION_INFO_V1(tally_series_distinct);
PG_FUNCTION_INFO_V1(tally_series_collect_values);

/* Arguments of the transition functions. */
enum
{
	ARG_STATE,
	ARG_GRID,
	ARG_AT,
	ARG_VALUE,
	ARG_PRECISION
};

/* What is remembered beside the series from row to row. */
typedef struct Filler
{
	bool grid_is_fixed;
	int precision; /* of the first row, 0: none */
	bool last_is_toasted;
	struct varatt_external last; /* where the last toasted grid was */
} Filler;

/* grid_is_fixed -- is the aggregate's first argument the same for all rows? */
static bool
grid_is_fixed(FunctionCallInfo fcinfo)
{
	Aggref *aggref = AggGetAggref(fcinfo);
	Node *first;

	if (aggref == NULL || aggref->args == NIL)
		return false;
	first = (Node *) linitial_node(TargetEntry, aggref->args)->expr;

	/* A plan of Citus has an aggregate of its own here, over other things. */
	return (IsA(first, Const) || IsA(first, Param)) &&
		   exprType(first) == tally_type("grid");
}

/* precision_of -- the last argument of those that have one; 0: exact. */
static int
precision_of(FunctionCallInfo fcinfo)
{
	int precision;

	if (PG_NARGS() <= ARG_PRECISION)
		return 0;
	if (PG_ARGISNULL(ARG_PRECISION))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("precision or compression must not be null"),
				 errhint("Leave it out to have the exact answer.")));
	precision = PG_GETARG_INT32(ARG_PRECISION);
	if (precision <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("precision or compression of %d", precision),
				 errhint("Leave it out to have the exact answer.")));
	return precision;
}

/*
 * value_type -- of the value: what the call says, or the function's own.
 *
 * Who calls aggregates for others, as Citus does on a shard, knows only what
 * the function is, not the expressions that it is called with.
 */
static Oid
value_type(const FmgrInfo *flinfo)
{
	Oid type = get_fn_expr_argtype(unconstify(FmgrInfo *, flinfo), ARG_VALUE);
	Oid *types;
	int n;

	if (OidIsValid(type))
		return type;
	(void) get_func_signature(flinfo->fn_oid, &types, &n);
	if (n <= ARG_VALUE || get_typtype(types[ARG_VALUE]) == TYPTYPE_PSEUDO)
		elog(ERROR, "series aggregate: the type of its value is not known");
	return types[ARG_VALUE];
}

/* measure_of -- what the aggregate measures: its one value, or rows. */
static TallyMeasure
measure_of(FunctionCallInfo fcinfo, TallyMeasureKind kind)
{
	TallyMeasure measure = {.kind = kind};

	if (PG_NARGS() > ARG_VALUE)
	{
		measure.type = value_type(fcinfo->flinfo);
		measure.collation =
			tally_collation_of(measure.type, PG_GET_COLLATION());
	}
	/* percentiles() is of no certain one: as a number it is the median. */
	if (kind == TALLY_PERCENTILE)
		measure.param = 0.5;
	measure.precision = precision_of(fcinfo);
	return measure;
}

static TallyPanel *
start(FunctionCallInfo fcinfo, MemoryContext aggcontext, TallyMeasureKind kind)
{
	TallyMeasure measure = measure_of(fcinfo, kind);

	if (PG_ARGISNULL(ARG_GRID))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("grid must not be null")));
	return tally_panel_create(
		aggcontext, PG_GETARG_TALLY_GRID(ARG_GRID), 1, &measure, 0, NULL);
}

/*
 * check_grid -- refuse a row whose grid is another one.
 *
 * A toasted grid is known again by where it is stored: to detoast a large one
 * for every row would cost a hundred times the rest.
 */
static void
check_grid(FunctionCallInfo fcinfo, TallyPanel *panel, Filler *filler)
{
	struct varlena *raw;
	uint64 fingerprint;

	if (PG_ARGISNULL(ARG_GRID))
		return;
	raw = (struct varlena *) PG_GETARG_POINTER(ARG_GRID);
	if (VARATT_IS_EXTERNAL_ONDISK(raw))
	{
		struct varatt_external where;

		VARATT_EXTERNAL_GET_POINTER(where, raw);
		if (filler->last_is_toasted &&
			memcmp(&where, &filler->last, sizeof(where)) == 0)
			return;
		filler->last = where;
		filler->last_is_toasted = true;
		raw = detoast_attr_slice(raw, 0, offsetof(TallyGrid, nbuckets));
	}
	else
		raw = PG_DETOAST_DATUM_PACKED(PointerGetDatum(raw));

	memcpy(&fingerprint,
		   VARDATA_ANY(raw) + offsetof(TallyGrid, fingerprint) - VARHDRSZ,
		   sizeof(fingerprint));
	if (fingerprint != tally_panel_grid(panel)->fingerprint)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("one series cannot be over two grids"),
				 errdetail("The grid differs between rows of one group."),
				 errhint("Add the grid to GROUP BY.")));
}

/*
 * add_row -- the transition of every two-step aggregate.
 *
 * Not strict: a row whose time or value is null still makes the series, so
 * that a LEFT JOIN from a dimension table gives every member all its buckets.
 */
static Datum
add_row(FunctionCallInfo fcinfo, TallyMeasureKind kind)
{
	MemoryContext aggcontext;
	TallyPanel *panel;
	Filler *filler;
	int32 bucket;
	TimestampTz at;

	if (!AggCheckCallContext(fcinfo, &aggcontext))
		elog(ERROR, "series aggregate called outside an aggregate");
	panel =
		PG_ARGISNULL(ARG_STATE)
			? start(fcinfo, aggcontext, kind)
			: tally_panel_from_datum(PG_GETARG_DATUM(ARG_STATE), aggcontext);
	filler = tally_panel_user(panel);
	if (filler == NULL)
	{
		TallyMeasure measure = measure_of(fcinfo, kind);

		tally_panel_require(panel, 1, &measure, 0, NULL);
		filler =
			MemoryContextAllocZero(tally_panel_context(panel), sizeof(Filler));
		filler->grid_is_fixed = grid_is_fixed(fcinfo);
		filler->precision = measure.precision;
		tally_panel_set_user(panel, filler);
	}
	if (!filler->grid_is_fixed)
		check_grid(fcinfo, panel, filler);
	if (PG_NARGS() > ARG_PRECISION &&
		precision_of(fcinfo) != filler->precision)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("precision or compression differs between rows of one "
						"group")));

	if (PG_ARGISNULL(ARG_AT) ||
		(PG_NARGS() > ARG_VALUE && PG_ARGISNULL(ARG_VALUE)))
		PG_RETURN_DATUM(tally_panel_datum(panel));
	at = PG_GETARG_TIMESTAMPTZ(ARG_AT);
	bucket = tally_panel_bucket(panel, at);
	if (bucket >= 0)
	{
		tally_held_begin(panel, aggcontext);
		tally_panel_add(panel,
						bucket,
						0,
						0,
						PG_NARGS() > ARG_VALUE ? PG_GETARG_DATUM(ARG_VALUE)
											   : (Datum) 0,
						at);
		tally_held_end(panel);
	}
	PG_RETURN_DATUM(tally_panel_datum(panel));
}

/* tally.count_row(series, grid, at) */
Datum
tally_series_count(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, TALLY_COUNT);
}

/* tally.sum_row(series, grid, at, value), and so on */
Datum
tally_series_sum(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, TALLY_SUM);
}

Datum
tally_series_avg(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, TALLY_AVG);
}

Datum
tally_series_min(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, TALLY_MIN);
}

Datum
tally_series_max(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, TALLY_MAX);
}

Datum
tally_series_first(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, TALLY_FIRST);
}

Datum
tally_series_last(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, TALLY_LAST);
}

Datum
tally_series_stddev(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, TALLY_STDDEV);
}

Datum
tally_series_variance(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, TALLY_VARIANCE);
}

Datum
tally_series_stats(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, TALLY_STATS);
}

/* tally.median_row(series, grid, at, value [, compression]), and so on */
Datum
tally_series_median(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, TALLY_MEDIAN);
}

Datum
tally_series_percentiles(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, TALLY_PERCENTILE);
}

/* tally.distinct_row(series, grid, at, value [, precision]) */
Datum
tally_series_distinct(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, TALLY_DISTINCT);
}

/* tally.values_row(series, grid, at, value) */
Datum
tally_series_collect_values(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, TALLY_VALUES);
}
