/*
 * series_query.h
 *	  The queries that answer a series: written, and run with the caller's
 *	  rights.
 */
#ifndef TALLY_SERIES_QUERY_H
#define TALLY_SERIES_QUERY_H

#include "executor/tuptable.h"

#include "series/spec/series_spec.h"

typedef struct SeriesQuery
{
	StringInfoData sql;
	SeriesParams params;
} SeriesQuery;

/* Which of the measures and rows a panel is made of. */
typedef struct SeriesPart
{
	const TallyGrid *grid;
	int first_measure; /* and how many: a part of the spec's measures */
	int nmeasures;
	TallyPanel *members; /* as in CollectSpec */
	CollectOthers others;
	bool without_range; /* no condition on the axis: the panel looks itself */
	int64 *nrows;		/* if not NULL, set to the rows that are read */
} SeriesPart;

/* All measures over the grid of the spec, any group. */
extern void series_part_init(SeriesPart *part, const SeriesSpec *spec);

/* What the aggregate is asked for. */
extern void series_query_collect(CollectSpec *collect, const SeriesSpec *spec,
								 const SeriesPart *part);

/*
 * Writes the query of a panel: one aggregate over the source.  It is run with
 * series_query_panel().
 */
extern void series_query_write(SeriesQuery *query, const SeriesSpec *spec,
							   const SeriesPart *part);

/*
 * Writes the query of the groups alone, a row each, in no order: of the rows
 * that the filters let through, and in the range of "grid" unless it is NULL.
 */
extern void series_query_write_groups(SeriesQuery *query,
									  const SeriesSpec *spec,
									  const TallyGrid *grid);

/* Runs the query of a panel.  Never NULL; the panel lives in "parent". */
extern TallyPanel *series_query_panel(const SeriesSpec *spec,
									  const SeriesPart *part,
									  MemoryContext parent);

/* Is called for each row, in a context that lasts for the row. */
typedef void (*SeriesRowFunc)(TupleTableSlot *slot, void *arg);

/* Runs any other query, read-only, and never holds its rows. */
extern void series_query_rows(const SeriesQuery *query, SeriesRowFunc each,
							  void *arg);

/* Appends the condition that the axis is in [lower, upper). */
extern void series_query_range(SeriesQuery *query, const SeriesSpec *spec,
							   TimestampTz lower, TimestampTz upper);

/* The values of keys as they are grouped by, separated by commas. */
extern void series_query_keys(SeriesQuery *query, const SeriesSpec *spec);

#endif
