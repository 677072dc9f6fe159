/*-------------------------------------------------------------------------
 *
 * collect_scan.c
 *	  The rows of a sequential scan, taken by the aggregate above it.
 *
 * A third of the time that the executor takes to bring a row from a table to an
 * aggregate's transition function is spent between the two: nodes that call
 * each other, expressions that copy a column from slot to slot.  Where there is
 * nothing to do between them, the transition of a scan's first row takes all
 * the others from it: of the same scan, already begun, with its snapshot, its
 * locks, its conditions (those of row security among them) and, in a parallel
 * plan, its share of the blocks.  Privileges were checked when the plan was
 * started.  When the scan is at its end its node is made to say so once; under
 * an Append the next partition's first row then comes as any other.
 *
 * Done only below an aggregate without GROUP BY, alone or beside count(*), whose
 * number is added to, and of columns of the table as they are; all else goes the
 * usual way.  So does what EXPLAIN ANALYZE measures, whose numbers are the
 * nodes' own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/nodeAgg.h"
#include "nodes/makefuncs.h"
#include "nodes/plannodes.h"
#include "utils/fmgroids.h"

#include "series/collect/collect_scan.h"

/* is_simple -- an aggregate of all rows, in the order in which they come? */
static bool
is_simple(const Aggref *aggref)
{
	return aggref != NULL && aggref->aggfilter == NULL &&
		   aggref->aggdistinct == NIL && aggref->aggorder == NIL &&
		   aggref->aggdirectargs == NIL;
}

/*
 * find_count -- is there nothing to be done for a row but to call us and to
 * count it?  Sets where it is counted, or NULL.
 *
 * "flinfo" is of this call: of another one it is not the aggregate that calls
 * us but somebody between, who unpacks a record (collect_record.c) or has
 * become another user for as long as the call takes.
 */
static bool
find_count(const AggState *agg, const Aggref *ours, const FmgrInfo *flinfo,
		   CollectScan *scan)
{
	const Agg *plan = (const Agg *) agg->ss.ps.plan;

	scan->count = NULL;
	if (plan->aggstrategy != AGG_PLAIN || plan->groupingSets != NIL ||
		plan->chain != NIL || DO_AGGSPLIT_COMBINE(plan->aggsplit) ||
		!is_simple(ours))
		return false;
	for (int i = 0; i < agg->numtrans; i++)
	{
		const Aggref *aggref = agg->pertrans[i].aggref;

		if (aggref == ours)
		{
			if (&agg->pertrans[i].transfn != flinfo)
				return false;
			continue;
		}
		/* one aggregate counts for all that are the same */
		if (!FLOAT8PASSBYVAL || scan->count != NULL || !is_simple(aggref) ||
			aggref->aggfnoid != F_COUNT_)
			return false;
		scan->count = &agg->pergroups[0][i];
	}
	return true;
}

/* is_plain -- a scan that runs forward through what is there, unmeasured? */
static bool
is_plain(PlanState *node)
{
	const EState *estate = node->state;

	return IsA(node, SeqScanState) && node->instrument == NULL &&
		   node->ExecProcNode == node->ExecProcNodeReal &&
		   ((ScanState *) node)->ss_currentScanDesc != NULL &&
		   estate->es_epq_active == NULL &&
		   ScanDirectionIsForward(estate->es_direction);
}

/* column_of -- the column of the table that an argument is, or 0. */
static AttrNumber
column_of(const Expr *arg, const Plan *scan)
{
	const Var *var = (const Var *) arg;
	TargetEntry *te;

	if (!IsA(var, Var) || var->varno != OUTER_VAR || var->varattno < 1 ||
		var->varattno > list_length(scan->targetlist))
		return 0;
	te = list_nth_node(TargetEntry, scan->targetlist, var->varattno - 1);
	var = (const Var *) te->expr;
	if (!IsA(var, Var) || var->varno != ((const Scan *) scan)->scanrelid ||
		var->varattno < 1)
		return 0;
	return var->varattno;
}

/* node_below -- what the aggregate's rows come from at the moment. */
static PlanState *
node_below(AggState *agg)
{
	PlanState *below = outerPlanState(agg);
	const AppendState *append = (const AppendState *) below;

	if (below == NULL || !IsA(below, AppendState))
		return below;
	if (below->instrument != NULL || append->as_nasyncplans > 0 ||
		append->as_whichplan < 0 || append->as_whichplan >= append->as_nplans)
		return NULL;
	return append->appendplans[append->as_whichplan];
}

bool
collect_scan_begin(CollectScan *scan, FunctionCallInfo fcinfo, int first)
{
	AggState *agg = (AggState *) fcinfo->context;
	const Aggref *aggref;
	PlanState *below;

	if (agg == NULL || !IsA(agg, AggState))
		return false;
	aggref = AggGetAggref(fcinfo);
	below = node_below(agg);
	if (!find_count(agg, aggref, fcinfo->flinfo, scan) ||
		agg->ss.ps.instrument != NULL || below == NULL || !is_plain(below) ||
		list_length(aggref->args) != PG_NARGS() - 1)
		return false;

	scan->node = (ScanState *) below;
	scan->desc = scan->node->ss_currentScanDesc;
	scan->slot = scan->node->ss_ScanTupleSlot;
	scan->cxt = below->state->es_query_cxt;
	scan->nrows = 0;
	scan->nargs = PG_NARGS();
	scan->last = 0;
	scan->first = first;
	/* The state is none of the aggregate's own arguments. */
	for (int i = first; i < scan->nargs; i++)
	{
		const TargetEntry *te =
			list_nth_node(TargetEntry, aggref->args, i - 1);

		scan->from[i] = column_of(te->expr, below->plan);
		if (scan->from[i] == 0)
			return false;
		scan->last = Max(scan->last, scan->from[i]);
	}
	scan->old = CurrentMemoryContext;
	scan->row = AllocSetContextCreate(CurrentMemoryContext,
									  "tally collect row",
									  ALLOCSET_SMALL_SIZES);
	return true;
}

/* no_more -- in the node's place, once: a scan asked at its end begins anew. */
static TupleTableSlot *
no_more(PlanState *node)
{
	node->ExecProcNode = node->ExecProcNodeReal;
	return NULL;
}

void
collect_scan_end(CollectScan *scan)
{
	MemoryContextSwitchTo(scan->old);
	MemoryContextDelete(scan->row);
	if (scan->count != NULL)
		scan->count->transValue = Int64GetDatum(
			DatumGetInt64(scan->count->transValue) + scan->nrows);
	scan->node->ps.ExecProcNode = no_more;
}
