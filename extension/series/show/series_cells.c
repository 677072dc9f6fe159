/*-------------------------------------------------------------------------
 *
 * series_cells.c
 *	  The values that a result shows, cell by cell, filled as was asked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "budget.h"
#include "series/show/series_cells.h"

/* So many groups before a cell is read it is fetched: a few hundred ns. */
#define EXPECT_AHEAD 16

struct SeriesCells
{
	const SeriesResult *result;
	int nmeasures;
	int ncolumns;
	bool any_filled;
	bool *is_plain;		  /* of each measure: nothing but its default */
	bool *is_count;		  /* of each measure */
	TallyFillWalk *walks; /* ncolumns a group shown, when any_filled */
	int32 *asked;		  /* of each walk: its last bucket, or -1 */
	int32 nobody; /* a group that "before" does not have: nothing fell there */
};

/* Where a cell is, and how it is filled. */
typedef struct Place
{
	const TallyPanel *panel;
	int32 bucket;
	int32 group;
	int measure;
	TallyFill fill;
	TallyFillWalk *walk;
} Place;

const char *
series_column_name(const SeriesSpec *spec, int column)
{
	const char *name = series_column_measure(spec, column)->name;

	return column < spec->nmeasures ? name : psprintf("%s before", name);
}

void
series_cells_check(SeriesSpec *spec, bool as_float8)
{
	for (int i = 0; i < spec->nmeasures; i++)
	{
		SeriesMeasure *m = &spec->measures[i];

		tally_fill_check(&m->fill,
						 spec->grid,
						 as_float8 ? FLOAT8OID : m->result);
	}
}

int64
series_bytes(const SeriesResult *result)
{
	int64 bytes =
		(int64) MemoryContextMemAllocated(tally_panel_context(result->panel),
										  true);

	if (result->before != NULL)
		bytes += (int64) MemoryContextMemAllocated(tally_panel_context(
													   result->before),
												   true);
	return bytes;
}

SeriesCells *
series_cells_make(const SeriesResult *result)
{
	const SeriesSpec *spec = result->spec;
	SeriesCells *cells = palloc0(sizeof(SeriesCells));
	Size n;

	cells->result = result;
	cells->nmeasures = spec->nmeasures;
	cells->ncolumns = series_ncolumns(spec);
	cells->is_plain = palloc(spec->nmeasures * sizeof(bool));
	cells->is_count = palloc(spec->nmeasures * sizeof(bool));
	for (int i = 0; i < spec->nmeasures; i++)
	{
		cells->is_plain[i] = spec->measures[i].fill.mode == TALLY_FILL_DEFAULT;
		cells->any_filled |= !cells->is_plain[i];
		cells->is_count[i] = spec->measures[i].def.kind == TALLY_COUNT;
	}
	if (result->before != NULL)
		cells->nobody = tally_panel_ngroups(result->before);
	if (!cells->any_filled)
		return cells;

	n = Max((Size) result->ngroups * cells->ncolumns, 1);
	tally_budget_memory(
		(int64) MemoryContextMemAllocated(tally_panel_context(result->panel),
										  false) +
		(int64) (n * (sizeof(TallyFillWalk) + sizeof(int32))));
	cells->walks =
		MemoryContextAllocExtended(CurrentMemoryContext,
								   n * sizeof(TallyFillWalk),
								   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	cells->asked =
		MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(int32));
	for (Size i = 0; i < n; i++)
	{
		cells->walks[i].prev = cells->walks[i].next = -1;
		cells->asked[i] = -1;
	}
	return cells;
}

bool
series_cells_is_plain(const SeriesCells *cells, int column)
{
	return cells->is_plain[column % cells->nmeasures];
}

/* find -- where the cell is; false when the earlier period has none. */
static bool
find(const SeriesCells *cells, int32 bucket, int32 group, int column,
	 Place *place)
{
	const SeriesResult *result = cells->result;

	if (column < cells->nmeasures)
	{
		place->panel = result->panel;
		place->bucket = bucket;
		place->group = result->groups[group];
		place->measure = column;
		return true;
	}
	place->panel = result->before;
	place->bucket = result->before_buckets[bucket];
	place->group = result->before_groups[group];
	if (place->group < 0)
		place->group = cells->nobody;
	place->measure = column - cells->nmeasures;
	return place->bucket >= 0;
}

