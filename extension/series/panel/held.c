/*-------------------------------------------------------------------------
 *
 * held.c
 *	  The memory of all series that one aggregation holds at a time.
 *
 * Contexts of aggregations are few at a time, mostly one: a list.  An entry is
 * in the context that it is of, whose reset takes it off the list; so does an
 * error, after which that context is no more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "series/panel/held.h"

static TallyHeld *all_held = NULL;

/* forget -- a context is reset or deleted, and all its series with it. */
static void
forget(void *arg)
{
	TallyHeld **link = &all_held;

	while (*link != arg)
		link = &(*link)->next;
	*link = (*link)->next;
	/* an error may have left it so */
	tally_budget_beside = 0;
}

/*
 * after_error -- a subtransaction is rolled back, so nothing is being added.
 * A cursor from before it that failed in it keeps its contexts until it is
 * closed: forget() comes too late for whoever else asks.
 */
static void
after_error(SubXactEvent event, SubTransactionId mine, SubTransactionId parent,
			void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		tally_budget_beside = 0;
}

TallyHeld *
tally_held_find(MemoryContext aggcontext)
{
	static bool is_registered = false;
	TallyHeld *held;

	if (!is_registered)
		RegisterSubXactCallback(after_error, NULL);
	is_registered = true;
	for (held = all_held; held != NULL; held = held->next)
		if (held->of == aggcontext)
			return held;
	held = MemoryContextAllocZero(aggcontext, sizeof(TallyHeld));
	held->of = aggcontext;
	held->callback.func = forget;
	held->callback.arg = held;
	MemoryContextRegisterResetCallback(aggcontext, &held->callback);
	held->next = all_held;
	all_held = held;
	return held;
}
