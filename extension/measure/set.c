/*-------------------------------------------------------------------------
 *
 * set.c
 *	  Every different value once: how many they are, or which.
 *
 * The values stand in the order in which they came; of more than a few there
 * is a hash table of their places beside them, open, a power of two, at most
 * two thirds full:
 *
 *	  values: | a | b | c | ... | free |		slots: hash << 32 | place + 1
 *
 * Of equal values that are spelled differently the one whose bytes come first
 * is kept, so that neither the order of rows nor that of parallel workers
 * shows.
 *
 * FORMAT.  Varint number of values; the values, in the order of their bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/array.h"

#include "measure/ops.h"

/* So few are looked through one by one. */
#define FEW 8

#define FIRST_ROOM 2

/* Most values: the places of as many have 32 bits. */
#define MAX_SET (1 << 30)

typedef struct ValueSet
{
	uint32 count;
	uint32 room;
	uint32 nslots; /* a power of two; 0: there is no table yet */
	uint64 *slots; /* 0: free */
	Datum *values;
} ValueSet;

typedef struct MeasureSet
{
	int64 n;
	ValueSet *set; /* NULL while n is 0 */
} MeasureSet;

static ValueSet *
set_make(MemoryContext cxt)
{
	ValueSet *set = tally_space_alloc(cxt, sizeof(ValueSet));

	memset(set, 0, sizeof(*set));
	set->values = tally_space_alloc(cxt, FIRST_ROOM * sizeof(Datum));
	set->room = FIRST_ROOM;
	return set;
}

/* put_slot -- note the place of a value that is not in the table. */
static inline void
put_slot(ValueSet *set, uint32 hash, uint32 place)
{
	uint32 mask = set->nslots - 1;
	uint32 i = hash & mask;

	while (set->slots[i] != 0)
		i = (i + 1) & mask;
	set->slots[i] = (uint64) hash << 32 | (place + 1);
}

/* grow_table -- a table of twice the slots, or the first one. */
static void
grow_table(const Measure *m, ValueSet *set, MemoryContext cxt)
{
	uint32 before = set->nslots;
	uint64 *old = set->slots;
	uint32 nslots = before == 0 ? FEW * 4 : before * 2;
	Size size = (Size) nslots * sizeof(uint64);

	set->slots = tally_space_alloc(cxt, size);
	memset(set->slots, 0, size);
	set->nslots = nslots;
	if (old == NULL)
	{
		for (uint32 i = 0; i < set->count; i++)
			put_slot(set, tally_value_hash(m->of, set->values[i]), i);
		return;
	}
	for (uint32 i = 0; i < before; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (old[i] != 0)
			put_slot(set, (uint32) (old[i] >> 32), (uint32) old[i] - 1);
	}
	pfree(old);
}

/* find -- the place of a value; -1 when it is not there. */
static inline int64
find(const Measure *m, const ValueSet *set, Datum value, uint32 hash)
{
	uint32 mask = set->nslots - 1;

	if (set->nslots == 0)
	{
		for (uint32 i = 0; i < set->count; i++)
			if (tally_value_equal(m->of, set->values[i], value))
				return i;
		return -1;
	}
	for (uint32 i = hash & mask; set->slots[i] != 0; i = (i + 1) & mask)
	{
		uint32 place = (uint32) set->slots[i] - 1;

		if ((uint32) (set->slots[i] >> 32) == hash &&
			tally_value_equal(m->of, set->values[place], value))
			return place;
	}
	return -1;
}

/* reserve -- make room for one value more. */
static void
reserve(const Measure *m, ValueSet *set, MemoryContext cxt)
{
	if (set->count == set->room)
	{
		uint32 room = (uint32) Min((int64) set->room * 2, MAX_SET);

		if (set->count == MAX_SET)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("more than %d different values", MAX_SET),
					 errhint("Count them with a precision: distinct(.., "
							 "14).")));
		set->values =
			tally_space_resize(cxt, set->values, (Size) room * sizeof(Datum));
		set->room = room;
	}
	if (set->nslots == 0 ? set->count == FEW
						 : set->count >= set->nslots / 3 * 2)
		grow_table(m, set, cxt);
}

