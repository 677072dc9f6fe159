/*-------------------------------------------------------------------------
 *
 * guc.c
 *	  Every setting, in alphabetical order, with its unit and its bounds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "contract.h"
#include "guc.h"

int tally_max_buckets = TALLY_DEFAULT_MAX_BUCKETS;
int tally_max_cells = TALLY_DEFAULT_MAX_CELLS;
int tally_max_groups = TALLY_DEFAULT_MAX_GROUPS;
int tally_max_memory = TALLY_DEFAULT_MAX_MEMORY_KB;
int tally_ingest_nice = 0;

void
tally_define_settings(void)
{
	DefineCustomIntVariable("tally.max_buckets",
							"Most buckets that one series may have.",
							NULL,
							&tally_max_buckets,
							TALLY_DEFAULT_MAX_BUCKETS,
							1,
							TALLY_MOST_BUCKETS,
							PGC_USERSET,
							0,
							NULL,
							NULL,
							NULL);
	DefineCustomIntVariable("tally.max_cells",
							"Most cells (buckets x groups x measures) that "
							"one answer may have.",
							NULL,
							&tally_max_cells,
							TALLY_DEFAULT_MAX_CELLS,
							1,
							INT_MAX,
							PGC_USERSET,
							0,
							NULL,
							NULL,
							NULL);
	DefineCustomIntVariable("tally.max_groups",
							"Most groups that one answer may have.",
							NULL,
							&tally_max_groups,
							TALLY_DEFAULT_MAX_GROUPS,
							1,
							100000000,
							PGC_USERSET,
							0,
							NULL,
							NULL,
							NULL);
	DefineCustomIntVariable("tally.max_memory",
							"Most memory that one answer may take while it "
							"is made.",
							NULL,
							&tally_max_memory,
							TALLY_DEFAULT_MAX_MEMORY_KB,
							64,
							MAX_KILOBYTES,
							PGC_USERSET,
							GUC_UNIT_KB,
							NULL,
							NULL,
							NULL);

	DefineCustomIntVariable("tally.ingest_nice",
							"How far tally.ingest() gives way to others for a "
							"processor: a nice value.",
							"Above 0 it also pauses, for moments. A session "
							"keeps a nice value to its end.",
							&tally_ingest_nice,
							0,
							0,
							19,
							PGC_USERSET,
							0,
							NULL,
							NULL,
							NULL);

	MarkGUCPrefixReserved("tally");
}
