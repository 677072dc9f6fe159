/*-------------------------------------------------------------------------
 *
 * series_document.c
 *	  A result as one JSON document:
 *
 *	  {"axis":	 [{"start": .., "end": .., "partial": true}, ..],
 *	   "series": [{"key": {..}, measure: [..], ..}, ..],
 *	   "meta":	 {"groups": n, "others": n, "rejected": {measure: n},
 *				  "rows_read": n}}
 *
 * The lists of a series are a group's values of all buckets, while cells lie
 * bucket by bucket, and in them in the order in which groups appeared.  So they
 * are read some groups at a time, by buckets, into a tile, and written from it.
 * A tile has as many groups as it has room for: each one that is read together
 * with others leaves less of what was loaded unused.  Counts are mostly small;
 * they are in it as 16 bits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "budget.h"
#include "series/show/jsonb_build.h"
#include "series/show/series_document.h"
#include "series/show/series_key.h"

/* Bytes of a tile, unless one group has more. */
#define TILE_BYTES (24 * 1024 * 1024)

/* Buckets that are read side by side: they stay in the processor's cache. */
#define TILE_BUCKETS 32

/*
 * The same with values by reference, and what one of them takes, about: most
 * are numerics.  Texts can be long.
 */
#define TILE_REFERENCES_BYTES (2 * 1024 * 1024)
#define TILE_REFERENCE_BYTES 64

/* That memory is looked at after it was taken: so not much is at a time. */
#define TILE_MAX_BLOCK (64 * 1024)

/* Values that are written before what that took is freed. */
#define SCRATCH_VALUES 1024

/* Values of some groups, by group, then column, then bucket. */
typedef struct Tile
{
	int32 first;
	int32 n;
	uint16 *counts; /* of columns that are counts */
	Datum *values;	/* of all others */
	bool *nulls;
	MemoryContext cxt;	   /* of values that are by reference */
	MemoryContext scratch; /* of what is written */
	/* one list of counts */
	Datum *list;
	bool *no_nulls;
} Tile;

typedef struct Writer
{
	const SeriesResult *result;
	const SeriesSpec *spec;
	SeriesCells *cells;
	JsonbBuild build;
	int ncolumns;
	const char **names; /* "key" and the columns', in the order of jsonb */
	int *columns;		/* the column of each name, -1 for "key" */
	Oid *types;			/* of each column */
	bool *copied;		/* must values of a column be copied to be kept? */
	int ncounts;		/* columns that are counts */
	int nreferences;	/* columns of values that are by reference */
	int *places;		/* of each column among the counts, or the others */
} Writer;

void
series_instant(const SeriesSpec *spec, TimestampTz at, char *buf)
{
	TimestampTz instant =
		spec->is_local ? tally_local_to_instant(at, spec->zone) : at;

	series_instant_text(instant, spec->zone, buf);
}

static int
compare_names(const void *a, const void *b)
{
	return tally_jsonb_compare_names(*(const char *const *) a,
									 *(const char *const *) b);
}

void
series_document_check(const SeriesSpec *spec, const char *reserved)
{
	int n = series_ncolumns(spec);
	const char **names = palloc(n * sizeof(char *));

	for (int i = 0; i < n; i++)
	{
		names[i] = series_column_name(spec, i);
		if (reserved != NULL && strcmp(names[i], reserved) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("no measure can be called \"%s\" in this form",
							reserved),
					 errhint("Give it another name with AS.")));
	}
	qsort(names, n, sizeof(char *), compare_names);
	for (int i = 1; i < n; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("two measures are called \"%s\"", names[i]),
					 errhint("Give one of them another name with AS.")));
}

/* is_count -- is a column 0 where nothing fell? */
static bool
is_count(const SeriesSpec *spec, int column)
{
	const SeriesMeasure *m = series_column_measure(spec, column);

	return column < spec->nmeasures && m->def.kind == TALLY_COUNT &&
		   m->fill.mode == TALLY_FILL_DEFAULT;
}

