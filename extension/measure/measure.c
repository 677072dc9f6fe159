/*-------------------------------------------------------------------------
 *
 * measure.c
 *	  What a measure is, and the way from a state to the file that knows it.
 *
 * The states that most rows are added to, counts and sums of integers and
 * floats, are added to right here; all else goes through the state's table
 * of operations.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "measure/hll.h"
#include "measure/ops.h"
#include "measure/tdigest.h"

static const MeasureOps *const state_ops[STATE__COUNT] = {
	[STATE_COUNT] = &tally_count_ops,
	[STATE_INTEGER] = &tally_integer_ops,
	[STATE_DECIMAL] = &tally_decimal_ops,
	[STATE_FLOAT] = &tally_float_ops,
	[STATE_EXTREME] = &tally_extreme_ops,
	[STATE_EDGE] = &tally_edge_ops,
	[STATE_EXACT_MOMENTS] = &tally_exact_moments_ops,
	[STATE_FLOAT_MOMENTS] = &tally_float_moments_ops,
	[STATE_EXACT_STATS] = &tally_exact_stats_ops,
	[STATE_FLOAT_STATS] = &tally_float_stats_ops,
	[STATE_LIST] = &tally_list_ops,
	[STATE_DIGEST] = &tally_digest_ops,
	[STATE_SET] = &tally_set_ops,
	[STATE_SKETCH] = &tally_sketch_ops,
};

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

char *
tally_measure_text(const TallyMeasure *measure)
{
	StringInfoData text;
	bool has_param = tally_measure_has_param(measure->kind);

	initStringInfo(&text);
	appendStringInfoString(&text, tally_measure_kind_name(measure->kind));
	if (has_param && measure->precision != 0)
		appendStringInfo(&text,
						 "(%g, %d)",
						 measure->param,
						 measure->precision);
	else if (has_param)
		appendStringInfo(&text, "(%g)", measure->param);
	else if (measure->precision != 0)
		appendStringInfo(&text, "(%d)", measure->precision);
	if (OidIsValid(measure->type))
		appendStringInfo(&text, " of %s", format_type_be(measure->type));
	return text.data;
}

bool
tally_measure_has_param(TallyMeasureKind kind)
{
	return kind == TALLY_PERCENTILE;
}

bool
tally_measure_has_precision(TallyMeasureKind kind)
{
	return kind == TALLY_MEDIAN || kind == TALLY_PERCENTILE ||
		   kind == TALLY_DISTINCT;
}

/* refuse_type -- the values cannot be measured so. */
static void
refuse_type(const Measure *m, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("measure %s does not take values of type %s",
					tally_measure_kind_name(m->def.kind),
					format_type_be(m->def.type)),
			 errdetail("%s", why)));
}

/* init_number -- how the numbers that a measure is of come in. */
static void
init_number(Measure *m)
{
	switch (m->def.type)
	{
		case INT2OID:
			m->input = INPUT_INT2;
			break;
		case INT4OID:
			m->input = INPUT_INT4;
			break;
		case INT8OID:
			m->input = INPUT_INT8;
			break;
		case NUMERICOID:
			m->input = INPUT_NUMERIC;
			break;
		case FLOAT4OID:
			m->input = INPUT_FLOAT4;
			break;
		case FLOAT8OID:
			m->input = INPUT_FLOAT8;
			break;
		default:
			refuse_type(m,
						"It takes smallint, integer, bigint, real, double "
						"precision and numeric.");
	}
}

static bool
is_float(const Measure *m)
{
	return m->input == INPUT_FLOAT4 || m->input == INPUT_FLOAT8;
}

/* init_sum -- sums and means. */
static void
init_sum(Measure *m)
{
	init_number(m);
	m->result = is_float(m) ? FLOAT8OID : NUMERICOID;
	if (is_float(m))
		m->state = STATE_FLOAT;
	else
		m->state = m->input == INPUT_NUMERIC ? STATE_DECIMAL : STATE_INTEGER;
	if (m->def.kind == TALLY_SUM &&
		(m->input == INPUT_INT2 || m->input == INPUT_INT4))
		m->result = INT8OID;
}

