/*-------------------------------------------------------------------------
 *
 * series_scan.c
 *	  A series in FROM, its rows made as the executor asks for them.
 *
 * The server calls a set-returning function in FROM once and puts all rows
 * into a tuplestore, on disk where they are more than work_mem.  Forming,
 * writing and reading them costs more than making them: so in the plan our
 * scan stands in place of the server's (series_scan_path.c).  It runs the
 * query when the first row is asked for and makes each row from the panel.
 *
 *	  CustomScan	scanrelid 0: there is no relation to be opened
 *	   custom_exprs		  the call, a FuncExpr.  Parameters, subplans and outer
 *						  columns in its arguments are the planner's business.
 *	   custom_scan_tlist  a Var of each column; then, where it is asked for,
 *						  the row as a whole
 *
 * As the server's scan does:
 *	 - the right to execute is checked when the plan is started, arguments are
 *	   evaluated once, and strictness and track_functions hold;
 *	 - rescanned, it shows the same panel again, unless a parameter that the
 *	   arguments depend on has changed: then the query is run again;
 *	 - it goes backward, from anywhere.
 *
 * What a run takes is in one context, gone with the run.  Of a row only what
 * is made for it is elsewhere: in the memory that ExecScan() resets a row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "pgstat.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"

#include "compat.h"
#include "series/show/series_scan.h"

typedef struct SeriesScan
{
	CustomScanState css;
	const SeriesSrf *srf;
	FuncExpr *call;
	FmgrInfo flinfo;
	List *args;		   /* of ExprState */
	Bitmapset *params; /* on which the arguments depend */
	TupleDesc desc;	   /* of the columns of the function */
	bool whole_row;	   /* is the row as a whole one more column? */
	MemoryContext cxt; /* of a run */
	bool has_run;
	void *rows; /* NULL also after a run: a strict function, a null */
} SeriesScan;

const SeriesSrf *
series_srf_of(PGFunction function)
{
	for (int i = 0; i < SERIES_ROW_SRFS; i++)
		if (series_row_srfs[i].function == function)
			return &series_row_srfs[i];
	for (int i = 0; i < SERIES_LINE_SRFS; i++)
		if (series_line_srfs[i].function == function)
			return &series_line_srfs[i];
	return NULL;
}

typedef struct ParamWalk
{
	PlannedStmt *stmt;
	Bitmapset *params;
} ParamWalk;

/* add_params -- those that are set while the plan runs; of subplans, too. */
static bool
add_params(Node *node, ParamWalk *walk)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		walk->params = bms_add_member(walk->params, ((Param *) node)->paramid);
	if (IsA(node, SubPlan))
		walk->params = bms_add_members(
			walk->params,
			exec_subplan_get_plan(walk->stmt, (SubPlan *) node)->extParam);
	return expression_tree_walker(node, add_params, walk);
}

/* columns_desc -- the row as the function gives it. */
static TupleDesc
columns_desc(SeriesScan *scan)
{
	TupleDesc all = scan->css.ss.ss_ScanTupleSlot->tts_tupleDescriptor;
	int natts = all->natts - (scan->whole_row ? 1 : 0);
	TupleDesc desc = CreateTemplateTupleDesc(natts);

	for (int i = 1; i <= natts; i++)
		TupleDescCopyEntry(desc, i, all, i);
	return scan->whole_row ? BlessTupleDesc(desc) : desc;
}

