/*
 * budget.h
 *	  What one answer may cost, and the one wording of every refusal.
 *
 * A refusal is SQLSTATE 54000 with the numbers in DETAIL and the remedy in
 * HINT.
 */
#ifndef TALLY_BUDGET_H
#define TALLY_BUDGET_H

#include "c.h"

#include "compat.h"

/*
 * Refuses "ngroups" groups over "nbuckets" buckets with "nmeasures" measures
 * when there are more groups than tally.max_groups or more cells than
 * tally.max_cells.  "estimated" says that the number of groups is one.
 */
extern void tally_budget_cells(int64 nbuckets, int64 ngroups, int nmeasures,
							   bool estimated);

/*
 * Refuse before anything is read.  Numbers of groups are estimates unless
 * "exact"; "why" is a sentence that says how sure they are, "remedy" one that
 * begins with a verb.  Both may be NULL.
 */
pg_noreturn extern void tally_budget_refuse_groups(double ngroups, bool exact,
												   const char *why);
pg_noreturn extern void tally_budget_refuse_cells(int64 nbuckets,
												  double ngroups,
												  int nmeasures, bool exact,
												  const char *why,
												  const char *remedy);

/*
 * Refuses more memory than tally.max_memory; and with what other series of the
 * same aggregation take beside it (held.h sets it), more than that and what
 * work_mem lets a hash table take.
 */
extern void tally_budget_memory(int64 bytes);
extern int64 tally_budget_beside;

/* What is left of it when "bytes" are taken, at least 0. */
extern int64 tally_budget_left(int64 bytes);

#endif
