/*
 * digest.c
 *	  SHA-256, of short things and often.
 *
 * OpenSSL's SHA256() looks the algorithm up by its name in every call, under
 * a lock that all threads share; that costs more than hashing a key.  So it is
 * looked up once.
 */
#include "digest.h"

#include <openssl/evp.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256; /* set once, then only read */

static void
look_up(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

bool
digest_sha256(const void *data, size_t len, uint8_t digest[DIGEST_BYTES])
{
	unsigned int written = 0;

	return pthread_once(&once, look_up) == 0 && sha256 != NULL &&
		   EVP_Digest(data, len, digest, &written, sha256, NULL) == 1 &&
		   written == DIGEST_BYTES;
}
