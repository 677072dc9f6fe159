/*
 * series_run.h
 *	  A spec run: what tally.series() and its like show.
 */
#ifndef TALLY_SERIES_RUN_H
#define TALLY_SERIES_RUN_H

#include "series/part/series_query.h"
#include "series/plan/series_plan.h"

/* The value of a measure in the last bucket before the range that has one. */
typedef struct SeriesSeed
{
	bool is_there;
	Datum value;	/* of the measure's result type */
	TimestampTz at; /* the start of its bucket, on the clock of the grid */
} SeriesSeed;

typedef struct SeriesResult
{
	const SeriesSpec *spec;
	SeriesEstimate estimate;
	TallyPanel *panel;
	/* What is shown, in this order: numbers of groups in "panel". */
	int32 ngroups;
	int32 *groups;
	int32 other;	   /* the rest, as an index in "groups": the last; or -1 */
	int32 nothers;	   /* how many groups were merged into it, where known */
	SeriesSeed *seeds; /* nmeasures for each group shown; NULL: none */
	/* The earlier period: NULL without one. */
	TallyPanel *before;
	int32 *before_groups;  /* for each group shown: of "before", or -1 */
	int32 *before_buckets; /* for each bucket: of "before", or -1 */
	int64 rows_read;	   /* of the source, for "panel"; when counted */
} SeriesResult;

/*
 * Runs it with the rights of the caller.  What is returned lives in "parent",
 * where it is freed with; also the panels.  The rows that are read are
 * counted when "count_rows".
 */
extern SeriesResult *series_run(const SeriesSpec *spec, bool count_rows,
								MemoryContext parent);

/* What follows is between the files of a run. */

/*
 * series_members.c: a panel whose groups are the members and, for "ever", all
 * groups that there are; in the order in which they are listed.  NULL when
 * neither was asked for.
 */
extern TallyPanel *series_members(const SeriesSpec *spec,
								  MemoryContext parent);

/* An empty panel of the spec's keys over one bucket. */
extern TallyPanel *series_members_empty(const SeriesSpec *spec,
										MemoryContext parent);

/* A panel of the groups that the result shows, but for the rest. */
extern TallyPanel *series_members_shown(const SeriesResult *result,
										MemoryContext parent);

/* What becomes of groups that are not shown. */
static inline CollectOthers
series_others(const SeriesSpec *spec)
{
	return spec->other != NULL ? COLLECT_OTHERS_ONE : COLLECT_OTHERS_DROP;
}

/*
 * series_top.c: fills result->panel and the groups of a spec with "top".
 * "part" is what one pass takes.
 */
extern void series_top(SeriesResult *result, SeriesPart *part,
					   MemoryContext parent);

/*
 * Does this part of a key show the label of the rest?  Text does; what is of
 * another type is null there.
 */
extern bool series_shows_label(const SeriesSpec *spec, int key);

/* Does any part of a key? */
extern bool series_label_has_place(const SeriesSpec *spec);

/* series_before.c: fills the part of the earlier period. */
extern void series_before(SeriesResult *result, MemoryContext parent);

/* series_seed.c: fills result->seeds. */
extern void series_seed(SeriesResult *result, MemoryContext parent);

#endif
