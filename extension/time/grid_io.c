/*-------------------------------------------------------------------------
 *
 * grid_io.c
 *	  The text and the binary form of a grid.
 *
 * Both hold what the grid was made of, not its boundaries, and reading one
 * makes the grid anew through the same checks as tally.grid(): no text and no
 * bytes can make a grid that contradicts itself.  (It is also short: partial
 * answers travel as text under Citus.)  Read after the time zone data was
 * updated, it is the grid of the new data.
 *
 * TEXT is a list of settings, of which the last two may be missing:
 *
 *	  every=1 day; from=2025-03-01 00:00:00+00; until=2025-04-01 00:00:00+00;
 *	  zone=UTC; week_start=1; origin=2025-01-31 00:00:00+00
 *
 * Instants are written in ISO style and UTC whatever DateStyle and TimeZone
 * say, steps in the style of PostgreSQL's intervals.
 *
 * BINARY: version (1 byte), months and days (int4 each), microseconds of the
 * step, from, until (int8 each), week_start (1 byte), has origin (1 byte),
 * origin (int8), the zone's name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "time/grid.h"

/* Longer texts name nothing that a grid could have. */
#define MAX_TEXT_BYTES 1024

/* Longest piece of a text that an error repeats. */
#define SHOWN_TEXT_BYTES 200

typedef enum GridKey
{
	KEY_EVERY,
	KEY_FROM,
	KEY_UNTIL,
	KEY_ZONE,
	KEY_WEEK_START,
	KEY_ORIGIN,
	KEY__COUNT
} GridKey;

static const char *const key_names[KEY__COUNT] = {
	[KEY_EVERY] = "every",
	[KEY_FROM] = "from",
	[KEY_UNTIL] = "until",
	[KEY_ZONE] = "zone",
	[KEY_WEEK_START] = "week_start",
	[KEY_ORIGIN] = "origin",
};

/* append_instant -- as ISO text in UTC, before Christ too. */
static void
append_instant(StringInfo buf, const char *key, TimestampTz instant)
{
	struct pg_tm tm;
	fsec_t fsec;
	char text[MAXDATELEN + 1];

	/* Without a zone: taken apart as UTC, which is then printed by hand. */
	if (timestamp2tm(instant, NULL, &tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "a grid holds a timestamp out of range");
	tm.tm_isdst = 0;
	EncodeDateTime(&tm, fsec, true, 0, NULL, USE_ISO_DATES, text);
	appendStringInfo(buf, "%s%s", key, text);
}

PG_FUNCTION_INFO_V1(tally_grid_out);

Datum
tally_grid_out(PG_FUNCTION_ARGS)
{
	TallyGrid *grid = PG_GETARG_TALLY_GRID(0);
	Interval step = {grid->every_us, grid->every_days, grid->every_months};
	struct pg_itm itm;
	char text[MAXDATELEN + 1];
	StringInfoData buf;

	interval2itm(step, &itm);
	EncodeInterval(&itm, INTSTYLE_POSTGRES, text);

	initStringInfo(&buf);
	appendStringInfo(&buf, "every=%s", text);
	append_instant(&buf, "; from=", grid->lower);
	append_instant(&buf, "; until=", grid->upper);
	appendStringInfo(&buf,
					 "; zone=%s; week_start=%d",
					 tally_grid_zone(grid),
					 grid->week_start);
	if (grid->flags & TALLY_GRID_HAS_ORIGIN)
		append_instant(&buf, "; origin=", grid->origin);
	PG_RETURN_CSTRING(buf.data);
}

pg_noreturn static void bad_text(const char *text, const char *detail);

static void
bad_text(const char *text, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type tally.grid: \"%.*s\"",
					pg_mbcliplen(text, strlen(text), SHOWN_TEXT_BYTES),
					text),
			 errdetail("%s", detail),
			 errhint("Write it as \"every=1 day; from=2025-03-01 00:00:00+00; "
					 "until=2025-04-01 00:00:00+00; zone=UTC\", or call "
					 "tally.grid().")));
}

/*
 * split -- cut "copy" into the values of the keys.  "text" is the same, whole,
 * for errors.  A zone's name may have anything but a semicolon in it.
 */
