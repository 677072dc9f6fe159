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
#include "series/plan/series_plan.h"

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

PG_FUNCTION_INFO_V1(tally_series_plan);
PG_FUNCTION_INFO_V1(tally_series_query_plan);

/*
 * read_spec -- the arguments, checked.  A grid of too many buckets would be
 * refused where it is made; here that is an answer, so it may have as many as
 * the setting could allow at most.
 */
static SeriesSpec *
read_spec(FunctionCallInfo fcinfo, bool is_query)
{
	int allowed = tally_max_buckets;
	SeriesArgs args;
	SeriesSpec *spec;

	tally_max_buckets = TALLY_MOST_BUCKETS;
	PG_TRY();
	{
		series_args_read(&args, fcinfo, is_query);
		spec = series_spec_make(&args);
	}
	PG_FINALLY();
	{
		tally_max_buckets = allowed;
	}
	PG_END_TRY();
	return spec;
}

/* whole -- an estimate as a whole number, which it may be too large for. */
static Datum
whole(double estimate)
{
	return Int64GetDatum(estimate >= (double) PG_INT64_MAX ? PG_INT64_MAX
														   : (int64) estimate);
}

/* plan -- the one row of both functions. */
static Datum
plan(FunctionCallInfo fcinfo, bool is_query)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SeriesPlanQuery q;
	SeriesEstimate e;
	Datum values[8];
	bool nulls[8] = {false};

	InitMaterializedSRF(fcinfo, 0);
	series_plan_of(read_spec(fcinfo, is_query), &q);
	series_plan_estimate(&q, &e);

	values[0] = Int64GetDatum(e.buckets);
	values[1] = whole(e.groups);
	values[2] = whole(e.cells);
	values[3] = whole(e.rows);
	values[4] = whole(e.bytes);
	values[5] = Float8GetDatum(e.cost);
	values[6] = CStringGetTextDatum(series_plan_verdict(&q, &e));
	values[7] = CStringGetTextDatum(series_plan_sql(&q, e.range_pays));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	return (Datum) 0;
}

/*
 * tally.series_plan(the arguments of tally.series()) returns table(buckets,
 *	est_groups, est_cells, est_rows_read, est_bytes, est_cost, verdict, sql)
 */
Datum
tally_series_plan(PG_FUNCTION_ARGS)
{
	return plan(fcinfo, false);
}

/* tally.series_query_plan(the arguments of tally.series_query()) */
Datum
tally_series_query_plan(PG_FUNCTION_ARGS)
{
	return plan(fcinfo, true);
}
