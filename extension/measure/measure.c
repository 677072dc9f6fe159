/*-------------------------------------------------------------------------
 *
 * measure.c
 *	  The state of one measure in one cell, and its arithmetic.
 *
 * Sums of integers and numerics are exact.  Sums of floats are compensated
 * after Neumaier: what each addition rounds away is kept beside the sum, so
 * the order of rows and of parallel workers hardly shows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "measure/measure.h"

static const char *const kind_names[TALLY_MEASURE__COUNT] = {
	[TALLY_COUNT] = "count",
	[TALLY_SUM] = "sum",
	[TALLY_AVG] = "avg",
	[TALLY_MIN] = "min",
	[TALLY_MAX] = "max",
	[TALLY_FIRST] = "first",
	[TALLY_LAST] = "last",
	[TALLY_STDDEV] = "stddev",
	[TALLY_VARIANCE] = "variance",
	[TALLY_STATS] = "stats",
	[TALLY_MEDIAN] = "median",
	[TALLY_PERCENTILE] = "percentile",
	[TALLY_DISTINCT] = "distinct",
	[TALLY_VALUES] = "values",
};

const char *
tally_measure_kind_name(TallyMeasureKind kind)
{
	Assert(kind >= 0 && kind < TALLY_MEASURE__COUNT);
	return kind_names[kind];
}

/* init_sum -- the state and the result of a sum or an average. */
static void
init_sum(Measure *m)
{
	bool is_sum = m->def.kind == TALLY_SUM;

	m->state = STATE_INTEGER;
	m->result = NUMERICOID;
	switch (m->def.type)
	{
		case INT2OID:
			m->input = INPUT_INT2;
			m->result = is_sum ? INT8OID : NUMERICOID;
			break;
		case INT4OID:
			m->input = INPUT_INT4;
			m->result = is_sum ? INT8OID : NUMERICOID;
			break;
		case INT8OID:
			m->input = INPUT_INT8;
			break;
		case NUMERICOID:
			m->state = STATE_DECIMAL;
			m->input = INPUT_NUMERIC;
			break;
		case FLOAT4OID:
			m->state = STATE_FLOAT;
			m->input = INPUT_FLOAT4;
			m->result = FLOAT8OID;
			break;
		case FLOAT8OID:
			m->state = STATE_FLOAT;
			m->input = INPUT_FLOAT8;
			m->result = FLOAT8OID;
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("measure %s does not take values of type %s",
							tally_measure_kind_name(m->def.kind),
							format_type_be(m->def.type)),
					 errdetail("It takes smallint, integer, bigint, real, "
							   "double precision and numeric.")));
	}
}

/* init_extreme -- the comparison of a minimum or a maximum. */
static void
init_extreme(Measure *m, MemoryContext cxt)
{
	TypeCacheEntry *type;

	m->state = STATE_EXTREME;
	m->result = m->def.type;
	switch (m->def.type)
	{
		case INT2OID:
			m->input = INPUT_INT2;
			break;
		case INT4OID:
		case DATEOID:
			m->input = INPUT_INT4;
			break;
		case INT8OID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			m->input = INPUT_INT8;
			break;
		case FLOAT4OID:
			m->input = INPUT_FLOAT4;
			break;
		case FLOAT8OID:
			m->input = INPUT_FLOAT8;
			break;
		default:
			m->input = INPUT_OTHER;
			type = lookup_type_cache(m->def.type, TYPECACHE_CMP_PROC_FINFO);
			if (!OidIsValid(type->cmp_proc_finfo.fn_oid))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("measure %s does not take values of type %s",
								tally_measure_kind_name(m->def.kind),
								format_type_be(m->def.type)),
						 errdetail("The type has no default order.")));
			fmgr_info_copy(&m->compare, &type->cmp_proc_finfo, cxt);
	}
	get_typlenbyval(m->def.type, &m->typlen, &m->typbyval);
}

void
tally_measure_init(Measure *m, const TallyMeasure *def, MemoryContext cxt)
{
	memset(m, 0, sizeof(*m));
	m->def = *def;
	switch (def->kind)
	{
		case TALLY_COUNT:
			m->state = STATE_COUNT;
			m->input = INPUT_NONE;
			m->result = INT8OID;
			break;
		case TALLY_SUM:
		case TALLY_AVG:
			init_sum(m);
			break;
		case TALLY_MIN:
		case TALLY_MAX:
			init_extreme(m, cxt);
			break;
		case TALLY_FIRST:
		case TALLY_LAST:
		case TALLY_STDDEV:
		case TALLY_VARIANCE:
		case TALLY_STATS:
		case TALLY_MEDIAN:
		case TALLY_PERCENTILE:
		case TALLY_DISTINCT:
		case TALLY_VALUES:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("measure %s is not supported",
							tally_measure_kind_name(def->kind))));
			break;
		case TALLY_MEASURE__COUNT:
			elog(ERROR, "invalid kind of measure");
	}
}

