/*-------------------------------------------------------------------------
 *
 * series_rows.c
 *	  A panel as rows: every bucket for every group.
 *
 * Cells lie bucket by bucket in memory, and so rows are made: the bucket is
 * the outer loop, the groups in order the inner one.
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

#include "series/coerce.h"
#include "series/series_rows.h"

struct SeriesRows
{
	const SeriesSpec *spec;
	TallyPanel *panel;
	const int32 *order;
	int32 ngroups;
	bool is_long;
	bool allocates;
	Coercion *coercions; /* wide: of keys and measures; long: of measures */
	Oid bucket_type;	 /* wide */
	Datum *keys;		 /* wide: converted, nkeys a group; long: one jsonb */
	bool *key_nulls;
	/* the next row */
	int32 bucket;
	int32 group; /* index in "order" */
	int measure; /* long */
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
						 quote_identifier(spec->keys[i]),
						 format_type_be(spec->key_defs[i].type));
	for (int i = 0; i < spec->nmeasures; i++)
		appendStringInfo(&list,
						 ", %s %s",
						 quote_identifier(spec->measures[i].name),
						 format_type_be(series_spec_result_type(spec, i)));
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

SeriesRows *
series_rows_wide(SeriesSpec *spec, TupleDesc desc)
{
	SeriesRows *rows = palloc0(sizeof(SeriesRows));
	int ncolumns = 1 + spec->nkeys + spec->nmeasures;
	Coercion *c;

	rows->spec = spec;
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
	for (int i = 0; i < spec->nmeasures; i++, c++)
	{
		Oid type = series_spec_result_type(spec, i);

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
	rows->coercions = palloc0(spec->nmeasures * sizeof(Coercion));
	for (int i = 0; i < spec->nmeasures; i++)
	{
		Oid type = series_spec_result_type(spec, i);

		if (type != INT8OID && type != INT4OID && type != INT2OID &&
			type != NUMERICOID && type != FLOAT8OID && type != FLOAT4OID)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("measure \"%s\" is not a number but %s",
							spec->measures[i].name,
							format_type_be(type)),
					 errdetail("tally.series_long() has one column for all "
							   "values, double precision."),
					 errhint("Use tally.series().")));
		tally_coercion_find(&rows->coercions[i], type, FLOAT8OID, -1);
	}
	return rows;
}

/* json_of -- a part of a key as a member of a JSON object. */
static void
json_of(JsonbValue *v, Oid type, Datum value, bool isnull)
{
	Oid output;
	bool varlena;

	if (isnull)
	{
		v->type = jbvNull;
		return;
	}
	switch (type)
	{
		case BOOLOID:
			v->type = jbvBool;
			v->val.boolean = DatumGetBool(value);
			return;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			v->type = jbvNumeric;
			v->val.numeric =
				int64_to_numeric(type == INT8OID   ? DatumGetInt64(value)
								 : type == INT4OID ? DatumGetInt32(value)
												   : DatumGetInt16(value));
			return;
		case NUMERICOID:
			if (numeric_is_nan(DatumGetNumeric(value)) ||
				numeric_is_inf(DatumGetNumeric(value)))
				break;
			v->type = jbvNumeric;
			v->val.numeric = DatumGetNumeric(value);
			return;
		case JSONBOID:
		{
			Jsonb *jb = DatumGetJsonbP(value);

			if (JB_ROOT_IS_SCALAR(jb) && JsonbExtractScalar(&jb->root, v))
				return;
			v->type = jbvBinary;
			v->val.binary.data = &jb->root;
			v->val.binary.len = VARSIZE(jb) - VARHDRSZ;
			return;
		}
		default:
			break;
	}
	getTypeOutputInfo(type, &output, &varlena);
	v->type = jbvString;
	v->val.string.val = OidOutputFunctionCall(output, value);
	v->val.string.len = (int) strlen(v->val.string.val);
}

/* key_json -- a group's key as a JSON object, column by column. */
static Datum
key_json(const SeriesRows *rows, int32 group)
{
	const SeriesSpec *spec = rows->spec;
	JsonbParseState *state = NULL;
	JsonbValue *object;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < spec->nkeys; i++)
	{
		JsonbValue name;
		JsonbValue v;
		bool isnull;
		Datum key = tally_panel_key(rows->panel, group, i, &isnull);

		name.type = jbvString;
		name.val.string.val = spec->keys[i];
		name.val.string.len = (int) strlen(spec->keys[i]);
		pushJsonbValue(&state, WJB_KEY, &name);
		json_of(&v, spec->key_defs[i].type, key, isnull);
		pushJsonbValue(&state, WJB_VALUE, &v);
	}
	object = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(object));
}

