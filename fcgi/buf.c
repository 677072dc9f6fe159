/*
 * buf.c
 *	  Bytes that grow by doubling, up to a limit.
 */
#include "buf.h"

#include <stdlib.h>
#include <string.h>

/* The first piece of memory: a short answer and its headers. */
#define FIRST_BYTES 512

void
buf_init(struct buf *buf, size_t max_bytes)
{
	*buf = (struct buf){.max = max_bytes};
}

void
buf_free(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){.max = buf->max};
}

void
buf_reset(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
}

void
buf_shrink(struct buf *buf, size_t keep_bytes)
{
	if (buf->cap > keep_bytes)
		buf_free(buf);
	else
		buf_reset(buf);
}

char *
buf_room(struct buf *buf, size_t len)
{
	size_t cap = buf->cap > 0 ? buf->cap : FIRST_BYTES;
	char *data;

	if (buf->failed || len > buf->max - buf->len)
		goto fail;
	if (buf->data != NULL && len <= buf->cap - buf->len)
		return buf->data + buf->len;

	while (cap < buf->len + len)
		cap = cap > buf->max / 2 ? buf->max : cap * 2;
	data = realloc(buf->data, cap);
	if (data == NULL)
		goto fail;
	buf->data = data;
	buf->cap = cap;
	return buf->data + buf->len;

fail:
	buf->failed = true;
	return NULL;
}

void
buf_append(struct buf *buf, const void *data, size_t len)
{
	char *room = buf_room(buf, len);

	if (room == NULL || len == 0)
		return;
	memcpy(room, data, len);
	buf->len += len;
}

void
buf_str(struct buf *buf, const char *str)
{
	buf_append(buf, str, strlen(str));
}

void
buf_char(struct buf *buf, char c)
{
	buf_append(buf, &c, 1);
}

void
buf_int(struct buf *buf, int64_t value)
{
	uint64_t left = value < 0 ? 0 - (uint64_t) value : (uint64_t) value;
	char text[24];
	size_t at = sizeof(text);

	do
		text[--at] = (char) ('0' + left % 10);
	while ((left /= 10) > 0);
	if (value < 0)
		text[--at] = '-';
	buf_append(buf, text + at, sizeof(text) - at);
}
