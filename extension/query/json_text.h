/*
 * json_text.h
 *	  Writes JSON values as text, compact, at the end of a buffer.
 */
#ifndef TALLY_JSON_TEXT_H
#define TALLY_JSON_TEXT_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

/* A string in quotes, escaped; "text" need not be terminated. */
extern void tally_json_string(StringInfo out, const char *text, int len);

/*
 * A number without needless zeros, so that 4.50 and 4.5, which are one group
 * and one value, are spelled alike; null for what JSON cannot say.
 */
extern void tally_json_numeric(StringInfo out, Numeric number);

extern void tally_json_int64(StringInfo out, int64 number);

/* Any value, lists and objects included. */
extern void tally_json_value(StringInfo out, Jsonb *value);

#endif
