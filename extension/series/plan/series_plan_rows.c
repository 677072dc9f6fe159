/*-------------------------------------------------------------------------
 *
 * series_plan_rows.c
 *	  How many rows tally.rows() and its like give: as many as the grid of
 *	  their series has buckets.
 *
 * The series is mostly a column of a subselect or a WITH query, in which an
 * aggregate makes it over a grid, which is a constant or another column.  So
 * the grid is looked for from the call downwards.  Nothing is found where the
 * series is a column of a table: each has its own grid there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"

#include "series/panel/panel.h"

PG_FUNCTION_INFO_V1(tally_rows_support);

/* What is looked through to find a grid, at most: a plan is no maze. */
#define MAX_DEPTH 16

static const TallyGrid *find_grid(PlannerInfo *root, Query *parse, Node *node,
								  int depth);

/* find_grid_of_column -- of a column of a subselect. */
static const TallyGrid *
find_grid_of_column(PlannerInfo *root, Query *subselect, AttrNumber column,
					int depth)
{
	TargetEntry *te = get_tle_by_resno(subselect->targetList, column);

	return te == NULL
			   ? NULL
			   : find_grid(root, subselect, (Node *) te->expr, depth + 1);
}

/* find_grid_of_var -- of a column of a subselect, or a function in FROM. */
static const TallyGrid *
find_grid_of_var(PlannerInfo *root, Query *parse, const Var *var, int depth)
{
	RangeTblEntry *rte;
	ListCell *lc;

	if (var->varlevelsup != 0 || var->varno < 1 ||
		var->varno > list_length(parse->rtable))
		return NULL;
	rte = rt_fetch(var->varno, parse->rtable);
	if (rte->rtekind == RTE_SUBQUERY)
		return find_grid_of_column(root, rte->subquery, var->varattno, depth);
	if (rte->rtekind == RTE_CTE && rte->ctelevelsup == 0)
		foreach (lc, parse->cteList)
		{
			CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

			if (strcmp(cte->ctename, rte->ctename) == 0 &&
				IsA(cte->ctequery, Query))
				return find_grid_of_column(root,
										   (Query *) cte->ctequery,
										   var->varattno,
										   depth);
		}
	if (rte->rtekind == RTE_FUNCTION && list_length(rte->functions) == 1)
		return find_grid(
			root,
			parse,
			linitial_node(RangeTblFunction, rte->functions)->funcexpr,
			depth + 1);
	return NULL;
}

/*
 * find_grid -- the grid of an expression that gives a series or is a grid, in
 * the query "parse" or a subselect of it; NULL when it is not to be seen.
 */
static const TallyGrid *
find_grid(PlannerInfo *root, Query *parse, Node *node, int depth)
{
	List *args = NIL;
	ListCell *lc;

	if (depth > MAX_DEPTH || node == NULL)
		return NULL;
	if (exprType(node) == tally_type("grid") && !IsA(node, Var) &&
		!IsA(node, SubLink))
		node = estimate_expression_value(root, node);
	if (IsA(node, Const))
	{
		const Const *value = (const Const *) node;

		if (value->constisnull)
			return NULL;
		if (value->consttype == tally_type("grid"))
			return DatumGetTallyGrid(value->constvalue);
		if (value->consttype == tally_type("series"))
			return tally_panel_grid(
				tally_panel_from_datum(value->constvalue,
									   CurrentMemoryContext));
		return NULL;
	}
	if (IsA(node, Var))
		return find_grid_of_var(root, parse, (Var *) node, depth);
	if (IsA(node, SubLink) &&
		((SubLink *) node)->subLinkType == EXPR_SUBLINK &&
		IsA(((SubLink *) node)->subselect, Query))
		return find_grid_of_column(root,
								   (Query *) ((SubLink *) node)->subselect,
								   1,
								   depth);
	if (IsA(node, Aggref))
		foreach (lc, ((Aggref *) node)->args)
			args = lappend(args, lfirst_node(TargetEntry, lc)->expr);
	else if (IsA(node, FuncExpr))
		args = ((FuncExpr *) node)->args;

	/* Its own grid, if it takes one, or else that of the series it is of. */
	for (int want_grid = 1; want_grid >= 0; want_grid--)
		foreach (lc, args)
			if (exprType(lfirst(lc)) ==
				tally_type(want_grid ? "grid" : "series"))
				return find_grid(root, parse, lfirst(lc), depth + 1);
	return NULL;
}

/* tally.rows_support(internal): of functions whose first argument is a series,
 * and which give a row a bucket. */
Datum
tally_rows_support(PG_FUNCTION_ARGS)
{
	SupportRequestRows *rows = (SupportRequestRows *) PG_GETARG_POINTER(0);
	const TallyGrid *grid;

	if (!IsA(rows, SupportRequestRows) || rows->root == NULL ||
		!IsA(rows->node, FuncExpr))
		PG_RETURN_POINTER(NULL);
	grid = find_grid(rows->root,
					 rows->root->parse,
					 linitial(((FuncExpr *) rows->node)->args),
					 0);
	if (grid == NULL)
		PG_RETURN_POINTER(NULL);
	rows->rows = grid->nbuckets;
	PG_RETURN_POINTER(rows);
}
