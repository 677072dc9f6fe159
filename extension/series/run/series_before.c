/*-------------------------------------------------------------------------
 *
 * series_before.c
 *	  The earlier period of "compare": the same query over its own grid.
 *
 * Groups that are shown are those of the range, and with "seen" also those of
 * the earlier period alone: what is gone shows as well as what is new.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "series/part/series_grid.h"
#include "series/run/series_run.h"

/* add_seen -- groups that only the earlier period has. */
static void
add_seen(SeriesResult *result)
{
	int nkeys = result->spec->nkeys;
	Datum *keys = palloc(Max(nkeys, 1) * sizeof(Datum));
	bool *nulls = palloc(Max(nkeys, 1) * sizeof(bool));
	int32 n = tally_panel_nkeyed(result->before);

	for (int32 g = 0; g < n; g++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < nkeys; k++)
			keys[k] = tally_panel_key(result->before, g, k, &nulls[k]);
		(void) tally_panel_group(result->panel, keys, nulls);
	}
	result->ngroups = tally_panel_nkeyed(result->panel);
	result->groups = tally_panel_order(result->panel);
}

/* add_other -- the rest is shown when either period has one. */
static void
add_other(SeriesResult *result)
{
	if (result->other >= 0 ||
		tally_panel_other_group(result->before, false) < 0)
		return;
	result->groups =
		repalloc(result->groups, (result->ngroups + 1) * sizeof(int32));
	result->groups[result->ngroups] =
		tally_panel_other_group(result->panel, true);
	result->other = result->ngroups++;
}

/* find_groups -- where each group that is shown is in the earlier panel. */
static void
find_groups(SeriesResult *result)
{
	int nkeys = result->spec->nkeys;
	Datum *keys = palloc(Max(nkeys, 1) * sizeof(Datum));
	bool *nulls = palloc(Max(nkeys, 1) * sizeof(bool));

	result->before_groups =
		MemoryContextAllocHuge(CurrentMemoryContext,
							   Max(result->ngroups, 1) * sizeof(int32));
	for (int32 i = 0; i < result->ngroups; i++)
	{
		int32 *found = &result->before_groups[i];

		CHECK_FOR_INTERRUPTS();
		if (i == result->other)
		{
			*found = tally_panel_other_group(result->before, false);
			continue;
		}
		if (nkeys == 0)
		{
			*found = 0;
			continue;
		}
		for (int k = 0; k < nkeys; k++)
			keys[k] = tally_panel_key(result->panel,
									  result->groups[i],
									  k,
									  &nulls[k]);
		*found = tally_panel_find_group(result->before, keys, nulls);
	}
}

void
series_before(SeriesResult *result, MemoryContext parent)
{
	const SeriesSpec *spec = result->spec;
	SeriesPart part;
	bool chosen = spec->top > 0 || spec->groups == SERIES_GROUPS_LISTED;

	series_part_init(&part, spec);
	part.grid =
		series_grid_before(spec->grid, spec->compare, &result->before_buckets);
	if (spec->nkeys > 0 && chosen)
	{
		part.members = series_members_shown(result, parent);
		part.others = series_others(spec);
	}
	result->before = series_query_panel(spec, &part, parent);
	if (part.members != NULL)
		MemoryContextDelete(tally_panel_context(part.members));

	if (spec->nkeys > 0 && !chosen)
		add_seen(result);
	else if (spec->nkeys > 0)
		add_other(result);
	find_groups(result);
}
