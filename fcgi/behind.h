/*
 * behind.h
 *	  When to tell the database how late the events are.
 *
 * Where they are stored within a second there is nothing to tell.  Else who asks
 * is to know it before any of them is stored, as long as there are more.
 *
 * What is told holds until the events up to a number are stored, so nothing has
 * to be taken back, however the program ends.  That number must be of an event
 * which is there, or it would hold for ever; and beyond this batch if there is
 * more, or it would not hold between this batch and the next.  (From one spool to
 * the next, and to the last file of an earlier start, whose end nobody knows, it
 * does not hold until the next batch is looked at.)
 */
#ifndef TALLY_BEHIND_H
#define TALLY_BEHIND_H

#include <stdbool.h>
#include <stdint.h>

#include "spool.h"

/* Events that wait for less are not late. */
#define BEHIND_MS 1000
#define BEHIND_EVERY_MS 1000

/* What was told last; begins as zeros. */
struct behind
{
	char spool[SPOOL_UUID_CHARS + 1];
	uint64_t upto;
	int64_t told_ms;
};

/* True: tell now that events up to "reach" (spool_reach(), after the batch) wait,
 * before the batch is stored. */
bool behind_is_due(struct behind *behind, const struct spool_batch *batch,
				   uint64_t reach, int64_t behind_ms, int64_t now_ms);

#endif
