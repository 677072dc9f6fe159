/*-------------------------------------------------------------------------
 *
 * query_sql.c
 *	  The SQL face of queries: tally.query().
 *
 * All of the work, and so every error, comes before the first piece: whoever
 * sends the answer on can still choose a status then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/timestamp.h"

#include "contract.h"
#include "filter/describe.h"
#include "query/render.h"
#include "query/source.h"
#include "sqlstate.h"

#define USECS_PER_MSEC 1000

PG_FUNCTION_INFO_V1(tally_query);

/*
 * request_time -- the moment that "this_7_days" ends at.
 *
 * The first whole millisecond after the statement began: answers show
 * milliseconds, so asking again for the times they show gives the same
 * numbers, and what was recorded at this very instant is in.
 */
static TimestampTz
request_time(void)
{
	TimestampTz now = GetCurrentStatementStartTimestamp();

	return now - now % USECS_PER_MSEC + USECS_PER_MSEC;
}

/* check_arguments -- only "pretty" may be null. */
static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {"project", "analysis", "request"};

	for (int i = 0; i < (int) lengthof(names); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(TALLY_SQLSTATE(TALLY_ERR_MISSING_PARAMETER)),
					 errmsg("\"%s\" must not be null", names[i])));
}

/* begin -- compute the whole answer, in the current memory context. */
static TallyRender *
begin(FunctionCallInfo fcinfo)
{
	text *project;
	text *analysis;
	Jsonb *request;
	TallyQuerySpec *spec;
	TallyGrid *grid;
	int32 collection;
	bool pretty = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);

	check_arguments(fcinfo);
	project = PG_GETARG_TEXT_PP(0);
	analysis = PG_GETARG_TEXT_PP(1);
	request = PG_GETARG_JSONB_P_COPY(2);

	spec = tally_query_spec_parse(analysis, request, request_time());
	grid = tally_grid_make(&spec->grid);
	collection = tally_source_find(project, spec->collection);
	return tally_render_begin(spec,
							  tally_source_fill(CurrentMemoryContext,
												collection,
												analysis,
												request,
												grid),
							  pretty);
}

/*
 * tally.query(project text, analysis text, request jsonb, pretty bool)
 *		returns setof text
 */
Datum
tally_query(PG_FUNCTION_ARGS)
{
	FuncCallContext *call;
	text *piece;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;

		call = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(call->multi_call_memory_ctx);
		call->user_fctx = begin(fcinfo);
		MemoryContextSwitchTo(old);
	}
	call = SRF_PERCALL_SETUP();

	piece = tally_render_next(call->user_fctx);
	if (piece == NULL)
		SRF_RETURN_DONE(call);
	SRF_RETURN_NEXT(call, PointerGetDatum(piece));
}