/* set_seed -- what stood before the range. */
static void
set_seed(const SeriesCells *cells, int32 group, int column, Place *place)
{
	const SeriesSeed *seed =
		&cells->result->seeds[(Size) group * cells->nmeasures + column];

	place->fill.has_seed = seed->is_there;
	place->fill.seed_is_exact = true;
	place->fill.seed_value = seed->value;
	place->fill.seed_at = seed->at;
}

/* ask -- the value at "place", as it is or as double precision. */
static Datum
ask(const Place *place, int32 bucket, bool as_float8, bool *isnull,
	bool *is_filled)
{
	if (as_float8)
		return Float8GetDatum(tally_fill_float8(&place->fill,
												place->panel,
												place->group,
												place->measure,
												bucket,
												place->walk,
												isnull,
												is_filled));
	return tally_fill_value(&place->fill,
							place->panel,
							place->group,
							place->measure,
							bucket,
							place->walk,
							isnull,
							is_filled);
}

/*
 * filled -- the value of a column that is filled.
 *
 * A walk must see every bucket: those of the earlier period that are compared
 * with nothing are asked for here, and forgotten.
 */
static Datum
filled(SeriesCells *cells, int32 bucket, int32 group, int column,
	   bool as_float8, bool *isnull, bool *is_filled)
{
	Size at = (Size) group * cells->ncolumns + column;
	int32 *asked = &cells->asked[at];
	Place place;

	if (!find(cells, bucket, group, column, &place))
		return (Datum) 0;
	place.walk = &cells->walks[at];
	place.fill = cells->result->spec->measures[place.measure].fill;
	if (column < cells->nmeasures && cells->result->seeds != NULL)
		set_seed(cells, group, column, &place);
	if (*asked >= place.bucket)
		tally_fill_back(place.panel,
						place.group,
						place.measure,
						place.bucket,
						place.walk,
						as_float8);
	else
		while (++*asked < place.bucket)
			(void) ask(&place, *asked, as_float8, isnull, is_filled);
	*asked = place.bucket;
	return ask(&place, place.bucket, as_float8, isnull, is_filled);
}

Datum
series_cells_value(SeriesCells *cells, int32 bucket, int32 group, int column,
				   bool *isnull, bool *is_filled)
{
	Place place;
	Datum value;
	bool ignored;

	*isnull = true;
	if (is_filled != NULL)
		*is_filled = false;
	if (!series_cells_is_plain(cells, column))
		return filled(cells,
					  bucket,
					  group,
					  column,
					  false,
					  isnull,
					  is_filled != NULL ? is_filled : &ignored);
	if (!find(cells, bucket, group, column, &place))
		return (Datum) 0;
	/* No branch on what cannot be foreseen: is there anything in the cell? */
	if (cells->is_count[place.measure])
	{
		int64 n = tally_panel_nvalues(place.panel,
									  place.bucket,
									  place.group,
									  place.measure);

		*isnull = false;
		if (is_filled != NULL)
			*is_filled = n == 0;
		return Int64GetDatum(n);
	}
	value = tally_panel_value(
		place.panel, place.bucket, place.group, place.measure, isnull);
	if (is_filled != NULL)
		*is_filled = !*isnull && tally_panel_nvalues(place.panel,
													 place.bucket,
													 place.group,
													 place.measure) == 0;
	return value;
}

void
series_cells_expect(const SeriesCells *cells, int32 bucket, int32 group)
{
	const SeriesResult *result = cells->result;

	group += EXPECT_AHEAD;
	if (group >= result->ngroups)
		return;
	tally_panel_expect(result->panel, bucket, result->groups[group]);
	if (result->before != NULL && result->before_buckets[bucket] >= 0 &&
		result->before_groups[group] >= 0)
		tally_panel_expect(result->before,
						   result->before_buckets[bucket],
						   result->before_groups[group]);
}

bool
series_cells_are_counts(const SeriesCells *cells, int column)
{
	return column < cells->nmeasures && cells->is_plain[column] &&
		   cells->is_count[column];
}

void
series_cells_counts(const SeriesCells *cells, int32 first, int32 n,
					int32 group, int column, uint16 *counts)
{
	const SeriesResult *result = cells->result;

	Assert(series_cells_are_counts(cells, column));
	tally_panel_counts(
		result->panel, first, n, result->groups[group], column, counts);
}

float8
series_cells_float8(SeriesCells *cells, int32 bucket, int32 group, int column,
					bool *isnull, bool *is_filled)
{
	*isnull = true;
	*is_filled = false;
	return DatumGetFloat8(
		filled(cells, bucket, group, column, true, isnull, is_filled));
}
