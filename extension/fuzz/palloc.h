/*
 * palloc.h
 *	  Included before every file of the extension: what it allocates has ends
 *	  that the address sanitizer watches, to the byte.
 *
 * A memory context cuts many allocations out of one of malloc(), whose ends
 * alone the sanitizer knows.
 */
#ifndef TALLY_FUZZ_PALLOC_H
#define TALLY_FUZZ_PALLOC_H

#include "postgres.h"

extern void *fuzz_palloc(Size size);
extern void *fuzz_palloc0(Size size);
extern char *fuzz_pstrdup(const char *text);
extern char *fuzz_pnstrdup(const char *text, Size len);

#define palloc(size) fuzz_palloc(size)
#define palloc0(size) fuzz_palloc0(size)
#define pstrdup(text) fuzz_pstrdup(text)
#define pnstrdup(text, len) fuzz_pnstrdup((text), (len))

#endif
