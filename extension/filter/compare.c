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
kind_rank(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNumeric:
			return 0;
		case jbvString:
			return 1;
		case jbvBool:
			return 2;
		case jbvBinary:
			return JsonContainerIsArray(value->val.binary.data) ? 3 : 4;
		default:
			return 5;
	}
}

int
tally_json_compare(const JsonbValue *a, const JsonbValue *b)
{
	int cmp = kind_rank(a) - kind_rank(b);

	if (cmp != 0)
		return cmp;
	if (a->type == jbvBinary)
		return compareJsonbContainers(a->val.binary.data, b->val.binary.data);
	return tally_scalar_compare(a, b);
}
