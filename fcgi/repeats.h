/*
 * repeats.h
 *	  Bodies of a moment ago, to know one that a client sends again because it
 *	  never saw the answer.
 *
 * Known by a digest, for a time that begins when the body is on disk.  Only a
 * body that is on disk is ever taken for stored: while it is on its way there,
 * who sends it again waits for the same outcome, and one that failed is
 * forgotten at once.  What a body is answered follows from its bytes, so the
 * answer need not be kept.
 *
 * The number is bounded: the newest takes the place of the oldest.  All of it
 * is in memory: a restart forgets, and another process knows nothing of it.
 */
#ifndef TALLY_REPEATS_H
#define TALLY_REPEATS_H

#include <stddef.h>
#include <stdint.h>

#include "request.h"

#define REPEATS_DIGEST_BYTES 16

struct repeats;
struct repeat; /* a body that is known */

enum repeats_found
{
	REPEATS_NEW,	/* nobody knows it: store it, then call repeats_end() */
	REPEATS_STORED, /* it is on disk */
	REPEATS_WAITS,	/* it is on its way: "req" is kept until repeats_end() */
};

/* NULL when out of memory.  "max" from 1 to 2^24. */
struct repeats *repeats_new(size_t max, int64_t window_ms);
void repeats_free(struct repeats *repeats);

/*
 * Looks a body up.  With REPEATS_NEW *repeat is what to give to repeats_end(),
 * or NULL: then there was no room and nothing is remembered.  With
 * REPEATS_WAITS "req" is not the caller's any more.
 */
enum repeats_found repeats_begin(struct repeats *repeats,
								 const uint8_t digest[REPEATS_DIGEST_BYTES],
								 struct request *req, int64_t now_ms,
								 struct repeat **repeat);

/*
 * The body is on disk, or it is not.  Returns those who wait for that, a list
 * by request_next(), the first to come first.  NULL as "repeat" does nothing.
 */
struct request *repeats_end(struct repeats *repeats, struct repeat *repeat,
							bool stored, int64_t now_ms);

#endif
