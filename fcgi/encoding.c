/*
 * encoding.c
 *	  Bodies that came compressed (Content-Encoding).
 *
 * BOMBS.  10 kB of gzip can be 10 MB, of zstd 300 MB and more.  What is
 * decoded goes to one buffer whose limit is that of a plain body, and nothing
 * is decoded beyond it: memory and time are those of a body that came plain.
 * zstd is decoded in one piece, so that its window, of which a frame may ask
 * gigabytes, is that buffer too.
 */
#include "encoding.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* JSON shrinks to an eighth or so: the first guess at what it becomes. */
#define GUESS_TIMES 8
#define GUESS_BYTES 4096

/* For zlib: a window of 32 kB, and the gzip format alone. */
#define GZIP_WINDOW_BITS (15 + 16)

enum encoding
encoding_named(const char *name)
{
	if (name == NULL || *name == '\0' || strcasecmp(name, "identity") == 0)
		return ENCODING_NONE;
	if (strcasecmp(name, "gzip") == 0 || strcasecmp(name, "x-gzip") == 0)
		return ENCODING_GZIP;
	if (strcasecmp(name, "zstd") == 0 || strcasecmp(name, "zst") == 0)
		return ENCODING_ZSTD;
	return ENCODING_UNKNOWN;
}

/* room -- as much as is there or may be made; at least one byte. */
static char *
room(struct buf *out, size_t want, size_t left, size_t *len)
{
	*len = want < left ? want : left;
	return buf_room(out, *len);
}

/*
 * inflate_members -- a gzip file is a row of members, each complete in itself.
 */
static enum encoding_result
inflate_members(z_stream *z, size_t max_bytes, struct buf *out)
{
	size_t want = (size_t) z->avail_in * GUESS_TIMES + GUESS_BYTES;
	bool ended = false;

	for (;;)
	{
		char scrap;
		size_t len = 0;
		bool over = max_bytes == 0;
		int result;

		if (over)
		{
			/* Full: it may end here, but must not give another byte. */
			z->next_out = (unsigned char *) &scrap;
			len = 1;
			z->avail_out = 1;
		}
		else
		{
			z->next_out = (unsigned char *) room(out, want, max_bytes, &len);
			if (z->next_out == NULL)
				return ENCODING_NO_MEMORY;
			z->avail_out = (unsigned int) len;
		}
		result = inflate(z, Z_NO_FLUSH);
		len -= z->avail_out;
		if (over && len > 0)
			return ENCODING_TOO_LARGE;
		out->len += len;
		max_bytes -= len;
		if (result == Z_MEM_ERROR)
			return ENCODING_NO_MEMORY;
		ended = result == Z_STREAM_END;
		if (ended && z->avail_in == 0)
			return ENCODING_OK;
		if (ended && inflateReset(z) == Z_OK)
			continue;
		if (result != Z_OK || (z->avail_in == 0 && z->avail_out > 0))
			return ENCODING_BROKEN;
	}
}

static enum encoding_result
decode_gzip(const void *data, size_t len, size_t max_bytes, struct buf *out)
{
	z_stream z;
	enum encoding_result result;

	memset(&z, 0, sizeof(z));
	if (len == 0 || len > UINT_MAX || max_bytes > UINT_MAX)
		return ENCODING_BROKEN;
	if (inflateInit2(&z, GZIP_WINDOW_BITS) != Z_OK)
		return ENCODING_NO_MEMORY;
	z.next_in = (unsigned char *) (uintptr_t) data;
	z.avail_in = (unsigned int) len;
	result = inflate_members(&z, max_bytes, out);
	(void) inflateEnd(&z);
	return result;
}

/*
 * decode_zstd -- with as much room as is likely to do, then with twice that.
 *
 * A frame that says how large it is is not believed: it only saves a try.
 */
static enum encoding_result
decode_zstd(const void *data, size_t len, size_t max_bytes, struct buf *out)
{
	unsigned long long said = ZSTD_getFrameContentSize(data, len);
	size_t want = len > max_bytes / GUESS_TIMES
					  ? max_bytes
					  : len * GUESS_TIMES + GUESS_BYTES;
	ZSTD_DCtx *context;

	if (len == 0 || said == ZSTD_CONTENTSIZE_ERROR)
		return ENCODING_BROKEN;
	if (said != ZSTD_CONTENTSIZE_UNKNOWN && said > max_bytes)
		return ENCODING_TOO_LARGE;
	if (said != ZSTD_CONTENTSIZE_UNKNOWN && said > want)
		want = (size_t) said;
	context = ZSTD_createDCtx();
	if (context == NULL)
		return ENCODING_NO_MEMORY;

	for (;; want *= 2)
	{
		size_t cap;
		char *to = room(out, want, max_bytes, &cap);
		size_t done;
		ZSTD_ErrorCode error;

		if (to == NULL)
			break;
		done = ZSTD_decompressDCtx(context, to, cap, data, len);
		error = ZSTD_getErrorCode(done);
		if (error == ZSTD_error_dstSize_tooSmall && cap < max_bytes)
			continue;
		(void) ZSTD_freeDCtx(context);
		if (error == ZSTD_error_no_error)
			out->len += done;
		return error == ZSTD_error_no_error			   ? ENCODING_OK
			   : error == ZSTD_error_dstSize_tooSmall  ? ENCODING_TOO_LARGE
			   : error == ZSTD_error_memory_allocation ? ENCODING_NO_MEMORY
													   : ENCODING_BROKEN;
	}
	(void) ZSTD_freeDCtx(context);
	return ENCODING_NO_MEMORY;
}

enum encoding_result
encoding_decode(enum encoding encoding, const void *data, size_t len,
				size_t max_bytes, struct buf *out)
{
	switch (encoding)
	{
		case ENCODING_GZIP:
			return decode_gzip(data, len, max_bytes, out);
		case ENCODING_ZSTD:
			return decode_zstd(data, len, max_bytes, out);
		case ENCODING_NONE:
		case ENCODING_UNKNOWN:
			break;
	}
	return ENCODING_BROKEN;
}
