/*-------------------------------------------------------------------------
 *
 * compile.c
 *	  From a client's list of filters to predicates; every mistake is found
 *	  here, before an event is read.
 *
 * Which operator takes which kind of operand is one table, so that the error
 * can say what would have been right.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "contract.h"
#include "filter/compare.h"
#include "filter/describe.h"
#include "filter/predicate.h"
#include "sqlstate.h"
#include "time/timeframe.h"

#define ERRCODE_TALLY_MISSING TALLY_SQLSTATE(TALLY_ERR_MISSING_PARAMETER)

/* Kinds of JSON value, as bits. */
#define KIND_NULL 0x01
#define KIND_STRING 0x02
#define KIND_NUMBER 0x04
#define KIND_BOOL 0x08
#define KIND_LIST 0x10
#define KIND_OBJECT 0x20
#define KIND_SCALAR (KIND_NULL | KIND_STRING | KIND_NUMBER | KIND_BOOL)
#define KIND_ANY (KIND_SCALAR | KIND_LIST | KIND_OBJECT)

static const struct
{
	int bit;
	const char *name;
} kind_names[] = {
	{KIND_STRING, "a string"},
	{KIND_NUMBER, "a number"},
	{KIND_BOOL, "a boolean"},
	{KIND_NULL, "null"},
	{KIND_LIST, "a list"},
	{KIND_OBJECT, "an object"},
};

/*
 * What an operator takes; and on keen.timestamp and keen.created_at, whose
 * values are instants: 0 where it makes no sense there.
 */
/* clang-format off */
static const struct
{
	const char *name;
	int takes;
	int takes_instant;
} operators[TALLY_OP__COUNT] = {
	[TALLY_OP_EQ] = {"eq", KIND_ANY, KIND_STRING | KIND_NULL},
	[TALLY_OP_NE] = {"ne", KIND_ANY, KIND_STRING | KIND_NULL},
	[TALLY_OP_LT] = {"lt", KIND_STRING | KIND_NUMBER | KIND_NULL, KIND_STRING | KIND_NULL},
	[TALLY_OP_LTE] = {"lte", KIND_STRING | KIND_NUMBER | KIND_NULL, KIND_STRING | KIND_NULL},
	[TALLY_OP_GT] = {"gt", KIND_STRING | KIND_NUMBER | KIND_NULL, KIND_STRING | KIND_NULL},
	[TALLY_OP_GTE] = {"gte", KIND_STRING | KIND_NUMBER | KIND_NULL, KIND_STRING | KIND_NULL},
	[TALLY_OP_EXISTS] = {"exists", KIND_BOOL, KIND_BOOL},
	[TALLY_OP_IN] = {"in", KIND_LIST, KIND_LIST},
	[TALLY_OP_CONTAINS] = {"contains", KIND_SCALAR, 0},
	[TALLY_OP_NOT_CONTAINS] = {"not_contains", KIND_SCALAR, 0},
};
/* clang-format on */

/* kind_of -- the bit of a value's kind. */
static int
kind_of(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return KIND_NULL;
		case jbvString:
			return KIND_STRING;
		case jbvNumeric:
			return KIND_NUMBER;
		case jbvBool:
			return KIND_BOOL;
		default:
			return JsonContainerIsArray(value->val.binary.data) ? KIND_LIST
																: KIND_OBJECT;
	}
}

/* kinds_text -- "a string, a number or null". */
static char *
kinds_text(int kinds)
{
	StringInfoData out;
	int left = 0;

	initStringInfo(&out);
	for (int i = 0; i < (int) lengthof(kind_names); i++)
		left += (kinds & kind_names[i].bit) != 0;
	for (int i = 0; i < (int) lengthof(kind_names); i++)
	{
		if (!(kinds & kind_names[i].bit))
			continue;
		appendStringInfoString(&out, kind_names[i].name);
		left--;
		if (left > 0)
			appendStringInfoString(&out, left == 1 ? " or " : ", ");
	}
	return out.data;
}

