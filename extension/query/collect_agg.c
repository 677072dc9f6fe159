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

#include "json/member.h"
#include "query/collect.h"
#include "series/collect/collect_scan.h"

PG_FUNCTION_INFO_V1(tally_collect_events);

/* Arguments of the transition function. */
enum
{
	ARG_STATE,
	ARG_ANALYSIS,
	ARG_REQUEST,
	ARG_GRID,
	ARG_AT,
	ARG_RECEIVED_AT,
	ARG_ID,
	ARG_PROPERTIES
};

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

	if (!PG_ARGISNULL(ARG_STATE))
		panel = tally_panel_from_datum(PG_GETARG_DATUM(ARG_STATE), aggcontext);
	if (panel != NULL && tally_panel_user(panel) != NULL)
		return panel;

	if (PG_ARGISNULL(ARG_ANALYSIS) || PG_ARGISNULL(ARG_REQUEST) ||
		PG_ARGISNULL(ARG_GRID))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("analysis, request and grid must not be null")));
	if (panel == NULL)
		return tally_collect_begin(aggcontext,
								   PG_GETARG_TEXT_PP(ARG_ANALYSIS),
								   PG_GETARG_JSONB_P(ARG_REQUEST),
								   PG_GETARG_TALLY_GRID(ARG_GRID));
	tally_collect_resume(panel,
						 PG_GETARG_TEXT_PP(ARG_ANALYSIS),
						 PG_GETARG_JSONB_P(ARG_REQUEST));
	return panel;
}

/* add_row -- the event that the arguments are; "room" as for json_root(). */
static inline void
add_row(TallyPanel *panel, FunctionCallInfo fcinfo, char *room)
{
	TallyEvent event;

	if (PG_ARGISNULL(ARG_AT))
		return;

	/* Not the text at its end: only a look-up that needs it writes it. */
	memset(&event, 0, offsetof(TallyEvent, at_text));
	event.has_at = true;
	event.at = PG_GETARG_TIMESTAMPTZ(ARG_AT);
	event.has_received_at = !PG_ARGISNULL(ARG_RECEIVED_AT);
	if (event.has_received_at)
		event.received_at = PG_GETARG_TIMESTAMPTZ(ARG_RECEIVED_AT);
	event.has_id = !PG_ARGISNULL(ARG_ID);
	if (event.has_id)
		event.id = *PG_GETARG_UUID_P(ARG_ID);
	if (!PG_ARGISNULL(ARG_PROPERTIES))
		event.properties = json_root(PG_GETARG_DATUM(ARG_PROPERTIES), room);

	tally_collect_event(panel, &event);
}

/*
 * take_scan -- the other rows of the scan that this one came from; false, and
 * not to be asked again, when they come one by one.
 */
static bool
take_scan(TallyPanel *panel, FunctionCallInfo fcinfo, char *room)
{
	CollectScan scan;

	if (!collect_scan_begin(&scan, fcinfo, ARG_AT))
		return false;
	while (collect_scan_next(&scan, fcinfo))
		add_row(panel, fcinfo, room);
	collect_scan_end(&scan);
	return true;
}

/*
 * collect_events(panel, analysis text, request jsonb, grid tally.grid,
 *				  at timestamptz, received_at timestamptz, id uuid,
 *				  properties jsonb)
 */
Datum
tally_collect_events(PG_FUNCTION_ARGS)
{
	static const char one_by_one; /* its address is a mark */
	MemoryContext aggcontext;
	TallyPanel *panel;
	int64 room[(JSON_ROOM_BYTES + sizeof(int64) - 1) / sizeof(int64)];

	if (!AggCheckCallContext(fcinfo, &aggcontext))
		elog(ERROR, "tally_collect_events called outside an aggregate");

	panel = state(fcinfo, aggcontext);
	add_row(panel, fcinfo, (char *) room);
	if (fcinfo->flinfo->fn_extra == NULL &&
		!take_scan(panel, fcinfo, (char *) room))
		fcinfo->flinfo->fn_extra = (void *) &one_by_one;
	PG_RETURN_DATUM(tally_panel_datum(panel));
}
