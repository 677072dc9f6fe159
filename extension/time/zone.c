/*-------------------------------------------------------------------------
 *
 * zone.c
 *	  Time zones: by name, by offset, and their local clocks.
 *
 * The server has no routine that tells the FIRST instant at which a local
 * clock shows a time or a later one: its own (DetermineTimeZoneOffset) reads
 * a skipped time with the offset before the change and so lands beside the
 * change, and takes standard time where a time is shown twice.  Buckets need
 * the first instant, because only then do a boundary list made from local
 * times and the rows between two boundaries always agree.
 *
 * A zone is a list of stretches of time with one offset each, so the search
 * is: for the stretches in order, the instant is where this stretch's clock
 * shows the time, but not before the stretch starts; it counts when it is
 * still inside the stretch.  It never goes back, which lets a list of
 * ascending local times be resolved in one walk.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"
#include "utils/timestamp.h"

#include "time/zone.h"

/* Seconds from the epoch of the time zone library to PostgreSQL's. */
#define EPOCH_SHIFT                                                           \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/*
 * No clock is farther from UTC: a POSIX zone may say up to 167 hours, places
 * on earth stay within 16.
 */
#define FARTHEST_OFFSET (7 * USECS_PER_DAY)

/* Longest piece of a bad name that an error repeats. */
#define SHOWN_NAME_BYTES 64

/* floor_seconds -- whole seconds at or before "us" microseconds. */
static int64
floor_seconds(int64 us)
{
	int64 s = us / USECS_PER_SEC;

	return us % USECS_PER_SEC < 0 ? s - 1 : s;
}

/*
 * stretch_at -- set the walk to the stretch of time that "seconds" is in,
 * except for "since", which is the caller's.
 *
 * pg_next_dst_boundary() says "no more changes" at the very second of the
 * last change it has listed, although it goes on from the next second with
 * the zone's rule; hence the second look.
 */
static void
stretch_at(TallyZoneWalk *walk, int64 seconds)
{
	pg_time_t at = seconds + EPOCH_SHIFT;
	pg_time_t change;
	long int before;
	long int after;
	int before_dst;
	int after_dst;
	int res;

	res = pg_next_dst_boundary(
		&at, &before, &before_dst, &change, &after, &after_dst, walk->zone);
	walk->offset = (int64) before * USECS_PER_SEC;
	if (res == 0)
	{
		at++;
		res = pg_next_dst_boundary(&at,
								   &before,
								   &before_dst,
								   &change,
								   &after,
								   &after_dst,
								   walk->zone);
	}
	if (res < 0)
		elog(ERROR, "could not find the clock changes of a time zone");

	change -= EPOCH_SHIFT;
	if (res == 0 || change > PG_INT64_MAX / USECS_PER_SEC)
		walk->until = PG_INT64_MAX;
	else
		walk->until = change * USECS_PER_SEC;
}

void
tally_zone_walk_begin(TallyZoneWalk *walk, const pg_tz *zone, int64 local)
{
	Assert(local >= TALLY_LOCAL_MIN && local <= TALLY_LOCAL_MAX);

	walk->zone = zone;
	walk->since = local - FARTHEST_OFFSET;
	stretch_at(walk, floor_seconds(walk->since));
}

TimestampTz
tally_zone_walk_to(TallyZoneWalk *walk, int64 local)
{
	Assert(local >= TALLY_LOCAL_MIN && local <= TALLY_LOCAL_MAX);

	for (;;)
	{
		TimestampTz instant = Max(local - walk->offset, walk->since);

		if (instant < walk->until)
			return instant;

		walk->since = walk->until;
		stretch_at(walk, floor_seconds(walk->since));
	}
}

TimestampTz
tally_local_to_instant(int64 local, pg_tz *zone)
{
	TallyZoneWalk walk;
	TimestampTz instant;

	if (local < TALLY_LOCAL_MIN || local > TALLY_LOCAL_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));

	tally_zone_walk_begin(&walk, zone, local);
	instant = tally_zone_walk_to(&walk, local);
	if (!IS_VALID_TIMESTAMP(instant))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return instant;
}

