/*
 * siphash.c
 *	  SipHash-2-4 of Aumasson and Bernstein (2012), 64 bits.
 */
#include "siphash.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

struct siphash_secret
siphash_secret_new(void)
{
	struct siphash_secret secret = {
		.k0 = (uint64_t) clock_mono_us() * UINT64_C(0x9e3779b97f4a7c15),
		.k1 = (uint64_t) clock_wall_us() ^ (uint64_t) getpid() << 32,
	};
	struct siphash_secret random;
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return secret;
	if (read(fd, &random, sizeof(random)) == (ssize_t) sizeof(random))
		secret = random;
	(void) close(fd);
	return secret;
}

static inline uint64_t
rotated(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotated(v[1], 13) ^ v[0];
	v[3] = rotated(v[3], 16) ^ v[2];
	v[0] = rotated(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotated(v[1], 17) ^ v[2];
	v[3] = rotated(v[3], 21) ^ v[0];
	v[2] = rotated(v[2], 32);
}

static inline void
take_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

/* little_endian -- up to eight bytes as a number; the first is the least. */
static inline uint64_t
little_endian(const unsigned char *bytes, size_t len)
{
	uint64_t word = 0;

	while (len-- > 0)
		word = word << 8 | bytes[len];
	return word;
}

uint64_t
siphash(const struct siphash_secret *secret, const void *data, size_t len)
{
	const unsigned char *bytes = data;
	uint64_t v[4] = {
		secret->k0 ^ UINT64_C(0x736f6d6570736575),
		secret->k1 ^ UINT64_C(0x646f72616e646f6d),
		secret->k0 ^ UINT64_C(0x6c7967656e657261),
		secret->k1 ^ UINT64_C(0x7465646279746573),
	};
	size_t left = len;
	int i;

	for (; left >= 8; left -= 8, bytes += 8)
		take_word(v, little_endian(bytes, 8));
	take_word(v, (uint64_t) len << 56 | little_endian(bytes, left));
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
