/*-------------------------------------------------------------------------
 *
 * grid.c
 *	  Makes grids: where the buckets of a range begin and end.
 *
 * Boundary number k of a grid, for any whole k, is
 *
 *	  months	the local time "origin + k months", as an instant
 *	  days		the local time "origin + k days", as an instant
 *	  time		the instant "origin" + k steps
 *
 * and a grid has the boundaries from the last one at or before the range to
 * the first one at or after it.  So months and days follow the calendar (a
 * day of 23 hours is one bucket), while hours, minutes and seconds stay even
 * in UTC (across a clock change they stay equally long and the local clock
 * times of their boundaries move).
 *
 * Each boundary is counted from the origin, never from its neighbour:
 * from 31 January the monthly boundaries are 28 February and 31 March, not 28
 * March.  A local time that was skipped is the instant of the change, one
 * that was shown twice is the first of the two (zone.c).  Where a zone
 * skipped a whole day (Apia, 2011-12-30) two boundaries are one instant, and
 * are listed once: boundaries are strictly ascending, no bucket is empty.
 *
 * WHAT BUCKETS ARE COUNTED FROM, unless an origin is given:
 *
 *	  months	2000-01-01 00:00 local, so quarters and years are the usual
 *	  weeks		the first day on or after 2000-01-03, a Monday, that is
 *				week_start (a step of 7 n days is one of n weeks)
 *	  days		2000-01-03 00:00 local
 *	  time		when it divides 24 hours, local midnight of the day in which
 *				the range starts; otherwise 2000-01-03 00:00 local
 *
 * Of a given origin, months and days take the local clock time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "common/int.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "guc.h"
#include "time/grid.h"
#include "time/zone.h"

/* 2000-01-03, the Monday that days and weeks count from: days from epoch. */
#define ORIGIN_MONDAY 2

/* A calendar step, with the local time it counts from taken apart. */
typedef struct Calendar
{
	int32 months; /* of these two, one is 0 */
	int32 days;
	int64 origin;		/* local */
	int64 origin_month; /* months from year 0 */
	int origin_day;		/* of the month, 1 .. 31 */
	int64 origin_time;	/* of the day */
	pg_tz *zone;
	const TallyGridSpec *spec; /* for errors */
} Calendar;

/* floor_div -- a / b rounded down; C rounds towards zero.  b > 0. */
static int64
floor_div(int64 a, int64 b)
{
	int64 q = a / b;

	return a % b < 0 ? q - 1 : q;
}

/* step_text -- the step as an interval is usually written. */
static char *
step_text(const TallyGridSpec *spec)
{
	Interval step = {spec->us, spec->days, spec->months};
	struct pg_itm itm;
	char buf[MAXDATELEN + 1];

	interval2itm(step, &itm);
	EncodeInterval(&itm, INTSTYLE_POSTGRES, buf);
	return pstrdup(buf);
}

pg_noreturn static void beyond_calendar(const TallyGridSpec *spec);

static void
beyond_calendar(const TallyGridSpec *spec)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("a bucket of \"%s\" would reach beyond the first or the "
					"last timestamp",
					step_text(spec)),
			 errhint("Ask for a smaller step, or for a range that is a whole "
					 "step away from the years 4713 BC and 294276.")));
}

/* check_spec -- refuse what makes no sense. */
static void
check_spec(const TallyGridSpec *spec)
{
	int parts = (spec->months != 0) + (spec->days != 0) + (spec->us != 0);
	int64 length;

	if (parts != 1 || spec->months < 0 || spec->days < 0 || spec->us < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("step \"%s\" is not a step that buckets can have",
						step_text(spec)),
				 errdetail("A step is a positive number of months (or years), "
						   "of days (or weeks), or of hours, minutes and "
						   "seconds, and not a mix of these.")));
	if (spec->week_start < 1 || spec->week_start > 7)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("week_start %d is not a day of the week",
						spec->week_start),
				 errdetail("Days are 1 (Monday) to 7 (Sunday).")));
	if (spec->has_origin && !IS_VALID_TIMESTAMP(spec->origin))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("origin of the buckets is not a finite timestamp")));
	if (!IS_VALID_TIMESTAMP(spec->during.lower) ||
		!IS_VALID_TIMESTAMP(spec->during.upper))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range of the buckets has no finite start or no "
						"finite end"),
				 errhint("Give a range with both ends, such as "
						 "[2025-03-01,2025-04-01).")));
	if (spec->during.lower >= spec->during.upper)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range of the buckets is empty: it starts at %s and "
						"ends at %s",
						pstrdup(timestamptz_to_str(spec->during.lower)),
						pstrdup(timestamptz_to_str(spec->during.upper))),
				 errhint("The start must be before the end.")));
	if (pg_sub_s64_overflow(spec->during.upper, spec->during.lower, &length))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range of the buckets is longer than 292,000 "
						"years")));
}

