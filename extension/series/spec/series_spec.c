/*-------------------------------------------------------------------------
 *
 * series_spec.c
 *	  What tally.series() and its like were asked for: checks it against the
 *	  catalogs, before anything is run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "series/spec/series_spec.h"

/* The aggregate takes at most FUNC_MAX_ARGS: leave room for its own. */
#define MAX_COLUMNS (FUNC_MAX_ARGS - 8)

/* array_items -- the elements of a list without nulls, as C strings. */
static int
array_items(ArrayType *array, const char *what, char ***items)
{
	Oid type = ARR_ELEMTYPE(array);
	Datum *values;
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
		array, type, typlen, typbyval, typalign, &values, NULL, &n);
	*items = palloc(Max(n, 1) * sizeof(char *));
	for (int i = 0; i < n; i++)
		(*items)[i] = type == NAMEOID
						  ? pstrdup(NameStr(*DatumGetName(values[i])))
						  : TextDatumGetCString(values[i]);
	return n;
}

TallyGrid *
series_spec_local_grid(const TallyGrid *grid, pg_tz *zone)
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

/* set_axis -- the column of time, its type, and what follows from it. */
static void
set_axis(SeriesSpec *spec, const SeriesArgs *args)
{
	SeriesSourceColumn column;

	spec->axis = pstrdup(args->axis);
	spec->zone = tally_zone(tally_grid_zone(args->grid));
	if (!series_source_column(spec->source, spec->axis, &column))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of %s does not exist",
						spec->axis,
						spec->source->shown)));
	spec->axis_type = column.type;
	switch (spec->axis_type)
	{
		case TIMESTAMPTZOID:
			spec->grid = args->grid;
			break;
		case TIMESTAMPOID:
		case DATEOID:
			spec->is_local = true;
			spec->grid = series_spec_local_grid(args->grid, spec->zone);
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

/* set_columns -- measures and keys. */
static void
set_columns(SeriesSpec *spec, const SeriesArgs *args)
{
	char **measures;
	char **keys;

	spec->nmeasures = array_items(args->measures, "measures", &measures);
	spec->nkeys = array_items(args->group_by, "group_by", &keys);
	if (spec->nmeasures == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("measures must not be empty"),
				 errhint("The default is '{count}'.")));
	if (spec->nmeasures + spec->nkeys > MAX_COLUMNS)
		ereport(
			ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("a series can have at most %d measures and group "
					"columns",
					MAX_COLUMNS),
			 errdetail("There are %d and %d.", spec->nmeasures, spec->nkeys)));

	spec->measures = palloc0(spec->nmeasures * sizeof(SeriesMeasure));
	for (int i = 0; i < spec->nmeasures; i++)
		series_measure_parse(spec->source, measures[i], &spec->measures[i]);

	spec->keys = palloc0(Max(spec->nkeys, 1) * sizeof(SeriesColumn));
	spec->key_defs = palloc0(Max(spec->nkeys, 1) * sizeof(TallyKey));
	for (int i = 0; i < spec->nkeys; i++)
	{
		SeriesColumn *key = &spec->keys[i];

		series_column_find(spec->source, keys[i], key);
		spec->key_defs[i].type = key->npath > 0 ? TEXTOID : key->type;
		spec->key_defs[i].collation =
			key->npath > 0 ? DEFAULT_COLLATION_OID : key->collation;
	}
}

int
series_spec_measure(const SeriesSpec *spec, const char *name)
{
	for (int i = 0; i < spec->nmeasures; i++)
		if (strcmp(spec->measures[i].name, name) == 0)
			return i;
	return -1;
}

char *
series_spec_measure_names(const SeriesSpec *spec)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < spec->nmeasures; i++)
		appendStringInfo(&names,
						 "%s%s",
						 i > 0 ? ", " : "",
						 spec->measures[i].name);
	return names.data;
}

/* unknown_measure -- of an argument that names one. */
static void
unknown_measure(const SeriesSpec *spec, const char *what, const char *name)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		 errmsg("%s names a measure \"%s\" that is not asked for", what, name),
		 errhint("The measures are: %s.", series_spec_measure_names(spec))));
}

/* set_groups -- which groups are shown. */
static void
set_groups(SeriesSpec *spec, const SeriesArgs *args)
{
	static const char *const names[SERIES_GROUPS__COUNT] = {
		[SERIES_GROUPS_SEEN] = "seen",
		[SERIES_GROUPS_EVER] = "ever",
		[SERIES_GROUPS_LISTED] = "listed",
	};
	int i = SERIES_GROUPS_SEEN;

	if (args->groups != NULL)
		for (i = 0; i < SERIES_GROUPS__COUNT; i++)
			if (strcmp(args->groups, names[i]) == 0)
				break;
	if (i == SERIES_GROUPS__COUNT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("groups must be \"seen\", \"ever\" or \"listed\", "
						"not \"%s\"",
						args->groups)));
	spec->groups = i;
	spec->members = args->members;
	if (spec->members != NULL && spec->nkeys == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("members are given, but no groups"),
				 errhint("Name the columns of the groups in \"group_by\".")));
	if (spec->groups == SERIES_GROUPS_LISTED && spec->members == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("groups are \"listed\", but no members are given"),
				 errhint("List them in \"members\": members => "
						 "'[\"DE\", \"FR\"]'.")));
}

