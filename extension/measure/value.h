/*
 * value.h
 *	  Values of one type: which are equal, which comes first, and copies of
 *	  them that are kept in a panel.
 *
 * Equality is the type's default one, as in GROUP BY: 1.0 and 1.00 are one
 * value, and so are 0 and -0, and all NaNs.
 */
#ifndef TALLY_VALUE_H
#define TALLY_VALUE_H

#include "fmgr.h"
#include "utils/memutils.h"

#include "budget.h"

/* How values of the type are told apart. */
typedef enum ValueMode
{
	VALUE_BYVAL,  /* the Datum itself */
	VALUE_FLOAT4, /* likewise, after -0 became 0 and any NaN the one NaN */
	VALUE_FLOAT8,
	VALUE_FIXED,   /* the bytes, typlen of them */
	VALUE_VARLENA, /* the bytes: equal means bitwise equal */
	VALUE_OTHER	   /* by the type's own hash and equality functions */
} ValueMode;

/* How values of the type are ordered. */
typedef enum ValueOrder
{
	ORDER_NONE, /* the type has no default order */
	ORDER_INT2,
	ORDER_INT4, /* also date */
	ORDER_INT8, /* also timestamp and timestamptz */
	ORDER_FLOAT4,
	ORDER_FLOAT8,
	ORDER_OTHER /* by the type's own comparison function */
} ValueOrder;

typedef struct ValueType
{
	Oid type;
	Oid collation;
	int16 typlen;
	bool typbyval;
	char typalign;
	ValueMode mode;
	ValueOrder order;
	bool has_hash;	 /* VALUE_OTHER: "hash" and "equal" are there */
	bool has_hash64; /* likewise "hash64" */
	FmgrInfo compare;
	FmgrInfo hash;
	FmgrInfo equal;
	FmgrInfo hash64;
} ValueType;

struct TypeCacheEntry;

/* Are equal values of the type bitwise equal?  Needs its btree_opf. */
extern bool tally_equal_is_bitwise(struct TypeCacheEntry *type, Oid collation);

/*
 * The collation of a value: the type's own.  An aggregate has one collation
 * for all its arguments, and "inherited" is it; it only counts where the
 * arguments that can have one agree.
 */
extern Oid tally_collation_of(Oid type, Oid inherited);

/* Looks all of it up; in "cxt". */
extern ValueType *tally_value_type(Oid type, Oid collation, MemoryContext cxt);

/*
 * The form in which a value is compared, hashed and kept: detoasted, and of a
 * float the one spelling.
 */
extern Datum tally_value_canonical(const ValueType *t, Datum value);

/* The rest is for canonical values.  < 0, 0 or > 0; needs an order. */
extern int tally_value_compare(ValueType *t, Datum a, Datum b);

extern bool tally_value_equal(ValueType *t, Datum a, Datum b);
extern uint32 tally_value_hash(ValueType *t, Datum value);
extern uint64 tally_value_hash64(ValueType *t, Datum value);

/* An order of spellings, for all types: by their bytes. */
extern int tally_value_compare_bytes(const ValueType *t, Datum a, Datum b);

/* A copy that is kept in "cxt"; pfree'd when it is by-reference. */
extern Datum tally_value_keep(const ValueType *t, Datum value,
							  MemoryContext cxt);
extern void tally_value_drop(const ValueType *t, Datum value);

/* Sorts: by the type's order, or by bytes.  Interruptible. */
extern void tally_value_sort(ValueType *t, Datum *values, Size n);
extern void tally_value_sort_bytes(ValueType *t, Datum *values, Size n);

/*
 * Memory of a state, in a panel's context: refused before it is taken when
 * the panel would be larger than tally.max_memory.
 */
static inline void
tally_space_charge(MemoryContext cxt, int64 bytes)
{
	tally_budget_memory((int64) MemoryContextMemAllocated(cxt, false) + bytes);
}

static inline void *
tally_space_alloc(MemoryContext cxt, Size bytes)
{
	tally_space_charge(cxt, (int64) bytes);
	return MemoryContextAllocExtended(cxt, bytes, MCXT_ALLOC_HUGE);
}

/* While it is copied, old and new are both there. */
static inline void *
tally_space_resize(MemoryContext cxt, void *old, Size bytes)
{
	tally_space_charge(cxt, (int64) bytes);
	return repalloc_huge(old, bytes);
}

#endif
