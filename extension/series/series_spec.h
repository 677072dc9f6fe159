/*
 * series_spec.h
 *	  What tally.series() was asked for, checked against the catalogs.
 */
#ifndef TALLY_SERIES_SPEC_H
#define TALLY_SERIES_SPEC_H

#include "series/panel.h"
#include "utils/array.h"

typedef struct SeriesMeasure
{
	char *name;		  /* its alias, or as it was written */
	char *column;	  /* NULL for a count of rows */
	TallyMeasure def; /* the type is the column's, below any domain */
} SeriesMeasure;

typedef struct SeriesSpec
{
	Oid source;
	char *axis;
	Oid axis_type;	 /* timestamptz, timestamp or date */
	bool is_local;	 /* the axis shows a clock, not an instant */
	TallyGrid *grid; /* when is_local, of what the clock shows, as if UTC */
	pg_tz *zone;	 /* of the buckets, also when is_local */
	int nmeasures;
	SeriesMeasure *measures;
	int nkeys;
	char **keys; /* columns */
	TallyKey *key_defs;
} SeriesSpec;

/*
 * Checks the arguments, in the current memory context.  "real_grid" is of
 * instants; a local one is derived where the axis needs it.  Errors: 42P01,
 * 42703 and 42809 for what is not there or no table, 22023 for a measure that
 * makes no sense, 42804 for an axis or a column of the wrong type.
 */
extern SeriesSpec *series_spec_make(Oid source, const char *axis,
									TallyGrid *real_grid, ArrayType *measures,
									ArrayType *group_by);

/* Runs it with the rights of the caller.  Never NULL. */
extern TallyPanel *series_spec_run(const SeriesSpec *spec,
								   MemoryContext parent);

/* The result type of a measure, before a column list changes it. */
extern Oid series_spec_result_type(const SeriesSpec *spec, int measure);

#endif
