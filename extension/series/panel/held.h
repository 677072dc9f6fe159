/*
 * held.h
 *	  The memory of all series that one aggregation holds at a time.
 *
 * Each series has tally.max_memory for itself.  Hash aggregation makes no new
 * group once work_mem is used up, but those that are there go on growing, as
 * sets and lists of values do: so all of them together have tally.max_memory
 * beyond what work_mem lets a hash table take.
 */
#ifndef TALLY_HELD_H
#define TALLY_HELD_H

#include "budget.h"
#include "series/panel/panel_internal.h"

/* What the series of one memory context of an aggregation take. */
typedef struct TallyHeld
{
	struct TallyHeld *next;
	MemoryContext of;
	int64 bytes;
	MemoryContextCallback callback;
} TallyHeld;

/* Finds or makes it; it goes when the context is reset. */
extern TallyHeld *tally_held_find(MemoryContext aggcontext);

/* Before and after something is added to the panel, of that context. */
static inline void
tally_held_begin(TallyPanel *panel, MemoryContext aggcontext)
{
	if (panel->held == NULL)
		panel->held = tally_held_find(aggcontext);
	tally_budget_beside = panel->held->bytes - panel->held_bytes;
}

static inline void
tally_held_end(TallyPanel *panel)
{
	int64 bytes = (int64) panel->cxt->mem_allocated;

	tally_budget_beside = 0;
	panel->held->bytes += bytes - panel->held_bytes;
	panel->held_bytes = bytes;
}

#endif
