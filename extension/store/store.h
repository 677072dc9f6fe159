/*
 * store.h
 *	  The event store of this database: is it there, and may it be trusted?
 *
 * The store is a set of ordinary tables in the schema tally_store, made by
 * tally.create_store() (ddl/61_create_store.sql).  README.md has their invariants
 * and locks.
 */
#ifndef TALLY_STORE_H
#define TALLY_STORE_H

#include "postgres.h"

#include "executor/spi.h"

#define TALLY_STORE_SCHEMA "tally_store"
#define TALLY_STORE_VERSION 1

/* How much of the store is looked at; each includes those before it. */
typedef enum TallyStoreCheck
{
	TALLY_STORE_SCHEMA_ONLY,
	TALLY_STORE_TABLES,
	TALLY_STORE_VERSIONED
} TallyStoreCheck;

/*
 * Raises an error unless the schema of the store and its tables are there,
 * the tables plain ones, and all belong to the effective user, to the owner
 * of "function" or to a superuser.  Whoever owns a table may hang a trigger
 * on it, and that runs with the rights of the one who writes: so this comes
 * before everything else that a SECURITY DEFINER function does here.
 *
 * "function" is the SQL function that was called (fcinfo->flinfo->fn_oid).
 * Needs no SPI connection.
 */
extern void tally_store_require(Oid function, TallyStoreCheck upto);

/*
 * A statement that is planned once a session.  Declare it static, with "sql"
 * and "types"; the plan is kept for the life of the session, and the server
 * makes it anew when the tables change.
 */
#define TALLY_STATEMENT_MAX_ARGS 4

typedef struct TallyStatement
{
	const char *sql;
	int nargs;
	Oid types[TALLY_STATEMENT_MAX_ARGS];
	SPIPlanPtr plan; /* NULL until it is first run */
} TallyStatement;

/*
 * Runs a statement on an open SPI connection and returns how many rows came
 * or were changed; rows are in SPI_tuptable until SPI_finish().  Sees what was committed before
 * it began, also when that was after the query began.
 */
extern uint64 tally_store_run(TallyStatement *statement, Datum *args);

#endif
