/*-------------------------------------------------------------------------
 *
 * exact.c
 *	  Exact decimal arithmetic on 128 bits.
 *
 * LAYOUT OF A NUMERIC (after its varlena header).  A first 16-bit word:
 *
 *	  11..............	special: NaN or an infinity
 *	  10s ssssss wwwwwww	short: sign, display scale (6 bits), weight (7, signed)
 *	  00 / 01 + scale	long: positive / negative, display scale (14 bits);
 *						a second word holds the weight
 *
 * and then base-10000 digits, most significant first, of which the first
 * counts 10000^weight.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "measure/exact.h"

#define NUM_FORM_MASK 0xC000
#define NUM_FORM_NEGATIVE 0x4000
#define NUM_FORM_SHORT 0x8000
#define NUM_FORM_SPECIAL 0xC000
#define NUM_LONG_SCALE_MASK 0x3FFF
#define NUM_SHORT_NEGATIVE 0x2000
#define NUM_SHORT_SCALE_SHIFT 7
#define NUM_SHORT_SCALE_MASK 0x3F
#define NUM_SHORT_WEIGHT_NEGATIVE 0x0040
#define NUM_SHORT_WEIGHT_MASK 0x003F
#define NUM_BASE 10000
#define NUM_BASE_DIGITS 4

/* Nine base-10000 digits are below 10^36, which fits with room to add. */
#define MAX_BASE_DIGITS 9

/* 10^38 is the largest power of ten that an int128 holds. */
#define MAX_POWER 38

/* power_of_ten -- 10^n for 0 <= n <= MAX_POWER. */
static inline int128
power_of_ten(int n)
{
	static const int64 small[] = {1,
								  10,
								  100,
								  1000,
								  10000,
								  100000,
								  1000000,
								  10000000,
								  100000000,
								  1000000000};
	int128 power = 1;

	for (; n > 9; n -= 9)
		power *= small[9];
	return power * small[n];
}

/* scale_up -- *digits *= 10^n; false, unchanged, when it would overflow. */
static bool
scale_up(int128 *digits, int n)
{
	int128 product;

	if (*digits == 0 || n == 0)
		return true;
	if (n > MAX_POWER)
		return false;
	if (__builtin_mul_overflow(*digits, power_of_ten(n), &product))
		return false;
	*digits = product;
	return true;
}

/* word -- the 16-bit word at "data", which need not be aligned. */
static inline uint16
word(const char *data)
{
	uint16 w;

	memcpy(&w, data, sizeof(w));
	return w;
}

bool
tally_decimal_read(struct varlena *numeric, TallyDecimal *d)
{
	const char *data = VARDATA_ANY(numeric);
	int nwords = VARSIZE_ANY_EXHDR(numeric) / sizeof(uint16);
	uint16 head;
	int weight;
	int scale;
	bool negative;
	int128 digits = 0;
	int64 low = 0;
	int exponent;

	if (nwords < 1)
		return false;
	head = word(data);
	if ((head & NUM_FORM_MASK) == NUM_FORM_SPECIAL)
		return false;
	if ((head & NUM_FORM_MASK) == NUM_FORM_SHORT)
	{
		negative = (head & NUM_SHORT_NEGATIVE) != 0;
		scale = (head >> NUM_SHORT_SCALE_SHIFT) & NUM_SHORT_SCALE_MASK;
		weight = head & NUM_SHORT_WEIGHT_MASK;
		if (head & NUM_SHORT_WEIGHT_NEGATIVE)
			weight -= NUM_SHORT_WEIGHT_MASK + 1;
		data += sizeof(uint16);
		nwords -= 1;
	}
	else
	{
		if (nwords < 2)
			return false;
		negative = (head & NUM_FORM_MASK) == NUM_FORM_NEGATIVE;
		scale = head & NUM_LONG_SCALE_MASK;
		weight = (int16) word(data + sizeof(uint16));
		data += 2 * sizeof(uint16);
		nwords -= 2;
	}
	if (nwords > MAX_BASE_DIGITS || scale > TALLY_DECIMAL_MAX_SCALE)
		return false;

	if (nwords <= 4) /* below 10^16: the usual value, in 64 bits */
	{
		for (int i = 0; i < nwords; i++)
			low = low * NUM_BASE + word(data + i * sizeof(uint16));
		digits = low;
	}
	else
		for (int i = 0; i < nwords; i++)
			digits = digits * NUM_BASE + word(data + i * sizeof(uint16));

	/* The last digit counts 10^(4 * (weight - ndigits + 1)). */
	exponent = NUM_BASE_DIGITS * (weight - nwords + 1) + scale;
	if (exponent >= 0)
	{
		if (!scale_up(&digits, exponent))
			return false;
	}
	else if (exponent > -NUM_BASE_DIGITS && nwords <= 4)
	{
		int64 power = (int64) power_of_ten(-exponent);

		/* Only zeros should stand behind the displayed scale. */
		if (low % power != 0)
			return false;
		digits = low / power;
	}
	else if (exponent >= -MAX_POWER)
	{
		int128 power = power_of_ten(-exponent);

		if (digits % power != 0)
			return false;
		digits /= power;
	}
	else if (digits != 0)
		return false;

	d->digits = negative ? -digits : digits;
	d->scale = scale;
	return true;
}

bool
tally_decimal_add(TallyDecimal *into, TallyDecimal d)
{
	int128 sum = into->digits;
	int scale = into->scale;

	if (d.scale < scale)
	{
		if (!scale_up(&d.digits, scale - d.scale))
			return false;
	}
	else if (d.scale > scale)
	{
		if (!scale_up(&sum, d.scale - scale))
			return false;
		scale = d.scale;
	}
	if (__builtin_add_overflow(sum, d.digits, &sum))
		return false;
	into->digits = sum;
	into->scale = scale;
	return true;
}

Numeric
tally_decimal_to_numeric(TallyDecimal d)
{
	/* sign, 39 digits, point, a leading zero, terminator */
	char text[TALLY_DECIMAL_MAX_SCALE + 48];
	char *p = text + sizeof(text);
	uint128 rest;
	int written = 0;

	if (d.digits >= PG_INT64_MIN && d.digits <= PG_INT64_MAX)
		return int64_div_fast_to_numeric((int64) d.digits, d.scale);

	rest = d.digits < 0 ? -(uint128) d.digits : (uint128) d.digits;
	*--p = '\0';
	while (rest > 0 || written <= d.scale)
	{
		if (written == d.scale && d.scale > 0)
			*--p = '.';
		*--p = (char) ('0' + (int) (rest % 10));
		rest /= 10;
		written++;
	}
	if (d.digits < 0)
		*--p = '-';
	return DatumGetNumeric(DirectFunctionCall3(numeric_in,
											   CStringGetDatum(p),
											   ObjectIdGetDatum(InvalidOid),
											   Int32GetDatum(-1)));
}
