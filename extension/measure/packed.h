/*
 * packed.h
 *	  A sum of decimals in one word, while that is enough.
 *
 * Free-standing: no server.
 *
 *	  bit 0			0: here it is; 1: the word is the address of a larger
 *					sum, plus 1
 *	  bits 1 .. 6	the scale: value = digits / 10^scale
 *	  bits 7 .. 63	the digits, with their sign
 *
 * 57 bits are 144 thousand billion in cents.  A panel has as many of these as
 * it has cells: small ones stay near the processor.
 */
#ifndef TALLY_PACKED_H
#define TALLY_PACKED_H

#include <stdbool.h>
#include <stdint.h>

typedef int64_t TallyPacked; /* 0 is no digits, at scale 0 */

#define TALLY_PACKED_MAX_SCALE 63
#define TALLY_PACKED_UNIT 128 /* what one digit counts in the word */
#define TALLY_PACKED_MOST (INT64_MAX / TALLY_PACKED_UNIT)
#define TALLY_PACKED_LEAST (INT64_MIN / TALLY_PACKED_UNIT)

static inline bool
tally_packed_is_address(TallyPacked p)
{
	return (p & 1) != 0;
}

/* The larger sum; to have one, its address must be even. */
static inline void *
tally_packed_address(TallyPacked p)
{
	return (void *) (uintptr_t) (p - 1);
}

static inline TallyPacked
tally_packed_of_address(const void *address)
{
	return (TallyPacked) (uintptr_t) address + 1;
}

/* The scale and the digits, unless it is an address. */
static inline int
tally_packed_scale(TallyPacked p)
{
	return (int) (p & (TALLY_PACKED_UNIT - 1)) >> 1;
}

static inline int64_t
tally_packed_digits(TallyPacked p)
{
	/* Without what stands below them the division leaves no rest. */
	return (p - (p & (TALLY_PACKED_UNIT - 1))) / TALLY_PACKED_UNIT;
}

/* False when a word is not enough. */
static inline bool
tally_packed_make(int64_t digits, int scale, TallyPacked *p)
{
	if (digits > TALLY_PACKED_MOST || digits < TALLY_PACKED_LEAST ||
		scale < 0 || scale > TALLY_PACKED_MAX_SCALE)
		return false;
	*p = digits * TALLY_PACKED_UNIT + scale * 2;
	return true;
}

/*
 * *p += digits / 10^scale, where that is the work of a moment: a scale that is
 * not larger, and no address.  False, and unchanged, otherwise: that is no
 * overflow, and other ways may do it.
 */
static inline bool
tally_packed_add(TallyPacked *p, int64_t digits, int scale)
{
	static const int64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
	int more = tally_packed_scale(*p) - scale;
	TallyPacked sum;

	if (tally_packed_is_address(*p) || more < 0 ||
		more >= (int) (sizeof(powers) / sizeof(powers[0])))
		return false;
	/* A unit more in each digit leaves what stands below them as it is. */
	if (__builtin_mul_overflow(digits,
							   powers[more] * TALLY_PACKED_UNIT,
							   &digits) ||
		__builtin_add_overflow(*p, digits, &sum))
		return false;
	*p = sum;
	return true;
}

#endif