void
series_document_fits(const SeriesSpec *spec, int32 ngroups)
{
	Size n = spec->grid->nbuckets;
	Size a_group = 0;

	for (int i = 0; i < series_ncolumns(spec); i++)
		a_group += is_count(spec, i) ? (n - 1) * JSONB_LEAST_INT_BYTES
									 : n * JSONB_LEAST_BYTES;
	tally_jsonb_fits("The list of series", a_group * ngroups);
}

/* set_names -- the members of a series, in the order of jsonb. */
static void
set_names(Writer *w)
{
	int n = w->ncolumns + 1;

	w->names = palloc(n * sizeof(char *));
	w->columns = palloc(n * sizeof(int));
	w->names[0] = "key";
	for (int i = 0; i < w->ncolumns; i++)
		w->names[i + 1] = series_column_name(w->spec, i);
	qsort(w->names, n, sizeof(char *), compare_names);
	for (int k = 0; k < n; k++)
	{
		w->columns[k] = -1;
		for (int i = 0; i < w->ncolumns; i++)
			if (strcmp(w->names[k], series_column_name(w->spec, i)) == 0)
				w->columns[k] = i;
	}
}

/* set_columns -- how their values are kept in a tile. */
static void
set_columns(Writer *w)
{
	int nothers = 0;

	w->types = palloc(w->ncolumns * sizeof(Oid));
	w->copied = palloc(w->ncolumns * sizeof(bool));
	w->places = palloc(w->ncolumns * sizeof(int));
	for (int i = 0; i < w->ncolumns; i++)
	{
		w->types[i] = series_column_measure(w->spec, i)->result;
		w->copied[i] =
			!series_cells_is_plain(w->cells, i) && !get_typbyval(w->types[i]);
		w->nreferences += get_typbyval(w->types[i]) ? 0 : 1;
		w->places[i] =
			series_cells_are_counts(w->cells, i) ? w->ncounts++ : nothers++;
	}
}

static void
write_axis(Writer *w)
{
	static const char *const names[] = {"end", "start", "partial"};
	const TallyGrid *grid = w->spec->grid;
	char buf[SERIES_INSTANT_BYTES];

	tally_jsonb_list(&w->build, grid->nbuckets);
	for (int32 b = 0; b < grid->nbuckets; b++)
	{
		bool partial = tally_grid_partial(grid, b);

		tally_jsonb_object(&w->build, partial ? 3 : 2, names);
		series_instant(w->spec, tally_grid_end(grid, b), buf);
		tally_jsonb_text(&w->build, buf);
		series_instant(w->spec, tally_grid_start(grid, b), buf);
		tally_jsonb_text(&w->build, buf);
		if (partial)
			tally_jsonb_bool(&w->build, true);
		tally_jsonb_end(&w->build);
	}
	tally_jsonb_end(&w->build);
}

/* tile_at -- where the values of a group of the tile and a column begin. */
static inline Size
tile_at(const Writer *w, int32 group, int column)
{
	int n = series_cells_are_counts(w->cells, column)
				? w->ncounts
				: w->ncolumns - w->ncounts;

	return ((Size) group * n + w->places[column]) * w->spec->grid->nbuckets;
}

/* read_run -- a few buckets of a group of the tile and a column. */
static void
read_run(Writer *w, const Tile *tile, int32 first, int32 n, int32 g,
		 int column)
{
	Size at = tile_at(w, g, column) + first;
	Datum *values = &tile->values[at];
	bool *nulls = &tile->nulls[at];
	int32 group = tile->first + g;

	if (series_cells_are_counts(w->cells, column))
	{
		series_cells_counts(
			w->cells, first, n, group, column, &tile->counts[at]);
		return;
	}
	for (int32 i = 0; i < n; i++)
	{
		values[i] = series_cells_value(
			w->cells, first + i, group, column, &nulls[i], NULL);
		if (w->copied[column] && !nulls[i])
			values[i] =
				datumCopy(values[i], false, get_typlen(w->types[column]));
	}
}

