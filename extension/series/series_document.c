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
 * bucket by bucket.  So they are read some groups at a time, by buckets, into
 * a tile that is small enough for the processor's cache, and written from it.
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
#include "series/jsonb_build.h"
#include "series/series_document.h"
#include "series/series_key.h"

/* Cells of a tile, unless one group has more: about a megabyte. */
#define TILE_CELLS (128 * 1024)

/* Values of some groups, by group, then column, then bucket. */
typedef struct Tile
{
	int32 first;
	int32 n;
	Datum *values;
	bool *nulls;
	MemoryContext cxt; /* of values that are by reference */
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

/* read_tile -- bucket by bucket, as cells lie in memory. */
static void
read_tile(Writer *w, Tile *tile)
{
	int32 nbuckets = w->spec->grid->nbuckets;
	MemoryContext old;

	MemoryContextReset(tile->cxt);
	old = MemoryContextSwitchTo(tile->cxt);
	for (int32 b = 0; b < nbuckets; b++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int32 i = 0; i < tile->n * w->ncolumns; i++)
		{
			int column = i % w->ncolumns;
			Size at = (Size) i * nbuckets + b;

			tile->values[at] =
				series_cells_value(w->cells,
								   b,
								   tile->first + i / w->ncolumns,
								   column,
								   &tile->nulls[at],
								   NULL);
			if (w->copied[column] && !tile->nulls[at])
				tile->values[at] = datumCopy(tile->values[at],
											 false,
											 get_typlen(w->types[column]));
		}
	}
	MemoryContextSwitchTo(old);
}

/* write_values -- one list, of one value a bucket. */
static void
write_values(Writer *w, Oid type, const Datum *values, const bool *nulls)
{
	int32 n = w->spec->grid->nbuckets;

	if (type == INT8OID)
	{
		tally_jsonb_int_list(&w->build, n, values, nulls);
		return;
	}
	tally_jsonb_list(&w->build, n);
	for (int32 b = 0; b < n; b++)
	{
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
	int32 nbuckets = w->spec->grid->nbuckets;
	MemoryContext old = MemoryContextSwitchTo(tile->cxt);

	for (int32 g = 0; g < tile->n; g++)
	{
		tally_jsonb_object(&w->build, w->ncolumns + 1, w->names);
		for (int k = 0; k <= w->ncolumns; k++)
		{
			int column = w->columns[k];
			Size at = ((Size) g * w->ncolumns + column) * nbuckets;
			JsonbValue key;

			if (column >= 0)
			{
				write_values(w,
							 w->types[column],
							 &tile->values[at],
							 &tile->nulls[at]);
				continue;
			}
			series_json_value(series_key_json(w->result, tile->first + g),
							  &key);
			tally_jsonb_value(&w->build, &key);
		}
		tally_jsonb_end(&w->build);
	}
	MemoryContextSwitchTo(old);
}

static void
write_series(Writer *w)
{
	int32 ngroups = w->result->ngroups;
	Size a_group = (Size) w->ncolumns * w->spec->grid->nbuckets;
	int32 n = (int32) Min(Max(TILE_CELLS / a_group, 1), (Size) ngroups);
	Size ncells = Max(a_group * n, 1);
	Tile tile;

	w->build.charged += (int64) (ncells * (sizeof(Datum) + sizeof(bool)));
	tally_budget_memory(w->build.charged);
	tile.values =
		MemoryContextAllocHuge(CurrentMemoryContext, ncells * sizeof(Datum));
	tile.nulls =
		MemoryContextAllocHuge(CurrentMemoryContext, ncells * sizeof(bool));
	tile.cxt = AllocSetContextCreate(CurrentMemoryContext,
									 "tally series tile",
									 ALLOCSET_DEFAULT_SIZES);
	tally_jsonb_list(&w->build, ngroups);
	for (tile.first = 0; tile.first < ngroups; tile.first += n)
	{
		tile.n = Min(n, ngroups - tile.first);
		read_tile(w, &tile);
		write_tile(w, &tile);
	}
	tally_jsonb_end(&w->build);
	MemoryContextDelete(tile.cxt);
	pfree(tile.values);
	pfree(tile.nulls);
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
	w.types = palloc(w.ncolumns * sizeof(Oid));
	w.copied = palloc(w.ncolumns * sizeof(bool));
	for (int i = 0; i < w.ncolumns; i++)
	{
		w.types[i] = series_column_measure(spec, i)->result;
		w.copied[i] =
			!series_cells_is_plain(w.cells, i) && !get_typbyval(w.types[i]);
	}
	set_names(&w);
	tally_jsonb_init(&w.build, series_bytes(result));
	tally_jsonb_object(&w.build, lengthof(names), names);
	write_axis(&w);
	write_meta(&w);
	write_series(&w);
	tally_jsonb_end(&w.build);
	return tally_jsonb_finish(&w.build);
}
