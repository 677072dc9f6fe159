/*
 * measure.h
 *	  The state of one measure in one cell of a panel, and its arithmetic.
 *
 * A resolved measure knows how its values come in (the type), what it keeps
 * a cell (the state) and what it gives (the result type).  Cells are plain
 * memory that the panel owns, zeroed when nothing fell in them yet; what does
 * not fit in a cell of a fixed size hangs on it, in the panel's context.
 * Every state begins with the number of values; 0 means no value fell there.
 *
 * README.md has the table of what each measure keeps.
 */
#ifndef TALLY_MEASURE_H
#define TALLY_MEASURE_H

#include "measure/codec.h"
#include "measure/exact.h"
#include "measure/value.h"
#include "series/panel/panel.h"

typedef enum MeasureState
{
	STATE_COUNT,
	STATE_INTEGER,
	STATE_DECIMAL,
	STATE_FLOAT,
	STATE_EXTREME,
	STATE_EDGE,			 /* first, last */
	STATE_EXACT_MOMENTS, /* variance of integers and numerics */
	STATE_FLOAT_MOMENTS,
	STATE_EXACT_STATS,
	STATE_FLOAT_STATS,
	STATE_LIST,	  /* percentiles, exact */
	STATE_DIGEST, /* percentiles, a t-digest */
	STATE_SET,	  /* distinct and values, exact */
	STATE_SKETCH, /* distinct, a HyperLogLog */
	STATE__COUNT
} MeasureState;

/*
 * Most values that a state may count: half of what it could, so that no row
 * and no merge of two makes it overflow.
 */
#define TALLY_MAX_VALUES (PG_INT64_MAX / 2)

/* How a number is read. */
typedef enum MeasureInput
{
	INPUT_NONE,
	INPUT_INT2,
	INPUT_INT4,
	INPUT_INT8,
	INPUT_FLOAT4,
	INPUT_FLOAT8,
	INPUT_NUMERIC
} MeasureInput;

struct MeasureOps;

typedef struct Measure
{
	TallyMeasure def;
	MeasureState state;
	MeasureInput input;
	Oid result;
	int offset; /* of its state in a cell */
	const struct MeasureOps *ops;
	ValueType *of; /* the values, where they are compared or kept */
} Measure;

/* The states that are added to without a call. */
typedef struct MeasureCount
{
	int64 n;
} MeasureCount;

typedef struct MeasureInteger
{
	int64 n;
	int128 sum;
} MeasureInteger;

typedef struct MeasureFloat
{
	int64 n;
	float8 sum;
	float8 lost; /* by rounding, so far; the sum is sum + lost */
} MeasureFloat;

/*
 * Fills *m from a definition, or raises 22023 with what the kind accepts.
 * Look-ups are allocated in "cxt".
 */
extern void tally_measure_init(Measure *m, const TallyMeasure *def,
							   MemoryContext cxt);

/* Bytes of its state in a cell. */
extern int tally_measure_size(const Measure *m);

/*
 * Adds a value that is not null.  What has to be kept is allocated in "cxt",
 * the panel's context, and refused (54000) before the panel would be larger
 * than tally.max_memory.
 */
extern void tally_measure_add(const Measure *m, void *state, Datum value,
							  TimestampTz at, MemoryContext cxt);

/*
 * The same in two steps: a value is taken in, out of whatever memory it is in,
 * and added later, when its cell has come to the processor.  For the states
 * that tally_measure_holds() names; even of those some values cannot be held.
 */
typedef struct MeasureHeld
{
	union
	{
		Datum value;
		int64 digits;
	} of;
	int scale;
} MeasureHeld;

extern bool tally_measure_holds(const Measure *m);
extern bool tally_measure_hold(const Measure *m, Datum value,
							   MeasureHeld *held);
extern void tally_measure_add_held(const Measure *m, void *state,
								   const MeasureHeld *held, MemoryContext cxt);

/*
 * *into += *from; as above.  22003 when there are more than
 * TALLY_MAX_VALUES, which only states that somebody made up have.
 */
extern void tally_measure_merge(const Measure *m, void *into, const void *from,
								MemoryContext cxt);

/* The value of a state, see tally_panel_value(). */
extern Datum tally_measure_value(const Measure *m, const void *state,
								 bool *isnull);

/*
 * A state as bytes, and back into zeroed memory; 22P03 when it cannot be one.
 * FORMAT: the varint number of values and, unless that is 0, what the state's
 * file says.
 */
extern void tally_measure_write(const Measure *m, const void *state,
								TallyWriter *w);
extern void tally_measure_read(const Measure *m, void *state, TallyReader *r,
							   MemoryContext cxt);

/*
 * Can a state of one measure be read as one of another, and the reading
 * itself, into zeroed memory in a panel whose context is "cxt".  See
 * tally.read() and tally.percentile().
 */
extern bool tally_measure_reads(const TallyMeasure *from,
								const TallyMeasure *into);
extern void tally_measure_convert(const Measure *m, const void *state,
								  const Measure *into, void *into_state,
								  MemoryContext cxt);

/* The name of a kind, as in the measures grammar: "count", "sum" ... */
extern const char *tally_measure_kind_name(TallyMeasureKind kind);

/* A measure for a message: "percentile(0.95, 100) of bigint". */
extern char *tally_measure_text(const TallyMeasure *measure);

/* Has the kind something to be told besides its values? */
extern bool tally_measure_has_param(TallyMeasureKind kind);
extern bool tally_measure_has_precision(TallyMeasureKind kind);

static inline int64
tally_measure_nvalues(const void *state)
{
	return ((const MeasureCount *) state)->n;
}

#endif