/* set_top -- how many groups, and what the rest is called. */
static void
set_top(SeriesSpec *spec, const SeriesArgs *args)
{
	if (args->has_top)
	{
		if (args->top < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("top must be at least 1"),
					 errdetail("The value given was %d.", args->top)));
		if (spec->nkeys == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("top is given, but no groups"),
					 errhint("Name the columns of the groups in "
							 "\"group_by\".")));
		spec->top = args->top;
	}
	if (args->top_by != NULL)
	{
		if (!args->has_top)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("top_by is given without top")));
		spec->top_by = series_spec_measure(spec, args->top_by);
		if (spec->top_by < 0)
			unknown_measure(spec, "top_by", args->top_by);
	}
	if (args->other != NULL)
	{
		if (!args->has_top && spec->groups != SERIES_GROUPS_LISTED)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("other is given, but there is no rest"),
					 errhint("Give \"top\" as well, or groups => "
							 "'listed'.")));
		spec->other = pstrdup(args->other);
	}
}

/* set_fill_of -- how one measure is filled, from a JSON string or number. */
static void
set_fill_of(SeriesMeasure *m, const JsonbValue *how)
{
	if (how->type == jbvBool || how->type == jbvBinary)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fill of measure \"%s\" must be a mode or a number",
						m->name),
				 errdetail("It is %s.", series_json_shown(how))));
	tally_fill_parse(&m->fill, series_json_text(how));
}

/* set_fills -- from {"measure": how, ..}, or one for all. */
static void
set_fills(SeriesSpec *spec, Jsonb *fill)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;

	for (int i = 0; i < spec->nmeasures; i++)
		tally_fill_parse(&spec->measures[i].fill, NULL);
	if (fill == NULL)
		return;
	series_json_value(fill, &v);
	if (v.type != jbvBinary)
	{
		for (int i = 0; i < spec->nmeasures; i++)
			set_fill_of(&spec->measures[i], &v);
		return;
	}
	if (!JsonContainerIsObject(v.val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fill must be a mode, a number or an object"),
				 errdetail("It is %s.", series_json_shown(&v)),
				 errhint("Write fill => '\"previous\"', or for some measures "
						 "fill => '{\"last(temp)\": \"previous\", \"count\": "
						 "0}'.")));
	it = JsonbIteratorInit(v.val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char *name;
		int i;

		if (token != WJB_KEY)
			continue;
		name = series_json_text(&v);
		if ((i = series_spec_measure(spec, name)) < 0)
			unknown_measure(spec, "fill", name);
		if (JsonbIteratorNext(&it, &v, true) != WJB_VALUE)
			elog(ERROR, "a member of a JSON object has no value");
		set_fill_of(&spec->measures[i], &v);
	}
}

/* reaches -- does the mode carry values from one bucket into others? */
static bool
reaches(TallyFillMode mode)
{
	return mode == TALLY_FILL_PREVIOUS || mode == TALLY_FILL_NEXT ||
		   mode == TALLY_FILL_LINEAR;
}

/* set_gap_and_seed -- of the measures whose fill takes them. */
static void
set_gap_and_seed(SeriesSpec *spec, const SeriesArgs *args)
{
	bool any_reaches = false;
	bool any_looks_back = false;

	for (int i = 0; i < spec->nmeasures; i++)
	{
		TallyFill *fill = &spec->measures[i].fill;

		if (!reaches(fill->mode))
			continue;
		any_reaches = true;
		any_looks_back |= fill->mode != TALLY_FILL_NEXT;
		if (args->max_gap != NULL)
		{
			fill->has_max_gap = true;
			fill->max_gap = *args->max_gap;
		}
	}
	if (args->max_gap != NULL && !any_reaches)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_gap is given, but no value is carried"),
				 errhint("It is for measures that \"fill\" fills with "
						 "previous, next or linear.")));
	if (args->seed && !any_looks_back)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("seed is given, but no value is carried"),
				 errhint("It is for measures that \"fill\" fills with "
						 "previous or linear.")));
	spec->seed = args->seed;
}

/* set_compare -- a time that goes back. */
static void
set_compare(SeriesSpec *spec, Interval *compare)
{
	static const Interval nothing;

	if (compare != NULL &&
		DatumGetInt32(DirectFunctionCall2(interval_cmp,
										  IntervalPGetDatum(compare),
										  IntervalPGetDatum(&nothing))) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("compare must be longer than nothing"),
				 errhint("It is how much earlier the other period is: "
						 "compare => '1 year'.")));
	spec->compare = compare;
}

SeriesSpec *
series_spec_make(const SeriesArgs *args)
{
	SeriesSpec *spec = palloc0(sizeof(SeriesSpec));

	if (args->query != NULL)
		spec->source = series_source_query(args->query,
										   "query",
										   args->params,
										   &spec->params);
	else
		spec->source = series_source_table(args->table);
	set_axis(spec, args);
	set_columns(spec, args);
	if (args->filters != NULL)
		series_filter_parse(spec, args->filters);
	set_groups(spec, args);
	set_top(spec, args);
	set_fills(spec, args->fill);
	set_gap_and_seed(spec, args);
	set_compare(spec, args->compare);
	return spec;
}