int
tally_measure_size(const Measure *m)
{
	switch (m->state)
	{
		case STATE_COUNT:
			return sizeof(MeasureCount);
		case STATE_INTEGER:
			return sizeof(MeasureInteger);
		case STATE_DECIMAL:
			return sizeof(MeasureDecimal);
		case STATE_FLOAT:
			return sizeof(MeasureFloat);
		case STATE_EXTREME:
			return sizeof(MeasureExtreme);
	}
	elog(ERROR, "invalid state of measure");
	return 0;
}

/* add_float -- sum += v, keeping what the rounding takes. */
static inline void
add_float(MeasureFloat *s, float8 v)
{
	float8 total = s->sum + v;

	/* An infinity would make a NaN of what is lost. */
	if (likely(isfinite(total)))
	{
		if (fabs(s->sum) >= fabs(v))
			s->lost += (s->sum - total) + v;
		else
			s->lost += (v - total) + s->sum;
	}
	s->sum = total;
}

/* add_big -- sum += v with the server's numeric. */
static int64
add_big(MeasureDecimal *s, Numeric v, MemoryContext cxt)
{
	MemoryContext old;
	int64 grown = 0;
	Numeric sum;

	if (s->is_big)
	{
		sum = s->sum.big;
		grown -= VARSIZE(sum);
	}
	else
	{
		TallyDecimal d = {s->sum.digits, s->scale};

		sum = tally_decimal_to_numeric(d);
	}
	old = MemoryContextSwitchTo(cxt);
	v = DatumGetNumeric(DirectFunctionCall2(numeric_add,
											NumericGetDatum(sum),
											NumericGetDatum(v)));
	MemoryContextSwitchTo(old);
	pfree(sum);
	s->sum.big = v;
	s->is_big = true;
	return grown + VARSIZE(v);
}

/* add_decimal -- sum += d, in 128 bits while that is enough. */
static inline int64
add_decimal(MeasureDecimal *s, TallyDecimal d, MemoryContext cxt)
{
	TallyDecimal sum = {s->sum.digits, s->scale};

	if (likely(!s->is_big && tally_decimal_add(&sum, d)))
	{
		s->sum.digits = sum.digits;
		s->scale = sum.scale;
		return 0;
	}
	return add_big(s, tally_decimal_to_numeric(d), cxt);
}

static int64
add_numeric(MeasureDecimal *s, Datum value, MemoryContext cxt)
{
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);
	TallyDecimal d;

	if (likely(tally_decimal_read(packed, &d)))
		return add_decimal(s, d, cxt);
	return add_big(s, DatumGetNumeric(PointerGetDatum(packed)), cxt);
}

#define COMPARE(a, b) ((a) < (b) ? -1 : (a) > (b) ? 1 : 0)

static int
compare(Measure *m, Datum a, Datum b)
{
	switch (m->input)
	{
		case INPUT_INT2:
			return COMPARE(DatumGetInt16(a), DatumGetInt16(b));
		case INPUT_INT4:
			return COMPARE(DatumGetInt32(a), DatumGetInt32(b));
		case INPUT_INT8:
			return COMPARE(DatumGetInt64(a), DatumGetInt64(b));
		case INPUT_FLOAT4:
			return float4_cmp_internal(DatumGetFloat4(a), DatumGetFloat4(b));
		case INPUT_FLOAT8:
			return float8_cmp_internal(DatumGetFloat8(a), DatumGetFloat8(b));
		default:
			return DatumGetInt32(
				FunctionCall2Coll(&m->compare, m->def.collation, a, b));
	}
}

/* value_bytes -- what a by-reference value takes; 0 for others. */
static int64
value_bytes(const Measure *m, Datum value)
{
	return m->typbyval ? 0 : (int64) datumGetSize(value, false, m->typlen);
}

/*
 * replaces -- is "value" to be kept instead of "kept"?  Of equal values that
 * are spelled differently (1.0 and 1.00) the one whose bytes come first is,
 * so that the order of rows and of parallel workers does not show.
 */
static bool
replaces(Measure *m, Datum value, Datum kept)
{
	int order = compare(m, value, kept);
	Size size;
	Size kept_size;

	if (order != 0 || m->typbyval)
		return m->def.kind == TALLY_MIN ? order < 0 : order > 0;
	if (m->typlen == -1)
	{
		size = VARSIZE_ANY_EXHDR(DatumGetPointer(value));
		kept_size = VARSIZE_ANY_EXHDR(DatumGetPointer(kept));
		order = memcmp(VARDATA_ANY(DatumGetPointer(value)),
					   VARDATA_ANY(DatumGetPointer(kept)),
					   Min(size, kept_size));
		return order < 0 || (order == 0 && size < kept_size);
	}
	size = datumGetSize(value, false, m->typlen);
	return memcmp(DatumGetPointer(value), DatumGetPointer(kept), size) < 0;
}

