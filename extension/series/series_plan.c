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

#include "measure/measure.h"
#include "series/panel_internal.h"
#include "series/series_plan.h"
#include "series/series_plan_ask.h"

/*
 * The share of the rows that must be in the range for the condition to cost
 * more than it saves (measured, see README.md).
 */
#define RANGE_PAYS_BELOW 0.8

/* What a key takes in a panel when nothing is known of it. */
#define KEY_BYTES 32

/* Of each group, beside its key: an entry of the hash table, half empty. */
#define GROUP_BYTES 64

/* append_where -- the conditions, as far as they are wanted. */
static void
append_where(StringInfo sql, const SeriesPlanQuery *q, bool with_range)
{
	const char *word = " WHERE ";

	if (with_range)
	{
		appendStringInfo(sql, "%s%s", word, q->range);
		word = " AND ";
	}
	if (q->filters != NULL)
		appendStringInfo(sql, "%s%s", word, q->filters);
}

char *
series_plan_query(const SeriesPlanQuery *q, bool with_range)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s FROM %s", q->call, q->from);
	append_where(&sql, q, with_range);
	return sql.data;
}

void
series_plan_groups(const SeriesPlanQuery *q, int nkeys,
				   const SeriesPlanKey *keys, bool all, double *groups,
				   double *rows)
{
	StringInfoData sql;
	PlanAnswer answer;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT 1 FROM %s", q->from);
	if (!all)
		append_where(&sql, q, true);
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
	if (q->nkeys == 0 || q->listed >= 0)
	{
		e->exact = true;
		e->all_groups = q->nkeys == 0 ? 1 : (double) q->listed;
	}
	else
	{
		double most = 1;
		double rows;

		for (int i = 0; i < q->nkeys; i++)
			most *= most_values(q->table, &q->keys[i]);
		series_plan_groups(q, q->nkeys, q->keys, false, &e->all_groups, &rows);
		e->all_groups = Min(rint(e->all_groups), most);
	}

	e->groups = e->all_groups;
	if (q->top > 0 && q->top < e->groups)
		e->groups = q->top + (q->other ? 1 : 0);
	else if (q->other && q->listed >= 0)
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

/* estimate_bytes -- what the panel takes when it is complete. */
static void
estimate_bytes(const SeriesPlanQuery *q, SeriesEstimate *e)
{
	double cell = 0;
	double key = 0;
	double touched = Min((double) e->buckets, e->rows);
	double cells = Min(e->rows, e->buckets * e->groups);

	e->bytes = (double) e->buckets * sizeof(PanelRow);
	for (int i = 0; i < q->nmeasures; i++)
	{
		Measure m;

		tally_measure_init(&m, &q->measures[i], CurrentMemoryContext);
		cell += tally_measure_size(&m);
		e->bytes += held_bytes(&q->measures[i], e->rows, cells);
	}
	for (int i = 0; i < q->nkeys; i++)
	{
		int32 width = OidIsValid(q->table) && q->keys[i].attnum > 0
						  ? get_attavgwidth(q->table, q->keys[i].attnum)
						  : 0;

		key += sizeof(Datum) + 1 +
			   (get_typbyval(q->keys[i].type)
					? 0
					: (width > 0 ? width + 16 : KEY_BYTES));
	}
	e->bytes += touched * e->groups * cell;
	if (q->nkeys > 0)
		e->bytes += e->all_groups * (key + GROUP_BYTES);
	e->bytes = rint(e->bytes);
}

void
series_plan_estimate(const SeriesPlanQuery *q, SeriesEstimate *e)
{
	memset(e, 0, sizeof(*e));
	e->buckets = q->grid->nbuckets;
	estimate_scan(q, e);
	estimate_groups(q, e);
	e->cells = e->buckets * e->groups * q->nmeasures;
	estimate_bytes(q, e);
}
