/*
 * slices.h
 *	  The time of a request: zone, timeframe and interval.
 */
#ifndef TALLY_SLICES_H
#define TALLY_SLICES_H

#include "time/grid.h"
#include "utils/jsonb.h"

/* The parameter "timezone": a name or seconds east of UTC; UTC without it. */
extern pg_tz *tally_request_zone(const Jsonb *request);

/*
 * The parameters "timeframe" and "interval", as what a grid is made of;
 * *has_interval is false, and the grid one bucket, without an interval.
 * "zone" is the request's; "now" what relative timeframes end at.
 */
extern void tally_request_slices(const Jsonb *request, pg_tz *zone,
								 TimestampTz now, TallyGridSpec *grid,
								 bool *has_interval);

#endif
