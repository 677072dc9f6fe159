/*
 * arena.h
 *	  Memory of one request: taken piece by piece, given back in one go.
 *
 * An arena never holds more than its limit, so the memory of the program is
 * bounded by the number of its requests.  One thread at a time.
 */
#ifndef TALLY_ARENA_H
#define TALLY_ARENA_H

#include <stddef.h>

struct arena;

/* NULL when out of memory. */
struct arena *arena_new(size_t max_bytes);
void arena_free(struct arena *arena);

/* Aligned for every type, not cleared.  NULL past the limit or when out of
 * memory. */
void *arena_alloc(struct arena *arena, size_t len);

/* A copy of "len" bytes with a NUL behind it. */
char *arena_copy(struct arena *arena, const char *data, size_t len);

/* Forgets everything; keeps the first block, returns the others. */
void arena_reset(struct arena *arena);

/* Bytes held now. */
size_t arena_held(const struct arena *arena);

#endif
