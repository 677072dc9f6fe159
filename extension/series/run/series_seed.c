/*-------------------------------------------------------------------------
 *
 * series_seed.c
 *	  What stood before the range: for each group the value of a measure in
 *	  the last bucket before it that has one.
 *
 * Buckets go on before the range on the same calendar.  When each group had
 * its last value is one query, of the greatest instant a group and measure; it
 * goes back as far as max_gap lets a value reach, else to the beginning.  The
 * buckets that these instants are in are then read by the query that the range
 * is read by, a stretch no longer than the range at a time: mostly one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "series/part/series_grid.h"
#include "series/run/series_run.h"
#include "time/move.h"

/* The bucket that a seed is in: [start, end), cut off where the range is. */
typedef struct Wanted
{
	TimestampTz start; /* DT_NOBEGIN: there is none */
	TimestampTz end;
	int32 group; /* index in result->groups */
	int measure;
} Wanted;

typedef struct Seeder
{
	SeriesResult *result;
	TallyPanel *shown; /* its groups: those shown, in the same order */
	bool *looks_back;  /* of each measure */
	Wanted *wanted;	   /* nmeasures for each group shown */
} Seeder;

/* looks_back -- does its fill take a seed? */
static bool
looks_back(const SeriesMeasure *m)
{
	return m->fill.mode == TALLY_FILL_PREVIOUS ||
		   m->fill.mode == TALLY_FILL_LINEAR;
}

/* --------------------------------------------- when each group had a value */

/* append_has_value -- the condition that a row has a value for the measure. */
static void
append_has_value(SeriesQuery *query, const SeriesMeasure *m)
{
	if (m->of_rows)
		appendStringInfoString(&query->sql, "true");
	else if (m->from.npath > 0 && m->def.type == NUMERICOID)
	{
		appendStringInfoString(&query->sql, "pg_catalog.jsonb_typeof(");
		series_column_sql(&query->sql, &m->from, &query->params);
		appendStringInfoString(&query->sql,
							   ") OPERATOR(pg_catalog.=) 'number'");
	}
	else
	{
		series_column_sql_text(&query->sql, &m->from, &query->params);
		appendStringInfoString(&query->sql, " IS NOT NULL");
	}
}

/* earliest -- how far back a seed can matter; false: without end. */
static bool
earliest(const SeriesSpec *spec, TimestampTz *since)
{
	const TallyGrid *grid = spec->grid;

	for (int i = 0; i < spec->nmeasures; i++)
	{
		const TallyFill *fill = &spec->measures[i].fill;
		Interval back = {-fill->max_gap.time,
						 -fill->max_gap.day,
						 -fill->max_gap.month};
		TallyGrid *there;

		if (!looks_back(&spec->measures[i]))
			continue;
		if (!fill->has_max_gap)
			return false;
		*since =
			tally_move(grid->first, &back, tally_zone(tally_grid_zone(grid)));
		/* max_gap is between starts of buckets */
		there = series_grid_part(grid, *since, *since + 1);
		*since = there->first;
		return true;
	}
	return false;
}

/* write_instants -- the last instant a group and measure. */
static void
write_instants(SeriesQuery *query, const Seeder *seeder)
{
	const SeriesSpec *spec = seeder->result->spec;
	TimestampTz since;
	Oid type = spec->is_local ? TIMESTAMPOID : TIMESTAMPTZOID;
	const char *axis = quote_identifier(spec->axis);

	initStringInfo(&query->sql);
	series_params_copy(&query->params, &spec->params);
	appendStringInfoString(&query->sql, "SELECT ");
	series_query_keys(query, spec);
	for (int i = 0; i < spec->nmeasures; i++)
	{
		if (!seeder->looks_back[i])
			continue;
		appendStringInfo(&query->sql,
						 "%spg_catalog.max(q.%s::%s) FILTER (WHERE ",
						 query->sql.data[query->sql.len - 1] == ' ' ? ""
																	: ", ",
						 axis,
						 format_type_be_qualified(type));
		append_has_value(query, &spec->measures[i]);
		appendStringInfoChar(&query->sql, ')');
	}
	appendStringInfo(&query->sql, " FROM %s q WHERE ", spec->source->from);
	if (!earliest(spec, &since))
		since = DT_NOBEGIN;
	series_query_range(query, spec, since, spec->grid->lower);
	if (spec->where != NULL)
		appendStringInfo(&query->sql, " AND %s", spec->where);
	for (int i = 0; i < spec->nkeys; i++)
		appendStringInfo(&query->sql,
						 "%s%d",
						 i > 0 ? ", " : " GROUP BY ",
						 i + 1);
}

/* take_instants -- a group and its last instants. */
static void
take_instants(TupleTableSlot *slot, void *arg)
{
	const Seeder *seeder = arg;
	const SeriesSpec *spec = seeder->result->spec;
	int32 group = 0;
	int column = spec->nkeys;

	if (spec->nkeys > 0)
		group = tally_panel_find_group(seeder->shown,
									   slot->tts_values,
									   slot->tts_isnull);
	if (group < 0)
		group = seeder->result->other;
	if (group < 0)
		return;
	for (int i = 0; i < spec->nmeasures; i++)
	{
		Wanted *w = &seeder->wanted[(Size) group * spec->nmeasures + i];
		TimestampTz at;

		if (!seeder->looks_back[i])
			continue;
		at = slot->tts_isnull[column]
				 ? DT_NOBEGIN
				 : DatumGetTimestampTz(slot->tts_values[column]);
		column++;
		/* Several groups may be the rest: for it the last of them counts. */
		w->start = Max(w->start, at);
	}
}

