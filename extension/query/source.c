/*-------------------------------------------------------------------------
 *
 * source.c
 *	  Where the events of a query come from: today, the hot table.
 *
 * All SQL of a query is here.  Every name in it is qualified, and what a
 * client sent is a parameter, never text of a statement.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "contract.h"
#include "filter/describe.h"
#include "query/collect.h"
#include "query/source.h"
#include "sqlstate.h"

#define ERRCODE_TALLY_NOT_FOUND TALLY_SQLSTATE(TALLY_ERR_NOT_FOUND)

static const char find_sql[] =
	"SELECT c.collection_id"
	" FROM tally_store.project p"
	" LEFT JOIN tally_store.collection c"
	" ON c.project_id OPERATOR(pg_catalog.=) p.project_id"
	" AND c.name OPERATOR(pg_catalog.=) $2"
	" WHERE p.id OPERATOR(pg_catalog.=) $1";

/*
 * The range is said in SQL too, so that the planner can use an index on it;
 * the panel would leave the other events out anyway.
 */
static const char fill_sql[] =
	"SELECT tally.collect_events("
	"$1, $2, $3, e.at, e.received_at, e.id, e.properties)"
	" FROM tally_store.event e"
	" WHERE e.collection_id OPERATOR(pg_catalog.=) $4"
	" AND e.at OPERATOR(pg_catalog.>=) $5"
	" AND e.at OPERATOR(pg_catalog.<) $6";

/* not_found -- no such project or collection; nobody learns which exist. */
pg_noreturn static void
not_found(const char *what, const char *name, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_TALLY_NOT_FOUND),
			 errmsg("%s %s does not exist",
					what,
					tally_describe_text(name, strlen(name))),
			 errhint("%s", hint)));
}

int32
tally_source_find(const text *project, const char *collection)
{
	Oid types[] = {TEXTOID, TEXTOID};
	Datum args[] = {PointerGetDatum(project), CStringGetTextDatum(collection)};
	uint64 nrows;
	bool isnull = true;
	int32 id = 0;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute("SELECT tally.check_store()", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not check the event store");
	if (SPI_execute_with_args(find_sql, 2, types, args, NULL, true, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not look a collection up");
	nrows = SPI_processed;
	if (nrows > 0)
		id = DatumGetInt32(SPI_getbinval(
			SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();

	if (nrows == 0)
		not_found("project",
				  text_to_cstring(project),
				  "A project's id has 24 hexadecimal digits.");
	if (isnull)
		not_found("collection",
				  collection,
				  "A collection comes into being with its first event.");
	return id;
}

TallyPanel *
tally_source_fill(MemoryContext parent, int32 collection, const text *analysis,
				  Jsonb *request, const TallyGrid *grid)
{
	Oid types[] = {TEXTOID,
				   JSONBOID,
				   tally_type("grid"),
				   INT4OID,
				   TIMESTAMPTZOID,
				   TIMESTAMPTZOID};
	Datum args[] = {PointerGetDatum(analysis),
					JsonbPGetDatum(request),
					PointerGetDatum(grid),
					Int32GetDatum(collection),
					TimestampTzGetDatum(grid->lower),
					TimestampTzGetDatum(grid->upper)};
	TallyPanel *panel = tally_panel_from_query(
		parent, fill_sql, lengthof(args), types, args, NULL);

	/* An aggregate over no row makes no state; the answer is dense anyway. */
	if (panel == NULL)
		panel = tally_collect_begin(parent, analysis, request, grid);
	return panel;
}
