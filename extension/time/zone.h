/*
 * zone.h
 *	  A walk over the local clock of a time zone, forward only.
 *
 * For the files of this folder: others use tally_local_to_instant() and
 * tally_instant_to_local() of grid.h, which are single steps of it.
 */
#ifndef TALLY_ZONE_H
#define TALLY_ZONE_H

#include "time/grid.h"

/*
 * The stretch of time the walk stands in: [since, until), in which the clock
 * is "offset" ahead of UTC.  All in microseconds.
 */
typedef struct TallyZoneWalk
{
	const pg_tz *zone;
	TimestampTz since;
	TimestampTz until; /* PG_INT64_MAX: the clock never changes again */
	int64 offset;
} TallyZoneWalk;

/* The least and the greatest local time that can be looked up. */
#define TALLY_LOCAL_MIN (MIN_TIMESTAMP - 8 * USECS_PER_DAY)
#define TALLY_LOCAL_MAX (END_TIMESTAMP + USECS_PER_DAY)

/* Starts a walk that can look up "local" and everything after it. */
extern void tally_zone_walk_begin(TallyZoneWalk *walk, const pg_tz *zone,
								  int64 local);

/*
 * As tally_local_to_instant(), for a "local" that is not before that of the
 * last call.  May return an instant that is outside of PostgreSQL's range.
 */
extern TimestampTz tally_zone_walk_to(TallyZoneWalk *walk, int64 local);

#endif