/* take -- a canonical value; false when it was there. */
static bool
take(const Measure *m, ValueSet *set, Datum value, MemoryContext cxt)
{
	bool is_hashed = set->nslots > 0;
	uint32 hash = is_hashed ? tally_value_hash(m->of, value) : 0;
	int64 place = find(m, set, value, hash);
	Datum kept;

	if (place >= 0)
	{
		kept = set->values[place];
		if (m->of->mode == VALUE_OTHER && !m->of->typbyval &&
			tally_value_compare_bytes(m->of, value, kept) < 0)
		{
			set->values[place] = tally_value_keep(m->of, value, cxt);
			tally_value_drop(m->of, kept);
		}
		return false;
	}
	reserve(m, set, cxt);
	if (set->nslots > 0 && !is_hashed)
		hash = tally_value_hash(m->of, value);
	if (set->nslots > 0)
		put_slot(set, hash, set->count);
	set->values[set->count] = tally_value_keep(m->of, value, cxt);
	set->count++;
	return true;
}

static void
set_add(const Measure *m, void *state, Datum value, TimestampTz at,
		MemoryContext cxt)
{
	MeasureSet *s = state;

	if (s->set == NULL)
		s->set = set_make(cxt);
	take(m, s->set, tally_value_canonical(m->of, value), cxt);
}

static void
set_merge(const Measure *m, void *into, const void *from, MemoryContext cxt)
{
	MeasureSet *s = into;
	const MeasureSet *f = from;

	if (s->set == NULL)
		s->set = set_make(cxt);
	for (uint32 i = 0; i < f->set->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		take(m, s->set, f->set->values[i], cxt);
	}
}

/* copy_values -- the values, to be sorted. */
static Datum *
copy_values(const ValueSet *set)
{
	Size size = (Size) set->count * sizeof(Datum);

	return memcpy(tally_space_alloc(GetMemoryChunkContext((void *) set), size),
				  set->values,
				  size);
}

static Datum
set_value(const Measure *m, const void *state, bool *isnull)
{
	const ValueSet *set = ((const MeasureSet *) state)->set;
	Datum *values;
	ArrayType *array;

	if (m->def.kind == TALLY_DISTINCT)
		return Int64GetDatum(set->count);
	values = copy_values(set);
	tally_value_sort(m->of, values, set->count);
	array = construct_array(values,
							(int) set->count,
							m->of->type,
							m->of->typlen,
							m->of->typbyval,
							m->of->typalign);
	pfree(values);
	return PointerGetDatum(array);
}

static void
set_write(const Measure *m, const void *state, TallyWriter *w)
{
	const ValueSet *set = ((const MeasureSet *) state)->set;
	Datum *values = copy_values(set);

	tally_value_sort_bytes(m->of, values, set->count);
	tally_put_varint(w, set->count);
	for (uint32 i = 0; i < set->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		tally_kept_write(m, values[i], w);
	}
	pfree(values);
}

static void
set_read(const Measure *m, void *state, int64 n, TallyReader *r,
		 MemoryContext cxt)
{
	MeasureSet *s = state;
	int32 count = tally_get_int(r,
								1,
								(int32) Min(n, MAX_SET),
								"number of different values");
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "reading a set",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);

	s->set = set_make(cxt);
	for (int32 i = 0; i < count; i++)
	{
		Datum v =
			tally_get_value(r, m->of->type, m->of->typlen, m->of->typbyval);

		CHECK_FOR_INTERRUPTS();
		if (!take(m, s->set, tally_value_canonical(m->of, v), cxt))
			tally_corrupt("list of different values");
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

const MeasureOps tally_set_ops = {
	.size = sizeof(MeasureSet),
	.add = set_add,
	.merge = set_merge,
	.value = set_value,
	.write = set_write,
	.read = set_read,
};
