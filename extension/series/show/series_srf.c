/*-------------------------------------------------------------------------
 *
 * series_srf.c
 *	  tally.series() and its like: a table or a query in, rows out.
 *
 * They read the same arguments (series_args.c), which are checked
 * (series_spec.c) and run (series_run.c), and then show every bucket for every
 * group, oldest bucket first (series_rows.c).
 *
 * In FROM the rows go to a tuplestore, which is faster there; in a select
 * list they are made one by one as they are asked for, and nothing is held
 * but the panel.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "series/show/series_rows.h"

PG_FUNCTION_INFO_V1(tally_series);
PG_FUNCTION_INFO_V1(tally_series_long);
PG_FUNCTION_INFO_V1(tally_series_query);
PG_FUNCTION_INFO_V1(tally_series_query_long);

/* Which of the functions is called. */
typedef struct Form
{
	bool is_long;
	bool is_query; /* of the rows of a SELECT, not of a table */
} Form;

/* start -- check the arguments and run the query; all of it in "cxt". */
static SeriesRows *
start(FunctionCallInfo fcinfo, MemoryContext cxt, TupleDesc desc, Form form)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	SeriesArgs args;
	SeriesSpec *spec;
	SeriesRows *rows;

	series_args_read(&args, fcinfo, form.is_query);
	spec = series_spec_make(&args);
	rows = form.is_long ? series_rows_long(spec, desc)
						: series_rows_wide(spec, desc);
	series_rows_begin(rows, series_run(spec, false, cxt));
	MemoryContextSwitchTo(old);
	return rows;
}

/* materialize -- all rows at once, for FROM. */
static Datum
materialize(FunctionCallInfo fcinfo, TupleDesc desc, Form form)
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
	rows = start(fcinfo, all, desc, form);
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
one_by_one(FunctionCallInfo fcinfo, Form form)
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
			start(fcinfo, call->multi_call_memory_ctx, call->tuple_desc, form);
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
series(FunctionCallInfo fcinfo, Form form)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	if (rsinfo != NULL && IsA(rsinfo, ReturnSetInfo) &&
		(rsinfo->allowedModes & SFRM_Materialize_Preferred) != 0 &&
		rsinfo->expectedDesc != NULL)
		return materialize(fcinfo, rsinfo->expectedDesc, form);
	return one_by_one(fcinfo, form);
}

/* The argument list of all of these is that of series_args.c. */

/* tally.series(source, ..) returns setof record */
Datum
tally_series(PG_FUNCTION_ARGS)
{
	return series(fcinfo, (Form){.is_long = false, .is_query = false});
}

/* tally.series_long(source, ..) returns table, see the top of the file */
Datum
tally_series_long(PG_FUNCTION_ARGS)
{
	return series(fcinfo, (Form){.is_long = true, .is_query = false});
}

/* tally.series_query(query, params, ..) returns setof record */
Datum
tally_series_query(PG_FUNCTION_ARGS)
{
	return series(fcinfo, (Form){.is_long = false, .is_query = true});
}

/* tally.series_query_long(query, params, ..) returns table */
Datum
tally_series_query_long(PG_FUNCTION_ARGS)
{
	return series(fcinfo, (Form){.is_long = true, .is_query = true});
}
