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

#include "compat.h"
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

/* Base-10000 digits of an int8. */
#define INT_BASE_DIGITS 5

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

/* A numeric, taken apart. */
typedef struct Parts
{
	bool negative;
	int scale;	/* displayed */
	int weight; /* of the first digit, in base 10000 */
	int ndigits;
	const char *digits; /* base 10000, 16 bits each, not aligned */
} Parts;

/* take_apart -- false for a NaN or an infinity. */
static inline bool
take_apart(const struct varlena *numeric, Parts *p)
{
	const char *data = VARDATA_ANY(numeric);
	int nwords = VARSIZE_ANY_EXHDR(numeric) / sizeof(uint16);
	int header_words = 1;
	uint16 head;

	if (nwords < 1)
		return false;
	head = word(data);
	if ((head & NUM_FORM_MASK) == NUM_FORM_SPECIAL)
		return false;
	if ((head & NUM_FORM_MASK) == NUM_FORM_SHORT)
	{
		p->negative = (head & NUM_SHORT_NEGATIVE) != 0;
		p->scale = (head >> NUM_SHORT_SCALE_SHIFT) & NUM_SHORT_SCALE_MASK;
		p->weight = head & NUM_SHORT_WEIGHT_MASK;
		if (head & NUM_SHORT_WEIGHT_NEGATIVE)
			p->weight -= NUM_SHORT_WEIGHT_MASK + 1;
	}
	else
	{
		if (nwords < 2)
			return false;
		header_words = 2;
		p->negative = (head & NUM_FORM_MASK) == NUM_FORM_NEGATIVE;
		p->scale = head & NUM_LONG_SCALE_MASK;
		p->weight = (int16) word(data + sizeof(uint16));
	}
	p->digits = data + header_words * sizeof(uint16);
	p->ndigits = nwords - header_words;
	return true;
}

/*
 * scale_down -- *digits /= 10^n; false, unchanged, when that leaves a rest.
 * Only zeros should stand behind the displayed scale.
 */
static inline bool
scale_down(int128 *digits, int n)
{
	if (*digits == 0)
		return true;
	if (n > MAX_POWER)
		return false;
	if (n <= 9 && *digits <= PG_INT64_MAX) /* the usual value, in 64 bits */
	{
		int64 small = (int64) *digits;
		int64 power = (int64) power_of_ten(n);

		if (small % power != 0)
			return false;
		*digits = small / power;
		return true;
	}
	if (*digits % power_of_ten(n) != 0)
		return false;
	*digits /= power_of_ten(n);
	return true;
}

bool
tally_decimal_read(struct varlena *numeric, TallyDecimal *d)
{
	Parts p;
	int128 digits = 0;
	int64 low = 0;
	int exponent;

	if (!take_apart(numeric, &p) || p.ndigits > MAX_BASE_DIGITS ||
		p.scale > TALLY_DECIMAL_MAX_SCALE)
		return false;

	if (p.ndigits <= 4) /* below 10^16: the usual value, in 64 bits */
	{
		for (int i = 0; i < p.ndigits; i++)
			low = low * NUM_BASE + word(p.digits + i * sizeof(uint16));
		digits = low;
	}
	else
		for (int i = 0; i < p.ndigits; i++)
			digits = digits * NUM_BASE + word(p.digits + i * sizeof(uint16));

	/* The last digit counts 10^(4 * (weight - ndigits + 1)). */
	exponent = NUM_BASE_DIGITS * (p.weight - p.ndigits + 1) + p.scale;
	if (!(exponent >= 0 ? scale_up(&digits, exponent)
						: scale_down(&digits, -exponent)))
		return false;

	d->digits = p.negative ? -digits : digits;
	d->scale = p.scale;
	return true;
}

/* In base 10000: four fill a word, and one more leaves room for the rest. */
#define MAX_SIGN_DIGITS 5

bool
tally_decimal_sign(const struct varlena *numeric, uint64 *words)
{
	Parts p;
	uint64 digits[MAX_SIGN_DIGITS] = {0};

	if (!take_apart(numeric, &p) || p.ndigits > MAX_SIGN_DIGITS ||
		p.weight < -128 || p.weight > 127)
		return false;
	if (p.scale > 0xFF) /* not a matter of the value: it shares its words */
		p.scale = 0xFF;
	for (int i = 0; i < p.ndigits; i++)
		digits[i] = word(p.digits + i * sizeof(uint16));
	words[0] = digits[0] | digits[1] << 16 | digits[2] << 32 | digits[3] << 48;
	words[1] = digits[4] | (uint64) (p.weight + 128) << 16 |
			   (uint64) p.negative << 24 | (uint64) p.scale << 32;
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

/*
 * Integers of 53 bits and powers of ten up to 10^22 are floats exactly, and a
 * division of two floats rounds to the nearest one: no text need be made.
 */
bool
tally_decimal_to_float(TallyDecimal d, float8 *v)
{
	static const float8 powers[] = {1e0,  1e1,	1e2,  1e3,	1e4,  1e5,
									1e6,  1e7,	1e8,  1e9,	1e10, 1e11,
									1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
									1e18, 1e19, 1e20, 1e21, 1e22};
	const int128 most = (int128) 1 << 53;

	if (d.digits > most || d.digits < -most || d.scale >= lengthof(powers))
		return false;
	*v = (float8) (int64) d.digits / powers[d.scale];
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

Size
tally_int_to_numeric(int64 value, char *out)
{
	uint64 rest = value < 0 ? -(uint64) value : (uint64) value;
	uint16 digits[INT_BASE_DIGITS]; /* least significant first */
	uint16 head = NUM_FORM_SHORT;
	int n = 0;
	int zeros = 0;
	Size size = VARHDRSZ + sizeof(head);

	StaticAssertStmt(VARHDRSZ + (1 + INT_BASE_DIGITS) * sizeof(uint16) <=
						 TALLY_INT_NUMERIC_BYTES,
					 "an int8 does not fit");
	for (; rest > 0; rest /= NUM_BASE)
		digits[n++] = rest % NUM_BASE;
	/* Zeros at the end are left out. */
	while (zeros < n && digits[zeros] == 0)
		zeros++;
	if (n > 0)
		head |= (value < 0 ? NUM_SHORT_NEGATIVE : 0) | (n - 1);

	memset(out, 0, TALLY_INT_NUMERIC_BYTES);
	memcpy(out + VARHDRSZ, &head, sizeof(head));
	for (int i = n - 1; i >= zeros; i--, size += sizeof(uint16))
		memcpy(out + size, &digits[i], sizeof(uint16));
	SET_VARSIZE(out, size);
	return size;
}
