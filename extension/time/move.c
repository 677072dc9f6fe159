/*-------------------------------------------------------------------------
 *
 * move.c
 *	  Instants and grids moved by an interval, on the calendar of a zone.
 *
 * The server's own timestamptz + interval takes the session's zone, which is
 * not the zone of a grid; a function that used it could not be IMMUTABLE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"

#include "compat.h"
#include "time/move.h"

TimestampTz
tally_move(TimestampTz instant, const Interval *by, pg_tz *zone)
{
	TimestampTz moved = instant;

	if (by->month != 0 || by->day != 0)
	{
		Interval calendar = {0, by->day, by->month};
		Datum local = TimestampGetDatum(tally_instant_to_local(instant, zone));

		local = DirectFunctionCall2(timestamp_pl_interval,
									local,
									IntervalPGetDatum(&calendar));
		moved = tally_local_to_instant(DatumGetTimestamp(local), zone);
	}
	if (pg_add_s64_overflow(moved, by->time, &moved) ||
		!IS_VALID_TIMESTAMP(moved))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range"),
				 errdetail("It would be %s after %s.",
						   tally_interval_text(by),
						   timestamptz_to_str(instant))));
	return moved;
}

char *
tally_interval_text(const Interval *interval)
{
	struct pg_itm itm;
	char buf[MAXDATELEN + 1];

	interval2itm(*interval, &itm);
	EncodeInterval(&itm, INTSTYLE_POSTGRES, buf);
	return pstrdup(buf);
}

/*
 * first_difference -- the first boundary of "grid" that is not, moved, the
 * same one of "moved"; -1 when all are.
 */
static int32
first_difference(const TallyGrid *grid, const TallyGrid *moved,
				 const Interval *by, pg_tz *zone)
{
	for (int32 b = 0; b <= grid->nbuckets; b++)
	{
		CHECK_FOR_INTERRUPTS();
		if (b > moved->nbuckets ||
			tally_grid_start(moved, b) !=
				tally_move(tally_grid_start(grid, b), by, zone))
			return b;
	}
	return grid->nbuckets < moved->nbuckets ? grid->nbuckets : -1;
}

pg_noreturn static void cannot_move(const TallyGrid *grid, const Interval *by,
									pg_tz *zone, int32 boundary);

static void
cannot_move(const TallyGrid *grid, const Interval *by, pg_tz *zone,
			int32 boundary)
{
	TimestampTz at = tally_grid_start(grid, boundary);
	char *before = pstrdup(timestamptz_to_str(at));

	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		 errmsg("buckets cannot be moved by \"%s\"", tally_interval_text(by)),
		 errdetail("Boundary %s would move to %s, and the buckets would no "
				   "longer be those of their step.",
				   before,
				   timestamptz_to_str(tally_move(at, by, zone))),
		 errhint("Move by a number of whole buckets.")));
}

TallyGrid *
tally_grid_move(const TallyGrid *grid, const Interval *by)
{
	pg_tz *zone = tally_zone(tally_grid_zone(grid));
	TallyGridSpec spec = {
		.months = grid->every_months,
		.days = grid->every_days,
		.us = grid->every_us,
		.during = {tally_move(grid->lower, by, zone),
				   tally_move(grid->upper, by, zone)},
		.zone = zone,
		.week_start = grid->week_start,
		.has_origin = (grid->flags & TALLY_GRID_HAS_ORIGIN) != 0,
		.origin = grid->origin,
	};
	TallyGrid *moved;
	int32 differs;

	/* A clock change can put two instants on one. */
	if (spec.during.lower >= spec.during.upper)
		cannot_move(grid, by, zone, 0);
	moved = tally_grid_make(&spec);
	if (first_difference(grid, moved, by, zone) < 0)
		return moved;

	spec.has_origin = true;
	spec.origin = tally_move(grid->origin, by, zone);
	moved = tally_grid_make(&spec);
	differs = first_difference(grid, moved, by, zone);
	if (differs >= 0)
		cannot_move(grid, by, zone, differs);
	return moved;
}
