/*-------------------------------------------------------------------------
 *
 * series_srf.c
 *	  tally.series() and tally.series_long(): a table in, a dense series out.
 *
 * Both run one query into a panel (series_spec.c) and then show every bucket
 * for every group, oldest bucket first, groups in the order of their keys:
 *
 *	  series		bucket | key ... | measure ...			typed by the caller
 *	  series_long	bucket | bucket_end | keys | measure | value
 *					| is_filled | is_partial				a row a measure
 *
 * In FROM the rows go to a tuplestore, which is faster there; in a select
 * list they are made one by one as they are asked for, and nothing is held
 * but the panel.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "series/coerce.h"
#include "series/series_rows.h"
#include "series/series_spec.h"

PG_FUNCTION_INFO_V1(tally_series);
PG_FUNCTION_INFO_V1(tally_series_long);

/* Arguments of both functions. */
enum
{
	ARG_SOURCE,
	ARG_AXIS,
	ARG_EVERY,
	ARG_DURING,
	ARG_MEASURES,
	ARG_GROUP_BY,
	ARG_TZ,
	ARG_ORIGIN,
	ARG_WEEK_START
};

/* require -- an argument that must not be null. */
static Datum
require(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
	return PG_GETARG_DATUM(arg);
}

/* grid_of -- tally.grid(every, during, tz, origin, week_start). */
static TallyGrid *
grid_of(FunctionCallInfo fcinfo)
{
	static const int args[] = {
		ARG_EVERY, ARG_DURING, ARG_TZ, ARG_ORIGIN, ARG_WEEK_START};
	Oid types[] = {INTERVALOID,
				   get_fn_expr_argtype(fcinfo->flinfo, ARG_DURING),
				   TEXTOID,
				   TIMESTAMPTZOID,
				   INT4OID};
	MemoryContext caller = CurrentMemoryContext;
	Datum values[lengthof(args)];
	char nulls[lengthof(args)];
	TallyGrid *grid;
	bool isnull;
	Datum value;

	for (int i = 0; i < lengthof(args); i++)
	{
		values[i] = PG_GETARG_DATUM(args[i]);
		nulls[i] = PG_ARGISNULL(args[i]) ? 'n' : ' ';
		if (args[i] == ARG_TZ && PG_ARGISNULL(ARG_TZ))
		{
			/* tally.grid() wants a name wherever it is immutable. */
			values[i] =
				CStringGetTextDatum(pg_get_timezone_name(session_timezone));
			nulls[i] = ' ';
		}
	}
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	if (SPI_execute_with_args("SELECT tally.grid($1, $2, $3, $4, $5)",
							  lengthof(args),
							  types,
							  values,
							  nulls,
							  true,
							  1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "tally.grid() gave no grid");
	value = SPI_getbinval(SPI_tuptable->vals[0],
						  SPI_tuptable->tupdesc,
						  1,
						  &isnull);
	if (isnull)
		elog(ERROR, "tally.grid() gave no grid");
	grid = (TallyGrid *) PG_DETOAST_DATUM(value);
	grid =
		memcpy(MemoryContextAlloc(caller, VARSIZE(grid)), grid, VARSIZE(grid));
	SPI_finish();
	return grid;
}

/* spec_of -- the arguments, checked. */
static SeriesSpec *
spec_of(FunctionCallInfo fcinfo)
{
	Oid source = DatumGetObjectId(require(fcinfo, ARG_SOURCE, "source"));
	Name axis = DatumGetName(require(fcinfo, ARG_AXIS, "axis"));
	ArrayType *measures =
		DatumGetArrayTypeP(require(fcinfo, ARG_MEASURES, "measures"));
	ArrayType *group_by =
		DatumGetArrayTypeP(require(fcinfo, ARG_GROUP_BY, "group_by"));

	require(fcinfo, ARG_EVERY, "every");
	require(fcinfo, ARG_DURING, "during");
	require(fcinfo, ARG_WEEK_START, "week_start");
	return series_spec_make(
		source, NameStr(*axis), grid_of(fcinfo), measures, group_by);
}

/* start -- check the arguments and run the query; all of it in "cxt". */
static SeriesRows *
start(FunctionCallInfo fcinfo, MemoryContext cxt, TupleDesc desc, bool is_long)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	SeriesSpec *spec = spec_of(fcinfo);
	SeriesRows *rows;

	rows =
		is_long ? series_rows_long(spec, desc) : series_rows_wide(spec, desc);
	series_rows_begin(rows, series_spec_run(spec, cxt));
	MemoryContextSwitchTo(old);
	return rows;
}