/* operator_names -- all there are, for a hint. */
static char *
operator_names(void)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < TALLY_OP__COUNT; i++)
		appendStringInfo(&out, "%s%s", i > 0 ? ", " : "", operators[i].name);
	return out.data;
}

/*
 * member -- a member of filter "number", which must have one by that name.
 */
static void
member(JsonbContainer *filter, const char *name, int number, JsonbValue *value)
{
	if (getKeyJsonValueFromContainer(filter, name, strlen(name), value))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_TALLY_MISSING),
			 errmsg("filter %d has no \"%s\"", number, name),
			 errhint("A filter is {\"property_name\": .., \"operator\": .., "
					 "\"property_value\": ..}.")));
}

/* string_member -- the same, and it must be a string. */
static void
string_member(JsonbContainer *filter, const char *name, int number,
			  JsonbValue *value)
{
	member(filter, name, number, value);
	if (value->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" of filter %d must be a string, not %s",
						name,
						number,
						tally_describe_kind(value)),
				 errdetail("The value given was %s.",
						   tally_describe_json(value))));
}

/* find_operator -- the operator of that name. */
static TallyOperator
find_operator(const JsonbValue *name, int number)
{
	for (int i = 0; i < TALLY_OP__COUNT; i++)
		if (strlen(operators[i].name) == (size_t) name->val.string.len &&
			memcmp(operators[i].name,
				   name->val.string.val,
				   name->val.string.len) == 0)
			return i;

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown operator %s in filter %d",
					tally_describe_text(name->val.string.val,
										name->val.string.len),
					number),
			 errhint("The operators are: %s.", operator_names())));
}

/* check_kind -- does the operator take such a value for this property? */
static void
check_kind(const TallyPredicate *p, const JsonbValue *value, int number)
{
	bool instant = tally_path_is_instant(p->path);
	int takes =
		instant ? operators[p->op].takes_instant : operators[p->op].takes;

	if (takes & kind_of(value))
		return;
	if (takes == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("operator \"%s\" of filter %d does not apply to "
						"\"%s\"",
						operators[p->op].name,
						number,
						p->path->text),
				 errhint("\"%s\" is a time: compare it with lt, lte, gt or "
						 "gte.",
						 p->path->text)));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("operator \"%s\" of filter %d does not take %s",
					operators[p->op].name,
					number,
					tally_describe_kind(value)),
			 errdetail("The value given for %s was %s.",
					   tally_describe_text(p->path->text, p->path->text_len),
					   tally_describe_json(value)),
			 errhint("\"%s\" takes %s%s.",
					 operators[p->op].name,
					 kinds_text(takes),
					 instant ? " (a string in the form of a time)" : "")));
}

/* set_operand -- store one value, and the instant it spells if it must. */
static void
set_operand(TallyPredicate *p, TallyOperand *operand, const JsonbValue *value,
			pg_tz *zone, int number)
{
	operand->value = *value;
	operand->instant = 0;

	if (!tally_path_is_instant(p->path) || value->type != jbvString)
		return;
	if (!tally_instant_parse(value->val.string.val,
							 value->val.string.len,
							 zone,
							 &operand->instant,
							 NULL,
							 NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s in filter %d is not a time",
						tally_describe_json(value),
						number),
				 errhint("Write \"%s\" as 2024-03-01T09:30:00.000Z, with an "
						 "offset, or without one for the clock of "
						 "\"timezone\".",
						 p->path->text)));
}

/* is_text -- is the value this string? */
static bool
is_text(const JsonbValue *value, const char *text)
{
	return value->type == jbvString &&
		   (size_t) value->val.string.len == strlen(text) &&
		   memcmp(value->val.string.val, text, strlen(text)) == 0;
}

