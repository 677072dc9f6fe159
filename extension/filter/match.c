/*-------------------------------------------------------------------------
 *
 * match.c
 *	  Does an event satisfy a compiled filter?
 *
 * Runs once an event.  Only the comparison of lists and objects allocates,
 * in the caller's short-lived context.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "filter/compare.h"
#include "filter/predicate.h"

static bool
is_list(const JsonbValue *value)
{
	return value->type == jbvBinary &&
		   JsonContainerIsArray(value->val.binary.data);
}

/* is_equal -- the same JSON: scalars, lists or objects. */
static bool
is_equal(const JsonbValue *a, const JsonbValue *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == jbvBinary)
		return compareJsonbContainers(a->val.binary.data,
									  b->val.binary.data) == 0;
	return tally_scalar_compare(a, b) == 0;
}

/* has_member -- is the scalar a member of the list? */
static bool
has_member(const JsonbValue *list, const JsonbValue *scalar)
{
	JsonbValue key = *scalar;

	return findJsonbValueFromContainer(list->val.binary.data,
									   JB_FARRAY,
									   &key) != NULL;
}

/* match_eq -- "value" is NULL when the property is missing. */
static bool
match_eq(const JsonbValue *value, const JsonbValue *operand)
{
	if (value == NULL)
		return operand->type == jbvNull;
	if (is_equal(value, operand))
		return true;
	return is_list(value) && operand->type != jbvBinary &&
		   has_member(value, operand);
}

/* in_scalars -- is the scalar among the sorted operands of "in"? */
static bool
in_scalars(const TallyPredicate *p, const JsonbValue *scalar)
{
	int low = 0;
	int high = p->nscalars;

	while (low < high)
	{
		int mid = low + (high - low) / 2;
		int cmp = tally_scalar_compare(scalar, &p->operand[mid].value);

		if (cmp == 0)
			return true;
		if (cmp < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return false;
}

static bool
match_in(const TallyPredicate *p, const JsonbValue *value)
{
	static const JsonbValue null_value = {.type = jbvNull};

	if (value == NULL)
		return in_scalars(p, &null_value);
	if (value->type != jbvBinary)
		return in_scalars(p, value);

	for (int i = p->nscalars; i < p->noperands; i++)
		if (is_equal(value, &p->operand[i].value))
			return true;
	if (is_list(value))
	{
		int n = JsonContainerSize(value->val.binary.data);

		for (int i = 0; i < n; i++)
		{
			JsonbValue *one =
				getIthJsonbValueFromContainer(value->val.binary.data, i);

			if (one->type != jbvBinary && in_scalars(p, one))
				return true;
		}
	}
	return false;
}

/* has_text -- is "needle" somewhere in "text"? */
static bool
has_text(const JsonbValue *text, const JsonbValue *needle)
{
	const char *at = text->val.string.val;
	const char *end = at + text->val.string.len;
	const char *what = needle->val.string.val;
	int len = needle->val.string.len;

	if (len == 0)
		return true;
	while (end - at >= len)
	{
		at = memchr(at, what[0], end - at - len + 1);
		if (at == NULL)
			return false;
		if (memcmp(at, what, len) == 0)
			return true;
		at++;
	}
	return false;
}

static bool
match_contains(const JsonbValue *value, const JsonbValue *operand)
{
	if (value == NULL)
		return false;
	if (is_list(value))
		return has_member(value, operand);
	return value->type == jbvString && operand->type == jbvString &&
		   has_text(value, operand);
}

/* holds -- does the outcome of a comparison satisfy lt, lte, gt or gte? */
static bool
holds(TallyOperator op, int cmp)
{
	switch (op)
	{
		case TALLY_OP_LT:
			return cmp < 0;
		case TALLY_OP_LTE:
			return cmp <= 0;
		case TALLY_OP_GT:
			return cmp > 0;
		case TALLY_OP_GTE:
			return cmp >= 0;
		default:
			elog(ERROR, "operator %d does not compare", (int) op);
	}
}

static bool
match_order(TallyOperator op, const JsonbValue *value,
			const JsonbValue *operand)
{
	if (value == NULL || value->type != operand->type)
		return false;
	if (value->type == jbvNumeric || value->type == jbvString)
		return holds(op, tally_scalar_compare(value, operand));
	return false;
}

static bool
match_property(const TallyPredicate *p, TallyEvent *event)
{
	JsonbValue found;
	const JsonbValue *operand = &p->operand->value;
	const JsonbValue *value =
		tally_path_lookup(p->path, event, &found) ? &found : NULL;

	switch (p->op)
	{
		case TALLY_OP_EQ:
			return match_eq(value, operand);
		case TALLY_OP_NE:
			return !match_eq(value, operand);
		case TALLY_OP_EXISTS:
			return (value != NULL) == operand->val.boolean;
		case TALLY_OP_IN:
			return match_in(p, value);
		case TALLY_OP_CONTAINS:
			return match_contains(value, operand);
		case TALLY_OP_NOT_CONTAINS:
			return !match_contains(value, operand);
		default:
			return match_order(p->op, value, operand);
	}
}

/* instant_is -- is it (or its absence) what the operand says? */
static bool
instant_is(bool present, TimestampTz t, const TallyOperand *operand)
{
	if (operand->value.type == jbvNull)
		return !present;
	return present && t == operand->instant;
}

/* match_instant -- the same for keen.timestamp and keen.created_at. */
static bool
match_instant(const TallyPredicate *p, const TallyEvent *event)
{
	TimestampTz t;
	bool present = tally_path_instant(p->path, event, &t);

	switch (p->op)
	{
		case TALLY_OP_EQ:
			return instant_is(present, t, p->operand);
		case TALLY_OP_NE:
			return !instant_is(present, t, p->operand);
		case TALLY_OP_EXISTS:
			return present == p->operand->value.val.boolean;
		case TALLY_OP_IN:
			for (int i = 0; i < p->noperands; i++)
				if (instant_is(present, t, &p->operand[i]))
					return true;
			return false;
		default:
			return present && p->operand->value.type != jbvNull &&
				   holds(p->op,
						 t < p->operand->instant
							 ? -1
							 : (t > p->operand->instant ? 1 : 0));
	}
}

bool
tally_filter_match(const TallyFilter *filter, TallyEvent *event)
{
	for (int i = 0; i < filter->n; i++)
	{
		const TallyPredicate *p = &filter->predicate[i];

		if (!(tally_path_is_instant(p->path) ? match_instant(p, event)
											 : match_property(p, event)))
			return false;
	}
	return true;
}
