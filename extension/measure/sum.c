/*-------------------------------------------------------------------------
 *
 * sum.c
 *	  Counts, sums and means.
 *
 * Sums of integers and numerics are exact.  Sums of floats are compensated
 * after Neumaier: what each addition rounds away is kept beside the sum, so
 * the order of rows and of parallel workers hardly shows.
 *
 * FORMAT.  A count is nothing more; integers, the 16-byte sum; numerics, see
 * ops.h; floats, 8 bytes sum and 8 bytes lost.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "measure/ops.h"

/* In place of a decimal's scale: the sum is a numeric value. */
#define SCALE_IS_BIG 255

float8
tally_float_input(const Measure *m, Datum value)
{
	switch (m->input)
	{
		case INPUT_INT2:
			return DatumGetInt16(value);
		case INPUT_INT4:
			return DatumGetInt32(value);
		case INPUT_INT8:
			return (float8) DatumGetInt64(value);
		case INPUT_FLOAT4:
			return DatumGetFloat4(value);
		case INPUT_FLOAT8:
			return DatumGetFloat8(value);
		case INPUT_NUMERIC:
		{
			struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);
			TallyDecimal d;
			float8 v;

			if (tally_decimal_read(packed, &d) &&
				tally_decimal_to_float(d, &v))
				return v;
			return DatumGetFloat8(
				DirectFunctionCall1(numeric_float8, PointerGetDatum(packed)));
		}
		case INPUT_NONE:
			break;
	}
	elog(ERROR, "measure is not of numbers");
	return 0;
}

bool
tally_exact_input(const Measure *m, Datum value, TallyDecimal *d, Numeric *big)
{
	d->scale = 0;
	switch (m->input)
	{
		case INPUT_INT2:
			d->digits = DatumGetInt16(value);
			return true;
		case INPUT_INT4:
			d->digits = DatumGetInt32(value);
			return true;
		case INPUT_INT8:
			d->digits = DatumGetInt64(value);
			return true;
		default:
		{
			struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);

			if (likely(tally_decimal_read(packed, d)))
				return true;
			*big = DatumGetNumeric(PointerGetDatum(packed));
			return false;
		}
	}
}

void
tally_exact_add_numeric(ExactSum *s, Numeric v, MemoryContext cxt)
{
	MemoryContext old;
	Numeric sum = tally_exact_value(s);

	/* A sum has at most one digit more than its parts. */
	tally_space_charge(cxt, (int64) VARSIZE_ANY(sum) + VARSIZE_ANY(v) + 8);
	old = MemoryContextSwitchTo(cxt);
	v = DatumGetNumeric(DirectFunctionCall2(numeric_add,
											NumericGetDatum(sum),
											NumericGetDatum(v)));
	MemoryContextSwitchTo(old);
	pfree(sum);
	s->sum.big = v;
	s->is_big = true;
}

void
tally_exact_add(ExactSum *s, TallyDecimal d, MemoryContext cxt)
{
	TallyDecimal sum = {s->sum.digits, s->scale};

	if (likely(!s->is_big && tally_decimal_add(&sum, d)))
	{
		s->sum.digits = sum.digits;
		s->scale = sum.scale;
	}
	else
		tally_exact_add_numeric(s, tally_decimal_to_numeric(d), cxt);
}

void
tally_exact_merge(ExactSum *into, const ExactSum *from, MemoryContext cxt)
{
	if (from->is_big)
		tally_exact_add_numeric(into, from->sum.big, cxt);
	else
	{
		TallyDecimal d = {from->sum.digits, from->scale};

		tally_exact_add(into, d, cxt);
	}
}

Numeric
tally_exact_value(const ExactSum *s)
{
	TallyDecimal d = {s->sum.digits, s->scale};

	return s->is_big ? s->sum.big : tally_decimal_to_numeric(d);
}

Datum
tally_exact_mean(const ExactSum *s, int64 n)
{
	return DirectFunctionCall2(numeric_div,
							   NumericGetDatum(tally_exact_value(s)),
							   NumericGetDatum(int64_to_numeric(n)));
}

void
tally_exact_write(const ExactSum *s, TallyWriter *w)
{
	tally_put_byte(w, (uint8) (s->is_big ? SCALE_IS_BIG : s->scale));
	if (s->is_big)
		tally_put_value(w, NUMERICOID, -1, false, NumericGetDatum(s->sum.big));
	else
		tally_put_int128(w, s->sum.digits);
}

