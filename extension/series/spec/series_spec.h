/*
 * series_spec.h
 *	  What tally.series() and its like were asked for, checked against the
 *	  catalogs.
 */
#ifndef TALLY_SERIES_SPEC_H
#define TALLY_SERIES_SPEC_H

#include "fmgr.h"
#include "series/collect/collect.h"
#include "series/panel/fill.h"
#include "series/panel/panel.h"
#include "series/spec/series_column.h"
#include "utils/array.h"

/* The arguments as they came; what was not given is NULL or 0. */
typedef struct SeriesArgs
{
	Oid table; /* or else */
	const char *query;
	Jsonb *params;
	const char *axis;
	TallyGrid *grid; /* every, during, tz, origin, week_start; of instants */
	ArrayType *measures;
	ArrayType *group_by; /* text[]; name[] from callers of version 0.1 */
	Jsonb *filters;
	const char *groups;
	Jsonb *members;
	bool has_top;
	int32 top;
	const char *top_by;
	const char *other;
	Jsonb *fill;
	bool seed;
	Interval *max_gap;
	Interval *compare;
} SeriesArgs;

typedef struct SeriesMeasure
{
	char *name; /* its alias, or as it was written */
	bool of_rows;
	SeriesColumn from; /* nothing when of_rows */
	TallyMeasure def;  /* of a path: numeric or text */
	Oid result;		   /* the type of its values */
	TallyFill fill;
} SeriesMeasure;

/* Which groups are shown, besides the members. */
typedef enum SeriesGroups
{
	SERIES_GROUPS_SEEN,	  /* those with a row in the range */
	SERIES_GROUPS_EVER,	  /* those with a row at any time */
	SERIES_GROUPS_LISTED, /* none */
	SERIES_GROUPS__COUNT
} SeriesGroups;

typedef struct SeriesSpec
{
	SeriesSource *source;
	/*
	 * Parameters $1 .. of every query that is written: first those of the
	 * source, then those of "where".
	 */
	SeriesParams params;
	char *where; /* the filters as a condition over alias q; NULL: none */
	char *axis;
	Oid axis_type;	 /* timestamptz, timestamp or date */
	bool is_local;	 /* the axis shows a clock, not an instant */
	TallyGrid *grid; /* when is_local, of what the clock shows, as if UTC */
	pg_tz *zone;	 /* of the buckets, also when is_local */
	int nmeasures;
	SeriesMeasure *measures;
	int nkeys;
	SeriesColumn *keys;
	TallyKey *key_defs; /* of a path: text */
	SeriesGroups groups;
	Jsonb *members; /* NULL: none */
	int32 top;		/* 0: all groups */
	int top_by;		/* number of a measure */
	char *other;	/* what the rest is called; NULL: it is left out */
	bool seed;
	Interval *compare; /* NULL: no earlier period */
} SeriesSpec;

/*
 * Reads the arguments of a call of tally.series() or of any function with the
 * same list; of tally.series_query() and its like when "is_query", which takes
 * query and params in place of the source.  In the current memory context.
 */
extern void series_args_read(SeriesArgs *args, FunctionCallInfo fcinfo,
							 bool is_query);

/*
 * Checks the arguments, in the current memory context.  Errors: 42P01, 42703
 * and 42809 for what is not there or no table, 22023 for what makes no sense,
 * 42804 for an axis or a column of the wrong type.
 */
extern SeriesSpec *series_spec_make(const SeriesArgs *args);

/*
 * The range of the spec, or of another one that begins in the same way, with
 * the grid given: for what came before.  Shares all but the grid.
 */
extern TallyGrid *series_spec_local_grid(const TallyGrid *grid, pg_tz *zone);

/* The measure of that name; -1 when there is none. */
extern int series_spec_measure(const SeriesSpec *spec, const char *name);

/* All names of measures, for a hint. */
extern char *series_spec_measure_names(const SeriesSpec *spec);

/*
 * series_measure.c: one measure as it is written, "sum(price) AS revenue".
 * 22023 for what is none.
 */
extern void series_measure_parse(const SeriesSource *source, const char *text,
								 SeriesMeasure *m);

/*
 * series_filter.c: sets spec->where from the JSON list "filters".
 */
extern void series_filter_parse(SeriesSpec *spec, Jsonb *filters);

#endif
