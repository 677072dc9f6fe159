/*
 * move.h
 *	  Instants and grids moved by an interval, on the calendar of a zone.
 */
#ifndef TALLY_MOVE_H
#define TALLY_MOVE_H

#include "time/grid.h"
#include "utils/timestamp.h"

/*
 * "instant" + "by": months and days are counted on the local clock of "zone",
 * then the interval's time passes in UTC.  The same as timestamptz + interval
 * in a session of that zone, but for local times that a clock change skips or
 * repeats, which are those of tally_local_to_instant().  22008 when the result
 * is not a timestamp.
 */
extern TimestampTz tally_move(TimestampTz instant, const Interval *by,
							  pg_tz *zone);

/*
 * The grid with each boundary and the range moved by "by": the one that
 * tally.grid() makes of the moved range where that has these boundaries,
 * otherwise one that is counted from a moved origin.  22023 when neither is
 * so, as for days moved from the end of March to that of April.
 */
extern TallyGrid *tally_grid_move(const TallyGrid *grid, const Interval *by);

/* The interval as it is usually written, in the current memory context. */
extern char *tally_interval_text(const Interval *interval);

#endif
