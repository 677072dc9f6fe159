/*
 * compare.h
 *	  The order of JSON values in an answer.
 */
#ifndef TALLY_COMPARE_H
#define TALLY_COMPARE_H

#include "utils/jsonb.h"

/*
 * Numbers before strings before booleans before lists before objects before
 * null; numbers by value, strings by code point.
 */
extern int tally_json_compare(const JsonbValue *a, const JsonbValue *b);

/*
 * Equality of scalars, and an order that agrees with it: for searching, not
 * for showing.
 */
extern int tally_scalar_compare(const JsonbValue *a, const JsonbValue *b);

#endif
