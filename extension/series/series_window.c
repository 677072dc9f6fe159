/*-------------------------------------------------------------------------
 *
 * series_window.c
 *	  tally.cumulate(), tally.moving() and tally.rate(): rows whose value is
 *	  made of several buckets, or of a bucket's value and its length.
 *
 * They return rows and no series: the values of two buckets would stand for
 * some rows twice, or for none.  In each row n is how many values "value" is
 * made of, and is_filled that none of them fell into the bucket itself, yet a
 * value stands there.
 *
 * A MOVING WINDOW of w buckets takes two passes and no subtraction, which
 * minima do not have and floats do not survive.  Cut the buckets into blocks
 * of w, merge forward and backward inside each block; a window is then the
 * rest of one block and the beginning of the next:
 *
 *	 blocks of 4   [ a b c d ][ e f g h ]
 *	 window		       [ c d   e f ]	 = backward of c, forward of f
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "series/series_table.h"
#include "time/move.h"

PG_FUNCTION_INFO_V1(tally_series_cumulate);
PG_FUNCTION_INFO_V1(tally_series_moving);
PG_FUNCTION_INFO_V1(tally_series_rate);

/* A place for panels, and one for what a single value leaves behind. */
typedef struct Workspace
{
	MemoryContext panels;
	MemoryContext scratch;
	MemoryContext caller;
} Workspace;

static void
workspace_begin(Workspace *w)
{
	w->panels = AllocSetContextCreate(CurrentMemoryContext,
									  "tally series window",
									  ALLOCSET_DEFAULT_SIZES);
	w->scratch = AllocSetContextCreate(w->panels,
									   "tally series value",
									   ALLOCSET_DEFAULT_SIZES);
	w->caller = MemoryContextSwitchTo(w->scratch);
}

static void
workspace_end(Workspace *w)
{
	MemoryContextSwitchTo(w->caller);
	MemoryContextDelete(w->panels);
}

static void
workspace_next(Workspace *w)
{
	CHECK_FOR_INTERRUPTS();
	MemoryContextReset(w->scratch);
}

/* cumulated -- each bucket with all before it. */
static void
cumulated(FunctionCallInfo fcinfo, TallyPanel *series, TallySeriesTable *table)
{
	Workspace w;
	TallyPanel *sum;
	int64 n = 0;

	tally_series_table_read(table, series, NULL);
	workspace_begin(&w);
	/* Of this panel just the first bucket is used, as a running state. */
	sum = tally_panel_like(w.panels, series, table->grid);
	for (int32 b = 0; b < table->grid->nbuckets; b++)
	{
		workspace_next(&w);
		tally_panel_merge_bucket(sum, 0, series, b);
		table->value[b] = tally_series_table_value(sum, 0, &table->isnull[b]);
		table->n[b] = n += table->n[b];
	}
	workspace_end(&w);
}

/* tally.cumulate(series): as tally.rows(), from the start of the range on */
Datum
tally_series_cumulate(PG_FUNCTION_ARGS)
{
	return tally_series_table_rows(fcinfo, cumulated);
}

/* merge_blocks -- the two passes; see the top of the file. */
static void
merge_blocks(Workspace *w, TallyPanel *forward, TallyPanel *backward,
			 const TallyPanel *from, int32 nbuckets, int32 width)
{
	for (int32 b = 0; b < nbuckets; b++)
	{
		workspace_next(w);
		if (b % width != 0)
			tally_panel_merge_bucket(forward, b, forward, b - 1);
		tally_panel_merge_bucket(forward, b, from, b);
	}
	for (int32 b = nbuckets - 1; b >= 0; b--)
	{
		workspace_next(w);
		tally_panel_merge_bucket(backward, b, from, b);
		if ((b + 1) % width != 0 && b + 1 < nbuckets)
			tally_panel_merge_bucket(backward, b, backward, b + 1);
	}
}

/* move_window -- the values of "from", "width" buckets at a time. */
static void
move_window(Workspace *w, TallySeriesTable *table, const TallyPanel *from,
			int32 width)
{
	int32 nbuckets = table->grid->nbuckets;
	TallyPanel *forward = tally_panel_like(w->panels, from, table->grid);
	TallyPanel *backward = tally_panel_like(w->panels, from, table->grid);

	merge_blocks(w, forward, backward, from, nbuckets, width);
	for (int32 b = 0; b < nbuckets; b++)
	{
		int32 first = b - width + 1;

		workspace_next(w);
		/* A whole block is one pass; before it there is nothing. */
		if (first > 0 && first % width != 0)
			tally_panel_merge_bucket(forward, b, backward, first);
		table->value[b] =
			tally_series_table_value(forward, b, &table->isnull[b]);
	}
}

