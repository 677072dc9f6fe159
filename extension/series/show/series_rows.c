/*-------------------------------------------------------------------------
 *
 * series_rows.c
 *	  A panel as rows: every bucket for every group.
 *
 * Cells lie bucket by bucket in memory, and so rows are made: the bucket is
 * the outer loop, the groups in order the inner one.
 *
 *	  wide	bucket | key ... | measure ... | measure of the earlier period ...
 *	  long	bucket | bucket_end | keys | measure | value | is_filled
 *			| is_partial					a row a measure
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "series/run/coerce.h"
#include "series/show/series_key.h"
#include "series/show/series_rows.h"

struct SeriesRows
{
	SeriesSpec *spec;
	const SeriesResult *result;
	SeriesCells *cells;
	int ncolumns;
	bool is_long;
	bool allocates;
	Coercion *coercions; /* wide: of keys and columns; long: of columns */
	Oid bucket_type;	 /* wide */
	Datum *keys;		 /* wide: converted, nkeys a group; long: one jsonb */
	bool *key_nulls;
	Datum *names; /* long: of the columns, as text */
	/* the present row, from 0; -1 before the first, nrows after the last */
	int64 at;
	int64 nrows;
	int32 bucket;
	int32 group; /* index in result->groups */
	int column;	 /* long */
	/* of the bucket's rows */
	Datum bucket_value;
	Datum bucket_end_value;
};

/* wanted_columns -- the column list that fits, for an error's hint. */
static char *
wanted_columns(const SeriesSpec *spec)
{
	StringInfoData list;

	initStringInfo(&list);
	appendStringInfo(&list,
					 "AS t(bucket %s",
					 spec->is_local ? "timestamp" : "timestamptz");
	for (int i = 0; i < spec->nkeys; i++)
		appendStringInfo(&list,
						 ", %s %s",
						 quote_identifier(spec->keys[i].name),
						 format_type_be(spec->key_defs[i].type));
	for (int i = 0; i < series_ncolumns(spec); i++)
		appendStringInfo(&list,
						 ", %s %s",
						 quote_identifier(series_column_name(spec, i)),
						 format_type_be(
							 series_column_measure(spec, i)->result));
	appendStringInfoChar(&list, ')');
	return list.data;
}

static void
bad_columns(const SeriesSpec *spec, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column list does not fit the series"),
			 errdetail_internal("%s", detail),
			 errhint("It could be: %s.", wanted_columns(spec))));
}

/* find_coercion -- of column "att", or the error that names it. */
static void
find_coercion(const SeriesSpec *spec, Coercion *c, Oid source,
			  Form_pg_attribute att)
{
	if (!tally_coercion_find(c, source, att->atttypid, att->atttypmod))
		bad_columns(spec,
					psprintf("Column \"%s\" is declared %s, but there is no "
							 "cast to it from %s.",
							 NameStr(att->attname),
							 format_type_be(att->atttypid),
							 format_type_be(source)));
}

/*
 * check_other -- refuse a rest that would look like the group of nulls: no
 * column can show what it is called.
 */
static void
check_other(const SeriesSpec *spec)
{
	if (spec->other == NULL || series_label_has_place(spec))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("no group column can show \"%s\"", spec->other),
			 errdetail("None is of a text type, and the rest would look "
					   "like the group of nulls."),
			 errhint("tally.series_long() and tally.series_json() show it "
					 "beside keys of any type; or cast a group column to "
					 "text in the query of tally.series_query().")));
}

SeriesRows *
series_rows_wide(SeriesSpec *spec, TupleDesc desc)
{
	SeriesRows *rows = palloc0(sizeof(SeriesRows));
	int ncolumns = 1 + spec->nkeys + series_ncolumns(spec);
	Coercion *c;

	rows->spec = spec;
	rows->ncolumns = series_ncolumns(spec);
	series_cells_check(spec, false);
	check_other(spec);
	if (desc->natts != ncolumns)
		bad_columns(spec,
					psprintf("It has %d columns, and the series has %d.",
							 desc->natts,
							 ncolumns));
	rows->bucket_type = TupleDescAttr(desc, 0)->atttypid;
	if (rows->bucket_type != TIMESTAMPTZOID &&
		rows->bucket_type != TIMESTAMPOID && rows->bucket_type != DATEOID)
		bad_columns(spec,
					psprintf("The first column, the bucket, is declared %s.",
							 format_type_be(rows->bucket_type)));

	c = rows->coercions = palloc0((ncolumns - 1) * sizeof(Coercion));
	for (int i = 0; i < spec->nkeys; i++)
		find_coercion(spec,
					  c++,
					  spec->key_defs[i].type,
					  TupleDescAttr(desc, 1 + i));
	for (int i = 0; i < rows->ncolumns; i++, c++)
	{
		Oid type = series_column_measure(spec, i)->result;

		find_coercion(spec, c, type, TupleDescAttr(desc, 1 + spec->nkeys + i));
		rows->allocates |=
			!get_typbyval(type) || c->how != COERCE_NONE || c->has_length;
	}
	return rows;
}

