/*
 * ops.h
 *	  What each kind of state can do, for the files of measure/ alone.
 *
 * A state begins with the number of its values.  measure.c keeps that number:
 * "add" and "merge" see it as it was before, and "read" leaves it 0.  A state
 * of no values is never merged from, written, read or asked for its value,
 * so none of them has to know what nothing is.
 */
#ifndef TALLY_MEASURE_OPS_H
#define TALLY_MEASURE_OPS_H

#include <math.h>

#include "measure/measure.h"
#include "measure/packed.h"

typedef struct MeasureOps
{
	int size;
	void (*add)(const Measure *m, void *state, Datum value, TimestampTz at,
				MemoryContext cxt);
	void (*merge)(const Measure *m, void *into, const void *from,
				  MemoryContext cxt);
	Datum (*value)(const Measure *m, const void *state, bool *isnull);
	void (*write)(const Measure *m, const void *state, TallyWriter *w);
	/* "n" is the number of values, 1 to TALLY_MAX_VALUES. */
	void (*read)(const Measure *m, void *state, int64 n, TallyReader *r,
				 MemoryContext cxt);
} MeasureOps;

extern const MeasureOps tally_count_ops;		 /* sum.c */
extern const MeasureOps tally_integer_ops;		 /* sum.c */
extern const MeasureOps tally_decimal_ops;		 /* sum.c */
extern const MeasureOps tally_float_ops;		 /* sum.c */
extern const MeasureOps tally_extreme_ops;		 /* extreme.c */
extern const MeasureOps tally_edge_ops;			 /* edge.c */
extern const MeasureOps tally_exact_moments_ops; /* moments.c */
extern const MeasureOps tally_float_moments_ops;
extern const MeasureOps tally_exact_stats_ops; /* stats.c */
extern const MeasureOps tally_float_stats_ops;
extern const MeasureOps tally_list_ops;	  /* quantile.c */
extern const MeasureOps tally_digest_ops; /* quantile.c */
extern const MeasureOps tally_set_ops;	  /* set.c */
extern const MeasureOps tally_sketch_ops; /* sketch.c */

/*
 * sum.c: an exact sum, in 128 bits while that is enough and then as the
 * server's numeric.  Begins as zeroed memory.
 */
typedef struct ExactSum
{
	union
	{
		int128 digits;
		Numeric big; /* when is_big */
	} sum;
	int32 scale;
	bool is_big;
} ExactSum;

/*
 * sum.c: the same in a word, until it becomes an ExactSum in the panel's
 * context.
 */
typedef struct MeasureDecimal
{
	int64 n;
	TallyPacked sum;
} MeasureDecimal;

/* += digits / 10^scale */
extern void tally_decimal_add_held(MeasureDecimal *s, int64 digits, int scale,
								   MemoryContext cxt);

extern void tally_exact_add(ExactSum *s, TallyDecimal d, MemoryContext cxt);
extern void tally_exact_add_numeric(ExactSum *s, Numeric v, MemoryContext cxt);
extern void tally_exact_merge(ExactSum *into, const ExactSum *from,
							  MemoryContext cxt);
/* The sum, of the state or in the current context. */
extern Numeric tally_exact_value(const ExactSum *s);

/* FORMAT: byte scale, 16 bytes; or byte 255, the value of a numeric. */
extern void tally_exact_write(const ExactSum *s, TallyWriter *w);
extern void tally_exact_read(ExactSum *s, TallyReader *r, MemoryContext cxt);

/* The mean of n values, as core's avg() has it. */
extern Datum tally_exact_mean(const ExactSum *s, int64 n);

/* A number of the measure's input: as a decimal, or false and *big. */
extern bool tally_exact_input(const Measure *m, Datum value, TallyDecimal *d,
							  Numeric *big);

/*
 * Can it be the sum of "n" integers?  A state that somebody made up must not
 * have a larger one, so that no sum of sums overflows.
 */
static inline bool
tally_integer_sum_fits(int128 sum, int64 n)
{
	int128 most = (int128) n << 63;

	return sum <= most && sum >= -most;
}

/* sum += v, keeping what the rounding takes. */
static inline void
tally_float_add(float8 *sum, float8 *lost, float8 v)
{
	float8 total = *sum + v;

	/* An infinity would make a NaN of what is lost. */
	if (likely(isfinite(total)))
	{
		if (fabs(*sum) >= fabs(v))
			*lost += (*sum - total) + v;
		else
			*lost += (v - total) + *sum;
	}
	*sum = total;
}

static inline float8
tally_float_total(float8 sum, float8 lost)
{
	return isfinite(sum) ? sum + lost : sum;
}

/* A number of any input as a float. */
extern float8 tally_float_input(const Measure *m, Datum value);

/* extreme.c: the least or the greatest value. */
typedef struct MeasureExtreme
{
	int64 n;
	Datum value;
} MeasureExtreme;

/*
 * Makes *kept the value if that is less (greater) or *kept is not there yet.
 * Of equal values that are spelled differently the one whose bytes come first
 * stays, so that the order of rows and of parallel workers does not show.
 */
extern void tally_extreme_take(const Measure *m, bool is_least, bool is_there,
							   Datum *kept, Datum value, MemoryContext cxt);

/* A kept value as bytes, and back; the latter in "cxt". */
extern void tally_kept_write(const Measure *m, Datum value, TallyWriter *w);
extern Datum tally_kept_read(const Measure *m, TallyReader *r,
							 MemoryContext cxt);

/* moments.c */
typedef struct ExactMoments
{
	int64 n;
	ExactSum sum;
	ExactSum squares;
} ExactMoments;

typedef struct FloatMoments
{
	int64 n;
	float8 sum; /* as in MeasureFloat */
	float8 lost;
	float8 m2; /* sum of squared distances from the mean */
	float8 m2_lost;
} FloatMoments;

/* stats.c: moments, and both extremes */
typedef struct ExactStats
{
	ExactMoments moments;
	Datum least;
	Datum greatest;
} ExactStats;

typedef struct FloatStats
{
	FloatMoments moments;
	Datum least;
	Datum greatest;
} FloatStats;

extern void tally_stats_convert(const Measure *m, const void *state,
								const Measure *into, void *into_state,
								MemoryContext cxt);

#endif
