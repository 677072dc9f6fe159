/*
 * collect.h
 *	  Puts events into the panel that answers a request, one at a time.
 *
 * Filter, group, measure: whatever is kept about an event, in the hot table
 * or elsewhere, ends up in the same panel through here, so a query cannot tell
 * where an event came from.
 */
#ifndef TALLY_QUERY_COLLECT_H
#define TALLY_QUERY_COLLECT_H

#include "query/spec.h"
#include "series/panel/panel.h"

/*
 * An empty panel for this analysis and request, in a child of "parent".  All
 * that must be known to fill it lives in it too: the request is copied and
 * compiled once a panel, so once a parallel worker.
 */
extern TallyPanel *tally_collect_begin(MemoryContext parent,
									   const text *analysis, Jsonb *request,
									   const TallyGrid *grid);

/*
 * Makes a panel that came from elsewhere (expanded, merged) ready for
 * tally_collect_event(); does nothing when it is.
 */
extern void tally_collect_resume(TallyPanel *panel, const text *analysis,
								 Jsonb *request);

/* Adds one event; those outside of the grid or the filter are left out. */
extern void tally_collect_event(TallyPanel *panel, TallyEvent *event);

#endif
