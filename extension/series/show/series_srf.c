/*-------------------------------------------------------------------------
 *
 * series_srf.c
 *	  tally.series() and its like: a table or a query in, rows out.
 *
 * They read the same arguments (series_args.c), which are checked
 * (series_spec.c) and run (series_run.c), and then show every bucket for every
 * group, oldest bucket first (series_rows.c).
 *
 * Nothing is held but the panel: in FROM the rows are made one by one as they
 * are asked for (series_scan.c), and in a select list likewise.  Where FROM
 * must call the function, the rows go to a tuplestore: that is faster there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "series/show/series_rows.h"
#include "series/show/series_scan.h"

PG_FUNCTION_INFO_V1(tally_series);
PG_FUNCTION_INFO_V1(tally_series_long);
PG_FUNCTION_INFO_V1(tally_series_query);
PG_FUNCTION_INFO_V1(tally_series_query_long);

/* start -- check the arguments and run the query; all of it in "cxt". */
static void *
start(const SeriesSrf *srf, FunctionCallInfo fcinfo, MemoryContext cxt,
	  TupleDesc desc)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	SeriesArgs args;
	SeriesSpec *spec;
	SeriesRows *rows;

	series_args_read(&args, fcinfo, srf->is_query);
	spec = series_spec_make(&args);
	rows = srf->is_long ? series_rows_long(spec, desc)
						: series_rows_wide(spec, desc);
	series_rows_begin(rows, series_run(spec, false, cxt));
	MemoryContextSwitchTo(old);
	return rows;
}

static bool
step(void *rows, bool forward, Datum *values, bool *nulls)
{
	return series_rows_step(rows, forward, values, nulls);
}

static void
rewind_rows(void *rows)
{
	series_rows_rewind(rows);
}

/* Which of the functions is called; also the index of what gives its rows. */
enum
{
	SERIES,
	SERIES_LONG,
	SERIES_QUERY,
	SERIES_QUERY_LONG
};

#define ROWS start, step, rewind_rows

/* clang-format off */
const SeriesSrf series_row_srfs[SERIES_ROW_SRFS] = {
	/*						 function				  is_query is_long */
	[SERIES] =				{tally_series,			  false,   false,	ROWS},
	[SERIES_LONG] =			{tally_series_long,		  false,   true,	ROWS},
	[SERIES_QUERY] =		{tally_series_query,	  true,	   false,	ROWS},
	[SERIES_QUERY_LONG] =	{tally_series_query_long, true,	   true,	ROWS},
};
/* clang-format on */

/* materialize -- all rows at once, for FROM where it must call us. */
static Datum
materialize(const SeriesSrf *srf, FunctionCallInfo fcinfo, TupleDesc desc)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext per_query = rsinfo->econtext->ecxt_per_query_memory;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "tally series rows",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	MemoryContext all;
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

	all = AllocSetContextCreate(CurrentMemoryContext,
								"tally series",
								ALLOCSET_DEFAULT_SIZES);
	rows = start(srf, fcinfo, all, desc);
	old = MemoryContextSwitchTo(scratch);
	while (series_rows_step(rows, true, values, nulls))
	{
		tuplestore_putvalues(store, desc, values, nulls);
		if (series_rows_allocate(rows))
			MemoryContextReset(scratch);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	MemoryContextDelete(all);
	return (Datum) 0;
}

/* one_by_one -- a row a call, for a select list. */
static Datum
one_by_one(const SeriesSrf *srf, FunctionCallInfo fcinfo)
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
		call->user_fctx =
			start(srf, fcinfo, call->multi_call_memory_ctx, call->tuple_desc);
	}

	call = SRF_PERCALL_SETUP();
	CHECK_FOR_INTERRUPTS();
	if (!series_rows_step(call->user_fctx, true, values, nulls))
		SRF_RETURN_DONE(call);
	SRF_RETURN_NEXT(call,
					HeapTupleGetDatum(
						heap_form_tuple(call->tuple_desc, values, nulls)));
}

static Datum
series(FunctionCallInfo fcinfo, int which)
{
	const SeriesSrf *srf = &series_row_srfs[which];
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	if (rsinfo != NULL && IsA(rsinfo, ReturnSetInfo) &&
		(rsinfo->allowedModes & SFRM_Materialize_Preferred) != 0 &&
		rsinfo->expectedDesc != NULL)
		return materialize(srf, fcinfo, rsinfo->expectedDesc);
	return one_by_one(srf, fcinfo);
}

/* The argument list of all of these is that of series_args.c. */

/* tally.series(source, ..) returns setof record */
Datum
tally_series(PG_FUNCTION_ARGS)
{
	return series(fcinfo, SERIES);
}

/* tally.series_long(source, ..) returns table, see the top of the file */
Datum
tally_series_long(PG_FUNCTION_ARGS)
{
	return series(fcinfo, SERIES_LONG);
}

/* tally.series_query(query, params, ..) returns setof record */
Datum
tally_series_query(PG_FUNCTION_ARGS)
{
	return series(fcinfo, SERIES_QUERY);
}

/* tally.series_query_long(query, params, ..) returns table */
Datum
tally_series_query_long(PG_FUNCTION_ARGS)
{
	return series(fcinfo, SERIES_QUERY_LONG);
}
