/*
 * source.h
 *	  Where the events of a query come from.
 *
 * The seam between a query and the store: whatever keeps events, the hot
 * table or sealed segments, fills one panel here, and neither the request nor
 * the rendering knows which.
 */
#ifndef TALLY_SOURCE_H
#define TALLY_SOURCE_H

#include "series/panel/panel.h"
#include "utils/jsonb.h"

/*
 * The number of a project's collection.  Raises TALLY_ERR_NOT_FOUND when
 * there is no such project or no event was ever recorded in the collection.
 */
extern int32 tally_source_find(const text *project, const char *collection);

/*
 * A panel of all the collection's events in the grid's range, for this
 * analysis and request; it lives in "parent".
 */
extern TallyPanel *tally_source_fill(MemoryContext parent, int32 collection,
									 const text *analysis, Jsonb *request,
									 const TallyGrid *grid);

#endif
