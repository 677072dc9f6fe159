/*-------------------------------------------------------------------------
 *
 * spec.c
 *	  A client's request, checked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "contract.h"
#include "filter/describe.h"
#include "query/member.h"
#include "query/slices.h"
#include "query/spec.h"
#include "sqlstate.h"

#define ERRCODE_TALLY_MISSING TALLY_SQLSTATE(TALLY_ERR_MISSING_PARAMETER)

/* A limit beyond that is none: no answer may have so many groups. */
#define MAX_LIMIT 100000000

static const struct
{
	const char *name;
	TallyMeasureKind measure;
} analyses[TALLY_ANALYSIS__COUNT] = {
	[TALLY_ANALYSIS_COUNT] = {"count", TALLY_COUNT},
	[TALLY_ANALYSIS_SUM] = {"sum", TALLY_SUM},
	[TALLY_ANALYSIS_MINIMUM] = {"minimum", TALLY_MIN},
	[TALLY_ANALYSIS_MAXIMUM] = {"maximum", TALLY_MAX},
	[TALLY_ANALYSIS_AVERAGE] = {"average", TALLY_AVG},
};

/* find_analysis -- the analysis of that name. */
static TallyAnalysis
find_analysis(const text *name)
{
	StringInfoData known;
	size_t len = VARSIZE_ANY_EXHDR(name);

	for (int i = 0; i < TALLY_ANALYSIS__COUNT; i++)
		if (strlen(analyses[i].name) == len &&
			memcmp(analyses[i].name, VARDATA_ANY(name), len) == 0)
			return i;

	initStringInfo(&known);
	for (int i = 0; i < TALLY_ANALYSIS__COUNT; i++)
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", analyses[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown analysis %s",
					tally_describe_text(VARDATA_ANY(name), len)),
			 errhint("The analyses are: %s.", known.data)));
}

/* check_request -- it must be an object, and not a huge one. */
static void
check_request(const Jsonb *request)
{
	if (VARSIZE(request) > TALLY_MAX_QUERY_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("request is too long"),
				 errdetail("It has %u bytes, and %d are allowed.",
						   (unsigned) VARSIZE(request),
						   TALLY_MAX_QUERY_BYTES)));
	if (!JB_ROOT_IS_OBJECT(request))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("request must be a JSON object"),
				 errhint("Send {\"event_collection\": .., \"timeframe\": .., "
						 "..}.")));
}

/* add_group_by -- one path, which must be one that a row can show. */
static void
add_group_by(TallyMeasureSpec *what, const JsonbValue *value)
{
	TallyPath *path;

	if (value->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"group_by\" must be the name of a property or a "
						"list of them"),
				 errdetail("The value given was %s.",
						   tally_describe_json(value))));
	path = tally_path_parse(value->val.string.val,
							value->val.string.len,
							"\"group_by\"");

	/* Its member of the row would hide, or be hidden by, another. */
	if (strcmp(path->text, "result") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot group by \"result\""),
				 errdetail("That is the name of the result in each row of "
						   "the answer.")));
	for (int i = 0; i < what->ngroup_by; i++)
		if (strcmp(path->text, what->group_by[i]->text) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"group_by\" names %s twice",
							tally_describe_json(value))));
	what->group_by[what->ngroup_by++] = path;
}

/* set_group_by -- the parameter "group_by": a string or a list of them. */
static void
set_group_by(const Jsonb *request, TallyMeasureSpec *what)
{
	JsonbValue value;
	JsonbContainer *list;
	int n;

	if (!tally_member(request, "group_by", &value))
		return;
	what->group_by = palloc(TALLY_MAX_GROUP_BY * sizeof(TallyPath *));
	if (value.type != jbvBinary ||
		!JsonContainerIsArray(value.val.binary.data))
	{
		add_group_by(what, &value);
		return;
	}

	list = value.val.binary.data;
	n = JsonContainerSize(list);
	if (n > TALLY_MAX_GROUP_BY)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("\"group_by\" names too many properties"),
				 errdetail("It names %d, and %d are allowed.",
						   n,
						   TALLY_MAX_GROUP_BY)));
	for (int i = 0; i < n; i++)
		add_group_by(what, getIthJsonbValueFromContainer(list, i));
}

void
tally_measure_spec_parse(const text *analysis, Jsonb *request,
						 TallyMeasureSpec *what)
{
	JsonbValue value;

	memset(what, 0, sizeof(*what));
	what->analysis = find_analysis(analysis);
	check_request(request);
	what->zone = tally_request_zone(request);
	if (what->analysis != TALLY_ANALYSIS_COUNT)
	{
		tally_member_string(request, "target_property", true, &value);
		what->target = tally_path_parse(value.val.string.val,
										value.val.string.len,
										"\"target_property\"");
	}
	set_group_by(request, what);
	what->needs_sums = what->analysis == TALLY_ANALYSIS_AVERAGE &&
					   tally_member(request, "interval", &value) &&
					   tally_member(request, "limit", &value);
	what->filter =
		tally_filter_compile(tally_member(request, "filters", &value) ? &value
																	  : NULL,
							 what->zone);
}

