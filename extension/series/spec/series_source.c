/*-------------------------------------------------------------------------
 *
 * series_source.c
 *	  What a series is made of: a table, or the rows of one SELECT.
 *
 * A query is first analysed alone, as the server would analyse it for the
 * caller.  That finds its mistakes, and shows them in its own text; it tells
 * what it is (one SELECT that changes nothing), its columns, and the types
 * that its parameters must have.  Only then is it put in parentheses, into the
 * FROM of ours: text that was one whole statement cannot end them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "parser/parse_param.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"
#include "series/spec/series_source.h"

/*
 * may_be_sharded -- is the table in shards; or may one be that is read through
 * it (a view), or through a query (InvalidOid)?
 *
 * The catalog of Citus says of which tables it is the planner; it has the
 * parents of partitions, too.
 */
static bool
may_be_sharded(Oid table, char relkind)
{
	Oid catalog;
	Relation rel;
	ScanKeyData key;
	SysScanDesc scan;
	bool is_there;

	if (!OidIsValid(get_extension_oid("citus", true)))
		return false;
	catalog = get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
	if (!OidIsValid(table) || relkind == RELKIND_VIEW || !OidIsValid(catalog))
		return true;
	ScanKeyInit(&key,
				get_attnum(catalog, "logicalrelid"),
				BTEqualStrategyNumber,
				F_OIDEQ,
				ObjectIdGetDatum(table));
	rel = table_open(catalog, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	is_there = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return is_there;
}

SeriesSource *
series_source_table(Oid table)
{
	SeriesSource *source = palloc0(sizeof(SeriesSource));
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	Form_pg_class form;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", table)));
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
	source->table = table;
	source->shown = psprintf("\"%s\"", NameStr(form->relname));
	source->from =
		quote_qualified_identifier(get_namespace_name(form->relnamespace),
								   NameStr(form->relname));
	source->may_be_sharded = may_be_sharded(table, form->relkind);
	ReleaseSysCache(tuple);
	return source;
}

/* The types of a query's parameters, as its analysis finds them. */
typedef struct ParamTypes
{
	Oid *types;
	int n;
} ParamTypes;

static void
infer_params(ParseState *pstate, void *arg)
{
	ParamTypes *found = arg;

	setup_parse_variable_parameters(pstate, &found->types, &found->n);
}

pg_noreturn static void bad_query(const char *what, const char *detail);

static void
bad_query(const char *what, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must be one SELECT that changes nothing", what),
			 errdetail_internal("%s", detail)));
}

/* check_query -- is it one SELECT that changes nothing? */
static void
check_query(List *sources, const char *what)
{
	CachedPlanSource *one;
	Query *query;

	if (list_length(sources) != 1)
		bad_query(what,
				  sources == NIL ? "It is empty."
								 : psprintf("It has %d statements.",
											list_length(sources)));
	one = linitial(sources);
	query = linitial_node(Query, one->query_list);
	if (query->commandType == CMD_UTILITY &&
		IsA(query->utilityStmt, CreateTableAsStmt))
		bad_query(what, "It makes a table.");
	if (query->commandType != CMD_SELECT)
		bad_query(what,
				  psprintf("It is of another kind: %s.",
						   GetCommandTagName(one->commandTag)));
	if (query->hasModifyingCTE)
		bad_query(what, "It has a WITH query that changes data.");
	if (query->rowMarks != NIL)
		bad_query(what, "It locks rows.");
	if (one->resultDesc == NULL || one->resultDesc->natts == 0)
		bad_query(what, "It has no columns.");
}

/* bind -- the members of the list "values" as parameters. */
static void
bind(const char *what, Jsonb *values, const ParamTypes *found,
	 SeriesParams *params)
{
	JsonbValue list;
	int n = 0;

	if (values != NULL)
	{
		series_json_value(values, &list);
		if (list.type == jbvBinary &&
			JsonContainerIsArray(list.val.binary.data))
			n = (int) JsonContainerSize(list.val.binary.data);
		else if (list.type != jbvNull)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("params must be a JSON list"),
					 errdetail("It is %s.", series_json_shown(&list)),
					 errhint("Its members are the values of $1, $2 ...: "
							 "params => '[\"acme\", 5]'.")));
	}
	if (n != found->n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameters of %s are %d, and values given %d",
						what,
						found->n,
						n),
				 errhint("The members of \"params\" are the values of $1, $2 "
						 "...")));
	for (int i = 0; i < n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(list.val.binary.data, i);
		Oid type = found->types[i];
		Datum value;
		bool isnull;

		/* a number that is not used, or nothing says what it is */
		if (!OidIsValid(type) || type == UNKNOWNOID)
			type = TEXTOID;
		value = series_json_datum(v,
								  type,
								  psprintf("value of parameter $%d", i + 1),
								  &isnull);
		series_params_add(params, type, value, isnull);
	}
}

SeriesSource *
series_source_query(const char *query, const char *what, Jsonb *values,
					SeriesParams *params)
{
	SeriesSource *source = palloc0(sizeof(SeriesSource));
	/* not NULL: it must be ours, as the analysis makes it longer */
	ParamTypes found = {palloc0(sizeof(Oid)), 0};
	SPIPrepareOptions options = {
		.parserSetup = infer_params,
		.parserSetupArg = &found,
		.parseMode = RAW_PARSE_DEFAULT,
	};
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext spi;
	SPIPlanPtr plan;
	CachedPlanSource *one;
	RawStmt *raw;
	int len;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	plan = SPI_prepare_extended(query, &options);
	if (plan == NULL)
		bad_query(what, "It is not a statement that can be prepared.");
	check_query(SPI_plan_get_plan_sources(plan), what);

	spi = MemoryContextSwitchTo(caller);
	one = linitial(SPI_plan_get_plan_sources(plan));
	raw = one->raw_parse_tree;
	/* Without what follows the statement, which is a semicolon or nothing. */
	len = raw->stmt_len > 0 ? raw->stmt_len
							: (int) strlen(query) - raw->stmt_location;
	source->shown = pstrdup(what);
	/* The line break ends a comment. */
	source->from = psprintf("(%.*s\n)", len, query + raw->stmt_location);
	source->columns = CreateTupleDescCopy(one->resultDesc);
	source->may_be_sharded = may_be_sharded(InvalidOid, '\0');
	bind(what, values, &found, params);
	MemoryContextSwitchTo(spi);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not disconnect from SPI");
	return source;
}

bool
series_source_column(const SeriesSource *source, const char *name,
					 SeriesSourceColumn *column)
{
	Oid type = InvalidOid;

	column->collation = InvalidOid;
	if (source->columns == NULL)
	{
		AttrNumber attnum = get_attnum(source->table, name);
		int32 typmod;

		if (attnum <= 0)
			return false;
		get_atttypetypmodcoll(
			source->table, attnum, &type, &typmod, &column->collation);
	}
	else
		for (int i = 0; i < source->columns->natts; i++)
		{
			Form_pg_attribute att = TupleDescAttr(source->columns, i);

			if (strcmp(NameStr(att->attname), name) != 0)
				continue;
			if (OidIsValid(type))
				ereport(ERROR,
						(errcode(ERRCODE_AMBIGUOUS_COLUMN),
						 errmsg("%s has several columns \"%s\"",
								source->shown,
								name),
						 errhint("Give them different names with AS.")));
			type = att->atttypid;
			column->collation = att->attcollation;
		}
	if (!OidIsValid(type))
		return false;
	column->type = getBaseType(type);
	return true;
}
