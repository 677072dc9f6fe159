/*-------------------------------------------------------------------------
 *
 * value.c
 *	  Values of one type: equality, order, hashes and copies.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/nbtree.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "measure/value.h"

bool
tally_equal_is_bitwise(TypeCacheEntry *type, Oid collation)
{
	Oid proc;

	/*
	 * Clusters made by older versions may still list interval, wrongly;
	 * a bpchar without a length keeps trailing blanks that do not count.
	 */
	if (type->type_id == INTERVALOID || type->type_id == BPCHAROID ||
		!OidIsValid(type->btree_opf))
		return false;
	proc = get_opfamily_proc(type->btree_opf,
							 type->btree_opintype,
							 type->btree_opintype,
							 BTEQUALIMAGE_PROC);
	return OidIsValid(proc) &&
		   DatumGetBool(OidFunctionCall1Coll(
			   proc, collation, ObjectIdGetDatum(type->btree_opintype)));
}

static ValueOrder
order_of(Oid type)
{
	switch (type)
	{
		case INT2OID:
			return ORDER_INT2;
		case INT4OID:
		case DATEOID:
			return ORDER_INT4;
		case INT8OID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return ORDER_INT8;
		case FLOAT4OID:
			return ORDER_FLOAT4;
		case FLOAT8OID:
			return ORDER_FLOAT8;
		default:
			return ORDER_OTHER;
	}
}

static ValueMode
mode_of(TypeCacheEntry *type, Oid collation)
{
	if (type->type_id == FLOAT4OID)
		return VALUE_FLOAT4;
	if (type->type_id == FLOAT8OID)
		return VALUE_FLOAT8;
	if (!tally_equal_is_bitwise(type, collation) || type->typlen == -2)
		return VALUE_OTHER;
	if (type->typbyval)
		return VALUE_BYVAL;
	return type->typlen > 0 ? VALUE_FIXED : VALUE_VARLENA;
}

Oid
tally_collation_of(Oid type, Oid inherited)
{
	Oid own = get_typcollation(type);

	return OidIsValid(own) && OidIsValid(inherited) ? inherited : own;
}

ValueType *
tally_value_type(Oid type, Oid collation, MemoryContext cxt)
{
	ValueType *t = MemoryContextAllocZero(cxt, sizeof(ValueType));
	TypeCacheEntry *cached =
		lookup_type_cache(type,
						  TYPECACHE_BTREE_OPFAMILY | TYPECACHE_CMP_PROC_FINFO |
							  TYPECACHE_EQ_OPR_FINFO |
							  TYPECACHE_HASH_PROC_FINFO |
							  TYPECACHE_HASH_EXTENDED_PROC_FINFO);

	t->type = type;
	t->collation = collation;
	t->typlen = cached->typlen;
	t->typbyval = cached->typbyval;
	t->typalign = cached->typalign;
	t->mode = mode_of(cached, collation);
	if (OidIsValid(cached->cmp_proc_finfo.fn_oid))
	{
		t->order = order_of(type);
		fmgr_info_copy(&t->compare, &cached->cmp_proc_finfo, cxt);
	}
	t->has_hash = OidIsValid(cached->eq_opr_finfo.fn_oid) &&
				  OidIsValid(cached->hash_proc_finfo.fn_oid);
	t->has_hash64 =
		t->has_hash && OidIsValid(cached->hash_extended_proc_finfo.fn_oid);
	if (t->has_hash)
	{
		fmgr_info_copy(&t->equal, &cached->eq_opr_finfo, cxt);
		fmgr_info_copy(&t->hash, &cached->hash_proc_finfo, cxt);
	}
	if (t->has_hash64)
		fmgr_info_copy(&t->hash64, &cached->hash_extended_proc_finfo, cxt);
	return t;
}

Datum
tally_value_canonical(const ValueType *t, Datum value)
{
	switch (t->mode)
	{
		case VALUE_BYVAL:
		case VALUE_FIXED:
			break;
		case VALUE_FLOAT4:
		{
			float4 f = DatumGetFloat4(value);

			return Float4GetDatum(isnan(f)	  ? get_float4_nan()
								  : f == 0.0f ? 0.0f
											  : f);
		}
		case VALUE_FLOAT8:
		{
			float8 f = DatumGetFloat8(value);

			return Float8GetDatum(isnan(f)	 ? get_float8_nan()
								  : f == 0.0 ? 0.0
											 : f);
		}
		case VALUE_VARLENA:
		case VALUE_OTHER:
			if (t->typlen == -1)
				return PointerGetDatum(PG_DETOAST_DATUM_PACKED(value));
			break;
	}
	return value;
}

#define COMPARE(a, b) ((a) < (b) ? -1 : (a) > (b) ? 1 : 0)

