/*
 * siphash.h
 *	  SipHash-2-4: a short hash with a secret, for tables whose keys clients
 *	  choose.
 *
 * Who does not know the secret cannot make two texts that collide, so nobody
 * can turn a table into a list, or have another's query taken for theirs.
 */
#ifndef TALLY_SIPHASH_H
#define TALLY_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_secret
{
	uint64_t k0;
	uint64_t k1;
};

/* From the system's random numbers, or the clocks where there are none. */
struct siphash_secret siphash_secret_new(void);

uint64_t siphash(const struct siphash_secret *secret, const void *data,
				 size_t len);

#endif