static void
read_tile(Writer *w, Tile *tile)
{
	int32 nbuckets = w->spec->grid->nbuckets;
	MemoryContext old;

	MemoryContextReset(tile->cxt);
	old = MemoryContextSwitchTo(tile->cxt);
	for (int32 b = 0; b < nbuckets; b += TILE_BUCKETS)
		for (int32 g = 0; g < tile->n; g++)
		{
			CHECK_FOR_INTERRUPTS();
			if (w->nreferences > 0)
				tally_budget_memory(
					w->build.charged +
					(int64) MemoryContextMemAllocated(tile->cxt, false));
			for (int i = 0; i < w->ncolumns; i++)
				read_run(w, tile, b, Min(TILE_BUCKETS, nbuckets - b), g, i);
		}
	MemoryContextSwitchTo(old);
}

/* write_counts -- one list; of the largest the tile does not know how many. */
static void
write_counts(Writer *w, const Tile *tile, int32 g, int column)
{
	const uint16 *counts = &tile->counts[tile_at(w, g, column)];
	int32 n = w->spec->grid->nbuckets;

	for (int32 b = 0; b < n; b++)
	{
		bool isnull;

		if (b % SCRATCH_VALUES == 0)
			CHECK_FOR_INTERRUPTS();
		tile->list[b] =
			likely(counts[b] < PG_UINT16_MAX)
				? Int64GetDatum(counts[b])
				: series_cells_value(
					  w->cells, b, tile->first + g, column, &isnull, NULL);
	}
	tally_jsonb_int_list(&w->build, n, tile->list, tile->no_nulls);
}

/* write_values -- one list, of one value a bucket. */
static void
write_values(Writer *w, const Tile *tile, int32 g, int column)
{
	Size at = tile_at(w, g, column);
	const Datum *values = &tile->values[at];
	const bool *nulls = &tile->nulls[at];
	Oid type = w->types[column];
	int32 n = w->spec->grid->nbuckets;

	if (type == INT8OID)
	{
		tally_jsonb_int_list(&w->build, n, values, nulls);
		return;
	}
	tally_jsonb_list(&w->build, n);
	for (int32 b = 0; b < n; b++)
	{
		if (b % SCRATCH_VALUES == 0)
		{
			CHECK_FOR_INTERRUPTS();
			MemoryContextReset(tile->scratch);
		}
		if (nulls[b])
			tally_jsonb_null(&w->build);
		else
		{
			JsonbValue v;

			series_json_from(&v, type, values[b], w->spec->zone);
			tally_jsonb_value(&w->build, &v);
		}
	}
	tally_jsonb_end(&w->build);
}

/* write_tile -- the series of its groups. */
static void
write_tile(Writer *w, const Tile *tile)
{
	MemoryContext old = MemoryContextSwitchTo(tile->scratch);

	for (int32 g = 0; g < tile->n; g++)
	{
		MemoryContextReset(tile->scratch);
		tally_jsonb_object(&w->build, w->ncolumns + 1, w->names);
		for (int k = 0; k <= w->ncolumns; k++)
		{
			int column = w->columns[k];
			JsonbValue key;

			if (column < 0)
			{
				series_json_value(series_key_json(w->result, tile->first + g),
								  &key);
				tally_jsonb_value(&w->build, &key);
			}
			else if (series_cells_are_counts(w->cells, column))
				write_counts(w, tile, g, column);
			else
				write_values(w, tile, g, column);
		}
		tally_jsonb_end(&w->build);
	}
	MemoryContextSwitchTo(old);
}

/*
 * make_tile -- as large as is good, and not a quarter of what is left: the
 * document comes beside it.
 */
