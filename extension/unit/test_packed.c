/*
 * test_packed.c
 *	  measure/packed.h: a sum of decimals in a word, against 128 bits.
 */
#include <stdint.h>
#include <stdio.h>

#include "tap.h"

#include "measure/packed.h"

__extension__ typedef __int128 wide;

static uint64_t seed = 20260722;

static uint64_t
draw(void)
{
	uint64_t v = seed += UINT64_C(0x9e3779b97f4a7c15);

	v = (v ^ (v >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ (v >> 27)) * UINT64_C(0x94d049bb133111eb);
	return v ^ (v >> 31);
}

static wide
power(int n)
{
	wide p = 1;

	while (n-- > 0)
		p *= 10;
	return p;
}

static bool
is(TallyPacked p, int64_t digits, int scale)
{
	return !tally_packed_is_address(p) && tally_packed_digits(p) == digits &&
		   tally_packed_scale(p) == scale;
}

static void
test_made(void)
{
	const int64_t digits[] = {0,
							  1,
							  -1,
							  127,
							  -127,
							  128,
							  -128,
							  129,
							  TALLY_PACKED_MOST,
							  TALLY_PACKED_LEAST};
	TallyPacked p = 1;
	bool all = true;

	for (unsigned i = 0; i < sizeof(digits) / sizeof(digits[0]); i++)
		for (int scale = 0; scale <= TALLY_PACKED_MAX_SCALE; scale++)
			all &= tally_packed_make(digits[i], scale, &p) &&
				   is(p, digits[i], scale);
	tap_ok(all, "what is put into a word comes out of it");
	tap_ok(is(0, 0, 0), "zeroed memory is 0 at scale 0");
	p = 14;
	tap_ok(!tally_packed_make(TALLY_PACKED_MOST + 1, 0, &p) &&
			   !tally_packed_make(TALLY_PACKED_LEAST - 1, 0, &p) &&
			   !tally_packed_make(INT64_MAX, 0, &p) &&
			   !tally_packed_make(INT64_MIN, 0, &p) &&
			   !tally_packed_make(1, -1, &p) &&
			   !tally_packed_make(1, TALLY_PACKED_MAX_SCALE + 1, &p) &&
			   p == 14,
		   "what does not fit is refused, and changes nothing");
}

static void
test_address(void)
{
	int64_t there = 7;
	TallyPacked p = tally_packed_of_address(&there);
	TallyPacked before = p;

	tap_ok(tally_packed_is_address(p) && tally_packed_address(p) == &there,
		   "an address comes back");
	tap_ok(!tally_packed_add(&p, 1, 0) && p == before,
		   "nothing is added to an address");
}

static void
test_edges(void)
{
	TallyPacked p;

	tally_packed_make(TALLY_PACKED_MOST - 1, 2, &p);
	tap_ok(tally_packed_add(&p, 1, 2) && is(p, TALLY_PACKED_MOST, 2),
		   "up to the largest");
	tap_ok(!tally_packed_add(&p, 1, 2) && is(p, TALLY_PACKED_MOST, 2),
		   "and no further");
	tally_packed_make(TALLY_PACKED_LEAST + 1, 3, &p);
	tap_ok(tally_packed_add(&p, -1, 3) && is(p, TALLY_PACKED_LEAST, 3),
		   "down to the least");
	tap_ok(!tally_packed_add(&p, -1, 3) && is(p, TALLY_PACKED_LEAST, 3),
		   "and no further");
	tap_ok(tally_packed_add(&p, INT64_C(1) << 55, 3) &&
			   is(p, TALLY_PACKED_LEAST + (INT64_C(1) << 55), 3),
		   "and back");

	tally_packed_make(5, 6, &p);
	tap_ok(tally_packed_add(&p, -2, 0) && is(p, -1999995, 6),
		   "a smaller scale is scaled up");
	tap_ok(!tally_packed_add(&p, 1, 7) && is(p, -1999995, 6),
		   "a larger one is left to others");
	tap_ok(!tally_packed_add(&p, INT64_MAX, 0) &&
			   !tally_packed_add(&p, INT64_MIN, 6) && is(p, -1999995, 6),
		   "so is what overflows while it is scaled");
	tally_packed_make(5, 40, &p);
	tap_ok(!tally_packed_add(&p, 1, 2) && is(p, 5, 40),
		   "and what takes a large power of ten");
}

/* Sums of 2 M numbers of all sizes: each step is right, or changes nothing. */
static void
test_random(void)
{
	TallyPacked p = 0;
	bool right = true;
	int taken = 0;

	for (int i = 0; i < 2000000 && right; i++)
	{
		int64_t digits = (int64_t) draw() >> (draw() % 64);
		int scale = (int) (draw() % 7);
		int64_t was = tally_packed_digits(p);
		int at = tally_packed_scale(p);
		TallyPacked before = p;

		if (tally_packed_add(&p, digits, scale))
		{
			wide want = (wide) was + (wide) digits * power(at - scale);

			right = tally_packed_scale(p) == at &&
					(wide) tally_packed_digits(p) == want;
			taken++;
		}
		else
		{
			wide want = scale > at
							? 0
							: (wide) was + (wide) digits * power(at - scale);

			right = p == before &&
					(scale > at || want > TALLY_PACKED_MOST ||
					 want < TALLY_PACKED_LEAST ||
					 (wide) digits * power(at - scale) * TALLY_PACKED_UNIT >
						 INT64_MAX ||
					 (wide) digits * power(at - scale) * TALLY_PACKED_UNIT <
						 INT64_MIN);
			right &= tally_packed_make((int64_t) draw() >> (8 + draw() % 56),
									   (int) (draw() % 7),
									   &p);
		}
	}
	tap_ok(right, "random sums are those of 128 bits, or refused");
	tap_ok(taken > 500000, "most of them were taken");
}

int
main(void)
{
	test_made();
	test_address();
	test_edges();
	test_random();
	return tap_done();
}