static void
split(const char *text, char *copy, char *values[KEY__COUNT])
{
	char *next;

	for (; copy != NULL; copy = next)
	{
		char *equals;
		char *end;
		int key;

		next = strchr(copy, ';');
		if (next != NULL)
			*next++ = '\0';
		while (isspace((unsigned char) *copy))
			copy++;
		equals = strchr(copy, '=');
		if (equals == NULL)
			bad_text(text, "A setting has no \"=\".");
		*equals++ = '\0';
		for (end = equals + strlen(equals);
			 end > equals && isspace((unsigned char) end[-1]);)
			*--end = '\0';

		for (key = 0; key < KEY__COUNT; key++)
			if (strcmp(copy, key_names[key]) == 0)
				break;
		if (key == KEY__COUNT)
			bad_text(text, "A setting has a name that is not known.");
		if (values[key] != NULL)
			bad_text(text, "A setting is there twice.");
		values[key] = equals;
	}
}

static TimestampTz
read_instant(const char *value)
{
	return DatumGetTimestampTz(
		DirectFunctionCall3(timestamptz_in,
							CStringGetDatum(value),
							ObjectIdGetDatum(InvalidOid),
							Int32GetDatum(-1)));
}

static void
set_step(TallyGridSpec *spec, const char *value)
{
	Interval *step =
		DatumGetIntervalP(DirectFunctionCall3(interval_in,
											  CStringGetDatum(value),
											  ObjectIdGetDatum(InvalidOid),
											  Int32GetDatum(-1)));

	spec->months = step->month;
	spec->days = step->day;
	spec->us = step->time;
}

PG_FUNCTION_INFO_V1(tally_grid_in);

Datum
tally_grid_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	char *values[KEY__COUNT] = {NULL};
	const char *day;
	TallyGridSpec spec = {0};

	if (strlen(text) > MAX_TEXT_BYTES)
		bad_text(text, "It is too long.");
	split(text, pstrdup(text), values);
	if (values[KEY_EVERY] == NULL || values[KEY_FROM] == NULL ||
		values[KEY_UNTIL] == NULL || values[KEY_ZONE] == NULL)
		bad_text(text, "It needs every, from, until and zone.");

	set_step(&spec, values[KEY_EVERY]);
	spec.during.lower = read_instant(values[KEY_FROM]);
	spec.during.upper = read_instant(values[KEY_UNTIL]);
	spec.zone = tally_zone(values[KEY_ZONE]);
	day = values[KEY_WEEK_START];
	if (day == NULL)
		spec.week_start = 1;
	else if (day[0] >= '1' && day[0] <= '7' && day[1] == '\0')
		spec.week_start = day[0] - '0';
	else
		bad_text(text, "A week starts on a day from 1 to 7.");
	spec.has_origin = values[KEY_ORIGIN] != NULL;
	if (spec.has_origin)
		spec.origin = read_instant(values[KEY_ORIGIN]);

	PG_RETURN_POINTER(tally_grid_make(&spec));
}

PG_FUNCTION_INFO_V1(tally_grid_send);

Datum
tally_grid_send(PG_FUNCTION_ARGS)
{
	TallyGrid *grid = PG_GETARG_TALLY_GRID(0);
	const char *zone = tally_grid_zone(grid);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, TALLY_GRID_VERSION);
	pq_sendint32(&buf, grid->every_months);
	pq_sendint32(&buf, grid->every_days);
	pq_sendint64(&buf, grid->every_us);
	pq_sendint64(&buf, grid->lower);
	pq_sendint64(&buf, grid->upper);
	pq_sendbyte(&buf, grid->week_start);
	pq_sendbyte(&buf, (grid->flags & TALLY_GRID_HAS_ORIGIN) ? 1 : 0);
	pq_sendint64(&buf, grid->origin);
	pq_sendtext(&buf, zone, strlen(zone));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

PG_FUNCTION_INFO_V1(tally_grid_recv);

Datum
tally_grid_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	TallyGridSpec spec = {0};
	int version = pq_getmsgbyte(buf);
	int nbytes;

	if (version != TALLY_GRID_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("version %d of type tally.grid is not known",
						version)));
	spec.months = (int32) pq_getmsgint(buf, 4);
	spec.days = (int32) pq_getmsgint(buf, 4);
	spec.us = pq_getmsgint64(buf);
	spec.during.lower = pq_getmsgint64(buf);
	spec.during.upper = pq_getmsgint64(buf);
	spec.week_start = pq_getmsgbyte(buf);
	spec.has_origin = pq_getmsgbyte(buf) != 0;
	spec.origin = pq_getmsgint64(buf);
	spec.zone =
		tally_zone(pq_getmsgtext(buf, buf->len - buf->cursor, &nbytes));

	PG_RETURN_POINTER(tally_grid_make(&spec));
}
