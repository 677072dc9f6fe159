/*-------------------------------------------------------------------------
 *
 * series_plan_sure.c
 *	  How many groups there are at least: what a refusal before the scan rests
 *	  on.
 *
 * A number is sure when it is counted (no keys; listed members), and otherwise
 * when all of this holds:
 *
 *	  - the source is a table, partitioned table or materialized view that was
 *		analyzed; not more than half as many rows as it had then have changed
 *		since, and it has not shrunk to less than half;
 *	  - statistics were found for a key by itself, for all keys together
 *		(extended statistics, "ndistinct"), or a unique index is among the
 *		keys, so that every row is a group.  What the planner multiplies from
 *		several columns is not sure: they may depend on each other.  The
 *		largest of these numbers counts;
 *	  - each number is divided by a factor of safety, and what is left is still
 *		over the limit.
 *
 * From the whole table's number of values to those in the range the planner
 * goes by chance: with ten rows a value, two thirds of all values are in a
 * tenth of the rows.  If values come and go with time (sessions) it is only a
 * tenth.  So no more than that share is taken for sure.
 *
 * The factor is 2 for what sampling may be wrong by (ANALYZE errs to the low
 * side, save where it takes almost unique values for unique), and 10 when
 * there are filters, which may go together with the keys in ways that no
 * statistics show.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_statistic_ext_data.h"
#include "pgstat.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"
#include "series/plan/series_plan.h"

#define SAFETY 2
#define SAFETY_WITH_FILTERS 10

/* Share of the rows that may have changed, or gone, since the last ANALYZE. */
#define STALE 0.5

/* is_fresh -- do the statistics of the table tell of it as it is? */
static bool
is_fresh(const SeriesPlanQuery *q, Relation rel)
{
	double then = rel->rd_rel->reltuples;
	PgStat_StatTabEntry *entry;
	double groups;
	double now;

	if (rel->rd_rel->relkind != RELKIND_RELATION &&
		rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE &&
		rel->rd_rel->relkind != RELKIND_MATVIEW)
		return false;
	if (then <= 0)
		return false;
	entry = pgstat_fetch_stat_tabentry(RelationGetRelid(rel));
	if (entry != NULL && TallyChangedRows(entry) > then * STALE)
		return false;

	/* the size of today, which is how partitions tell, and a standby */
	series_plan_groups(q, 0, NULL, PLAN_ROWS_ALL, &groups, &now);
	return now >= then * STALE;
}

/* has_statistics -- did ANALYZE count the values of a column? */
static bool
has_statistics(Relation rel, AttrNumber attnum)
{
	bool inherits = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ||
					has_subclass(RelationGetRelid(rel));
	HeapTuple tuple = SearchSysCache3(STATRELATTINH,
									  ObjectIdGetDatum(RelationGetRelid(rel)),
									  Int16GetDatum(attnum),
									  BoolGetDatum(inherits));
	bool found = false;

	if (HeapTupleIsValid(tuple))
	{
		found = ((Form_pg_statistic) GETSTRUCT(tuple))->stadistinct != 0;
		ReleaseSysCache(tuple);
	}
	return found;
}

/* is_key -- is the column one of the keys? */
static bool
is_key(const SeriesPlanQuery *q, AttrNumber attnum)
{
	for (int i = 0; i < q->nkeys; i++)
		if (q->keys[i].attnum == attnum)
			return true;
	return false;
}

/* unique_index -- one whose columns are all keys and never null. */
static char *
unique_index(const SeriesPlanQuery *q, Relation rel)
{
	List *indexes = RelationGetIndexList(rel);
	char *found = NULL;
	ListCell *lc;

	foreach (lc, indexes)
	{
		Relation index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;
		bool fits = form->indisunique && form->indisvalid &&
					form->indimmediate &&
					RelationGetIndexPredicate(index) == NIL;

		for (int i = 0; fits && i < form->indnkeyatts; i++)
		{
			AttrNumber attnum = form->indkey.values[i];

			fits =
				attnum > 0 && is_key(q, attnum) &&
				TupleDescAttr(RelationGetDescr(rel), attnum - 1)->attnotnull;
		}
		if (fits)
			found = pstrdup(RelationGetRelationName(index));
		index_close(index, AccessShareLock);
		if (found != NULL)
			break;
	}
	list_free(indexes);
	return found;
}

