/*
 * timeframe.h
 *	  Words for a range of time: "this_7_days", "previous_3_months".
 *
 * this_UNIT, this_N_UNITS	    from the start of the unit (N - 1 before the
 *							    current one) to "now"
 * previous_UNIT, previous_N_UNITS, last_..	 the last N complete units
 * today, yesterday			    this_day, previous_day
 *
 * Units are minute, hour, day, week, month, year and quarter, singular or
 * plural, of the calendar of a time zone.
 */
#ifndef TALLY_TIMEFRAME_H
#define TALLY_TIMEFRAME_H

#include "time/grid.h"

/*
 * Sets *span from the words in "text" (which need not be terminated).
 * Raises TALLY_ERR_TIMEFRAME with the text and the grammar for anything else,
 * for N = 0 and for an N that leaves the calendar.  "week_start" is 1 Monday
 * .. 7 Sunday (Keen's clients expect 7).
 */
extern void tally_timeframe_parse(const char *text, int len, pg_tz *zone,
								  int week_start, TimestampTz now,
								  TallySpan *span);

/*
 * As above, but "text" may also be a range of instants on the clock of
 * "zone": '[2025-03-01,2025-04-01)', '[2025-03-01 06:00,2025-03-01 18:00)'.
 * Ends that are dates take or leave whole days, as those of a daterange do.
 */
extern void tally_during_parse(const char *text, int len, pg_tz *zone,
							   int week_start, TimestampTz now,
							   TallySpan *span);

/*
 * Reads one instant as clients write it: ISO 8601 with Z, +hh:mm, +hhmm or
 * no offset (then the clock of "zone"), with or without seconds or fraction,
 * or a date alone (its midnight).  Returns false when it is none of these.
 * *offset_given says whether the text had an offset and *offset_seconds
 * (east of UTC) which; both may be NULL.
 */
extern bool tally_instant_parse(const char *text, int len, pg_tz *zone,
								TimestampTz *instant, bool *offset_given,
								int *offset_seconds);

#endif
