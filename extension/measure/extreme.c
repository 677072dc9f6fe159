/*-------------------------------------------------------------------------
 *
 * extreme.c
 *	  The least and the greatest value.
 *
 * FORMAT.  The value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "measure/ops.h"

/* replaces -- is "value" to be kept instead of "kept"? */
static bool
replaces(const Measure *m, bool is_least, Datum value, Datum kept)
{
	int order = tally_value_compare(m->of, value, kept);

	if (order != 0 || m->of->typbyval)
		return is_least ? order < 0 : order > 0;
	return tally_value_compare_bytes(m->of, value, kept) < 0;
}

void
tally_extreme_take(const Measure *m, bool is_least, bool is_there, Datum *kept,
				   Datum value, MemoryContext cxt)
{
	value = tally_value_canonical(m->of, value);
	if (is_there)
	{
		if (!replaces(m, is_least, value, *kept))
			return;
		tally_value_drop(m->of, *kept);
	}
	*kept = tally_value_keep(m->of, value, cxt);
}

void
tally_kept_write(const Measure *m, Datum value, TallyWriter *w)
{
	tally_put_value(w, m->of->type, m->of->typlen, m->of->typbyval, value);
}

Datum
tally_kept_read(const Measure *m, TallyReader *r, MemoryContext cxt)
{
	Datum value =
		tally_get_value(r, m->of->type, m->of->typlen, m->of->typbyval);

	return tally_value_keep(m->of, tally_value_canonical(m->of, value), cxt);
}

static void
extreme_add(const Measure *m, void *state, Datum value, TimestampTz at,
			MemoryContext cxt)
{
	MeasureExtreme *s = state;

	tally_extreme_take(
		m, m->def.kind == TALLY_MIN, s->n > 0, &s->value, value, cxt);
}

static void
extreme_merge(const Measure *m, void *into, const void *from,
			  MemoryContext cxt)
{
	extreme_add(m, into, ((const MeasureExtreme *) from)->value, 0, cxt);
}

static Datum
extreme_value(const Measure *m, const void *state, bool *isnull)
{
	return ((const MeasureExtreme *) state)->value;
}

static void
extreme_write(const Measure *m, const void *state, TallyWriter *w)
{
	tally_kept_write(m, ((const MeasureExtreme *) state)->value, w);
}

static void
extreme_read(const Measure *m, void *state, int64 n, TallyReader *r,
			 MemoryContext cxt)
{
	((MeasureExtreme *) state)->value = tally_kept_read(m, r, cxt);
}

const MeasureOps tally_extreme_ops = {
	.size = sizeof(MeasureExtreme),
	.add = extreme_add,
	.merge = extreme_merge,
	.value = extreme_value,
	.write = extreme_write,
	.read = extreme_read,
};
