/*
 * series_plan.h
 *	  What a series will cost, before it runs.
 *
 * Everything here is an estimate of the planner, made from the statistics of
 * the tables, or counted where it can be counted.  An estimate over a limit
 * says so in the verdict; the query is only refused for it where the number
 * is sure (series_plan_sure.c).  In all other cases the limits hold while it
 * runs, before memory is taken.
 */
#ifndef TALLY_SERIES_PLAN_H
#define TALLY_SERIES_PLAN_H

#include "access/attnum.h"
#include "series/spec/series_spec.h"

/* A part of the groups' keys. */
typedef struct SeriesPlanKey
{
	Oid type;
	AttrNumber attnum; /* of the table; 0: no column as it stands there */
	char *sql;		   /* the expression over the alias "q" */
} SeriesPlanKey;

/*
 * The query that is going to run, in pieces.  All of them are SQL over the
 * alias "q", and use the parameters by the same numbers.
 */
typedef struct SeriesPlanQuery
{
	const TallyGrid *grid;
	Oid table;	   /* what is scanned; InvalidOid: the rows of a query */
	char *call;	   /* the aggregate that makes the panel */
	char *from;	   /* what follows FROM, with the alias */
	char *range;   /* the condition that the axis is in the grid's range */
	char *filters; /* all other conditions, or NULL */
	int nargs;
	const Oid *types;
	const Datum *values;
	const bool *nulls; /* NULL: none is null */
	int nmeasures;
	const TallyMeasure *measures;
	int nkeys;
	const SeriesPlanKey *keys;
	SeriesGroups groups; /* which groups there are, besides the members */
	double members;		 /* groups that are there in any case */
	bool members_exact;	 /* they are counted, not expected */
	int top;			 /* only so many groups; 0: all */
	bool other;			 /* and the rest of them as one more */
	int periods;		 /* 2 with an earlier one to compare with */
} SeriesPlanQuery;

typedef struct SeriesEstimate
{
	int64 buckets;
	double all_groups; /* that have to be told apart */
	double groups;	   /* of the answer: fewer, with top */
	bool exact;		   /* both numbers of groups are no estimates */
	double cells;	   /* buckets x groups x measures, of one period */
	double rows;	   /* that are in the range and pass the filters */
	double bytes;	   /* that the panels take */
	double cost;	   /* of the queries, in the planner's unit */
	/*
	 * With "top": would the cells of all groups fit?  Otherwise it is two
	 * passes, the first for the totals.
	 */
	bool one_pass;
	/*
	 * Is the condition on the range worth it?  Not when all is read one row
	 * after the other anyway and nearly every row is in the range: leaving it
	 * out saves two comparisons a row, and the panel looks at the range in any
	 * case.  Only ever false for a table: a view may rely on the condition to
	 * keep rows from expressions that fail for them.
	 */
	bool range_pays;
} SeriesEstimate;

/* The query of a spec. */
extern void series_plan_of(const SeriesSpec *spec, SeriesPlanQuery *q);

/*
 * What is to be done before a spec is run: estimate, and refuse if that is
 * sure.
 */
extern void series_plan_before(const SeriesSpec *spec, SeriesEstimate *e);

/* Asks the planner.  The caller's rights are checked (42501). */
extern void series_plan_estimate(const SeriesPlanQuery *q, SeriesEstimate *e);

/* Refuses (54000) what is sure to be over a limit. */
extern void series_plan_check(const SeriesPlanQuery *q,
							  const SeriesEstimate *e);

/*
 * "ok", "refused: ..." for what series_plan_check() refuses, or "unsure: ..."
 * for what the estimate says is over a limit, with the remedy.
 */
extern char *series_plan_verdict(const SeriesPlanQuery *q,
								 const SeriesEstimate *e);

/* The whole query, with parameters, and with its values in their place. */
extern char *series_plan_query(const SeriesPlanQuery *q, bool with_range);
extern char *series_plan_sql(const SeriesPlanQuery *q, bool with_range);

/* series_plan_sure.c: the least number of groups that can be relied on. */
typedef struct SeriesSure
{
	double groups; /* 0: nothing is sure */
	char *why;	   /* a sentence for an error's detail, or NULL */
} SeriesSure;

extern void series_plan_sure(const SeriesPlanQuery *q, const SeriesEstimate *e,
							 SeriesSure *sure);

/* Under which conditions. */
typedef enum SeriesPlanRows
{
	PLAN_ROWS_ASKED,	/* in the range, and through the filters */
	PLAN_ROWS_ANY_TIME, /* through the filters */
	PLAN_ROWS_ALL
} SeriesPlanRows;

/*
 * Asks how many groups "nkeys" keys make, in *groups, and from how many rows,
 * in *rows.
 */
extern void series_plan_groups(const SeriesPlanQuery *q, int nkeys,
							   const SeriesPlanKey *keys, SeriesPlanRows which,
							   double *groups, double *rows);

/*
 * series_plan_remedy.c: "use top => 20 or every => '1 day'": the largest usual
 * number of groups and the smallest usual step that fit.  NULL when none does.
 */
extern char *series_plan_remedy(const SeriesPlanQuery *q,
								const SeriesEstimate *e);

#endif
