/*-------------------------------------------------------------------------
 *
 * series_fill.c
 *	  tally.fill(series, mode, max_gap, seed): the series with a rule of what
 *	  stands where nothing fell, and tally.rows(), which shows it; fill.h has
 *	  the rules.
 *
 * What is given a fill keeps its states as they are: the rule is carried
 * beside them and applied by whoever reads the series.  tally.rows() with a
 * fill of its own reads by that.
 *
 * The seed is a value from before the range, of which no time is known: it
 * counts as seen when the range starts, and is of no use to linear.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "series/panel/number.h"
#include "series/two_step/series_table.h"

PG_FUNCTION_INFO_V1(tally_series_fill);
PG_FUNCTION_INFO_V1(tally_series_rows);
PG_FUNCTION_INFO_V1(tally_series_rows_filled);

/* Arguments of tally.fill() and tally.rows(). */
enum
{
	ARG_SERIES,
	ARG_FILL,
	ARG_MAX_GAP,
	ARG_SEED
};

/* read_fill -- those arguments, checked. */
static void
read_fill(FunctionCallInfo fcinfo, TallyFill *fill, const TallyPanel *series)
{
	const TallyGrid *grid = tally_panel_grid(series);
	Oid result = tally_panel_result_type(series, 0);

	tally_fill_parse(fill,
					 PG_ARGISNULL(ARG_FILL)
						 ? NULL
						 : text_to_cstring(PG_GETARG_TEXT_PP(ARG_FILL)));
	if (!PG_ARGISNULL(ARG_MAX_GAP))
	{
		fill->has_max_gap = true;
		fill->max_gap = *PG_GETARG_INTERVAL_P(ARG_MAX_GAP);
	}
	if (!PG_ARGISNULL(ARG_SEED))
	{
		if (fill->mode != TALLY_FILL_PREVIOUS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("fill \"%s\" takes no seed",
							tally_fill_mode_name(fill->mode)),
					 errhint("The fill that takes one is previous.")));
		fill->has_seed = true;
		fill->seed = PG_GETARG_FLOAT8(ARG_SEED);
		fill->seed_at = grid->lower;
	}
	/* A number need not be of the measure's own type to be read as double. */
	tally_fill_check(fill,
					 grid,
					 tally_type_is_number(result) ? FLOAT8OID : result);
}

/* filled -- the table of tally.rows(). */
static void
filled(FunctionCallInfo fcinfo, TallyPanel *series, TallySeriesTable *table)
{
	TallyFill fill;

	read_fill(fcinfo, &fill, series);
	tally_series_table_read(table,
							series,
							fill.mode == TALLY_FILL_DEFAULT ? NULL : &fill);
}

/* filled_0_1 -- as of version 0.1, where "null" was no fill at all. */
static void
filled_0_1(FunctionCallInfo fcinfo, TallyPanel *series,
		   TallySeriesTable *table)
{
	TallyFill fill;

	read_fill(fcinfo, &fill, series);
	if (fill.mode == TALLY_FILL_NULL)
		fill.mode = TALLY_FILL_DEFAULT;
	tally_series_table_read(table, series, &fill);
}

/* own_series -- the series of an argument, to be changed in place. */
static TallyPanel *
own_series(Datum value)
{
	TallyPanel *series = tally_panel_from_datum(value, CurrentMemoryContext);
	TallyPanel *copy;

	/* Only an expanded one that is read-only can be somebody else's. */
	if (!VARATT_IS_EXTERNAL_EXPANDED_RO(DatumGetPointer(value)))
		return series;
	copy = tally_panel_like(CurrentMemoryContext,
							series,
							tally_panel_grid(series));
	for (int32 b = 0; b < tally_panel_grid(series)->nbuckets; b++)
	{
		CHECK_FOR_INTERRUPTS();
		tally_panel_merge_bucket(copy, b, series, b);
	}
	return copy;
}

/* tally.fill(series, mode, max_gap, seed) returns series */
Datum
tally_series_fill(PG_FUNCTION_ARGS)
{
	TallyPanel *series;
	TallyFill fill;

	if (PG_ARGISNULL(ARG_SERIES))
		PG_RETURN_NULL();
	series = own_series(PG_GETARG_DATUM(ARG_SERIES));
	read_fill(fcinfo, &fill, series);
	tally_panel_set_fill(series, &fill);
	PG_RETURN_DATUM(tally_panel_datum(series));
}

/* tally.rows(series, fill, max_gap, seed): a row a bucket, in order. */
Datum
tally_series_rows_filled(PG_FUNCTION_ARGS)
{
	return tally_series_table_rows(fcinfo, filled);
}

/* The same for a database whose extension is still 0.1. */
Datum
tally_series_rows(PG_FUNCTION_ARGS)
{
	return tally_series_table_rows(fcinfo, filled_0_1);
}
