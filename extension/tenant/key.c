/*-------------------------------------------------------------------------
 *
 * key.c
 *	  Making and hashing keys.
 *
 * Both use what the server was built with (OpenSSL or its own), as its own
 * passwords do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"

#include "tenant/key.h"

void
tally_random_digits(int nbytes, char *out)
{
	static const char digits[] = "0123456789abcdef";
	uint8 random[TALLY_RANDOM_MAX_BYTES];
	int i;

	Assert(nbytes >= 0 && nbytes <= TALLY_RANDOM_MAX_BYTES);

	if (!pg_strong_random(random, nbytes))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not get random bytes from the system"),
				 errhint("See whether its random number source works.")));
	for (i = 0; i < nbytes; i++)
	{
		*out++ = digits[random[i] >> 4];
		*out++ = digits[random[i] & 0x0f];
	}
}

void
tally_key_digest(const char *key, size_t len, uint8 hash[TALLY_KEY_HASH_BYTES])
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);
	bool ok = ctx != NULL && pg_cryptohash_init(ctx) >= 0 &&
			  pg_cryptohash_update(ctx, (const uint8 *) key, len) >= 0 &&
			  pg_cryptohash_final(ctx, hash, TALLY_KEY_HASH_BYTES) >= 0;

	StaticAssertStmt(TALLY_KEY_HASH_BYTES == PG_SHA256_DIGEST_LENGTH,
					 "a key's hash is a SHA-256");

	if (ctx != NULL)
		pg_cryptohash_free(ctx);
	if (!ok)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute the SHA-256 of a key"),
				 errhint("See whether the server's OpenSSL allows it.")));
}
