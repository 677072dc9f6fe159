/*
 * digest.h
 *	  SHA-256, of short things and often.
 */
#ifndef TALLY_DIGEST_H
#define TALLY_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_BYTES 32

/* Once, at the start: false when there is no memory.  OpenSSL that could not
 * set itself up then must not be called at all. */
bool digest_setup(void);

/* False when there is no memory for it.  Any thread. */
bool digest_sha256(const void *data, size_t len, uint8_t digest[DIGEST_BYTES]);

#endif