void
tally_exact_read(ExactSum *s, TallyReader *r, MemoryContext cxt)
{
	uint8 scale = tally_get_byte(r);

	if (scale == SCALE_IS_BIG)
	{
		struct varlena *big =
			PG_DETOAST_DATUM(tally_get_value(r, NUMERICOID, -1, false));
		Size size = VARSIZE(big);

		s->sum.big = memcpy(tally_space_alloc(cxt, size), big, size);
		s->is_big = true;
		return;
	}
	if (scale > TALLY_DECIMAL_MAX_SCALE)
		tally_corrupt("scale");
	s->scale = scale;
	s->sum.digits = tally_get_int128(r);
}

/* Counts. */

static Datum
count_value(const Measure *m, const void *state, bool *isnull)
{
	return Int64GetDatum(tally_measure_nvalues(state));
}

static void
count_add(const Measure *m, void *state, Datum value, TimestampTz at,
		  MemoryContext cxt)
{
}

static void
count_merge(const Measure *m, void *into, const void *from, MemoryContext cxt)
{
}

static void
count_write(const Measure *m, const void *state, TallyWriter *w)
{
}

static void
count_read(const Measure *m, void *state, int64 n, TallyReader *r,
		   MemoryContext cxt)
{
}

const MeasureOps tally_count_ops = {
	.size = sizeof(MeasureCount),
	.add = count_add,
	.merge = count_merge,
	.value = count_value,
	.write = count_write,
	.read = count_read,
};

/* Integers. */

static void
integer_merge(const Measure *m, void *into, const void *from,
			  MemoryContext cxt)
{
	((MeasureInteger *) into)->sum += ((const MeasureInteger *) from)->sum;
}

static Datum
integer_value(const Measure *m, const void *state, bool *isnull)
{
	const MeasureInteger *s = state;
	ExactSum sum = {.sum.digits = s->sum};

	if (m->def.kind == TALLY_AVG)
		return tally_exact_mean(&sum, s->n);
	if (m->result == NUMERICOID)
		return NumericGetDatum(tally_exact_value(&sum));
	if (s->sum < PG_INT64_MIN || s->sum > PG_INT64_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("sum out of range for type bigint"),
				 errhint("Sum a column of type numeric or bigint.")));
	return Int64GetDatum((int64) s->sum);
}

static void
integer_write(const Measure *m, const void *state, TallyWriter *w)
{
	tally_put_int128(w, ((const MeasureInteger *) state)->sum);
}

static void
integer_read(const Measure *m, void *state, int64 n, TallyReader *r,
			 MemoryContext cxt)
{
	int128 sum = tally_get_int128(r);

	if (!tally_integer_sum_fits(sum, n))
		tally_corrupt("sum");
	((MeasureInteger *) state)->sum = sum;
}

const MeasureOps tally_integer_ops = {
	.size = sizeof(MeasureInteger),
	.add = NULL, /* see tally_measure_add() */
	.merge = integer_merge,
	.value = integer_value,
	.write = integer_write,
	.read = integer_read,
};

/*
 * Numerics: a word a cell, and an ExactSum in the panel's context where that
 * is not enough.
 */

/* decimal_sum -- the sum of a state, on its own or as it is. */
static inline const ExactSum *
decimal_sum(const MeasureDecimal *s, ExactSum *own)
{
	if (tally_packed_is_address(s->sum))
		return tally_packed_address(s->sum);
	memset(own, 0, sizeof(*own));
	own->sum.digits = tally_packed_digits(s->sum);
	own->scale = tally_packed_scale(s->sum);
	return own;
}

/* decimal_enlarge -- the sum as one that takes everything. */
static ExactSum *
decimal_enlarge(MeasureDecimal *s, MemoryContext cxt)
{
	ExactSum sum;
	ExactSum *larger;

	if (tally_packed_is_address(s->sum))
		return tally_packed_address(s->sum);
	larger = tally_space_alloc(cxt, sizeof(ExactSum));
	*larger = *decimal_sum(s, &sum);
	s->sum = tally_packed_of_address(larger);
	return larger;
}

/* decimal_keep -- the sum becomes this one, if it fits into the word. */
static inline bool
decimal_keep(MeasureDecimal *s, TallyDecimal sum)
{
	return sum.digits >= TALLY_PACKED_LEAST &&
		   sum.digits <= TALLY_PACKED_MOST &&
		   tally_packed_make((int64) sum.digits, sum.scale, &s->sum);
}

