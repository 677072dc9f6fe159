/*-------------------------------------------------------------------------
 *
 * series_shift.c
 *	  tally.shift(series, by): the same cells, some time later or earlier.
 *
 * To put last week beside this one.  What is moved is the grid, on the
 * calendar of its zone, and each cell keeps its state (and the seed of a fill
 * its distance): the result is a series
 * like any other, and where it can be it is over the very grid that
 * tally.grid() makes of the moved range.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "series/panel/fill.h"
#include "time/move.h"

PG_FUNCTION_INFO_V1(tally_series_shift);

/* tally.shift(series, by) returns series */
Datum
tally_series_shift(PG_FUNCTION_ARGS)
{
	TallyPanel *series =
		tally_panel_from_datum(PG_GETARG_DATUM(0), CurrentMemoryContext);
	const Interval *by = PG_GETARG_INTERVAL_P(1);
	TallyGrid *moved = tally_grid_move(tally_panel_grid(series), by);
	TallyPanel *result = tally_panel_like(CurrentMemoryContext, series, moved);
	TallyFill fill;

	for (int32 b = 0; b < moved->nbuckets; b++)
	{
		CHECK_FOR_INTERRUPTS();
		tally_panel_merge_bucket(result, b, series, b);
	}
	fill = *tally_panel_fill(result);
	if (fill.has_seed)
	{
		fill.seed_at = tally_move(fill.seed_at, by, fill.zone);
		tally_panel_set_fill(result, &fill);
	}
	PG_RETURN_DATUM(tally_panel_datum(result));
}
