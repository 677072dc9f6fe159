/*-------------------------------------------------------------------------
 *
 * describe.c
 *	  What a client sent, as an error message shows it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "filter/describe.h"

/*
 * append_clipped -- append text, cut between characters when it is long.
 *
 * Control characters become blanks: a message stays one line.
 */
static void
append_clipped(StringInfo out, const char *text, int len)
{
	int n = len;

	if (n > TALLY_DESCRIBE_BYTES)
		n = pg_mbcliplen(text, len, TALLY_DESCRIBE_BYTES);
	for (int i = 0; i < n; i++)
		appendStringInfoChar(out,
							 (unsigned char) text[i] < ' ' ? ' ' : text[i]);
	if (n < len)
		appendStringInfoString(out, "...");
}

char *
tally_describe_text(const char *text, int len)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '"');
	append_clipped(&out, text, len);
	appendStringInfoChar(&out, '"');
	return out.data;
}

char *
tally_describe_json(const JsonbValue *value)
{
	StringInfoData out;
	char *text;

	switch (value->type)
	{
		case jbvNull:
			return pstrdup("null");
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		case jbvString:
			return tally_describe_text(value->val.string.val,
									   value->val.string.len);
		case jbvNumeric:
			text = DatumGetCString(
				DirectFunctionCall1(numeric_out,
									NumericGetDatum(value->val.numeric)));
			break;
		case jbvBinary:
			text = JsonbToCString(NULL,
								  value->val.binary.data,
								  value->val.binary.len);
			break;
		default:
			elog(ERROR, "unexpected JSON value of type %d", value->type);
	}
	initStringInfo(&out);
	append_clipped(&out, text, strlen(text));
	return out.data;
}

const char *
tally_describe_kind(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return "null";
		case jbvBool:
			return "a boolean";
		case jbvString:
			return "a string";
		case jbvNumeric:
			return "a number";
		case jbvBinary:
			return JsonContainerIsArray(value->val.binary.data) ? "a list"
																: "an object";
		default:
			elog(ERROR, "unexpected JSON value of type %d", value->type);
	}
}