/* check_count -- refuse too many buckets, before memory is taken for them. */
static void
check_count(const TallyGridSpec *spec, int64 nbuckets)
{
	if (nbuckets > tally_max_buckets)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many buckets"),
				 errdetail("The range has " INT64_FORMAT
						   " buckets of \"%s\"; the limit is %d.",
						   nbuckets,
						   step_text(spec),
						   tally_max_buckets),
				 errhint("Ask for a shorter range or a wider step, or raise "
						 "tally.max_buckets.")));
}

/* calendar_begin -- a calendar for the step of "spec". */
static void
calendar_begin(Calendar *cal, const TallyGridSpec *spec)
{
	int64 day = 0;
	int year;
	int month;

	if (spec->has_origin)
		cal->origin = tally_instant_to_local(spec->origin, spec->zone);
	else
	{
		if (spec->months == 0)
			day = ORIGIN_MONDAY;
		if (spec->days % 7 == 0 && spec->days > 0)
			day += spec->week_start - 1;
		cal->origin = day * USECS_PER_DAY;
	}
	cal->months = spec->months;
	cal->days = spec->days;
	cal->zone = spec->zone;
	cal->spec = spec;

	day = floor_div(cal->origin, USECS_PER_DAY);
	cal->origin_time = cal->origin - day * USECS_PER_DAY;
	j2date((int) day + POSTGRES_EPOCH_JDATE, &year, &month, &cal->origin_day);
	cal->origin_month = (int64) year * MONTHS_PER_YEAR + month - 1;
}

/*
 * calendar_local -- the local time of boundary k, which is an error when no
 * timestamp is near it.  The limits are far inside those of the arithmetic.
 */