/* materialize -- all rows at once, for FROM. */
static Datum
materialize(FunctionCallInfo fcinfo, TupleDesc desc, bool is_long)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext per_query = rsinfo->econtext->ecxt_per_query_memory;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "tally series rows",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	SeriesRows *rows;
	Tuplestorestate *store;
	Datum values[MaxTupleAttributeNumber];
	bool nulls[MaxTupleAttributeNumber];

	old = MemoryContextSwitchTo(per_query);
	store = tuplestore_begin_heap((rsinfo->allowedModes &
								   SFRM_Materialize_Random) != 0,
								  false,
								  work_mem);
	desc = CreateTupleDescCopy(desc);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = store;
	rsinfo->setDesc = desc;
	MemoryContextSwitchTo(old);

	rows = start(fcinfo, CurrentMemoryContext, desc, is_long);
	old = MemoryContextSwitchTo(scratch);
	while (series_rows_next(rows, values, nulls))
	{
		tuplestore_putvalues(store, desc, values, nulls);
		if (series_rows_allocate(rows))
			MemoryContextReset(scratch);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	series_rows_end(rows);
	return (Datum) 0;
}

/* one_by_one -- a row a call, for a select list. */
static Datum
one_by_one(FunctionCallInfo fcinfo, bool is_long)
{
	FuncCallContext *call;
	Datum values[MaxTupleAttributeNumber];
	bool nulls[MaxTupleAttributeNumber];

	if (SRF_IS_FIRSTCALL())
	{
		TupleDesc desc;
		MemoryContext old;

		call = SRF_FIRSTCALL_INIT();
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("tally.series() needs a column list"),
					 errhint("Call it in FROM: SELECT * FROM tally.series(..)"
							 " AS t(bucket timestamptz, n bigint).")));
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		call->tuple_desc = BlessTupleDesc(CreateTupleDescCopy(desc));
		MemoryContextSwitchTo(old);
		call->user_fctx = start(fcinfo,
								call->multi_call_memory_ctx,
								call->tuple_desc,
								is_long);
	}

	call = SRF_PERCALL_SETUP();
	CHECK_FOR_INTERRUPTS();
	if (!series_rows_next(call->user_fctx, values, nulls))
		SRF_RETURN_DONE(call);
	SRF_RETURN_NEXT(call,
					HeapTupleGetDatum(
						heap_form_tuple(call->tuple_desc, values, nulls)));
}

static Datum
series(FunctionCallInfo fcinfo, bool is_long)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	if (rsinfo != NULL && IsA(rsinfo, ReturnSetInfo) &&
		(rsinfo->allowedModes & SFRM_Materialize_Preferred) != 0 &&
		rsinfo->expectedDesc != NULL)
		return materialize(fcinfo, rsinfo->expectedDesc, is_long);
	return one_by_one(fcinfo, is_long);
}

/*
 * tally.series(source regclass, axis name, every interval, during, measures
 *				text[], group_by name[], tz text, origin timestamptz,
 *				week_start int) returns setof record
 */
Datum
tally_series(PG_FUNCTION_ARGS)
{
	return series(fcinfo, false);
}

/* tally.series_long(the same) returns table, see the top of the file */
Datum
tally_series_long(PG_FUNCTION_ARGS)
{
	return series(fcinfo, true);
}
