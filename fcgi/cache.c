/*
 * cache.c
 *	  A hash table of chains, whose entries also form a list by their last use.
 *
 * The table has a fixed number of chains, made for the memory that the
 * answers may take: with answers of 1 kB a chain has one entry.
 */
#include "cache.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_A_CHAIN ((size_t) 1024)
#define MIN_CHAINS ((size_t) 64)
#define MAX_CHAINS ((size_t) 1 << 20)

struct entry
{
	struct entry *next;	 /* of the chain */
	struct entry *newer; /* of the list by use */
	struct entry *older;
	uint64_t hash;
	struct answer *answer; /* NULL: none */
	int64_t made_ms;
	int64_t soft_ms;		/* of this answer, with its jitter */
	struct answer *failure; /* NULL: none */
	int64_t failed_until_ms;
	int64_t large_until_ms;
	size_t bytes;
	size_t key_len;
	char key[];
};

struct cache
{
	struct cache_options opt;
	struct entry **chains;
	size_t mask;
	struct entry *newest;
	struct entry *oldest;
	struct cache_counts counts;
	uint32_t random;
};

struct cache *
cache_new(const struct cache_options *options)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	size_t chains = MIN_CHAINS;

	if (cache == NULL)
		return NULL;
	while (chains < MAX_CHAINS && chains * BYTES_A_CHAIN < options->max_bytes)
		chains *= 2;
	cache->opt = *options;
	cache->mask = chains - 1;
	cache->random = options->seed | 1;
	cache->chains = calloc(chains, sizeof(*cache->chains));
	if (cache->chains == NULL)
	{
		free(cache);
		return NULL;
	}
	return cache;
}

static void
free_entry(struct entry *entry)
{
	answer_unref(entry->answer);
	answer_unref(entry->failure);
	free(entry);
}

void
cache_free(struct cache *cache)
{
	if (cache == NULL)
		return;
	while (cache->newest != NULL)
	{
		struct entry *entry = cache->newest;

		cache->newest = entry->older;
		free_entry(entry);
	}
	free(cache->chains);
	free(cache);
}

/* ------------------------------------------------------------------------
 * The list by use
 */

static void
unlink_use(struct cache *cache, struct entry *entry)
{
	if (entry->newer != NULL)
		entry->newer->older = entry->older;
	else
		cache->newest = entry->older;
	if (entry->older != NULL)
		entry->older->newer = entry->newer;
	else
		cache->oldest = entry->newer;
}

static void
link_newest(struct cache *cache, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = cache->newest;
	if (cache->newest != NULL)
		cache->newest->newer = entry;
	else
		cache->oldest = entry;
	cache->newest = entry;
}

static void
used(struct cache *cache, struct entry *entry)
{
	if (cache->newest == entry)
		return;
	unlink_use(cache, entry);
	link_newest(cache, entry);
}

/* ------------------------------------------------------------------------
 * Entries
 */

static struct entry **
chain_of(struct cache *cache, uint64_t hash)
{
	return &cache->chains[hash & cache->mask];
}

static struct entry *
find(struct cache *cache, const struct cache_key *key)
{
	struct entry *entry;

	for (entry = *chain_of(cache, key->hash); entry != NULL;
		 entry = entry->next)
		if (entry->hash == key->hash && entry->key_len == key->len &&
			memcmp(entry->key, key->data, key->len) == 0)
			return entry;
	return NULL;
}

static void
drop(struct cache *cache, struct entry *entry)
{
	struct entry **link = chain_of(cache, entry->hash);

	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	unlink_use(cache, entry);
	cache->counts.bytes -= entry->bytes;
	cache->counts.entries--;
	free_entry(entry);
}

/* recount -- after a change of an entry; drops others, or it, to fit. */
static void
recount(struct cache *cache, struct entry *entry)
{
	size_t bytes = sizeof(*entry) + entry->key_len +
				   answer_bytes(entry->answer) + answer_bytes(entry->failure);

	cache->counts.bytes += bytes;
	cache->counts.bytes -= entry->bytes;
	entry->bytes = bytes;
	while (cache->counts.bytes > cache->opt.max_bytes)
	{
		cache->counts.evicted++;
		drop(cache, cache->oldest);
	}
}

