/*-------------------------------------------------------------------------
 *
 * moments.c
 *	  Variances and standard deviations of samples.
 *
 * EXACT, of integers and numerics: the sum of the values and the sum of their
 * squares, and from them by the server's numeric, step by step as its own
 * variance() and stddev() do, so that every digit is theirs.
 *
 * OF FLOATS: the compensated sum S, and M2, the sum of squared distances from
 * the mean, also compensated.  A value x adds (n x - S)^2 / (n (n + 1)) to M2
 * (Youngs and Cramer); two states together have (Chan)
 *
 *	  M2 = M2a + M2b + (na Sb - nb Sa)^2 / (na nb (na + nb))
 *
 * The differences in parentheses cancel where the mean is large against the
 * deviation; their products are taken with what rounding takes from them, so
 * that nothing is left of the result but a last digit or two.  What is no
 * number or infinite makes the variance NaN, as it does the server's.
 *
 * FORMAT.  Exact: sum and sum of squares, see ops.h; floats: 8 bytes each of
 * sum, lost, M2, its lost.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "measure/ops.h"

static void
exact_add(const Measure *m, void *state, Datum value, TimestampTz at,
		  MemoryContext cxt)
{
	ExactMoments *s = state;
	TallyDecimal d;
	TallyDecimal square;
	Numeric big;

	if (!tally_exact_input(m, value, &d, &big))
		tally_exact_add_numeric(&s->sum, big, cxt);
	else
	{
		tally_exact_add(&s->sum, d, cxt);
		square.scale = 2 * d.scale;
		if (likely(
				square.scale <= TALLY_DECIMAL_MAX_SCALE &&
				!__builtin_mul_overflow(d.digits, d.digits, &square.digits)))
		{
			tally_exact_add(&s->squares, square, cxt);
			return;
		}
		big = tally_decimal_to_numeric(d);
	}
	big = DatumGetNumeric(DirectFunctionCall2(numeric_mul,
											  NumericGetDatum(big),
											  NumericGetDatum(big)));
	tally_exact_add_numeric(&s->squares, big, cxt);
}

static void
exact_merge(const Measure *m, void *into, const void *from, MemoryContext cxt)
{
	ExactMoments *s = into;
	const ExactMoments *f = from;

	tally_exact_merge(&s->sum, &f->sum, cxt);
	tally_exact_merge(&s->squares, &f->squares, cxt);
}

static Numeric
calc(PGFunction op, Numeric a, Numeric b)
{
	return DatumGetNumeric(
		DirectFunctionCall2(op, NumericGetDatum(a), NumericGetDatum(b)));
}

static bool
is_special(Numeric v)
{
	return numeric_is_nan(v) || numeric_is_inf(v);
}

static Numeric
read_numeric(const char *text)
{
	return DatumGetNumeric(DirectFunctionCall3(numeric_in,
											   CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid),
											   Int32GetDatum(-1)));
}

static int
scale_of(Numeric v)
{
	return DatumGetInt32(
		DirectFunctionCall1(numeric_scale, NumericGetDatum(v)));
}

/*
 * root -- the square root with the scale of its argument, as stddev() has it.
 *
 * numeric_sqrt() is exact in its last digit, but gives large numbers one more
 * digit than that.  To round once more is right unless the digit that goes was
 * a 5 that the first rounding made; the squares of the two points halfway to
 * the neighbours decide.
 */
static Numeric
root(Numeric v)
{
	Numeric r =
		DatumGetNumeric(DirectFunctionCall1(numeric_sqrt, NumericGetDatum(v)));
	int scale = scale_of(v);
	Numeric step;
	Numeric half;
	Numeric point;

	if (scale_of(r) <= scale)
		return r;
	r = DatumGetNumeric(DirectFunctionCall2(numeric_round,
											NumericGetDatum(r),
											Int32GetDatum(scale)));
	step = read_numeric(psprintf("1e-%d", scale));
	half = read_numeric(psprintf("5e-%d", scale + 1));

	point = calc(numeric_sub, r, half);
	if (DatumGetInt32(DirectFunctionCall2(numeric_cmp,
										  NumericGetDatum(
											  calc(numeric_mul, point, point)),
										  NumericGetDatum(v))) > 0)
		return calc(numeric_sub, r, step);
	point = calc(numeric_add, r, half);
	if (DatumGetInt32(DirectFunctionCall2(numeric_cmp,
										  NumericGetDatum(
											  calc(numeric_mul, point, point)),
										  NumericGetDatum(v))) <= 0)
		return calc(numeric_add, r, step);
	return r;
}

static Datum
exact_value(const Measure *m, const void *state, bool *isnull)
{
	const ExactMoments *s = state;
	Numeric sum = tally_exact_value(&s->sum);
	Numeric squares = tally_exact_value(&s->squares);
	Numeric n = int64_to_numeric(s->n);
	Numeric above;
	Numeric variance;

	*isnull = s->n < 2;
	if (*isnull)
		return (Datum) 0;
	if (is_special(sum) || is_special(squares))
		return NumericGetDatum(read_numeric("NaN"));

	/* (n * sum of squares - square of the sum) / (n * (n - 1)) */
	above = calc(numeric_sub,
				 calc(numeric_mul, n, squares),
				 calc(numeric_mul, sum, sum));
	if (DatumGetInt32(
			DirectFunctionCall2(numeric_cmp,
								NumericGetDatum(above),
								NumericGetDatum(int64_to_numeric(0)))) <= 0)
		return NumericGetDatum(int64_to_numeric(0));
	variance = calc(numeric_div,
					above,
					calc(numeric_mul, n, int64_to_numeric(s->n - 1)));
	return NumericGetDatum(m->def.kind == TALLY_STDDEV ? root(variance)
													   : variance);
}

