/*-------------------------------------------------------------------------
 *
 * series_plan.c
 *	  What a series will cost, by asking the planner about its query.
 *
 * The number of groups is what the planner expects of a GROUP BY over the keys
 * under the same conditions, so that whatever it knows counts: statistics of
 * columns, extended statistics over several, of expressions, unique indexes.
 * Where a type has few values (boolean, enum) there are no more groups.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "guc.h"
#include "measure/measure.h"
#include "series/plan/series_plan.h"
#include "series/plan/series_plan_ask.h"

/*
 * The share of the rows that must be in the range for the condition to cost
 * more than it saves.  Measured over 3 million rows, time without the condition
 * to time with it: 0.76 where all are in the range, 0.85 of 95 %, 1.08 of 80 %,
 * 1.03 of half.
 */
#define RANGE_PAYS_BELOW 0.9

/* What a key takes in a panel when nothing is known of it. */
#define KEY_BYTES 32

/* Of each group, beside its key: an entry of the hash table, half empty. */
#define GROUP_BYTES 64

/* append_where -- the conditions, as far as they are wanted. */
static void
append_where(StringInfo sql, const SeriesPlanQuery *q, SeriesPlanRows which)
{
	const char *word = " WHERE ";

	if (which == PLAN_ROWS_ASKED)
	{
		appendStringInfo(sql, "%s%s", word, q->range);
		word = " AND ";
	}
	if (which != PLAN_ROWS_ALL && q->filters != NULL)
		appendStringInfo(sql, "%s%s", word, q->filters);
}

char *
series_plan_query(const SeriesPlanQuery *q, bool with_range)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s FROM %s", q->call, q->from);
	append_where(&sql, q, with_range ? PLAN_ROWS_ASKED : PLAN_ROWS_ANY_TIME);
	return sql.data;
}

void
series_plan_groups(const SeriesPlanQuery *q, int nkeys,
				   const SeriesPlanKey *keys, SeriesPlanRows which,
				   double *groups, double *rows)
{
	StringInfoData sql;
	PlanAnswer answer;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT 1 FROM %s", q->from);
	append_where(&sql, q, which);
	for (int i = 0; i < nkeys; i++)
		appendStringInfo(&sql,
						 "%s(%s)",
						 i == 0 ? " GROUP BY " : ", ",
						 keys[i].sql);
	/* Serial: the numbers are the same, and nothing has to be divided. */
	series_plan_ask(
		sql.data, q->nargs, q->types, q->values, q->nulls, false, &answer);
	*groups = Max(answer.rows_out, 1);
	*rows = answer.rows_in;
}

