/*
 * exact.h
 *	  Exact decimal arithmetic on 128 bits, for sums of integers and numerics.
 *
 * A decimal is an integer and a scale: value = digits / 10^scale.  Nearly all
 * numerics that people store fit; the few that do not (NaN, infinities, more
 * than about 36 digits) are refused here and added with the server's numeric.
 *
 * Source of the numeric's layout: the server keeps it private to numeric.c
 * but never changes it, since it is what is on disk.  This is the one file
 * that knows it; sql/series_measures.sql compares it with core's sum().
 */
#ifndef TALLY_EXACT_H
#define TALLY_EXACT_H

#include "utils/numeric.h"

#ifndef HAVE_INT128
#error "Tally needs a compiler with 128-bit integers"
#endif

typedef struct TallyDecimal
{
	int128 digits;
	int scale; /* 0 .. TALLY_DECIMAL_MAX_SCALE */
} TallyDecimal;

#define TALLY_DECIMAL_MAX_SCALE 36

/*
 * Reads a numeric, packed or not, never toasted.  False when it does not fit.
 * The scale is the one that it is displayed with.
 */
extern bool tally_decimal_read(struct varlena *numeric, TallyDecimal *d);

/*
 * Two words that stand for a numeric of up to five digits in base 10000, its
 * displayed scale in the bits of TALLY_DECIMAL_SIGN_SCALE: without them they
 * are the same for equal values and for no others.  The highest byte of the
 * second word is 0.  False when the numeric has no such words; all that are
 * equal to it have none, either.
 */
#define TALLY_DECIMAL_SIGN_SCALE (UINT64CONST(0xFF) << 32)
extern bool tally_decimal_sign(const struct varlena *numeric, uint64 *words);

/* *into += d, at the larger of both scales.  False, unchanged, on overflow. */
extern bool tally_decimal_add(TallyDecimal *into, TallyDecimal d);

/*
 * The float nearest to a decimal.  False when that takes more than two exact
 * floats and a division.
 */
extern bool tally_decimal_to_float(TallyDecimal d, float8 *v);

/* The numeric of a decimal, displayed with its scale. */
extern Numeric tally_decimal_to_numeric(TallyDecimal d);

/*
 * Writes the numeric of an integer, the same bytes that the server makes, and
 * returns how many they are.  Of the TALLY_INT_NUMERIC_BYTES at "out", which is
 * aligned for an int, all others become 0.
 */
#define TALLY_INT_NUMERIC_BYTES 16
extern Size tally_int_to_numeric(int64 value, char *out);

#endif
