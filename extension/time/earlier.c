/*-------------------------------------------------------------------------
 *
 * earlier.c
 *	  The period that a grid is compared with, and which bucket with which.
 *
 * A bucket and the one that is "by" earlier belong together when the way back
 * ends where it began.  Months are of unequal length and clocks are changed,
 * so some buckets have no partner, on either side:
 *
 *	 2024	.. 27 Feb  28 Feb  29 Feb  1 Mar ..		29 Feb - 1 year is 28 Feb,
 *				 |		 |				 |			and 28 Feb + 1 year is not
 *	 2023	.. 27 Feb  28 Feb		   1 Mar ..		29 Feb
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"

#include "compat.h"
#include "time/earlier.h"
#include "time/move.h"

/* negative -- the interval the other way. */
static Interval
negative(const Interval *by)
{
	Interval back = {0};

	if (pg_sub_s64_overflow(0, by->time, &back.time) ||
		pg_sub_s32_overflow(0, by->day, &back.day) ||
		pg_sub_s32_overflow(0, by->month, &back.month))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("interval out of range")));
	return back;
}

/* spec_of -- what the grid was made of, over another range. */
static TallyGridSpec
spec_of(const TallyGrid *grid, pg_tz *zone, TimestampTz lower,
		TimestampTz upper)
{
	TallyGridSpec spec = {
		.months = grid->every_months,
		.days = grid->every_days,
		.us = grid->every_us,
		.during = {lower, upper},
		.zone = zone,
		.week_start = grid->week_start,
		.has_origin = (grid->flags & TALLY_GRID_HAS_ORIGIN) != 0,
		.origin = grid->origin,
	};

	return spec;
}

/* steps -- "n" steps of the grid, back. */
static Interval
steps_back(const TallyGrid *grid, int32 n)
{
	Interval back = {0};

	if (pg_mul_s32_overflow(-n, grid->every_months, &back.month) ||
		pg_mul_s32_overflow(-n, grid->every_days, &back.day) ||
		pg_mul_s64_overflow(-n, grid->every_us, &back.time))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return back;
}

/*
 * boundary_before -- where the n-th bucket before the grid's first one starts.
 * Counted in buckets: a zone that skips a day has one less than days.
 */
static TimestampTz
boundary_before(const TallyGrid *grid, pg_tz *zone, int32 n)
{
	for (int32 more = 0;; more++)
	{
		Interval back = steps_back(grid, n + more);
		TallyGridSpec spec = spec_of(grid,
									 zone,
									 tally_move(grid->first, &back, zone),
									 grid->first);
		TallyGrid *before = tally_grid_make(&spec);
		int32 extra = before->nbuckets - n;
		TimestampTz start = extra >= 0 ? tally_grid_start(before, extra) : 0;

		CHECK_FOR_INTERRUPTS();
		pfree(before);
		if (extra >= 0)
			return start;
	}
}

TallyGrid *
tally_grid_previous(const TallyGrid *grid)
{
	pg_tz *zone = tally_zone(tally_grid_zone(grid));
	Interval back = steps_back(grid, grid->nbuckets);
	TallyGridSpec spec =
		spec_of(grid, zone, tally_move(grid->lower, &back, zone), grid->first);
	TimestampTz start;

	if (grid->every_us > 0)
	{
		/* Its origin may depend on the range, and must not change. */
		spec.has_origin = true;
		spec.during.upper = tally_move(grid->upper, &back, zone);
		return tally_grid_make(&spec);
	}
	start = boundary_before(grid, zone, grid->nbuckets);
	if (grid->lower == grid->first || spec.during.lower < start)
		spec.during.lower = start;
	if (grid->upper < grid->last)
		spec.during.upper =
			Min(tally_move(grid->upper, &back, zone), grid->first);
	/* What a clock change leaves nothing of is not cut. */
	if (spec.during.lower >= spec.during.upper)
	{
		spec.during.lower = start;
		spec.during.upper = grid->first;
	}
	return tally_grid_make(&spec);
}

