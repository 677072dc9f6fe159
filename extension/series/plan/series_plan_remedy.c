/*-------------------------------------------------------------------------
 *
 * series_plan_remedy.c
 *	  Over which limit a series is, and what would bring it within: the verdict
 *	  of tally.series_plan(), and the refusal before a scan.
 *
 * A remedy is something to paste: the smallest usual step wider than the one
 * asked for, and the largest round number of groups, with which the numbers of
 * the estimate fit all limits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "datatype/timestamp.h"

#include "budget.h"
#include "guc.h"
#include "series/plan/series_plan.h"

/* Steps that people use, in the order of their length. */
static const struct
{
	const char *every;
	double seconds;
} usual_steps[] = {
	{"1 second", 1},
	{"5 seconds", 5},
	{"10 seconds", 10},
	{"30 seconds", 30},
	{"1 minute", 60},
	{"5 minutes", 5 * 60},
	{"10 minutes", 10 * 60},
	{"15 minutes", 15 * 60},
	{"30 minutes", 30 * 60},
	{"1 hour", SECS_PER_HOUR},
	{"2 hours", 2 * SECS_PER_HOUR},
	{"3 hours", 3 * SECS_PER_HOUR},
	{"6 hours", 6 * SECS_PER_HOUR},
	{"12 hours", 12 * SECS_PER_HOUR},
	{"1 day", SECS_PER_DAY},
	{"1 week", 7 * SECS_PER_DAY},
	{"1 month", 28 * SECS_PER_DAY},
	{"3 months", 90 * SECS_PER_DAY},
	{"1 year", 365 * SECS_PER_DAY},
};

static const int usual_tops[] = {1000, 500, 200, 100, 50, 20, 10, 5, 3};

/* Which limit is passed. */
typedef enum Over
{
	OVER_NONE,
	OVER_BUCKETS,
	OVER_GROUPS,
	OVER_CELLS,
	OVER_MEMORY
} Over;

/*
 * over -- the first limit that is passed by so many groups, all of which are
 * told apart, "shown" of them in the answer.
 */
static Over
over(double buckets, double all_groups, double shown, int nmeasures,
	 double bytes)
{
	if (buckets > tally_max_buckets)
		return OVER_BUCKETS;
	if (all_groups > tally_max_groups)
		return OVER_GROUPS;
	if (buckets * shown * nmeasures > tally_max_cells)
		return OVER_CELLS;
	if (bytes > tally_max_memory * 1024.0)
		return OVER_MEMORY;
	return OVER_NONE;
}

/* fits -- would so many buckets and groups be within every limit? */
static bool
fits(const SeriesPlanQuery *q, const SeriesEstimate *e, double buckets,
	 double groups)
{
	double cells = buckets * groups * q->nmeasures;

	return over(buckets,
				e->all_groups,
				groups,
				q->nmeasures,
				e->bytes * cells / Max(e->cells, 1)) == OVER_NONE;
}

/* step_seconds -- how long a bucket is, about. */
static double
step_seconds(const TallyGrid *grid)
{
	return grid->every_months * (28.0 * SECS_PER_DAY) +
		   grid->every_days * (double) SECS_PER_DAY +
		   grid->every_us / (double) USECS_PER_SEC;
}

static const char *
wider_step(const SeriesPlanQuery *q, const SeriesEstimate *e)
{
	double span =
		((double) q->grid->upper - (double) q->grid->lower) / USECS_PER_SEC;

	for (int i = 0; i < lengthof(usual_steps); i++)
		/* a range that begins within a bucket has one more */
		if (usual_steps[i].seconds > step_seconds(q->grid) &&
			usual_steps[i].seconds <= span &&
			fits(q, e, ceil(span / usual_steps[i].seconds) + 1, e->groups))
			return usual_steps[i].every;
	return NULL;
}

static int
fewer_groups(const SeriesPlanQuery *q, const SeriesEstimate *e)
{
	if (q->nkeys == 0)
		return 0;
	for (int i = 0; i < lengthof(usual_tops); i++)
		if (usual_tops[i] < e->groups &&
			fits(q, e, e->buckets, usual_tops[i] + (q->other ? 1 : 0)))
			return usual_tops[i];
	return 0;
}

char *
series_plan_remedy(const SeriesPlanQuery *q, const SeriesEstimate *e)
{
	const char *step = wider_step(q, e);
	int top = fewer_groups(q, e);

	if (step != NULL && top > 0)
		return psprintf("use top => %d or every => '%s'", top, step);
	if (step != NULL)
		return psprintf("use every => '%s'", step);
	if (top > 0)
		return psprintf("use top => %d", top);
	return NULL;
}

/* groups_shown -- of so many, how many the answer has. */
static double
groups_shown(const SeriesPlanQuery *q, double groups)
{
	if (q->top > 0 && q->top < groups)
		return q->top + (q->other ? 1 : 0);
	if (q->other && q->groups == SERIES_GROUPS_LISTED)
		return groups + 1;
	return groups;
}

/* sure_over -- the limit that is sure to be passed, and by what. */
static Over
sure_over(const SeriesPlanQuery *q, const SeriesEstimate *e, SeriesSure *sure)
{
	series_plan_sure(q, e, sure);
	return over(e->buckets,
				sure->groups,
				groups_shown(q, sure->groups),
				q->nmeasures,
				0);
}

char *
series_plan_verdict(const SeriesPlanQuery *q, const SeriesEstimate *e)
{
	SeriesSure sure;
	Over limit =
		over(e->buckets, e->all_groups, e->groups, q->nmeasures, e->bytes);
	const char *word = "unsure";
	const char *passed = "";
	char *remedy;

	if (limit == OVER_NONE)
		return pstrdup("ok");
	if (sure_over(q, e, &sure) != OVER_NONE)
		word = "refused";
	switch (limit)
	{
		case OVER_BUCKETS:
			passed = psprintf("buckets > %d", tally_max_buckets);
			break;
		case OVER_GROUPS:
			passed = psprintf("groups > %d", tally_max_groups);
			break;
		case OVER_CELLS:
			passed = psprintf("cells > %d", tally_max_cells);
			break;
		default:
			passed = psprintf("memory > %d kB", tally_max_memory);
	}
	remedy = series_plan_remedy(q, e);
	if (remedy == NULL)
		remedy = limit == OVER_BUCKETS
					 ? "use a shorter range"
					 : "group by fewer or coarser values, or filter";
	return psprintf("%s: %s; %s", word, passed, remedy);
}

void
series_plan_check(const SeriesPlanQuery *q, const SeriesEstimate *e)
{
	SeriesSure sure;

	if (over(e->buckets, e->all_groups, e->groups, q->nmeasures, 0) ==
		OVER_NONE)
		return;
	switch (sure_over(q, e, &sure))
	{
		case OVER_GROUPS:
			tally_budget_refuse_groups(e->all_groups, e->exact, sure.why);
			break;
		case OVER_CELLS:
			tally_budget_refuse_cells(e->buckets,
									  e->groups,
									  q->nmeasures,
									  e->exact,
									  sure.why,
									  series_plan_remedy(q, e));
			break;
		default:
			break;
	}
}
