/*
 * crc32c.c
 *	  CRC-32C, by the processor where it has an instruction for it, else by
 *	  tables, eight bytes at a time.
 */
#include "crc32c.h"

#include <pthread.h>
#include <string.h>

/* The polynomial with its bits in reverse. */
#define POLYNOMIAL 0x82F63B78u

/* tables[n][b]: what the byte b does n bytes later. */
static uint32_t tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void
make_tables(void)
{
	for (uint32_t byte = 0; byte < 256; byte++)
	{
		uint32_t crc = byte;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
		tables[0][byte] = crc;
	}
	for (int n = 1; n < 8; n++)
		for (int byte = 0; byte < 256; byte++)
		{
			uint32_t before = tables[n - 1][byte];

			tables[n][byte] = (before >> 8) ^ tables[0][before & 0xff];
		}
}

uint32_t
crc32c_by_table(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	(void) pthread_once(&tables_once, make_tables);
	crc = ~crc;
	for (; len >= 8; p += 8, len -= 8)
	{
		crc ^= (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 |
			   (uint32_t) p[3] << 24;
		crc = tables[7][crc & 0xff] ^ tables[6][(crc >> 8) & 0xff] ^
			  tables[5][(crc >> 16) & 0xff] ^ tables[4][crc >> 24] ^
			  tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^
			  tables[0][p[7]];
	}
	for (; len > 0; p++, len--)
		crc = (crc >> 8) ^ tables[0][(crc ^ *p) & 0xff];
	return ~crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t
by_instruction(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t wide = ~crc;

	for (; len >= 8; p += 8, len -= 8)
	{
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t) wide;
	for (; len > 0; p++, len--)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return ~crc;
}

uint32_t
crc32c(uint32_t crc, const void *data, size_t len)
{
	if (__builtin_cpu_supports("sse4.2"))
		return by_instruction(crc, data, len);
	return crc32c_by_table(crc, data, len);
}

#else

uint32_t
crc32c(uint32_t crc, const void *data, size_t len)
{
	return crc32c_by_table(crc, data, len);
}

#endif
