/*
 * member.h
 *	  Members of a request, by name and with their type checked.
 */
#ifndef TALLY_MEMBER_H
#define TALLY_MEMBER_H

#include "utils/jsonb.h"

/* Sets *value; false when the member is missing or null. */
extern bool tally_member(const Jsonb *request, const char *name,
						 JsonbValue *value);

/*
 * The same for one that must be a string.  A required one that is missing
 * raises TALLY_ERR_MISSING_PARAMETER, another type 22023.
 */
extern bool tally_member_string(const Jsonb *request, const char *name,
								bool required, JsonbValue *value);

/*
 * Sets *number when the value is an integer of at most 9 digits, as a JSON
 * number or as a string of decimal digits with an optional sign, which is how
 * a GET request spells one.
 */
extern bool tally_value_integer(const JsonbValue *value, int32 *number);

/* Does a string equal this text? */
extern bool tally_value_is(const JsonbValue *value, const char *text);

#endif