static void
begin_scan(CustomScanState *node, EState *estate, int eflags)
{
	SeriesScan *scan = (SeriesScan *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	FuncExpr *call = linitial_node(FuncExpr, plan->custom_exprs);
	TargetEntry *last = llast_node(TargetEntry, plan->custom_scan_tlist);
	ParamWalk walk = {estate->es_plannedstmt, NULL};
	AclResult right = TallyMayExecute(call->funcid);

	if (right != ACLCHECK_OK)
		aclcheck_error(right, OBJECT_FUNCTION, get_func_name(call->funcid));
	InvokeFunctionExecuteHook(call->funcid);

	fmgr_info(call->funcid, &scan->flinfo);
	fmgr_info_set_expr((Node *) call, &scan->flinfo);
	scan->srf = series_srf_of(scan->flinfo.fn_addr);
	if (scan->srf == NULL)
		elog(ERROR, "function %u has changed", call->funcid);
	scan->call = call;
	scan->args = ExecInitExprList(call->args, &node->ss.ps);
	add_params((Node *) call->args, &walk);
	scan->params = walk.params;
	scan->whole_row = ((Var *) last->expr)->varattno == InvalidAttrNumber;
	scan->desc = columns_desc(scan);
	scan->cxt = AllocSetContextCreate(estate->es_query_cxt,
									  "tally series scan",
									  ALLOCSET_DEFAULT_SIZES);
}

/* run -- evaluate the arguments and run the query. */
static void
run(SeriesScan *scan)
{
	LOCAL_FCINFO(fcinfo, FUNC_MAX_ARGS);
	MemoryContext old = MemoryContextSwitchTo(scan->cxt);
	PgStat_FunctionCallUsage usage;
	bool is_called = true;
	ListCell *lc;

	InitFunctionCallInfoData(*fcinfo,
							 &scan->flinfo,
							 list_length(scan->args),
							 scan->call->inputcollid,
							 NULL,
							 NULL);
	foreach (lc, scan->args)
	{
		NullableDatum *arg = &fcinfo->args[foreach_current_index(lc)];

		arg->value = ExecEvalExpr((ExprState *) lfirst(lc),
								  scan->css.ss.ps.ps_ExprContext,
								  &arg->isnull);
		if (arg->isnull && scan->flinfo.fn_strict)
			is_called = false;
	}
	if (is_called)
	{
		pgstat_init_function_usage(fcinfo, &usage);
		scan->rows =
			scan->srf->start(scan->srf, fcinfo, scan->cxt, scan->desc);
		pgstat_end_function_usage(&usage, true);
	}
	scan->has_run = true;
	MemoryContextSwitchTo(old);
}

/* step -- the next row in the present direction; an empty slot for none. */
static TupleTableSlot *
step(ScanState *node)
{
	SeriesScan *scan = (SeriesScan *) node;
	TupleTableSlot *slot = node->ss_ScanTupleSlot;
	Datum *values = slot->tts_values;
	bool *nulls = slot->tts_isnull;
	MemoryContext old;

	ExecClearTuple(slot);
	if (!scan->has_run)
		run(scan);
	if (scan->rows == NULL)
		return slot;
	old =
		MemoryContextSwitchTo(node->ps.ps_ExprContext->ecxt_per_tuple_memory);
	if (scan->srf->step(scan->rows,
						!ScanDirectionIsBackward(node->ps.state->es_direction),
						values,
						nulls))
	{
		int natts = scan->desc->natts;

		if (scan->whole_row)
		{
			values[natts] =
				HeapTupleGetDatum(heap_form_tuple(scan->desc, values, nulls));
			nulls[natts] = false;
		}
		ExecStoreVirtualTuple(slot);
	}
	MemoryContextSwitchTo(old);
	return slot;
}

/*
 * recheck -- under a plan that is run again for one changed row, older minor
 * releases ask this of every scan that has no relation.  No row of ours is part
 * of that one (set_paths() sees to it), so it is step() as ever.
 */
static bool
recheck(ScanState *node, TupleTableSlot *slot)
{
	(void) step(node); /* into the slot */
	return !TTS_EMPTY(slot);
}

static TupleTableSlot *
exec_scan(CustomScanState *node)
{
	return ExecScan(&node->ss, step, recheck);
}

static void
rescan(CustomScanState *node)
{
	SeriesScan *scan = (SeriesScan *) node;

	ExecScanReScan(&node->ss);
	if (bms_overlap(node->ss.ps.chgParam, scan->params))
	{
		MemoryContextReset(scan->cxt);
		scan->has_run = false;
		scan->rows = NULL;
	}
	else if (scan->rows != NULL)
		scan->srf->rewind(scan->rows);
}

static void
end_scan(CustomScanState *node)
{
	MemoryContextDelete(((SeriesScan *) node)->cxt);
}

/* explain_scan -- of which call; with VERBOSE all of it. */
static void
explain_scan(CustomScanState *node, List *ancestors, ExplainState *es)
{
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	FuncExpr *call = linitial_node(FuncExpr, plan->custom_exprs);
	int rti = bms_next_member(plan->custom_relids, -1);
	char *name = get_func_name(call->funcid);
	char *alias = list_nth(es->rtable_names, rti - 1);

	if (es->format != EXPLAIN_FORMAT_TEXT)
	{
		ExplainPropertyText("Function Name", name, es);
		ExplainPropertyText("Alias", alias, es);
	}
	else if (!es->verbose && strcmp(name, alias) == 0)
		ExplainPropertyText("Function", name, es);
	else if (!es->verbose)
		ExplainPropertyText("Function", psprintf("%s %s", name, alias), es);
	if (es->verbose)
	{
		List *names = set_deparse_context_plan(es->deparse_cxt,
											   node->ss.ps.plan,
											   ancestors);

		ExplainPropertyText(
			"Function Call",
			deparse_expression((Node *) call, names, true, false),
			es);
	}
}

static const CustomExecMethods exec_methods = {
	.CustomName = SERIES_SCAN_NAME,
	.BeginCustomScan = begin_scan,
	.ExecCustomScan = exec_scan,
	.EndCustomScan = end_scan,
	.ReScanCustomScan = rescan,
	.ExplainCustomScan = explain_scan,
};

static Node *
make_state(CustomScan *plan)
{
	SeriesScan *scan = palloc0(sizeof(SeriesScan));

	NodeSetTag(scan, T_CustomScanState);
	scan->css.methods = &exec_methods;
	return (Node *) scan;
}

const CustomScanMethods series_scan_methods = {
	.CustomName = SERIES_SCAN_NAME,
	.CreateCustomScanState = make_state,
};
