/*
 * series_key.h
 *	  The keys of the groups that a result shows.
 */
#ifndef TALLY_SERIES_KEY_H
#define TALLY_SERIES_KEY_H

#include "series/series_run.h"

/*
 * A part of the key of a group, which is an index in result->groups.  Of the
 * rest it is the label where the type is text, in the key's type, else null.
 */
extern Datum series_key(const SeriesResult *result, int32 group, int key,
						bool *isnull);

/* The whole key as a JSON object, column by column. */
extern Jsonb *series_key_json(const SeriesResult *result, int32 group);

/* A value as one of JSON: a number, a boolean, what it is, or a string. */
extern void series_json_from(JsonbValue *v, Oid type, Datum value,
							 bool isnull);

#endif
