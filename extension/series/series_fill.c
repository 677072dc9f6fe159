/*-------------------------------------------------------------------------
 *
 * series_fill.c
 *	  tally.rows(series, fill, max_gap, seed): a row a bucket, and what stands
 *	  where nothing fell; fill.h has the rules.
 *
 * The seed is a value from before the range, of which no time is known: it
 * counts as seen when the range starts, and is of no use to linear.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "series/series_table.h"

PG_FUNCTION_INFO_V1(tally_series_rows);
PG_FUNCTION_INFO_V1(tally_series_rows_filled);

/* Arguments of tally.rows(). */
enum
{
	ARG_SERIES,
	ARG_FILL,
	ARG_MAX_GAP,
	ARG_SEED
};

/* read_fill -- the arguments of tally.rows(), checked. */
static void
read_fill(FunctionCallInfo fcinfo, TallyFill *fill, const TallyGrid *grid)
{
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
	tally_fill_check(fill, grid, FLOAT8OID);
}

/* filled -- the table of tally.rows(). */
static void
filled(FunctionCallInfo fcinfo, TallyPanel *series, TallySeriesTable *table)
{
	TallyFill fill;

	read_fill(fcinfo, &fill, tally_panel_grid(series));
	tally_series_table_read(table, series, &fill);
}

/* filled_0_1 -- as of version 0.1, where "null" was no fill at all. */
static void
filled_0_1(FunctionCallInfo fcinfo, TallyPanel *series,
		   TallySeriesTable *table)
{
	TallyFill fill;

	read_fill(fcinfo, &fill, tally_panel_grid(series));
	if (fill.mode == TALLY_FILL_NULL)
		fill.mode = TALLY_FILL_DEFAULT;
	tally_series_table_read(table, series, &fill);
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
