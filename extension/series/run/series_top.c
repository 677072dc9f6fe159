/*-------------------------------------------------------------------------
 *
 * series_top.c
 *	  The largest groups over the whole range, and the rest as one.
 *
 * What ranks a group is its measure over all its rows, from merged states: a
 * mean of all values and not of means.  The rest is merged in the same way, so
 * it is right for every measure.
 *
 * ONE PASS keeps the cells of all groups until those of the rest are merged.
 * Where that is more than the limits allow, or the planner expects it to be,
 * there are two: the first finds the totals, with one bucket for the whole
 * range; the second has a group for each of the largest and one for all
 * others, from the start.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/typcache.h"

#include "series/part/series_grid.h"
#include "series/run/series_run.h"

/* A group and what it is ranked by. */
typedef struct Ranked
{
	int32 group;
	int32 place; /* in the order of the keys, which decides between equals */
	bool isnull;
	Datum total;
} Ranked;

typedef struct Ranking
{
	FmgrInfo *compare;
	Oid collation;
} Ranking;

/* compare_ranked -- the largest first, nulls last. */
static int
compare_ranked(const void *pa, const void *pb, void *arg)
{
	const Ranked *a = pa;
	const Ranked *b = pb;
	const Ranking *ranking = arg;
	int cmp;

	if (a->isnull || b->isnull)
	{
		if (a->isnull != b->isnull)
			return a->isnull ? 1 : -1;
		return a->place - b->place;
	}
	cmp = DatumGetInt32(FunctionCall2Coll(
		ranking->compare, ranking->collation, b->total, a->total));
	return cmp != 0 ? cmp : a->place - b->place;
}

/* set_totals -- over all buckets, of one measure of the panel. */
static void
set_totals(TallyPanel *panel, int measure, Ranked *ranked, int32 n)
{
	const TallyGrid *grid = tally_panel_grid(panel);
	int64 *counts;

	if (tally_panel_measure(panel, measure)->kind != TALLY_COUNT)
	{
		for (int32 i = 0; i < n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			ranked[i].total = tally_panel_total(panel,
												ranked[i].group,
												measure,
												&ranked[i].isnull);
		}
		return;
	}
	/* Counts are added as they lie in memory, bucket by bucket. */
	counts = MemoryContextAllocExtended(CurrentMemoryContext,
										Max(n, 1) * sizeof(int64),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int32 b = 0; b < grid->nbuckets; b++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int32 i = 0; i < n; i++)
			counts[i] +=
				tally_panel_nvalues(panel, b, ranked[i].group, measure);
	}
	for (int32 i = 0; i < n; i++)
		ranked[i].total = Int64GetDatum(counts[i]);
}

static int
compare_groups(const void *pa, const void *pb, void *arg)
{
	int32 a = ((const Ranked *) pa)->group;
	int32 b = ((const Ranked *) pb)->group;

	return (a > b) - (a < b);
}

/* rank -- all groups with a key, the largest first. */
static Ranked *
rank(const SeriesSpec *spec, TallyPanel *panel, int measure, int32 *n)
{
	Oid type = tally_panel_result_type(panel, measure);
	TypeCacheEntry *cache = lookup_type_cache(type, TYPECACHE_CMP_PROC_FINFO);
	Ranking ranking = {&cache->cmp_proc_finfo,
					   spec->measures[spec->top_by].def.collation};
	int32 *order;
	Ranked *ranked;

	if (!OidIsValid(cache->cmp_proc_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("measure \"%s\" has no order",
						spec->measures[spec->top_by].name),
				 errdetail("It is of type %s.", format_type_be(type)),
				 errhint("Name another measure in \"top_by\".")));
	/* of those whose type has no collation of its own */
	if (!OidIsValid(ranking.collation))
		ranking.collation = cache->typcollation;
	*n = tally_panel_nkeyed(panel);
	order = tally_panel_order(panel);
	ranked = MemoryContextAllocExtended(CurrentMemoryContext,
										Max(*n, 1) * sizeof(Ranked),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int32 i = 0; i < *n; i++)
	{
		ranked[i].group = order[i];
		ranked[i].place = i;
	}
	/* in the order of memory */
	qsort_interruptible(ranked, *n, sizeof(Ranked), compare_groups, NULL);
	set_totals(panel, measure, ranked, *n);
	qsort_interruptible(ranked, *n, sizeof(Ranked), compare_ranked, &ranking);
	pfree(order);
	return ranked;
}

/*
 * one_pass -- the panel of all groups, or NULL when that is over a limit.
 *
 * It is run in a subtransaction, which is what cleans up behind a query that
 * stopped in its middle.
 */
static TallyPanel *
one_pass(const SeriesSpec *spec, const SeriesPart *part, MemoryContext parent)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	TallyPanel *volatile panel = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		panel = series_query_panel(spec, part, parent);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
		if (error->sqlerrcode != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			ReThrowError(error);
		FreeErrorData(error);
	}
	PG_END_TRY();
	return panel;
}

/* show -- the first groups of a ranking, which are of the result's panel. */
static void
show(SeriesResult *result, const Ranked *ranked, int32 n)
{
	const SeriesSpec *spec = result->spec;
	int32 nshown = Min(n, spec->top);

	result->ngroups = nshown;
	result->groups = palloc((nshown + 1) * sizeof(int32));
	for (int32 i = 0; i < nshown; i++)
		result->groups[i] = ranked[i].group;
	if (spec->other == NULL)
		return;
	result->nothers = n - nshown;
	for (int32 i = nshown; i < n; i++)
		tally_panel_merge_group(result->panel,
								tally_panel_other_group(result->panel, true),
								ranked[i].group);
}

/* two_passes -- totals first, then the largest with all their buckets. */
static void
two_passes(SeriesResult *result, SeriesPart *part, MemoryContext parent)
{
	const SeriesSpec *spec = result->spec;
	SeriesPart first = *part;
	TallyPanel *totals;
	Ranked *ranked;
	int32 n;

	first.grid = series_grid_one(spec->grid->lower, spec->grid->upper);
	first.first_measure = spec->top_by;
	first.nmeasures = 1;
	first.nrows = NULL;
	totals = series_query_panel(spec, &first, parent);
	ranked = rank(spec, totals, 0, &n);

	/* Shown for a moment is what the totals have, to make members of it. */
	result->panel = totals;
	result->ngroups = Min(n, spec->top);
	result->groups = palloc((result->ngroups + 1) * sizeof(int32));
	for (int32 i = 0; i < result->ngroups; i++)
		result->groups[i] = ranked[i].group;
	part->members = series_members_shown(result, parent);
	part->others = series_others(spec);
	result->panel = series_query_panel(spec, part, parent);
	for (int32 i = 0; i < result->ngroups; i++)
		result->groups[i] = i;
	result->nothers = n - result->ngroups;
	if (spec->other != NULL && result->nothers > 0)
		(void) tally_panel_other_group(result->panel, true);
	MemoryContextDelete(tally_panel_context(totals));
	MemoryContextDelete(tally_panel_context(part->members));
	part->members = NULL;
}

void
series_top(SeriesResult *result, SeriesPart *part, MemoryContext parent)
{
	const SeriesSpec *spec = result->spec;
	Ranked *ranked;
	int32 n;

	if (result->estimate.one_pass)
		result->panel = one_pass(spec, part, parent);
	if (result->panel == NULL)
	{
		two_passes(result, part, parent);
		return;
	}
	ranked = rank(spec, result->panel, spec->top_by, &n);
	show(result, ranked, n);
	pfree(ranked);
}
