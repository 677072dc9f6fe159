/*
 * snapshot.c
 *	  All keys at one moment: building them, and asking them.
 */
#include "snapshot.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static int
compare_entries(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct entry));
}

static int
compare_projects(const void *a, const void *b)
{
	return memcmp(a, b, TALLY_PROJECT_ID_BYTES);
}

void
snapshot_free(struct snapshot *snap)
{
	if (snap == NULL)
		return;
	free(snap->entries);
	free(snap->projects);
	free(snap);
}

/* collect_projects -- the distinct ones of the entries, in order. */
static bool
collect_projects(struct snapshot *snap)
{
	size_t i;

	snap->projects = malloc((snap->count + 1) * sizeof(snap->projects[0]));
	if (snap->projects == NULL)
		return false;
	for (i = 0; i < snap->count; i++)
		memcpy(snap->projects[i],
			   snap->entries[i].project,
			   TALLY_PROJECT_ID_BYTES);
	qsort(snap->projects,
		  snap->count,
		  sizeof(snap->projects[0]),
		  compare_projects);
	for (i = 0; i < snap->count; i++)
	{
		if (i > 0 &&
			compare_projects(snap->projects[i],
							 snap->projects[snap->nprojects - 1]) == 0)
			continue;
		memmove(snap->projects[snap->nprojects++],
				snap->projects[i],
				TALLY_PROJECT_ID_BYTES);
	}
	return true;
}

/* snapshot_new -- of what was built; takes the entries over. */
struct snapshot *
snapshot_new(struct keys_builder *builder, int64_t loaded_ms,
			 int64_t loaded_wall_ms)
{
	struct snapshot *snap = calloc(1, sizeof(*snap));

	if (snap == NULL)
		return NULL;
	snap->loaded_ms = loaded_ms;
	snap->loaded_wall_ms = loaded_wall_ms;
	snap->entries = builder->entries;
	snap->count = builder->count;
	*builder = (struct keys_builder){.entries = NULL};
	if (snap->count > 0)
		qsort(snap->entries,
			  snap->count,
			  sizeof(snap->entries[0]),
			  compare_entries);
	if (!collect_projects(snap))
	{
		snapshot_free(snap);
		return NULL;
	}
	return snap;
}

bool
keys_add(struct keys_builder *builder, const uint8_t hash[KEY_HASH_BYTES],
		 const uint8_t project[TALLY_PROJECT_ID_BYTES], enum scope scope)
{
	struct entry *entry;

	if (builder->count == SNAPSHOT_MAX_KEYS)
		return false;
	if (builder->count == builder->cap)
	{
		size_t cap = builder->cap > 0 ? builder->cap * 2 : 64;
		struct entry *entries =
			realloc(builder->entries, cap * sizeof(*entries));

		if (entries == NULL)
			return false;
		builder->entries = entries;
		builder->cap = cap;
	}
	entry = &builder->entries[builder->count++];
	memcpy(entry->hash, hash, sizeof(entry->hash));
	memcpy(entry->project, project, sizeof(entry->project));
	entry->scope = (uint8_t) scope;
	return true;
}

/*
 * find_hash -- the entry of a key, or NULL.
 *
 * The search compares hashes, not keys, and who does not know the key cannot
 * choose its hash: so the steps of the search tell nothing.  The comparison
 * that decides takes the same time for every hash.
 */
static const struct entry *
find_hash(const struct snapshot *snap, const uint8_t hash[KEY_HASH_BYTES])
{
	size_t low = 0;
	size_t high = snap->count;

	while (low < high)
	{
		size_t mid = low + (high - low) / 2;

		if (memcmp(snap->entries[mid].hash, hash, KEY_HASH_BYTES) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < snap->count &&
		CRYPTO_memcmp(snap->entries[low].hash, hash, KEY_HASH_BYTES) == 0)
		return &snap->entries[low];
	return NULL;
}

bool
snapshot_has_project(const struct snapshot *snap,
					 const uint8_t project[TALLY_PROJECT_ID_BYTES])
{
	return snap->nprojects > 0 && bsearch(project,
										  snap->projects,
										  snap->nprojects,
										  sizeof(snap->projects[0]),
										  compare_projects) != NULL;
}

enum keys_result
snapshot_check(const struct snapshot *snap,
			   const uint8_t project[TALLY_PROJECT_ID_BYTES],
			   const uint8_t hash[KEY_HASH_BYTES], enum scope scope)
{
	const struct entry *entry;

	if (!snapshot_has_project(snap, project))
		return KEYS_UNKNOWN_PROJECT;
	entry = find_hash(snap, hash);
	if (entry == NULL)
		return KEYS_UNKNOWN_KEY;
	if (memcmp(entry->project, project, TALLY_PROJECT_ID_BYTES) != 0)
		return KEYS_OTHER_PROJECT;
	if (entry->scope != SCOPE_MASTER && entry->scope != scope)
		return KEYS_NO_SCOPE;
	return KEYS_OK;
}

bool
snapshot_equal(const struct snapshot *a, const struct snapshot *b)
{
	return a != NULL && a->count == b->count &&
		   (a->count == 0 ||
			memcmp(a->entries, b->entries, a->count * sizeof(a->entries[0])) ==
				0);
}