int
tally_value_compare(ValueType *t, Datum a, Datum b)
{
	switch (t->order)
	{
		case ORDER_NONE:
			break;
		case ORDER_INT2:
			return COMPARE(DatumGetInt16(a), DatumGetInt16(b));
		case ORDER_INT4:
			return COMPARE(DatumGetInt32(a), DatumGetInt32(b));
		case ORDER_INT8:
			return COMPARE(DatumGetInt64(a), DatumGetInt64(b));
		case ORDER_FLOAT4:
			return float4_cmp_internal(DatumGetFloat4(a), DatumGetFloat4(b));
		case ORDER_FLOAT8:
			return float8_cmp_internal(DatumGetFloat8(a), DatumGetFloat8(b));
		case ORDER_OTHER:
			return DatumGetInt32(
				FunctionCall2Coll(&t->compare, t->collation, a, b));
	}
	elog(ERROR, "type %u has no order", t->type);
	return 0;
}

/* image -- the bytes of a by-reference value. */
static inline const char *
image(const ValueType *t, Datum value, Size *size)
{
	if (t->typlen == -1)
	{
		*size = VARSIZE_ANY_EXHDR(DatumGetPointer(value));
		return VARDATA_ANY(DatumGetPointer(value));
	}
	*size = datumGetSize(value, false, t->typlen);
	return DatumGetPointer(value);
}

int
tally_value_compare_bytes(const ValueType *t, Datum a, Datum b)
{
	const char *image_a;
	const char *image_b;
	Size size_a;
	Size size_b;
	int order;

	if (t->typbyval)
		return COMPARE(a, b);
	image_a = image(t, a, &size_a);
	image_b = image(t, b, &size_b);
	order = memcmp(image_a, image_b, Min(size_a, size_b));
	return order != 0 ? order : COMPARE(size_a, size_b);
}

bool
tally_value_equal(ValueType *t, Datum a, Datum b)
{
	if (t->mode == VALUE_OTHER)
		return DatumGetBool(FunctionCall2Coll(&t->equal, t->collation, a, b));
	if (t->typbyval)
		return a == b;
	return tally_value_compare_bytes(t, a, b) == 0;
}

/* mix -- all bits of a number in each bit of its hash (after Stafford). */
static inline uint64
mix(uint64 v)
{
	v ^= v >> 30;
	v *= UINT64CONST(0xbf58476d1ce4e5b9);
	v ^= v >> 27;
	v *= UINT64CONST(0x94d049bb133111eb);
	return v ^ (v >> 31);
}

uint32
tally_value_hash(ValueType *t, Datum value)
{
	const char *bytes;
	Size size;

	if (t->mode == VALUE_OTHER)
		return DatumGetUInt32(
			FunctionCall1Coll(&t->hash, t->collation, value));
	if (t->typbyval)
		return (uint32) mix((uint64) value);
	bytes = image(t, value, &size);
	return hash_bytes((const unsigned char *) bytes, (int) size);
}

uint64
tally_value_hash64(ValueType *t, Datum value)
{
	const char *bytes;
	Size size;

	if (t->mode == VALUE_OTHER)
		return DatumGetUInt64(FunctionCall2Coll(
			&t->hash64, t->collation, value, UInt64GetDatum(0)));
	if (t->typbyval)
		return mix((uint64) value + 1);
	bytes = image(t, value, &size);
	return hash_bytes_extended((const unsigned char *) bytes, (int) size, 0);
}

Datum
tally_value_keep(const ValueType *t, Datum value, MemoryContext cxt)
{
	MemoryContext old;

	if (t->typbyval)
		return value;
	tally_space_charge(cxt, (int64) datumGetSize(value, false, t->typlen));
	old = MemoryContextSwitchTo(cxt);
	value = datumCopy(value, false, t->typlen);
	MemoryContextSwitchTo(old);
	return value;
}

void
tally_value_drop(const ValueType *t, Datum value)
{
	if (!t->typbyval)
		pfree(DatumGetPointer(value));
}

#define ST_SORT sort_values
#define ST_ELEMENT_TYPE Datum
#define ST_COMPARE_ARG_TYPE ValueType
#define ST_COMPARE(a, b, t) tally_value_compare(t, *(a), *(b))
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_values_bytes
#define ST_ELEMENT_TYPE Datum
#define ST_COMPARE_ARG_TYPE ValueType
#define ST_COMPARE(a, b, t) tally_value_compare_bytes(t, *(a), *(b))
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

void
tally_value_sort(ValueType *t, Datum *values, Size n)
{
	sort_values(values, n, t);
}

void
tally_value_sort_bytes(ValueType *t, Datum *values, Size n)
{
	sort_values_bytes(values, n, t);
}
