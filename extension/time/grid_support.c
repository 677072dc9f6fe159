/*-------------------------------------------------------------------------
 *
 * grid_support.c
 *	  "grid @> t" where the grid is a subselect.
 *
 * tally.contains(grid, t) is an SQL function that the planner inlines into two
 * comparisons, which indexes and partitions can use.  It does not where an
 * argument that comes twice in them is a subselect, as in
 *
 *	  WHERE (SELECT tally.grid('1 hour', 'this_2_days')) @> at
 *
 * since that could be dear.  A subselect that refers to nothing outside is run
 * once, however: two of them are two small plans, and an index instead of a
 * function call for every row of the table.  So it is written out here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"

#include "compat.h"
#include "time/grid.h"

PG_FUNCTION_INFO_V1(tally_contains_support);

/* call -- tally.NAME(args), of instants to "result". */
static Expr *
call(char *name, Oid result, List *args)
{
	Oid types[2];

	for (int i = 0; i < list_length(args); i++)
		types[i] = exprType(list_nth(args, i));
	return (Expr *) makeFuncExpr(LookupFuncName(list_make2(makeString("tally"),
														   makeString(name)),
												list_length(args),
												types,
												false),
								 result,
								 copyObject(args),
								 InvalidOid,
								 InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

/* end_expr -- lower or upper end of a grid, as the axis shows it. */
static Expr *
end_expr(Node *grid, char *name, bool is_local)
{
	Expr *end = call(name, TIMESTAMPTZOID, list_make1(grid));

	return is_local ? call("local", TIMESTAMPOID, list_make2(grid, end)) : end;
}

/*
 * end_of -- the same of a grid that is a subselect: computed in it where that
 * can be, so that what is left for each row is a comparison.
 */
static Expr *
end_of(Node *grid, char *name, bool is_local)
{
	if (IsA(grid, SubLink) && ((SubLink *) grid)->subLinkType == EXPR_SUBLINK)
	{
		SubLink *link = copyObject((SubLink *) grid);
		Query *query = (Query *) link->subselect;
		TargetEntry *te = linitial_node(TargetEntry, query->targetList);

		if (query->setOperations == NULL && te->ressortgroupref == 0 &&
			!te->resjunk)
		{
			te->expr = end_expr((Node *) te->expr, name, is_local);
			return (Expr *) link;
		}
	}
	return end_expr(grid, name, is_local);
}

/* comparison -- t OPERATOR end */
static Expr *
comparison(Node *t, char *name, Expr *end)
{
	Oid operator= OpernameGetOprid(list_make2(makeString("pg_catalog"),
											  makeString(name)),
								   exprType(t),
								   exprType((Node *) end));
	OpExpr *expr;

	if (!OidIsValid(operator))
		elog(ERROR, "no operator %s for the axis of a grid", name);
	expr = (OpExpr *) make_opclause(operator,
									BOOLOID,
									false,
									(Expr *) copyObject(t),
									end,
									InvalidOid,
									InvalidOid);
	set_opfuncid(expr);
	return (Expr *) expr;
}

/* tally.contains_support(internal) */
Datum
tally_contains_support(PG_FUNCTION_ARGS)
{
	SupportRequestSimplify *request =
		(SupportRequestSimplify *) PG_GETARG_POINTER(0);
	Node *grid;
	Node *t;
	bool is_local;
	Expr *lower;
	Expr *upper;

	if (!IsA(request, SupportRequestSimplify) ||
		list_length(request->fcall->args) != 2)
		PG_RETURN_POINTER(NULL);
	grid = linitial(request->fcall->args);
	t = lsecond(request->fcall->args);

	/* Everything else is inlined as it is. */
	if (!contain_subplans(grid) || contain_subplans(t) ||
		contain_volatile_functions(grid) || contain_volatile_functions(t) ||
		contain_vars_of_level(grid, 0) || contain_vars_of_level(grid, 1))
		PG_RETURN_POINTER(NULL);

	is_local = exprType(t) != TIMESTAMPTZOID;
	lower = end_of(grid, "lower", is_local);
	upper = end_of(grid, "upper", is_local);
	PG_RETURN_POINTER(make_andclause(
		list_make2(comparison(t, ">=", lower), comparison(t, "<", upper))));
}