static int64
calendar_local(const Calendar *cal, int64 k)
{
	int64 day;
	int64 local;

	if (cal->months > 0)
	{
		int64 m = cal->origin_month + k * cal->months;
		int64 year = floor_div(m, MONTHS_PER_YEAR);
		int month = (int) (m - year * MONTHS_PER_YEAR);

		if (year < JULIAN_MINYEAR || year > 294277)
			beyond_calendar(cal->spec);
		day =
			date2j((int) year,
				   month + 1,
				   Min(cal->origin_day, day_tab[isleap((int) year)][month])) -
			POSTGRES_EPOCH_JDATE;
	}
	else
		day = floor_div(cal->origin, USECS_PER_DAY) + k * cal->days;

	if (day < -POSTGRES_EPOCH_JDATE - 1 ||
		day > TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
		beyond_calendar(cal->spec);
	local = day * USECS_PER_DAY + cal->origin_time;
	return local;
}

/* calendar_instant -- boundary k, when it is the only one wanted. */
static TimestampTz
calendar_instant(const Calendar *cal, int64 k)
{
	int64 local = calendar_local(cal, k);
	TallyZoneWalk walk;

	tally_zone_walk_begin(&walk, cal->zone, local);
	return tally_zone_walk_to(&walk, local);
}

/*
 * calendar_floor -- the greatest k whose boundary is at or before "instant".
 *
 * The local clock gives a guess, which the month's end (from an origin on the
 * 31st) or a clock that was put back can make wrong by one or two.
 */
static int64
calendar_floor(const Calendar *cal, TimestampTz instant)
{
	int64 local = tally_instant_to_local(instant, cal->zone);
	int64 day = floor_div(local, USECS_PER_DAY);
	int64 k;

	if (cal->months > 0)
	{
		int year;
		int month;
		int mday;

		j2date((int) day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
		k = floor_div((int64) year * MONTHS_PER_YEAR + month - 1 -
						  cal->origin_month,
					  cal->months);
	}
	else
		k = floor_div(day - floor_div(cal->origin, USECS_PER_DAY), cal->days);

	while (calendar_instant(cal, k) > instant)
		k--;
	while (calendar_instant(cal, k + 1) <= instant)
		k++;
	return k;
}

/*
 * time_origin -- the instant that hours, minutes and seconds count from.
 */
static TimestampTz
time_origin(const TallyGridSpec *spec)
{
	int64 local = ORIGIN_MONDAY * USECS_PER_DAY;

	if (spec->has_origin)
		return spec->origin;
	if (USECS_PER_DAY % spec->us == 0)
	{
		local = tally_instant_to_local(spec->during.lower, spec->zone);
		local = floor_div(local, USECS_PER_DAY) * USECS_PER_DAY;
	}
	return tally_local_to_instant(local, spec->zone);
}

/* grid_new -- a grid with room for its boundaries, if they are listed. */
static TallyGrid *
grid_new(const TallyGridSpec *spec, int64 nbuckets, bool listed)
{
	Size nbounds = listed ? (Size) nbuckets + 1 : 0;
	const char *zone = pg_get_timezone_name(spec->zone);
	Size zone_len = strlen(zone);
	Size size =
		offsetof(TallyGrid, bound) + nbounds * sizeof(TimestampTz) + zone_len;
	TallyGrid *grid;

	if (!AllocSizeIsValid(size))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many buckets for one value")));
	grid = palloc0(size);
	SET_VARSIZE(grid, size);
	grid->version = TALLY_GRID_VERSION;
	grid->week_start = (uint8) spec->week_start;
	grid->zone_len = (uint16) zone_len;
	grid->nbuckets = (int32) nbuckets;
	grid->every_months = spec->months;
	grid->every_days = spec->days;
	grid->every_us = spec->us;
	grid->lower = spec->during.lower;
	grid->upper = spec->during.upper;
	grid->flags = spec->has_origin ? TALLY_GRID_HAS_ORIGIN : 0;
	memcpy((char *) grid + size - zone_len, zone, zone_len);
	return grid;
}

/* grid_finish -- the last touch: the fingerprint.  See grid.h. */
static TallyGrid *
grid_finish(TallyGrid *grid)
{
	Size skip = offsetof(TallyGrid, fingerprint) + sizeof(grid->fingerprint);

	grid->fingerprint =
		DatumGetUInt64(hash_any_extended((unsigned char *) grid + skip,
										 (int) (VARSIZE(grid) - skip),
										 grid->week_start));
	return grid;
}

/* time_grid -- a grid of hours, minutes or seconds. */
static TallyGrid *
time_grid(const TallyGridSpec *spec)
{
	TimestampTz origin = time_origin(spec);
	int64 from_origin;
	int64 k;
	int64 nbuckets;
	int64 length;
	TimestampTz first;
	TimestampTz last;
	TallyGrid *grid;

	if (pg_sub_s64_overflow(spec->during.lower, origin, &from_origin))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("origin of the buckets is more than 292,000 years "
						"from their range")));
	k = floor_div(from_origin, spec->us);
	if (pg_mul_s64_overflow(k, spec->us, &from_origin) ||
		pg_add_s64_overflow(origin, from_origin, &first) ||
		!IS_VALID_TIMESTAMP(first) ||
		pg_sub_s64_overflow(spec->during.upper, first, &length))
		beyond_calendar(spec);

	nbuckets = (length - 1) / spec->us + 1;
	check_count(spec, nbuckets);
	if (pg_mul_s64_overflow(nbuckets, spec->us, &length) ||
		pg_add_s64_overflow(first, length, &last) || !IS_VALID_TIMESTAMP(last))
		beyond_calendar(spec);

	grid = grid_new(spec, nbuckets, false);
	grid->width_us = spec->us;
	grid->first = first;
	grid->last = last;
	grid->origin = origin;
	return grid_finish(grid);
}

/*
 * list_boundaries -- fill bound[] with boundaries k .. k + nbuckets, each
 * instant once.  Returns how many there are.
 */
static int64
list_boundaries(const Calendar *cal, int64 k, int64 nbuckets,
				TimestampTz *bound)
{
	TallyZoneWalk walk;
	int64 n = 0;
	int64 i;

	tally_zone_walk_begin(&walk, cal->zone, calendar_local(cal, k));
	for (i = 0; i <= nbuckets; i++)
	{
		int64 local = calendar_local(cal, k + i);
		TimestampTz instant = tally_zone_walk_to(&walk, local);

		CHECK_FOR_INTERRUPTS();
		if (!IS_VALID_TIMESTAMP(instant))
			beyond_calendar(cal->spec);
		if (n == 0 || instant > bound[n - 1])
			bound[n++] = instant;
	}
	return n;
}

