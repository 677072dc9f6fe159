/*
 * repeats.c
 *	  Bodies of a moment ago, to know one that comes again.
 *
 * A ring of entries in the order in which they came, each also in a chain of
 * its bucket:
 *
 *	  ring:    [stored][stored][on its way][free][stored] ...
 *	                                           ^ oldest: the next one's place
 *	  buckets: -> entry -> entry -> NONE
 *
 * The place of one that is still on its way is not taken: somebody will come
 * back for it.  So a disk that stands still costs the memory of new bodies and
 * never the truth about old ones.
 *
 * LOCKS.  One, for everything, for a few instructions.
 */
#include "repeats.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "siphash.h"

#define NONE UINT32_MAX

enum state
{
	FREE, /* in no chain */
	ON_ITS_WAY,
	STORED,
};

struct repeat
{
	uint8_t digest[REPEATS_DIGEST_BYTES];
	int64_t stored_ms;
	struct request *waiting; /* the last; its next is the first */
	uint32_t next;			 /* in its bucket */
	enum state state;
};

struct repeats
{
	pthread_mutex_t lock;
	int64_t window_ms;
	/* Who chooses bodies must not choose buckets too. */
	struct siphash_secret secret;
	uint32_t max;
	uint32_t mask; /* of the buckets, a power of two */
	uint32_t oldest;
	uint32_t *buckets;
	struct repeat *ring;
};

struct repeats *
repeats_new(size_t max, int64_t window_ms)
{
	struct repeats *r = calloc(1, sizeof(*r));
	uint32_t buckets = 1;

	if (r == NULL)
		return NULL;
	while (buckets < max)
		buckets *= 2;
	r->window_ms = window_ms;
	r->secret = siphash_secret_new();
	r->max = (uint32_t) max;
	r->mask = buckets - 1;
	r->buckets = malloc(buckets * sizeof(*r->buckets));
	/* Zeros that nobody touches take no memory yet. */
	r->ring = calloc(max, sizeof(*r->ring));
	if (r->buckets == NULL || r->ring == NULL ||
		pthread_mutex_init(&r->lock, NULL) != 0)
	{
		free(r->ring);
		free(r->buckets);
		free(r);
		return NULL;
	}
	memset(r->buckets, 0xff, buckets * sizeof(*r->buckets));
	return r;
}

void
repeats_free(struct repeats *r)
{
	if (r == NULL)
		return;
	(void) pthread_mutex_destroy(&r->lock);
	free(r->ring);
	free(r->buckets);
	free(r);
}

static uint32_t *
bucket_of(struct repeats *r, const uint8_t digest[REPEATS_DIGEST_BYTES])
{
	uint64_t hash = siphash(&r->secret, digest, REPEATS_DIGEST_BYTES);

	return &r->buckets[hash & r->mask];
}

/* forget -- take it out of its chain. */
static void
forget(struct repeats *r, struct repeat *entry)
{
	uint32_t number = (uint32_t) (entry - r->ring);
	uint32_t *link = bucket_of(r, entry->digest);

	while (*link != number)
		link = &r->ring[*link].next;
	*link = entry->next;
	entry->state = FREE;
}

static struct repeat *
find(struct repeats *r, const uint8_t digest[REPEATS_DIGEST_BYTES],
	 int64_t now_ms)
{
	uint32_t number = *bucket_of(r, digest);

	while (number != NONE)
	{
		struct repeat *entry = &r->ring[number];

		number = entry->next;
		if (memcmp(entry->digest, digest, REPEATS_DIGEST_BYTES) != 0)
			continue;
		if (entry->state == ON_ITS_WAY ||
			now_ms - entry->stored_ms < r->window_ms)
			return entry;
		forget(r, entry);
		return NULL;
	}
	return NULL;
}

/* enter -- in the oldest one's place, or NULL. */
static struct repeat *
enter(struct repeats *r, const uint8_t digest[REPEATS_DIGEST_BYTES])
{
	struct repeat *entry = &r->ring[r->oldest];
	uint32_t *bucket;

	if (entry->state == ON_ITS_WAY)
		return NULL;
	if (entry->state == STORED)
		forget(r, entry);
	memcpy(entry->digest, digest, REPEATS_DIGEST_BYTES);
	entry->state = ON_ITS_WAY;
	entry->waiting = NULL;
	bucket = bucket_of(r, digest);
	entry->next = *bucket;
	*bucket = r->oldest;
	r->oldest = (r->oldest + 1) % r->max;
	return entry;
}

/* wait_for -- behind those who wait already; the list is a circle. */
static void
wait_for(struct repeat *entry, struct request *req)
{
	struct request *last = entry->waiting;

	request_set_next(req, last != NULL ? request_next(last) : req);
	if (last != NULL)
		request_set_next(last, req);
	entry->waiting = req;
}

enum repeats_found
repeats_begin(struct repeats *r, const uint8_t digest[REPEATS_DIGEST_BYTES],
			  struct request *req, int64_t now_ms, struct repeat **repeat)
{
	enum repeats_found found = REPEATS_NEW;
	struct repeat *entry;

	*repeat = NULL;
	(void) pthread_mutex_lock(&r->lock);
	entry = find(r, digest, now_ms);
	if (entry == NULL)
		*repeat = enter(r, digest);
	else if (entry->state == STORED)
		found = REPEATS_STORED;
	else
	{
		found = REPEATS_WAITS;
		wait_for(entry, req);
	}
	(void) pthread_mutex_unlock(&r->lock);
	return found;
}

struct request *
repeats_end(struct repeats *r, struct repeat *repeat, bool stored,
			int64_t now_ms)
{
	struct request *last;
	struct request *first = NULL;

	if (repeat == NULL)
		return NULL;
	(void) pthread_mutex_lock(&r->lock);
	last = repeat->waiting;
	repeat->waiting = NULL;
	if (stored)
	{
		repeat->state = STORED;
		repeat->stored_ms = now_ms;
	}
	else
		forget(r, repeat);
	(void) pthread_mutex_unlock(&r->lock);

	if (last != NULL)
	{
		first = request_next(last);
		request_set_next(last, NULL);
	}
	return first;
}