/*
 * as_boolean -- "true" and "false" become booleans: some clients build their
 * filters out of text fields.
 */
static void
as_boolean(JsonbValue *value)
{
	bool is_true = is_text(value, "true");

	if (!is_true && !is_text(value, "false"))
		return;
	value->type = jbvBool;
	value->val.boolean = is_true;
}

static int
compare_operands(const void *a, const void *b)
{
	return tally_scalar_compare(&((const TallyOperand *) a)->value,
								&((const TallyOperand *) b)->value);
}

/*
 * compile_list -- the operands of "in": scalars first and in order.
 */
static void
compile_list(TallyPredicate *p, JsonbContainer *list, pg_tz *zone, int number)
{
	int n = JsonContainerSize(list);
	int nothers = 0;
	bool instant = tally_path_is_instant(p->path);

	p->operand = palloc(Max(n, 1) * sizeof(TallyOperand));
	p->noperands = n;
	p->nscalars = 0;
	for (int i = 0; i < n; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(list, i);
		bool scalar = value->type != jbvBinary;

		CHECK_FOR_INTERRUPTS();
		if (instant && !(kind_of(value) & (KIND_STRING | KIND_NULL)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s in filter %d is not a time",
							tally_describe_json(value),
							number),
					 errhint("\"%s\" is compared with times only.",
							 p->path->text)));
		set_operand(p,
					&p->operand[scalar ? p->nscalars++ : n - ++nothers],
					value,
					zone,
					number);
	}
	qsort(p->operand, p->nscalars, sizeof(TallyOperand), compare_operands);
}

/* compile_one -- one member of the list, which is the number'th from 1. */
static void
compile_one(TallyPredicate *p, const JsonbValue *filter, pg_tz *zone,
			int number)
{
	JsonbContainer *object;
	JsonbValue value;

	if (kind_of(filter) != KIND_OBJECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("filter %d must be an object, not %s",
						number,
						tally_describe_kind(filter)),
				 errdetail("The filter given was %s.",
						   tally_describe_json(filter))));
	object = filter->val.binary.data;

	string_member(object, "operator", number, &value);
	p->op = find_operator(&value, number);
	string_member(object, "property_name", number, &value);
	p->path =
		tally_path_parse(value.val.string.val,
						 value.val.string.len,
						 psprintf("\"property_name\" of filter %d", number));

	member(object, "property_value", number, &value);
	if (p->op == TALLY_OP_EXISTS)
		as_boolean(&value);
	check_kind(p, &value, number);
	if (p->op == TALLY_OP_IN)
	{
		compile_list(p, value.val.binary.data, zone, number);
		return;
	}
	p->noperands = 1;
	p->operand = palloc(sizeof(TallyOperand));
	set_operand(p, p->operand, &value, zone, number);
}

TallyFilter *
tally_filter_compile(const JsonbValue *filters, pg_tz *zone)
{
	TallyFilter *filter;
	JsonbContainer *list;
	int n;

	if (filters == NULL || filters->type == jbvNull)
		return palloc0(offsetof(TallyFilter, predicate));

	if (kind_of(filters) != KIND_LIST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"filters\" must be a list, not %s",
						tally_describe_kind(filters)),
				 errdetail("The value given was %s.",
						   tally_describe_json(filters))));
	list = filters->val.binary.data;
	n = JsonContainerSize(list);
	if (n > TALLY_MAX_FILTERS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many filters"),
				 errdetail("There are %d, and %d are allowed.",
						   n,
						   TALLY_MAX_FILTERS),
				 errhint("Several \"eq\" of one property can be one "
						 "\"in\".")));

	filter =
		palloc0(offsetof(TallyFilter, predicate) + n * sizeof(TallyPredicate));
	filter->n = n;
	for (int i = 0; i < n; i++)
		compile_one(&filter->predicate[i],
					getIthJsonbValueFromContainer(list, i),
					zone,
					i + 1);
	return filter;
}
