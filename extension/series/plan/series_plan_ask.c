/*-------------------------------------------------------------------------
 *
 * series_plan_ask.c
 *	  What the planner thinks of a query that is not going to be run.
 *
 * Not SPI: it plans for parameters of unknown value unless it executes, and
 * a range of unknown ends is guessed to keep half a percent of the rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "nodes/params.h"
#include "nodes/plannodes.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

#include "compat.h"
#include "series/plan/series_plan_ask.h"

/* reads_only_seq -- does the plan read by nothing but sequential scans? */
static bool
reads_only_seq(const Plan *plan)
{
	ListCell *lc;

	if (plan == NULL)
		return false;
	switch (nodeTag(plan))
	{
		case T_SeqScan:
			return true;
		case T_Append:
			foreach (lc, ((const Append *) plan)->appendplans)
				if (!reads_only_seq(lfirst(lc)))
					return false;
			return true;
		case T_Agg:
		case T_Gather:
		case T_GatherMerge:
		case T_Result:
			return reads_only_seq(plan->lefttree);
		default:
			return false;
	}
}

/*
 * processes -- among how many a parallel plan's estimates are divided, which
 * is how the planner counts: the leader helps less the more workers there are.
 */
static double
processes(int workers)
{
	double leader = 1.0 - 0.3 * workers;

	return workers +
		   (parallel_leader_participation && leader > 0 ? leader : 0);
}

/*
 * rows_taken_in -- what goes into the topmost aggregate or grouping: of one in
 * two phases, into the first.
 */
static double
rows_taken_in(const Plan *plan)
{
	double divided = 1;

	for (; plan->lefttree != NULL; plan = plan->lefttree)
	{
		switch (nodeTag(plan))
		{
			case T_Gather:
				divided = processes(((const Gather *) plan)->num_workers);
				break;
			case T_GatherMerge:
				divided = processes(((const GatherMerge *) plan)->num_workers);
				break;
			case T_Agg:
				if (!DO_AGGSPLIT_COMBINE(((const Agg *) plan)->aggsplit))
					return plan->lefttree->plan_rows * divided;
				break;
			case T_Group:
			case T_Unique:
				return plan->lefttree->plan_rows * divided;
			default:
				break;
		}
	}
	return plan->plan_rows * divided;
}

/* plan_of -- parse, analyze and plan; the result is in the current context. */
static PlannedStmt *
plan_of(const char *sql, const Oid *types, int nargs, ParamListInfo params,
		bool parallel)
{
	List *parsed = pg_parse_query(sql);
	List *queries;

	if (list_length(parsed) != 1)
		elog(ERROR, "series_plan_ask: not one statement");
	queries = pg_analyze_and_rewrite_fixedparams(
		linitial_node(RawStmt, parsed), sql, types, nargs, NULL);
	if (list_length(queries) != 1 ||
		linitial_node(Query, queries)->commandType != CMD_SELECT)
		elog(ERROR, "series_plan_ask: not one SELECT");
	return pg_plan_query(linitial_node(Query, queries),
						 sql,
						 parallel ? CURSOR_OPT_PARALLEL_OK : 0,
						 params);
}

void
series_plan_ask(const char *sql, int nargs, const Oid *types,
				const Datum *values, const bool *nulls, bool parallel,
				PlanAnswer *answer)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "tally plan",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	ParamListInfo params = makeParamList(nargs);
	PlannedStmt *stmt;

	for (int i = 0; i < nargs; i++)
	{
		params->params[i].ptype = types[i];
		params->params[i].value = values[i];
		params->params[i].isnull = nulls != NULL && nulls[i];
		params->params[i].pflags = PARAM_FLAG_CONST;
	}
	stmt = plan_of(sql, types, nargs, params, parallel);
	TallyCheckPermissions(stmt);

	answer->rows_out = stmt->planTree->plan_rows;
	answer->rows_in = rows_taken_in(stmt->planTree);
	answer->cost = stmt->planTree->total_cost;
	answer->only_seq_scans = reads_only_seq(stmt->planTree);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}
