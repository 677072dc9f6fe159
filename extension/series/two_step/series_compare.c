/*-------------------------------------------------------------------------
 *
 * series_compare.c
 *	  tally.compare(series, earlier, by): two series side by side.
 *
 * The earlier one is over the grid of tally.earlier(), or any other.
 * Without "by" the buckets are put side by side in their order, the first with
 * the first, and both series must have equally many.  With it each bucket is
 * beside the one that starts that much earlier, by the clock of its zone, or
 * beside nothing where there is none: time/earlier.c says when.
 *
 * Either series shows what its own fill says.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "measure/measure.h"
#include "series/two_step/series_table.h"
#include "time/earlier.h"

PG_FUNCTION_INFO_V1(tally_series_compare);

/* Arguments of tally.compare(). */
enum
{
	ARG_SERIES,
	ARG_EARLIER,
	ARG_BY
};

/* Columns of its rows. */
enum
{
	COL_BUCKET,
	COL_BUCKET_END,
	COL_VALUE,
	COL_N,
	COL_IS_FILLED,
	COL_IS_PARTIAL,
	COL_EARLIER_BUCKET,
	COL_EARLIER_BUCKET_END,
	COL_EARLIER_VALUE,
	COL_EARLIER_N,
	COL_CHANGE,
	COL_RATIO,
	COL__COUNT
};

typedef struct Comparison
{
	TallySeriesTable series;
	TallySeriesTable earlier; /* without a grid: there is no such series */
	int32 *counterpart;		  /* of each bucket; -1: none */
} Comparison;

/* check_same_measure -- refuse to compare a mean with a sum. */
static void
check_same_measure(const TallyPanel *series, const TallyPanel *earlier)
{
	const TallyMeasure *a = tally_panel_measure(series, 0);
	const TallyMeasure *b = tally_panel_measure(earlier, 0);

	if (a->kind != b->kind || a->param != b->param)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("series of different measures cannot be compared"),
				 errdetail("One is of %s and the other of %s.",
						   tally_measure_text(a),
						   tally_measure_text(b))));
}

/* in_order -- the first bucket beside the first, and so on. */
static void
in_order(Comparison *c)
{
	int32 n = c->series.grid->nbuckets;
	int32 earlier_n = c->earlier.grid->nbuckets;

	if (n != earlier_n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("series of %d and %d buckets cannot be compared one "
						"by one",
						n,
						earlier_n),
				 errhint("Say by how much the second is earlier, such as "
						 "by => '1 year'.")));
	for (int32 b = 0; b < n; b++)
		c->counterpart[b] = b;
}

/* by_time -- each bucket beside the one that is "by" earlier. */
static void
by_time(Comparison *c, const Interval *by)
{
	const TallyGrid *grid = c->series.grid;
	pg_tz *zone = tally_zone(tally_grid_zone(grid));
	int32 hint = 0;

	for (int32 b = 0; b < grid->nbuckets; b++)
		c->counterpart[b] =
			tally_grid_counterpart(grid, b, c->earlier.grid, by, zone, &hint);
}

/* read_both -- both series, and what belongs together. */
static void
read_both(FunctionCallInfo fcinfo, Comparison *c)
{
	MemoryContext expanded = AllocSetContextCreate(CurrentMemoryContext,
												   "tally series argument",
												   ALLOCSET_DEFAULT_SIZES);
	TallyPanel *series =
		tally_panel_from_datum(PG_GETARG_DATUM(ARG_SERIES), expanded);
	int32 nbuckets;

	tally_series_table_read(&c->series, series, NULL);
	nbuckets = c->series.grid->nbuckets;
	c->counterpart = palloc(nbuckets * sizeof(int32));
	if (PG_ARGISNULL(ARG_EARLIER))
	{
		for (int32 b = 0; b < nbuckets; b++)
			c->counterpart[b] = -1;
	}
	else
	{
		TallyPanel *earlier =
			tally_panel_from_datum(PG_GETARG_DATUM(ARG_EARLIER), expanded);

		check_same_measure(series, earlier);
		tally_series_table_read(&c->earlier, earlier, NULL);
		if (PG_ARGISNULL(ARG_BY))
			in_order(c);
		else
			by_time(c, PG_GETARG_INTERVAL_P(ARG_BY));
	}
	MemoryContextDelete(expanded);
}

/* make_row -- the columns of one bucket. */
static void
make_row(const Comparison *c, int32 b, Datum *values, bool *nulls)
{
	const TallySeriesTable *s = &c->series;
	const TallySeriesTable *e = &c->earlier;
	int32 eb = c->counterpart[b];

	memset(nulls, false, COL__COUNT * sizeof(bool));
	values[COL_BUCKET] = TimestampTzGetDatum(tally_grid_start(s->grid, b));
	values[COL_BUCKET_END] = TimestampTzGetDatum(tally_grid_end(s->grid, b));
	values[COL_VALUE] = Float8GetDatum(s->value[b]);
	nulls[COL_VALUE] = s->isnull[b];
	values[COL_N] = Int64GetDatum(s->n[b]);
	values[COL_IS_FILLED] = BoolGetDatum(s->is_empty[b] && !s->isnull[b]);
	values[COL_IS_PARTIAL] = BoolGetDatum(tally_grid_partial(s->grid, b));
	if (eb < 0)
	{
		for (int i = COL_EARLIER_BUCKET; i < COL__COUNT; i++)
			nulls[i] = true;
		return;
	}
	values[COL_EARLIER_BUCKET] =
		TimestampTzGetDatum(tally_grid_start(e->grid, eb));
	values[COL_EARLIER_BUCKET_END] =
		TimestampTzGetDatum(tally_grid_end(e->grid, eb));
	values[COL_EARLIER_VALUE] = Float8GetDatum(e->value[eb]);
	nulls[COL_EARLIER_VALUE] = e->isnull[eb];
	values[COL_EARLIER_N] = Int64GetDatum(e->n[eb]);
	values[COL_CHANGE] = Float8GetDatum(s->value[b] - e->value[eb]);
	nulls[COL_CHANGE] = s->isnull[b] || e->isnull[eb];
	nulls[COL_RATIO] = nulls[COL_CHANGE] || e->value[eb] == 0;
	values[COL_RATIO] =
		Float8GetDatum(nulls[COL_RATIO] ? 0 : s->value[b] / e->value[eb]);
}

/* tally.compare(series, earlier, by): a row a bucket of the series */
Datum
tally_series_compare(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	const Comparison *c;
	Datum values[COL__COUNT];
	bool nulls[COL__COUNT];

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc desc;

		call = SRF_FIRSTCALL_INIT();
		if (PG_ARGISNULL(ARG_SERIES))
			SRF_RETURN_DONE(call);
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		call->tuple_desc = BlessTupleDesc(desc);
		call->user_fctx = palloc0(sizeof(Comparison));
		read_both(fcinfo, call->user_fctx);
		MemoryContextSwitchTo(old);
	}

	call = SRF_PERCALL_SETUP();
	c = call->user_fctx;
	CHECK_FOR_INTERRUPTS();
	if (call->call_cntr >= (uint64) c->series.grid->nbuckets)
		SRF_RETURN_DONE(call);
	make_row(c, (int32) call->call_cntr, values, nulls);
	SRF_RETURN_NEXT(call,
					HeapTupleGetDatum(
						heap_form_tuple(call->tuple_desc, values, nulls)));
}
