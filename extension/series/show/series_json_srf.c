/*-------------------------------------------------------------------------
 *
 * series_json_srf.c
 *	  tally.series_json() and tally.series_json_rows(): a table or a query in,
 *	  JSON out; see series_document.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "series/show/series_document.h"
#include "series/show/series_scan.h"

PG_FUNCTION_INFO_V1(tally_series_json_document);
PG_FUNCTION_INFO_V1(tally_series_query_json_document);
PG_FUNCTION_INFO_V1(tally_series_json_rows);
PG_FUNCTION_INFO_V1(tally_series_query_json_rows);

/* run -- check the arguments and run the query. */
static SeriesResult *
run(FunctionCallInfo fcinfo, bool is_query, bool is_document)
{
	SeriesArgs args;
	SeriesSpec *spec;

	series_args_read(&args, fcinfo, is_query);
	spec = series_spec_make(&args);
	series_document_check(spec, is_document ? "key" : NULL);
	/* Without keys there is one group, however the rows are. */
	if (is_document && spec->nkeys == 0)
		series_document_fits(spec, 1);
	series_cells_check(spec, false);
	return series_run(spec, true, CurrentMemoryContext);
}

/* document -- one jsonb, and nothing else is left. */
static Datum
document(FunctionCallInfo fcinfo, bool is_query)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext all = AllocSetContextCreate(caller,
											  "tally series document",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext answer = AllocSetContextCreate(caller,
												 "tally series answer",
												 ALLOCSET_SMALL_SIZES);
	SeriesResult *result;
	Jsonb *made;

	MemoryContextSwitchTo(all);
	result = run(fcinfo, is_query, true);
	series_document_fits(result->spec, result->ngroups);
	MemoryContextSwitchTo(answer);
	made = series_document(result);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(all);
	PG_RETURN_JSONB_P(made);
}

/* start -- the lines of a call; all of it in "cxt". */
static void *
start(const SeriesSrf *srf, FunctionCallInfo fcinfo, MemoryContext cxt,
	  TupleDesc desc)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	SeriesLines *lines = series_lines_begin(run(fcinfo, srf->is_query, false));

	MemoryContextSwitchTo(old);
	return lines;
}

static bool
step(void *lines, bool forward, Datum *values, bool *nulls)
{
	text *line = series_lines_step(lines, forward);

	values[0] = PointerGetDatum(line);
	nulls[0] = false;
	return line != NULL;
}

static void
rewind_lines(void *lines)
{
	series_lines_rewind(lines);
}

const SeriesSrf series_line_srfs[SERIES_LINE_SRFS] = {
	{tally_series_json_rows, false, false, start, step, rewind_lines},
	{tally_series_query_json_rows, true, false, start, step, rewind_lines},
};

/* materialize -- all rows at once, for FROM where it must call us. */
static Datum
materialize(FunctionCallInfo fcinfo, bool is_query)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext all = AllocSetContextCreate(caller,
											  "tally series document",
											  ALLOCSET_DEFAULT_SIZES);
	SeriesLines *lines;
	text *line;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	MemoryContextSwitchTo(all);
	lines = series_lines_begin(run(fcinfo, is_query, false));
	while ((line = series_lines_step(lines, true)) != NULL)
	{
		Datum value = PointerGetDatum(line);
		bool isnull = false;

		tuplestore_putvalues(rsinfo->setResult,
							 rsinfo->setDesc,
							 &value,
							 &isnull);
		pfree(line);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(all);
	return (Datum) 0;
}

/* one_by_one -- a row a call, for a select list: only one is ever held. */
static Datum
one_by_one(FunctionCallInfo fcinfo, bool is_query)
{
	FuncCallContext *call;
	text *line;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;

		call = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		call->user_fctx = series_lines_begin(run(fcinfo, is_query, false));
		MemoryContextSwitchTo(old);
	}
	call = SRF_PERCALL_SETUP();
	line = series_lines_step(call->user_fctx, true);
	if (line == NULL)
		SRF_RETURN_DONE(call);
	SRF_RETURN_NEXT(call, PointerGetDatum(line));
}

static Datum
rows(FunctionCallInfo fcinfo, bool is_query)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	if (rsinfo != NULL && IsA(rsinfo, ReturnSetInfo) &&
		(rsinfo->allowedModes & SFRM_Materialize_Preferred) != 0 &&
		rsinfo->expectedDesc != NULL)
		return materialize(fcinfo, is_query);
	return one_by_one(fcinfo, is_query);
}

/* tally.series_json(source, ..) returns jsonb; see series_args.c */
Datum
tally_series_json_document(PG_FUNCTION_ARGS)
{
	return document(fcinfo, false);
}

/* tally.series_query_json(query, params, ..) returns jsonb */
Datum
tally_series_query_json_document(PG_FUNCTION_ARGS)
{
	return document(fcinfo, true);
}

/* tally.series_json_rows(source, ..) returns setof text */
Datum
tally_series_json_rows(PG_FUNCTION_ARGS)
{
	return rows(fcinfo, false);
}

/* tally.series_query_json_rows(query, params, ..) returns setof text */
Datum
tally_series_query_json_rows(PG_FUNCTION_ARGS)
{
	return rows(fcinfo, true);
}
