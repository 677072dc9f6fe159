/*
 * series_table.h
 *	  A tally.series as rows of one shape: of tally.rows() and its relatives.
 *
 * A row a bucket, in order: bucket, bucket_end, value, n, is_filled,
 * is_partial.  is_filled is true where nothing fell and yet a value stands.
 * Whoever makes the rows fills arrays of one element a bucket; that costs 26
 * bytes a bucket.
 */
#ifndef TALLY_SERIES_TABLE_H
#define TALLY_SERIES_TABLE_H

#include "fmgr.h"
#include "series/panel/fill.h"

typedef struct TallySeriesTable
{
	const TallyGrid *grid;
	float8 *value;
	bool *isnull;
	int64 *n;		/* how many values "value" is made of */
	bool *is_empty; /* none of them fell into the bucket itself */
} TallySeriesTable;

/*
 * Makes a table of a series, in the current memory context: what each bucket
 * holds, and where nothing fell what "fill", checked, says; NULL: the fill
 * that the series carries.
 */
extern void tally_series_table_read(TallySeriesTable *table,
									const TallyPanel *series,
									const TallyFill *fill);

/* The value of the series in one bucket, as double precision. */
extern float8 tally_series_table_value(const TallyPanel *series, int32 bucket,
									   bool *isnull);

/*
 * The body of a set-returning function over a series.  "make" is called once,
 * in the memory context that the rows live in, and never when the first
 * argument, the series, is null: then there are no rows.
 */
typedef void (*TallySeriesTableMaker)(FunctionCallInfo fcinfo,
									  TallyPanel *series,
									  TallySeriesTable *table);
extern Datum tally_series_table_rows(FunctionCallInfo fcinfo,
									 TallySeriesTableMaker make);

#endif