/* common_width -- the width of all buckets, or 0 when they differ. */
static int64
common_width(const TimestampTz *bound, int64 nbounds)
{
	int64 width = bound[1] - bound[0];
	int64 i;

	for (i = 2; i < nbounds; i++)
		if (bound[i] - bound[i - 1] != width)
			return 0;
	return width;
}

/*
 * fixed_days -- the width of a step of days in a zone whose clock never
 * changes, or 0.  Saves listing boundaries only to find them even.
 */
static int64
fixed_days(const Calendar *cal)
{
	long int offset;

	if (cal->days == 0 || !pg_get_timezone_offset(cal->zone, &offset))
		return 0;
	return cal->days * USECS_PER_DAY;
}

/* calendar_grid -- a grid of months or days. */
static TallyGrid *
calendar_grid(const TallyGridSpec *spec)
{
	Calendar cal;
	int64 k;
	int64 nbuckets;
	int64 width;
	TimestampTz *bound;
	TallyGrid *grid;

	calendar_begin(&cal, spec);
	k = calendar_floor(&cal, spec->during.lower);
	nbuckets = calendar_floor(&cal, spec->during.upper - 1) - k + 1;
	check_count(spec, nbuckets);

	width = fixed_days(&cal);
	if (width > 0)
	{
		bound = palloc(2 * sizeof(TimestampTz));
		bound[0] = calendar_instant(&cal, k);
		bound[1] = calendar_instant(&cal, k + nbuckets);
		if (!IS_VALID_TIMESTAMP(bound[0]) || !IS_VALID_TIMESTAMP(bound[1]))
			beyond_calendar(spec);
		grid = grid_new(spec, nbuckets, false);
		grid->last = bound[1];
	}
	else
	{
		bound =
			MemoryContextAllocExtended(CurrentMemoryContext,
									   (nbuckets + 1) * sizeof(TimestampTz),
									   0);
		nbuckets = list_boundaries(&cal, k, nbuckets, bound) - 1;
		width = common_width(bound, nbuckets + 1);
		grid = grid_new(spec, nbuckets, width == 0);
		if (width == 0)
			memcpy(grid->bound, bound, (nbuckets + 1) * sizeof(TimestampTz));
		grid->last = bound[nbuckets];
	}
	grid->width_us = width;
	grid->first = bound[0];
	grid->origin = spec->has_origin
					   ? spec->origin
					   : tally_local_to_instant(cal.origin, spec->zone);
	pfree(bound);
	return grid_finish(grid);
}

TallyGrid *
tally_grid_make(const TallyGridSpec *spec)
{
	check_spec(spec);

	return spec->us > 0 ? time_grid(spec) : calendar_grid(spec);
}

char *
tally_grid_zone(const TallyGrid *grid)
{
	return pnstrdup((const char *) grid + VARSIZE(grid) - grid->zone_len,
					grid->zone_len);
}

void
tally_grid_cursor_init(TallyGridCursor *cursor, const TallyGrid *grid)
{
	double length = (double) grid->last - (double) grid->first;

	memset(cursor, 0, sizeof(*cursor));
	cursor->per_us = grid->nbuckets / length;
	cursor->before =
		((double) grid->lower - (double) grid->first) * cursor->per_us;
}

/*
 * tally_grid_search -- the bucket of an instant, wherever it is.
 *
 * Calendar buckets differ little in width, so the share of the grid's length
 * that has passed gives the bucket to within one or two: a few comparisons
 * against the eleven of a binary search over 2,000 buckets (measured: 296 ms
 * against 384 ms over 2 M rows in random order).  In double precision the
 * share may be off by one bucket more, of uniform ones, too; the steps that
 * follow make it right.  A multiplication, since a division of integers takes
 * several times as long.
 */
int32
tally_grid_search(const TallyGrid *grid, TallyGridCursor *cursor,
				  TimestampTz t)
{
	TimestampTz start;
	TimestampTz end;
	int32 i;

	if (t < grid->lower || t >= grid->upper)
		return -1;
	i = (int32) ((double) (t - grid->lower) * cursor->per_us + cursor->before);
	i = Max(Min(i, grid->nbuckets - 1), 0);

	while (t < (start = tally_grid_start(grid, i)))
		i--;
	while (t >= (end = tally_grid_end(grid, i)))
	{
		start = end;
		i++;
	}
	cursor->lower = Max(start, grid->lower);
	cursor->upper = Min(end, grid->upper);
	return cursor->bucket = i;
}