/* order_column -- which part of a row "property_name" is. */
static int
order_column(const TallyMeasureSpec *what, const JsonbValue *name)
{
	if (tally_value_is(name, "result"))
		return -1;
	for (int i = 0; i < what->ngroup_by; i++)
		if (tally_value_is(name, what->group_by[i]->text))
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cannot order by %s", tally_describe_json(name)),
			 errhint("\"order_by\" takes \"result\" or a property that "
					 "\"group_by\" names.")));
}

/* is_descending -- the member "direction": ASC, the default, or DESC. */
static bool
is_descending(JsonbContainer *order)
{
	JsonbValue value;
	char *text;

	if (getKeyJsonValueFromContainer(
			order, "direction", strlen("direction"), &value) == NULL ||
		value.type == jbvNull)
		return false;
	if (value.type == jbvString)
	{
		text = pnstrdup(value.val.string.val, value.val.string.len);
		if (pg_strcasecmp(text, "asc") == 0)
			return false;
		if (pg_strcasecmp(text, "desc") == 0)
			return true;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"direction\" in \"order_by\" must be \"ASC\" or "
					"\"DESC\", not %s",
					tally_describe_json(&value))));
}

/* add_order -- one step: a name, or {"property_name": .., "direction": ..}. */
static void
add_order(TallyQuerySpec *spec, const JsonbValue *value)
{
	TallyOrder *order = &spec->order[spec->norder];
	JsonbContainer *object;
	JsonbValue name;

	if (value->type == jbvString)
	{
		order->group_by = order_column(&spec->what, value);
		order->descending = false;
		spec->norder++;
		return;
	}
	if (value->type != jbvBinary ||
		!JsonContainerIsObject(value->val.binary.data) ||
		getKeyJsonValueFromContainer(value->val.binary.data,
									 "property_name",
									 strlen("property_name"),
									 &name) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"order_by\" must be a name, {\"property_name\": .., "
						"\"direction\": ..}, or a list of them"),
				 errdetail("The value given was %s.",
						   tally_describe_json(value))));
	object = value->val.binary.data;
	order->group_by = order_column(&spec->what, &name);
	order->descending = is_descending(object);
	spec->norder++;
}

/* set_order -- the parameter "order_by". */
static void
set_order(const Jsonb *request, TallyQuerySpec *spec)
{
	JsonbValue value;
	JsonbContainer *list;
	int n;

	if (!tally_member(request, "order_by", &value))
		return;
	if (spec->what.ngroup_by == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"order_by\" needs \"group_by\"")));

	/* A row has no more parts to order by than these. */
	spec->order = palloc((TALLY_MAX_GROUP_BY + 1) * sizeof(TallyOrder));
	if (value.type != jbvBinary ||
		!JsonContainerIsArray(value.val.binary.data))
	{
		add_order(spec, &value);
		return;
	}
	list = value.val.binary.data;
	n = JsonContainerSize(list);
	if (n > TALLY_MAX_GROUP_BY + 1)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("\"order_by\" names too many properties"),
				 errdetail("It names %d, and %d are allowed.",
						   n,
						   TALLY_MAX_GROUP_BY + 1)));
	for (int i = 0; i < n; i++)
		add_order(spec, getIthJsonbValueFromContainer(list, i));
}

/* set_limit -- the parameter "limit". */
static void
set_limit(const Jsonb *request, TallyQuerySpec *spec)
{
	JsonbValue value;

	if (!tally_member(request, "limit", &value))
		return;
	if (!tally_value_integer(&value, &spec->limit) || spec->limit < 1 ||
		spec->limit > MAX_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"limit\" must be a whole number from 1 to %d, not "
						"%s",
						MAX_LIMIT,
						tally_describe_json(&value))));
	if (spec->norder == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"limit\" needs \"order_by\""),
				 errdetail("Without an order the groups that are kept would "
						   "be any.")));
}

TallyQuerySpec *
tally_query_spec_parse(const text *analysis, Jsonb *request, TimestampTz now)
{
	TallyQuerySpec *spec = palloc0(sizeof(TallyQuerySpec));
	JsonbValue value;

	/* The analysis and the request's form first, then what it is about. */
	find_analysis(analysis);
	check_request(request);
	tally_member_string(request, "event_collection", true, &value);
	spec->collection = pnstrdup(value.val.string.val, value.val.string.len);

	tally_measure_spec_parse(analysis, request, &spec->what);
	tally_request_slices(
		request, spec->what.zone, now, &spec->grid, &spec->has_interval);
	spec->during = spec->grid.during;
	set_order(request, spec);
	set_limit(request, spec);
	return spec;
}

void
tally_spec_shape(const TallyMeasureSpec *what, int *nmeasures,
				 TallyMeasure *measures, TallyKey *keys)
{
	TallyMeasureKind kind = analyses[what->analysis].measure;

	*nmeasures = 1;
	measures[0] = (TallyMeasure){
		.kind = kind,
		.type = kind == TALLY_COUNT ? InvalidOid : NUMERICOID,
	};
	if (what->needs_sums)
	{
		measures[1] = measures[0];
		measures[1].kind = TALLY_SUM;
		*nmeasures = 2;
	}

	for (int i = 0; i < what->ngroup_by; i++)
	{
		keys[i].type = JSONBOID;
		keys[i].collation = InvalidOid;
		keys[i].is_json = true;
	}
}