/* ------------------------------------------------- what its bucket then held */

/* compare_wanted -- the latest first. */
static int
compare_wanted(const void *pa, const void *pb, void *arg)
{
	TimestampTz a = ((const Wanted *) pa)->start;
	TimestampTz b = ((const Wanted *) pb)->start;

	return (a < b) - (a > b);
}

/* find_buckets -- from instants to their buckets, the latest first. */
static Size
find_buckets(const Seeder *seeder)
{
	const SeriesSpec *spec = seeder->result->spec;
	Size n = (Size) seeder->result->ngroups * spec->nmeasures;
	Size used = 0;
	TimestampTz start = 0;
	TimestampTz end = 0;

	for (Size i = 0; i < n; i++)
		if (!TIMESTAMP_NOT_FINITE(seeder->wanted[i].start))
			seeder->wanted[used++] = seeder->wanted[i];
	qsort_interruptible(
		seeder->wanted, used, sizeof(Wanted), compare_wanted, NULL);
	for (Size i = 0; i < used; i++)
	{
		Wanted *w = &seeder->wanted[i];

		CHECK_FOR_INTERRUPTS();
		if (w->start < start || w->start >= end)
		{
			TallyGrid *there =
				series_grid_part(spec->grid, w->start, w->start + 1);

			start = there->first;
			end = Min(there->last, spec->grid->lower);
			pfree(there);
		}
		w->start = start;
		w->end = end;
	}
	return used;
}

/* take_values -- of "n" wanted, whose buckets are in the panel. */
static void
take_values(const Seeder *seeder, TallyPanel *panel, const Wanted *wanted,
			Size n)
{
	SeriesResult *result = seeder->result;
	const SeriesSpec *spec = result->spec;

	for (Size i = 0; i < n; i++)
	{
		const Wanted *w = &wanted[i];
		SeriesSeed *seed =
			&result->seeds[(Size) w->group * spec->nmeasures + w->measure];
		int32 group = w->group == result->other && spec->nkeys > 0
						  ? tally_panel_other_group(panel, false)
						  : w->group;
		int16 typlen;
		bool typbyval;
		bool isnull;
		Datum value;

		CHECK_FOR_INTERRUPTS();
		if (group < 0)
			continue;
		value = tally_panel_value(panel,
								  tally_panel_bucket(panel, w->start),
								  group,
								  w->measure,
								  &isnull);
		if (isnull)
			continue;
		get_typlenbyval(spec->measures[w->measure].result, &typlen, &typbyval);
		seed->is_there = true;
		seed->value = datumCopy(value, typbyval, typlen);
		seed->at = w->start;
	}
}

/* read_stretch -- the values of "n" wanted, in one query. */
static void
read_stretch(const Seeder *seeder, const Wanted *wanted, Size n)
{
	const SeriesSpec *spec = seeder->result->spec;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "tally series seed",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	SeriesPart part;
	TallyPanel *panel;

	series_part_init(&part, spec);
	part.grid =
		series_grid_part(spec->grid, wanted[n - 1].start, wanted[0].end);
	if (spec->nkeys > 0)
	{
		part.members = seeder->shown;
		part.others = series_others(spec);
	}
	panel = series_query_panel(spec, &part, scratch);
	MemoryContextSwitchTo(old);
	take_values(seeder, panel, wanted, n);
	MemoryContextDelete(scratch);
}

void
series_seed(SeriesResult *result, MemoryContext parent)
{
	const SeriesSpec *spec = result->spec;
	Size n = (Size) Max(result->ngroups, 1) * spec->nmeasures;
	TimestampTz longest = spec->grid->last - spec->grid->first;
	Seeder seeder = {.result = result};
	SeriesQuery query;
	Size used;

	result->seeds =
		MemoryContextAllocExtended(CurrentMemoryContext,
								   n * sizeof(SeriesSeed),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	seeder.shown = series_members_shown(result, CurrentMemoryContext);
	seeder.looks_back = palloc(spec->nmeasures * sizeof(bool));
	seeder.wanted =
		MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(Wanted));
	for (int i = 0; i < spec->nmeasures; i++)
		seeder.looks_back[i] = looks_back(&spec->measures[i]);
	for (Size i = 0; i < n; i++)
	{
		seeder.wanted[i].start = DT_NOBEGIN;
		seeder.wanted[i].group = (int32) (i / spec->nmeasures);
		seeder.wanted[i].measure = (int) (i % spec->nmeasures);
	}
	if (result->ngroups > 0)
	{
		write_instants(&query, &seeder);
		series_query_rows(&query, take_instants, &seeder);
		used = find_buckets(&seeder);
		for (Size from = 0, to; from < used; from = to)
		{
			for (to = from + 1; to < used; to++)
				if (seeder.wanted[from].end - seeder.wanted[to].start >
					longest)
					break;
			read_stretch(&seeder, &seeder.wanted[from], to - from);
		}
	}
	pfree(seeder.wanted);
	MemoryContextDelete(tally_panel_context(seeder.shown));
}
