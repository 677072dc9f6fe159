/*
 * spec.h
 *	  A client's request, checked: what to compute, over which events, in
 *	  which slices of time.
 *
 * A request is a JSON object with the names that Keen's clients send.  Every
 * member is checked here, each error says which value was wrong and what is
 * allowed, and members with unknown names are ignored, since the client
 * libraries send some.  A member that is null is one that is not there.
 *
 * A request has two halves.  What is done with each event (TallyMeasureSpec)
 * must be known again wherever events are read, in every parallel worker; over
 * which time (TallyQuerySpec) only where the answer is made.
 */
#ifndef TALLY_SPEC_H
#define TALLY_SPEC_H

#include "filter/filter.h"
#include "series/panel/panel.h"

typedef enum TallyAnalysis
{
	TALLY_ANALYSIS_COUNT,
	TALLY_ANALYSIS_SUM,
	TALLY_ANALYSIS_MINIMUM,
	TALLY_ANALYSIS_MAXIMUM,
	TALLY_ANALYSIS_AVERAGE,
	TALLY_ANALYSIS__COUNT
} TallyAnalysis;

/* What is done with each event. */
typedef struct TallyMeasureSpec
{
	TallyAnalysis analysis;
	TallyPath *target; /* NULL for a count */
	TallyFilter *filter;
	int ngroup_by;
	TallyPath **group_by;
	pg_tz *zone; /* of instants written without an offset */
	/*
	 * Are groups chosen by their average over several slices?  That cannot
	 * be told from the averages of the slices, so sums are kept too.
	 */
	bool needs_sums;
} TallyMeasureSpec;

/* One step of order_by: a part of the key, or the result. */
typedef struct TallyOrder
{
	int group_by; /* index into group_by, -1: the result */
	bool descending;
} TallyOrder;

typedef struct TallyQuerySpec
{
	TallyMeasureSpec what;
	const char *collection;
	TallySpan during;
	bool has_interval;
	/* The grid; without an interval it has one bucket. */
	TallyGridSpec grid;
	int norder;
	TallyOrder *order;
	int32 limit; /* 0: none */
} TallyQuerySpec;

/*
 * Checks the first half.  The result points into "request" and is made in the
 * current memory context.
 */
extern void tally_measure_spec_parse(const text *analysis, Jsonb *request,
									 TallyMeasureSpec *what);

/* Checks all of a request; "now" is what relative timeframes end at. */
extern TallyQuerySpec *tally_query_spec_parse(const text *analysis,
											  Jsonb *request, TimestampTz now);

/*
 * The measures (at most TALLY_SPEC_MEASURES) and the keys of the panel that
 * answers "what", as tally_panel_create() takes them.  The first measure is
 * the answer; a second one, the sum, is there when needs_sums is set.
 */
extern void tally_spec_shape(const TallyMeasureSpec *what, int *nmeasures,
							 TallyMeasure *measures, TallyKey *keys);
#define TALLY_SPEC_MEASURES 2

#endif
