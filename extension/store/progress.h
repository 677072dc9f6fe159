/*
 * progress.h
 *	  How far a spool has been taken: each sequence number is taken once.
 */
#ifndef TALLY_PROGRESS_H
#define TALLY_PROGRESS_H

#include "postgres.h"

#include "utils/uuid.h"

/* Raises error 22023 unless 1 <= first <= last. */
extern void tally_progress_check_range(int64 first, int64 last);

/*
 * Moves the progress of "spool" from first - 1 to "last" and holds its row
 * until the transaction ends.  Returns false when all of them were taken
 * before.  Anything else, a gap or a range that was taken in part, is error
 * 55000, after which the caller reads the progress again.
 *
 * Needs an SPI connection.
 */
extern bool tally_progress_take(pg_uuid_t *spool, int64 first, int64 last);

#endif
