/*-------------------------------------------------------------------------
 *
 * series_plan_support.c
 *	  How many rows set-returning functions give, and what they cost, for the
 *	  plan of the statement around them.
 *
 * tally.series_support		 for tally.series() and its like: the buckets of
 *							 the range times the groups that the statistics of
 *							 the key columns suggest; the cost of reading the
 *							 table.
 * tally.series_long_support likewise, times the measures.
 * tally.series_buckets_support  as many as there are buckets.
 *
 * Nothing here raises an error: an argument that makes no sense is refused by
 * the function itself, if it is ever called.  Nor does an estimate tell more of
 * a table than its reader may know (pg_stats shows the same).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rangetypes.h"
#include "utils/rls.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "compat.h"
#include "guc.h"
#include "time/grid.h"

PG_FUNCTION_INFO_V1(tally_series_support);
PG_FUNCTION_INFO_V1(tally_series_long_support);
PG_FUNCTION_INFO_V1(tally_series_buckets_support);

/* What is taken where nothing is known. */
#define DEFAULT_BUCKETS 100
#define DEFAULT_GROUPS 10
#define DEFAULT_KEY_VALUES 200

/* Arguments of tally.series(), and one more of series_query(). */
enum
{
	ARG_SOURCE,
	ARG_AXIS,
	ARG_EVERY,
	ARG_DURING,
	ARG_MEASURES,
	ARG_GROUP_BY,
	ARG_MEMBERS = 11,
	ARG_TOP,
	ARG_OTHER = 14
};

/* A call of tally.series() that is being planned. */
typedef struct Call
{
	PlannerInfo *root;
	List *args;
	int before; /* arguments more than those of tally.series() */
} Call;

/* constant -- an argument whose value is known, or NULL. */
static Const *
constant(const Call *call, int arg)
{
	Node *node;

	if (arg != ARG_SOURCE)
		arg += call->before;
	if (arg >= list_length(call->args))
		return NULL;
	node = list_nth(call->args, arg);
	if (call->root != NULL)
		node = estimate_expression_value(call->root, node);
	if (!IsA(node, Const) || ((Const *) node)->constisnull)
		return NULL;
	return (Const *) node;
}

/* words_seconds -- how long "previous_3_months" and the like last, about. */
static double
words_seconds(const char *words)
{
	static const struct
	{
		const char *name;
		double seconds;
	} units[] = {
		{"minute", 60},
		{"hour", SECS_PER_HOUR},
		{"day", SECS_PER_DAY},
		{"week", 7 * SECS_PER_DAY},
		{"month", 30 * SECS_PER_DAY},
		{"quarter", 91 * SECS_PER_DAY},
		{"year", 365 * SECS_PER_DAY},
	};
	const char *digits = strpbrk(words, "0123456789");
	double n = digits != NULL ? strtod(digits, NULL) : 1;

	/* a range as text: of its years this would make nonsense */
	if (words[0] == '[' || words[0] == '(')
		return 0;
	for (int i = 0; i < lengthof(units); i++)
		if (strstr(words, units[i].name) != NULL)
			return n * units[i].seconds;
	return SECS_PER_DAY;
}

/* range_seconds -- how long a range of instants or days is; 0: no idea. */
static double
range_seconds(const Const *during)
{
	TypeCacheEntry *type;
	RangeBound lower;
	RangeBound upper;
	bool empty;

	if (during->consttype == TEXTOID)
		return words_seconds(TextDatumGetCString(during->constvalue));
	if (during->consttype != TSTZRANGEOID && during->consttype != DATERANGEOID)
		return 0;
	type = lookup_type_cache(during->consttype, TYPECACHE_RANGE_INFO);
	range_deserialize(
		type, DatumGetRangeTypeP(during->constvalue), &lower, &upper, &empty);
	if (empty || lower.infinite || upper.infinite)
		return 0;
	if (during->consttype == DATERANGEOID)
		return ((double) DatumGetDateADT(upper.val) -
				(double) DatumGetDateADT(lower.val)) *
			   SECS_PER_DAY;
	return ((double) DatumGetTimestampTz(upper.val) -
			(double) DatumGetTimestampTz(lower.val)) /
		   USECS_PER_SEC;
}

