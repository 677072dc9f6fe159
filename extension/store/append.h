/*
 * append.h
 *	  Puts parsed events into tally_store.event.
 */
#ifndef TALLY_APPEND_H
#define TALLY_APPEND_H

#include "postgres.h"

#include "store/batch.h"

/*
 * Appends all events and returns how many were.  With "check_ids" those with
 * an id that is there already, or comes twice in the batch, are passed over;
 * without, such an id is error 23505.
 */
extern int tally_append(const TallyBatch *batch, bool check_ids);

#endif
