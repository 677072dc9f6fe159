/*
 * arena.c
 *	  A list of blocks; the newest one is filled from its start.
 *
 * The first block stays for ever and is large enough for the parameters of an
 * ordinary request, so most requests ask malloc() for nothing.
 */
#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t) 16 * 1024)

struct block
{
	struct block *older;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char data[];
};

struct arena
{
	struct block *newest;
	size_t held;
	size_t max;
};

static struct block *
block_new(size_t size)
{
	struct block *block = malloc(sizeof(*block) + size);

	if (block != NULL)
	{
		block->older = NULL;
		block->size = size;
		block->used = 0;
	}
	return block;
}

struct arena *
arena_new(size_t max_bytes)
{
	struct arena *arena = malloc(sizeof(*arena));

	if (arena == NULL)
		return NULL;
	arena->newest = block_new(BLOCK_BYTES);
	if (arena->newest == NULL)
	{
		free(arena);
		return NULL;
	}
	arena->held = BLOCK_BYTES;
	arena->max = max_bytes > BLOCK_BYTES ? max_bytes : BLOCK_BYTES;
	return arena;
}

void
arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	arena_reset(arena);
	free(arena->newest);
	free(arena);
}

void *
arena_alloc(struct arena *arena, size_t len)
{
	const size_t align = alignof(max_align_t);
	struct block *block = arena->newest;
	size_t size;
	void *result;

	if (len > arena->max)
		return NULL;
	len = (len + align - 1) / align * align;

	if (len > block->size - block->used)
	{
		size = len > BLOCK_BYTES ? len : BLOCK_BYTES;
		if (size > arena->max - arena->held)
			return NULL;
		block = block_new(size);
		if (block == NULL)
			return NULL;
		block->older = arena->newest;
		arena->newest = block;
		arena->held += size;
	}

	result = block->data + block->used;
	block->used += len;
	return result;
}

char *
arena_copy(struct arena *arena, const char *data, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		return NULL;
	copy = arena_alloc(arena, len + 1);
	if (copy != NULL)
	{
		if (len > 0)
			memcpy(copy, data, len);
		copy[len] = '\0';
	}
	return copy;
}

void
arena_reset(struct arena *arena)
{
	while (arena->newest->older != NULL)
	{
		struct block *block = arena->newest;

		arena->newest = block->older;
		arena->held -= block->size;
		free(block);
	}
	arena->newest->used = 0;
}

size_t
arena_held(const struct arena *arena)
{
	return arena->held;
}