/* most_values -- how many values a key can have at all, or infinity. */
static double
most_values(Oid table, const SeriesPlanKey *key)
{
	double n;

	if (key->type == BOOLOID)
		n = 2;
	else if (get_typtype(key->type) == TYPTYPE_ENUM)
	{
		CatCList *labels =
			SearchSysCacheList1(ENUMTYPOIDNAME, ObjectIdGetDatum(key->type));

		n = labels->n_members;
		ReleaseSysCacheList(labels);
	}
	else
		return HUGE_VAL;

	/* null is a group too */
	if (OidIsValid(table) && key->attnum > 0)
	{
		HeapTuple tuple = SearchSysCache2(ATTNUM,
										  ObjectIdGetDatum(table),
										  Int16GetDatum(key->attnum));

		if (HeapTupleIsValid(tuple))
		{
			if (!((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull)
				n++;
			ReleaseSysCache(tuple);
			return n;
		}
	}
	return n + 1;
}

/* estimate_groups -- fills in all_groups, groups and exact. */
static void
estimate_groups(const SeriesPlanQuery *q, SeriesEstimate *e)
{
	double most = 1;
	double rows;

	if (q->nkeys == 0)
	{
		e->exact = true;
		e->all_groups = 1;
	}
	else if (q->groups == SERIES_GROUPS_LISTED)
	{
		e->exact = q->members_exact;
		e->all_groups = q->members;
	}
	else
	{
		for (int i = 0; i < q->nkeys; i++)
			most *= most_values(q->table, &q->keys[i]);
		series_plan_groups(q,
						   q->nkeys,
						   q->keys,
						   q->groups == SERIES_GROUPS_EVER ? PLAN_ROWS_ANY_TIME
														   : PLAN_ROWS_ASKED,
						   &e->all_groups,
						   &rows);
		e->all_groups = Max(Min(rint(e->all_groups), most), q->members);
	}

	e->groups = e->all_groups;
	if (q->top > 0 && q->top < e->groups)
		e->groups = q->top + (q->other ? 1 : 0);
	else if (q->other && q->groups == SERIES_GROUPS_LISTED)
		e->groups++;
}

/* scanned_is_table -- are its columns values that are stored as they are? */
static bool
scanned_is_table(Oid table)
{
	char relkind;

	if (!OidIsValid(table))
		return false;
	relkind = get_rel_relkind(table);
	return relkind == RELKIND_RELATION ||
		   relkind == RELKIND_PARTITIONED_TABLE || relkind == RELKIND_MATVIEW;
}

/* estimate_scan -- fills in rows, cost and range_pays. */
static void
estimate_scan(const SeriesPlanQuery *q, SeriesEstimate *e)
{
	PlanAnswer with;
	PlanAnswer without;

	series_plan_ask(series_plan_query(q, true),
					q->nargs,
					q->types,
					q->values,
					q->nulls,
					true,
					&with);
	e->rows = rint(with.rows_in);
	e->cost = with.cost;
	e->range_pays = true;
	if (!with.only_seq_scans || !scanned_is_table(q->table))
		return;

	/* Of partitions that the condition prunes away this would read more. */
	series_plan_ask(series_plan_query(q, false),
					q->nargs,
					q->types,
					q->values,
					q->nulls,
					true,
					&without);
	e->range_pays = !without.only_seq_scans || without.cost > with.cost ||
					with.rows_in < RANGE_PAYS_BELOW * without.rows_in;
}

/*
 * held_bytes -- what the states of one measure hold outside of their cells,
 * of which "cells" have values.
 */
static double
held_bytes(const TallyMeasure *m, double rows, double cells)
{
	double width = 0;

	if (OidIsValid(m->type) && !get_typbyval(m->type))
		width = 16 + get_typavgwidth(m->type, -1);

	switch (m->kind)
	{
		case TALLY_MIN:
		case TALLY_MAX:
		case TALLY_FIRST:
		case TALLY_LAST:
			return cells * width;
		case TALLY_MEDIAN:
		case TALLY_PERCENTILE:
			/* exact: every value; a digest: about two centroids a unit */
			return m->precision == 0
					   ? rows * sizeof(float8)
					   : Min(rows, cells * 2 * m->precision) * 16;
		case TALLY_DISTINCT:
		case TALLY_VALUES:
			/* as if no value came twice; a sketch has a byte a register */
			return m->precision == 0 || m->kind == TALLY_VALUES
					   ? rows * Max(width, 2 * sizeof(Datum))
					   : Min(rows * 8, cells * ldexp(1, m->precision));
		default:
			return 0;
	}
}

/* panel_bytes -- what a panel of so many groups takes when it is complete. */
static double
panel_bytes(const SeriesPlanQuery *q, const SeriesEstimate *e, double groups)
{
	double cell = 0;
	double key = 0;
	double touched = Min((double) e->buckets, e->rows);
	double cells = Min(e->rows, e->buckets * groups);
	double bytes = (double) e->buckets * tally_panel_bucket_bytes();

	for (int i = 0; i < q->nmeasures; i++)
	{
		Measure m;

		tally_measure_init(&m, &q->measures[i], CurrentMemoryContext);
		cell += tally_measure_size(&m);
		bytes += held_bytes(&q->measures[i], e->rows, cells);
	}
	for (int i = 0; i < q->nkeys; i++)
	{
		int32 width = OidIsValid(q->table) && q->keys[i].attnum > 0
						  ? get_attavgwidth(q->table, q->keys[i].attnum)
						  : 0;

		key += sizeof(Datum) + 1;
		if (!get_typbyval(q->keys[i].type))
			key += width > 0 ? width + 16 : KEY_BYTES;
	}
	bytes += touched * groups * cell;
	if (q->nkeys > 0)
		bytes += groups * (key + GROUP_BYTES);
	return rint(bytes);
}

void
series_plan_estimate(const SeriesPlanQuery *q, SeriesEstimate *e)
{
	double all;
	double shown;

	memset(e, 0, sizeof(*e));
	e->buckets = q->grid->nbuckets;
	estimate_scan(q, e);
	estimate_groups(q, e);
	e->cells = e->buckets * e->groups * q->nmeasures;

	/* In one pass all groups are held, in two those that are shown. */
	shown = panel_bytes(q, e, e->groups);
	all = panel_bytes(q, e, e->all_groups);
	e->one_pass =
		e->buckets * e->all_groups * q->nmeasures <= tally_max_cells &&
		all <= tally_max_memory * 1024.0;
	e->bytes = e->one_pass ? all : shown;
	if (q->periods > 1)
		e->bytes += shown;
	if (!e->one_pass && q->top > 0)
	{
		e->rows *= 2;
		e->cost *= 2;
	}
	e->rows *= q->periods;
	e->cost *= q->periods;
}

void
series_plan_before(const SeriesSpec *spec, SeriesEstimate *e)
{
	SeriesPlanQuery q;

	series_plan_of(spec, &q);
	series_plan_estimate(&q, e);
	series_plan_check(&q, e);
}
