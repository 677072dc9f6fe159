/*
 * query_key.h
 *	  What is asked, as one text: the parameters of tally.query(), each with
 *	  its NUL, the request in its canonical form.
 *
 * The text is the key of the result cache, and what is run is taken out of it
 * again.  So two requests share an answer only if the very same statement
 * would be run for them, the project included; a parameter that the statement
 * may get one day is part of the key by being in it.
 */
#ifndef TALLY_QUERY_KEY_H
#define TALLY_QUERY_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

enum query_key_part
{
	QUERY_KEY_PROJECT,
	QUERY_KEY_ANALYSIS,
	QUERY_KEY_REQUEST, /* JSON, canonical */
	QUERY_KEY_PRETTY,  /* "true" or "false" */
	QUERY_KEY__COUNT
};

/*
 * Appends the key; "json" of "len" bytes has passed json_check_text().
 * Returns the length of the part of it that says what is asked, and not how
 * the answer shall look.  When out of memory "out" has failed.
 */
size_t query_key_build(struct buf *out, const char *project,
					   const char *analysis, const char *json, size_t len,
					   bool pretty);

/* The parts of a key, pointers into it. */
void query_key_parts(const char *key, const char *parts[QUERY_KEY__COUNT]);

#endif
