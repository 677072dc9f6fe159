/*-------------------------------------------------------------------------
 *
 * series_spec.c
 *	  What tally.series() was asked for: checks it, and writes and runs the
 *	  one query that answers it.
 *
 * The query is plain SQL over the source with the rights of the caller, so
 * row security, column privileges, partitions, views and indexes all work as
 * in any query.  Names come from the catalogs and are quoted; operators are
 * named with their schema, so no search_path can change their meaning; values
 * are parameters.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "measure/measure.h"
#include "series/collect.h"
#include "series/series_spec.h"

/* The aggregate takes at most FUNC_MAX_ARGS: leave room for its own. */
#define MAX_COLUMNS (FUNC_MAX_ARGS - 8)

/* source_name -- the quoted, qualified name of a relation that is scanned. */
static char *
source_name(Oid source)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(source));
	Form_pg_class form;
	char *name;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", source)));
	form = (Form_pg_class) GETSTRUCT(tuple);
	switch (form->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is not a table, view, materialized view "
							"or foreign table",
							NameStr(form->relname))));
	}
	name = quote_qualified_identifier(get_namespace_name(form->relnamespace),
									  NameStr(form->relname));
	ReleaseSysCache(tuple);
	return name;
}

/* column_type -- the type of a column, below any domain, and its collation. */
static Oid
column_type(Oid source, const char *column, Oid *collation)
{
	AttrNumber attnum = get_attnum(source, column);
	Oid type;
	int32 typmod;

	if (attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of \"%s\" does not exist",
						column,
						get_rel_name(source))));
	get_atttypetypmodcoll(source, attnum, &type, &typmod, collation);
	return getBaseType(type);
}

/* bad_measure -- the one complaint about a measure's text. */
static void
bad_measure(const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("measure \"%s\" not understood", text),
			 errdetail("A measure is count, count(column), sum(column), "
					   "avg(column), min(column) or max(column)."),
			 errhint("An alias may follow: \"sum(price) AS revenue\". Quote "
					 "a column that is not all lower case: sum(\"Price\").")));
}

/* skip_blanks -- the next character that is no blank. */
static char *
skip_blanks(char *p)
{
	while (scanner_isspace(*p))
		p++;
	return p;
}

/*
 * read_name -- read an identifier as SQL does, quoted or folded to lower case.
 * Returns where it ends, or NULL where there is none.
 */
static char *
read_name(char *p, char **name)
{
	char *start;
	char *out;

	if (*p == '"')
	{
		*name = out = palloc(strlen(p) + 1);
		for (p++; *p != '\0'; p++)
		{
			if (*p == '"' && *++p != '"')
				break;
			*out++ = *p;
		}
		if (p[-1] != '"' || out == *name)
			return NULL;
		*out = '\0';
		return p;
	}
	start = p;
	while (isalnum((unsigned char) *p) || *p == '_' || *p == '$' ||
		   IS_HIGHBIT_SET(*p))
		p++;
	if (p == start)
		return NULL;
	*name = downcase_identifier(start, (int) (p - start), false, false);
	return p;
}

/* measure_parse -- "kind", "kind(*)", "kind(column)", each with an alias. */
static void
measure_parse(Oid source, const char *text, SeriesMeasure *m)
{
	char *p = skip_blanks(pstrdup(text));
	char *end;
	char *kind;
	char *word;
	int k;

	memset(m, 0, sizeof(*m));
	if ((p = read_name(p, &kind)) == NULL)
		bad_measure(text);
	for (k = 0; k < TALLY_MEASURE__COUNT; k++)
		if (strcmp(kind, tally_measure_kind_name(k)) == 0)
			break;
	if (k == TALLY_MEASURE__COUNT)
		bad_measure(text);
	m->def.kind = k;

	p = skip_blanks(p);
	if (*p == '(')
	{
		p = skip_blanks(p + 1);
		if (*p == '*' && k == TALLY_COUNT)
			p++;
		else if ((p = read_name(p, &m->column)) == NULL)
			bad_measure(text);
		p = skip_blanks(p);
		if (*p++ != ')')
			bad_measure(text);
	}
	if (m->column == NULL && k != TALLY_COUNT)
		bad_measure(text);

	p = skip_blanks(p);
	if (*p != '\0')
	{
		if ((end = read_name(p, &word)) == NULL || strcmp(word, "as") != 0)
			bad_measure(text);
		p = skip_blanks(end);
		if ((p = read_name(p, &m->name)) == NULL || *skip_blanks(p) != '\0')
			bad_measure(text);
	}
	else
		m->name = m->column == NULL ? pstrdup(kind)
									: psprintf("%s(%s)", kind, m->column);
	if (m->column != NULL)
	{
		Measure checked;

		m->def.type = column_type(source, m->column, &m->def.collation);
		tally_measure_init(&checked, &m->def, CurrentMemoryContext);
	}
}

/* array_items -- the elements of a one-dimensional array without nulls. */
static int
array_items(ArrayType *array, const char *what, Datum **items)
{
	Oid type = ARR_ELEMTYPE(array);
	int16 typlen;
	bool typbyval;
	char typalign;
	int n;

	if (ARR_NDIM(array) > 1 || array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a list without nulls", what)));
	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(
		array, type, typlen, typbyval, typalign, items, NULL, &n);
	return n;
}

/* local_grid -- the same buckets of what the clock shows, as if in UTC. */
static TallyGrid *
local_grid(const TallyGrid *grid, pg_tz *zone)
{
	TallyGridSpec spec = {
		.months = grid->every_months,
		.days = grid->every_days,
		.us = grid->every_us,
		.during = {tally_instant_to_local(grid->lower, zone),
				   tally_instant_to_local(grid->upper, zone)},
		.zone = tally_zone("UTC"),
		.week_start = grid->week_start,
		.has_origin = true,
		.origin = tally_instant_to_local(grid->origin, zone),
	};

	if (spec.during.lower >= spec.during.upper)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("range is empty on the clock of the axis"),
				 errdetail("The clock was put back over all of it.")));
	return tally_grid_make(&spec);
}

