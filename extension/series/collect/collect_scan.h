/*
 * collect_scan.h
 *	  The rows of a sequential scan, taken by the aggregate above it.
 */
#ifndef TALLY_COLLECT_SCAN_H
#define TALLY_COLLECT_SCAN_H

#include "access/tableam.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"

/* A scan whose rows are taken, and how a row becomes the call's arguments. */
typedef struct CollectScan
{
	ScanState *node;
	TableScanDesc desc;
	TupleTableSlot *slot;
	MemoryContext cxt;					/* what the executor calls a scan in */
	MemoryContext row;					/* of what is made of a row */
	MemoryContext old;					/* the caller's */
	struct AggStatePerGroupData *count; /* of a count(*) beside, or NULL */
	int64 nrows;						/* that were taken */
	int last;							/* the last column that is needed */
	int first;							/* argument that is a column */
	int nargs;							/* of the transition function */
	AttrNumber from[FUNC_MAX_ARGS]; /* the column of each of these arguments */
} CollectScan;

/*
 * Called by a transition: can the other rows of the scan that this one is of be
 * taken from it?  False: they come one by one, all that are still to come.  The
 * arguments before "first" must be the same for every row; those from it on
 * become a row's.
 */
extern bool collect_scan_begin(CollectScan *scan, FunctionCallInfo fcinfo,
							   int first);

/*
 * After the last row: who asks the scan for more is told that there is none, and
 * the memory context is the one before collect_scan_begin().
 */
extern void collect_scan_end(CollectScan *scan);

/*
 * collect_scan_next -- the next row as the arguments of the call, or false; the
 * memory context is one that lasts until the next one.
 *
 * The scan is called in the memory that it is used to: a table access method
 * may keep there what lasts longer than a row.
 */
static inline bool
collect_scan_next(CollectScan *scan, FunctionCallInfo fcinfo)
{
	TupleTableSlot *slot = scan->slot;
	ExprState *qual = scan->node->ps.qual;
	ExprContext *econtext = scan->node->ps.ps_ExprContext;

	for (;;)
	{
		MemoryContextSwitchTo(scan->cxt);
		CHECK_FOR_INTERRUPTS();
		if (!table_scan_getnextslot(scan->desc, ForwardScanDirection, slot))
			return false;
		if (qual == NULL)
			break;
		ResetExprContext(econtext);
		econtext->ecxt_scantuple = slot;
		if (ExecQual(qual, econtext))
			break;
	}
	MemoryContextReset(scan->row);
	MemoryContextSwitchTo(scan->row);
	scan->nrows++;
	slot_getsomeattrs(slot, scan->last);
	for (int i = scan->first; i < scan->nargs; i++)
	{
		int column = scan->from[i];

		fcinfo->args[i].value = slot->tts_values[column - 1];
		fcinfo->args[i].isnull = slot->tts_isnull[column - 1];
	}
	return true;
}

#endif
