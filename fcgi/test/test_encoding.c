/*
 * test_encoding.c
 *	  Compressed bodies: whole, in parts, cut short, with something behind
 *	  them, and far larger than they look.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "encoding.h"
#include "tap.h"

#define LIMIT ((size_t) 100000)

static uint8_t packed[1024 * 1024];
static char plain[20 * 1024 * 1024];

/* pack_gzip -- "len" bytes of "plain" as a member at "at"; its length. */
static size_t
pack_gzip(size_t at, size_t len)
{
	z_stream z;
	size_t out;

	memset(&z, 0, sizeof(z));
	(void) deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
	z.next_in = (unsigned char *) plain;
	z.avail_in = (unsigned int) len;
	z.next_out = packed + at;
	z.avail_out = (unsigned int) (sizeof(packed) - at);
	(void) deflate(&z, Z_FINISH);
	out = z.total_out;
	(void) deflateEnd(&z);
	return out;
}

/* pack_zstd -- with "sized" the frame says how large it is. */
static size_t
pack_zstd(size_t at, size_t len, bool sized)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t out;

	(void) ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, sized ? 1 : 0);
	(void) ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	out = ZSTD_compress2(c, packed + at, sizeof(packed) - at, plain, len);
	(void) ZSTD_freeCCtx(c);
	return out;
}

/* decode -- "plain" must come out, "want" bytes of it. */
static enum encoding_result
decode(enum encoding encoding, size_t len, size_t want)
{
	enum encoding_result result;
	uint8_t *exact = malloc(len + 1); /* so that ASan sees one read too many */
	struct buf out;

	buf_init(&out, LIMIT + 1);
	memcpy(exact, packed, len);
	result = encoding_decode(encoding, exact, len, LIMIT, &out);
	if (result == ENCODING_OK && out.len != want)
		result = ENCODING_BROKEN;
	if (result == ENCODING_OK && want > 0 &&
		memcmp(out.data, plain, want < 50000 ? want : 50000) != 0)
		result = ENCODING_BROKEN;
	if (out.cap > LIMIT + 1)
		result = ENCODING_NO_MEMORY;
	buf_free(&out);
	free(exact);
	return result;
}

/* cut_short -- is what ends at any byte before its end refused? */
static bool
cut_short(enum encoding encoding, size_t len)
{
	for (size_t n = 0; n < len; n++)
		if (decode(encoding, n, 0) != ENCODING_BROKEN)
			return false;
	return true;
}

static void
test_gzip(void)
{
	size_t len = pack_gzip(0, 50000);
	size_t second;

	tap_int(decode(ENCODING_GZIP, len, 50000), ENCODING_OK, "gzip");
	tap_ok(cut_short(ENCODING_GZIP, len), "gzip cut short at any byte");
	packed[len] = 0;
	tap_int(decode(ENCODING_GZIP, len + 1, 0),
			ENCODING_BROKEN,
			"a zero behind it");
	memset(packed + len, 'x', 100);
	tap_int(decode(ENCODING_GZIP, len + 100, 0),
			ENCODING_BROKEN,
			"something behind it");
	packed[len / 2] ^= 1;
	tap_int(decode(ENCODING_GZIP, len, 0), ENCODING_BROKEN, "a bit flipped");

	len = pack_gzip(0, 50000);
	second = pack_gzip(len, 50000);
	tap_int(decode(ENCODING_GZIP, len + second, 100000),
			ENCODING_OK,
			"two members, exactly as large as allowed");
	tap_int(decode(ENCODING_GZIP, len + second - 1, 0),
			ENCODING_BROKEN,
			"the second one cut short");
	second += pack_gzip(len + second, 1);
	tap_int(decode(ENCODING_GZIP, len + second, 0),
			ENCODING_TOO_LARGE,
			"a third one makes it one byte too large");

	len = pack_gzip(0, 0);
	tap_int(decode(ENCODING_GZIP, len, 0), ENCODING_OK, "gzip of nothing");
	len = pack_gzip(0, sizeof(plain));
	tap_ok(len < 50000, "20 MB in less than 50 kB");
	tap_int(decode(ENCODING_GZIP, len, 0), ENCODING_TOO_LARGE, "are a bomb");
	memcpy(packed, "not gzip", 8);
	tap_int(decode(ENCODING_GZIP, 8, 0), ENCODING_BROKEN, "no gzip at all");
}

