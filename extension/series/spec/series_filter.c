/*-------------------------------------------------------------------------
 *
 * series_filter.c
 *	  Filters of a series: from JSON to a condition of SQL with parameters.
 *
 *	  [["country", "eq", "DE"], ["properties.price", "gte", 10]]
 *	  [{"property_name": .., "operator": .., "property_value": ..}]
 *
 * All of them must hold.  A value is only ever a parameter, of the column's
 * type, so that indexes can be used; a column is one that was found; operators
 * are those of the column's type, named with their schema.
 *
 *	  eq ne			equal; null is a value like any other, and ne is not eq
 *	  lt lte gt gte	by the order of the column's type; never true of null
 *	  in			eq some member of the list
 *	  contains		text has the text in it, an array or list the member
 *	  not_contains	not contains, so true of null
 *	  exists		true: is not null; false: is null
 *
 * What is in JSON is compared as JSON: number with number, text with text by
 * code point, unlike kinds are unlike.  On a list "eq" and "in" also look at
 * the members.  A member that is null exists, and equals null.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "contract.h"
#include "series/spec/series_spec.h"

typedef enum Operator
{
	OP_EQ,
	OP_NE,
	OP_LT,
	OP_LTE,
	OP_GT,
	OP_GTE,
	OP_IN,
	OP_CONTAINS,
	OP_NOT_CONTAINS,
	OP_EXISTS,
	OP__COUNT
} Operator;

static const struct
{
	const char *name;
	StrategyNumber strategy; /* of a btree, 0: it is no comparison */
	const char *sql;		 /* of pg_catalog, the same */
} operators[OP__COUNT] = {
	[OP_EQ] = {"eq", BTEqualStrategyNumber, "="},
	[OP_NE] = {"ne", BTEqualStrategyNumber, "="},
	[OP_LT] = {"lt", BTLessStrategyNumber, "<"},
	[OP_LTE] = {"lte", BTLessEqualStrategyNumber, "<="},
	[OP_GT] = {"gt", BTGreaterStrategyNumber, ">"},
	[OP_GTE] = {"gte", BTGreaterEqualStrategyNumber, ">="},
	[OP_IN] = {"in", BTEqualStrategyNumber, "="},
	[OP_CONTAINS] = {"contains", 0, NULL},
	[OP_NOT_CONTAINS] = {"not_contains", 0, NULL},
	[OP_EXISTS] = {"exists", 0, NULL},
};

/* One filter while it is compiled. */
typedef struct Filter
{
	int number; /* from 1 */
	SeriesColumn column;
	Operator op;
	JsonbValue value;
	SeriesParams *params;
	char *x; /* the column's value, as an expression */
} Filter;

pg_noreturn static void bad_filter(const Filter *f, const char *detail);

static void
bad_filter(const Filter *f, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("filter %d not understood", f->number),
			 errdetail_internal("%s", detail),
			 errhint("A filter is [column, operator, value]; the operators "
					 "are eq, ne, lt, lte, gt, gte, in, contains, "
					 "not_contains and exists.")));
}

pg_noreturn static void wrong_value(const Filter *f, const char *needs);

static void
wrong_value(const Filter *f, const char *needs)
{
	bad_filter(f,
			   psprintf("\"%s\" on \"%s\" takes %s, not %s.",
						operators[f->op].name,
						f->column.name,
						needs,
						series_json_shown(&f->value)));
}

static bool
is_list(const JsonbValue *v)
{
	return v->type == jbvBinary && JsonContainerIsArray(v->val.binary.data);
}

/* what -- the filter as the context of an error calls it. */
static const char *
what(const Filter *f)
{
	return psprintf("value of filter %d", f->number);
}

/* param -- a value of the filter as a parameter of that type. */
static int
param(const Filter *f, const JsonbValue *v, Oid type)
{
	bool isnull;
	Datum value = series_json_datum(v, type, what(f), &isnull);

	return series_params_add(f->params, type, value, isnull);
}

/* json_param -- the value as jsonb, also where it is null. */
static int
json_param(const Filter *f)
{
	return series_params_add(f->params,
							 JSONBOID,
							 JsonbPGetDatum(JsonbValueToJsonb(
								 unconstify(JsonbValue *, &f->value))),
							 false);
}

/*
 * list_param -- the members of the list as an array of that type, without the
 * nulls; *has_null says whether there are any.
 */