/* decimal_add_any -- whatever its digits and its scale are. */
static void
decimal_add_any(MeasureDecimal *s, TallyDecimal d, MemoryContext cxt)
{
	if (!tally_packed_is_address(s->sum))
	{
		TallyDecimal sum = {tally_packed_digits(s->sum),
							tally_packed_scale(s->sum)};

		if (tally_decimal_add(&sum, d) && decimal_keep(s, sum))
			return;
	}
	tally_exact_add(decimal_enlarge(s, cxt), d, cxt);
}

void
tally_decimal_add_held(MeasureDecimal *s, int64 digits, int scale,
					   MemoryContext cxt)
{
	TallyDecimal d;

	if (likely(tally_packed_add(&s->sum, digits, scale)))
		return;
	d.digits = digits;
	d.scale = scale;
	decimal_add_any(s, d, cxt);
}

static void
decimal_add(const Measure *m, void *state, Datum value, TimestampTz at,
			MemoryContext cxt)
{
	MeasureDecimal *s = state;
	TallyDecimal d;
	Numeric big;

	if (unlikely(!tally_exact_input(m, value, &d, &big)))
		tally_exact_add_numeric(decimal_enlarge(s, cxt), big, cxt);
	else if (unlikely(d.digits != (int64) d.digits ||
					  !tally_packed_add(&s->sum, (int64) d.digits, d.scale)))
		decimal_add_any(s, d, cxt);
}

static void
decimal_merge(const Measure *m, void *into, const void *from,
			  MemoryContext cxt)
{
	ExactSum own;
	const ExactSum *sum = decimal_sum(from, &own);

	if (sum->is_big)
		tally_exact_merge(decimal_enlarge(into, cxt), sum, cxt);
	else
	{
		TallyDecimal d = {sum->sum.digits, sum->scale};

		decimal_add_any(into, d, cxt);
	}
}

static Datum
decimal_value(const Measure *m, const void *state, bool *isnull)
{
	const MeasureDecimal *s = state;
	ExactSum own;
	const ExactSum *sum = decimal_sum(s, &own);

	if (m->def.kind == TALLY_AVG)
		return tally_exact_mean(sum, s->n);
	return NumericGetDatum(tally_exact_value(sum));
}

static void
decimal_write(const Measure *m, const void *state, TallyWriter *w)
{
	ExactSum own;

	tally_exact_write(decimal_sum(state, &own), w);
}

static void
decimal_read(const Measure *m, void *state, int64 n, TallyReader *r,
			 MemoryContext cxt)
{
	MeasureDecimal *s = state;
	ExactSum sum = {{0}};
	TallyDecimal d;

	tally_exact_read(&sum, r, cxt);
	d.digits = sum.is_big ? 0 : sum.sum.digits;
	d.scale = sum.scale;
	if (sum.is_big || !decimal_keep(s, d))
		*decimal_enlarge(s, cxt) = sum;
}

const MeasureOps tally_decimal_ops = {
	.size = sizeof(MeasureDecimal),
	.add = decimal_add,
	.merge = decimal_merge,
	.value = decimal_value,
	.write = decimal_write,
	.read = decimal_read,
};

/* Floats. */

static void
float_merge(const Measure *m, void *into, const void *from, MemoryContext cxt)
{
	MeasureFloat *s = into;
	const MeasureFloat *f = from;

	tally_float_add(&s->sum, &s->lost, f->sum);
	s->lost += f->lost;
}

static Datum
float_value(const Measure *m, const void *state, bool *isnull)
{
	const MeasureFloat *s = state;
	float8 sum = tally_float_total(s->sum, s->lost);

	return Float8GetDatum(m->def.kind == TALLY_AVG ? sum / s->n : sum);
}

static void
float_write(const Measure *m, const void *state, TallyWriter *w)
{
	tally_put_float(w, ((const MeasureFloat *) state)->sum);
	tally_put_float(w, ((const MeasureFloat *) state)->lost);
}

static void
float_read(const Measure *m, void *state, int64 n, TallyReader *r,
		   MemoryContext cxt)
{
	((MeasureFloat *) state)->sum = tally_get_float(r);
	((MeasureFloat *) state)->lost = tally_get_float(r);
}

const MeasureOps tally_float_ops = {
	.size = sizeof(MeasureFloat),
	.add = NULL, /* see tally_measure_add() */
	.merge = float_merge,
	.value = float_value,
	.write = float_write,
	.read = float_read,
};