int64
tally_instant_to_local(TimestampTz instant, pg_tz *zone)
{
	TallyZoneWalk walk;

	Assert(IS_VALID_TIMESTAMP(instant));

	walk.zone = zone;
	stretch_at(&walk, floor_seconds(instant));
	return instant + walk.offset;
}

/*
 * read_offset -- is "name" an ISO 8601 offset: +hh, +hhmm or +hh:mm (or -)?
 *
 * Read as in a timestamp, positive to the east.  The server would take these
 * for POSIX zones, which count to the west: '+02' would then mean one thing
 * in the range of a grid and the opposite in its zone.
 */
static bool
read_offset(const char *name, int64 *seconds_east)
{
	const char *p = name + 1;
	int digit[4] = {0};
	int n = 0;

	if (*name != '+' && *name != '-')
		return false;
	for (; *p != '\0'; p++)
	{
		if (*p == ':' && n == 2 && p[1] != '\0')
			continue;
		if (!isdigit((unsigned char) *p) || n == 4)
			return false;
		digit[n++] = *p - '0';
	}
	if ((n != 2 && n != 4) || digit[2] > 5)
		return false;

	*seconds_east = (digit[0] * 10 + digit[1]) * SECS_PER_HOUR +
					(digit[2] * 10 + digit[3]) * SECS_PER_MINUTE;
	if (*name == '-')
		*seconds_east = -*seconds_east;
	return true;
}

/*
 * is_misread -- did the time zone library read "name" as a POSIX zone where
 * its writer hardly meant one?
 *
 * 'Europe/Berlin2' is, to it, a zone called "Europe/Berlin" two hours west of
 * UTC, and 'UTC+3' is three hours west.  Neither may silently shift an
 * answer.  Quoted POSIX names ('<+03>-03') and those with rules are meant.
 */
static bool
is_misread(const char *name, pg_tz *tz)
{
	static const char *const universal[] = {"UTC", "GMT", "UCT", "Z"};
	pg_time_t any = EPOCH_SHIFT;
	struct pg_tm *tm = pg_localtime(&any, tz);
	long int offset;
	int i;

	if (tm == NULL || strchr(tm->tm_zone, '/') != NULL)
		return true;
	if (!pg_get_timezone_offset(tz, &offset) || offset == 0)
		return false;
	for (i = 0; i < lengthof(universal); i++)
	{
		size_t len = strlen(universal[i]);

		if (pg_strncasecmp(name, universal[i], len) == 0 &&
			(name[len] == '+' || name[len] == '-' ||
			 isdigit((unsigned char) name[len])))
			return true;
	}
	return false;
}

pg_tz *
tally_zone(const char *name)
{
	pg_tz *tz = NULL;
	int64 east;

	if (read_offset(name, &east))
		return tally_zone_of_offset(east);

	/* '+2' and '2' would be POSIX zones too, to the west. */
	if (isalpha((unsigned char) *name) || *name == '<')
		tz = pg_tzset(name);
	if (tz == NULL || !pg_tz_acceptable(tz) || is_misread(name, tz))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%.*s\" not recognized",
						pg_mbcliplen(name, strlen(name), SHOWN_NAME_BYTES),
						name),
				 errhint("Use a name as in the view pg_timezone_names, such "
						 "as Europe/Berlin, or an offset, such as +02:00.")));
	return tz;
}

pg_tz *
tally_zone_of_offset(int64 seconds_east)
{
	pg_tz *tz = NULL;

	/* The library's offset is POSIX's, positive to the west. */
	if (seconds_east == 0)
		tz = pg_tzset("UTC");
	else if (seconds_east > -SECS_PER_DAY && seconds_east < SECS_PER_DAY)
		tz = pg_tzset_offset((long int) -seconds_east);
	if (tz == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone offset " INT64_FORMAT
						" is not within a day",
						seconds_east),
				 errdetail("An offset is a number of seconds east of UTC, "
						   "between -86399 and 86399.")));
	return tz;
}