static void
test_zstd(bool sized)
{
	size_t len = pack_zstd(0, 50000, sized);
	size_t second;

	tap_int(decode(ENCODING_ZSTD, len, 50000),
			ENCODING_OK,
			sized ? "zstd that says its size" : "zstd that does not");
	tap_ok(cut_short(ENCODING_ZSTD, len), "zstd cut short at any byte");
	memset(packed + len, 'x', 100);
	tap_int(decode(ENCODING_ZSTD, len + 100, 0),
			ENCODING_BROKEN,
			"something behind it");
	packed[len / 2] ^= 1;
	tap_int(decode(ENCODING_ZSTD, len, 0), ENCODING_BROKEN, "a bit flipped");

	len = pack_zstd(0, 50000, sized);
	second = pack_zstd(len, 50000, sized);
	tap_int(decode(ENCODING_ZSTD, len + second, 100000),
			ENCODING_OK,
			"two frames, exactly as large as allowed");
	second += pack_zstd(len + second, 1, sized);
	tap_int(decode(ENCODING_ZSTD, len + second, 0),
			ENCODING_TOO_LARGE,
			"a third one makes it one byte too large");

	len = pack_zstd(0, 0, sized);
	tap_int(decode(ENCODING_ZSTD, len, 0), ENCODING_OK, "zstd of nothing");
	len = pack_zstd(0, sizeof(plain), sized);
	tap_int(decode(ENCODING_ZSTD, len, 0), ENCODING_TOO_LARGE, "a bomb");
	memcpy(packed, "not zstd", 8);
	tap_int(decode(ENCODING_ZSTD, 8, 0), ENCODING_BROKEN, "no zstd at all");
}

static void
test_lies(void)
{
	/* a frame of 9 bytes that says it has an exabyte, with a window of 2 GB */
	static const uint8_t huge[] = {
		0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0};
	static const uint8_t window[] = {0x28, 0xb5, 0x2f, 0xfd, 0, 0xff, 1, 0, 0};

	memcpy(packed, huge, sizeof(huge));
	tap_int(decode(ENCODING_ZSTD, sizeof(huge), 0),
			ENCODING_TOO_LARGE,
			"a frame that says it is huge is not tried");
	memcpy(packed, window, sizeof(window));
	tap_int(decode(ENCODING_ZSTD, sizeof(window), 0),
			ENCODING_BROKEN,
			"one with a window of terabytes is refused");
}

static void
test_names(void)
{
	tap_int(encoding_named(NULL), ENCODING_NONE, "no header");
	tap_int(encoding_named(""), ENCODING_NONE, "an empty one");
	tap_int(encoding_named("Identity"), ENCODING_NONE, "identity");
	tap_int(encoding_named("GZip"), ENCODING_GZIP, "gzip, in any case");
	tap_int(encoding_named("x-gzip"), ENCODING_GZIP, "its old name");
	tap_int(encoding_named("zstd"), ENCODING_ZSTD, "zstd");
	tap_int(encoding_named("zst"), ENCODING_ZSTD, "as some clients call it");
	tap_int(encoding_named("br"), ENCODING_UNKNOWN, "br");
	tap_int(encoding_named("gzip, zstd"), ENCODING_UNKNOWN, "two of them");
}

int
main(void)
{
	/* half of it does not compress well, or there was little to cut */
	srand(42);
	for (size_t i = 0; i < 50000; i++)
		plain[i] = (char) (i % 50 == 0 ? rand() : 'a');
	test_gzip();
	test_zstd(true);
	test_zstd(false);
	test_lies();
	test_names();
	return tap_done();
}
