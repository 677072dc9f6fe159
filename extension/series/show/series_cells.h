/*
 * series_cells.h
 *	  The values that a result shows, cell by cell, filled as was asked.
 *
 * Columns are the measures, and with "compare" each again for the earlier
 * period.
 */
#ifndef TALLY_SERIES_CELLS_H
#define TALLY_SERIES_CELLS_H

#include "series/run/series_run.h"

typedef struct SeriesCells SeriesCells;

/* How many columns a spec has, and the measure that a column is of. */
static inline int
series_ncolumns(const SeriesSpec *spec)
{
	return spec->nmeasures * (spec->compare != NULL ? 2 : 1);
}

static inline const SeriesMeasure *
series_column_measure(const SeriesSpec *spec, int column)
{
	return &spec->measures[column % spec->nmeasures];
}

/* "count", and "count before". */
extern const char *series_column_name(const SeriesSpec *spec, int column);

/*
 * Refuses fills that cannot be, before the query is run: of values as double
 * precision when "as_float8", otherwise of the measures' own types.
 */
extern void series_cells_check(SeriesSpec *spec, bool as_float8);

/* What the panels of a result have taken of tally.max_memory. */
extern int64 series_bytes(const SeriesResult *result);

/* In the current memory context. */
extern SeriesCells *series_cells_make(const SeriesResult *result);

/*
 * The value in a bucket of a group, which is an index in result->groups, in
 * the measure's result type.  For each group and column the buckets are best
 * asked for in order, onwards or backwards: then the work is linear in them.
 * What is by reference lasts until the next call for them, or in the current
 * memory context.  "is_filled" may be NULL.
 */
extern Datum series_cells_value(SeriesCells *cells, int32 bucket, int32 group,
								int column, bool *isnull, bool *is_filled);

/*
 * "group" is about to be read in "bucket", and in their order those after it.
 */
extern void series_cells_expect(const SeriesCells *cells, int32 bucket,
								int32 group);

/*
 * Columns of which a value is the number of values that fell into the bucket,
 * and how many those are in "n" buckets from "first" on: PG_UINT16_MAX for all
 * that are as many or more.
 */
extern bool series_cells_are_counts(const SeriesCells *cells, int column);
extern void series_cells_counts(const SeriesCells *cells, int32 first, int32 n,
								int32 group, int column, uint16 *counts);

/*
 * The same as double precision, for a column whose fill is not the default:
 * which series_cells_is_plain() says.
 */
extern float8 series_cells_float8(SeriesCells *cells, int32 bucket,
								  int32 group, int column, bool *isnull,
								  bool *is_filled);
extern bool series_cells_is_plain(const SeriesCells *cells, int column);

#endif