/*
 * find_boundary -- the number of the boundary of "grid" at "at", from *hint
 * on, which moves to it.  -1: it is outside, -2: it is inside a bucket.
 */
static int32
find_boundary(const TallyGrid *grid, TimestampTz at, int32 *hint)
{
	if (at < grid->first || at > grid->last)
		return -1;
	while (tally_grid_start(grid, *hint) < at)
		(*hint)++;
	return tally_grid_start(grid, *hint) == at ? *hint : -2;
}

/*
 * earlier_boundary -- the same for what is "by" before a boundary, with -1
 * also for one to which there is no way back.
 */
static int32
earlier_boundary(TimestampTz boundary, const TallyGrid *earlier,
				 const Interval *by, pg_tz *zone, int32 *hint)
{
	Interval back = negative(by);
	TimestampTz at = tally_move(boundary, &back, zone);

	CHECK_FOR_INTERRUPTS();
	if (tally_move(at, by, zone) != boundary)
		return -1;
	return find_boundary(earlier, at, hint);
}

pg_noreturn static void does_not_fit(TimestampTz boundary, const Interval *by,
									 pg_tz *zone);

static void
does_not_fit(TimestampTz boundary, const Interval *by, pg_tz *zone)
{
	Interval back = negative(by);
	char *before = pstrdup(timestamptz_to_str(boundary));
	TimestampTz at = tally_move(boundary, &back, zone);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("buckets cannot be compared with those \"%s\" earlier",
					tally_interval_text(by)),
			 errdetail("The one at %s would be at %s, which is inside an "
					   "earlier bucket.",
					   before,
					   timestamptz_to_str(at)),
			 errhint("Compare with a number of whole buckets earlier, such as "
					 "52 weeks, or leave the interval out: the buckets right "
					 "before these, one by one.")));
}

/* first_misfit -- the first boundary that is inside an earlier bucket. */
static int32
first_misfit(const TallyGrid *grid, const TallyGrid *earlier,
			 const Interval *by, pg_tz *zone)
{
	int32 hint = 0;

	for (int32 b = 0; b <= grid->nbuckets; b++)
		if (earlier_boundary(
				tally_grid_start(grid, b), earlier, by, zone, &hint) == -2)
			return b;
	return -1;
}

TallyGrid *
tally_grid_earlier(const TallyGrid *grid, const Interval *by)
{
	pg_tz *zone = tally_zone(tally_grid_zone(grid));
	Interval back = negative(by);
	TallyGridSpec spec = spec_of(grid,
								 zone,
								 tally_move(grid->lower, &back, zone),
								 tally_move(grid->upper, &back, zone));
	TallyGrid *earlier;
	int32 misfit;

	if (spec.during.lower >= grid->lower || spec.during.upper >= grid->upper)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" earlier is not earlier",
						tally_interval_text(by)),
				 errhint("Give a positive interval.")));
	/* A clock change, or the end of a month, can put two instants on one. */
	if (spec.during.lower >= spec.during.upper)
		does_not_fit(grid->upper, by, zone);
	earlier = tally_grid_make(&spec);
	if (first_misfit(grid, earlier, by, zone) < 0)
		return earlier;

	/* Weeks of other days, hours of other minutes: counted from elsewhere. */
	spec.has_origin = true;
	spec.origin = tally_move(grid->origin, &back, zone);
	earlier = tally_grid_make(&spec);
	misfit = first_misfit(grid, earlier, by, zone);
	if (misfit >= 0)
		does_not_fit(tally_grid_start(grid, misfit), by, zone);
	return earlier;
}

int32
tally_grid_counterpart(const TallyGrid *grid, int32 bucket,
					   const TallyGrid *earlier, const Interval *by,
					   pg_tz *zone, int32 *hint)
{
	TimestampTz start = tally_grid_start(grid, bucket);
	int32 found = earlier_boundary(start, earlier, by, zone, hint);

	if (found == -2)
		does_not_fit(start, by, zone);
	/* Behind the last boundary there is no bucket. */
	return found < earlier->nbuckets ? found : -1;
}