static void
exact_write(const Measure *m, const void *state, TallyWriter *w)
{
	tally_exact_write(&((const ExactMoments *) state)->sum, w);
	tally_exact_write(&((const ExactMoments *) state)->squares, w);
}

static void
exact_read(const Measure *m, void *state, int64 n, TallyReader *r,
		   MemoryContext cxt)
{
	tally_exact_read(&((ExactMoments *) state)->sum, r, cxt);
	tally_exact_read(&((ExactMoments *) state)->squares, r, cxt);
}

const MeasureOps tally_exact_moments_ops = {
	.size = sizeof(ExactMoments),
	.add = exact_add,
	.merge = exact_merge,
	.value = exact_value,
	.write = exact_write,
	.read = exact_read,
};

/* product -- a * b, and what the rounding took in *rest. */
static inline float8
product(float8 a, float8 b, float8 *rest)
{
	float8 p = a * b;

	*rest = fma(a, b, -p);
	return p;
}

/* difference -- a - b, and what the rounding took in *rest. */
static inline float8
difference(float8 a, float8 b, float8 *rest)
{
	float8 d = a - b;
	float8 b_back = a - d;
	float8 a_back = d + b_back;

	*rest = (a - a_back) + (b_back - b);
	return d;
}

static void
float_add(const Measure *m, void *state, Datum value, TimestampTz at,
		  MemoryContext cxt)
{
	FloatMoments *s = state;
	float8 x = m->input == INPUT_FLOAT8 ? DatumGetFloat8(value)
										: DatumGetFloat4(value);
	float8 n = (float8) s->n;

	if (unlikely(!isfinite(x)))
		s->m2 = get_float8_nan();
	else if (s->n > 0)
	{
		float8 rest;
		float8 lost;
		float8 distance = difference(product(n, x, &rest), s->sum, &lost) +
						  (lost + rest - s->lost);

		/* n x may be too large a number where x is not. */
		if (unlikely(!isfinite(distance)))
		{
			distance = x - tally_float_total(s->sum, s->lost) / n;
			tally_float_add(&s->m2,
							&s->m2_lost,
							distance * distance * (n / (n + 1)));
		}
		else
			tally_float_add(&s->m2,
							&s->m2_lost,
							distance / n * (distance / (n + 1)));
	}
	tally_float_add(&s->sum, &s->lost, x);
}

static void
float_merge(const Measure *m, void *into, const void *from, MemoryContext cxt)
{
	FloatMoments *a = into;
	const FloatMoments *b = from;

	tally_float_add(&a->m2, &a->m2_lost, b->m2);
	a->m2_lost += b->m2_lost;
	if (a->n > 0)
	{
		float8 na = (float8) a->n;
		float8 nb = (float8) b->n;
		float8 rest_a;
		float8 rest_b;
		float8 lost;
		float8 distance = difference(product(na, b->sum, &rest_b),
									 product(nb, a->sum, &rest_a),
									 &lost);

		if (likely(isfinite(distance)))
		{
			distance +=
				lost + ((rest_b + na * b->lost) - (rest_a + nb * a->lost));
			tally_float_add(&a->m2,
							&a->m2_lost,
							distance / na * (distance / nb / (na + nb)));
		}
		else if (isfinite(a->sum) && isfinite(b->sum))
		{
			distance = tally_float_total(b->sum, b->lost) / nb -
					   tally_float_total(a->sum, a->lost) / na;
			tally_float_add(&a->m2,
							&a->m2_lost,
							distance * distance * (na / (na + nb) * nb));
		}
	}
	tally_float_add(&a->sum, &a->lost, b->sum);
	a->lost += b->lost;
}

static Datum
float_value(const Measure *m, const void *state, bool *isnull)
{
	const FloatMoments *s = state;
	float8 variance;

	*isnull = s->n < 2;
	if (*isnull)
		return (Datum) 0;
	variance = tally_float_total(s->m2, s->m2_lost) / (float8) (s->n - 1);
	return Float8GetDatum(m->def.kind == TALLY_STDDEV ? sqrt(variance)
													  : variance);
}

static void
float_write(const Measure *m, const void *state, TallyWriter *w)
{
	const FloatMoments *s = state;

	tally_put_float(w, s->sum);
	tally_put_float(w, s->lost);
	tally_put_float(w, s->m2);
	tally_put_float(w, s->m2_lost);
}

static void
float_read(const Measure *m, void *state, int64 n, TallyReader *r,
		   MemoryContext cxt)
{
	FloatMoments *s = state;

	s->sum = tally_get_float(r);
	s->lost = tally_get_float(r);
	s->m2 = tally_get_float(r);
	s->m2_lost = tally_get_float(r);
	if (tally_float_total(s->m2, s->m2_lost) < 0)
		tally_corrupt("sum of squares");
}

const MeasureOps tally_float_moments_ops = {
	.size = sizeof(FloatMoments),
	.add = float_add,
	.merge = float_merge,
	.value = float_value,
	.write = float_write,
	.read = float_read,
};
