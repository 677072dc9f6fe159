/*-------------------------------------------------------------------------
 *
 * move.c
 *	  An instant moved by an interval, on the calendar of a time zone.
 *
 * The server's own timestamptz + interval takes the session's zone, which is
 * not the zone of a grid; a function that used it could not be IMMUTABLE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"

#include "time/grid.h"
#include "time/move.h"

TimestampTz
tally_move(TimestampTz instant, const Interval *by, pg_tz *zone)
{
	TimestampTz moved = instant;

	if (by->month != 0 || by->day != 0)
	{
		Interval calendar = {0, by->day, by->month};
		Datum local = TimestampGetDatum(tally_instant_to_local(instant, zone));

		local = DirectFunctionCall2(timestamp_pl_interval,
									local,
									IntervalPGetDatum(&calendar));
		moved = tally_local_to_instant(DatumGetTimestamp(local), zone);
	}
	if (pg_add_s64_overflow(moved, by->time, &moved) ||
		!IS_VALID_TIMESTAMP(moved))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range"),
				 errdetail("It would be %s after %s.",
						   tally_interval_text(by),
						   timestamptz_to_str(instant))));
	return moved;
}

char *
tally_interval_text(const Interval *interval)
{
	struct pg_itm itm;
	char buf[MAXDATELEN + 1];

	interval2itm(*interval, &itm);
	EncodeInterval(&itm, INTSTYLE_POSTGRES, buf);
	return pstrdup(buf);
}
