/*
 * series_plan_ask.h
 *	  What the planner thinks of a query that is not going to be run.
 */
#ifndef TALLY_SERIES_PLAN_ASK_H
#define TALLY_SERIES_PLAN_ASK_H

#include "postgres.h"

/* What came out of asking. */
typedef struct PlanAnswer
{
	double rows_out; /* of the statement: groups, of one with GROUP BY */
	double rows_in;	 /* that its aggregate or grouping takes in */
	double cost;
	bool only_seq_scans; /* it reads by sequential scans, and no other way */
} PlanAnswer;

/*
 * Plans "sql", one SELECT with parameters, as the server would if it ran it
 * now: rights of the caller are checked as EXPLAIN does, so nobody learns of
 * numbers that EXPLAIN would not show.  "parallel" allows workers.  Needs an
 * active snapshot; keeps nothing but the locks.
 */
extern void series_plan_ask(const char *sql, int nargs, const Oid *types,
							const Datum *values, const bool *nulls,
							bool parallel, PlanAnswer *answer);

#endif
