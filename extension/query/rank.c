/*-------------------------------------------------------------------------
 *
 * rank.c
 *	  Which groups an answer shows and in which order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "filter/compare.h"
#include "query/rank.h"

/* One group while it is put in order. */
typedef struct Entry
{
	int32 group;
	int32 place; /* in the order of the keys */
	bool isnull;
	Datum value; /* the result that counts: of a bucket, or of all */
} Entry;

struct TallyRank
{
	const TallyQuerySpec *spec;
	TallyPanel *panel;
	bool is_count;	/* results are int8, otherwise numeric */
	bool by_result; /* the order differs from bucket to bucket */
	int32 n;
	int32 *groups;	/* chosen, in the order of their keys or, when
					   * !by_result, in the order asked for */
	int32 *ordered; /* of the bucket asked for last */
	Entry *entry;	/* room to sort in; NULL when nothing is sorted */
	Datum zero;		/* what a sum of nothing is */
	MemoryContext scratch;
};

/* set_bucket_value -- the result of the entry's group in one bucket. */
static void
set_bucket_value(const TallyRank *rank, Entry *entry, int32 bucket)
{
	entry->value = tally_panel_value(
		rank->panel, bucket, entry->group, 0, &entry->isnull);
	if (entry->isnull && rank->spec->what.analysis == TALLY_ANALYSIS_SUM)
	{
		entry->value = rank->zero;
		entry->isnull = false;
	}
}

/* numeric_call -- one of the server's functions of two numerics. */
static Datum
numeric_call(PGFunction function, Datum a, Datum b)
{
	return DirectFunctionCall2(function, a, b);
}

/* add_result -- take one bucket's result into the total of its entry. */
static void
add_result(const TallyRank *rank, Entry *entry, Datum value)
{
	if (entry->isnull)
	{
		entry->value = value;
		entry->isnull = false;
		return;
	}
	switch (rank->spec->what.analysis)
	{
		case TALLY_ANALYSIS_COUNT:
			entry->value = Int64GetDatum(DatumGetInt64(entry->value) +
										 DatumGetInt64(value));
			break;
		case TALLY_ANALYSIS_MINIMUM:
			entry->value = numeric_call(numeric_smaller, entry->value, value);
			break;
		case TALLY_ANALYSIS_MAXIMUM:
			entry->value = numeric_call(numeric_larger, entry->value, value);
			break;
		default:
			entry->value = numeric_call(numeric_add, entry->value, value);
			break;
	}
}

/*
 * set_total -- the result of the entry's group over the whole timeframe.
 *
 * An average is the sum, which is the second measure then, by the number of
 * values.
 */
static void
set_total(const TallyRank *rank, Entry *entry)
{
	int32 nbuckets = tally_panel_grid(rank->panel)->nbuckets;
	int measure = rank->spec->what.needs_sums ? 1 : 0;
	int64 nvalues = 0;

	entry->isnull = true;
	for (int32 b = 0; b < nbuckets; b++)
	{
		int64 n = tally_panel_nvalues(rank->panel, b, entry->group, measure);
		Datum value;
		bool isnull;

		CHECK_FOR_INTERRUPTS();
		if (n == 0)
			continue;
		nvalues += n;
		value =
			tally_panel_value(rank->panel, b, entry->group, measure, &isnull);
		if (!isnull)
			add_result(rank, entry, value);
	}
	if (rank->spec->what.needs_sums && !entry->isnull)
		entry->value =
			numeric_call(numeric_div,
						 entry->value,
						 NumericGetDatum(int64_to_numeric(nvalues)));
	else if (entry->isnull && rank->spec->what.analysis <= TALLY_ANALYSIS_SUM)
	{
		entry->value = rank->is_count ? Int64GetDatum(0) : rank->zero;
		entry->isnull = false;
	}
}

/* compare_results -- two that are not null. */
static int
compare_results(const TallyRank *rank, Datum a, Datum b)
{
	if (rank->is_count)
	{
		int64 x = DatumGetInt64(a);
		int64 y = DatumGetInt64(b);

		return x < y ? -1 : (x > y ? 1 : 0);
	}
	return DatumGetInt32(numeric_call(numeric_cmp, a, b));
}

/*
 * compare_entries -- by the steps of order_by, then by the keys.
 *
 * Nulls are last in either direction, so they are told apart before the
 * direction counts.
 */