/* axis_check -- the type of the axis, and what follows from it. */
static void
axis_check(SeriesSpec *spec, TallyGrid *real_grid)
{
	char *zone_name =
		pnstrdup((char *) real_grid + VARSIZE(real_grid) - real_grid->zone_len,
				 real_grid->zone_len);
	Oid collation;

	spec->zone = tally_zone(zone_name);
	spec->axis_type = column_type(spec->source, spec->axis, &collation);
	switch (spec->axis_type)
	{
		case TIMESTAMPTZOID:
			spec->grid = real_grid;
			break;
		case TIMESTAMPOID:
		case DATEOID:
			spec->is_local = true;
			spec->grid = local_grid(real_grid, spec->zone);
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("axis \"%s\" is of type %s",
							spec->axis,
							format_type_be(spec->axis_type)),
					 errhint("The axis must be timestamp with time zone, "
							 "timestamp or date.")));
	}
}

SeriesSpec *
series_spec_make(Oid source, const char *axis, TallyGrid *real_grid,
				 ArrayType *measures, ArrayType *group_by)
{
	SeriesSpec *spec = palloc0(sizeof(SeriesSpec));
	Datum *items;

	spec->source = source;
	spec->axis = pstrdup(axis);
	(void) source_name(source);
	axis_check(spec, real_grid);

	spec->nmeasures = array_items(measures, "measures", &items);
	if (spec->nmeasures == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("measures must not be empty"),
				 errhint("The default is '{count}'.")));
	spec->measures = palloc0(spec->nmeasures * sizeof(SeriesMeasure));
	for (int i = 0; i < spec->nmeasures; i++)
		measure_parse(source,
					  TextDatumGetCString(items[i]),
					  &spec->measures[i]);

	spec->nkeys = array_items(group_by, "group_by", &items);
	if (spec->nmeasures + spec->nkeys > MAX_COLUMNS)
		ereport(
			ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("a series can have at most %d measures and group "
					"columns",
					MAX_COLUMNS),
			 errdetail("There are %d and %d.", spec->nmeasures, spec->nkeys)));
	spec->keys = palloc0(Max(spec->nkeys, 1) * sizeof(char *));
	spec->key_defs = palloc0(Max(spec->nkeys, 1) * sizeof(TallyKey));
	for (int i = 0; i < spec->nkeys; i++)
	{
		spec->keys[i] = pstrdup(NameStr(*DatumGetName(items[i])));
		spec->key_defs[i].type =
			column_type(source, spec->keys[i], &spec->key_defs[i].collation);
	}
	return spec;
}

Oid
series_spec_result_type(const SeriesSpec *spec, int measure)
{
	Measure m;

	tally_measure_init(&m, &spec->measures[measure].def, CurrentMemoryContext);
	return m.result;
}

/* collect_spec -- the same request, as the aggregate takes it. */
static void
collect_spec(const SeriesSpec *spec, CollectSpec *out)
{
	CollectMeasure *measures =
		palloc0(spec->nmeasures * sizeof(CollectMeasure));
	CollectColumn *keys = palloc0(Max(spec->nkeys, 1) * sizeof(CollectColumn));

	for (int i = 0; i < spec->nmeasures; i++)
	{
		const SeriesMeasure *m = &spec->measures[i];

		measures[i].def = m->def;
		measures[i].of_rows = m->column == NULL;
		measures[i].from.column = m->column;
		measures[i].from.type = m->def.type;
		measures[i].from.collation = m->def.collation;
	}
	for (int i = 0; i < spec->nkeys; i++)
	{
		keys[i].column = spec->keys[i];
		keys[i].type = spec->key_defs[i].type;
		keys[i].collation = spec->key_defs[i].collation;
	}
	memset(out, 0, sizeof(*out));
	out->grid = spec->grid;
	out->axis = spec->axis;
	out->axis_type = spec->axis_type;
	out->nmeasures = spec->nmeasures;
	out->measures = measures;
	out->nkeys = spec->nkeys;
	out->keys = keys;
	out->key_defs = spec->key_defs;
}

TallyPanel *
series_spec_run(const SeriesSpec *spec, MemoryContext parent)
{
	Oid bound_type = spec->is_local ? TIMESTAMPOID : TIMESTAMPTZOID;
	Oid types[3] = {InvalidOid, bound_type, bound_type};
	Datum values[3];
	CollectSpec collect;
	StringInfoData sql;
	const char *axis = quote_identifier(spec->axis);
	TallyPanel *panel;

	collect_spec(spec, &collect);
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	tally_collect_call(&sql, &collect, 1, &types[0], &values[0]);
	appendStringInfo(&sql,
					 " FROM %s q WHERE q.%s OPERATOR(pg_catalog.>=) $2"
					 " AND q.%s OPERATOR(pg_catalog.<) $3",
					 source_name(spec->source),
					 axis,
					 axis);
	values[1] = TimestampTzGetDatum(spec->grid->lower);
	values[2] = TimestampTzGetDatum(spec->grid->upper);
	panel = tally_panel_from_query(parent, sql.data, 3, types, values, NULL);
	return panel != NULL ? panel : tally_collect_empty(parent, &collect);
}