/* init_moments -- variances, and all that stats is. */
static void
init_moments(Measure *m, MemoryContext cxt)
{
	init_number(m);
	m->result = is_float(m) ? FLOAT8OID : NUMERICOID;
	if (m->def.kind != TALLY_STATS)
	{
		m->state = is_float(m) ? STATE_FLOAT_MOMENTS : STATE_EXACT_MOMENTS;
		return;
	}
	m->state = is_float(m) ? STATE_FLOAT_STATS : STATE_EXACT_STATS;
	m->of = tally_value_type(m->def.type, InvalidOid, cxt);
}

/* init_ordered -- what is of values that have an order. */
static void
init_ordered(Measure *m, MeasureState state, MemoryContext cxt)
{
	m->state = state;
	m->result = m->def.type;
	m->of = tally_value_type(m->def.type, m->def.collation, cxt);
	if (m->of->order == ORDER_NONE)
		refuse_type(m, "The type has no default order.");
}

static void
check_precision(const Measure *m, const char *what, int least, int most)
{
	if (m->def.precision != 0 &&
		(m->def.precision < least || m->def.precision > most))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s of measure %s must be from %d to %d",
						what,
						tally_measure_kind_name(m->def.kind),
						least,
						most),
				 errdetail("It is %d.", m->def.precision),
				 errhint("Leave it out to have the exact answer.")));
}

static void
init_percentile(Measure *m)
{
	init_number(m);
	m->result = FLOAT8OID;
	m->state = m->def.precision == 0 ? STATE_LIST : STATE_DIGEST;
	check_precision(m,
					"compression",
					TALLY_DIGEST_MIN_COMPRESSION,
					TALLY_DIGEST_MAX_COMPRESSION);
	if (!(m->def.param >= 0 && m->def.param <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("percentile %g is not between 0 and 1",
						m->def.param)));
}

/* init_set -- distinct and values. */
static void
init_set(Measure *m, MemoryContext cxt)
{
	bool is_values = m->def.kind == TALLY_VALUES;

	m->of = tally_value_type(m->def.type, m->def.collation, cxt);
	if (m->of->mode == VALUE_OTHER && !m->of->has_hash)
		refuse_type(m, "The type has no default equality and hash function.");
	m->state = STATE_SET;
	m->result = INT8OID;
	if (is_values)
	{
		if (m->of->order == ORDER_NONE)
			refuse_type(m, "The type has no default order.");
		m->result = get_array_type(m->def.type);
		if (!OidIsValid(m->result))
			refuse_type(m, "There are no arrays of the type.");
		return;
	}
	check_precision(m,
					"precision",
					TALLY_HLL_MIN_PRECISION,
					TALLY_HLL_MAX_PRECISION);
	if (m->def.precision != 0)
	{
		m->state = STATE_SKETCH;
		if (m->of->mode == VALUE_OTHER && !m->of->has_hash64)
			refuse_type(m, "The type has no hash function of 64 bits.");
	}
}

void
tally_measure_init(Measure *m, const TallyMeasure *def, MemoryContext cxt)
{
	memset(m, 0, sizeof(*m));
	m->def = *def;
	if ((def->param != 0 && !tally_measure_has_param(def->kind)) ||
		(def->precision != 0 && !tally_measure_has_precision(def->kind)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("measure %s takes no parameter",
						tally_measure_kind_name(def->kind))));
	switch (def->kind)
	{
		case TALLY_COUNT:
			m->state = STATE_COUNT;
			m->result = INT8OID;
			break;
		case TALLY_SUM:
		case TALLY_AVG:
			init_sum(m);
			break;
		case TALLY_MIN:
		case TALLY_MAX:
			init_ordered(m, STATE_EXTREME, cxt);
			break;
		case TALLY_FIRST:
		case TALLY_LAST:
			init_ordered(m, STATE_EDGE, cxt);
			break;
		case TALLY_STDDEV:
		case TALLY_VARIANCE:
		case TALLY_STATS:
			init_moments(m, cxt);
			break;
		case TALLY_MEDIAN:
		case TALLY_PERCENTILE:
			init_percentile(m);
			break;
		case TALLY_DISTINCT:
		case TALLY_VALUES:
			init_set(m, cxt);
			break;
		case TALLY_MEASURE__COUNT:
			elog(ERROR, "invalid kind of measure");
	}
	m->ops = state_ops[m->state];
}

int
tally_measure_size(const Measure *m)
{
	return m->ops->size;
}

