/*-------------------------------------------------------------------------
 *
 * slices.c
 *	  The time of a request: zone, timeframe and interval.
 *
 * WHOSE CLOCK.  Relative timeframes, instants without an offset and slices
 * follow the parameter "timezone".  But an absolute timeframe whose start has
 * an offset brings its own, fixed clock: its slices follow that offset and
 * "timezone" does not move them.  So "...Z" gives UTC days whatever the zone,
 * which is what Keen's service did and its users rely on.
 *
 * WHERE SLICES START.  "daily" and its like follow the calendar, weeks from
 * Sunday; the first and the last slice are clipped to the timeframe.
 * "every_3_days" is counted from the start of the timeframe.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "utils/timestamp.h"

#include "compat.h"
#include "contract.h"
#include "filter/describe.h"
#include "filter/path.h"
#include "query/member.h"
#include "query/slices.h"
#include "sqlstate.h"
#include "time/timeframe.h"

#define ERRCODE_TALLY_TIMEFRAME TALLY_SQLSTATE(TALLY_ERR_TIMEFRAME)
#define ERRCODE_TALLY_MISSING TALLY_SQLSTATE(TALLY_ERR_MISSING_PARAMETER)

/* Keen's weeks start on Sundays (ISO day 7). */
#define WEEK_START 7

/* Far more than anyone needs; no step of it leaves the calendar. */
#define MAX_EVERY 100000

/* What messages about a timeframe begin with: clients look for it. */
#define BAD_TIMEFRAME "You sent in an invalid definition for the timeframe"

/* Longest name of a time zone that is looked up. */
#define MAX_ZONE_BYTES 255

static const struct
{
	const char *word; /* of an interval */
	const char *unit; /* of every_N_units */
	int32 months;
	int32 days;
	int64 us;
} steps[] = {
	{"minutely", "minute", 0, 0, USECS_PER_MINUTE},
	{"hourly", "hour", 0, 0, USECS_PER_HOUR},
	{"daily", "day", 0, 1, 0},
	{"weekly", "week", 0, 7, 0},
	{"monthly", "month", 1, 0, 0},
	{"yearly", "year", 12, 0, 0},
};

/* zone_of_name -- the zone of that name, or offset as a string of digits. */
static pg_tz *
zone_of_name(const JsonbValue *value)
{
	int len = value->val.string.len;
	int32 offset;

	/* A bare number is seconds; "+02" and "+0200" are names of offsets. */
	if (len > 0 && value->val.string.val[0] != '+' &&
		tally_value_integer(value, &offset))
		return tally_zone_of_offset(offset);
	if (len == 0 || len > MAX_ZONE_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone %s not recognized",
						tally_describe_json(value)),
				 errhint("Use a name such as Europe/Berlin, or an offset in "
						 "seconds east of UTC.")));
	return tally_zone(pnstrdup(value->val.string.val, len));
}

pg_tz *
tally_request_zone(const Jsonb *request)
{
	JsonbValue value;
	int32 offset;

	if (!tally_member(request, "timezone", &value))
		return tally_zone("UTC");
	if (value.type == jbvString)
		return zone_of_name(&value);
	if (value.type == jbvNumeric && tally_value_integer(&value, &offset))
		return tally_zone_of_offset(offset);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"timezone\" must be a name or a whole number of "
					"seconds"),
			 errdetail("The value given was %s.", tally_describe_json(&value)),
			 errhint("Use a name such as Europe/Berlin, or an offset in "
					 "seconds east of UTC.")));
}

/*
 * timeframe_instant -- the member "start" or "end" of an absolute timeframe.
 */
static TimestampTz
timeframe_instant(JsonbContainer *timeframe, const char *name, pg_tz *zone,
				  bool *offset_given, int *offset)
{
	JsonbValue value;
	TimestampTz instant;

	if (getKeyJsonValueFromContainer(timeframe, name, strlen(name), &value) ==
		NULL)
		ereport(ERROR,
				(errcode(ERRCODE_TALLY_TIMEFRAME),
				 errmsg(BAD_TIMEFRAME ": it has no \"%s\"", name),
				 errhint("An absolute timeframe is {\"start\": .., "
						 "\"end\": ..}.")));
	if (value.type != jbvString || !tally_instant_parse(value.val.string.val,
														value.val.string.len,
														zone,
														&instant,
														offset_given,
														offset))
		ereport(ERROR,
				(errcode(ERRCODE_TALLY_TIMEFRAME),
				 errmsg(BAD_TIMEFRAME ": its \"%s\" is not a time", name),
				 errdetail("The value given was %s.",
						   tally_describe_json(&value)),
				 errhint("Write it as 2024-03-01T00:00:00.000Z, with an "
						 "offset, or without one for the clock of "
						 "\"timezone\".")));
	return instant;
}

/* absolute -- {"start": .., "end": ..}, and the zone that it brings. */
static void
absolute(JsonbContainer *timeframe, TallyGridSpec *grid)
{
	pg_tz *zone = grid->zone;
	bool offset_given;
	int offset;

	grid->during.lower =
		timeframe_instant(timeframe, "start", zone, &offset_given, &offset);
	if (offset_given)
		grid->zone = tally_zone_of_offset(offset);
	grid->during.upper = timeframe_instant(timeframe, "end", zone, NULL, NULL);

	if (grid->during.lower >= grid->during.upper)
	{
		char start[TALLY_INSTANT_TEXT_BYTES];
		char end[TALLY_INSTANT_TEXT_BYTES];

		tally_instant_text(grid->during.lower, start);
		tally_instant_text(grid->during.upper, end);
		ereport(ERROR,
				(errcode(ERRCODE_TALLY_TIMEFRAME),
				 errmsg(BAD_TIMEFRAME ": it ends before or where it starts"),
				 errdetail("It starts at %s and ends at %s.", start, end)));
	}
}

