/*-------------------------------------------------------------------------
 *
 * series_table.c
 *	  A tally.series as rows of one shape.
 *
 * All values are made when the first row is asked for, so neither the series
 * nor what it was expanded into has to outlive that call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "budget.h"
#include "series/panel/number.h"
#include "series/two_step/series_table.h"

float8
tally_series_table_value(const TallyPanel *series, int32 bucket, bool *isnull)
{
	Datum value = tally_panel_value(series, bucket, 0, 0, isnull);

	if (*isnull)
		return 0;
	return tally_number_float8(tally_panel_result_type(series, 0), value);
}

/* What a bucket takes in a table: a value and a number, two flags. */
#define ROW_BYTES (8 + 8 + 1 + 1)

/* check_numbers -- refuse a series whose values are no numbers. */
static void
check_numbers(const TallyPanel *series)
{
	Oid type = tally_panel_result_type(series, 0);

	if (!tally_type_is_number(type))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("series is not of numbers but of values of type %s",
						format_type_be(type)),
				 errhint("Read it with tally.json().")));
}

void
tally_series_table_read(TallySeriesTable *table, const TallyPanel *series,
						const TallyFill *fill)
{
	TallyFillWalk walk = {-1, -1};
	const TallyGrid *grid = tally_panel_grid(series);
	int32 nbuckets = grid->nbuckets;
	MemoryContext scratch;
	MemoryContext old;

	check_numbers(series);
	tally_budget_memory((int64) nbuckets * ROW_BYTES);
	table->grid = memcpy(palloc(VARSIZE(grid)), grid, VARSIZE(grid));
	table->value = palloc(nbuckets * sizeof(float8));
	table->isnull = palloc(nbuckets * sizeof(bool));
	table->n = palloc(nbuckets * sizeof(int64));
	table->is_empty = palloc(nbuckets * sizeof(bool));

	if (fill == NULL)
		fill = tally_panel_fill(series);
	/* What makes a double of a numeric leaves its text behind. */
	scratch = AllocSetContextCreate(CurrentMemoryContext,
									"tally series value",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	for (int32 b = 0; b < nbuckets; b++)
	{
		bool is_filled;

		CHECK_FOR_INTERRUPTS();
		table->value[b] = tally_fill_float8(
			fill, series, 0, 0, b, &walk, &table->isnull[b], &is_filled);
		table->n[b] = tally_panel_nvalues(series, b, 0, 0);
		table->is_empty[b] = table->n[b] == 0;
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/* first_call -- make the table; false when there is no series. */
static bool
first_call(FunctionCallInfo fcinfo, FuncCallContext *call,
		   TallySeriesTableMaker make)
{
	MemoryContext old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
	TallySeriesTable *table = palloc0(sizeof(TallySeriesTable));
	MemoryContext expanded;
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	call->tuple_desc = BlessTupleDesc(desc);
	call->user_fctx = table;
	if (!PG_ARGISNULL(0))
	{
		expanded = AllocSetContextCreate(CurrentMemoryContext,
										 "tally series argument",
										 ALLOCSET_DEFAULT_SIZES);
		make(fcinfo,
			 tally_panel_from_datum(PG_GETARG_DATUM(0), expanded),
			 table);
		MemoryContextDelete(expanded);
	}
	MemoryContextSwitchTo(old);
	return table->grid != NULL;
}

Datum
tally_series_table_rows(FunctionCallInfo fcinfo, TallySeriesTableMaker make)
{
	FuncCallContext *call;
	const TallySeriesTable *table;
	Datum values[6];
	bool nulls[6] = {false};
	int32 b;

	if (SRF_IS_FIRSTCALL())
	{
		call = SRF_FIRSTCALL_INIT();
		if (!first_call(fcinfo, call, make))
			SRF_RETURN_DONE(call);
	}

	call = SRF_PERCALL_SETUP();
	table = call->user_fctx;
	CHECK_FOR_INTERRUPTS();
	if (call->call_cntr >= (uint64) table->grid->nbuckets)
		SRF_RETURN_DONE(call);

	b = (int32) call->call_cntr;
	values[0] = TimestampTzGetDatum(tally_grid_start(table->grid, b));
	values[1] = TimestampTzGetDatum(tally_grid_end(table->grid, b));
	values[2] = Float8GetDatum(table->value[b]);
	nulls[2] = table->isnull[b];
	values[3] = Int64GetDatum(table->n[b]);
	values[4] = BoolGetDatum(table->is_empty[b] && !table->isnull[b]);
	values[5] = BoolGetDatum(tally_grid_partial(table->grid, b));
	SRF_RETURN_NEXT(call,
					HeapTupleGetDatum(
						heap_form_tuple(call->tuple_desc, values, nulls)));
}
