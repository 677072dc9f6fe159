/*
 * series_key.h
 *	  The keys of the groups that a result shows.
 */
#ifndef TALLY_SERIES_KEY_H
#define TALLY_SERIES_KEY_H

#include "series/run/series_run.h"

/*
 * A part of the key of a group, which is an index in result->groups.  Of the
 * rest it is the label where the type is text, in the key's type, else null.
 */
extern Datum series_key(const SeriesResult *result, int32 group, int key,
						bool *isnull);

/* The whole key as a JSON object, column by column. */
extern Jsonb *series_key_json(const SeriesResult *result, int32 group);

/* How many values each measure could not take, where there are any. */
extern Jsonb *series_rejected(const SeriesResult *result);

/* An instant as ISO 8601 on the clock of a zone, in MAXDATELEN + 1 bytes. */
extern void series_instant_text(TimestampTz at, pg_tz *zone, char *buf);

/*
 * A value that is not null as one of JSON: a number, a boolean, an instant as
 * ISO 8601, an array as a list, JSON as it is, and anything else as a string.
 * So are NaN and the infinities, for which JSON has no numbers.
 */
extern void series_json_from(JsonbValue *v, Oid type, Datum value,
							 pg_tz *zone);

#endif
