/*
 * spool_record.c
 *	  The bytes of a spool's headers: see spool_format.h.
 */
#include "spool_format.h"

#include <string.h>

#include "crc32c.h"

#define FILE_MAGIC "TALLYSPL"
#define RECORD_MAGIC "TREC"

/* Where the checksum of each header stands, and what it is about. */
#define FILE_CRC_AT 60
#define RECORD_CRC_AT 4
#define RECORD_CRC_FROM 8

static void
put_u32(uint8_t *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t) (value >> (8 * i));
}

static void
put_u64(uint8_t *out, uint64_t value)
{
	put_u32(out, (uint32_t) value);
	put_u32(out + 4, (uint32_t) (value >> 32));
}

static uint32_t
get_u32(const uint8_t *in)
{
	return (uint32_t) in[0] | (uint32_t) in[1] << 8 | (uint32_t) in[2] << 16 |
		   (uint32_t) in[3] << 24;
}

static uint64_t
get_u64(const uint8_t *in)
{
	return (uint64_t) get_u32(in) | (uint64_t) get_u32(in + 4) << 32;
}

static uint32_t
record_crc(const uint8_t *record, size_t len, const uint8_t *uuid)
{
	uint32_t crc = crc32c(0, uuid, SPOOL_UUID_BYTES);

	return crc32c(crc, record + RECORD_CRC_FROM, len - RECORD_CRC_FROM);
}

void
spool_record_seal(uint8_t *record, size_t len, uint32_t count, uint64_t first,
				  const uint8_t uuid[SPOOL_UUID_BYTES])
{
	memcpy(record, RECORD_MAGIC, 4);
	put_u32(record + 8, (uint32_t) len);
	put_u32(record + 12, count);
	put_u64(record + 16, first);
	put_u64(record + 24, 0);
	put_u32(record + RECORD_CRC_AT, record_crc(record, len, uuid));
}

size_t
spool_record_len(const uint8_t header[SPOOL_RECORD_HEADER])
{
	size_t len = get_u32(header + 8);

	if (memcmp(header, RECORD_MAGIC, 4) != 0 || len <= SPOOL_RECORD_HEADER ||
		len > SPOOL_MAX_RECORD)
		return 0;
	return len;
}

bool
spool_record_open(const uint8_t *record, size_t len, uint32_t *count,
				  uint64_t *first, const uint8_t uuid[SPOOL_UUID_BYTES])
{
	if (get_u32(record + RECORD_CRC_AT) != record_crc(record, len, uuid))
		return false;
	*count = get_u32(record + 12);
	*first = get_u64(record + 16);
	return *count > 0 && *first > 0;
}

void
spool_header_write(uint8_t header[SPOOL_FILE_HEADER],
				   const uint8_t uuid[SPOOL_UUID_BYTES], uint64_t first,
				   int64_t begun_us)
{
	memset(header, 0, SPOOL_FILE_HEADER);
	memcpy(header, FILE_MAGIC, 8);
	put_u32(header + 8, SPOOL_FILE_VERSION);
	memcpy(header + 16, uuid, SPOOL_UUID_BYTES);
	put_u64(header + 32, first);
	put_u64(header + 40, (uint64_t) begun_us);
	put_u32(header + FILE_CRC_AT, crc32c(0, header, FILE_CRC_AT));
}

bool
spool_header_read(const uint8_t header[SPOOL_FILE_HEADER],
				  const uint8_t uuid[SPOOL_UUID_BYTES], uint64_t first,
				  int64_t *begun_us)
{
	if (memcmp(header, FILE_MAGIC, 8) != 0 ||
		get_u32(header + FILE_CRC_AT) != crc32c(0, header, FILE_CRC_AT) ||
		get_u32(header + 8) != SPOOL_FILE_VERSION ||
		memcmp(header + 16, uuid, SPOOL_UUID_BYTES) != 0 ||
		get_u64(header + 32) != first)
		return false;
	*begun_us = (int64_t) get_u64(header + 40);
	return true;
}
