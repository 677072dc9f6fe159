/*
 * fill.h
 *	  What stands in a bucket into which no value fell.
 *
 *	  default	what the measure says of nothing: 0 for a count, else null
 *	  null		null, also for a count
 *	  zero		0
 *	  constant	one number
 *	  previous	the value of the nearest bucket before that has one, or the
 *				seed; a value lasts from its bucket's start for max_gap
 *	  next		the value of the nearest bucket after that has one, if its
 *				start is within max_gap
 *	  linear	the straight line between the two, by time: from bucket start to
 *				bucket start, if those are at most max_gap apart
 *
 * What a mode cannot reach is shown as with default.  A bucket into which
 * values fell is never filled, even when its value is null, as the standard
 * deviation of one value is; such a bucket is no end of a line either.
 *
 * IS_FILLED means: nothing fell into the bucket and a value stands there.  An
 * empty bucket that shows null is not filled.
 *
 * A filled value is of no row.  It is made when a series is read and never
 * put into its state, so merging and re-bucketing know nothing of it.
 */
#ifndef TALLY_FILL_H
#define TALLY_FILL_H

#include "series/panel/panel.h"
#include "utils/timestamp.h"

typedef enum TallyFillMode
{
	TALLY_FILL_DEFAULT,
	TALLY_FILL_NULL,
	TALLY_FILL_ZERO,
	TALLY_FILL_CONSTANT,
	TALLY_FILL_PREVIOUS,
	TALLY_FILL_NEXT,
	TALLY_FILL_LINEAR,
	TALLY_FILL__COUNT
} TallyFillMode;

typedef struct TallyFill
{
	TallyFillMode mode;
	float8 constant;  /* of TALLY_FILL_CONSTANT */
	bool has_max_gap; /* previous, next, linear */
	Interval max_gap; /* on the calendar of the grid's zone */
	/*
	 * What stood before the range, for previous; and for linear, which draws
	 * its line from seed_at.  max_gap counts from seed_at.
	 */
	bool has_seed;
	float8 seed;
	TimestampTz seed_at;
	bool seed_is_exact; /* the seed is seed_value, and "seed" is not used */
	Datum seed_value;	/* of the measure's result type */
	pg_tz *zone;		/* of the grid; tally_fill_check() sets it */
} TallyFill;

/*
 * Sets all of *fill from "null", "zero", "previous", "next", "linear" or a
 * number; NULL is the default.  22023 for anything else.
 */
extern void tally_fill_parse(TallyFill *fill, const char *text);

/* Do the two say the same? */
extern bool tally_fill_equal(const TallyFill *a, const TallyFill *b);

/* A fill in words, in the current memory context. */
extern char *tally_fill_text(const TallyFill *fill);

/* The name of a mode, as it is written. */
extern const char *tally_fill_mode_name(TallyFillMode mode);

/*
 * Refuses (22023) what cannot be: a max_gap or a seed with a mode that takes
 * none, a number that does not fit the type "result" that values are asked for
 * in, a line between values that are no numbers.  To be called once, before
 * the first value.
 */
extern void tally_fill_check(TallyFill *fill, const TallyGrid *grid,
							 Oid result);

/* Are all the values that the fill makes of the type "result"? */
extern bool tally_fill_fits(const TallyFill *fill, Oid result);

/*
 * Where a walk over the buckets of one measure of one group is.  Set both to
 * -1 before the first bucket; nothing else needs to be set.
 */
typedef struct TallyFillWalk
{
	int32 prev; /* the last bucket with a value; -1: none so far */
	int32 next; /* the first one after; -1: not looked for */
	/* of those two, once they were needed */
	bool prev_is_kept;
	bool next_is_kept;
	bool until_is_kept;
	Datum prev_value;
	Datum next_value;
	TimestampTz until; /* the last instant that prev's value, or seed, lasts to
						*/
} TallyFillWalk;

/*
 * The value that stands in a bucket, in the measure's result type; lines of
 * integers are rounded.  All buckets are asked for, each once and in order:
 * then the work is linear in the buckets, and each value is computed once.
 * A by-reference value lasts until the walk's next call.
 */
extern Datum tally_fill_value(const TallyFill *fill, const TallyPanel *panel,
							  int32 group, int measure, int32 bucket,
							  TallyFillWalk *walk, bool *isnull,
							  bool *is_filled);

/*
 * The same as double precision, and lines of integers not rounded, for
 * measures that are numbers.  A walk must not change between the two.
 */
extern float8 tally_fill_float8(const TallyFill *fill, const TallyPanel *panel,
								int32 group, int measure, int32 bucket,
								TallyFillWalk *walk, bool *isnull,
								bool *is_filled);

/*
 * Takes a walk back, to where "bucket", which was asked for already, is asked
 * for next.  A bucket at a time the work is linear, too.
 */
extern void tally_fill_back(const TallyPanel *panel, int32 group, int measure,
							int32 bucket, TallyFillWalk *walk, bool as_float8);

#endif
