/*-------------------------------------------------------------------------
 *
 * series_grid.c
 *	  Grids beside that of a series: over its past, and of an earlier period.
 *
 * THE EARLIER PERIOD is the range moved back on the calendar of the zone, in
 * steps of the same kind that are counted from a moved origin.  A bucket is
 * compared with the one that holds its own start, moved; so the 14th of a
 * month with the 14th of another.  Where several buckets would get the same
 * one, as the 28th to 31st of March do in a February, only the first has it
 * and the others are compared with nothing: no row counts twice.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "series/part/series_grid.h"
#include "time/move.h"

TallyGrid *
series_grid_one(TimestampTz lower, TimestampTz upper)
{
	TallyGridSpec spec = {
		.us = upper - lower,
		.during = {lower, upper},
		.zone = tally_zone("UTC"),
		.week_start = 1,
		.has_origin = true,
		.origin = lower,
	};

	return tally_grid_make(&spec);
}

TallyGrid *
series_grid_part(const TallyGrid *grid, TimestampTz lower, TimestampTz upper)
{
	TallyGridSpec spec = {
		.months = grid->every_months,
		.days = grid->every_days,
		.us = grid->every_us,
		.during = {lower, upper},
		.zone = tally_zone(tally_grid_zone(grid)),
		.week_start = grid->week_start,
		.has_origin = true,
		.origin = grid->origin,
	};

	return tally_grid_make(&spec);
}

/* moved_back -- the grid of the earlier period. */
static TallyGrid *
moved_back(const TallyGrid *grid, const Interval *back, pg_tz *zone)
{
	TallyGridSpec spec = {
		.months = grid->every_months,
		.days = grid->every_days,
		.us = grid->every_us,
		.during = {tally_move(grid->lower, back, zone),
				   tally_move(grid->upper, back, zone)},
		.zone = zone,
		.week_start = grid->week_start,
		.has_origin = true,
		/* Steps of time are even in UTC: the origin may be in a summer. */
		.origin = tally_move(grid->every_us > 0 ? grid->first : grid->origin,
							 back,
							 zone),
	};

	if (spec.during.lower >= spec.during.upper)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("earlier period is empty"),
				 errdetail("The range moved back has no length on the "
						   "calendar of the zone."),
				 errhint("Choose another \"compare\".")));
	return tally_grid_make(&spec);
}

/* bucket_at -- the bucket that holds an instant, also outside of the range. */
static int32
bucket_at(const TallyGrid *grid, TimestampTz at)
{
	int32 low = 0;
	int32 high = grid->nbuckets;

	if (at < grid->first || at >= grid->last)
		return -1;
	while (high - low > 1)
	{
		int32 middle = low + (high - low) / 2;

		if (tally_grid_start(grid, middle) <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

TallyGrid *
series_grid_before(const TallyGrid *grid, const Interval *compare,
				   int32 **buckets)
{
	pg_tz *zone = tally_zone(tally_grid_zone(grid));
	Interval back = {-compare->time, -compare->day, -compare->month};
	TallyGrid *before = moved_back(grid, &back, zone);
	int32 last = -1;

	*buckets = palloc(grid->nbuckets * sizeof(int32));
	for (int32 b = 0; b < grid->nbuckets; b++)
	{
		int32 found =
			bucket_at(before,
					  tally_move(tally_grid_start(grid, b), &back, zone));

		CHECK_FOR_INTERRUPTS();
		(*buckets)[b] = found > last ? found : -1;
		last = Max(last, found);
	}
	return before;
}