static int
compare_entries(const void *pa, const void *pb, void *arg)
{
	const Entry *a = pa;
	const Entry *b = pb;
	const TallyRank *rank = arg;

	for (int i = 0; i < rank->spec->norder; i++)
	{
		const TallyOrder *order = &rank->spec->order[i];
		const JsonbValue *x = NULL;
		const JsonbValue *y = NULL;
		bool xnull = a->isnull;
		bool ynull = b->isnull;
		int cmp;

		if (order->group_by >= 0)
		{
			x = tally_panel_key_json(rank->panel, a->group, order->group_by);
			y = tally_panel_key_json(rank->panel, b->group, order->group_by);
			xnull = x == NULL;
			ynull = y == NULL;
		}
		if (xnull || ynull)
		{
			if (xnull != ynull)
				return xnull ? 1 : -1;
			continue;
		}
		cmp = x != NULL ? tally_json_compare(x, y)
						: compare_results(rank, a->value, b->value);
		if (cmp != 0)
			return order->descending ? -cmp : cmp;
	}
	return a->place - b->place;
}

/* sort -- put "n" entries in order and write their groups to "out". */
static void
sort(TallyRank *rank, int32 n, int32 *out)
{
	qsort_interruptible(rank->entry, n, sizeof(Entry), compare_entries, rank);
	for (int32 i = 0; i < n; i++)
		out[i] = rank->entry[i].group;
}

/* set_entries -- the chosen groups, with the order they are in as place. */
static void
set_entries(TallyRank *rank)
{
	for (int32 i = 0; i < rank->n; i++)
	{
		rank->entry[i].group = rank->groups[i];
		rank->entry[i].place = i;
		rank->entry[i].isnull = true;
	}
}

static int
compare_places(const void *a, const void *b)
{
	return ((const Entry *) a)->place - ((const Entry *) b)->place;
}

/*
 * total_entry -- the same, without the garbage of all the buckets.
 */
static void
total_entry(const TallyRank *rank, Entry *entry)
{
	MemoryContext old = MemoryContextSwitchTo(rank->scratch);

	set_total(rank, entry);
	MemoryContextSwitchTo(old);
	if (!rank->is_count && !entry->isnull)
		entry->value = datumCopy(entry->value, false, -1);
	MemoryContextReset(rank->scratch);
}

/*
 * choose -- keep the first "limit" groups of the whole timeframe.
 *
 * The groups stay in the order of their keys, which decides between equals.
 */
static void
choose(TallyRank *rank)
{
	int32 limit = rank->spec->limit;

	set_entries(rank);
	if (rank->by_result)
		for (int32 i = 0; i < rank->n; i++)
			total_entry(rank, &rank->entry[i]);
	qsort_interruptible(
		rank->entry, rank->n, sizeof(Entry), compare_entries, rank);
	qsort(rank->entry, limit, sizeof(Entry), compare_places);
	rank->n = limit;
	for (int32 i = 0; i < limit; i++)
		rank->groups[i] = rank->entry[i].group;
}

TallyRank *
tally_rank_groups(const TallyQuerySpec *spec, TallyPanel *panel)
{
	TallyRank *rank = palloc0(sizeof(TallyRank));

	rank->spec = spec;
	rank->panel = panel;
	rank->is_count = spec->what.analysis == TALLY_ANALYSIS_COUNT;
	rank->n = tally_panel_ngroups(panel);
	rank->groups = tally_panel_order(panel);
	if (spec->norder == 0)
		return rank;

	for (int i = 0; i < spec->norder; i++)
		if (spec->order[i].group_by < 0)
			rank->by_result = true;
	rank->entry = MemoryContextAllocHuge(CurrentMemoryContext,
										 Max(rank->n, 1) * sizeof(Entry));
	rank->ordered = MemoryContextAllocHuge(CurrentMemoryContext,
										   Max(rank->n, 1) * sizeof(int32));
	rank->zero = NumericGetDatum(int64_to_numeric(0));
	rank->scratch = AllocSetContextCreate(CurrentMemoryContext,
										  "tally rank",
										  ALLOCSET_DEFAULT_SIZES);

	if (spec->limit > 0 && spec->limit < rank->n)
		choose(rank);
	if (!rank->by_result)
	{
		set_entries(rank);
		sort(rank, rank->n, rank->groups);
	}
	return rank;
}

int32
tally_rank_ngroups(const TallyRank *rank)
{
	return rank->n;
}

const int32 *
tally_rank_bucket(TallyRank *rank, int32 bucket)
{
	MemoryContext old;

	if (!rank->by_result)
		return rank->groups;

	old = MemoryContextSwitchTo(rank->scratch);
	set_entries(rank);
	for (int32 i = 0; i < rank->n; i++)
		set_bucket_value(rank, &rank->entry[i], bucket);
	sort(rank, rank->n, rank->ordered);
	MemoryContextSwitchTo(old);
	MemoryContextReset(rank->scratch);
	return rank->ordered;
}
