/*-------------------------------------------------------------------------
 *
 * timeframe.c
 *	  Words and texts for a range of time.
 *
 *	  timeframe = "today" | "yesterday" | which "_" [ N "_" ] unit [ "s" ]
 *	  which		= "this" | "previous" | "last"
 *	  unit		= "minute" | "hour" | "day" | "week" | "month" | "quarter"
 *				| "year"
 *	  range		= ( "[" | "(" ) instant "," instant ( ")" | "]" )
 *
 * "last" is an older spelling of "previous".  "this_N" ends now, in the midst
 * of its last unit; "previous_N" ends where the current unit starts.
 *
 * Days and longer units follow the calendar of the zone, by the same rule as
 * grids: a unit starts at the first instant at which the local clock shows
 * its midnight.  Hours and minutes are those that the local clock shows now,
 * and counted back evenly.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "sqlstate.h"
#include "time/timeframe.h"
#include "time/zone.h"
#include "wire/instant.h"

/* Longest piece of a text that is not understood that its error repeats. */
#define SHOWN_BYTES 100

/* More digits than any N needs; keeps N within an int. */
#define MAX_N_DIGITS 9

/* Exactly one of the three says how long the unit is. */
typedef struct Unit
{
	const char *name;
	int months;
	int days;
	int64 us;
} Unit;

#define UNIT_DAY 2

static const Unit units[] = {
	{"minute", 0, 0, USECS_PER_MINUTE},
	{"hour", 0, 0, USECS_PER_HOUR},
	[UNIT_DAY] = {"day", 0, 1, 0},
	{"week", 0, 7, 0},
	{"month", 1, 0, 0},
	{"quarter", 3, 0, 0},
	{"year", 12, 0, 0},
};

typedef struct Timeframe
{
	bool previous; /* complete units only; otherwise up to now */
	int n;
	const Unit *unit;
} Timeframe;

/* What a timeframe is counted from. */
typedef struct Clock
{
	pg_tz *zone;
	int week_start;
	TimestampTz now;
} Clock;

/* not_understood -- raise TALLY_ERR_TIMEFRAME about "text". */
pg_noreturn static void not_understood(const char *text, int len,
									   const char *detail);

static void
not_understood(const char *text, int len, const char *detail)
{
	ereport(ERROR,
			(errcode(TALLY_SQLSTATE(TALLY_ERR_TIMEFRAME)),
			 errmsg("timeframe \"%.*s\" is not understood",
					pg_mbcliplen(text, len, SHOWN_BYTES),
					text),
			 errdetail("%s", detail),
			 errhint("Write this_UNIT, this_N_UNITS, previous_UNIT, "
					 "previous_N_UNITS, today, yesterday, with a unit of "
					 "minute, hour, day, week, month, quarter or year; or a "
					 "range such as [2025-03-01,2025-04-01).")));
}

/* take_word -- move *text over "word", if that is what comes next. */
static bool
take_word(const char **text, const char *end, const char *word)
{
	size_t n = strlen(word);

	if ((size_t) (end - *text) < n || memcmp(*text, word, n) != 0)
		return false;
	*text += n;
	return true;
}

/* is_word -- is this all that "text" says? */
static bool
is_word(const char *text, int len, const char *word)
{
	return len == (int) strlen(word) && memcmp(text, word, len) == 0;
}

/* take_unit -- the unit that "text" is, singular or plural, or NULL. */
static const Unit *
take_unit(const char *text, const char *end)
{
	int i;

	for (i = 0; i < lengthof(units); i++)
	{
		const char *p = text;

		if (!take_word(&p, end, units[i].name))
			continue;
		(void) take_word(&p, end, "s");
		if (p == end)
			return &units[i];
	}
	return NULL;
}

/* read_words -- the grammar above, without ranges. */
static void
read_words(const char *text, int len, Timeframe *frame)
{
	const char *p = text;
	const char *end = text + len;
	const char *digit;

	frame->n = 1;
	frame->previous = is_word(text, len, "yesterday");
	if (frame->previous || is_word(text, len, "today"))
	{
		frame->unit = &units[UNIT_DAY];
		return;
	}

	frame->previous =
		take_word(&p, end, "previous_") || take_word(&p, end, "last_");
	if (!frame->previous && !take_word(&p, end, "this_"))
		not_understood(text, len, "It begins with none of the words known.");

	digit = p;
	if (p < end && *p >= '0' && *p <= '9')
	{
		for (frame->n = 0; p < end && *p >= '0' && *p <= '9'; p++)
		{
			if (p - digit == MAX_N_DIGITS)
				not_understood(text, len, "Its number is too large.");
			frame->n = frame->n * 10 + (*p - '0');
		}
		if (!take_word(&p, end, "_"))
			not_understood(text, len, "A unit must follow its number.");
		if (frame->n == 0)
			not_understood(text, len, "Its number must be at least 1.");
	}

	frame->unit = take_unit(p, end);
	if (frame->unit == NULL)
		not_understood(text, len, "It ends with none of the units known.");
}

/*
 * unit_start -- when the unit "back" units before the current one started.
 * Returns false when that is before the first timestamp.
 */
