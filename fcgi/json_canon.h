/*
 * json_canon.h
 *	  One text for requests that mean the same.
 *
 * Blanks go, members stand in the order of their names, and of two members
 * with one name the last stays, as jsonb has it.  Strings and numbers stay as
 * they were written: "\u0041" and "A" remain two texts, which costs a second
 * computation and is never wrong.
 */
#ifndef TALLY_JSON_CANON_H
#define TALLY_JSON_CANON_H

#include <stddef.h>

#include "buf.h"

/*
 * Appends the canonical text of "text", which json_check_text() has found
 * good: valid, and no deeper than TALLY_MAX_JSON_DEPTH.  Never longer than
 * "text".  When out of memory "out" has failed.
 */
void json_canon(struct buf *out, const char *text, size_t len);

#endif
