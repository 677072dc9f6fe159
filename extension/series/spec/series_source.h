/*
 * series_source.h
 *	  What a series is made of: a table, or the rows of one SELECT.
 */
#ifndef TALLY_SERIES_SOURCE_H
#define TALLY_SERIES_SOURCE_H

#include "access/tupdesc.h"

#include "series/spec/series_params.h"

typedef struct SeriesSource
{
	Oid table;			 /* InvalidOid: a query */
	char *shown;		 /* what errors call it */
	char *from;			 /* what stands in FROM, before an alias */
	TupleDesc columns;	 /* of a query, otherwise NULL */
	bool may_be_sharded; /* are rows perhaps on other servers, as of Citus? */
} SeriesSource;

typedef struct SeriesSourceColumn
{
	Oid type; /* below any domain */
	Oid collation;
} SeriesSourceColumn;

/*
 * A relation that can be scanned.  42P01 when there is none, 42809 when it is
 * of another kind.
 */
extern SeriesSource *series_source_table(Oid table);

/*
 * The rows of "query", which must be one SELECT (or VALUES, TABLE) that
 * changes nothing: 22023 otherwise, and its own errors with its own text.
 * "what" is the argument in errors.  $1 .. of it are the members of the list
 * "values", which become the first of "params"; NULL: none.
 */
extern SeriesSource *series_source_query(const char *query, const char *what,
										 Jsonb *values, SeriesParams *params);

/* A column by its exact name; false when there is none. */
extern bool series_source_column(const SeriesSource *source, const char *name,
								 SeriesSourceColumn *column);

#endif
