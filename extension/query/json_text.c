/*-------------------------------------------------------------------------
 *
 * json_text.c
 *	  Writes JSON values as text, compact.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "query/json_text.h"

/* Longest text of an int64: sign, 19 digits. */
#define INT64_CHARS 20

void
tally_json_string(StringInfo out, const char *text, int len)
{
	static const char hex[] = "0123456789abcdef";
	int start = 0;

	appendStringInfoCharMacro(out, '"');
	for (int i = 0; i < len; i++)
	{
		unsigned char c = text[i];

		if (c >= ' ' && c != '"' && c != '\\')
			continue;

		/* All before it needs no escape: one copy. */
		appendBinaryStringInfo(out, text + start, i - start);
		start = i + 1;
		appendStringInfoCharMacro(out, '\\');
		switch (c)
		{
			case '"':
			case '\\':
				appendStringInfoCharMacro(out, c);
				break;
			case '\n':
				appendStringInfoCharMacro(out, 'n');
				break;
			case '\r':
				appendStringInfoCharMacro(out, 'r');
				break;
			case '\t':
				appendStringInfoCharMacro(out, 't');
				break;
			default:
				appendStringInfoString(out, "u00");
				appendStringInfoCharMacro(out, hex[c >> 4]);
				appendStringInfoCharMacro(out, hex[c & 15]);
		}
	}
	appendBinaryStringInfo(out, text + start, len - start);
	appendStringInfoCharMacro(out, '"');
}

void
tally_json_numeric(StringInfo out, Numeric number)
{
	char *text;
	int len;

	if (numeric_is_nan(number) || numeric_is_inf(number))
	{
		appendStringInfoString(out, "null");
		return;
	}
	text = DatumGetCString(
		DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
	len = strlen(text);
	if (memchr(text, '.', len) != NULL)
	{
		while (text[len - 1] == '0')
			len--;
		if (text[len - 1] == '.')
			len--;
	}
	appendBinaryStringInfo(out, text, len);
	pfree(text);
}

void
tally_json_int64(StringInfo out, int64 number)
{
	enlargeStringInfo(out, INT64_CHARS + 1);
	out->len += pg_lltoa(number, out->data + out->len);
}

/* append_scalar -- any value but a list or an object. */
static void
append_scalar(StringInfo out, const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			appendStringInfoString(out, "null");
			break;
		case jbvBool:
			appendStringInfoString(out, value->val.boolean ? "true" : "false");
			break;
		case jbvNumeric:
			tally_json_numeric(out, value->val.numeric);
			break;
		case jbvString:
			tally_json_string(out,
							  value->val.string.val,
							  value->val.string.len);
			break;
		default:
			elog(ERROR, "unexpected JSON value of type %d", value->type);
	}
}

void
tally_json_value(StringInfo out, Jsonb *value)
{
	JsonbIterator *it = JsonbIteratorInit(&value->root);
	JsonbIteratorToken token;
	JsonbValue v;
	bool comma = false; /* a member was written before, at this level */
	bool scalar = JB_ROOT_IS_SCALAR(value);

	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		if (comma && (token == WJB_KEY || token == WJB_ELEM ||
					  token == WJB_BEGIN_ARRAY || token == WJB_BEGIN_OBJECT))
			appendStringInfoCharMacro(out, ',');
		comma = true;
		switch (token)
		{
			case WJB_BEGIN_ARRAY:
				if (!scalar)
					appendStringInfoCharMacro(out, '[');
				comma = false;
				break;
			case WJB_END_ARRAY:
				if (!scalar)
					appendStringInfoCharMacro(out, ']');
				break;
			case WJB_BEGIN_OBJECT:
				appendStringInfoCharMacro(out, '{');
				comma = false;
				break;
			case WJB_END_OBJECT:
				appendStringInfoCharMacro(out, '}');
				break;
			case WJB_KEY:
				append_scalar(out, &v);
				appendStringInfoCharMacro(out, ':');
				comma = false;
				break;
			case WJB_VALUE:
			case WJB_ELEM:
				append_scalar(out, &v);
				break;
			default:
				elog(ERROR, "unexpected JSON token %d", (int) token);
		}
	}
}
