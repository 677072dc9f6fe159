/*-------------------------------------------------------------------------
 *
 * panel_json.c
 *	  Values of JSON as parts of a group's key.
 *
 * Two are the same when they are equal as JSON: numbers by their value
 * whatever their spelling, strings and booleans as they are, lists and
 * objects member by member; values of unlike types never.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "series/panel/panel_internal.h"

/* panel_hash_json -- the hash of a JsonbValue; equal numbers hash alike. */
uint32
panel_hash_json(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvNull:
			return 0x6e756c6c;
		case jbvBool:
			return v->val.boolean ? 0x74727565 : 0x66616c73;
		case jbvString:
			return hash_bytes((const unsigned char *) v->val.string.val,
							  v->val.string.len);
		case jbvNumeric:
			return DatumGetUInt32(
				DirectFunctionCall1(hash_numeric,
									NumericGetDatum(v->val.numeric)));
		default:
			return DatumGetUInt32(
				DirectFunctionCall1(jsonb_hash,
									JsonbPGetDatum(JsonbValueToJsonb(
										unconstify(JsonbValue *, v)))));
	}
}

bool
panel_same_json(const JsonbValue *a, const JsonbValue *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type)
	{
		case jbvNull:
			return true;
		case jbvBool:
			return a->val.boolean == b->val.boolean;
		case jbvString:
			return a->val.string.len == b->val.string.len &&
				   memcmp(a->val.string.val,
						  b->val.string.val,
						  a->val.string.len) == 0;
		case jbvNumeric:
			return DatumGetBool(
				DirectFunctionCall2(numeric_eq,
									NumericGetDatum(a->val.numeric),
									NumericGetDatum(b->val.numeric)));
		case jbvBinary:
			return compareJsonbContainers(a->val.binary.data,
										  b->val.binary.data) == 0;
		default:
			elog(ERROR, "unexpected type of JSON value: %d", (int) a->type);
			return false;
	}
}

/* panel_json_bytes -- what a kept JsonbValue takes, besides itself. */
int64
panel_json_bytes(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvString:
			return v->val.string.len;
		case jbvNumeric:
			return VARSIZE_ANY(v->val.numeric);
		case jbvBinary:
			return v->val.binary.len;
		default:
			return 0;
	}
}

/* panel_copy_json -- a JsonbValue of its own, in the current context. */
JsonbValue *
panel_copy_json(const JsonbValue *v)
{
	JsonbValue *copy = palloc(sizeof(JsonbValue));
	Size size = panel_json_bytes(v);

	*copy = *v;
	if (v->type == jbvString)
		copy->val.string.val =
			memcpy(palloc(Max(size, 1)), v->val.string.val, size);
	else if (v->type == jbvNumeric)
		copy->val.numeric = memcpy(palloc(size), v->val.numeric, size);
	else if (v->type == jbvBinary)
		copy->val.binary.data = memcpy(palloc(size), v->val.binary.data, size);
	return copy;
}

/* json_rank -- numbers, strings, booleans, then the rest; null is last. */
static int
json_rank(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvNumeric:
			return 0;
		case jbvString:
			return 1;
		case jbvBool:
			return 2;
		case jbvNull:
			return 4;
		default:
			return 3;
	}
}

int
panel_order_json(const JsonbValue *a, const JsonbValue *b)
{
	int rank = json_rank(a) - json_rank(b);
	int order;

	if (rank != 0)
		return rank;
	switch (a->type)
	{
		case jbvNumeric:
			return DatumGetInt32(
				DirectFunctionCall2(numeric_cmp,
									NumericGetDatum(a->val.numeric),
									NumericGetDatum(b->val.numeric)));
		case jbvString:
			order = memcmp(a->val.string.val,
						   b->val.string.val,
						   Min(a->val.string.len, b->val.string.len));
			return order != 0 ? order : a->val.string.len - b->val.string.len;
		case jbvBool:
			return (int) a->val.boolean - (int) b->val.boolean;
		case jbvBinary:
			return compareJsonbContainers(a->val.binary.data,
										  b->val.binary.data);
		default:
			return 0;
	}
}
