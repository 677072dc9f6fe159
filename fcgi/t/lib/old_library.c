/*
 * old_library.c
 *	  A library of Tally as one of before a setting was added: the names of all
 *	  settings are reserved, and that one is none of them.
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "utils/guc.h"

PG_MODULE_MAGIC;

void _PG_init(void);

void
_PG_init(void)
{
	static int max_buckets;

	DefineCustomIntVariable("tally.max_buckets",
							"As in every version.",
							NULL,
							&max_buckets,
							1,
							1,
							INT_MAX,
							PGC_USERSET,
							0,
							NULL,
							NULL,
							NULL);
#if PG_VERSION_NUM >= 150000
	MarkGUCPrefixReserved("tally");
#else
	EmitWarningsOnPlaceholders("tally");
#endif
}
