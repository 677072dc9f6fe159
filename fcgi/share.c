/*
 * share.c
 *	  How much of what is scarce each owner has now: a table that is walked.
 */
#include "share.h"

#include <stdlib.h>
#include <string.h>

bool
share_init(struct share *share, size_t room, const int most[SHARE__COUNT])
{
	*share = (struct share){.room = room};
	memcpy(share->most, most, sizeof(share->most));
	share->places = calloc(room, sizeof(*share->places));
	return share->places != NULL;
}

void
share_free(struct share *share)
{
	free(share->places);
	share->places = NULL;
}

static struct share_place *
find(const struct share *share, uint64_t owner)
{
	size_t i;

	for (i = 0; i < share->count; i++)
		if (share->places[i].owner == owner)
			return &share->places[i];
	return NULL;
}

bool
share_has_room(const struct share *share, uint64_t owner, enum share_of of)
{
	const struct share_place *place = find(share, owner);

	if (place == NULL)
		return share->count < share->room && share->most[of] > 0;
	return place->has[of] < share->most[of];
}

void
share_take(struct share *share, uint64_t owner, enum share_of of)
{
	struct share_place *place = find(share, owner);

	if (place == NULL)
	{
		if (share->count == share->room)
			return;
		place = &share->places[share->count++];
		*place = (struct share_place){.owner = owner};
	}
	place->has[of]++;
}

void
share_give(struct share *share, uint64_t owner, enum share_of of)
{
	struct share_place *place = find(share, owner);
	int i;

	if (place == NULL || place->has[of] == 0)
		return;
	place->has[of]--;
	for (i = 0; i < SHARE__COUNT; i++)
		if (place->has[i] > 0)
			return;
	*place = share->places[--share->count];
}
