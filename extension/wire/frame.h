/*
 * frame.h
 *	  One event as bytes: what a spool record's body is a run of, and what
 *	  tally.ingest() takes.
 *
 * FORMAT.  Integers are little-endian.
 *
 *	  0	   4  length of the frame, these four bytes included
 *	  4	   2  flags: FRAME_HAS_ID
 *	  6	   2  bytes of the collection's name, 1 .. TALLY_MAX_COLLECTION_BYTES
 *	  8	   8  at: when it happened, microseconds since 2000-01-01 00:00 UTC
 *	  16   8  received_at: when the door took it, likewise
 *	  24  16  id: two of the same project, collection and id are one event;
 *			  zeros unless FRAME_HAS_ID
 *	  40  12  the project's id, raw
 *	  52   n  the collection's name, UTF-8
 *	  ..   m  the event, a JSON object exactly as it was sent
 *
 * Free-standing: see README.md.
 */
#ifndef TALLY_FRAME_H
#define TALLY_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../contract.h"

#define FRAME_HEADER_BYTES 52
#define FRAME_HAS_ID 0x0001
#define FRAME_ID_BYTES 16

struct frame
{
	bool has_id;
	int64_t at_us;
	int64_t received_us;
	uint8_t id[FRAME_ID_BYTES];
	uint8_t project[TALLY_PROJECT_ID_BYTES];
	const char *collection; /* not terminated */
	size_t collection_len;
	const char *json; /* not terminated */
	size_t json_len;
};

/* Bytes that frame_write() will write for "f". */
size_t frame_size(const struct frame *f);

/* Writes "f" to "out", which has room for frame_size(f) bytes. */
void frame_write(const struct frame *f, uint8_t *out);

/*
 * Reads the frame at the start of the "len" bytes at "data".  Returns its
 * length and sets *f, whose pointers point into "data"; or 0 when there is no
 * whole, well-formed frame.  Says nothing about the JSON.
 */
size_t frame_read(const uint8_t *data, size_t len, struct frame *f);

/*
 * The length that the frame at the start of "data" says it has, or 0 when it
 * cannot be: less than a header, or more than there is.  So a run of frames
 * can be followed past one that frame_read() does not take.
 */
size_t frame_length(const uint8_t *data, size_t len);

/*
 * May a collection be called so?  1 .. TALLY_MAX_COLLECTION_BYTES printable
 * ASCII characters, no "$", no "_" at its start, no "." at either end.
 */
bool frame_collection_ok(const char *name, size_t len);

#endif
