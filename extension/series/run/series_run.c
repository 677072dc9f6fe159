/*-------------------------------------------------------------------------
 *
 * series_run.c
 *	  A spec run, part by part.
 *
 *	  what it will cost: refused here if that is sure to be too much
 *	  members, and groups that ever were
 *	  the panel of the range; with "top" also what of it is shown
 *	  the earlier period
 *	  what stood before the range
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "series/run/series_run.h"

/* run_all -- the panel of a spec without "top". */
static void
run_all(SeriesResult *result, const SeriesPart *part, MemoryContext parent)
{
	const SeriesSpec *spec = result->spec;
	int32 n;

	result->panel = series_query_panel(spec, part, parent);
	if (spec->groups != SERIES_GROUPS_LISTED)
	{
		result->ngroups = tally_panel_nkeyed(result->panel);
		result->groups = tally_panel_order(result->panel);
		return;
	}
	/* In the order of the list, in which the members were put in. */
	n = tally_panel_nkeyed(part->members);
	result->ngroups = n;
	result->groups = palloc((n + 1) * sizeof(int32));
	for (int32 i = 0; i < n; i++)
		result->groups[i] = i;
}

/* show_other -- the rest comes last. */
static void
show_other(SeriesResult *result)
{
	int32 other = tally_panel_other_group(result->panel, false);

	if (other < 0)
		return;
	result->groups =
		repalloc(result->groups, (result->ngroups + 1) * sizeof(int32));
	result->groups[result->ngroups] = other;
	result->other = result->ngroups++;
}

/*
 * series_shows_label -- does this part of a key show the label of the rest?
 * Text does; what is of another type cannot.
 */
bool
series_shows_label(const SeriesSpec *spec, int key)
{
	char category;
	bool preferred;

	get_type_category_preferred(spec->key_defs[key].type,
								&category,
								&preferred);
	return category == TYPCATEGORY_STRING;
}

bool
series_label_has_place(const SeriesSpec *spec)
{
	for (int k = 0; k < spec->nkeys; k++)
		if (series_shows_label(spec, k))
			return true;
	return false;
}

/* check_label -- no group that is shown may look like the rest. */
static void
check_label(const SeriesResult *result)
{
	const SeriesSpec *spec = result->spec;
	/* In JSON it then stands in all keys; other forms refuse it. */
	bool everywhere = !series_label_has_place(spec);

	for (int32 i = 0; i < result->ngroups && result->other >= 0; i++)
	{
		bool same = i != result->other;

		CHECK_FOR_INTERRUPTS();
		for (int k = 0; k < spec->nkeys && same; k++)
		{
			bool isnull;
			Datum key =
				tally_panel_key(result->panel, result->groups[i], k, &isnull);
			Oid output;
			bool varlena;

			if (!everywhere && !series_shows_label(spec, k))
			{
				same = isnull;
				continue;
			}
			getTypeOutputInfo(spec->key_defs[k].type, &output, &varlena);
			same = !isnull && strcmp(OidOutputFunctionCall(output, key),
									 spec->other) == 0;
		}
		if (same)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("there is a group that is really called \"%s\"",
							spec->other),
					 errhint("Choose another name in \"other\".")));
	}
}

SeriesResult *
series_run(const SeriesSpec *spec, bool count_rows, MemoryContext parent)
{
	SeriesResult *result = palloc0(sizeof(SeriesResult));
	TallyPanel *members;
	SeriesPart part;

	result->spec = spec;
	result->other = -1;
	series_plan_before(spec, &result->estimate);
	members = series_members(spec, CurrentMemoryContext);
	series_part_init(&part, spec);
	part.members = members;
	if (spec->groups == SERIES_GROUPS_LISTED)
		part.others = series_others(spec);
	/* Rows that are counted are those in the range. */
	if (count_rows)
		part.nrows = &result->rows_read;
	else
		part.without_range = !result->estimate.range_pays;
	if (spec->top > 0)
		series_top(result, &part, parent);
	else
		run_all(result, &part, parent);
	if (members != NULL)
		MemoryContextDelete(tally_panel_context(members));
	show_other(result);
	if (spec->compare != NULL)
		series_before(result, parent);
	check_label(result);
	if (spec->seed)
		series_seed(result, parent);
	return result;
}
