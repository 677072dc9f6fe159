/*-------------------------------------------------------------------------
 *
 * panel_lend.c
 *	  The leader's own partial panel, passed on as a reference.
 *
 * In a parallel plan the leader helps: its partial aggregate is a plan node
 * below the final one, in the same process.  Up to version 15 the executor
 * copies what comes out of such a node flat all the same, and the combine
 * function reads it again: of ten million cells that is most of what a second
 * process saves.  So there the flat form is a number, by which the combine
 * function finds the panel itself and makes it its own.  Later versions give it
 * the panel, which must become its own, too: what the executor copies flat
 * would be the number.
 *
 * That is sure to work where the state goes nowhere but to the combine
 * function of the same query, and before the panel's memory ends: in the
 * partial half of an aggregate without GROUP BY, outside of a worker.  In every
 * other case a panel is written whole.  The number is of no use to anybody
 * else: what it does not name (any more) is an error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "catalog/pg_aggregate.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "utils/syscache.h"

#include "measure/codec.h"
#include "series/panel/panel_internal.h"

/* Panels that a number was given out for, and the last of these numbers. */
static dlist_head lent = DLIST_STATIC_INIT(lent);
static uint64 last_number = 0;

/* forget -- when the memory of a panel that was lent ends. */
static void
forget(void *arg)
{
	TallyPanel *panel = arg;

	if (panel->lent_as != 0)
		dlist_delete(&panel->lent_node);
	panel->lent_as = 0;
}

/* combines_panels -- anyone may make an aggregate that combines otherwise. */
static bool
combines_panels(Oid aggregate)
{
	HeapTuple tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
	FmgrInfo combine;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for aggregate %u", aggregate);
	fmgr_info(((Form_pg_aggregate) GETSTRUCT(tuple))->aggcombinefn, &combine);
	ReleaseSysCache(tuple);
	return combine.fn_addr == tally_panel_combine;
}

void
panel_allow_lending(TallyPanel *panel, FunctionCallInfo fcinfo)
{
	Aggref *aggref = AggGetAggref(fcinfo);
	MemoryContextCallback *callback;

	if (IsParallelWorker() || aggref == NULL ||
		aggref->aggsplit != AGGSPLIT_INITIAL_SERIAL ||
		!IsA(fcinfo->context, AggState) ||
		((Agg *) ((AggState *) fcinfo->context)->ss.ps.plan)->aggstrategy !=
			AGG_PLAIN ||
		!combines_panels(aggref->aggfnoid))
		return;
	callback = MemoryContextAlloc(panel->cxt, sizeof(*callback));
	callback->func = forget;
	callback->arg = panel;
	MemoryContextRegisterResetCallback(panel->cxt, callback);
	panel->is_lendable = true;
}

uint64
panel_lend(TallyPanel *panel)
{
	Assert(panel->is_lendable);
	if (panel->lent_as == 0)
	{
		panel->lent_as = ++last_number;
		dlist_push_tail(&lent, &panel->lent_node);
	}
	return panel->lent_as;
}

void
panel_adopt(TallyPanel *panel, MemoryContext parent)
{
	if (!panel->is_lendable)
		return;
	forget(panel);
	panel->is_lendable = false;
	panel->held = NULL; /* of the aggregation that it comes from */
	panel->held_bytes = 0;
	MemoryContextSetParent(panel->cxt, parent);
}

TallyPanel *
panel_take_back(struct varlena *flat, MemoryContext parent)
{
	const char *data = VARDATA_ANY(flat);
	uint64 number;
	dlist_iter iter;

	if (VARSIZE_ANY_EXHDR(flat) != PANEL_LENT_BYTES ||
		(uint8) data[0] != PANEL_LENT)
		return NULL;
	memcpy(&number, data + 1, sizeof(number));
	dlist_foreach(iter, &lent)
	{
		TallyPanel *panel = dlist_container(TallyPanel, lent_node, iter.cur);

		if (panel->lent_as != number)
			continue;
		panel_adopt(panel, parent);
		return panel;
	}
	tally_corrupt("number");
}
