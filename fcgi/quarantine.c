/*
 * quarantine.c
 *	  Queries that did harm a moment ago: a table that is walked.
 *
 * It is looked at once a computation, which costs a thousand times as much.
 */
#include "quarantine.h"

#include <stddef.h>
#include <string.h>

void
quarantine_init(struct quarantine *quarantine, int64_t length_ms)
{
	memset(quarantine, 0, sizeof(*quarantine));
	quarantine->length_ms = length_ms;
}

static const struct quarantine_place *
find(const struct quarantine *quarantine, uint64_t fingerprint, int64_t now_ms)
{
	size_t i;

	for (i = 0; i < QUARANTINE_PLACES; i++)
	{
		const struct quarantine_place *place = &quarantine->places[i];

		if (place->fingerprint == fingerprint && now_ms < place->until_ms)
			return place;
	}
	return NULL;
}

/* take -- the fingerprint's place, or the one that is free first. */
static struct quarantine_place *
take(struct quarantine *quarantine, uint64_t fingerprint, int64_t now_ms)
{
	const struct quarantine_place *have =
		find(quarantine, fingerprint, now_ms);
	size_t best = 0;
	size_t i;

	if (have != NULL)
		return &quarantine->places[have - quarantine->places];
	for (i = 1; i < QUARANTINE_PLACES; i++)
		if (quarantine->places[i].until_ms < quarantine->places[best].until_ms)
			best = i;
	quarantine->places[best] =
		(struct quarantine_place){.fingerprint = fingerprint};
	return &quarantine->places[best];
}

void
quarantine_timeout(struct quarantine *quarantine, uint64_t fingerprint,
				   int64_t now_ms)
{
	struct quarantine_place *place = take(quarantine, fingerprint, now_ms);

	place->reason = QUARANTINE_TIMEOUT;
	place->until_ms = now_ms + quarantine->length_ms;
}

bool
quarantine_loss(struct quarantine *quarantine, uint64_t fingerprint,
				int64_t now_ms)
{
	struct quarantine_place *place = take(quarantine, fingerprint, now_ms);

	place->until_ms = now_ms + quarantine->length_ms;
	if (place->reason != QUARANTINE_NONE)
		return false;
	if (++place->losses < QUARANTINE_LOSSES)
		return false;
	place->reason = QUARANTINE_LOST;
	return true;
}

enum quarantine_reason
quarantine_find(const struct quarantine *quarantine, uint64_t fingerprint,
				int64_t now_ms, int64_t *left_ms)
{
	const struct quarantine_place *place =
		find(quarantine, fingerprint, now_ms);

	*left_ms = place != NULL ? place->until_ms - now_ms : 0;
	return place != NULL ? place->reason : QUARANTINE_NONE;
}

int
quarantine_count(const struct quarantine *quarantine, int64_t now_ms)
{
	int count = 0;
	size_t i;

	for (i = 0; i < QUARANTINE_PLACES; i++)
		if (now_ms < quarantine->places[i].until_ms &&
			quarantine->places[i].reason != QUARANTINE_NONE)
			count++;
	return count;
}