static int64
add_extreme(Measure *m, MeasureExtreme *s, Datum value, MemoryContext cxt)
{
	MemoryContext old;
	int64 grown = 0;

	if (m->typlen == -1)
		value = PointerGetDatum(PG_DETOAST_DATUM_PACKED(value));
	if (s->n > 0)
	{
		if (!replaces(m, value, s->value))
			return 0;
		grown -= value_bytes(m, s->value);
		if (!m->typbyval)
			pfree(DatumGetPointer(s->value));
	}
	old = MemoryContextSwitchTo(cxt);
	s->value = datumCopy(value, m->typbyval, m->typlen);
	MemoryContextSwitchTo(old);
	return grown + value_bytes(m, s->value);
}

int64
tally_measure_add(Measure *m, void *state, Datum value, TimestampTz at,
				  MemoryContext cxt)
{
	int64 grown = 0;

	switch (m->state)
	{
		case STATE_COUNT:
			break;
		case STATE_INTEGER:
			if (m->input == INPUT_INT4)
				((MeasureInteger *) state)->sum += DatumGetInt32(value);
			else if (m->input == INPUT_INT8)
				((MeasureInteger *) state)->sum += DatumGetInt64(value);
			else
				((MeasureInteger *) state)->sum += DatumGetInt16(value);
			break;
		case STATE_DECIMAL:
			grown = add_numeric(state, value, cxt);
			break;
		case STATE_FLOAT:
			add_float(state,
					  m->input == INPUT_FLOAT8 ? DatumGetFloat8(value)
											   : DatumGetFloat4(value));
			break;
		case STATE_EXTREME:
			grown = add_extreme(m, state, value, cxt);
			break;
	}
	((MeasureCount *) state)->n++;
	return grown;
}

int64
tally_measure_merge(Measure *m, void *into, const void *from,
					MemoryContext cxt)
{
	int64 n = tally_measure_nvalues(from);
	int64 grown = 0;

	if (n == 0)
		return 0;
	if (n > TALLY_MAX_VALUES - tally_measure_nvalues(into))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of values out of range")));
	switch (m->state)
	{
		case STATE_COUNT:
			break;
		case STATE_INTEGER:
			((MeasureInteger *) into)->sum +=
				((const MeasureInteger *) from)->sum;
			break;
		case STATE_DECIMAL:
		{
			const MeasureDecimal *f = from;
			TallyDecimal d = {f->sum.digits, f->scale};

			grown = f->is_big ? add_big(into, f->sum.big, cxt)
							  : add_decimal(into, d, cxt);
			break;
		}
		case STATE_FLOAT:
			add_float(into, ((const MeasureFloat *) from)->sum);
			((MeasureFloat *) into)->lost +=
				((const MeasureFloat *) from)->lost;
			break;
		case STATE_EXTREME:
			grown = add_extreme(m,
								into,
								((const MeasureExtreme *) from)->value,
								cxt);
			break;
	}
	((MeasureCount *) into)->n += n;
	return grown;
}

/* exact_value -- the sum of a state of integers or numerics. */
static Numeric
exact_value(const Measure *m, const void *state)
{
	TallyDecimal d = {0, 0};

	if (m->state == STATE_INTEGER)
		d.digits = ((const MeasureInteger *) state)->sum;
	else if (((const MeasureDecimal *) state)->is_big)
		return ((const MeasureDecimal *) state)->sum.big;
	else
	{
		d.digits = ((const MeasureDecimal *) state)->sum.digits;
		d.scale = ((const MeasureDecimal *) state)->scale;
	}
	return tally_decimal_to_numeric(d);
}

/* integer_value -- a sum of small integers as the bigint that it must be. */
static Datum
integer_value(const MeasureInteger *s)
{
	if (s->sum < PG_INT64_MIN || s->sum > PG_INT64_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("sum out of range for type bigint"),
				 errhint("Sum a column of type numeric or bigint.")));
	return Int64GetDatum((int64) s->sum);
}

Datum
tally_measure_value(const Measure *m, const void *state, bool *isnull)
{
	int64 n = tally_measure_nvalues(state);

	*isnull = n == 0 && m->state != STATE_COUNT;
	if (*isnull)
		return (Datum) 0;
	switch (m->state)
	{
		case STATE_COUNT:
			return Int64GetDatum(n);
		case STATE_FLOAT:
		{
			const MeasureFloat *s = state;
			float8 sum = isfinite(s->sum) ? s->sum + s->lost : s->sum;

			return Float8GetDatum(m->def.kind == TALLY_AVG ? sum / n : sum);
		}
		case STATE_EXTREME:
			return ((const MeasureExtreme *) state)->value;
		case STATE_INTEGER:
		case STATE_DECIMAL:
			break;
	}
	if (m->def.kind == TALLY_AVG)
		return DirectFunctionCall2(numeric_div,
								   NumericGetDatum(exact_value(m, state)),
								   NumericGetDatum(int64_to_numeric(n)));
	if (m->result == INT8OID)
		return integer_value(state);
	return NumericGetDatum(exact_value(m, state));
}