static int
list_param(const Filter *f, Oid type, bool *has_null)
{
	JsonbContainer *list = f->value.val.binary.data;
	int n = (int) JsonContainerSize(list);
	Datum *values = palloc(Max(n, 1) * sizeof(Datum));
	Oid array = get_array_type(type);
	int16 typlen;
	bool typbyval;
	char typalign;
	int used = 0;

	*has_null = false;
	if (!OidIsValid(array))
		bad_filter(f,
				   psprintf("There are no lists of type %s.",
							format_type_be(type)));
	for (int i = 0; i < n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(list, i);
		bool isnull = v->type == jbvNull;

		CHECK_FOR_INTERRUPTS();
		if (!isnull)
			values[used] = series_json_datum(v, type, what(f), &isnull);
		if (isnull)
			*has_null = true;
		else
			used++;
	}
	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	return series_params_add(
		f->params,
		array,
		PointerGetDatum(
			construct_array(values, used, type, typlen, typbyval, typalign)),
		false);
}

/* ------------------------------------------------------------ plain columns */

/*
 * operator_sql -- the operator of the column's type for the comparison, with
 * its schema.
 */
static char *
operator_sql(const Filter *f, Oid type)
{
	StrategyNumber strategy = operators[f->op].strategy;
	TypeCacheEntry *cache =
		lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_BTREE_OPFAMILY);
	Oid found = InvalidOid;
	HeapTuple tuple;
	Form_pg_operator form;
	char *sql;

	if (strategy == BTEqualStrategyNumber || strategy == 0)
		found = cache->eq_opr;
	else if (OidIsValid(cache->btree_opf))
		found = get_opfamily_member(cache->btree_opf,
									cache->btree_opintype,
									cache->btree_opintype,
									strategy);
	if (!OidIsValid(found))
		bad_filter(f,
				   psprintf("Column \"%s\" is of type %s, which \"%s\" "
							"cannot compare.",
							f->column.name,
							format_type_be(f->column.type),
							operators[f->op].name));
	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(found));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", found);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	sql = psprintf("OPERATOR(%s.%s)",
				   quote_identifier(get_namespace_name(form->oprnamespace)),
				   NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return sql;
}

/* is_whole -- is it a number that an int8 can hold? */
static bool
is_whole(const JsonbValue *v)
{
	char *text = series_json_text(v);

	/* 18 digits always fit; longer numbers may just as well be numeric. */
	return strspn(text, "-0123456789") == strlen(text) && strlen(text) <= 18;
}

/*
 * operand_type -- the type to compare in: the column's, but numeric or int8
 * for numbers that a column of integers could not hold.
 */
static Oid
operand_type(const Filter *f)
{
	Oid type = f->column.type;
	bool whole = true;

	if (type != INT2OID && type != INT4OID && type != INT8OID)
		return type;
	if (is_list(&f->value))
	{
		JsonbContainer *list = f->value.val.binary.data;

		for (int i = 0; i < (int) JsonContainerSize(list); i++)
		{
			JsonbValue *v = getIthJsonbValueFromContainer(list, i);

			whole &= v->type != jbvNumeric || is_whole(v);
		}
	}
	else if (f->value.type == jbvNumeric)
		whole = is_whole(&f->value);
	if (!whole)
		return NUMERICOID;
	/* Operators of integers of different widths are there, and indexable. */
	return f->value.type == jbvNumeric || is_list(&f->value) ? INT8OID : type;
}

/* compare_sql -- eq, ne, lt, lte, gt, gte and in, of a plain column. */
static char *
compare_sql(const Filter *f)
{
	Oid type = operand_type(f);
	bool has_null;
	int n;

	if (f->op == OP_IN)
	{
		if (!is_list(&f->value))
			wrong_value(f, "a list");
		n = list_param(f, type, &has_null);
		return psprintf("(%s %s ANY ($%d)%s)",
						f->x,
						operator_sql(f, type),
						n,
						has_null ? psprintf(" OR %s IS NULL", f->x) : "");
	}
	if (f->value.type == jbvNull)
	{
		if (f->op != OP_EQ && f->op != OP_NE)
			wrong_value(f, "a value");
		return psprintf("%s IS %sNULL", f->x, f->op == OP_NE ? "NOT " : "");
	}
	return psprintf("(%s %s $%d)%s",
					f->x,
					operator_sql(f, type),
					param(f, &f->value, type),
					f->op == OP_NE ? " IS NOT TRUE" : "");
}

