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
 * The states of one stretch of blocks are in memory at a time.
 *
 * FILLS.  The sum, mean and so on of buckets' values is of the values that
 * tally.rows() shows, filled ones among them.  States, which cumulate and
 * merge, are of rows: there the fill says what stands where nothing fell into
 * the whole window.  A filled value stands for a whole bucket, and a rate
 * divides it by the length of one.
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

#include "series/two_step/series_table.h"
#include "time/move.h"

PG_FUNCTION_INFO_V1(tally_series_cumulate);
PG_FUNCTION_INFO_V1(tally_series_moving);
PG_FUNCTION_INFO_V1(tally_series_rate);

/* What holds nothing but the measure's own 0 or null. */
static const TallyFill no_fill = {TALLY_FILL_DEFAULT};

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

/*
 * states -- a panel of the measure of "like" and "n" buckets, which are just
 * numbers and of no time.
 */
static TallyPanel *
states(MemoryContext cxt, const TallyPanel *like, int32 n)
{
	Size size = offsetof(TallyGrid, bound);
	TallyGrid *grid = palloc0(size);

	SET_VARSIZE(grid, size);
	grid->version = TALLY_GRID_VERSION;
	grid->nbuckets = n;
	grid->width_us = 1;
	grid->last = grid->upper = n;
	return tally_panel_create(
		cxt, grid, 1, tally_panel_measure(like, 0), 0, NULL);
}

/*
 * fill_windows -- let the series' fill say what stands where nothing fell into
 * a window, of which n is 0.
 */
static void
fill_windows(Workspace *w, TallySeriesTable *table, const TallyPanel *series)
{
	TallyFill fill = *tally_panel_fill(series);
	TallyMeasure measure = {.kind = TALLY_MAX, .type = FLOAT8OID};
	TallyPanel *values;
	TallyFillWalk walk = {-1, -1};
	bool is_filled;

	if (fill.mode == TALLY_FILL_DEFAULT)
		return;
	values = tally_panel_create(w->panels, table->grid, 1, &measure, 0, NULL);
	for (int32 b = 0; b < table->grid->nbuckets; b++)
	{
		workspace_next(w);
		if (table->n[b] > 0 && !table->isnull[b])
			tally_panel_add(values,
							b,
							0,
							0,
							Float8GetDatum(table->value[b]),
							tally_grid_start(table->grid, b));
	}
	for (int32 b = 0; b < table->grid->nbuckets; b++)
	{
		bool isnull;
		float8 value = tally_fill_float8(
			&fill, values, 0, 0, b, &walk, &isnull, &is_filled);

		workspace_next(w);
		if (table->n[b] > 0 || (isnull && fill.mode != TALLY_FILL_NULL))
			continue;
		table->value[b] = value;
		table->isnull[b] = isnull;
	}
}

/* cumulated -- each bucket with all before it. */
static void
cumulated(FunctionCallInfo fcinfo, TallyPanel *series, TallySeriesTable *table)
{
	Workspace w;
	TallyPanel *sum;
	int64 n = 0;

	tally_series_table_read(table, series, &no_fill);
	workspace_begin(&w);
	sum = states(w.panels, series, 1);
	for (int32 b = 0; b < table->grid->nbuckets; b++)
	{
		workspace_next(&w);
		tally_panel_merge_bucket(sum, 0, series, b);
		table->value[b] = tally_series_table_value(sum, 0, &table->isnull[b]);
		table->n[b] = n += table->n[b];
	}
	fill_windows(&w, table, series);
	workspace_end(&w);
}

/* tally.cumulate(series): as tally.rows(), from the start of the range on */
Datum
tally_series_cumulate(PG_FUNCTION_ARGS)
{
	return tally_series_table_rows(fcinfo, cumulated);
}

/* Buckets whose states are in memory at once, unless a window is wider. */
#define STRETCH 4096