static void
make_tile(Writer *w, Tile *tile)
{
	Size nbuckets = w->spec->grid->nbuckets;
	Size nothers = w->ncolumns - w->ncounts;
	int64 a_group = nbuckets * (w->ncounts * sizeof(uint16) +
								nothers * (sizeof(Datum) + sizeof(bool)));
	int64 a_list = nbuckets * (sizeof(Datum) + sizeof(bool));
	int64 good = w->nreferences > 0 ? TILE_REFERENCES_BYTES : TILE_BYTES;
	int64 most = Min(good, tally_budget_left(w->build.charged) / 4);
	int64 n =
		most /
		(a_group + (int64) (nbuckets * w->nreferences * TILE_REFERENCE_BYTES));

	n = Max(Min(n, w->result->ngroups), 1);
	w->build.charged += a_list + n * a_group;
	tally_budget_memory(w->build.charged);
	tile->n = (int32) n;
	tile->counts = MemoryContextAllocHuge(CurrentMemoryContext,
										  Max(n * nbuckets * w->ncounts, 1) *
											  sizeof(uint16));
	tile->values =
		MemoryContextAllocHuge(CurrentMemoryContext,
							   Max(n * nbuckets * nothers, 1) * sizeof(Datum));
	tile->nulls = MemoryContextAllocHuge(CurrentMemoryContext,
										 Max(n * nbuckets * nothers, 1));
	tile->list =
		MemoryContextAllocHuge(CurrentMemoryContext, nbuckets * sizeof(Datum));
	tile->no_nulls = MemoryContextAllocZero(CurrentMemoryContext, nbuckets);
	tile->cxt = AllocSetContextCreate(CurrentMemoryContext,
									  "tally series tile",
									  ALLOCSET_DEFAULT_MINSIZE,
									  ALLOCSET_DEFAULT_INITSIZE,
									  TILE_MAX_BLOCK);
	tile->scratch = AllocSetContextCreate(CurrentMemoryContext,
										  "tally series list",
										  ALLOCSET_DEFAULT_SIZES);
}

static void
write_series(Writer *w)
{
	int32 ngroups = w->result->ngroups;
	int64 references;
	int32 n;
	Tile tile;

	make_tile(w, &tile);
	n = tile.n;
	tally_jsonb_list(&w->build, ngroups);
	for (tile.first = 0; tile.first < ngroups; tile.first += n)
	{
		tile.n = Min(n, ngroups - tile.first);
		read_tile(w, &tile);
		references = (int64) MemoryContextMemAllocated(tile.cxt, false);
		w->build.charged += references;
		write_tile(w, &tile);
		w->build.charged -= references;
	}
	tally_jsonb_end(&w->build);
	MemoryContextDelete(tile.cxt);
	MemoryContextDelete(tile.scratch);
	pfree(tile.counts);
	pfree(tile.values);
	pfree(tile.nulls);
	pfree(tile.list);
	pfree(tile.no_nulls);
}

static void
write_meta(Writer *w)
{
	static const char *const names[] = {"groups",
										"others",
										"rejected",
										"rows_read"};
	JsonbValue rejected;

	tally_jsonb_object(&w->build, lengthof(names), names);
	tally_jsonb_int(&w->build, w->result->ngroups);
	tally_jsonb_int(&w->build, w->result->nothers);
	series_json_value(series_rejected(w->result), &rejected);
	tally_jsonb_value(&w->build, &rejected);
	tally_jsonb_int(&w->build, w->result->rows_read);
	tally_jsonb_end(&w->build);
}

Jsonb *
series_document(const SeriesResult *result)
{
	static const char *const names[] = {"axis", "meta", "series"};
	const SeriesSpec *spec = result->spec;
	Writer w = {.result = result, .spec = spec};

	w.ncolumns = series_ncolumns(spec);
	w.cells = series_cells_make(result);
	set_columns(&w);
	set_names(&w);
	tally_jsonb_init(&w.build, series_bytes(result));
	tally_jsonb_object(&w.build, lengthof(names), names);
	write_axis(&w);
	write_meta(&w);
	write_series(&w);
	tally_jsonb_end(&w.build);
	return tally_jsonb_finish(&w.build);
}
