/*
 * collection.h
 *	  The collections that one batch names.
 */
#ifndef TALLY_COLLECTION_H
#define TALLY_COLLECTION_H

#include "postgres.h"

#include "utils/hsearch.h"

#include "contract.h"

/* Bytes only, so that it can be hashed and compared as such. */
typedef struct TallyCollectionKey
{
	uint8 project[TALLY_PROJECT_ID_BYTES];
	uint8 name_len;
	char name[TALLY_MAX_COLLECTION_BYTES]; /* zeros behind name_len */
} TallyCollectionKey;

typedef struct TallyCollection
{
	TallyCollectionKey key; /* MUST BE FIRST: what the table hashes */
	int32 id;				/* 0 when there is no such project */
} TallyCollection;

/* An empty set, in the current memory context. */
extern HTAB *tally_collections_create(void);

/*
 * The member of that project and name, added when it is new.  It stays where
 * it is.  The name is one that frame_collection_ok() allows.
 */
extern TallyCollection *tally_collections_add(HTAB *collections,
											  const uint8 *project,
											  const char *name,
											  size_t name_len);

/*
 * Sets every member's id and makes the collections that are not there yet.
 * Needs an SPI connection.
 */
extern void tally_collections_resolve(HTAB *collections);

#endif
