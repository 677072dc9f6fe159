/*
 * series_grid.h
 *	  Grids beside that of a series.
 */
#ifndef TALLY_SERIES_GRID_H
#define TALLY_SERIES_GRID_H

#include "time/grid.h"

/* One bucket over the range. */
extern TallyGrid *series_grid_one(TimestampTz lower, TimestampTz upper);

/* A range on the calendar lines of "grid". */
extern TallyGrid *series_grid_part(const TallyGrid *grid, TimestampTz lower,
								   TimestampTz upper);

/*
 * The grid of the earlier period, and for each bucket of "grid" the one that
 * it is compared with, or -1.
 */
extern TallyGrid *series_grid_before(const TallyGrid *grid,
									 const Interval *compare, int32 **buckets);

#endif
