/*
 * behind.c
 *	  When to tell the database how late the events are.
 */
#include "behind.h"

#include <string.h>

/* holds -- what was told is true until after the batch? */
static bool
holds(const struct behind *behind, const struct spool_batch *batch,
	  uint64_t reach)
{
	if (strcmp(batch->spool, behind->spool) != 0)
		return false;
	return behind->upto > batch->last ||
		   (behind->upto == batch->last && reach == batch->last);
}

bool
behind_is_due(struct behind *behind, const struct spool_batch *batch,
			  uint64_t reach, int64_t behind_ms, int64_t now_ms)
{
	if (behind_ms < BEHIND_MS || (holds(behind, batch, reach) &&
								  now_ms < behind->told_ms + BEHIND_EVERY_MS))
		return false;
	memcpy(behind->spool, batch->spool, sizeof(behind->spool));
	behind->upto = reach;
	behind->told_ms = now_ms;
	return true;
}
