/*
 * frame.c
 *	  One event as bytes; the format stands in frame.h.
 */
#include "frame.h"

#include <string.h>

static void
put_u16(uint8_t *out, uint16_t value)
{
	out[0] = (uint8_t) (value & 0xff);
	out[1] = (uint8_t) (value >> 8);
}

static void
put_u32(uint8_t *out, uint32_t value)
{
	put_u16(out, (uint16_t) (value & 0xffff));
	put_u16(out + 2, (uint16_t) (value >> 16));
}

static void
put_i64(uint8_t *out, int64_t value)
{
	uint64_t bits = (uint64_t) value;

	put_u32(out, (uint32_t) (bits & 0xffffffffu));
	put_u32(out + 4, (uint32_t) (bits >> 32));
}

static uint16_t
get_u16(const uint8_t *in)
{
	return (uint16_t) (in[0] | (in[1] << 8));
}

static uint32_t
get_u32(const uint8_t *in)
{
	return (uint32_t) get_u16(in) | ((uint32_t) get_u16(in + 2) << 16);
}

static int64_t
get_i64(const uint8_t *in)
{
	uint64_t bits =
		(uint64_t) get_u32(in) | ((uint64_t) get_u32(in + 4) << 32);
	int64_t value;

	/* The bits as they are: a cast of a large one would be the compiler's. */
	memcpy(&value, &bits, sizeof(value));
	return value;
}

size_t
frame_size(const struct frame *f)
{
	return FRAME_HEADER_BYTES + f->collection_len + f->json_len;
}

void
frame_write(const struct frame *f, uint8_t *out)
{
	put_u32(out, (uint32_t) frame_size(f));
	put_u16(out + 4, f->has_id ? FRAME_HAS_ID : 0);
	put_u16(out + 6, (uint16_t) f->collection_len);
	put_i64(out + 8, f->at_us);
	put_i64(out + 16, f->received_us);
	if (f->has_id)
		memcpy(out + 24, f->id, FRAME_ID_BYTES);
	else
		memset(out + 24, 0, FRAME_ID_BYTES);
	memcpy(out + 40, f->project, TALLY_PROJECT_ID_BYTES);
	memcpy(out + FRAME_HEADER_BYTES, f->collection, f->collection_len);
	memcpy(out + FRAME_HEADER_BYTES + f->collection_len, f->json, f->json_len);
}

size_t
frame_length(const uint8_t *data, size_t len)
{
	size_t size;

	if (len < FRAME_HEADER_BYTES)
		return 0;
	size = get_u32(data);
	return size < FRAME_HEADER_BYTES || size > len ? 0 : size;
}

/*
 * frame_read -- the frame at the start of "data".
 *
 * An unknown flag is a frame of a later version, and so not well-formed: to
 * skip what it asks for would be to store something else than was sent.
 */
size_t
frame_read(const uint8_t *data, size_t len, struct frame *f)
{
	size_t size = frame_length(data, len);
	uint16_t flags;

	if (size == 0)
		return 0;

	flags = get_u16(data + 4);
	f->collection_len = get_u16(data + 6);
	if ((flags & ~FRAME_HAS_ID) != 0 || f->collection_len < 1 ||
		f->collection_len > TALLY_MAX_COLLECTION_BYTES ||
		f->collection_len > size - FRAME_HEADER_BYTES)
		return 0;

	f->has_id = (flags & FRAME_HAS_ID) != 0;
	f->at_us = get_i64(data + 8);
	f->received_us = get_i64(data + 16);
	memcpy(f->id, data + 24, FRAME_ID_BYTES);
	memcpy(f->project, data + 40, TALLY_PROJECT_ID_BYTES);
	f->collection = (const char *) data + FRAME_HEADER_BYTES;
	f->json = f->collection + f->collection_len;
	f->json_len = size - FRAME_HEADER_BYTES - f->collection_len;
	return size;
}

bool
frame_collection_ok(const char *name, size_t len)
{
	if (len < 1 || len > TALLY_MAX_COLLECTION_BYTES)
		return false;
	if (name[0] == '_' || name[0] == '.' || name[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (name[i] < 0x20 || name[i] > 0x7e || name[i] == '$')
			return false;
	return true;
}
