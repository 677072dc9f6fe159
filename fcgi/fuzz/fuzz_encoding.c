/*
 * fuzz_encoding.c
 *	  Compressed bodies: never more comes out than the limit.
 */
#include "../encoding.h"

#include <stdint.h>

#define LIMIT ((size_t) 100000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf out;

	for (int encoding = ENCODING_GZIP; encoding <= ENCODING_ZSTD; encoding++)
	{
		buf_init(&out, LIMIT + 1);
		if (encoding_decode(
				(enum encoding) encoding, data, len, LIMIT, &out) ==
				ENCODING_OK &&
			out.len > LIMIT)
			__builtin_trap();
		buf_free(&out);
	}
	return 0;
}
