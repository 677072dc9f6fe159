/*-------------------------------------------------------------------------
 *
 * series_rebucket.c
 *	  tally.rebucket(series, grid): the same rows in wider buckets.
 *
 * States are merged, never values, so the result is the series that the rows
 * themselves would have made: the mean of a day is that of its rows, not that
 * of its hours.  This holds only where no stored bucket has to be cut:
 *
 *	 stored	  |-----|-----|-----|-----|-----|
 *	 asked	  |-----------|-----------------|	 fits
 *	 asked	  |--------|--------------------|	 refused: it cuts the second
 *
 * A grid cuts where its buckets meet and where its range starts and ends.  A
 * stored series can be cut at its boundaries, and where its own range starts
 * and ends: behind those it holds nothing.  Which zone and step either grid
 * was made of does not matter.
 *
 * The fill of the series, a rule and no values, goes on to the wider buckets;
 * but a seed is a value, of a bucket as long as the stored ones.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "series/panel/fill.h"

PG_FUNCTION_INFO_V1(tally_series_rebucket);

/* range_text -- the range of a grid, as a tstzrange is written. */
static char *
range_text(const TallyGrid *grid)
{
	char *lower = pstrdup(timestamptz_to_str(grid->lower));

	return psprintf("[%s, %s)", lower, timestamptz_to_str(grid->upper));
}

static void
check_covered(const TallyGrid *stored, const TallyGrid *asked)
{
	if (asked->lower < stored->lower || asked->upper > stored->upper)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("series does not cover the range of the grid: it has "
						"nothing at %s",
						timestamptz_to_str(asked->lower < stored->lower
											   ? asked->lower
											   : stored->upper)),
				 errdetail("The series is of %s, the grid of %s.",
						   range_text(stored),
						   range_text(asked)),
				 errhint("Make the grid over a range within that of the "
						 "series.")));
}

/*
 * check_cut -- refuse a cut at "at" that falls inside a stored bucket.
 * *bucket, never after it, moves along with the cuts, which come in order.
 */
static void
check_cut(const TallyGrid *stored, TimestampTz at, int32 *bucket)
{
	CHECK_FOR_INTERRUPTS();
	while (*bucket < stored->nbuckets && tally_grid_end(stored, *bucket) <= at)
		(*bucket)++;
	if (*bucket == stored->nbuckets || at == stored->lower ||
		at == stored->upper || at == tally_grid_start(stored, *bucket))
		return;
	{
		char *start =
			pstrdup(timestamptz_to_str(tally_grid_start(stored, *bucket)));
		char *end =
			pstrdup(timestamptz_to_str(tally_grid_end(stored, *bucket)));

		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("boundary %s of the grid does not fall on one of the "
					"series",
					timestamptz_to_str(at)),
			 errdetail("It is inside the bucket from %s to %s.", start, end),
			 errhint("Make the grid of a step and a range whose "
					 "boundaries are all among those of the series.")));
	}
}

/* check_nests -- refuse a grid that would cut a stored bucket. */
static void
check_nests(const TallyGrid *stored, const TallyGrid *asked)
{
	int32 bucket = 0;

	check_covered(stored, asked);
	check_cut(stored, asked->lower, &bucket);
	for (int32 b = 1; b < asked->nbuckets; b++)
		check_cut(stored, tally_grid_start(asked, b), &bucket);
	check_cut(stored, asked->upper, &bucket);
}

/* check_fill -- refuse a seed that stands for buckets of another step. */
static void
check_fill(const TallyPanel *series, const TallyGrid *asked)
{
	const TallyFill *fill = tally_panel_fill(series);

	if (fill->has_seed && !tally_grid_equal(tally_panel_grid(series), asked))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("series is filled with %s", tally_fill_text(fill)),
				 errdetail("A seed is the value before the series, in buckets "
						   "of its own step."),
				 errhint("Fill the re-bucketed series: "
						 "tally.fill(tally.rebucket(..), ..).")));
}

/* tally.rebucket(series, grid) returns series */
Datum
tally_series_rebucket(PG_FUNCTION_ARGS)
{
	TallyPanel *series =
		tally_panel_from_datum(PG_GETARG_DATUM(0), CurrentMemoryContext);
	const TallyGrid *asked = PG_GETARG_TALLY_GRID(1);
	const TallyGrid *stored = tally_panel_grid(series);
	TallyPanel *result;

	check_nests(stored, asked);
	check_fill(series, asked);
	result = tally_panel_like(CurrentMemoryContext, series, asked);
	for (int32 b = 0; b < stored->nbuckets; b++)
	{
		TimestampTz start = Max(tally_grid_start(stored, b), stored->lower);
		int32 bucket = tally_panel_bucket(result, start);

		CHECK_FOR_INTERRUPTS();
		if (bucket >= 0)
			tally_panel_merge_bucket(result, bucket, series, b);
	}
	PG_RETURN_DATUM(tally_panel_datum(result));
}