void
series_rows_begin(SeriesRows *rows, TallyPanel *panel)
{
	const SeriesSpec *spec = rows->spec;
	int per_group = rows->is_long ? 1 : spec->nkeys;
	MemoryContext keep = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(keep,
												  "tally series keys",
												  ALLOCSET_DEFAULT_SIZES);
	Size n;

	rows->panel = panel;
	rows->ngroups = tally_panel_ngroups(panel);
	rows->order = tally_panel_order(panel);
	rows->bucket = -1;
	rows->group = rows->ngroups;

	/* Keys are the same in every bucket: convert them once. */
	n = Max((Size) rows->ngroups * per_group, 1);
	rows->keys =
		MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(Datum));
	rows->key_nulls =
		MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(bool));
	for (int32 g = 0; g < rows->ngroups; g++)
	{
		CHECK_FOR_INTERRUPTS();
		if (rows->is_long)
		{
			Datum key;

			/* What makes an object leaves far more behind than it is. */
			MemoryContextSwitchTo(scratch);
			key = key_json(rows, rows->order[g]);
			MemoryContextSwitchTo(keep);
			rows->keys[g] = datumCopy(key, false, -1);
			MemoryContextReset(scratch);
			continue;
		}
		for (int i = 0; i < spec->nkeys; i++)
		{
			Size at = (Size) g * spec->nkeys + i;

			rows->keys[at] = tally_panel_key(panel,
											 rows->order[g],
											 i,
											 &rows->key_nulls[at]);
			if (rows->key_nulls[at])
				tally_coerce_null(&rows->coercions[i]);
			else
				rows->keys[at] =
					tally_coerce(&rows->coercions[i], rows->keys[at]);
		}
	}
	MemoryContextDelete(scratch);
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

/* next_cell -- step to the next row; false after the last. */
static bool
next_cell(SeriesRows *rows)
{
	const TallyGrid *grid = rows->spec->grid;

	if (rows->is_long && rows->bucket >= 0 && rows->group < rows->ngroups &&
		++rows->measure < rows->spec->nmeasures)
		return true;
	rows->measure = 0;
	if (++rows->group < rows->ngroups)
		return true;
	if (rows->ngroups == 0 || ++rows->bucket >= grid->nbuckets)
		return false;
	rows->group = 0;
	rows->bucket_value = boundary(rows, tally_grid_start(grid, rows->bucket));
	if (rows->is_long)
		rows->bucket_end_value =
			boundary(rows, tally_grid_end(grid, rows->bucket));
	return true;
}

static void
next_long(SeriesRows *rows, Datum *values, bool *nulls)
{
	const SeriesSpec *spec = rows->spec;
	int32 group = rows->order[rows->group];
	int i = rows->measure;

	memset(nulls, 0, 7 * sizeof(bool));
	values[0] = rows->bucket_value;
	values[1] = rows->bucket_end_value;
	values[2] = rows->keys[rows->group];
	values[3] = CStringGetTextDatum(spec->measures[i].name);
	values[4] =
		tally_panel_value(rows->panel, rows->bucket, group, i, &nulls[4]);
	if (!nulls[4])
		values[4] = tally_coerce(&rows->coercions[i], values[4]);
	values[5] = BoolGetDatum(
		tally_panel_nvalues(rows->panel, rows->bucket, group, i) == 0);
	values[6] = BoolGetDatum(tally_grid_partial(spec->grid, rows->bucket));
}

bool
series_rows_next(SeriesRows *rows, Datum *values, bool *nulls)
{
	const SeriesSpec *spec = rows->spec;
	int nkeys = spec->nkeys;
	Size keys_at;
	int32 group;

	if (!next_cell(rows))
		return false;
	if (rows->is_long)
	{
		next_long(rows, values, nulls);
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
	group = rows->order[rows->group];
	for (int i = 0; i < spec->nmeasures; i++)
	{
		Datum *value = &values[1 + nkeys + i];
		bool *isnull = &nulls[1 + nkeys + i];

		*value =
			tally_panel_value(rows->panel, rows->bucket, group, i, isnull);
		if (*isnull)
			tally_coerce_null(&rows->coercions[nkeys + i]);
		else
			*value = tally_coerce(&rows->coercions[nkeys + i], *value);
	}
	return true;
}

bool
series_rows_allocate(const SeriesRows *rows)
{
	return rows->allocates;
}

void
series_rows_end(SeriesRows *rows)
{
	MemoryContextDelete(tally_panel_context(rows->panel));
	rows->panel = NULL;
}
