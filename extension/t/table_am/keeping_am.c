/*
 * keeping_am.c
 *	  heap, but for a scan that keeps what it needs where it was called: as an
 *	  access method of another maker may, from its second row on.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "fmgr.h"
#include "utils/palloc.h"

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(keeping_am_handler);

#define KEPT 42
#define KEPT_BYTES 512

static TableAmRoutine keeping;
/* The scan that was called last; NULL: it has ended. */
static TableScanDesc scan_of;
static int rows;
static int *kept;

static bool
next_row(TableScanDesc scan, ScanDirection direction, TupleTableSlot *slot)
{
	if (scan != scan_of)
	{
		scan_of = scan;
		rows = 0;
		kept = NULL;
	}
	if (++rows == 2)
	{
		kept = palloc(KEPT_BYTES);
		*kept = KEPT;
	}
	if (kept != NULL && *kept != KEPT)
		elog(ERROR, "what was kept is gone at row %d", rows);
	return GetHeapamTableAmRoutine()->scan_getnextslot(scan, direction, slot);
}

static void
end(TableScanDesc scan)
{
	scan_of = NULL;
	GetHeapamTableAmRoutine()->scan_end(scan);
}

/* Large values are in a table of heap itself. */
static Oid
toast_am(Relation rel)
{
	(void) rel;
	return HEAP_TABLE_AM_OID;
}

Datum
keeping_am_handler(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	keeping = *GetHeapamTableAmRoutine();
	keeping.scan_getnextslot = next_row;
	keeping.scan_end = end;
	keeping.relation_toast_am = toast_am;
	PG_RETURN_POINTER(&keeping);
}
