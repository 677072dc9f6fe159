/*
 * describe.h
 *	  What a client sent, as an error message shows it: short and in one line.
 *
 * Errors name the value that was wrong, but a client may send a quarter of a
 * megabyte as one: everything here is cut to TALLY_DESCRIBE_BYTES.
 */
#ifndef TALLY_DESCRIBE_H
#define TALLY_DESCRIBE_H

#include "utils/jsonb.h"

#define TALLY_DESCRIBE_BYTES 60

/* The text in double quotes, and a value as JSON; palloc'd. */
extern char *tally_describe_text(const char *text, int len);
extern char *tally_describe_json(const JsonbValue *value);

/* "a string", "a number", "null" ... */
extern const char *tally_describe_kind(const JsonbValue *value);

#endif