void
tally_measure_add(const Measure *m, void *state, Datum value, TimestampTz at,
				  MemoryContext cxt)
{
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
		case STATE_FLOAT:
			tally_float_add(&((MeasureFloat *) state)->sum,
							&((MeasureFloat *) state)->lost,
							m->input == INPUT_FLOAT8 ? DatumGetFloat8(value)
													 : DatumGetFloat4(value));
			break;
		default:
			m->ops->add(m, state, value, at, cxt);
	}
	((MeasureCount *) state)->n++;
}

bool
tally_measure_holds(const Measure *m)
{
	return m->state == STATE_COUNT || m->state == STATE_INTEGER ||
		   m->state == STATE_FLOAT || m->state == STATE_DECIMAL;
}

bool
tally_measure_hold(const Measure *m, Datum value, MeasureHeld *held)
{
	TallyDecimal d;
	Numeric big;

	if (m->state != STATE_DECIMAL)
	{
		held->of.value = value;
		return true;
	}
	if (!tally_exact_input(m, value, &d, &big) || d.digits != (int64) d.digits)
		return false;
	held->of.digits = (int64) d.digits;
	held->scale = d.scale;
	return true;
}

void
tally_measure_add_held(const Measure *m, void *state, const MeasureHeld *held,
					   MemoryContext cxt)
{
	if (m->state != STATE_DECIMAL)
		tally_measure_add(m, state, held->of.value, 0, cxt);
	else
	{
		tally_decimal_add_held(state, held->of.digits, held->scale, cxt);
		((MeasureCount *) state)->n++;
	}
}

void
tally_measure_merge(const Measure *m, void *into, const void *from,
					MemoryContext cxt)
{
	int64 n = tally_measure_nvalues(from);

	if (n == 0)
		return;
	if (n > TALLY_MAX_VALUES - tally_measure_nvalues(into))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("number of values out of range")));
	if (m->state != STATE_COUNT)
		m->ops->merge(m, into, from, cxt);
	((MeasureCount *) into)->n += n;
}

Datum
tally_measure_value(const Measure *m, const void *state, bool *isnull)
{
	*isnull = false;
	if (tally_measure_nvalues(state) > 0)
		return m->ops->value(m, state, isnull);
	*isnull = m->def.kind != TALLY_COUNT && m->def.kind != TALLY_DISTINCT;
	return Int64GetDatum(0);
}

void
tally_measure_write(const Measure *m, const void *state, TallyWriter *w)
{
	int64 n = tally_measure_nvalues(state);

	tally_put_varint(w, (uint64) n);
	if (n > 0)
		m->ops->write(m, state, w);
}

void
tally_measure_read(const Measure *m, void *state, TallyReader *r,
				   MemoryContext cxt)
{
	uint64 n = tally_get_varint(r);

	if (n > TALLY_MAX_VALUES)
		tally_corrupt("number of values");
	if (n > 0)
		m->ops->read(m, state, (int64) n, r, cxt);
	((MeasureCount *) state)->n = (int64) n;
}

bool
tally_measure_reads(const TallyMeasure *from, const TallyMeasure *into)
{
	bool is_percentile =
		into->kind == TALLY_MEDIAN || into->kind == TALLY_PERCENTILE;

	if (into->kind == TALLY_COUNT)
		return from->kind == TALLY_STATS && into->type == InvalidOid;
	if (from->type != into->type || from->precision != into->precision)
		return false;
	switch (from->kind)
	{
		case TALLY_STATS:
			return into->kind == TALLY_SUM || into->kind == TALLY_AVG ||
				   into->kind == TALLY_MIN || into->kind == TALLY_MAX ||
				   into->kind == TALLY_STDDEV || into->kind == TALLY_VARIANCE;
		case TALLY_MEDIAN:
		case TALLY_PERCENTILE:
			return is_percentile;
		default:
			return false;
	}
}

void
tally_measure_convert(const Measure *m, const void *state, const Measure *into,
					  void *into_state, MemoryContext cxt)
{
	Assert(tally_measure_reads(&m->def, &into->def));
	if (m->def.kind == TALLY_STATS)
		tally_stats_convert(m, state, into, into_state, cxt);
	else
		tally_measure_merge(into, into_state, state, cxt);
}
