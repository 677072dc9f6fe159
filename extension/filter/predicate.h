/*
 * predicate.h
 *	  A compiled filter, between compile.c which makes it and match.c which
 *	  asks it.  Nobody else includes this.
 */
#ifndef TALLY_PREDICATE_H
#define TALLY_PREDICATE_H

#include "filter/filter.h"

typedef enum TallyOperator
{
	TALLY_OP_EQ,
	TALLY_OP_NE,
	TALLY_OP_LT,
	TALLY_OP_LTE,
	TALLY_OP_GT,
	TALLY_OP_GTE,
	TALLY_OP_EXISTS,
	TALLY_OP_IN,
	TALLY_OP_CONTAINS,
	TALLY_OP_NOT_CONTAINS,
	TALLY_OP__COUNT
} TallyOperator;

/* What is compared with: a JSON value, and the instant that it spells. */
typedef struct TallyOperand
{
	JsonbValue value;
	TimestampTz instant; /* when the path is an instant, value a string */
} TallyOperand;

/*
 * One condition.  Every operator has one operand but "in", which has as many
 * as its list has members: first the scalars, sorted for a binary search,
 * then lists and objects.  The operand of "exists" is a boolean.
 */
typedef struct TallyPredicate
{
	TallyPath *path;
	TallyOperator op;
	int noperands;
	int nscalars; /* of them; counts only for "in" */
	TallyOperand *operand;
} TallyPredicate;

struct TallyFilter
{
	int n;
	TallyPredicate predicate[FLEXIBLE_ARRAY_MEMBER];
};

#endif
