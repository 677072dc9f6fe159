/*
 * filter.h
 *	  Conditions on the properties of an event, as clients send them.
 *
 * A filter is a JSON list of {"property_name", "operator", "property_value"};
 * an event must satisfy them all.  It is checked and taken apart once and
 * then asked about every event.
 *
 * OPERATORS
 *	  eq			equal as JSON, type and value (1 = 1.0, "1" <> 1); on a
 *					list also: a member is equal.  eq null is true of a
 *					missing property too, as in grouping.
 *	  ne			not eq
 *	  lt lte gt gte  number with number, string with string (by code point);
 *					keen.timestamp and keen.created_at with an instant
 *	  exists		true: the property is there, be it null; false: it is not
 *	  in			eq some member of the list given
 *	  contains		on a string: has the text in it; on a list: has the member
 *	  not_contains	not contains
 *
 * A comparison of unlike types is false.
 */
#ifndef TALLY_FILTER_H
#define TALLY_FILTER_H

#include "filter/path.h"
#include "pgtime.h"

typedef struct TallyFilter TallyFilter;

/*
 * Checks "filters", the list or NULL or a JSON null for none, and compiles it
 * in the current memory context.  It goes on pointing into "filters".
 * Instants without an offset are read by the clock of "zone".  Raises 22023,
 * TALLY_ERR_MISSING_PARAMETER or TALLY_ERR_PROPERTY_NAME with the number of
 * the filter, its value and what is allowed.
 */
extern TallyFilter *tally_filter_compile(const JsonbValue *filters,
										 pg_tz *zone);

/*
 * Does the event satisfy all of the filter?  May leave small garbage in the
 * current memory context.
 */
extern bool tally_filter_match(const TallyFilter *filter, TallyEvent *event);

#endif
