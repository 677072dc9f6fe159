/*-------------------------------------------------------------------------
 *
 * series_access.c
 *	  What can be taken out of a tally.series: rows, or an array.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/timestamp.h"

#include "series/panel.h"

PG_FUNCTION_INFO_V1(tally_series_rows);
PG_FUNCTION_INFO_V1(tally_series_values);

/* value_of -- of one bucket, as double precision. */
static float8
value_of(const TallyPanel *series, int32 bucket, bool *isnull)
{
	Datum value = tally_panel_value(series, bucket, 0, 0, isnull);

	if (*isnull)
		return 0;
	switch (tally_panel_result_type(series, 0))
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		case INT8OID:
			return (float8) DatumGetInt64(value);
		case FLOAT4OID:
			return DatumGetFloat4(value);
		case FLOAT8OID:
			return DatumGetFloat8(value);
		case NUMERICOID:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8, value));
	}
	elog(ERROR, "series is not of numbers");
	return 0;
}

/* What tally.rows() remembers between its calls. */
typedef struct RowsState
{
	const TallyPanel *series;
	int32 bucket;
} RowsState;

/*
 * tally.rows(series) returns table (bucket, bucket_end, value, n, is_filled,
 * is_partial): a row a bucket, in order.
 */
Datum
tally_series_rows(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	RowsState *state;
	const TallyGrid *grid;
	Datum values[6];
	bool nulls[6] = {false};
	int64 n;

	if (SRF_IS_FIRSTCALL())
	{
		TupleDesc desc;
		MemoryContext old;

		call = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		call->tuple_desc = BlessTupleDesc(desc);
		state = palloc0(sizeof(RowsState));
		state->series =
			tally_panel_from_datum(datumCopy(PG_GETARG_DATUM(0), false, -1),
								   call->multi_call_memory_ctx);
		call->user_fctx = state;
		MemoryContextSwitchTo(old);
	}

	call = SRF_PERCALL_SETUP();
	state = call->user_fctx;
	grid = tally_panel_grid(state->series);
	CHECK_FOR_INTERRUPTS();
	if (state->bucket >= grid->nbuckets)
		SRF_RETURN_DONE(call);

	n = tally_panel_nvalues(state->series, state->bucket, 0, 0);
	values[0] = TimestampTzGetDatum(tally_grid_start(grid, state->bucket));
	values[1] = TimestampTzGetDatum(tally_grid_end(grid, state->bucket));
	values[2] =
		Float8GetDatum(value_of(state->series, state->bucket, &nulls[2]));
	values[3] = Int64GetDatum(n);
	values[4] = BoolGetDatum(n == 0);
	values[5] = BoolGetDatum(tally_grid_partial(grid, state->bucket));
	state->bucket++;
	SRF_RETURN_NEXT(call,
					HeapTupleGetDatum(
						heap_form_tuple(call->tuple_desc, values, nulls)));
}

/* tally.values(series) returns double precision[], one element a bucket */
Datum
tally_series_values(PG_FUNCTION_ARGS)
{
	const TallyPanel *series =
		tally_panel_from_datum(PG_GETARG_DATUM(0), CurrentMemoryContext);
	int nbuckets = tally_panel_grid(series)->nbuckets;
	Datum *values = palloc(nbuckets * sizeof(Datum));
	bool *nulls = palloc(nbuckets * sizeof(bool));
	int dims[1] = {nbuckets};
	int lower[1] = {1};

	for (int32 b = 0; b < nbuckets; b++)
	{
		CHECK_FOR_INTERRUPTS();
		values[b] = Float8GetDatum(value_of(series, b, &nulls[b]));
	}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(values,
											 nulls,
											 1,
											 dims,
											 lower,
											 FLOAT8OID,
											 sizeof(float8),
											 FLOAT8PASSBYVAL,
											 TYPALIGN_DOUBLE));
}