static bool
unit_start(const Unit *unit, const Clock *clock, int64 back,
		   TimestampTz *start)
{
	int64 local = tally_instant_to_local(clock->now, clock->zone);
	int64 today;
	int64 into;

	/* C's remainder has the sign of what is divided. */
	into = local % USECS_PER_DAY;
	if (into < 0)
		into += USECS_PER_DAY;
	today = (local - into) / USECS_PER_DAY;

	if (unit->us > 0)
	{
		*start = clock->now - into % unit->us - back * unit->us;
		return IS_VALID_TIMESTAMP(*start);
	}
	if (unit->days == 7)
		today -= (j2day((int) today + POSTGRES_EPOCH_JDATE) + 7 -
				  clock->week_start) %
				 7;
	if (unit->days > 0)
		today -= back * unit->days;
	else
	{
		int year;
		int month;
		int day;
		int64 m;

		j2date((int) today + POSTGRES_EPOCH_JDATE, &year, &month, &day);
		m = (int64) year * MONTHS_PER_YEAR + month - 1;
		m -= (month - 1) % unit->months + back * unit->months;
		if (m < (int64) JULIAN_MINYEAR * MONTHS_PER_YEAR)
			return false;
		year = (int) (m / MONTHS_PER_YEAR);
		month = (int) (m % MONTHS_PER_YEAR);
		if (month < 0)
		{
			month += MONTHS_PER_YEAR;
			year--;
		}
		today = date2j(year, month + 1, 1) - POSTGRES_EPOCH_JDATE;
	}
	/* A day's room for the zone; so no arithmetic gets near its limits. */
	if (today <= -POSTGRES_EPOCH_JDATE)
		return false;
	*start = tally_local_to_instant(today * USECS_PER_DAY, clock->zone);
	return true;
}

void
tally_timeframe_parse(const char *text, int len, pg_tz *zone, int week_start,
					  TimestampTz now, TallySpan *span)
{
	static const char *const too_far = "It starts before the first timestamp.";
	Clock clock = {zone, week_start, now};
	Timeframe frame;

	if (week_start < 1 || week_start > 7)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("week_start %d is not a day of the week", week_start),
				 errdetail("Days are 1 (Monday) to 7 (Sunday).")));
	if (!IS_VALID_TIMESTAMP(now))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a timeframe needs a finite instant to count from")));

	read_words(text, len, &frame);
	if (!frame.previous)
	{
		if (!unit_start(frame.unit, &clock, frame.n - 1, &span->lower))
			not_understood(text, len, too_far);

		/* At the very start of the unit: a range cannot be empty. */
		span->upper = Max(now, span->lower + 1);
		return;
	}

	/*
	 * The last unit that began may have no length, where the zone skipped a
	 * whole day: then it never was, and the one before it was the last.
	 */
	if (!unit_start(frame.unit, &clock, 0, &span->upper))
		not_understood(text, len, too_far);
	do
	{
		if (!unit_start(frame.unit, &clock, frame.n++, &span->lower))
			not_understood(text, len, too_far);
	} while (span->lower >= span->upper);
}

bool
tally_instant_parse(const char *text, int len, pg_tz *zone,
					TimestampTz *instant, bool *offset_given,
					int *offset_seconds)
{
	int64_t us;
	int offset;
	enum instant_result result = instant_parse(text, len, &us, &offset);

	if (result == INSTANT_BAD)
		return false;
	*instant = result == INSTANT_LOCAL ? tally_local_to_instant(us, zone) : us;
	if (offset_given != NULL)
		*offset_given = result == INSTANT_UTC;
	if (offset_seconds != NULL)
		*offset_seconds = offset;
	return true;
}

/* trim -- the text between, without blanks and one pair of double quotes. */
static void
trim(const char **text, const char **end)
{
	while (*text < *end && **text == ' ')
		(*text)++;
	while (*text < *end && (*end)[-1] == ' ')
		(*end)--;
	if (*end - *text >= 2 && **text == '"' && (*end)[-1] == '"')
	{
		(*text)++;
		(*end)--;
	}
}

/*
 * read_end -- one end of a range: the instant that it is, or, with "after",
 * the first one behind it.  What is behind a date is the next day.
 */
static bool
read_end(const char *text, const char *end, pg_tz *zone, bool after,
		 TimestampTz *instant)
{
	int64_t us;
	enum instant_result result;

	trim(&text, &end);
	result = instant_parse(text, end - text, &us, NULL);
	if (result == INSTANT_BAD)
		return false;
	if (after)
		us += end - text == (int) strlen("2025-03-01") ? USECS_PER_DAY : 1;
	*instant = result == INSTANT_LOCAL ? tally_local_to_instant(us, zone) : us;
	return true;
}

/* empty_range -- a range that is written well, but holds no instant. */
static void
empty_range(const char *text, int len, const TallySpan *span)
{
	ereport(ERROR,
			(errcode(TALLY_SQLSTATE(TALLY_ERR_TIMEFRAME)),
			 errmsg("range of the buckets is empty: it starts at %s and "
					"ends at %s",
					pstrdup(timestamptz_to_str(span->lower)),
					pstrdup(timestamptz_to_str(span->upper))),
			 errdetail("It is written \"%.*s\".",
					   pg_mbcliplen(text, len, SHOWN_BYTES),
					   text),
			 errhint("The start must be before the end.")));
}

void
tally_during_parse(const char *text, int len, pg_tz *zone, int week_start,
				   TimestampTz now, TallySpan *span)
{
	const char *p = text;
	const char *end = text + len;
	const char *comma;

	trim(&p, &end);
	if (p == end || (*p != '[' && *p != '('))
	{
		tally_timeframe_parse(p, end - p, zone, week_start, now, span);
		return;
	}

	comma = memchr(p, ',', end - p);
	if (comma == NULL || (end[-1] != ')' && end[-1] != ']'))
		not_understood(text, len, "A range has two ends and a bracket each.");
	if (!read_end(p + 1, comma, zone, *p == '(', &span->lower) ||
		!read_end(comma + 1, end - 1, zone, end[-1] == ']', &span->upper))
		not_understood(text,
					   len,
					   "The ends of a range are written as 2025-03-01, "
					   "2025-03-01 12:00 or 2025-03-01T12:00:00Z.");
	if (span->lower >= span->upper)
		empty_range(text, len, span);
}