/* together -- extended statistics that count the values of all keys. */
static char *
together(const SeriesPlanQuery *q, Relation rel)
{
	List *statistics = RelationGetStatExtList(rel);
	bool inherits = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ||
					has_subclass(RelationGetRelid(rel));
	char *found = NULL;
	ListCell *lc;

	foreach (lc, statistics)
	{
		HeapTuple tuple =
			SearchSysCache1(STATEXTOID, ObjectIdGetDatum(lfirst_oid(lc)));
		HeapTuple data;
		Form_pg_statistic_ext form;
		int covered = 0;

		if (!HeapTupleIsValid(tuple))
			continue;
		form = (Form_pg_statistic_ext) GETSTRUCT(tuple);
		for (int i = 0; i < q->nkeys; i++)
			for (int k = 0; k < form->stxkeys.dim1; k++)
				if (q->keys[i].attnum > 0 &&
					q->keys[i].attnum == form->stxkeys.values[k])
				{
					covered++;
					break;
				}
		data = SearchSysCache2(STATEXTDATASTXOID,
							   ObjectIdGetDatum(lfirst_oid(lc)),
							   BoolGetDatum(inherits));
		if (HeapTupleIsValid(data))
		{
			if (covered == q->nkeys &&
				!heap_attisnull(data,
								Anum_pg_statistic_ext_data_stxdndistinct,
								NULL))
				found = pstrdup(NameStr(form->stxname));
			ReleaseSysCache(data);
		}
		ReleaseSysCache(tuple);
		if (found != NULL)
			break;
	}
	list_free(statistics);
	return found;
}

/*
 * values_in_range -- how many of the keys' values there are at least in the
 * rows of the query, by statistics that are there.
 */
static double
values_in_range(const SeriesPlanQuery *q, int nkeys, const SeriesPlanKey *keys)
{
	double here;
	double rows_here;
	double all;
	double rows_all;

	series_plan_groups(q, nkeys, keys, PLAN_ROWS_ASKED, &here, &rows_here);
	series_plan_groups(q, nkeys, keys, PLAN_ROWS_ALL, &all, &rows_all);
	return Min(here, all * rows_here / Max(rows_all, 1));
}

/* take -- keep the number if it is the largest so far. */
static void
take(SeriesSure *sure, double groups, double safety, char *why)
{
	if (groups / safety <= sure->groups)
		return;
	sure->groups = groups / safety;
	sure->why =
		psprintf("%s at least %.0f groups are sure: a factor of %.0f is "
				 "taken off for safety.",
				 why,
				 sure->groups,
				 safety);
}

void
series_plan_sure(const SeriesPlanQuery *q, const SeriesEstimate *e,
				 SeriesSure *sure)
{
	double safety = q->filters != NULL ? SAFETY_WITH_FILTERS : SAFETY;
	Relation rel;
	char *name;

	memset(sure, 0, sizeof(*sure));
	if (e->exact)
	{
		sure->groups = e->all_groups;
		return;
	}
	/* Members are no fewer than they are. */
	if (q->members_exact)
		sure->groups = q->members;
	if (!OidIsValid(q->table) || q->groups == SERIES_GROUPS_LISTED)
		return;

	/* The planner has locked it. */
	rel = table_open(q->table, AccessShareLock);
	if (!is_fresh(q, rel))
	{
		table_close(rel, AccessShareLock);
		return;
	}
	for (int i = 0; i < q->nkeys; i++)
		if (q->keys[i].attnum > 0 && has_statistics(rel, q->keys[i].attnum))
			take(sure,
				 values_in_range(q, 1, &q->keys[i]),
				 safety,
				 psprintf("By the statistics of column \"%s\"",
						  get_attname(q->table, q->keys[i].attnum, false)));
	if ((name = unique_index(q, rel)) != NULL)
		take(sure,
			 e->rows,
			 safety,
			 psprintf("By the unique index \"%s\"", name));
	else if (q->nkeys > 1 && (name = together(q, rel)) != NULL)
		take(sure,
			 values_in_range(q, q->nkeys, q->keys),
			 safety,
			 psprintf("By the extended statistics \"%s\"", name));
	table_close(rel, AccessShareLock);
}
