/*
 * encoding.h
 *	  Bodies that came compressed (Content-Encoding).
 */
#ifndef TALLY_ENCODING_H
#define TALLY_ENCODING_H

#include <stddef.h>

#include "buf.h"

enum encoding
{
	ENCODING_NONE,
	ENCODING_GZIP,
	ENCODING_ZSTD,
	ENCODING_UNKNOWN,
};

/* The header's value; NULL and "identity" are none.  A list is unknown. */
enum encoding encoding_named(const char *name);

enum encoding_result
{
	ENCODING_OK,
	ENCODING_BROKEN,	/* not what it says, cut short, or more behind it */
	ENCODING_TOO_LARGE, /* decoded; nothing was decoded beyond the limit */
	ENCODING_NO_MEMORY,
};

/*
 * Decodes all of "data", of one or several members or frames, to the end of
 * "out", which grows by at most "max_bytes".
 */
enum encoding_result encoding_decode(enum encoding encoding, const void *data,
									 size_t len, size_t max_bytes,
									 struct buf *out);

#endif
