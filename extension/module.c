/*-------------------------------------------------------------------------
 *
 * module.c
 *	  What the server calls when it loads the module.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "guc.h"
#include "series/show/series_scan.h"

PG_MODULE_MAGIC;

void _PG_init(void);

void
_PG_init(void)
{
	tally_define_settings();
	series_scan_define();
}
