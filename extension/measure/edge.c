/*-------------------------------------------------------------------------
 *
 * edge.c
 *	  The first and the last value by time.
 *
 * Of several values of the same instant the least counts, so that neither
 * the order of rows nor that of parallel workers shows.
 *
 * FORMAT.  The 8-byte instant, the value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "measure/ops.h"

typedef struct MeasureEdge
{
	int64 n;
	TimestampTz at;
	Datum value;
} MeasureEdge;

static void
edge_add(const Measure *m, void *state, Datum value, TimestampTz at,
		 MemoryContext cxt)
{
	MeasureEdge *s = state;
	bool is_there = s->n > 0;

	if (is_there && at != s->at)
	{
		if (m->def.kind == TALLY_FIRST ? at > s->at : at < s->at)
			return;
		tally_value_drop(m->of, s->value);
		is_there = false;
	}
	tally_extreme_take(m, true, is_there, &s->value, value, cxt);
	s->at = at;
}

static void
edge_merge(const Measure *m, void *into, const void *from, MemoryContext cxt)
{
	const MeasureEdge *f = from;

	edge_add(m, into, f->value, f->at, cxt);
}

static Datum
edge_value(const Measure *m, const void *state, bool *isnull)
{
	return ((const MeasureEdge *) state)->value;
}

static void
edge_write(const Measure *m, const void *state, TallyWriter *w)
{
	const MeasureEdge *s = state;

	tally_put_int64(w, (uint64) s->at);
	tally_kept_write(m, s->value, w);
}

static void
edge_read(const Measure *m, void *state, int64 n, TallyReader *r,
		  MemoryContext cxt)
{
	MeasureEdge *s = state;

	s->at = (TimestampTz) tally_get_int64(r);
	s->value = tally_kept_read(m, r, cxt);
}

const MeasureOps tally_edge_ops = {
	.size = sizeof(MeasureEdge),
	.add = edge_add,
	.merge = edge_merge,
	.value = edge_value,
	.write = edge_write,
	.read = edge_read,
};
