/*
 * series_rows.h
 *	  A panel as rows: every bucket for every group.
 */
#ifndef TALLY_SERIES_ROWS_H
#define TALLY_SERIES_ROWS_H

#include "access/tupdesc.h"

#include "series/show/series_cells.h"

typedef struct SeriesRows SeriesRows;

/*
 * Checks, before the query is run, that the rows can be made in the types of
 * "desc": 42804 with the right column list where they cannot.  wide: a row a
 * bucket and group; long: a row a bucket, group and measure.
 */
extern SeriesRows *series_rows_wide(SeriesSpec *spec, TupleDesc desc);
extern SeriesRows *series_rows_long(SeriesSpec *spec, TupleDesc desc);

/* Starts before the first row of "result", which must last as long. */
extern void series_rows_begin(SeriesRows *rows, const SeriesResult *result);

/*
 * The next row, or the one before; false after the last and before the first,
 * from where the way back is open.  By-reference values last until the next
 * call, or in the current memory context.
 */
extern bool series_rows_step(SeriesRows *rows, bool forward, Datum *values,
							 bool *nulls);

/* Back to before the first row. */
extern void series_rows_rewind(SeriesRows *rows);

/* Does a row allocate in the current context, so that it must be reset? */
extern bool series_rows_allocate(const SeriesRows *rows);

#endif
