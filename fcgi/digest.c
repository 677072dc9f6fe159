/*
 * digest.c
 *	  SHA-256, of short things and often.
 *
 * OpenSSL's SHA256() looks the algorithm up by its name in every call, under
 * a lock that all threads share; that costs more than hashing a key.  So it is
 * looked up once.
 */
#include "digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdatomic.h>

/* Set once, by whoever was first, then only read. */
static _Atomic(EVP_MD *) known;

/* sha256 -- looked up again as long as there was no memory for it. */
static EVP_MD *
sha256(void)
{
	EVP_MD *md = atomic_load(&known);
	EVP_MD *none = NULL;

	if (md != NULL)
		return md;
	md = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (md == NULL || atomic_compare_exchange_strong(&known, &none, md))
		return md;
	EVP_MD_free(md);
	return none;
}

bool
digest_setup(void)
{
	return OPENSSL_init_crypto(0, NULL) == 1 &&
		   OSSL_LIB_CTX_get0_global_default() != NULL && sha256() != NULL;
}

bool
digest_sha256(const void *data, size_t len, uint8_t digest[DIGEST_BYTES])
{
	EVP_MD *md = sha256();
	unsigned int written = 0;

	return md != NULL &&
		   EVP_Digest(data, len, digest, &written, md, NULL) == 1 &&
		   written == DIGEST_BYTES;
}
