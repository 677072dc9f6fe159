/*
 * buf.h
 *	  Bytes that grow, up to a limit.
 *
 * A buffer that cannot grow, because of its limit or of memory, remembers it:
 * every later append does nothing, so a writer appends freely and looks at
 * "failed" once, at the end.  One thread at a time.
 */
#ifndef TALLY_BUF_H
#define TALLY_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf
{
	char *data; /* may be NULL when nothing was appended */
	size_t len;
	size_t cap;
	size_t max;
	bool failed;
};

void buf_init(struct buf *buf, size_t max_bytes);
void buf_free(struct buf *buf);

/* Empties it, and forgets a failure; keeps the memory. */
void buf_reset(struct buf *buf);

/* As buf_reset(), but gives memory over "keep_bytes" back. */
void buf_shrink(struct buf *buf, size_t keep_bytes);

void buf_append(struct buf *buf, const void *data, size_t len);
void buf_str(struct buf *buf, const char *str);
void buf_char(struct buf *buf, char c);
void buf_int(struct buf *buf, int64_t value);

/* Makes room for "len" more bytes and returns where they go; the caller adds
 * what it wrote to "len" of the buffer.  NULL on failure. */
char *buf_room(struct buf *buf, size_t len);

#endif
