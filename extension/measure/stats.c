/*-------------------------------------------------------------------------
 *
 * stats.c
 *	  Count, sum, mean, least, greatest, variance and deviation in one state.
 *
 * As a number it is the mean; tally.read() makes a series of any of the
 * others of it.
 *
 * FORMAT.  As moments.c, then the least and the greatest value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "measure/ops.h"

/* take -- a value that may be the least, and one that may be the greatest. */
static void
take(const Measure *m, int64 n, Datum *least, Datum *greatest, Datum low,
	 Datum high, MemoryContext cxt)
{
	tally_extreme_take(m, true, n > 0, least, low, cxt);
	tally_extreme_take(m, false, n > 0, greatest, high, cxt);
}

static void
exact_add(const Measure *m, void *state, Datum value, TimestampTz at,
		  MemoryContext cxt)
{
	ExactStats *s = state;

	tally_exact_moments_ops.add(m, state, value, at, cxt);
	take(m, s->moments.n, &s->least, &s->greatest, value, value, cxt);
}

static void
exact_merge(const Measure *m, void *into, const void *from, MemoryContext cxt)
{
	ExactStats *s = into;
	const ExactStats *f = from;

	tally_exact_moments_ops.merge(m, into, from, cxt);
	take(m, s->moments.n, &s->least, &s->greatest, f->least, f->greatest, cxt);
}

static Datum
exact_value(const Measure *m, const void *state, bool *isnull)
{
	const ExactStats *s = state;

	return tally_exact_mean(&s->moments.sum, s->moments.n);
}

static void
exact_write(const Measure *m, const void *state, TallyWriter *w)
{
	const ExactStats *s = state;

	tally_exact_moments_ops.write(m, state, w);
	tally_kept_write(m, s->least, w);
	tally_kept_write(m, s->greatest, w);
}

static void
exact_read(const Measure *m, void *state, int64 n, TallyReader *r,
		   MemoryContext cxt)
{
	ExactStats *s = state;

	tally_exact_moments_ops.read(m, state, n, r, cxt);
	s->least = tally_kept_read(m, r, cxt);
	s->greatest = tally_kept_read(m, r, cxt);
}

const MeasureOps tally_exact_stats_ops = {
	.size = sizeof(ExactStats),
	.add = exact_add,
	.merge = exact_merge,
	.value = exact_value,
	.write = exact_write,
	.read = exact_read,
};

static void
float_add(const Measure *m, void *state, Datum value, TimestampTz at,
		  MemoryContext cxt)
{
	FloatStats *s = state;

	tally_float_moments_ops.add(m, state, value, at, cxt);
	take(m, s->moments.n, &s->least, &s->greatest, value, value, cxt);
}

static void
float_merge(const Measure *m, void *into, const void *from, MemoryContext cxt)
{
	FloatStats *s = into;
	const FloatStats *f = from;

	tally_float_moments_ops.merge(m, into, from, cxt);
	take(m, s->moments.n, &s->least, &s->greatest, f->least, f->greatest, cxt);
}

static Datum
float_value(const Measure *m, const void *state, bool *isnull)
{
	const FloatStats *s = state;

	return Float8GetDatum(tally_float_total(s->moments.sum, s->moments.lost) /
						  s->moments.n);
}

static void
float_write(const Measure *m, const void *state, TallyWriter *w)
{
	const FloatStats *s = state;

	tally_float_moments_ops.write(m, state, w);
	tally_kept_write(m, s->least, w);
	tally_kept_write(m, s->greatest, w);
}

static void
float_read(const Measure *m, void *state, int64 n, TallyReader *r,
		   MemoryContext cxt)
{
	FloatStats *s = state;

	tally_float_moments_ops.read(m, state, n, r, cxt);
	s->least = tally_kept_read(m, r, cxt);
	s->greatest = tally_kept_read(m, r, cxt);
}

const MeasureOps tally_float_stats_ops = {
	.size = sizeof(FloatStats),
	.add = float_add,
	.merge = float_merge,
	.value = float_value,
	.write = float_write,
	.read = float_read,
};

/*
 * sum_of -- the state of a sum, into a place that fits any of them.  A sum of
 * integers is never too large for 128 bits, except one that somebody made up.
 */
typedef union AnySum
{
	MeasureInteger integer;
	struct
	{
		MeasureDecimal state;
		ExactSum sum; /* what the state's address leads to */
	} decimal;
	MeasureFloat real;
} AnySum;

static void
sum_of(const Measure *m, const void *state, const Measure *into, AnySum *sum)
{
	const ExactStats *exact = state;
	const FloatStats *real = state;

	switch (into->state)
	{
		case STATE_INTEGER:
			if (exact->moments.sum.is_big || exact->moments.sum.scale != 0 ||
				!tally_integer_sum_fits(exact->moments.sum.sum.digits,
										exact->moments.n))
				tally_corrupt("sum");
			sum->integer.n = exact->moments.n;
			sum->integer.sum = exact->moments.sum.sum.digits;
			break;
		case STATE_DECIMAL:
			sum->decimal.sum = exact->moments.sum;
			sum->decimal.state.n = exact->moments.n;
			sum->decimal.state.sum =
				tally_packed_of_address(&sum->decimal.sum);
			break;
		default:
			sum->real.n = real->moments.n;
			sum->real.sum = real->moments.sum;
			sum->real.lost = real->moments.lost;
	}
}

void
tally_stats_convert(const Measure *m, const void *state, const Measure *into,
					void *into_state, MemoryContext cxt)
{
	bool is_exact = m->state == STATE_EXACT_STATS;
	MeasureExtreme extreme = {tally_measure_nvalues(state)};
	AnySum sum;

	if (extreme.n == 0)
		return;
	switch (into->def.kind)
	{
		case TALLY_SUM:
		case TALLY_AVG:
			sum_of(m, state, into, &sum);
			tally_measure_merge(into, into_state, &sum, cxt);
			break;
		case TALLY_MIN:
			extreme.value = is_exact ? ((const ExactStats *) state)->least
									 : ((const FloatStats *) state)->least;
			tally_measure_merge(into, into_state, &extreme, cxt);
			break;
		case TALLY_MAX:
			extreme.value = is_exact ? ((const ExactStats *) state)->greatest
									 : ((const FloatStats *) state)->greatest;
			tally_measure_merge(into, into_state, &extreme, cxt);
			break;
		default: /* count, and moments: stats begin with them */
			tally_measure_merge(into, into_state, state, cxt);
	}
}
