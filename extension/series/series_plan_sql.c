/*-------------------------------------------------------------------------
 *
 * series_plan_sql.c
 *	  tally.series_plan(): what tally.series() with the same arguments would
 *	  cost, and the query that it would run.
 *
 * The query is shown with its values in the place of its parameters, so that
 * it can be pasted after EXPLAIN.  It is not put together from text for that:
 * the server parses it, the values are put into the tree, and the server writes
 * it out again as it does for views.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "guc.h"
#include "series/series_plan.h"

/* with_values -- parameters become constants, in subqueries too. */
static Node *
with_values(Node *node, void *context)
{
	const SeriesPlanQuery *q = context;

	if (node == NULL)
		return NULL;
	if (IsA(node, Query))
		return (Node *)
			query_tree_mutator((Query *) node, with_values, context, 0);
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
	{
		const Param *param = (const Param *) node;
		int i = param->paramid - 1;
		int16 typlen;
		bool typbyval;

		if (i < 0 || i >= q->nargs)
			elog(ERROR, "query of a series has no parameter $%d", i + 1);
		get_typlenbyval(param->paramtype, &typlen, &typbyval);
		return (Node *) makeConst(param->paramtype,
								  param->paramtypmod,
								  param->paramcollid,
								  typlen,
								  q->values[i],
								  q->nulls != NULL && q->nulls[i],
								  typbyval);
	}
	return expression_tree_mutator(node, with_values, context);
}

char *
series_plan_sql(const SeriesPlanQuery *q, bool with_range)
{
	char *sql = series_plan_query(q, with_range);
	/* not rewritten: views stay views */
	Query *query =
		parse_analyze_fixedparams(linitial_node(RawStmt, pg_parse_query(sql)),
								  sql,
								  q->types,
								  q->nargs,
								  NULL);

	return pg_get_querydef((Query *) with_values((Node *) query,
												 unconstify(SeriesPlanQuery *,
															q)),
						   false);
}