/*
 * move_stretch -- the values of the windows that end in [begin, end), which is
 * made of whole blocks; see the top of the file.  "forward" and "backward"
 * are of the buckets from "base" on, one block before "begin".
 */
static void
move_stretch(Workspace *w, TallySeriesTable *table, const TallyPanel *from,
			 int32 width, int32 begin, int32 end)
{
	int32 base = Max(begin - width, 0);
	MemoryContext cxt = AllocSetContextCreate(w->panels,
											  "tally series stretch",
											  ALLOCSET_SMALL_SIZES);
	TallyPanel *forward = states(cxt, from, end - base);
	TallyPanel *backward = states(cxt, from, end - base);

	for (int32 b = end - 1; b >= base; b--)
	{
		workspace_next(w);
		tally_panel_merge_bucket(backward, b - base, from, b);
		if ((b + 1) % width != 0 && b + 1 < end)
			tally_panel_merge_bucket(backward,
									 b - base,
									 backward,
									 b + 1 - base);
	}
	for (int32 b = begin; b < end; b++)
	{
		workspace_next(w);
		if (b % width != 0)
			tally_panel_merge_bucket(forward, b - base, forward, b - 1 - base);
		tally_panel_merge_bucket(forward, b - base, from, b);
	}
	for (int32 b = begin; b < end; b++)
	{
		int32 first = b - width + 1;

		workspace_next(w);
		/* A whole block is one pass; before the first there is nothing. */
		if (first > 0 && first % width != 0)
			tally_panel_merge_bucket(forward,
									 b - base,
									 backward,
									 first - base);
		table->value[b] =
			tally_series_table_value(forward, b - base, &table->isnull[b]);
	}
	MemoryContextDelete(cxt);
}

/* move_window -- the values of "from", "width" buckets at a time. */
static void
move_window(Workspace *w, TallySeriesTable *table, const TallyPanel *from,
			int32 width)
{
	int32 nbuckets = table->grid->nbuckets;
	int64 stretch = (int64) width * Max(STRETCH / width, 1);

	for (int64 begin = 0; begin < nbuckets; begin += stretch)
		move_stretch(w,
					 table,
					 from,
					 width,
					 (int32) begin,
					 (int32) Min(begin + stretch, nbuckets));
}

/* sum_counts -- how many values fell into each window. */
static void
sum_counts(TallySeriesTable *table, int32 width)
{
	int64 *own = table->n;
	int64 n = 0;

	table->n = palloc(table->grid->nbuckets * sizeof(int64));
	for (int32 b = 0; b < table->grid->nbuckets; b++)
	{
		CHECK_FOR_INTERRUPTS();
		n += own[b] - (b >= width ? own[b - width] : 0);
		table->n[b] = n;
	}
	pfree(own);
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
	Workspace w;
	TallyPanel *values = series;
	bool merges = strcmp(name, "merge") == 0;
	TallyMeasureKind kind = merges ? TALLY_SUM : function_of(name);

	if (width < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("moving window of %d buckets", width),
				 errhint("It must have at least one bucket.")));
	tally_series_table_read(table, series, merges ? &no_fill : NULL);
	width = Min(width, table->grid->nbuckets);
	sum_counts(table, width);

	workspace_begin(&w);
	if (!merges)
		values = series_of_values(&w, table, kind);
	move_window(&w, table, values, width);
	if (merges)
		fill_windows(&w, table, series);
	workspace_end(&w);
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
		TimestampTz from = tally_grid_start(grid, b);
		TimestampTz to = tally_grid_end(grid, b);

		CHECK_FOR_INTERRUPTS();
		if (!table->is_empty[b])
		{
			from = Max(from, grid->lower);
			to = Min(to, grid->upper);
		}
		table->value[b] /= (float8) (to - from) / unit;
	}
}

/* tally.rate(series, per): a count or a sum for each unit of time */
Datum
tally_series_rate(PG_FUNCTION_ARGS)
{
	return tally_series_table_rows(fcinfo, rated);
}
