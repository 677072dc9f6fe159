/*-------------------------------------------------------------------------
 *
 * first.c
 *	  Preloaded into the server beside the address sanitizer, initialized
 *	  before everything else: its allocation makes the sanitizer set itself up.
 *
 * Otherwise the first to allocate is a library that is just in bindtextdomain()
 * and holds its lock.  In setting itself up the sanitizer looks for a symbol
 * that is not there, the text of that error is translated, and the lock is
 * left in a state that makes the server wait for ever.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

static void first(void) __attribute__((constructor));

static void
first(void)
{
	free(malloc(1));
}
