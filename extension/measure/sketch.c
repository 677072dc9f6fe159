/*-------------------------------------------------------------------------
 *
 * sketch.c
 *	  About how many different values there were: a HyperLogLog.
 *
 * Values are hashed as their type's equality wants it, so 1.0 and 1.00 are
 * one.  Sketches can be merged wherever hashes are the same, which they are
 * for all servers of one byte order; a portable one says what its hashes are
 * like, and one that differs is refused rather than counted wrongly.
 *
 * FORMAT.  Portable: 8 bytes, the hash of a certain text.  Then varint number
 * of registers that are set.  Where as many make it dense, all registers, a
 * byte each; otherwise of each that is set varint distance from the one before
 * (the first: its number + 1), byte value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "miscadmin.h"

#include "measure/hll.h"
#include "measure/ops.h"

typedef struct MeasureSketch
{
	int64 n;
	TallyHll *hll; /* NULL while n is 0 */
} MeasureSketch;

static void
make(const Measure *m, MeasureSketch *s, MemoryContext cxt)
{
	s->hll = tally_space_alloc(cxt, tally_hll_first_size(m->def.precision));
	tally_hll_init(s->hll, m->def.precision);
}

static void
grow(MeasureSketch *s, MemoryContext cxt)
{
	TallyHll *larger = tally_space_alloc(cxt, tally_hll_next_size(s->hll));

	tally_hll_grow(s->hll, larger);
	pfree(s->hll);
	s->hll = larger;
}

/* set -- one register of the sketch, at least. */
static void
set(MeasureSketch *s, uint32 index, int rank, MemoryContext cxt)
{
	while (!tally_hll_set(s->hll, index, rank))
		grow(s, cxt);
}

static void
sketch_add(const Measure *m, void *state, Datum value, TimestampTz at,
		   MemoryContext cxt)
{
	MeasureSketch *s = state;
	uint64 hash =
		tally_value_hash64(m->of, tally_value_canonical(m->of, value));

	if (s->hll == NULL)
		make(m, s, cxt);
	while (!tally_hll_add(s->hll, hash))
		grow(s, cxt);
}

static void
sketch_merge(const Measure *m, void *into, const void *from, MemoryContext cxt)
{
	MeasureSketch *s = into;
	const MeasureSketch *f = from;
	uint32 index = 0;
	uint32 found;
	int rank;

	if (s->hll == NULL)
		make(m, s, cxt);
	CHECK_FOR_INTERRUPTS();
	while ((rank = tally_hll_next(f->hll, &index, &found)) > 0)
		set(s, found, rank, cxt);
}

static Datum
sketch_value(const Measure *m, const void *state, bool *isnull)
{
	const MeasureSketch *s = state;
	double estimate = rint(tally_hll_estimate(s->hll));

	/* There are no more different values than values. */
	return Int64GetDatum(estimate < (double) s->n ? Max((int64) estimate, 1)
												  : s->n);
}

/* hash_mark -- tells servers apart that hash bytes differently. */
static uint64
hash_mark(void)
{
	static const unsigned char text[] = "How many are there?";

	return hash_bytes_extended(text, sizeof(text) - 1, 0);
}

static void
sketch_write(const Measure *m, const void *state, TallyWriter *w)
{
	const TallyHll *h = ((const MeasureSketch *) state)->hll;
	uint32 index = 0;
	uint32 last = 0;
	uint32 found;
	int rank;

	if (w->portable)
		tally_put_int64(w, hash_mark());
	tally_put_varint(w, h->nset);
	if (h->is_dense)
	{
		appendBinaryStringInfo(w->buf,
							   (const char *) h->data,
							   1 << m->def.precision);
		return;
	}
	while ((rank = tally_hll_next(h, &index, &found)) > 0)
	{
		tally_put_varint(w, index - last);
		tally_put_byte(w, (uint8) rank);
		last = index;
	}
}

static void
check_mark(TallyReader *r)
{
	if (tally_get_int64(r) != hash_mark())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("sketch of distinct values is of a server with other "
						"hash functions"),
				 errhint("It can be read where it was made, or on a server of "
						 "the same byte order.")));
}

static void
sketch_read(const Measure *m, void *state, int64 n, TallyReader *r,
			MemoryContext cxt)
{
	MeasureSketch *s = state;
	int precision = m->def.precision;
	int32 nregisters = 1 << precision;
	int most = tally_hll_max_rank(precision);
	int32 nset;
	int32 last = -1;

	if (r->portable)
		check_mark(r);
	nset = tally_get_int(r, 1, nregisters, "sketch");
	if (nset > n)
		tally_corrupt("sketch");
	make(m, s, cxt);
	if (nset > (int32) tally_hll_sparse_limit(precision))
	{
		const uint8 *registers =
			(const uint8 *) tally_get_raw(r, (uint64) nregisters);

		for (int32 i = 0; i < nregisters; i++)
		{
			if (registers[i] > most)
				tally_corrupt("sketch");
			if (registers[i] > 0)
				set(s, (uint32) i, registers[i], cxt);
		}
	}
	else
		for (int32 i = 0; i < nset; i++)
		{
			uint8 rank;

			last += tally_get_int(r, 1, nregisters - 1 - last, "sketch");
			rank = tally_get_byte(r);
			if (rank < 1 || rank > most)
				tally_corrupt("sketch");
			set(s, (uint32) last, rank, cxt);
		}
	if (s->hll->nset != (uint32) nset)
		tally_corrupt("sketch");
}

const MeasureOps tally_sketch_ops = {
	.size = sizeof(MeasureSketch),
	.add = sketch_add,
	.merge = sketch_merge,
	.value = sketch_value,
	.write = sketch_write,
	.read = sketch_read,
};
