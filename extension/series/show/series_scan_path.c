/*-------------------------------------------------------------------------
 *
 * series_scan_path.c
 *	  Calls of tally.series() and its like in FROM are planned as our scan.
 *
 * The module is loaded in time without a setting: the planner asks a
 * function's support function for its rows before it looks for the ways to
 * scan it, and by then the hook is set.
 *
 * The server's own scan remains for WITH ORDINALITY, ROWS FROM of several, a
 * function with SET, SECURITY DEFINER or an fmgr hook (it is called through
 * another address, and so it is not recognised), and for statements that
 * may have to fetch a row again after a concurrent update: FOR UPDATE, and
 * UPDATE, DELETE and MERGE that join.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "nodes/makefuncs.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "series/show/series_scan.h"

static set_rel_pathlist_hook_type next_hook;

/* scan_columns -- of a scan that has to give "wanted". */
static List *
scan_columns(RangeTblEntry *rte, Index rti, List *wanted)
{
	Bitmapset *attributes = NULL;
	List *entries = NIL;
	List *names;
	List *vars;
	ListCell *name;
	ListCell *var;

	TallyExpandRte(rte, rti, &names, &vars);
	forboth(name, names, var, vars) entries =
		lappend(entries,
				makeTargetEntry(lfirst(var),
								list_length(entries) + 1,
								strVal(lfirst(name)),
								false));
	pull_varattnos((Node *) wanted, rti, &attributes);
	if (bms_is_member(InvalidAttrNumber - FirstLowInvalidHeapAttributeNumber,
					  attributes))
		entries = lappend(
			entries,
			makeTargetEntry((Expr *) makeWholeRowVar(rte, rti, 0, false),
							list_length(entries) + 1,
							NULL,
							false));
	return entries;
}

static Plan *
make_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
		  List *clauses, List *custom_plans)
{
	RangeTblEntry *rte = planner_rt_fetch(rel->relid, root);
	CustomScan *scan = makeNode(CustomScan);
	List *quals = extract_actual_clauses(clauses, false);

	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = quals;
	scan->flags = path->flags;
	scan->custom_exprs =
		list_make1(linitial_node(RangeTblFunction, rte->functions)->funcexpr);
	/* Not of "tlist": what is computed of the columns may be put in later. */
	scan->custom_scan_tlist =
		scan_columns(rte,
					 rel->relid,
					 list_make2(rel->reltarget->exprs, quals));
	scan->methods = &series_scan_methods;
	return &scan->scan.plan;
}

static const CustomPathMethods path_methods = {
	.CustomName = SERIES_SCAN_NAME,
	.PlanCustomPath = make_plan,
};

/* is_ours -- can the rows of this be made without the function? */
static bool
is_ours(const RangeTblEntry *rte)
{
	FuncExpr *call;
	FmgrInfo flinfo;

	if (rte->rtekind != RTE_FUNCTION || rte->funcordinality ||
		list_length(rte->functions) != 1)
		return false;
	call =
		(FuncExpr *) linitial_node(RangeTblFunction, rte->functions)->funcexpr;
	/* All of ours have a support function: load nobody else's library. */
	if (!IsA(call, FuncExpr) || !OidIsValid(get_func_support(call->funcid)))
		return false;
	fmgr_info(call->funcid, &flinfo);
	return series_srf_of(flinfo.fn_addr) != NULL;
}

/* set_paths -- our scan in place of the server's, at its cost. */
static void
set_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	ListCell *lc;

	if (next_hook != NULL)
		next_hook(root, rel, rti, rte);
	if (root->rowMarks != NIL || !is_ours(rte))
		return;
	foreach (lc, rel->pathlist)
	{
		Path *path = lfirst(lc);
		CustomPath *ours;

		if (path->pathtype != T_FunctionScan)
			continue;
		ours = makeNode(CustomPath);
		ours->path = *path;
		ours->path.type = T_CustomPath;
		ours->path.pathtype = T_CustomScan;
		ours->path.parallel_safe = false;
		ours->flags =
			CUSTOMPATH_SUPPORT_BACKWARD_SCAN | CUSTOMPATH_SUPPORT_PROJECTION;
		ours->methods = &path_methods;
		lfirst(lc) = ours;
	}
}

void
series_scan_define(void)
{
	RegisterCustomScanMethods(&series_scan_methods);
	next_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = set_paths;
}
