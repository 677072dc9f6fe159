/*
 * instant.c
 *	  Reads an instant as clients write it (ISO 8601).
 *
 * A cursor moves over the text; every piece either takes its characters and
 * moves it, or fails.  Nothing is read past the end, no number has more than
 * nine digits, so nothing overflows.
 *
 * Free-standing: see README.md.
 */
#include "instant.h"

#include <stdbool.h>

#define SECONDS_PER_DAY 86400
#define US_PER_SECOND 1000000

/* Days from 0000-03-01 to 2000-01-01, in the Gregorian calendar. */
#define DAYS_TO_2000 730425

/* No clock is farther from UTC; PostgreSQL draws the line here as well. */
#define MAX_OFFSET_HOURS 15

struct cursor
{
	const char *p;
	const char *end;
};

/* take -- move over "c", if it comes next. */
static bool
take(struct cursor *in, char c)
{
	if (in->p == in->end || *in->p != c)
		return false;
	in->p++;
	return true;
}

/* digits -- move over exactly "n" digits, 1 to 9. */
static bool
digits(struct cursor *in, int n, int *value)
{
	*value = 0;
	if (in->end - in->p < n)
		return false;
	for (; n > 0; n--, in->p++)
	{
		if (*in->p < '0' || *in->p > '9')
			return false;
		*value = *value * 10 + (*in->p - '0');
	}
	return true;
}

static bool
is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* days_of -- days from 2000-01-01 to a date that exists. */
static int
days_of(int year, int month, int day)
{
	int y = month > 2 ? year : year - 1; /* years here begin in March */
	int m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 -
		   DAYS_TO_2000;
}

/* date -- YYYY-MM-DD, as days from 2000-01-01. */
static bool
date(struct cursor *in, int *days)
{
	static const int month_days[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year;
	int month;
	int day;

	if (!digits(in, 4, &year) || !take(in, '-') || !digits(in, 2, &month) ||
		!take(in, '-') || !digits(in, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1)
		return false;
	if (day > month_days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0))
		return false;

	*days = days_of(year, month, day);
	return true;
}

/* fraction -- the digits after the point: 1 to 9, cut to microseconds. */
static bool
fraction(struct cursor *in, int *us)
{
	int n;
	int digit;

	*us = 0;
	for (n = 0; digits(in, 1, &digit); n++)
	{
		if (n == 9)
			return false;
		if (n < 6)
			*us = *us * 10 + digit;
	}
	if (n == 0)
		return false;
	for (; n < 6; n++)
		*us *= 10;
	return true;
}

/* time_of_day -- hh:mm, hh:mm:ss or hh:mm:ss.f, as microseconds. */
static bool
time_of_day(struct cursor *in, int64_t *us)
{
	int hour;
	int minute;
	int second = 0;
	int micros = 0;

	if (!digits(in, 2, &hour) || !take(in, ':') || !digits(in, 2, &minute))
		return false;
	if (take(in, ':'))
	{
		if (!digits(in, 2, &second))
			return false;
		if (take(in, '.') && !fraction(in, &micros))
			return false;
	}
	if (hour > 24 || minute > 59 || second > 60)
		return false;
	if (hour == 24 && (minute > 0 || second > 0 || micros > 0))
		return false;

	*us = (int64_t) (hour * 3600 + minute * 60 + second) * US_PER_SECOND +
		  micros;
	return true;
}

/* offset -- +hh:mm, +hhmm or +hh (or -), as seconds east of UTC. */
static bool
offset(struct cursor *in, int *seconds)
{
	bool west = take(in, '-');
	int hour;
	int minute = 0;

	if (!west && !take(in, '+'))
		return false;
	if (!digits(in, 2, &hour))
		return false;
	if (in->p < in->end)
	{
		(void) take(in, ':');
		if (!digits(in, 2, &minute))
			return false;
	}
	if (hour > MAX_OFFSET_HOURS || minute > 59)
		return false;

	*seconds = hour * 3600 + minute * 60;
	if (west)
		*seconds = -*seconds;
	return true;
}

enum instant_result
instant_parse(const char *text, size_t len, int64_t *us, int *offset_seconds)
{
	struct cursor in = {text, text + len};
	int days;
	int64_t time = 0;
	int east = 0;
	enum instant_result result = INSTANT_LOCAL;

	if (!date(&in, &days))
		return INSTANT_BAD;
	if (in.p < in.end)
	{
		if (!take(&in, 'T') && !take(&in, ' '))
			return INSTANT_BAD;
		if (!time_of_day(&in, &time))
			return INSTANT_BAD;
		if (in.p < in.end)
		{
			if (!take(&in, 'Z') && !offset(&in, &east))
				return INSTANT_BAD;
			result = INSTANT_UTC;
		}
		if (in.p != in.end)
			return INSTANT_BAD;
	}

	*us = (int64_t) days * SECONDS_PER_DAY * US_PER_SECOND + time -
		  (int64_t) east * US_PER_SECOND;
	if (offset_seconds != NULL)
		*offset_seconds = east;
	return result;
}
