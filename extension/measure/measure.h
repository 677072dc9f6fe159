/*
 * measure.h
 *	  The state of one measure in one cell of a panel, and its arithmetic.
 *
 * A resolved measure knows how its values come in (the type), what it keeps
 * a cell (the state) and what it gives (the result type).  Cells are plain
 * memory that the panel owns, zeroed when nothing fell in them yet:
 *
 *	  count			 MeasureCount	 number of values
 *	  sum, avg of	 MeasureInteger	 + exact 128-bit sum
 *	    integers
 *	  .. of numerics MeasureDecimal	 + exact 128-bit sum and its scale, or the
 *									 server's numeric where that is too small
 *	  .. of floats	 MeasureFloat	 + sum and what rounding took from it
 *	  min, max		 MeasureExtreme	 + the value itself
 *
 * Every state begins with the number of values; 0 means no value fell there.
 */
#ifndef TALLY_MEASURE_H
#define TALLY_MEASURE_H

#include "lib/stringinfo.h"

#include "measure/exact.h"
#include "series/panel.h"

typedef enum MeasureState
{
	STATE_COUNT,
	STATE_INTEGER,
	STATE_DECIMAL,
	STATE_FLOAT,
	STATE_EXTREME
} MeasureState;

/*
 * Most values that a state may count: half of what it could, so that no row
 * and no merge of two makes it overflow.
 */
#define TALLY_MAX_VALUES (PG_INT64_MAX / 2)

/* How two values are compared, or a value is read. */
typedef enum MeasureInput
{
	INPUT_NONE,
	INPUT_INT2,
	INPUT_INT4, /* also date */
	INPUT_INT8, /* also timestamp and timestamptz */
	INPUT_FLOAT4,
	INPUT_FLOAT8,
	INPUT_NUMERIC,
	INPUT_OTHER /* by the type's own comparison function */
} MeasureInput;

typedef struct Measure
{
	TallyMeasure def;
	MeasureState state;
	MeasureInput input;
	Oid result;
	int offset; /* of its state in a cell */
	int16 typlen;
	bool typbyval;
	FmgrInfo compare; /* INPUT_OTHER */
} Measure;

typedef struct MeasureCount
{
	int64 n;
} MeasureCount;

typedef struct MeasureInteger
{
	int64 n;
	int128 sum;
} MeasureInteger;

typedef struct MeasureDecimal
{
	int64 n;
	union
	{
		int128 digits;
		Numeric big; /* when is_big */
	} sum;
	int32 scale;
	bool is_big;
} MeasureDecimal;

typedef struct MeasureFloat
{
	int64 n;
	float8 sum;
	float8 lost; /* by rounding, so far; the sum is sum + lost */
} MeasureFloat;

typedef struct MeasureExtreme
{
	int64 n;
	Datum value;
} MeasureExtreme;

/*
 * Fills *m from a definition, or raises 22023 with what the kind accepts.
 * Look-ups are allocated in "cxt".
 */
extern void tally_measure_init(Measure *m, const TallyMeasure *def,
							   MemoryContext cxt);

/* Bytes of its state in a cell. */
extern int tally_measure_size(const Measure *m);

/*
 * Adds a value that is not null.  What has to be kept is allocated in "cxt".
 * Returns the bytes that were allocated there in excess of those freed.
 */
extern int64 tally_measure_add(Measure *m, void *state, Datum value,
							   TimestampTz at, MemoryContext cxt);

/*
 * *into += *from; as above.  22003 when there are more than
 * TALLY_MAX_VALUES, which only states that somebody made up have.
 */
extern int64 tally_measure_merge(Measure *m, void *into, const void *from,
								 MemoryContext cxt);

/* The value of a state, see tally_panel_value(). */
extern Datum tally_measure_value(const Measure *m, const void *state,
								 bool *isnull);

/* The name of a kind, as in the measures grammar: "count", "sum" ... */
extern const char *tally_measure_kind_name(TallyMeasureKind kind);

static inline int64
tally_measure_nvalues(const void *state)
{
	return ((const MeasureCount *) state)->n;
}

#endif
