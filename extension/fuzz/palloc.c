/*-------------------------------------------------------------------------
 *
 * palloc.c
 *	  Allocations of the extension while an input is looked at.
 *
 * In the context of fuzz.c, with blocks as small as can be, what is not small
 * has an allocation of malloc()'s own.  So everything is made that large, and
 * what is behind the size that was asked for is poisoned, until free().  Not on
 * a server with assertions: it overwrites what it frees, to the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sanitizer/asan_interface.h>

#include "utils/memutils.h"

#include "fuzz.h"

/* More than an eighth of the smallest block there is. */
#define ALONE_BYTES 256

/* The sanitizer knows of eight bytes how many are good, from the first on. */
void *
fuzz_palloc(Size size)
{
	Size all = Max(size + sizeof(int64), ALONE_BYTES);
	char *p;

#ifdef USE_ASSERT_CHECKING
	return MemoryContextAlloc(CurrentMemoryContext, size);
#endif
	if (CurrentMemoryContext != fuzz_input_context || !AllocSizeIsValid(size))
		return MemoryContextAlloc(CurrentMemoryContext, size);
	p = MemoryContextAlloc(CurrentMemoryContext, all);
	ASAN_POISON_MEMORY_REGION(p + size, all - size);
	return p;
}

void *
fuzz_palloc0(Size size)
{
	return memset(fuzz_palloc(size), 0, size);
}

char *
fuzz_pnstrdup(const char *text, Size len)
{
	Size n = strnlen(text, len);
	char *copy = fuzz_palloc(n + 1);

	memcpy(copy, text, n);
	copy[n] = '\0';
	return copy;
}

char *
fuzz_pstrdup(const char *text)
{
	return fuzz_pnstrdup(text, strlen(text));
}