/*
 * relative -- words for a timeframe.
 *
 * The words are read where those of SQL users are; only the message must
 * begin as clients know it, and name what a client can send.
 */
static void
relative(const JsonbValue *words, TimestampTz now, TallyGridSpec *grid)
{
	MemoryContext caller = CurrentMemoryContext;

	PG_TRY();
	{
		tally_timeframe_parse(words->val.string.val,
							  words->val.string.len,
							  grid->zone,
							  WEEK_START,
							  now,
							  &grid->during);
	}
	PG_CATCH();
	{
		ErrorData *error;

		if (geterrcode() != ERRCODE_TALLY_TIMEFRAME)
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		error->message = psprintf(BAD_TIMEFRAME ": %s", error->message);
		error->hint = pstrdup(
			"Send this_UNIT, this_N_UNITS, previous_UNIT, previous_N_UNITS, "
			"today or yesterday, with a unit of minute, hour, day, week, "
			"month, quarter or year; or {\"start\": .., \"end\": ..}.");
		ReThrowError(error);
	}
	PG_END_TRY();
}

/* set_during -- the parameter "timeframe". */
static void
set_during(const Jsonb *request, TimestampTz now, TallyGridSpec *grid)
{
	JsonbValue value;

	if (!tally_member(request, "timeframe", &value))
		ereport(ERROR,
				(errcode(ERRCODE_TALLY_MISSING),
				 errmsg("the parameter \"timeframe\" is missing"),
				 errhint("Send words, such as \"this_7_days\", or "
						 "{\"start\": .., \"end\": ..}.")));

	if (value.type == jbvString)
		relative(&value, now, grid);
	else if (value.type == jbvBinary &&
			 JsonContainerIsObject(value.val.binary.data))
		absolute(value.val.binary.data, grid);
	else
		ereport(
			ERROR,
			(errcode(ERRCODE_TALLY_TIMEFRAME),
			 errmsg(BAD_TIMEFRAME ": it is %s", tally_describe_kind(&value)),
			 errdetail("The value given was %s.", tally_describe_json(&value)),
			 errhint("Send words, such as \"this_7_days\", or "
					 "{\"start\": .., \"end\": ..}.")));
}

pg_noreturn static void
bad_interval(const JsonbValue *value)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown interval %s", tally_describe_json(value)),
			 errhint("The intervals are: minutely, hourly, daily, weekly, "
					 "monthly, yearly, and every_N_minutes (or hours, days, "
					 "weeks, months, years) with N from 1 to %d.",
					 MAX_EVERY)));
}

/* set_step -- "n" of the step with that index. */
static void
set_step(TallyGridSpec *grid, int step, int32 n)
{
	grid->months = steps[step].months * n;
	grid->days = steps[step].days * n;
	grid->us = steps[step].us * n;
}

/*
 * every -- "every_N_units", where "text" is what follows "every_".  Returns
 * false when it is none.
 */
static bool
every(const char *text, TallyGridSpec *grid)
{
	char *unit;
	long n;
	size_t len;

	if (!isdigit((unsigned char) text[0]))
		return false;
	errno = 0;
	n = strtol(text, &unit, 10);
	if (errno != 0 || n < 1 || n > MAX_EVERY || *unit++ != '_')
		return false;

	len = strlen(unit);
	if (len > 1 && unit[len - 1] == 's')
		len--;
	for (int i = 0; i < (int) lengthof(steps); i++)
		if (strlen(steps[i].unit) == len &&
			strncmp(steps[i].unit, unit, len) == 0)
		{
			set_step(grid, i, n);
			return true;
		}
	return false;
}

/* set_interval -- the parameter "interval", which is there. */
static void
set_interval(const JsonbValue *value, TallyGridSpec *grid)
{
	static const char prefix[] = "every_";
	char *text;

	if (value->type != jbvString)
		bad_interval(value);
	for (int i = 0; i < (int) lengthof(steps); i++)
		if (tally_value_is(value, steps[i].word))
		{
			set_step(grid, i, 1);
			return;
		}

	text = pnstrdup(value->val.string.val, value->val.string.len);
	if (strncmp(text, prefix, strlen(prefix)) != 0 ||
		!every(text + strlen(prefix), grid))
		bad_interval(value);
	grid->has_origin = true;
	grid->origin = grid->during.lower;
}

void
tally_request_slices(const Jsonb *request, pg_tz *zone, TimestampTz now,
					 TallyGridSpec *grid, bool *has_interval)
{
	JsonbValue interval;

	memset(grid, 0, sizeof(*grid));
	grid->zone = zone;
	grid->week_start = WEEK_START;
	set_during(request, now, grid);

	*has_interval = tally_member(request, "interval", &interval);
	if (*has_interval)
		set_interval(&interval, grid);
	else
	{
		grid->us = grid->during.upper - grid->during.lower;
		grid->has_origin = true;
		grid->origin = grid->during.lower;
	}
}
