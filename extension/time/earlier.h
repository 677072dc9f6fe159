/*
 * earlier.h
 *	  The period that a grid is compared with, and which bucket with which.
 */
#ifndef TALLY_EARLIER_H
#define TALLY_EARLIER_H

#include "time/grid.h"
#include "utils/timestamp.h"

/*
 * The grid of as many buckets, of the same step, right before those of "grid".
 * Where the range cuts the first or the last bucket it cuts this one's too.
 */
extern TallyGrid *tally_grid_previous(const TallyGrid *grid);

/*
 * The grid of the same step over the range "by" earlier, on the calendar of
 * the zone.  It may have more or fewer buckets: February's days are compared
 * with January's.  22023 when "by" is not positive, or would put boundaries
 * between those of the step, as a year does to weeks.
 */
extern TallyGrid *tally_grid_earlier(const TallyGrid *grid,
									 const Interval *by);

/*
 * The bucket of "earlier" that starts "by" before bucket "bucket" of "grid".
 * -1 when there is none: the day was not there (29 February, or the hour that
 * a clock change took), or is outside of "earlier".  22023 when that instant
 * is inside a bucket.  *hint, 0 at first, moves on with the buckets, which are
 * asked for in order.
 */
extern int32 tally_grid_counterpart(const TallyGrid *grid, int32 bucket,
									const TallyGrid *earlier,
									const Interval *by, pg_tz *zone,
									int32 *hint);

#endif
