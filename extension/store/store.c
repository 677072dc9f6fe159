/*-------------------------------------------------------------------------
 *
 * store.c
 *	  Finds the event store and says whether it may be used.
 *
 * The functions that work on the store are SECURITY DEFINER, and anybody
 * with CREATE on the database can make a schema of that name before the DBA
 * does, with traps in it.  A table whose owner is neither trusted nor the
 * one we act for is therefore refused before anything is read from it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "store/store.h"

PG_FUNCTION_INFO_V1(tally_check_store);

static const char *const store_tables[] = {
	"version",
	"project",
	"key",
	"collection",
	"spool",
	"spool_skip",
	"event",
};

/* function_owner -- who owns a SQL function */
static Oid
function_owner(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* require_owner -- what is owned by "owner" may be trusted */
static void
require_owner(const char *what, Oid owner, Oid definer)
{
	if (owner == GetUserId() || owner == definer || superuser_arg(owner))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s belongs to role \"%s\", for which Tally does not act",
					what,
					GetUserNameFromId(owner, false)),
			 errdetail("Its owner must be role \"%s\", which owns Tally's "
					   "functions, or a superuser.",
					   GetUserNameFromId(definer, false)),
			 errhint("If what is in it can be trusted, deploy/roles.sql gives "
					 "both to one role.")));
}

/* require_schema -- the schema is there and its owner trusted */
static Oid
require_schema(Oid definer)
{
	Oid schema = get_namespace_oid(TALLY_STORE_SCHEMA, true);
	HeapTuple tuple;

	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this database has no event store"),
				 errhint("SELECT tally.create_store() makes one.")));
	require_owner("schema \"" TALLY_STORE_SCHEMA "\"",
				  ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner,
				  definer);
	ReleaseSysCache(tuple);
	return schema;
}

/* require_table -- one table is there, plain, and its owner trusted */
static void
require_table(Oid schema, const char *name, Oid definer)
{
	Oid relid = get_relname_relid(name, schema);
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class class;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the event store has no table \"%s\"", name),
				 errhint("SELECT tally.create_store() makes what is "
						 "missing.")));
	class = (Form_pg_class) GETSTRUCT(tuple);
	if (class->relkind != RELKIND_RELATION)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s.%s\" is not a plain table",
						TALLY_STORE_SCHEMA,
						name),
				 errhint("Rename it and have tally.create_store() make the "
						 "table.")));
	require_owner(psprintf("table \"%s.%s\"", TALLY_STORE_SCHEMA, name),
				  class->relowner,
				  definer);
	ReleaseSysCache(tuple);
}

/* require_version -- the tables are those that this module knows */
static void
require_version(void)
{
	static TallyStatement read_version = {
		"SELECT version FROM tally_store.version"};
	int version = 0;
	bool isnull;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (tally_store_run(&read_version, NULL) == 1)
		version = DatumGetInt32(SPI_getbinval(
			SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();

	if (version != TALLY_STORE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the event store has version %d, Tally's module "
						"needs %d",
						version,
						TALLY_STORE_VERSION),
				 version < TALLY_STORE_VERSION
					 ? errhint("SELECT tally.create_store() upgrades it.")
					 : errhint("Install the newer version of Tally.")));
}

void
tally_store_require(Oid function, TallyStoreCheck upto)
{
	Oid definer = function_owner(function);
	Oid schema = require_schema(definer);
	int i;

	if (upto < TALLY_STORE_TABLES)
		return;
	for (i = 0; i < lengthof(store_tables); i++)
		require_table(schema, store_tables[i], definer);
	if (upto >= TALLY_STORE_VERSIONED)
		require_version();
}

uint64
tally_store_run(TallyStatement *statement, Datum *args)
{
	MemoryContext caller = CurrentMemoryContext;
	int result;

	if (statement->plan == NULL)
	{
		SPIPlanPtr plan =
			SPI_prepare(statement->sql, statement->nargs, statement->types);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not plan \"%s\"", statement->sql);
		statement->plan = plan;
	}
	result = SPI_execute_plan(statement->plan, args, NULL, false, 0);
	if (result < 0)
		elog(ERROR,
			 "could not run \"%s\": %s",
			 statement->sql,
			 SPI_result_code_string(result));
	MemoryContextSwitchTo(caller); /* SPI leaves us in one of its own */
	return SPI_processed;
}

/* tally.check_store(upto text) returns void */
Datum
tally_check_store(PG_FUNCTION_ARGS)
{
	static const char *const steps[] = {
		[TALLY_STORE_SCHEMA_ONLY] = "schema",
		[TALLY_STORE_TABLES] = "tables",
		[TALLY_STORE_VERSIONED] = "version",
	};
	char *upto = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int i;

	for (i = 0; i < lengthof(steps); i++)
		if (strcmp(upto, steps[i]) == 0)
		{
			tally_store_require(fcinfo->flinfo->fn_oid, (TallyStoreCheck) i);
			PG_RETURN_VOID();
		}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cannot check the event store up to \"%s\"", upto),
			 errhint("Use \"schema\", \"tables\" or \"version\".")));
	PG_RETURN_VOID();
}
