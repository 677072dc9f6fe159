/*-------------------------------------------------------------------------
 *
 * tenant_sql.c
 *	  What ddl/70_tenant.sql needs of C: random digits, and hashes of keys.
 *
 * The rest of tenancy is SQL over two small tables and is written as such
 * there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "compat.h"
#include "tenant/key.h"

PG_FUNCTION_INFO_V1(tally_random_hex);
PG_FUNCTION_INFO_V1(tally_key_hash);

/* tally.random_hex(bytes int) returns text */
Datum
tally_random_hex(PG_FUNCTION_ARGS)
{
	int32 nbytes = PG_GETARG_INT32(0);
	char digits[2 * TALLY_RANDOM_MAX_BYTES];

	if (nbytes < 1 || nbytes > TALLY_RANDOM_MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot give %d random bytes", nbytes),
				 errhint("Ask for 1 to %d.", TALLY_RANDOM_MAX_BYTES)));
	tally_random_digits(nbytes, digits);

	PG_RETURN_TEXT_P(cstring_to_text_with_len(digits, 2 * nbytes));
}

/* tally.key_hash(key text) returns bytea */
Datum
tally_key_hash(PG_FUNCTION_ARGS)
{
	text *key = PG_GETARG_TEXT_PP(0);
	bytea *hash = (bytea *) palloc(VARHDRSZ + TALLY_KEY_HASH_BYTES);

	SET_VARSIZE(hash, VARHDRSZ + TALLY_KEY_HASH_BYTES);
	tally_key_digest(VARDATA_ANY(key),
					 VARSIZE_ANY_EXHDR(key),
					 (uint8 *) VARDATA(hash));

	PG_RETURN_BYTEA_P(hash);
}