/* make -- the key's entry, a new one if need be, as the newest; or NULL. */
static struct entry *
make(struct cache *cache, const struct cache_key *key)
{
	struct entry *entry = find(cache, key);
	struct entry **chain = chain_of(cache, key->hash);

	if (entry != NULL)
	{
		used(cache, entry);
		return entry;
	}
	entry = calloc(1, sizeof(*entry) + key->len);
	if (entry == NULL)
		return NULL;
	entry->hash = key->hash;
	entry->key_len = key->len;
	memcpy(entry->key, key->data, key->len);
	entry->next = *chain;
	*chain = entry;
	link_newest(cache, entry);
	cache->counts.entries++;
	return entry;
}

/* jittered -- "ms" plus or minus up to a tenth (xorshift32). */
static int64_t
jittered(struct cache *cache, int64_t ms)
{
	uint32_t x = cache->random;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	cache->random = x;
	return ms - ms / 10 + (int64_t) (x % (uint32_t) (ms / 5 + 1));
}

/* soft_age -- of an answer that took so long to make. */
static int64_t
soft_age(struct cache *cache, int64_t cost_ms)
{
	int64_t ms = cost_ms * CACHE_COST_TIMES;

	if (ms < cache->opt.soft_min_ms)
		ms = cache->opt.soft_min_ms;
	if (ms > cache->opt.soft_ms)
		ms = cache->opt.soft_ms;
	return jittered(cache, ms);
}

static void
replace(struct answer **place, struct answer *with)
{
	answer_unref(*place);
	*place = with != NULL ? answer_ref(with) : NULL;
}

/* ------------------------------------------------------------------------
 * The door
 */

void
cache_find(struct cache *cache, const struct cache_key *key, int64_t now_ms,
		   struct cache_found *found)
{
	struct entry *entry = find(cache, key);

	*found = (struct cache_found){.age_ms = 0};
	if (entry == NULL)
		return;
	if (entry->answer != NULL && now_ms - entry->made_ms >= cache->opt.hard_ms)
	{
		replace(&entry->answer, NULL);
		recount(cache, entry);
	}
	used(cache, entry);
	if (entry->answer != NULL)
	{
		found->age_ms = now_ms - entry->made_ms;
		if (found->age_ms < entry->soft_ms)
			found->fresh = entry->answer;
		else
			found->stale = entry->answer;
	}
	if (now_ms < entry->failed_until_ms)
		found->failure = entry->failure;
	found->is_large = now_ms < entry->large_until_ms;
}

void
cache_put_answer(struct cache *cache, const struct cache_key *key,
				 struct answer *answer, int64_t cost_ms, int64_t now_ms)
{
	struct entry *entry = make(cache, key);

	if (entry == NULL)
		return;
	replace(&entry->answer, answer);
	replace(&entry->failure, NULL);
	entry->made_ms = now_ms;
	entry->soft_ms = soft_age(cache, cost_ms);
	entry->failed_until_ms = 0;
	entry->large_until_ms = 0;
	recount(cache, entry);
}

void
cache_put_failure(struct cache *cache, const struct cache_key *key,
				  struct answer *failure, int64_t now_ms)
{
	struct entry *entry = make(cache, key);

	if (entry == NULL)
		return;
	replace(&entry->failure, failure);
	entry->failed_until_ms = now_ms + cache->opt.failure_ms;
	recount(cache, entry);
}

void
cache_put_large(struct cache *cache, const struct cache_key *key,
				int64_t now_ms)
{
	struct entry *entry = make(cache, key);

	if (entry == NULL)
		return;
	replace(&entry->answer, NULL);
	replace(&entry->failure, NULL);
	entry->failed_until_ms = 0;
	entry->large_until_ms = now_ms + cache->opt.hard_ms;
	recount(cache, entry);
}

void
cache_counts(const struct cache *cache, struct cache_counts *counts)
{
	*counts = cache->counts;
}