/* contains_sql -- of a plain column of text or an array. */
static char *
contains_sql(const Filter *f)
{
	Oid element = get_base_element_type(f->column.type);
	char category;
	bool preferred;

	if (f->value.type == jbvNull)
		wrong_value(f, "a value");
	if (OidIsValid(element))
		return psprintf("($%d %s ANY (%s))",
						param(f, &f->value, element),
						operator_sql(f, element),
						f->x);
	get_type_category_preferred(f->column.type, &category, &preferred);
	if (category != TYPCATEGORY_STRING)
		bad_filter(f,
				   psprintf("Column \"%s\" is of type %s; \"%s\" is for text, "
							"arrays and JSON.",
							f->column.name,
							format_type_be(f->column.type),
							operators[f->op].name));
	return psprintf("(pg_catalog.strpos(%s::pg_catalog.text COLLATE "
					"pg_catalog.\"C\", $%d) OPERATOR(pg_catalog.>) 0)",
					f->x,
					param(f, &f->value, TEXTOID));
}

/* --------------------------------------------------------------------- JSON */

/* members_sql -- is a member of the list x equal to what "equals" says? */
static char *
members_sql(const Filter *f, const char *equals)
{
	return psprintf(
		"EXISTS (SELECT FROM pg_catalog.jsonb_array_elements(CASE WHEN "
		"pg_catalog.jsonb_typeof(%s) OPERATOR(pg_catalog.=) 'array' THEN %s "
		"END) e(v) WHERE e.v OPERATOR(pg_catalog.=) %s)",
		f->x,
		f->x,
		equals);
}

/* json_null_sql -- x is not there, or is null. */
static char *
json_null_sql(const Filter *f)
{
	return psprintf("(COALESCE(pg_catalog.jsonb_typeof(%s), 'null') "
					"OPERATOR(pg_catalog.=) 'null')",
					f->x);
}

static char *
json_equal_sql(const Filter *f)
{
	bool has_null = false;
	int n;

	if (f->op == OP_IN)
	{
		if (!is_list(&f->value))
			wrong_value(f, "a list");
		n = list_param(f, JSONBOID, &has_null);
		return psprintf("(%s OPERATOR(pg_catalog.=) ANY ($%d) OR %s%s%s)",
						f->x,
						n,
						members_sql(f, psprintf("ANY ($%d)", n)),
						has_null ? " OR " : "",
						has_null ? json_null_sql(f) : "");
	}
	if (f->value.type == jbvNull)
		return json_null_sql(f);
	n = json_param(f);
	/* A list contains its scalar members, and a scalar itself. */
	if (f->value.type != jbvBinary)
		return psprintf("(%s OPERATOR(pg_catalog.@>) $%d)", f->x, n);
	return psprintf("(%s OPERATOR(pg_catalog.=) $%d OR %s)",
					f->x,
					n,
					members_sql(f, psprintf("$%d", n)));
}

/* json_order_sql -- lt, lte, gt, gte: of like kinds only. */
static char *
json_order_sql(const Filter *f)
{
	StringInfoData text;

	if (f->value.type == jbvNumeric)
		return psprintf(
			"CASE WHEN pg_catalog.jsonb_typeof(%s) OPERATOR(pg_catalog.=) "
			"'number' THEN %s::pg_catalog.numeric OPERATOR(pg_catalog.%s) $%d "
			"END",
			f->x,
			f->x,
			operators[f->op].sql,
			param(f, &f->value, NUMERICOID));
	if (f->value.type != jbvString)
		wrong_value(f, "a number or a string");
	initStringInfo(&text);
	appendStringInfo(&text, "(%s OPERATOR(pg_catalog.#>>) '{}')", f->x);
	return psprintf(
		"CASE WHEN pg_catalog.jsonb_typeof(%s) OPERATOR(pg_catalog.=) "
		"'string' THEN (%s COLLATE pg_catalog.\"C\") OPERATOR(pg_catalog.%s) "
		"$%d END",
		f->x,
		text.data,
		operators[f->op].sql,
		param(f, &f->value, TEXTOID));
}

/* json_contains_sql -- text in a string, or a member in a list. */
static char *
json_contains_sql(const Filter *f)
{
	char *member;

	if (f->value.type == jbvBinary)
		wrong_value(f, "a string, a number, a boolean or null");
	member = psprintf("%s OPERATOR(pg_catalog.@>) $%d", f->x, json_param(f));
	if (f->value.type != jbvString)
		return psprintf("CASE WHEN pg_catalog.jsonb_typeof(%s) "
						"OPERATOR(pg_catalog.=) 'array' THEN %s END",
						f->x,
						member);
	return psprintf(
		"CASE pg_catalog.jsonb_typeof(%s) WHEN 'array' THEN %s WHEN 'string' "
		"THEN pg_catalog.strpos((%s OPERATOR(pg_catalog.#>>) '{}') COLLATE "
		"pg_catalog.\"C\", $%d) OPERATOR(pg_catalog.>) 0 END",
		f->x,
		member,
		f->x,
		param(f, &f->value, TEXTOID));
}