static double
buckets_of(const Call *call)
{
	Const *every = constant(call, ARG_EVERY);
	Const *during = constant(call, ARG_DURING);
	const Interval *step;
	double length;
	double width;

	if (every == NULL || during == NULL || every->consttype != INTERVALOID)
		return DEFAULT_BUCKETS;
	step = DatumGetIntervalP(every->constvalue);
	width = step->month * (30.44 * SECS_PER_DAY) +
			step->day * (double) SECS_PER_DAY +
			step->time / (double) USECS_PER_SEC;
	length = range_seconds(during);
	if (width <= 0 || length <= 0)
		return DEFAULT_BUCKETS;
	return Min(ceil(length / width), tally_max_buckets);
}

/* array_length_of -- of a constant array, or what stands for it. */
static int
array_length_of(const Const *array, int otherwise)
{
	ArrayType *value;

	if (array == NULL)
		return otherwise;
	value = DatumGetArrayTypeP(array->constvalue);
	return ArrayGetNItems(ARR_NDIM(value), ARR_DIMS(value));
}

/* table_rows -- rows of a table that the caller may read; -1: unknown. */
static double
table_rows(Oid table, double *pages)
{
	HeapTuple tuple;
	Form_pg_class form;
	double rows = -1;

	*pages = 0;
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	if (!HeapTupleIsValid(tuple))
		return -1;
	form = (Form_pg_class) GETSTRUCT(tuple);
	if (form->reltuples > 0 &&
		pg_class_aclcheck(table, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		check_enable_rls(table, InvalidOid, true) != RLS_ENABLED)
	{
		rows = form->reltuples;
		*pages = Max(form->relpages, 0);
	}
	ReleaseSysCache(tuple);
	return rows;
}

/* key_values -- how many values a column has, as far as it is known. */
static double
key_values(Oid table, double rows, const char *column)
{
	AttrNumber attnum = get_attnum(table, column);
	double n = 0;

	if (attnum <= 0)
		return DEFAULT_KEY_VALUES;
	if (getBaseType(get_atttype(table, attnum)) == BOOLOID)
		return 2;
	for (int inherits = 1; inherits >= 0 && n == 0; inherits--)
	{
		HeapTuple tuple = SearchSysCache3(STATRELATTINH,
										  ObjectIdGetDatum(table),
										  Int16GetDatum(attnum),
										  BoolGetDatum(inherits == 1));

		if (!HeapTupleIsValid(tuple))
			continue;
		n = ((Form_pg_statistic) GETSTRUCT(tuple))->stadistinct;
		ReleaseSysCache(tuple);
	}
	if (n < 0)
		n = -n * rows;
	return n > 0 ? n : DEFAULT_KEY_VALUES;
}

/* groups_seen -- by the statistics of the keys. */
static double
groups_seen(const Call *call)
{
	Const *source = constant(call, ARG_SOURCE);
	Const *keys = constant(call, ARG_GROUP_BY);
	ArrayType *names;
	Datum *values;
	bool *nulls;
	double pages;
	double rows;
	double groups = 1;
	int n;

	if (array_length_of(keys, 1) == 0)
		return 1;
	if (keys == NULL || source == NULL || source->consttype != REGCLASSOID)
		return DEFAULT_GROUPS;
	rows = table_rows(DatumGetObjectId(source->constvalue), &pages);
	if (rows < 0)
		return DEFAULT_GROUPS;
	names = DatumGetArrayTypeP(keys->constvalue);
	deconstruct_array(names,
					  ARR_ELEMTYPE(names),
					  ARR_ELEMTYPE(names) == NAMEOID ? NAMEDATALEN : -1,
					  false,
					  ARR_ELEMTYPE(names) == NAMEOID ? TYPALIGN_CHAR
													 : TYPALIGN_INT,
					  &values,
					  &nulls,
					  &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			groups *= key_values(DatumGetObjectId(source->constvalue),
								 rows,
								 ARR_ELEMTYPE(names) == NAMEOID
									 ? NameStr(*DatumGetName(values[i]))
									 : TextDatumGetCString(values[i]));
	return Max(Min(groups, rows), 1);
}

/* groups_of -- groups of the answer: listed, the largest, or all. */
static double
groups_of(const Call *call)
{
	double groups = groups_seen(call);
	Const *members = constant(call, ARG_MEMBERS);
	Const *top = constant(call, ARG_TOP);
	double other = constant(call, ARG_OTHER) != NULL ? 1 : 0;

	if (members != NULL && members->consttype == JSONBOID)
	{
		Jsonb *list = DatumGetJsonbP(members->constvalue);

		if (JB_ROOT_IS_ARRAY(list) && !JB_ROOT_IS_SCALAR(list))
			groups = Max(groups, JB_ROOT_COUNT(list));
	}
	if (top != NULL && top->consttype == INT4OID &&
		DatumGetInt32(top->constvalue) > 0 &&
		DatumGetInt32(top->constvalue) < groups)
		groups = DatumGetInt32(top->constvalue) + other;
	return groups;
}

/* read_cost -- of reading the whole table once, as a sequential scan. */
static double
read_cost(const Call *call)
{
	Const *source = constant(call, ARG_SOURCE);
	double columns = array_length_of(constant(call, ARG_MEASURES), 1) +
					 array_length_of(constant(call, ARG_GROUP_BY), 1);
	double pages;
	double rows;

	if (source == NULL || source->consttype != REGCLASSOID)
		return -1;
	rows = table_rows(DatumGetObjectId(source->constvalue), &pages);
	if (rows < 0)
		return -1;
	return pages * seq_page_cost +
		   rows * (cpu_tuple_cost + (columns + 2) * cpu_operator_cost);
}

/* What is a row. */
typedef enum Shape
{
	ROW_A_CELL,	   /* of all measures */
	ROW_A_MEASURE, /* of a cell */
	ROW_A_BUCKET
} Shape;

/*
 * estimate -- of functions with the arguments of tally.series(), or of
 * tally.series_query(), which has one more.
 */
static Node *
estimate(Node *request, Shape shape)
{
	Call call = {0};
	Node *node = NULL;
	double buckets;
	double cells;
	double read;

	if (IsA(request, SupportRequestRows))
	{
		call.root = ((SupportRequestRows *) request)->root;
		node = ((SupportRequestRows *) request)->node;
	}
	else if (IsA(request, SupportRequestCost))
	{
		call.root = ((SupportRequestCost *) request)->root;
		node = ((SupportRequestCost *) request)->node;
	}
	if (node == NULL || !IsA(node, FuncExpr))
		return NULL;
	call.args = ((FuncExpr *) node)->args;
	if (list_length(call.args) <= ARG_GROUP_BY)
		return NULL;
	call.before = exprType(linitial(call.args)) == REGCLASSOID ? 0 : 1;

	buckets = buckets_of(&call);
	cells = buckets * groups_of(&call);
	if (shape == ROW_A_MEASURE)
		cells *= Max(array_length_of(constant(&call, ARG_MEASURES), 1), 1);

	/*
	 * What is over a limit is refused, or the statistics are wrong and nothing
	 * is known.  An estimate of many millions of rows would only make the
	 * server compile code for them (JIT) before the refusal.
	 */
	if (cells > tally_max_cells)
		return NULL;
	if (IsA(request, SupportRequestRows))
	{
		((SupportRequestRows *) request)->rows =
			Max(shape == ROW_A_BUCKET ? buckets : cells, 1);
		return request;
	}

	/* It is one call, and all of its cost is in it. */
	read = read_cost(&call);
	if (read < 0)
		return NULL;
	((SupportRequestCost *) request)->startup = 0;
	((SupportRequestCost *) request)->per_tuple =
		read + cells * cpu_operator_cost;
	return request;
}

/* tally.series_support(internal) */
Datum
tally_series_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(estimate((Node *) PG_GETARG_POINTER(0), ROW_A_CELL));
}

/* tally.series_long_support(internal) */
Datum
tally_series_long_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(estimate((Node *) PG_GETARG_POINTER(0), ROW_A_MEASURE));
}

/* tally.series_buckets_support(internal) */
Datum
tally_series_buckets_support(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(estimate((Node *) PG_GETARG_POINTER(0), ROW_A_BUCKET));
}
