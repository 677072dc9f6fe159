/*-------------------------------------------------------------------------
 *
 * budget.c
 *	  What one answer may cost, and the one wording of every refusal.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "budget.h"
#include "guc.h"

int64 tally_budget_beside = 0;

void
tally_budget_cells(int64 nbuckets, int64 ngroups, int nmeasures,
				   bool estimated)
{
	int64 cells = nbuckets * ngroups * Max(nmeasures, 1);
	const char *about = estimated ? "about " : "";

	if (ngroups > tally_max_groups)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("answer has more than %d groups", tally_max_groups),
				 estimated
					 ? errdetail("Statistics say that there are about %lld.",
								 (long long) ngroups)
					 : errdetail("Group number %lld appeared.",
								 (long long) ngroups),
				 errhint("Group by fewer or coarser values, filter, or have "
						 "the limit tally.max_groups raised.")));
	if (cells > tally_max_cells)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("answer has more than %d cells", tally_max_cells),
				 errdetail("%lld buckets x %s%lld groups x %d measures are "
						   "%s%lld cells.",
						   (long long) nbuckets,
						   about,
						   (long long) ngroups,
						   Max(nmeasures, 1),
						   about,
						   (long long) cells),
				 errhint("Ask for a wider interval, a shorter timeframe or "
						 "fewer groups, or have the limit "
						 "tally.max_cells raised.")));
}

void
tally_budget_refuse_groups(double ngroups, bool exact, const char *why)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
		 errmsg("answer has more than %d groups", tally_max_groups),
		 exact ? errdetail("There are %.0f.", ngroups)
			   : errdetail("The planner expects about %.0f. %s", ngroups, why),
		 errhint("Group by fewer or coarser values, filter, or have "
				 "the limit tally.max_groups raised.")));
}

void
tally_budget_refuse_cells(int64 nbuckets, double ngroups, int nmeasures,
						  bool exact, const char *why, const char *remedy)
{
	const char *about = exact ? "" : "about ";
	char *hint;

	if (remedy == NULL)
		remedy = "use a shorter range, or fewer measures or groups";
	hint = pstrdup(remedy);
	hint[0] = pg_toupper((unsigned char) hint[0]);
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("answer has more than %d cells", tally_max_cells),
			 errdetail("%lld buckets x %s%.0f groups x %d measures are "
					   "%s%.0f cells.%s%s",
					   (long long) nbuckets,
					   about,
					   ngroups,
					   nmeasures,
					   about,
					   (double) nbuckets * ngroups * nmeasures,
					   why != NULL ? " " : "",
					   why != NULL ? why : ""),
			 errhint("%s, or have the limit tally.max_cells raised.", hint)));
}

int64
tally_budget_left(int64 bytes)
{
	return Max((int64) tally_max_memory * 1024 - bytes, 0);
}

/* budget_beside -- refuse too many series that are each small enough. */
static void
budget_beside(int64 bytes)
{
	int64 limit =
		(int64) tally_max_memory * 1024 + (int64) get_hash_memory_limit();

	if (bytes + tally_budget_beside > limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("series of one aggregation take more than %lld kB of "
						"memory",
						(long long) (limit / 1024)),
				 errdetail("That is tally.max_memory and what work_mem lets a "
						   "hash table take; one of them has grown to %lld "
						   "kB, all others to %lld kB.",
						   (long long) (bytes / 1024),
						   (long long) (tally_budget_beside / 1024)),
				 errhint("Sorted aggregation holds one group at a time: SET "
						 "enable_hashagg = off. Or have the limit "
						 "tally.max_memory raised.")));
}

void
tally_budget_memory(int64 bytes)
{
	if (bytes > (int64) tally_max_memory * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("answer takes more than %d kB of memory",
						tally_max_memory),
				 errdetail("Its state has grown to %lld kB.",
						   (long long) (bytes / 1024)),
				 errhint("Ask for a wider interval, a shorter timeframe or "
						 "fewer groups, or have the limit "
						 "tally.max_memory raised.")));
	if (unlikely(tally_budget_beside > 0))
		budget_beside(bytes);
}
