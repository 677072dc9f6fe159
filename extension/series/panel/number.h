/*
 * number.h
 *	  Values of the types that a measure of numbers can give.
 */
#ifndef TALLY_NUMBER_H
#define TALLY_NUMBER_H

#include "c.h"

/* int2, int4, int8, float4, float8 or numeric? */
extern bool tally_type_is_number(Oid type);

/* A value of one of these types as double precision. */
extern float8 tally_number_float8(Oid type, Datum value);

/* Is a number one of this type? */
extern bool tally_number_fits(Oid type, float8 number);

/* A number in one of these types; 22023 when it does not fit. */
extern Datum tally_number_of(Oid type, float8 number);

/*
 * The value at part / whole of the way from a to b, 0 <= part < whole.  Lines
 * of integers are rounded, halves away from zero; lines of numerics are exact
 * up to the one division at their end.
 */
extern Datum tally_number_line(Oid type, int64 part, int64 whole, Datum a,
							   Datum b);
extern float8 tally_number_line_float8(int64 part, int64 whole, float8 a,
									   float8 b);

#endif
