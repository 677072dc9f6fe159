/*-------------------------------------------------------------------------
 *
 * series_fill.c
 *	  tally.rows(series, fill, max_gap, seed): what stands where nothing fell.
 *
 * Buckets into which no value fell are shown with
 *
 *	  null		what the measure says of nothing: 0 for a count, else null
 *	  zero		0
 *	  previous	the value of the nearest bucket before that has one, or the
 *				seed; a value lasts from its bucket's start for max_gap
 *	  next		the value of the nearest bucket after that has one, if its
 *				start is within max_gap
 *	  linear	the straight line between the two, by time: from bucket start to
 *				bucket start, if those are at most max_gap apart
 *
 * What a mode cannot reach is shown as with null.  is_filled and n do not
 * change: a filled bucket is still one into which nothing fell.
 *
 * max_gap is counted on the calendar of the grid's zone.  The seed is a value
 * from before the range, of which no time is known: it counts as seen when
 * the range starts, and is of no use to linear.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "series/series_table.h"
#include "time/move.h"

PG_FUNCTION_INFO_V1(tally_series_rows);

/* Arguments of tally.rows(). */
enum
{
	ARG_SERIES,
	ARG_FILL,
	ARG_MAX_GAP,
	ARG_SEED
};

typedef enum FillMode
{
	FILL_NULL,
	FILL_ZERO,
	FILL_PREVIOUS,
	FILL_NEXT,
	FILL_LINEAR,
	FILL__COUNT
} FillMode;

static const char *const mode_names[FILL__COUNT] = {
	[FILL_NULL] = "null",
	[FILL_ZERO] = "zero",
	[FILL_PREVIOUS] = "previous",
	[FILL_NEXT] = "next",
	[FILL_LINEAR] = "linear",
};

typedef struct Fill
{
	FillMode mode;
	const Interval *max_gap; /* NULL: any */
	bool has_seed;
	float8 seed;
	pg_tz *zone; /* of the grid, when there is a max_gap */
} Fill;

static FillMode
mode_of(const char *name)
{
	for (int i = 0; i < FILL__COUNT; i++)
		if (strcmp(name, mode_names[i]) == 0)
			return (FillMode) i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown fill \"%s\"", name),
			 errhint("It is null, zero, previous, next or linear.")));
	return FILL_NULL;
}

/* check_max_gap -- refuse what no distance can be compared with. */
static void
check_max_gap(const Fill *fill)
{
	const Interval *gap = fill->max_gap;

	if (fill->mode == FILL_NULL || fill->mode == FILL_ZERO)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fill \"%s\" takes no max_gap",
						mode_names[fill->mode]),
				 errhint("Fills that take one are previous, next and "
						 "linear.")));
	if (gap->month < 0 || gap->day < 0 || gap->time < 0 ||
		(gap->month == 0 && gap->day == 0 && gap->time == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_gap \"%s\" is not positive",
						tally_interval_text(gap))));
}

/* read_fill -- the arguments of tally.rows(), checked. */
static void
read_fill(FunctionCallInfo fcinfo, Fill *fill)
{
	memset(fill, 0, sizeof(*fill));
	if (!PG_ARGISNULL(ARG_FILL))
		fill->mode = mode_of(text_to_cstring(PG_GETARG_TEXT_PP(ARG_FILL)));
	if (!PG_ARGISNULL(ARG_MAX_GAP))
	{
		fill->max_gap = PG_GETARG_INTERVAL_P(ARG_MAX_GAP);
		check_max_gap(fill);
	}
	if (!PG_ARGISNULL(ARG_SEED))
	{
		if (fill->mode != FILL_PREVIOUS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("fill \"%s\" takes no seed",
							mode_names[fill->mode]),
					 errhint("The fill that takes one is previous.")));
		fill->has_seed = true;
		fill->seed = PG_GETARG_FLOAT8(ARG_SEED);
	}
}

/* reach -- the last instant that is within max_gap of "from". */
static TimestampTz
reach(const Fill *fill, TimestampTz from)
{
	if (fill->max_gap == NULL)
		return PG_INT64_MAX;
	return tally_move(from, fill->max_gap, fill->zone);
}

static void
set_value(TallySeriesTable *t, int32 b, float8 value)
{
	t->value[b] = value;
	t->isnull[b] = false;
}

static void
fill_zero(TallySeriesTable *t)
{
	for (int32 b = 0; b < t->grid->nbuckets; b++)
		if (t->is_filled[b])
			set_value(t, b, 0);
}

static void
fill_previous(const Fill *fill, TallySeriesTable *t)
{
	bool known = fill->has_seed;
	float8 value = fill->seed;
	TimestampTz until = known ? reach(fill, t->grid->lower) : 0;

	for (int32 b = 0; b < t->grid->nbuckets; b++)
	{
		TimestampTz start = tally_grid_start(t->grid, b);

		if (!t->is_filled[b])
		{
			known = true;
			value = t->value[b];
			until = reach(fill, start);
		}
		else if (known && start <= until)
			set_value(t, b, value);
	}
}

static void
fill_next(const Fill *fill, TallySeriesTable *t)
{
	int32 next = -1;

	for (int32 b = t->grid->nbuckets - 1; b >= 0; b--)
	{
		if (!t->is_filled[b])
			next = b;
		else if (next >= 0 && tally_grid_start(t->grid, next) <=
								  reach(fill, tally_grid_start(t->grid, b)))
			set_value(t, b, t->value[next]);
	}
}

/* line -- the value at a share "part" of "whole" on the way from a to b. */
static float8
line(float8 a, float8 b, float8 part, float8 whole)
{
	float8 rise = (b - a) * part;

	/* Equal infinities have a line, though no difference. */
	if (a == b)
		return a;
	if (isfinite(rise))
		return a + rise / whole;
	return a * (1 - part / whole) + b * (part / whole);
}

static void
fill_linear(const Fill *fill, TallySeriesTable *t)
{
	int32 from = -1;

	for (int32 b = 0; b < t->grid->nbuckets; b++)
	{
		TimestampTz end = tally_grid_start(t->grid, b);
		TimestampTz start;

		if (t->is_filled[b])
			continue;
		start = from >= 0 ? tally_grid_start(t->grid, from) : 0;
		if (from >= 0 && from < b - 1 && end <= reach(fill, start))
			for (int32 i = from + 1; i < b; i++)
				set_value(t,
						  i,
						  line(t->value[from],
							   t->value[b],
							   (float8) (tally_grid_start(t->grid, i) - start),
							   (float8) (end - start)));
		from = b;
	}
}

/* filled -- the table of tally.rows(). */
static void
filled(FunctionCallInfo fcinfo, TallyPanel *series, TallySeriesTable *table)
{
	Fill fill;

	read_fill(fcinfo, &fill);
	tally_series_table_read(table, series);
	if (fill.max_gap != NULL)
		fill.zone = tally_zone(tally_grid_zone(table->grid));
	switch (fill.mode)
	{
		case FILL_NULL:
			break;
		case FILL_ZERO:
			fill_zero(table);
			break;
		case FILL_PREVIOUS:
			fill_previous(&fill, table);
			break;
		case FILL_NEXT:
			fill_next(&fill, table);
			break;
		case FILL_LINEAR:
			fill_linear(&fill, table);
			break;
		case FILL__COUNT:
			elog(ERROR, "invalid fill");
	}
}

/* tally.rows(series, fill, max_gap, seed): a row a bucket, in order. */
Datum
tally_series_rows(PG_FUNCTION_ARGS)
{
	return tally_series_table_rows(fcinfo, filled);
}
