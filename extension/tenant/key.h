/*
 * key.h
 *	  What a key is: TALLY_KEY_CHARS hexadecimal digits in capitals, of
 *	  which nothing but the SHA-256 is ever kept.
 *
 * That is enough to keep them safe: a key is 256 random bits, so there is
 * nothing to guess from its hash, and no salt or slow hash would add to that.
 */
#ifndef TALLY_KEY_H
#define TALLY_KEY_H

#include "postgres.h"

#define TALLY_KEY_HASH_BYTES 32

/*
 * Writes 2 * nbytes lower-case hexadecimal digits of strongly random bytes
 * to "out", without a NUL.  nbytes is at most TALLY_RANDOM_MAX_BYTES.
 */
#define TALLY_RANDOM_MAX_BYTES 64
extern void tally_random_digits(int nbytes, char *out);

/* Writes the SHA-256 of a key, as it was presented, to "hash". */
extern void tally_key_digest(const char *key, size_t len,
							 uint8 hash[TALLY_KEY_HASH_BYTES]);

#endif
