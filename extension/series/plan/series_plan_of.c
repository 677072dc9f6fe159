/*-------------------------------------------------------------------------
 *
 * series_plan_of.c
 *	  The query of a series in the pieces that its plan is made of.
 *
 * It is the query that series_run.c begins with: all measures over the whole
 * grid.  What else may follow (a second pass, an earlier period, the values
 * before the range) reads the same rows, or others that are like them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "guc.h"
#include "series/part/series_grid.h"
#include "series/part/series_query.h"
#include "series/plan/series_plan.h"
#include "series/plan/series_plan_ask.h"

/* take_text -- what was written so far, and begin anew. */
static char *
take_text(SeriesQuery *query)
{
	char *text = pstrdup(query->sql.data);

	resetStringInfo(&query->sql);
	return text;
}

/* set_call -- the aggregate, as it is run. */
static void
set_call(const SeriesSpec *spec, SeriesPlanQuery *q, SeriesQuery *query)
{
	TallyMeasure *measures = palloc(spec->nmeasures * sizeof(TallyMeasure));
	SeriesPart part;
	CollectSpec collect;
	Oid type;
	Datum value;

	series_part_init(&part, spec);
	/* Buckets that are refused anyway are not made: for the plan one will do. */
	if (part.grid->nbuckets > tally_max_buckets ||
		(double) part.grid->nbuckets * spec->nmeasures > tally_max_cells ||
		part.grid->nbuckets > tally_max_memory)
		part.grid = series_grid_one(part.grid->lower, part.grid->upper);
	series_query_collect(&collect, spec, &part);
	tally_collect_call(
		&query->sql, &collect, query->params.n + 1, &type, &value);
	(void) series_params_add(&query->params, type, value, false);
	q->call = take_text(query);

	for (int i = 0; i < spec->nmeasures; i++)
		measures[i] = spec->measures[i].def;
	q->nmeasures = spec->nmeasures;
	q->measures = measures;
}

static void
set_keys(const SeriesSpec *spec, SeriesPlanQuery *q, SeriesQuery *query)
{
	SeriesPlanKey *keys = palloc0(Max(spec->nkeys, 1) * sizeof(SeriesPlanKey));

	for (int i = 0; i < spec->nkeys; i++)
	{
		const SeriesColumn *key = &spec->keys[i];

		keys[i].type = spec->key_defs[i].type;
		if (OidIsValid(q->table) && key->npath == 0)
			keys[i].attnum = get_attnum(q->table, key->column);
		series_column_sql_text(&query->sql, key, &query->params);
		keys[i].sql = take_text(query);
	}
	q->nkeys = spec->nkeys;
	q->keys = keys;
}

/* set_members -- how many are listed, or come from a query. */
static void
set_members(const SeriesSpec *spec, SeriesPlanQuery *q)
{
	JsonbValue v;
	JsonbValue text;
	JsonbValue params;
	SeriesParams values = {0};
	SeriesSource *source;
	PlanAnswer answer;

	q->groups = spec->groups;
	if (spec->members == NULL)
		return;
	series_json_value(spec->members, &v);
	if (v.type != jbvBinary)
		return; /* series_members() says what is wrong */
	if (JsonContainerIsArray(v.val.binary.data))
	{
		q->members = JsonContainerSize(v.val.binary.data);
		q->members_exact = true;
		return;
	}
	if (!getKeyJsonValueFromContainer(v.val.binary.data, "query", 5, &text) ||
		text.type != jbvString)
		return;
	source = series_source_query(
		series_json_text(&text),
		"query of members",
		getKeyJsonValueFromContainer(v.val.binary.data, "params", 6, &params)
			? JsonbValueToJsonb(&params)
			: NULL,
		&values);
	series_plan_ask(psprintf("SELECT * FROM %s q", source->from),
					values.n,
					values.types,
					values.values,
					values.nulls,
					false,
					&answer);
	q->members = answer.rows_out;
}

void
series_plan_of(const SeriesSpec *spec, SeriesPlanQuery *q)
{
	SeriesQuery query;

	memset(q, 0, sizeof(*q));
	memset(&query, 0, sizeof(query));
	initStringInfo(&query.sql);
	series_params_copy(&query.params, &spec->params);

	q->grid = spec->grid;
	q->table = spec->source->table;
	q->from = psprintf("%s q", spec->source->from);
	q->filters = spec->where;
	set_call(spec, q, &query);
	series_query_range(&query, spec, spec->grid->lower, spec->grid->upper);
	q->range = take_text(&query);
	set_keys(spec, q, &query);
	set_members(spec, q);
	q->top = spec->top;
	q->other = spec->other != NULL;
	q->periods = spec->compare != NULL ? 2 : 1;

	q->nargs = query.params.n;
	q->types = query.params.types;
	q->values = query.params.values;
	q->nulls = query.params.nulls;
}
