/*-------------------------------------------------------------------------
 *
 * member.c
 *	  Members of a request, by name and with their type checked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "contract.h"
#include "filter/describe.h"
#include "query/member.h"
#include "sqlstate.h"

/* Every integer of that many digits fits int32, and no sensible one has more. */
#define MAX_DIGITS 9

bool
tally_member(const Jsonb *request, const char *name, JsonbValue *value)
{
	JsonbContainer *root = unconstify(JsonbContainer *, &request->root);

	return getKeyJsonValueFromContainer(root, name, strlen(name), value) !=
			   NULL &&
		   value->type != jbvNull;
}

bool
tally_member_string(const Jsonb *request, const char *name, bool required,
					JsonbValue *value)
{
	if (!tally_member(request, name, value))
	{
		if (!required)
			return false;
		ereport(ERROR,
				(errcode(TALLY_SQLSTATE(TALLY_ERR_MISSING_PARAMETER)),
				 errmsg("the parameter \"%s\" is missing", name)));
	}
	if (value->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be a string, not %s",
						name,
						tally_describe_kind(value)),
				 errdetail("The value given was %s.",
						   tally_describe_json(value))));
	return true;
}

/* integer_of_text -- strtol with bounds, for text that is not terminated. */
static bool
integer_of_text(const char *text, int len, int32 *number)
{
	int i = 0;
	bool negative = false;

	*number = 0;
	if (len > 0 && (text[0] == '-' || text[0] == '+'))
		negative = text[i++] == '-';
	if (len - i < 1 || len - i > MAX_DIGITS)
		return false;
	for (; i < len; i++)
	{
		if (!isdigit((unsigned char) text[i]))
			return false;
		*number = *number * 10 + (text[i] - '0');
	}
	if (negative)
		*number = -*number;
	return true;
}

bool
tally_value_integer(const JsonbValue *value, int32 *number)
{
	char *text;
	char *dot;

	if (value->type == jbvString)
		return integer_of_text(value->val.string.val,
							   value->val.string.len,
							   number);
	if (value->type != jbvNumeric)
		return false;

	/* -18000.0 is an integer too: some languages know only one number type */
	text = DatumGetCString(
		DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
	dot = strchr(text, '.');
	if (dot != NULL && strspn(dot + 1, "0") == strlen(dot + 1))
		*dot = '\0';
	return integer_of_text(text, strlen(text), number);
}

bool
tally_value_is(const JsonbValue *value, const char *text)
{
	return value->type == jbvString &&
		   (size_t) value->val.string.len == strlen(text) &&
		   memcmp(value->val.string.val, text, strlen(text)) == 0;
}
