/*
 * series_scan.h
 *	  A series in FROM, its rows made as the executor asks for them.
 */
#ifndef TALLY_SERIES_SCAN_H
#define TALLY_SERIES_SCAN_H

#include "access/tupdesc.h"
#include "fmgr.h"
#include "nodes/extensible.h"

/*
 * A set-returning function, for who makes its rows without calling it.
 *
 * start()	checks the arguments and runs the query; all that stays is in
 *			"cxt".  Rows are of "desc".
 * step()	the next row or the one before, as series_rows_step().
 * rewind() back to before the first row.
 */
typedef struct SeriesSrf
{
	PGFunction function;
	bool is_query; /* of the rows of a SELECT, not of a table */
	bool is_long;
	void *(*start)(const struct SeriesSrf *srf, FunctionCallInfo fcinfo,
				   MemoryContext cxt, TupleDesc desc);
	bool (*step)(void *rows, bool forward, Datum *values, bool *nulls);
	void (*rewind)(void *rows);
} SeriesSrf;

/* series_srf.c and series_json_srf.c */
#define SERIES_ROW_SRFS 4
#define SERIES_LINE_SRFS 2
extern const SeriesSrf series_row_srfs[SERIES_ROW_SRFS];
extern const SeriesSrf series_line_srfs[SERIES_LINE_SRFS];

/* Once, when the module is loaded: calls in FROM are planned as scans. */
extern void series_scan_define(void);

/* What follows is between its files. */

#define SERIES_SCAN_NAME "Tally Series"
extern const CustomScanMethods series_scan_methods;

/* What gives the rows of a function; NULL: it is none of ours. */
extern const SeriesSrf *series_srf_of(PGFunction function);

#endif