static char *
json_sql(const Filter *f)
{
	switch (f->op)
	{
		case OP_EQ:
		case OP_IN:
			return json_equal_sql(f);
		case OP_NE:
			return psprintf("(%s) IS NOT TRUE", json_equal_sql(f));
		case OP_CONTAINS:
			return json_contains_sql(f);
		case OP_NOT_CONTAINS:
			return psprintf("(%s) IS NOT TRUE", json_contains_sql(f));
		default:
			return json_order_sql(f);
	}
}

/* --------------------------------------------------------------- one filter */

/* exists_sql -- clients that build filters out of text send "true". */
static char *
exists_sql(const Filter *f)
{
	bool exists;

	if (f->value.type == jbvBool)
		exists = f->value.val.boolean;
	else if (f->value.type == jbvString &&
			 strcmp(series_json_text(&f->value), "true") == 0)
		exists = true;
	else if (f->value.type == jbvString &&
			 strcmp(series_json_text(&f->value), "false") == 0)
		exists = false;
	else
		wrong_value(f, "true or false");
	return psprintf("%s IS %sNULL", f->x, exists ? "NOT " : "");
}

static char *
filter_sql(Filter *f)
{
	StringInfoData x;

	initStringInfo(&x);
	series_column_sql(&x, &f->column, f->params);
	f->x = x.data;
	if (f->op == OP_EXISTS)
		return exists_sql(f);
	if (series_column_is_json(&f->column))
		return json_sql(f);
	if (operators[f->op].strategy != 0)
		return compare_sql(f);
	if (f->op == OP_NOT_CONTAINS)
		return psprintf("%s IS NOT TRUE", contains_sql(f));
	return contains_sql(f);
}

static Operator
find_operator(const Filter *f, const JsonbValue *name)
{
	char *text;

	if (name->type != jbvString)
		bad_filter(f,
				   psprintf("The operator must be a string, not %s.",
							series_json_shown(name)));
	text = series_json_text(name);
	for (int i = 0; i < OP__COUNT; i++)
		if (strcmp(operators[i].name, text) == 0)
			return i;
	bad_filter(f,
			   psprintf("There is no operator %s.", series_json_shown(name)));
}

/* take_apart -- its three parts, from either form. */
static void
take_apart(const Filter *f, const JsonbValue *filter, JsonbValue part[3])
{
	static const char *const names[3] = {"property_name",
										 "operator",
										 "property_value"};
	JsonbContainer *in = filter->val.binary.data;

	if (filter->type != jbvBinary)
		bad_filter(f, psprintf("It is %s.", series_json_shown(filter)));
	if (JsonContainerIsArray(in) && JsonContainerSize(in) != 3)
		bad_filter(f,
				   psprintf("It is a list of %d, not of 3.",
							(int) JsonContainerSize(in)));
	for (int i = 0; i < 3; i++)
		if (JsonContainerIsArray(in))
			part[i] = *getIthJsonbValueFromContainer(in, i);
		else if (!getKeyJsonValueFromContainer(
					 in, names[i], (int) strlen(names[i]), &part[i]))
			bad_filter(f, psprintf("It has no \"%s\".", names[i]));
}

void
series_filter_parse(SeriesSpec *spec, Jsonb *filters)
{
	StringInfoData where;
	JsonbValue list;
	int n;

	series_json_value(filters, &list);
	if (list.type == jbvNull)
		return;
	if (!is_list(&list))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("filters must be a JSON list"),
				 errdetail("They are %s.", series_json_shown(&list)),
				 errhint("A list of [column, operator, value]: filters => "
						 "'[[\"price\", \"gte\", 10]]'.")));
	n = (int) JsonContainerSize(list.val.binary.data);
	if (n > TALLY_MAX_FILTERS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many filters"),
				 errdetail("There are %d, and %d are allowed.",
						   n,
						   TALLY_MAX_FILTERS),
				 errhint("Several \"eq\" of one column can be one \"in\".")));
	initStringInfo(&where);
	for (int i = 0; i < n; i++)
	{
		Filter f = {.number = i + 1, .params = &spec->params};
		JsonbValue part[3];

		take_apart(&f,
				   getIthJsonbValueFromContainer(list.val.binary.data, i),
				   part);
		if (part[0].type != jbvString)
			bad_filter(&f,
					   psprintf("The column must be a string, not %s.",
								series_json_shown(&part[0])));
		series_column_find(spec->source,
						   series_json_text(&part[0]),
						   &f.column);
		f.op = find_operator(&f, &part[1]);
		f.value = part[2];
		appendStringInfo(&where, "%s%s", i > 0 ? " AND " : "", filter_sql(&f));
	}
	if (n > 0)
		spec->where = where.data;
}
