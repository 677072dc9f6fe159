/*-------------------------------------------------------------------------
 *
 * compare.c
 *	  The order of JSON values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "filter/compare.h"

/* compare_text -- by bytes, which in UTF-8 is by code point. */
static int
compare_text(const JsonbValue *a, const JsonbValue *b)
{
	int alen = a->val.string.len;
	int blen = b->val.string.len;
	int cmp = memcmp(a->val.string.val, b->val.string.val, Min(alen, blen));

	return cmp != 0 ? cmp : alen - blen;
}

int
tally_scalar_compare(const JsonbValue *a, const JsonbValue *b)
{
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	switch (a->type)
	{
		case jbvNull:
			return 0;
		case jbvBool:
			return (int) a->val.boolean - (int) b->val.boolean;
		case jbvString:
			return compare_text(a, b);
		case jbvNumeric:
			return DatumGetInt32(
				DirectFunctionCall2(numeric_cmp,
									NumericGetDatum(a->val.numeric),
									NumericGetDatum(b->val.numeric)));
		default:
			elog(ERROR, "JSON value of type %d is not a scalar", a->type);
	}
}

/* kind_rank -- where a kind of value stands among the others. */
static int
kind_rank(const Jsonb *json, const JsonbValue *scalar)
{
	if (!JB_ROOT_IS_SCALAR(json))
		return JB_ROOT_IS_ARRAY(json) ? 3 : 4;
	switch (scalar->type)
	{
		case jbvNumeric:
			return 0;
		case jbvString:
			return 1;
		case jbvBool:
			return 2;
		default:
			return 5;
	}
}

int
tally_json_compare(Jsonb *a, Jsonb *b)
{
	JsonbValue x;
	JsonbValue y;
	int cmp;

	if (JB_ROOT_IS_SCALAR(a))
		JsonbExtractScalar(&a->root, &x);
	if (JB_ROOT_IS_SCALAR(b))
		JsonbExtractScalar(&b->root, &y);
	cmp = kind_rank(a, &x) - kind_rank(b, &y);
	if (cmp != 0)
		return cmp;
	if (JB_ROOT_IS_SCALAR(a))
		return tally_scalar_compare(&x, &y);
	return compareJsonbContainers(&a->root, &b->root);
}