/*
 * series_of_values -- a series whose measure is "kind" and which has one value
 * a bucket: that of the table, and none where it is null.
 */
static TallyPanel *
series_of_values(Workspace *w, const TallySeriesTable *table,
				 TallyMeasureKind kind)
{
	TallyMeasure measure = {.kind = kind, .type = FLOAT8OID};
	TallyPanel *series =
		tally_panel_create(w->panels, table->grid, 1, &measure, 0, NULL);

	for (int32 b = 0; b < table->grid->nbuckets; b++)
	{
		workspace_next(w);
		if (!table->isnull[b])
			tally_panel_add(series,
							b,
							0,
							0,
							Float8GetDatum(table->value[b]),
							tally_grid_start(table->grid, b));
	}
	return series;
}

/* function_of -- the measure with which tally.moving() looks at values. */
static TallyMeasureKind
function_of(const char *name)
{
	if (strcmp(name, "sum") == 0)
		return TALLY_SUM;
	if (strcmp(name, "avg") == 0)
		return TALLY_AVG;
	if (strcmp(name, "min") == 0)
		return TALLY_MIN;
	if (strcmp(name, "max") == 0)
		return TALLY_MAX;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown function \"%s\" of a moving window", name),
			 errdetail("It is sum, avg, min or max of the buckets' values, or "
					   "merge: the measure of the series itself, over all "
					   "rows of the window.")));
	return TALLY_SUM;
}

/* moved -- the table of tally.moving(). */
static void
moved(FunctionCallInfo fcinfo, TallyPanel *series, TallySeriesTable *table)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int32 width = PG_GETARG_INT32(2);
	int64 n = 0;
	int64 *own;
	Workspace w;
	TallyPanel *values = series;
	bool merges = strcmp(name, "merge") == 0;
	TallyMeasureKind kind = merges ? TALLY_SUM : function_of(name);

	if (width < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("moving window of %d buckets", width),
				 errhint("It must have at least one bucket.")));
	tally_series_table_read(table, series, NULL);
	width = Min(width, table->grid->nbuckets);

	workspace_begin(&w);
	if (!merges)
		values = series_of_values(&w, table, kind);
	move_window(&w, table, values, width);
	workspace_end(&w);

	own = table->n;
	table->n = palloc(table->grid->nbuckets * sizeof(int64));
	for (int32 b = 0; b < table->grid->nbuckets; b++)
	{
		n += own[b] - (b >= width ? own[b - width] : 0);
		table->n[b] = n;
	}
}

/* tally.moving(series, fn, width): each bucket with width - 1 before it */
Datum
tally_series_moving(PG_FUNCTION_ARGS)
{
	return tally_series_table_rows(fcinfo, moved);
}

/* unit_of -- the length of time that a rate is for, in microseconds. */
static float8
unit_of(const Interval *per)
{
	float8 us =
		(float8) per->day * (float8) USECS_PER_DAY + (float8) per->time;

	if (per->month != 0 || us <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a unit that a rate can be for",
						tally_interval_text(per)),
				 errhint("Give a positive number of seconds, minutes, hours "
						 "or days (of 24 hours), such as 1 minute.")));
	return us;
}

/* rated -- the table of tally.rate(). */
static void
rated(FunctionCallInfo fcinfo, TallyPanel *series, TallySeriesTable *table)
{
	float8 unit = unit_of(PG_GETARG_INTERVAL_P(1));
	TallyMeasureKind kind = tally_panel_measure(series, 0)->kind;
	const TallyGrid *grid;

	if (kind != TALLY_COUNT && kind != TALLY_SUM)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("series is neither a count nor a sum"),
				 errdetail("Only these grow with the length of a bucket.")));
	tally_series_table_read(table, series, NULL);
	grid = table->grid;
	for (int32 b = 0; b < grid->nbuckets; b++)
	{
		/* Of a partial bucket only what is in the range was counted. */
		TimestampTz from = Max(tally_grid_start(grid, b), grid->lower);
		TimestampTz to = Min(tally_grid_end(grid, b), grid->upper);

		table->value[b] /= (float8) (to - from) / unit;
	}
}

/* tally.rate(series, per): a count or a sum for each unit of time */
Datum
tally_series_rate(PG_FUNCTION_ARGS)
{
	return tally_series_table_rows(fcinfo, rated);
}
