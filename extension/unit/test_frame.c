/*
 * test_frame.c
 *	  frame.c: what is written can be read back, and nothing else can.
 */
#include "tap.h"

#include <stdlib.h>

#include "frame.h"

static struct frame
sample(void)
{
	struct frame f = {0};

	f.has_id = true;
	f.at_us = INT64_C(-946684800123456);
	f.received_us = INT64_C(763000000123456);
	for (int i = 0; i < FRAME_ID_BYTES; i++)
		f.id[i] = (uint8_t) (0xf0 + i);
	for (int i = 0; i < TALLY_PROJECT_ID_BYTES; i++)
		f.project[i] = (uint8_t) (0x80 + i);
	f.collection = "orders";
	f.collection_len = 6;
	f.json = "{\"sku\": \"tea\"}";
	f.json_len = 14;
	return f;
}

/* read_exact -- read from memory that ends where the data does. */
static size_t
read_exact(const uint8_t *data, size_t len, struct frame *f)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	size_t n;

	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, data, len);
	n = frame_read(copy, len, f);
	free(copy);
	return n;
}

static void
test_round_trip(void)
{
	struct frame f = sample();
	struct frame got;
	uint8_t bytes[128];
	size_t size = frame_size(&f);

	tap_int((int64_t) size, FRAME_HEADER_BYTES + 6 + 14, "its size");
	frame_write(&f, bytes);
	tap_int((int64_t) frame_read(bytes, sizeof(bytes), &got),
			(int64_t) size,
			"it is read back, whatever follows");
	tap_ok(got.has_id && got.at_us == f.at_us &&
			   got.received_us == f.received_us,
		   "its numbers, before 2000 too");
	tap_mem(got.id, f.id, FRAME_ID_BYTES, "its id");
	tap_mem(got.project, f.project, TALLY_PROJECT_ID_BYTES, "its project");
	tap_ok(got.collection_len == 6 && memcmp(got.collection, "orders", 6) == 0,
		   "its collection");
	tap_ok(got.json_len == 14 && memcmp(got.json, f.json, 14) == 0,
		   "its JSON");

	f.has_id = false;
	frame_write(&f, bytes);
	frame_read(bytes, size, &got);
	memset(f.id, 0, sizeof(f.id));
	tap_ok(!got.has_id && memcmp(got.id, f.id, FRAME_ID_BYTES) == 0,
		   "without an id there are zeros in its place");
}

/* The bytes are a promise to files and databases: they may not change. */
static void
test_bytes(void)
{
	/* clang-format off */
	static const uint8_t head[FRAME_HEADER_BYTES] = {
		72, 0, 0, 0, 1, 0, 6, 0, /* length, flags, name's length */
		0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* at */
		0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, /* received_at */
		0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7,
		0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff, /* id */
		0x80, 0x81, 0x82, 0x83, 0x84, 0x85,
		0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, /* project */
	};
	/* clang-format on */
	struct frame f = sample();
	uint8_t bytes[128];

	f.at_us = -2;
	f.received_us = INT64_C(0x0102030405060708);
	frame_write(&f, bytes);
	tap_mem(bytes, head, sizeof(head), "the header, byte by byte");
	tap_mem(bytes + FRAME_HEADER_BYTES,
			"orders{\"sku\": \"tea\"}",
			20,
			"and what follows it");
}

static void
test_refused(void)
{
	struct frame f = sample();
	struct frame got;
	uint8_t bytes[128];
	uint8_t changed[128];
	size_t size = frame_size(&f);
	size_t read = 0;

	frame_write(&f, bytes);
	for (size_t len = 0; len < size; len++)
		read += read_exact(bytes, len, &got);
	tap_int((int64_t) read, 0, "a frame cut anywhere is none");

	memcpy(changed, bytes, size);
	changed[0] = FRAME_HEADER_BYTES - 1;
	tap_int((int64_t) read_exact(changed, size, &got),
			0,
			"a length below that of the header");
	changed[0] = FRAME_HEADER_BYTES + 5;
	tap_int((int64_t) read_exact(changed, size, &got),
			0,
			"a collection that ends behind the frame");
	tap_int((int64_t) frame_length(changed, size),
			FRAME_HEADER_BYTES + 5,
			"whose length can be followed all the same");
	memset(changed, 0xff, 4);
	tap_int((int64_t) read_exact(changed, size, &got),
			0,
			"the largest length there is");
	tap_int((int64_t) frame_length(changed, size), 0, "which nothing follows");

	memcpy(changed, bytes, size);
	changed[6] = 0;
	tap_int((int64_t) read_exact(changed, size, &got),
			0,
			"a collection without a name");
	memset(changed + 6, 0xff, 2);
	tap_int((int64_t) read_exact(changed, size, &got),
			0,
			"a collection's name that is too long");

	memcpy(changed, bytes, size);
	changed[4] = 3;
	tap_int((int64_t) read_exact(changed, size, &got),
			0,
			"a flag nobody knows");
}

static void
test_collection_names(void)
{
	static const char *const good[] = {
		"a",
		"Orders 2024",
		"a/b",
		"a.b",
		"a-b:c",
		"undefined",
		"0",
		"a_",
	};
	static const char *const bad[] = {
		"",
		"_a",
		".a",
		"a.",
		"a$b",
		"$a",
		"a\nb",
		"a\x7f",
		"\xc3\xa9",
	};
	char name[TALLY_MAX_COLLECTION_BYTES + 1];
	size_t wrong = 0;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		wrong += !frame_collection_ok(good[i], strlen(good[i]));
	tap_int((int64_t) wrong, 0, "names a collection may have");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		wrong += frame_collection_ok(bad[i], strlen(bad[i]));
	tap_int((int64_t) wrong, 0, "names it may not have");

	memset(name, 'n', sizeof(name));
	tap_ok(frame_collection_ok(name, TALLY_MAX_COLLECTION_BYTES),
		   "the longest name");
	tap_ok(!frame_collection_ok(name, TALLY_MAX_COLLECTION_BYTES + 1),
		   "a byte more");
	tap_ok(!frame_collection_ok("a\0b", 3), "a NUL in it");
}

int
main(void)
{
	test_round_trip();
	test_bytes();
	test_refused();
	test_collection_names();
	return tap_done();
}