SeriesRows *
series_rows_long(SeriesSpec *spec, TupleDesc desc)
{
	SeriesRows *rows = palloc0(sizeof(SeriesRows));

	rows->spec = spec;
	rows->is_long = true;
	rows->allocates = true;
	rows->bucket_type = TIMESTAMPTZOID;
	rows->ncolumns = series_ncolumns(spec);
	rows->coercions = palloc0(rows->ncolumns * sizeof(Coercion));
	rows->names = palloc(rows->ncolumns * sizeof(Datum));
	for (int i = 0; i < rows->ncolumns; i++)
	{
		Oid type = series_column_measure(spec, i)->result;

		if (type != INT8OID && type != INT4OID && type != INT2OID &&
			type != NUMERICOID && type != FLOAT8OID && type != FLOAT4OID)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("measure \"%s\" is not a number but %s",
							spec->measures[i].name,
							format_type_be(type)),
					 errdetail("The long form has one column for all values, "
							   "double precision."),
					 errhint("Use tally.series() or tally.series_json().")));
		tally_coercion_find(&rows->coercions[i], type, FLOAT8OID, -1);
		rows->names[i] = CStringGetTextDatum(series_column_name(spec, i));
	}
	series_cells_check(spec, true);
	return rows;
}

/* wide_key -- the key of a group, converted. */
static void
wide_key(SeriesRows *rows, int32 group)
{
	const SeriesSpec *spec = rows->spec;

	for (int i = 0; i < spec->nkeys; i++)
	{
		Size at = (Size) group * spec->nkeys + i;

		rows->keys[at] =
			series_key(rows->result, group, i, &rows->key_nulls[at]);
		if (rows->key_nulls[at])
			tally_coerce_null(&rows->coercions[i]);
		else
			rows->keys[at] = tally_coerce(&rows->coercions[i], rows->keys[at]);
	}
}

/* Keys are laid side by side while they take at most this much, in kB. */
#define MAX_SIDE_BY_SIDE (tally_max_memory / 64)

/*
 * lay_keys -- the converted keys into one piece of memory, in the order in
 * which they are shown, once a bucket each: where they were made they lie in
 * the order in which groups appeared.
 */
static void
lay_keys(SeriesRows *rows, Size ngroups)
{
	int nkeys = rows->spec->nkeys;
	Size ndatums = ngroups * nkeys;
	bool *is_varlena = palloc(nkeys * sizeof(bool));
	Size size = 0;
	char *next;

	for (int i = 0; i < nkeys; i++)
		is_varlena[i] = get_typlen(rows->coercions[i].target) == -1;
	for (Size i = 0; i < ndatums; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_varlena[i % nkeys] && !rows->key_nulls[i])
			size += MAXALIGN(VARSIZE_ANY(DatumGetPointer(rows->keys[i])));
	}
	if (size == 0 || size / 1024 > (Size) MAX_SIDE_BY_SIDE)
		return;

	next = MemoryContextAllocHuge(CurrentMemoryContext, size);
	for (Size i = 0; i < ndatums; i++)
	{
		struct varlena *key =
			(struct varlena *) DatumGetPointer(rows->keys[i]);

		CHECK_FOR_INTERRUPTS();
		if (!is_varlena[i % nkeys] || rows->key_nulls[i])
			continue;
		rows->keys[i] = PointerGetDatum(memcpy(next, key, VARSIZE_ANY(key)));
		next += MAXALIGN(VARSIZE_ANY(key));
	}
}

void
series_rows_begin(SeriesRows *rows, const SeriesResult *result)
{
	int per_group = rows->is_long ? 1 : rows->spec->nkeys;
	MemoryContext keep = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(keep,
												  "tally series keys",
												  ALLOCSET_DEFAULT_SIZES);
	Size n = Max((Size) result->ngroups * per_group, 1);

	rows->result = result;
	rows->cells = series_cells_make(result);
	rows->at = -1;
	rows->nrows = (int64) rows->spec->grid->nbuckets * result->ngroups *
				  (rows->is_long ? rows->ncolumns : 1);

	/* Keys are the same in every bucket: convert them once. */
	rows->keys =
		MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(Datum));
	rows->key_nulls =
		MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(bool));
	for (int32 g = 0; g < result->ngroups; g++)
	{
		Datum key;

		CHECK_FOR_INTERRUPTS();
		if (!rows->is_long)
		{
			wide_key(rows, g);
			continue;
		}
		/* What makes an object leaves far more behind than it is. */
		MemoryContextSwitchTo(scratch);
		key = JsonbPGetDatum(series_key_json(result, g));
		MemoryContextSwitchTo(keep);
		rows->keys[g] = datumCopy(key, false, -1);
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);
	if (!rows->is_long && rows->spec->nkeys > 0)
		lay_keys(rows, result->ngroups);
}

