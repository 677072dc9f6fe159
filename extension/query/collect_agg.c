/*-------------------------------------------------------------------------
 *
 * collect_agg.c
 *	  The SQL face of collecting: tally.collect_events(), our own aggregate.
 *
 * It is what makes the server's planner and its parallel workers do the work
 * of a query.  Its state is a panel, so it shares combine and hand-over with
 * every other aggregate that makes one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/timestamp.h"

#include "query/collect.h"

PG_FUNCTION_INFO_V1(tally_collect_events);

/*
 * state -- the panel of this call, made by the first row.
 *
 * Analysis, request and grid are the same for every row of a statement that
 * tally.query() writes; they are read when the panel is made and not again.
 */
static TallyPanel *
state(FunctionCallInfo fcinfo, MemoryContext aggcontext)
{
	TallyPanel *panel = NULL;

	if (!PG_ARGISNULL(0))
		panel = tally_panel_from_datum(PG_GETARG_DATUM(0), aggcontext);
	if (panel != NULL && tally_panel_user(panel) != NULL)
		return panel;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("analysis, request and grid must not be null")));
	if (panel == NULL)
		return tally_collect_begin(aggcontext,
								   PG_GETARG_TEXT_PP(1),
								   PG_GETARG_JSONB_P(2),
								   PG_GETARG_TALLY_GRID(3));
	tally_collect_resume(panel, PG_GETARG_TEXT_PP(1), PG_GETARG_JSONB_P(2));
	return panel;
}

/*
 * collect_events(panel, analysis text, request jsonb, grid tally.grid,
 *				  at timestamptz, received_at timestamptz, id uuid,
 *				  properties jsonb)
 */
Datum
tally_collect_events(PG_FUNCTION_ARGS)
{
	MemoryContext aggcontext;
	TallyPanel *panel;
	TallyEvent event;

	if (!AggCheckCallContext(fcinfo, &aggcontext))
		elog(ERROR, "tally_collect_events called outside an aggregate");

	panel = state(fcinfo, aggcontext);
	if (PG_ARGISNULL(4))
		PG_RETURN_DATUM(tally_panel_datum(panel));

	/* Not the text at its end: only a look-up that needs it writes it. */
	memset(&event, 0, offsetof(TallyEvent, at_text));
	event.has_at = true;
	event.at = PG_GETARG_TIMESTAMPTZ(4);
	event.has_received_at = !PG_ARGISNULL(5);
	if (event.has_received_at)
		event.received_at = PG_GETARG_TIMESTAMPTZ(5);
	event.has_id = !PG_ARGISNULL(6);
	if (event.has_id)
		event.id = *PG_GETARG_UUID_P(6);
	if (!PG_ARGISNULL(7))
		event.properties = &PG_GETARG_JSONB_P(7)->root;

	tally_collect_event(panel, &event);
	PG_RETURN_DATUM(tally_panel_datum(panel));
}
