/*-------------------------------------------------------------------------
 *
 * series_members.c
 *	  Groups that are shown whether rows of theirs fell into the range or not:
 *	  those that are listed, and those that ever were.
 *
 *	  ["DE", "FR", null]					of one key
 *	  [["DE", 1], {"country": "FR", "plan": 2}]
 *											of several
 *	  {"query": "SELECT code FROM countries"}
 *											the rows of a query; also
 *											"params", for its $1 ..
 *
 * They become the groups of a panel that has no other purpose.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "series/part/series_grid.h"
#include "series/run/coerce.h"
#include "series/run/series_run.h"

TallyPanel *
series_members_empty(const SeriesSpec *spec, MemoryContext parent)
{
	static const TallyMeasure count = {.kind = TALLY_COUNT};

	return tally_panel_create(parent,
							  series_grid_one(spec->grid->lower,
											  spec->grid->upper),
							  1,
							  &count,
							  spec->nkeys,
							  spec->key_defs);
}

TallyPanel *
series_members_shown(const SeriesResult *result, MemoryContext parent)
{
	const SeriesSpec *spec = result->spec;
	TallyPanel *panel = series_members_empty(spec, parent);
	Datum *keys = palloc(Max(spec->nkeys, 1) * sizeof(Datum));
	bool *nulls = palloc(Max(spec->nkeys, 1) * sizeof(bool));

	for (int32 i = 0; i < result->ngroups; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i == result->other)
			continue;
		for (int k = 0; k < spec->nkeys; k++)
			keys[k] = tally_panel_key(result->panel,
									  result->groups[i],
									  k,
									  &nulls[k]);
		(void) tally_panel_group(panel, keys, nulls);
	}
	return panel;
}

/* One who adds members. */
typedef struct Adder
{
	const SeriesSpec *spec;
	TallyPanel *panel;
	Coercion *coercions; /* of a query's columns; NULL: they are the keys */
	Datum *keys;
	bool *nulls;
} Adder;

static void
add(Adder *adder)
{
	(void) tally_panel_group(adder->panel, adder->keys, adder->nulls);
}

/* add_row -- a row of a query. */
static void
add_row(TupleTableSlot *slot, void *arg)
{
	Adder *adder = arg;

	for (int i = 0; i < adder->spec->nkeys; i++)
	{
		adder->nulls[i] = slot->tts_isnull[i];
		adder->keys[i] = slot->tts_values[i];
		if (adder->coercions != NULL && !adder->nulls[i])
			adder->keys[i] =
				tally_coerce(&adder->coercions[i], adder->keys[i]);
	}
	add(adder);
}

/* add_query -- all rows of the query of a dimension. */
static void
add_query(Adder *adder, const char *text, Jsonb *params)
{
	const SeriesSpec *spec = adder->spec;
	SeriesQuery query = {0};
	SeriesSource *source =
		series_source_query(text, "query of members", params, &query.params);

	if (source->columns->natts != spec->nkeys)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query of members has %d columns, and there are %d "
						"group columns",
						source->columns->natts,
						spec->nkeys)));
	adder->coercions = palloc0(spec->nkeys * sizeof(Coercion));
	for (int i = 0; i < spec->nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(source->columns, i);

		if (!tally_coercion_find(&adder->coercions[i],
								 att->atttypid,
								 spec->key_defs[i].type,
								 -1))
			ereport(
				ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of the query of members is of type %s, "
						"and \"%s\" of type %s",
						NameStr(att->attname),
						format_type_be(att->atttypid),
						spec->keys[i].name,
						format_type_be(spec->key_defs[i].type))));
	}
	initStringInfo(&query.sql);
	appendStringInfo(&query.sql, "SELECT * FROM %s q", source->from);
	series_query_rows(&query, add_row, adder);
	adder->coercions = NULL;
}

pg_noreturn static void bad_member(const Adder *adder,
								   const JsonbValue *member);

static void
bad_member(const Adder *adder, const JsonbValue *member)
{
	int nkeys = adder->spec->nkeys;

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("member %s does not fit the group columns",
					series_json_shown(member)),
			 nkeys == 1 ? errhint("A member is one value.")
						: errhint("A member is a list of %d values, or an "
								  "object with the group columns as names.",
								  nkeys)));
}

/* add_member -- one of a list, in any of its forms. */
static void
add_member(Adder *adder, const JsonbValue *member)
{
	const SeriesSpec *spec = adder->spec;
	JsonbContainer *in =
		member->type == jbvBinary ? member->val.binary.data : NULL;
	bool is_list = in != NULL && JsonContainerIsArray(in);

	if (in == NULL && spec->nkeys != 1)
		bad_member(adder, member);
	if (in != NULL && (int) JsonContainerSize(in) != spec->nkeys)
		bad_member(adder, member);
	for (int i = 0; i < spec->nkeys; i++)
	{
		const char *name = spec->keys[i].name;
		JsonbValue v = *member;

		if (is_list)
			v = *getIthJsonbValueFromContainer(in, i);
		else if (in != NULL && !getKeyJsonValueFromContainer(
								   in, name, (int) strlen(name), &v))
			bad_member(adder, member);
		adder->keys[i] = series_json_datum(&v,
										   spec->key_defs[i].type,
										   psprintf("member of \"%s\"", name),
										   &adder->nulls[i]);
	}
	add(adder);
}

pg_noreturn static void bad_members(const JsonbValue *members);

static void
bad_members(const JsonbValue *members)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("members must be a JSON list or {\"query\": ..}"),
			 errdetail("They are %s.", series_json_shown(members)),
			 errhint("For example members => '[\"DE\", \"FR\"]', or members "
					 "=> '{\"query\": \"SELECT code FROM countries\"}'.")));
}

/* add_listed -- all that "members" says. */
static void
add_listed(Adder *adder, Jsonb *members)
{
	JsonbValue v;
	JsonbValue text;
	JsonbValue params;
	Jsonb *values = NULL;
	JsonbContainer *in;

	series_json_value(members, &v);
	if (v.type != jbvBinary)
		bad_members(&v);
	in = v.val.binary.data;
	if (JsonContainerIsArray(in))
	{
		for (int i = 0; i < (int) JsonContainerSize(in); i++)
		{
			CHECK_FOR_INTERRUPTS();
			add_member(adder, getIthJsonbValueFromContainer(in, i));
		}
		return;
	}
	if (!getKeyJsonValueFromContainer(in, "query", 5, &text) ||
		text.type != jbvString)
		bad_members(&v);
	if (getKeyJsonValueFromContainer(in, "params", 6, &params))
		values = JsonbValueToJsonb(&params);
	add_query(adder, series_json_text(&text), values);
}

TallyPanel *
series_members(const SeriesSpec *spec, MemoryContext parent)
{
	Adder adder = {.spec = spec};

	if (spec->nkeys == 0 ||
		(spec->members == NULL && spec->groups != SERIES_GROUPS_EVER))
		return NULL;
	adder.panel = series_members_empty(spec, parent);
	adder.keys = palloc(spec->nkeys * sizeof(Datum));
	adder.nulls = palloc(spec->nkeys * sizeof(bool));
	if (spec->members != NULL)
		add_listed(&adder, spec->members);
	if (spec->groups == SERIES_GROUPS_EVER)
	{
		SeriesQuery query;

		series_query_write_groups(&query, spec, NULL);
		series_query_rows(&query, add_row, &adder);
	}
	return adder.panel;
}