/* boundary -- a boundary in the type that is shown, on the axis's clock. */
static Datum
boundary(const SeriesRows *rows, TimestampTz at)
{
	const SeriesSpec *spec = rows->spec;
	int64 local = at;

	if (rows->bucket_type == TIMESTAMPTZOID)
		return TimestampTzGetDatum(
			spec->is_local ? tally_local_to_instant(at, spec->zone) : at);
	if (!spec->is_local)
		local = tally_instant_to_local(at, spec->zone);
	if (rows->bucket_type == TIMESTAMPOID)
		return TimestampGetDatum(local);
	return DateADTGetDatum(
		(DateADT) (local / USECS_PER_DAY - (local % USECS_PER_DAY < 0)));
}

/* enter_bucket -- what all rows of a bucket show. */
static void
enter_bucket(SeriesRows *rows, int32 bucket)
{
	const TallyGrid *grid = rows->spec->grid;

	rows->bucket = bucket;
	rows->bucket_value = boundary(rows, tally_grid_start(grid, bucket));
	if (rows->is_long)
		rows->bucket_end_value = boundary(rows, tally_grid_end(grid, bucket));
}

/* find_row -- to row "at" from anywhere. */
static void
find_row(SeriesRows *rows)
{
	int columns = rows->is_long ? rows->ncolumns : 1;
	int64 cell = rows->at / columns;

	rows->column = (int) (rows->at % columns);
	rows->group = (int32) (cell % rows->result->ngroups);
	enter_bucket(rows, (int32) (cell / rows->result->ngroups));
}

/* step -- to the next row or the one before; false where there is none. */
static bool
step(SeriesRows *rows, bool forward)
{
	int64 at = rows->at + (forward ? 1 : -1);

	rows->at = Max(Min(at, rows->nrows), -1);
	if (rows->at != at || at < 0 || at == rows->nrows)
		return false;
	if (!forward || at == 0)
		find_row(rows);
	else if (!rows->is_long || ++rows->column == rows->ncolumns)
	{
		rows->column = 0;
		if (++rows->group == rows->result->ngroups)
		{
			rows->group = 0;
			enter_bucket(rows, rows->bucket + 1);
		}
	}
	return true;
}

static void
long_row(SeriesRows *rows, Datum *values, bool *nulls)
{
	int c = rows->column;
	bool is_filled;

	memset(nulls, 0, 7 * sizeof(bool));
	values[0] = rows->bucket_value;
	values[1] = rows->bucket_end_value;
	values[2] = rows->keys[rows->group];
	values[3] = rows->names[c];
	if (series_cells_is_plain(rows->cells, c))
	{
		values[4] = series_cells_value(
			rows->cells, rows->bucket, rows->group, c, &nulls[4], &is_filled);
		if (!nulls[4])
			values[4] = tally_coerce(&rows->coercions[c], values[4]);
	}
	else
		values[4] = Float8GetDatum(series_cells_float8(
			rows->cells, rows->bucket, rows->group, c, &nulls[4], &is_filled));
	values[5] = BoolGetDatum(is_filled);
	values[6] =
		BoolGetDatum(tally_grid_partial(rows->spec->grid, rows->bucket));
}

bool
series_rows_step(SeriesRows *rows, bool forward, Datum *values, bool *nulls)
{
	int nkeys = rows->spec->nkeys;
	Size keys_at;

	if (!step(rows, forward))
		return false;
	if (rows->column == 0)
		series_cells_expect(rows->cells, rows->bucket, rows->group);
	if (rows->is_long)
	{
		long_row(rows, values, nulls);
		return true;
	}

	values[0] = rows->bucket_value;
	nulls[0] = false;
	keys_at = (Size) rows->group * nkeys;
	for (int i = 0; i < nkeys; i++)
	{
		values[1 + i] = rows->keys[keys_at + i];
		nulls[1 + i] = rows->key_nulls[keys_at + i];
	}
	for (int i = 0; i < rows->ncolumns; i++)
	{
		Datum *value = &values[1 + nkeys + i];
		bool *isnull = &nulls[1 + nkeys + i];

		*value = series_cells_value(
			rows->cells, rows->bucket, rows->group, i, isnull, NULL);
		if (*isnull)
			tally_coerce_null(&rows->coercions[nkeys + i]);
		else
			*value = tally_coerce(&rows->coercions[nkeys + i], *value);
	}
	return true;
}

void
series_rows_rewind(SeriesRows *rows)
{
	rows->at = -1;
}

bool
series_rows_allocate(const SeriesRows *rows)
{
	return rows->allocates;
}
