/*-------------------------------------------------------------------------
 *
 * collection.c
 *	  Numbers for the names of collections; a name's first event makes it.
 *
 * Two sessions may meet the same new name.  The unique index lets one of
 * them insert it; the other waits for the end of that transaction and finds
 * the row.  So that two batches with several new names cannot wait for each
 * other, every batch makes them in the same order.
 *
 * Nothing is remembered from one batch to the next: a look-up costs less
 * than the parsing of a dozen events, and a collection may be gone by then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "store/collection.h"
#include "store/store.h"

HTAB *
tally_collections_create(void)
{
	HASHCTL ctl = {
		.keysize = sizeof(TallyCollectionKey),
		.entrysize = sizeof(TallyCollection),
		.hcxt = CurrentMemoryContext,
	};

	return hash_create("collections of a batch",
					   64,
					   &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

TallyCollection *
tally_collections_add(HTAB *collections, const uint8 *project,
					  const char *name, size_t name_len)
{
	TallyCollectionKey key = {.name_len = (uint8) name_len};
	TallyCollection *collection;
	bool found;

	Assert(name_len <= TALLY_MAX_COLLECTION_BYTES);
	memcpy(key.project, project, TALLY_PROJECT_ID_BYTES);
	memcpy(key.name, name, name_len);

	collection = hash_search(collections, &key, HASH_ENTER, &found);
	if (!found)
		collection->id = 0;
	return collection;
}

/* first_int -- the one int that a statement gives, or 0 when no row came */
static int32
first_int(TallyStatement *statement, Datum *args)
{
	bool isnull;

	if (tally_store_run(statement, args) == 0)
		return 0;
	return DatumGetInt32(SPI_getbinval(
		SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

/* find_or_make -- the number of a collection, 0 without its project */
static int32
find_or_make(const TallyCollectionKey *key)
{
	static TallyStatement find = {
		"SELECT c.collection_id FROM tally_store.collection c"
		" JOIN tally_store.project p USING (project_id)"
		" WHERE p.id = $1 AND c.name = $2",
		2,
		{TEXTOID, TEXTOID}};
	static TallyStatement make = {
		"INSERT INTO tally_store.collection (project_id, name)"
		" SELECT p.project_id, $2 FROM tally_store.project p WHERE p.id = $1"
		" ON CONFLICT DO NOTHING RETURNING collection_id",
		2,
		{TEXTOID, TEXTOID}};
	char project[2 * TALLY_PROJECT_ID_BYTES];
	Datum args[2];
	int32 id;

	hex_encode((const char *) key->project, TALLY_PROJECT_ID_BYTES, project);
	args[0] =
		PointerGetDatum(cstring_to_text_with_len(project, sizeof(project)));
	args[1] =
		PointerGetDatum(cstring_to_text_with_len(key->name, key->name_len));

	id = first_int(&find, args);
	if (id == 0)
		id = first_int(&make, args);
	if (id == 0) /* no such project, or made by another session just now */
		id = first_int(&find, args);
	return id;
}

static int
compare_collections(const void *a, const void *b)
{
	return memcmp(&(*(TallyCollection *const *) a)->key,
				  &(*(TallyCollection *const *) b)->key,
				  sizeof(TallyCollectionKey));
}

void
tally_collections_resolve(HTAB *collections)
{
	long n = hash_get_num_entries(collections);
	TallyCollection **sorted = palloc(n * sizeof(*sorted));
	TallyCollection *collection;
	HASH_SEQ_STATUS scan;
	long i = 0;

	hash_seq_init(&scan, collections);
	while ((collection = hash_seq_search(&scan)) != NULL)
		sorted[i++] = collection;
	qsort(sorted, n, sizeof(*sorted), compare_collections);

	for (i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		sorted[i]->id = find_or_make(&sorted[i]->key);
	}
}
