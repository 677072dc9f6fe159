/*
 * cache.h
 *	  Answers that were computed a moment ago.
 *
 *	  age  0 ....... soft age ................ hard age
 *	       FRESH     | STALE: only instead of  | none
 *	                 | an error                |
 *
 * The soft age of an answer is CACHE_COST_TIMES the time it took to make, but
 * not under and not over what is set: what is cheap is nearly always up to
 * date, what is dear takes no more than a tenth of a slot, however often it is
 * asked.  It is jittered by +-10 %, so that answers of one moment do not
 * expire in one.  Beside its answer a key may have a failure,
 * which counts for a moment, and a mark that its answers are too large to be
 * kept.  All of it takes at most max_bytes: what was not asked for longest
 * goes first.
 *
 * Keys are compared whole.  No lock and no clock of its own: the owner brings
 * both.
 */
#ifndef TALLY_CACHE_H
#define TALLY_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"

#define CACHE_COST_TIMES 10

struct cache;

struct cache_options
{
	size_t max_bytes;
	int64_t soft_min_ms;
	int64_t soft_ms; /* the longest */
	int64_t hard_ms;
	int64_t failure_ms;
	uint32_t seed; /* of the jitter */
};

struct cache_key
{
	const char *data;
	size_t len;
	uint64_t hash; /* of a secret hash: siphash.h */
};

/* What is known of a key.  Pointers are good until the next call here; who
 * keeps one takes a reference. */
struct cache_found
{
	struct answer *fresh;
	struct answer *stale;	/* never both */
	int64_t age_ms;			/* of either */
	struct answer *failure; /* of a moment ago */
	bool is_large;			/* its last answer was too large to be kept */
};

/* NULL when out of memory. */
struct cache *cache_new(const struct cache_options *options);
void cache_free(struct cache *cache);

void cache_find(struct cache *cache, const struct cache_key *key,
				int64_t now_ms, struct cache_found *found);

/*
 * Each takes a reference of its own, and replaces what it makes untrue.  What
 * does not fit, or finds no memory, is not kept: that is no error.
 */
void cache_put_answer(struct cache *cache, const struct cache_key *key,
					  struct answer *answer, int64_t cost_ms, int64_t now_ms);
void cache_put_failure(struct cache *cache, const struct cache_key *key,
					   struct answer *failure, int64_t now_ms);
void cache_put_large(struct cache *cache, const struct cache_key *key,
					 int64_t now_ms);

struct cache_counts
{
	size_t bytes;
	size_t entries;
	size_t evicted; /* since the beginning, for want of room */
};

void cache_counts(const struct cache *cache, struct cache_counts *counts);

#endif
