/*
 * snapshot.h
 *	  All keys at one moment.  Inside of keys.h: keys.c and keys_file.c only.
 *
 * A snapshot is built once and never changed, so any number of threads may
 * ask it; who owns it, and until when, is keys.c's business.
 */
#ifndef TALLY_SNAPSHOT_H
#define TALLY_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys.h"

#define SNAPSHOT_MAX_KEYS ((size_t) 1000 * 1000)

/* Bytes only, so that memcmp() compares all of it. */
struct entry
{
	uint8_t hash[KEY_HASH_BYTES];
	uint8_t project[TALLY_PROJECT_ID_BYTES];
	uint8_t scope;
};

struct keys_builder
{
	struct entry *entries;
	size_t count;
	size_t cap;
};

struct snapshot
{
	int readers;			/* keys.c's, guarded by its lock */
	int64_t loaded_ms;		/* of the monotonic clock */
	int64_t loaded_wall_ms; /* of the wall clock, for the file */
	struct entry *entries;	/* in order of their hash */
	size_t count;
	uint8_t (*projects)[TALLY_PROJECT_ID_BYTES]; /* in order, each once */
	size_t nprojects;
};

/* Of what was built, whose entries it takes over.  NULL when out of memory. */
struct snapshot *snapshot_new(struct keys_builder *builder, int64_t loaded_ms,
							  int64_t loaded_wall_ms);
void snapshot_free(struct snapshot *snap);

/* Anything but KEYS_NONE. */
enum keys_result snapshot_check(const struct snapshot *snap,
								const uint8_t project[TALLY_PROJECT_ID_BYTES],
								const uint8_t hash[KEY_HASH_BYTES],
								enum scope scope);
bool snapshot_has_project(const struct snapshot *snap,
						  const uint8_t project[TALLY_PROJECT_ID_BYTES]);

/* Do both hold the same keys?  "a" may be NULL. */
bool snapshot_equal(const struct snapshot *a, const struct snapshot *b);

#endif
